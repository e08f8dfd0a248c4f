/* SPDX-License-Identifier: Apache-2.0 */
/* Agents with a fault, to see that the checks find it. The faults stand between
 * the core and its world, or, by the linker's --wrap, around a function of it:
 * nothing of them is in what ships. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

struct sim *planted_sim;
struct node *planted_node;

static const char *const names[PLANTED_N] = {
    [PLANTED_NONE] = "none",
    [PLANTED_SKIP_VV] = "skip_vv",
    [PLANTED_PARTIAL_FULL] = "partial_full",
    [PLANTED_DELTA_GAP] = "delta_gap",
    [PLANTED_WRITER_REUSE] = "writer_reuse",
    [PLANTED_NAIVE] = "naive_drain",
    [PLANTED_REGRANT] = "regrant",
    [PLANTED_STALE_GRANT] = "stale_grant",
    [PLANTED_NO_REMOVES] = "no_removes",
    [PLANTED_LYING_DISK] = "lying_heartbeat",
    [PLANTED_EARLY_ACK] = "early_ack",
    [PLANTED_DEAF] = "no_pull",
    [PLANTED_LOCAL_TIE] = "local_tie",
    [PLANTED_STICKY] = "sticky_votes",
    [PLANTED_MUTE] = "no_reply",
    [PLANTED_NO_PULL_FLOWS] = "no_pull_flows",
    [PLANTED_NO_GATE] = "no_flows_gate",
};

const char *
planted_name(enum planted p)
{
	return names[p];
}

enum planted
planted_find(const char *name)
{
	for (int i = 0; i < PLANTED_N; i++)
		if (strcmp(names[i], name) == 0)
			return (enum planted)i;
	return PLANTED_NONE;
}

static bool
is(enum planted p)
{
	return planted_sim != NULL && planted_node != NULL &&
	    planted_sim->options.planted == p;
}

void
planted_started(struct sim *sim, struct node *node)
{
	if (sim->options.planted == PLANTED_WRITER_REUSE)
		node->core->cluster.writer = 1000 + (uint64_t)node->id;
}

/* Messages. */

/* Whom the node believes to go on announcing. */
static void
grant_itself(struct node *node, bool stale)
{
	struct cluster *cl = &node->core->cluster;

	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];
		int id = atoi(p->node->name + 1);

		if (p->state != PEER_TALKING || !p->beat_heard)
			continue;
		if (stale ? node->last_grant[id] != 0
			  : p->beat.announcing && !p->beat.draining)
			p->granted = true;
	}
}

/* Nor does it wait for the others to know its flows, which hides what it does
 * for most of the time that a fault lasts. */
static void
acknowledge_itself(struct node *node, const struct peer_flow_mark *m)
{
	struct cluster *cl = &node->core->cluster;

	for (size_t i = 0; i < cl->n_peers && !m->ack; i++)
		cl->peers[i].flows.acked = m->mark;
}

const struct peer_message *
planted_send(struct sim *sim, struct node *node, const struct peer_message *m,
    struct peer_message *room)
{
	enum planted p = sim->options.planted;

	*room = *m;
	if (m->kind == PEER_DRAIN_ASK &&
	    (p == PLANTED_NAIVE || p == PLANTED_STALE_GRANT)) {
		grant_itself(node, p == PLANTED_STALE_GRANT);
	} else if (m->kind == PEER_FLOW_MARK &&
	    (p == PLANTED_NAIVE || p == PLANTED_REGRANT ||
		p == PLANTED_STALE_GRANT)) {
		acknowledge_itself(node, &m->flow_mark);
	} else if (m->kind == PEER_DRAIN_GRANT && p == PLANTED_REGRANT) {
		if (announce_any(node->core))
			room->drain_grant.granted = true;
	} else if (m->kind == PEER_HEARTBEAT && p == PLANTED_LYING_DISK) {
		memcpy(room->heartbeat.persisted, m->heartbeat.config,
		    sizeof(room->heartbeat.persisted));
	} else if (m->kind == PEER_PULL && p == PLANTED_DEAF &&
	    m->pull.config) {
		return NULL;
	} else if (m->kind == PEER_FLOW_PULL && p == PLANTED_NO_PULL_FLOWS) {
		return NULL;
	}
	return room;
}

static void
cut_begin(struct pipe *p, struct peer_full_begin *b)
{
	replica_free(p->cut);
	p->cut = replica_new();
	GW_ASSERT(p->cut != NULL);
	p->cut->vv = calloc(b->n_vv + 1, sizeof(*p->cut->vv));
	p->cut->live = calloc(b->n_objects + 1u, sizeof(struct object *));
	GW_ASSERT(p->cut->vv != NULL && p->cut->live != NULL);
	if (b->n_vv > 0)
		memcpy(p->cut->vv, b->vv, b->n_vv * sizeof(*b->vv));
	p->cut->n_vv = b->n_vv;
	if (b->n_objects > 0)
		b->n_objects--;
}

