/* SPDX-License-Identifier: Apache-2.0 */
/* Who is alive: heartbeats by hand, and then small clusters of nodes that relay
 * them, with a clock that only the test moves. */
#include "config.h"

#include "agent/core/freshness.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MS  INT64_C(1000)
#define OWN 1000 /* incarnation of "me" */

static struct freshness *me;
static struct mono now;

static void
setup(void)
{
	now = (struct mono){1000000000};
	me = freshness_new("me", OWN);
	ck_assert_ptr_nonnull(me);
}

static void
teardown(void)
{
	freshness_free(me);
}

static struct beat
beat(const char *node, uint64_t incarnation, uint64_t hb_seq)
{
	struct beat b = {.incarnation = incarnation, .hb_seq = hb_seq};

	strncpy(b.node, node, sizeof(b.node) - 1);
	return b;
}

static enum beat_news
hear(const char *node, uint64_t incarnation, uint64_t hb_seq, bool direct)
{
	struct beat b = beat(node, incarnation, hb_seq);

	return freshness_hear(me, now, &b, direct);
}

static bool
fresh(const char *node)
{
	return freshness_is_fresh(me, now, node);
}

static bool
advertised(const char *node)
{
	struct beat out[FRESHNESS_MAX];
	size_t n = freshness_beats(me, now, out);

	ck_assert_str_eq(out[0].node, "me");
	for (size_t i = 2; i < n; i++)
		ck_assert_int_lt(strcmp(out[i - 1].node, out[i].node), 0);
	for (size_t i = 0; i < n; i++)
		if (strcmp(out[i].node, node) == 0)
			return true;
	return false;
}

static const struct {
	uint64_t wall_ms, persisted, incarnation;
} starts[] = {
    {1000, 0, 1000},
    {1000, 999, 1000},
    {1000, 1000, 1001},
    {1000, 5000, 5001},
    {0, 0, 1},
    {UINT64_MAX, 7, 8},
};

START_TEST(incarnations)
{
	ck_assert_uint_eq(
	    freshness_incarnation(starts[_i].wall_ms, starts[_i].persisted),
	    starts[_i].incarnation);
}
END_TEST

START_TEST(oneself)
{
	ck_assert(fresh("me"));
	ck_assert(!fresh("a"));
	ck_assert(advertised("me"));
	ck_assert_int_eq(freshness_wakeup(me, now).us, INT64_MAX);
	ck_assert_uint_eq(freshness_own(me)->incarnation, OWN);
	freshness_beat(me, 7);
	ck_assert_uint_eq(freshness_own(me)->hb_seq, 1);
	ck_assert_uint_eq(freshness_find(me, "me")->obs_seq, 7);
	now.us += 3600000 * MS;
	ck_assert(fresh("me"));
	freshness_leave(me);
	ck_assert(!fresh("me"));
	ck_assert_uint_eq(freshness_own(me)->hb_seq, 2);
	ck_assert(freshness_own(me)->left);
	ck_assert(advertised("me"));
}
END_TEST

/* What is heard after a first beat of a, incarnation 10, hb_seq 5: the news,
 * and whether a is fresh then. */
