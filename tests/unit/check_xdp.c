/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path as the kernel runs it, against the one in user space: the
 * same frames must give the same frames and the same counters. Where XDP hands
 * a frame up, user space goes on with it, as in the balancer.
 *
 * Needs root: it loads the program, and runs it with BPF_PROG_TEST_RUN. No
 * interface is touched. */
#include "config.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/frag_table.h"
#include "balancer/io/xdp_plane.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

/* In front of a frame, for the outer header; and what a frame in one page can
 * be. */
#define FRAME_MAX 3400

/* Both paths side by side, over one fib. */
struct pair {
	struct fib *fib;
	struct xdp_plane *plane;
	struct counters *alone; /* all of it in user space */
	struct counters *both;  /* user space, behind XDP */
	struct forwarder alone_forwarder, both_forwarder;
	uint64_t by_xdp; /* frames that XDP disposed of */
};

static const uint8_t frag_key[16];

static void
forwarder_init(
    struct forwarder *fw, const struct fib *fib, struct counters *counters)
{
	memset(fw, 0, sizeof(*fw));
	fw->fib = fib;
	fw->counters = counters;
	fw->frags = frag_table_new(frag_key, NULL);
	ck_assert_ptr_nonnull(fw->frags);
	bucket_init(&fw->too_big, 1000000, 1000000);
}

static void
pair_install(struct pair *pair, struct fib *fib)
{
	struct errmsg why = {""};

	pair->fib = fib;
	ck_assert_msg(
	    xdp_plane_install(pair->plane, fib, &why) == 0, "%s", why.text);
	ck_assert_msg(
	    xdp_plane_renew(pair->plane, 60, &why) == 0, "%s", why.text);
	pair->alone = counters_new(fib_state(fib), NULL, NULL);
	pair->both = counters_new(fib_state(fib), NULL, NULL);
	forwarder_init(&pair->alone_forwarder, fib, pair->alone);
	forwarder_init(&pair->both_forwarder, fib, pair->both);
}

static void
pair_init(struct pair *pair, struct fib *fib)
{
	struct errmsg why = {""};

	memset(pair, 0, sizeof(*pair));
	pair->plane = xdp_plane_new(NULL, &why);
	ck_assert_msg(pair->plane != NULL, "%s", why.text);
	pair_install(pair, fib);
}

static void
pair_clear(struct pair *pair)
{
	xdp_plane_free(pair->plane);
	frag_table_free(pair->alone_forwarder.frags);
	frag_table_free(pair->both_forwarder.frags);
	counters_free(pair->alone);
	counters_free(pair->both);
	fib_free(pair->fib);
}

/* The XDP action; the frame is changed in place. */
static uint32_t
run_xdp(struct pair *pair, const uint8_t *frame, size_t len, uint8_t *out,
    size_t *out_len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
	    .data_size_in = (uint32_t)len, .data_out = out,
	    .data_size_out = FRAME_MAX + 64);

	ck_assert_msg(
	    bpf_prog_test_run_opts(xdp_plane_program(pair->plane), &opts) == 0,
	    "frame of %zu bytes: %s", len, strerror(errno));
	*out_len = opts.data_size_out;
	return opts.retval;
}

/* One frame through both; what comes out must be the same. */
static void
same(struct pair *pair, const uint8_t *data, size_t len, uint32_t mtu)
{
	static uint8_t out[FRAME_MAX + 64];
	struct frame frame = {data, (uint32_t)len, (uint32_t)len, 1, mtu};
	struct fixture_sink alone, both;
	enum reason reason;
	size_t out_len;
	uint32_t action;

	if (len > FRAME_MAX || len < 14)
		return;
	fixture_sink_init(&alone);
	fixture_sink_init(&both);
	forward_batch(
	    &pair->alone_forwarder, &frame, 1, 0, &alone.sink, &reason);
	action = run_xdp(pair, data, len, out, &out_len);
	if (action == XDP_PASS) {
		ck_assert_msg(out_len == len && memcmp(out, data, len) == 0,
		    "passed, but changed");
		forward_batch(
		    &pair->both_forwarder, &frame, 1, 0, &both.sink, &reason);
		ck_assert_uint_eq(both.n, alone.n);
		for (size_t i = 0; i < both.n; i++) {
			ck_assert_uint_eq(both.sent[i].len, alone.sent[i].len);
			ck_assert_mem_eq(both.sent[i].data, alone.sent[i].data,
			    both.sent[i].len);
		}
	} else if (action == XDP_DROP) {
		pair->by_xdp++;
		ck_assert_uint_eq(alone.n, 0);
		ck_assert_int_eq(reason_verdict(reason), VERDICT_DROP);
	} else {
		pair->by_xdp++;
		ck_assert_msg(action == XDP_TX || action == XDP_REDIRECT,
		    "action %u", action);
		ck_assert_int_eq(reason, REASON_FORWARD);
		ck_assert_uint_eq(alone.n, 1);
		/* XDP leaves the padding of a short frame where it is. */
		ck_assert_uint_ge(out_len, alone.sent[0].len);
		ck_assert_mem_eq(out, alone.sent[0].data, alone.sent[0].len);
	}
	fixture_sink_clear(&alone);
	fixture_sink_clear(&both);
}

