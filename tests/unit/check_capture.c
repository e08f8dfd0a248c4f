/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: packets go through forward_batch, readers are evbuffers. */
#include "config.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/capture.h"
#include "common/arena.h"
#include "common/frame.h"
#include "proto/balancer.pb-c.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define CLIENT4 "198.51.100.9"
#define VIP4    "203.0.113.10"
#define UDP     17
#define ID      77

static struct event_base *base;
static struct serving serving;
static struct fixture_sink sink;
static struct capture *capture;
static struct evbuffer *out;
static struct arena *arena;
static struct captured got;
static struct errmsg why;
static uint8_t built[PACKET_MAX];
static size_t built_len;

static const struct packet_spec to_web = {
    CLIENT4, VIP4, .destination_port = 80, .body_len = 200};
static const struct packet_spec to_nobody = {
    CLIENT4, VIP4, .destination_port = 81};
static const struct packet_spec to_host = {
    CLIENT4, "203.0.113.9", .destination_port = 22};

/* All, as they come. */
static const struct capture_query everything = {.snap = CAPTURE_SNAP_MAX,
    .sample = 1,
    .rate = CAPTURE_RATE_MAX,
    .service = "",
    .in = true,
    .out = true};

static int
set_next_hops(void *ctx, struct fib *fib, struct errmsg *unused)
{
	const uint32_t *mtu = ctx;
	struct fib_next_hop hop = {.resolved = true,
	    .ifindex = 7,
	    .mtu = *mtu,
	    .mac = {2, 0, 0, 0, 1, 0},
	    .own_mac = {2, 0, 0, 0, 1, 0xff}};

	for (size_t i = 0; i < FIXTURE_BACKENDS; i++)
		fib_set_next_hop(fib, i, &hop);
	return 0;
}

static void
serve(struct forwarding *state, uint32_t mtu)
{
	ck_assert_msg(
	    serving_install(&serving, state, 0, set_next_hops, &mtu, &why) == 0,
	    "%s", why.text);
	if (capture != NULL)
		capture_installed(capture);
}

static const char *
interface_name(void *ctx, uint32_t ifindex)
{
	return ifindex == 3 ? "in0" : ifindex == 7 ? "out0" : NULL;
}

static struct tap_wish wish;

static void
on_wish(void *ctx, const struct tap_wish *w)
{
	wish = *w;
}

static void
setup(void)
{
	static const uint8_t key[16];
	struct capture_env env = {
	    NULL, &serving, interface_name, on_wish, NULL};

	fixture_sink_init(&sink);
	ck_assert_int_eq(serving_init(&serving, key, &why), 0);
	serve(fixture_state(), 1500);
	base = env.base = event_base_new();
	capture = capture_new(&env, &why);
	ck_assert_ptr_nonnull(capture);
	out = evbuffer_new();
	arena = arena_new();
}

static void
teardown(void)
{
	capture_free(capture);
	evbuffer_free(out);
	arena_free(arena);
	fixture_sink_clear(&sink);
	serving_clear(&serving);
	event_base_free(base);
}

static void
begin(const struct capture_query *q)
{
	ck_assert_msg(
	    capture_begin(capture, q, ID, out, &why) == 0, "%s", why.text);
}

/* n at once. */
static void
forward(const struct packet_spec *spec, size_t n)
{
	struct frame frames[FORWARD_BATCH];
	enum reason reasons[FORWARD_BATCH];
	size_t batch;

	built_len = packet_build(spec, built);
	for (; n > 0; n -= batch) {
		batch = n < FORWARD_BATCH ? n : FORWARD_BATCH;
		for (size_t i = 0; i < batch; i++)
			frames[i] = (struct frame){built, (uint32_t)built_len,
			    (uint32_t)built_len, 3, 65535};
		fixture_sink_clear(&sink);
		forward_batch(
		    &serving.forwarder, frames, batch, 0, &sink.sink, reasons);
	}
}

/* The next reply into `got`; false: there is none. */
static bool
next(void)
{
	Guideway__Balancer__Reply *reply;
	const uint8_t *data;
	size_t len;

	if (frame_next(out, &data, &len, &why) != FRAME_OK)
		return false;
	reply = guideway__balancer__reply__unpack(NULL, len, data);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->id, ID);
	ck_assert_int_eq(
	    reply->body_case, GUIDEWAY__BALANCER__REPLY__BODY_CAPTURED);
	ck_assert_msg(
	    captured_from_message(arena, &got, reply->captured, &why) == 0,
	    "%s", why.text);
	guideway__balancer__reply__free_unpacked(reply, NULL);
	frame_done(out, len);
	return true;
}

