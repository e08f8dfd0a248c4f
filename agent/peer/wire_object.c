/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/wire_object.h"

#include <stdlib.h>

typedef Guideway__Cluster__Object MsgObject;
typedef Guideway__Cluster__Register MsgRegister;
typedef Guideway__Cluster__Replica MsgReplica;
typedef Guideway__Cluster__Seen MsgSeen;

_Static_assert(OBJECT_SERVICE == 1 && OBJECT_BACKEND == 2 && OBJECT_NODE == 3,
    "what proto/cluster.proto says");

static void
put_reg(MsgRegister *m, const struct reg *r)
{
	m->field = r->field;
	m->text = field_of_bytes(r->text, r->len);
	m->hlc = r->stamp.hlc;
	m->writer = r->stamp.writer;
}

MsgRegister *
reg_pack(struct arena *arena, const struct reg *r)
{
	MsgRegister *m = field_message(
	    arena, &guideway__cluster__register__descriptor);

	if (m != NULL)
		put_reg(m, r);
	return m;
}

static bool
put_object(struct arena *arena, MsgObject *m, const struct object *o)
{
	m->writer = o->uid.writer;
	m->seq = o->uid.seq;
	m->kind = o->kind;
	m->key = field_of_bytes(o->key, o->key_len);
	m->born = o->born;
	m->n_registers = o->n_regs;
	m->registers = field_messages(
	    arena, o->n_regs, &guideway__cluster__register__descriptor);
	if (m->registers == NULL)
		return false;
	for (size_t i = 0; i < o->n_regs; i++)
		put_reg(m->registers[i], &o->regs[i]);
	return true;
}

MsgObject **
objects_pack(struct arena *arena, struct object *const *objects, size_t n)
{
	MsgObject **m = field_messages(
	    arena, n, &guideway__cluster__object__descriptor);

	for (size_t i = 0; m != NULL && i < n; i++)
		if (!put_object(arena, m[i], objects[i]))
			return NULL;
	return m;
}

MsgSeen **
seen_pack(struct arena *arena, const struct seen *seen, size_t n)
{
	MsgSeen **m = field_messages(
	    arena, n, &guideway__cluster__seen__descriptor);

	for (size_t i = 0; m != NULL && i < n; i++) {
		m[i]->writer = seen[i].writer;
		m[i]->seq = seen[i].seq;
	}
	return m;
}

MsgReplica *
replica_pack(struct arena *arena, const struct replica *r)
{
	MsgReplica *m = field_message(
	    arena, &guideway__cluster__replica__descriptor);

	if (m == NULL)
		return NULL;
	m->hlc = r->hlc;
	m->n_objects = r->n_live;
	m->objects = objects_pack(arena, r->live, r->n_live);
	m->n_seen = r->n_vv;
	m->seen = seen_pack(arena, r->vv, r->n_vv);
	return m->objects != NULL && m->seen != NULL ? m : NULL;
}

/* Borrows the text. What does not fit the struct is refused here; the rest is
 * object_valid's. */
static bool
get_reg(struct fields *f, struct reg *r, const MsgRegister *m, const char *what)
{
	if (m->field > OBJECT_FIELD_MAX || m->text.len > OBJECT_TEXT_MAX) {
		fields_fault(f, what, "registers within their bounds");
		return false;
	}
	r->field = (uint16_t)m->field;
	r->len = (uint16_t)m->text.len;
	r->text = m->text.len > 0 ? (const char *)m->text.data : "";
	r->stamp.hlc = m->hlc;
	r->stamp.writer = m->writer;
	return true;
}

/* NULL, and *f says why. */
static struct object *
make_object(struct fields *f, enum object_kind kind, struct uid uid,
    uint64_t born, const ProtobufCBinaryData *key, const struct reg *regs,
    size_t n_regs, const char *what)
{
	struct object *o = object_new(kind, uid, born,
	    key->len > 0 ? (const char *)key->data : "", key->len, regs,
	    n_regs);

	if (o == NULL) {
		fields_no_memory(f);
		return NULL;
	}
	if (object_valid(o))
		return o;
	object_unref(o);
	fields_fault(f, what, "valid objects");
	return NULL;
}

static struct object *
get_object(struct fields *f, const MsgObject *m, const char *what)
{
	const struct uid uid = {m->writer, m->seq};
	struct reg regs[OBJECT_REGS_MAX];

	if (m->kind < OBJECT_SERVICE || m->kind > OBJECT_NODE ||
	    m->key.len > OBJECT_KEY_MAX || m->n_registers > OBJECT_REGS_MAX) {
		fields_fault(f, what, "objects within their bounds");
		return NULL;
	}
	for (size_t i = 0; i < m->n_registers; i++)
		if (!get_reg(f, &regs[i], m->registers[i], what))
			return NULL;
	return make_object(f, (enum object_kind)m->kind, uid, m->born, &m->key,
	    regs, m->n_registers, what);
}

void
objects_unpack(struct fields *f, struct object **out, size_t *n_out,
    MsgObject *const *m, size_t n, const char *what)
{
	struct object *o;

	for (size_t i = 0; i < n && !f->bad; i++)
		if ((o = get_object(f, m[i], what)) != NULL)
			out[(*n_out)++] = o;
}

/* A register by itself is valid when an object with nothing else is. */
void
reg_unpack(
    struct fields *f, struct reg *out, const MsgRegister *m, const char *what)
{
	const ProtobufCBinaryData key = field_of_text("-");
	struct object *o;

	*out = (struct reg){.text = ""};
	if (m == NULL) {
		fields_fault(f, what, "a register");
		return;
	}
	if (!get_reg(f, out, m, what))
		return;
	o = make_object(
	    f, OBJECT_SERVICE, (struct uid){0, 1}, 0, &key, out, 1, what);
	object_unref(o);
	out->text = arena_copy(f->arena, out->text, out->len);
	if (out->text == NULL)
		fields_no_memory(f);
}

void
seen_unpack(struct fields *f, struct seen *out, MsgSeen *const *m, size_t n,
    const char *what)
{
	for (size_t i = 0; i < n; i++) {
		if (m[i]->seq == 0 ||
		    (i > 0 && m[i]->writer <= m[i - 1]->writer)) {
			fields_fault(f, what, "ascending writers");
			return;
		}
		out[i] = (struct seen){m[i]->writer, m[i]->seq};
	}
}

static void
get_replica(struct fields *f, struct replica *r, const MsgReplica *m)
{
	if (m->n_objects > REPLICA_OBJECTS_MAX ||
	    m->n_seen > REPLICA_WRITERS_MAX) {
		fields_fault(f, "replica", "fewer elements");
		return;
	}
	r->live = calloc(m->n_objects + 1, sizeof(struct object *));
	r->vv = calloc(m->n_seen + 1, sizeof(*r->vv));
	if (r->live == NULL || r->vv == NULL) {
		fields_no_memory(f);
		return;
	}
	r->hlc = m->hlc;
	objects_unpack(f, r->live, &r->n_live, m->objects, m->n_objects,
	    "replica.objects");
	seen_unpack(f, r->vv, m->seen, m->n_seen, "replica.seen");
	r->n_vv = m->n_seen;
	if (!f->bad && replica_check(r, f->why) == -1)
		f->bad = true;
}

struct replica *
replica_unpack(struct fields *f, const MsgReplica *m)
{
	struct replica *r = replica_new();

	if (r == NULL) {
		fields_no_memory(f);
		return NULL;
	}
	get_replica(f, r, m);
	if (!f->bad)
		return r;
	replica_free(r);
	return NULL;
}
