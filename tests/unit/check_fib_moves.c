/* SPDX-License-Identifier: Apache-2.0 */
/* What slots settle on from state to state: against a plain model written from
 * the rule's text, and by what it is for: connections, told only by the words
 * that packets see, never lose a backend that lives. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"
#include "common/arena.h"
#include "common/flows_batch.h"
#include "tests/unit/moves_rig.h"
#include "tests/unit/unit.h"

static struct world world;
static struct fib *fib;
static uint32_t now;
static struct errmsg why;
static void
setup(void)
{
	world_init(&world);
	fib = NULL;
	now = UINT32_MAX - 1000; /* wraps soon */
	random_state = 1;
}

static void
teardown(void)
{
	fib_free(fib);
	fib = NULL;
}

static void
install(void)
{
	struct fib *next = fib_new(world_state(&world), fib, now, &why);

	ck_assert_msg(next != NULL, "%s", why.text);
	fib_free(fib);
	fib = next;
}

static size_t
service_at(size_t i)
{
	return service_position(fib->state, i);
}

/* What a packet sees. */
struct seen {
	size_t current, settled; /* backends */
	bool ask, edge;
};

static struct seen
look(size_t i, uint32_t slot)
{
	const struct tables *t = fib_tables(fib);
	uint32_t at = t->services[service_at(i)].first_slot + slot;
	uint16_t current = t->slots[at & t->slot_mask];
	uint16_t settled = t->settled[at & t->slot_mask];
	const struct addr *backends = fib->state->backends;

	return (struct seen){
	    backend_index(&backends[current & SLOT_BACKEND_MASK]),
	    backend_index(&backends[settled & SLOT_BACKEND_MASK]),
	    (current & SLOT_ASK) != 0, (settled & SETTLED_EDGE) != 0};
}

/* Model ---------------------------------------------------------------- */

struct model_slot {
	bool there;
	size_t current, stood; /* what it was when it last stood still */
	uint32_t began;        /* of its move */
};

static struct model_slot model[SERVICES][SIZE];

static size_t
current_of(const struct table *t, const struct addr *addrs, uint32_t slot)
{
	return backend_index(
	    &addrs[table_position_of(t, table_slots(t)[slot])]);
}

static struct table *
table_of(size_t i, struct addr addrs[BACKENDS])
{
	struct table_member members[BACKENDS];
	char names[BACKENDS][ADDR_TEXT_MAX];
	size_t n = 0;
	const uint8_t seed[FORWARDING_SEED_LEN] = {7};

	for (size_t b = 0; b < BACKENDS; b++) {
		if (world.services[i].life[b] == ABSENT)
			continue;
		addrs[n] = backend_addr(b);
		members[n] = (struct table_member){
		    addr_format(&addrs[n], names[n]),
		    world.services[i].weight[b],
		    world.services[i].life[b] == UP ? TABLE_PHI_FULL : 0};
		n++;
	}
	return n == 0 ? NULL : table_new(members, n, SIZE, seed);
}

static void
model_slot(size_t i, struct model_slot *m, size_t current)
{
	bool stood = m->current == m->stood;

	if (!m->there) {
		*m = (struct model_slot){true, current, current, now};
		return;
	}
	m->current = current;
	if (!world_alive(&world, i, m->stood))
		m->stood = current;
	if (m->stood == current)
		return;
	if (stood)
		m->began = now;
	if (now - m->began >= SETTLE_S * MOVES_TICKS_PER_S)
		m->stood = current;
}

static void
model_step(void)
{
	for (size_t i = 0; i < SERVICES; i++) {
		struct addr addrs[BACKENDS];
		struct table *t = world.services[i].there ? table_of(i, addrs)
							  : NULL;

		for (uint32_t s = 0; s < SIZE; s++) {
			if (t == NULL)
				model[i][s].there = false;
			else
				model_slot(
				    i, &model[i][s], current_of(t, addrs, s));
		}
		table_free(t);
	}
}

