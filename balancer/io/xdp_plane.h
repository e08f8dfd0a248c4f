/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path in the kernel: the XDP program, and the tables it reads.
 * It knows nothing of interfaces; the xdp driver attaches it (xdp_link.h).
 *
 * There are two copies of the tables in memory that the program and this
 * process share, and one word says which is in force. A new state is written
 * into the other and switched in by one store: a packet meets the old state or
 * the new one, whole. Sizes are constants of the loaded program; a state that
 * does not fit gets a program with more room, which takes the place of the one
 * before it, in one step on each interface.
 *
 * The program forwards whole TCP and UDP packets and drops what the path drops.
 * All else it hands up untouched, and who hands up does not count: the
 * user-space path, which sees those frames and no others, counts them.
 *
 * It forwards for as long as its lease is renewed, and passes all frames after
 * that: nobody would tell it of a neighbour that has moved.
 *
 * One thread. Needs CAP_BPF and CAP_NET_ADMIN. */
#ifndef BALANCER_IO_XDP_PLANE_H
#define BALANCER_IO_XDP_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct counters;
struct fib;
struct xdp_plane;

/* Loads the program with the least room, for an empty state. With `pin_dir`, a
 * directory of a bpffs, it and its maps are pinned there, and what another
 * process has left there is taken over (xdp_plane_restore); NULL: all ends with
 * this process. NULL with `why`. */
struct xdp_plane *xdp_plane_new(const char *pin_dir, struct errmsg *why);

/* What is pinned stays, and what is attached goes on. */
void xdp_plane_free(struct xdp_plane *);

/* Forwards by this fib from now on, which must live until the next install.
 * 0, or -1 with `why`: nothing has changed. */
int xdp_plane_install(
    struct xdp_plane *, const struct fib *, struct errmsg *why);

/* A backend of the installed fib has another next hop, as the fib says. One
 * that moves to another interface is handed up for a moment: until
 * xdp_plane_settle. */
void xdp_plane_set_next_hop(struct xdp_plane *, size_t backend);

/* Completes what xdp_plane_set_next_hop began. May wait for packets under way,
 * some 10 ms. */
void xdp_plane_settle(struct xdp_plane *);
bool xdp_plane_unsettled(const struct xdp_plane *);

/* Packets longer than this (from the IP header on) were merged on their way,
 * and are handed up: the least MTU of the interfaces. At first: no limit. */
void xdp_plane_set_mtu(struct xdp_plane *, uint32_t mtu);

/* Forwards for `seconds` more. It is not forwarding before the first call. */
int xdp_plane_renew(struct xdp_plane *, unsigned seconds, struct errmsg *why);

/* Adds what the program has counted to `to`, laid out for the installed state.
 * What it counts is carried over from state to state; the caller keeps what it
 * counts itself in counters of its own. */
void xdp_plane_count(struct xdp_plane *, struct counters *to);

/* The program: to attach, or to run on packets with BPF_PROG_TEST_RUN. It is
 * another one after an install that needed more room: `replaced` is then called
 * with it, before the old one ends. */
int xdp_plane_program(const struct xdp_plane *);
void xdp_plane_on_replaced(struct xdp_plane *,
    int (*replaced)(void *ctx, int program, struct errmsg *why), void *ctx);

#endif
