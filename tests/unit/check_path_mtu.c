/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that need more than one look, all the way through forward_batch: what
 * does not fit its path, what GRO merged, fragments in any order, and pings.
 * What comes out is unwrapped, verified by plain code, and put together again
 * to be what went in. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/forward.h"
#include "balancer/core/frag_table.h"
#include "balancer/core/icmp.h"
#include "tests/unit/fixture.h"
#include "tests/unit/l3_build.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define CLIENT4    "198.51.100.9"
#define CLIENT6    "2001:db8:c::9"
#define VIP4       "203.0.113.10"
#define VIP6       "2001:db8:100::10"
#define VIP4_OTHER "203.0.113.13" /* its service refuses oversize packets */
#define TCP        6
#define UDP        17
#define ICMP       1
#define ICMP6      58
#define SECOND     1000000
#define LINK_MTU   1500
#define UPLINK     3 /* where frames come from */

static struct fixture_sink sink;
static struct fib *fib;
static struct forwarder fw;
static uint8_t built[PACKET_MAX], joined[PACKET_MAX];
static int64_t now_us;

static void
start(uint32_t mtu)
{
	static const uint8_t key[FRAG_KEY_LEN] = {5, 6, 7};

	fixture_sink_init(&sink);
	fib = fixture_fib(mtu);
	memset(&fw, 0, sizeof(fw));
	fw.fib = fib;
	fw.counters = counters_new(fib_state(fib), NULL, NULL);
	fw.frags = frag_table_new(key, NULL);
	ck_assert(fw.counters != NULL && fw.frags != NULL);
	bucket_init(&fw.too_big, 1000, 100);
	now_us = SECOND;
}

static void
stop(void)
{
	fixture_sink_clear(&sink);
	frag_table_free(fw.frags);
	counters_free(fw.counters);
	fib_free(fib);
}

static void
setup(void)
{
	start(LINK_MTU);
}

/* The frame in `built` through; from a buffer of exactly its size. */
static enum reason
forward_built(size_t len)
{
	uint8_t *exact = fixture_exact(built, len);
	struct frame frame = {
	    exact, (uint32_t)len, (uint32_t)len, UPLINK, LINK_MTU};
	enum reason reason = REASON_COUNT;

	forward_batch(&fw, &frame, 1, now_us, &sink.sink, &reason);
	free(exact);
	return reason;
}

static enum reason
forward_spec(const struct packet_spec *spec)
{
	return forward_built(packet_build(spec, built));
}

static void
ck_reason(enum reason got, enum reason want)
{
	ck_assert_str_eq(reason_name(got), reason_name(want));
}

/* Frame number i of the sink, which must fit the path: the client's packet in
 * it, its length, and the backend by its MAC. */
static const uint8_t *
unwrap(size_t i, size_t mtu, size_t *len, unsigned *backend)
{
	const struct fixture_sent *sent = &sink.sent[i];
	const uint8_t *outer = sent->data + 14;
	size_t head = (outer[0] >> 4 == 4 ? 20 : 40) + 4;

	ck_assert_uint_lt(i, sink.n);
	ck_assert_uint_eq(sent->ifindex, 7);
	ck_assert_uint_le(sent->len - 14, mtu);
	ck_assert(l3_sound(outer, sent->len - 14));
	ck_assert_uint_eq(packet_get16(outer + head - 4), 0);
	ck_assert_uint_eq(packet_get16(outer + head - 2),
	    outer[head] >> 4 == 4 ? 0x0800 : 0x86dd);
	*len = sent->len - 14 - head;
	*backend = sent->data[5];
	ck_assert(l3_sound(outer + head, *len));
	return outer + head;
}

/* clang-format off */
/* Services of the fixture, one for each way of v4 and v6 in v4 and v6. */
static const struct {
	struct packet_spec spec;
	size_t overhead;
} tcp_rows[] = {
	{{CLIENT4, VIP4, .source_port = 9, .destination_port = 80}, 24},
	{{CLIENT6, VIP6, .source_port = 9, .destination_port = 80}, 24},
	{{CLIENT4, VIP4, .source_port = 9, .destination_port = 443}, 44},
}, udp_rows[] = {
	{{CLIENT4, VIP4, UDP, .source_port = 9, .destination_port = 1000}, 24},
	{{CLIENT6, VIP6, UDP, .source_port = 9, .destination_port = 1000}, 24},
	{{CLIENT4, VIP4, UDP, .source_port = 9, .destination_port = 53}, 44},
	{{CLIENT6, VIP6, UDP, .source_port = 9, .destination_port = 443}, 44},
};
/* clang-format on */

