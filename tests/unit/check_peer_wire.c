/* SPDX-License-Identifier: Apache-2.0 */
/* What agents say to each other: what is packed comes back the same, field by
 * field, the largest honest messages too, and no larger than promised. What is
 * refused is in check_peer_wire_bad. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/peer/wire.h"
#include "tests/unit/peer_samples.h"
#include "tests/unit/unit.h"

static struct errmsg why;

/* There and back; *len: the bytes in between. */
static struct peer_message *
carry(const struct peer_message *m, size_t *len)
{
	uint8_t *data = peer_pack(m, len);
	struct peer_message *back;

	ck_assert_ptr_nonnull(data);
	ck_assert_msg(peer_unpack(data, *len, &back, &why) == PEER_UNPACK_OK,
	    "kind %d: %s", (int)m->kind, why.text);
	free(data);
	ck_assert_int_eq(back->kind, m->kind);
	return back;
}

static void
same_beat(const struct beat *a, const struct beat *b)
{
	ck_assert_str_eq(a->node, b->node);
	ck_assert_uint_eq(a->incarnation, b->incarnation);
	ck_assert_uint_eq(a->hb_seq, b->hb_seq);
	ck_assert_uint_eq(a->obs_seq, b->obs_seq);
	ck_assert(a->left == b->left);
}

static void
same_reg(const struct reg *a, const struct reg *b)
{
	ck_assert_uint_eq(a->field, b->field);
	ck_assert_uint_eq(a->stamp.hlc, b->stamp.hlc);
	ck_assert_uint_eq(a->stamp.writer, b->stamp.writer);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert_mem_eq(a->text, b->text, a->len + 1u);
}

static void
same_objects(struct object *const *a, struct object *const *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(a[i]->kind, b[i]->kind);
		ck_assert_int_eq(uid_cmp(a[i]->uid, b[i]->uid), 0);
		ck_assert_uint_eq(a[i]->born, b[i]->born);
		ck_assert_uint_eq(a[i]->key_len, b[i]->key_len);
		ck_assert_str_eq(a[i]->key, b[i]->key);
		ck_assert_uint_eq(a[i]->n_regs, b[i]->n_regs);
		for (size_t j = 0; j < a[i]->n_regs; j++)
			same_reg(&a[i]->regs[j], &b[i]->regs[j]);
		ck_assert(object_valid(b[i]));
		ck_assert_uint_eq(b[i]->refs, 1);
	}
}

static void
same_hello(const struct peer_hello *a, const struct peer_hello *b)
{
	ck_assert_str_eq(a->cluster, b->cluster);
	ck_assert_str_eq(a->node, b->node);
	ck_assert_uint_eq(a->process, b->process);
	ck_assert_uint_eq(a->incarnation, b->incarnation);
	ck_assert_uint_eq(a->proto_min, b->proto_min);
	ck_assert_uint_eq(a->proto_max, b->proto_max);
	ck_assert_uint_eq(a->wall_ms, b->wall_ms);
	ck_assert_uint_eq(a->table_version, b->table_version);
	ck_assert_mem_eq(a->seed_print, b->seed_print, PEER_PRINT_LEN);
	ck_assert_str_eq(a->version, b->version);
}

static void
same_heartbeat(const struct peer_heartbeat *a, const struct peer_heartbeat *b)
{
	ck_assert_uint_eq(a->n_beats, b->n_beats);
	for (size_t i = 0; i < a->n_beats; i++)
		same_beat(&a->beats[i], &b->beats[i]);
	ck_assert_mem_eq(a->config, b->config, REPLICA_DIGEST_LEN);
	ck_assert_mem_eq(a->persisted, b->persisted, REPLICA_DIGEST_LEN);
	ck_assert_mem_eq(a->observed, b->observed, REPLICA_DIGEST_LEN);
	ck_assert_mem_eq(a->root, b->root, REPLICA_DIGEST_LEN);
	ck_assert(a->installed == b->installed && a->joined == b->joined);
	ck_assert(a->announcing == b->announcing);
	ck_assert(a->draining == b->draining);
	ck_assert_uint_eq(a->wall_ms, b->wall_ms);
}

static void
same_observed(const struct peer_observed *a, const struct peer_observed *b)
{
	same_beat(&a->beat, &b->beat);
	ck_assert_uint_eq(a->n_entries, b->n_entries);
	for (size_t i = 0; i < a->n_entries; i++) {
		ck_assert_str_eq(a->entries[i].service, b->entries[i].service);
		ck_assert_int_eq(
		    addr_cmp(&a->entries[i].backend, &b->entries[i].backend),
		    0);
		ck_assert_int_eq(a->entries[i].health, b->entries[i].health);
	}
}