static void
cut_chunk(struct pipe *p, struct peer_full_chunk *c)
{
	if (p->cut == NULL)
		return;
	if (c->index == 0 && c->n_objects > 0)
		object_unref(c->objects[--c->n_objects]);
	for (size_t i = 0; i < c->n_objects; i++)
		p->cut->live[p->cut->n_live++] = object_ref(c->objects[i]);
}

void
planted_receive(struct sim *sim, struct node *node, int from, struct pipe *p,
    struct peer_message *m)
{
	if (m->kind == PEER_DRAIN_GRANT && m->drain_grant.granted)
		node->last_grant[from] = 1;
	if (sim->options.planted != PLANTED_PARTIAL_FULL)
		return;
	if (m->kind == PEER_FULL_BEGIN)
		cut_begin(p, &m->full_begin);
	else if (m->kind == PEER_FULL_CHUNK)
		cut_chunk(p, &m->full_chunk);
	else if (m->kind == PEER_FULL_END && p->cut != NULL)
		replica_digest(p->cut, m->full_end.digest);
}

/* Replicas. */

int __real_replica_merge(
    struct replica *, const struct replica *, struct errmsg *);
enum delta_result __real_replica_apply(struct replica *, const struct delta *);
struct votes *__real_votes_count(
    const struct conf *, const struct votes_record *, size_t);
int __wrap_replica_merge(
    struct replica *, const struct replica *, struct errmsg *);
enum delta_result __wrap_replica_apply(struct replica *, const struct delta *);
struct votes *__wrap_votes_count(
    const struct conf *, const struct votes_record *, size_t);

static void
put_back(struct replica *r, struct object *o)
{
	size_t at = 0;

	if (replica_find(r, o->uid) != NULL)
		return;
	r->live = realloc(r->live, (r->n_live + 1) * sizeof(struct object *));
	GW_ASSERT(r->live != NULL);
	while (at < r->n_live && uid_cmp(r->live[at]->uid, o->uid) < 0)
		at++;
	memmove(&r->live[at + 1], &r->live[at],
	    (r->n_live - at) * sizeof(struct object *));
	r->live[at] = object_ref(o);
	r->n_live++;
}

int
__wrap_replica_merge(
    struct replica *r, const struct replica *other, struct errmsg *why)
{
	bool all = is(PLANTED_SKIP_VV) ||
	    (is(PLANTED_NO_REMOVES) && planted_node->id == 0);
	struct replica *before = all ? replica_copy(r) : NULL;
	int rc = __real_replica_merge(r, other, why);

	if (!all || before == NULL || rc == -1) {
		replica_free(before);
		return rc;
	}
	for (size_t i = 0; i < before->n_live; i++)
		put_back(r, before->live[i]);
	for (size_t i = 0; i < other->n_live && is(PLANTED_SKIP_VV); i++)
		put_back(r, other->live[i]);
	replica_free(before);
	return 1;
}

static void
raise_seen(struct replica *r, struct uid uid)
{
	size_t at = 0;

	while (at < r->n_vv && r->vv[at].writer < uid.writer)
		at++;
	if (at < r->n_vv && r->vv[at].writer == uid.writer) {
		if (r->vv[at].seq + 1 < uid.seq)
			r->vv[at].seq = uid.seq - 1;
		return;
	}
	if (uid.seq == 1)
		return;
	r->vv = realloc(r->vv, (r->n_vv + 1) * sizeof(*r->vv));
	GW_ASSERT(r->vv != NULL);
	memmove(&r->vv[at + 1], &r->vv[at], (r->n_vv - at) * sizeof(*r->vv));
	r->vv[at] = (struct seen){uid.writer, uid.seq - 1};
	r->n_vv++;
}

enum delta_result
__wrap_replica_apply(struct replica *r, const struct delta *d)
{
	struct delta less = *d;

	if (is(PLANTED_NO_REMOVES) && planted_node->id == 0)
		less.n_removes = 0;
	if (is(PLANTED_DELTA_GAP))
		for (size_t i = 0; i < d->n_adds; i++)
			raise_seen(r, d->adds[i]->uid);
	return __real_replica_apply(r, &less);
}

/* Votes. */

bool __real_flows_join_pending(const struct core *);
bool __wrap_flows_join_pending(const struct core *);

bool
__wrap_flows_join_pending(const struct core *core)
{
	return !is(PLANTED_NO_GATE) && __real_flows_join_pending(core);
}

struct votes *
__wrap_votes_count(
    const struct conf *conf, const struct votes_record *records, size_t n)
{
	struct votes *v = __real_votes_count(conf, records, n);

	if (v == NULL || planted_node == NULL || planted_node->id != 0)
		return v;
	if (is(PLANTED_LOCAL_TIE))
		for (size_t i = 0; i < v->n; i++)
			if (v->tallies[i].up == v->tallies[i].down &&
			    v->tallies[i].up > 0)
				v->verdicts[i].health = HEALTH_DOWN;
	if (is(PLANTED_STICKY) && v->n > 0) {
		enum health now = v->verdicts[0].health;

		v->verdicts[0].health = (enum health)planted_node->sticky;
		planted_node->sticky = (int)now;
	}
	return v;
}
