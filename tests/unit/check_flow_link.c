/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's connection for flows, against a balancer that is played by hand
 * at its socket: what is asked, what is made of the answers, and how it ends.
 */
#include "config.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/flow_wire.h"
#include "agent/unix_link.h"
#include "common/fields.h"
#include "common/flows_fields.h"
#include "common/frame.h"
#include "common/unix_socket.h"
#include "proto/balancer.pb-c.h"
#include "tests/unit/unit.h"

static char dir[64], path[80];
static struct event_base *base;
static struct unix_link *conn;
static struct flow_reply *replies[32];
static size_t n_replies, n_lost;
static struct errmsg lost_why, why;
static int listener, peer;
static struct evbuffer *in, *out;
static struct arena *arena;
static Guideway__Balancer__Request *request;

static struct addr backend;
static struct flow_told flows[2] = {{1, 0, 0, 2}, {2, 0, FLOW_TOLD_UDP, 3}};
static struct flow_service service = {"web", flows, 2};
static struct flow_batch batch = {7, &backend, 1, &service, 1};
static struct settled_slot slots[1] = {{3, 0, 4}};
static struct settled_service settled_service = {"web", 256, slots, 1};
static struct settled_batch settled = {7, &backend, 1, &settled_service, 1};

static int
on_frame(void *ctx, const uint8_t *data, size_t len, struct errmsg *cause)
{
	struct flow_reply *r = flow_wire_reply(data, len, cause);

	if (r == NULL)
		return -1;
	ck_assert_uint_lt(n_replies, 32);
	replies[n_replies++] = r;
	return 0;
}

static void
on_lost(void *ctx, const char *text)
{
	n_lost++;
	errmsg_set(&lost_why, "%s", text);
}

static const struct unix_link_events events = {on_frame, on_lost};

static void
turn(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/gw-flow.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/balancer.sock", dir);
	addr_parse(&backend, "10.1.0.1");
	base = event_base_new();
	arena = arena_new();
	in = evbuffer_new();
	out = evbuffer_new();
	conn = unix_link_new(base, path, &events, NULL);
	ck_assert_ptr_nonnull(conn);
	ck_assert_int_eq(unix_link_dial(conn, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "balancer.sock"));
	listener = unix_listen(path, &why);
	ck_assert_msg(listener != -1, "%s", why.text);
	ck_assert_msg(unix_link_dial(conn, &why) == 0, "%s", why.text);
	peer = accept(listener, NULL, NULL);
	ck_assert_int_ne(peer, -1);
}

static void
teardown(void)
{
	unix_link_free(conn);
	for (size_t i = 0; i < n_replies; i++)
		flow_reply_free(replies[i]);
	guideway__balancer__request__free_unpacked(request, NULL);
	evbuffer_free(in);
	evbuffer_free(out);
	arena_free(arena);
	event_base_free(base);
	close(peer);
	close(listener);
	unlink(path);
	rmdir(dir);
}

/* What was asked, unpacked into `request`. */
static void
ask(uint64_t id, const struct flow_request *q)
{
	const uint8_t *data;
	size_t len;

	ck_assert_int_eq(flow_wire_ask(unix_link_output(conn), id, q), 0);
	turn();
	while (frame_next(in, &data, &len, &why) == FRAME_SHORT)
		ck_assert_int_gt(evbuffer_read(in, peer, -1), 0);
	guideway__balancer__request__free_unpacked(request, NULL);
	request = guideway__balancer__request__unpack(NULL, len, data);
	ck_assert_ptr_nonnull(request);
	frame_done(in, len);
	ck_assert_uint_eq(request->id, id);
}

static void
answer(Guideway__Balancer__Reply *m)
{
	ck_assert_int_eq(message_put(out, &m->base), 0);
	while (evbuffer_get_length(out) > 0)
		ck_assert_int_gt(evbuffer_write(out, peer), 0);
	turn();
}

#define REPLY(number, CASE) \
	Guideway__Balancer__Reply m = GUIDEWAY__BALANCER__REPLY__INIT; \
	m.id = (number); \
	m.body_case = GUIDEWAY__BALANCER__REPLY__BODY_##CASE

static const struct flow_reply *
last(uint64_t id, enum flow_ask what)
{
	const struct flow_reply *r;

	ck_assert_msg(n_lost == 0, "%s", lost_why.text);
	ck_assert_uint_gt(n_replies, 0);
	r = replies[n_replies - 1];
	ck_assert_uint_eq(r->id, id);
	ck_assert_ptr_null(r->refusal);
	ck_assert_int_eq(r->what, what);
	return r;
}

static Guideway__Balancer__Told *
told(void)
{
	Guideway__Balancer__Told *t = field_message(
	    arena, &guideway__balancer__told__descriptor);

	t->flows = flow_batch_to_message(arena, &batch);
	return t;
}

START_TEST(follows)
{
	REPLY(5, TOLD);

	ask(5, &(struct flow_request){.what = FLOW_FOLLOW});
	ck_assert_int_eq(
	    request->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_FOLLOW);
	m.told = told();
	for (size_t i = 1; i <= 20; i++) {
		answer(&m);
		ck_assert_uint_eq(n_replies, i);
	}
	ck_assert_uint_eq(
	    last(5, FLOW_FOLLOW)->flows.services[0].flows[1].hash, 2);
	ck_assert_uint_eq(replies[0]->flows.seed_print, 7);
}
END_TEST

