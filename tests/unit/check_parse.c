/* SPDX-License-Identifier: Apache-2.0 */
/* What the parser makes of a frame, and where it stops reading. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/parse.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define C4 "198.51.100.9"
#define V4 "203.0.113.10"
#define C6 "2001:db8:c::9"
#define V6 "2001:db8:100::10"

/* To the VIP, and back from it. */
#define P4 .source = C4, .destination = V4
#define P6 .source = C6, .destination = V6
#define R4 .source = V4, .destination = C4
#define R6 .source = V6, .destination = C6

static uint8_t built[PACKET_MAX];

static enum reason
parse(const uint8_t *data, const uint8_t *end, struct packet *p)
{
	enum reason reason;
	be16 ethertype;

	memset(p, 0, sizeof(*p));
	reason = parse_link(data, end, p, &ethertype);
	if (reason != REASON_FORWARD)
		return reason;
	if (ethertype == BE16(ETHERTYPE_IPV4))
		reason = parse_ipv4_addresses(data, end, p);
	else if (ethertype == BE16(ETHERTYPE_IPV6))
		reason = parse_ipv6_addresses(data, end, p);
	else
		return REASON_PASS_NOT_IP;
	return reason == REASON_FORWARD ? parse_transport(data, end, p, false)
					: reason;
}

/* clang-format off */
static const struct {
	struct packet_spec spec;
	enum reason reason;
	enum packet_kind kind;
	uint32_t transport; /* offset in the IP packet */
} rows[] = {
	{{P4}, REASON_FORWARD, PACKET_FLOW, 20},
	{{P4, .vlans = 1}, REASON_FORWARD, PACKET_FLOW, 20},
	{{P4, .vlans = 2}, REASON_FORWARD, PACKET_FLOW, 20},
	{{P4, .vlans = 3}, REASON_PASS_NOT_IP, 0, 0},
	{{P4, .option_words = 1}, REASON_FORWARD, PACKET_FLOW, 24},
	{{P4, .option_words = 10}, REASON_FORWARD, PACKET_FLOW, 60},
	{{P4, .option_words = 10, .vlans = 2, .padding = 3}, REASON_FORWARD, PACKET_FLOW, 60},
	{{P4, .protocol = 17}, REASON_FORWARD, PACKET_FLOW, 20},
	{{P4, .protocol = 1, .icmp_type = 3}, REASON_FORWARD, PACKET_ICMP, 20},
	{{P4, .protocol = 58}, REASON_PASS_PROTOCOL, 0, 20},
	{{P4, .protocol = 50, .body_len = 40}, REASON_PASS_PROTOCOL, 0, 20},
	{{P4, .more_fragments = true}, REASON_FORWARD, PACKET_FIRST_FRAGMENT, 20},
	{{P4, .more_fragments = true, .fragment = 8, .body_len = 8}, REASON_FORWARD, PACKET_LATER_FRAGMENT, 20},
	{{P4, .fragment = 65528, .body_len = 1}, REASON_FORWARD, PACKET_LATER_FRAGMENT, 20},
	{{P4, .protocol = 1, .fragment = 64, .body_len = 8}, REASON_PASS_ICMP, 0, 20},
	{{P4, .protocol = 1, .icmp_type = 8, .more_fragments = true}, REASON_PASS_ICMP, 0, 20},
	{{P4, .protocol = 47, .fragment = 64, .body_len = 8}, REASON_PASS_PROTOCOL, 0, 20},
	{{P4, .dont_fragment = true}, REASON_FORWARD, PACKET_FLOW, 20},
	{{P6}, REASON_FORWARD, PACKET_FLOW, 40},
	{{P6, .vlans = 2}, REASON_FORWARD, PACKET_FLOW, 40},
	{{P6, .protocol = 17}, REASON_FORWARD, PACKET_FLOW, 40},
	{{P6, .protocol = 58, .icmp_type = 1}, REASON_FORWARD, PACKET_ICMP, 40},
	{{P6, .protocol = 1}, REASON_PASS_PROTOCOL, 0, 40},
	{{P6, .extensions = PACKET_HOP_BY_HOP}, REASON_FORWARD, PACKET_FLOW, 48},
	{{P6, .extensions = PACKET_DESTINATION}, REASON_FORWARD, PACKET_FLOW, 56},
	{{P6, .extensions = PACKET_ROUTING}, REASON_FORWARD, PACKET_FLOW, 48},
	{{P6, .extensions = PACKET_ROUTING, .segments_left = 1}, REASON_DROP_MALFORMED, 0, 40},
	/* An atomic fragment (RFC 6946) is whole. */
	{{P6, .extensions = PACKET_FRAGMENT}, REASON_FORWARD, PACKET_FLOW, 48},
	{{P6, .more_fragments = true}, REASON_FORWARD, PACKET_FIRST_FRAGMENT, 48},
	{{P6, .more_fragments = true, .extensions = PACKET_OPTIONS}, REASON_FORWARD, PACKET_FIRST_FRAGMENT, 56},
	{{P6, .fragment = 8, .body_len = 8}, REASON_FORWARD, PACKET_LATER_FRAGMENT, 48},
	{{P6, .fragment = 8, .body_len = 8, .extensions = PACKET_OPTIONS}, REASON_FORWARD, PACKET_LATER_FRAGMENT, 48},
	{{P6, .fragment = 8, .body_len = 8, .extensions = PACKET_HOP_BY_HOP}, REASON_FORWARD, PACKET_LATER_FRAGMENT, 56},
	{{P6, .protocol = 58, .fragment = 8, .body_len = 8}, REASON_PASS_ICMP, 0, 48},
	{{P6, .protocol = 50, .fragment = 8, .body_len = 8}, REASON_PASS_PROTOCOL, 0, 48},
};
/* clang-format on */

