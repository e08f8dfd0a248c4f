/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the operator's messages that is about announcing and draining;
 * for wire.c only, as protobuf types stop there. */
#ifndef AGENT_CTL_WIRE_ANNOUNCE_H
#define AGENT_CTL_WIRE_ANNOUNCE_H

#include "agent/core/control.h"
#include "common/arena.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "proto/control.pb-c.h"

/* Sets the body of the request. 0, or -1: out of memory. */
int drain_request_pack(struct arena *, Guideway__Control__Request *,
    const struct control_request *);
/* 0, or -1 with `why`. */
int drain_request_read(struct control_request *,
    const Guideway__Control__DrainRequest *, struct errmsg *why);

/* NULL: out of memory. */
Guideway__Control__Announce *announce_pack(
    struct arena *, const struct control_announce *);
void announce_read(struct fields *, struct control_announce *,
    const Guideway__Control__Announce *);

#endif
