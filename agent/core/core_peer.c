/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions with the other nodes: one each. The node with the smaller name
 * dials, so that two calls never cross. A session begins with a HELLO each way,
 * and lives as long as something comes over it, which heartbeats see to. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "agent/core/core_impl.h"
#include "balancer/core/table.h"
#include "common/log.h"

#define DIAL_PAUSE_MIN_MS 200
/* A node that comes back waits for the calls of those with smaller names. */
#define DIAL_PAUSE_MAX_MS 2000
#define BEAT_EVERY_MS     1000
/* Digests that change in quick succession make one heartbeat. With many nodes
 * it is longer, or a change of each makes one to each of all others. */
#define BEAT_PAUSE_MS      5
#define PEERS_PER_PAUSE_MS 4
#define SILENCE_MS         5000
/* A session is not given up for another with the same name while it was heard
 * so lately. */
#define ALIVE_MS 2000

struct peer_message *
peer_message_put(struct core_outputs *out, enum peer_message_kind kind)
{
	struct peer_message *m = NULL;

	if (out->arena == NULL)
		out->arena = arena_new();
	if (out->arena != NULL)
		m = arena_alloc(out->arena, 1, sizeof(*m));
	if (m != NULL)
		m->kind = kind;
	return m;
}

static void
send_over(
    uint64_t session, const struct peer_message *m, struct core_outputs *out)
{
	struct core_output *o = core_put(out, CORE_PEER_SEND);

	o->session = session;
	o->message = m;
}

void
peer_send(
    struct peer *p, const struct peer_message *m, struct core_outputs *out)
{
	if (m != NULL && p->state == PEER_TALKING && !p->stuck)
		send_over(p->session, m, out);
}

void
peer_send_all(
    struct core *core, const struct peer_message *m, struct core_outputs *out)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		peer_send(&core->cluster.peers[i], m, out);
}

static void
say_hello(struct core *core, uint64_t session, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_HELLO);
	struct peer_hello *h;
	uint8_t sum[SHA256_DIGEST_LENGTH];

	if (m == NULL)
		return;
	h = &m->hello;
	text_copy(h->cluster, sizeof(h->cluster), core->file->cluster.name);
	text_copy(h->node, sizeof(h->node), core->file->node_name);
	text_copy(h->version, sizeof(h->version), PACKAGE_VERSION);
	h->process = core->cluster.process;
	h->incarnation = freshness_own(core->cluster.fresh)->incarnation;
	h->proto_min = PEER_PROTO_MIN;
	h->proto_max = PEER_PROTO_MAX;
	h->wall_ms = core->cluster.wall_ms;
	h->table_version = TABLE_ALGO_VERSION;
	SHA256(core->file->seed, sizeof(core->file->seed), sum);
	memcpy(h->seed_print, sum, sizeof(h->seed_print));
	send_over(session, m, out);
}

static void
close_session(uint64_t session, const char *why, struct core_outputs *out)
{
	struct core_output *o = core_put(out, CORE_PEER_CLOSE);

	o->session = session;
	errmsg_set(&o->text, "%s", why);
}

static void
refuse(uint64_t session, enum peer_error_code code, const char *why,
    struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_ERROR);

	if (m != NULL) {
		m->error.code = code;
		text_copy(m->error.text, sizeof(m->error.text), why);
		send_over(session, m, out);
	}
	close_session(session, why, out);
}

static struct peer *
find_session(struct core *core, uint64_t session)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (core->cluster.peers[i].state != PEER_AWAY &&
		    core->cluster.peers[i].session == session)
			return &core->cluster.peers[i];
	return NULL;
}

static struct guest *
find_guest(struct core *core, uint64_t session)
{
	for (size_t i = 0; i < core->cluster.n_guests; i++)
		if (core->cluster.guests[i].session == session)
			return &core->cluster.guests[i];
	return NULL;
}

static void
drop_guest(struct core *core, struct guest *g)
{
	*g = core->cluster.guests[--core->cluster.n_guests];
}

struct peer *
peer_find(struct core *core, const char *name)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (strcmp(core->cluster.peers[i].node->name, name) == 0)
			return &core->cluster.peers[i];
	return NULL;
}

static void
forget_staged(struct peer *p)
{
	replica_free(p->staged.replica);
	p->staged = (struct staged){0};
}

