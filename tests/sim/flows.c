/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: balancers as ghosts (tests/unit/ghost_flows.h), of which some flows
 * begin in slots that move, and that tell their agents of it; and what must
 * hold. After all is mended every balancer knows what began at one that has
 * not ended since, and all have settled on the same; and whoever announces for
 * the first time knows all that all others knew when its balancer began. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

#define TELL_US 10 * SIM_MS
/* Also of one that was asked again and again: its pauses. */
#define KNOWN_US (60 * SIM_S)
/* Batches leave the rest of a pipe to others, as they do in the agent. */
#define CROWDED_PART 4

/* A flow, and where it began. */
struct birth {
	uint64_t hash;
	int node;
	uint64_t balancer; /* which of that node's */
};

struct answer {
	uint64_t connection;
	struct flow_reply *reply;
};

/* Answers under way, the oldest first. */
struct flow_answers {
	struct answer *items;
	size_t n, room;
};

static struct addr
backend_of(uint64_t n)
{
	uint8_t bytes[4] = {10, 1, 0, (uint8_t)(1 + n % 4)};
	struct addr a;

	GW_ASSERT(addr_from_bytes(&a, bytes, sizeof(bytes)) == 0);
	return a;
}

/* There is one seed, which the balancer has got with its tables. */
static uint64_t
print_of(struct node *node)
{
	if (node->core != NULL && node->core->flows.print != 0)
		node->served.print = node->core->flows.print;
	return node->served.print;
}

/* The connection. */

static void
forget_answers(struct node *node)
{
	struct flow_answers *a = node->served.answers;

	for (size_t i = 0; a != NULL && i < a->n; i++)
		flow_reply_free(a->items[i].reply);
	if (a != NULL)
		a->n = 0;
}

static void
hang_up(struct node *node)
{
	node->served.flows_up = false;
	node->served.flows_connection++;
	node->served.ghost.follow_id = 0;
	forget_answers(node);
}

static void
fire_answer(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct served *b = &node->served;
	struct flow_answers *a = b->answers;
	struct flow_reply *r;

	if (!b->flows_up || e->a != b->flows_connection || a == NULL ||
	    a->n == 0 || node->core == NULL)
		return;
	r = a->items[0].reply;
	memmove(a->items, a->items + 1, --a->n * sizeof(*a->items));
	node_step(sim, node,
	    &(struct core_event){.type = CORE_FLOWS_REPLY, .flow_reply = r});
}

/* In order, and soon. */
static void
answer(struct sim *sim, struct node *node, struct flow_reply *r)
{
	struct served *b = &node->served;
	int64_t at = sim->now_us + rng_between(&sim->flows, 50, 1500);
	struct flow_answers *a = b->answers;

	if (a == NULL)
		a = b->answers = calloc(1, sizeof(*a));
	GW_ASSERT(a != NULL);
	if (a->n == a->room) {
		a->room = a->room * 2 + 8;
		a->items = reallocarray(a->items, a->room, sizeof(*a->items));
		GW_ASSERT(a->items != NULL);
	}
	a->items[a->n++] = (struct answer){b->flows_connection, r};
	if (at < b->flows_last_us)
		at = b->flows_last_us;
	b->flows_last_us = at;
	sim_put(
	    sim, at, fire_answer, node->id, 0, b->flows_connection, 0, NULL);
}

static void
fire_tell(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct served *b = &node->served;
	struct flow_reply *r;

	b->telling = false;
	if (!b->flows_up || node->core == NULL ||
	    (r = ghost_flows_tell(&b->ghost, print_of(node))) == NULL)
		return;
	answer(sim, node, r);
	flows_tell(sim, node);
}

void
flows_tell(struct sim *sim, struct node *node)
{
	struct served *b = &node->served;

	if (b->telling || b->ghost.n_untold == 0 || b->ghost.follow_id == 0)
		return;
	b->telling = true;
	sim_put(sim, sim->now_us + TELL_US, fire_tell, node->id, 0, 0, 0, NULL);
}