static void
next_is_totals(uint64_t seen, uint64_t taken, uint64_t lost)
{
	ck_assert(next());
	ck_assert(!got.has_packet);
	ck_assert_uint_eq(got.totals.seen, seen);
	ck_assert_uint_eq(got.totals.taken, taken);
	ck_assert_uint_eq(got.totals.lost, lost);
}

static const struct captured_packet *
next_packet(void)
{
	ck_assert(next());
	ck_assert(got.has_packet);
	return &got.packet;
}

START_TEST(in_and_out)
{
	const struct captured_packet *p;

	begin(&everything);
	next_is_totals(0, 0, 0);
	forward(&to_web, 1);
	p = next_packet();
	ck_assert_uint_eq(got.totals.taken, 1);
	ck_assert_uint_eq(p->number, 1);
	ck_assert_uint_gt(p->time_ns, 1500000000ull * 1000000000);
	ck_assert_str_eq(p->reason, "forward");
	ck_assert_str_eq(p->service, serving_state(&serving)->services[0].name);
	ck_assert(!addr_is_none(&p->backend));
	ck_assert_uint_eq(p->n_frames, 2);
	ck_assert(!p->frames[0].out);
	ck_assert_str_eq(p->frames[0].interface, "in0");
	ck_assert_uint_eq(p->frames[0].len, built_len);
	ck_assert_uint_eq(p->frames[0].wire_len, built_len);
	ck_assert_mem_eq(p->frames[0].data, built, built_len);
	ck_assert(p->frames[1].out);
	ck_assert_str_eq(p->frames[1].interface, "out0");
	ck_assert_uint_eq(p->frames[1].wire_len, sink.sent[0].len);
	ck_assert_mem_eq(
	    p->frames[1].data, sink.sent[0].data, sink.sent[0].len);
	ck_assert(!next());
	capture_end(capture, out);
	next_is_totals(1, 1, 0);
	ck_assert_ptr_null(serving.forwarder.tap);
	forward(&to_web, 1);
	ck_assert(!next());
}
END_TEST

START_TEST(dropped)
{
	const struct captured_packet *p;

	begin(&everything);
	ck_assert(next());
	forward(&to_nobody, 1);
	p = next_packet();
	ck_assert_str_eq(p->reason, "drop_no_service");
	ck_assert_str_eq(p->service, "");
	ck_assert(addr_is_none(&p->backend));
	ck_assert_uint_eq(p->n_frames, 1);
	ck_assert(!p->frames[0].out);
}
END_TEST

/* Each packet of a batch has the frames that it caused, and no others. */
START_TEST(pieces)
{
	const struct packet_spec large = {
	    CLIENT4, VIP4, UDP, .destination_port = 53, .body_len = 3000};
	const struct captured_packet *p;

	begin(&everything);
	ck_assert(next());
	forward(&large, 3);
	ck_assert_uint_gt(sink.n, 6);
	for (size_t i = 0, sent = 0; i < 3; i++) {
		p = next_packet();
		ck_assert_str_eq(p->reason, "forward_fragmented");
		ck_assert_uint_eq(p->number, i + 1);
		ck_assert_uint_eq(p->n_frames, 1 + sink.n / 3);
		for (size_t j = 1; j < p->n_frames; j++, sent++) {
			ck_assert_uint_eq(
			    p->frames[j].len, sink.sent[sent].len);
			ck_assert_mem_eq(p->frames[j].data,
			    sink.sent[sent].data, sink.sent[sent].len);
		}
	}
}
END_TEST

START_TEST(snap)
{
	struct capture_query q = everything;
	const struct captured_packet *p;

	q.snap = 60;
	begin(&q);
	ck_assert(next());
	forward(&to_web, 1);
	p = next_packet();
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(p->frames[i].len, 60);
		ck_assert_uint_ge(p->frames[i].wire_len, built_len);
	}
	ck_assert_mem_eq(p->frames[1].data, sink.sent[0].data, 60);
}
END_TEST

START_TEST(directions)
{
	struct capture_query q = everything;

	*(_i == 0 ? &q.out : &q.in) = false;
	begin(&q);
	ck_assert(next());
	forward(&to_nobody, 1);
	forward(&to_web, 1);
	if (_i == 0)
		ck_assert_str_eq(next_packet()->reason, "drop_no_service");
	ck_assert_str_eq(next_packet()->reason, "forward");
	ck_assert_uint_eq(got.packet.n_frames, 1);
	ck_assert_int_eq(got.packet.frames[0].out, _i == 1);
	ck_assert(!next());
}
END_TEST

/* Not the host's own traffic, unless it is asked for. */
START_TEST(reasons)
{
	const char *names[] = {"pass_not_vip", "drop_no_service"};
	struct capture_query q = everything;

	q.reasons = names;
	q.n_reasons = (size_t)_i;
	begin(&q);
	ck_assert(next());
	forward(&to_host, 1);
	forward(&to_web, 1);
	forward(&to_nobody, 1);
	if (_i >= 1)
		ck_assert_str_eq(next_packet()->reason, "pass_not_vip");
	if (_i == 0)
		ck_assert_str_eq(next_packet()->reason, "forward");
	if (_i != 1)
		ck_assert_str_eq(next_packet()->reason, "drop_no_service");
	ck_assert(!next());
}
END_TEST

