/* SPDX-License-Identifier: Apache-2.0 */
/* A table of the kernel, read and sorted out into what is ours and good, what
 * is ours and must go, and what is somebody else's. Pure: routes come from a
 * dump, one by one.
 *
 * Ours are those with a protocol number of enum vip_route. Good is a route as
 * we write it: to a host, on the link, by the given device, with the default
 * metric. Whatever else is ours is stale. */
#ifndef AGENT_BIRD_ROUTES_TABLE_H
#define AGENT_BIRD_ROUTES_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/vip_routes.h"
#include "common/netlink.h"

/* Zeroed: empty. */
struct routes_table {
	uint32_t number;
	uint32_t ifindex; /* of the device; 0: there is none, nothing is good */
	struct vip_route_entry *entries; /* the good ones, sorted by VIP */
	size_t n, room;
	struct netlink_route *stale;
	size_t n_stale, stale_room;
	size_t foreign;
	struct netlink_route a_foreign; /* the first */
};

/* To be filled anew: begin, add each route of the dump, end. Routes of other
 * tables are ignored. 0, or -1: out of memory. */
void routes_table_begin(
    struct routes_table *, uint32_t number, uint32_t ifindex);
int routes_table_add(struct routes_table *, const struct netlink_route *);
int routes_table_end(struct routes_table *);

/* A good one, as it stands in this table. */
struct netlink_route routes_table_route(
    const struct routes_table *, const struct addr *vip, enum vip_route);

/* A notice: is it in line with what is here, so that there is no need to read
 * the table again? Looks at the table's number first, then takes O(log n). */
bool routes_table_agrees(
    const struct routes_table *, const struct netlink_route *);

/* Have they the same good routes; and the same foreign ones, as far as we know
 * of them? */
bool routes_table_same_good(
    const struct routes_table *, const struct routes_table *);
bool routes_table_same_foreign(
    const struct routes_table *, const struct routes_table *);

void routes_table_clear(struct routes_table *);

#endif
