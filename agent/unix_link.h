/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the balancer's socket that carries frames (common/frame.h).
 * The agent has two, so that the bulk of what is about flows never delays the
 * rest. When to dial and what to say is the core's to decide, what is in a
 * frame balancer_wire.h's and flow_wire.h's; here are only bytes. */
#ifndef AGENT_UNIX_LINK_H
#define AGENT_UNIX_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct event_base;
struct evbuffer;
struct unix_link;

/* Called from the event loop, never from within the functions below. */
struct unix_link_events {
	/* One frame's content, which is gone when the link is hung up. 0, or -1
	 * with `why`: it is no message, the connection is lost. */
	int (*frame)(
	    void *ctx, const uint8_t *data, size_t len, struct errmsg *why);
	/* The connection is closed already; once for each that was open. */
	void (*lost)(void *ctx, const char *why);
};

/* Connects to nothing yet. Keeps `events`; copies path. NULL: no memory. */
struct unix_link *unix_link_new(struct event_base *, const char *path,
    const struct unix_link_events *, void *ctx);
void unix_link_free(struct unix_link *);

/* Connected at once (0), or -1 with `why`. Must not be connected. */
int unix_link_dial(struct unix_link *, struct errmsg *why);
void unix_link_hangup(struct unix_link *);

/* Where frames to send are appended; NULL: not connected. */
struct evbuffer *unix_link_output(struct unix_link *);

#endif
