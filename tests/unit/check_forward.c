/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in, reasons and frames out, over the state of fixture.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/forward.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define CLIENT4 "198.51.100.9"
#define CLIENT6 "2001:db8:c::9"
#define VIP4    "203.0.113.10"
#define VIP6    "2001:db8:100::10"
#define TCP     6
#define UDP     17

static struct fixture_sink sink;
static struct fib *fib;
static struct forwarder fw;
static uint8_t built[PACKET_MAX];

static void
setup(void)
{
	fixture_sink_init(&sink);
	fib = fixture_fib(65535);
	memset(&fw, 0, sizeof(fw));
	fw.fib = fib;
	fw.counters = counters_new(fib_state(fib), NULL, NULL);
	ck_assert_ptr_nonnull(fw.counters);
}

static void
teardown(void)
{
	fixture_sink_clear(&sink);
	counters_free(fw.counters);
	fib_free(fib);
}

/* One frame through, from a buffer of exactly its size. */
static enum reason
forward_frame(const uint8_t *data, size_t len, size_t wire_len)
{
	uint8_t *exact = fixture_exact(data, len);
	struct frame frame = {
	    exact, (uint32_t)len, (uint32_t)wire_len, 3, 65535};
	enum reason reason = REASON_COUNT;

	forward_batch(&fw, &frame, 1, 0, &sink.sink, &reason);
	free(exact);
	return reason;
}

/* clang-format off */
static const struct {
	struct packet_spec spec;
	enum reason reason;
	int service; /* that counts it; -1: none */
} rows[] = {
	/* The four combinations, and what the inner packet may look like. */
	{{CLIENT4, VIP4, .destination_port = 80}, REASON_FORWARD, FIXTURE_4_IN_4},
	{{CLIENT6, VIP6, .destination_port = 80}, REASON_FORWARD, FIXTURE_6_IN_4},
	{{CLIENT4, VIP4, .destination_port = 443}, REASON_FORWARD, FIXTURE_4_IN_6},
	{{CLIENT6, VIP6, UDP, .destination_port = 443}, REASON_FORWARD, FIXTURE_6_IN_6},
	{{CLIENT4, VIP4, .destination_port = 80, .vlans = 1}, REASON_FORWARD, FIXTURE_4_IN_4},
	{{CLIENT6, VIP6, .destination_port = 80, .vlans = 2}, REASON_FORWARD, FIXTURE_6_IN_4},
	{{CLIENT4, VIP4, .destination_port = 80, .option_words = 10}, REASON_FORWARD, FIXTURE_4_IN_4},
	{{CLIENT4, VIP4, .destination_port = 80, .body_len = 1400}, REASON_FORWARD, FIXTURE_4_IN_4},
	{{CLIENT4, VIP4, .destination_port = 80, .padding = 6}, REASON_FORWARD, FIXTURE_4_IN_4},
	{{CLIENT4, VIP4, .destination_port = 80, .traffic_class = 0xbb}, REASON_FORWARD, FIXTURE_4_IN_4},
	{{CLIENT6, VIP6, .destination_port = 80, .traffic_class = 0xbb}, REASON_FORWARD, FIXTURE_6_IN_4},
	{{CLIENT6, VIP6, .destination_port = 80, .extensions =
	    PACKET_HOP_BY_HOP | PACKET_DESTINATION | PACKET_ROUTING | PACKET_FRAGMENT | PACKET_OPTIONS},
	    REASON_FORWARD, FIXTURE_6_IN_4},
	/* Ports: its own service, one for all, none. */
	{{CLIENT4, VIP4, UDP, .destination_port = 53}, REASON_FORWARD, FIXTURE_ONE_PORT},
	{{CLIENT4, VIP4, UDP, .destination_port = 54}, REASON_FORWARD, FIXTURE_ANY_PORT},
	{{CLIENT6, VIP6, UDP, .destination_port = 53}, REASON_FORWARD, FIXTURE_ANY_PORT},
	{{CLIENT4, VIP4, .destination_port = 81}, REASON_DROP_NO_SERVICE, -1},
	{{CLIENT4, VIP4, .destination_port = 0}, REASON_DROP_NO_SERVICE, -1},
	{{CLIENT4, "203.0.113.12", .destination_port = 80}, REASON_DROP_NO_BACKEND, FIXTURE_NO_MEMBERS},
	{{CLIENT4, "203.0.113.12", .destination_port = 81}, REASON_DROP_NO_BACKEND, FIXTURE_ALL_DOWN},
	/* Not for a VIP: passes, whatever it is. */
	{{CLIENT4, "203.0.113.9", .destination_port = 80}, REASON_PASS_NOT_VIP, -1},
	{{CLIENT4, "203.0.113.9", .fragment = 64, .body_len = 8}, REASON_PASS_NOT_VIP, -1},
	{{CLIENT4, "203.0.113.9", 47, .option_words = 3}, REASON_PASS_NOT_VIP, -1},
	{{CLIENT6, "2001:db8:100::11", .extensions = PACKET_ROUTING, .segments_left = 1}, REASON_PASS_NOT_VIP, -1},
	/* An IPv4-mapped address is not the IPv4 VIP. */
	{{CLIENT6, "::ffff:203.0.113.10", .destination_port = 80}, REASON_PASS_NOT_VIP, -1},
	{{"::ffff:198.51.100.9", VIP6, .destination_port = 80}, REASON_DROP_MALFORMED, -1},
	/* For a VIP, and not ours. */
	{{CLIENT4, VIP4, 47, .body_len = 30}, REASON_PASS_PROTOCOL, -1},
	{{CLIENT4, VIP4, 58, .icmp_type = 128}, REASON_PASS_PROTOCOL, -1},
	{{CLIENT6, VIP6, 1, .icmp_type = 8}, REASON_PASS_PROTOCOL, -1},
	{{CLIENT6, VIP6, 50, .body_len = 30}, REASON_PASS_PROTOCOL, -1},
	/* Broken. */
	{{CLIENT6, VIP6, .destination_port = 80, .extensions = PACKET_ROUTING, .segments_left = 1},
	    REASON_DROP_MALFORMED, -1},
};
/* clang-format on */

