/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/ctl/wire_handover.h"

#include "common/arena.h"
#include "common/budget.h"
#include "common/fields.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;

int
wire_put_handover(
    struct evbuffer *out, uint64_t id, const struct forwarding *state)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Handover m = GUIDEWAY__BALANCER__HANDOVER__INIT;
	struct arena *arena = arena_new();
	int r = -1;

	if (arena == NULL)
		return -1;
	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_HANDOVER;
	reply.handover = &m;
	if (state != NULL)
		m.state = forwarding_to_message(arena, state);
	if (state == NULL || m.state != NULL)
		r = message_put(out, &reply.base);
	arena_free(arena);
	return r;
}

int
wire_put_taken(struct evbuffer *out, uint64_t id, bool device)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Taken m = GUIDEWAY__BALANCER__TAKEN__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_TAKEN;
	reply.taken = &m;
	m.device = device;
	return message_put(out, &reply.base);
}

int
wire_put_left(struct evbuffer *out, uint64_t id)
{
	MsgReply reply = GUIDEWAY__BALANCER__REPLY__INIT;
	Guideway__Balancer__Left m = GUIDEWAY__BALANCER__LEFT__INIT;

	reply.id = id;
	reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_LEFT;
	reply.left = &m;
	return message_put(out, &reply.base);
}

int
wire_put_request(struct evbuffer *out, uint64_t id, enum wire_kind kind)
{
	MsgRequest request = GUIDEWAY__BALANCER__REQUEST__INIT;
	Guideway__Balancer__HandoverRequest handover =
	    GUIDEWAY__BALANCER__HANDOVER_REQUEST__INIT;
	Guideway__Balancer__TakeRequest take =
	    GUIDEWAY__BALANCER__TAKE_REQUEST__INIT;
	Guideway__Balancer__LeaveRequest leave =
	    GUIDEWAY__BALANCER__LEAVE_REQUEST__INIT;

	request.id = id;
	if (kind == WIRE_HANDOVER) {
		request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_HANDOVER;
		request.handover = &handover;
	} else if (kind == WIRE_TAKE) {
		request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_TAKE;
		request.take = &take;
	} else {
		request.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_LEAVE;
		request.leave = &leave;
	}
	return message_put(out, &request.base);
}

static int
refused(const MsgReply *m, struct errmsg *why)
{
	struct arena *arena = arena_new();
	struct errmsg fault;
	struct fields f = {.arena = arena, .why = &fault};
	const char *text = "";

	if (arena != NULL)
		text = fields_text(&f, &m->refused->why, "refused.why");
	errmsg_set(why, "it refuses: %s", f.bad ? fault.text : text);
	arena_free(arena);
	return -1;
}

static int
read_reply(const MsgReply *m, enum wire_kind kind, struct wire_handover *answer,
    struct errmsg *why)
{
	switch (m->body_case) {
	case GUIDEWAY__BALANCER__REPLY__BODY_REFUSED:
		return refused(m, why);
	case GUIDEWAY__BALANCER__REPLY__BODY_HANDOVER:
		if (kind != WIRE_HANDOVER)
			break;
		if (m->handover->state == NULL)
			return 0;
		answer->state = forwarding_from_message(
		    m->handover->state, why);
		return answer->state == NULL ? -1 : 0;
	case GUIDEWAY__BALANCER__REPLY__BODY_TAKEN:
		if (kind != WIRE_TAKE)
			break;
		answer->device = m->taken->device;
		return 0;
	case GUIDEWAY__BALANCER__REPLY__BODY_LEFT:
		if (kind == WIRE_LEAVE)
			return 0;
		break;
	default:
		break;
	}
	return errmsg_set(why, "it answered what was not asked");
}

int
wire_unpack_handover(const uint8_t *data, size_t len, uint64_t id,
    enum wire_kind kind, struct wire_handover *answer, struct errmsg *why)
{
	struct budget budget;
	MsgReply *m;
	int r;

	*answer = (struct wire_handover){.state = NULL};
	budget_init(&budget, len);
	m = guideway__balancer__reply__unpack(&budget.allocator, len, data);
	if (m == NULL)
		return errmsg_set(why, "not a reply (%zu bytes)", len);
	if (m->id == id)
		r = read_reply(m, kind, answer, why);
	else
		r = errmsg_set(why, "it answered what was not asked");
	guideway__balancer__reply__free_unpacked(m, &budget.allocator);
	return r;
}