static void
same_delta(const struct delta *a, const struct delta *b)
{
	ck_assert_uint_eq(a->hlc, b->hlc);
	ck_assert_uint_eq(a->n_adds, b->n_adds);
	ck_assert_uint_eq(a->n_removes, b->n_removes);
	ck_assert_uint_eq(a->n_sets, b->n_sets);
	same_objects(a->adds, b->adds, a->n_adds);
	for (size_t i = 0; i < a->n_removes; i++)
		ck_assert_int_eq(uid_cmp(a->removes[i], b->removes[i]), 0);
	for (size_t i = 0; i < a->n_sets; i++) {
		ck_assert_int_eq(uid_cmp(a->sets[i].uid, b->sets[i].uid), 0);
		same_reg(&a->sets[i].reg, &b->sets[i].reg);
	}
}

static void
same_begin(const struct peer_full_begin *a, const struct peer_full_begin *b)
{
	ck_assert_uint_eq(a->sync, b->sync);
	ck_assert_uint_eq(a->n_objects, b->n_objects);
	ck_assert_uint_eq(a->hlc, b->hlc);
	ck_assert_uint_eq(a->n_vv, b->n_vv);
	for (size_t i = 0; i < a->n_vv; i++) {
		ck_assert_uint_eq(a->vv[i].writer, b->vv[i].writer);
		ck_assert_uint_eq(a->vv[i].seq, b->vv[i].seq);
	}
}

static void
same_chunk(const struct peer_full_chunk *a, const struct peer_full_chunk *b)
{
	ck_assert_uint_eq(a->sync, b->sync);
	ck_assert_uint_eq(a->index, b->index);
	ck_assert_uint_eq(a->n_objects, b->n_objects);
	same_objects(a->objects, b->objects, a->n_objects);
}

static void
same_end(const struct peer_full_end *a, const struct peer_full_end *b)
{
	ck_assert_uint_eq(a->sync, b->sync);
	ck_assert_uint_eq(a->n_chunks, b->n_chunks);
	ck_assert_mem_eq(a->digest, b->digest, REPLICA_DIGEST_LEN);
}

static void
same_pull(const struct peer_pull *a, const struct peer_pull *b)
{
	ck_assert(a->config == b->config);
	ck_assert_uint_eq(a->n_observed_of, b->n_observed_of);
	for (size_t i = 0; i < a->n_observed_of; i++)
		ck_assert_str_eq(a->observed_of[i], b->observed_of[i]);
}

static void
same_flows(const struct flow_batch *a, const struct flow_batch *b)
{
	ck_assert_uint_eq(a->seed_print, b->seed_print);
	ck_assert_uint_eq(a->n_backends, b->n_backends);
	ck_assert_uint_eq(flow_batch_count(a), flow_batch_count(b));
	for (size_t i = 0; i < a->n_services; i++)
		for (size_t j = 0; j < a->services[i].n_flows; j++)
			ck_assert_uint_eq(a->services[i].flows[j].hash,
			    b->services[i].flows[j].hash);
}

