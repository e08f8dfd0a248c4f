/* SPDX-License-Identifier: Apache-2.0 */
/* What still asks for a backend: an operator's question, which goes to the own
 * balancer and to all nodes that are heard, and is answered when all of them
 * have, or after a second. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

#define HELD_MS 1000

static struct held_node *
add_node(struct held *h, const char *name, uint64_t session)
{
	struct held_node *n = &h->nodes[h->n_nodes++];

	*n = (struct held_node){.session = session};
	text_copy(n->name, sizeof(n->name), name);
	return n;
}

static struct held *
find(struct core *core, uint64_t ask)
{
	for (size_t i = 0; ask != 0 && i < HELD_MAX; i++)
		if (core->flows.held[i].ask == ask)
			return &core->flows.held[i];
	return NULL;
}

static struct held *
find_free(struct core *core)
{
	for (size_t i = 0; i < HELD_MAX; i++)
		if (core->flows.held[i].ask == 0)
			return &core->flows.held[i];
	return NULL;
}

static void
note(struct core *core, uint64_t ask, uint64_t session,
    const struct flow_held *held)
{
	struct held *h = find(core, ask);

	for (size_t i = 0; h != NULL && i < h->n_nodes; i++) {
		struct held_node *n = &h->nodes[i];

		if (n->session != session || n->answered)
			continue;
		n->answered = true;
		if (held != NULL) {
			n->known = true;
			n->held = *held;
		}
	}
}

/* Of the own balancer; false: it cannot be asked. While it does not serve the
 * tables in force, its answer is of others. */
static bool
ask_own(struct core *core, struct mono now, const char *service,
    const struct addr *backend, struct flow_asked about,
    struct core_outputs *out)
{
	struct flow_request *q = flows_request(out, FLOW_HELD);

	if (q == NULL || !flows_can_ask(core) || !serves_plan(core))
		return false;
	q->service = arena_copy(out->arena, service, strlen(service));
	q->backend = *backend;
	if (q->service == NULL)
		return false;
	flows_ask(core, now, q, about, out);
	return true;
}

static void
ask_peers(struct core *core, struct mono now, struct held *h,
    const struct control_request *q, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_HELD_ASK);

	if (m != NULL) {
		m->held_ask.ask = h->ask;
		text_copy(m->held_ask.service, sizeof(m->held_ask.service),
		    q->service);
		m->held_ask.backend = q->backend;
	}
	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		struct peer *p = &core->cluster.peers[i];
		bool talks = p->state == PEER_TALKING;

		if (!talks &&
		    !freshness_is_fresh(
			core->cluster.fresh, now, p->node->name))
			continue; /* it carries no traffic, as far as is known
				   */
		/* A session that is not there is nobody's. */
		add_node(h, p->node->name, talks ? p->session : UINT64_MAX)
		    ->answered = !talks;
		peer_send(p, m, out);
	}
}

void
held_command(struct core *core, struct mono now, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct held *h = find_free(core);
	struct held_node *own;

	if (h == NULL) {
		command_error(
		    out, client, "too many commands at once; try again");
		return;
	}
	*h = (struct held){.client = client,
	    .ask = ++core->flows.last_number,
	    .deadline = after_ms(now, HELD_MS)};
	own = add_node(h, report_node_name(core), 0);
	own->answered = !ask_own(core, now, q->service, &q->backend,
	    (struct flow_asked){.number = h->ask}, out);
	if (core->cluster.fresh != NULL)
		ask_peers(core, now, h, q, out);
}

void
held_gone(struct core *core, uint64_t client)
{
	for (size_t i = 0; i < HELD_MAX; i++)
		if (core->flows.held[i].client == client)
			core->flows.held[i].ask = 0;
}

static void
answer_peer(struct core *core, uint64_t session, uint64_t ask,
    const struct flow_held *held, struct core_outputs *out)
{
	struct peer *p = peer_of_session(core, session);
	struct peer_message *m;

	if (p == NULL || (m = peer_message_put(out, PEER_HELD_ANSWER)) == NULL)
		return;
	m->held_answer.ask = ask;
	if (held != NULL) {
		m->held_answer.known = true;
		m->held_answer.held = *held;
	}
	peer_send(p, m, out);
}

void
held_asked(struct core *core, struct mono now, struct peer *p,
    const struct peer_held_ask *q, struct core_outputs *out)
{
	const struct flow_asked about = {
	    .session = p->session, .number = q->ask};

	if (!ask_own(core, now, q->service, &q->backend, about, out))
		answer_peer(core, p->session, q->ask, NULL, out);
}

void
held_answered(
    struct core *core, uint64_t session, const struct peer_held_answer *a)
{
	note(core, a->ask, session, a->known ? &a->held : NULL);
}

void
held_reply(struct core *core, const struct flow_asked *a,
    const struct flow_reply *r, struct core_outputs *out)
{
	const struct flow_held *held = r != NULL && r->refusal == NULL &&
		serves_plan(core)
	    ? &r->held
	    : NULL;

	if (a->session == 0)
		note(core, a->number, 0, held);
	else
		answer_peer(core, a->session, a->number, held, out);
}

static bool
is_complete(const struct held *h)
{
	for (size_t i = 0; i < h->n_nodes; i++)
		if (!h->nodes[i].answered)
			return false;
	return true;
}

static void
reply(const struct held *h, struct core_outputs *out)
{
	struct control_held_node *nodes = NULL;
	struct core_output *o;

	if (out->arena == NULL)
		out->arena = arena_new();
	if (out->arena != NULL)
		nodes = arena_alloc(out->arena, h->n_nodes, sizeof(*nodes));
	for (size_t i = 0; nodes != NULL && i < h->n_nodes; i++) {
		const struct held_node *n = &h->nodes[i];

		nodes[i].name = arena_copy(
		    out->arena, n->name, strlen(n->name));
		nodes[i].known = n->known;
		nodes[i].held = n->held;
		if (nodes[i].name == NULL)
			nodes = NULL;
	}
	if (nodes == NULL) {
		command_error(out, h->client, "out of memory");
		return;
	}
	o = core_put(out, CORE_REPLY);
	o->client = h->client;
	o->reply.kind = CONTROL_HELD;
	o->reply.held.nodes = nodes;
	o->reply.held.n_nodes = h->n_nodes;
}

void
held_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	for (size_t i = 0; i < HELD_MAX; i++) {
		struct held *h = &core->flows.held[i];

		if (h->ask == 0 ||
		    (!is_complete(h) && !reached(now, h->deadline)))
			continue;
		reply(h, out);
		h->ask = 0;
	}
}

struct mono
held_wakeup(const struct core *core)
{
	struct mono next = {INT64_MAX};

	for (size_t i = 0; i < HELD_MAX; i++)
		if (core->flows.held[i].ask != 0)
			earlier(&next, core->flows.held[i].deadline);
	return next;
}
