/* SPDX-License-Identifier: Apache-2.0 */
/* Which VIPs this node announces: the routes to them in the kernel's table that
 * BIRD learns, as plain values. agent/bird/routes.h makes them so. */
#ifndef AGENT_CORE_VIP_ROUTES_H
#define AGENT_CORE_VIP_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/* The values are the routes' protocol numbers in the kernel, by which BIRD
 * tells them apart; the operator's BIRD configuration names them too. */
enum vip_route {
	VIP_ROUTE_NONE = 0,     /* withdrawn: no route */
	VIP_ROUTE_ACTIVE = 201, /* announced */
	VIP_ROUTE_DRAINING =
	    202 /* announced, others are preferred (RFC 8326) */
};

struct vip_route_entry {
	struct addr vip;
	enum vip_route route;
};

/* For qsort and bsearch. */
static inline int
vip_route_cmp(const void *a, const void *b)
{
	const struct vip_route_entry *x = a, *y = b;

	return addr_cmp(&x->vip, &y->vip);
}

/* What the kernel has, as far as we know. */
struct vip_routes {
	bool device;      /* the device of the routes is there and up */
	uint32_t ifindex; /* of that device; 0: it is not */
	/* Our routes on it, by addr_cmp, each VIP once; none has
	 * VIP_ROUTE_NONE. */
	const struct vip_route_entry *entries;
	size_t n;
	/* Routes in the table with another protocol number. They are somebody
	 * else's: left alone, but BIRD does not announce them. */
	size_t foreign;
	struct addr a_foreign; /* where one leads; none: it is a default one */
	uint8_t foreign_protocol; /* and its number */
	/* "", or why the last change could not be made, with what to do. */
	const char *error;
};

#endif
