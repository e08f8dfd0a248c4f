/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/checksum.h"
#include "tests/unit/l3_build.h"
#include "tests/unit/unit.h"

static uint8_t packet[L3_MAX];

START_TEST(rfc1071_example)
{
	static const uint8_t bytes[] = {0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7};

	ck_assert_uint_eq(
	    FROM_BE16(checksum_fold(checksum_add(0, bytes, 8))), 0xddf2);
	ck_assert_uint_eq(FROM_BE16(checksum_of(bytes, 8)), 0x220d);
}
END_TEST

/* The widely printed example of an IPv4 header. */
START_TEST(ip_header_example)
{
	uint8_t head[] = {0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0,
	    0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7};

	ck_assert_uint_eq(FROM_BE16(checksum_of(head, 20)), 0xb861);
	head[10] = 0xb8;
	head[11] = 0x61;
	ck_assert_uint_eq(checksum_of(head, 20), 0);
}
END_TEST

/* Each length, at each alignment, over bytes that carry much or never. */
START_TEST(equals_the_plain_sum)
{
	uint8_t bytes[96];
	size_t len, at, i;

	srand(1);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(_i == 0 ? 0xff : _i == 1 ? 0 : rand());
	for (at = 0; at < 8; at++)
		for (len = 0; len <= 80; len++)
			ck_assert_uint_eq(
			    FROM_BE16(checksum_of(bytes + at, len)),
			    l3_plain_checksum(
				l3_plain_sum(0, bytes + at, len)));
}
END_TEST

START_TEST(a_whole_packet_of_ones)
{
	memset(packet, 0xff, 65535);
	ck_assert_uint_eq(
	    FROM_BE16(checksum_fold(checksum_add(0, packet, 65535))),
	    l3_plain_sum(0, packet, 65535));
	ck_assert_uint_eq(checksum_fold(UINT64_MAX), 0xffff);
	ck_assert_uint_eq(checksum_fold(0), 0);
}
END_TEST

START_TEST(rfc1624_example)
{
	ck_assert_uint_eq(
	    checksum_replace16(BE16(0xdd2f), BE16(0x5555), BE16(0x3285)), 0);
}
END_TEST

START_TEST(replace_equals_a_new_sum)
{
	uint8_t head[20];
	be16 check, old16, new16;
	be32 old32, new32;
	int i, j;

	srand(2);
	for (i = 0; i < 20000; i++) {
		for (j = 0; j < 20; j++)
			head[j] = (uint8_t)rand();
		/* Now and then what is at the edge of a carry */
		if (i % 3 == 0)
			memset(head + 4, i % 2 == 0 ? 0xff : 0, 8);
		check = checksum_of(head, 20);
		memcpy(&old16, head + 4, 2);
		new16 = i % 5 == 0 ? 0xffff : (be16)rand();
		memcpy(head + 4, &new16, 2);
		check = checksum_replace16(check, old16, new16);
		ck_assert_uint_eq(check, checksum_of(head, 20));
		memcpy(&old32, head + 8, 4);
		new32 = i % 7 == 0 ? 0xffffffff : (be32)rand();
		memcpy(head + 8, &new32, 4);
		check = checksum_replace32(check, old32, new32);
		ck_assert_uint_eq(check, checksum_of(head, 20));
	}
}
END_TEST

/* clang-format off */
static const uint8_t hop_by_hop[16] = {60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4};
static const uint8_t routed[24] = {6, 2, 2, 1};     /* one segment left */
static const uint8_t fragment6[8] = {17, 0, 0, 1};  /* the first, more come */
static const uint8_t record_route[8] = {7, 7, 4};

static const struct {
	struct l3_spec spec;
	bool covered;
} packets[] = {
	{{.version = 4, .protocol = 6, .payload = 1000}, true},
	{{.version = 4, .protocol = 6, .payload = 0}, true},
	{{.version = 4, .protocol = 6, .payload = 333, .tcp_options = 12,
	  .options = record_route, .options_len = 8}, true},
	{{.version = 4, .protocol = 17, .payload = 1001}, true},
	{{.version = 4, .protocol = 17, .payload = 0}, true},
	{{.version = 6, .protocol = 6, .payload = 65000}, true},
	{{.version = 6, .protocol = 17, .payload = 1}, true},
	{{.version = 6, .protocol = 6, .payload = 99, .first_header = 0,
	  .extensions = hop_by_hop, .extensions_len = 16}, true},
	{{.version = 4, .protocol = 17, .payload = 64, .frag4 = 0x2000}, false},
	{{.version = 4, .protocol = 17, .payload = 64, .frag4 = 5}, false},
	{{.version = 6, .protocol = 6, .payload = 64, .first_header = 43,
	  .extensions = routed, .extensions_len = 24}, false},
	{{.version = 6, .protocol = 17, .payload = 64, .first_header = 44,
	  .extensions = fragment6, .extensions_len = 8}, false},
	{{.version = 4, .protocol = 1, .icmp_type = 8, .payload = 64}, false},
};
/* clang-format on */

