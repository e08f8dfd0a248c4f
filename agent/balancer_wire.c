/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/balancer_wire.h"

#include <string.h>

#include "common/budget.h"
#include "common/fields.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;
typedef Guideway__Balancer__StatusRequest MsgStatusRequest;

int
balancer_wire_install(
    struct evbuffer *out, uint64_t id, const struct forwarding *state)
{
	MsgRequest m = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct arena *arena = arena_new();
	int rc = -1;

	m.id = id;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_INSTALL;
	if (arena != NULL &&
	    (m.install = forwarding_to_message(arena, state)) != NULL)
		rc = message_put(out, &m.base);
	arena_free(arena);
	return rc;
}

int
balancer_wire_status(struct evbuffer *out, uint64_t id, bool read_back)
{
	MsgRequest m = GUIDEWAY__BALANCER__REQUEST__INIT;
	MsgStatusRequest status = GUIDEWAY__BALANCER__STATUS_REQUEST__INIT;

	status.read_back = read_back;
	m.id = id;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_STATUS;
	m.status = &status;
	return message_put(out, &m.base);
}

int
balancer_wire_ping(struct evbuffer *out, uint64_t id)
{
	MsgRequest m = GUIDEWAY__BALANCER__REQUEST__INIT;
	Guideway__Balancer__PingRequest ping =
	    GUIDEWAY__BALANCER__PING_REQUEST__INIT;

	m.id = id;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_PING;
	m.ping = &ping;
	return message_put(out, &m.base);
}

int
balancer_wire_trace(
    struct evbuffer *out, uint64_t id, const struct trace_query *query)
{
	MsgRequest m = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct arena *arena = arena_new();
	int rc = -1;

	m.id = id;
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_TRACE;
	if (arena != NULL &&
	    (m.trace = trace_query_to_message(arena, query)) != NULL)
		rc = message_put(out, &m.base);
	arena_free(arena);
	return rc;
}

static int
read_installed(struct fields *f, struct balancer_reply *r,
    const Guideway__Balancer__Installed *m)
{
	r->kind = BALANCER_INSTALLED;
	r->generation = m->generation;
	r->n_tables = m->n_tables;
	r->tables = report_digests_read(
	    f, &r->n_tables, m->tables, "installed.tables");
	return f->bad ? -1 : 0;
}

static int
read_body(struct balancer_reply *r, const MsgReply *m, struct errmsg *why)
{
	struct fields f = {.arena = r->arena, .why = why};

	r->id = m->id;
	switch (m->body_case) {
	case GUIDEWAY__BALANCER__REPLY__BODY_INSTALLED:
		return read_installed(&f, r, m->installed);
	case GUIDEWAY__BALANCER__REPLY__BODY_LATER:
		r->kind = BALANCER_LATER;
		return 0;
	case GUIDEWAY__BALANCER__REPLY__BODY_REFUSED:
		r->kind = BALANCER_REFUSED;
		r->refusal = fields_text(&f, &m->refused->why, "refused.why");
		return f.bad ? -1 : 0;
	case GUIDEWAY__BALANCER__REPLY__BODY_TRACE:
		r->kind = BALANCER_TRACE;
		return trace_answer_from_message(
		    r->arena, &r->trace, m->trace, why);
	case GUIDEWAY__BALANCER__REPLY__BODY_STATUS:
		r->kind = BALANCER_STATUS;
		return balancer_status_from_message(
		    r->arena, &r->status, m->status, why);
	case GUIDEWAY__BALANCER__REPLY__BODY_PONG:
		r->kind = BALANCER_PONG;
		return balancer_pong_from_message(
		    r->arena, &r->pong, m->pong, why);
	case GUIDEWAY__BALANCER__REPLY__BODY__NOT_SET:
	default:
		return errmsg_set(why, "reply %llu without a known body",
		    (unsigned long long)m->id);
	}
}

static struct balancer_reply *
reply_new(void)
{
	struct arena *arena = arena_new();
	struct balancer_reply *r;

	if (arena == NULL)
		return NULL;
	if ((r = arena_alloc(arena, 1, sizeof(*r))) == NULL) {
		arena_free(arena);
		return NULL;
	}
	r->arena = arena;
	return r;
}

struct balancer_reply *
balancer_wire_reply(const uint8_t *data, size_t len, struct errmsg *why)
{
	struct balancer_reply *r;
	struct budget budget;
	MsgReply *m;

	budget_init(&budget, len);
	m = guideway__balancer__reply__unpack(&budget.allocator, len, data);
	if (m == NULL) {
		errmsg_set(why, "a reply of %zu bytes cannot be decoded", len);
		return NULL;
	}
	if ((r = reply_new()) == NULL) {
		errmsg_set(why, "out of memory for a reply");
	} else if (read_body(r, m, why) == -1) {
		balancer_reply_free(r);
		r = NULL;
	}
	guideway__balancer__reply__free_unpacked(m, &budget.allocator);
	return r;
}
