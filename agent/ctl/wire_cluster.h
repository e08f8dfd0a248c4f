/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the operator's messages that is about the cluster and what it
 * replicates; for wire.c only, as protobuf types stop there. */
#ifndef AGENT_CTL_WIRE_CLUSTER_H
#define AGENT_CTL_WIRE_CLUSTER_H

#include "agent/core/control.h"
#include "common/arena.h"
#include "common/errmsg.h"
#include "common/fields.h"
#include "proto/control.pb-c.h"

/* Sets the body of the request: a change, a look at the cluster, or leaving.
 * 0, or -1: out of memory. */
int cluster_request_pack(struct arena *, Guideway__Control__Request *,
    const struct control_request *);
/* 0, or -1 with `why`. What the fields mean is for the core to judge. */
int change_request_read(struct control_change *,
    const Guideway__Control__ChangeRequest *, struct errmsg *why);

/* NULL: out of memory. */
Guideway__Control__Outcome *outcome_pack(
    struct arena *, const struct control_outcome *);
void outcome_read(struct fields *, struct control_outcome *,
    const Guideway__Control__Outcome *);

/* NULL: out of memory. */
Guideway__Control__Cluster *cluster_pack(
    struct arena *, const struct control_cluster *);
void cluster_read(struct fields *, struct control_cluster *,
    const Guideway__Control__Cluster *);

#endif
