/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of a drain, with a clock that only the test moves. */
#include "config.h"

#include "agent/core/drain.h"

#include "tests/unit/unit.h"

#define QUIET_S 60

static struct drain d;
static struct mono now;

static void
setup(void)
{
	d = (struct drain){0};
	now = (struct mono){1000000000};
}

static void
after_s(int64_t s, bool gone)
{
	now.us += s * 1000000;
	drain_step(&d, now, gone, QUIET_S);
}

static void
phase_is(enum drain_phase phase)
{
	ck_assert_str_eq(drain_phase_name(d.phase), drain_phase_name(phase));
}

static void
drain(uint32_t graceful_s)
{
	d.by_operator = true;
	drain_begin(&d, now, graceful_s);
}

START_TEST(withdraws_at_once)
{
	phase_is(DRAIN_OFF);
	drain(0);
	phase_is(DRAIN_WITHDRAWN);
}
END_TEST

START_TEST(marks_first_where_asked_for)
{
	drain(5);
	phase_is(DRAIN_MARKED);
	ck_assert_int_eq(drain_wakeup(&d, QUIET_S).us, now.us + 5000000);
	after_s(4, false);
	phase_is(DRAIN_MARKED);
	after_s(1, false);
	phase_is(DRAIN_WITHDRAWN);
}
END_TEST

START_TEST(is_quiet_when_nothing_has_come_for_long_enough)
{
	drain(0);
	after_s(QUIET_S - 1, true);
	phase_is(DRAIN_WITHDRAWN);
	ck_assert_int_eq(drain_wakeup(&d, QUIET_S).us, now.us + 1000000);
	after_s(1, true);
	phase_is(DRAIN_QUIET);
	ck_assert_int_eq(drain_wakeup(&d, QUIET_S).us, INT64_MAX);
}
END_TEST

START_TEST(traffic_begins_it_anew)
{
	drain(0);
	after_s(QUIET_S - 1, true);
	drain_count(&d, now, 7);
	after_s(QUIET_S - 1, true);
	phase_is(DRAIN_WITHDRAWN);
	drain_count(&d, now, 7); /* no more of it */
	after_s(1, true);
	phase_is(DRAIN_QUIET);
	drain_count(&d, now, 8);
	after_s(0, true);
	phase_is(DRAIN_WITHDRAWN);
}
END_TEST

START_TEST(what_is_still_announced_is_not_quiet)
{
	drain(0);
	after_s(10 * QUIET_S, false);
	phase_is(DRAIN_WITHDRAWN);
	after_s(QUIET_S - 1, true);
	phase_is(DRAIN_WITHDRAWN);
	after_s(1, true);
	phase_is(DRAIN_QUIET);
}
END_TEST

START_TEST(two_wishes_are_two)
{
	drain(0);
	d.temporary = true;
	drain_begin(&d, now, 0);
	d.by_operator = false;
	drain_begin(&d, now, 0);
	phase_is(DRAIN_WITHDRAWN);
	d.temporary = false;
	drain_begin(&d, now, 0);
	phase_is(DRAIN_OFF);
}
END_TEST

START_TEST(a_second_wish_brings_nothing_back)
{
	drain(0);
	d.temporary = true;
	drain_begin(&d, now, 30);
	phase_is(DRAIN_WITHDRAWN);
}
END_TEST

START_TEST(a_hurry_cuts_the_marking_short)
{
	drain(30);
	drain_begin(&d, now, 0);
	phase_is(DRAIN_WITHDRAWN);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("drain");
	TCase *tc = tcase_create("drain");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, withdraws_at_once);
	tcase_add_test(tc, marks_first_where_asked_for);
	tcase_add_test(tc, is_quiet_when_nothing_has_come_for_long_enough);
	tcase_add_test(tc, traffic_begins_it_anew);
	tcase_add_test(tc, what_is_still_announced_is_not_quiet);
	tcase_add_test(tc, two_wishes_are_two);
	tcase_add_test(tc, a_second_wish_brings_nothing_back);
	tcase_add_test(tc, a_hurry_cuts_the_marking_short);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
