/* SPDX-License-Identifier: Apache-2.0 */
/* The table function against published tables and golden values. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balancer/core/table.h"
#include "tests/unit/unit.h"

static uint64_t
fnv1a(const uint16_t *slots, uint32_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < n; i++) {
		h = (h ^ (slots[i] & 255)) * 0x100000001b3u;
		h = (h ^ (slots[i] >> 8)) * 0x100000001b3u;
	}
	return h;
}

/* Tables published elsewhere, as the (offset, skip) pairs they were made of:
 * the Maglev paper's Table 1 before and after its member 1 is gone, and two
 * other implementations' own tests. */
static const struct {
	size_t n;
	struct table_walk walks[6];
	uint16_t slots[7];
} published[] = {
    {3, {{3, 4}, {0, 2}, {3, 1}}, {1, 0, 1, 0, 2, 2, 0}},
    {2, {{3, 4}, {3, 1}}, {0, 0, 0, 0, 1, 1, 1}},
    {3, {{2, 4}, {0, 5}, {1, 2}}, {1, 2, 0, 2, 0, 1, 0}},
    {6, {{2, 4}, {3, 6}, {0, 2}, {3, 3}, {1, 3}, {1, 5}},
	{2, 4, 0, 1, 5, 0, 3}},
};

START_TEST(published_tables)
{
	uint16_t slots[7];

	ck_assert_int_eq(
	    table_fill_pairs(published[_i].walks, published[_i].n, 7, slots),
	    0);
	ck_assert_mem_eq(slots, published[_i].slots, sizeof(slots));
}
END_TEST

/* Walks that miss slots would never end. */
static const struct {
	size_t n;
	uint32_t size;
	struct table_walk walk;
} bad_walks[] = {
    {0, 7, {0, 1}},
    {1, 1, {0, 1}},
    {1, TABLE_SIZE_MAX + 1, {0, 1}},
    {1, 7, {7, 1}},
    {1, 7, {0, 0}},
    {1, 7, {0, 7}},
    {1, 8, {0, 2}},
    {1, 9, {0, 6}},
};

