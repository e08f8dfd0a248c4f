/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's socket: one request, one reply, close. Whoever may open the
 * socket may ask everything; that is what its mode and group are for. */
#ifndef AGENT_CTL_CTL_H
#define AGENT_CTL_CTL_H

#include <stdint.h>

#include "agent/core/control.h"
#include "common/errmsg.h"

struct event_base;
struct ctl;

/* Called from the event loop. Client numbers are never used twice. */
struct ctl_events {
	void (*command)(
	    void *ctx, uint64_t client, const struct control_request *);
	void (*gone)(void *ctx, uint64_t client); /* before its reply */
};

/* Listens on path. Keeps `events`; copies path. NULL with `why`. */
struct ctl *ctl_new(struct event_base *, const char *path,
    const struct ctl_events *events, void *ctx, struct errmsg *why);
/* Removes the socket. */
void ctl_free(struct ctl *);

/* Sends the one reply. A client that has gone is no fault. */
void ctl_reply(struct ctl *, uint64_t client, const struct control_reply *);

#endif