static bool
is6(const struct packet_spec *spec)
{
	return strchr(spec->destination, ':') != NULL;
}

/* Up to the last byte that fits, one whole packet; a byte more, and it is
 * something else. */
START_TEST(to_the_byte)
{
	static const size_t mtus[] = {576, 1280, 1400, 1492, 1500};
	struct packet_spec spec = udp_rows[_i % 4].spec;
	size_t mtu = mtus[_i / 4], len, ip_len = is6(&spec) ? 40 : 20;
	unsigned backend;

	start((uint32_t)mtu);
	spec.body_len = (uint16_t)(mtu - udp_rows[_i % 4].overhead - ip_len -
	    8);
	ck_reason(forward_spec(&spec), REASON_FORWARD);
	ck_assert_uint_eq(sink.n, 1);
	unwrap(0, mtu, &len, &backend);
	ck_assert_uint_eq(sink.sent[0].len, 14 + mtu);
	fixture_sink_clear(&sink);

	spec.body_len++;
	if (!is6(&spec)) {
		ck_reason(forward_spec(&spec), REASON_FORWARD_FRAGMENTED);
		ck_assert_uint_eq(sink.n, 2);
		fixture_sink_clear(&sink);
		spec.dont_fragment = true;
	}
	/* What every IPv6 path must carry is not refused with ICMP */
	ck_reason(forward_spec(&spec),
	    is6(&spec) && mtu - udp_rows[_i % 4].overhead < 1280
		? REASON_DROP_TOO_BIG
		: REASON_REPLY_TOO_BIG);
	stop();
}
END_TEST

/* Leaves the checksum of the TCP packet at `ip` to offload. */
static void
make_partial(uint8_t *ip, size_t len)
{
	uint8_t protocol;
	size_t at = l3_upper(ip, &protocol);

	packet_put16(
	    ip + at + 16, (uint16_t)l3_plain_pseudo(ip, protocol, len - at));
}

/* Collects the payload of the TCP segments sent; all to one backend. */
static size_t
join_segments(size_t mtu)
{
	size_t total = 0, len, i;
	unsigned backend, first;
	const uint8_t *l3;
	uint8_t protocol;

	for (i = 0; i < sink.n; i++) {
		size_t at;

		l3 = unwrap(i, mtu, &len, &backend);
		at = l3_upper(l3, &protocol);
		ck_assert_uint_eq(protocol, TCP);
		ck_assert_uint_eq(packet_get16(l3 + at + 6),
		    0x0304 + total); /* below 64 KiB: the low half will do */
		memcpy(joined + total, l3 + at + 20, len - at - 20);
		total += len - at - 20;
		if (i == 0)
			first = backend;
		ck_assert_uint_eq(backend, first);
		/* PSH on the last only */
		ck_assert_uint_eq(l3[at + 13], i + 1 == sink.n ? 0x18 : 0x10);
	}
	return total;
}

START_TEST(merged_tcp_is_segmented)
{
	struct packet_spec spec = tcp_rows[_i / 2].spec;
	size_t len, ip, total;

	spec.body_len = 14480; /* ten full segments, merged */
	spec.tcp_flags = 0x18;
	spec.dont_fragment = true;
	spec.vlans = (uint8_t)_i % 2;
	fw.fix_checksums = true;
	len = packet_build(&spec, built);
	ip = packet_ip(&spec);
	if (_i % 2 == 1)
		make_partial(built + ip, len - ip);
	ck_reason(forward_built(len), REASON_FORWARD_SEGMENTED);
	total = join_segments(LINK_MTU);
	ck_assert_uint_eq(total, spec.body_len);
	ck_assert_mem_eq(joined, built + len - total, total);
	ck_assert_uint_eq(sink.n, 11);
	ck_assert_uint_eq(fw.counters->reasons[REASON_FORWARD_SEGMENTED], 1);
	ck_assert_uint_eq(sink.sent[0].input, 0);
}
END_TEST

/* A path wider than the link (an underlay with jumbo frames): back to what the
 * link can have carried. */
