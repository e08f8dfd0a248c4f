/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/icmp.h"
#include "tests/unit/l3_build.h"
#include "tests/unit/unit.h"

static uint8_t packet[L3_MAX], out[L3_MAX];

static struct l3_spec
echo_spec(int version, size_t payload)
{
	return (struct l3_spec){.version = version,
	    .protocol = version == 4 ? 1 : 58,
	    .icmp_type = version == 4 ? 8 : 128,
	    .payload = payload};
}

static size_t
head_of(int version)
{
	return version == 4 ? 20 : 40;
}

/* Answers packet into out, where that must succeed. */
static size_t
reply(size_t len)
{
	size_t n = 0;

	ck_assert_int_eq(icmp_echo_reply(packet, len, out, len, &n), ICMP_OK);
	return n;
}

static void
ck_addresses_swapped(int version)
{
	size_t at = version == 4 ? 12 : 8, len = version == 4 ? 4 : 16;

	ck_assert_mem_eq(out + at, packet + at + len, len);
	ck_assert_mem_eq(out + at + len, packet + at, len);
}

START_TEST(echo)
{
	static const size_t sizes[] = {0, 1, 2, 55, 56, 1472, 9001};
	int version = _i % 2 == 0 ? 4 : 6;
	struct l3_spec spec = echo_spec(version, sizes[_i / 2]);
	size_t len = l3_build(packet, &spec), head = head_of(version);

	ck_assert_uint_eq(reply(len), len);
	ck_assert(l3_sound(out, len));
	ck_addresses_swapped(version);
	ck_assert_uint_eq(out[version == 4 ? 8 : 7], 64);
	ck_assert_uint_eq(out[head], version == 4 ? 0 : 129);
	ck_assert_uint_eq(out[head + 1], 0);
	ck_assert_mem_eq(out + head + 4, packet + head + 4, len - head - 4);
}
END_TEST

/* Every identifier: among them all sums that carry, and both zeros. */
START_TEST(echo_checksum_carries)
{
	int version = _i == 0 ? 4 : 6;
	struct l3_spec spec = echo_spec(version, 0);
	size_t len = l3_build(packet, &spec), head = head_of(version);
	unsigned id;

	for (id = 0; id <= 0xffff; id++) {
		packet[head + 4] = (uint8_t)(id >> 8);
		packet[head + 5] = (uint8_t)id;
		l3_repair(packet, len);
		reply(len);
		if (!l3_sound(out, len))
			ck_abort_msg("identifier %04x", id);
	}
}
END_TEST

/* Options are not repeated; TTL, DSCP, DF and identification are ours. */
START_TEST(echo_header)
{
	static const uint8_t options[8] = {7, 7, 4, 0, 0, 0, 0, 0};
	static const uint8_t hop_by_hop[8] = {58, 0, 1, 4};
	struct l3_spec spec = echo_spec(4, 100);
	size_t len;

	spec.options = options;
	spec.options_len = 8;
	len = l3_build(packet, &spec);
	packet[1] = 0xbb; /* DSCP and CE */
	l3_repair(packet, len);
	ck_assert_uint_eq(reply(len), len - 8);
	ck_assert(l3_sound(out, len - 8));
	ck_assert_uint_eq(out[0], 0x45);
	ck_assert_uint_eq(out[1], 0xb8);
	ck_assert_mem_eq(out + 4, packet + 4, 4); /* id; may be fragmented */

	packet[6] = 0x40;
	l3_repair(packet, len);
	reply(len);
	ck_assert_mem_eq(out + 4, "\0\0\x40\0", 4);

	spec = echo_spec(6, 100);
	spec.first_header = 0;
	spec.extensions = hop_by_hop;
	spec.extensions_len = 8;
	len = l3_build(packet, &spec);
	packet[0] = 0x6b;
	packet[1] = 0xb0;
	ck_assert_uint_eq(reply(len), len - 8);
	ck_assert(l3_sound(out, len - 8));
	ck_assert_mem_eq(out, "\x6b\x80\0\0", 4);
}
END_TEST

/* What follows the packet (Ethernet padding) is not part of the reply. */
START_TEST(echo_padded)
{
	struct l3_spec spec = echo_spec(_i == 0 ? 4 : 6, 3);
	size_t len = l3_build(packet, &spec);

	memset(packet + len, 0xee, 15);
	ck_assert_uint_eq(reply(len + 15), len);
	ck_assert(l3_sound(out, len));
}
END_TEST