START_TEST(fields)
{
	const struct packet_spec *s = &rows[_i].spec;
	size_t len = packet_build(s, built), ip = packet_ip(s);
	struct packet p;
	uint32_t words[4] = {0, 0, BE32(0xffff), 0};

	ck_assert_str_eq(reason_name(parse(built, built + len, &p)),
	    reason_name(rows[_i].reason));
	if (rows[_i].reason != REASON_FORWARD)
		return;
	ck_assert_uint_eq(p.ip, ip);
	ck_assert_uint_eq(p.ip_len, len - ip - s->padding);
	ck_assert_uint_eq(p.transport, ip + rows[_i].transport);
	ck_assert_int_eq(p.kind, rows[_i].kind);
	if (p.is6) {
		ck_assert_mem_eq(p.source, built + ip + 8, 16);
		ck_assert_mem_eq(p.destination, built + ip + 24, 16);
	} else {
		memcpy(&words[3], built + ip + 12, 4);
		ck_assert_mem_eq(p.source, words, 16);
		memcpy(&words[3], built + ip + 16, 4);
		ck_assert_mem_eq(p.destination, words, 16);
	}
	ck_assert_uint_eq((p.fragment & PARSE_OFFSET) * 8u, s->fragment);
	ck_assert_int_eq(
	    (p.fragment & PARSE_MORE_FRAGMENTS) != 0, s->more_fragments);
	ck_assert_int_eq(
	    (p.fragment & PARSE_DONT_FRAGMENT) != 0, p.is6 || s->dont_fragment);
}
END_TEST

START_TEST(ports_and_traffic_class)
{
	struct packet_spec s = {_i ? C6 : C4, _i ? V6 : V4,
	    .source_port = 0x1234, .destination_port = 0x5678,
	    .traffic_class = 0xb9};
	struct packet p;
	size_t len = packet_build(&s, built);

	ck_assert_int_eq(parse(built, built + len, &p), REASON_FORWARD);
	ck_assert_uint_eq(p.ports, BE32(0x12345678));
	ck_assert_uint_eq(p.traffic_class, 0xb9);
	ck_assert_uint_eq(p.protocol, PROTOCOL_TCP);
}
END_TEST

