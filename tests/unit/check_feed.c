/* SPDX-License-Identifier: Apache-2.0 */
/* Two balancers, and what their agents carry from one to the other: requests
 * and replies are bytes, as on the socket. */
#include "config.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flow_wire.h"
#include "balancer/ctl/wire.h"
#include "balancer/feed.h"
#include "balancer/ticks.h"
#include "common/frame.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define CLIENT  "198.51.100.9"
#define VIP     "203.0.113.10"
#define FLOWS   60
#define ENTRIES 4096
#define SYN     2
#define ACK     16

static struct event_base *base;
static struct errmsg why;

struct node {
	struct serving serving;
	void *memory;
	struct feed *feed;
	struct evbuffer *out;
};
static struct node a, b;

static int
prepare(void *ctx, struct fib *fib, struct errmsg *cause)
{
	struct fib_next_hop hop = {.resolved = true, .ifindex = 7, .mtu = 1500};

	(void)ctx;
	(void)cause;
	for (size_t i = 0; i < FIXTURE_BACKENDS; i++) {
		hop.mac[5] = (uint8_t)i;
		fib_set_next_hop(fib, i, &hop);
	}
	return 0;
}

static void
install(struct node *n, bool draining, bool down, uint8_t seed)
{
	struct forwarding *f = fixture_state();

	f->seed[0] = seed;
	for (size_t i = 0; i < f->n_services; i++) {
		struct forwarding_service *s = &f->services[i];

		s->settle_s = 100;
		s->udp_learn_s = 10;
		s->tcp_idle_s = 1000;
		s->udp_idle_s = 500;
		for (size_t j = 0; j < s->n_members; j++)
			if (s->members[j].backend == 1) {
				s->members[j].down = down;
				if (down || draining)
					s->members[j].phi = 0;
			}
	}
	ck_assert_msg(serving_install(&n->serving, f, ticks_now(), prepare,
			  NULL, &why) == 0,
	    "%s", why.text);
	serving_tick(&n->serving, ticks_now());
}

static int
settle(void *ctx, const struct settled_batch *batch, struct errmsg *cause)
{
	struct node *n = ctx;

	return serving_resettle(
	    &n->serving, batch, ticks_now(), prepare, NULL, cause);
}

static uint64_t
packets(void *ctx, size_t backend)
{
	struct node *n = ctx;

	return n->serving.counters->backends[backend].packets;
}

static void
start(struct node *n)
{
	const uint8_t key[16] = {0};
	const struct feed_env env = {base, &n->serving, settle, packets, n};
	struct flows flows;

	ck_assert_int_eq(serving_init(&n->serving, key, &why), 0);
	n->memory = calloc(1, flows_size(ENTRIES));
	ck_assert_ptr_nonnull(n->memory);
	flows_lay(&flows, n->memory, ENTRIES);
	ck_assert_int_eq(serving_remember(&n->serving, &flows, NULL, &why), 0);
	n->feed = feed_new(&env, &why);
	ck_assert_ptr_nonnull(n->feed);
	n->out = evbuffer_new();
	install(n, false, false, 0);
}

static void
stop(struct node *n)
{
	feed_free(n->feed);
	evbuffer_free(n->out);
	serving_clear(&n->serving);
	free(n->memory);
}

static void
setup(void)
{
	base = event_base_new();
	start(&a);
	start(&b);
}

static void
teardown(void)
{
	stop(&a);
	stop(&b);
	event_base_free(base);
}

static size_t
tcp(struct node *n, size_t flow, uint8_t flags)
{
	const struct packet_spec spec = {CLIENT, VIP,
	    .source_port = (uint16_t)(1000 + flow), .destination_port = 80,
	    .tcp_flags = flags};
	uint8_t built[PACKET_MAX];
	uint32_t len = (uint32_t)packet_build(&spec, built);
	struct frame frame = {built, len, len, 3, 1500};
	struct fixture_sink sink;
	enum reason reason;
	size_t to;

	fixture_sink_init(&sink);
	forward_batch(&n->serving.forwarder, &frame, 1, 0, &sink.sink, &reason);
	ck_assert_int_eq(reason, REASON_FORWARD);
	to = sink.sent[0].data[5];
	fixture_sink_clear(&sink);
	return to;
}