START_TEST(merged_tcp_on_a_wide_path)
{
	struct packet_spec spec = tcp_rows[_i].spec;
	size_t i, len;
	unsigned backend;

	start(9000);
	spec.body_len = 30000;
	spec.tcp_flags = 0x18;
	ck_reason(forward_spec(&spec), REASON_FORWARD_SEGMENTED);
	ck_assert_uint_eq(join_segments(9000), 30000);
	for (i = 0; i < sink.n; i++) {
		unwrap(i, 9000, &len, &backend);
		ck_assert_uint_le(len, LINK_MTU);
	}
	stop();
}
END_TEST

START_TEST(merged_tcp_corrupted)
{
	struct packet_spec spec = tcp_rows[_i].spec;
	size_t len;

	spec.body_len = 5000;
	len = packet_build(&spec, built);
	built[len - 1] ^= 1;
	ck_reason(forward_built(len), REASON_DROP_CHECKSUM);
	ck_assert_uint_eq(sink.n, 0);
}
END_TEST

/* On live links what offload left is completed; a file's bytes are kept. */
START_TEST(partial_checksum)
{
	struct packet_spec spec = tcp_rows[_i].spec;
	size_t len, ip, l4;
	const uint8_t *sent;
	unsigned backend;
	uint8_t protocol;

	spec.body_len = 333;
	len = packet_build(&spec, built);
	ip = packet_ip(&spec);
	l4 = ip + l3_upper(built + ip, &protocol);
	make_partial(built + ip, len - ip);
	ck_reason(forward_built(len), REASON_FORWARD);
	sent = sink.sent[0].data + sink.sent[0].len - (len - ip);
	ck_assert_mem_eq(sent, built + ip, len - ip);
	fixture_sink_clear(&sink);

	fw.fix_checksums = true;
	ck_reason(forward_built(len), REASON_FORWARD);
	sent = unwrap(0, LINK_MTU, &len, &backend);
	ck_assert_mem_eq(sent, built + ip, l4 + 16 - ip);
	ck_assert_mem_eq(
	    sent + l4 + 18 - ip, built + l4 + 18, len + ip - l4 - 18);
}
END_TEST

/* Puts the IPv4 fragments sent from number `from` on together. */
static size_t
join_fragments(size_t from, size_t mtu, unsigned *backend)
{
	size_t total = 0, bytes = 0, len, i;
	unsigned each;

	memset(joined, 0, sizeof(joined));
	for (i = from; i < sink.n; i++) {
		const uint8_t *l3 = unwrap(i, mtu, &len, &each);
		size_t at = (packet_get16(l3 + 6) & 0x1fffu) * 8;

		memcpy(joined + at, l3 + 20, len - 20);
		bytes += len - 20;
		if ((l3[6] & 0x20) == 0)
			total = at + len - 20;
		if (i == from)
			*backend = each;
		ck_assert_uint_eq(each, *backend);
	}
	ck_assert_uint_eq(bytes, total);
	return total;
}

START_TEST(fragmented_and_joined)
{
	struct packet_spec spec = udp_rows[_i % 2 * 2].spec;
	static const uint16_t bodies[] = {1472, 1473, 4000, 65000, 1449, 1450};
	size_t len;
	unsigned backend;

	spec.body_len = bodies[_i / 2];
	len = packet_build(&spec, built);
	ck_reason(forward_built(len), REASON_FORWARD_FRAGMENTED);
	ck_assert_uint_eq(join_fragments(0, LINK_MTU, &backend), len - 34);
	ck_assert_mem_eq(joined, built + 34, len - 34);
}
END_TEST

START_TEST(refused_by_the_service)
{
	struct packet_spec spec = {CLIENT4, VIP4_OTHER, UDP, .source_port = 9,
	    .destination_port = 1000};

	spec.body_len = 1472;
	ck_reason(forward_spec(&spec), REASON_DROP_TOO_BIG);
	ck_assert_uint_eq(sink.n, 0);
	ck_assert_uint_eq(
	    fw.counters->service_reasons[FIXTURE_REFUSE][REASON_DROP_TOO_BIG],
	    1);
}
END_TEST

/* What goes back to the client: on its link, MACs exchanged, tags kept, from
 * the VIP. */
