/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/flow_wire.h"

#include "common/budget.h"
#include "common/fields.h"
#include "common/flows_fields.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;

static Guideway__Balancer__HeldRequest *
held_request(struct arena *arena, const struct flow_request *q)
{
	Guideway__Balancer__HeldRequest *m = field_message(
	    arena, &guideway__balancer__held_request__descriptor);

	if (m == NULL)
		return NULL;
	m->service = field_of_text(q->service);
	m->backend = field_of_addr(&q->backend);
	return m;
}

static Guideway__Balancer__PageRequest *
page_request(struct arena *arena, uint32_t cursor)
{
	Guideway__Balancer__PageRequest *m = field_message(
	    arena, &guideway__balancer__page_request__descriptor);

	if (m != NULL)
		m->cursor = cursor;
	return m;
}

/* Sets the one member that it names; false: out of memory. */
static bool
fill(struct arena *arena, MsgRequest *m, const struct flow_request *q)
{
	switch (q->what) {
	case FLOW_FOLLOW:
		m->body_case = GUIDEWAY__BALANCER__REQUEST__BODY_FOLLOW;
		m->follow = field_message(
		    arena, &guideway__balancer__follow_request__descriptor);
		return m->follow != NULL;
	case FLOW_LEARN:
		m->body_case = GUIDEWAY__BALANCER__REQUEST__BODY_LEARN;
		m->learn = flow_batch_to_message(arena, q->flows);
		return m->learn != NULL;
	case FLOW_PAGE:
		m->body_case = GUIDEWAY__BALANCER__REQUEST__BODY_FLOWS_PAGE;
		m->flows_page = page_request(arena, q->cursor);
		return m->flows_page != NULL;
	case FLOW_SETTLED:
		m->body_case = GUIDEWAY__BALANCER__REQUEST__BODY_SETTLED;
		m->settled = field_message(
		    arena, &guideway__balancer__settled_request__descriptor);
		return m->settled != NULL;
	case FLOW_SETTLE:
		m->body_case = GUIDEWAY__BALANCER__REQUEST__BODY_SETTLE;
		m->settle = settled_batch_to_message(arena, q->settled);
		return m->settle != NULL;
	case FLOW_HELD:
		m->body_case = GUIDEWAY__BALANCER__REQUEST__BODY_HELD;
		m->held = held_request(arena, q);
		return m->held != NULL;
	}
	return false;
}

int
flow_wire_ask(struct evbuffer *out, uint64_t id, const struct flow_request *q)
{
	MsgRequest m = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct arena *arena = arena_new();
	int rc = -1;

	m.id = id;
	if (arena != NULL && fill(arena, &m, q))
		rc = message_put(out, &m.base);
	arena_free(arena);
	return rc;
}

static void
read_flows(struct fields *f, struct flow_reply *r,
    const Guideway__Flows__Flows *m, size_t max)
{
	if (m == NULL)
		fields_fault(f, "reply.flows", "some, or an empty message");
	else
		flow_batch_read(f, &r->flows, m, max);
}

static int
read_body(struct flow_reply *r, const MsgReply *m, struct errmsg *why)
{
	struct fields f = {.arena = r->arena, .why = why};

	r->id = m->id;
	switch (m->body_case) {
	case GUIDEWAY__BALANCER__REPLY__BODY_REFUSED:
		r->refusal = fields_text(&f, &m->refused->why, "refused.why");
		break;
	case GUIDEWAY__BALANCER__REPLY__BODY_TOLD:
		r->what = FLOW_FOLLOW;
		read_flows(&f, r, m->told->flows, FLOWS_BATCH_MAX);
		break;
	case GUIDEWAY__BALANCER__REPLY__BODY_LEARNT:
		r->what = FLOW_LEARN;
		r->taken = m->learnt->taken;
		r->refused = m->learnt->refused;
		break;
	case GUIDEWAY__BALANCER__REPLY__BODY_PAGE:
		r->what = FLOW_PAGE;
		r->next = m->page->next;
		r->more = m->page->more;
		read_flows(&f, r, m->page->flows, FLOWS_PAGE_MAX);
		break;
	case GUIDEWAY__BALANCER__REPLY__BODY_SETTLED:
		r->what = FLOW_SETTLED;
		settled_batch_read(
		    &f, &r->settled, m->settled, SETTLED_SLOTS_MAX);
		break;
	case GUIDEWAY__BALANCER__REPLY__BODY_SETTLED_TAKEN:
		r->what = FLOW_SETTLE;
		break;
	case GUIDEWAY__BALANCER__REPLY__BODY_HELD:
		r->what = FLOW_HELD;
		r->held = (struct flow_held){
		    m->held->entries, m->held->slots, m->held->packets};
		break;
	default:
		return errmsg_set(why, "reply %llu is not about flows",
		    (unsigned long long)m->id);
	}
	return f.bad ? -1 : 0;
}

static struct flow_reply *
reply_new(void)
{
	struct arena *arena = arena_new();
	struct flow_reply *r;

	if (arena == NULL)
		return NULL;
	if ((r = arena_alloc(arena, 1, sizeof(*r))) == NULL) {
		arena_free(arena);
		return NULL;
	}
	r->arena = arena;
	return r;
}

struct flow_reply *
flow_wire_reply(const uint8_t *data, size_t len, struct errmsg *why)
{
	struct flow_reply *r;
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
		flow_reply_free(r);
		r = NULL;
	}
	guideway__balancer__reply__free_unpacked(m, &budget.allocator);
	return r;
}