/* Outer IPv4 or IPv6 and GRE around exactly the inner packet. */
static void
check_outer(const uint8_t *outer, size_t len, const uint8_t *inner,
    size_t inner_len, const struct packet_spec *spec)
{
	bool inner_is6 = strchr(spec->destination, ':') != NULL;
	size_t ip_len = outer[0] >> 4 == 4 ? 20 : 40;

	if (ip_len == 20) {
		ck_assert_uint_eq(outer[0], 0x45);
		ck_assert_uint_eq(outer[1], spec->traffic_class);
		ck_assert_uint_eq(packet_get16(outer + 2), len);
		ck_assert_uint_eq(packet_get16(outer + 4), 0);
		ck_assert_uint_eq(packet_get16(outer + 6), 0x4000);
		ck_assert_uint_eq(outer[8], 64);
		ck_assert_uint_eq(outer[9], 47);
		ck_assert_uint_eq(packet_checksum(outer, 20, 0), 0);
	} else {
		ck_assert_uint_eq(
		    packet_get16(outer) >> 4, 0x600 | spec->traffic_class);
		ck_assert_uint_eq(packet_get16(outer + 4), len - 40);
		ck_assert_uint_eq(outer[6], 47);
		ck_assert_uint_eq(outer[7], 64);
	}
	ck_assert_uint_eq(packet_get16(outer + ip_len), 0);
	ck_assert_uint_eq(
	    packet_get16(outer + ip_len + 2), inner_is6 ? 0x86dd : 0x0800);
	ck_assert_uint_eq(len, ip_len + 4 + inner_len);
	ck_assert_mem_eq(outer + ip_len + 4, inner, inner_len);
}

START_TEST(reasons)
{
	const struct packet_spec *spec = &rows[_i].spec;
	size_t ip = packet_ip(spec), len = packet_build(spec, built);
	enum reason reason = forward_frame(built, len, len);
	const struct fixture_sent *sent = &sink.sent[0];

	ck_assert_str_eq(reason_name(reason), reason_name(rows[_i].reason));
	ck_assert_uint_eq(fw.counters->reasons[reason], 1);
	for (int i = 0; i < FIXTURE_SERVICES; i++)
		ck_assert_uint_eq(fw.counters->service_reasons[i][reason],
		    i == rows[_i].service);
	if (reason != REASON_FORWARD) {
		ck_assert_uint_eq(sink.n, 0);
		return;
	}
	ck_assert_uint_eq(sink.n, 1);
	ck_assert_uint_eq(sent->ifindex, 7);
	ck_assert_uint_eq(sent->input, 0);
	ck_assert_mem_eq(sent->data + 6, "\2\0\0\0\1\377", 6);
	ck_assert_uint_eq(packet_get16(sent->data + 12),
	    sent->data[14] >> 4 == 4 ? 0x0800 : 0x86dd);
	check_outer(sent->data + 14, sent->len - 14, built + ip,
	    len - ip - spec->padding, spec);
	ck_assert_uint_eq(fw.counters->services[rows[_i].service].packets, 1);
	ck_assert_uint_eq(fw.counters->services[rows[_i].service].bytes,
	    len - ip - spec->padding);
	ck_assert_uint_eq(fw.counters->backends[sent->data[5]].packets, 1);
}
END_TEST

