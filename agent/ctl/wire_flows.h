/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the operator's messages that is about flow notices; for wire.c
 * only, as protobuf types stop there. */
#ifndef AGENT_CTL_WIRE_FLOWS_H
#define AGENT_CTL_WIRE_FLOWS_H

#include "agent/core/control.h"
#include "common/arena.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "proto/control.pb-c.h"

/* X_pack: NULL when out of memory. held_request_read: 0, or -1 with `why`. */
Guideway__Balancer__HeldRequest *held_request_pack(
    struct arena *, const struct control_request *);
int held_request_read(struct control_request *,
    const Guideway__Balancer__HeldRequest *, struct errmsg *why);

Guideway__Control__FlowNotices *flow_notices_pack(
    struct arena *, const struct control_flows *);
void flow_notices_read(
    struct control_flows *, const Guideway__Control__FlowNotices *);

Guideway__Control__Held *held_pack(struct arena *, const struct control_held *);
void held_read(
    struct fields *, struct control_held *, const Guideway__Control__Held *);

#endif