/* The next reply in the queue, NULL: there is none. */
static struct flow_reply *
next_reply(struct node *n)
{
	struct flow_reply *r;
	const uint8_t *data;
	size_t len;

	if (frame_next(n->out, &data, &len, &why) != FRAME_OK)
		return NULL;
	r = flow_wire_reply(data, len, &why);
	ck_assert_msg(r != NULL, "%s", why.text);
	frame_done(n->out, len);
	return r;
}

/* Asks; true: the client stays. */
static bool
ask(struct node *n, uint64_t id, const struct flow_request *q)
{
	struct evbuffer *in = evbuffer_new();
	struct wire_request request;
	const uint8_t *data;
	bool stays;
	size_t len;

	ck_assert_int_eq(flow_wire_ask(in, id, q), 0);
	ck_assert_int_eq(frame_next(in, &data, &len, &why), FRAME_OK);
	ck_assert_msg(wire_unpack_request(data, len, &request, &why) == 0, "%s",
	    why.text);
	ck_assert_uint_eq(request.id, id);
	ck_assert_int_eq(feed_answer(n->feed, &request, n->out), 0);
	stays = request.stays;
	wire_request_clear(&request);
	evbuffer_free(in);
	return stays;
}

static struct flow_reply *
answer(struct node *n, const struct flow_request *q)
{
	struct flow_reply *r;

	ck_assert(!ask(n, 9, q));
	r = next_reply(n);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->id, 9);
	return r;
}

static void
follow(struct node *n)
{
	ck_assert(ask(n, 5, &(struct flow_request){.what = FLOW_FOLLOW}));
}

