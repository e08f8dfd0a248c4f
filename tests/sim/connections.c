/* SPDX-License-Identifier: Apache-2.0 */
/* Connections through a cluster whose backends and nodes change all the time.
 *
 * Every node is the balancer's own state, tables, entries, rules and packet
 * path (balancer/serving.h and what is below); packets are frames. Only what is
 * around it is played: routers that spread flows over the nodes that announce,
 * the news of a change, which reaches each node some milliseconds after the
 * others, and the flow notices between them, which take ten.
 *
 * A connection is broken when a packet of it comes to another backend than its
 * first one did. That of a backend that died is dead, and not counted so. One
 * that other nodes had no time to be told of, because a node crashed or routers
 * spread anew a moment after it began, is counted by itself: the design names
 * it.
 *
 * Controls: without notices, and with one table only, as many changes must
 * break many. */
#include "config.h"

#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/exchange.h"
#include "balancer/core/moves.h"
#include "balancer/core/sweeper.h"
#include "balancer/serving.h"
#include "common/arena.h"
#include "common/flows_batch.h"
#include "tests/sim/rng.h"
#include "tests/unit/packet.h"

#define NODES      8
#define BACKENDS   24
#define BUCKETS    256 /* of a resilient router */
#define STEP_MS    10
#define TOLD_MAX   4000 /* entries in a step, of a node */
#define ENTRIES    FLOWS_DEFAULT
#define TABLE_SIZE 4096
#define SETTLE_S   60
#define LEARN_S    10
#define SILENCE_MS 50000 /* of TCP, at most; less than a move takes */
#define UDP_GAP_MS 4000
#define LIFE_MS    60000         /* of a connection, on average */
#define LOST_MS    (2 * STEP_MS) /* in which nobody else may know */
#define LINGER_MS  15000         /* of a node that left */
#define HEAL_MS    10000
#define EVENT_MS   3000 /* between changes, on average */

enum sharing {
	SHARED,
	UNSHARED,
	ONE_TABLE
};

enum router {
	MOD_N,
	RESILIENT
};

struct backend {
	bool there, draining, down;
	uint16_t weight;
	uint32_t deaths;
};

struct node {
	bool up, announces, joins;
	uint32_t clock;   /* ms that its clock is ahead */
	int64_t apply_at; /* the news; -1: none under way */
	int64_t ends_at;  /* leaving; -1: not */
	int64_t differs;  /* what it settled on, since then; -1: no */
	int64_t crashed_at;
	struct serving serving;
	void *memory;
	uint32_t told;        /* cursor */
	struct arena *notice; /* under way */
	struct flow_batch batch;
};

struct flow {
	uint8_t frame[64];
	uint32_t len, hash;
	bool udp, begun;
	int backend; /* -1: none yet */
	uint32_t deaths;
	int64_t next, ends, born;
	int born_on;
};

struct tally {
	uint64_t packets, connections, dead, broken, lost, refused, notices;
	uint64_t changes, crashes, leaves, joins, removed, heals;
	uint64_t overflow; /* entries that found no room */
};

struct world {
	enum sharing sharing;
	enum router router;
	struct rng random;
	int64_t now;
	struct backend backends[BACKENDS];
	struct node nodes[NODES];
	int buckets[BUCKETS];
	struct flow *flows;
	uint32_t n_flows;
	uint32_t *wheel_next,
	    *wheel; /* flows by the step of their next packet */
	uint32_t wheel_mask;
	uint32_t ports;
	struct tally tally;
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "connections: %s\n", what);
	exit(2);
}

static uint32_t
below(struct world *w, uint32_t n)
{
	return (uint32_t)rng_below(&w->random, n);
}

/* Exponentially spread, up to a limit. */
static int64_t
spread(struct world *w, double mean, int64_t most)
{
	double u = (double)(rng_next(&w->random) >> 11) * 0x1p-53;
	double ms = -mean * log(1 - u);

	return ms >= (double)most ? most : 1 + (int64_t)ms;
}

/* States --------------------------------------------------------------- */

static uint32_t
ticks(const struct world *w, const struct node *n)
{
	return (uint32_t)((w->now + n->clock) / MOVES_TICK_MS);
}

static struct addr
address(const char *text)
{
	struct addr a;

	if (addr_parse(&a, text) == -1)
		die("an address");
	return a;
}

