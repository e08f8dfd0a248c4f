/* SPDX-License-Identifier: Apache-2.0 */
/* The effective table: against the model, and what a change may move. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/table_cases.h"
#include "tests/unit/table_model.h"
#include "tests/unit/unit.h"

static const struct table_case cases[] = {
    {1, 2, WEIGHTS_EQUAL, PHIS_DOWN},
    {2, 2, WEIGHTS_EQUAL, PHIS_SLOW_START},
    {3, 16, WEIGHTS_MIXED, PHIS_SOME_DOWN},
    {13, 64, WEIGHTS_EXTREME, PHIS_SLOW_START},
    {10, 1024, WEIGHTS_EQUAL, PHIS_FULL},
    {100, 1024, WEIGHTS_EXTREME, PHIS_SLOW_START},
    {40, 2048, WEIGHTS_MIXED, PHIS_ONE_LEFT},
    {64, 4096, WEIGHTS_MIXED, PHIS_DOWN},
    {200, 4096, WEIGHTS_MIXED, PHIS_SLOW_START},
    {100, 65536, WEIGHTS_EQUAL, PHIS_SOME_DOWN},
    {900, 16384, WEIGHTS_MIXED, PHIS_SLOW_START},
};
#define SEEDS 3

static void
equals_model(const struct case_members *c, const struct table *t)
{
	struct model m;

	model_init(&m, c->members, c->n, table_size(t), c->seed);
	ck_assert_mem_eq(table_base(t), m.base, 2 * (size_t)m.size);
	ck_assert_mem_eq(table_slots(t), m.slots, 2 * (size_t)m.size);
	for (size_t i = 0; i < c->n; i++) {
		size_t position = table_position_of(t, (uint16_t)i);

		ck_assert_uint_eq(table_index_of(t, position), i);
		ck_assert_str_eq(c->members[position].name, m.members[i].name);
	}
	model_clear(&m);
}

START_TEST(whole_table_equals_the_model)
{
	const struct table_case *tc = &cases[_i / SEEDS];
	struct case_members c;
	struct table *t;

	case_init(&c, tc, _i);
	t = case_table(&c, tc->size);
	equals_model(&c, t);
	table_free(t);
	case_clear(&c);
}
END_TEST

static void
shuffle(struct case_members *c)
{
	for (size_t i = c->n; i > 1; i--) {
		size_t j = case_random(c, (uint32_t)i);
		struct table_member m = c->members[i - 1];

		c->members[i - 1] = c->members[j];
		c->members[j] = m;
	}
}

START_TEST(order_of_members_never_matters)
{
	const struct table_case *tc = &cases[_i / SEEDS];
	uint8_t digests[2][TABLE_DIGEST_LEN];
	struct table *one, *other;
	struct case_members c;

	case_init(&c, tc, _i);
	one = case_table(&c, tc->size);
	table_digest(one, NULL, digests[0]);
	for (int i = 0; i < 3; i++) {
		shuffle(&c);
		other = case_table(&c, tc->size);
		ck_assert_mem_eq(
		    table_slots(one), table_slots(other), 2 * tc->size);
		table_digest(other, table_slots(one), digests[1]);
		ck_assert_mem_eq(digests[0], digests[1], TABLE_DIGEST_LEN);
		table_free(other);
	}
	table_free(one);
	case_clear(&c);
}
END_TEST

/* What table_set_phi said, and what was there before. An assertion costs too
 * much to make one for each slot. */
struct watch {
	const struct table *table;
	uint16_t *before;
	uint8_t *told;
};

static void
note_changed(void *ctx, uint32_t slot)
{
	struct watch *w = ctx;

	if (slot >= table_size(w->table) || w->told[slot]++ != 0)
		ck_abort_msg("slot %u told twice, or not there", slot);
}

/* Each slot that differs was told, none other was, and x had or has it. */
static void
only_moves_of(const struct watch *w, uint16_t x)
{
	const uint16_t *after = table_slots(w->table);

	for (uint32_t s = 0; s < table_size(w->table); s++) {
		bool moved = w->before[s] != after[s];

		if (w->told[s] != moved)
			ck_abort_msg("slot %u moved: %d, told: %d", s, moved,
			    w->told[s]);
		if (moved && w->before[s] != x && after[s] != x)
			ck_abort_msg("slot %u moved from %u to %u, not %u", s,
			    w->before[s], after[s], x);
	}
}