static const struct {
	bool first_direct;
	int64_t after_ms;
	struct beat beat;
	bool direct;
	enum beat_news news;
	bool fresh;
} seconds[] = {
    /* Directly, then the same again, more, less. */
    {true, 0, {"a", 10, 5, 0, false}, true, BEAT_OLD, true},
    {true, 4999, {"a", 10, 5, 0, false}, true, BEAT_OLD, true},
    {true, 5000, {"a", 10, 5, 0, false}, true, BEAT_OLD, false},
    {true, 5000, {"a", 10, 6, 0, false}, true, BEAT_NEWS, true},
    {true, 5000, {"a", 10, 6, 0, false}, false, BEAT_NEWS, true},
    {true, 0, {"a", 10, 4, 0, false}, true, BEAT_OLD, true},
    {true, 5000, {"a", 10, 4, 0, false}, true, BEAT_OLD, false},
    /* By relay: not before it advances, or speaks for itself. */
    {false, 0, {"a", 10, 5, 0, false}, false, BEAT_OLD, false},
    {false, 0, {"a", 10, 6, 0, false}, false, BEAT_NEWS, true},
    {false, 0, {"a", 10, 4, 0, false}, false, BEAT_OLD, false},
    {false, 0, {"a", 10, 5, 0, false}, true, BEAT_NEWS, true},
    {false, 0, {"a", 10, 4, 0, false}, true, BEAT_OLD, false},
    /* Observations are news, and no sign of life. */
    {true, 5000, {"a", 10, 5, 1, false}, false, BEAT_NEWS, false},
    {false, 0, {"a", 10, 5, 1, false}, false, BEAT_NEWS, false},
    /* A restart. */
    {true, 0, {"a", 11, 0, 0, false}, true, BEAT_NEWS, true},
    {true, 0, {"a", 11, 0, 0, false}, false, BEAT_NEWS, false},
    /* A restart with a clock that was set back: only when the old one is
     * expired, or never was seen alive. */
    {true, 4999, {"a", 9, 9, 0, false}, true, BEAT_OLD, true},
    {true, 4999, {"a", 9, 9, 0, false}, false, BEAT_OLD, true},
    {true, 5000, {"a", 9, 9, 0, false}, true, BEAT_NEWS, true},
    {true, 5000, {"a", 9, 9, 0, false}, false, BEAT_NEWS, false},
    {false, 0, {"a", 9, 9, 0, false}, true, BEAT_NEWS, true},
    {false, 0, {"a", 9, 9, 0, false}, false, BEAT_NEWS, false},
    /* It leaves: at once, with any number. */
    {true, 0, {"a", 10, 6, 0, true}, true, BEAT_NEWS, false},
    {true, 0, {"a", 10, 5, 0, true}, false, BEAT_NEWS, false},
    {true, 0, {"a", 10, 1, 0, true}, false, BEAT_NEWS, false},
    {true, 0, {"a", 9, 9, 0, true}, false, BEAT_OLD, true},
    /* Nonsense. */
    {true, 0, {"a", FRESHNESS_INCARNATION_MAX, 9, 0, false}, true, BEAT_OLD,
	true},
};

START_TEST(a_second_beat)
{
	ck_assert_int_eq(hear("a", 10, 5, seconds[_i].first_direct), BEAT_NEWS);
	ck_assert_int_eq(fresh("a"), seconds[_i].first_direct);
	now.us += seconds[_i].after_ms * MS;
	ck_assert_int_eq(
	    freshness_hear(me, now, &seconds[_i].beat, seconds[_i].direct),
	    seconds[_i].news);
	ck_assert_int_eq(fresh("a"), seconds[_i].fresh);
}
END_TEST

START_TEST(who_left_has_left)
{
	struct beat b = beat("a", 10, 6);

	hear("a", 10, 5, true);
	b.left = true;
	ck_assert_int_eq(freshness_hear(me, now, &b, true), BEAT_NEWS);
	ck_assert_int_eq(freshness_hear(me, now, &b, true), BEAT_OLD);
	ck_assert(advertised("a")); /* so that all know */
	ck_assert_int_eq(hear("a", 10, 7, true), BEAT_NEWS);
	ck_assert(!fresh("a"));
	ck_assert(freshness_find(me, "a")->left);
	ck_assert_int_eq(hear("a", 11, 1, true), BEAT_NEWS);
	ck_assert(fresh("a"));
	ck_assert(!freshness_find(me, "a")->left);
}
END_TEST

START_TEST(only_what_advanced_is_advertised)
{
	hear("b", 10, 5, false);
	ck_assert(!advertised("b"));
	hear("c", 10, 5, true);
	hear("a", 10, 5, true);
	ck_assert(advertised("a"));
	ck_assert(advertised("c"));
	hear("b", 10, 6, false);
	ck_assert(advertised("b"));
	now.us += FRESHNESS_ADVERTISE_MS * MS - 1;
	ck_assert(!fresh("a"));
	ck_assert(advertised("a"));
	hear("c", 10, 6, false);
	now.us++;
	ck_assert(!advertised("a"));
	ck_assert(advertised("c"));
}
END_TEST

START_TEST(wakeups)
{
	struct mono begun = now;

	hear("a", 10, 5, true);
	now.us += 1000 * MS;
	hear("b", 10, 5, true);
	hear("c", 10, 5, false);
	ck_assert_int_eq(
	    freshness_wakeup(me, now).us, begun.us + FRESHNESS_FRESH_MS * MS);
	now = freshness_wakeup(me, now);
	ck_assert(!fresh("a"));
	ck_assert(fresh("b"));
	ck_assert_int_eq(freshness_wakeup(me, now).us,
	    begun.us + (1000 + FRESHNESS_FRESH_MS) * MS);
	now = freshness_wakeup(me, now);
	ck_assert(!fresh("b"));
	ck_assert_int_eq(freshness_wakeup(me, now).us, INT64_MAX);
}
END_TEST

