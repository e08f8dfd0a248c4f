/* SPDX-License-Identifier: Apache-2.0 */
/* What stands around an agent: a balancer that builds real tables and tells
 * their digests, the kernel's routes, and a BIRD that exports them all. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/table.h"
#include "common/log.h"
#include "tests/sim/sim.h"

struct installed_table {
	char name[FORWARDING_NAME_MAX];
	uint8_t digest[TABLE_DIGEST_LEN];
};

struct installed {
	uint64_t generation;
	size_t n;
	struct installed_table *tables; /* behind this */
};

/* An answer under way. */
struct answer {
	enum balancer_reply_kind kind;
	uint64_t id, connection;
	struct installed next; /* the last member, and as long as it is */
};

static size_t
installed_size(size_t n)
{
	return sizeof(struct installed) + n * sizeof(struct installed_table);
}

/* Tables are the same on all nodes, most of the time: each is built once. Keeps
 * over seeds; what is in it does not depend on them. */
#define CACHE_SIZE 65536
static struct {
	uint64_t key;
	uint8_t digest[TABLE_DIGEST_LEN];
} cache[CACHE_SIZE];

static void
build(const struct forwarding *f, const struct forwarding_service *s,
    uint8_t digest[TABLE_DIGEST_LEN])
{
	struct table_member *m = calloc(s->n_members + 1, sizeof(*m));
	char(*names)[ADDR_TEXT_MAX] = calloc(s->n_members + 1, sizeof(*names));
	struct table *t;

	GW_ASSERT(m != NULL && names != NULL);
	for (size_t i = 0; i < s->n_members; i++)
		m[i] = (struct table_member){
		    .name = addr_format(
			&f->backends[s->members[i].backend], names[i]),
		    .weight = s->members[i].weight,
		    .phi = s->members[i].phi};
	t = table_new(m, s->n_members, s->table_size, f->seed);
	GW_ASSERT(t != NULL);
	table_digest(t, NULL, digest);
	table_free(t);
	free(m);
	free(names);
}

static void
digest_of(const struct forwarding *f, const struct forwarding_service *s,
    uint8_t digest[TABLE_DIGEST_LEN])
{
	uint64_t key = sim_hash(1, &s->table_size, sizeof(s->table_size));
	size_t at;

	memset(digest, 0, TABLE_DIGEST_LEN);
	if (s->n_members == 0)
		return;
	for (size_t i = 0; i < s->n_members; i++) {
		const struct forwarding_member *m = &s->members[i];
		uint64_t fields = (uint64_t)m->weight << 32 | m->phi;

		key = sim_hash(key, &f->backends[m->backend],
		    sizeof(f->backends[m->backend]));
		key = sim_hash(key, &fields, sizeof(fields));
	}
	at = key % CACHE_SIZE;
	if (cache[at].key != key) {
		build(f, s, cache[at].digest);
		cache[at].key = key;
	}
	memcpy(digest, cache[at].digest, TABLE_DIGEST_LEN);
}

static struct installed *
installed_new(const struct forwarding *f)
{
	struct installed *i = calloc(1, installed_size(f->n_services));

	GW_ASSERT(i != NULL);
	i->generation = f->generation;
	i->n = f->n_services;
	i->tables = (struct installed_table *)(i + 1);
	for (size_t s = 0; s < f->n_services; s++) {
		text_copy(i->tables[s].name, sizeof(i->tables[s].name),
		    f->services[s].name);
		digest_of(f, &f->services[s], i->tables[s].digest);
	}
	return i;
}

static struct installed *
installed_copy(const struct installed *from)
{
	struct installed *i = malloc(installed_size(from->n));

	GW_ASSERT(i != NULL);
	memcpy(i, from, installed_size(from->n));
	i->tables = (struct installed_table *)(i + 1);
	return i;
}

static struct report_digest *
tell_tables(struct arena *arena, const struct installed *i, size_t *n)
{
	struct report_digest *d;

	*n = i != NULL ? i->n : 0;
	d = arena_alloc(arena, *n, sizeof(*d));
	GW_ASSERT(d != NULL);
	for (size_t t = 0; t < *n; t++) {
		d[t].service = arena_copy(
		    arena, i->tables[t].name, strlen(i->tables[t].name));
		memcpy(d[t].digest, i->tables[t].digest, sizeof(d[t].digest));
	}
	return d;
}