static void
same(const struct peer_message *a, const struct peer_message *b)
{
	switch (a->kind) {
	case PEER_HELLO:
		return same_hello(&a->hello, &b->hello);
	case PEER_HEARTBEAT:
		return same_heartbeat(&a->heartbeat, &b->heartbeat);
	case PEER_OBSERVED:
		return same_observed(&a->observed, &b->observed);
	case PEER_DELTA:
		return same_delta(&a->delta, &b->delta);
	case PEER_FULL_BEGIN:
		return same_begin(&a->full_begin, &b->full_begin);
	case PEER_FULL_CHUNK:
		return same_chunk(&a->full_chunk, &b->full_chunk);
	case PEER_FULL_END:
		return same_end(&a->full_end, &b->full_end);
	case PEER_PULL:
		return same_pull(&a->pull, &b->pull);
	case PEER_DRAIN_ASK:
		ck_assert_uint_eq(a->drain_ask.attempt, b->drain_ask.attempt);
		ck_assert(a->drain_ask.cancel == b->drain_ask.cancel);
		return;
	case PEER_DRAIN_GRANT:
		ck_assert_uint_eq(
		    a->drain_grant.attempt, b->drain_grant.attempt);
		ck_assert(a->drain_grant.granted == b->drain_grant.granted);
		ck_assert_int_eq(a->drain_grant.reason, b->drain_grant.reason);
		return;
	case PEER_GOODBYE:
		ck_assert_int_eq(a->goodbye, b->goodbye);
		return;
	case PEER_ERROR:
		ck_assert_int_eq(a->error.code, b->error.code);
		ck_assert_str_eq(a->error.text, b->error.text);
		return;
	case PEER_FLOW_BATCH:
		ck_assert_uint_eq(a->flow_batch.seq, b->flow_batch.seq);
		same_flows(&a->flow_batch.flows, &b->flow_batch.flows);
		return;
	case PEER_FLOW_BEAT:
		ck_assert_uint_eq(a->flow_beat.seq, b->flow_beat.seq);
		ck_assert(a->flow_beat.joined == b->flow_beat.joined);
		ck_assert(a->flow_beat.has_settled == b->flow_beat.has_settled);
		ck_assert_mem_eq(a->flow_beat.settled, b->flow_beat.settled,
		    REPLICA_DIGEST_LEN);
		return;
	case PEER_FLOW_MARK:
		ck_assert_uint_eq(a->flow_mark.mark, b->flow_mark.mark);
		ck_assert(a->flow_mark.ack == b->flow_mark.ack);
		return;
	case PEER_FLOW_PULL:
		ck_assert_uint_eq(a->flow_pull.pull, b->flow_pull.pull);
		ck_assert(a->flow_pull.settled == b->flow_pull.settled);
		ck_assert_uint_eq(a->flow_pull.cursor, b->flow_pull.cursor);
		return;
	case PEER_FLOW_PAGE:
		ck_assert_uint_eq(a->flow_page.pull, b->flow_page.pull);
		ck_assert(a->flow_page.unable == b->flow_page.unable);
		ck_assert_uint_eq(a->flow_page.next, b->flow_page.next);
		ck_assert(a->flow_page.more == b->flow_page.more);
		same_flows(&a->flow_page.flows, &b->flow_page.flows);
		return;
	case PEER_FLOW_SETTLED:
		ck_assert_uint_eq(a->flow_settled.pull, b->flow_settled.pull);
		ck_assert(a->flow_settled.unable == b->flow_settled.unable);
		ck_assert_uint_eq(a->flow_settled.next, b->flow_settled.next);
		ck_assert(a->flow_settled.more == b->flow_settled.more);
		ck_assert_uint_eq(settled_batch_count(&a->flow_settled.settled),
		    settled_batch_count(&b->flow_settled.settled));
		return;
	case PEER_HELD_ASK:
		ck_assert_uint_eq(a->held_ask.ask, b->held_ask.ask);
		ck_assert_str_eq(a->held_ask.service, b->held_ask.service);
		ck_assert_int_eq(
		    addr_cmp(&a->held_ask.backend, &b->held_ask.backend), 0);
		return;
	case PEER_HELD_ANSWER:
		ck_assert_uint_eq(a->held_answer.ask, b->held_answer.ask);
		ck_assert(a->held_answer.known == b->held_answer.known);
		ck_assert_mem_eq(&a->held_answer.held, &b->held_answer.held,
		    sizeof(a->held_answer.held));
		return;
	}
}

START_TEST(round_trip)
{
	size_t len;
	struct peer_message *back = carry(&peer_samples[_i], &len);

	same(&peer_samples[_i], back);
	peer_message_free(back);
}
END_TEST

/* As little as each can say. */
START_TEST(least)
{
	static const struct beat beat = {.node = "a"};
	struct peer_message m = {.kind = (enum peer_message_kind)_i};
	struct peer_message *back;
	size_t len;

	if (m.kind == PEER_HELLO) {
		strcpy(m.hello.cluster, "c");
		strcpy(m.hello.node, "a");
		m.hello.proto_min = m.hello.proto_max = 1;
	} else if (m.kind == PEER_HEARTBEAT) {
		m.heartbeat.beats = &beat;
		m.heartbeat.n_beats = 1;
	} else if (m.kind == PEER_OBSERVED) {
		m.observed.beat = beat;
	} else if (m.kind == PEER_FLOW_BATCH) {
		m.flow_batch.seq = 1;
	} else if (m.kind == PEER_HELD_ASK) {
		strcpy(m.held_ask.service, "w");
		m.held_ask.backend =
		    peer_samples[PEER_HELD_ASK].held_ask.backend;
	}
	back = carry(&m, &len);
	same(&m, back);
	peer_message_free(back);
}
END_TEST