/* Its session is gone. */
static void
lose(struct core *core, struct mono now, struct peer *p, const char *why,
    struct core_outputs *out)
{
	uint32_t pause = p->dial_pause_ms;

	if (p->state == PEER_TALKING || !p->told)
		core_say(out, CORE_WARNING, "node %s: %s: %s", p->node->name,
		    p->state == PEER_TALKING ? "lost" : "cannot connect", why);
	p->told = true;
	errmsg_set(&p->trouble, "%s", why);
	p->state = PEER_AWAY;
	p->session = 0;
	p->dial_at = after_ms(
	    now, 1 + (uint32_t)(core_random(core) % pause)); /* full jitter */
	p->dial_pause_ms = pause < DIAL_PAUSE_MAX_MS / 2 ? pause * 2
							 : DIAL_PAUSE_MAX_MS;
	forget_staged(p);
	core->cluster.beat_now = true;
}

/* One who is wrong is so again at once. */
static void
lose_for_long(struct core *core, struct mono now, struct peer *p,
    const char *why, struct core_outputs *out)
{
	lose(core, now, p, why, out);
	if (!reached(p->dial_at, after_ms(now, SILENCE_MS)))
		p->dial_at = after_ms(now, SILENCE_MS);
}

void
peer_fail(struct core *core, struct mono now, struct peer *p,
    enum peer_error_code code, const char *why, struct core_outputs *out)
{
	refuse(p->session, code, why, out);
	if (code == PEER_ERROR_SILENT)
		lose(core, now, p, why, out); /* it may be back */
	else
		lose_for_long(core, now, p, why, out);
}

/* It has said why it will not talk. */
static void
refused_by(struct core *core, struct mono now, struct peer *p, const char *why,
    struct core_outputs *out)
{
	struct errmsg text;

	errmsg_set(&text, "it refuses this node: %s", why);
	core_say(out, CORE_ALARM, "node %s: %s", p->node->name, text.text);
	close_session(p->session, text.text, out);
	lose_for_long(core, now, p, text.text, out);
}

static void
add_peer(
    struct core *core, struct mono now, const struct conf_cluster_node *node)
{
	struct cluster *cl = &core->cluster;

	if (strcmp(node->name, core->file->node_name) == 0 ||
	    cl->n_peers == CORE_PEERS_MAX)
		return;
	cl->peers[cl->n_peers++] = (struct peer){.node = node,
	    .dial_at = now,
	    .dial_pause_ms = DIAL_PAUSE_MIN_MS,
	    .config_differs = {INT64_MAX},
	    .root_differs = {INT64_MAX},
	    .granted_at = {INT64_MAX}};
}

void
peers_init(struct core *core, struct mono now)
{
	const struct conf_cluster *c = &core->file->cluster;

	for (size_t i = 0; i < c->n_nodes; i++)
		add_peer(core, now, &c->nodes[i]);
	core->cluster.beat_at = now;
}

/* Of another file. NULL: it is gone. */
static const struct conf_cluster_node *
find_node(const struct conf_cluster *c, const char *name)
{
	for (size_t i = 0; i < c->n_nodes; i++)
		if (strcmp(c->nodes[i].name, name) == 0)
			return &c->nodes[i];
	return NULL;
}

void
peers_reread(struct core *core, struct mono now, const struct conf *before,
    struct core_outputs *out)
{
	const struct conf_cluster *c = &core->file->cluster;
	struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < cl->n_peers;) {
		struct peer *p = &cl->peers[i];

		p->node = find_node(c, p->node->name);
		if (p->node != NULL) {
			i++;
			continue;
		}
		if (p->session != 0)
			close_session(p->session, "not a node any more", out);
		forget_staged(p);
		sync_drop_sending(p);
		cl->n_peers--;
		memmove(p, p + 1, (cl->n_peers - i) * sizeof(*p));
	}
	for (size_t i = 0; i < c->n_nodes; i++)
		if (find_node(&before->cluster, c->nodes[i].name) == NULL)
			add_peer(core, now, &c->nodes[i]);
}

void
peers_clear(struct core *core)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		forget_staged(&core->cluster.peers[i]);
		sync_drop_sending(&core->cluster.peers[i]);
	}
}

