/* SPDX-License-Identifier: Apache-2.0 */
/* How long it takes until all nodes have the same tables, on links of 1 to 3 ms
 * where 2 % of messages take up to 200 ms; what it costs when nothing happens;
 * and what a whole replica costs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "tests/sim/sim.h"

#define PATIENCE_US (60 * SIM_S)
/* With more nodes each second takes long to simulate, and pauses are shorter:
 * enough for a backend to come back, once each. */
#define MANY_NODES 16

struct samples {
	double *ms;
	size_t n;
};

static int
cmp_ms(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
percentile(struct samples *s, size_t percent)
{
	size_t at = (s->n * percent + 99) / 100;

	qsort(s->ms, s->n, sizeof(*s->ms), cmp_ms);
	return s->ms[at > 0 ? at - 1 : 0];
}

static void
sample(struct samples *s, int64_t us)
{
	s->ms = realloc(s->ms, (s->n + 1) * sizeof(*s->ms));
	GW_ASSERT(s->ms != NULL);
	s->ms[s->n++] = (double)us / 1e3;
}

static void
fire_start(struct sim *sim, struct event *e)
{
	node_start(sim, &sim->nodes[e->node]);
}

static struct sim *
begin(int n_nodes, int services, int backends)
{
	const struct options o = {.seed = 1, .n_nodes = n_nodes};
	struct sim *sim = malloc(sizeof(*sim));

	GW_ASSERT(sim != NULL);
	sim_init(sim, &o);
	sim->lost_per_mille = 0;
	sim->n_services = services;
	sim->n_backends = backends;
	return sim;
}

static void
end(struct sim *sim)
{
	sim_clear(sim);
	free(sim);
}

static bool
failed(const struct sim *sim, const char *what)
{
	if (sim->failed)
		fprintf(
		    stderr, "sim: %s: %s\n", what, sim->result.violation.text);
	return sim->failed;
}

static void
run_for(struct sim *sim, int64_t us)
{
	int64_t until = sim->now_us + us;

	while (sim_next(sim, until))
		continue;
	sim->now_us = until;
}

static void
start_all(struct sim *sim)
{
	for (int i = 0; i < sim->n; i++)
		sim_put(sim, i * SIM_MS, fire_start, i, 0, 0, 0, NULL);
	while (!sim_equal(sim))
		if (!sim_next(sim, PATIENCE_US)) {
			sim_fail(sim, "the nodes do not become equal");
			return;
		}
	run_for(sim, 5 * SIM_S);
}

static bool
same_root(const struct sim *sim, const uint8_t *other, bool want)
{
	for (int i = 0; i < sim->n; i++) {
		const struct core *core = sim->nodes[i].core;

		if ((memcmp(core->cluster.root, other,
			 sizeof(core->cluster.root)) == 0) != want)
			return false;
	}
	return true;
}

/* Until all have tables that are equal, and others than before. */
static bool
run_until_changed(struct sim *sim, const uint8_t *before)
{
	int64_t until = sim->now_us + PATIENCE_US;

	while (!same_root(sim, before, false) ||
	    !same_root(sim, sim->nodes[0].core->cluster.root, true))
		if (!sim_next(sim, until)) {
			sim_fail(sim, "the tables do not change everywhere");
			return false;
		}
	return true;
}

/* An agent whose disk is slow here refuses a command while it writes what came
 * from others; the daemon, which waits for its disk, never does. */
static void
wait_for_disk(struct sim *sim, int node)
{
	while (sim->nodes[node].core->cluster.writing.busy)
		run_for(sim, SIM_MS);
}

static void
set_weight(struct sim *sim, int node, int service, int weight)
{
	struct control_change c = {
	    .op = CONTROL_SET, .is_backend = true, .local = true};
	struct control_request q = {.kind = CONTROL_CHANGE, .change = &c};

	snprintf(c.service, sizeof(c.service), "s%d", service);
	snprintf(c.fields, sizeof(c.fields), "weight=%d", weight);
	addr_parse(&c.backend, service == 0 ? "10.1.0.1" : "10.2.0.1");
	workload_command(sim, &sim->nodes[node], &q);
}

static void
measure_command(struct sim *sim, int rounds, struct samples *out)
{
	for (int r = 0; r < rounds && !sim->failed; r++) {
		uint8_t before[REPLICA_DIGEST_LEN];
		int64_t begun;

		wait_for_disk(sim, r % sim->n);
		begun = sim->now_us;
		memcpy(
		    before, sim->nodes[0].core->cluster.root, sizeof(before));
		set_weight(sim, r % sim->n, 0, 2 + r % 7);
		if (run_until_changed(sim, before))
			sample(out, sim->now_us - begun);
		run_for(sim,
		    (sim->n > MANY_NODES ? 300 : 1500) * SIM_MS +
			r % 13 * 77 * SIM_MS);
	}
}

/* Do more of the nodes see it down than up? */
static bool
voted_down(const struct sim *sim, const char *service, const char *backend)
{
	struct addr a;
	int down = 0;

	addr_parse(&a, backend);
	for (int i = 0; i < sim->n; i++)
		down += checks_health(sim->nodes[i].core->cluster.checks,
			    service, &a) == HEALTH_DOWN;
	return down * 2 > sim->n;
}

static void
measure_death(struct sim *sim, int rounds, struct samples *out)
{
	for (int r = 0; r < rounds && !sim->failed; r++) {
		int service = r % 2, backend = 1 + r / 2 % 3;
		char name[8], addr[32];
		uint8_t before[REPLICA_DIGEST_LEN];
		int64_t until = sim->now_us + PATIENCE_US, begun;
		bool *down = &sim->down[(service + 1) << 4 | backend];

		snprintf(name, sizeof(name), "s%d", service);
		snprintf(
		    addr, sizeof(addr), "10.%d.0.%d", service + 1, backend);
		memcpy(
		    before, sim->nodes[0].core->cluster.root, sizeof(before));
		*down = true;
		while (!voted_down(sim, name, addr) && sim_next(sim, until))
			continue;
		begun = sim->now_us;
		if (run_until_changed(sim, before))
			sample(out, sim->now_us - begun);
		*down = false;
		run_for(sim, (sim->n > MANY_NODES ? 8 : 30) * SIM_S);
	}
}

static void
split(struct sim *sim, bool on)
{
	for (int a = 0; a < sim->n; a++)
		for (int b = 0; b < sim->n; b++)
			sim->blocked[a][b] = on && a % 2 != b % 2;
	net_kick(sim);
}

static void
measure_heal(struct sim *sim, int rounds, struct samples *out)
{
	for (int r = 0; r < rounds && !sim->failed; r++) {
		int64_t healed, until;

		split(sim, true);
		run_for(sim, 7 * SIM_S + r % 5 * SIM_S);
		wait_for_disk(sim, 0);
		set_weight(sim, 0, 0, 10 + r);
		wait_for_disk(sim, 1);
		set_weight(sim, 1, 1, 10 + r);
		run_for(sim, SIM_S);
		split(sim, false);
		healed = sim->now_us;
		until = healed + PATIENCE_US;
		while (!sim_equal(sim) && sim_next(sim, until))
			continue;
		sample(out, sim->now_us - healed);
		run_for(sim, (sim->n > MANY_NODES ? 3 : 12) * SIM_S);
	}
}

static void
say(int n_nodes, const char *what, const char *which, double ms)
{
	printf("figure cluster.%s.sim%d.ms.%s %.1f ms\n", what, n_nodes, which,
	    ms);
}

int
measure(int n_nodes, int rounds)
{
	struct samples command = {NULL, 0}, death = {NULL, 0}, heal = {NULL, 0};
	struct sim *sim = begin(n_nodes, 0, 0);
	bool bad;

	start_all(sim);
	measure_command(sim, rounds, &command);
	measure_death(sim, rounds / 8 + 1, &death);
	measure_heal(sim, rounds / 8 + 1, &heal);
	if (!(bad = failed(sim, "measure"))) {
		say(sim->n, "command", "median", percentile(&command, 50));
		say(sim->n, "command", "p99", percentile(&command, 99));
		say(sim->n, "death", "p99", percentile(&death, 99));
		say(sim->n, "heal", "median", percentile(&heal, 50));
		say(sim->n, "heal", "p99", percentile(&heal, 99));
	}
	free(command.ms);
	free(death.ms);
	free(heal.ms);
	end(sim);
	return bad;
}

int
measure_idle(int n_nodes)
{
	const int64_t seconds = 20;
	struct sim *sim = begin(n_nodes, 0, 0);
	uint64_t before;
	bool bad;

	start_all(sim);
	before = sim->bytes;
	run_for(sim, seconds * SIM_S);
	if (!(bad = failed(sim, "idle")))
		printf("figure cluster.idle.bytes_per_s.%d %.0f bytes/s\n",
		    sim->n,
		    (double)(sim->bytes - before) / (double)seconds / sim->n);
	end(sim);
	return bad;
}

/* A second node comes, and knows nothing. */
int
measure_full(void)
{
	struct sim *sim = begin(2, 10, 1000);
	bool bad;

	sim->measures_cpu = true;
	sim_put(sim, 0, fire_start, 0, 0, 0, 0, NULL);
	run_for(sim, 15 * SIM_S);
	sim_put(sim, sim->now_us, fire_start, 1, 0, 0, 0, NULL);
	while (!sim->failed && !sim_equal(sim))
		if (!sim_next(sim, 2 * PATIENCE_US))
			sim_fail(sim, "the nodes do not become equal");
	if (!(bad = failed(sim, "full"))) {
		printf("figure cluster.full_state.10000_backends.bytes %llu "
		       "bytes\n",
		    (unsigned long long)sim->full_bytes);
		printf("figure cluster.full_state.10000_backends.apply_ms %.1f "
		       "ms\n",
		    sim->full_cpu_s * 1e3);
	}
	end(sim);
	return bad;
}
