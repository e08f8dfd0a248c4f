/* SPDX-License-Identifier: Apache-2.0 */
/* One seed: anything goes wrong, then nothing does. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

/* After all are equal they stay so, but for what is under way. */
#define STAY_US  (3 * SIM_S)
#define AGAIN_US (2 * SIM_S)

uint64_t
sim_hash(uint64_t before, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint64_t h = before ^ (uint64_t)len * 0x9e3779b97f4a7c15, word;

	for (; len > 0; bytes += sizeof(word)) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, bytes, n);
		len -= n;
		h = (h ^ word) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	return h;
}

void
sim_trace(struct sim *sim, const void *data, size_t len)
{
	sim->result.trace = sim_hash(sim->result.trace, data, len);
}

void
sim_say(struct sim *sim, const struct node *node, const char *fmt, ...)
{
	va_list ap;

	if (!sim->options.verbose)
		return;
	printf("%10.6f %s ", (double)sim->now_us / 1e6,
	    node != NULL ? node->name : "   ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
sim_fail(struct sim *sim, const char *fmt, ...)
{
	struct errmsg *why = &sim->result.violation;
	va_list ap;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	sim_say(sim, NULL, "VIOLATION %s", why->text);
}

void
sim_put(struct sim *sim, int64_t at_us, event_fn *fire, int node, uint64_t life,
    uint64_t a, uint64_t b, void *data)
{
	heap_put(&sim->heap,
	    (struct event){.at_us = at_us,
		.fire = fire,
		.node = node,
		.life = life,
		.a = a,
		.b = b,
		.data = data});
}

void
sim_init(struct sim *sim, const struct options *options)
{
	struct rng r = rng_of(options->seed, 1);

	memset(sim, 0, sizeof(*sim));
	sim->options = *options;
	sim->n = options->n_nodes > 0 ? options->n_nodes
				      : (int)rng_between(&r, 2, 8);
	for (int i = 0; i < FAULT_KINDS; i++)
		if (rng_chance(&r, 350))
			sim->faults |= options->faults & UINT32_C(1) << i;
	sim->net = rng_of(options->seed, 2);
	sim->fault = rng_of(options->seed, 3);
	sim->load = rng_of(options->seed, 4);
	sim->health = rng_of(options->seed, 5);
	sim->disk = rng_of(options->seed, 6);
	sim->memory = rng_of(options->seed, 7);
	sim->leave = rng_of(options->seed, 8);
	sim->flows = rng_of(options->seed, 9);
	sim->delay_min_us = SIM_MS;
	sim->delay_max_us = 3 * SIM_MS;
	sim->delay_rare_us = 200 * SIM_MS;
	sim->rare_per_mille = 20;
	sim->pipe_limit = PEER_CHUNK_LEN * 8;
	sim->lost_per_mille = 5;
	sim->until_us = rng_between(&r, 12, 40) * SIM_S;
	planted_sim = sim;
	check_init(sim);
	for (int i = 0; i < sim->n; i++)
		node_init(sim, i);
}

void
sim_clear(struct sim *sim)
{
	flows_end(sim);
	for (int i = 0; i < sim->n; i++)
		node_clear(&sim->nodes[i]);
	net_clear(sim);
	heap_clear(&sim->heap);
	check_clear(sim);
	planted_sim = NULL;
}

bool
sim_next(struct sim *sim, int64_t until_us)
{
	struct event e;
	const struct node *node;

	if (sim->failed || sim->heap.n == 0 ||
	    sim->heap.events[0].at_us > until_us)
		return false;
	e = heap_take(&sim->heap);
	sim->now_us = e.at_us;
	node = e.node >= 0 ? &sim->nodes[e.node] : NULL;
	if (e.life == 0 ||
	    (node != NULL && node->core != NULL && node->life == e.life))
		e.fire(sim, &e);
	free(e.data);
	return true;
}

bool
sim_equal(const struct sim *sim)
{
	const struct cluster *first = NULL;

	for (int i = 0; i < sim->n; i++) {
		const struct core *core = sim->nodes[i].core;
		const struct cluster *cl;

		if (core == NULL)
			return false;
		cl = &core->cluster;
		if (first == NULL)
			first = cl;
		if (cl->join != JOIN_IN || core->link != LINK_UP ||
		    core->sync != SYNC_GOOD ||
		    memcmp(cl->config, first->config, sizeof(cl->config)) !=
			0 ||
		    memcmp(cl->observed, first->observed,
			sizeof(cl->observed)) != 0 ||
		    memcmp(cl->root, first->root, sizeof(cl->root)) != 0)
			return false;
	}
	return true;
}

/* What an operator would be told, at each node. */
static bool
says_identical(struct sim *sim)
{
	for (int i = 0; i < sim->n; i++) {
		struct node *node = &sim->nodes[i];
		struct control_reply reply = {.kind = CONTROL_CLUSTER};
		struct arena *arena = arena_new();
		bool same;

		GW_ASSERT(arena != NULL);
		GW_ASSERT(report_cluster(node->core, node_mono(sim, node),
			      arena, &reply) == 0);
		same = reply.cluster.identical && reply.cluster.joined;
		for (size_t n = 0; n < reply.cluster.n_nodes; n++)
			same = same && reply.cluster.nodes[n].fresh &&
			    reply.cluster.nodes[n].connected;
		arena_free(arena);
		if (!same)
			return false;
	}
	return true;
}

static bool
run_until_equal(struct sim *sim, int64_t until_us)
{
	while (!(sim_equal(sim) && says_identical(sim)))
		if (!sim_next(sim, until_us))
			return false;
	return true;
}

static void
explain(struct sim *sim)
{
	for (int i = 0; i < sim->n; i++) {
		const struct core *core = sim->nodes[i].core;
		const struct cluster *cl;

		if (core == NULL)
			continue;
		cl = &core->cluster;
		sim_say(sim, &sim->nodes[i],
		    "join %d (%s) link %d sync %d config %02x%02x observed "
		    "%02x%02x root %02x%02x",
		    cl->join, cl->join_why.text, core->link, core->sync,
		    cl->config[0], cl->config[1], cl->observed[0],
		    cl->observed[1], cl->root[0], cl->root[1]);
		for (size_t r = 0; r < cl->n_records; r++)
			sim_say(sim, &sim->nodes[i],
			    "  record %s %llu.%llu %02x%02x",
			    cl->records[r].node,
			    (unsigned long long)cl->records[r].incarnation,
			    (unsigned long long)cl->records[r].obs_seq,
			    cl->records[r].digest[0], cl->records[r].digest[1]);
		for (size_t p = 0; p < cl->n_peers; p++)
			sim_say(sim, &sim->nodes[i],
			    "  peer %s state %d stuck %d fresh %d (%s)",
			    cl->peers[p].node->name, cl->peers[p].state,
			    cl->peers[p].stuck,
			    freshness_is_fresh(cl->fresh,
				node_mono(sim, &sim->nodes[i]),
				cl->peers[p].node->name),
			    cl->peers[p].trouble.text);
	}
}

static void
settle(struct sim *sim)
{
	int64_t healed = sim->now_us;

	if (!run_until_equal(sim, healed + SIM_BOUND_US)) {
		explain(sim);
		sim_fail(sim, "not equal %lld s after all is mended",
		    (long long)(SIM_BOUND_US / SIM_S));
		return;
	}
	sim->result.heal_us = sim->now_us - healed;
	sim_say(
	    sim, NULL, "equal after %.3f s", (double)sim->result.heal_us / 1e6);
	while (sim_next(sim, healed + sim->result.heal_us + STAY_US))
		continue;
	if (!sim->failed && !run_until_equal(sim, sim->now_us + AGAIN_US)) {
		explain(sim);
		sim_fail(sim, "they were equal, and are not any more");
	}
	if (!sim->failed)
		flows_settle(sim);
}

void
sim_run(const struct options *options, struct result *result)
{
	struct sim *sim = malloc(sizeof(*sim));

	GW_ASSERT(sim != NULL);
	sim_init(sim, options);
	sim_say(sim, NULL, "seed %llu, %d nodes, faults %x, until %lld s",
	    (unsigned long long)options->seed, sim->n, sim->faults,
	    (long long)(sim->until_us / SIM_S));
	faults_begin(sim);
	workload_begin(sim);
	flows_begin(sim);
	while (sim_next(sim, sim->until_us))
		continue;
	sim->now_us = sim->until_us;
	if (!sim->failed) {
		faults_heal(sim);
		settle(sim);
	}
	*result = sim->result;
	sim_clear(sim);
	free(sim);
}
