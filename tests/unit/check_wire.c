/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies of the control socket. The messages inside them have
 * tests of their own (check_forwarding, check_balancer_report). */
#include "config.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/ctl/wire.h"
#include "common/arena.h"
#include "common/frame.h"
#include "proto/balancer.pb-c.h"
#include "tests/unit/unit.h"

static struct wire_request request;
static struct errmsg why;
static uint8_t bytes[4096];

static size_t
pack(const Guideway__Balancer__Request *m)
{
	ck_assert_uint_le(
	    guideway__balancer__request__get_packed_size(m), sizeof(bytes));
	return guideway__balancer__request__pack(m, bytes);
}

static size_t
pack_install(uint32_t table_size)
{
	Guideway__Balancer__Request m = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct forwarding_endpoint endpoint = {.port = 80, .protocol = 6};
	struct forwarding_member member = {.weight = 1, .phi = 256};
	struct forwarding_service service = {"web", .table_size = table_size,
	    .endpoints = &endpoint, .n_endpoints = 1, .members = &member,
	    .n_members = 1};
	struct addr backend;
	struct forwarding f = {.generation = 3,
	    .backends = &backend,
	    .n_backends = 1,
	    .services = &service,
	    .n_services = 1};
	struct arena *arena = arena_new();
	size_t len;

	addr_parse(&backend, "10.1.0.1");
	addr_parse(&endpoint.vip, "203.0.113.10");
	m.id = 77;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_INSTALL;
	m.install = forwarding_to_message(arena, &f);
	len = pack(&m);
	arena_free(arena);
	return len;
}

START_TEST(install)
{
	size_t len = pack_install(256);

	ck_assert_msg(wire_unpack_request(bytes, len, &request, &why) == 0,
	    "%s", why.text);
	ck_assert_uint_eq(request.id, 77);
	ck_assert_int_eq(request.kind, WIRE_INSTALL);
	ck_assert_uint_eq(request.install->generation, 3);
	ck_assert_str_eq(request.install->services[0].name, "web");
	wire_request_clear(&request);
	ck_assert_ptr_null(request.install);
	wire_request_clear(&request);
}
END_TEST

/* The reply to a bad state must name the request. */
START_TEST(bad_install_keeps_its_id)
{
	size_t len = pack_install(255);

	ck_assert_int_eq(wire_unpack_request(bytes, len, &request, &why), -1);
	ck_assert_uint_eq(request.id, 77);
	ck_assert_str_ne(why.text, "");
	wire_request_clear(&request);
}
END_TEST

START_TEST(status)
{
	Guideway__Balancer__Request m = GUIDEWAY__BALANCER__REQUEST__INIT;
	Guideway__Balancer__StatusRequest body =
	    GUIDEWAY__BALANCER__STATUS_REQUEST__INIT;

	m.id = UINT64_MAX;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_STATUS;
	m.status = &body;
	body.read_back = _i;
	ck_assert_int_eq(
	    wire_unpack_request(bytes, pack(&m), &request, &why), 0);
	ck_assert_uint_eq(request.id, UINT64_MAX);
	ck_assert_int_eq(request.kind, WIRE_STATUS);
	ck_assert_int_eq(request.read_back, _i);
	wire_request_clear(&request);
}
END_TEST

START_TEST(ping)
{
	Guideway__Balancer__Request m = GUIDEWAY__BALANCER__REQUEST__INIT;
	Guideway__Balancer__PingRequest body =
	    GUIDEWAY__BALANCER__PING_REQUEST__INIT;

	m.id = 7;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_PING;
	m.ping = &body;
	ck_assert_int_eq(
	    wire_unpack_request(bytes, pack(&m), &request, &why), 0);
	ck_assert_uint_eq(request.id, 7);
	ck_assert_int_eq(request.kind, WIRE_PING);
	wire_request_clear(&request);
}
END_TEST

static const struct capture_query good_capture = {
    .snap = 128, .sample = 64, .rate = 1000, .service = "web", .in = true};

static int
unpack_capture(const struct capture_query *q)
{
	Guideway__Balancer__Request m = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct arena *arena = arena_new();
	size_t len;

	m.id = 9;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_CAPTURE;
	m.capture = capture_query_to_message(arena, q);
	len = pack(&m);
	arena_free(arena);
	return wire_unpack_request(bytes, len, &request, &why);
}