void
peer_dialled(struct core *core, struct mono now, uint64_t session,
    const char *node, struct core_outputs *out)
{
	struct peer *p = peer_find(core, node);

	if (p != NULL && p->state == PEER_DIALLING && p->session == 0) {
		p->session = session;
		if (session == 0)
			lose(core, now, p, "out of memory", out);
	} else if (session != 0)
		close_session(session, "not wanted any more", out);
}

void
peer_up(struct core *core, struct mono now, uint64_t session, const char *node,
    bool dialled, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct peer *p = find_session(core, session);

	if (dialled && p != NULL && p->state == PEER_DIALLING) {
		p->state = PEER_GREETING;
		p->heard_at = now;
		say_hello(core, session, out);
		return;
	}
	if (dialled || cl->fresh == NULL || cl->stopping ||
	    cl->n_guests == CORE_PEERS_MAX) {
		close_session(session, "not wanted", out);
		return;
	}
	cl->guests[cl->n_guests].session = session;
	text_copy(cl->guests[cl->n_guests].node, FORWARDING_NAME_MAX, node);
	cl->n_guests++;
	say_hello(core, session, out);
}

void
peer_down(struct core *core, struct mono now, uint64_t session, const char *why,
    struct core_outputs *out)
{
	struct guest *g = find_guest(core, session);
	struct peer *p = find_session(core, session);

	if (g != NULL)
		drop_guest(core, g);
	if (p != NULL)
		lose(core, now, p, why, out);
}

/* One that called from its address did not come as far as a session. */
void
peer_refused(struct core *core, const char *node, const char *why)
{
	struct peer *p = peer_find(core, node);

	if (p != NULL && p->state == PEER_AWAY)
		errmsg_set(&p->trouble, "it called and was refused: %s", why);
}

/* HELLO. */

/* What speaks against it, with the code; false: nothing. */
static bool
unacceptable(const struct core *core, const struct peer_hello *h,
    const char *vouched, enum peer_error_code *code, struct errmsg *why)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(core->file->seed, sizeof(core->file->seed), sum);
	*code = PEER_ERROR_CLUSTER;
	if (strcmp(h->cluster, core->file->cluster.name) != 0)
		return errmsg_set(why, "it is of cluster %s, this is %s",
			   h->cluster, core->file->cluster.name) == -1;
	*code = PEER_ERROR_NODE;
	if (vouched[0] != '\0' && strcmp(vouched, h->node) != 0)
		return errmsg_set(why,
			   "it says that it is %s, but its certificate is of "
			   "%s",
			   h->node, vouched) == -1;
	*code = PEER_ERROR_VERSION;
	if (h->proto_max < PEER_PROTO_MIN || h->proto_min > PEER_PROTO_MAX)
		return errmsg_set(why,
			   "it speaks versions %u to %u of the protocol, this "
			   "node %u to %u",
			   h->proto_min, h->proto_max, PEER_PROTO_MIN,
			   PEER_PROTO_MAX) == -1;
	if (h->table_version != TABLE_ALGO_VERSION)
		return errmsg_set(why,
			   "it computes tables by version %u, this node by %u",
			   h->table_version, TABLE_ALGO_VERSION) == -1;
	*code = PEER_ERROR_SEED;
	if (memcmp(h->seed_print, sum, sizeof(h->seed_print)) != 0)
		return errmsg_set(why,
			   "its cluster.seed is not that of this node; all "
			   "nodes need the same") == -1;
	return false;
}

/* Likewise who is not to call, or not now. */
static bool
uncalled_for(const struct core *core, struct mono now, uint64_t session,
    bool called, const struct peer_hello *h, enum peer_error_code *code,
    struct errmsg *why)
{
	const struct peer *p = peer_find_const(core, h->node);

	*code = PEER_ERROR_NODE;
	if (strcmp(h->node, core->file->node_name) == 0)
		return errmsg_set(why, "this node has the same name") == -1;
	if (p == NULL)
		return errmsg_set(why, "the configuration has no such node") ==
		    -1;
	if (called && strcmp(h->node, core->file->node_name) > 0)
		return errmsg_set(why, "it is for the other side to dial") ==
		    -1;
	*code = PEER_ERROR_DUPLICATE;
	if (p->state == PEER_TALKING && p->session != session &&
	    p->hello.process != h->process &&
	    !reached(now, after_ms(p->heard_at, ALIVE_MS)))
		return errmsg_set(why, "another process has this name") == -1;
	return false;
}