/* Cut at every byte: nothing is read beyond, and what is forwarded is whole. */
START_TEST(truncated)
{
	size_t whole = packet_build(&rows[_i].spec, built);
	size_t least = whole - rows[_i].spec.padding;

	for (size_t len = 0; len < whole; len++) {
		enum reason reason = forward_frame(built, len, len);

		if (len < least)
			ck_assert_msg(reason_verdict(reason) == VERDICT_PASS ||
				reason == REASON_DROP_MALFORMED,
			    "%zu of %zu bytes: %s", len, whole,
			    reason_name(reason));
		else
			ck_assert_int_eq(reason, rows[_i].reason);
		reason = forward_frame(built, len, whole);
		if (len < least)
			ck_assert_msg(reason_verdict(reason) == VERDICT_PASS ||
				reason == REASON_DROP_CAPTURE_CUT,
			    "%zu of %zu bytes captured: %s", len, whole,
			    reason_name(reason));
		fixture_sink_clear(&sink);
	}
}
END_TEST

/* An ICMP error of this type about the packet that `about` builds. */
static size_t
build_error(uint8_t type, const char *source, const char *destination,
    const struct packet_spec *about, size_t quoted_len)
{
	static uint8_t quoted[PACKET_MAX];
	struct packet_spec s = {.source = source,
	    .destination = destination,
	    .protocol = strchr(source, ':') != NULL ? 58 : 1,
	    .icmp_type = type};

	packet_build(about, quoted);
	s.body = quoted + packet_ip(about);
	s.body_len = (uint16_t)quoted_len;
	return packet_build(&s, built);
}

/* clang-format off */
#define ROUTER4 "192.0.2.77"
#define ROUTER6 "2001:db8:7::7"
static const struct {
	uint8_t type;
	bool is6;
	struct packet_spec quoted; /* what a backend answered */
	size_t quoted_len;
	enum reason reason;
} errors[] = {
	{3,  false, {VIP4, CLIENT4, TCP, .source_port = 80}, 28, REASON_FORWARD_ICMP_ERROR},
	{11, false, {VIP4, CLIENT4, TCP, .source_port = 80}, 40, REASON_FORWARD_ICMP_ERROR},
	{12, false, {VIP4, CLIENT4, UDP, .source_port = 53}, 28, REASON_FORWARD_ICMP_ERROR},
	{3,  false, {VIP4, CLIENT4, TCP, .source_port = 443}, 28, REASON_FORWARD_ICMP_ERROR},
	{3,  false, {VIP4, CLIENT4, TCP, .source_port = 80, .option_words = 2}, 36, REASON_FORWARD_ICMP_ERROR},
	{1,  true,  {VIP6, CLIENT6, TCP, .source_port = 80}, 48, REASON_FORWARD_ICMP_ERROR},
	{2,  true,  {VIP6, CLIENT6, UDP, .source_port = 443, .body_len = 1100}, 1148, REASON_FORWARD_ICMP_ERROR},
	{4,  true,  {VIP6, CLIENT6, TCP, .source_port = 80, .extensions = PACKET_DESTINATION}, 64, REASON_FORWARD_ICMP_ERROR},
	/* Cut short of the ports, or of eight bytes. */
	{3,  false, {VIP4, CLIENT4, TCP, .source_port = 80}, 27, REASON_DROP_ICMP_QUOTE},
	{3,  false, {VIP4, CLIENT4, TCP, .source_port = 80}, 0, REASON_DROP_ICMP_QUOTE},
	{1,  true,  {VIP6, CLIENT6, TCP, .source_port = 80}, 47, REASON_DROP_ICMP_QUOTE},
	/* Quotes nothing that came from this VIP. */
	{3,  false, {CLIENT4, VIP4, TCP, .source_port = 4711, .destination_port = 80}, 40, REASON_DROP_ICMP_QUOTE},
	{3,  false, {"203.0.113.12", CLIENT4, TCP, .source_port = 80}, 40, REASON_DROP_ICMP_QUOTE},
	{3,  false, {VIP4, CLIENT4, TCP, .source_port = 81}, 40, REASON_DROP_ICMP_QUOTE},
	{3,  false, {VIP4, CLIENT4, .protocol = 1}, 28, REASON_DROP_ICMP_QUOTE},
	{3,  false, {VIP4, CLIENT4, TCP, .fragment = 8, .body_len = 20}, 40, REASON_DROP_ICMP_QUOTE},
	{1,  true,  {VIP4, CLIENT4, TCP, .source_port = 80}, 40, REASON_DROP_ICMP_QUOTE},
	/* No errors, or none for a backend. */
	{4,  false, {VIP4, CLIENT4, TCP, .source_port = 80}, 40, REASON_PASS_ICMP},
	{5,  false, {VIP4, CLIENT4, TCP, .source_port = 80}, 40, REASON_PASS_ICMP},
	{0,  false, {VIP4, CLIENT4, TCP, .source_port = 80}, 40, REASON_PASS_ICMP},
	{137, true, {VIP6, CLIENT6, TCP, .source_port = 80}, 60, REASON_PASS_ICMP},
	{135, true, {VIP6, CLIENT6, TCP, .source_port = 80}, 60, REASON_PASS_ICMP},
	{5,  true,  {VIP6, CLIENT6, TCP, .source_port = 80}, 60, REASON_PASS_ICMP},
};
/* clang-format on */

