/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: whoever asks for one on the control socket is shown a sample of the
 * packets that come in, what became of each and why, and the frames that went
 * out for them.
 *
 * It never holds packets up. What a reader has not taken waits in a queue of
 * bounded length; what does not fit there is lost to the capture, and counted.
 * While nobody captures the packet path has no tap. */
#ifndef BALANCER_CAPTURE_H
#define BALANCER_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/core/tap.h"
#include "balancer/serving.h"
#include "common/captured.h"
#include "common/errmsg.h"

struct capture;
struct evbuffer;
struct event_base;

#define CAPTURES_MAX      4
#define CAPTURE_QUEUE_LEN (1u << 20) /* bytes that wait for one reader */

struct capture_env {
	struct event_base *base;
	struct serving *serving; /* its forwarder is tapped */
	/* NULL: not known. Borrowed for the call. */
	const char *(*interface_name)(void *ctx, uint32_t ifindex);
	/* What is wanted of a path outside this process; now and then, and at
	 * once when it has changed. */
	void (*wish)(void *ctx, const struct tap_wish *);
	void *ctx;
};

/* Keeps a copy of env. NULL with `why`. */
struct capture *capture_new(const struct capture_env *, struct errmsg *why);
void capture_free(struct capture *);

/* From now on puts replies to request `id` into `out`, the totals first, until
 * capture_end for the same `out`. Copies the query. 0, or -1 with `why` and
 * nothing in `out`. */
int capture_begin(struct capture *, const struct capture_query *, uint64_t id,
    struct evbuffer *out, struct errmsg *why);

/* Puts the last totals into `out`, and forgets it; nothing if no capture goes
 * there. */
void capture_end(struct capture *, struct evbuffer *out);

/* Another state is served. */
void capture_installed(struct capture *);

/* A packet that a path outside this process took. */
void capture_offer(struct capture *, const struct tap_offer *);
/* Packets that it could not offer since the last call: more came at once than
 * it may take (`over`), or there was no room (`lost`). */
void capture_missed(struct capture *, uint64_t over, uint64_t lost);

#endif
