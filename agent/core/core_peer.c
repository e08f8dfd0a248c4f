/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions with the other nodes: one each. The node with the smaller name
 * dials, so that two calls never cross. A session begins with a HELLO each way
 * (core_hello.c), and lives as long as something comes over it, which
 * heartbeats see to (core_beat.c). */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

/* A node that comes back waits for the calls of those with smaller names. */
#define DIAL_PAUSE_MAX_MS 2000
#define SILENCE_MS        5000

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

void
peer_send_over(
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
		peer_send_over(p->session, m, out);
}

void
peer_send_all(
    struct core *core, const struct peer_message *m, struct core_outputs *out)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		peer_send(&core->cluster.peers[i], m, out);
}

void
peer_close(uint64_t session, const char *why, struct core_outputs *out)
{
	struct core_output *o = core_put(out, CORE_PEER_CLOSE);

	o->session = session;
	errmsg_set(&o->text, "%s", why);
}

void
peer_refuse(uint64_t session, enum peer_error_code code, const char *why,
    struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_ERROR);

	if (m != NULL) {
		m->error.code = code;
		text_copy(m->error.text, sizeof(m->error.text), why);
		peer_send_over(session, m, out);
	}
	peer_close(session, why, out);
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

struct peer *
peer_of_session(struct core *core, uint64_t session)
{
	struct peer *p = find_session(core, session);

	return p != NULL && p->state == PEER_TALKING ? p : NULL;
}

static struct guest *
find_guest(struct core *core, uint64_t session)
{
	for (size_t i = 0; i < core->cluster.n_guests; i++)
		if (core->cluster.guests[i].session == session)
			return &core->cluster.guests[i];
	return NULL;
}

void
peer_drop_guest(struct core *core, struct guest *g)
{
	*g = core->cluster.guests[--core->cluster.n_guests];
}

const struct peer *
peer_find_const(const struct core *core, const char *name)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (strcmp(core->cluster.peers[i].node->name, name) == 0)
			return &core->cluster.peers[i];
	return NULL;
}

struct peer *
peer_find(struct core *core, const char *name)
{
	return (struct peer *)(uintptr_t)peer_find_const(core, name);
}

/* Its session is gone. */
void
peer_lose(struct core *core, struct mono now, struct peer *p, const char *why,
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
	sync_unstage(p);
	core->cluster.beat_now = true;
}

/* One who is wrong is so again at once. */
void
peer_lose_for_long(struct core *core, struct mono now, struct peer *p,
    const char *why, struct core_outputs *out)
{
	peer_lose(core, now, p, why, out);
	if (!reached(p->dial_at, after_ms(now, SILENCE_MS)))
		p->dial_at = after_ms(now, SILENCE_MS);
}

void
peer_fail(struct core *core, struct mono now, struct peer *p,
    enum peer_error_code code, const char *why, struct core_outputs *out)
{
	peer_refuse(p->session, code, why, out);
	if (code == PEER_ERROR_SILENT)
		peer_lose(core, now, p, why, out); /* it may be back */
	else
		peer_lose_for_long(core, now, p, why, out);
}

/* It has said why it will not talk. */
static void
refused_by(struct core *core, struct mono now, struct peer *p, const char *why,
    struct core_outputs *out)
{
	struct errmsg text;

	errmsg_set(&text, "it refuses this node: %s", why);
	core_say(out, CORE_ALARM, "node %s: %s", p->node->name, text.text);
	peer_close(p->session, text.text, out);
	peer_lose_for_long(core, now, p, text.text, out);
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
	    .dial_pause_ms = PEER_DIAL_PAUSE_MIN_MS,
	    .config_differs = {INT64_MAX},
	    .root_differs = {INT64_MAX}};
}

void
peers_init(struct core *core, struct mono now)
{
	const struct conf_cluster *c = &core->file->cluster;

	for (size_t i = 0; i < c->n_nodes; i++)
		add_peer(core, now, &c->nodes[i]);
	core->cluster.beat_at = now;
}

