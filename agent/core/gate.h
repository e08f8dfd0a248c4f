/* SPDX-License-Identifier: Apache-2.0 */
/* The announcement gate: which VIPs may this node announce? Pure; it is told
 * what is so, and when.
 *
 * A VIP is open while the node is fit (core_announce.c judges that) and every
 * service on it has enough ready backends, ones that take traffic and whose
 * next hop is known. What the gate cannot judge yet it leaves as it is: an
 * agent that starts finds the routes of its predecessor, and the router shall
 * see nothing of the change.
 *
 * A service falls below `announce_min` for good only after a second, and comes
 * back, with `announce_again`, after three: the replacement of a backend, or
 * one that flaps, moves no route. */
#ifndef AGENT_CORE_GATE_H
#define AGENT_CORE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/vip_routes.h"
#include "common/addr.h"
#include "common/conf.h"
#include "common/errmsg.h"
#include "common/forwarding.h"
#include "common/mono.h"

#define GATE_FALL_MS 1000
#define GATE_RISE_MS 3000

enum gate_verdict {
	GATE_NO,   /* nothing may be announced */
	GATE_KEEP, /* cannot tell: what is announced stays, nothing is added */
	GATE_YES,
};

/* What speaks for a service. */
struct gate_service {
	const char *name;       /* borrowed from the forwarding state */
	uint16_t min, again;    /* announce_min, announce_again */
	bool counted;           /* the next two are known */
	uint32_t taking, ready; /* members that take traffic; with a next hop */
	enum gate_verdict enough; /* KEEP: not decided yet */
	struct mono since;        /* that the counts have said what they say */
};

struct gate_vip {
	struct addr vip;
	bool open;
	/* Its services: gate->uses[first_use] .. */
	size_t first_use, n_uses;
};

struct gate {
	struct gate_service *services; /* in the order of the state */
	size_t n_services;
	struct gate_vip *vips; /* ascending */
	size_t n_vips;
	uint32_t *uses; /* services by number */
};

/* The gate of a configuration and the state that follows from it, whose names
 * it borrows. What prev (may be NULL) knows of the same services and VIPs is
 * kept; what is new begins now, closed. NULL: out of memory. */
struct gate *gate_new(const struct conf *, const struct forwarding *,
    const struct gate *prev, struct mono now);
void gate_free(struct gate *);

/* The VIPs that have a route already are open, until judged otherwise. */
void gate_adopt(struct gate *, const struct vip_route_entry *, size_t n);

/* How many members of a service take traffic, and how many of these have a
 * next hop. */
void gate_count(struct gate *, struct mono now, size_t service, uint32_t taking,
    uint32_t ready);

/* Opens and closes. */
void gate_step(struct gate *, struct mono now, enum gate_verdict node);

/* When gate_step has something to do though nothing is told. */
struct mono gate_wakeup(const struct gate *);

/* Why the VIP is not open, as far as its services go: the first that has not
 * enough. NULL: none. */
const struct gate_service *gate_obstacle(
    const struct gate *, const struct gate_vip *);

/* "service web: 1 of 4 backends ready, 2 are needed". */
void gate_explain(const struct gate_service *, struct errmsg *);

#endif