/* The peer that says hello over a session. NULL: it has been refused. */
static struct peer *
recognize(struct core *core, struct mono now, uint64_t session,
    const char *vouched, bool called, const struct peer_hello *h,
    struct errmsg *why, struct core_outputs *out)
{
	enum peer_error_code code;
	struct peer *p = peer_find(core, h->node);

	if (unacceptable(core, h, vouched, &code, why) ||
	    uncalled_for(core, now, session, called, h, &code, why)) {
		/* To the log only what is new. */
		if (p == NULL || strcmp(p->trouble.text, why->text) != 0)
			core_say(out, CORE_ALARM, "node %s: refused: %s",
			    vouched[0] != '\0' ? vouched : h->node, why->text);
		refuse(session, code, why->text, out);
		return NULL;
	}
	if (p->state != PEER_TALKING || p->session == session)
		return p;
	close_session(p->session, "replaced by a newer session", out);
	lose(core, now, p, "replaced by a newer session", out);
	return p;
}

static void
begin_talking(struct core *core, struct mono now, struct peer *p,
    uint64_t session, const struct peer_hello *h, struct core_outputs *out)
{
	forget_staged(p);
	sync_drop_sending(p);
	p->state = PEER_TALKING;
	p->session = session;
	p->dial_pause_ms = DIAL_PAUSE_MIN_MS;
	p->trouble.text[0] = '\0';
	p->told = false;
	p->heard_at = now;
	p->hello = *h;
	p->clock_ms = (int64_t)(h->wall_ms - core->cluster.wall_ms);
	p->beat_heard = p->stuck = p->owes_full = false;
	p->config_differs = p->root_differs = (struct mono){INT64_MAX};
	p->differs_told = CORE_INFO;
	p->pulled_at = (struct mono){now.us - 3600 * 1000000LL};
	p->last_sync = 0;
	p->granted_at = (struct mono){INT64_MAX};
	p->grant_refused = false;
	core_put(out, CORE_PEER_TRUST)->session = session;
	core_say(out, CORE_INFO, "node %s: connected", p->node->name);
	/* The record first, else the beat makes it be asked for. */
	sync_send_own(core, p, out);
	peer_beat(core, now, p, out);
}

static void
guest_hello(struct core *core, struct mono now, struct guest *g,
    const struct peer_hello *h, struct core_outputs *out)
{
	const struct guest guest = *g;
	struct errmsg why;
	struct peer *p;

	drop_guest(core, g);
	p = recognize(core, now, guest.session, guest.node, true, h, &why, out);
	if (p != NULL) {
		begin_talking(core, now, p, guest.session, h, out);
		return;
	}
	/* What the status shows, if it was that node. */
	p = peer_find(core, h->node);
	if (p != NULL && p->state == PEER_AWAY &&
	    (guest.node[0] == '\0' || strcmp(guest.node, h->node) == 0))
		p->trouble = why;
}

static void
dialled_hello(struct core *core, struct mono now, struct peer *p,
    const struct peer_hello *h, struct core_outputs *out)
{
	struct errmsg why;

	/* Whom we dialled is whom we want, whatever vouches for it. */
	if (recognize(
		core, now, p->session, p->node->name, false, h, &why, out) == p)
		begin_talking(core, now, p, p->session, h, out);
	else
		lose_for_long(core, now, p, why.text, out);
}

/* Heartbeats. */

static bool
serves_plan(const struct core *core)
{
	return core->link == LINK_UP && core->sync == SYNC_GOOD;
}

static struct mono
next_beat(const struct core *core)
{
	return after_ms(core->cluster.beaten_at,
	    BEAT_PAUSE_MS +
		(uint32_t)core->cluster.n_peers / PEERS_PER_PAUSE_MS);
}

/* Whoever waits for a node to announce, or not, need not wait for the next
 * second. */
static bool
has_news(const struct core *core)
{
	const struct cluster *cl = &core->cluster;

	return cl->beat_now || cl->told.joined != (cl->join == JOIN_IN) ||
	    cl->told.announcing != announce_any(core) ||
	    cl->told.draining != drain_wanted(&core->drain) ||
	    cl->told.installed != serves_plan(core);
}