static void
fill_service(struct forwarding_service *s, const struct world *w,
    const char *name, uint8_t protocol, uint16_t port)
{
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->table_size = TABLE_SIZE;
	s->settle_s = SETTLE_S;
	s->udp_learn_s = LEARN_S;
	s->tcp_idle_s = 5 * SETTLE_S;
	s->udp_idle_s = SETTLE_S;
	s->endpoints = calloc(1, sizeof(*s->endpoints));
	s->members = calloc(BACKENDS, sizeof(*s->members));
	if (s->endpoints == NULL || s->members == NULL)
		die("out of memory");
	s->endpoints[0] = (struct forwarding_endpoint){
	    address("203.0.113.10"), port, protocol};
	s->n_endpoints = 1;
	for (size_t i = 0, at = 0; i < BACKENDS; i++) {
		const struct backend *b = &w->backends[i];

		if (b->there)
			s->members[s->n_members++] = (struct forwarding_member){
			    .backend = (uint16_t)at++,
			    .weight = b->weight,
			    .phi = b->down || b->draining ? 0 : 256,
			    .down = b->down,
			};
	}
}

/* As the agents of all nodes make it of the same configuration and health. */
static struct forwarding *
state_of(const struct world *w)
{
	struct forwarding *f = forwarding_new();
	char text[32];

	if (f == NULL ||
	    (f->backends = calloc(BACKENDS, sizeof(*f->backends))) == NULL ||
	    (f->services = calloc(2, sizeof(*f->services))) == NULL)
		die("out of memory");
	for (size_t i = 0; i < BACKENDS; i++) {
		snprintf(text, sizeof(text), "10.1.0.%zu", i + 1);
		if (w->backends[i].there)
			f->backends[f->n_backends++] = address(text);
	}
	f->source4 = (struct forwarding_source){address("10.9.0.1"), 32};
	f->n_services = 2;
	fill_service(&f->services[0], w, "web", IPPROTO_TCP, 80);
	fill_service(&f->services[1], w, "dns", IPPROTO_UDP, 53);
	return f;
}

static int
prepare(void *ctx, struct fib *fib, struct errmsg *why)
{
	const struct fib_next_hop hop = {
	    .resolved = true, .ifindex = 1, .mtu = 1500};

	for (size_t i = 0; i < fib_state(fib)->n_backends; i++)
		fib_set_next_hop(fib, i, &hop);
	return 0;
}

static void
install(struct world *w, struct node *n)
{
	struct errmsg why;

	n->apply_at = -1;
	if (serving_install(&n->serving, state_of(w), ticks(w, n), prepare,
		NULL, &why) == -1)
		die(why.text);
}

/* Every node hears of it, each when it does. */
static void
changed(struct world *w)
{
	w->tally.changes++;
	for (int i = 0; i < NODES; i++)
		w->nodes[i].apply_at = w->now + 1 + below(w, 30);
}

/* Nodes ---------------------------------------------------------------- */

static void
end_node(struct world *w, struct node *n)
{
	for (size_t i = 0; i < FLOWS_SERVICES; i++)
		w->tally.overflow += w->sharing == ONE_TABLE
		    ? 0
		    : n->serving.flows.overflow[i];
	n->up = n->announces = n->joins = false;
	n->ends_at = -1;
	serving_clear(&n->serving);
	free(n->memory);
	arena_free(n->notice);
	n->notice = NULL;
}

static void
begin_node(struct world *w, struct node *n)
{
	const uint8_t key[16] = {0};
	struct flows flows;
	struct errmsg why;

	if (posix_memalign(&n->memory, 64, flows_size(ENTRIES)) != 0)
		die("out of memory");
	memset(n->memory, 0, flows_size(ENTRIES));
	flows_lay(&flows, n->memory, ENTRIES);
	n->clock = below(w, 1000000);
	n->told = 0;
	n->ends_at = n->crashed_at = n->differs = -1;
	if (serving_init(&n->serving, key, &why) == -1 ||
	    (w->sharing != ONE_TABLE &&
		serving_remember(&n->serving, &flows, NULL, &why) == -1))
		die(why.text);
	n->up = true;
	serving_tick(&n->serving, ticks(w, n));
	install(w, n);
}

static int
announcers(const struct world *w, int list[NODES])
{
	int n = 0;

	for (int i = 0; i < NODES; i++)
		if (w->nodes[i].announces)
			list[n++] = i;
	return n;
}

