/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions between agents, as peer/net.h promises them: frames in order, each
 * whole or not at all; a queue that is bounded; an end that is told, or
 * silence.
 *
 * A session's number is its place, its serial and its end, so that one is found
 * without looking and never taken for another. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/peer/wire.h"
#include "common/log.h"
#include "tests/sim/sim.h"

#define CONNECT_US (5 * SIM_S)
#define HELLO_US   (5 * SIM_S)

static uint64_t
session_of(const struct sim *sim, const struct conn *c, int end)
{
	return ((uint64_t)c->serial << 14 | (uint64_t)(c - sim->conns)) << 1 |
	    (uint64_t)end;
}

static struct conn *
find(struct sim *sim, uint64_t session, int *end)
{
	size_t place = session >> 1 & 0x3fff;
	struct conn *c = place < sim->n_conns ? &sim->conns[place] : NULL;

	*end = (int)(session & 1);
	return c != NULL && c->used && c->serial == session >> 15 ? c : NULL;
}

static struct node *
node_at(struct sim *sim, const struct conn *c, int end)
{
	struct node *node = &sim->nodes[c->node[end]];

	if (end == 0 && c->ghost)
		return NULL;
	return node->core != NULL && node->life == c->life[end] ? node : NULL;
}

static bool
blocked(const struct sim *sim, const struct conn *c, int from_end)
{
	return sim->blocked[c->node[from_end]][c->node[!from_end]];
}

static void
pipe_clear(struct pipe *p)
{
	struct message *m;

	while ((m = p->first) != NULL) {
		p->first = m->next;
		free(m);
	}
	replica_free(p->cut);
	p->last = NULL;
	p->cut = NULL;
	p->queued = 0;
}

static void
release(struct conn *c)
{
	pipe_clear(&c->pipes[0]);
	pipe_clear(&c->pipes[1]);
	c->used = false;
}

/* When nobody knows of it any more and nothing is under way. */
static void
maybe_release(struct conn *c)
{
	if (!c->open[0] && !c->open[1])
		release(c);
}

static struct conn *
conn_new(struct sim *sim, int from, int to)
{
	struct conn *c;
	size_t i = 0;
	uint32_t serial;

	while (i < sim->n_conns && sim->conns[i].used)
		i++;
	if (i == sim->n_conns) {
		GW_ASSERT(i < 0x4000);
		if (i == sim->room_conns) {
			sim->room_conns += 64;
			sim->conns = realloc(
			    sim->conns, sim->room_conns * sizeof(*sim->conns));
			GW_ASSERT(sim->conns != NULL);
		}
		memset(&sim->conns[i], 0, sizeof(sim->conns[i]));
		sim->n_conns++;
	}
	c = &sim->conns[i];
	serial = c->serial + 1;
	*c = (struct conn){.used = true,
	    .serial = serial,
	    .node = {from, to},
	    .life = {sim->nodes[from].life, sim->nodes[to].life}};
	c->pipes[0].limit = c->pipes[1].limit = sim->pipe_limit;
	return c;
}

static int64_t
delay(struct sim *sim)
{
	if (rng_chance(&sim->net, sim->rare_per_mille) &&
	    sim->delay_rare_us > sim->delay_max_us)
		return rng_between(
		    &sim->net, sim->delay_max_us, sim->delay_rare_us);
	return rng_between(&sim->net, sim->delay_min_us, sim->delay_max_us);
}

static void
tell_down(struct sim *sim, struct conn *c, int end, const char *why)
{
	struct node *node = node_at(sim, c, end);
	uint64_t session = session_of(sim, c, end);

	if (!c->open[end])
		return;
	c->open[end] = false;
	maybe_release(c);
	if (node != NULL)
		node_step(sim, node,
		    &(struct core_event){.type = CORE_PEER_DOWN,
			.session = session,
			.text = why});
}

static void fire_deliver(struct sim *, struct event *);

/* The first message of a pipe has a time, unless it is held up. */
static void
arm(struct sim *sim, struct conn *c, int from_end)
{
	struct pipe *p = &c->pipes[from_end];

	if (p->armed || p->first == NULL)
		return;
	p->armed = true;
	sim_put(sim,
	    p->first->at_us > sim->now_us ? p->first->at_us : sim->now_us,
	    fire_deliver, -1, 0, session_of(sim, c, from_end), 0, NULL);
}