static void
fire_dialled(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct served *b = &node->served;

	hang_up(node);
	if (b->running) {
		b->flows_up = true;
		node_step(
		    sim, node, &(struct core_event){.type = CORE_FLOWS_UP});
	} else {
		node_step(sim, node,
		    &(struct core_event){
			.type = CORE_FLOWS_LOST, .text = "no such file"});
	}
}

bool
flows_output(struct sim *sim, struct node *node, const struct core_output *o)
{
	struct flow_reply *r;

	switch (o->type) {
	case CORE_FLOWS_DIAL:
		sim_put(sim, sim->now_us + rng_between(&sim->flows, 100, 2000),
		    fire_dialled, node->id, node->life, 0, 0, NULL);
		return true;
	case CORE_FLOWS_HANGUP:
		hang_up(node);
		return true;
	case CORE_FLOWS_ASK:
		if (!node->served.flows_up)
			return true;
		r = ghost_flows_answer(&node->served.ghost, print_of(node),
		    o->id, o->flow_request);
		if (o->flow_request->what == FLOW_FOLLOW) {
			flow_reply_free(r);
			flows_tell(sim, node);
		} else {
			answer(sim, node, r);
		}
		return true;
	default:
		return false;
	}
}

void
flows_agent_gone(struct node *node)
{
	hang_up(node);
}

static void
fire_lost(struct sim *sim, struct event *e)
{
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){
		.type = CORE_FLOWS_LOST, .text = "it went away"});
}

void
flows_balancer_gone(struct sim *sim, struct node *node)
{
	struct served *b = &node->served;
	bool was_up = b->flows_up;

	hang_up(node);
	ghost_flows_clear(&b->ghost);
	b->balancer++;
	if (was_up && node->core != NULL)
		sim_put(sim, sim->now_us + 100, fire_lost, node->id, node->life,
		    0, 0, NULL);
}

static bool
all_others_know(
    const struct sim *sim, const struct node *node, const struct birth *b)
{
	for (int i = 0; i < sim->n; i++) {
		const struct node *other = &sim->nodes[i];

		if (other != node &&
		    (!other->served.running ||
			ghost_flows_find(&other->served.ghost, b->hash) ==
			    NULL))
			return false;
	}
	return true;
}

/* What it has to know before it announces is what all others know now. */
void
flows_balancer_starts(struct sim *sim, struct node *node)
{
	struct served *s = &node->served;

	s->unannounced = true;
	free(s->required);
	s->required = calloc(sim->n_births + 1, sizeof(*s->required));
	GW_ASSERT(s->required != NULL);
	s->n_required = 0;
	for (size_t i = 0; i < sim->n_births; i++)
		if (all_others_know(sim, node, &sim->births[i]))
			s->required[s->n_required++] = i;
}

void
flows_end(struct sim *sim)
{
	for (int i = 0; i < sim->n; i++) {
		struct served *b = &sim->nodes[i].served;

		forget_answers(&sim->nodes[i]);
		ghost_flows_clear(&b->ghost);
		if (b->answers != NULL)
			free(b->answers->items);
		free(b->answers);
		free(b->required);
	}
	free(sim->births);
}

bool
flows_crowded(const struct pipe *p, const struct peer_message *m)
{
	return m->kind == PEER_FLOW_BATCH &&
	    p->queued > p->limit / CROWDED_PART;
}

/* What happens. */

static void
be_born(struct sim *sim, struct node *node)
{
	struct addr backend = backend_of(sim->n_births);

	if (sim->n_births == sim->room_births) {
		sim->room_births = sim->room_births * 2 + 64;
		sim->births = reallocarray(
		    sim->births, sim->room_births, sizeof(*sim->births));
		GW_ASSERT(sim->births != NULL);
	}
	sim->births[sim->n_births++] = (struct birth){.hash = sim->n_births + 1,
	    .node = node->id,
	    .balancer = node->served.balancer};
	ghost_flows_born(
	    &node->served.ghost, sim->births[sim->n_births - 1].hash, &backend);
	flows_tell(sim, node);
}

/* A slot moves at all nodes; or at one alone, as of changes that came to it in
 * another order. */
