/* SPDX-License-Identifier: Apache-2.0 */
/* Flow entries and what slots settled on, for the agent, which brings them to
 * the other nodes and theirs here. It has a connection of its own for that.
 *
 * One client at a time follows: it is told of each entry once, soon after it
 * was written. What it does not read in time stays untold, so there is a bound
 * to what waits for it and none to how late it may be. */
#ifndef BALANCER_FEED_H
#define BALANCER_FEED_H

#include <stdint.h>

#include "balancer/ctl/wire.h"
#include "balancer/serving.h"
#include "common/errmsg.h"

struct event_base;
struct evbuffer;
struct feed;

#define FEED_TICK_MS   10
#define FEED_QUEUE_LEN (1u << 20) /* bytes that wait for who follows */
/* Messages in one tick: 400,000 entries a second. */
#define FEED_TOLD_MAX 8

struct feed_env {
	struct event_base *base;
	struct serving *serving;
	/* Takes over what slots have settled on elsewhere. 0, or -1 with `why`.
	 */
	int (*settle)(
	    void *ctx, const struct settled_batch *, struct errmsg *why);
	/* Packets to this backend so far, by its position. */
	uint64_t (*packets)(void *ctx, size_t backend);
	void *ctx;
};

/* Keeps a copy of env. NULL with `why`. feed_free(NULL) is fine. */
struct feed *feed_new(const struct feed_env *, struct errmsg *why);
void feed_free(struct feed *);

/* Answers a request of kinds WIRE_FOLLOW .. WIRE_HELD. 0, or -1: it could not.
 */
int feed_answer(struct feed *, struct wire_request *, struct evbuffer *out);

/* Nobody reads `out` any more; nothing if it is not who follows. */
void feed_end(struct feed *, struct evbuffer *out);

#endif