START_TEST(bad_walk_refused)
{
	uint16_t slots[16];

	errno = 0;
	ck_assert_int_eq(table_fill_pairs(&bad_walks[_i].walk, bad_walks[_i].n,
			     bad_walks[_i].size, slots),
	    -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static const struct {
	size_t n;
	uint32_t size;
	uint16_t weight_step; /* weight of member i: 1 + step * i mod 100 */
	uint16_t first[8];
	uint64_t hash, first_down;
} golden[] = {
    {3, 1024, 0, {2, 1, 2, 0, 0, 2, 1, 0}, 0x998e57dc4867b84e,
	0xfa2b8620db1811c5},
    {100, 65536, 37, {25, 78, 89, 85, 0, 96, 67, 24}, 0x696c53c21a82cbd6,
	0x772cfd9a794ac71f},
};

START_TEST(golden_values)
{
	struct table_member members[100];
	uint8_t seed[TABLE_SEED_LEN];
	char names[100][16];
	struct table *t;

	for (int i = 0; i < TABLE_SEED_LEN; i++)
		seed[i] = (uint8_t)i;
	for (size_t i = 0; i < golden[_i].n; i++) {
		snprintf(names[i], sizeof(names[i]), "backend-%zu", i);
		members[i] = (struct table_member){.name = names[i],
		    .weight = (uint16_t)(1 + golden[_i].weight_step * i % 100),
		    .phi = TABLE_PHI_FULL};
	}
	t = table_new(members, golden[_i].n, golden[_i].size, seed);
	ck_assert_ptr_nonnull(t);
	ck_assert_mem_eq(table_base(t), golden[_i].first, 16);
	ck_assert_uint_eq(
	    fnv1a(table_slots(t), golden[_i].size), golden[_i].hash);
	table_set_phi(t, 0, 0, NULL, NULL);
	ck_assert_uint_eq(
	    fnv1a(table_slots(t), golden[_i].size), golden[_i].first_down);
	table_free(t);
}
END_TEST

static const uint8_t golden_digest[TABLE_DIGEST_LEN] = {0x5c, 0x4c, 0x3d, 0x86,
    0x83, 0x94, 0x85, 0x1e, 0x03, 0x5d, 0x7e, 0x21, 0x96, 0x90, 0x7a, 0x80};

/* The first golden table, with its second member changed as the row says: the
 * digest has to differ, but for the row that changes nothing. */
static const struct table_member second[] = {
    {"backend-1", 1, 256},
    {"backend-x", 1, 256},
    {"backend-10", 1, 256},
    {"backend-1", 2, 256},
    {"backend-1", 1, 255},
};

START_TEST(digest_covers_all)
{
	struct table_member members[] = {
	    {"backend-0", 1, 256}, second[_i], {"backend-2", 1, 256}};
	uint8_t seed[TABLE_SEED_LEN], digest[TABLE_DIGEST_LEN];
	uint16_t slots[1024];
	struct table *t;

	for (int i = 0; i < TABLE_SEED_LEN; i++)
		seed[i] = (uint8_t)i;
	t = table_new(members, 3, 1024, seed);
	ck_assert_ptr_nonnull(t);
	for (int again = 0; again < 2; again++) {
		table_digest(t, NULL, digest);
		ck_assert_int_eq(
		    memcmp(digest, golden_digest, sizeof(digest)) == 0,
		    _i == 0);
	}
	memcpy(slots, table_slots(t), sizeof(slots));
	slots[1023] ^= 1;
	table_digest(t, slots, digest);
	ck_assert_mem_ne(digest, golden_digest, sizeof(digest));
	table_free(t);
}
END_TEST

/* What table_new refuses: {count, size, the last member}. */
static const struct {
	size_t n;
	uint32_t size;
	struct table_member last;
} refused[] = {
    {0, 16, {"c", 1, 256}},
    {3, 0, {"c", 1, 256}},
    {3, 2, {"c", 1, 256}},
    {1, 1, {"c", 1, 256}},
    {3, 48, {"c", 1, 256}},
    {3, 2 * TABLE_SIZE_MAX, {"c", 1, 256}},
    {3, 16, {"c", 0, 256}},
    {3, 16, {"c", 1, 257}},
    {3, 16, {"a", 1, 256}},
    {3, 16, {"b", 2, 0}},
    {TABLE_MEMBERS_MAX + 1, 65536, {"c", 1, 256}},
};

START_TEST(bad_members_refused)
{
	static const uint8_t seed[TABLE_SEED_LEN];
	struct table_member members[] = {
	    {"a", 1, 256}, {"b", 1, 256}, refused[_i].last};

	errno = 0;
	ck_assert_ptr_null(
	    table_new(members, refused[_i].n, refused[_i].size, seed));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* An empty name is one like any other, and as many members as slots. */
START_TEST(smallest_and_fullest)
{
	static const struct table_member members[] = {
	    {"", 1, 256}, {"b", 9, 1}};
	static const uint8_t seed[TABLE_SEED_LEN];
	struct table *t = table_new(members, 2, 2, seed);

	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(table_size(t), 2);
	ck_assert_uint_eq(table_members(t), 2);
	ck_assert_uint_ne(table_base(t)[0], table_base(t)[1]);
	table_free(t);
	table_free(NULL);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("published");

	tcase_add_loop_test(tc, published_tables, 0, ROWS(published));
	tcase_add_loop_test(tc, bad_walk_refused, 0, ROWS(bad_walks));
	tcase_add_loop_test(tc, golden_values, 0, ROWS(golden));
	tcase_add_loop_test(tc, digest_covers_all, 0, ROWS(second));
	tcase_add_loop_test(tc, bad_members_refused, 0, ROWS(refused));
	tcase_add_test(tc, smallest_and_fullest);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
