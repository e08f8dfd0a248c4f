/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer must not say: each bound crossed, messages cut at each length,
 * and such as take much more memory than they are long. Each row changes a good
 * message, and is refused by the name of what it changes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/peer/wire.h"
#include "common/arena.h"
#include "common/fields.h"
#include "proto/cluster.pb-c.h"
#include "tests/unit/peer_samples.h"
#include "tests/unit/unit.h"

typedef Guideway__Cluster__Envelope MsgEnvelope;

#define TEXT(text) field_of_bytes(text, sizeof(text) - 1)
#define LONG(len)  field_of_bytes(long_text, len)

static char long_text[OBJECT_TEXT_MAX + 1];
static struct arena *arena;
static struct errmsg why;

static void
setup(void)
{
	memset(long_text, 'x', sizeof(long_text));
	peer_samples_setup();
	arena = arena_new();
	ck_assert_ptr_nonnull(arena);
}

static void
teardown(void)
{
	arena_free(arena);
	peer_samples_teardown();
}

static void *
in_arena(void *data, size_t size)
{
	(void)data;
	return arena_alloc(arena, 1, size);
}

static void
left_to_arena(void *data, void *p)
{
	(void)data;
	(void)p;
}

/* The sample as protobuf's own type, to be changed in any way. */
static MsgEnvelope *
sample_of(enum peer_message_kind kind)
{
	ProtobufCAllocator allocator = {in_arena, left_to_arena, NULL};
	size_t len;
	uint8_t *data = peer_pack(&peer_samples[kind], &len);
	MsgEnvelope *e;

	ck_assert_ptr_nonnull(data);
	e = guideway__cluster__envelope__unpack(&allocator, len, data);
	ck_assert_ptr_nonnull(e);
	free(data);
	return e;
}

/* From a buffer of exactly its size, so that a byte too far is found. */
static enum peer_unpack_result
unpack(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);
	enum peer_unpack_result result;
	struct peer_message *m;

	ck_assert_ptr_nonnull(exact);
	if (len > 0)
		memcpy(exact, data, len);
	why.text[0] = '\0';
	result = peer_unpack(exact, len, &m, &why);
	ck_assert_int_eq(result == PEER_UNPACK_OK, m != NULL);
	ck_assert_int_eq(result != PEER_UNPACK_OK, why.text[0] != '\0');
	peer_message_free(m);
	free(exact);
	return result;
}

static enum peer_unpack_result
unpack_envelope(const MsgEnvelope *e)
{
	size_t len = guideway__cluster__envelope__get_packed_size(e);
	uint8_t *data = malloc(len + 1);
	enum peer_unpack_result result;

	ck_assert_ptr_nonnull(data);
	guideway__cluster__envelope__pack(e, data);
	result = unpack(data, len);
	free(data);
	return result;
}

/* n times the same element of a repeated field. */
static void *
repeat(void *element, size_t n)
{
	void **array = arena_alloc(arena, n, sizeof(*array));

	ck_assert_ptr_nonnull(array);
	for (size_t i = 0; i < n; i++)
		array[i] = element;
	return array;
}

#define REPEAT(message, field, n) \
	do { \
		(message)->field = repeat((message)->field[0], n); \
		(message)->n_##field = n; \
	} while (0)

#define SWAP(message, field) \
	do { \
		void *first = (message)->field[0]; \
		(message)->field[0] = (message)->field[1]; \
		(message)->field[1] = first; \
	} while (0)

/* Fields that are protobuf's own numbers, 2^32 - 1 included, need no row. */
#define SET(name, statement) \
	static void name(MsgEnvelope *e) \
	{ \
		statement; \
	}

SET(h_cluster_none, e->hello->cluster.len = 0)
SET(h_cluster_long, e->hello->cluster = LONG(FORWARDING_NAME_MAX))
SET(h_node_none, e->hello->node.len = 0)
SET(h_node_nul, e->hello->node = TEXT("lb\0002"))
SET(h_node_slash, e->hello->node = TEXT("../lb2"))
SET(h_incarnation, e->hello->incarnation = FRESHNESS_INCARNATION_MAX + 1)
SET(h_proto_none, e->hello->proto_min = 0)
SET(h_proto_order, e->hello->proto_max = e->hello->proto_min - 1)
SET(h_wall, e->hello->wall_ms = (HLC_MAX >> 16) + 1)
SET(h_print_short, e->hello->seed_print.len--)
SET(h_print_long, e->hello->seed_print = LONG(PEER_PRINT_LEN + 1))
SET(h_print_none, e->hello->seed_print.len = 0)
SET(h_version_long, e->hello->version = LONG(PEER_VERSION_MAX))
SET(h_version_nul, e->hello->version = TEXT("1\0000"))
SET(h_version_escape, e->hello->version = TEXT("\033[2J"))
SET(h_version_high, e->hello->version = TEXT("1\377"))