START_TEST(capture)
{
	const char *reasons[] = {"forward", "drop_no_service"};
	struct capture_query q = good_capture;

	q.reasons = reasons;
	q.n_reasons = 2;
	ck_assert_msg(unpack_capture(&q) == 0, "%s", why.text);
	ck_assert_int_eq(request.kind, WIRE_CAPTURE);
	ck_assert_uint_eq(request.id, 9);
	ck_assert_uint_eq(request.capture.snap, 128);
	ck_assert_uint_eq(request.capture.sample, 64);
	ck_assert_uint_eq(request.capture.rate, 1000);
	ck_assert_str_eq(request.capture.service, "web");
	ck_assert_uint_eq(request.capture.n_reasons, 2);
	ck_assert_str_eq(request.capture.reasons[1], "drop_no_service");
	ck_assert(request.capture.in && !request.capture.out);
	wire_request_clear(&request);
	q.service = "";
	q.n_reasons = 0;
	ck_assert_int_eq(unpack_capture(&q), 0);
	ck_assert_str_eq(request.capture.service, "");
	wire_request_clear(&request);
}
END_TEST

START_TEST(bad_capture)
{
	const char *reasons[CAPTURE_REASONS_MAX + 1] = {"has a space"};
	char long_name[FORWARDING_NAME_MAX + 1] = "";
	struct capture_query q[10];

	for (size_t i = 0; i < 10; i++)
		q[i] = good_capture;
	memset(long_name, 'x', FORWARDING_NAME_MAX);
	for (size_t i = 1; i <= CAPTURE_REASONS_MAX; i++)
		reasons[i] = "forward";
	q[0].snap = CAPTURE_SNAP_MIN - 1;
	q[1].snap = CAPTURE_SNAP_MAX + 1;
	q[2].sample = CAPTURE_SAMPLE_MAX + 1;
	q[3].rate = 0;
	q[4].rate = CAPTURE_RATE_MAX + 1;
	q[5].in = false;
	q[6].service = "has a space";
	q[7].service = long_name;
	q[8].reasons = q[9].reasons = reasons;
	q[8].n_reasons = 1;
	q[9].n_reasons = CAPTURE_REASONS_MAX + 1;
	ck_assert_int_eq(unpack_capture(&q[_i]), -1);
	ck_assert_uint_eq(request.id, 9);
	ck_assert_ptr_nonnull(strstr(why.text, "capture"));
	wire_request_clear(&request);
}
END_TEST

static const struct {
	size_t source_len;
	uint32_t protocol, source_port, destination_port;
	bool ok;
} queries[] = {
    {4, 6, 65535, 0, true},
    {4, 17, 0, 65535, true},
    {3, 6, 1, 1, false},
    {16, 6, 1, 1, true},
    {17, 6, 1, 1, false},
    {4, 1, 1, 1, false},
    {4, 256 + 6, 1, 1, false},
    {4, 6, 65536, 1, false},
    {4, 6, 1, 65536, false},
};

START_TEST(trace)
{
	Guideway__Balancer__Request m = GUIDEWAY__BALANCER__REQUEST__INIT;
	Guideway__Balancer__TraceRequest body =
	    GUIDEWAY__BALANCER__TRACE_REQUEST__INIT;
	uint8_t addr[17] = {10, 1};

	m.id = 5;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_TRACE;
	m.trace = &body;
	body.source.data = body.destination.data = addr;
	body.source.len = queries[_i].source_len;
	body.destination.len = body.source.len == 16 ? 16 : 4;
	body.protocol = queries[_i].protocol;
	body.source_port = queries[_i].source_port;
	body.destination_port = queries[_i].destination_port;
	ck_assert_int_eq(wire_unpack_request(bytes, pack(&m), &request, &why),
	    queries[_i].ok ? 0 : -1);
	ck_assert_uint_eq(request.id, 5);
	wire_request_clear(&request);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
} garbage[] = {
    {"", 0}, /* a request without a body */
    {"\x08\x05", 2}, {"\xff\xff\xff\xff", 4},
    {"\x12\x05\x01", 3},     /* a body longer than the message */
    {"\x7a\x00", 2},         /* a body of a kind that does not exist */
    {"\x12\x00\x00\x00", 4}, /* field 0 */
};

START_TEST(not_a_request)
{
	ck_assert_int_eq(wire_unpack_request((const uint8_t *)garbage[_i].bytes,
			     garbage[_i].len, &request, &why),
	    -1);
	ck_assert_str_ne(why.text, "");
	wire_request_clear(&request);
}
END_TEST

/* A whole state, cut at every byte: refused or, where the cut falls between two
 * fields, taken; never a crash or a leak. */