static void
fill_beat(struct core *core, struct mono now, struct peer_heartbeat *b,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct beat *beats = arena_alloc(
	    out->arena, FRESHNESS_MAX, sizeof(*beats));

	if (beats != NULL)
		b->n_beats = freshness_beats(cl->fresh, now, beats);
	b->beats = beats;
	memcpy(b->config, cl->config, sizeof(b->config));
	memcpy(b->persisted, cl->persisted, sizeof(b->persisted));
	memcpy(b->observed, cl->observed, sizeof(b->observed));
	memcpy(b->root, cl->root, sizeof(b->root));
	b->installed = serves_plan(core);
	b->joined = cl->join == JOIN_IN;
	b->announcing = announce_any(core);
	b->draining = drain_wanted(&core->drain);
	b->wall_ms = cl->wall_ms;
}

static struct peer_message *
heartbeat(struct core *core, struct mono now, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_HEARTBEAT);

	if (m == NULL)
		return NULL;
	freshness_beat(core->cluster.fresh, core->cluster.records[0].obs_seq);
	fill_beat(core, now, &m->heartbeat, out);
	return m->heartbeat.beats != NULL ? m : NULL;
}

void
peer_beat(struct core *core, struct mono now, struct peer *p,
    struct core_outputs *out)
{
	peer_send(p, heartbeat(core, now, out), out);
}

static void
beat_all(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	const struct peer_message *m = heartbeat(core, now, out);

	cl->beat_now = false;
	cl->beaten_at = now;
	cl->beat_at = after_ms(now, BEAT_EVERY_MS);
	if (m != NULL) {
		cl->told = m->heartbeat;
		cl->told.beats = NULL;
		cl->told.n_beats = 0;
	}
	peer_send_all(core, m, out);
}

static void
take_beats(struct core *core, struct mono now, struct peer *p,
    const struct peer_heartbeat *b, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < b->n_beats; i++) {
		bool direct = i == 0;

		/* Nobody speaks for another as for himself. */
		if (direct && strcmp(b->beats[i].node, p->node->name) != 0)
			continue;
		if (freshness_hear(cl->fresh, now, &b->beats[i], direct) !=
		    BEAT_REFUTE)
			continue;
		cluster_dirty(core);
		cl->beat_now = true;
		if (freshness_duplicate(cl->fresh, now))
			core_say(out, CORE_ALARM,
			    "another node calls itself %s",
			    core->file->node_name);
	}
	cl->recount = true;
}

static void
beat_heard(struct core *core, struct mono now, struct peer *p,
    const struct peer_heartbeat *b, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	take_beats(core, now, p, b, out);
	p->beat = *b;
	p->beat.beats = NULL;
	p->beat.n_beats = 0;
	p->clock_ms = (int64_t)(b->wall_ms - cl->wall_ms);
	if (memcmp(b->root, cl->root, sizeof(cl->root)) == 0)
		p->root_differs = (struct mono){INT64_MAX};
	else if (p->root_differs.us == INT64_MAX)
		p->root_differs = now;
	sync_compare(core, now, p, b, !p->beat_heard, out);
	p->beat_heard = true;
}

static void
talk(struct core *core, struct mono now, struct peer *p, struct peer_message *m,
    struct core_outputs *out)
{
	switch (m->kind) {
	case PEER_HELLO:
		peer_fail(core, now, p, PEER_ERROR_UNEXPECTED,
		    "it said HELLO twice", out);
		break;
	case PEER_HEARTBEAT:
		beat_heard(core, now, p, &m->heartbeat, out);
		break;
	case PEER_OBSERVED:
		observe_heard(core, now, p, m);
		break;
	case PEER_DELTA:
	case PEER_FULL_BEGIN:
	case PEER_FULL_CHUNK:
	case PEER_FULL_END:
	case PEER_PULL:
		sync_heard(core, now, p, m, out);
		break;
	case PEER_DRAIN_ASK:
	case PEER_DRAIN_GRANT:
		grant_heard(core, now, p, m, out);
		break;
	case PEER_GOODBYE:
		close_session(p->session, "it said goodbye", out);
		lose(core, now, p,
		    m->goodbye == GOODBYE_LEAVING ? "it has left" : "it stops",
		    out);
		break;
	case PEER_ERROR:
		refused_by(core, now, p, m->error.text, out);
		break;
	}
}