SET(b_none, e->heartbeat->n_beats = 0)
SET(b_many, REPEAT(e->heartbeat, beats, FRESHNESS_MAX + 1))
SET(b_own_twice, e->heartbeat->beats[2]->node = e->heartbeat->beats[0]->node)
SET(b_twice, e->heartbeat->beats[2]->node = e->heartbeat->beats[1]->node)
SET(b_order, e->heartbeat->beats[1]->node = TEXT("lb4"))
SET(b_nameless, e->heartbeat->beats[1]->node.len = 0)
SET(b_long, e->heartbeat->beats[1]->node = LONG(FORWARDING_NAME_MAX))
SET(b_incarnation, e->heartbeat->beats[2]->incarnation++)
SET(b_hb_seq, e->heartbeat->beats[2]->hb_seq++)
SET(b_obs_seq, e->heartbeat->beats[2]->obs_seq = UINT64_MAX)
SET(b_config, e->heartbeat->config.len--)
SET(b_persisted, e->heartbeat->persisted.len = 0)
SET(b_observed, e->heartbeat->observed = LONG(REPLICA_DIGEST_LEN + 1))
SET(b_root, e->heartbeat->root.len = 0)
SET(b_wall, e->heartbeat->wall_ms++)

#define DNS e->observed->services[0]
#define WEB e->observed->services[1]
SET(o_beatless, e->observed->beat = NULL)
SET(o_beat_name, e->observed->beat->node.len = 0)
SET(o_beat_seq, e->observed->beat->obs_seq = UINT64_MAX)
SET(o_nameless, DNS->name.len = 0)
SET(o_name_nul, DNS->name = TEXT("d\0s"))
SET(o_name_long, DNS->name = LONG(FORWARDING_NAME_MAX))
SET(o_order, SWAP(e->observed, services))
SET(o_twice, WEB->name = DNS->name)
SET(o_many, REPEAT(e->observed, services, FORWARDING_MAX_SERVICES + 1))
SET(o_empty, WEB->backends.len = 0)
SET(o_cut, WEB->backends.len--)
SET(o_cut_v6, DNS->backends.len = 16)
SET(o_rest, WEB->backends = TEXT("\1\12\0\0\1\1"))
SET(o_state, WEB->backends.data[0] = 3)
SET(o_flag, WEB->backends.data[0] |= 8)
SET(o_high_flag, WEB->backends.data[0] |= 0x80)
SET(o_mapped, WEB->backends = TEXT("\4\0\0\0\0\0\0\0\0\0\0\377\377\12\0\0\1"))
SET(o_none, WEB->backends = TEXT("\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"))
SET(o_backend_twice, WEB->backends = TEXT("\1\12\0\0\1\2\12\0\0\1"))
SET(o_backend_order, WEB->backends = TEXT("\1\12\0\0\2\1\12\0\0\1"))

