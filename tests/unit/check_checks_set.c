/* SPDX-License-Identifier: Apache-2.0 */
/* Many checks: who shares a probe, and what is kept when the set changes. */
#include "config.h"

#include "agent/core/checks.h"

#include <string.h>

#include "tests/unit/checks_rig.h"
#include "tests/unit/unit.h"

START_TEST(one_probe_for_many_services)
{
	struct health_check same = web, other = web;
	struct addr vips[] = {backend(100), backend(200)};
	struct checks_target t[] = {
	    target("a", 1, &web),
	    target("b", 1, &same), /* shared, though another copy */
	    target("c", 1, &other),
	    target("d", 1, &via_vip),
	    target("e", 1, &via_vip), /* another VIP */
	    target("f", 1, &via_vip), /* shared with d */
	    target("g", 2, &web),
	    target("h", 1, &dns),
	};

	strcpy(other.path, "/other");
	/* Without the tunnel the VIP does not count. */
	t[0].vip = &vips[0];
	t[1].vip = &vips[1];
	t[3].vip = t[5].vip = &vips[0];
	t[4].vip = &vips[1];
	set(t, 8);
	ck_assert_uint_eq(checks_count(checks), 8);
	ck_assert_uint_eq(checks->set->n, 6);
	for (int i = 0; i < 6; i++) {
		struct checks_start s = next_start();

		ck_assert_int_eq(s.vip != NULL, s.check->tunnel);
		checks_result(checks, now, s.id,
		    s.check->kind == CHECK_HTTP ? CHECK_OK : CHECK_FAILED,
		    NULL);
	}
	ck_assert(checks_round_done(checks));
	ck_assert_int_eq(health_of("a", 1), HEALTH_UP);
	ck_assert_int_eq(health_of("b", 1), HEALTH_UP);
	ck_assert_int_eq(health_of("d", 1), HEALTH_DOWN);
	ck_assert_int_eq(health_of("e", 1), HEALTH_DOWN);
	ck_assert_int_eq(health_of("f", 1), HEALTH_DOWN);
	ck_assert_int_eq(health_of("g", 2), HEALTH_UP);
	ck_assert_int_eq(health_of("g", 1), HEALTH_UNKNOWN);
	for (size_t i = 1; i < 8; i++) {
		struct checks_state s, before;

		checks_get(checks, i - 1, &before);
		checks_get(checks, i, &s);
		ck_assert_int_lt(strcmp(before.service, s.service), 0);
	}
}
END_TEST

START_TEST(odd_targets)
{
	struct health_check none = {.kind = CHECK_NONE};
	const struct checks_target t[] = {
	    target("web", 1, &web),
	    target("web", 1, &dns), /* the first counts */
	    target("dns", 1, &none),
	};

	set(t, 3);
	ck_assert_uint_eq(checks_count(checks), 1);
	ck_assert_int_eq(state_of("web", 1).check->kind, CHECK_HTTP);
}
END_TEST

/* What may change while the memory stays. */
static const struct {
	uint32_t interval_ms, timeout_ms;
	uint8_t rise, fall;
} tuned[] = {
    {INTERVAL, TIMEOUT, 2, 3},
    {5000, TIMEOUT, 2, 3},
    {INTERVAL, 500, 2, 3},
    {INTERVAL, TIMEOUT, 5, 3},
    {INTERVAL, TIMEOUT, 2, 5},
    {100, 50, 1, 1},
};

START_TEST(what_stays_keeps_its_memory)
{
	struct health_check check = web;
	struct checks_start s;
	uint64_t id, version;

	set_one("web", 1, &web);
	result(CHECK_OK);
	result(CHECK_FAILED);
	s = next_start();
	version = checks_version(checks);
	check.interval_ms = tuned[_i].interval_ms;
	check.timeout_ms = tuned[_i].timeout_ms;
	check.rise = tuned[_i].rise;
	check.fall = tuned[_i].fall;
	set_one("web", 1, &check);
	ck_assert(!checks_cancelled(checks, &id));
	ck_assert_uint_eq(checks_version(checks), version);
	ck_assert_int_eq(health_of("web", 1), HEALTH_UP);
	ck_assert_uint_eq(state_of("web", 1).failed_in_row, 1);
	ck_assert_uint_eq(
	    state_of("web", 1).check->interval_ms, check.interval_ms);
	/* The one under way goes on and counts. */
	ck_assert(state_of("web", 1).under_way);
	checks_result(checks, now, s.id, CHECK_FAILED, "refused");
	ck_assert_uint_eq(state_of("web", 1).failed_in_row, 2);
}
END_TEST

