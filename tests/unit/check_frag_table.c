/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/frag_table.h"
#include "tests/unit/unit.h"

#define SECOND 1000000

static const uint8_t secret[FRAG_KEY_LEN] = {1, 2, 3, 4};
static struct frag_table *table;
static uint8_t packet[9217];

static void
setup(void)
{
	ck_assert_ptr_nonnull(table = frag_table_new(secret, NULL));
}

static void
teardown(void)
{
	frag_table_free(table);
}

/* Key number i, of IPv4 or IPv6. */
static struct frag_key
make_key(uint32_t i, int version)
{
	struct frag_key key;

	memset(&key, 0, sizeof(key));
	key.id = i;
	if (version == 4) {
		memset(key.source + 10, 0xff, 2);
		memset(key.destination + 10, 0xff, 2);
		key.protocol = 17;
	}
	key.source[15] = 9;
	key.destination[0] = version == 4 ? 0 : 0x20;
	key.destination[15] = 10;
	return key;
}

static bool
find(const struct frag_key *key, int64_t now_us, uint32_t want)
{
	struct frag_choice to = {7, 7};

	if (!frag_table_find(table, key, 1, now_us, &to))
		return false;
	ck_assert_uint_eq(to.backend, want);
	ck_assert_uint_eq(to.service, want + 1);
	return true;
}

static void
learn(const struct frag_key *key, int64_t now_us, uint32_t backend)
{
	frag_table_learn(table, key,
	    (struct frag_choice){.service = backend + 1, .backend = backend}, 1,
	    now_us);
}

START_TEST(each_field_counts)
{
	struct frag_key key = make_key(5, 4), other;

	ck_assert(!find(&key, 0, 0));
	learn(&key, 0, 3);
	ck_assert(find(&key, 0, 3));
	other = key;
	other.id++;
	ck_assert(!find(&other, 0, 3));
	other = key;
	other.protocol = 6;
	ck_assert(!find(&other, 0, 3));
	other = key;
	other.source[15]++;
	ck_assert(!find(&other, 0, 3));
	other = key;
	other.destination[15]++;
	ck_assert(!find(&other, 0, 3));
	/* The last first fragment is right: the identification came round */
	learn(&key, 1, 9);
	ck_assert(find(&key, 1, 9));
}
END_TEST

START_TEST(expires)
{
	int version = _i == 0 ? 4 : 6;
	int64_t life = (version == 4 ? 30 : 60) * (int64_t)SECOND;
	struct frag_key key = make_key(5, version);

	learn(&key, 1000, 3);
	ck_assert(find(&key, 1000 + life - 1, 3));
	ck_assert(!find(&key, 1000 + life, 3));
	/* being asked for does not keep it */
	learn(&key, 2000 + life, 4);
	ck_assert(find(&key, 2000 + 2 * life - 1, 4));
}
END_TEST

START_TEST(flush_and_generation)
{
	struct frag_key a = make_key(1, 4), b = make_key(2, 6);
	struct frag_choice to;

	learn(&a, 0, 1);
	learn(&b, 0, 2);
	ck_assert(!frag_table_find(table, &a, 2, 0, &to));
	ck_assert(find(&a, 0, 1));
	frag_table_flush(table);
	ck_assert(!find(&a, 0, 1));
	ck_assert(!find(&b, 0, 2));
	learn(&a, INT64_MIN / 2, 5);
	ck_assert(find(&a, INT64_MIN / 2, 5));
}
END_TEST

/* A flood: what it costs others, and that its end is the end of it. */
START_TEST(flood)
{
	struct frag_key key;
	uint32_t i, found = 0;

	for (i = 0; i < 100000; i++) {
		key = make_key(i, i % 2 == 0 ? 4 : 6);
		learn(&key, i, i);
		ck_assert_msg(find(&key, i, i), "the newest is always there");
	}
	for (i = 0; i < 100000; i++) {
		key = make_key(i, i % 2 == 0 ? 4 : 6);
		found += find(&key, 100000, i);
	}
	ck_assert_uint_eq(found, 1024);
	/* the last few are all there: none is pushed out out of turn */
	for (i = 99900; i < 100000; i++) {
		key = make_key(i, i % 2 == 0 ? 4 : 6);
		ck_assert(find(&key, 100000, i));
	}
}
END_TEST

/* Half full, next to nothing is lost: the hash spreads. */
START_TEST(half_full)
{
	struct frag_key key;
	uint32_t i, found = 0;

	for (i = 0; i < 512; i++) {
		key = make_key(i * 8, 4);
		learn(&key, i, i);
	}
	for (i = 0; i < 512; i++) {
		key = make_key(i * 8, 4);
		found += find(&key, 512, i);
	}
	ck_assert_uint_ge(found, 495);
}
END_TEST

/* clang-format off */
static const struct {
	struct frag_limits limits;
	bool good;
} limit_rows[] = {
	{{0}, true},
	{{.choices = 1, .held = 1, .held_each = 1, .held_max_len = 1}, true},
	{{.choices = 1u << 20}, true},
	{{.choices = (1u << 20) + 1}, false},
	{{.choices = UINT32_MAX}, false},
	{{.held = 4096, .held_max_len = 64}, true},
	{{.held = 4097}, false},
	{{.held = 1, .held_max_len = 65535}, true},
	{{.held_max_len = 65536}, false},
};
/* clang-format on */