START_TEST(reason_only_of_a_refusal)
{
	struct peer_message m = peer_samples[PEER_DRAIN_GRANT], *back;
	size_t len;

	m.drain_grant.granted = true;
	back = carry(&m, &len);
	ck_assert(back->drain_grant.granted && back->drain_grant.reason == 0);
	peer_message_free(back);
}
END_TEST

/* Everything as long as it may be. */
START_TEST(longest_texts)
{
	struct peer_message m = peer_samples[PEER_HELLO], *back;
	size_t len;

	memset(m.hello.cluster, 'c', sizeof(m.hello.cluster) - 1);
	memset(m.hello.node, 'n', sizeof(m.hello.node) - 1);
	memset(m.hello.version, ' ', sizeof(m.hello.version) - 1);
	back = carry(&m, &len);
	same(&m, back);
	ck_assert_uint_lt(len, 4096); /* what is taken before HELLO is done */
	peer_message_free(back);

	m = peer_samples[PEER_ERROR];
	memset(m.error.text, 'x', sizeof(m.error.text) - 1);
	back = carry(&m, &len);
	same(&m, back);
	peer_message_free(back);
}
END_TEST

START_TEST(largest_heartbeat)
{
	static struct beat beats[FRESHNESS_MAX];
	struct peer_message m = peer_samples[PEER_HEARTBEAT], *back;
	size_t len;

	for (size_t i = 0; i < FRESHNESS_MAX; i++) {
		beats[i] = m.heartbeat.beats[2];
		snprintf(beats[i].node, sizeof(beats[i].node),
		    "a-node-with-a-rather-long-name-%02zu", i == 0 ? 99 : i);
	}
	m.heartbeat.beats = beats;
	m.heartbeat.n_beats = FRESHNESS_MAX;
	back = carry(&m, &len);
	same(&m, back);
	peer_message_free(back);
}
END_TEST

START_TEST(largest_pull)
{
	static char names[FRESHNESS_MAX][FORWARDING_NAME_MAX];
	struct peer_message m = {.kind = PEER_PULL}, *back;
	size_t len;

	for (size_t i = 0; i < FRESHNESS_MAX; i++)
		snprintf(names[i], sizeof(names[i]), "n%02zu", i);
	m.pull.observed_of = (const char(*)[FORWARDING_NAME_MAX])names;
	m.pull.n_observed_of = FRESHNESS_MAX;
	back = carry(&m, &len);
	same(&m, back);
	peer_message_free(back);
}
END_TEST

/* n_services of n backends each, of one family. */
static struct peer_message
observe(size_t n_services, size_t n, bool v6)
{
	static char names[FORWARDING_MAX_SERVICES][FORWARDING_NAME_MAX];
	static struct peer_observed_entry entries[PEER_OBSERVED_MAX];
	struct peer_message m = peer_samples[PEER_OBSERVED];
	struct peer_observed_entry *e = entries;
	char text[ADDR_TEXT_MAX];

	ck_assert_uint_le(n_services * n, PEER_OBSERVED_MAX);
	for (size_t s = 0; s < n_services; s++) {
		snprintf(names[s], sizeof(names[s]), "service-%04zu", s);
		for (size_t i = 0; i < n; i++, e++) {
			snprintf(text, sizeof(text),
			    v6 ? "2001:db8::1:%zx" : "10.0.%zu.%zu",
			    v6 ? i : i >> 8, i & 255);
			e->service = names[s];
			e->backend = addr_of(text);
			e->health = (enum health)(i % 3);
		}
	}
	m.observed.entries = entries;
	m.observed.n_entries = n_services * n;
	return m;
}

static const struct {
	size_t n_services, n;
	bool v6;
	size_t len_max;
} observations[] = {
    {1, 10000, false, 50200},
    {1, 10000, true, 170200},
    {100, 100, false, 55000},
    {100, 100, true, 175000},
    {1, PEER_OBSERVED_MAX - 1, false, 400 << 10},
    {FORWARDING_MAX_SERVICES, 1, false, 32 << 10},
    {FORWARDING_MAX_SERVICES, PEER_OBSERVED_MAX / FORWARDING_MAX_SERVICES,
	false, 512 << 10},
};