static void
set_phi(struct case_members *c, struct table *t, size_t position, uint16_t phi)
{
	uint16_t x = table_index_of(t, position);
	struct watch w = {
	    t, malloc(2 * (size_t)table_size(t)), calloc(table_size(t), 1)};

	ck_assert_ptr_nonnull(w.before);
	ck_assert_ptr_nonnull(w.told);
	memcpy(w.before, table_slots(t), 2 * (size_t)table_size(t));
	c->members[position].phi = phi;
	table_set_phi(t, x, phi, note_changed, &w);
	only_moves_of(&w, x);
	free(w.before);
	free(w.told);
}

/* Any sequence of changes gives what a new table would be, and each moves slots
 * from or to the changed member alone. */
START_TEST(patch_equals_a_new_table)
{
	const struct table_case *tc = &cases[_i / SEEDS];
	struct table *t, *fresh;
	struct case_members c;

	case_init(&c, tc, _i);
	t = case_table(&c, tc->size);
	for (int step = 0; step < 12; step++) {
		size_t x = case_random(&c, (uint32_t)c.n);

		set_phi(&c, t, x, case_phi(&c));
		fresh = case_table(&c, tc->size);
		ck_assert_mem_eq(
		    table_slots(t), table_slots(fresh), 2 * tc->size);
		table_free(fresh);
	}
	equals_model(&c, t);
	table_free(t);
	case_clear(&c);
}
END_TEST

/* The same from another table's base, whichever of the two lives longer. */
START_TEST(with_phis_equals_a_new_table)
{
	const struct table_case *tc = &cases[_i / SEEDS];
	struct table *t, *next;
	struct case_members c;
	uint16_t *phis;

	case_init(&c, tc, _i);
	t = case_table(&c, tc->size);
	phis = calloc(c.n, sizeof(*phis));
	ck_assert_ptr_nonnull(phis);
	for (int step = 0; step < 4; step++) {
		for (size_t i = 0; i < c.n; i++)
			c.members[i].phi = phis[i] = case_phi(&c);
		next = table_with_phis(t, phis);
		ck_assert_ptr_nonnull(next);
		ck_assert_ptr_eq(table_base(next), table_base(t));
		table_free(t);
		t = next;
		equals_model(&c, t);
		set_phi(&c, t, 0, case_phi(&c));
		equals_model(&c, t);
	}
	phis[0] = TABLE_PHI_FULL + 1;
	ck_assert_ptr_null(table_with_phis(t, phis));
	ck_assert_int_eq(errno, EINVAL);
	equals_model(&c, t);
	free(phis);
	table_free(t);
	case_clear(&c);
}
END_TEST

/* All go down one after the other, by steps, then all come back in another
 * order: the former bytes. */
START_TEST(recovery_gives_the_former_bytes)
{
	static const struct table_case tc = {
	    20, 2048, WEIGHTS_MIXED, PHIS_FULL};
	static const uint16_t fall[] = {255, 100, 1, 0};
	static const uint16_t rise[] = {1, 20, 128, TABLE_PHI_FULL};
	struct case_members c;
	struct table *t;

	case_init(&c, &tc, _i);
	t = case_table(&c, tc.size);
	ck_assert_mem_eq(table_slots(t), table_base(t), 2 * tc.size);
	for (size_t i = 0; i < c.n * 4; i++)
		set_phi(&c, t, i % c.n, fall[i / c.n]);
	ck_assert_mem_eq(table_slots(t), table_base(t), 2 * tc.size);
	for (size_t i = 0; i < c.n * 4; i++)
		set_phi(&c, t, (i * 7 + 3) % c.n, rise[i / c.n]);
	ck_assert_mem_eq(table_slots(t), table_base(t), 2 * tc.size);
	table_free(t);
	case_clear(&c);
}
END_TEST

