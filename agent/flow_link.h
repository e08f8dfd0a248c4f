/* SPDX-License-Identifier: Apache-2.0 */
/* The second connection to the balancer's socket, for what is about flows, so
 * that its bulk never delays what the first one carries. When to dial and what
 * to say is the core's to decide, which also bounds it; here are only bytes. */
#ifndef AGENT_FLOW_LINK_H
#define AGENT_FLOW_LINK_H

#include <stdint.h>

#include "agent/core/flow_reply.h"
#include "common/errmsg.h"

struct event_base;
struct flow_link;

/* Called from the event loop, never from within the functions below. */
struct flow_link_events {
	void (*reply)(void *ctx, struct flow_reply *); /* takes it */
	/* The connection is closed already; once for each that was open. */
	void (*lost)(void *ctx, const char *why);
};

/* Connects to nothing yet. Keeps `events`; copies path. NULL: no memory. */
struct flow_link *flow_link_new(struct event_base *, const char *path,
    const struct flow_link_events *, void *ctx);
void flow_link_free(struct flow_link *);

/* Connected at once (0), or -1 with `why`. Must not be connected. */
int flow_link_dial(struct flow_link *, struct errmsg *why);
void flow_link_hangup(struct flow_link *);

/* Queues a request; -1: not connected, or out of memory. */
int flow_link_ask(struct flow_link *, uint64_t id, const struct flow_request *);

#endif