START_TEST(limits)
{
	struct frag_table *t = frag_table_new(secret, &limit_rows[_i].limits);

	if (limit_rows[_i].good) {
		ck_assert_ptr_nonnull(t);
	} else {
		ck_assert_ptr_null(t);
		ck_assert_int_eq(errno, EINVAL);
	}
	frag_table_free(t);
	frag_table_free(NULL);
}
END_TEST

/* Packet number i of a datagram: its length and bytes say so. */
static bool
hold(const struct frag_key *key, uint8_t i, int64_t now_us)
{
	uint8_t bytes[300];
	struct frag_held h = {
	    .l3 = bytes, .len = 40u + i, .ifindex = i, .mtu = 1500u + i};

	memset(bytes, i, sizeof(bytes));
	return frag_table_hold(table, key, &h, now_us);
}

static void
ck_take(const struct frag_key *key, uint8_t i, int64_t now_us)
{
	struct frag_held h;
	uint8_t want[300];

	memset(want, i, sizeof(want));
	ck_assert(frag_table_take(table, key, now_us, &h));
	ck_assert_uint_eq(h.len, 40u + i);
	ck_assert_uint_eq(h.ifindex, i);
	ck_assert_uint_eq(h.mtu, 1500u + i);
	ck_assert_mem_eq(h.l3, want, h.len);
}

START_TEST(held_and_taken_in_order)
{
	struct frag_key a = make_key(1, 4), b = make_key(2, 4);
	struct frag_held h;
	uint8_t i;

	ck_assert(!frag_table_take(table, &a, 0, &h));
	for (i = 0; i < 4; i++) {
		ck_assert(hold(&a, i, i));
		ck_assert(hold(&b, (uint8_t)(100 + i), i));
	}
	ck_assert_msg(!hold(&a, 4, 4), "four of one datagram");
	for (i = 0; i < 4; i++)
		ck_take(&a, i, 10);
	ck_assert(!frag_table_take(table, &a, 10, &h));
	for (i = 0; i < 4; i++)
		ck_take(&b, (uint8_t)(100 + i), 10);
	ck_assert(!frag_table_take(table, &b, 10, &h));
	ck_assert_uint_eq(frag_table_lost(table, 10), 0);
	/* There is room again */
	ck_assert(hold(&a, 1, 11));
	ck_take(&a, 1, 11);
}
END_TEST

START_TEST(held_for_a_second)
{
	struct frag_key a = make_key(1, 6);
	struct frag_held h;

	ck_assert(hold(&a, 1, 0));
	ck_assert(hold(&a, 2, 10));
	ck_take(&a, 1, SECOND - 1);
	ck_assert(hold(&a, 3, SECOND - 1));
	ck_assert_uint_eq(frag_table_lost(table, SECOND + 9), 0);
	ck_assert_uint_eq(frag_table_lost(table, SECOND + 10), 1);
	ck_assert_uint_eq(frag_table_lost(table, SECOND + 10), 0);
	ck_take(&a, 3, SECOND + 10);
	ck_assert(!frag_table_take(table, &a, SECOND + 10, &h));
	/* They are not what a new state makes wrong */
	ck_assert(hold(&a, 4, SECOND));
	frag_table_flush(table);
	ck_take(&a, 4, SECOND);
}
END_TEST

START_TEST(held_flood)
{
	struct frag_key key;
	struct frag_held h;
	uint32_t i;

	for (i = 0; i < 1000; i++) {
		key = make_key(i, 4);
		ck_assert(hold(&key, (uint8_t)i, i));
	}
	ck_assert_uint_eq(frag_table_lost(table, 1000), 1000 - 64);
	for (i = 0; i < 1000 - 64; i++) {
		key = make_key(i, 4);
		ck_assert(!frag_table_take(table, &key, 1000, &h));
	}
	for (; i < 1000; i++) {
		key = make_key(i, 4);
		ck_take(&key, (uint8_t)i, 1000);
	}
}
END_TEST

START_TEST(held_length)
{
	struct frag_key key = make_key(1, 4);
	struct frag_held h = {.l3 = packet, .len = 9217};

	ck_assert(!frag_table_hold(table, &key, &h, 0));
	h.len = 9216;
	ck_assert(frag_table_hold(table, &key, &h, 0));
	ck_assert(frag_table_take(table, &key, 0, &h));
	ck_assert_uint_eq(h.len, 9216);
	ck_assert_ptr_ne(h.l3, packet);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("frag_table");
	TCase *tc = tcase_create("choices");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_field_counts);
	tcase_add_loop_test(tc, expires, 0, 2);
	tcase_add_test(tc, flush_and_generation);
	tcase_add_test(tc, flood);
	tcase_add_test(tc, half_full);
	tcase_add_loop_test(tc, limits, 0, ROWS(limit_rows));
	suite_add_tcase(s, tc);
	tc = tcase_create("held");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, held_and_taken_in_order);
	tcase_add_test(tc, held_for_a_second);
	tcase_add_test(tc, held_flood);
	tcase_add_test(tc, held_length);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