#define ADD e->delta->adds[0]
#define REG e->delta->adds[0]->registers[0]
SET(d_hlc, e->delta->hlc = HLC_MAX + 1)
SET(d_seq, ADD->seq = 0)
SET(d_kind_none, ADD->kind = 0)
SET(d_kind, ADD->kind = OBJECT_NODE + 1)
SET(d_kind_huge, ADD->kind = UINT32_MAX)
SET(d_keyless, ADD->key.len = 0)
SET(d_key_long, ADD->key = LONG(OBJECT_KEY_MAX + 1))
SET(d_key_nul, ADD->key = TEXT("we\0b"))
SET(d_key_escape, ADD->key = TEXT("we\033b"))
SET(d_born, ADD->born = HLC_MAX + 1)
SET(d_regs_many, REPEAT(ADD, registers, OBJECT_REGS_MAX + 1))
SET(d_regs_order, SWAP(ADD, registers))
SET(d_regs_twice, ADD->registers[1]->field = REG->field)
SET(d_field_none, REG->field = 0)
SET(d_field, ADD->registers[1]->field = OBJECT_FIELD_MAX + 1)
SET(d_field_wraps, REG->field = 65536 + 1)
SET(d_text_long, REG->text = LONG(OBJECT_TEXT_MAX + 1))
SET(d_text_nul, REG->text = TEXT("6\0006"))
SET(d_text_line, REG->text = TEXT("6\n6"))
SET(d_stamp, REG->hlc = HLC_MAX + 1)
SET(d_adds_many, REPEAT(e->delta, adds, REPLICA_OBJECTS_MAX + 1))
SET(d_remove_seq, e->delta->removes[1]->seq = 0)
SET(d_removes_many, REPEAT(e->delta, removes, REPLICA_OBJECTS_MAX + 1))
SET(d_set_seq, e->delta->sets[0]->seq = 0)
SET(d_set_nothing, e->delta->sets[1]->value = NULL)
SET(d_set_field_none, e->delta->sets[1]->value->field = 0)
SET(d_set_field, e->delta->sets[1]->value->field++)
SET(d_set_stamp, e->delta->sets[1]->value->hlc++)
SET(d_set_text, e->delta->sets[1]->value->text = TEXT("\0"))
SET(d_set_long, e->delta->sets[1]->value->text = LONG(OBJECT_TEXT_MAX + 1))
SET(d_sets_many, REPEAT(e->delta, sets, REPLICA_OBJECTS_MAX + 1))

SET(f_objects, e->full_begin->objects++)
SET(f_hlc, e->full_begin->hlc++)
SET(f_seen_order, SWAP(e->full_begin, seen))
SET(f_seen_twice, e->full_begin->seen[1]->writer = 1)
SET(f_seen_none, e->full_begin->seen[0]->seq = 0)
SET(f_seen_many, REPEAT(e->full_begin, seen, REPLICA_WRITERS_MAX + 1))
SET(f_index, e->full_chunk->index++)
SET(f_order, SWAP(e->full_chunk, objects))
SET(f_twice, e->full_chunk->objects[1] = e->full_chunk->objects[0])
SET(f_bad, e->full_chunk->objects[1]->key.len = 0)
SET(f_many, REPEAT(e->full_chunk, objects, REPLICA_OBJECTS_MAX + 1))
SET(f_chunks, e->full_end->chunks++)
SET(f_digest, e->full_end->digest.len--)
SET(f_digest_none, e->full_end->digest.len = 0)

SET(p_nameless, e->pull->observed_of[0].len = 0)
SET(p_long, e->pull->observed_of[1] = LONG(FORWARDING_NAME_MAX))
SET(p_nul, e->pull->observed_of[1] = TEXT("lb\0003"))
SET(p_twice, e->pull->observed_of[1] = e->pull->observed_of[0])
SET(p_order, e->pull->observed_of[0] = TEXT("lb4"))
SET(g_reason, e->drain_grant->reason++)
SET(g_reason_huge, e->drain_grant->reason = UINT32_MAX)
SET(y_reason, e->goodbye->reason++)
SET(e_code, e->error->code++)
SET(e_long, e->error->text = LONG(PEER_TEXT_MAX))
SET(e_lines, e->error->text = TEXT("one\ntwo"))
SET(e_nul, e->error->text = TEXT("one\0two"))