static void
check_model(void)
{
	for (size_t i = 0; i < SERVICES; i++) {
		uint32_t moving = 0;

		for (uint32_t s = 0; s < SIZE && model[i][s].there; s++) {
			const struct model_slot *m = &model[i][s];
			struct seen seen = look(i, s);

			ck_assert_uint_eq(seen.current, m->current);
			if (m->stood == m->current) {
				ck_assert_uint_eq(seen.settled, seen.current);
				continue;
			}
			moving++;
			ck_assert(seen.ask);
			ck_assert_uint_eq(seen.settled, m->stood);
			ck_assert_int_eq(seen.edge,
			    now - m->began < LEARN_S * MOVES_TICKS_PER_S);
		}
		if (world.services[i].there)
			ck_assert_uint_eq(
			    fib_moving(fib, service_at(i)).moving, moving);
	}
}

START_TEST(as_the_rule_says)
{
	random_state = (uint64_t)_i + 1;
	memset(model, 0, sizeof(model));
	install();
	model_step();
	for (int step = 0; step < 400; step++) {
		if (random_below(3) != 0) {
			world_change(&world);
			install();
		} else {
			now += random_below(4) == 0 ? random_below(80) * 4
						    : random_below(40);
			fib_tick(fib, now);
		}
		model_step();
		check_model();
		if (random_below(8) == 0)
			fib_pass_done(fib, now);
	}
}
END_TEST

/* Connections ---------------------------------------------------------- */

#define FLOWS 1500

static struct {
	uint64_t hash;
	size_t service, backend;
	bool open, entry;
	uint32_t service_number;
	uint16_t number; /* of the entry */
} flows[FLOWS];

/* The table of moves-design, without UDP: where it goes, and what is written.
 */
static size_t
flow_packet(size_t f, bool syn)
{
	const struct tables *t = fib_tables(fib);
	size_t i = flows[f].service;
	uint32_t slot = (uint32_t)(flows[f].hash >> SHIFT);
	struct seen seen = look(i, slot);
	size_t to;

	if (!seen.ask)
		return seen.current;
	if (flows[f].entry && !syn &&
	    t->positions[flows[f].number & t->number_mask] != FLOWS_NO_BACKEND)
		return backend_index(
		    &fib->state->backends[t->positions[flows[f].number]]);
	to = syn ? seen.current : seen.settled;
	if (seen.settled != seen.current || seen.edge) {
		struct addr a = backend_addr(to);

		flows[f].entry = true;
		flows[f].number = (uint16_t)numbers_find(
		    fib->backend_numbers, &a);
		flows[f].service_number = fib_service_number(
		    fib, service_at(i));
	}
	return to;
}

static void
open_flow(size_t f)
{
	flows[f].service = random_below(SERVICES);
	flows[f].hash = (uint64_t)random_below(UINT32_MAX) << 32 | f;
	flows[f].entry = false;
	if (!world.services[flows[f].service].there ||
	    service_at(flows[f].service) == SIZE_MAX ||
	    fib->services[service_at(flows[f].service)].table == NULL)
		return;
	flows[f].backend = flow_packet(f, true);
	flows[f].open = world_alive(&world, flows[f].service, flows[f].backend);
}

static void
on_lost(void *ctx, uint32_t service, uint32_t backend)
{
	for (size_t f = 0; f < FLOWS; f++)
		if ((service == FIB_ANY ||
			flows[f].service_number == service) &&
		    (backend == FIB_ANY || flows[f].number == backend))
			flows[f].entry = false;
}

static void
sweep(void)
{
	for (size_t f = 0; f < FLOWS; f++) {
		if (!flows[f].entry)
			continue;
		switch (fib_need(fib, flows[f].service_number, flows[f].hash,
		    flows[f].number, now)) {
		case FIB_DEAD:
		case FIB_NEEDLESS:
			flows[f].entry = false;
			break;
		case FIB_PINNED:
			if (!flows[f].open)
				flows[f].entry = false;
			break;
		case FIB_MOVING:
			break;
		}
	}
	fib_pass_done(fib, now);
}

static void
step_flows(void)
{
	for (size_t f = 0; f < FLOWS; f++) {
		if (!flows[f].open) {
			open_flow(f);
			continue;
		}
		if (!world_alive(&world, flows[f].service, flows[f].backend)) {
			flows[f].open = false;
			continue;
		}
		ck_assert_uint_eq(flow_packet(f, false), flows[f].backend);
		if (random_below(50) == 0)
			flows[f].open = false;
	}
}

