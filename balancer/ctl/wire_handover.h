/* SPDX-License-Identifier: Apache-2.0 */
/* What a balancer and its successor say to each other, as bytes: both sides of
 * it (proto/balancer.proto). Requests are unpacked by wire.h. */
#ifndef BALANCER_CTL_WIRE_HANDOVER_H
#define BALANCER_CTL_WIRE_HANDOVER_H

#include "balancer/ctl/wire.h"

/* Append one framed reply, as those of wire.h do. `state` NULL: there is none.
 */
int wire_put_handover(
    struct evbuffer *, uint64_t id, const struct forwarding *state);
int wire_put_taken(struct evbuffer *, uint64_t id, bool device);
int wire_put_left(struct evbuffer *, uint64_t id);

/* Appends one framed request of these three kinds. 0, or -1: out of memory. */
int wire_put_request(struct evbuffer *, uint64_t id, enum wire_kind);

/* The answer to it. */
struct wire_handover {
	struct forwarding *state; /* the caller's; NULL: there is none */
	bool device;
};

/* 0, or -1 with `why`: a refusal, or no answer to that request. */
int wire_unpack_handover(const uint8_t *data, size_t len, uint64_t id,
    enum wire_kind, struct wire_handover *, struct errmsg *why);

#endif
