/* SPDX-License-Identifier: Apache-2.0 */
/* What a network card's driver says of itself, and does by itself (ethtool(8)).
 */
#ifndef BALANCER_IO_ETHTOOL_H
#define BALANCER_IO_ETHTOOL_H

#include <stdbool.h>

/* false as well where it cannot be told. */
bool ethtool_is_veth(const char *interface);

/* Turns GRO off, by which packets of a connection that come close together are
 * merged into one. 1: it is off from now on; 0: it was, or there is none; -1
 * with errno. */
int ethtool_gro_off(const char *interface);

#endif