/* Sweeps until nothing asks any more. */
static void
come_to_rest(void)
{
	for (size_t f = 0; f < FLOWS; f++)
		flows[f].open = false;
	for (int i = 0; i < 4; i++) {
		now += (SETTLE_S + MOVES_ENDING_S) * MOVES_TICKS_PER_S;
		fib_tick(fib, now);
		sweep();
	}
	for (size_t r = 0; r < fib->n_regions; r++)
		ck_assert_ptr_null(fib->regions[r].moves);
	for (uint32_t s = 0; s <= fib->tables.slot_mask; s++) {
		ck_assert_uint_eq(fib->slots[s] & SLOT_ASK, 0);
		ck_assert_uint_eq(fib->slots[s], fib->settled[s]);
	}
}

START_TEST(connections_stay)
{
	random_state = (uint64_t)_i + 100;
	memset(flows, 0, sizeof(flows));
	install();
	for (int step = 0; step < 300; step++) {
		struct fib *next;

		if (random_below(2) == 0) {
			world_change(&world);
			next = fib_new(world_state(&world), fib, now, &why);
			ck_assert_msg(next != NULL, "%s", why.text);
			fib_lost(next, fib, on_lost, NULL);
			fib_free(fib);
			fib = next;
		}
		now += random_below(15 * MOVES_TICKS_PER_S);
		fib_tick(fib, now);
		step_flows();
		if (random_below(4) == 0)
			sweep();
	}
	come_to_rest();
}
END_TEST

/* In place ------------------------------------------------------------- */

static uint16_t slots_copy[4 * SIZE], settled_copy[4 * SIZE];

static void
follow(void *ctx, uint32_t first, uint32_t n)
{
	ck_assert_uint_le(first + n, fib->tables.slot_mask + 1);
	memcpy(slots_copy + first, fib->slots + first, 2 * n);
	memcpy(settled_copy + first, fib->settled + first, 2 * n);
}

static void
check_followed(void)
{
	fib_changes(fib, follow, NULL);
	ck_assert_mem_eq(
	    slots_copy, fib->slots, 2 * (fib->tables.slot_mask + 1));
	ck_assert_mem_eq(
	    settled_copy, fib->settled, 2 * (fib->tables.slot_mask + 1));
}

static void
drain(size_t i, size_t b)
{
	world.services[i].life[b] = DRAINING;
	install();
}

/* A copy that follows fib_changes is the same at any time. */
START_TEST(changes_are_told)
{
	const struct fib_service *s;

	install();
	drain(0, 0);
	memcpy(slots_copy, fib->slots, 2 * (fib->tables.slot_mask + 1));
	memcpy(settled_copy, fib->settled, 2 * (fib->tables.slot_mask + 1));
	check_followed();
	for (int i = 0; i < 100; i++) {
		now += MOVES_TICKS_PER_S;
		fib_tick(fib, now);
		check_followed();
	}
	s = &fib->services[0];
	ck_assert_int_eq(
	    fib_need(fib, 0, UINT64_C(3) << SHIFT,
		s->live[0] == fib_current(fib, &fib->regions[s->region], 3)
		    ? s->live[1]
		    : s->live[0],
		now),
	    FIB_PINNED);
	check_followed();
	fib_pass_done(fib, now);
	fib_pass_done(fib, now);
	check_followed();
	ck_assert_ptr_null(fib->regions[s->region].moves);
}
END_TEST

/* An entry of a peer that has moved already makes its slot ask; the slots of
 * others that share the table ask as well, which does no harm. */
START_TEST(needs)
{
	uint16_t current, other;
	uint64_t hash = UINT64_C(9) << SHIFT;
	const struct fib_region *r;

	install();
	r = &fib->regions[0];
	current = fib_current(fib, r, 9);
	other = fib_backend_number(fib, current == 0 ? 1 : 0);
	ck_assert_int_eq(fib_need(fib, 0, hash, current, now), FIB_NEEDLESS);
	ck_assert(!look(0, 9).ask);
	ck_assert_int_eq(fib_need(fib, 0, hash, other, now), FIB_PINNED);
	ck_assert(look(0, 9).ask);
	ck_assert(look(1, 9).ask);
	ck_assert(!look(0, 8).ask);
	ck_assert_uint_eq(fib_moving(fib, 0).asking, 1);
	ck_assert_uint_eq(fib_moving(fib, 0).moving, 0);
	ck_assert_int_eq(fib_need(fib, 5, hash, other, now), FIB_DEAD);
	ck_assert_int_eq(fib_need(fib, UINT32_MAX, hash, other, now), FIB_DEAD);
	ck_assert_int_eq(fib_need(fib, 0, hash, 77, now), FIB_DEAD);
	fib_pass_done(fib, now);
	ck_assert(look(0, 9).ask);
	fib_pass_done(fib, now);
	ck_assert(!look(0, 9).ask);
}
END_TEST

