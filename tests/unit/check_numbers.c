/* SPDX-License-Identifier: Apache-2.0 */
/* Stable numbers: the same key has the same number as long as an entry may name
 * it, and two keys never have one number at a time. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/numbers.h"
#include "tests/unit/unit.h"

#define LIMIT 6

static uint64_t random_state = 1;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1;
	return (uint32_t)(random_state >> 33) % n;
}

/* Keys are the letters of `keys`. Takes prev's place. */
static struct numbers *
next(struct numbers *prev, const char *keys)
{
	struct numbers *ns = numbers_next(prev, keys, strlen(keys), 1, LIMIT);

	ck_assert_ptr_nonnull(ns);
	numbers_free(prev);
	return ns;
}

START_TEST(lowest_in_the_order_of_keys)
{
	struct numbers *ns = next(NULL, "cab");

	ck_assert_uint_eq(numbers_find(ns, "a"), 0);
	ck_assert_uint_eq(numbers_find(ns, "b"), 1);
	ck_assert_uint_eq(numbers_find(ns, "c"), 2);
	ck_assert_uint_eq(numbers_find(ns, "d"), NUMBERS_NONE);
	ck_assert_uint_eq(numbers_end(ns), 3);
	numbers_free(ns);
}
END_TEST

START_TEST(kept_until_two_passes_end)
{
	struct numbers *ns = next(next(NULL, "abc"), "bc");

	ck_assert_uint_eq(numbers_find(ns, "a"), 0);
	ns = next(ns, "bcd");
	ck_assert_uint_eq(numbers_find(ns, "d"), 3);
	numbers_pass_done(ns);
	ns = next(ns, "bcde");
	ck_assert_uint_eq(numbers_find(ns, "e"), 4);
	numbers_pass_done(ns);
	ck_assert_uint_eq(numbers_find(ns, "a"), NUMBERS_NONE);
	ns = next(ns, "bcdef");
	ck_assert_uint_eq(numbers_find(ns, "f"), 0);
	ck_assert_uint_eq(numbers_find(ns, "b"), 1);
	ck_assert(!numbers_reused(ns, "f"));
	numbers_free(ns);
}
END_TEST

START_TEST(back_in_time)
{
	struct numbers *ns = next(next(NULL, "ab"), "b");

	numbers_pass_done(ns);
	ns = next(ns, "ab");
	ck_assert_uint_eq(numbers_find(ns, "a"), 0);
	/* It starts to wait anew. */
	ns = next(ns, "b");
	numbers_pass_done(ns);
	ck_assert_uint_eq(numbers_find(ns, "a"), 0);
	numbers_free(ns);
}
END_TEST

/* Then the one that has waited longest goes, and that is said. */
START_TEST(none_is_free)
{
	struct numbers *ns = next(next(NULL, "abcdef"), "cdef");

	numbers_pass_done(ns);
	ns = next(ns, "def"); /* a, b have waited for longer than c */
	ns = next(ns, "defx");
	ck_assert_uint_eq(numbers_find(ns, "x"), 0);
	ck_assert(numbers_reused(ns, "x"));
	ck_assert_uint_eq(numbers_find(ns, "a"), NUMBERS_NONE);
	ns = next(ns, "defxyz");
	ck_assert_uint_eq(numbers_find(ns, "y"), 1);
	ck_assert_uint_eq(numbers_find(ns, "z"), 2);
	ck_assert(!numbers_reused(ns, "x"));
	ck_assert(numbers_reused(ns, "z"));
	ck_assert(!numbers_reused(ns, "d"));
	ck_assert_ptr_null(numbers_next(ns, "abcdefg", 7, 1, LIMIT));
	numbers_free(ns);
}
END_TEST

START_TEST(of_an_earlier_life)
{
	struct numbers *ns = numbers_new(1, LIMIT);
	uint32_t number;
	bool gone;

	ck_assert_int_eq(numbers_put(ns, "d", 5), 0);
	ck_assert_int_eq(numbers_put(ns, "b", 2), 0);
	ck_assert_int_eq(numbers_put(ns, "b", 3), -1);
	ck_assert_int_eq(numbers_put(ns, "c", 2), -1);
	ck_assert_int_eq(numbers_put(ns, "c", LIMIT), -1);
	ns = next(ns, "ad");
	ck_assert_uint_eq(numbers_find(ns, "d"), 5);
	ck_assert_uint_eq(numbers_find(ns, "a"), 0);
	ck_assert_uint_eq(numbers_end(ns), 6);
	ck_assert_str_eq(
	    ((const char[]){
		*(const char *)numbers_at(ns, 1, &number, &gone), '\0'}),
	    "b");
	ck_assert_uint_eq(number, 2);
	ck_assert(gone);
	ck_assert_ptr_null(numbers_at(ns, 3, &number, &gone));
	numbers_free(ns);
}
END_TEST

/* Random states and passes: an entry is written for a key now and then, and
 * read after at most one whole pass more; it still means that key. */
START_TEST(no_entry_means_another)
{
	char names[LIMIT + 1], state[LIMIT + 1] = "";
	struct numbers *ns = next(NULL, "");
	char entry = 0;
	uint32_t number = 0, other;
	bool gone;

	for (int step = 0; step < 20000; step++) {
		size_t n = 0;
		const char *key;

		/* Few enough that no number has to be taken early. */
		for (char c = 'a'; c < 'a' + LIMIT && n < 2; c++)
			if (random_below(3) == 0)
				names[n++] = c;
		names[n] = '\0';
		if (random_below(4) == 0) {
			ns = next(ns, names);
			strcpy(state, names);
		}
		for (size_t i = 0;
		     (key = numbers_at(ns, i, &other, &gone)) != NULL; i++) {
			ck_assert(numbers_reused(ns, key) || entry == 0 ||
			    other != number || *key == entry);
			ck_assert_int_eq(gone, strchr(state, *key) == NULL);
		}
		/* A pass frees entries of keys that are gone when it comes by:
		 * here at its beginning, the latest that they are seen. */
		if (random_below(3) == 0) {
			if (entry != 0 && strchr(state, entry) == NULL)
				entry = 0;
			numbers_pass_done(ns);
		}
		if (entry == 0 && state[0] != '\0') {
			entry = state[0];
			number = numbers_find(ns, &entry);
		}
	}
	numbers_free(ns);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("numbers");
	TCase *tc = tcase_create("numbers");

	tcase_add_test(tc, lowest_in_the_order_of_keys);
	tcase_add_test(tc, kept_until_two_passes_end);
	tcase_add_test(tc, back_in_time);
	tcase_add_test(tc, none_is_free);
	tcase_add_test(tc, of_an_earlier_life);
	tcase_add_test(tc, no_entry_means_another);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
