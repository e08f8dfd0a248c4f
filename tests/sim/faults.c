/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong. Each seed has some of the faults, so that one does not hide
 * what another brings to light. */
#include "config.h"

#include <string.h>

#include "tests/sim/sim.h"

static struct node *
any_node(struct sim *sim)
{
	return &sim->nodes[rng_below(&sim->fault, (uint64_t)sim->n)];
}

static void
fire_start(struct sim *sim, struct event *e)
{
	node_start(sim, &sim->nodes[e->node]);
}

static void
start_later(struct sim *sim, struct node *node)
{
	int64_t ms = rng_chance(&sim->fault, 600)
	    ? rng_between(&sim->fault, 5, 1000)
	    : rng_between(&sim->fault, 1000, 15000);

	sim_put(sim, sim->now_us + ms * SIM_MS, fire_start, node->id, 0, 0, 0,
	    NULL);
}

/* What an operator does with a machine that is down. */
static void
tamper(struct sim *sim, struct node *node)
{
	if ((sim->faults & FAULT_ROT) && rng_chance(&sim->fault, 300))
		disk_rot(sim, node);
	if ((sim->faults & FAULT_ROT) && rng_chance(&sim->fault, 100))
		disk_rot(sim, node);
	if (!(sim->faults & FAULT_ROLLBACK))
		return;
	if (rng_chance(&sim->fault, 350))
		disk_rollback(sim, node);
	else if (rng_chance(&sim->fault, 150))
		disk_lose(sim, node);
	if (rng_chance(&sim->fault, 300))
		disk_keep(node);
}

static void
crash(struct sim *sim, bool power)
{
	struct node *node = any_node(sim);

	if (node->core == NULL)
		return;
	if (!power && rng_chance(&sim->leave, 300))
		node_step(
		    sim, node, &(struct core_event){.type = CORE_STOPPING});
	node_crash(sim, node, power);
	tamper(sim, node);
	if (sim->faults & FAULT_FILE)
		node->file = (int)rng_below(&sim->fault, 3);
	start_later(sim, node);
}

static void
fire_mend(struct sim *sim, struct event *e)
{
	(void)e;
	memset(sim->blocked, 0, sizeof(sim->blocked));
	net_kick(sim);
}

static void
block(struct sim *sim, int a, int b)
{
	if (a != b)
		sim->blocked[a][b] = true;
}

static void
partition(struct sim *sim)
{
	uint64_t how = rng_below(&sim->fault, 4);

	memset(sim->blocked, 0, sizeof(sim->blocked));
	for (int a = 0; a < sim->n; a++)
		for (int b = 0; b < sim->n; b++)
			if (how == 0       ? rng_chance(&sim->fault, 150)
				: how == 1 ? a % 2 != b % 2
				: how == 2
				? (a > b ? a - b : b - a) != 1
				: a < b && rng_chance(&sim->fault, 300))
				block(sim, a, b);
	if (how == 0) /* both ways */
		for (int a = 0; a < sim->n; a++)
			for (int b = 0; b < sim->n; b++)
				if (sim->blocked[a][b])
					block(sim, b, a);
	net_kick(sim);
	sim_say(sim, NULL, "partition %llu", (unsigned long long)how);
	sim_put(sim,
	    sim->now_us + rng_between(&sim->fault, 500, 15000) * SIM_MS,
	    fire_mend, -1, 0, 0, 0, NULL);
}

static void
slow(struct sim *sim)
{
	if (rng_chance(&sim->fault, 400)) {
		sim->delay_max_us = 3 * SIM_MS;
		sim->pipe_limit = PEER_CHUNK_LEN * 8;
	} else {
		sim->delay_max_us = rng_between(&sim->fault, 5, 400) * SIM_MS;
		sim->pipe_limit = (size_t)rng_between(&sim->fault, 64, 4096);
	}
	for (size_t i = 0; i < sim->n_conns; i++)
		for (int end = 0; end < 2; end++)
			sim->conns[i].pipes[end].limit = rng_chance(
							     &sim->fault, 500)
			    ? sim->pipe_limit
			    : PEER_CHUNK_LEN * 8;
}

static void
fire_balancer(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];

	if (node->powered)
		balancer_start(sim, node);
}

static void
balancer(struct sim *sim)
{
	struct node *node = any_node(sim);

	if (rng_chance(&sim->fault, 300)) {
		node->served.refuses = !node->served.refuses;
		return;
	}
	if (!node->served.running)
		return;
	sim_say(sim, node, "balancer crashes");
	balancer_crash(sim, node);
	sim_put(sim, sim->now_us + rng_between(&sim->fault, 10, 4000) * SIM_MS,
	    fire_balancer, node->id, 0, 0, 0, NULL);
}

