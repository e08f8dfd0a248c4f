/* SPDX-License-Identifier: Apache-2.0 */
/* The rule for one slot, case by case: every combination of what it was, what
 * current becomes, whether the settled backend is lost, and how long it has
 * taken. */
#include "config.h"

#include "balancer/core/moves.h"
#include "tests/unit/unit.h"

#define NOW    1000u
#define SETTLE 400u
#define LEARN  100u
#define ENDING (MOVES_ENDING_S * MOVES_TICKS_PER_S)
#define M      MOVES_MARKED
#define E      MOVES_ENDED
#define ENDS   (MOVES_ENDED | MOVES_MARKED | MOVES_SEEN)

static const struct moves_times times = {SETTLE, LEARN};

enum {
	A = 1,
	B,
	C
};

/* clang-format off */
static const struct {
	uint16_t settled, before, current;
	bool lost;
	uint32_t age;  /* of what slot.since means */
	uint8_t flags; /* before */
	uint16_t then; /* settled after */
	uint32_t then_age;
	uint8_t then_flags;
	bool edge;
} rows[] = {
	/* Stands, and nothing happens. */
	{A, A, A, false, 0, 0, A, 0, 0, false},
	{A, A, A, true, 0, 0, A, 0, 0, false},
	{A, A, A, false, 50000, M, A, 50000, M, false},
	/* A move begins. */
	{A, A, B, false, 7, 0, A, 0, 0, true},
	{A, A, B, false, 7, M, A, 0, M, true},
	{A, A, B, false, 7, E | M, A, 0, M, true},
	/* Its backend is lost: it stands on the next, with no move between. */
	{A, A, B, true, 7, 0, B, 7, 0, false},
	{A, A, B, true, 7, M, B, 7, M, false},
	{A, A, B, true, 7, E | M, B, 7, E | M, true},
	{A, A, B, true, ENDING, E | M, B, ENDING, M, false},
	/* Moves, time passes. */
	{A, B, B, false, LEARN - 1, 0, A, LEARN - 1, 0, true},
	{A, B, B, false, LEARN, 0, A, LEARN, 0, false},
	{A, B, B, false, SETTLE - 1, 0, A, SETTLE - 1, 0, false},
	{A, B, B, false, SETTLE, 0, B, 0, ENDS, true},
	{A, B, B, false, SETTLE + 5, M, B, 0, ENDS, true},
	/* Moves on: it settled on A, and began then. */
	{A, B, C, false, SETTLE - 1, 0, A, SETTLE - 1, 0, false},
	{A, B, C, false, SETTLE, 0, C, 0, ENDS, true},
	/* Moves back. */
	{A, B, A, false, 5, 0, A, 0, ENDS, true},
	{A, B, A, false, SETTLE, 0, A, 0, ENDS, true},
	/* What it settled on is lost while it moves. */
	{A, B, B, true, 5, 0, B, 0, ENDS, true},
	{A, B, C, true, 5, M, C, 0, ENDS, true},
	/* Has ended. */
	{A, A, A, false, ENDING - 1, E, A, ENDING - 1, E, true},
	{A, A, A, false, ENDING, E, A, ENDING, 0, false},
	{A, A, A, false, ENDING, ENDS, A, ENDING, M | MOVES_SEEN, false},
};
/* clang-format on */

START_TEST(rule)
{
	struct moves_slot s = {.since = NOW - rows[_i].age,
	    .settled = rows[_i].settled,
	    .flags = rows[_i].flags};

	s = moves_step(
	    s, rows[_i].before, rows[_i].current, rows[_i].lost, &times, NOW);
	ck_assert_uint_eq(s.settled, rows[_i].then);
	ck_assert_uint_eq(s.flags, rows[_i].then_flags);
	ck_assert_int_eq(
	    moves_edge(&s, rows[_i].current, &times, NOW), rows[_i].edge);
	if (moves_asks(&s, rows[_i].current))
		ck_assert_uint_eq(NOW - s.since, rows[_i].then_age);
}
END_TEST

/* What moves_due says is the first tick at which anything changes. */
START_TEST(due)
{
	struct moves_slot s = {.since = NOW - rows[_i].age,
	    .settled = rows[_i].settled,
	    .flags = rows[_i].flags};
	const uint16_t current = rows[_i].current;
	uint32_t left, t;

	s = moves_step(s, rows[_i].before, current, rows[_i].lost, &times, NOW);
	left = moves_due(&s, current, &times, NOW);
	for (t = 1; t < 2 * SETTLE; t++) {
		struct moves_slot n = moves_step(
		    s, current, current, false, &times, NOW + t);

		if (n.settled != s.settled || n.flags != s.flags ||
		    moves_edge(&n, current, &times, NOW + t) !=
			moves_edge(&s, current, &times, NOW))
			break;
	}
	ck_assert_uint_eq(left, t < 2 * SETTLE ? t : UINT32_MAX);
}
END_TEST

/* Ticks wrap. */
START_TEST(wraps)
{
	struct moves_slot s = {.since = UINT32_MAX - 10, .settled = A};

	s = moves_step(s, B, B, false, &times, SETTLE - 12);
	ck_assert_uint_eq(s.settled, A);
	ck_assert_uint_eq(moves_due(&s, B, &times, SETTLE - 12), 1);
	s = moves_step(s, B, B, false, &times, SETTLE - 11);
	ck_assert_uint_eq(s.settled, B);
}
END_TEST

START_TEST(nothing_is_kept)
{
	const struct moves_times none = {0, 0};
	struct moves_slot s = moves_step(
	    moves_standing(A), A, B, false, &none, NOW);

	ck_assert_uint_eq(s.settled, B);
	ck_assert(!moves_asks(&s, B));
}
END_TEST

/* A mark goes when a pass that began after it was set has seen nothing. */
START_TEST(marks)
{
	struct moves_slot s = {.settled = A, .flags = M | MOVES_SEEN};

	moves_pass_done(&s);
	ck_assert(moves_asks(&s, A));
	s.flags |= MOVES_SEEN;
	moves_pass_done(&s);
	ck_assert(moves_asks(&s, A));
	moves_pass_done(&s);
	ck_assert(!moves_asks(&s, A));
}
END_TEST

START_TEST(counts)
{
	struct moves *m = moves_new(4);

	ck_assert_ptr_nonnull(m);
	for (uint32_t i = 0; i < 4; i++)
		m->slots[i] = moves_standing(A);
	m->slots[1] = (struct moves_slot){NOW - 100, B, 0, 0};
	m->slots[2] = (struct moves_slot){NOW - 10, A, E, 0};
	m->slots[3].flags = M;
	moves_count_begin(m);
	for (uint32_t i = 0; i < 4; i++)
		moves_count_add(m, i, A, &times, NOW);
	ck_assert_uint_eq(m->moving, 1);
	ck_assert_uint_eq(m->asking, 3);
	ck_assert(m->timed);
	ck_assert_uint_eq(m->due, NOW + ENDING - 10);
	moves_free(m);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("moves");
	TCase *tc = tcase_create("moves");

	tcase_add_loop_test(tc, rule, 0, ROWS(rows));
	tcase_add_loop_test(tc, due, 0, ROWS(rows));
	tcase_add_test(tc, wraps);
	tcase_add_test(tc, nothing_is_kept);
	tcase_add_test(tc, marks);
	tcase_add_test(tc, counts);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
