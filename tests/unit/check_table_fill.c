/* SPDX-License-Identifier: Apache-2.0 */
/* Each part of a table's base by itself: order, quotas, turns, and every kind
 * of fill against the plain one of the model. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/table_impl.h"
#include "tests/unit/table_cases.h"
#include "tests/unit/table_model.h"
#include "tests/unit/unit.h"

/* Sizes from the smallest, over the limits where a fill changes its way (32
 * slots, 256, 1536 free, 16-bit slots), with few and with most members. */
static const struct table_case fills[] = {
    {1, 2, WEIGHTS_EQUAL, PHIS_FULL},
    {2, 2, WEIGHTS_EQUAL, PHIS_FULL},
    {1, 4, WEIGHTS_EQUAL, PHIS_FULL},
    {3, 4, WEIGHTS_EXTREME, PHIS_FULL},
    {3, 16, WEIGHTS_MIXED, PHIS_FULL},
    {31, 32, WEIGHTS_EXTREME, PHIS_FULL},
    {32, 32, WEIGHTS_MIXED, PHIS_FULL},
    {7, 64, WEIGHTS_MIXED, PHIS_FULL},
    {5, 256, WEIGHTS_EQUAL, PHIS_FULL},
    {200, 256, WEIGHTS_EXTREME, PHIS_FULL},
    {9, 512, WEIGHTS_EXTREME, PHIS_FULL},
    {1, 1024, WEIGHTS_EQUAL, PHIS_FULL},
    {10, 2048, WEIGHTS_EQUAL, PHIS_FULL},
    {2048, 2048, WEIGHTS_MIXED, PHIS_FULL},
    {300, 4096, WEIGHTS_EXTREME, PHIS_FULL},
    {77, 8192, WEIGHTS_MIXED, PHIS_FULL},
    {100, 65536, WEIGHTS_EQUAL, PHIS_FULL},
    {1000, 65536, WEIGHTS_MIXED, PHIS_FULL},
    {5000, 16384, WEIGHTS_EQUAL, PHIS_FULL},
    {3, 262144, WEIGHTS_MIXED, PHIS_FULL},
    {700, 131072, WEIGHTS_EXTREME, PHIS_FULL},
};
#define SEEDS 2

static const struct fill_kind *const kinds[] = {&fill_portable, &fill_simd};

static void
compare_fill(const struct fill_kind *kind, const struct model *m)
{
	struct fill_walk *walks = calloc(m->n, sizeof(*walks));
	uint16_t *base = calloc(m->size, sizeof(*base));

	ck_assert_ptr_nonnull(walks);
	ck_assert_ptr_nonnull(base);
	for (uint32_t i = 0; i < m->n; i++) {
		uint64_t h = m->members[i].hash;

		walks[i].pos = (uint32_t)((h >> 32) * m->size >> 32);
		walks[i].skip =
		    (1 + (uint32_t)((h & 0xffffffff) * (m->size - 1) >> 32)) |
		    1;
	}
	ck_assert_int_eq(
	    table_fill(kind, walks, m->n, m->size, m->turns, base), 0);
	ck_assert_msg(memcmp(base, m->base, m->size * sizeof(*base)) == 0,
	    "fill \"%s\" differs, %u members, %u slots", kind->name, m->n,
	    m->size);
	free(walks);
	free(base);
}

START_TEST(fills_equal_the_plain_one)
{
	const struct table_case *tc = &fills[_i / SEEDS];
	struct case_members c;
	struct model m;

	case_init(&c, tc, _i);
	model_init(&m, c.members, c.n, tc->size, c.seed);
	for (int k = 0; k < ROWS(kinds); k++) {
		if (kinds[k]->usable())
			compare_fill(kinds[k], &m);
	}
	model_clear(&m);
	case_clear(&c);
}
END_TEST

START_TEST(quotas_and_turns)
{
	const struct table_case *tc = &fills[_i / SEEDS];
	struct table_entry *entries = calloc(tc->n, sizeof(*entries));
	uint32_t *quotas = calloc(tc->n, sizeof(*quotas));
	uint16_t *turns = calloc(tc->size + TABLE_TURNS_PAD, sizeof(*turns));
	struct case_members c;
	struct model m;

	ck_assert_ptr_nonnull(entries);
	ck_assert_ptr_nonnull(quotas);
	ck_assert_ptr_nonnull(turns);
	case_init(&c, tc, _i);
	model_init(&m, c.members, c.n, tc->size, c.seed);
	for (size_t i = 0; i < tc->n; i++)
		entries[i].weight = (uint16_t)m.members[i].weight;
	ck_assert_int_eq(
	    table_quotas(entries, (uint32_t)tc->n, tc->size, quotas), 0);
	for (size_t i = 0; i < tc->n; i++)
		ck_assert_uint_eq(quotas[i], m.members[i].quota);
	ck_assert_int_eq(
	    table_turns(quotas, (uint32_t)tc->n, tc->size, turns), 0);
	ck_assert_mem_eq(turns, m.turns, tc->size * sizeof(*turns));
	model_clear(&m);
	case_clear(&c);
	free(entries);
	free(quotas);
	free(turns);
}
END_TEST

/* Equal hashes do not come by themselves. */
START_TEST(equal_hashes_go_by_name)
{
	static const char names[] = "babaab";
	struct table_entry e[] = {
	    {.hash = 7, .name = 0, .name_len = 1},          /* b */
	    {.hash = 7, .name = 0, .name_len = 2},          /* ba */
	    {.hash = 9, .name = 1, .name_len = 1},          /* a */
	    {.hash = 7, .name = 3, .name_len = 1},          /* a */
	    {.hash = 1ull << 63, .name = 1, .name_len = 1}, /* a */
	    {.hash = 7, .name = 4, .name_len = 2},          /* ab */
	};
	static const struct {
		uint64_t hash;
		const char *name;
	} want[] = {{7, "a"}, {7, "ab"}, {7, "b"}, {7, "ba"}, {9, "a"},
	    {1ull << 63, "a"}};

	ck_assert_int_eq(table_order(e, ROWS(e), names), 0);
	for (int i = 0; i < ROWS(e); i++) {
		ck_assert_uint_eq(e[i].hash, want[i].hash);
		ck_assert_uint_eq(e[i].name_len, strlen(want[i].name));
		ck_assert_mem_eq(
		    names + e[i].name, want[i].name, e[i].name_len);
	}
	e[0] = (struct table_entry){.hash = 9, .name = 3, .name_len = 1};
	errno = 0;
	ck_assert_int_eq(table_order(e, ROWS(e), names), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("table_fill");
	TCase *tc = tcase_create("fill");

	tcase_add_loop_test(
	    tc, fills_equal_the_plain_one, 0, ROWS(fills) * SEEDS);
	tcase_add_loop_test(tc, quotas_and_turns, 0, ROWS(fills) * SEEDS);
	tcase_add_test(tc, equal_hashes_go_by_name);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