static void
append(struct sim *sim, struct conn *c, int from_end, struct message *m)
{
	struct pipe *p = &c->pipes[from_end];

	m->at_us = sim->now_us + delay(sim);
	if (m->at_us < p->last_us)
		m->at_us = p->last_us;
	p->last_us = m->at_us;
	m->next = NULL;
	if (p->first == NULL)
		p->first = m;
	else
		p->last->next = m;
	p->last = m;
	p->queued += m->len;
	arm(sim, c, from_end);
}

static struct message *
message_new(const uint8_t *data, size_t len)
{
	struct message *m = malloc(sizeof(*m) + len);

	GW_ASSERT(m != NULL);
	m->end = data == NULL;
	m->len = len;
	if (len > 0)
		memcpy(m->data, data, len);
	return m;
}

static void
send_end(struct sim *sim, struct conn *c, int from_end)
{
	append(sim, c, from_end, message_new(NULL, 0));
}

static void
fire_drained(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);
	struct node *node;

	if (c == NULL || !c->open[end] || !c->pipes[end].full ||
	    c->pipes[end].queued > c->pipes[end].limit / 4)
		return;
	c->pipes[end].full = false;
	if ((node = node_at(sim, c, end)) != NULL)
		node_step(sim, node,
		    &(struct core_event){
			.type = CORE_PEER_DRAINED, .session = e->a});
}

static bool
is_full(const struct peer_message *m)
{
	return m->kind == PEER_FULL_BEGIN || m->kind == PEER_FULL_CHUNK ||
	    m->kind == PEER_FULL_END;
}

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
unpack(struct sim *sim, struct node *node, uint64_t session, int from,
    struct pipe *p, const struct message *m)
{
	struct core_event e = {.type = CORE_PEER_MESSAGE, .session = session};
	enum peer_unpack_result result;
	double begun = sim->measures_cpu ? cpu_s() : 0;
	struct errmsg why;
	bool full;

	if (node->starving)
		alloc_arm(&sim->memory, 400);
	result = peer_unpack(m->data, m->len, &e.message, &why);
	alloc_disarm();
	switch (result) {
	case PEER_UNPACK_OK:
		full = is_full(e.message);
		planted_receive(sim, node, from, p, e.message);
		node_step(sim, node, &e);
		if (full && sim->measures_cpu)
			sim->full_cpu_s += cpu_s() - begun;
		break;
	case PEER_UNPACK_MALFORMED:
		sim_fail(sim, "%s cannot read what %s sent: %s", node->name,
		    sim->nodes[from].name, why.text);
		break;
	case PEER_UNPACK_UNKNOWN:
	case PEER_UNPACK_NO_MEMORY:
		break; /* lost, which digests tell */
	}
}

static void
fire_deliver(struct sim *sim, struct event *e)
{
	int from;
	struct conn *c = find(sim, e->a, &from);
	struct pipe *p;
	struct message *m;
	struct node *to;
	uint64_t session;

	if (c == NULL)
		return;
	p = &c->pipes[from];
	p->armed = false;
	if ((m = p->first) == NULL || blocked(sim, c, from))
		return;               /* net_kick goes on */
	if (m->at_us > sim->now_us) { /* it was cut, and began anew */
		arm(sim, c, from);
		return;
	}
	p->first = m->next;
	p->queued -= m->len;
	if (p->full && p->queued <= p->limit / 4)
		sim_put(sim, sim->now_us, fire_drained, -1, 0, e->a, 0, NULL);
	arm(sim, c, from);
	to = node_at(sim, c, !from);
	session = session_of(sim, c, !from);
	if (m->end)
		tell_down(sim, c, !from, "the other side closed it");
	else if (to != NULL && c->open[!from])
		unpack(sim, to, session, c->node[from], p, m);
	else if (sim->nodes[c->node[!from]].powered && c->open[from] &&
	    !c->ghost)
		tell_down(sim, c, from, "connection reset"); /* nobody there */
	free(m);
}

static void
fire_untrusted(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);

	if (c == NULL || !c->open[end] || c->trusted[end])
		return;
	if (c->open[!end])
		send_end(sim, c, end);
	tell_down(sim, c, end, "no HELLO in time");
}

