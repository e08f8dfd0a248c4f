/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between the operator's command and the agent
 * (proto/control.proto), both ways round. protobuf types stop here. */
#ifndef AGENT_CTL_WIRE_H
#define AGENT_CTL_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/control.h"
#include "common/arena.h"
#include "common/errmsg.h"

struct evbuffer;

/* The longest request: a change of all that a service has. Longer ones are not
 * read. */
#define CTL_REQUEST_MAX (CONTROL_FIELDS_MAX + 1024)

/* Each appends one framed message. 0, or -1 when out of memory or too long,
 * with nothing appended. */
int ctl_wire_put_request(struct evbuffer *, const struct control_request *);
int ctl_wire_put_reply(struct evbuffer *, const struct control_reply *);

/* Each takes one message without its frame and checks each field. 0, or -1 with
 * `why`. A request of a change points at *change, which else is not touched.
 * What a reply points at lives in the arena. */
int ctl_wire_get_request(struct control_request *,
    struct control_change *change, const uint8_t *data, size_t len,
    struct errmsg *why);
int ctl_wire_get_reply(struct arena *, struct control_reply *,
    const uint8_t *data, size_t len, struct errmsg *why);

#endif
