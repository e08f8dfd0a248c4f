/* SPDX-License-Identifier: Apache-2.0 */
/* The table of flow entries as its process sees it (core/flows.h). */
#include "config.h"

#include "tests/unit/flow_rig.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SYN FLOW_PACKET_SYN
#define TCP FLOW_PACKET_TCP
#define END FLOW_PACKET_TCP_END
#define UDP FLOW_PACKET_UDP

START_TEST(sizes)
{
	struct flows f;
	void *memory;

	ck_assert_uint_eq(flows_round(0), 64);
	ck_assert_uint_eq(flows_round(64), 64);
	ck_assert_uint_eq(flows_round(65), 128);
	ck_assert_uint_eq(flows_round(FLOWS_DEFAULT), FLOWS_DEFAULT);
	ck_assert_uint_eq(flows_round(UINT32_MAX), FLOWS_MAX);
	/* To the last byte: the address sanitizer looks on. */
	memory = calloc(1, flows_size(128));
	ck_assert_ptr_nonnull(memory);
	flows_lay(&f, memory, 128);
	ck_assert_uint_eq(flows_entries(&f), 128);
	ck_assert_uint_eq(flows_blocks(&f), 2);
	memset(f.entries, 1, 128 * sizeof(*f.entries));
	f.overflow[FLOWS_SERVICES - 1] = 1;
	f.dirty[1] = 1;
	ck_assert_ptr_eq(&f.dirty[2], (uint8_t *)memory + flows_size(128));
	free(memory);
}
END_TEST

/* What a killed process leaves. */
START_TEST(recovery)
{
	struct rig r;
	struct flow_entry *e;

	rig_init(&r, 64);
	for (uint64_t i = 0; i < 20; i++)
		rig_packet(&r, RIG_MOVES, rig_hash(i), SYN);
	e = flows_place(&r.flows, rig_hash(7)).bucket;
	while (e->key != rig_hash(7))
		e++;
	e->state |= FLOW_BUSY;
	ck_assert_uint_eq(rig_state(&r, rig_hash(7)), 0);
	ck_assert_uint_eq(flows_recover(&r.flows), 1);
	ck_assert_uint_eq(e->state, 0);
	ck_assert_uint_eq(flows_recover(&r.flows), 0);
	ck_assert_uint_eq(
	    flows_count(&r.flows, RIG_SERVICE_NUMBER, RIG_NUMBER(RIG_CURRENT)),
	    19);
	rig_clear(&r);
}
END_TEST

static struct flow_record
tell_one(struct rig *r, size_t expected)
{
	struct flow_record records[FLOW_BUCKET];
	uint32_t cursor = 0;

	ck_assert_uint_eq(
	    flows_told(&r->flows, &cursor, records, FLOW_BUCKET), expected);
	return records[0];
}

/* A connection is told three times: when it begins, stands, and ends. */
START_TEST(what_is_told)
{
	struct rig r;
	struct flow_record told;
	uint64_t h = rig_hash(1);

	rig_init(&r, 64);
	rig_packet(&r, RIG_MOVES, h, SYN);
	told = tell_one(&r, 1);
	ck_assert_uint_eq(told.hash, h);
	ck_assert_uint_eq(told.service, RIG_SERVICE_NUMBER);
	ck_assert_uint_eq(told.backend, RIG_NUMBER(RIG_CURRENT));
	ck_assert_uint_eq(told.flags, FLOW_RECORD_SYN_ONLY);
	ck_assert_uint_eq(told.age_s, 0);
	tell_one(&r, 0);
	rig_packet(&r, RIG_MOVES, h, SYN);
	tell_one(&r, 0);
	rig_packet(&r, RIG_MOVES, h, TCP);
	rig_set_time(&r, 7000);
	told = tell_one(&r, 1);
	ck_assert_uint_eq(told.flags, 0);
	ck_assert_uint_eq(told.age_s, 7);
	rig_packet(&r, RIG_MOVES, h, TCP);
	tell_one(&r, 0);
	rig_packet(&r, RIG_MOVES, h, END);
	ck_assert_uint_eq(tell_one(&r, 1).flags, FLOW_RECORD_CLOSING);
	rig_packet(&r, RIG_MOVES, h, END);
	rig_packet(&r, RIG_MOVES, h, TCP);
	tell_one(&r, 0);
	rig_packet(&r, RIG_MOVES, h, SYN);
	ck_assert_uint_eq(tell_one(&r, 1).flags, FLOW_RECORD_SYN_ONLY);
	rig_clear(&r);
}
END_TEST

/* Of a flow whose beginning was not seen: its first packet here, as one that
 * may be of no connection, and its second. */