static void
move_slot(struct sim *sim)
{
	size_t slot = (size_t)rng_below(&sim->flows, GHOST_SLOTS);
	struct addr backend = backend_of(rng_next(&sim->flows));
	int only = rng_chance(&sim->flows, 300)
	    ? (int)rng_below(&sim->flows, (uint64_t)sim->n)
	    : -1;

	for (int i = 0; i < sim->n; i++)
		if (sim->nodes[i].served.running && (only == -1 || only == i))
			sim->nodes[i].served.ghost.settled[slot] = backend;
}

static void
fire_flows(struct sim *sim, struct event *e)
{
	struct node *node =
	    &sim->nodes[rng_below(&sim->flows, (uint64_t)sim->n)];

	(void)e;
	if (sim->healed)
		return;
	if (node->served.running && node->kernel.n > 0)
		for (int64_t n = rng_between(&sim->flows, 1, 20); n > 0; n--)
			be_born(sim, node);
	if (rng_chance(&sim->flows, 100))
		move_slot(sim);
	sim_put(sim, sim->now_us + rng_between(&sim->flows, 5, 300) * SIM_MS,
	    fire_flows, -1, 0, 0, 0, NULL);
}

void
flows_begin(struct sim *sim)
{
	sim_put(sim, SIM_S, fire_flows, -1, 0, 0, 0, NULL);
}

/* What must hold. */

static bool
is_there(const struct sim *sim, const struct birth *b)
{
	return sim->nodes[b->node].served.balancer == b->balancer;
}

/* "": all is well. */
static void
look(const struct sim *sim, struct errmsg *why)
{
	uint8_t first[REPLICA_DIGEST_LEN], digest[REPLICA_DIGEST_LEN];

	why->text[0] = '\0';
	for (size_t i = 0; i < sim->n_births; i++)
		for (int n = 0; is_there(sim, &sim->births[i]) && n < sim->n;
		     n++)
			if (ghost_flows_find(&sim->nodes[n].served.ghost,
				sim->births[i].hash) == NULL) {
				errmsg_set(why,
				    "%s does not know flow %llu of %s",
				    sim->nodes[n].name,
				    (unsigned long long)sim->births[i].hash,
				    sim->nodes[sim->births[i].node].name);
				return;
			}
	for (int n = 0; n < sim->n; n++) {
		ghost_flows_digest(&sim->nodes[n].served.ghost, digest);
		if (n == 0)
			memcpy(first, digest, sizeof(first));
		else if (memcmp(first, digest, sizeof(first)) != 0)
			errmsg_set(why, "%s has not settled on what %s has",
			    sim->nodes[n].name, sim->nodes[0].name);
	}
}

void
flows_settle(struct sim *sim)
{
	int64_t until = sim->now_us + KNOWN_US;
	struct errmsg why;

	for (look(sim, &why); why.text[0] != '\0'; look(sim, &why)) {
		if (sim->failed || sim->now_us >= until) {
			sim_fail(sim, "%s", why.text);
			return;
		}
		sim->now_us += SIM_S;
		while (sim_next(sim, sim->now_us))
			continue;
	}
}

static bool
talks_to_all(const struct sim *sim, const struct node *node)
{
	const struct cluster *cl = &node->core->cluster;

	for (size_t i = 0; i < cl->n_peers; i++)
		if (!flows_speaks(&cl->peers[i]))
			return false;
	return cl->n_peers == (size_t)sim->n - 1;
}

void
flows_check_announced(struct sim *sim, struct node *node)
{
	struct served *s = &node->served;

	if (!s->unannounced)
		return;
	s->unannounced = false;
	if (node->core->flows.stats.joins_missed > 0 || node->starving ||
	    !talks_to_all(sim, node))
		return; /* it had nobody to ask, then */
	for (size_t i = 0; i < s->n_required; i++) {
		const struct birth *b = &sim->births[s->required[i]];

		if (all_others_know(sim, node, b) &&
		    ghost_flows_find(&s->ghost, b->hash) == NULL)
			sim_fail(sim,
			    "%s announces, and does not know flow %llu, which "
			    "all others know",
			    node->name, (unsigned long long)b->hash);
	}
}