void
peers_reread(struct core *core, struct mono now, const struct conf *before,
    struct core_outputs *out)
{
	const struct conf_cluster *c = &core->file->cluster;
	struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < cl->n_peers;) {
		struct peer *p = &cl->peers[i];

		p->node = conf_cluster_node(c, p->node->name);
		if (p->node != NULL) {
			i++;
			continue;
		}
		if (p->session != 0)
			peer_close(p->session, "not a node any more", out);
		sync_forget(p);
		cl->n_peers--;
		memmove(p, p + 1, (cl->n_peers - i) * sizeof(*p));
	}
	for (size_t i = 0; i < c->n_nodes; i++)
		if (conf_cluster_node(&before->cluster, c->nodes[i].name) ==
		    NULL)
			add_peer(core, now, &c->nodes[i]);
}

void
peers_clear(struct core *core)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		sync_forget(&core->cluster.peers[i]);
}

void
peer_dialled(struct core *core, struct mono now, uint64_t session,
    const char *node, struct core_outputs *out)
{
	struct peer *p = peer_find(core, node);

	if (p != NULL && p->state == PEER_DIALLING && p->session == 0) {
		p->session = session;
		if (session == 0)
			peer_lose(core, now, p, "out of memory", out);
	} else if (session != 0)
		peer_close(session, "not wanted any more", out);
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
		hello_say(core, session, out);
		return;
	}
	if (dialled || cl->fresh == NULL || cl->stopping ||
	    cl->n_guests == CORE_PEERS_MAX) {
		peer_close(session, "not wanted", out);
		return;
	}
	cl->guests[cl->n_guests].session = session;
	text_copy(cl->guests[cl->n_guests].node, FORWARDING_NAME_MAX, node);
	cl->n_guests++;
	hello_say(core, session, out);
}

void
peer_down(struct core *core, struct mono now, uint64_t session, const char *why,
    struct core_outputs *out)
{
	struct guest *g = find_guest(core, session);
	struct peer *p = find_session(core, session);

	if (g != NULL)
		peer_drop_guest(core, g);
	if (p != NULL)
		peer_lose(core, now, p, why, out);
}

/* One that called from its address did not come as far as a session. */
void
peer_refused(struct core *core, const char *node, const char *why)
{
	struct peer *p = peer_find(core, node);

	if (p != NULL && p->state == PEER_AWAY)
		errmsg_set(&p->trouble, "it called and was refused: %s", why);
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
		beat_hear(core, now, p, &m->heartbeat, out);
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
		peer_close(p->session, "it said goodbye", out);
		peer_lose(core, now, p,
		    m->goodbye == GOODBYE_LEAVING ? "it has left" : "it stops",
		    out);
		break;
	case PEER_ERROR:
		refused_by(core, now, p, m->error.text, out);
		break;
	case PEER_FLOW_BATCH:
	case PEER_FLOW_BEAT:
	case PEER_FLOW_MARK:
	case PEER_FLOW_PULL:
	case PEER_FLOW_PAGE:
	case PEER_FLOW_SETTLED:
	case PEER_HELD_ASK:
	case PEER_HELD_ANSWER:
		flows_heard(core, now, p, m, out);
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
		hello_of_guest(core, now, g, &m->hello, out);
	} else if (m->kind == PEER_HELLO && p != NULL) {
		hello_of_dialled(core, now, p, &m->hello, out);
	} else if (m->kind == PEER_ERROR && p != NULL) {
		refused_by(core, now, p, m->error.text, out);
	} else if (p != NULL) {
		peer_fail(core, now, p, PEER_ERROR_UNEXPECTED,
		    "it did not say HELLO first", out);
	} else if (g != NULL) {
		peer_drop_guest(core, g);
		peer_refuse(session, PEER_ERROR_UNEXPECTED,
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
		peer_drop_guest(core, g);
		peer_refuse(session, PEER_ERROR_MALFORMED, why, out);
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
	beat_send(core, now, p, out);
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
	beat_tick(core, now, out);
}

struct mono
peers_wakeup(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct mono next = beat_wakeup(core);

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
