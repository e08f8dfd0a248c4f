/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/bucket.h"
#include "tests/unit/unit.h"

static unsigned
take_all(struct bucket *b, int64_t now_us, unsigned limit)
{
	unsigned n = 0;

	while (n < limit && bucket_take(b, now_us))
		n++;
	return n;
}

START_TEST(burst_then_rate)
{
	struct bucket b;
	int64_t now;
	unsigned n = 0;

	bucket_init(&b, 100, 10);
	ck_assert_uint_eq(take_all(&b, 5000000, 1000), 10);
	ck_assert(!bucket_take(&b, 5009999));
	ck_assert(bucket_take(&b, 5010000));
	/* Asked every 100 us for 10 s: the rate, not one less */
	for (now = 5010000; now <= 15010000; now += 100)
		n += bucket_take(&b, now);
	ck_assert_uint_eq(n, 1000);
	/* A long silence fills it, and no more */
	ck_assert_uint_eq(take_all(&b, INT64_MAX, 1000), 10);
}
END_TEST

START_TEST(a_clock_that_steps_back)
{
	struct bucket b;

	bucket_init(&b, 1000, 1);
	ck_assert(bucket_take(&b, 1000000));
	ck_assert(!bucket_take(&b, 1000));
	ck_assert(!bucket_take(&b, 1500));
	ck_assert(bucket_take(&b, 2000));
	ck_assert(!bucket_take(&b, INT64_MIN));
	ck_assert(bucket_take(&b, INT64_MAX));
}
END_TEST

START_TEST(nothing_comes_of_nothing)
{
	struct bucket b = {0};

	ck_assert(!bucket_take(&b, 1));
	ck_assert(!bucket_take(&b, INT64_MAX));
	bucket_init(&b, 0, 2);
	ck_assert_uint_eq(take_all(&b, 1, 10), 2);
	ck_assert(!bucket_take(&b, INT64_MAX));
	bucket_init(&b, UINT32_MAX, UINT32_MAX);
	ck_assert_uint_eq(take_all(&b, INT64_MAX, 10), 10);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("bucket");
	TCase *tc = tcase_create("bucket");

	tcase_add_test(tc, burst_then_rate);
	tcase_add_test(tc, a_clock_that_steps_back);
	tcase_add_test(tc, nothing_comes_of_nothing);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
