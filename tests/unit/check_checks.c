/* SPDX-License-Identifier: Apache-2.0 */
/* One check: when it runs, and what its results do. */
#include "config.h"

#include "agent/core/checks.h"

#include <string.h>

#include "tests/unit/checks_rig.h"
#include "tests/unit/unit.h"

START_TEST(nothing_to_do)
{
	struct checks_start s;
	uint64_t id;

	ck_assert(!checks_due(checks, now, &s));
	ck_assert(!checks_cancelled(checks, &id));
	ck_assert_int_eq(checks_wakeup(checks).us, INT64_MAX);
	ck_assert(checks_round_done(checks));
	ck_assert_int_eq(health_of("web", 1), HEALTH_UNKNOWN);
	checks_result(checks, now, 0, CHECK_OK, NULL);
	checks_result(checks, now, 7, CHECK_OK, NULL);
	ck_assert_uint_eq(checks_version(checks), 0);
}
END_TEST

/* Results as letters, o(k), f(ailed), u(nable), and the verdict after each. */
static const struct {
	uint8_t rise, fall;
	const char *results, *verdicts;
} judged[] = {
    {2, 3, "o", "U"},
    {2, 3, "f", "D"},
    {2, 3, "uuu", "???"},
    {2, 3, "uo", "?U"},
    {2, 3, "uf", "?D"},
    {2, 3, "offf", "UUUD"},
    {2, 3, "offoff", "UUUUUU"},
    {2, 3, "offofff", "UUUUUUD"},
    {2, 3, "foo", "DDU"},
    {2, 3, "fofoo", "DDDDU"},
    {2, 3, "offuf", "UUUUD"},
    {2, 3, "ouuuufff", "UUUUUUUD"},
    {2, 3, "fouo", "DDDU"},
    {1, 1, "ofofo", "UDUDU"},
    {1, 1, "oufuo", "UUDDU"},
    {3, 1, "ofooo", "UDDDU"},
    {1, 4, "offffo", "UUUUDU"},
};

static char
letter(enum health health)
{
	return health == HEALTH_UP ? 'U' : health == HEALTH_DOWN ? 'D' : '?';
}

START_TEST(rise_and_fall)
{
	const char *results = judged[_i].results;

	web.rise = judged[_i].rise;
	web.fall = judged[_i].fall;
	set_one("web", 1, &web);
	ck_assert_int_eq(health_of("web", 1), HEALTH_UNKNOWN);
	for (size_t i = 0; results[i] != '\0'; i++) {
		enum health before = health_of("web", 1), after;
		uint64_t version = checks_version(checks);

		result(results[i] == 'o'    ? CHECK_OK
			: results[i] == 'f' ? CHECK_FAILED
					    : CHECK_UNABLE);
		after = health_of("web", 1);
		ck_assert_msg(letter(after) == judged[_i].verdicts[i],
		    "%s: %c after %zu", results, letter(after), i + 1);
		ck_assert_int_eq(
		    checks_version(checks) != version, after != before);
		if (after != before)
			ck_assert_int_eq(state_of("web", 1).since.us, now.us);
		ck_assert_int_eq(
		    checks_round_done(checks), after != HEALTH_UNKNOWN);
	}
}
END_TEST

/* A long random row: no verdict turns with less than rise or fall results in a
 * row, and at once with as many; never by UNABLE. Every 20 s, so that it never
 * flaps. */
START_TEST(every_turn_is_earned)
{
	uint64_t random = 7;
	uint32_t ok = 0, failed = 0;
	enum health verdict;

	web.interval_ms = 20000;
	set_one("web", 1, &web);
	result(CHECK_OK);
	verdict = HEALTH_UP;
	for (int i = 0; i < 20000; i++) {
		enum check_result r;

		random = random * UINT64_C(6364136223846793005) + 1;
		r = (enum check_result)((random >> 33) % 3);
		result(r);
		if (r != CHECK_UNABLE) {
			ok = r == CHECK_OK ? ok + 1 : 0;
			failed = r == CHECK_FAILED ? failed + 1 : 0;
		}
		if (ok >= web.rise)
			verdict = HEALTH_UP;
		if (failed >= web.fall)
			verdict = HEALTH_DOWN;
		ck_assert_int_eq(health_of("web", 1), verdict);
		ck_assert(!state_of("web", 1).flapping);
	}
}
END_TEST

static const struct {
	uint32_t interval_ms, timeout_ms;
} timings[] = {{100, 10}, {100, 100}, {2000, 1000}, {60000, 1000}};

START_TEST(jitter_stays_in_bounds)
{
	int64_t interval = timings[_i].interval_ms * MS, least = INT64_MAX,
		most = 0;
	struct mono begun = now, last;

	web.interval_ms = timings[_i].interval_ms;
	web.timeout_ms = timings[_i].timeout_ms;
	set_one("web", 1, &web);
	last = (next_start(), now);
	ck_assert_int_le(last.us - begun.us,
	    interval < CHECKS_FIRST_MAX_MS * MS ? interval
						: CHECKS_FIRST_MAX_MS * MS);
	for (int i = 0; i < 1000; i++) {
		struct checks_start s;
		int64_t gap;

		/* It takes its time, and that does not add to the interval. */
		now.us += web.timeout_ms / 2 * MS;
		checks_result(checks, now, checks->set->probes[0].memory.id,
		    CHECK_OK, NULL);
		ck_assert_int_eq(
		    state_of("web", 1).took_us, web.timeout_ms / 2 * MS);
		ck_assert(!checks_due(checks, now, &s));
		next_start();
		gap = now.us - last.us;
		ck_assert_int_ge(gap, interval * 9 / 10);
		ck_assert_int_le(gap, interval * 11 / 10);
		least = gap < least ? gap : least;
		most = gap > most ? gap : most;
		last = now;
	}
	/* There is some. */
	ck_assert_int_lt(least, interval * 92 / 100);
	ck_assert_int_gt(most, interval * 108 / 100);
}
END_TEST