static void
tell_up(struct sim *sim, struct conn *c, int end)
{
	struct node *node = node_at(sim, c, end);
	bool vouched = sim->options.seed % 2 == 0;
	uint64_t session = session_of(sim, c, end);

	sim_put(sim, sim->now_us + HELLO_US, fire_untrusted, -1, 0, session, 0,
	    NULL);
	node_step(sim, node,
	    &(struct core_event){.type = CORE_PEER_UP,
		.session = session,
		.node = vouched ? sim->nodes[c->node[!end]].name : "",
		.dialled = end == 0});
}

static void
fire_dialler_up(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);

	if (c != NULL && c->open[0] && node_at(sim, c, 0) != NULL)
		tell_up(sim, c, 0);
}

static void
fire_failed(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);

	if (c != NULL)
		tell_down(sim, c, 0,
		    e->b ? "connection refused" : "it does not answer");
}

static void
fire_connect(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);
	struct node *to;

	if (c == NULL || !c->open[0])
		return;
	to = &sim->nodes[c->node[1]];
	if (blocked(sim, c, 0) || blocked(sim, c, 1) || !to->powered) {
		sim_put(sim, sim->now_us + CONNECT_US, fire_failed, -1, 0, e->a,
		    0, NULL);
		return;
	}
	if (to->core == NULL) {
		sim_put(sim, sim->now_us + delay(sim), fire_failed, -1, 0, e->a,
		    1, NULL);
		return;
	}
	c->up = c->open[1] = true;
	c->life[1] = to->life;
	/* What the other says first may not be there before this. */
	c->pipes[1].last_us = sim->now_us + delay(sim);
	if (!c->ghost)
		sim_put(sim, c->pipes[1].last_us, fire_dialler_up, -1, 0, e->a,
		    0, NULL);
	tell_up(sim, c, 1);
}

static void
fire_dialled(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);

	if (c == NULL)
		return;
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){.type = CORE_PEER_DIALLED,
		.session = e->a,
		.node = sim->nodes[c->node[1]].name});
	sim_put(
	    sim, sim->now_us + delay(sim), fire_connect, -1, 0, e->a, 0, NULL);
}

void
net_dial(struct sim *sim, struct node *node, const char *peer)
{
	struct conn *c;
	int to = 0;

	while (to < sim->n && strcmp(sim->nodes[to].name, peer) != 0)
		to++;
	GW_ASSERT(to < sim->n);
	c = conn_new(sim, node->id, to);
	c->open[0] = true;
	sim_put(sim,
	    sim->now_us +
		(rng_chance(&sim->net, 100)
			? rng_between(&sim->net, 0, 300) * SIM_MS
			: 0),
	    fire_dialled, node->id, node->life, session_of(sim, c, 0), 0, NULL);
}

static void
fire_full(struct sim *sim, struct event *e)
{
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){.type = CORE_PEER_FULL, .session = e->a});
}

static void
remember(struct sim *sim, struct node *node, const struct peer_message *pm,
    const struct message *m)
{
	if (pm->kind != PEER_HELLO || !(sim->faults & FAULT_REPLAY))
		return;
	free(sim->said[node->id]);
	sim->said[node->id] = message_new(m->data, m->len);
}

static void
fire_flows_dropped(struct sim *sim, struct event *e)
{
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){
		.type = CORE_PEER_FLOWS_DROPPED, .session = e->a, .n = e->b});
}

void
net_send(struct sim *sim, struct node *node, uint64_t session,
    const struct peer_message *pm)
{
	int end;
	struct conn *c = find(sim, session, &end);
	struct peer_message room;
	struct message *m;
	uint8_t *data;
	size_t len;

	if (c == NULL || !c->open[end] || !c->up)
		return;
	if ((pm = planted_send(sim, node, pm, &room)) == NULL)
		return;
	if (flows_crowded(&c->pipes[end], pm)) {
		sim_put(sim, sim->now_us, fire_flows_dropped, node->id,
		    node->life, session,
		    flow_batch_count(&pm->flow_batch.flows), NULL);
		return;
	}
	if (node->starving)
		alloc_arm(&sim->memory, 400);
	data = peer_pack(pm, &len);
	alloc_disarm();
	if (data == NULL || c->pipes[end].queued > c->pipes[end].limit) {
		free(data);
		c->pipes[end].full = true;
		sim_put(sim, sim->now_us, fire_full, node->id, node->life,
		    session, 0, NULL);
		sim_put(sim, sim->now_us + 10 * SIM_MS, fire_drained, -1, 0,
		    session, 0, NULL);
		return;
	}
	sim_trace(sim, data, len);
	sim->bytes += len + 4;
	sim->messages++;
	if (is_full(pm))
		sim->full_bytes += len + 4;
	m = message_new(data, len);
	free(data);
	remember(sim, node, pm, m);
	append(sim, c, end, m);
}

