/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/ctl/wire_flows.h"

#include "common/arena.h"
#include "common/fields.h"
#include "common/flows_batch.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;

static int
read_held(const Guideway__Balancer__HeldRequest *m,
    struct wire_request *request, struct errmsg *why)
{
	struct fields f = {.arena = request->arena, .why = why};

	request->service = fields_name(
	    &f, &m->service, FORWARDING_NAME_MAX - 1, "held.service");
	request->backend = fields_addr(&f, &m->backend, false, "held.backend");
	return f.bad ? -1 : 0;
}

int
wire_read_flows(
    const MsgRequest *m, struct wire_request *request, struct errmsg *why)
{
	if ((request->arena = arena_new()) == NULL)
		return errmsg_set(why, "out of memory for a request");
	switch (m->body_case) {
	case GUIDEWAY__BALANCER__REQUEST__BODY_FOLLOW:
		request->kind = WIRE_FOLLOW;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_LEARN:
		request->kind = WIRE_LEARN;
		return flow_batch_from_message(request->arena, &request->flows,
		    m->learn, FLOWS_PAGE_MAX, why);
	case GUIDEWAY__BALANCER__REQUEST__BODY_FLOWS_PAGE:
		request->kind = WIRE_FLOWS_PAGE;
		request->cursor = m->flows_page->cursor;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_SETTLED:
		request->kind = WIRE_SETTLED;
		return 0;
	case GUIDEWAY__BALANCER__REQUEST__BODY_SETTLE:
		request->kind = WIRE_SETTLE;
		return settled_batch_from_message(request->arena,
		    &request->settle, m->settle, SETTLED_SLOTS_MAX, why);
	case GUIDEWAY__BALANCER__REQUEST__BODY_HELD:
		request->kind = WIRE_HELD;
		return read_held(m->held, request, why);
	default:
		return errmsg_set(why, "a request for nothing that we know");
	}
}

int
wire_put_told(struct evbuffer *out, uint64_t id, const struct flow_batch *batch)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Told m = GUIDEWAY__BALANCER__TOLD__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_TOLD;
	reply.told = &m;
	if ((m.flows = flow_batch_to_message(arena, batch)) != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_learnt(
    struct evbuffer *out, uint64_t id, uint32_t taken, uint32_t refused)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Learnt m = GUIDEWAY__BALANCER__LEARNT__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_LEARNT;
	reply.learnt = &m;
	m.taken = taken;
	m.refused = refused;
	return message_put(out, &reply.base);
}

int
wire_put_page(struct evbuffer *out, uint64_t id, const struct flow_batch *batch,
    uint32_t next, bool more)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Page m = GUIDEWAY__BALANCER__PAGE__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_PAGE;
	reply.page = &m;
	m.next = next;
	m.more = more;
	if ((m.flows = flow_batch_to_message(arena, batch)) != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_settled(
    struct evbuffer *out, uint64_t id, const struct settled_batch *batch)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_SETTLED;
	if ((reply.settled = settled_batch_to_message(arena, batch)) != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_settled_taken(struct evbuffer *out, uint64_t id)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__SettledTaken m =
	    GUIDEWAY__BALANCER__SETTLED_TAKEN__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_SETTLED_TAKEN;
	reply.settled_taken = &m;
	return message_put(out, &reply.base);
}

int
wire_put_held(struct evbuffer *out, uint64_t id, const struct flow_held *held)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Held m = GUIDEWAY__BALANCER__HELD__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_HELD;
	reply.held = &m;
	m.entries = held->entries;
	m.slots = held->slots;
	m.packets = held->packets;
	return message_put(out, &reply.base);
}