START_TEST(held_by_a_drain)
{
	uint32_t before = 0;

	install();
	for (uint32_t s = 0; s < SIZE; s++)
		before += look(0, s).current == 2;
	ck_assert_uint_gt(before, 0);
	ck_assert_uint_eq(fib_held(fib, 0, 2), 0);
	drain(0, 2);
	ck_assert_uint_eq(fib_held(fib, 0, 2), before);
	ck_assert_uint_eq(fib_moving(fib, 0).moving, before);
	ck_assert_uint_eq(fib_moving(fib, 1).moving, 0);
	now += SETTLE_S * MOVES_TICKS_PER_S - 1;
	fib_tick(fib, now);
	ck_assert_uint_eq(fib_held(fib, 0, 2), before);
	now++;
	fib_tick(fib, now);
	ck_assert_uint_eq(fib_held(fib, 0, 2), 0);
	ck_assert_uint_eq(fib_moving(fib, 0).asking, before);
}
END_TEST

/* A table of twice the size, or more: each of its slots comes from one. */
START_TEST(table_grows)
{
	size_t stood[SIZE];
	uint32_t first, factor = 1u << _i;
	struct forwarding *f;
	struct fib *next;

	install();
	for (uint32_t s = 0; s < SIZE; s++)
		stood[s] = look(0, s).current;
	drain(0, 1);
	f = world_state(&world);
	f->services[0].table_size = SIZE * factor;
	next = fib_new(f, fib, now, &why);
	ck_assert_msg(next != NULL, "%s", why.text);
	first = next->services_fwd[0].first_slot;
	for (uint32_t s = 0; s < SIZE * factor; s++) {
		uint16_t settled = next->settled[first + s] & SLOT_BACKEND_MASK;

		ck_assert_uint_eq(
		    backend_index(&next->state->backends[settled]),
		    stood[s / factor]);
		ck_assert_uint_eq((next->slots[first + s] & SLOT_ASK) != 0,
		    (next->slots[first + s] & SLOT_BACKEND_MASK) != settled);
	}
	/* And smaller again: it stands. */
	fib_free(fib);
	fib = next;
	if (_i == 0)
		return;
	install();
	ck_assert_uint_eq(fib_moving(fib, 0).asking, 0);
}
END_TEST

/* Services share slots while they have the same table and history. */
START_TEST(sharing)
{
	install();
	ck_assert_uint_eq(fib->n_regions, 1);
	world.services[1].life[0] = world.services[0].life[0] = DRAINING;
	install();
	ck_assert_uint_eq(fib->n_regions, 1);
	/* One that comes later has the same table, and no history. */
	world.services[2].there = true;
	world.services[2].life[0] = DRAINING;
	install();
	ck_assert_uint_eq(fib->n_regions, 2);
	ck_assert_uint_gt(fib_moving(fib, 1).moving, 0);
	ck_assert_uint_eq(fib_moving(fib, 2).asking, 0);
	/* Until nothing moves. */
	now += (SETTLE_S + MOVES_ENDING_S) * MOVES_TICKS_PER_S;
	fib_tick(fib, now);
	now += MOVES_ENDING_S * MOVES_TICKS_PER_S;
	fib_tick(fib, now);
	fib_pass_done(fib, now);
	fib_pass_done(fib, now);
	install();
	ck_assert_uint_eq(fib->n_regions, 1);
}
END_TEST

/* Another node's ------------------------------------------------------- */