START_TEST(learns)
{
	REPLY(6, LEARNT);
	Guideway__Balancer__Learnt learnt = GUIDEWAY__BALANCER__LEARNT__INIT;

	ask(6, &(struct flow_request){.what = FLOW_LEARN, .flows = &batch});
	ck_assert_int_eq(
	    request->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_LEARN);
	ck_assert_uint_eq(request->learn->services[0]->n_hash, 2);
	learnt.taken = 1;
	learnt.refused = 2;
	m.learnt = &learnt;
	answer(&m);
	ck_assert_uint_eq(last(6, FLOW_LEARN)->taken, 1);
	ck_assert_uint_eq(last(6, FLOW_LEARN)->refused, 2);
}
END_TEST

START_TEST(pages)
{
	REPLY(7, PAGE);
	Guideway__Balancer__Page page = GUIDEWAY__BALANCER__PAGE__INIT;

	ask(7, &(struct flow_request){.what = FLOW_PAGE, .cursor = 9});
	ck_assert_int_eq(
	    request->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_FLOWS_PAGE);
	ck_assert_uint_eq(request->flows_page->cursor, 9);
	page.next = 10;
	page.more = true;
	page.flows = flow_batch_to_message(arena, &batch);
	m.page = &page;
	answer(&m);
	ck_assert_uint_eq(last(7, FLOW_PAGE)->next, 10);
	ck_assert(last(7, FLOW_PAGE)->more);
	ck_assert_uint_eq(flow_batch_count(&last(7, FLOW_PAGE)->flows), 2);
}
END_TEST

START_TEST(settles)
{
	REPLY(8, SETTLED);
	Guideway__Balancer__SettledTaken taken =
	    GUIDEWAY__BALANCER__SETTLED_TAKEN__INIT;

	ask(8, &(struct flow_request){.what = FLOW_SETTLED});
	ck_assert_int_eq(
	    request->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_SETTLED);
	m.settled = settled_batch_to_message(arena, &settled);
	answer(&m);
	ck_assert_uint_eq(
	    last(8, FLOW_SETTLED)->settled.services[0].slots[0].slot, 3);
	ask(9,
	    &(struct flow_request){.what = FLOW_SETTLE, .settled = &settled});
	ck_assert_int_eq(
	    request->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_SETTLE);
	ck_assert_uint_eq(request->settle->services[0]->slots[0], 3);
	m.id = 9;
	m.body_case = GUIDEWAY__BALANCER__REPLY__BODY_SETTLED_TAKEN;
	m.settled_taken = &taken;
	answer(&m);
	last(9, FLOW_SETTLE);
}
END_TEST

START_TEST(held)
{
	REPLY(10, HELD);
	Guideway__Balancer__Held h = GUIDEWAY__BALANCER__HELD__INIT;
	const struct flow_held *got;

	ask(10,
	    &(struct flow_request){
		.what = FLOW_HELD, .service = "web", .backend = backend});
	ck_assert_int_eq(
	    request->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_HELD);
	ck_assert_uint_eq(request->held->service.len, 3);
	ck_assert_uint_eq(request->held->backend.len, 4);
	h.entries = 1;
	h.slots = 2;
	h.packets = 3;
	m.held = &h;
	answer(&m);
	got = &last(10, FLOW_HELD)->held;
	ck_assert_uint_eq(got->entries, 1);
	ck_assert_uint_eq(got->slots, 2);
	ck_assert_uint_eq(got->packets, 3);
}
END_TEST

START_TEST(refused)
{
	REPLY(11, REFUSED);
	Guideway__Balancer__Refused r = GUIDEWAY__BALANCER__REFUSED__INIT;

	r.why = field_of_text("not now");
	m.refused = &r;
	answer(&m);
	ck_assert_uint_eq(n_replies, 1);
	ck_assert_str_eq(replies[0]->refusal, "not now");
}
END_TEST

/* It ends, once, and can be dialled again. */
START_TEST(ends)
{
	Guideway__Balancer__Pong pong = GUIDEWAY__BALANCER__PONG__INIT;
	Guideway__Balancer__Told nothing = GUIDEWAY__BALANCER__TOLD__INIT;
	REPLY(12, PONG);

	m.pong = &pong;
	if (_i == 0) {
		close(peer);
		turn();
		ck_assert_str_eq(lost_why.text, "it closed the connection");
	} else if (_i == 1) {
		answer(&m);
		ck_assert_str_eq(lost_why.text, "reply 12 is not about flows");
	} else if (_i == 2) {
		m.body_case = GUIDEWAY__BALANCER__REPLY__BODY_TOLD;
		m.told = &nothing;
		answer(&m);
		ck_assert_ptr_nonnull(strstr(lost_why.text, "reply.flows"));
	} else {
		ck_assert_int_eq(write(peer, "\0\0\0\2\xff\xff", 6), 6);
		turn();
		ck_assert_ptr_nonnull(strstr(lost_why.text, "decoded"));
	}
	ck_assert_uint_eq(n_lost, 1);
	ck_assert_uint_eq(n_replies, 0);
	ck_assert_ptr_null(unix_link_output(conn));
	if (_i != 0)
		close(peer);
	n_lost = 0;
	ck_assert_int_eq(unix_link_dial(conn, &why), 0);
	peer = accept(listener, NULL, NULL);
	ask(13, &(struct flow_request){.what = FLOW_FOLLOW});
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("flow_link");
	TCase *tc = tcase_create("flow_link");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, follows);
	tcase_add_test(tc, learns);
	tcase_add_test(tc, pages);
	tcase_add_test(tc, settles);
	tcase_add_test(tc, held);
	tcase_add_test(tc, refused);
	tcase_add_loop_test(tc, ends, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