static void
fill_status(struct node *node, struct balancer_reply *r)
{
	const struct installed *i = node->served.installed;
	const struct plan *plan = node->core->plan;

	r->status.version = "sim";
	r->status.generation = i != NULL ? i->generation : 0;
	r->status.tables = tell_tables(r->arena, i, &r->status.n_tables);
	if (plan == NULL)
		return;
	/* Next hops of all that it might be asked of. */
	r->status.n_backends = plan->state->n_backends;
	r->status.backends = arena_alloc(
	    r->arena, r->status.n_backends, sizeof(*r->status.backends));
	for (size_t b = 0; b < r->status.n_backends; b++)
		r->status.backends[b] = (struct report_backend){
		    .addr = plan->state->backends[b],
		    .resolved = true,
		    .interface = "eth0"};
}

static bool
makes_room(const struct sim *sim, const struct served *b)
{
	return sim->now_us < b->room_at_us && !sim->healed;
}

static void
fire_answer(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct served *b = &node->served;
	struct answer *a = e->data;
	struct arena *arena;
	struct balancer_reply *r;

	if (!b->connected || a->connection != b->connection)
		return;
	arena = arena_new();
	r = arena_alloc(arena, 1, sizeof(*r));
	GW_ASSERT(r != NULL);
	*r = (struct balancer_reply){
	    .arena = arena, .kind = a->kind, .id = a->id, .refusal = ""};
	r->trace.service = r->trace.interface = r->trace.reason = "";
	r->pong.device_name = r->pong.device_error = r->status.version = "";
	if (a->kind == BALANCER_INSTALLED) {
		free(b->installed);
		b->installed = installed_copy(&a->next);
		r->generation = a->next.generation;
		r->tables = tell_tables(arena, b->installed, &r->n_tables);
	} else if (a->kind == BALANCER_REFUSED) {
		r->refusal = "no room";
	} else if (a->kind == BALANCER_STATUS) {
		fill_status(node, r);
	}
	r->pong.generation = b->installed != NULL ? b->installed->generation
						  : 0;
	r->pong.puts_off = makes_room(sim, b);
	r->pong.device = true;
	r->pong.next_hops_version = 1;
	r->pong.has_settled = true;
	ghost_flows_digest(&b->ghost, r->pong.settled);
	node_step(sim, node,
	    &(struct core_event){.type = CORE_BALANCER_REPLY, .reply = r});
}

/* One state in so many needs more room than there is, for so long at most. */
#define PUT_OFF_IN 16
#define ROOM_US    3000000

static bool
is_put_off(const struct sim *sim, struct node *node, uint64_t id)
{
	struct served *b = &node->served;

	if (makes_room(sim, b))
		return true;
	if (sim->healed || id % PUT_OFF_IN != 0)
		return false;
	b->room_at_us = sim->now_us + (int64_t)(id * 7919 % ROOM_US);
	return true;
}

/* In order, and soon. */
static void
answer(struct sim *sim, struct node *node, enum balancer_reply_kind kind,
    uint64_t id, struct installed *next)
{
	struct served *b = &node->served;
	struct answer *a;
	int64_t at = sim->now_us + rng_between(&sim->health, 100, 2000);

	if (!b->connected) {
		free(next);
		return;
	}
	a = calloc(1, sizeof(*a) + installed_size(next != NULL ? next->n : 0));
	GW_ASSERT(a != NULL);
	*a = (struct answer){
	    .kind = kind, .id = id, .connection = b->connection};
	if (next != NULL)
		memcpy(&a->next, next, installed_size(next->n));
	free(next);
	if (at < b->last_us)
		at = b->last_us;
	b->last_us = at;
	sim_put(sim, at, fire_answer, node->id, 0, 0, 0, a);
}

static void
fire_dialled(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct served *b = &node->served;

	if (b->running) {
		b->connected = true;
		b->connection++;
		node_step(
		    sim, node, &(struct core_event){.type = CORE_BALANCER_UP});
	} else {
		node_step(sim, node,
		    &(struct core_event){
			.type = CORE_BALANCER_LOST, .text = "no such file"});
	}
}

static void
fire_kernel(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	const struct kernel *k = &node->kernel;
	const struct vip_routes routes = {.device = node->served.running,
	    .ifindex = node->served.running ? 7 : 0,
	    .entries = k->entries,
	    .n = k->n,
	    .error = ""};

	node_step(sim, node,
	    &(struct core_event){.type = CORE_ROUTES, .routes = &routes});
}

void
kernel_tell(struct sim *sim, struct node *node)
{
	sim_put(sim, sim->now_us + rng_between(&sim->health, 10, 1000),
	    fire_kernel, node->id, node->life, 0, 0, NULL);
}

