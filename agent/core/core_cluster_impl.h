/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's files of the cluster offer to each other and to the rest of
 * the core: the part of core_impl.h, which includes it, about them. */
#ifndef AGENT_CORE_CORE_CLUSTER_IMPL_H
#define AGENT_CORE_CORE_CLUSTER_IMPL_H

#include "agent/core/core_impl.h"

/* core_cluster.c */
int cluster_init(struct core *, struct mono now); /* -1: out of memory */
void cluster_clear(struct core *);
/* core->file is new; before: NULL, it is the first. */
void cluster_configured(struct core *, struct mono now,
    const struct conf *before, struct core_outputs *);
void cluster_loaded(struct core *, struct mono now, const struct core_event *,
    struct core_outputs *);
/* The plan is new. Takes a digest that was begun before there was no way
 * back. */
void cluster_applied(struct core *, struct mono now, EVP_MD_CTX *);
/* A whole replica of another node; a change of one. */
void cluster_merge(struct core *, struct mono now, const struct replica *,
    struct core_outputs *);
enum delta_result cluster_apply_delta(struct core *, struct mono now,
    const struct delta *, struct core_outputs *);
/* Is what was written last all there is to write? */
bool cluster_is_written(const struct core *);
/* Something is to be written to disk. */
void cluster_dirty(struct core *);
void cluster_fill_state(const struct core *, struct core_state *);
void cluster_persisted(
    struct core *, struct mono now, const char *failure, struct core_outputs *);
/* May the balancer have the plan? Not before what it is made of is known. */
bool cluster_may_install(const struct core *);
void cluster_tick(struct core *, struct mono now, struct core_outputs *);
struct mono cluster_wakeup(const struct core *);

/* core_peer.c */
void peers_init(struct core *, struct mono now);
/* core->file has followed on `before`. */
void peers_reread(struct core *, struct mono now, const struct conf *before,
    struct core_outputs *);
void peers_clear(struct core *);
struct peer *peer_find(struct core *, const char *name);
/* Whom we talk to over it; NULL: nobody any more. */
struct peer *peer_of_session(struct core *, uint64_t session);
const struct peer *peer_find_const(const struct core *, const char *name);
/* In the outputs' arena, zeroed. NULL: out of memory. */
struct peer_message *peer_message_put(
    struct core_outputs *, enum peer_message_kind);
/* NULL is not sent, and nothing is to one who cannot take it: what is missed
 * shows in heartbeats. */
void peer_send(
    struct peer *, const struct peer_message *, struct core_outputs *);
void peer_send_all(
    struct core *, const struct peer_message *, struct core_outputs *);
/* Ends the session, which is its fault. */
void peer_fail(struct core *, struct mono now, struct peer *,
    enum peer_error_code, const char *why, struct core_outputs *);
void peer_dialled(struct core *, struct mono now, uint64_t session,
    const char *node, struct core_outputs *);
void peer_up(struct core *, struct mono now, uint64_t session, const char *node,
    bool dialled, struct core_outputs *);
void peer_down(struct core *, struct mono now, uint64_t session,
    const char *why, struct core_outputs *);
void peer_refused(struct core *, const char *node, const char *why);
void peer_heard(struct core *, struct mono now, uint64_t session,
    struct peer_message *, struct core_outputs *);
void peer_malformed(struct core *, struct mono now, uint64_t session,
    const char *why, struct core_outputs *);
void peer_full(struct core *, uint64_t session);
void peer_drained(
    struct core *, struct mono now, uint64_t session, struct core_outputs *);
/* This node stops; the others need not wait to see it. */
void peers_goodbye(struct core *, struct core_outputs *);
void peers_tick(struct core *, struct mono now, struct core_outputs *);
struct mono peers_wakeup(const struct core *);

/* For core_peer.c and core_hello.c. */
#define PEER_DIAL_PAUSE_MIN_MS 200
void peer_send_over(
    uint64_t session, const struct peer_message *, struct core_outputs *);
void peer_close(uint64_t session, const char *why, struct core_outputs *);
/* Says why, and closes. */
void peer_refuse(uint64_t session, enum peer_error_code, const char *why,
    struct core_outputs *);
void peer_drop_guest(struct core *, struct guest *);
/* Its session is gone; or, for long, one who is wrong is so again at once. */
void peer_lose(struct core *, struct mono now, struct peer *, const char *why,
    struct core_outputs *);