START_TEST(largest_observed)
{
	const struct peer_message m = observe(observations[_i].n_services,
	    observations[_i].n, observations[_i].v6);
	size_t len;
	struct peer_message *back = carry(&m, &len);

	same(&m, back);
	ck_assert_uint_le(len, observations[_i].len_max);
	peer_message_free(back);
}
END_TEST

/* What a replica may have at most: objects of no registers, of a few, and of
 * all that there can be, cut into chunks as the core does it. */
static const struct {
	size_t n_regs, text_len;
} loads[] = {{0, 0}, {1, 0}, {4, 5}, {6, 200}, {32, 0}, {32, 4096}};

START_TEST(largest_chunk)
{
	static struct object *objects[REPLICA_OBJECTS_MAX];
	struct peer_message m = peer_samples[PEER_FULL_CHUNK], *back;
	size_t n = 0, size = 0, len;

	while (n < REPLICA_OBJECTS_MAX && size < PEER_CHUNK_LEN) {
		objects[n] = service_of("web", (uint32_t)n + 1,
		    loads[_i].n_regs, loads[_i].text_len);
		size += object_size(objects[n++]);
	}
	m.full_chunk.objects = objects;
	m.full_chunk.n_objects = n;
	back = carry(&m, &len);
	same(&m, back);
	ck_assert_uint_lt(len, 1u << 20); /* a frame's limit */
	peer_message_free(back);
	for (size_t i = 0; i < n; i++)
		object_unref(objects[i]);
}
END_TEST

START_TEST(largest_begin)
{
	static struct seen vv[REPLICA_WRITERS_MAX];
	struct peer_message m = peer_samples[PEER_FULL_BEGIN], *back;
	size_t len;

	for (size_t i = 0; i < REPLICA_WRITERS_MAX; i++)
		vv[i] = (struct seen){UINT64_MAX - REPLICA_WRITERS_MAX + i,
		    i % 2 == 0 ? 1 : UINT32_MAX};
	m.full_begin.vv = vv;
	m.full_begin.n_vv = REPLICA_WRITERS_MAX;
	back = carry(&m, &len);
	same(&m, back);
	ck_assert_uint_lt(len, 1u << 20);
	peer_message_free(back);
}
END_TEST

/* By how much a message grows with an object. */
static size_t
grows_by(struct object *o)
{
	struct peer_message m = {.kind = PEER_FULL_CHUNK};
	size_t with = 0, without = 0;

	free(peer_pack(&m, &without));
	m.full_chunk.objects = &o;
	m.full_chunk.n_objects = 1;
	free(peer_pack(&m, &with));
	ck_assert(with > without && without > 0);
	return with - without;
}

START_TEST(size_of_objects)
{
	static const size_t text_lens[] = {0, 1, 127, 128, OBJECT_TEXT_MAX};
	char key[OBJECT_KEY_MAX + 1] = "";
	struct object *o;

	memset(key, 'k', OBJECT_KEY_MAX);
	key[_i % 2 == 0 ? 1 : OBJECT_KEY_MAX] = '\0';
	for (size_t n = 0; n <= OBJECT_REGS_MAX; n++) {
		o = service_of(key, UINT32_MAX, n, text_lens[_i / 2]);
		for (size_t i = 0; i < n; i++)
			o->regs[i].field = (uint16_t)(OBJECT_FIELD_MAX - n + i +
			    1);
		ck_assert_uint_le(grows_by(o), object_size(o));
		object_unref(o);
	}
}
END_TEST

START_TEST(free_nothing)
{
	peer_message_free(NULL);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("peer_wire");
	TCase *tc = tcase_create("peer_wire");

	tcase_add_checked_fixture(
	    tc, peer_samples_setup, peer_samples_teardown);
	tcase_add_loop_test(tc, round_trip, 0, PEER_MESSAGE_KINDS);
	tcase_add_loop_test(tc, least, 0, PEER_MESSAGE_KINDS);
	tcase_add_test(tc, reason_only_of_a_refusal);
	tcase_add_test(tc, longest_texts);
	tcase_add_test(tc, largest_heartbeat);
	tcase_add_test(tc, largest_pull);
	tcase_add_loop_test(tc, largest_observed, 0, ROWS(observations));
	tcase_add_loop_test(tc, largest_chunk, 0, ROWS(loads));
	tcase_add_test(tc, largest_begin);
	tcase_add_loop_test(tc, size_of_objects, 0, 10);
	tcase_add_test(tc, free_nothing);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
