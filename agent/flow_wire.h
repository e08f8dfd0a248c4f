/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between agent and balancer that are about flows, seen from the
 * agent. protobuf types stop here. */
#ifndef AGENT_FLOW_WIRE_H
#define AGENT_FLOW_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/flow_reply.h"
#include "common/errmsg.h"

struct evbuffer;

/* Appends one framed request. 0, or -1 when out of memory or too long, with
 * nothing appended. */
int flow_wire_ask(struct evbuffer *, uint64_t id, const struct flow_request *);

/* One message without its frame, each field checked; NULL with `why`. For
 * flow_reply_free. */
struct flow_reply *flow_wire_reply(
    const uint8_t *data, size_t len, struct errmsg *why);

#endif
