/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope; what is in it is in the other files. */
#include "config.h"

#include "agent/peer/wire.h"

#include <stdlib.h>

#include "agent/peer/wire_impl.h"
#include "common/arena.h"
#include "common/budget.h"

typedef Guideway__Cluster__Envelope MsgEnvelope;

/* Bodies from here on may be skipped. */
#define OPTIONAL_MIN 1000

/* Each case sets the one member that it names; false: out of memory. */
static bool
body_pack(struct arena *arena, MsgEnvelope *e, const struct peer_message *m)
{
	switch (m->kind) {
	case PEER_HELLO:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_HELLO;
		return (e->hello = hello_pack(arena, &m->hello)) != NULL;
	case PEER_HEARTBEAT:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_HEARTBEAT;
		return (e->heartbeat = heartbeat_pack(arena, &m->heartbeat)) !=
		    NULL;
	case PEER_OBSERVED:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_OBSERVED;
		return (e->observed = observed_pack(arena, &m->observed)) !=
		    NULL;
	case PEER_DELTA:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_DELTA;
		return (e->delta = delta_pack(arena, &m->delta)) != NULL;
	case PEER_FULL_BEGIN:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FULL_BEGIN;
		return (e->full_begin = full_begin_pack(
			    arena, &m->full_begin)) != NULL;
	case PEER_FULL_CHUNK:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FULL_CHUNK;
		return (e->full_chunk = full_chunk_pack(
			    arena, &m->full_chunk)) != NULL;
	case PEER_FULL_END:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FULL_END;
		return (e->full_end = full_end_pack(arena, &m->full_end)) !=
		    NULL;
	case PEER_PULL:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_PULL;
		return (e->pull = pull_pack(arena, &m->pull)) != NULL;
	case PEER_DRAIN_ASK:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_DRAIN_ASK;
		return (e->drain_ask = drain_ask_pack(arena, &m->drain_ask)) !=
		    NULL;
	case PEER_DRAIN_GRANT:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_DRAIN_GRANT;
		return (e->drain_grant = drain_grant_pack(
			    arena, &m->drain_grant)) != NULL;
	case PEER_GOODBYE:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_GOODBYE;
		return (e->goodbye = goodbye_pack(arena, m->goodbye)) != NULL;
	case PEER_ERROR:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_ERROR;
		return (e->error = error_pack(arena, &m->error)) != NULL;
	case PEER_FLOW_BATCH:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_BATCH;
		return (e->flow_batch = flow_batch_pack(
			    arena, &m->flow_batch)) != NULL;
	case PEER_FLOW_BEAT:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_BEAT;
		return (e->flow_beat = flow_beat_pack(arena, &m->flow_beat)) !=
		    NULL;
	case PEER_FLOW_MARK:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_MARK;
		return (e->flow_mark = flow_mark_pack(arena, &m->flow_mark)) !=
		    NULL;
	case PEER_FLOW_PULL:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_PULL;
		return (e->flow_pull = flow_pull_pack(arena, &m->flow_pull)) !=
		    NULL;
	case PEER_FLOW_PAGE:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_PAGE;
		return (e->flow_page = flow_page_pack(arena, &m->flow_page)) !=
		    NULL;
	case PEER_FLOW_SETTLED:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_SETTLED;
		return (e->flow_settled = flow_settled_pack(
			    arena, &m->flow_settled)) != NULL;
	case PEER_HELD_ASK:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_HELD_ASK;
		return (e->held_ask = held_ask_pack(arena, &m->held_ask)) !=
		    NULL;
	case PEER_HELD_ANSWER:
		e->body_case = GUIDEWAY__CLUSTER__ENVELOPE__BODY_HELD_ANSWER;
		return (e->held_answer = held_answer_pack(
			    arena, &m->held_answer)) != NULL;
	}
	return false;
}

uint8_t *
peer_pack(const struct peer_message *m, size_t *len)
{
	MsgEnvelope e = GUIDEWAY__CLUSTER__ENVELOPE__INIT;
	struct arena *arena = arena_new();
	uint8_t *data = NULL;

	if (arena != NULL && body_pack(arena, &e, m)) {
		*len = guideway__cluster__envelope__get_packed_size(&e);
		if ((data = malloc(*len)) != NULL)
			guideway__cluster__envelope__pack(&e, data);
	}
	arena_free(arena);
	return data;
}

