/* SPDX-License-Identifier: Apache-2.0 */
/* Draining this node: its routes are withdrawn while it goes on forwarding,
 * until no traffic comes any more. Pure.
 *
 * Two wishes are kept apart: the operator's, which is remembered over restarts,
 * and a temporary one, for a shutdown, which is not. Either drains.
 *
 *   OFF -> MARKED      with GRACEFUL_SHUTDOWN (RFC 8326), where asked for
 *       -> WITHDRAWN   no routes; traffic under way is still forwarded
 *       -> QUIET       the routes are seen to be gone, and so is the traffic */
#ifndef AGENT_CORE_DRAIN_H
#define AGENT_CORE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/mono.h"

enum drain_phase {
	DRAIN_OFF,
	DRAIN_MARKED,
	DRAIN_WITHDRAWN,
	DRAIN_QUIET,
};
const char *drain_phase_name(enum drain_phase); /* off, marked, ... */

struct drain {
	bool by_operator, temporary; /* the two wishes ... */
	bool unfit; /* ... and the node's own: it is cut off from backends */
	enum drain_phase phase;
	struct mono marked_until;
	struct mono quiet_since; /* WITHDRAWN, QUIET: nothing has come since */
	uint64_t vip_packets;    /* the balancer's count, as last heard */
};

static inline bool
drain_wanted(const struct drain *d)
{
	return d->by_operator || d->temporary || d->unfit;
}

/* The wishes have changed. graceful_s: how long to mark the routes first. */
void drain_begin(struct drain *, struct mono now, uint32_t graceful_s);

/* Packets for VIPs so far, from the balancer; any change is traffic. */
void drain_count(struct drain *, struct mono now, uint64_t vip_packets);

/* gone: nothing of ours is announced any more, as far as can be seen. */
void drain_step(struct drain *, struct mono now, bool gone, uint32_t quiet_s);

/* When drain_step has something to do though nothing is told. */
struct mono drain_wakeup(const struct drain *, uint32_t quiet_s);

#endif