/* By its name, wherever it stands in the state that is served. */
START_TEST(service)
{
	struct capture_query q = everything;
	struct forwarding *state = fixture_state();
	struct forwarding_service first = state->services[0];

	q.service = first.name;
	begin(&q);
	ck_assert(next());
	forward(&to_web, 1);
	forward(&to_nobody, 1);
	forward(
	    &(struct packet_spec){CLIENT4, VIP4, .destination_port = 443}, 1);
	ck_assert_str_eq(next_packet()->service, q.service);
	ck_assert(!next());
	state->services[0] = state->services[FIXTURE_4_IN_6];
	state->services[FIXTURE_4_IN_6] = first;
	serve(state, 1500);
	forward(&to_web, 1);
	ck_assert_str_eq(next_packet()->service, q.service);
	forward(
	    &(struct packet_spec){CLIENT4, VIP4, .destination_port = 443}, 1);
	ck_assert(!next());
	/* It is no longer there. */
	state = fixture_state();
	strcpy(state->services[0].name, "other");
	serve(state, 1500);
	forward(&to_web, 1);
	ck_assert(!next());
}
END_TEST

START_TEST(refused)
{
	const char *names[] = {"drop_no_reason"};
	struct capture_query q = everything;
	struct evbuffer *others[CAPTURES_MAX];

	q.service = "nobody";
	ck_assert_int_eq(capture_begin(capture, &q, ID, out, &why), -1);
	ck_assert_str_eq(why.text, "no service is called 'nobody'");
	q = everything;
	q.reasons = names;
	q.n_reasons = 1;
	ck_assert_int_eq(capture_begin(capture, &q, ID, out, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "drop_no_reason"));
	ck_assert_ptr_null(serving.forwarder.tap);
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		others[i] = evbuffer_new();
		ck_assert_int_eq(
		    capture_begin(capture, &everything, ID, others[i], &why),
		    0);
	}
	ck_assert_int_eq(
	    capture_begin(capture, &everything, ID, others[0], &why), -1);
	ck_assert_int_eq(
	    capture_begin(capture, &everything, ID, out, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "under way already"));
	ck_assert_uint_eq(evbuffer_get_length(out), 0);
	/* One goes, one may come. */
	capture_end(capture, out);
	capture_end(capture, others[1]);
	begin(&everything);
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		capture_end(capture, others[i]);
		evbuffer_free(others[i]);
	}
	ck_assert_ptr_nonnull(serving.forwarder.tap);
}
END_TEST

/* Nothing is taken from `out`: it fills up to its bound and no further, all is
 * forwarded, and all that does not fit is counted. */
START_TEST(slow_reader)
{
	const size_t packets = 2000, bound = CAPTURE_QUEUE_LEN;
	const struct packet_spec large = {
	    CLIENT4, VIP4, .destination_port = 80, .body_len = 1400};
	uint64_t taken = 0, last = 0;

	begin(&everything);
	forward(&large, packets);
	ck_assert_uint_eq(serving.counters->reasons[REASON_FORWARD], packets);
	ck_assert_uint_ge(evbuffer_get_length(out), bound);
	ck_assert_uint_lt(evbuffer_get_length(out), bound + 4000);
	ck_assert(next());
	while (next()) {
		taken++;
		ck_assert_uint_eq(got.totals.lost, 0);
	}
	forward(&large, 1);
	ck_assert_uint_eq(next_packet()->number, packets + 1);
	last = got.totals.lost;
	ck_assert_uint_eq(last, packets - taken);
	ck_assert_uint_eq(got.totals.seen, packets + 1);
}
END_TEST

static uint8_t *
void_reserve(struct sink *unused, size_t len)
{
	static uint8_t frame[FORWARD_FRAME_MAX + 64];

	return frame;
}

static void
void_commit(struct sink *unused, size_t len, uint32_t ifindex, size_t input)
{
}

/* More goes out for one batch than is kept of it: that is said, too. */
START_TEST(too_much_at_once)
{
	const struct packet_spec huge = {
	    CLIENT4, VIP4, UDP, .destination_port = 53, .body_len = 60000};

	sink.sink = (struct sink){void_reserve, void_commit};
	begin(&everything);
	ck_assert(next());
	forward(&huge, 1);
	ck_assert_uint_eq(next_packet()->n_frames, 1 + 42);
	forward(&huge, FORWARD_BATCH);
	capture_end(capture, out);
	for (size_t i = 0; next() && got.has_packet; i++)
		ck_assert_uint_eq(got.packet.number, i + 2);
	ck_assert_uint_eq(got.totals.seen, FORWARD_BATCH + 1);
	ck_assert_uint_gt(got.totals.lost, FORWARD_BATCH - 20);
}
END_TEST