static const struct {
	uint64_t incarnation, hb_seq;
	bool left;
	enum beat_news news;
	uint64_t own_after;
} selves[] = {
    {OWN - 1, 99, false, BEAT_OLD, OWN},
    {OWN - 1, 99, true, BEAT_OLD, OWN},
    {OWN, 3, false, BEAT_OLD, OWN},
    {OWN, 4, false, BEAT_REFUTE, OWN + 1},
    {OWN, 1, true, BEAT_REFUTE, OWN + 1},
    {OWN + 1, 0, false, BEAT_REFUTE, OWN + 2},
    {OWN + 500, 0, true, BEAT_REFUTE, OWN + 501},
    {FRESHNESS_INCARNATION_MAX, 0, false, BEAT_OLD, OWN},
    {UINT64_MAX, 0, false, BEAT_OLD, OWN},
};

START_TEST(of_oneself)
{
	struct beat b = beat("me", selves[_i].incarnation, selves[_i].hb_seq);

	for (int i = 0; i < 3; i++)
		freshness_beat(me, 1);
	b.left = selves[_i].left;
	ck_assert_int_eq(freshness_hear(me, now, &b, false), selves[_i].news);
	ck_assert_uint_eq(freshness_own(me)->incarnation, selves[_i].own_after);
	ck_assert(!freshness_own(me)->left);
	/* It is said only once. */
	ck_assert_int_eq(freshness_hear(me, now, &b, false), BEAT_OLD);
	ck_assert(!freshness_duplicate(me, now));
}
END_TEST

/* Milliseconds between refutes, and which of them raise the alarm. */
static const struct {
	int64_t gaps_ms[4];
	const char *alarms;
} duplicates[] = {
    {{0, 0, 0, 0}, "..!!"},
    {{0, 30000, 30000, 0}, "..!!"},
    {{0, 30000, 30001, 0}, "...!"},
    {{0, 60000, 60000, 60000}, "...."},
    {{0, 1000, 1000, 59000}, "..!!"},
};

START_TEST(duplicate_names)
{
	for (int i = 0; i < 4; i++) {
		now.us += duplicates[_i].gaps_ms[i] * MS;
		ck_assert_int_eq(
		    hear("me", freshness_own(me)->incarnation + 1, 0, true),
		    BEAT_REFUTE);
		ck_assert_int_eq(freshness_duplicate(me, now),
		    duplicates[_i].alarms[i] == '!');
	}
	now.us += FRESHNESS_REFUTE_MS * MS;
	ck_assert(!freshness_duplicate(me, now));
}
END_TEST

START_TEST(a_full_table)
{
	char name[16];

	for (int i = 1; i < FRESHNESS_MAX; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		now.us += 10 * MS;
		ck_assert_int_eq(hear(name, 10, 1, i != 30), BEAT_NEWS);
	}
	/* One was never seen alive, and makes room. */
	ck_assert_int_eq(hear("x1", 10, 1, true), BEAT_NEWS);
	ck_assert_ptr_null(freshness_find(me, "n30"));
	ck_assert_int_eq(hear("x2", 10, 1, true), BEAT_OLD);
	ck_assert_ptr_null(freshness_find(me, "x2"));
	now.us += 60000 * MS;
	hear("n01", 10, 2, true);
	/* Now the one that is silent for longest. */
	ck_assert_int_eq(hear("x2", 10, 1, true), BEAT_NEWS);
	ck_assert_ptr_null(freshness_find(me, "n02"));
	ck_assert(fresh("n01"));
	ck_assert(fresh("x2"));
	ck_assert(advertised("x2"));
}
END_TEST

/* A cluster of which any may be cut, stop and start, with a wall clock of its
 * own. */
#define N 6

static struct {
	struct freshness *f; /* NULL: stopped */
	uint64_t persisted;
	int64_t wall_offset_ms;
} nodes[N];
static bool linked[N][N];
static uint64_t random_state;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % n;
}

static const char *
name_of(int i)
{
	static const char *const names[N] = {"a", "b", "c", "d", "e", "f"};

	return names[i];
}

static void
start(int i, bool disk_lost)
{
	uint64_t wall_ms = (uint64_t)(now.us / 1000 + nodes[i].wall_offset_ms);

	if (disk_lost)
		nodes[i].persisted = 0;
	nodes[i].persisted = freshness_incarnation(wall_ms, nodes[i].persisted);
	nodes[i].f = freshness_new(name_of(i), nodes[i].persisted);
	ck_assert_ptr_nonnull(nodes[i].f);
}

static void
stop(int i)
{
	freshness_free(nodes[i].f);
	nodes[i].f = NULL;
}