static uint32_t
most_slots(const struct table *t)
{
	uint32_t *count = calloc(table_members(t), sizeof(*count)), most = 0;

	ck_assert_ptr_nonnull(count);
	for (uint32_t s = 0; s < table_size(t); s++)
		count[table_slots(t)[s]]++;
	for (size_t i = 0; i < table_members(t); i++)
		most = count[i] > most ? count[i] : most;
	free(count);
	return most;
}

/* How much over its target the largest share may be; measured over many seeds,
 * plus half. */
static const struct {
	size_t down;
	double over;
} balances[] = {{0, 1.002}, {1, 1.01}, {10, 1.03}, {50, 1.09}, {90, 1.15}};

START_TEST(shares_stay_even)
{
	static const struct table_case tc = {
	    100, 65536, WEIGHTS_EQUAL, PHIS_FULL};
	struct case_members c;
	struct table *t;
	size_t down = balances[_i % ROWS(balances)].down;

	case_init(&c, &tc, _i);
	for (size_t i = 0; i < down; i++)
		c.members[i].phi = 0;
	t = case_table(&c, tc.size);
	ck_assert_double_le(
	    (double)most_slots(t) * (double)(c.n - down) / tc.size,
	    balances[_i % ROWS(balances)].over);
	table_free(t);
	case_clear(&c);
}
END_TEST

/* A member in a slow start has its phi's part of its share, nearly. */
START_TEST(slow_start_takes_its_part)
{
	static const struct table_case tc = {
	    50, 65536, WEIGHTS_EQUAL, PHIS_FULL};
	struct case_members c;
	struct table *t;
	uint32_t count = 0;
	double part;

	case_init(&c, &tc, _i);
	c.members[0].phi = (uint16_t)(_i * 32);
	t = case_table(&c, tc.size);
	for (uint32_t s = 0; s < tc.size; s++)
		count += table_slots(t)[s] == table_index_of(t, 0);
	part = (double)count * (double)c.n / tc.size;
	ck_assert_double_ge(part, _i / 8.0 - 0.02);
	ck_assert_double_le(part, _i / 8.0 + 0.02);
	table_free(t);
	case_clear(&c);
}
END_TEST

/* Slots whose member, by name, is another one. */
static uint32_t
differ(
    const struct case_members *c, const struct table *a, const struct table *b)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < table_size(a); s++)
		n += table_position_of(a, table_slots(a)[s]) !=
		    table_position_of(b, table_slots(b)[s]);
	return n;
}

/* The last of 100 configured members is removed or added: its share moves, and
 * a little more, as Maglev has it. */
START_TEST(adding_or_removing_moves_little)
{
	static const struct table_case tc = {
	    100, 65536, WEIGHTS_EQUAL, PHIS_FULL};
	struct table *with, *without;
	struct case_members c;
	uint32_t moved;

	case_init(&c, &tc, _i);
	with = case_table(&c, tc.size);
	c.n--;
	without = case_table(&c, tc.size);
	moved = differ(&c, with, without);
	ck_assert_uint_ge(moved, tc.size / 100);
	ck_assert_uint_le(moved, tc.size / 100 + tc.size * 2 / 100);
	table_free(with);
	table_free(without);
	case_clear(&c);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("table_phi");
	TCase *tc = tcase_create("phi");

	tcase_add_loop_test(
	    tc, whole_table_equals_the_model, 0, ROWS(cases) * SEEDS);
	tcase_add_loop_test(
	    tc, order_of_members_never_matters, 0, ROWS(cases) * SEEDS);
	tcase_add_loop_test(
	    tc, patch_equals_a_new_table, 0, ROWS(cases) * SEEDS);
	tcase_add_loop_test(
	    tc, with_phis_equals_a_new_table, 0, ROWS(cases) * SEEDS);
	tcase_add_loop_test(tc, recovery_gives_the_former_bytes, 0, 10);
	tcase_add_loop_test(tc, shares_stay_even, 0, ROWS(balances) * 8);
	tcase_add_loop_test(tc, slow_start_takes_its_part, 0, 9);
	tcase_add_loop_test(tc, adding_or_removing_moves_little, 0, 10);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