/* Until the feed has looked so often. */
static void
run_ms(int ms)
{
	const struct timeval tv = {0, ms * 1000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void
learn(struct node *n, const struct flow_batch *batch, uint32_t taken,
    uint32_t refused)
{
	struct flow_reply *r = answer(
	    n, &(struct flow_request){.what = FLOW_LEARN, .flows = batch});

	ck_assert_int_eq(r->what, FLOW_LEARN);
	ck_assert_uint_eq(r->taken, taken);
	ck_assert_uint_eq(r->refused, refused);
	flow_reply_free(r);
}

/* What a tells, to b; how many. */
static size_t
carry(void)
{
	struct flow_reply *r;
	size_t n = 0, count;

	run_ms(35);
	while ((r = next_reply(&a)) != NULL) {
		ck_assert_int_eq(r->what, FLOW_FOLLOW);
		ck_assert_uint_eq(r->id, 5);
		count = flow_batch_count(&r->flows);
		ck_assert_uint_le(count, FLOWS_BATCH_MAX);
		learn(&b, &r->flows, (uint32_t)count, 0);
		n += count;
		flow_reply_free(r);
	}
	return n;
}

/* New connections on a, in slots that move there. */
static size_t
open_flows(struct node *n, size_t first, size_t homes[FLOWS])
{
	size_t moving = 0;

	for (size_t i = 0; i < FLOWS; i++) {
		homes[i] = tcp(n, first + i, SYN);
		ck_assert_uint_eq(tcp(n, first + i, ACK), homes[i]);
	}
	for (uint32_t i = 0; i < flows_entries(&n->serving.flows); i++)
		moving += n->serving.flows.entries[i].state != 0;
	ck_assert_uint_gt(moving, 0);
	return moving;
}

/* The other node has made the change, or makes it later. */
START_TEST(told)
{
	size_t homes[FLOWS], n;

	follow(&a);
	install(&a, true, false, 0);
	if (_i == 1)
		install(&b, true, false, 0);
	n = open_flows(&a, 0, homes);
	ck_assert_uint_eq(carry(), n);
	ck_assert_uint_eq(carry(), 0);
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(tcp(&b, i, ACK), homes[i]);
	install(&b, true, false, 0);
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(tcp(&b, i, ACK), homes[i]);
}
END_TEST

/* More than one message takes, in time. */
START_TEST(many)
{
	size_t homes[FLOWS], n = 0;

	follow(&a);
	install(&a, true, false, 0);
	install(&b, true, false, 0);
	for (size_t i = 0; i < 40; i++)
		n = open_flows(&a, i * FLOWS, homes);
	ck_assert_uint_gt(n, FLOWS_BATCH_MAX);
	ck_assert_uint_eq(carry(), n);
}
END_TEST

START_TEST(one_follows)
{
	const struct flow_request q = {.what = FLOW_FOLLOW};
	struct evbuffer *first = a.out;
	struct flow_reply *r;
	size_t homes[FLOWS];

	follow(&a);
	a.out = evbuffer_new();
	ck_assert(!ask(&a, 6, &q));
	r = next_reply(&a);
	ck_assert_ptr_nonnull(r->refusal);
	flow_reply_free(r);
	/* That it leaves is no concern of the first one's. */
	feed_end(a.feed, a.out);
	ck_assert(!ask(&a, 6, &q));
	flow_reply_free(next_reply(&a));
	feed_end(a.feed, first);
	evbuffer_free(first);
	follow(&a);
	install(&a, true, false, 0);
	install(&b, true, false, 0);
	ck_assert_uint_eq(open_flows(&a, 0, homes), carry());
}
END_TEST

/* Nothing is told to who does not read; what is not told is not lost. */
START_TEST(a_slow_reader)
{
	static char filler[FEED_QUEUE_LEN];
	size_t homes[FLOWS], n;

	follow(&a);
	install(&a, true, false, 0);
	install(&b, true, false, 0);
	evbuffer_add(a.out, filler, sizeof(filler));
	n = open_flows(&a, 0, homes);
	run_ms(35);
	ck_assert_uint_eq(evbuffer_get_length(a.out), sizeof(filler));
	evbuffer_drain(a.out, sizeof(filler));
	ck_assert_uint_eq(carry(), n);
}
END_TEST

/* A node that joins: what slots settled on, and all entries. */
START_TEST(joining)
{
	struct flow_request page = {.what = FLOW_PAGE};
	size_t old[FLOWS], homes[FLOWS], n = 0, expected;
	uint8_t digests[2][TABLE_DIGEST_LEN];
	struct flow_reply *r;

	for (size_t i = 0; i < FLOWS; i++)
		old[i] = tcp(&a, 500 + i, SYN);
	install(&a, true, false, 0);
	expected = open_flows(&a, 0, homes);
	stop(&b);
	start(&b);
	install(&b, false, false, 1); /* nothing that goes over */
	install(&b, true, false, 0);
	r = answer(&a, &(struct flow_request){.what = FLOW_SETTLED});
	ck_assert_uint_gt(settled_batch_count(&r->settled), 0);
	page.settled = &r->settled;
	page.what = FLOW_SETTLE;
	flow_reply_free(answer(&b, &page));
	flow_reply_free(r);
	fib_settled_all(a.serving.fib, digests[0]);
	fib_settled_all(b.serving.fib, digests[1]);
	ck_assert_mem_eq(digests[0], digests[1], TABLE_DIGEST_LEN);
	page = (struct flow_request){.what = FLOW_PAGE};
	do {
		r = answer(&a, &page);
		ck_assert_int_eq(r->what, FLOW_PAGE);
		n += flow_batch_count(&r->flows);
		learn(&b, &r->flows, (uint32_t)flow_batch_count(&r->flows), 0);
		page.cursor = r->next;
		flow_reply_free(r);
	} while (page.cursor < ENTRIES);
	ck_assert_uint_eq(n, expected);
	for (size_t i = 0; i < FLOWS; i++) {
		ck_assert_uint_eq(tcp(&b, i, ACK), homes[i]);
		ck_assert_uint_eq(tcp(&b, 500 + i, ACK), old[i]);
	}
	/* Beyond the end there is nothing, and no harm. */
	page.cursor = UINT32_MAX;
	r = answer(&a, &page);
	ck_assert(!r->more);
	ck_assert_uint_eq(flow_batch_count(&r->flows), 0);
	flow_reply_free(r);
}
END_TEST

START_TEST(what_is_refused)
{
	struct forwarding *f = fixture_state();
	struct addr addrs[3] = {f->backends[0], f->backends[1]};
	struct flow_told flows[] = {
	    {1, 0, 0, 0}, {2, 1, FLOW_TOLD_GUESSED, 9}, {3, 2, 0, 0}};
	struct flow_service services[] = {
	    {f->services[FIXTURE_4_IN_4].name, flows, 3}, {"nobody", flows, 2}};
	struct flow_batch batch = {
	    flows_seed_print(f->seed), addrs, 3, services, 2};
	struct settled_batch other = {.seed_print = 1};
	struct flow_reply *r;

	ck_assert_int_eq(addr_parse(&addrs[2], "10.9.9.9"), 0);
	batch.seed_print = flows_seed_print(serving_state(&a.serving)->seed);
	learn(&a, &batch, 2, 3);
	install(&a, false, true, 0);
	learn(&a, &batch, 1, 4);
	batch.seed_print++;
	learn(&a, &batch, 0, 5);
	r = answer(
	    &a, &(struct flow_request){.what = FLOW_SETTLE, .settled = &other});
	ck_assert_ptr_nonnull(r->refusal);
	flow_reply_free(r);
	forwarding_free(f);
}
END_TEST

static struct flow_held
held(const char *service, const char *backend)
{
	struct flow_request q = {.what = FLOW_HELD, .service = service};
	struct flow_reply *r;
	struct flow_held h;

	ck_assert_int_eq(addr_parse(&q.backend, backend), 0);
	r = answer(&a, &q);
	ck_assert_int_eq(r->what, FLOW_HELD);
	h = r->held;
	flow_reply_free(r);
	return h;
}

START_TEST(what_still_asks)
{
	const char *name =
	    serving_state(&a.serving)->services[FIXTURE_4_IN_4].name;
	size_t n = 0;

	ck_assert_uint_eq(held(name, "10.0.0.2").slots, 0);
	for (size_t i = 0; i < FLOWS; i++)
		n += tcp(&a, i, SYN) == 1;
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_eq(held(name, "10.0.0.2").packets, n);
	install(&a, true, false, 0);
	name = serving_state(&a.serving)->services[FIXTURE_4_IN_4].name;
	ck_assert_uint_gt(held(name, "10.0.0.2").slots, 0);
	ck_assert_uint_eq(held(name, "10.0.0.2").entries, 0);
	for (size_t i = 0; i < FLOWS; i++)
		(void)tcp(&a, i, ACK);
	ck_assert_uint_eq(held(name, "10.0.0.2").entries, n);
	ck_assert_uint_eq(held("nobody", "10.0.0.2").entries, 0);
	ck_assert_uint_eq(held(name, "10.9.9.9").slots, 0);
	install(&a, true, true, 0);
	name = serving_state(&a.serving)->services[FIXTURE_4_IN_4].name;
	ck_assert_uint_eq(held(name, "10.0.0.2").entries, 0);
	ck_assert_uint_eq(held(name, "10.0.0.2").slots, 0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("feed");
	TCase *tc = tcase_create("feed");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, told, 0, 2);
	tcase_add_test(tc, many);
	tcase_add_test(tc, one_follows);
	tcase_add_test(tc, a_slow_reader);
	tcase_add_test(tc, joining);
	tcase_add_test(tc, what_is_refused);
	tcase_add_test(tc, what_still_asks);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
