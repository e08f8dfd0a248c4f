/* SPDX-License-Identifier: Apache-2.0 */
/* Operators, who ask any node for anything, and backends that come and go. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

/* Each command is answered within: 5 s for the others, and some. */
#define ANSWER_US (9 * SIM_S)

/* 10.S.0.B: four services of up to 16 backends are told apart. */
int
workload_backend(const struct addr *a)
{
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	return ((bytes[1] & 3) << 4 | (bytes[3] & 15)) % SIM_BACKENDS_MAX;
}

static void
backend_addr(struct addr *a, int service, int backend)
{
	char text[32];

	snprintf(text, sizeof(text), "10.%d.0.%d", service + 1, backend);
	GW_ASSERT(addr_parse(a, text) == 0);
}

/* Probes. */

static void
fire_probed(struct sim *sim, struct event *e)
{
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){.type = CORE_PROBE_RESULT,
		.id = e->a,
		.result = (enum check_result)e->b,
		.text = e->b == CHECK_OK ? NULL : "connection refused"});
}

void
workload_probe(struct sim *sim, struct node *node, const struct core_output *o)
{
	int b = workload_backend(&o->probe.backend);
	bool down = sim->down[b] != sim->sees_otherwise[node->id][b];
	enum check_result result = down ? CHECK_FAILED : CHECK_OK;
	int64_t at = sim->now_us + rng_between(&sim->health, 200, 3000);

	if (rng_chance(&sim->health, sim->lost_per_mille))
		return;
	if (rng_chance(&sim->health, sim->lost_per_mille / 4))
		result = CHECK_UNABLE;
	sim_put(
	    sim, at, fire_probed, node->id, node->life, o->id, result, NULL);
}

/* Commands. */

static struct client *
find(struct sim *sim, uint64_t id)
{
	for (size_t i = 0; i < sim->n_clients; i++)
		if (sim->clients[i].id == id)
			return &sim->clients[i];
	return NULL;
}

static void
fire_overdue(struct sim *sim, struct event *e)
{
	struct client *c = find(sim, e->a);

	if (c != NULL && c->open)
		sim_fail(sim, "%s has not answered command %llu",
		    sim->nodes[c->node].name, (unsigned long long)c->id);
}

static void
fire_gone(struct sim *sim, struct event *e)
{
	struct client *c = find(sim, e->a);

	if (c == NULL || !c->open)
		return;
	c->open = false;
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){.type = CORE_CLIENT_GONE, .client = c->id});
}

static struct client *
place_for(struct sim *sim)
{
	struct client *c;

	if (sim->n_clients < SIM_CLIENTS_MAX)
		return &sim->clients[sim->n_clients++];
	for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
		c = &sim->clients[(sim->last_client + i) % SIM_CLIENTS_MAX];
		if (!c->open)
			return c;
	}
	fatalx("sim", "too many clients");
}

void
workload_command(
    struct sim *sim, struct node *node, const struct control_request *q)
{
	struct core_event e = {.type = CORE_COMMAND, .request = *q};
	struct client *c;

	if (node->core == NULL)
		return;
	c = place_for(sim);
	*c = (struct client){.id = ++sim->last_client,
	    .life = node->life,
	    .node = node->id,
	    .since_us = sim->now_us,
	    .request = *q,
	    .open = true};
	c->request.change = NULL;
	e.client = c->id;
	sim_put(sim, sim->now_us + ANSWER_US, fire_overdue, node->id,
	    node->life, c->id, 0, NULL);
	if (rng_chance(&sim->load, 20))
		sim_put(sim,
		    sim->now_us + rng_between(&sim->load, 0, 3000) * SIM_MS,
		    fire_gone, node->id, node->life, c->id, 0, NULL);
	node_step(sim, node, &e);
}

