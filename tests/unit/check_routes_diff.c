/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/bird/routes_diff.h"
#include "tests/unit/unit.h"

#define LIST_MAX 64

struct list {
	struct vip_route_entry e[LIST_MAX];
	size_t n;
};

/* "1a 4d": 203.0.113.1 active, 203.0.113.4 draining. From 5 on the VIPs are
 * IPv6. */
static struct list
list(const char *text)
{
	struct list l = {.n = 0};
	char vip[32], mark;
	unsigned host;
	int used;

	for (; sscanf(text, " %u%c%n", &host, &mark, &used) == 2;
	     text += used) {
		snprintf(vip, sizeof(vip),
		    host < 5 ? "203.0.113.%u" : "2001:db8::%u", host);
		ck_assert_int_eq(addr_parse(&l.e[l.n].vip, vip), 0);
		l.e[l.n++].route = mark == 'a' ? VIP_ROUTE_ACTIVE
					       : VIP_ROUTE_DRAINING;
	}
	return l;
}

static int
cmp(const void *a, const void *b)
{
	const struct vip_route_entry *x = a, *y = b;

	return addr_cmp(&x->vip, &y->vip);
}

static void
sort(struct list *l)
{
	qsort(l->e, l->n, sizeof(l->e[0]), cmp);
}

static void
expect_same(const struct list *got, const struct list *want)
{
	ck_assert_uint_eq(got->n, want->n);
	for (size_t i = 0; i < got->n; i++) {
		ck_assert_int_eq(addr_cmp(&got->e[i].vip, &want->e[i].vip), 0);
		ck_assert_int_eq(got->e[i].route, want->e[i].route);
	}
}

static const struct {
	const char *present, *wanted;
	size_t added, deleted, replaced;
} cases[] = {
    {"", "", 0, 0, 0},
    {"1a 2d 7a", "1a 2d 7a", 0, 0, 0},
    {"", "1a 2d 7a", 3, 0, 0},
    {"1a 2d 7a", "", 0, 3, 0},
    {"1a 2a 7a", "1d 2d 7d", 0, 0, 3},
    {"1a 3a", "2a 4a", 2, 2, 0},
    {"2a", "1a 2a 3a", 2, 0, 0},
    {"1a 2a 3a", "2a", 0, 2, 0},
    {"1a 6a", "1d 5a 6a 8d", 2, 0, 1},
    {"7d", "1a", 1, 1, 0},
};

START_TEST(each_difference)
{
	struct list present = list(cases[_i].present);
	struct list wanted = list(cases[_i].wanted), got;
	struct routes_change changes[2 * LIST_MAX];
	size_t n, added = 0, deleted = 0, replaced = 0;

	sort(&present);
	sort(&wanted);
	n = routes_diff(present.e, present.n, wanted.e, wanted.n, changes);
	for (size_t i = 0; i < n; i++) {
		ck_assert(!changes[i].undone);
		ck_assert_int_ne(changes[i].from, changes[i].to);
		if (i > 0)
			ck_assert_int_lt(
			    addr_cmp(&changes[i - 1].vip, &changes[i].vip), 0);
		added += changes[i].from == VIP_ROUTE_NONE;
		deleted += changes[i].to == VIP_ROUTE_NONE;
		replaced += changes[i].from != VIP_ROUTE_NONE &&
		    changes[i].to != VIP_ROUTE_NONE;
	}
	ck_assert_uint_eq(added, cases[_i].added);
	ck_assert_uint_eq(deleted, cases[_i].deleted);
	ck_assert_uint_eq(replaced, cases[_i].replaced);
	got.n = routes_apply(present.e, present.n, changes, n, got.e);
	expect_same(&got, &wanted);
}
END_TEST

/* What could not be done leaves its VIP as it was. */
START_TEST(undone)
{
	struct list present = list("1a 2a"), wanted = list("2d 3a"), got, want;
	struct routes_change changes[2 * LIST_MAX];
	size_t n;

	n = routes_diff(present.e, present.n, wanted.e, wanted.n, changes);
	ck_assert_uint_eq(n, 3);
	for (size_t i = 0; i < n; i++)
		changes[i].undone = true;
	got.n = routes_apply(present.e, present.n, changes, n, got.e);
	expect_same(&got, &present);
	changes[1].undone = false;
	want = list("1a 2d");
	got.n = routes_apply(present.e, present.n, changes, n, got.e);
	expect_same(&got, &want);
	changes[2].undone = false;
	want = list("1a 2d 3a");
	got.n = routes_apply(present.e, present.n, changes, n, got.e);
	expect_same(&got, &want);
}
END_TEST

/* Lists that were never filled. */
START_TEST(nothing)
{
	struct list wanted = list("1a 2d"), got;
	struct routes_change changes[2];

	ck_assert_uint_eq(routes_diff(NULL, 0, NULL, 0, changes), 0);
	ck_assert_uint_eq(routes_diff(NULL, 0, wanted.e, wanted.n, changes), 2);
	got.n = routes_apply(NULL, 0, changes, 2, got.e);
	expect_same(&got, &wanted);
	ck_assert_uint_eq(routes_diff(wanted.e, wanted.n, NULL, 0, changes), 2);
	ck_assert_uint_eq(
	    routes_apply(wanted.e, wanted.n, changes, 2, got.e), 0);
	ck_assert_uint_eq(routes_apply(NULL, 0, NULL, 0, got.e), 0);
}
END_TEST

static uint32_t seed;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)seed * below) >> 32);
}

static struct list
draw_list(void)
{
	struct list l = {.n = 0};
	uint32_t density = draw(101);
	char vip[32];

	for (unsigned host = 0; host < LIST_MAX / 2; host++) {
		if (draw(100) >= density)
			continue;
		snprintf(vip, sizeof(vip),
		    host % 2 == 0 ? "203.0.113.%u" : "2001:db8::%u", host);
		ck_assert_int_eq(addr_parse(&l.e[l.n].vip, vip), 0);
		l.e[l.n++].route = draw(2) == 0 ? VIP_ROUTE_ACTIVE
						: VIP_ROUTE_DRAINING;
	}
	sort(&l);
	return l;
}

/* From anything to anything in the fewest steps; and once there, none. */
START_TEST(arrives)
{
	struct routes_change changes[2 * LIST_MAX];
	struct list present, wanted, got;
	size_t n;

	seed = (uint32_t)_i;
	for (int round = 0; round < 1000; round++) {
		present = draw_list();
		wanted = draw_list();
		n = routes_diff(
		    present.e, present.n, wanted.e, wanted.n, changes);
		ck_assert_uint_le(n, present.n + wanted.n);
		got.n = routes_apply(present.e, present.n, changes, n, got.e);
		expect_same(&got, &wanted);
		ck_assert_uint_eq(
		    routes_diff(got.e, got.n, wanted.e, wanted.n, changes), 0);
	}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("routes_diff");
	TCase *tc = tcase_create("routes_diff");

	tcase_add_loop_test(tc, each_difference, 0, ROWS(cases));
	tcase_add_test(tc, undone);
	tcase_add_test(tc, nothing);
	tcase_add_loop_test(tc, arrives, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
