/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/captured.h"

#include <string.h>

#include "common/arena.h"
#include "common/fields.h"
#include "common/forwarding.h"
#include "proto/balancer.pb-c.h"

#define NAME_MAX_LEN (FORWARDING_NAME_MAX - 1)

typedef Guideway__Balancer__CaptureRequest MsgQuery;
typedef Guideway__Balancer__Captured MsgCaptured;
typedef Guideway__Balancer__CapturedPacket MsgPacket;
typedef Guideway__Balancer__CapturedFrame MsgFrame;

MsgQuery *
capture_query_to_message(struct arena *arena, const struct capture_query *q)
{
	MsgQuery *m = field_message(
	    arena, &guideway__balancer__capture_request__descriptor);

	if (m == NULL)
		return NULL;
	m->snap = q->snap;
	m->sample = q->sample;
	m->rate = q->rate;
	m->service = field_of_text(q->service);
	m->in = q->in;
	m->out = q->out;
	m->n_reasons = q->n_reasons;
	m->reasons = arena_alloc(arena, q->n_reasons, sizeof(*m->reasons));
	if (m->reasons == NULL)
		return NULL;
	for (size_t i = 0; i < q->n_reasons; i++)
		m->reasons[i] = field_of_text(q->reasons[i]);
	return m;
}

static int
check_range(const char *what, uint32_t value, uint32_t min, uint32_t max,
    struct errmsg *why)
{
	if (value >= min && value <= max)
		return 0;
	return errmsg_set(why, "capture.%s: must be %u..%u", what, min, max);
}

static void
read_reasons(struct fields *f, struct capture_query *q, const MsgQuery *m)
{
	q->n_reasons = m->n_reasons;
	q->reasons = fields_array(f, &q->n_reasons, CAPTURE_REASONS_MAX,
	    sizeof(*q->reasons), "capture.reasons");
	for (size_t i = 0; i < q->n_reasons; i++)
		q->reasons[i] = fields_name(
		    f, &m->reasons[i], NAME_MAX_LEN, "capture.reasons");
}

int
capture_query_from_message(struct arena *arena, struct capture_query *q,
    const MsgQuery *m, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	memset(q, 0, sizeof(*q));
	q->snap = m->snap;
	q->sample = m->sample;
	q->rate = m->rate;
	q->in = m->in;
	q->out = m->out;
	q->service = "";
	if (m->service.len > 0)
		q->service = fields_name(
		    &f, &m->service, NAME_MAX_LEN, "capture.service");
	read_reasons(&f, q, m);
	if (f.bad ||
	    check_range("snap", q->snap, CAPTURE_SNAP_MIN, CAPTURE_SNAP_MAX,
		why) == -1 ||
	    check_range("sample", q->sample, 0, CAPTURE_SAMPLE_MAX, why) ==
		-1 ||
	    check_range("rate", q->rate, 1, CAPTURE_RATE_MAX, why) == -1)
		return -1;
	if (!q->in && !q->out)
		return errmsg_set(why, "capture: neither direction is wanted");
	return 0;
}

static MsgPacket *
packet_pack(struct arena *arena, const struct captured_packet *p)
{
	MsgPacket *m = field_message(
	    arena, &guideway__balancer__captured_packet__descriptor);

	if (m == NULL)
		return NULL;
	m->number = p->number;
	m->time_ns = p->time_ns;
	m->reason = field_of_text(p->reason);
	m->service = field_of_text(p->service);
	m->backend = field_of_addr(&p->backend);
	m->n_frames = p->n_frames;
	m->frames = field_messages(arena, p->n_frames,
	    &guideway__balancer__captured_frame__descriptor);
	if (m->frames == NULL)
		return NULL;
	for (size_t i = 0; i < p->n_frames; i++) {
		m->frames[i]->out = p->frames[i].out;
		m->frames[i]->interface = field_of_text(p->frames[i].interface);
		m->frames[i]->wire_len = p->frames[i].wire_len;
		m->frames[i]->data = field_of_bytes(
		    p->frames[i].data, p->frames[i].len);
	}
	return m;
}

MsgCaptured *
captured_to_message(struct arena *arena, const struct captured *c)
{
	MsgCaptured *m = field_message(
	    arena, &guideway__balancer__captured__descriptor);

	if (m == NULL)
		return NULL;
	m->seen = c->totals.seen;
	m->taken = c->totals.taken;
	m->lost = c->totals.lost;
	if (!c->has_packet)
		return m;
	m->packet = packet_pack(arena, &c->packet);
	return m->packet == NULL ? NULL : m;
}

static void
read_frame(struct fields *f, struct captured_frame *to, const MsgFrame *m)
{
	to->out = m->out;
	to->interface = fields_text(f, &m->interface, "captured.interface");
	to->wire_len = m->wire_len;
	to->len = m->data.len;
	if (to->len > to->wire_len || to->len > CAPTURE_SNAP_MAX) {
		fields_fault(f, "captured.data", "less than the whole frame");
		to->len = 0;
		return;
	}
	to->data = (const uint8_t *)arena_copy(f->arena, m->data.data, to->len);
	if (to->data == NULL)
		fields_no_memory(f);
}

static void
read_packet(struct fields *f, struct captured_packet *p, const MsgPacket *m)
{
	p->number = m->number;
	p->time_ns = m->time_ns;
	p->reason = fields_name(f, &m->reason, NAME_MAX_LEN, "captured.reason");
	p->service = "";
	if (m->service.len > 0)
		p->service = fields_name(
		    f, &m->service, NAME_MAX_LEN, "captured.service");
	p->backend = fields_addr(f, &m->backend, true, "captured.backend");
	if (m->n_frames == 0)
		fields_fault(f, "captured.frames", "at least one");
	p->n_frames = m->n_frames;
	p->frames = fields_array(f, &p->n_frames, CAPTURE_FRAMES_MAX,
	    sizeof(*p->frames), "captured.frames");
	for (size_t i = 0; i < p->n_frames; i++)
		read_frame(f, &p->frames[i], m->frames[i]);
}

int
captured_from_message(struct arena *arena, struct captured *c,
    const MsgCaptured *m, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	memset(c, 0, sizeof(*c));
	c->totals = (struct capture_totals){m->seen, m->taken, m->lost};
	if ((c->has_packet = m->packet != NULL))
		read_packet(&f, &c->packet, m->packet);
	return f.bad ? -1 : 0;
}