static const uint8_t *
ck_reply(const struct packet_spec *spec, size_t *len)
{
	const struct fixture_sent *sent = &sink.sent[0];
	size_t ip = packet_ip(spec), at = is6(spec) ? 8 : 12,
	       n = is6(spec) ? 16 : 4;
	const uint8_t *l3 = sent->data + ip;

	ck_assert_uint_eq(sink.n, 1);
	ck_assert_uint_eq(sent->ifindex, UPLINK);
	ck_assert_mem_eq(sent->data, built + 6, 6);
	ck_assert_mem_eq(sent->data + 6, built, 6);
	ck_assert_mem_eq(sent->data + 12, built + 12, ip - 12);
	ck_assert_mem_eq(l3 + at, built + ip + at + n, n);
	ck_assert_mem_eq(l3 + at + n, built + ip + at, n);
	*len = sent->len - ip;
	ck_assert(l3_sound(l3, *len));
	return l3;
}

START_TEST(sender_is_told)
{
	struct packet_spec spec = udp_rows[_i % 4].spec;
	size_t ip, head, len, mtu;
	const uint8_t *l3;

	spec.dont_fragment = true;
	spec.body_len = 1452; /* an IPv6 packet of 1500 bytes */
	if (!is6(&spec))
		spec.body_len = 1472;
	spec.vlans = (uint8_t)(_i / 4);
	ck_reason(forward_spec(&spec), REASON_REPLY_TOO_BIG);
	l3 = ck_reply(&spec, &len);
	ip = packet_ip(&spec);
	head = is6(&spec) ? 40 : 20;
	ck_assert_uint_eq(len, is6(&spec) ? 1280 : 576);
	ck_assert_mem_eq(l3 + head, is6(&spec) ? "\2\0" : "\3\4", 2);
	mtu = packet_get16(l3 + head + 6);
	ck_assert_uint_eq(mtu, LINK_MTU - udp_rows[_i % 4].overhead);
	ck_assert_mem_eq(l3 + head + 8, built + ip, len - head - 8);
	fixture_sink_clear(&sink);

	/* Who keeps to it gets through */
	spec.body_len = (uint16_t)(mtu - head - 8);
	ck_reason(forward_spec(&spec), REASON_FORWARD);
}
END_TEST

/* Nobody, where the frame went to a group of hosts. */
START_TEST(not_told_about_a_group)
{
	struct packet_spec spec = udp_rows[_i].spec;
	size_t len;

	spec.dont_fragment = true;
	spec.body_len = 1472;
	len = packet_build(&spec, built);
	built[0] |= 1;
	ck_reason(forward_built(len), REASON_DROP_TOO_BIG);
	ck_assert_uint_eq(sink.n, 0);
}
END_TEST

START_TEST(told_no_more_than_allowed)
{
	struct packet_spec spec = {
	    CLIENT4, VIP4, UDP, .source_port = 9, .destination_port = 1000};
	int i;

	bucket_init(&fw.too_big, 10, 2);
	spec.dont_fragment = true;
	spec.body_len = 1472;
	for (i = 0; i < 20; i++)
		ck_reason(forward_spec(&spec),
		    i < 2 ? REASON_REPLY_TOO_BIG : REASON_DROP_TOO_BIG);
	now_us += SECOND / 10;
	ck_reason(forward_spec(&spec), REASON_REPLY_TOO_BIG);
	ck_reason(forward_spec(&spec), REASON_DROP_TOO_BIG);
	ck_assert_uint_eq(fw.counters->reasons[REASON_REPLY_TOO_BIG], 3);
	ck_assert_uint_eq(fw.counters->reasons[REASON_DROP_TOO_BIG], 19);
	ck_assert_uint_eq(sink.n, 3);
}
END_TEST

/* No error about an error, however long it is. */
START_TEST(no_error_about_an_error)
{
	struct packet_spec quoted = {
	    VIP4, CLIENT4, UDP, .source_port = 1000, .destination_port = 9};
	struct packet_spec spec = {CLIENT4, VIP4, .protocol = ICMP};
	static uint8_t inside[PACKET_MAX];
	size_t len;

	quoted.body_len = 1440;
	len = packet_build(&quoted, inside) - 14;
	spec.icmp_type = 3;
	spec.icmp_code = 3;
	spec.dont_fragment = true;
	spec.body = inside + 14;
	spec.body_len = (uint16_t)len;
	ck_reason(forward_spec(&spec), REASON_DROP_TOO_BIG);
	ck_assert_uint_eq(sink.n, 0);
	spec.dont_fragment = false;
	ck_reason(forward_spec(&spec), REASON_FORWARD_FRAGMENTED);
	spec.body_len = 28;
	ck_reason(forward_spec(&spec), REASON_FORWARD_ICMP_ERROR);
}
END_TEST

