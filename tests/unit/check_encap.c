/* SPDX-License-Identifier: Apache-2.0 */
/* Outer headers, to the byte. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "balancer/core/encap.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define HASH 0x0123456789abcdefu

static void
words(uint32_t to[4], const char *text)
{
	memset(to, 0, 16);
	if (strchr(text, ':') != NULL)
		ck_assert_int_eq(inet_pton(AF_INET6, text, to), 1);
	else
		ck_assert_int_eq(inet_pton(AF_INET, text, &to[3]), 1);
}

static struct backend_fwd
backend(const char *source, const char *destination, be32 entropy_mask)
{
	bool is6 = strchr(destination, ':') != NULL;
	struct backend_fwd b = {.mac = {2, 0, 0, 0, 0, 1},
	    .own_mac = {2, 0, 0, 0, 0, 2},
	    .entropy_mask = entropy_mask,
	    .flags = is6 ? BACKEND_IPV6 : 0,
	    .overhead = is6 ? 44 : 24};

	b.ethertype = is6 ? BE16(0x86dd) : BE16(0x0800);
	words(b.source, source);
	words(b.destination, destination);
	b.checksum = encap_constant_sum(b.destination[3]);
	return b;
}

/* The checksums were computed by hand, with another program. */
/* clang-format off */
static const struct {
	const char *source, *destination;
	bool inner_is6;
	uint8_t traffic_class;
	uint32_t inner_len;
	uint8_t expected[44];
} rows[] = {
	{"192.0.2.1", "10.0.0.1", false, 0, 60, {
	    0x45, 0x00, 0x00, 0x54, 0x00, 0x00, 0x40, 0x00, 0x40, 0x2f, 0x6e, 0x79,
	    192, 0, 2, 1, 10, 0, 0, 1, 0x00, 0x00, 0x08, 0x00}},
	{"192.0.2.1", "10.0.0.1", true, 0xb9, 1476, {
	    0x45, 0xb9, 0x05, 0xdc, 0x00, 0x00, 0x40, 0x00, 0x40, 0x2f, 0x68, 0x38,
	    192, 0, 2, 1, 10, 0, 0, 1, 0x00, 0x00, 0x86, 0xdd}},
	{"255.255.255.255", "255.255.255.254", false, 0xff, 65511, {
	    0x45, 0xff, 0xff, 0xff, 0x00, 0x00, 0x40, 0x00, 0x40, 0x2f, 0x39, 0xd2,
	    255, 255, 255, 255, 255, 255, 255, 254, 0x00, 0x00, 0x08, 0x00}},
	{"2001:db8:ee::1", "2001:db8:b::3", false, 0, 60, {
	    0x60, 0x08, 0x9a, 0xbc, 0x00, 0x40, 47, 64,
	    0x20, 0x01, 0x0d, 0xb8, 0x00, 0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
	    0x00, 0x00, 0x08, 0x00}},
	{"2001:db8:ee::1", "2001:db8:b::3", true, 0xb9, 1456, {
	    0x6b, 0x98, 0x9a, 0xbc, 0x05, 0xb4, 47, 64,
	    0x20, 0x01, 0x0d, 0xb8, 0x00, 0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	    0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
	    0x00, 0x00, 0x86, 0xdd}},
};
/* clang-format on */

START_TEST(to_the_byte)
{
	struct backend_fwd b = backend(
	    rows[_i].source, rows[_i].destination, 0);
	uint8_t out[45];

	memset(out, 0x5a, sizeof(out));
	encap_outer(out, &b, HASH, rows[_i].traffic_class, rows[_i].inner_is6,
	    rows[_i].inner_len);
	ck_assert_mem_eq(out, rows[_i].expected, b.overhead);
	ck_assert_uint_eq(out[b.overhead], 0x5a);
}
END_TEST

/* Any length, class and entropy: the incremental checksum is right. */
START_TEST(checksum_right)
{
	struct backend_fwd b = backend(
	    "10.255.0.0", "203.0.113.77", BE32(0xffff));
	uint8_t out[44];
	uint64_t hash = 1;

	for (uint32_t len = 20; len <= 65511; len++) {
		hash = hash * 6364136223846793005u + 1442695040888963407u;
		encap_outer(out, &b, hash, (uint8_t)(hash >> 40), false, len);
		ck_assert_uint_eq(packet_checksum(out, 20, 0), 0);
		ck_assert_uint_eq(packet_get16(out + 12), 0x0aff);
		ck_assert_uint_eq(packet_get16(out + 14), hash & 0xffff);
	}
}
END_TEST

/* clang-format off */
static const struct {
	const char *source, *destination;
	uint32_t mask;
	uint8_t last[4]; /* of the source, for HASH */
} entropies[] = {
	{"192.0.2.1", "10.0.0.1", 0, {192, 0, 2, 1}},
	{"192.0.2.0", "10.0.0.1", 0xff, {192, 0, 2, 0xef}},
	{"192.0.2.128", "10.0.0.1", 0x7f, {192, 0, 2, 0xef}},
	{"10.0.0.0", "10.0.0.1", 0xffffff, {10, 0xab, 0xcd, 0xef}},
	{"2001:db8:ee::1", "2001:db8:b::3", 0, {0, 0, 0, 1}},
	{"2001:db8:ee::", "2001:db8:b::3", 0xffffffff, {0x89, 0xab, 0xcd, 0xef}},
};
/* clang-format on */

START_TEST(entropy)
{
	struct backend_fwd b = backend(entropies[_i].source,
	    entropies[_i].destination, BE32(entropies[_i].mask));
	uint8_t out[44];

	encap_outer(out, &b, HASH, 0, false, 40);
	ck_assert_mem_eq(
	    out + (b.overhead == 44 ? 20 : 12), entropies[_i].last, 4);
}
END_TEST

START_TEST(flow_label_never_zero)
{
	ck_assert_uint_eq(encap_flow_label(HASH), 0x89abc);
	ck_assert_uint_eq(encap_flow_label(0xfff00000fffu), 1);
}
END_TEST

/* Live: the MACs of the next hop, no tags. */
START_TEST(link)
{
	static const uint8_t expected[] = {
	    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd};
	struct backend_fwd b = backend("2001:db8::1", "2001:db8::2", 0);
	uint8_t out[14];

	encap_link(out, &b);
	ck_assert_mem_eq(out, expected, sizeof(out));
}
END_TEST

/* Reflected: MACs exchanged, _i tags kept. */
START_TEST(link_reflected)
{
	struct packet_spec s = {
	    "2001:db8::1", "2001:db8::2", .vlans = (uint8_t)_i};
	static uint8_t in[PACKET_MAX];
	uint8_t out[22];
	size_t len = 14 + 4 * (size_t)_i;

	packet_build(&s, in);
	encap_link_reflect(out, in, (uint32_t)len, BE16(0x0800));
	ck_assert_mem_eq(out, in + 6, 6);
	ck_assert_mem_eq(out + 6, in, 6);
	ck_assert_mem_eq(out + 12, in + 12, len - 14);
	ck_assert_uint_eq(packet_get16(out + len - 2), 0x0800);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("encap");
	TCase *tc = tcase_create("encap");

	tcase_add_loop_test(tc, to_the_byte, 0, ROWS(rows));
	tcase_add_test(tc, checksum_right);
	tcase_add_loop_test(tc, entropy, 0, ROWS(entropies));
	tcase_add_test(tc, flow_label_never_zero);
	tcase_add_test(tc, link);
	tcase_add_loop_test(tc, link_reflected, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