START_TEST(a_late_end_delays_the_next_start)
{
	struct checks_start s, next;

	web.interval_ms = web.timeout_ms = 1000;
	set_one("web", 1, &web);
	s = next_start();
	now.us += 1500 * MS;
	ck_assert(!checks_due(checks, now, &next));
	checks_result(checks, now, s.id, CHECK_OK, NULL);
	ck_assert(checks_due(checks, now, &next));
	ck_assert_uint_ne(next.id, s.id);
}
END_TEST

START_TEST(a_result_that_never_comes)
{
	struct checks_start s, next;
	uint64_t id;

	set_one("web", 1, &web);
	s = next_start();
	ck_assert_int_eq(
	    checks_wakeup(checks).us, now.us + (TIMEOUT + 1000) * MS);
	now.us += (TIMEOUT + 1000) * MS - 1;
	ck_assert(!checks_due(checks, now, &next));
	ck_assert(!checks_cancelled(checks, &id));
	ck_assert(state_of("web", 1).under_way);
	now.us++;
	if (checks_due(checks, now, &next))
		ck_assert_uint_ne(next.id, s.id);
	ck_assert(checks_cancelled(checks, &id));
	ck_assert_uint_eq(id, s.id);
	ck_assert(!checks_cancelled(checks, &id));
	ck_assert_int_eq(health_of("web", 1), HEALTH_DOWN);
	ck_assert_str_eq(state_of("web", 1).why, "no result in time");
	/* When it comes at last, it is too late. */
	checks_result(checks, now, s.id, CHECK_OK, NULL);
	ck_assert_uint_eq(state_of("web", 1).ok_in_row, 0);
}
END_TEST

/* A caller that does not take the ids loses none, and gets no more. */
START_TEST(cancelled_ids_are_not_lost)
{
	struct checks_start s;
	uint64_t id, last = 0;
	size_t started = 0, cancelled = 0;

	set_one("web", 1, &web);
	for (int i = 0; i < 100; i++) {
		now.us += 10000 * MS;
		if (checks_due(checks, now, &s)) {
			started++;
			last = s.id;
		}
	}
	while (checks_cancelled(checks, &id)) {
		cancelled++;
		ck_assert_uint_ne(id, last);
	}
	ck_assert_uint_gt(cancelled, 0);
	ck_assert_uint_eq(started, cancelled + 1);
}
END_TEST

START_TEST(flapping_is_shown)
{
	struct checks_state s;

	web.rise = web.fall = 1;
	set_one("web", 1, &web);
	for (int i = 0; i < 6; i++)
		result(i % 2 == 0 ? CHECK_OK : CHECK_FAILED);
	ck_assert(!state_of("web", 1).flapping);
	result(CHECK_OK);
	s = state_of("web", 1);
	ck_assert(s.flapping);
	ck_assert_int_eq(s.health, HEALTH_DOWN);
	ck_assert_int_eq(s.flapping_until.us, now.us + 60000 * MS);
	/* Only a result ends it. */
	now.us += 3600000 * MS;
	result(CHECK_UNABLE);
	ck_assert(state_of("web", 1).flapping);
	result(CHECK_OK);
	ck_assert(!state_of("web", 1).flapping);
	ck_assert_int_eq(health_of("web", 1), HEALTH_UP);
}
END_TEST

START_TEST(what_is_shown)
{
	struct checks_state s;
	char longer[300];

	set_one("web", 1, &web);
	s = state_of("web", 1);
	ck_assert_int_eq(s.took_us, -1);
	ck_assert_int_eq(s.since.us, now.us);
	ck_assert_str_eq(s.why, "");
	ck_assert(!s.under_way && !s.unable && !s.flapping);
	result(CHECK_UNABLE);
	s = state_of("web", 1);
	ck_assert(s.unable);
	ck_assert_int_eq(s.took_us, -1);
	ck_assert_str_eq(s.why, "refused");
	result(CHECK_OK);
	s = state_of("web", 1);
	ck_assert(!s.unable);
	ck_assert_str_eq(s.why, "");
	ck_assert_uint_eq(s.ok_in_row, 1);
	result(CHECK_FAILED);
	s = state_of("web", 1);
	ck_assert_str_eq(s.why, "refused");
	ck_assert_uint_eq(s.failed_in_row, 1);
	ck_assert_uint_eq(s.ok_in_row, 0);
	result(CHECK_FAILED);
	result(CHECK_FAILED);
	result(CHECK_OK); /* 1 of 2: still down, and still for that */
	s = state_of("web", 1);
	ck_assert_int_eq(s.health, HEALTH_DOWN);
	ck_assert_str_eq(s.why, "refused");
	result(CHECK_OK);
	ck_assert_str_eq(state_of("web", 1).why, "");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	checks_result(checks, now, next_start().id, CHECK_FAILED, longer);
	ck_assert_uint_eq(strlen(state_of("web", 1).why), CHECKS_WHY_MAX - 1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("checks");
	TCase *tc = tcase_create("checks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_to_do);
	tcase_add_loop_test(tc, rise_and_fall, 0, ROWS(judged));
	tcase_add_test(tc, every_turn_is_earned);
	tcase_add_loop_test(tc, jitter_stays_in_bounds, 0, ROWS(timings));
	tcase_add_test(tc, a_late_end_delays_the_next_start);
	tcase_add_test(tc, a_result_that_never_comes);
	tcase_add_test(tc, cancelled_ids_are_not_lost);
	tcase_add_test(tc, flapping_is_shown);
	tcase_add_test(tc, what_is_shown);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