static void
send_to(int from, int to)
{
	struct beat out[FRESHNESS_MAX];
	size_t n = freshness_beats(nodes[from].f, now, out);

	for (size_t i = 0; i < n; i++)
		if (freshness_hear(nodes[to].f, now, &out[i], i == 0) ==
		    BEAT_REFUTE)
			nodes[to].persisted =
			    freshness_own(nodes[to].f)->incarnation;
}

/* 100 ms at a time; each beats and tells its neighbours once a second. */
static void
run(int64_t ms)
{
	for (int64_t t = 0; t < ms; t += 100) {
		now.us += 100 * MS;
		for (int i = 0; i < N; i++) {
			if (nodes[i].f == NULL ||
			    (now.us / (100 * MS) + i) % 10 != 0)
				continue;
			freshness_beat(nodes[i].f, 0);
			for (int k = 0; k < N; k++)
				if (linked[i][k] && nodes[k].f != NULL)
					send_to(i, k);
		}
	}
}

static void
set_link(int i, int k, bool up)
{
	linked[i][k] = linked[k][i] = up;
}

static void
make_chain(void)
{
	memset(linked, 0, sizeof(linked));
	for (int i = 1; i < N; i++)
		set_link(i - 1, i, true);
}

static void
setup_cluster(void)
{
	now = (struct mono){INT64_C(10000000) * 1000000};
	memset(nodes, 0, sizeof(nodes));
	make_chain();
	for (int i = 0; i < N; i++)
		start(i, false);
}

static void
teardown_cluster(void)
{
	for (int i = 0; i < N; i++)
		stop(i);
}

/* Does everybody who runs see exactly those fresh who run? */
static void
all_agree(void)
{
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N && nodes[i].f != NULL; k++)
			ck_assert_msg(freshness_is_fresh(nodes[i].f, now,
					  name_of(k)) == (nodes[k].f != NULL),
			    "%s of %s", name_of(i), name_of(k));
}

START_TEST(a_chain_sees_all)
{
	run(15000);
	all_agree();
	stop(5);
	run(12000);
	all_agree();
	start(5, false);
	run(12000);
	all_agree();
}
END_TEST

/* A node that restarts hears of the dead from those who remember them. */
START_TEST(the_dead_stay_dead)
{
	run(15000);
	stop(5);
	run(9000);
	stop(0);
	start(0, false);
	for (int i = 0; i < 300; i++) {
		run(100);
		ck_assert(!freshness_is_fresh(nodes[0].f, now, "f"));
	}
	all_agree();
}
END_TEST

/* The clock is set back by an hour and the disk is lost: its past hides the
 * node for a while, and not for ever. */
START_TEST(a_clock_set_back)
{
	run(15000);
	stop(5);
	nodes[5].wall_offset_ms = -3600000;
	run(_i * 1000);
	start(5, true);
	run(20000);
	all_agree();
}
END_TEST

/* Whatever happened, 30 s of quiet with a connected cluster bring agreement. */
START_TEST(anything_goes)
{
	random_state = (uint64_t)_i;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 30; i++) {
			int k = (int)random_below(N);

			run(random_below(30) * 100);
			set_link(k, (k + 1 + (int)random_below(N - 1)) % N,
			    random_below(2) == 0);
			k = (int)random_below(N);
			nodes[k].wall_offset_ms = (int64_t)random_below(
						      7200000) -
			    3600000;
			if (random_below(2) == 0)
				continue;
			if (nodes[k].f == NULL)
				start(k, random_below(3) == 0);
			else
				stop(k);
		}
		for (int i = 0; i < N - 1; i++) {
			set_link(i, i + 1, true);
			if (nodes[i].f == NULL)
				start(i, random_below(3) == 0);
		}
		run(30000);
		all_agree();
	}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("freshness");
	TCase *tc = tcase_create("node");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, incarnations, 0, ROWS(starts));
	tcase_add_test(tc, oneself);
	tcase_add_loop_test(tc, a_second_beat, 0, ROWS(seconds));
	tcase_add_test(tc, who_left_has_left);
	tcase_add_test(tc, only_what_advanced_is_advertised);
	tcase_add_test(tc, wakeups);
	tcase_add_loop_test(tc, of_oneself, 0, ROWS(selves));
	tcase_add_loop_test(tc, duplicate_names, 0, ROWS(duplicates));
	tcase_add_test(tc, a_full_table);
	suite_add_tcase(s, tc);
	tc = tcase_create("cluster");
	tcase_add_checked_fixture(tc, setup_cluster, teardown_cluster);
	tcase_add_test(tc, a_chain_sees_all);
	tcase_add_test(tc, the_dead_stay_dead);
	tcase_add_loop_test(tc, a_clock_set_back, 0, 16);
	tcase_add_loop_test(tc, anything_goes, 0, 100);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
