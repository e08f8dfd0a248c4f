/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the operator's messages that is about services and their members;
 * for wire.c only, as protobuf types stop there. */
#ifndef AGENT_CTL_WIRE_SERVICE_H
#define AGENT_CTL_WIRE_SERVICE_H

#include "agent/core/control.h"
#include "common/arena.h"
#include "common/fields.h"
#include "proto/control.pb-c.h"

/* 0, or -1: out of memory. */
int service_pack(struct arena *, Guideway__Control__Service *,
    const struct control_service *);
void service_read(struct fields *, struct control_service *,
    const Guideway__Control__Service *);

#endif