/* One byte of a good packet changed, at an offset from the IP header. */
/* clang-format off */
static const struct {
	struct packet_spec spec;
	size_t at;
	uint8_t value;
	bool fix; /* the IPv4 checksum */
	enum reason reason;
} broken[] = {
	{{P4}, 0, 0x44, true, REASON_DROP_MALFORMED}, /* header of 16 */
	{{P4}, 0, 0x4f, false, REASON_DROP_MALFORMED}, /* of 60: too long */
	{{P4}, 0, 0x65, true, REASON_PASS_MALFORMED}, /* version */
	{{P4}, 0, 0x05, true, REASON_PASS_MALFORMED},
	{{P4}, 3, 19, true, REASON_DROP_MALFORMED}, /* total: under header */
	{{P4}, 3, 20, true, REASON_DROP_MALFORMED}, /* no TCP */
	{{P4}, 3, 39, true, REASON_DROP_MALFORMED}, /* TCP cut */
	{{P4}, 3, 40, true, REASON_FORWARD},
	{{P4}, 3, 41, true, REASON_DROP_MALFORMED}, /* beyond the frame */
	{{P4, .padding = 1}, 3, 41, true, REASON_FORWARD},
	{{P4, .protocol = 17}, 3, 27, true, REASON_DROP_MALFORMED},
	{{P4, .protocol = 17}, 3, 28, true, REASON_FORWARD},
	{{P4, .protocol = 1}, 3, 27, true, REASON_DROP_MALFORMED},
	{{P4, .more_fragments = true}, 3, 27, true, REASON_DROP_MALFORMED},
	{{P4, .more_fragments = true}, 3, 28, true, REASON_FORWARD},
	{{P4}, 8, 99, false, REASON_DROP_CHECKSUM},
	{{P4, .option_words = 10}, 59, 0, false, REASON_DROP_CHECKSUM},
	{{P4, .option_words = 10}, 20, 0, false, REASON_DROP_CHECKSUM},
	{{P6}, 0, 0x40, false, REASON_PASS_MALFORMED},
	{{P6}, 5, 19, false, REASON_DROP_MALFORMED},
	{{P6}, 5, 20, false, REASON_FORWARD},
	{{P6}, 5, 21, false, REASON_DROP_MALFORMED},
	{{P6}, 4, 0xff, false, REASON_DROP_MALFORMED},
	{{P6, .extensions = PACKET_HOP_BY_HOP}, 41, 1, false, REASON_DROP_MALFORMED}, /* takes half of TCP */
	{{P6, .extensions = PACKET_HOP_BY_HOP}, 41, 255, false, REASON_DROP_MALFORMED},
	{{P6, .extensions = PACKET_HOP_BY_HOP}, 5, 7, false, REASON_DROP_MALFORMED}, /* extension cut */
	{{P6, .extensions = PACKET_FRAGMENT}, 41, 255, false, REASON_FORWARD}, /* reserved */
	{{P6}, 6, 59, false, REASON_PASS_PROTOCOL}, /* no next header */
};
/* clang-format on */

START_TEST(one_byte_changed)
{
	const struct packet_spec *s = &broken[_i].spec;
	size_t len = packet_build(s, built), ip = packet_ip(s);
	struct packet p;

	built[ip + broken[_i].at] = broken[_i].value;
	if (broken[_i].fix && (built[ip] & 0xf) * 4u <= len - ip)
		packet_fix_ipv4(built + ip);
	ck_assert_str_eq(reason_name(parse(built, built + len, &p)),
	    reason_name(broken[_i].reason));
}
END_TEST

/* As many extension headers as are followed, and one more. */
START_TEST(extension_chain)
{
	struct packet_spec s = {P6, .body_len = 8 * 10};
	size_t len = packet_build(&s, built), ip = packet_ip(&s);
	struct packet p;

	built[ip + 6] = PROTOCOL_DESTINATION;
	memset(built + ip + 40, 0, len - ip - 40);
	for (int i = 0; i < _i; i++)
		built[ip + 40 + 8 * i] = i + 1 < _i ? PROTOCOL_DESTINATION
						    : PROTOCOL_TCP;
	ck_assert_str_eq(reason_name(parse(built, built + len, &p)),
	    reason_name(_i <= IPV6_EXTENSIONS_MAX ? REASON_FORWARD
						  : REASON_PASS_PROTOCOL));
}
END_TEST