START_TEST(a_shorter_interval_counts_at_once)
{
	struct health_check check = web;
	struct mono changed;

	check.interval_ms = 3600000;
	set_one("web", 1, &check);
	result(CHECK_OK);
	set_one("web", 1, &web);
	changed = now;
	next_start();
	ck_assert_int_le(now.us - changed.us, INTERVAL * MS * 11 / 10);
}
END_TEST

/* What makes another question of it. */
#define N_QUESTIONS 9

static void
ask_otherwise(struct health_check *c, int how)
{
	switch (how) {
	case 0:
		c->kind = CHECK_HTTPS;
		break;
	case 1:
		c->port++;
		break;
	case 2:
		c->tunnel = true;
		break;
	case 3:
		strcpy(c->host, "www.example.com");
		break;
	case 4:
		strcpy(c->path, "/health");
		break;
	case 5:
		c->status_max++;
		break;
	case 6:
		c->insecure = true;
		break;
	case 7:
		strcpy(c->send, "ping");
		break;
	default:
		strcpy(c->expect, "pong");
	}
}

START_TEST(another_question_begins_anew)
{
	struct health_check check = web;
	struct checks_start s;
	uint64_t id, version;

	set_one("web", 1, &web);
	result(CHECK_OK);
	s = next_start();
	version = checks_version(checks);
	ask_otherwise(&check, _i);
	set_one("web", 1, &check);
	ck_assert_int_eq(health_of("web", 1), HEALTH_UNKNOWN);
	ck_assert(!checks_round_done(checks));
	ck_assert_uint_ne(checks_version(checks), version);
	ck_assert(checks_cancelled(checks, &id));
	ck_assert_uint_eq(id, s.id);
	ck_assert(!checks_cancelled(checks, &id));
	checks_result(checks, now, s.id, CHECK_OK, NULL);
	ck_assert_int_eq(health_of("web", 1), HEALTH_UNKNOWN);
	/* The first decides again. */
	result(CHECK_FAILED);
	ck_assert_int_eq(health_of("web", 1), HEALTH_DOWN);
}
END_TEST

/* A service that asks what another asks, at other times. */
START_TEST(a_copy_knows_what_the_first_knows)
{
	struct health_check slow = web;
	struct checks_target t[] = {
	    target("a", 1, &web), target("b", 1, &slow)};
	struct checks_start s;
	uint64_t id;

	slow.interval_ms = 5000;
	set(t, 1);
	result(CHECK_OK);
	s = next_start();
	set(t, 2);
	ck_assert_uint_eq(checks->set->n, 2);
	ck_assert_int_eq(health_of("b", 1), HEALTH_UP);
	ck_assert(checks_round_done(checks));
	ck_assert(state_of("a", 1).under_way);
	ck_assert(!state_of("b", 1).under_way);
	checks_result(checks, now, s.id, CHECK_OK, NULL);
	/* And when the first goes, what it has under way goes. */
	while (!state_of("a", 1).under_way)
		s = next_start();
	set(&t[1], 1);
	if (checks_cancelled(checks, &id))
		ck_assert_uint_eq(id, s.id);
	ck_assert_int_eq(health_of("b", 1), HEALTH_UP);
}
END_TEST

START_TEST(the_version_follows_the_set)
{
	struct checks_target t[] = {target("a", 1, &web), target("b", 2, &web)};
	uint64_t version;

	set(t, 2);
	version = checks_version(checks);
	set(t, 2);
	ck_assert_uint_eq(checks_version(checks), version);
	set(t, 1);
	ck_assert_uint_ne(checks_version(checks), version);
	version = checks_version(checks);
	set_one("a", 2, &web);
	ck_assert_uint_ne(checks_version(checks), version);
	version = checks_version(checks);
	set(NULL, 0);
	ck_assert_uint_ne(checks_version(checks), version);
	ck_assert_int_eq(checks_wakeup(checks).us, INT64_MAX);
}
END_TEST

/* Everything at random: sets that come and go, results that come, come late or
 * never. What the caller has under way is what the probes have, one each, and
 * each id is ended or cancelled once. */
#define N_BACKENDS 12
#define MAX_OPEN   1000

static uint64_t opened[MAX_OPEN];
static size_t n_open;
static uint64_t random_state;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % n;
}

static void
close_id(uint64_t id)
{
	for (size_t i = 0; i < n_open; i++)
		if (opened[i] == id) {
			opened[i] = opened[--n_open];
			return;
		}
	ck_abort_msg("%llx is not open", (unsigned long long)id);
}