SET(n_unnumbered, e->flow_batch->seq = 0)
SET(n_nothing, e->flow_batch->flows = NULL)
SET(n_many, REPEAT(e->flow_batch->flows, services, FORWARDING_MAX_SERVICES + 1))
SET(n_settled, e->flow_beat->settled = LONG(REPLICA_DIGEST_LEN + 1))
SET(q_nameless, e->held_ask->service.len = 0)
SET(q_name_long, e->held_ask->service = LONG(FORWARDING_NAME_MAX))
SET(q_nobody, e->held_ask->backend.len = 0)
SET(q_none, e->held_ask->backend = TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"))
SET(q_long, e->held_ask->backend = LONG(17))

static void
p_many(MsgEnvelope *e)
{
	ProtobufCBinaryData *names = arena_alloc(
	    arena, FRESHNESS_MAX + 1, sizeof(*names));

	ck_assert_ptr_nonnull(names);
	for (size_t i = 0; i <= FRESHNESS_MAX; i++)
		names[i] = e->pull->observed_of[0];
	e->pull->observed_of = names;
	e->pull->n_observed_of = FRESHNESS_MAX + 1;
}

/* One more than there may be, in order. */
static void
o_backends_many(MsgEnvelope *e)
{
	uint8_t *at = arena_alloc(arena, PEER_OBSERVED_MAX, 5);

	ck_assert_ptr_nonnull(at);
	DNS->backends = field_of_bytes(at, 5u * PEER_OBSERVED_MAX);
	for (size_t i = 0; i < PEER_OBSERVED_MAX; i++, at += 5) {
		at[0] = HEALTH_UP;
		at[1] = 10;
		at[3] = (uint8_t)(i >> 8);
		at[4] = (uint8_t)i;
	}
}

#define ROW(kind, change, what) \
	{ \
		kind, change, #change, what \
	}

static const struct {
	enum peer_message_kind kind;
	void (*change)(MsgEnvelope *);
	const char *name;
	const char *what; /* is wrong */
} bad[] = {
    ROW(PEER_HELLO, h_cluster_none, "hello.cluster"),
    ROW(PEER_HELLO, h_cluster_long, "hello.cluster"),
    ROW(PEER_HELLO, h_node_none, "hello.node"),
    ROW(PEER_HELLO, h_node_nul, "hello.node"),
    ROW(PEER_HELLO, h_node_slash, "hello.node"),
    ROW(PEER_HELLO, h_incarnation, "hello.incarnation"),
    ROW(PEER_HELLO, h_proto_none, "hello.proto_min"),
    ROW(PEER_HELLO, h_proto_order, "hello.proto_min"),
    ROW(PEER_HELLO, h_wall, "hello.wall_ms"),
    ROW(PEER_HELLO, h_print_short, "hello.seed_print"),
    ROW(PEER_HELLO, h_print_long, "hello.seed_print"),
    ROW(PEER_HELLO, h_print_none, "hello.seed_print"),
    ROW(PEER_HELLO, h_version_long, "hello.version"),
    ROW(PEER_HELLO, h_version_nul, "hello.version"),
    ROW(PEER_HELLO, h_version_escape, "hello.version"),
    ROW(PEER_HELLO, h_version_high, "hello.version"),
    ROW(PEER_HEARTBEAT, b_none, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_many, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_own_twice, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_twice, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_order, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_nameless, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_long, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_incarnation, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_hb_seq, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_obs_seq, "heartbeat.beats"),
    ROW(PEER_HEARTBEAT, b_config, "heartbeat.config"),
    ROW(PEER_HEARTBEAT, b_persisted, "heartbeat.persisted"),
    ROW(PEER_HEARTBEAT, b_observed, "heartbeat.observed"),
    ROW(PEER_HEARTBEAT, b_root, "heartbeat.root"),
    ROW(PEER_HEARTBEAT, b_wall, "heartbeat.wall_ms"),
    ROW(PEER_OBSERVED, o_beatless, "observed.beat"),
    ROW(PEER_OBSERVED, o_beat_name, "observed.beat"),
    ROW(PEER_OBSERVED, o_beat_seq, "observed.beat"),
    ROW(PEER_OBSERVED, o_nameless, "observed.services"),
    ROW(PEER_OBSERVED, o_name_nul, "observed.services"),
    ROW(PEER_OBSERVED, o_name_long, "observed.services"),
    ROW(PEER_OBSERVED, o_order, "observed.services"),
    ROW(PEER_OBSERVED, o_twice, "observed.services"),
    ROW(PEER_OBSERVED, o_many, "observed.services"),
    ROW(PEER_OBSERVED, o_empty, "observed.backends"),
    ROW(PEER_OBSERVED, o_cut, "observed.backends"),
    ROW(PEER_OBSERVED, o_cut_v6, "observed.backends"),
    ROW(PEER_OBSERVED, o_rest, "observed.backends"),
    ROW(PEER_OBSERVED, o_state, "observed.backends"),
    ROW(PEER_OBSERVED, o_flag, "observed.backends"),
    ROW(PEER_OBSERVED, o_high_flag, "observed.backends"),
    ROW(PEER_OBSERVED, o_mapped, "observed.backends"),
    ROW(PEER_OBSERVED, o_none, "observed.backends"),
    ROW(PEER_OBSERVED, o_backend_twice, "observed.backends"),
    ROW(PEER_OBSERVED, o_backend_order, "observed.backends"),
    ROW(PEER_DELTA, d_hlc, "delta.hlc"),
    ROW(PEER_DELTA, d_seq, "delta.adds"),
    ROW(PEER_DELTA, d_kind_none, "delta.adds"),
    ROW(PEER_DELTA, d_kind, "delta.adds"),
    ROW(PEER_DELTA, d_kind_huge, "delta.adds"),
    ROW(PEER_DELTA, d_keyless, "delta.adds"),
    ROW(PEER_DELTA, d_key_long, "delta.adds"),
    ROW(PEER_DELTA, d_key_nul, "delta.adds"),
    ROW(PEER_DELTA, d_key_escape, "delta.adds"),
    ROW(PEER_DELTA, d_born, "delta.adds"),
    ROW(PEER_DELTA, d_regs_many, "delta.adds"),
    ROW(PEER_DELTA, d_regs_order, "delta.adds"),
    ROW(PEER_DELTA, d_regs_twice, "delta.adds"),
    ROW(PEER_DELTA, d_field_none, "delta.adds"),
    ROW(PEER_DELTA, d_field, "delta.adds"),
    ROW(PEER_DELTA, d_field_wraps, "delta.adds"),
    ROW(PEER_DELTA, d_text_long, "delta.adds"),
    ROW(PEER_DELTA, d_text_nul, "delta.adds"),
    ROW(PEER_DELTA, d_text_line, "delta.adds"),
    ROW(PEER_DELTA, d_stamp, "delta.adds"),
    ROW(PEER_DELTA, d_adds_many, "delta.adds"),
    ROW(PEER_DELTA, d_remove_seq, "delta.removes"),
    ROW(PEER_DELTA, d_removes_many, "delta.removes"),
    ROW(PEER_DELTA, d_set_seq, "delta.sets"),
    ROW(PEER_DELTA, d_set_nothing, "delta.sets"),
    ROW(PEER_DELTA, d_set_field_none, "delta.sets"),
    ROW(PEER_DELTA, d_set_field, "delta.sets"),
    ROW(PEER_DELTA, d_set_stamp, "delta.sets"),
    ROW(PEER_DELTA, d_set_text, "delta.sets"),
    ROW(PEER_DELTA, d_set_long, "delta.sets"),
    ROW(PEER_DELTA, d_sets_many, "delta.sets"),
    ROW(PEER_FULL_BEGIN, f_objects, "full_begin.objects"),
    ROW(PEER_FULL_BEGIN, f_hlc, "full_begin.hlc"),
    ROW(PEER_FULL_BEGIN, f_seen_order, "full_begin.seen"),
    ROW(PEER_FULL_BEGIN, f_seen_twice, "full_begin.seen"),
    ROW(PEER_FULL_BEGIN, f_seen_none, "full_begin.seen"),
    ROW(PEER_FULL_BEGIN, f_seen_many, "full_begin.seen"),
    ROW(PEER_FULL_CHUNK, f_index, "full_chunk.index"),
    ROW(PEER_FULL_CHUNK, f_order, "full_chunk.objects"),
    ROW(PEER_FULL_CHUNK, f_twice, "full_chunk.objects"),
    ROW(PEER_FULL_CHUNK, f_bad, "full_chunk.objects"),
    ROW(PEER_FULL_CHUNK, f_many, "full_chunk.objects"),
    ROW(PEER_FULL_END, f_chunks, "full_end.chunks"),
    ROW(PEER_FULL_END, f_digest, "full_end.digest"),
    ROW(PEER_FULL_END, f_digest_none, "full_end.digest"),
    ROW(PEER_PULL, p_nameless, "pull.observed_of"),
    ROW(PEER_PULL, p_long, "pull.observed_of"),
    ROW(PEER_PULL, p_nul, "pull.observed_of"),
    ROW(PEER_PULL, p_twice, "pull.observed_of"),
    ROW(PEER_PULL, p_order, "pull.observed_of"),
    ROW(PEER_DRAIN_GRANT, g_reason, "drain_grant.reason"),
    ROW(PEER_DRAIN_GRANT, g_reason_huge, "drain_grant.reason"),
    ROW(PEER_GOODBYE, y_reason, "goodbye.reason"),
    ROW(PEER_ERROR, e_code, "error.code"),
    ROW(PEER_ERROR, e_long, "error.text"),
    ROW(PEER_ERROR, e_lines, "error.text"),
    ROW(PEER_ERROR, e_nul, "error.text"),
    ROW(PEER_PULL, p_many, "pull.observed_of"),
    ROW(PEER_OBSERVED, o_backends_many, "observed.backends"),
    ROW(PEER_FLOW_BATCH, n_unnumbered, "flow_batch"),
    ROW(PEER_FLOW_BATCH, n_nothing, "flow_batch"),
    ROW(PEER_FLOW_BATCH, n_many, "flows.services"),
    ROW(PEER_FLOW_BEAT, n_settled, "flow_beat.settled"),
    ROW(PEER_HELD_ASK, q_nameless, "held_ask.service"),
    ROW(PEER_HELD_ASK, q_name_long, "held_ask.service"),
    ROW(PEER_HELD_ASK, q_nobody, "held_ask.backend"),
    ROW(PEER_HELD_ASK, q_none, "held_ask.backend"),
    ROW(PEER_HELD_ASK, q_long, "held_ask.backend"),
};

START_TEST(refused)
{
	MsgEnvelope *e = sample_of(bad[_i].kind);

	ck_assert_int_eq(unpack_envelope(e), PEER_UNPACK_OK);
	bad[_i].change(e);
	ck_assert_msg(
	    unpack_envelope(e) == PEER_UNPACK_MALFORMED, "%s", bad[_i].name);
	ck_assert_msg(
	    strncmp(why.text, bad[_i].what, strlen(bad[_i].what)) == 0,
	    "%s: %s", bad[_i].name, why.text);
}
END_TEST

/* Cut anywhere: refused, as the envelope's length is wrong then. */
START_TEST(truncated)
{
	size_t len;
	uint8_t *data = peer_pack(&peer_samples[_i], &len);

	ck_assert_ptr_nonnull(data);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(unpack(data, cut), PEER_UNPACK_MALFORMED);
	free(data);
}
END_TEST

/* 14 bits in two bytes, also where one would do. */
static void
put_varint(uint8_t to[2], size_t value)
{
	to[0] = (uint8_t)(value & 127) | 128;
	to[1] = (uint8_t)(value >> 7);
}

/* The same, with the envelope's length right: whole fields may be missing, but
 * what is left is within the bounds or refused. */
START_TEST(truncated_inside)
{
	MsgEnvelope *e = sample_of((enum peer_message_kind)_i);
	const ProtobufCMessage *body = &e->hello->base; /* whichever it is */
	size_t len = protobuf_c_message_get_packed_size(body);
	uint8_t *data = malloc(len + 4);
	uint8_t inner[4096];
	enum peer_unpack_result result = PEER_UNPACK_MALFORMED;

	ck_assert_ptr_nonnull(data);
	ck_assert_uint_lt(len, sizeof(inner));
	protobuf_c_message_pack(body, inner);
	for (size_t cut = 0; cut <= len; cut++) {
		put_varint(data, (size_t)e->body_case << 3 | 2);
		put_varint(data + 2, cut);
		memcpy(data + 4, inner, cut);
		result = unpack(data, cut + 4);
	}
	ck_assert_int_eq(result, PEER_UNPACK_OK); /* the whole one */
	free(data);
}
END_TEST

static const struct {
	struct {
		const char *data;
		size_t len;
	} bytes;
	enum peer_unpack_result result;
} envelopes[] = {
#define BYTES(text) \
	{ \
		text, sizeof(text) - 1 \
	}
    {BYTES(""), PEER_UNPACK_MALFORMED},
    {BYTES("\0"), PEER_UNPACK_MALFORMED},
    {BYTES("garbage"), PEER_UNPACK_MALFORMED},
    /* 11: goodbye, of no bytes, and as a number */
    {BYTES("\x5a\0"), PEER_UNPACK_OK},
    {BYTES("\x58\0"), PEER_UNPACK_MALFORMED},
    /* 13 and 999 are unknown; 1100 too, but may be skipped */
    {BYTES("\x6a\0"), PEER_UNPACK_MALFORMED},
    {BYTES("\xba\x3e\0"), PEER_UNPACK_MALFORMED},
    {BYTES("\xe2\x44\0"), PEER_UNPACK_UNKNOWN},
    /* 1001, which is optional, and known */
    {BYTES("\xca\x3e\0"), PEER_UNPACK_OK},
    {BYTES("\xe2\x44\3abc"), PEER_UNPACK_UNKNOWN},
    {BYTES("\xe2\x44\4abc"), PEER_UNPACK_MALFORMED},
    {BYTES("\xfa\xff\xff\xff\x0f\0"), PEER_UNPACK_UNKNOWN},
    /* together with a known one */
    {BYTES("\x5a\0\xe2\x44\0"), PEER_UNPACK_OK},
    {BYTES("\x5a\0\x6a\0"), PEER_UNPACK_MALFORMED},
    {BYTES("\xe2\x44\0\x6a\0"), PEER_UNPACK_MALFORMED},
    /* two bodies: the last one is it */
    {BYTES("\x0a\0\x5a\0"), PEER_UNPACK_OK},
    {BYTES("\x5a\0\x0a\0"), PEER_UNPACK_MALFORMED},
    /* fields of a later version in a known one */
    {BYTES("\x5a\2\x78\1"), PEER_UNPACK_OK},
};

START_TEST(envelope)
{
	ck_assert_msg(unpack((const uint8_t *)envelopes[_i].bytes.data,
			  envelopes[_i].bytes.len) == envelopes[_i].result,
	    "%s", why.text);
}
END_TEST

/* A megabyte of the same few bytes in a field, in a body. */
static const struct bomb {
	const char *name;
	uint8_t tag; /* of the body */
	struct {
		const char *data;
		size_t len;
	} unit;
} bombs[] = {
    {"unknown bodies", 0, BYTES("\xc0\x3e\1")},
    {"bodies", 0, BYTES("\x5a\0")},
    {"beats", 2, BYTES("\x0a\0")},
    {"unknown numbers", 2, BYTES("\x78\1")},
    {"wall clocks", 2, BYTES("\x50\1")},
    {"services", 3, BYTES("\x12\0")},
    {"objects", 4, BYTES("\x0a\0")},
    {"uids", 4, BYTES("\x12\0")},
    {"sets", 4, BYTES("\x1a\0")},
    {"sets of nothing", 4, BYTES("\x1a\2\x1a\0")},
    {"objects of registers", 4, BYTES("\x0a\4\x32\0\x32\0")},
    {"seen", 5, BYTES("\x12\0")},
    {"objects of a chunk", 6, BYTES("\x1a\0")},
    {"empty names", 8, BYTES("\x12\0")},
};

START_TEST(bomb)
{
	const struct bomb *b = &bombs[_i];
	const size_t n = ((1u << 20) - 4) / b->unit.len;
	const size_t len = n * b->unit.len, head = b->tag != 0 ? 4 : 0;
	uint8_t *data = malloc(head + len);

	ck_assert_ptr_nonnull(data);
	if (head > 0) {
		data[0] = (uint8_t)(b->tag << 3 | 2);
		data[1] = (uint8_t)(len & 127) | 128;
		data[2] = (uint8_t)(len >> 7 & 127) | 128;
		data[3] = (uint8_t)(len >> 14);
	}
	for (size_t i = 0; i < n; i++)
		memcpy(
		    data + head + i * b->unit.len, b->unit.data, b->unit.len);
	ck_assert_msg(
	    unpack(data, head + len) == PEER_UNPACK_MALFORMED, "%s", b->name);
	ck_assert_msg(strstr(why.text, "cannot be decoded") != NULL, "%s: %s",
	    b->name, why.text);
	free(data);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("peer_wire_bad");
	TCase *tc = tcase_create("peer_wire_bad");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, refused, 0, ROWS(bad));
	tcase_add_loop_test(tc, truncated, 0, PEER_MESSAGE_KINDS);
	tcase_add_loop_test(tc, truncated_inside, 0, PEER_MESSAGE_KINDS);
	tcase_add_loop_test(tc, envelope, 0, ROWS(envelopes));
	tcase_add_loop_test(tc, bomb, 0, ROWS(bombs));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
