/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

#include "agent/peer/wire_impl.h"
#include "common/arena.h"
#include "common/flows_fields.h"

typedef Guideway__Cluster__FlowBatch MsgFlowBatch;
typedef Guideway__Cluster__FlowBeat MsgFlowBeat;
typedef Guideway__Cluster__FlowMark MsgFlowMark;
typedef Guideway__Cluster__FlowPull MsgFlowPull;
typedef Guideway__Cluster__FlowPage MsgFlowPage;
typedef Guideway__Cluster__FlowSettled MsgFlowSettled;
typedef Guideway__Cluster__HeldAsk MsgHeldAsk;
typedef Guideway__Cluster__HeldAnswer MsgHeldAnswer;

MsgFlowBatch *
flow_batch_pack(struct arena *arena, const struct peer_flow_batch *b)
{
	MsgFlowBatch *m = field_message(
	    arena, &guideway__cluster__flow_batch__descriptor);

	if (m == NULL)
		return NULL;
	m->seq = b->seq;
	m->flows = flow_batch_to_message(arena, &b->flows);
	return m->flows != NULL ? m : NULL;
}

void
flow_batch_unpack(
    struct fields *f, struct peer_flow_batch *b, const MsgFlowBatch *m)
{
	b->seq = m->seq;
	if (m->seq == 0 || m->flows == NULL)
		fields_fault(f, "flow_batch", "a number, and flows");
	else
		flow_batch_read(f, &b->flows, m->flows, FLOWS_BATCH_MAX);
}

MsgFlowBeat *
flow_beat_pack(struct arena *arena, const struct peer_flow_beat *b)
{
	MsgFlowBeat *m = field_message(
	    arena, &guideway__cluster__flow_beat__descriptor);

	if (m == NULL)
		return NULL;
	m->seq = b->seq;
	m->joined = b->joined;
	m->settled = field_of_bytes(
	    b->settled, b->has_settled ? sizeof(b->settled) : 0);
	return m;
}

void
flow_beat_unpack(
    struct fields *f, struct peer_flow_beat *b, const MsgFlowBeat *m)
{
	b->seq = m->seq;
	b->joined = m->joined;
	b->has_settled = fields_bytes(f, &m->settled, b->settled,
	    sizeof(b->settled), true, "flow_beat.settled");
}

MsgFlowMark *
flow_mark_pack(struct arena *arena, const struct peer_flow_mark *k)
{
	MsgFlowMark *m = field_message(
	    arena, &guideway__cluster__flow_mark__descriptor);

	if (m == NULL)
		return NULL;
	m->mark = k->mark;
	m->ack = k->ack;
	return m;
}

void
flow_mark_unpack(
    struct fields *f, struct peer_flow_mark *k, const MsgFlowMark *m)
{
	k->mark = m->mark;
	k->ack = m->ack;
}

MsgFlowPull *
flow_pull_pack(struct arena *arena, const struct peer_flow_pull *p)
{
	MsgFlowPull *m = field_message(
	    arena, &guideway__cluster__flow_pull__descriptor);

	if (m == NULL)
		return NULL;
	m->pull = p->pull;
	m->settled = p->settled;
	m->cursor = p->cursor;
	return m;
}

void
flow_pull_unpack(
    struct fields *f, struct peer_flow_pull *p, const MsgFlowPull *m)
{
	p->pull = m->pull;
	p->settled = m->settled;
	p->cursor = m->cursor;
}

MsgFlowPage *
flow_page_pack(struct arena *arena, const struct peer_flow_page *p)
{
	MsgFlowPage *m = field_message(
	    arena, &guideway__cluster__flow_page__descriptor);

	if (m == NULL)
		return NULL;
	m->pull = p->pull;
	m->next = p->next;
	m->more = p->more;
	if (p->unable)
		return m;
	m->flows = flow_batch_to_message(arena, &p->flows);
	return m->flows != NULL ? m : NULL;
}

void
flow_page_unpack(
    struct fields *f, struct peer_flow_page *p, const MsgFlowPage *m)
{
	p->pull = m->pull;
	p->next = m->next;
	p->more = m->more;
	p->unable = m->flows == NULL;
	if (!p->unable)
		flow_batch_read(f, &p->flows, m->flows, FLOWS_PAGE_MAX);
}

MsgFlowSettled *
flow_settled_pack(struct arena *arena, const struct peer_flow_settled *p)
{
	MsgFlowSettled *m = field_message(
	    arena, &guideway__cluster__flow_settled__descriptor);

	if (m == NULL)
		return NULL;
	m->pull = p->pull;
	m->next = p->next;
	m->more = p->more;
	if (p->unable)
		return m;
	m->settled = settled_batch_to_message(arena, &p->settled);
	return m->settled != NULL ? m : NULL;
}

void
flow_settled_unpack(
    struct fields *f, struct peer_flow_settled *p, const MsgFlowSettled *m)
{
	p->pull = m->pull;
	p->next = m->next;
	p->more = m->more;
	p->unable = m->settled == NULL;
	if (!p->unable)
		settled_batch_read(
		    f, &p->settled, m->settled, SETTLED_PART_MAX);
}

MsgHeldAsk *
held_ask_pack(struct arena *arena, const struct peer_held_ask *q)
{
	MsgHeldAsk *m = field_message(
	    arena, &guideway__cluster__held_ask__descriptor);

	if (m == NULL)
		return NULL;
	m->ask = q->ask;
	m->service = field_of_text(q->service);
	m->backend = field_of_addr(&q->backend);
	return m;
}

void
held_ask_unpack(struct fields *f, struct peer_held_ask *q, const MsgHeldAsk *m)
{
	q->ask = m->ask;
	wire_name(f, q->service, &m->service, "held_ask.service");
	q->backend = fields_addr(f, &m->backend, false, "held_ask.backend");
}

MsgHeldAnswer *
held_answer_pack(struct arena *arena, const struct peer_held_answer *a)
{
	MsgHeldAnswer *m = field_message(
	    arena, &guideway__cluster__held_answer__descriptor);

	if (m == NULL)
		return NULL;
	m->ask = a->ask;
	m->known = a->known;
	m->entries = a->held.entries;
	m->slots = a->held.slots;
	m->packets = a->held.packets;
	return m;
}

void
held_answer_unpack(
    struct fields *f, struct peer_held_answer *a, const MsgHeldAnswer *m)
{
	a->ask = m->ask;
	a->known = m->known;
	a->held.entries = m->entries;
	a->held.slots = m->slots;
	a->held.packets = m->packets;
}
