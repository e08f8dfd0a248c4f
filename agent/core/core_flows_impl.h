/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's files of flow notices offer to each other and to the rest of
 * the core: the part of core_impl.h, which includes it, about them. */
#ifndef AGENT_CORE_CORE_FLOWS_IMPL_H
#define AGENT_CORE_CORE_FLOWS_IMPL_H

#include "agent/core/core_impl.h"

/* core_flows.c */
bool flows_shared(const struct core *);
void flows_init(struct core *, struct mono now);
void flows_clear(struct core *);
void flows_free_retired(struct core *);
void flows_up(struct core *, struct mono now, struct core_outputs *);
void flows_lost(
    struct core *, struct mono now, const char *why, struct core_outputs *);
/* Borrows the reply, and so do the outputs. */
void flows_reply(struct core *, struct mono now, const struct flow_reply *,
    struct core_outputs *);
void flows_pong(struct core *, const struct balancer_pong *);
void flows_peer_up(struct core *, struct peer *, struct core_outputs *);
/* Borrows the message, and so do the outputs. */
void flows_heard(struct core *, struct mono now, struct peer *,
    const struct peer_message *, struct core_outputs *);
void flows_dropped(struct core *, uint64_t session, size_t n);
void flows_tick(struct core *, struct mono now, struct core_outputs *);
struct mono flows_wakeup(const struct core *);
/* For core_flows_*.c and core_held.c: can the balancer be asked for something
 * more? Asks; the id. */
bool flows_can_ask(const struct core *);
uint64_t flows_ask(struct core *, struct mono now, const struct flow_request *,
    struct flow_asked about, struct core_outputs *);
/* In the outputs' arena. NULL: out of memory. */
struct flow_request *flows_request(struct core_outputs *, enum flow_ask);
/* Is the peer one that speaks of flows? */
static inline bool
flows_speaks(const struct peer *p)
{
	return p->state == PEER_TALKING && p->flows.beat_heard;
}

/* core_flows_pull.c */
/* Does the node lack what the others know? It announces nothing new then. */
bool flows_join_pending(const struct core *);
void pull_heard_page(struct core *, struct mono now, struct peer *,
    const struct peer_flow_page *, struct core_outputs *);
void pull_heard_settled(struct core *, struct mono now, struct peer *,
    const struct peer_flow_settled *, struct core_outputs *);
/* The balancer has learnt a part, or settled. */
void pull_goes_on(struct core *, struct mono now, uint64_t number, bool refused,
    struct core_outputs *);
/* The balancer is another one, or gone. */
void pull_begin_anew(struct core *);
void pull_tick(struct core *, struct mono now, struct core_outputs *);
struct mono pull_wakeup(const struct core *);

/* core_flows_serve.c */
void serve_pull(struct core *, struct mono now, struct peer *,
    const struct peer_flow_pull *, struct core_outputs *);
/* reply NULL, or a refusal: it cannot be asked. */
void serve_answer(struct core *, const struct flow_asked *,
    const struct flow_reply *, struct core_outputs *);

/* core_flows_flush.c */
/* Called when the drain has made its step: begins and ends the flush. */
void flows_flush(struct core *, struct mono now, struct core_outputs *);
/* The route that stands meanwhile. */
enum vip_route flows_holds_routes(const struct core *);
/* A new session: what was sent over another one may be lost. */
void flush_peer_up(struct core *, struct peer *, struct core_outputs *);
void flush_heard(struct core *, struct peer *, const struct peer_flow_mark *);
/* Acknowledges what is learnt by now. */
void flush_tick(struct core *, struct mono now, struct core_outputs *);
struct mono flush_wakeup(const struct core *);

/* core_held.c */
void held_command(struct core *, struct mono now, uint64_t client,
    const struct control_request *, struct core_outputs *);
void held_gone(struct core *, uint64_t client);
void held_asked(struct core *, struct mono now, struct peer *,
    const struct peer_held_ask *, struct core_outputs *);
void held_answered(
    struct core *, uint64_t session, const struct peer_held_answer *);
/* The balancer's answer; reply NULL, or a refusal: there is none. */
void held_reply(struct core *, const struct flow_asked *,
    const struct flow_reply *, struct core_outputs *);
void held_tick(struct core *, struct mono now, struct core_outputs *);
struct mono held_wakeup(const struct core *);

#endif