static void
probe(struct sim *sim)
{
	struct node *node = any_node(sim);

	sim->lost_per_mille = (unsigned)rng_below(&sim->fault, 100);
	if (rng_chance(&sim->fault, 500))
		memset(sim->sees_otherwise[node->id], 0,
		    sizeof(sim->sees_otherwise[0]));
	else
		for (int b = 0; b < SIM_BACKENDS_MAX; b++)
			sim->sees_otherwise[node->id][b] = rng_chance(
			    &sim->fault, 300);
}

static void
file(struct sim *sim)
{
	struct node *node = any_node(sim);

	node->file = (int)rng_below(&sim->fault, 3);
	node_reload(sim, node);
}

static void
clocks(struct sim *sim)
{
	struct node *node = any_node(sim);

	node->wall_ms += rng_chance(&sim->fault, 300)
	    ? rng_between(&sim->fault, -3600000, 3600000)
	    : rng_between(&sim->fault, -2000, 2000);
}

static void
one_fault(struct sim *sim, enum fault fault)
{
	int a = (int)rng_below(&sim->fault, (uint64_t)sim->n);
	int b = (int)rng_below(&sim->fault, (uint64_t)sim->n);

	switch (fault) {
	case FAULT_CUT:
		if (sim->n_conns > 0)
			net_cut(sim, rng_next(&sim->fault));
		break;
	case FAULT_PARTITION:
		partition(sim);
		break;
	case FAULT_SLOW:
		slow(sim);
		break;
	case FAULT_CRASH:
	case FAULT_POWER:
		crash(sim, fault == FAULT_POWER);
		break;
	case FAULT_CLOCK:
		clocks(sim);
		break;
	case FAULT_MEMORY:
		any_node(sim)->starving = rng_chance(&sim->fault, 500);
		break;
	case FAULT_BALANCER:
		balancer(sim);
		break;
	case FAULT_PROBE:
		probe(sim);
		break;
	case FAULT_FILE:
		file(sim);
		break;
	case FAULT_REPLAY:
		net_replay(sim, a < b ? a : b, a < b ? b : a);
		break;
	case FAULT_EIO:
	case FAULT_ROT:
	case FAULT_ROLLBACK: /* disk.c, tamper */
	case FAULTS_ALL:
		break;
	}
}

static void
fire_fault(struct sim *sim, struct event *e)
{
	uint32_t fault;

	(void)e;
	if (sim->healed)
		return;
	do
		fault = UINT32_C(1) << rng_below(&sim->fault, FAULT_KINDS);
	while (!(sim->faults & fault));
	one_fault(sim, (enum fault)fault);
	sim_put(sim, sim->now_us + rng_between(&sim->fault, 20, 900) * SIM_MS,
	    fire_fault, -1, 0, 0, 0, NULL);
}

void
faults_begin(struct sim *sim)
{
	for (int i = 0; i < sim->n; i++)
		sim_put(sim, rng_between(&sim->fault, 0, 2000) * SIM_MS,
		    fire_start, i, 0, 0, 0, NULL);
	if (sim->faults != 0)
		sim_put(sim, 3 * SIM_S, fire_fault, -1, 0, 0, 0, NULL);
}

/* From now on nothing goes wrong any more. */
void
faults_heal(struct sim *sim)
{
	sim->healed = true;
	sim_say(sim, NULL, "healed");
	memset(sim->blocked, 0, sizeof(sim->blocked));
	memset(sim->down, 0, sizeof(sim->down));
	memset(sim->sees_otherwise, 0, sizeof(sim->sees_otherwise));
	sim->lost_per_mille = 0;
	sim->delay_min_us = SIM_MS;
	sim->delay_max_us = 3 * SIM_MS;
	sim->rare_per_mille = 0;
	sim->pipe_limit = PEER_CHUNK_LEN * 8;
	for (size_t i = 0; i < sim->n_conns; i++)
		sim->conns[i].pipes[0].limit = sim->conns[i].pipes[1].limit =
		    sim->pipe_limit;
	for (int i = 0; i < sim->n; i++) {
		struct node *node = &sim->nodes[i];

		node->starving = false;
		node->powered = true;
		/* One that has left comes back with a new agent. */
		if (node->core != NULL && node->core->cluster.fresh != NULL &&
		    freshness_own(node->core->cluster.fresh)->left)
			node_crash(sim, node, false);
		node_start(sim, node);
		balancer_start(sim, node);
	}
	net_kick(sim);
}