/* It goes where the client's packets go. */
START_TEST(icmp_errors)
{
	struct packet_spec q = errors[_i].quoted;
	struct packet_spec client = {.source = q.destination,
	    .destination = q.source,
	    .protocol = q.protocol,
	    .source_port = 4711,
	    .destination_port = q.source_port};
	enum reason reason;
	size_t len, overhead;

	if (q.destination_port == 0)
		q.destination_port = 4711;
	len = build_error(errors[_i].type, errors[_i].is6 ? ROUTER6 : ROUTER4,
	    errors[_i].is6 ? VIP6 : VIP4, &q, errors[_i].quoted_len);
	reason = forward_frame(built, len, len);
	ck_assert_str_eq(reason_name(reason), reason_name(errors[_i].reason));
	ck_assert_uint_eq(fw.counters->reasons[reason], 1);
	if (reason != REASON_FORWARD_ICMP_ERROR) {
		ck_assert_uint_eq(sink.n, 0);
		return;
	}
	overhead = sink.sent[0].data[14] >> 4 == 4 ? 24 : 44;
	ck_assert_mem_eq(
	    sink.sent[0].data + 14 + overhead, built + 14, len - 14);
	len = packet_build(&client, built);
	ck_assert_int_eq(forward_frame(built, len, len), REASON_FORWARD);
	ck_assert_mem_eq(sink.sent[0].data, sink.sent[1].data, 6);
}
END_TEST

START_TEST(icmp_errors_truncated)
{
	size_t whole = build_error(errors[_i].type,
	    errors[_i].is6 ? ROUTER6 : ROUTER4, errors[_i].is6 ? VIP6 : VIP4,
	    &errors[_i].quoted, errors[_i].quoted_len);

	for (size_t len = 0; len < whole; len++) {
		enum reason reason = forward_frame(built, len, len);

		ck_assert(reason_verdict(reason) == VERDICT_PASS ||
		    reason == REASON_DROP_MALFORMED);
	}
}
END_TEST

/* The file driver: back where it came from, tags kept. */
START_TEST(reflected)
{
	struct packet_spec spec = {.source = CLIENT4,
	    .destination = VIP4,
	    .destination_port = _i < 3 ? 80 : 443,
	    .vlans = (uint8_t)(_i % 3)};
	size_t len = packet_build(&spec, built), ip = packet_ip(&spec);
	const struct fixture_sent *sent = &sink.sent[0];

	fib_reflect(fib, 1500);
	ck_assert_int_eq(forward_frame(built, len, len), REASON_FORWARD);
	ck_assert_uint_eq(sent->ifindex, 3);
	ck_assert_mem_eq(sent->data, built + 6, 6);
	ck_assert_mem_eq(sent->data + 6, built, 6);
	ck_assert_mem_eq(sent->data + 12, built + 12, ip - 14);
	ck_assert_uint_eq(
	    packet_get16(sent->data + ip - 2), _i < 3 ? 0x0800 : 0x86dd);
	check_outer(
	    sent->data + ip, sent->len - ip, built + ip, len - ip, &spec);
}
END_TEST

