/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over several nodes, which tell each other of their entries, learn
 * of changes one after the other, are restarted with nothing and pull, and
 * heal: whichever node a packet meets, it goes to the backend that its
 * connection began with, as long as that lives. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/exchange.h"
#include "balancer/core/moves.h"
#include "balancer/core/tables.h"
#include "balancer/serving.h"
#include "common/arena.h"
#include "common/flows_batch.h"
#include "tests/unit/moves_rig.h"
#include "tests/unit/unit.h"

#define NODES   3
#define ENTRIES 16384u
#define FLOWS   400
#define WAITING 4096
#define TICKS_S MOVES_TICKS_PER_S

/* As nodes tell each other: a batch of one flow. */
struct notice {
	struct flow_told flow;
	struct addr backend;
	char service[FORWARDING_NAME_MAX];
};

static struct node {
	struct serving serving;
	void *memory;
	uint32_t cursor;
	struct world world; /* that it serves */
	/* What it could not take yet, for want of the state. */
	struct notice waiting[WAITING];
	size_t n_waiting;
} nodes[NODES];

static struct {
	uint64_t hash;
	size_t service, backend;
	bool open;
} flows[FLOWS];

static struct world world;
static uint32_t now;
static struct errmsg why;

static bool differ; /* what nodes settled on, since: */
static uint32_t differ_since;

static void
install(struct node *n)
{
	n->world = world;
	ck_assert_msg(serving_install(&n->serving, world_state(&world), now,
			  NULL, NULL, &why) == 0,
	    "%s", why.text);
}

static void
start(struct node *n)
{
	const uint8_t key[16] = {0};
	struct flows f;

	n->memory = aligned_alloc(64, (flows_size(ENTRIES) + 63) & ~(size_t)63);
	ck_assert_ptr_nonnull(n->memory);
	memset(n->memory, 0, flows_size(ENTRIES));
	flows_lay(&f, n->memory, ENTRIES);
	ck_assert_int_eq(serving_init(&n->serving, key, &why), 0);
	ck_assert_int_eq(serving_remember(&n->serving, &f, NULL, &why), 0);
	n->cursor = 0;
	n->n_waiting = 0;
	install(n);
}

static void
stop(struct node *n)
{
	serving_clear(&n->serving);
	free(n->memory);
}

static void
setup(void)
{
	world_init(&world);
	now = 100000;
	differ = false;
	memset(flows, 0, sizeof(flows));
	for (size_t i = 0; i < NODES; i++)
		start(&nodes[i]);
}

static void
teardown(void)
{
	for (size_t i = 0; i < NODES; i++)
		stop(&nodes[i]);
}

/* Notices -------------------------------------------------------------- */

/* False: what it is about is gone. */
static bool
fill_notice(struct notice *to, const struct node *n, struct flow_record *r)
{
	struct arena *arena = arena_new();
	struct flow_batch batch;
	bool filled;

	ck_assert_ptr_nonnull(arena);
	ck_assert_int_eq(exchange_pack(n->serving.fib, r, 1, arena, &batch), 0);
	filled = flow_batch_count(&batch) == 1;
	if (filled) {
		to->flow = batch.services[0].flows[0];
		to->backend = batch.backends[to->flow.backend];
		to->flow.backend = 0;
		strcpy(to->service, batch.services[0].name);
	}
	arena_free(arena);
	return filled;
}

/* False: the state for it is not there yet, or not any more. */
static bool
hear(struct node *n, const struct notice *notice)
{
	struct flow_told flow = notice->flow;
	struct addr backend = notice->backend;
	struct flow_service service = {notice->service, &flow, 1};
	struct flow_batch batch = {
	    flows_seed_print(fib_state(n->serving.fib)->seed), &backend, 1,
	    &service, 1};
	struct exchange_result result = {0, 0};
	struct arena *arena = arena_new();

	ck_assert_ptr_nonnull(arena);
	ck_assert_int_eq(exchange_learn(n->serving.fib, &n->serving.flows,
			     &batch, now, arena, &result),
	    0);
	arena_free(arena);
	return result.refused == 0;
}

static void
tell(struct node *from)
{
	struct flow_record records[64];
	struct notice notice;
	size_t n;

	while ((n = flows_told(
		    &from->serving.flows, &from->cursor, records, 64)) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (!fill_notice(&notice, from, &records[i]))
				continue;
			for (size_t j = 0; j < NODES; j++) {
				struct node *to = &nodes[j];

				if (to == from || hear(to, &notice))
					continue;
				ck_assert_uint_lt(to->n_waiting, WAITING);
				to->waiting[to->n_waiting++] = notice;
			}
		}
	}
}