void
net_trust(struct sim *sim, struct node *node, uint64_t session)
{
	int end;
	struct conn *c = find(sim, session, &end);

	(void)node;
	if (c != NULL)
		c->trusted[end] = true;
}

void
net_close(struct sim *sim, struct node *node, uint64_t session)
{
	int end;
	struct conn *c = find(sim, session, &end);

	(void)node;
	if (c == NULL || !c->open[end])
		return;
	c->open[end] = false;
	if (c->open[!end])
		send_end(sim, c, end);
	else
		maybe_release(c);
}

/* With its power a node can no longer say that its sessions end. */
void
net_node_gone(struct sim *sim, struct node *node, bool power)
{
	for (size_t i = 0; i < sim->n_conns; i++) {
		struct conn *c = &sim->conns[i];

		for (int end = 0; end < 2 && c->used; end++) {
			if (c->node[end] != node->id || !c->open[end] ||
			    (c->ghost && end == 0))
				continue;
			c->open[end] = false;
			if (power || rng_chance(&sim->net, 500))
				pipe_clear(&c->pipes[end]);
			if (!c->open[!end])
				maybe_release(c);
			else if (!power)
				send_end(sim, c, end);
		}
	}
}

/* Whoever goes on talking to the agent before this one hears that it is no
 * more. */
void
net_node_back(struct sim *sim, struct node *node)
{
	for (size_t i = 0; i < sim->n_conns; i++) {
		struct conn *c = &sim->conns[i];

		for (int end = 0; end < 2 && c->used; end++)
			if (c->node[end] == node->id && c->up &&
			    !c->open[end] && c->open[!end] &&
			    c->pipes[end].first == NULL && !c->ghost)
				send_end(sim, c, end);
	}
}

void
net_kick(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_conns; i++)
		for (int end = 0; end < 2; end++)
			if (sim->conns[i].used &&
			    !blocked(sim, &sim->conns[i], end))
				arm(sim, &sim->conns[i], end);
}

static void
fire_cut(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);

	if (c != NULL)
		tell_down(sim, c, end, "connection reset");
}

void
net_cut(struct sim *sim, size_t which)
{
	struct conn *c = &sim->conns[which % sim->n_conns];

	if (!c->used || !c->up)
		return;
	for (int end = 0; end < 2; end++) {
		pipe_clear(&c->pipes[end]);
		sim_put(sim, sim->now_us + delay(sim), fire_cut, -1, 0,
		    session_of(sim, c, end), 0, NULL);
	}
}

static void
fire_replay(struct sim *sim, struct event *e)
{
	int end;
	struct conn *c = find(sim, e->a, &end);
	const struct message *said;

	if (c == NULL || !c->up)
		return;
	if ((said = sim->said[c->node[0]]) != NULL)
		append(sim, c, 0, message_new(said->data, said->len));
	send_end(sim, c, 0);
	c->open[0] = false;
}

/* Somebody calls with a HELLO that was once said: a session twice. */
void
net_replay(struct sim *sim, int from, int to)
{
	struct conn *c;

	if (sim->said[from] == NULL || from >= to)
		return;
	c = conn_new(sim, from, to);
	c->ghost = c->open[0] = true;
	sim_put(sim, sim->now_us, fire_connect, -1, 0, session_of(sim, c, 0), 0,
	    NULL);
	sim_put(sim, sim->now_us + rng_between(&sim->net, 1, 3000) * SIM_MS,
	    fire_replay, -1, 0, session_of(sim, c, 0), 0, NULL);
}

void
net_clear(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_conns; i++)
		release(&sim->conns[i]);
	free(sim->conns);
	for (int i = 0; i < SIM_NODES_MAX; i++)
		free(sim->said[i]);
}
