/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold after each step, whatever has gone wrong.
 *
 * A replica only ever moves up: what has been seen is seen for good, what was
 * removed does not come back, nothing is gone that nobody removed, and no field
 * goes back to an earlier stamp. An agent that starts again begins with what
 * its disk says, which may be less; from then on the same holds. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/ghost.h"
#include "tests/sim/sim.h"

/* After a disk has lost something the others learn it within that time. */
#define KNOWN_US (12 * SIM_S)

static uint32_t
seen(const struct replica *r, uint64_t writer)
{
	for (size_t i = 0; i < r->n_vv; i++)
		if (r->vv[i].writer == writer)
			return r->vv[i].seq;
	return 0;
}

static bool
covers(const struct replica *r, struct uid uid)
{
	return seen(r, uid.writer) >= uid.seq;
}

void
check_init(struct sim *sim)
{
	sim->ghost = ghost_new();
}

void
check_clear(struct sim *sim)
{
	ghost_free(sim->ghost);
	for (size_t i = 0; i < sim->n_clients; i++)
		promise_free(sim->clients[i].promise);
}

void
check_loaded(struct sim *sim, struct node *node)
{
	(void)sim;
	replica_free(node->last);
	node->last = replica_new();
	GW_ASSERT(node->last != NULL);
	memset(node->config, 0, sizeof(node->config));
}

/* Moving up. */

static void
check_registers(struct sim *sim, const struct node *node,
    const struct object *was, const struct object *is)
{
	for (size_t i = 0; i < was->n_regs; i++) {
		const struct reg *a = &was->regs[i];
		const struct reg *b = object_get(is, a->field);

		if (b == NULL || reg_cmp_stamp(b, a) < 0)
			sim_fail(sim, "%s: field %u of %s goes back",
			    node->name, a->field, was->key);
	}
}

static void
check_live(struct sim *sim, const struct node *node, const struct replica *is)
{
	const struct replica *was = node->last;

	for (size_t i = 0; i < is->n_live; i++) {
		struct object *o = is->live[i], *before;

		before = replica_find(was, o->uid);
		if (before == o)
			continue;
		if (before != NULL)
			check_registers(sim, node, before, o);
		else if (covers(was, o->uid))
			sim_fail(sim, "%s: %s is back, which was removed",
			    node->name, o->key);
		if (!ghost_same_object(sim->ghost, o))
			sim_fail(sim, "%s: two objects have the uid of %s",
			    node->name, o->key);
	}
}

static void
check_gone(struct sim *sim, const struct node *node, const struct replica *is)
{
	const struct replica *was = node->last;

	for (size_t i = 0; i < was->n_live; i++)
		if (replica_find(is, was->live[i]->uid) == NULL &&
		    !ghost_was_removed(sim->ghost, was->live[i]->uid))
			sim_fail(sim, "%s: %s is gone, which nobody removed",
			    node->name, was->live[i]->key);
	for (size_t i = 0; i < is->n_vv; i++) {
		struct uid uid = {is->vv[i].writer, 0};
		uint32_t before = seen(was, uid.writer);

		for (uid.seq = before + 1; uid.seq <= is->vv[i].seq; uid.seq++)
			if (replica_find(is, uid) == NULL &&
			    !ghost_was_removed(sim->ghost, uid))
				sim_fail(sim,
				    "%s: it passes over %llx.%u, which nobody "
				    "removed",
				    node->name, (unsigned long long)uid.writer,
				    uid.seq);
	}
	for (size_t i = 0; i < was->n_vv; i++)
		if (seen(is, was->vv[i].writer) < was->vv[i].seq)
			sim_fail(sim, "%s: it has seen less than before",
			    node->name);
}

static void
check_replica(struct sim *sim, struct node *node)
{
	const struct replica *is = node->core->cluster.replica;
	struct errmsg why;

	if (replica_check(is, &why) == -1)
		sim_fail(sim, "%s: %s", node->name, why.text);
	check_live(sim, node, is);
	check_gone(sim, node, is);
	replica_free(node->last);
	node->last = replica_copy(is);
	GW_ASSERT(node->last != NULL);
}

/* Equal inputs give equal tables, at any time and any node. */
static void
check_tables(struct sim *sim, struct node *node)
{
	const struct cluster *cl = &node->core->cluster;
	const uint8_t *root;

	/* What could not be had for lack of memory is tried again. */
	if (node->starving || cl->recount || node->core->plan == NULL ||
	    cl->fresh == NULL)
		return;
	root = ghost_root(sim->ghost, cl->config, cl->observed, cl->root);
	if (memcmp(root, cl->root, sizeof(cl->root)) != 0)
		sim_fail(sim,
		    "%s: its tables are others than follow from the same "
		    "configuration and observations",
		    node->name);
}

void
check_after(struct sim *sim, struct node *node)
{
	const struct cluster *cl = &node->core->cluster;
	bool moved = false;

	if (memcmp(node->config, cl->config, sizeof(node->config)) != 0) {
		check_replica(sim, node);
		memcpy(node->config, cl->config, sizeof(node->config));
		moved = true;
	}
	if (memcmp(node->root, cl->root, sizeof(node->root)) != 0 ||
	    memcmp(node->observed, cl->observed, sizeof(node->observed)) != 0) {
		memcpy(node->root, cl->root, sizeof(node->root));
		memcpy(node->observed, cl->observed, sizeof(node->observed));
		moved = true;
	}
	if (!moved)
		return;
	check_tables(sim, node);
	sim->moved = true;
	sim_trace(sim, cl->config, sizeof(cl->config));
	sim_trace(sim, cl->root, sizeof(cl->root));
}

/* Promises. */

