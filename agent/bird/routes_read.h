/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the kernel for the device of the routes, and for their table. */
#ifndef AGENT_BIRD_ROUTES_READ_H
#define AGENT_BIRD_ROUTES_READ_H

#include <stdint.h>

#include "agent/bird/routes_table.h"

struct rtnl;

/* Both: 0, or -1 with errno. */

/* 0 in *ifindex: there is no such device, or it is not up. */
int routes_read_device(struct rtnl *, const char *name, uint32_t *ifindex);

/* Fills it anew, from the table of that number, with the device of that
 * ifindex. A failure leaves it half filled. */
int routes_read_table(
    struct rtnl *, uint32_t number, uint32_t ifindex, struct routes_table *);

#endif