static void
hear_again(struct node *n)
{
	for (size_t i = 0; i < n->n_waiting; i++)
		(void)hear(n, &n->waiting[i]);
	n->n_waiting = 0;
}

/* From a node that has been there for longer: settled, then all entries. */
static void
pull(struct node *n, const struct node *from)
{
	struct arena *arena = arena_new();
	struct settled_batch settled;
	struct flow_record records[64];
	struct notice notice;
	uint32_t cursor = 0;

	ck_assert_ptr_nonnull(arena);
	ck_assert_int_eq(
	    fib_settled(from->serving.fib, now, arena, &settled), 0);
	ck_assert_msg(
	    serving_resettle(&n->serving, &settled, now, NULL, NULL, &why) == 0,
	    "%s", why.text);
	while (cursor < flows_entries(&from->serving.flows)) {
		size_t n_records = flows_page(
		    &from->serving.flows, &cursor, records, 64);

		for (size_t i = 0; i < n_records; i++) {
			if (fill_notice(&notice, from, &records[i]))
				(void)hear(n, &notice);
		}
	}
	arena_free(arena);
}

/* Flows ---------------------------------------------------------------- */

/* The backend that a packet of it goes to. */
static size_t
packet(struct node *n, size_t f, enum flow_packet kind)
{
	const struct fib *fib = n->serving.fib;
	const struct tables *t = fib_tables(fib);
	size_t service = service_position(fib_state(fib), flows[f].service);
	struct route route = {
	    .hash = flows[f].hash, .service = (uint32_t)service};
	uint16_t word;

	route.slot = t->services[service].first_slot +
	    (uint32_t)(flows[f].hash >> SHIFT);
	word = t->slots[route.slot & t->slot_mask];
	route.backend = (word & SLOT_ASK) == 0
	    ? word
	    : flow_choose(t, &n->serving.flows, &route, kind);
	return backend_index(&fib_state(fib)->backends[route.backend]);
}

static bool
has_backend(const struct node *n, size_t service)
{
	size_t at = service_position(fib_state(n->serving.fib), service);

	return at != SIZE_MAX &&
	    fib_state(n->serving.fib)->services[at].n_members > 0;
}

static void
open_flow(size_t f)
{
	struct node *n = &nodes[random_below(NODES)];

	flows[f].service = random_below(SERVICES);
	flows[f].hash = (uint64_t)random_below(UINT32_MAX) << 32 |
	    random_below(UINT32_MAX);
	if (!has_backend(n, flows[f].service))
		return;
	flows[f].backend = packet(n, f, FLOW_PACKET_SYN);
	flows[f].open = true;
	tell(n);
}

/* By any node. One that knows nothing of the backend yet can do nothing right;
 * nor does a packet come to it at just that moment. */
static void
say(size_t f, enum flow_packet kind)
{
	struct node *n = &nodes[random_below(NODES)];
	size_t to;

	if (!world_alive(&n->world, flows[f].service, flows[f].backend))
		return;
	to = packet(n, f, kind);
	/* To one that has just died, by a node that has yet to hear of it: the
	 * client says it again. */
	if (!world_alive(&world, flows[f].service, to))
		return;
	ck_assert_uint_eq(to, flows[f].backend);
	tell(n);
}

static void
traffic(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t f = random_below(FLOWS);

		if (flows[f].open &&
		    !world_alive(&world, flows[f].service, flows[f].backend))
			flows[f].open = false;
		if (!flows[f].open) {
			open_flow(f);
		} else if (random_below(30) == 0) {
			say(f, FLOW_PACKET_TCP_END);
			flows[f].open = false;
		} else {
			say(f, FLOW_PACKET_TCP);
		}
	}
}

/* Each says something, so that none is silent for settle_time. */
static void
all_speak(void)
{
	for (size_t f = 0; f < FLOWS; f++) {
		if (flows[f].open &&
		    !world_alive(&world, flows[f].service, flows[f].backend))
			flows[f].open = false;
		if (flows[f].open)
			say(f, FLOW_PACKET_TCP);
	}
}