START_TEST(echo)
{
	static const uint16_t bodies[] = {0, 1, 56, 1400};
	struct packet_spec spec = {CLIENT4, VIP4, .protocol = ICMP};
	size_t len, ip, head;
	const uint8_t *l3;

	if (_i % 2 == 1)
		spec = (struct packet_spec){CLIENT6, VIP6, .protocol = ICMP6};
	spec.icmp_type = _i % 2 == 0 ? 8 : 128;
	spec.icmp_rest = 0xfffe0001;
	spec.body_len = bodies[_i / 2 % 4];
	spec.vlans = (uint8_t)(_i / 8);
	spec.padding = 3;
	ck_reason(forward_spec(&spec), REASON_REPLY_ECHO);
	l3 = ck_reply(&spec, &len);
	ip = packet_ip(&spec);
	head = is6(&spec) ? 40 : 20;
	ck_assert_uint_eq(len, head + 8 + spec.body_len);
	ck_assert_uint_eq(l3[head], is6(&spec) ? 129 : 0);
	ck_assert_mem_eq(
	    l3 + head + 4, built + ip + head + 4, 4 + spec.body_len);
	fixture_sink_clear(&sink);

	built[ip + head + 5] ^= 1;
	ck_reason(
	    forward_built(ip + head + 8 + spec.body_len), REASON_DROP_CHECKSUM);
	ck_assert_uint_eq(sink.n, 0);
}
END_TEST

/* Fragment number n of a datagram in three: 0, 1, 2. */
static struct packet_spec
fragment_of(const struct packet_spec *datagram, unsigned n)
{
	struct packet_spec spec = *datagram;

	spec.more_fragments = n < 2;
	spec.fragment = (uint16_t)(n * 512);
	spec.body_len = n == 0 ? 504 : 512;
	return spec;
}