/* The routers' tables follow who announces. */
static void
spread_buckets(struct world *w, int joined)
{
	int list[NODES], n = announcers(w, list);

	for (int i = 0; i < BUCKETS; i++)
		if (!w->nodes[w->buckets[i]].announces ||
		    (joined >= 0 && below(w, (uint32_t)n) == 0))
			w->buckets[i] = joined >= 0
			    ? joined
			    : list[below(w, (uint32_t)n)];
}

static struct node *
node_of(struct world *w, const struct flow *f)
{
	int list[NODES], n;

	if (w->router == RESILIENT)
		return &w->nodes[w->buckets[f->hash % BUCKETS]];
	n = announcers(w, list);
	return &w->nodes[list[f->hash % (uint32_t)n]];
}

/* Notices -------------------------------------------------------------- */

static void
tell(struct world *w, struct node *n)
{
	static struct flow_record records[TOLD_MAX];
	size_t count;

	if (w->sharing != SHARED || n->notice != NULL)
		return;
	count = flows_told(&n->serving.flows, &n->told, records, TOLD_MAX);
	if (count == 0)
		return;
	w->tally.notices += count;
	if ((n->notice = arena_new()) == NULL ||
	    exchange_pack(
		n->serving.fib, records, count, n->notice, &n->batch) == -1)
		die("out of memory");
}

static void
learn(struct world *w, struct node *n, const struct flow_batch *batch)
{
	struct exchange_result result;
	struct arena *arena = arena_new();

	if (arena == NULL ||
	    exchange_learn(n->serving.fib, &n->serving.flows, batch,
		ticks(w, n), arena, &result) == -1)
		die("out of memory");
	arena_free(arena);
}

static void
deliver(struct world *w, struct node *from)
{
	if (from->notice == NULL)
		return;
	for (int i = 0; i < NODES; i++)
		if (w->nodes[i].up && &w->nodes[i] != from)
			learn(w, &w->nodes[i], &from->batch);
	arena_free(from->notice);
	from->notice = NULL;
}

static void
flush(struct world *w, struct node *n)
{
	do {
		deliver(w, n);
		tell(w, n);
	} while (n->notice != NULL);
}

static void
settle_as(struct world *w, struct node *to, const struct node *from)
{
	struct settled_batch settled;
	struct arena *arena = arena_new();
	struct errmsg why;

	if (arena == NULL ||
	    fib_settled(from->serving.fib, ticks(w, from), arena, &settled) ==
		-1)
		die("out of memory");
	if (serving_resettle(&to->serving, &settled, ticks(w, to), prepare,
		NULL, &why) == -1)
		die(why.text);
	arena_free(arena);
}

/* Every second: what has been another thing than the first node's for too long
 * becomes the same. */
static void
heal(struct world *w)
{
	uint8_t first[TABLE_DIGEST_LEN], own[TABLE_DIGEST_LEN];
	const struct node *lead = NULL;

	for (int i = 0; w->sharing == SHARED && i < NODES; i++) {
		struct node *n = &w->nodes[i];

		if (!n->up)
			continue;
		if (lead == NULL) {
			lead = n;
			fib_settled_all(n->serving.fib, first);
		}
		fib_settled_all(n->serving.fib, own);
		if (memcmp(own, first, sizeof(own)) == 0)
			n->differs = -1;
		else if (n->differs < 0)
			n->differs = w->now;
		else if (w->now - n->differs > HEAL_MS) {
			settle_as(w, n, lead);
			n->differs = -1;
			w->tally.heals++;
		}
	}
}

/* Before a node announces: what another one knows. */
static void
pull(struct world *w, struct node *to, const struct node *from)
{
	static struct flow_record records[FLOWS_PAGE_MAX];
	struct flow_batch batch;
	struct arena *arena = arena_new();
	uint32_t cursor = 0;

	if (arena == NULL)
		die("out of memory");
	settle_as(w, to, from);
	while (cursor < flows_entries(&from->serving.flows)) {
		size_t n = flows_page(
		    &from->serving.flows, &cursor, records, FLOWS_PAGE_MAX);

		if (exchange_pack(
			from->serving.fib, records, n, arena, &batch) == -1)
			die("out of memory");
		learn(w, to, &batch);
	}
	arena_free(arena);
}

/* Events --------------------------------------------------------------- */

