/* SPDX-License-Identifier: Apache-2.0 */
/* The newly started balancer that wants to replace this one (--replace), seen
 * from this one: answers what it asks (predecessor.h has the order). Nothing of
 * this process changes before it is told to leave, so that a successor that
 * fails on the way, at whatever point, has done no harm. */
#ifndef BALANCER_SUCCESSOR_H
#define BALANCER_SUCCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "balancer/ctl/wire.h"

struct server;

struct successor {
	uint64_t client; /* that is let in; 0: none was ever */
};

/* What a successor is given; borrowed. */
struct successor_share {
	const struct server *server;
	const struct forwarding *state; /* NULL: no agent has installed one */
	int device;                     /* -1: it is not there */
	bool ending;
};

/* Answers WIRE_HANDOVER, WIRE_TAKE and WIRE_LEAVE, as server_answer does; or
 * refuses, with the cause. `*leave` is set when it is time to go: the successor
 * forwards. */
int successor_answer(struct successor *, const struct successor_share *,
    struct wire_request *, struct evbuffer *out, bool *leave);

/* Has it been given the state? It gets ready by that, and by the maps that it
 * finds: no other state may be in force until it forwards or is gone. */
bool successor_is_let_in(const struct successor *, const struct server *);

#endif
