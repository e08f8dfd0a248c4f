/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of results says: rising, falling, flapping. */
#include "config.h"

#include "agent/core/checks_judge.h"

#include "tests/unit/unit.h"

#define S INT64_C(1000000)

static struct judge judge;
static struct mono now;

static void
setup(void)
{
	now = (struct mono){1000 * S};
	judge_init(&judge, now);
}

static bool
result(bool ok)
{
	return judge_result(&judge, now, ok, 1, 1);
}

/* With rise = fall = 1 every change of result is a turn. */
static void
flap(int turns, int64_t every_us)
{
	for (int i = 0; i < turns; i++) {
		now.us += every_us;
		result(judge.turned != HEALTH_UP);
	}
}

static void
setup_up(void)
{
	setup();
	result(true);
}

/* 'o'(k), 'f'(ailed), and the verdict after each. */
static const struct {
	uint8_t rise, fall;
	const char *results, *verdicts;
} rows[] = {
    {2, 3, "o", "U"},
    {2, 3, "f", "D"},
    {2, 3, "offf", "UUUD"},
    {2, 3, "offoff", "UUUUUU"},
    {2, 3, "foo", "DDU"},
    {2, 3, "fofoo", "DDDDU"},
    {1, 1, "ofofo", "UDUDU"},
    {100, 100, "fo", "DD"},
};

START_TEST(rise_and_fall)
{
	const char *results = rows[_i].results;

	for (int i = 0; results[i] != '\0'; i++) {
		enum health before = judge.health;
		bool changed;

		now.us += 60 * S;
		changed = judge_result(&judge, now, results[i] == 'o',
		    rows[_i].rise, rows[_i].fall);
		ck_assert_int_eq(judge.health,
		    rows[_i].verdicts[i] == 'U' ? HEALTH_UP : HEALTH_DOWN);
		ck_assert_int_eq(changed, judge.health != before);
		if (changed)
			ck_assert_int_eq(judge.since.us, now.us);
	}
}
END_TEST

START_TEST(a_row_does_not_overflow)
{
	judge.ok_in_row = UINT32_MAX;
	result(true);
	ck_assert_uint_eq(judge.ok_in_row, UINT32_MAX);
}
END_TEST

START_TEST(six_turns_in_a_minute_hold_it_down)
{
	flap(5, 12 * S);
	ck_assert(!judge.held);
	/* The sixth is an UP that is not shown. */
	flap(1, 12 * S);
	ck_assert(judge.held);
	ck_assert_int_eq(judge.turned, HEALTH_UP);
	ck_assert_int_eq(judge.health, HEALTH_DOWN);
	ck_assert_int_eq(judge.held_until.us, now.us + 60 * S);
	/* That it stays up does not help before the time. */
	now.us += 60 * S - 1;
	ck_assert(!result(true));
	now.us++;
	ck_assert(result(true));
	ck_assert_int_eq(judge.health, HEALTH_UP);
	ck_assert_int_eq(judge.since.us, now.us);
	ck_assert(!judge.held);
}
END_TEST

START_TEST(slower_turns_do_not)
{
	for (int i = 0; i < 1000; i++) {
		flap(1, 12 * S + 1);
		ck_assert(!judge.held);
		ck_assert_int_eq(judge.health, judge.turned);
	}
}
END_TEST

/* To be found as it is is no turn: six turns take seven results. */
START_TEST(the_first_result_is_no_turn)
{
	ck_assert_uint_eq(judge.n_turns, 0);
	flap(5, S);
	ck_assert(!judge.held);
	flap(1, S);
	ck_assert(judge.held);
}
END_TEST

/* As long as it flaps it is never UP, and is held for longer each time. */
START_TEST(holds_double)
{
	static const int holds_s[] = {60, 120, 240, 480, 600, 600, 600};

	flap(6, 2 * S);
	for (int i = 0; i < ROWS(holds_s); i++) {
		struct mono until = judge.held_until;

		ck_assert_uint_eq(judge.hold_ms, holds_s[i] * 1000);
		while (judge.held_until.us == until.us) {
			ck_assert(judge.held);
			ck_assert_int_eq(judge.health, HEALTH_DOWN);
			flap(1, 2 * S);
		}
	}
}
END_TEST

/* What settles down during the hold is as it settled after it. */
START_TEST(settled_down)
{
	flap(7, 2 * S);
	ck_assert(judge.held);
	now = judge.held_until;
	ck_assert(!result(false));
	ck_assert(!judge.held);
	ck_assert_int_eq(judge.health, HEALTH_DOWN);
	ck_assert(result(true));
}
END_TEST

static const struct {
	int64_t calm_us;
	uint32_t hold_ms;
} calms[] = {
    {JUDGE_HOLD_CALM_MS * INT64_C(1000) - 1, 2 * JUDGE_HOLD_MIN_MS},
    {JUDGE_HOLD_CALM_MS * INT64_C(1000), JUDGE_HOLD_MIN_MS},
};

START_TEST(calm_clears_the_record)
{
	struct mono until;

	flap(6, 2 * S);
	until = now = judge.held_until;
	result(true);
	ck_assert(!judge.held);
	now.us = until.us + calms[_i].calm_us - 6 * S;
	flap(6, S);
	ck_assert(judge.held);
	ck_assert_uint_eq(judge.hold_ms, calms[_i].hold_ms);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("checks_judge");
	TCase *tc = tcase_create("rows");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, rise_and_fall, 0, ROWS(rows));
	tcase_add_test(tc, a_row_does_not_overflow);
	suite_add_tcase(s, tc);
	tc = tcase_create("flapping");
	tcase_add_checked_fixture(tc, setup_up, NULL);
	tcase_add_test(tc, six_turns_in_a_minute_hold_it_down);
	tcase_add_test(tc, slower_turns_do_not);
	tcase_add_test(tc, the_first_result_is_no_turn);
	tcase_add_test(tc, holds_double);
	tcase_add_test(tc, settled_down);
	tcase_add_loop_test(tc, calm_clears_the_record, 0, ROWS(calms));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