START_TEST(what_is_told_of_others)
{
	const uint8_t guessed = FLOW_RECORD_GUESSED;
	const uint8_t once = FLOW_RECORD_GUESSED | FLOW_RECORD_ONCE;
	struct rig r;
	uint64_t h = rig_hash(1), u = rig_hash(2);

	rig_init(&r, 64);
	rig_packet(&r, RIG_MOVES, h, TCP);
	ck_assert_uint_eq(tell_one(&r, 1).flags, once);
	rig_packet(&r, RIG_MOVES, u, UDP);
	ck_assert_uint_eq(tell_one(&r, 1).flags, once | FLOW_RECORD_UDP);
	rig_packet(&r, RIG_MOVES, h, TCP);
	ck_assert_uint_eq(tell_one(&r, 1).flags, guessed);
	rig_packet(&r, RIG_MOVES, u, UDP);
	ck_assert_uint_eq(tell_one(&r, 1).flags, guessed | FLOW_RECORD_UDP);
	tell_one(&r, 0);
	rig_clear(&r);
}
END_TEST

static int
by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct flow_record *)a)->hash;
	uint64_t y = ((const struct flow_record *)b)->hash;

	return (x > y) - (x < y);
}

#define MANY 3000

/* Each exactly once, in small portions. */
static void
expect_all(struct flow_record *records, size_t n)
{
	struct flow_record expected[MANY];

	for (uint64_t i = 0; i < MANY; i++)
		expected[i].hash = rig_hash(i);
	qsort(expected, MANY, sizeof(*expected), by_hash);
	qsort(records, n, sizeof(*records), by_hash);
	ck_assert_uint_eq(n, MANY);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(records[i].hash, expected[i].hash);
}

START_TEST(portions)
{
	static struct flow_record records[2 * MANY];
	const size_t sizes_tried[] = {8, 9, 63, 500, MANY};
	size_t portion = sizes_tried[_i], n = 0, got;
	uint32_t cursor = 0;
	struct rig r;

	rig_init(&r, 16384);
	for (uint64_t i = 0; i < MANY; i++)
		rig_packet(&r, RIG_MOVES, rig_hash(i), SYN);
	while (cursor < flows_entries(&r.flows)) {
		got = flows_page(&r.flows, &cursor, &records[n], portion);
		ck_assert_uint_le(got, portion);
		n += got;
		ck_assert_uint_le(n, MANY);
	}
	ck_assert_uint_eq(
	    flows_page(&r.flows, &cursor, &records[n], portion), 0);
	expect_all(records, n);
	cursor = 77777;
	n = 0;
	while (
	    (got = flows_told(&r.flows, &cursor, &records[n], portion)) != 0) {
		ck_assert_uint_le(got, portion);
		n += got;
		ck_assert_uint_le(n, MANY);
	}
	expect_all(records, n);
	rig_clear(&r);
}
END_TEST

/* From one node to another: the flow is known there, and not told again. */
START_TEST(taken_over)
{
	struct rig a, b;
	struct flow_record told;
	uint64_t h = rig_hash(1);

	rig_init(&a, 64);
	rig_init(&b, 4096);
	b.slots[RIG_MOVES] = 6 | SLOT_ASK;
	rig_packet(&a, RIG_MOVES, h, SYN);
	rig_set_time(&a, 2000);
	told = tell_one(&a, 1);
	ck_assert_int_eq(flows_import(&b.flows, &told), FLOWS_TAKEN);
	ck_assert_int_eq(flows_import(&b.flows, &told), FLOWS_KEPT);
	tell_one(&b, 0);
	ck_assert_uint_ne(rig_state(&b, h) & FLOW_FOREIGN, 0);
	ck_assert_uint_eq(flow_age(rig_state(&b, h), b.flows.now), 8);
	ck_assert_uint_eq(rig_packet(&b, RIG_MOVES, h, TCP), RIG_CURRENT);
	ck_assert_uint_eq(rig_state(&b, h) & (FLOW_FOREIGN | FLOW_SYN_ONLY), 0);
	/* That it stands is news, to the first one too. */
	told = tell_one(&b, 1);
	ck_assert_int_eq(flows_import(&a.flows, &told), FLOWS_TAKEN);
	ck_assert_uint_eq(rig_state(&a, h) & FLOW_SYN_ONLY, 0);
	ck_assert_int_eq(flows_import(&a.flows, &told), FLOWS_KEPT);
	/* That it ends, too. */
	rig_packet(&b, RIG_MOVES, h, END);
	told = tell_one(&b, 1);
	ck_assert_int_eq(flows_import(&a.flows, &told), FLOWS_TAKEN);
	ck_assert_uint_ne(rig_state(&a, h) & FLOW_CLOSING, 0);
	rig_clear(&a);
	rig_clear(&b);
}
END_TEST

/* An own entry against a peer's about another backend. */
static const struct {
	enum flow_packet first; /* of the own one */
	uint8_t flags;
	uint32_t own_age_s, told_age_s;
	enum flows_import result;
} disputes[] = {
    {SYN, 0, 5, 4, FLOWS_TAKEN}, /* who saw it last */
    {SYN, 0, 5, 5, FLOWS_KEPT},
    {SYN, 0, 5, 6, FLOWS_KEPT},
    {SYN, FLOW_RECORD_SYN_ONLY, 5, 4, FLOWS_TAKEN},
    {TCP, 0, 5, 4, FLOWS_TAKEN}, /* who saw its beginning */
    {TCP, 0, 5, 6, FLOWS_TAKEN},
    {TCP, FLOW_RECORD_SYN_ONLY, 0, 1, FLOWS_TAKEN},
    {SYN, FLOW_RECORD_GUESSED, 5, 4, FLOWS_KEPT},
    {TCP, FLOW_RECORD_GUESSED, 5, 4, FLOWS_TAKEN},
    {TCP, FLOW_RECORD_GUESSED, 5, 5, FLOWS_KEPT},
};