START_TEST(no_next_hop)
{
	static const struct fib_next_hop lost;
	struct packet_spec spec = {.source = CLIENT4,
	    .destination = VIP4,
	    .protocol = UDP,
	    .destination_port = 53};
	size_t len = packet_build(&spec, built);

	fib_set_next_hop(fib, 3, &lost);
	ck_assert_int_eq(
	    forward_frame(built, len, len), REASON_DROP_NO_NEXT_HOP);
	ck_assert_uint_eq(fw.counters->service_reasons[FIXTURE_ONE_PORT]
						      [REASON_DROP_NO_NEXT_HOP],
	    1);
	ck_assert_uint_eq(fw.counters->backends[3].packets, 0);
}
END_TEST

/* _i frames of all kinds at once: each as if it were alone, in order. */
START_TEST(batches)
{
	struct frame frames[FORWARD_BATCH] = {0};
	enum reason became[FORWARD_BATCH];
	size_t n_sent = 0;

	for (int i = 0; i < _i; i++) {
		size_t len = packet_build(&rows[i % ROWS(rows)].spec, built);

		frames[i] = (struct frame){fixture_exact(built, len),
		    (uint32_t)len, (uint32_t)len, 3, 0};
	}
	forward_batch(&fw, frames, (size_t)_i, 0, &sink.sink, became);
	for (int i = 0; i < _i; i++) {
		ck_assert_int_eq(became[i], rows[i % ROWS(rows)].reason);
		if (became[i] == REASON_FORWARD)
			ck_assert_uint_eq(sink.sent[n_sent++].input, (size_t)i);
		free((void *)(uintptr_t)frames[i].data);
	}
	ck_assert_uint_eq(n_sent, sink.n);
}
END_TEST

/* trace says what forward_batch does, and counts nothing. */
START_TEST(traced)
{
	const struct packet_spec *spec = &rows[_i].spec;
	struct forward_trace trace;
	struct addr source, destination;
	size_t len = packet_build(spec, built);
	enum reason reason;

	if (addr_parse(&source, spec->source) == -1 ||
	    addr_parse(&destination, spec->destination) == -1 ||
	    rows[_i].reason == REASON_DROP_MALFORMED)
		return;
	forward_trace(fib, NULL, &source, &destination,
	    spec->protocol != 0 ? spec->protocol : TCP, spec->source_port,
	    spec->destination_port, &trace);
	ck_assert_str_eq(
	    reason_name(trace.reason), reason_name(rows[_i].reason));
	for (int i = 0; i < REASON_COUNT; i++)
		ck_assert_uint_eq(fw.counters->reasons[i], 0);
	reason = forward_frame(built, len, len);
	if (reason != REASON_FORWARD)
		return;
	ck_assert_int_eq((int)trace.service, rows[_i].service);
	ck_assert_uint_lt(trace.slot, 1024);
	ck_assert_uint_eq(sink.sent[0].data[5], trace.backend);
}
END_TEST

START_TEST(traced_across_versions)
{
	struct forward_trace trace;
	struct addr source, destination;

	ck_assert_int_eq(addr_parse(&source, CLIENT6), 0);
	ck_assert_int_eq(addr_parse(&destination, VIP4), 0);
	forward_trace(fib, NULL, &source, &destination, TCP, 1, 80, &trace);
	ck_assert_int_eq(trace.reason, REASON_PASS_NOT_VIP);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("forward");
	TCase *tc = tcase_create("forward");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, reasons, 0, ROWS(rows));
	tcase_add_loop_test(tc, truncated, 0, ROWS(rows));
	tcase_add_loop_test(tc, icmp_errors, 0, ROWS(errors));
	tcase_add_loop_test(tc, icmp_errors_truncated, 0, ROWS(errors));
	tcase_add_loop_test(tc, reflected, 0, 6);
	tcase_add_test(tc, no_next_hop);
	tcase_add_loop_test(tc, batches, 0, FORWARD_BATCH + 1);
	tcase_add_loop_test(tc, traced, 0, ROWS(rows));
	tcase_add_test(tc, traced_across_versions);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