START_TEST(sampled)
{
	struct capture_query q = everything;

	q.sample = 10;
	begin(&q);
	forward(&to_nobody, 10000);
	capture_end(capture, out);
	while (next())
		;
	ck_assert_uint_eq(got.totals.seen, 10000);
	ck_assert_uint_gt(got.totals.taken, 850);
	ck_assert_uint_lt(got.totals.taken, 1150);
}
END_TEST

/* Several readers, each with its own question. */
START_TEST(together)
{
	struct capture_query q = everything;
	struct evbuffer *other = evbuffer_new();
	const char *names[] = {"drop_no_service"};

	q.reasons = names;
	q.n_reasons = 1;
	q.snap = 20;
	ck_assert_int_eq(capture_begin(capture, &q, ID, other, &why), 0);
	begin(&everything);
	forward(&to_web, 1);
	forward(&to_nobody, 1);
	ck_assert(next());
	ck_assert_uint_eq(
	    next_packet()->frames[0].len, packet_build(&to_web, built));
	ck_assert_str_eq(next_packet()->reason, "drop_no_service");
	ck_assert(!next());
	capture_end(capture, out);
	evbuffer_add_buffer(out, other);
	ck_assert(next());
	ck_assert(next());
	ck_assert_uint_eq(next_packet()->frames[0].len, 20);
	ck_assert(!next());
	capture_end(capture, other);
	evbuffer_free(other);
}
END_TEST

/* What the path in the kernel is asked for, and what comes of its packets. */
START_TEST(from_elsewhere)
{
	const char *names[] = {"drop_no_service"};
	struct capture_query q = everything;
	struct evbuffer *other = evbuffer_new();
	struct tap_offer o = {.weight = 16,
	    .reason = REASON_FORWARD,
	    .service = 1,
	    .backend = 2,
	    .in = {built, 60, 100, 3},
	    .out = {built + 100, 84, 124, 7}};
	const struct captured_packet *p;

	q.service = serving_state(&serving)->services[1].name;
	q.sample = 16;
	q.snap = 70;
	begin(&q);
	ck_assert_uint_eq(wish.every, 16);
	ck_assert_uint_eq(wish.snap, 70);
	ck_assert_uint_eq(wish.service, 1);
	ck_assert((wish.reasons >> REASON_FORWARD & 1) != 0);
	ck_assert((wish.reasons >> REASON_PASS_NOT_VIP & 1) == 0);
	ck_assert(next());
	packet_build(&to_web, built);
	for (unsigned i = 0; i < 1000; i++)
		capture_offer(capture, &o);
	p = next_packet();
	ck_assert_str_eq(p->reason, "forward");
	ck_assert_uint_eq(p->n_frames, 2);
	ck_assert_uint_eq(p->frames[0].len, 60);
	ck_assert_uint_eq(p->frames[0].wire_len, 100);
	ck_assert_uint_eq(p->frames[1].len, 70);
	ck_assert_mem_eq(p->frames[1].data, built + 100, 70);
	ck_assert_str_eq(p->frames[1].interface, "out0");
	/* More than one at a time: all that either of them wants. */
	q = everything;
	q.reasons = names;
	q.n_reasons = 1;
	ck_assert_int_eq(capture_begin(capture, &q, ID, other, &why), 0);
	ck_assert_uint_eq(wish.every, 1);
	ck_assert_uint_eq(wish.snap, CAPTURE_SNAP_MAX);
	ck_assert_uint_eq(wish.service, UINT32_MAX);
	capture_end(capture, other);
	evbuffer_free(other);
	ck_assert_uint_eq(wish.service, 1);
	capture_missed(capture, 160, 3);
	capture_end(capture, out);
	ck_assert_uint_eq(wish.every, 0);
	while (next())
		;
	ck_assert_uint_eq(got.totals.seen, 16163);
	ck_assert_uint_eq(got.totals.lost, 3);
	ck_assert_uint_gt(got.totals.taken, 400);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("capture");
	TCase *tc = tcase_create("capture");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, in_and_out);
	tcase_add_test(tc, dropped);
	tcase_add_test(tc, pieces);
	tcase_add_test(tc, snap);
	tcase_add_loop_test(tc, directions, 0, 2);
	tcase_add_loop_test(tc, reasons, 0, 3);
	tcase_add_test(tc, service);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, slow_reader);
	tcase_add_test(tc, too_much_at_once);
	tcase_add_test(tc, sampled);
	tcase_add_test(tc, together);
	tcase_add_test(tc, from_elsewhere);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