void
workload_reply(struct sim *sim, struct node *node, uint64_t client,
    const struct control_reply *reply)
{
	struct client *c = find(sim, client);

	if (c == NULL || !c->open || c->node != node->id) {
		sim_fail(sim, "%s answers command %llu once too often",
		    node->name, (unsigned long long)client);
		return;
	}
	c->open = false;
	sim_trace_u64(sim, (uint64_t)reply->kind << 32 | reply->outcome.copies);
	if (reply->kind == CONTROL_ERROR)
		sim_say(sim, node, "reply %llu: error: %s",
		    (unsigned long long)client, reply->error);
	else
		sim_say(sim, node, "reply %llu: done, %zu missing, %u copies",
		    (unsigned long long)client, reply->outcome.n_missing,
		    reply->outcome.copies);
	check_reply(sim, node, c, reply);
}

void
workload_node_gone(struct sim *sim, struct node *node)
{
	for (size_t i = 0; i < sim->n_clients; i++)
		if (sim->clients[i].node == node->id)
			sim->clients[i].open = false;
}

static void
change_backend(struct sim *sim, struct node *node, enum control_op op,
    int service, int backend, const char *fields)
{
	struct control_change c = {.op = op, .is_backend = true};
	struct control_request q = {.kind = CONTROL_CHANGE, .change = &c};

	snprintf(c.service, sizeof(c.service), "s%d", service);
	backend_addr(&c.backend, service, backend);
	snprintf(c.fields, sizeof(c.fields), "%s", fields);
	c.local = rng_chance(&sim->load, 200);
	c.force = rng_chance(&sim->load, 500);
	sim_say(sim, node, "command %llu: backend %s s%d 10.%d.0.%d %s",
	    (unsigned long long)sim->last_client + 1,
	    op == CONTROL_ADD          ? "add"
		: op == CONTROL_REMOVE ? "remove"
				       : "set",
	    service, service + 1, backend, c.fields);
	workload_command(sim, node, &q);
}

static void
change_service(
    struct sim *sim, struct node *node, enum control_op op, int service)
{
	static const char *const sets[] = {"panic=50", "panic=0",
	    "announce_min=1", "check=none", "ports=80,443", "table_size=512"};
	struct control_change c = {.op = op};
	struct control_request q = {.kind = CONTROL_CHANGE, .change = &c};

	snprintf(c.service, sizeof(c.service), "s%d", service);
	if (op == CONTROL_ADD)
		snprintf(c.fields, sizeof(c.fields),
		    "vips=203.0.113.%d\nprotocol=tcp\nports=80\n"
		    "table_size=256\ncheck=tcp port=80 interval=2000 "
		    "timeout=1000 rise=2 fall=3",
		    service + 1);
	else if (op == CONTROL_SET)
		snprintf(c.fields, sizeof(c.fields), "%s",
		    sets[rng_below(&sim->load, 6)]);
	c.force = rng_chance(&sim->load, 500);
	sim_say(sim, node, "command %llu: service %s s%d %s",
	    (unsigned long long)sim->last_client + 1,
	    op == CONTROL_ADD          ? "add"
		: op == CONTROL_REMOVE ? "remove"
				       : "set",
	    service, op == CONTROL_SET ? c.fields : "");
	workload_command(sim, node, &q);
}

static void
drain(struct sim *sim, struct node *node, const struct node *whom,
    enum control_kind kind)
{
	struct control_request q = {
	    .kind = kind, .graceful_s = rng_chance(&sim->load, 300) ? 1 : 0};

	if (whom != node || rng_chance(&sim->load, 500))
		snprintf(q.node, sizeof(q.node), "%s", whom->name);
	q.force = rng_chance(&sim->load, 50);
	sim_say(sim, node, "command %llu: %s %s",
	    (unsigned long long)sim->last_client + 1,
	    kind == CONTROL_DRAIN ? "drain" : "undrain", whom->name);
	workload_command(sim, node, &q);
}

static struct node *
any_node(struct sim *sim)
{
	return &sim->nodes[rng_below(&sim->load, (uint64_t)sim->n)];
}