static bool
asked_for(struct world *w, int backend)
{
	char text[32];
	struct addr a;

	snprintf(text, sizeof(text), "10.1.0.%d", backend + 1);
	a = address(text);
	for (int i = 0; i < NODES; i++) {
		static const char *const names[] = {"web", "dns"};
		const struct serving *s = &w->nodes[i].serving;

		for (int j = 0; w->nodes[i].up && j < 2; j++) {
			struct flow_held held = exchange_held(
			    s->fib, &s->flows, names[j], &a);

			if (held.entries + held.slots > 0)
				return true;
		}
	}
	return false;
}

static int
serving_backends(const struct world *w)
{
	int n = 0;

	for (int i = 0; i < BACKENDS; i++)
		n += w->backends[i].there && !w->backends[i].draining &&
		    !w->backends[i].down;
	return n;
}

/* One that has drained, and nothing asks for any more, is removed. */
static bool
backend_removed(struct world *w, int at)
{
	if (w->sharing != SHARED || asked_for(w, at))
		return false;
	w->backends[at].there = false;
	w->tally.removed++;
	return true;
}

static void
backend_event(struct world *w)
{
	int at = (int)below(w, BACKENDS);
	struct backend *b = &w->backends[at];
	bool spare = serving_backends(w) > BACKENDS / 3;

	if (!b->there) {
		*b = (struct backend){.there = true,
		    .weight = (uint16_t)(1 + below(w, 4)),
		    .deaths = b->deaths};
	} else if (b->down) {
		b->down = false;
	} else if (b->draining) {
		if (below(w, 6) == 0)
			b->draining = false;
		else if (!backend_removed(w, at))
			return;
	} else if (below(w, 3) == 0) {
		b->weight = (uint16_t)(1 + below(w, 4));
	} else if (spare && below(w, 4) == 0) {
		b->down = true;
		b->deaths++;
	} else if (spare) {
		b->draining = true;
	}
	changed(w);
}

static void
node_event(struct world *w)
{
	int list[NODES], n = announcers(w, list), at = (int)below(w, NODES);
	struct node *node = &w->nodes[at];

	if (!node->up) {
		begin_node(w, node);
		node->joins = true;
	} else if (node->announces && n > NODES / 2) {
		bool crash = below(w, 4) == 0;

		if (!crash)
			flush(w, node);
		node->announces = false;
		spread_buckets(w, -1);
		if (crash) {
			end_node(w, node);
			node->crashed_at = w->now;
			w->tally.crashes++;
		} else {
			node->ends_at = w->now + LINGER_MS;
			w->tally.leaves++;
		}
	}
}

/* Agents pull from a node whose tables are the same, so not while news of a
 * change is on its way; and then they announce. */
static void
join(struct world *w, int at)
{
	int list[NODES], n = announcers(w, list);
	struct node *node = &w->nodes[at];

	for (int i = 0; i < NODES; i++)
		if (w->nodes[i].up && w->nodes[i].apply_at >= 0)
			return;
	if (w->sharing == SHARED)
		pull(w, node, &w->nodes[list[below(w, (uint32_t)n)]]);
	node->joins = false;
	node->announces = true;
	w->tally.joins++;
	spread_buckets(w, at);
}

/* Packets -------------------------------------------------------------- */

struct outlet {
	struct sink sink; /* first */
	uint8_t frame[FORWARD_FRAME_MAX + 64];
};

static uint8_t *
reserve(struct sink *sink, size_t len)
{
	return ((struct outlet *)sink)->frame;
}

static void
commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
}

/* To which backend; -1: it was not forwarded. */
static int
forward(struct world *w, struct node *n, const struct flow *f)
{
	static struct outlet out = {.sink = {reserve, commit}};
	struct frame frame = {f->frame, f->len, f->len, 1, 0};
	enum reason reason;

	forward_batch(&n->serving.forwarder, &frame, 1, w->now * 1000,
	    &out.sink, &reason);
	return reason == REASON_FORWARD ? out.frame[14 + 19] - 1 : -1;
}

static void
schedule(struct world *w, uint32_t at)
{
	int64_t next = w->flows[at].next / STEP_MS, now = w->now / STEP_MS;
	/* This step's have been taken. */
	uint32_t slot = (uint32_t)(next > now ? next : now + 1) & w->wheel_mask;

	w->wheel_next[at] = w->wheel[slot];
	w->wheel[slot] = at;
}