/* Before its HELLO a node has said nothing that counts. */
static void
greet(struct core *core, struct mono now, uint64_t session,
    struct peer_message *m, struct core_outputs *out)
{
	struct guest *g = find_guest(core, session);
	struct peer *p = find_session(core, session);

	if (m->kind == PEER_HELLO && g != NULL) {
		guest_hello(core, now, g, &m->hello, out);
	} else if (m->kind == PEER_HELLO && p != NULL) {
		dialled_hello(core, now, p, &m->hello, out);
	} else if (m->kind == PEER_ERROR && p != NULL) {
		refused_by(core, now, p, m->error.text, out);
	} else if (p != NULL) {
		peer_fail(core, now, p, PEER_ERROR_UNEXPECTED,
		    "it did not say HELLO first", out);
	} else if (g != NULL) {
		drop_guest(core, g);
		refuse(session, PEER_ERROR_UNEXPECTED,
		    "it did not say HELLO first", out);
	}
}

void
peer_heard(struct core *core, struct mono now, uint64_t session,
    struct peer_message *m, struct core_outputs *out)
{
	struct peer *p = find_session(core, session);

	if (p != NULL && p->state == PEER_TALKING) {
		p->heard_at = now;
		talk(core, now, p, m, out);
	} else {
		greet(core, now, session, m, out);
	}
}

void
peer_malformed(struct core *core, struct mono now, uint64_t session,
    const char *why, struct core_outputs *out)
{
	struct peer *p = find_session(core, session);
	struct guest *g = find_guest(core, session);

	if (p != NULL) {
		peer_fail(core, now, p, PEER_ERROR_MALFORMED, why, out);
	} else if (g != NULL) {
		drop_guest(core, g);
		refuse(session, PEER_ERROR_MALFORMED, why, out);
	}
}

void
peer_full(struct core *core, uint64_t session)
{
	struct peer *p = find_session(core, session);

	if (p == NULL)
		return;
	p->stuck = true;
	sync_refused(p);
}

/* What it has missed, its heartbeats show; this is only sooner. */
void
peer_drained(struct core *core, struct mono now, uint64_t session,
    struct core_outputs *out)
{
	struct peer *p = find_session(core, session);

	if (p == NULL || !p->stuck)
		return;
	p->stuck = false;
	sync_send_own(core, p, out);
	peer_beat(core, now, p, out);
}

void
peers_goodbye(struct core *core, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_GOODBYE);

	core->cluster.stopping = true;
	if (m == NULL || core->cluster.fresh == NULL)
		return;
	m->goodbye = freshness_own(core->cluster.fresh)->left
	    ? GOODBYE_LEAVING
	    : GOODBYE_STOPPING;
	peer_send_all(core, m, out);
}

void
peers_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];
		bool ours = strcmp(core->file->node_name, p->node->name) < 0;

		if ((p->state == PEER_TALKING || p->state == PEER_GREETING) &&
		    reached(now, after_ms(p->heard_at, SILENCE_MS)))
			peer_fail(core, now, p, PEER_ERROR_SILENT,
			    "it has been silent for 5 s", out);
		if (p->state == PEER_AWAY && ours && !cl->stopping &&
		    reached(now, p->dial_at)) {
			p->state = PEER_DIALLING;
			p->session = 0;
			core_put(out, CORE_PEER_DIAL)->node = p->node;
		}
	}
	if (reached(now, cl->beat_at) ||
	    (has_news(core) && reached(now, next_beat(core))))
		beat_all(core, now, out);
}

struct mono
peers_wakeup(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct mono next = cl->beat_at;

	if (has_news(core))
		earlier(&next, next_beat(core));
	for (size_t i = 0; i < cl->n_peers; i++) {
		const struct peer *p = &cl->peers[i];

		if (p->state == PEER_TALKING || p->state == PEER_GREETING)
			earlier(&next, after_ms(p->heard_at, SILENCE_MS));
		else if (p->state == PEER_AWAY &&
		    strcmp(core->file->node_name, p->node->name) < 0)
			earlier(&next, p->dial_at);
	}
	return next;
}