static void
one_change(struct sim *sim)
{
	static const char *const sets[] = {"weight=2", "weight=5", "weight=1",
	    "state=draining", "state=disabled", "state=enabled"};
	struct node *node = any_node(sim);
	int service = (int)rng_below(&sim->load, 4);
	int backend = 1 + (int)rng_below(&sim->load, 6);
	uint64_t what = rng_below(&sim->load, 100);

	if (what < 30)
		change_backend(
		    sim, node, CONTROL_ADD, service, backend, "weight=1");
	else if (what < 50)
		change_backend(sim, node, CONTROL_REMOVE, service, backend, "");
	else if (what < 75)
		change_backend(sim, node, CONTROL_SET, service, backend,
		    sets[rng_below(&sim->load, 6)]);
	else if (what < 83)
		change_service(sim, node, CONTROL_ADD, service);
	else if (what < 88)
		change_service(sim, node, CONTROL_REMOVE, service);
	else
		change_service(sim, node, CONTROL_SET, service);
}

/* The same at two nodes, which may not hear each other. */
static void
twice(struct sim *sim)
{
	int service = (int)rng_below(&sim->load, 4);
	int backend = 1 + (int)rng_below(&sim->load, 6);
	struct node *a = any_node(sim), *b = any_node(sim);

	change_backend(sim, a, CONTROL_ADD, service, backend, "weight=2");
	if (a != b)
		change_backend(
		    sim, b, CONTROL_ADD, service, backend, "weight=3");
}

/* All at once, or one after the other. */
static void
drains(struct sim *sim)
{
	bool all = rng_chance(&sim->load, 400);

	for (int i = 0; i < sim->n; i++)
		if (all || rng_below(&sim->load, (uint64_t)sim->n) == 0)
			drain(sim,
			    rng_chance(&sim->load, 700) ? &sim->nodes[i]
							: any_node(sim),
			    &sim->nodes[i],
			    rng_chance(&sim->load, all ? 800 : 500)
				? CONTROL_DRAIN
				: CONTROL_UNDRAIN);
	if (all && rng_chance(&sim->load, 500)) {
		struct node *node = any_node(sim);

		drain(sim, node, node, CONTROL_UNDRAIN);
	}
}

static void
ask(struct sim *sim)
{
	struct control_request q = {.kind = rng_chance(&sim->load, 500)
		? CONTROL_CLUSTER
		: CONTROL_STATUS};

	workload_command(sim, any_node(sim), &q);
}

static void
fire_command(struct sim *sim, struct event *e)
{
	uint64_t what = rng_below(&sim->load, 100);

	(void)e;
	if (sim->healed)
		return;
	if (what < 70)
		one_change(sim);
	else if (what < 80)
		twice(sim);
	else if (what < 92)
		drains(sim);
	else
		ask(sim);
	sim_put(sim,
	    sim->now_us +
		(rng_chance(&sim->load, 200)
			? rng_between(&sim->load, 1, 20)
			: rng_between(&sim->load, 50, 2500)) *
		    SIM_MS,
	    fire_command, -1, 0, 0, 0, NULL);
}

static void
fire_flip(struct sim *sim, struct event *e)
{
	uint64_t b = rng_below(&sim->health, SIM_BACKENDS_MAX);

	(void)e;
	if (sim->healed)
		return;
	sim->down[b] = !sim->down[b] && rng_chance(&sim->health, 600);
	sim_put(sim, sim->now_us + rng_between(&sim->health, 20, 600) * SIM_MS,
	    fire_flip, -1, 0, 0, 0, NULL);
}

void
workload_begin(struct sim *sim)
{
	sim_put(sim, 2 * SIM_S, fire_command, -1, 0, 0, 0, NULL);
	sim_put(sim, 3 * SIM_S, fire_flip, -1, 0, 0, 0, NULL);
}
