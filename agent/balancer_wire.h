/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between agent and balancer (proto/balancer.proto), seen from the
 * agent: requests out, replies in. protobuf types stop here. */
#ifndef AGENT_BALANCER_WIRE_H
#define AGENT_BALANCER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/balancer_reply.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct evbuffer;

/* Each appends one framed request. 0, or -1 when out of memory or too long,
 * with nothing appended. */
int balancer_wire_install(
    struct evbuffer *, uint64_t id, const struct forwarding *);
int balancer_wire_status(struct evbuffer *, uint64_t id, bool read_back);
int balancer_wire_ping(struct evbuffer *, uint64_t id);
int balancer_wire_trace(
    struct evbuffer *, uint64_t id, const struct trace_query *);

/* One message without its frame, each field checked; NULL with `why`. For
 * balancer_reply_free. */
struct balancer_reply *balancer_wire_reply(
    const uint8_t *data, size_t len, struct errmsg *why);

#endif
