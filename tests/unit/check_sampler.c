/* SPDX-License-Identifier: Apache-2.0 */
/* That a sample is a fair one, as large as asked for, whatever the traffic. */
#include "config.h"

#include "balancer/core/sampler.h"
#include "tests/unit/unit.h"

#define SEED   12345
#define SECOND 1000000

static struct sampler s;

/* A packet each gap_us, for so long; how many are taken. */
static unsigned
feed(int64_t *now_us, int64_t for_us, int64_t per_ms, uint32_t weight)
{
	unsigned n = 0;

	for (int64_t end = *now_us + for_us; *now_us < end; *now_us += 1000)
		for (int64_t i = 0; i < per_ms; i++)
			n += sampler_take(
			    &s, weight, *now_us + i * 1000 / per_ms);
	return n;
}

static void
assert_near(double got, double wanted, double part)
{
	ck_assert_msg(got > wanted * (1 - part) && got < wanted * (1 + part),
	    "%.0f, not some %.0f", got, wanted);
}

START_TEST(all_of_few)
{
	int64_t now = 5 * SECOND;

	sampler_init(&s, _i, 20000, SEED, now);
	ck_assert_uint_eq(feed(&now, SECOND, 10, 1), 10000);
}
END_TEST

/* Every place in a pattern of 2, of 7, of 64 is hit alike. */
START_TEST(one_in_so_many)
{
	static const unsigned periods[] = {2, 7, 64};
	unsigned hits[64] = {0}, period = periods[_i], taken = 0;
	const unsigned packets = 64 * 64 * 7 * 200;

	sampler_init(&s, 64, 1000000, SEED, 0);
	for (unsigned i = 0; i < packets; i++) {
		if (sampler_take(&s, 1, i)) {
			taken++;
			hits[i % period]++;
		}
	}
	assert_near(taken, packets / 64, 0.02);
	for (unsigned i = 0; i < period; i++)
		assert_near(hits[i], (double)taken / period, 0.15);
}
END_TEST

START_TEST(never_over_the_rate)
{
	int64_t now = 0;
	unsigned n;

	sampler_init(&s, _i, 1000, SEED, now);
	n = feed(&now, 10 * SECOND, 500, 1);
	ck_assert_uint_le(n, 10 * 1000 + 101);
	if (_i < 500)
		ck_assert_uint_ge(n, 9900);
	else
		assert_near(n, 5000000.0 / _i, 0.1);
}
END_TEST

/* Half a million a second: what is taken is spread over each second, and the
 * bucket has next to nothing to refuse. */
START_TEST(follows_the_traffic)
{
	int64_t now = 0;

	sampler_init(&s, 0, 1000, SEED, now);
	feed(&now, SECOND, 500, 1);
	assert_near(s.every, 500, 0.02);
	for (int tenth = 0; tenth < 20; tenth++)
		assert_near(feed(&now, SECOND / 10, 500, 1), 100, 0.4);
	/* A tenth of that, and a long silence. */
	feed(&now, SECOND, 50, 1);
	assert_near(feed(&now, SECOND, 50, 1), 1000, 0.1);
	now += 60 * SECOND;
	sampler_tick(&s, now);
	ck_assert_uint_eq(s.every, 1);
	sampler_pass(&s, 100000);
	now += SECOND;
	sampler_tick(&s, now);
	ck_assert_uint_eq(s.every, 100);
	now += SECOND;
	ck_assert(sampler_take(&s, 1, now));
	ck_assert_uint_eq(s.every, 1);
}
END_TEST

/* Packets that stand for 16 each, as when another has sampled before. */
START_TEST(weights)
{
	int64_t now = 0;

	sampler_init(&s, 64, 20000, SEED, now);
	assert_near(feed(&now, 10 * SECOND, 4, 16), 10000, 0.05);
	/* A share that is larger than what comes: all of it. */
	sampler_init(&s, 4, 20000, SEED, now);
	ck_assert_uint_eq(feed(&now, SECOND, 4, 16), 4000);
	sampler_init(&s, 0, 1000, SEED, now);
	feed(&now, SECOND, 40, 16);
	assert_near(s.every, 640, 0.02);
	assert_near(feed(&now, 10 * SECOND, 40, 16), 10000, 0.05);
}
END_TEST

START_TEST(a_clock_that_steps_back)
{
	int64_t now = 100 * SECOND;

	sampler_init(&s, 0, 1000, SEED, now);
	feed(&now, SECOND, 1, 1);
	now = SECOND;
	ck_assert_uint_eq(feed(&now, SECOND, 1, 1), 1000);
}
END_TEST

/* The largest numbers there may be. */
START_TEST(extremes)
{
	sampler_init(&s, SAMPLER_EVERY_MAX, 1, 0, 0);
	for (int i = 0; i < 1000; i++)
		sampler_take(&s, UINT32_MAX, i);
	sampler_init(&s, 0, 1, UINT64_MAX, 0);
	for (int i = 0; i < 1000; i++)
		sampler_take(&s, UINT32_MAX, i * SECOND);
	ck_assert_uint_eq(s.every, SAMPLER_EVERY_MAX);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("sampler");
	TCase *tc = tcase_create("sampler");

	tcase_add_loop_test(tc, all_of_few, 0, 2);
	tcase_add_loop_test(tc, one_in_so_many, 0, 3);
	tcase_add_loop_test(tc, never_over_the_rate, 0, 2);
	tcase_add_loop_test(tc, never_over_the_rate, 1000, 1001);
	tcase_add_test(tc, follows_the_traffic);
	tcase_add_test(tc, weights);
	tcase_add_test(tc, a_clock_that_steps_back);
	tcase_add_test(tc, extremes);
	suite_add_tcase(suite, tc);
	return suite;
}

UNIT_MAIN(make_suite)