void peer_lose_for_long(struct core *, struct mono now, struct peer *,
    const char *why, struct core_outputs *);

/* core_hello.c */
void hello_say(struct core *, uint64_t session, struct core_outputs *);
void hello_of_guest(struct core *, struct mono now, struct guest *,
    const struct peer_hello *, struct core_outputs *);
void hello_of_dialled(struct core *, struct mono now, struct peer *,
    const struct peer_hello *, struct core_outputs *);

/* core_beat.c */
void beat_send(
    struct core *, struct mono now, struct peer *, struct core_outputs *);
void beat_hear(struct core *, struct mono now, struct peer *,
    const struct peer_heartbeat *, struct core_outputs *);
void beat_tick(struct core *, struct mono now, struct core_outputs *);
struct mono beat_wakeup(const struct core *);

/* core_sync.c */
/* A heartbeat has come, the first of its session or another. */
void sync_compare(struct core *, struct mono now, struct peer *,
    const struct peer_heartbeat *, bool first, struct core_outputs *);
void sync_heard(struct core *, struct mono now, struct peer *,
    struct peer_message *, struct core_outputs *);
void sync_send_own(struct core *, struct peer *, struct core_outputs *);
/* The delta is borrowed until the next step. */
void sync_send_delta(
    struct core *, const struct delta *, struct core_outputs *);
/* Whose fault is it that its tables are not ours? "": they are. */
const char *sync_fault(const struct core *, const struct peer *);
/* The peer's queue has refused something. */
void sync_refused(struct peer *);
/* What has come of a snapshot counts no more; or, once nothing that was sent
 * before is still to be carried out, what has gone out of one neither. */
void sync_unstage(struct peer *);
void sync_forget(struct peer *);
void sync_tick(struct core *, struct mono now, struct core_outputs *);
struct mono sync_wakeup(const struct core *);

/* core_observe.c */
int observe_init(struct core *, struct mono now);
void observe_clear(struct core *);
/* What is to be checked follows from a configuration. -1: out of memory. */
int observe_set(struct core *, struct mono now, const struct conf *);
/* The verdicts of all records that count, computed aside and then switched in;
 * 0, or -1: out of memory. */
struct counted {
	struct votes *votes;
	uint64_t fresh_set;
	uint8_t digest[REPLICA_DIGEST_LEN];
};
int observe_count(const struct core *, struct mono now, const struct conf *,
    struct counted *);
void observe_switch(struct core *, struct counted *);
const struct record *observe_find(const struct core *, const char *node);
/* Is its record not here, or an older one? */
bool observe_lacks(const struct core *, const struct beat *);
const struct peer_message *observe_message(
    struct core *, const struct record *, struct core_outputs *);
void observe_heard(struct core *, struct mono now, struct peer *from,
    const struct peer_message *);
/* Is this node cut off from backends that the others see? */
bool observe_unfit(const struct core *, struct mono now);
void observe_tick(struct core *, struct mono now, struct core_outputs *);
struct mono observe_wakeup(const struct core *);

/* core_ramp.c: the steps of backends that are new. */
void ramp_applied(struct core *); /* the plan is new */
void ramp_tick(struct core *, struct mono now, struct core_outputs *);
struct mono ramp_wakeup(const struct core *);

/* core_change_make.c */
/* The replica with a change made; `changing` gets the delta. NULL with `why`.
 */
struct replica *change_make(struct core *, const struct control_request *,
    struct changing *, struct errmsg *why);

/* core_change.c */
void change_clear(struct writing *);
/* Of services and backends, or of what is wished of a node. */
void change_command(struct core *, uint64_t client,
    const struct control_request *, struct core_outputs *);
/* Has the writing state remembered for a command, which is carried out then. */
void change_write(struct core *, uint64_t client,
    const struct control_request *, struct core_outputs *);
void change_persisted(
    struct core *, struct mono now, const char *failure, struct core_outputs *);
void change_gone(struct core *, uint64_t client);
void change_tick(struct core *, struct mono now, struct core_outputs *);
struct mono change_wakeup(const struct core *);

/* core_grant.c */
void grant_heard(struct core *, struct mono now, struct peer *,
    const struct peer_message *, struct core_outputs *);
void grant_obstacle(const struct core *, struct errmsg *); /* "": none */
void grant_tick(struct core *, struct mono now, struct core_outputs *);
struct mono grant_wakeup(const struct core *);

#endif