static void
set_routes(struct sim *sim, struct node *node, const struct core_output *o)
{
	struct kernel *k = &node->kernel;
	size_t n = node->served.running ? o->n_routes : 0;

	free(k->entries);
	k->entries = calloc(n + 1, sizeof(*k->entries));
	GW_ASSERT(k->entries != NULL);
	if (n > 0)
		memcpy(k->entries, o->routes, n * sizeof(*k->entries));
	k->n = n;
	kernel_tell(sim, node);
}

static void
fire_bird(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct arena *arena = arena_new();
	struct bird_report *r = arena_alloc(arena, 1, sizeof(*r));
	struct bird_session *session = arena_alloc(arena, 1, sizeof(*session));
	struct bird_route *routes = arena_alloc(
	    arena, node->kernel.n, sizeof(*routes));

	GW_ASSERT(r != NULL && session != NULL && routes != NULL);
	*session = (struct bird_session){.name = "router",
	    .established = true,
	    .info = "Established",
	    .has4 = true};
	for (size_t i = 0; i < node->kernel.n; i++)
		routes[i] = (struct bird_route){
		    .addr = node->kernel.entries[i].vip,
		    .source = "guideway4",
		    .learnt = true,
		    .exported = 1};
	*r = (struct bird_report){.arena = arena,
	    .begun = node_mono(sim, node),
	    .state = BIRD_OK,
	    .why = "",
	    .version = "2.0.12",
	    .sessions = session,
	    .n_sessions = 1,
	    .routes = routes,
	    .n_routes = node->kernel.n};
	node_step(
	    sim, node, &(struct core_event){.type = CORE_BIRD, .bird = r});
}

bool
balancer_output(struct sim *sim, struct node *node, const struct core_output *o)
{
	int64_t soon;

	if (flows_output(sim, node, o))
		return true;
	soon = sim->now_us + rng_between(&sim->health, 100, 2000);
	switch (o->type) {
	case CORE_DIAL:
		sim_put(
		    sim, soon, fire_dialled, node->id, node->life, 0, 0, NULL);
		return true;
	case CORE_HANGUP:
		node->served.connected = false;
		return true;
	case CORE_INSTALL:
		if (node->served.refuses && !sim->healed)
			answer(sim, node, BALANCER_REFUSED, o->id, NULL);
		else if (is_put_off(sim, node, o->id))
			answer(sim, node, BALANCER_LATER, o->id, NULL);
		else
			answer(sim, node, BALANCER_INSTALLED, o->id,
			    installed_new(o->state));
		return true;
	case CORE_ASK_STATUS:
		answer(sim, node, BALANCER_STATUS, o->id, NULL);
		return true;
	case CORE_ASK_TRACE:
		answer(sim, node, BALANCER_TRACE, o->id, NULL);
		return true;
	case CORE_PING:
		answer(sim, node, BALANCER_PONG, o->id, NULL);
		return true;
	case CORE_SET_ROUTES:
		set_routes(sim, node, o);
		return true;
	case CORE_ASK_BIRD:
		sim_put(sim, soon, fire_bird, node->id, node->life, 0, 0, NULL);
		return true;
	default:
		return false;
	}
}

void
balancer_start(struct sim *sim, struct node *node)
{
	if (node->served.running)
		return;
	node->served.running = true;
	flows_balancer_starts(sim, node);
	if (node->core != NULL)
		kernel_tell(sim, node);
}

static void
fire_lost(struct sim *sim, struct event *e)
{
	node_step(sim, &sim->nodes[e->node],
	    &(struct core_event){
		.type = CORE_BALANCER_LOST, .text = "it went away"});
}

/* And its device with it, and the routes on that. */
void
balancer_crash(struct sim *sim, struct node *node)
{
	struct served *b = &node->served;

	b->running = false;
	flows_balancer_gone(sim, node);
	free(b->installed);
	b->installed = NULL;
	node->kernel.n = 0;
	if (node->core == NULL)
		return;
	kernel_tell(sim, node);
	if (b->connected)
		sim_put(sim, sim->now_us + 100, fire_lost, node->id, node->life,
		    0, 0, NULL);
	b->connected = false;
}

void
balancer_agent_gone(struct node *node)
{
	node->served.connected = false;
	flows_agent_gone(node);
}

void
balancer_clear(struct node *node)
{
	free(node->served.installed);
	free(node->kernel.entries);
}