static bool
keeps(const struct replica *r, const struct promise *p)
{
	const struct object *o;
	const struct reg *reg;

	for (size_t i = 0; i < p->n_adds; i++)
		if (!covers(r, p->adds[i]))
			return false;
	for (size_t i = 0; i < p->n_removes; i++)
		if (!covers(r, p->removes[i]) ||
		    replica_find(r, p->removes[i]) != NULL)
			return false;
	for (size_t i = 0; i < p->n_sets; i++) {
		const struct promise_set *s = &p->sets[i];

		if (!covers(r, s->uid))
			return false;
		if ((o = replica_find(r, s->uid)) == NULL)
			continue;
		reg = object_get(o, s->field);
		if (reg == NULL || reg->stamp.hlc < s->hlc)
			return false;
	}
	return true;
}

static struct client *
client_of(struct sim *sim, uint64_t id)
{
	for (size_t i = 0; i < sim->n_clients; i++)
		if (sim->clients[i].id == id)
			return &sim->clients[i];
	return NULL;
}

/* "Written", it is told: then what was to be written is on the disk. */
void
check_before(struct sim *sim, struct node *node, const struct core_event *event)
{
	const struct writing *w = &node->core->cluster.writing;
	struct promise *p;
	struct client *c;

	if (event->type != CORE_PERSISTED || event->text != NULL ||
	    !w->has_change)
		return;
	p = promise_new(&w->change.delta);
	if (node->disk.durable == NULL || !keeps(node->disk.durable, p))
		sim_fail(sim, "%s: a change is not on its disk", node->name);
	c = w->change.client != 0 ? client_of(sim, w->change.client) : NULL;
	if (c != NULL && c->promise == NULL)
		c->promise = p;
	else
		promise_free(p);
}

static void
check_others(struct sim *sim, const struct node *node, const struct promise *p)
{
	for (int i = 0; i < sim->n; i++) {
		const struct node *other = &sim->nodes[i];

		if (other == node || other->core == NULL ||
		    (other->disk.tampered_us > 0 &&
			sim->now_us < other->disk.tampered_us + KNOWN_US) ||
		    !freshness_is_fresh(node->core->cluster.fresh,
			node_mono(sim, node), other->name))
			continue;
		if (other->last == NULL || !keeps(other->last, p))
			sim_fail(sim,
			    "%s: nothing is missing, it says, but %s has not "
			    "the change",
			    node->name, other->name);
		else if (other->disk.durable == NULL ||
		    !keeps(other->disk.durable, p))
			sim_fail(sim,
			    "%s: nothing is missing, it says, but the change "
			    "is not on %s's disk",
			    node->name, other->name);
	}
}

void
check_reply(struct sim *sim, struct node *node, const struct client *c,
    const struct control_reply *reply)
{
	bool change = c->request.kind == CONTROL_CHANGE ||
	    ((c->request.kind == CONTROL_DRAIN ||
		 c->request.kind == CONTROL_UNDRAIN) &&
		!c->request.temporary);

	if (reply->kind == CONTROL_ERROR || !change)
		return;
	if (c->promise == NULL) {
		sim_fail(sim, "%s: command %llu is done, and nothing was",
		    node->name, (unsigned long long)c->id);
		return;
	}
	if (reply->kind == CONTROL_CHANGE && reply->outcome.waited &&
	    reply->outcome.n_missing == 0)
		check_others(sim, node, c->promise);
}

/* Routes. */

static bool
is_granted(const struct node *node)
{
	const struct cluster *cl = &node->core->cluster;

	if (cl->grant != GRANT_GIVEN || cl->wish == SPEC_NODE_FORCED ||
	    node->core->drain.temporary)
		return false;
	for (size_t i = 0; i < cl->n_peers; i++)
		if (cl->peers[i].granted)
			return true;
	return false;
}

/* Of the nodes that withdrew by a grant, one has not: else somebody granted
 * what he had not. Whoever is out for another reason is not to blame. */
static void
check_announced(struct sim *sim, struct node *node, size_t n_routes)
{
	if (n_routes > 0) {
		node->withdrawn_by_grant = false;
		flows_check_announced(sim, node);
		return;
	}
	if (node->kernel.n == 0 || node->core->drain.phase == DRAIN_OFF)
		return;
	node->withdrawn_by_grant = is_granted(node);
	for (int i = 0; i < sim->n; i++) {
		const struct node *other = &sim->nodes[i];

		if (!other->withdrawn_by_grant || other->core == NULL ||
		    other->core->cluster.grant != GRANT_GIVEN)
			return;
	}
	sim_fail(sim, "%s is drained, and no node is left that announces",
	    node->name);
}

/* What an agent without faults around it never says. */
static void
check_log(struct sim *sim, const struct node *node, const char *text)
{
	if (node->starving || sim->options.planted != PLANTED_NONE)
		return;
	if (strstr(text, "a change cannot be taken") != NULL ||
	    strstr(text, "cluster: a snapshot") != NULL ||
	    strncmp(text, "balancer: serves", 16) == 0)
		sim_fail(sim, "%s: %s", node->name, text);
}

void
check_output(struct sim *sim, struct node *node, const struct core_output *o)
{
	const struct writing *w = &node->core->cluster.writing;

	if (o->type == CORE_PERSIST && w->has_change)
		for (size_t i = 0; i < w->change.delta.n_removes; i++)
			ghost_remove(sim->ghost, w->change.delta.removes[i]);
	else if (o->type == CORE_SET_ROUTES)
		check_announced(sim, node, o->n_routes);
	else if (o->type == CORE_LOG && o->level == CORE_ALARM)
		check_log(sim, node, o->text.text);
}