static void
begin_flow(struct world *w, uint32_t at)
{
	struct flow *f = &w->flows[at];
	struct packet_spec spec = {
	    .source = "198.51.100.1", .destination = "203.0.113.10"};
	uint8_t built[256];

	*f = (struct flow){.backend = -1, .udp = below(w, 5) == 0};
	spec.protocol = f->udp ? IPPROTO_UDP : IPPROTO_TCP;
	spec.destination_port = f->udp ? 53 : 80;
	spec.source_port = (uint16_t)(1024 + w->ports % 60000);
	f->len = (uint32_t)packet_build(&spec, built);
	if (f->len > sizeof(f->frame))
		die("a frame");
	memcpy(f->frame, built, f->len);
	/* A network of clients: no two connections ever have the same tuple. */
	packet_put32(f->frame + 14 + 12,
	    0x64400000u + w->ports++ / 60000 * 256 + below(w, 200));
	packet_fix_ipv4(f->frame + 14);
	f->hash = (uint32_t)rng_next(&w->random);
	f->next = w->now + 1 + below(w, 500);
	f->ends = f->next + spread(w, LIFE_MS, 20 * LIFE_MS);
	schedule(w, at);
}

static void
judge(struct world *w, struct flow *f, const struct node *n, int backend)
{
	const struct node *born = &w->nodes[f->born_on];
	struct backend *b;

	if (f->backend == -1) {
		f->backend = backend;
		f->deaths = w->backends[backend].deaths;
		f->born = w->now;
		f->born_on = (int)(n - w->nodes);
		w->tally.connections++;
	}
	b = &w->backends[f->backend];
	if (b->down || b->deaths != f->deaths)
		w->tally.dead++;
	else if (backend == f->backend)
		return;
	else if (w->now - f->born <= LOST_MS ||
	    (born->crashed_at >= f->born &&
		born->crashed_at - f->born <= LOST_MS))
		w->tally.lost++;
	else
		w->tally.broken++;
	f->ends = w->now;
}

#define TCP_FLAGS_AT (14 + 20 + 13)

static void
send_packet(struct world *w, uint32_t at)
{
	struct flow *f = &w->flows[at];
	struct node *n = node_of(w, f);
	bool last = w->now >= f->ends;
	int backend;

	if (!f->udp)
		f->frame[TCP_FLAGS_AT] = !f->begun ? 0x02 : last ? 0x11 : 0x10;
	w->tally.packets++;
	backend = forward(w, n, f);
	if (backend < 0)
		w->tally.refused++;
	else
		judge(w, f, n, backend);
	if (last || w->now >= f->ends) {
		begin_flow(w, at);
		return;
	}
	f->next = w->now;
	if (backend >= 0 && !f->begun) {
		f->begun = true;
		f->next += 1 + below(w, 50);
	} else {
		f->next += f->udp ? spread(w, UDP_GAP_MS / 4, UDP_GAP_MS)
				  : spread(w, 10000, SILENCE_MS);
	}
	schedule(w, at);
}

static void
send_due(struct world *w)
{
	uint32_t slot = (uint32_t)(w->now / STEP_MS) & w->wheel_mask;
	uint32_t at = w->wheel[slot], next;

	w->wheel[slot] = UINT32_MAX;
	for (; at != UINT32_MAX; at = next) {
		next = w->wheel_next[at];
		/* Rounds of the wheel are longer than any gap. */
		send_packet(w, at);
	}
}

/* A run ---------------------------------------------------------------- */

static void
step_nodes(struct world *w)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];

		if (!n->up)
			continue;
		if (n->apply_at >= 0 && n->apply_at <= w->now)
			install(w, n);
		deliver(w, n);
		tell(w, n);
		if (n->joins)
			join(w, i);
		if ((w->now / STEP_MS + i) % (SWEEPER_STEP_MS / STEP_MS) == 0)
			serving_tick(&n->serving, ticks(w, n));
		if (n->ends_at >= 0 && n->ends_at <= w->now)
			end_node(w, n);
	}
}