static void
pass_time(uint32_t ticks)
{
	now += ticks;
	for (size_t i = 0; i < NODES; i++)
		for (uint32_t n = 1 + random_below(6); n > 0; n--)
			serving_tick(&nodes[i].serving, now);
	for (size_t i = 0; i < NODES; i++)
		nodes[i].serving.flows.now = now & FLOW_TIME_MASK;
}

/* One after the other, in any order, with packets in between. Whose state is
 * gone at the end is. */
static void
change(void)
{
	uint32_t first = random_below(NODES);

	world_change(&world);
	for (size_t f = 0; f < FLOWS; f++)
		flows[f].open &= world_alive(
		    &world, flows[f].service, flows[f].backend);
	for (uint32_t i = 0; i < NODES; i++) {
		struct node *n = &nodes[(first + i) % NODES];

		install(n);
		hear_again(n);
		traffic(20);
		if (random_below(3) == 0)
			pass_time(1);
	}
}

static bool
same_settled(void)
{
	uint8_t first[TABLE_DIGEST_LEN], other[TABLE_DIGEST_LEN];

	fib_settled_all(nodes[0].serving.fib, first);
	for (size_t i = 1; i < NODES; i++) {
		fib_settled_all(nodes[i].serving.fib, other);
		if (memcmp(first, other, sizeof(first)) != 0)
			return false;
	}
	return true;
}

/* A slot that goes back just when its move ends has stood still here and not
 * there. What differs for long is then the first node's. */
static void
heal(void)
{
	struct arena *arena;
	struct settled_batch settled;

	if (same_settled()) {
		differ = false;
		return;
	}
	if (!differ)
		differ_since = now;
	differ = true;
	if (now - differ_since <= 10 * TICKS_S)
		return;
	arena = arena_new();
	ck_assert_ptr_nonnull(arena);
	ck_assert_int_eq(
	    fib_settled(nodes[0].serving.fib, now, arena, &settled), 0);
	for (size_t i = 1; i < NODES; i++)
		ck_assert_int_eq(serving_resettle(&nodes[i].serving, &settled,
				     now, NULL, NULL, &why),
		    0);
	arena_free(arena);
	ck_assert(same_settled());
}

START_TEST(connections_stay)
{
	random_state = (uint64_t)_i + 1;
	for (int step = 0; step < 150; step++) {
		traffic(100);
		if (random_below(3) == 0)
			change();
		if (random_below(15) == 0) {
			uint32_t i = random_below(NODES);

			stop(&nodes[i]);
			start(&nodes[i]);
			pull(&nodes[i], &nodes[(i + 1) % NODES]);
		}
		pass_time(random_below(5 * TICKS_S));
		heal();
		all_speak();
	}
	pass_time((SETTLE_S + MOVES_ENDING_S) * TICKS_S);
	pass_time(1);
	for (size_t i = 0; i < NODES; i++)
		serving_tick(&nodes[i].serving, now);
	ck_assert(same_settled());
}
END_TEST

/* A node that is a moment behind hears of older connections in slots that stand
 * here yet. They stay with the other node until all moves are over. */
START_TEST(told_too_early)
{
	struct node *first = &nodes[0], *late = &nodes[1];
	size_t f;

	for (f = 0; f < FLOWS; f++) {
		flows[f].service = 0;
		flows[f].hash = (uint64_t)random_below(UINT32_MAX) << 32 | f;
		flows[f].backend = packet(first, f, FLOW_PACKET_SYN);
	}
	world.services[0].life[1] = DRAINING;
	install(first);
	for (f = 0; f < 2 * FLOWS; f++) /* two each */
		ck_assert_uint_eq(packet(first, f % FLOWS, FLOW_PACKET_TCP),
		    flows[f % FLOWS].backend);
	tell(first);
	now += 1;
	install(late);
	for (int i = 0; i < 9; i++) {
		pass_time(SETTLE_S * TICKS_S / 6);
		for (f = 0; f < FLOWS; f++)
			packet(first, f, FLOW_PACKET_TCP);
	}
	ck_assert_uint_eq(fib_moving(late->serving.fib, 0).moving, 0);
	for (f = 0; f < FLOWS; f++)
		ck_assert_uint_eq(
		    packet(late, f, FLOW_PACKET_TCP), flows[f].backend);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("nodes");
	TCase *tc = tcase_create("nodes");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, told_too_early);
	tcase_add_loop_test(tc, connections_stay, 0, 20);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