START_TEST(dispute)
{
	struct rig r;
	struct flow_record told = {.hash = rig_hash(1),
	    .service = RIG_SERVICE_NUMBER,
	    .backend = RIG_NUMBER(7),
	    .flags = disputes[_i].flags,
	    .age_s = disputes[_i].told_age_s};
	uint32_t own;

	rig_init(&r, 64);
	own = rig_packet(&r, RIG_MOVES, told.hash, disputes[_i].first);
	rig_packet(&r, RIG_MOVES, told.hash, TCP);
	rig_set_time(&r, disputes[_i].own_age_s * 1000);
	ck_assert_int_eq(flows_import(&r.flows, &told), disputes[_i].result);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, told.hash, TCP),
	    disputes[_i].result == FLOWS_TAKEN ? 7 : own);
	rig_clear(&r);
}
END_TEST

START_TEST(peers_flood)
{
	struct rig r;
	struct flow_record told = {
	    .service = RIG_SERVICE_NUMBER, .backend = 5, .age_s = UINT32_MAX};

	rig_init(&r, 64);
	for (uint64_t i = 0; i < 8; i++) {
		rig_packet(&r, RIG_MOVES, i << 32, SYN);
		rig_packet(&r, RIG_MOVES, i << 32, TCP);
	}
	for (uint64_t i = 8; i < 1000; i++) {
		told.hash = i << 32;
		ck_assert_int_eq(flows_import(&r.flows, &told), FLOWS_FULL);
	}
	ck_assert_uint_eq(r.flows.overflow[RIG_SERVICE_NUMBER], 992);
	/* However old they say it is */
	told.hash = 1;
	ck_assert_int_eq(flows_import(&r.flows, &told), FLOWS_TAKEN);
	ck_assert_uint_gt(flow_age(rig_state(&r, 1), r.flows.now), 1000000);
	/* What they know established is as good as an own one. */
	rig_set_time(&r, 5000);
	told.age_s = 1000;
	for (uint64_t i = 0; i < 7; i++) {
		told.hash = 1 | i << 32;
		ck_assert_int_ne(flows_import(&r.flows, &told), FLOWS_FULL);
	}
	ck_assert_int_eq(
	    rig_packet(&r, RIG_MOVES, 1 | 77ull << 32, SYN), RIG_CURRENT);
	rig_packet(&r, RIG_MOVES, 1 | 77ull << 32, TCP);
	ck_assert_int_eq(
	    rig_packet(&r, RIG_MOVES, 1 | 78ull << 32, SYN), RIG_SETTLED);
	rig_clear(&r);
}
END_TEST

static bool
is_odd(void *ctx, uint16_t service, uint16_t backend)
{
	ck_assert_uint_eq(service, RIG_SERVICE_NUMBER);
	++*(int *)ctx;
	return backend % 2 != 0;
}

START_TEST(dropping)
{
	const uint16_t current = RIG_NUMBER(RIG_CURRENT);
	const uint16_t settled = RIG_NUMBER(RIG_SETTLED);
	struct rig r;
	int asked = 0;

	rig_init(&r, 1024);
	for (uint64_t i = 0; i < 100; i++)
		rig_packet(&r, RIG_MOVES, rig_hash(i), i < 40 ? SYN : TCP);
	ck_assert_uint_eq(
	    flows_count(&r.flows, RIG_SERVICE_NUMBER, current), 40);
	ck_assert_uint_eq(
	    flows_drop(&r.flows, RIG_SERVICE_NUMBER - 1, current), 0);
	ck_assert_uint_eq(
	    flows_drop(&r.flows, RIG_SERVICE_NUMBER, settled), 60);
	ck_assert_uint_eq(
	    flows_count(&r.flows, RIG_SERVICE_NUMBER, settled), 0);
	ck_assert_uint_eq(
	    flows_count(&r.flows, RIG_SERVICE_NUMBER, current), 40);
	ck_assert_uint_eq(flows_drop_if(&r.flows, is_odd, &asked), 40);
	ck_assert_int_eq(asked, 40);
	ck_assert_uint_eq(flows_drop_if(&r.flows, is_odd, &asked), 0);
	rig_clear(&r);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("flows");
	TCase *tc = tcase_create("flows");

	tcase_add_test(tc, sizes);
	tcase_add_test(tc, recovery);
	tcase_add_test(tc, what_is_told);
	tcase_add_test(tc, what_is_told_of_others);
	tcase_add_loop_test(tc, portions, 0, 5);
	tcase_add_test(tc, taken_over);
	tcase_add_loop_test(tc, dispute, 0, ROWS(disputes));
	tcase_add_test(tc, peers_flood);
	tcase_add_test(tc, dropping);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