static void
begin(struct world *w, uint64_t seed, uint32_t n_flows)
{
	w->random = rng_of(seed, 1);
	w->now = 1000;
	w->n_flows = n_flows;
	w->wheel_mask = 8191; /* 82 s */
	w->flows = calloc(n_flows, sizeof(*w->flows));
	w->wheel_next = calloc(n_flows, sizeof(*w->wheel_next));
	w->wheel = malloc((w->wheel_mask + 1) * sizeof(*w->wheel));
	if (w->flows == NULL || w->wheel_next == NULL || w->wheel == NULL)
		die("out of memory");
	memset(w->wheel, 0xff, (w->wheel_mask + 1) * sizeof(*w->wheel));
	for (int i = 0; i < BACKENDS; i++)
		w->backends[i] = (struct backend){
		    .there = i % 4 != 3, .weight = (uint16_t)(1 + below(w, 4))};
	for (int i = 0; i < NODES; i++) {
		begin_node(w, &w->nodes[i]);
		w->nodes[i].announces = true;
	}
	for (int i = 0; i < BUCKETS; i++)
		w->buckets[i] = i % NODES;
	for (uint32_t i = 0; i < n_flows; i++)
		begin_flow(w, i);
}

static void
end(struct world *w)
{
	for (int i = 0; i < NODES; i++)
		if (w->nodes[i].up)
			end_node(w, &w->nodes[i]);
	free(w->flows);
	free(w->wheel_next);
	free(w->wheel);
}

struct options {
	uint64_t seed;
	uint32_t flows, minutes;
};

static struct tally
run(const struct options *o, enum sharing sharing, enum router router)
{
	static struct world w;
	int64_t until, next_backend, next_node;

	memset(&w, 0, sizeof(w));
	w.sharing = sharing;
	w.router = router;
	begin(&w, o->seed, o->flows);
	until = w.now + o->minutes * INT64_C(60000);
	next_backend = next_node = w.now + 30000;
	for (; w.now < until; w.now += STEP_MS) {
		if (w.now >= next_backend) {
			backend_event(&w);
			next_backend = w.now + spread(&w, EVENT_MS, 60000);
		}
		if (w.now >= next_node) {
			node_event(&w);
			next_node = w.now + spread(&w, 4 * EVENT_MS, 60000);
		}
		step_nodes(&w);
		if (w.now % 1000 == 0)
			heal(&w);
		send_due(&w);
	}
	end(&w);
	return w.tally;
}

static int failures, tests;

static void
report(const char *name, bool good, const struct tally *t)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	printf("# %llu connections, %llu packets; %llu changes of backends, "
	       "%llu nodes left, %llu came, %llu crashed; %llu backends "
	       "removed\n",
	    (unsigned long long)t->connections, (unsigned long long)t->packets,
	    (unsigned long long)t->changes, (unsigned long long)t->leaves,
	    (unsigned long long)t->joins, (unsigned long long)t->crashes,
	    (unsigned long long)t->removed);
	printf("# broken %llu; dead with their backends %llu; too young "
	       "%llu; not forwarded %llu; notices %llu, heals "
	       "%llu, no room %llu\n",
	    (unsigned long long)t->broken, (unsigned long long)t->dead,
	    (unsigned long long)t->lost, (unsigned long long)t->refused,
	    (unsigned long long)t->notices, (unsigned long long)t->heals,
	    (unsigned long long)t->overflow);
	fflush(stdout);
	failures += !good;
}

/* All that was to happen has. */
static bool
holds(const struct options *o, const struct tally *t)
{
	return t->broken == 0 && t->lost * 1000 <= t->connections &&
	    t->connections > o->flows &&
	    (o->minutes < 10 || (t->joins > 0 && t->crashes > 0));
}

static void
usage(FILE *to)
{
	fprintf(
	    to, "usage: connections [--seed N] [--flows N] [--minutes N]\n");
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {{"seed", 1, NULL, 's'},
	    {"flows", 1, NULL, 'f'}, {"minutes", 1, NULL, 'm'},
	    {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct options o = {1, 20000, 10};
	struct tally t;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o.seed = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			o.flows = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			o.minutes = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	t = run(&o, SHARED, MOD_N);
	report("shared, routers that spread anew: nothing breaks",
	    holds(&o, &t), &t);
	t = run(&o, SHARED, RESILIENT);
	report("shared, resilient routers: nothing breaks", holds(&o, &t), &t);
	t = run(&o, UNSHARED, MOD_N);
	report("control: unshared, many break", t.broken > t.connections / 100,
	    &t);
	t = run(&o, ONE_TABLE, MOD_N);
	report("control: one table, many break", t.broken > t.connections / 100,
	    &t);
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