static void
body_unpack(struct fields *f, struct peer_message *m, const MsgEnvelope *e)
{
	switch (e->body_case) {
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_HELLO:
		m->kind = PEER_HELLO;
		hello_unpack(f, &m->hello, e->hello);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_HEARTBEAT:
		m->kind = PEER_HEARTBEAT;
		heartbeat_unpack(f, &m->heartbeat, e->heartbeat);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_OBSERVED:
		m->kind = PEER_OBSERVED;
		observed_unpack(f, &m->observed, e->observed);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_DELTA:
		m->kind = PEER_DELTA;
		delta_unpack(f, &m->delta, e->delta);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FULL_BEGIN:
		m->kind = PEER_FULL_BEGIN;
		full_begin_unpack(f, &m->full_begin, e->full_begin);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FULL_CHUNK:
		m->kind = PEER_FULL_CHUNK;
		full_chunk_unpack(f, &m->full_chunk, e->full_chunk);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FULL_END:
		m->kind = PEER_FULL_END;
		full_end_unpack(f, &m->full_end, e->full_end);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_PULL:
		m->kind = PEER_PULL;
		pull_unpack(f, &m->pull, e->pull);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_DRAIN_ASK:
		m->kind = PEER_DRAIN_ASK;
		drain_ask_unpack(f, &m->drain_ask, e->drain_ask);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_DRAIN_GRANT:
		m->kind = PEER_DRAIN_GRANT;
		drain_grant_unpack(f, &m->drain_grant, e->drain_grant);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_GOODBYE:
		m->kind = PEER_GOODBYE;
		goodbye_unpack(f, &m->goodbye, e->goodbye);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_ERROR:
		m->kind = PEER_ERROR;
		error_unpack(f, &m->error, e->error);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_BATCH:
		m->kind = PEER_FLOW_BATCH;
		flow_batch_unpack(f, &m->flow_batch, e->flow_batch);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_BEAT:
		m->kind = PEER_FLOW_BEAT;
		flow_beat_unpack(f, &m->flow_beat, e->flow_beat);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_MARK:
		m->kind = PEER_FLOW_MARK;
		flow_mark_unpack(f, &m->flow_mark, e->flow_mark);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_PULL:
		m->kind = PEER_FLOW_PULL;
		flow_pull_unpack(f, &m->flow_pull, e->flow_pull);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_PAGE:
		m->kind = PEER_FLOW_PAGE;
		flow_page_unpack(f, &m->flow_page, e->flow_page);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_FLOW_SETTLED:
		m->kind = PEER_FLOW_SETTLED;
		flow_settled_unpack(f, &m->flow_settled, e->flow_settled);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_HELD_ASK:
		m->kind = PEER_HELD_ASK;
		held_ask_unpack(f, &m->held_ask, e->held_ask);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY_HELD_ANSWER:
		m->kind = PEER_HELD_ANSWER;
		held_answer_unpack(f, &m->held_answer, e->held_answer);
		return;
	case GUIDEWAY__CLUSTER__ENVELOPE__BODY__NOT_SET:
	default:
		fields_fault(f, "message", "a body");
	}
}

static struct peer_message *
message_new(void)
{
	struct arena *arena = arena_new();
	struct peer_message *m;

	if (arena == NULL)
		return NULL;
	if ((m = arena_alloc(arena, 1, sizeof(*m))) == NULL) {
		arena_free(arena);
		return NULL;
	}
	m->arena = arena;
	return m;
}

static enum peer_unpack_result
no_memory(size_t len, struct errmsg *why)
{
	errmsg_set(why, "out of memory for a message of %zu bytes", len);
	return PEER_UNPACK_NO_MEMORY;
}

/* May the envelope be read, as far as this version knows its fields? */
static enum peer_unpack_result
check_unknown(const MsgEnvelope *e, struct errmsg *why)
{
	const bool empty = e->body_case ==
	    GUIDEWAY__CLUSTER__ENVELOPE__BODY__NOT_SET;
	uint32_t tag = 0;

	for (size_t i = 0; i < e->base.n_unknown_fields; i++) {
		tag = e->base.unknown_fields[i].tag;
		if (tag < OPTIONAL_MIN) {
			errmsg_set(why,
			    "a message of the unknown kind %u: is that agent "
			    "of a newer version?",
			    tag);
			return PEER_UNPACK_MALFORMED;
		}
	}
	if (!empty || tag == 0)
		return PEER_UNPACK_OK;
	errmsg_set(why, "an optional message of the unknown kind %u", tag);
	return PEER_UNPACK_UNKNOWN;
}

static enum peer_unpack_result
envelope_unpack(struct peer_message **out, const MsgEnvelope *e, size_t len,
    struct errmsg *why)
{
	enum peer_unpack_result result = check_unknown(e, why);
	struct peer_message *m;
	struct fields f = {.why = why};

	if (result != PEER_UNPACK_OK)
		return result;
	if ((m = message_new()) == NULL)
		return no_memory(len, why);
	f.arena = m->arena;
	body_unpack(&f, m, e);
	if (!f.bad) {
		*out = m;
		return PEER_UNPACK_OK;
	}
	peer_message_free(m);
	return f.no_memory ? PEER_UNPACK_NO_MEMORY : PEER_UNPACK_MALFORMED;
}

enum peer_unpack_result
peer_unpack(const uint8_t *data, size_t len, struct peer_message **out,
    struct errmsg *why)
{
	enum peer_unpack_result result;
	struct budget budget;
	MsgEnvelope *e;

	*out = NULL;
	budget_init(&budget, len);
	e = guideway__cluster__envelope__unpack(&budget.allocator, len, data);
	if (e == NULL && budget.no_memory)
		return no_memory(len, why);
	if (e == NULL) {
		errmsg_set(
		    why, "a message of %zu bytes cannot be decoded", len);
		return PEER_UNPACK_MALFORMED;
	}
	result = envelope_unpack(out, e, len, why);
	guideway__cluster__envelope__free_unpacked(e, &budget.allocator);
	return result;
}