static void
same_counters(struct pair *pair)
{
	struct counters *sum = counters_new(
	    fib_state(pair->fib), pair->both, fib_state(pair->fib));
	const struct counters *alone = pair->alone;

	xdp_plane_count(pair->plane, sum);
	for (int r = 0; r < REASON_COUNT; r++)
		ck_assert_msg(sum->reasons[r] == alone->reasons[r],
		    "%s: %llu, alone %llu", reason_name((enum reason)r),
		    (unsigned long long)sum->reasons[r],
		    (unsigned long long)alone->reasons[r]);
	for (size_t i = 0; i < alone->n_services; i++) {
		ck_assert_mem_eq(sum->service_reasons[i],
		    alone->service_reasons[i], sizeof(sum->service_reasons[i]));
		ck_assert_mem_eq(&sum->services[i], &alone->services[i],
		    sizeof(sum->services[i]));
	}
	for (size_t i = 0; i < alone->n_backends; i++)
		ck_assert_mem_eq(&sum->backends[i], &alone->backends[i],
		    sizeof(sum->backends[i]));
	counters_free(sum);
}

/* clang-format off */
#define PACKET(from, to, proto, port, ...) \
	{.source = (from), .destination = (to), .protocol = (proto), \
	 .destination_port = (port), ##__VA_ARGS__}
static const struct packet_spec kinds[] = {
    PACKET("198.51.100.1", "203.0.113.10", 6, 80),
    PACKET("2001:db8::1", "2001:db8:100::10", 6, 80),
    PACKET("198.51.100.1", "203.0.113.10", 6, 443),
    PACKET("2001:db8::1", "2001:db8:100::10", 17, 443),
    PACKET("198.51.100.1", "203.0.113.10", 17, 53),
    PACKET("198.51.100.1", "203.0.113.10", 17, 999),
    PACKET("198.51.100.1", "203.0.113.12", 6, 80),
    PACKET("198.51.100.1", "203.0.113.12", 6, 81),
    PACKET("198.51.100.1", "203.0.113.10", 6, 8080),
    PACKET("198.51.100.1", "203.0.113.99", 6, 80),
    PACKET("2001:db8::1", "2001:db8::2", 6, 80),
    {.source = "198.51.100.1", .destination = "203.0.113.10", .protocol = 1, .icmp_type = 8},
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .vlans = 1),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .vlans = 2),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .option_words = 3),
    PACKET("2001:db8::1", "2001:db8:100::10", 6, 80,
	.extensions = PACKET_HOP_BY_HOP | PACKET_DESTINATION),
    PACKET("198.51.100.1", "203.0.113.10", 17, 53, .more_fragments = true,
	.body_len = 64),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .body_len = 1600),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .traffic_class = 0xb9,
	.padding = 6),
};
/* clang-format on */

static struct fib *
reflecting_fib(uint32_t mtu)
{
	struct errmsg why = {""};
	struct fib *fib = fib_new(fixture_state(), NULL, &why);

	ck_assert_ptr_nonnull(fib);
	fib_reflect(fib, mtu);
	return fib;
}

