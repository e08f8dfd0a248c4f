/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/ctl/wire.h"

#include <string.h>

#include "balancer/ctl/wire_flows.h"
#include "common/arena.h"
#include "common/budget.h"
#include "common/fields.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;

static int
read_body(const MsgRequest *m, struct wire_request *request, struct errmsg *why)
{
	switch (m->body_case) {
	case GUIDEWAY__BALANCER__REQUEST__BODY_INSTALL:
		request->kind = WIRE_INSTALL;
		request->install = forwarding_from_message(m->install, why);
		return request->install == NULL ? -1 : 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_TRACE:
		request->kind = WIRE_TRACE;
		return trace_query_from_message(&request->trace, m->trace, why);
	case GUIDEWAY__BALANCER__REQUEST__BODY_STATUS:
		request->kind = WIRE_STATUS;
		request->read_back = m->status->read_back;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_PING:
		request->kind = WIRE_PING;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_HANDOVER:
		request->kind = WIRE_HANDOVER;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_TAKE:
		request->kind = WIRE_TAKE;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_LEAVE:
		request->kind = WIRE_LEAVE;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_CAPTURE:
		request->kind = WIRE_CAPTURE;
		if ((request->arena = arena_new()) == NULL)
			return errmsg_set(why, "out of memory for a capture");
		return capture_query_from_message(
		    request->arena, &request->capture, m->capture, why);
	default:
		return wire_read_flows(m, request, why);
	}
}

int
wire_unpack_request(const uint8_t *data, size_t len,
    struct wire_request *request, struct errmsg *why)
{
	struct budget budget;
	MsgRequest *m;
	int r;

	memset(request, 0, sizeof(*request));
	budget_init(&budget, len);
	m = guideway__balancer__request__unpack(&budget.allocator, len, data);
	if (m == NULL)
		return errmsg_set(why, "not a request (%zu bytes)", len);
	request->id = m->id;
	r = read_body(m, request, why);
	guideway__balancer__request__free_unpacked(m, &budget.allocator);
	return r;
}

void
wire_request_clear(struct wire_request *request)
{
	forwarding_free(request->install);
	request->install = NULL;
	arena_free(request->arena);
	request->arena = NULL;
}

int
wire_put_installed(struct evbuffer *out, uint64_t id, uint64_t generation,
    const struct report_digest *tables, size_t n)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Installed m = GUIDEWAY__BALANCER__INSTALLED__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_INSTALLED;
	reply.installed = &m;
	m.generation = generation;
	m.n_tables = n;
	m.tables = report_digests_pack(arena, tables, n);
	if (m.tables != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_refused(struct evbuffer *out, uint64_t id, const char *why)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Refused m = GUIDEWAY__BALANCER__REFUSED__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_REFUSED;
	reply.refused = &m;
	m.why = field_of_text(why);
	return message_put(out, &reply.base);
}

int
wire_put_later(struct evbuffer *out, uint64_t id)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Later m = GUIDEWAY__BALANCER__LATER__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_LATER;
	reply.later = &m;
	return message_put(out, &reply.base);
}

int
wire_put_trace(
    struct evbuffer *out, uint64_t id, const struct trace_answer *answer)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_TRACE;
	reply.trace = trace_answer_to_message(arena, answer);
	if (reply.trace != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_status(
    struct evbuffer *out, uint64_t id, const struct balancer_status *status)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_STATUS;
	reply.status = balancer_status_to_message(arena, status);
	if (reply.status != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_pong(
    struct evbuffer *out, uint64_t id, const struct balancer_pong *pong)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_PONG;
	reply.pong = balancer_pong_to_message(arena, pong);
	if (reply.pong != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_captured(
    struct evbuffer *out, uint64_t id, const struct captured *captured)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_CAPTURED;
	reply.captured = captured_to_message(arena, captured);
	if (reply.captured != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}