/* Whatever this one had: it is as that one afterwards, moves' ages too. */
START_TEST(taken_over)
{
	struct arena *arena = arena_new();
	struct settled_batch batch;
	struct fib *other;
	uint8_t a[TABLE_DIGEST_LEN], b[TABLE_DIGEST_LEN];
	static const uint8_t zeros[TABLE_DIGEST_LEN];

	install();
	fib_settled_digest(fib, 0, a);
	ck_assert_mem_eq(a, zeros, sizeof(a));
	drain(0, 1);
	now += 30 * MOVES_TICKS_PER_S;
	fib_tick(fib, now);
	drain(0, 2);
	ck_assert_int_eq(fib_settled(fib, now, arena, &batch), 0);
	ck_assert_uint_eq(batch.n_services, 1);
	ck_assert_str_eq(batch.services[0].name, "s0");
	ck_assert_uint_eq(
	    settled_batch_count(&batch), fib_moving(fib, 0).moving);

	/* One that has just been started, and numbers others. */
	world.services[1].life[3] = DRAINING;
	world.reversed = true;
	other = fib_new(world_state(&world), NULL, 5000, &why);
	ck_assert_msg(other != NULL, "%s", why.text);
	fib_settled_digest(fib, 0, a);
	fib_settled_digest(other, 0, b);
	ck_assert_mem_ne(a, b, sizeof(a));
	fib_free(fib);
	fib = fib_resettle(other, &batch, 5000, &why);
	ck_assert_msg(fib != NULL, "%s", why.text);
	fib_free(other);
	fib_settled_digest(fib, 0, b);
	ck_assert_mem_eq(a, b, sizeof(a));
	ck_assert_uint_eq(fib_moving(fib, 1).asking, 0);
	/* The first drain ends 30 s before the second. */
	fib_tick(fib, 5000 + 30 * MOVES_TICKS_PER_S);
	fib_settled_digest(fib, 0, b);
	ck_assert_mem_ne(a, b, sizeof(a));
	ck_assert_uint_gt(fib_moving(fib, 0).moving, 0);
	fib_tick(fib, 5000 + 60 * MOVES_TICKS_PER_S);
	ck_assert_uint_eq(fib_moving(fib, 0).moving, 0);

	/* What is not in a batch stands. */
	drain(0, 3);
	ck_assert_uint_gt(fib_moving(fib, 0).moving, 0);
	batch.n_services = 0;
	other = fib_resettle(fib, &batch, now, &why);
	ck_assert_msg(other != NULL, "%s", why.text);
	ck_assert_uint_eq(fib_moving(other, 0).moving, 0);
	ck_assert_uint_gt(fib_moving(other, 0).asking, 0);
	fib_free(other);
	arena_free(arena);
}
END_TEST

/* What another node says need not be true, nor make sense. */
START_TEST(taken_over_nonsense)
{
	struct addr backends[] = {backend_addr(0), backend_addr(8)};
	struct settled_slot slots[] = {{0, 1, 0}, {1, 7, 0}, {2, 0, 86400},
	    {3, 0, 1}, {SIZE, 0, 1}, {UINT32_MAX, 0, 1}};
	struct settled_service services[] = {{(char *)"s0", SIZE, slots, 6},
	    {(char *)"s1", SIZE * 2, slots, 6}, {(char *)"x", SIZE, slots, 6}};
	struct settled_batch batch = {0, backends, 2, services, 3};
	struct fib *next;

	install();
	next = fib_resettle(fib, &batch, now, &why);
	ck_assert_msg(next != NULL, "%s", why.text);
	fib_free(fib);
	fib = next;
	for (uint32_t s = 0; s < SIZE; s++)
		ck_assert(look(0, s).settled == look(0, s).current || s == 3);
	ck_assert_uint_eq(look(0, 3).settled, 0);
	ck_assert_uint_eq(fib_moving(fib, 1).asking, 0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("fib_moves");
	TCase *tc = tcase_create("fib_moves");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, as_the_rule_says, 0, 10);
	tcase_add_loop_test(tc, connections_stay, 0, 10);
	tcase_add_test(tc, changes_are_told);
	tcase_add_test(tc, needs);
	tcase_add_test(tc, held_by_a_drain);
	tcase_add_loop_test(tc, table_grows, 0, 4);
	tcase_add_test(tc, sharing);
	tcase_add_test(tc, taken_over);
	tcase_add_test(tc, taken_over_nonsense);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
