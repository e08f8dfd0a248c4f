/* SPDX-License-Identifier: Apache-2.0 */
/* A socket filter that lets through what may be for a VIP, so that the rest of
 * the host's traffic is not even copied.
 *
 * It decides no more than that: what it lets through is looked at properly in
 * the core, and it may let through too much (an IPv6 address is compared by its
 * last four bytes; with very many VIPs the whole IP version passes). It lets
 * through only frames addressed to this host, since a switch that floods must
 * not make two nodes forward the same packet.
 *
 * It is attached with one system call that the kernel carries out at once.
 * pcap_setfilter() would first attach a filter that takes nothing and read the
 * socket empty: packets lost with every new forwarding state. */
#ifndef BALANCER_IO_VIPFILTER_H
#define BALANCER_IO_VIPFILTER_H

#include "common/forwarding.h"

/* Onto a socket that gives whole Ethernet frames; the outermost VLAN tag may
 * have been taken off by the kernel, up to two more are looked behind. Replaces
 * the filter before it. state NULL: takes nothing. 0, or -1 with errno and
 * nothing changed. */
int vipfilter_attach(int fd, const struct forwarding *state);

#endif