START_TEST(each_kind)
{
	static uint8_t frame[PACKET_MAX];
	struct pair pair;
	size_t len;

	pair_init(&pair, reflecting_fib(1500));
	for (int i = 0; i < ROWS(kinds); i++) {
		struct packet_spec spec = kinds[i];

		for (uint16_t port = 1; port < 200; port++) {
			spec.source_port = port;
			len = packet_build(&spec, frame);
			same(&pair, frame, len, 1500);
		}
	}
	same_counters(&pair);
	ck_assert_uint_gt(pair.by_xdp, 199 * 10);
	pair_clear(&pair);
}
END_TEST

/* Valid packets of each kind, with some bytes changed or the end cut off. */
#define RANDOM_FRAMES 100000

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static size_t
random_frame(uint64_t *seed, uint8_t *frame)
{
	struct packet_spec spec =
	    kinds[next_random(seed) % (uint64_t)ROWS(kinds)];
	uint64_t changes = next_random(seed) % 4;
	size_t len;

	spec.source_port = (uint16_t)next_random(seed);
	spec.vlans = next_random(seed) % 4 == 0 ? next_random(seed) % 3 : 0;
	spec.traffic_class = (uint8_t)next_random(seed);
	len = packet_build(&spec, frame);
	for (uint64_t i = 0; i < changes; i++)
		frame[next_random(seed) % (len < 80 ? len : 80)] = (uint8_t)
		    next_random(seed);
	/* Else hardly one is past the checksum. */
	if (changes > 0 && next_random(seed) % 2 == 0 &&
	    frame[packet_ip(&spec)] == 0x45)
		packet_fix_ipv4(frame + packet_ip(&spec));
	if (next_random(seed) % 8 == 0)
		len = 14 + next_random(seed) % (len - 13);
	return len;
}

START_TEST(random_frames)
{
	static uint8_t frame[PACKET_MAX];
	const char *given = getenv("GUIDEWAY_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10)
				      : (uint64_t)time(NULL);
	struct pair pair;

	printf("GUIDEWAY_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	pair_init(&pair, reflecting_fib(1500));
	for (int i = 0; i < RANDOM_FRAMES; i++) {
		size_t len = random_frame(&seed, frame);

		same(&pair, frame, len, 1500);
	}
	same_counters(&pair);
	ck_assert_uint_gt(pair.by_xdp, RANDOM_FRAMES / 4);
	pair_clear(&pair);
}
END_TEST

/* States in a row, in both copies and in growing rooms: what was counted before
 * stays, whatever the positions. */
START_TEST(states_in_a_row)
{
	static uint8_t frame[PACKET_MAX], out[FRAME_MAX + 64];
	struct packet_spec spec = kinds[0];
	struct fib *before = NULL, *fib;
	struct errmsg why = {""};
	struct counters *sum;
	struct pair pair = {0};
	size_t len, out_len;

	spec.source_port = 1;
	len = packet_build(&spec, frame);
	pair.plane = xdp_plane_new(NULL, &why);
	ck_assert_msg(pair.plane != NULL, "%s", why.text);
	for (int i = 0; i < 1000; i++) {
		struct forwarding *state = fixture_state();

		if (i % 100 == 99)
			state->services[0].table_size = 1024u << i / 100;
		fib = fib_new(state, NULL, &why);
		ck_assert_msg(fib != NULL, "%s", why.text);
		fib_reflect(fib, 1500);
		ck_assert_msg(xdp_plane_install(pair.plane, fib, &why) == 0 &&
			xdp_plane_renew(pair.plane, 60, &why) == 0,
		    "%s", why.text);
		fib_free(before);
		before = fib;
		ck_assert_uint_eq(
		    run_xdp(&pair, frame, len, out, &out_len), XDP_TX);
	}
	sum = counters_new(fib_state(before), NULL, NULL);
	xdp_plane_count(pair.plane, sum);
	ck_assert_uint_eq(sum->reasons[REASON_FORWARD], 1000);
	ck_assert_uint_eq(sum->services[FIXTURE_4_IN_4].packets, 1000);
	counters_free(sum);
	xdp_plane_free(pair.plane);
	fib_free(before);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("xdp");
	TCase *tc = tcase_create("paths");

	tcase_add_test(tc, each_kind);
	tcase_add_test(tc, random_frames);
	tcase_add_test(tc, states_in_a_row);
	suite_add_tcase(suite, tc);
	return suite;
}

UNIT_MAIN(make_suite)