START_TEST(not_ip)
{
	static const uint16_t types[] = {
	    0x0806, 0x88cc, 0x0000, 0x05dc, 0x9100, 0x8847, 0xffff};
	struct packet_spec s = {P4};
	size_t len = packet_build(&s, built);
	struct packet p;

	packet_put16(built + 12, types[_i]);
	ck_assert_int_eq(parse(built, built + len, &p), REASON_PASS_NOT_IP);
}
END_TEST

/* Cut at every byte, in a buffer of exactly that size. */
START_TEST(truncated)
{
	size_t whole = packet_build(&rows[_i].spec, built);
	struct packet p;

	for (size_t len = 0; len < whole - rows[_i].spec.padding; len++) {
		uint8_t *exact = fixture_exact(built, len);
		enum reason reason = parse(exact, exact + len, &p);

		ck_assert_msg(reason_verdict(reason) == VERDICT_PASS ||
			reason == REASON_DROP_MALFORMED,
		    "%zu of %zu bytes: %s", len, whole, reason_name(reason));
		free(exact);
	}
}
END_TEST

/* clang-format off */
static const struct {
	struct packet_spec spec;
	bool ok;
} quotes[] = {
	{{R4, .source_port = 80, .destination_port = 4711}, true},
	{{R4, .protocol = 17, .source_port = 80, .destination_port = 4711}, true},
	{{R4, .source_port = 80, .destination_port = 4711, .option_words = 10}, true},
	{{R4, .source_port = 80, .destination_port = 4711, .more_fragments = true}, true},
	{{R4, .fragment = 8, .body_len = 20}, false},
	{{R4, .protocol = 1, .icmp_type = 0}, false},
	{{R6, .source_port = 80, .destination_port = 4711}, true},
	{{R6, .protocol = 17, .source_port = 80, .destination_port = 4711, .extensions = PACKET_HOP_BY_HOP | PACKET_FRAGMENT}, true},
	{{R6, .fragment = 8, .body_len = 20}, false},
	{{R6, .protocol = 58, .icmp_type = 129}, false},
};
/* clang-format on */

/* Exchanged, and whole with 8 bytes of transport: not with 7. */
START_TEST(quote)
{
	const struct packet_spec *s = &quotes[_i].spec;
	bool is6 = strchr(s->source, ':') != NULL;
	size_t ip = packet_ip(s), whole = packet_build(s, built);
	size_t l4 = whole - (s->protocol == 17 ? 8 : 20);
	struct packet p = {0}, sent = {0};

	for (size_t len = ip; len <= whole; len++) {
		uint8_t *exact = fixture_exact(built + ip, len - ip);
		bool ok = parse_quote(exact, exact + len - ip, 0, is6, &p);

		ck_assert_int_eq(ok, quotes[_i].ok && len >= l4 + 8);
		free(exact);
	}
	if (!quotes[_i].ok)
		return;
	ck_assert_int_eq(parse(built, built + whole, &sent), REASON_FORWARD);
	ck_assert_mem_eq(p.source, sent.destination, 16);
	ck_assert_mem_eq(p.destination, sent.source, 16);
	ck_assert_uint_eq(p.ports, BE32(4711u << 16 | 80));
	ck_assert_uint_eq(p.protocol, sent.protocol);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("parse");
	TCase *tc = tcase_create("parse");

	tcase_add_loop_test(tc, fields, 0, ROWS(rows));
	tcase_add_loop_test(tc, ports_and_traffic_class, 0, 2);
	tcase_add_loop_test(tc, one_byte_changed, 0, ROWS(broken));
	tcase_add_loop_test(tc, extension_chain, 1, IPV6_EXTENSIONS_MAX + 2);
	tcase_add_loop_test(tc, not_ip, 0, 7);
	tcase_add_loop_test(tc, truncated, 0, ROWS(rows));
	tcase_add_loop_test(tc, quote, 0, ROWS(quotes));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