START_TEST(finishes_what_is_partial)
{
	struct l3_spec spec = packets[_i].spec;
	struct checksum_found found;
	static uint8_t whole[L3_MAX];
	size_t len = l3_build(whole, &spec);

	spec.partial = true;
	if (spec.protocol == 1)
		spec.partial = false;
	ck_assert_uint_eq(l3_build(packet, &spec), len);
	checksum_check(packet, len, &found);
	ck_assert_int_eq(found.state,
	    packets[_i].covered ? CHECKSUM_PARTIAL : CHECKSUM_UNKNOWN);
	ck_assert_int_eq(checksum_finish(packet, len), packets[_i].covered);
	if (packets[_i].covered) {
		ck_assert(l3_sound(packet, len));
		ck_assert_mem_eq(packet, whole, len);
		checksum_check(packet, len, &found);
		ck_assert_int_eq(found.state, CHECKSUM_GOOD);
	}
}
END_TEST

START_TEST(leaves_good_and_bad_alone)
{
	struct checksum_found found;
	static uint8_t before[L3_MAX];
	size_t len = l3_build(packet, &packets[_i].spec);

	memcpy(before, packet, len);
	ck_assert(!checksum_finish(packet, len));
	ck_assert_mem_eq(packet, before, len);
	packet[len - 1] ^= 0x40;
	before[len - 1] ^= 0x40;
	checksum_check(packet, len, &found);
	ck_assert_int_eq(
	    found.state, packets[_i].covered ? CHECKSUM_BAD : CHECKSUM_UNKNOWN);
	ck_assert(!checksum_finish(packet, len));
	ck_assert_mem_eq(packet, before, len);
}
END_TEST

START_TEST(cut_at_every_byte)
{
	struct l3_spec spec = packets[_i].spec;
	struct checksum_found found;
	size_t len, n;

	if (spec.payload > 64)
		spec.payload = 64;
	spec.partial = packets[_i].covered;
	len = l3_build(packet, &spec);
	for (n = 0; n < len; n++) {
		uint8_t *cut = l3_tight(packet, n);

		checksum_check(cut, n, &found);
		ck_assert_int_eq(found.state, CHECKSUM_UNKNOWN);
		ck_assert(!checksum_finish(cut, n));
		free(cut);
	}
}
END_TEST

START_TEST(udp_without_a_checksum)
{
	struct l3_spec spec = {.version = 4, .protocol = 17, .payload = 9};
	size_t len = l3_build(packet, &spec);
	struct checksum_found found;

	memset(packet + 26, 0, 2);
	checksum_check(packet, len, &found);
	ck_assert_int_eq(found.state, CHECKSUM_GOOD);
	ck_assert(!checksum_finish(packet, len));
	ck_assert_uint_eq(packet[26] | packet[27], 0);
	spec.version = 6;
	len = l3_build(packet, &spec);
	memset(packet + 46, 0, 2);
	checksum_check(packet, len, &found);
	ck_assert_int_eq(found.state, CHECKSUM_BAD);
}
END_TEST

/* A sum that comes out as 0 goes on the wire as 0xffff in UDP, not in TCP. */
START_TEST(a_checksum_of_zero)
{
	struct l3_spec spec = {.version = 4, .payload = 8, .partial = true};
	size_t len, at;
	uint32_t sum;

	spec.protocol = _i == 0 ? 17 : 6;
	len = l3_build(packet, &spec);
	at = 20 + (_i == 0 ? 6 : 16);
	memset(packet + len - 2, 0, 2);
	sum = l3_plain_pseudo(packet, spec.protocol, len - 20);
	sum = l3_plain_sum(sum, packet + 20, at - 20);
	sum = l3_plain_sum(sum, packet + at + 2, len - at - 2);
	packet[len - 2] = (uint8_t)((0xffff - sum) >> 8);
	packet[len - 1] = (uint8_t)(0xffff - sum);
	ck_assert(checksum_finish(packet, len));
	ck_assert_uint_eq(packet[at], _i == 0 ? 0xff : 0);
	ck_assert_uint_eq(packet[at + 1], _i == 0 ? 0xff : 0);
	ck_assert(l3_sound(packet, len));
}
END_TEST

/* The UDP header may say less than there is, never more. */
START_TEST(udp_length)
{
	struct l3_spec spec = {.version = 4, .protocol = 17, .payload = 20};
	size_t len = l3_build(packet, &spec);
	struct checksum_found found;

	packet[25] = (uint8_t)_i;
	checksum_check(packet, len, &found);
	ck_assert_int_eq(found.state,
	    _i < 8 || _i > 28 ? CHECKSUM_UNKNOWN
			      : (_i == 28 ? CHECKSUM_GOOD : CHECKSUM_BAD));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("checksum");
	TCase *tc = tcase_create("sum");

	tcase_add_test(tc, rfc1071_example);
	tcase_add_test(tc, ip_header_example);
	tcase_add_loop_test(tc, equals_the_plain_sum, 0, 3);
	tcase_add_test(tc, a_whole_packet_of_ones);
	tcase_add_test(tc, rfc1624_example);
	tcase_add_test(tc, replace_equals_a_new_sum);
	suite_add_tcase(s, tc);
	tc = tcase_create("finish");
	tcase_add_loop_test(tc, finishes_what_is_partial, 0, ROWS(packets));
	tcase_add_loop_test(tc, leaves_good_and_bad_alone, 0, ROWS(packets));
	tcase_add_loop_test(tc, cut_at_every_byte, 0, ROWS(packets));
	tcase_add_test(tc, udp_without_a_checksum);
	tcase_add_loop_test(tc, a_checksum_of_zero, 0, 2);
	tcase_add_loop_test(tc, udp_length, 0, 40);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