static const unsigned orders[][3] = {
    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* In every order all reach the backend of the first, each as it was. */
START_TEST(fragments_in_any_order)
{
	const unsigned *order = orders[_i % 6];
	struct packet_spec datagram = udp_rows[_i / 6].spec;
	unsigned i, held = 0, backend, first_backend;
	static uint8_t frames[3][PACKET_MAX];
	size_t lens[3], len, sent = 0;
	bool have_first = false;

	for (datagram.source_port = 1; datagram.source_port <= 20;
	     datagram.source_port++) {
		datagram.id = datagram.source_port;
		/* Where does it go when it is whole? */
		datagram.body_len = 100;
		ck_reason(forward_spec(&datagram), REASON_FORWARD);
		unwrap(sink.n - 1, LINK_MTU, &len, &first_backend);
		fixture_sink_clear(&sink);
		have_first = false;
		held = 0;
		for (i = 0; i < 3; i++) {
			struct packet_spec spec = fragment_of(
			    &datagram, order[i]);
			enum reason want = REASON_FORWARD_FRAGMENT;

			lens[i] = packet_build(&spec, frames[i]);
			have_first |= order[i] == 0;
			if (order[i] == 0)
				want = REASON_FORWARD;
			else if (!have_first)
				want = REASON_HELD_FRAGMENT;
			held += want == REASON_HELD_FRAGMENT;
			ck_reason(forward_spec(&spec), want);
			ck_assert_uint_eq(sink.n, have_first ? i + 1 : 0);
		}
		/* The first goes first, then what was held in its order */
		for (i = 0; i < 3; i++) {
			unsigned which = i;
			const uint8_t *l3 = unwrap(i, LINK_MTU, &len, &backend);

			if (i <= held)
				which = i == 0 ? held : i - 1;
			ck_assert_uint_eq(backend, first_backend);
			ck_assert_uint_eq(len, lens[which] - 14);
			ck_assert_mem_eq(l3, frames[which] + 14, len);
		}
		sent += 3;
		fixture_sink_clear(&sink);
	}
	ck_assert_uint_eq(
	    fw.counters->reasons[REASON_HELD_FRAGMENT], 20 * held);
	ck_assert_uint_eq(fw.counters->reasons[REASON_FORWARD_FRAGMENT], 40);
	ck_assert_uint_eq(fw.counters->reasons[REASON_DROP_FRAGMENT], 0);
	ck_assert_uint_eq(sent, 60);
}
END_TEST

/* What is never followed by its first is counted as dropped, once. */
START_TEST(fragments_given_up)
{
	struct packet_spec datagram = udp_rows[_i].spec, later, other;

	later = fragment_of(&datagram, 1);
	ck_reason(forward_spec(&later), REASON_HELD_FRAGMENT);
	now_us += SECOND;
	other = udp_rows[_i].spec;
	ck_reason(forward_spec(&other), REASON_FORWARD);
	ck_assert_uint_eq(fw.counters->reasons[REASON_DROP_FRAGMENT], 1);
	ck_reason(forward_spec(&other), REASON_FORWARD);
	ck_assert_uint_eq(fw.counters->reasons[REASON_DROP_FRAGMENT], 1);
	frag_table_free(fw.frags);
	fw.frags = NULL;
	ck_reason(forward_spec(&later), REASON_DROP_FRAGMENT);
	ck_assert_uint_eq(sink.n, 2);
}
END_TEST

/* Positions of another state are not taken for this one's. */
START_TEST(fragments_and_a_new_state)
{
	struct packet_spec datagram = udp_rows[_i].spec, part;

	part = fragment_of(&datagram, 0);
	ck_reason(forward_spec(&part), REASON_FORWARD);
	frag_table_flush(fw.frags);
	part = fragment_of(&datagram, 1);
	ck_reason(forward_spec(&part), REASON_HELD_FRAGMENT);
}
END_TEST

/* Fragments that do not fit the path either: cut again, also what was held. */
START_TEST(fragments_fragmented)
{
	struct packet_spec first = udp_rows[_i % 2 * 2].spec, last = first;
	static uint8_t whole[PACKET_MAX];
	size_t n;
	unsigned backend;

	first.more_fragments = true;
	first.body_len = 1472;
	last.fragment = 1480;
	last.body_len = 1480;
	n = packet_build(&first, built);
	memcpy(whole, built + 34, n - 34);
	n = packet_build(&last, built);
	memcpy(whole + 1480, built + 34, n - 34);
	if (_i / 2 == 0) {
		ck_reason(forward_spec(&first), REASON_FORWARD_FRAGMENTED);
		ck_reason(forward_spec(&last), REASON_FORWARD_FRAGMENTED);
	} else {
		ck_reason(forward_spec(&last), REASON_HELD_FRAGMENT);
		ck_reason(forward_spec(&first), REASON_FORWARD_FRAGMENTED);
	}
	ck_assert_uint_eq(sink.n, 4);
	ck_assert_uint_eq(join_fragments(0, LINK_MTU, &backend), 2960);
	ck_assert_mem_eq(joined, whole, 2960);
	ck_assert_uint_eq(fw.counters->reasons[REASON_FORWARD_FRAGMENTED], 2);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("path_mtu");
	TCase *tc = tcase_create("own setup");

	tcase_add_loop_test(tc, to_the_byte, 0, 20);
	tcase_add_loop_test(tc, merged_tcp_on_a_wide_path, 0, ROWS(tcp_rows));
	suite_add_tcase(s, tc);
	tc = tcase_create("oversize");
	tcase_add_checked_fixture(tc, setup, stop);
	tcase_add_loop_test(tc, merged_tcp_is_segmented, 0, ROWS(tcp_rows) * 2);
	tcase_add_loop_test(tc, merged_tcp_corrupted, 0, ROWS(tcp_rows));
	tcase_add_loop_test(tc, partial_checksum, 0, ROWS(tcp_rows));
	tcase_add_loop_test(tc, fragmented_and_joined, 0, 12);
	tcase_add_test(tc, refused_by_the_service);
	suite_add_tcase(s, tc);
	tc = tcase_create("icmp");
	tcase_add_checked_fixture(tc, setup, stop);
	tcase_add_loop_test(tc, sender_is_told, 0, 12);
	tcase_add_loop_test(tc, not_told_about_a_group, 0, ROWS(udp_rows));
	tcase_add_test(tc, told_no_more_than_allowed);
	tcase_add_test(tc, no_error_about_an_error);
	tcase_add_loop_test(tc, echo, 0, 24);
	suite_add_tcase(s, tc);
	tc = tcase_create("fragments");
	tcase_add_checked_fixture(tc, setup, stop);
	tcase_add_loop_test(tc, fragments_in_any_order, 0, 6 * ROWS(udp_rows));
	tcase_add_loop_test(tc, fragments_given_up, 0, ROWS(udp_rows));
	tcase_add_loop_test(tc, fragments_and_a_new_state, 0, ROWS(udp_rows));
	tcase_add_loop_test(tc, fragments_fragmented, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
