/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the codec. For each body of an Envelope there is
 *   X_pack: makes it in the arena, with texts borrowed. NULL: out of memory;
 *   X_unpack: takes it into a message whose kind is set; faults are in the
 *   fields. What it has taken so far can be freed at any time. */
#ifndef AGENT_PEER_WIRE_IMPL_H
#define AGENT_PEER_WIRE_IMPL_H

#include "agent/core/peer_message.h"
#include "common/fields.h"
#include "proto/cluster.pb-c.h"

/* A valid name, with its NUL. */
void wire_name(struct fields *, char out[FORWARDING_NAME_MAX],
    const ProtobufCBinaryData *, const char *what);
/* A number up to max. */
uint64_t wire_number(
    struct fields *, uint64_t value, uint64_t max, const char *what);

void beat_pack(Guideway__Cluster__Beat *, const struct beat *);
void beat_unpack(struct fields *, struct beat *out,
    const Guideway__Cluster__Beat *, const char *what);

/* wire_session.c */
Guideway__Cluster__Hello *hello_pack(struct arena *, const struct peer_hello *);
void hello_unpack(
    struct fields *, struct peer_hello *, const Guideway__Cluster__Hello *);
Guideway__Cluster__Heartbeat *heartbeat_pack(
    struct arena *, const struct peer_heartbeat *);
void heartbeat_unpack(struct fields *, struct peer_heartbeat *,
    const Guideway__Cluster__Heartbeat *);
Guideway__Cluster__Pull *pull_pack(struct arena *, const struct peer_pull *);
void pull_unpack(
    struct fields *, struct peer_pull *, const Guideway__Cluster__Pull *);
Guideway__Cluster__DrainAsk *drain_ask_pack(
    struct arena *, const struct peer_drain_ask *);
void drain_ask_unpack(struct fields *, struct peer_drain_ask *,
    const Guideway__Cluster__DrainAsk *);
Guideway__Cluster__DrainGrant *drain_grant_pack(
    struct arena *, const struct peer_drain_grant *);
void drain_grant_unpack(struct fields *, struct peer_drain_grant *,
    const Guideway__Cluster__DrainGrant *);
Guideway__Cluster__Goodbye *goodbye_pack(struct arena *, enum goodbye_reason);
void goodbye_unpack(
    struct fields *, enum goodbye_reason *, const Guideway__Cluster__Goodbye *);
Guideway__Cluster__Error *error_pack(struct arena *, const struct peer_error *);
void error_unpack(
    struct fields *, struct peer_error *, const Guideway__Cluster__Error *);

/* wire_observed.c */
Guideway__Cluster__Observed *observed_pack(
    struct arena *, const struct peer_observed *);
void observed_unpack(struct fields *, struct peer_observed *,
    const Guideway__Cluster__Observed *);

/* wire_flows.c */
Guideway__Cluster__FlowBatch *flow_batch_pack(
    struct arena *, const struct peer_flow_batch *);
void flow_batch_unpack(struct fields *, struct peer_flow_batch *,
    const Guideway__Cluster__FlowBatch *);
Guideway__Cluster__FlowBeat *flow_beat_pack(
    struct arena *, const struct peer_flow_beat *);
void flow_beat_unpack(struct fields *, struct peer_flow_beat *,
    const Guideway__Cluster__FlowBeat *);
Guideway__Cluster__FlowMark *flow_mark_pack(
    struct arena *, const struct peer_flow_mark *);
void flow_mark_unpack(struct fields *, struct peer_flow_mark *,
    const Guideway__Cluster__FlowMark *);
Guideway__Cluster__FlowPull *flow_pull_pack(
    struct arena *, const struct peer_flow_pull *);
void flow_pull_unpack(struct fields *, struct peer_flow_pull *,
    const Guideway__Cluster__FlowPull *);
Guideway__Cluster__FlowPage *flow_page_pack(
    struct arena *, const struct peer_flow_page *);
void flow_page_unpack(struct fields *, struct peer_flow_page *,
    const Guideway__Cluster__FlowPage *);
Guideway__Cluster__FlowSettled *flow_settled_pack(
    struct arena *, const struct peer_flow_settled *);
void flow_settled_unpack(struct fields *, struct peer_flow_settled *,
    const Guideway__Cluster__FlowSettled *);
Guideway__Cluster__HeldAsk *held_ask_pack(
    struct arena *, const struct peer_held_ask *);
void held_ask_unpack(struct fields *, struct peer_held_ask *,
    const Guideway__Cluster__HeldAsk *);
Guideway__Cluster__HeldAnswer *held_answer_pack(
    struct arena *, const struct peer_held_answer *);
void held_answer_unpack(struct fields *, struct peer_held_answer *,
    const Guideway__Cluster__HeldAnswer *);

/* wire_replica.c */
Guideway__Cluster__Delta *delta_pack(struct arena *, const struct delta *);
void delta_unpack(
    struct fields *, struct delta *, const Guideway__Cluster__Delta *);
Guideway__Cluster__FullBegin *full_begin_pack(
    struct arena *, const struct peer_full_begin *);
void full_begin_unpack(struct fields *, struct peer_full_begin *,
    const Guideway__Cluster__FullBegin *);
Guideway__Cluster__FullChunk *full_chunk_pack(
    struct arena *, const struct peer_full_chunk *);
void full_chunk_unpack(struct fields *, struct peer_full_chunk *,
    const Guideway__Cluster__FullChunk *);
Guideway__Cluster__FullEnd *full_end_pack(
    struct arena *, const struct peer_full_end *);
void full_end_unpack(struct fields *, struct peer_full_end *,
    const Guideway__Cluster__FullEnd *);

#endif
