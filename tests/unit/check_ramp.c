/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/ramp.h"

#include "tests/unit/unit.h"

#define T UINT64_C(1800000000000)

/* clang-format off */
static const struct {
	uint64_t since_ms;
	uint32_t slow_start_s;
	uint64_t wall_ms;
	unsigned step;
	uint64_t next;
} rows[] = {
	{T, 70, T,         1, T + 10000},
	{T, 70, T + 9999,  1, T + 10000},
	{T, 70, T + 10000, 2, T + 20000},
	{T, 70, T + 69999, 7, T + 70000},
	{T, 70, T + 70000, 8, RAMP_NEVER},
	{T, 70, UINT64_MAX, 8, RAMP_NEVER},
	/* By a clock that is behind. */
	{T, 70, T - 1,     1, T + 10000},
	{T, 70, 0,         1, T + 10000},
	/* Not in whole milliseconds: rounded up. */
	{T, 1,  T + 142,   1, T + 143},
	{T, 1,  T + 143,   2, T + 286},
	{T, 1,  T + 857,   6, T + 858},
	{T, 1,  T + 858,   7, T + 1000},
	{T, RAMP_MAX_S, T + 3599999, 7, T + 3600000},
	{T, RAMP_MAX_S, T + 3600000, 8, RAMP_NEVER},
	{UINT64_C(1) << 46, 3600, T, 1, (UINT64_C(1) << 46) + 514286},
	/* No ramp, or since long ago. */
	{T, 0,  T,         8, RAMP_NEVER},
	{T, 0,  0,         8, RAMP_NEVER},
	{0, 70, 0,         8, RAMP_NEVER},
	{0, 70, 5,         8, RAMP_NEVER},
};
/* clang-format on */

START_TEST(steps)
{
	uint64_t since = rows[_i].since_ms, wall = rows[_i].wall_ms;
	uint32_t all = rows[_i].slow_start_s;

	ck_assert_uint_eq(ramp_step(since, all, wall), rows[_i].step);
	ck_assert_uint_eq(ramp_next(since, all, wall), rows[_i].next);
}
END_TEST

/* Each next time is when the step changes, neither before nor later. */
START_TEST(next_is_exact)
{
	uint32_t all = (uint32_t)_i;
	uint64_t wall = T;

	for (unsigned step = 1; step < RAMP_STEPS; step++) {
		uint64_t next = ramp_next(T, all, wall);

		ck_assert_uint_eq(ramp_step(T, all, wall), step);
		ck_assert_uint_eq(ramp_step(T, all, next - 1), step);
		ck_assert_uint_eq(ramp_step(T, all, next), step + 1);
		wall = next;
	}
	ck_assert_uint_eq(wall, T + all * UINT64_C(1000));
	ck_assert_uint_eq(ramp_next(T, all, wall), RAMP_NEVER);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("ramp");
	TCase *tc = tcase_create("ramp");

	tcase_add_loop_test(tc, steps, 0, ROWS(rows));
	tcase_add_loop_test(tc, next_is_exact, 1, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
