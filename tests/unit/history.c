/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/history.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define FIELD_UNKNOWN 900 /* of a later version */

uint64_t
rng_next(struct rng *r)
{
	/* splitmix64, from its description by Steele et al., 2014 */
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

size_t
rng_below(struct rng *r, size_t n)
{
	return (size_t)(rng_next(r) % n);
}

struct hex_digest
hex_digest(const struct replica *r)
{
	uint8_t digest[REPLICA_DIGEST_LEN];
	struct hex_digest t;

	ck_assert_int_eq(replica_digest(r, digest), 0);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(&t.text[2 * i], 3, "%02x", digest[i]);
	return t;
}

struct replica *
merged(const struct replica *a, const struct replica *b)
{
	struct replica *r = replica_copy(a);
	struct errmsg why;

	ck_assert_ptr_nonnull(r);
	ck_assert_msg(replica_merge(r, b, &why) != -1, "%s", why.text);
	ck_assert_msg(replica_check(r, &why) == 0, "%s", why.text);
	return r;
}

enum delta_result
change_apply(const struct change *c, struct replica *r)
{
	struct object *added = c->added;
	struct uid uid = c->uid;
	struct delta_set set = {c->uid, c->set};
	struct delta d = {
	    .adds = &added,
	    .n_adds = added != NULL,
	    .removes = &uid,
	    .n_removes = c->removed,
	    .sets = &set,
	    .n_sets = c->set.field != 0,
	    .hlc = c->hlc,
	};

	return replica_apply(r, &d);
}

/* What may be written: few texts, so that things collide, and some that no node
 * can make sense of. */
static const struct {
	enum object_kind kind;
	uint16_t field;
	const char *texts[4];
} fields[] = {
    {OBJECT_SERVICE, SPEC_VIPS,
	{"192.0.2.1", "192.0.2.2,2001:db8::1", "192.0.2.3", "192.0.2."}},
    {OBJECT_SERVICE, SPEC_PROTOCOL, {"tcp", "udp", "tcp", "sctp"}},
    {OBJECT_SERVICE, SPEC_PORTS, {"80", "", "443,80", "53"}},
    {OBJECT_SERVICE, FIELD_UNKNOWN, {"", "x", "y", "z"}},
    {OBJECT_BACKEND, SPEC_WEIGHT, {"1", "2", "65535", "0"}},
    {OBJECT_BACKEND, SPEC_STATE, {"enabled", "draining", "disabled", "off"}},
    {OBJECT_BACKEND, FIELD_UNKNOWN, {"", "x", "y", "z"}},
};

static const char *const services[] = {"a", "b", "c", "d"};
static const char *const backends[] = {
    "a 10.0.0.1",
    "a 10.0.0.2",
    "a 192.0.2.3",
    "b 10.0.0.1",
    "b 2001:db8::b",
    "c 10.0.0.1",
    "nowhere 10.0.0.1",
    "c 10.0.0.01",
};

static struct reg
draw_reg(struct history *h, enum object_kind kind, struct stamp stamp)
{
	size_t row;
	struct reg reg;

	do
		row = rng_below(&h->rng, ROWS(fields));
	while (fields[row].kind != kind);
	reg = (struct reg){.field = fields[row].field, .stamp = stamp};
	reg.text = fields[row].texts[rng_below(&h->rng, 4)];
	reg.len = (uint16_t)strlen(reg.text);
	return reg;
}

static struct object *
draw_object(struct history *h, struct uid uid, struct stamp stamp)
{
	bool service = rng_below(&h->rng, 3) == 0;
	enum object_kind kind = service ? OBJECT_SERVICE : OBJECT_BACKEND;
	const char *key = service
	    ? services[rng_below(&h->rng, ROWS(services))]
	    : backends[rng_below(&h->rng, ROWS(backends))];
	struct reg reg = draw_reg(h, kind, stamp);
	struct object *o, *set;

	o = object_new(
	    kind, uid, stamp.hlc, key, strlen(key), &reg, service ? 0 : 1);
	if (!service)
		return o;
	do
		reg = draw_reg(h, kind, stamp);
	while (reg.field != SPEC_VIPS);
	set = object_set(o, &reg);
	object_unref(o);
	return set;
}

void
history_init(struct history *h, uint64_t seed, bool rollback)
{
	*h = (struct history){.rng = {seed}, .rollback = rollback};
	h->wall_ms = 1000;
	for (size_t i = 0; i < HISTORY_NODES; i++) {
		h->nodes[i].replica = replica_new();
		h->nodes[i].writer = rng_next(&h->rng);
		h->nodes[i].skew_ms = rng_below(&h->rng, 100);
		ck_assert_ptr_nonnull(h->nodes[i].replica);
	}
	for (size_t i = 0; i < HISTORY_SNAPSHOTS; i++)
		h->snapshots[i] = replica_new();
}

void
history_clear(struct history *h)
{
	for (size_t i = 0; i < HISTORY_NODES; i++)
		replica_free(h->nodes[i].replica);
	for (size_t i = 0; i < HISTORY_SNAPSHOTS; i++)
		replica_free(h->snapshots[i]);
	for (size_t i = 0; i < h->n_changes; i++)
		object_unref(h->changes[i].added);
	for (size_t i = 0; i < h->n_made; i++)
		object_unref(h->made[i].object);
}

static void
note_in_model(struct history *h, const struct change *c)
{
	struct object *next;

	if (c->added != NULL) {
		h->made[h->n_made++].object = object_ref(c->added);
		return;
	}
	for (size_t i = 0; i < h->n_made; i++) {
		struct made *m = &h->made[i];

		if (uid_cmp(m->object->uid, c->uid) != 0)
			continue;
		m->removed |= c->removed;
		if (c->set.field == 0)
			continue;
		next = object_set(m->object, &c->set);
		object_unref(m->object);
		m->object = next;
	}
}

/* A command on one node. */
static void
change(struct history *h, struct history_node *n)
{
	struct change *c = &h->changes[h->n_changes];
	struct stamp stamp = {
	    replica_tick(n->replica, h->wall_ms + n->skew_ms), n->writer};
	size_t n_live = n->replica->n_live, what = rng_below(&h->rng, 8);
	const struct object *o;

	ck_assert_uint_lt(h->n_changes, HISTORY_CHANGES);
	*c = (struct change){.hlc = stamp.hlc};
	if (n_live == 0 || what < 4) {
		c->uid.writer = n->writer;
		c->uid.seq = replica_next_seq(n->replica, n->writer);
		c->added = draw_object(h, c->uid, stamp);
	} else {
		o = n->replica->live[rng_below(&h->rng, n_live)];
		c->uid = o->uid;
		c->removed = what == 4;
		if (!c->removed)
			c->set = draw_reg(h, o->kind, stamp);
	}
	ck_assert_int_eq(change_apply(c, n->replica), DELTA_APPLIED);
	h->n_changes++;
	note_in_model(h, c);
}

static void
merge_into(struct history_node *n, const struct replica *other)
{
	struct replica *after = merged(n->replica, other);

	replica_free(n->replica);
	n->replica = after;
}

/* With a new writer, as the rule is. */
static void
restart(struct history *h, struct history_node *n, const struct replica *old)
{
	replica_free(n->replica);
	n->replica = replica_copy(old);
	n->writer = rng_next(&h->rng);
}

static uint32_t
seq_of(const struct replica *r, uint64_t writer)
{
	return replica_next_seq(r, writer) - 1;
}

/* All that was known is, and what was gone stays gone. */
static void
check_onward(const struct replica *before, const struct replica *after)
{
	struct errmsg why;

	ck_assert_msg(replica_check(after, &why) == 0, "%s", why.text);
	ck_assert_uint_ge(after->hlc, before->hlc);
	for (size_t i = 0; i < before->n_vv; i++)
		ck_assert_uint_ge(
		    seq_of(after, before->vv[i].writer), before->vv[i].seq);
	for (size_t i = 0; i < after->n_live; i++) {
		const struct object *o = after->live[i];

		ck_assert_msg(o->uid.seq > seq_of(before, o->uid.writer) ||
			replica_find(before, o->uid) != NULL,
		    "object %zu had been removed", i);
	}
}

void
history_step(struct history *h)
{
	size_t what = rng_below(&h->rng, 16);
	struct history_node *n = &h->nodes[rng_below(&h->rng, HISTORY_NODES)];
	const struct replica *peer =
	    h->nodes[rng_below(&h->rng, HISTORY_NODES)].replica;
	struct replica *before = replica_copy(n->replica);
	struct replica **snapshot =
	    &h->snapshots[rng_below(&h->rng, HISTORY_SNAPSHOTS)];

	h->wall_ms += rng_below(&h->rng, 3);
	if (what < 4)
		change(h, n);
	else if (what < 11 && h->n_changes > 0)
		change_apply(
		    &h->changes[rng_below(&h->rng, h->n_changes)], n->replica);
	else if (what < 12)
		merge_into(n, peer);
	else if (what < 13)
		merge_into(n, *snapshot);
	else if (what < 15) {
		replica_free(*snapshot);
		*snapshot = replica_copy(n->replica);
	} else if (h->rollback) {
		restart(h, n, *snapshot);
		replica_free(before);
		return;
	}
	check_onward(before, n->replica);
	replica_free(before);
}

void
history_heal(struct history *h)
{
	size_t first = rng_below(&h->rng, HISTORY_NODES);

	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < HISTORY_NODES; i++)
			merge_into(&h->nodes[(first + i + 1) % HISTORY_NODES],
			    h->nodes[(first + i) % HISTORY_NODES].replica);
}