static void
random_set(void)
{
	struct health_check variants[4] = {web, web, dns, dns};
	struct checks_target t[N_BACKENDS * 2];
	size_t n = 0;

	variants[1].interval_ms = 1500;
	variants[3].fall = 7;
	for (uint32_t i = 0; i < N_BACKENDS * 2; i++)
		if (random_below(3) != 0)
			t[n++] = target(i % 2 == 0 ? "a" : "b", i / 2,
			    &variants[random_below(4)]);
	set(t, n);
}

static void
take_cancelled(void)
{
	uint64_t id;

	while (checks_cancelled(checks, &id))
		close_id(id);
}

static void
open_due(void)
{
	struct checks_start s;
	size_t under_way = 0;

	while (checks_due(checks, now, &s)) {
		ck_assert_uint_lt(n_open, MAX_OPEN);
		opened[n_open++] = s.id;
	}
	take_cancelled();
	for (size_t i = 0; i < checks->set->n; i++)
		under_way += checks->set->probes[i].memory.id != 0;
	ck_assert_uint_eq(under_way, n_open);
}

START_TEST(anything_goes)
{
	random_state = (uint64_t)_i;
	n_open = 0;
	for (int i = 0; i < 2000; i++) {
		now.us += random_below(400) * MS;
		if (random_below(50) == 0)
			random_set();
		take_cancelled();
		open_due();
		walk();
		ck_assert_int_gt(checks_wakeup(checks).us, now.us);
		if (n_open > 0 && random_below(10) != 0) {
			size_t k = random_below((uint32_t)n_open);

			checks_result(checks, now, opened[k],
			    (enum check_result)random_below(3), "x");
			close_id(opened[k]);
		}
	}
	set(NULL, 0);
	take_cancelled();
	ck_assert_uint_eq(n_open, 0);
}
END_TEST

/* The set in any order gives the same. */
START_TEST(order_does_not_matter)
{
	struct checks *other = checks_new(42);
	struct checks_target t[200], back[200];

	for (uint32_t i = 0; i < 200; i++)
		back[199 - i] = t[i] = target(
		    i % 3 == 0 ? "a" : "b", i, i % 2 == 0 ? &web : &dns);
	set(t, 200);
	ck_assert_int_eq(checks_set(other, now, back, 200), 0);
	for (int i = 0; i < 1000; i++) {
		struct checks_start s, o;

		s = next_start();
		ck_assert(checks_due(other, now, &o));
		ck_assert_uint_eq(s.id, o.id);
		ck_assert_int_eq(addr_cmp(&s.backend, &o.backend), 0);
		checks_result(checks, now, s.id, CHECK_OK, NULL);
		checks_result(other, now, o.id, CHECK_OK, NULL);
	}
	checks_free(other);
}
END_TEST

/* 10,000 probes: the work of each start and each end is that of a heap. */
START_TEST(ten_thousand)
{
	enum {
		N = 10000,
		LOG2 = 14
	};
	static struct checks_target t[N];
	struct checks_start s;
	struct mono begun = now;
	uint64_t steps;

	for (uint32_t i = 0; i < N; i++)
		t[i] = target("web", i + 1, &web);
	set(t, N);
	ck_assert_uint_le(checks->set->heap_steps, 5 * N);
	steps = checks->set->heap_steps;
	for (int i = 0; i < N; i++) {
		while (!checks_due(checks, now, &s))
			now = checks_wakeup(checks);
		checks_result(checks, now, s.id, CHECK_OK, NULL);
	}
	steps = checks->set->heap_steps - steps;
	ck_assert_uint_le(steps, UINT64_C(1) * N * 2 * 2 * LOG2);
	ck_assert(checks_round_done(checks));
	ck_assert_int_le(now.us - begun.us, CHECKS_FIRST_MAX_MS * MS);
	ck_assert_uint_eq(checks_version(checks), N + 1);
	set(t, N);
	ck_assert(checks_round_done(checks));
	ck_assert_uint_eq(checks_version(checks), N + 1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("checks_set");
	TCase *tc = tcase_create("checks_set");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_probe_for_many_services);
	tcase_add_test(tc, odd_targets);
	tcase_add_loop_test(tc, what_stays_keeps_its_memory, 0, ROWS(tuned));
	tcase_add_test(tc, a_shorter_interval_counts_at_once);
	tcase_add_loop_test(tc, another_question_begins_anew, 0, N_QUESTIONS);
	tcase_add_test(tc, a_copy_knows_what_the_first_knows);
	tcase_add_test(tc, the_version_follows_the_set);
	tcase_add_loop_test(tc, anything_goes, 0, 8);
	tcase_add_test(tc, order_does_not_matter);
	tcase_add_test(tc, ten_thousand);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