/* clang-format off */
static const struct {
	int version;
	size_t at;
	int len;
	const char *bytes;
	enum icmp_result want;
} changed_rows[] = {
	{4, 20, 1, "\x00", ICMP_NOT_ECHO},           /* a reply */
	{4, 20, 1, "\x0d", ICMP_NOT_ECHO},
	{4, 21, 1, "\x01", ICMP_NOT_ECHO},
	{6, 40, 1, "\x81", ICMP_NOT_ECHO},
	{6, 40, 1, "\x88", ICMP_NOT_ECHO},
	{4, 9, 1, "\x06", ICMP_NOT_ECHO},
	{4, 9, 1, "\x3a", ICMP_NOT_ECHO},            /* ICMPv6 in IPv4 */
	{6, 6, 1, "\x01", ICMP_NOT_ECHO},
	{4, 6, 2, "\x20\x00", ICMP_FORBIDDEN},       /* fragments */
	{4, 6, 2, "\x00\x01", ICMP_FORBIDDEN},
	{4, 12, 4, "\x00\x00\x00\x00", ICMP_FORBIDDEN},
	{4, 12, 4, "\x00\x01\x02\x03", ICMP_FORBIDDEN},
	{4, 12, 4, "\x7f\x00\x00\x01", ICMP_FORBIDDEN},
	{4, 12, 4, "\xe0\x00\x00\x01", ICMP_FORBIDDEN},
	{4, 12, 4, "\xff\xff\xff\xff", ICMP_FORBIDDEN},
	{4, 12, 4, "\xcb\x00\x71\x0a", ICMP_FORBIDDEN}, /* the VIP itself */
	{4, 16, 4, "\xe0\x00\x00\x01", ICMP_FORBIDDEN},
	{4, 12, 4, "\xdf\xff\xff\xff", ICMP_OK},
	{6, 8, 1, "\xff", ICMP_FORBIDDEN},
	{6, 24, 1, "\xff", ICMP_FORBIDDEN},
	{6, 8, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", ICMP_FORBIDDEN},
	{6, 8, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", ICMP_FORBIDDEN},
	{6, 8, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", ICMP_OK},
	{4, 0, 1, "\x44", ICMP_MALFORMED},
	{4, 0, 1, "\x55", ICMP_MALFORMED},
	{4, 2, 2, "\x00\x13", ICMP_MALFORMED},
	{4, 2, 2, "\x00\x1b", ICMP_MALFORMED},       /* 7 bytes of ICMP */
	{4, 2, 2, "\x00\x25", ICMP_MALFORMED},       /* one byte missing */
	{6, 4, 2, "\x00\x07", ICMP_MALFORMED},
	{6, 4, 2, "\x00\x11", ICMP_MALFORMED},
	{6, 6, 1, "\x2b", ICMP_FORBIDDEN},           /* source routed */
};
/* clang-format on */

/* Each is put right but for what the row changes. */
START_TEST(echo_refused)
{
	struct l3_spec spec = echo_spec(changed_rows[_i].version, 8);
	size_t len = l3_build(packet, &spec), n;
	static const uint8_t routing[8] = {58, 0, 2, 1};

	if (changed_rows[_i].bytes[0] == 0x2b) {
		spec.first_header = 43;
		spec.extensions = routing;
		spec.extensions_len = 8;
		len = l3_build(packet, &spec);
	}
	memcpy(packet + changed_rows[_i].at, changed_rows[_i].bytes,
	    (size_t)changed_rows[_i].len);
	if (changed_rows[_i].want != ICMP_MALFORMED)
		l3_repair(packet, len);
	ck_assert_int_eq(icmp_echo_reply(packet, len, out, sizeof(out), &n),
	    changed_rows[_i].want);
}
END_TEST

START_TEST(echo_checksum_wrong)
{
	int version = _i % 2 == 0 ? 4 : 6;
	struct l3_spec spec = echo_spec(version, 20);
	size_t len = l3_build(packet, &spec), n, at;

	for (at = head_of(version) + 2; at < len; at++) {
		packet[at] ^= 1;
		ck_assert_int_eq(
		    icmp_echo_reply(packet, len, out, sizeof(out), &n),
		    ICMP_BAD_CHECKSUM);
		packet[at] ^= 1;
	}
	packet[8] ^= 1; /* IPv4: TTL; IPv6: in the source address */
	ck_assert_int_eq(icmp_echo_reply(packet, len, out, sizeof(out), &n),
	    ICMP_BAD_CHECKSUM);
}
END_TEST

START_TEST(echo_cut_at_every_byte)
{
	struct l3_spec spec = echo_spec(_i == 0 ? 4 : 6, 30);
	size_t len = l3_build(packet, &spec), n, out_len;

	for (n = 0; n < len; n++) {
		uint8_t *cut = l3_tight(packet, n);

		ck_assert_int_eq(
		    icmp_echo_reply(cut, n, out, sizeof(out), &out_len),
		    ICMP_MALFORMED);
		free(cut);
	}
	ck_assert_int_eq(icmp_echo_reply(packet, len, out, len - 1, &out_len),
	    ICMP_FORBIDDEN);
}
END_TEST

/* clang-format off */
static const struct {
	struct l3_spec spec;
	uint32_t mtu, want_mtu;
	size_t want_len;
} big_rows[] = {
	{{.version = 4, .protocol = 6, .payload = 1460}, 1476, 1476, 576},
	{{.version = 4, .protocol = 6, .payload = 65000}, 1456, 1456, 576},
	{{.version = 4, .protocol = 17, .payload = 1000, .frag4 = 0x4000},
	 1027, 1027, 576},
	{{.version = 4, .protocol = 6, .payload = 460}, 499, 499, 528},
	{{.version = 4, .protocol = 6, .payload = 29}, 0, 68, 97},
	{{.version = 4, .protocol = 6, .payload = 60000}, 65536, 0, 0},
	{{.version = 4, .protocol = 6, .payload = 28}, 0, 68, 0}, /* is 68 */
	{{.version = 4, .protocol = 6, .payload = 1436}, 1476, 1476, 0},
	{{.version = 6, .protocol = 6, .payload = 1440}, 1456, 1456, 1280},
	{{.version = 6, .protocol = 6, .payload = 1400}, 1300, 1300, 1280},
	{{.version = 6, .protocol = 6, .payload = 1221}, 1000, 1280, 1280},
	{{.version = 6, .protocol = 6, .payload = 1220}, 1000, 1280, 0},
	{{.version = 6, .protocol = 17, .payload = 65000}, 9000, 9000, 1280},
	/* pings, and their answers */
	{{.version = 4, .protocol = 1, .icmp_type = 8, .payload = 2000}, 1476,
	 1476, 576},
	{{.version = 4, .protocol = 1, .icmp_type = 0, .payload = 2000}, 1476,
	 1476, 576},
	{{.version = 6, .protocol = 58, .icmp_type = 129, .payload = 2000},
	 1476, 1476, 1280},
	/* errors, and what might be */
	{{.version = 4, .protocol = 1, .icmp_type = 3, .payload = 2000}, 1476, 0, 0},
	{{.version = 4, .protocol = 1, .icmp_type = 4, .payload = 2000}, 1476, 0, 0},
	{{.version = 4, .protocol = 1, .icmp_type = 5, .payload = 2000}, 1476, 0, 0},
	{{.version = 4, .protocol = 1, .icmp_type = 11, .payload = 2000}, 1476, 0, 0},
	{{.version = 4, .protocol = 1, .icmp_type = 12, .payload = 2000}, 1476, 0, 0},
	{{.version = 4, .protocol = 1, .icmp_type = 99, .payload = 2000}, 1476, 0, 0},
	{{.version = 6, .protocol = 58, .icmp_type = 1, .payload = 2000}, 1476, 0, 0},
	{{.version = 6, .protocol = 58, .icmp_type = 127, .payload = 2000},
	 1476, 0, 0},
	{{.version = 6, .protocol = 58, .icmp_type = 137, .payload = 2000},
	 1476, 0, 0},
	/* fragments: about the first only */
	{{.version = 4, .protocol = 17, .payload = 1472, .frag4 = 0x2000},
	 1476, 1476, 576},
	{{.version = 4, .protocol = 17, .payload = 1472, .frag4 = 0x2010},
	 1476, 0, 0},
	{{.version = 4, .protocol = 17, .payload = 1472, .frag4 = 0x0010},
	 1476, 0, 0},
};
/* clang-format on */

START_TEST(too_big)
{
	int version = big_rows[_i].spec.version;
	size_t len = l3_build(packet, &big_rows[_i].spec);
	size_t head = head_of(version), n = 0;
	enum icmp_result result;
	uint32_t mtu = big_rows[_i].want_mtu;

	result = icmp_too_big(
	    packet, len, big_rows[_i].mtu, out, ICMP_ERROR_MAX, &n);
	if (big_rows[_i].want_len == 0) {
		ck_assert_int_eq(result, ICMP_FORBIDDEN);
		return;
	}
	ck_assert_int_eq(result, ICMP_OK);
	ck_assert_uint_eq(n, big_rows[_i].want_len);
	ck_assert(l3_sound(out, n));
	ck_addresses_swapped(version);
	ck_assert_mem_eq(out + head, version == 4 ? "\3\4" : "\2\0", 2);
	if (version == 4)
		ck_assert_mem_eq(out + head + 4, "\0\0", 2);
	else
		ck_assert_uint_eq(out[head + 4] | out[head + 5], 0);
	ck_assert_uint_eq(out[head + 6] << 8 | out[head + 7], mtu);
	ck_assert_mem_eq(out + head + 8, packet, n - head - 8);
}
END_TEST

/* Byte by byte, the two checksums apart (l3_sound has them). */
START_TEST(too_big_golden)
{
	static const uint8_t want[] = {0x45, 0xc0, 0x02, 0x40, 0, 0, 0x40, 0,
	    0x40, 1, 0x7e, 0x62, 203, 0, 113, 10, 198, 51, 100, 9, 3, 4, 0, 0,
	    0, 0, 0x05, 0xc4};
	struct l3_spec spec = {.version = 4, .protocol = 6, .payload = 1460};
	size_t len = l3_build(packet, &spec), n;

	ck_assert_int_eq(
	    icmp_too_big(packet, len, 1476, out, 576, &n), ICMP_OK);
	ck_assert_mem_eq(out, want, 10);
	ck_assert_mem_eq(out + 12, want + 12, 10);
	ck_assert_mem_eq(out + 24, want + 24, 4);
	ck_assert(l3_sound(out, n));
}
END_TEST

START_TEST(too_big_source)
{
	static const uint8_t none[16];
	struct l3_spec spec = {.version = _i == 0 ? 4 : 6, .protocol = 6};
	size_t len, n, at = _i == 0 ? 12 : 8;

	spec.payload = 1500;
	len = l3_build(packet, &spec);
	packet[at] = 0xff;
	ck_assert_int_eq(
	    icmp_too_big(packet, len, 1400, out, 1280, &n), ICMP_FORBIDDEN);
	memcpy(packet + at, none, _i == 0 ? 4 : 16);
	ck_assert_int_eq(
	    icmp_too_big(packet, len, 1400, out, 1280, &n), ICMP_FORBIDDEN);
}
END_TEST

/* Extension headers up to where the ports would fall out of the quote. */
START_TEST(too_big_behind_extensions)
{
	static uint8_t ext[1248];
	struct l3_spec spec = {.version = 6,
	    .protocol = 6,
	    .payload = 1500,
	    .first_header = 60,
	    .extensions = ext,
	    .extensions_len = _i == 0 ? 1184 : 1192};
	size_t len, n;

	ext[0] = 6;
	ext[1] = (uint8_t)(spec.extensions_len / 8 - 1);
	len = l3_build(packet, &spec);
	ck_assert_int_eq(icmp_too_big(packet, len, 1456, out, 1280, &n),
	    _i == 0 ? ICMP_OK : ICMP_FORBIDDEN);
	ck_assert(_i != 0 || l3_sound(out, n));
}
END_TEST

START_TEST(too_big_cut_at_every_byte)
{
	struct l3_spec spec = {.version = _i == 0 ? 4 : 6, .protocol = 6};
	size_t len, n, out_len;

	spec.payload = 1400;
	len = l3_build(packet, &spec);
	for (n = 0; n <= len; n++) {
		uint8_t *cut = l3_tight(packet, n), *room = l3_tight(out, n);

		if (n < len)
			ck_assert_int_eq(icmp_too_big(cut, n, 1300, out,
					     sizeof(out), &out_len),
			    ICMP_MALFORMED);
		/* and into less room than asked for */
		else
			ck_assert_int_eq(
			    icmp_too_big(cut, n, 1300, room, n, &out_len),
			    ICMP_OK);
		free(room);
		free(cut);
	}
	for (n = 0; n < 200; n++) {
		uint8_t *room = l3_tight(out, n);
		enum icmp_result result = icmp_too_big(
		    packet, len, 1300, room, n, &out_len);

		if (result == ICMP_OK)
			ck_assert_uint_eq(out_len, n);
		else
			ck_assert_int_eq(result, ICMP_FORBIDDEN);
		free(room);
	}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("icmp");
	TCase *tc = tcase_create("echo");

	tcase_add_loop_test(tc, echo, 0, 14);
	tcase_add_loop_test(tc, echo_checksum_carries, 0, 2);
	tcase_add_test(tc, echo_header);
	tcase_add_loop_test(tc, echo_padded, 0, 2);
	tcase_add_loop_test(tc, echo_refused, 0, ROWS(changed_rows));
	tcase_add_loop_test(tc, echo_checksum_wrong, 0, 2);
	tcase_add_loop_test(tc, echo_cut_at_every_byte, 0, 2);
	suite_add_tcase(s, tc);
	tc = tcase_create("too_big");
	tcase_add_loop_test(tc, too_big, 0, ROWS(big_rows));
	tcase_add_test(tc, too_big_golden);
	tcase_add_loop_test(tc, too_big_source, 0, 2);
	tcase_add_loop_test(tc, too_big_behind_extensions, 0, 2);
	tcase_add_loop_test(tc, too_big_cut_at_every_byte, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