START_TEST(install_cut)
{
	size_t len = pack_install(256);

	for (size_t cut = 0; cut < len; cut++) {
		(void)wire_unpack_request(bytes, cut, &request, &why);
		wire_request_clear(&request);
	}
}
END_TEST

static Guideway__Balancer__Reply *
take_reply(struct evbuffer *out)
{
	Guideway__Balancer__Reply *reply;
	const uint8_t *data;
	size_t len;

	ck_assert_int_eq(frame_next(out, &data, &len, &why), FRAME_OK);
	reply = guideway__balancer__reply__unpack(NULL, len, data);
	ck_assert_ptr_nonnull(reply);
	frame_done(out, len);
	return reply;
}

START_TEST(replies)
{
	struct report_digest digest = {"web", {1, 2, 3}};
	struct trace_answer answer = {.reason = "forward",
	    .chosen = true,
	    .forwarded = true,
	    .service = "web",
	    .slot = 9,
	    .interface = "eth0"};
	struct balancer_status st = {.pid = 4, .version = "1"};
	const struct balancer_pong pong = {.generation = 3,
	    .vip_packets = UINT64_MAX,
	    .next_hops_version = 9,
	    .device = true,
	    .device_name = "gw0",
	    .device_error = "",
	    .puts_off = true};
	struct evbuffer *out = evbuffer_new();
	Guideway__Balancer__Reply *r;

	addr_parse(&answer.backend, "10.1.0.1");
	ck_assert_int_eq(wire_put_installed(out, 1, 8, &digest, 1), 0);
	ck_assert_int_eq(wire_put_refused(out, 2, "because"), 0);
	ck_assert_int_eq(wire_put_trace(out, 3, &answer), 0);
	ck_assert_int_eq(wire_put_status(out, 4, &st), 0);
	ck_assert_int_eq(wire_put_pong(out, 5, &pong), 0);
	ck_assert_int_eq(wire_put_later(out, 6), 0);
	r = take_reply(out);
	ck_assert_uint_eq(r->id, 1);
	ck_assert_uint_eq(r->installed->generation, 8);
	ck_assert_uint_eq(r->installed->n_tables, 1);
	ck_assert_uint_eq(r->installed->tables[0]->digest.len, 16);
	ck_assert_mem_eq(r->installed->tables[0]->digest.data, "\1\2\3", 3);
	guideway__balancer__reply__free_unpacked(r, NULL);
	r = take_reply(out);
	ck_assert_uint_eq(r->id, 2);
	ck_assert_mem_eq(r->refused->why.data, "because", 7);
	guideway__balancer__reply__free_unpacked(r, NULL);
	r = take_reply(out);
	ck_assert_uint_eq(r->id, 3);
	ck_assert_uint_eq(r->trace->slot, 9);
	guideway__balancer__reply__free_unpacked(r, NULL);
	r = take_reply(out);
	ck_assert_uint_eq(r->id, 4);
	ck_assert_uint_eq(r->status->pid, 4);
	guideway__balancer__reply__free_unpacked(r, NULL);
	r = take_reply(out);
	ck_assert_uint_eq(r->id, 5);
	ck_assert_uint_eq(r->pong->generation, 3);
	ck_assert_uint_eq(r->pong->vip_packets, UINT64_MAX);
	ck_assert_uint_eq(r->pong->next_hops_version, 9);
	ck_assert(r->pong->device);
	ck_assert(r->pong->puts_off);
	ck_assert_mem_eq(r->pong->device_name.data, "gw0", 3);
	ck_assert_uint_eq(r->pong->device_error.len, 0);
	guideway__balancer__reply__free_unpacked(r, NULL);
	r = take_reply(out);
	ck_assert_uint_eq(r->id, 6);
	ck_assert_int_eq(r->body_case, GUIDEWAY__BALANCER__REPLY__BODY_LATER);
	guideway__balancer__reply__free_unpacked(r, NULL);
	ck_assert_uint_eq(evbuffer_get_length(out), 0);
	evbuffer_free(out);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_add_test(tc, install);
	tcase_add_test(tc, bad_install_keeps_its_id);
	tcase_add_loop_test(tc, status, 0, 2);
	tcase_add_test(tc, ping);
	tcase_add_test(tc, capture);
	tcase_add_loop_test(tc, bad_capture, 0, 10);
	tcase_add_loop_test(tc, trace, 0, ROWS(queries));
	tcase_add_loop_test(tc, not_a_request, 0, ROWS(garbage));
	tcase_add_test(tc, install_cut);
	tcase_add_test(tc, replies);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
