/* SPDX-License-Identifier: Apache-2.0 */
/* What the balancer is asked and answers about flows, as bytes
 * (proto/balancer.proto, proto/flows.proto). */
#ifndef BALANCER_CTL_WIRE_FLOWS_H
#define BALANCER_CTL_WIRE_FLOWS_H

#include "balancer/ctl/wire.h"

struct Guideway__Balancer__Request;

/* The bodies of the requests that wire.h lists; only wire.c calls it. 0, or -1
 * with `why`. */
int wire_read_flows(const struct Guideway__Balancer__Request *,
    struct wire_request *, struct errmsg *why);

/* Append one framed reply, as those of wire.h do. */
int wire_put_told(struct evbuffer *, uint64_t id, const struct flow_batch *);
int wire_put_learnt(
    struct evbuffer *, uint64_t id, uint32_t taken, uint32_t refused);
int wire_put_page(struct evbuffer *, uint64_t id, const struct flow_batch *,
    uint32_t next, bool more);
int wire_put_settled(
    struct evbuffer *, uint64_t id, const struct settled_batch *);
int wire_put_settled_taken(struct evbuffer *, uint64_t id);
int wire_put_held(struct evbuffer *, uint64_t id, const struct flow_held *);

#endif
