/* SPDX-License-Identifier: Apache-2.0 */
/* Between the core and the sockets of its cluster: sessions with other agents
 * (peer/net.h), whose frames become values and back (peer/wire.h), and probes
 * (probe/probe.h). */
#ifndef AGENT_CLUSTER_EDGE_H
#define AGENT_CLUSTER_EDGE_H

#include "agent/core/core.h"
#include "common/conf.h"
#include "common/errmsg.h"

struct event_base;
struct cluster_edge;

/* What has happened; the event's wall_ms is still to be set. From the event
 * loop, never from within a function here. */
typedef void (*cluster_edge_event_cb)(void *ctx, struct core_event);

/* Copies what it needs of conf. To be called before privileges are let go of:
 * reads keys, listens, opens raw sockets. NULL with `why`. */
struct cluster_edge *cluster_edge_new(struct event_base *, const struct conf *,
    cluster_edge_event_cb, void *ctx, struct errmsg *why);
void cluster_edge_free(struct cluster_edge *);

/* Takes another configuration: nodes that come and go, other keys. 0, or -1
 * with `why` and nothing has changed: they are wrong, or it takes a restart. */
int cluster_edge_reconf(
    struct cluster_edge *, const struct conf *, struct errmsg *why);

/* Another step's outputs come: messages of the one before are gone. */
void cluster_edge_begin(struct cluster_edge *);

/* Carries out an output of the kinds CORE_PEER_* and CORE_PROBE_*. true: the
 * core is to be told at once of *next, whose pointers are good until the next
 * call. */
bool cluster_edge_do(
    struct cluster_edge *, const struct core_output *, struct core_event *next);

#endif
