/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the replica, and whole ones in parts. */
#include "config.h"

#include "agent/peer/wire_impl.h"
#include "agent/peer/wire_object.h"

typedef Guideway__Cluster__Delta MsgDelta;
typedef Guideway__Cluster__FullBegin MsgFullBegin;
typedef Guideway__Cluster__FullChunk MsgFullChunk;
typedef Guideway__Cluster__FullEnd MsgFullEnd;

static bool
sets_pack(struct arena *arena, MsgDelta *m, const struct delta *d)
{
	m->n_sets = d->n_sets;
	m->sets = field_messages(
	    arena, d->n_sets, &guideway__cluster__set_register__descriptor);
	if (m->sets == NULL)
		return false;
	for (size_t i = 0; i < d->n_sets; i++) {
		m->sets[i]->writer = d->sets[i].uid.writer;
		m->sets[i]->seq = d->sets[i].uid.seq;
		m->sets[i]->value = reg_pack(arena, &d->sets[i].reg);
		if (m->sets[i]->value == NULL)
			return false;
	}
	return true;
}

MsgDelta *
delta_pack(struct arena *arena, const struct delta *d)
{
	MsgDelta *m = field_message(
	    arena, &guideway__cluster__delta__descriptor);

	if (m == NULL)
		return NULL;
	m->hlc = d->hlc;
	m->n_adds = d->n_adds;
	m->adds = objects_pack(arena, d->adds, d->n_adds);
	m->n_removes = d->n_removes;
	m->removes = field_messages(
	    arena, d->n_removes, &guideway__cluster__uid__descriptor);
	if (m->adds == NULL || m->removes == NULL || !sets_pack(arena, m, d))
		return NULL;
	for (size_t i = 0; i < d->n_removes; i++) {
		m->removes[i]->writer = d->removes[i].writer;
		m->removes[i]->seq = d->removes[i].seq;
	}
	return m;
}

static struct uid
get_uid(struct fields *f, uint64_t writer, uint32_t seq, const char *what)
{
	if (seq == 0)
		fields_fault(f, what, "a uid");
	return (struct uid){writer, seq};
}

static void
sets_unpack(struct fields *f, struct delta *d, const MsgDelta *m)
{
	static const char what[] = "delta.sets";

	d->n_sets = m->n_sets;
	d->sets = fields_array(
	    f, &d->n_sets, REPLICA_OBJECTS_MAX, sizeof(*d->sets), what);
	for (size_t i = 0; i < d->n_sets && !f->bad; i++) {
		d->sets[i].uid = get_uid(
		    f, m->sets[i]->writer, m->sets[i]->seq, what);
		reg_unpack(f, &d->sets[i].reg, m->sets[i]->value, what);
	}
}

void
delta_unpack(struct fields *f, struct delta *d, const MsgDelta *m)
{
	size_t room = m->n_adds;

	d->hlc = wire_number(f, m->hlc, HLC_MAX, "delta.hlc");
	d->adds = fields_array(f, &room, REPLICA_OBJECTS_MAX,
	    sizeof(struct object *), "delta.adds");
	objects_unpack(f, d->adds, &d->n_adds, m->adds, room, "delta.adds");
	d->n_removes = m->n_removes;
	d->removes = fields_array(f, &d->n_removes, REPLICA_OBJECTS_MAX,
	    sizeof(*d->removes), "delta.removes");
	for (size_t i = 0; i < d->n_removes; i++)
		d->removes[i] = get_uid(f, m->removes[i]->writer,
		    m->removes[i]->seq, "delta.removes");
	sets_unpack(f, d, m);
}

MsgFullBegin *
full_begin_pack(struct arena *arena, const struct peer_full_begin *b)
{
	MsgFullBegin *m = field_message(
	    arena, &guideway__cluster__full_begin__descriptor);

	if (m == NULL)
		return NULL;
	m->sync = b->sync;
	m->objects = b->n_objects;
	m->hlc = b->hlc;
	m->n_seen = b->n_vv;
	m->seen = seen_pack(arena, b->vv, b->n_vv);
	return m->seen != NULL ? m : NULL;
}

void
full_begin_unpack(
    struct fields *f, struct peer_full_begin *b, const MsgFullBegin *m)
{
	struct seen *vv;

	b->sync = m->sync;
	b->n_objects = fields_number(
	    f, m->objects, REPLICA_OBJECTS_MAX, "full_begin.objects");
	b->hlc = wire_number(f, m->hlc, HLC_MAX, "full_begin.hlc");
	b->n_vv = m->n_seen;
	vv = fields_array(
	    f, &b->n_vv, REPLICA_WRITERS_MAX, sizeof(*vv), "full_begin.seen");
	seen_unpack(f, vv, m->seen, b->n_vv, "full_begin.seen");
	b->vv = vv;
}

MsgFullChunk *
full_chunk_pack(struct arena *arena, const struct peer_full_chunk *c)
{
	MsgFullChunk *m = field_message(
	    arena, &guideway__cluster__full_chunk__descriptor);

	if (m == NULL)
		return NULL;
	m->sync = c->sync;
	m->index = c->index;
	m->n_objects = c->n_objects;
	m->objects = objects_pack(arena, c->objects, c->n_objects);
	return m->objects != NULL ? m : NULL;
}

void
full_chunk_unpack(
    struct fields *f, struct peer_full_chunk *c, const MsgFullChunk *m)
{
	static const char what[] = "full_chunk.objects";
	size_t room = m->n_objects;

	c->sync = m->sync;
	/* Whoever sends an object in each needs no more. */
	c->index = fields_number(
	    f, m->index, REPLICA_OBJECTS_MAX - 1, "full_chunk.index");
	c->objects = fields_array(
	    f, &room, REPLICA_OBJECTS_MAX, sizeof(struct object *), what);
	objects_unpack(f, c->objects, &c->n_objects, m->objects, room, what);
	for (size_t i = 1; i < c->n_objects; i++)
		if (uid_cmp(c->objects[i - 1]->uid, c->objects[i]->uid) >= 0)
			fields_fault(f, what, "ascending uids");
}

MsgFullEnd *
full_end_pack(struct arena *arena, const struct peer_full_end *e)
{
	MsgFullEnd *m = field_message(
	    arena, &guideway__cluster__full_end__descriptor);

	if (m == NULL)
		return NULL;
	m->sync = e->sync;
	m->chunks = e->n_chunks;
	m->digest = field_of_bytes(e->digest, sizeof(e->digest));
	return m;
}

void
full_end_unpack(struct fields *f, struct peer_full_end *e, const MsgFullEnd *m)
{
	e->sync = m->sync;
	e->n_chunks = fields_number(
	    f, m->chunks, REPLICA_OBJECTS_MAX, "full_end.chunks");
	fields_bytes(f, &m->digest, e->digest, sizeof(e->digest), false,
	    "full_end.digest");
}
