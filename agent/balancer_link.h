/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the balancer's socket. When to dial and what to say is the
 * core's to decide; here are only bytes. */
#ifndef AGENT_BALANCER_LINK_H
#define AGENT_BALANCER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/balancer_reply.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct event_base;
struct balancer_link;

/* Called from the event loop, never from within the functions below. */
struct balancer_link_events {
	void (*reply)(void *ctx, struct balancer_reply *); /* takes it */
	/* The connection is closed already; once for each that was open. */
	void (*lost)(void *ctx, const char *why);
};

/* Connects to nothing yet. Keeps `events`; copies path. NULL: no memory. */
struct balancer_link *balancer_link_new(struct event_base *, const char *path,
    const struct balancer_link_events *events, void *ctx);
void balancer_link_free(struct balancer_link *);

/* Connected at once (0), or -1 with `why`. Must not be connected. */
int balancer_link_dial(struct balancer_link *, struct errmsg *why);
void balancer_link_hangup(struct balancer_link *);

/* Queues a request; -1: not connected, or out of memory. */
int balancer_link_install(
    struct balancer_link *, uint64_t id, const struct forwarding *);
int balancer_link_status(struct balancer_link *, uint64_t id, bool read_back);
int balancer_link_ping(struct balancer_link *, uint64_t id);
int balancer_link_trace(
    struct balancer_link *, uint64_t id, const struct trace_query *);

#endif
