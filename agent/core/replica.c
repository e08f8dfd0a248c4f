/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/replica.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "agent/core/digest.h"
#include "common/log.h"

struct replica *
replica_new(void)
{
	return calloc(1, sizeof(struct replica));
}

static void
unref_all(struct object **objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		object_unref(objects[i]);
	free(objects);
}

void
replica_free(struct replica *r)
{
	if (r == NULL)
		return;
	unref_all(r->live, r->n_live);
	free(r->vv);
	free(r);
}

struct replica *
replica_copy(const struct replica *r)
{
	struct replica *copy = replica_new();

	if (copy == NULL)
		return NULL;
	copy->live = malloc((r->n_live + 1) * sizeof(struct object *));
	copy->vv = malloc((r->n_vv + 1) * sizeof(*copy->vv));
	if (copy->live == NULL || copy->vv == NULL) {
		replica_free(copy);
		return NULL;
	}
	for (size_t i = 0; i < r->n_live; i++)
		copy->live[copy->n_live++] = object_ref(r->live[i]);
	for (size_t i = 0; i < r->n_vv; i++)
		copy->vv[copy->n_vv++] = r->vv[i];
	copy->hlc = r->hlc;
	return copy;
}

bool
replica_is_empty(const struct replica *r)
{
	return r->n_vv == 0;
}

/* The first place in vv whose writer is not below. */
static size_t
vv_at(const struct replica *r, uint64_t writer)
{
	size_t low = 0, high = r->n_vv;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->vv[mid].writer < writer)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t
vv_seq(const struct replica *r, uint64_t writer)
{
	size_t at = vv_at(r, writer);

	return at < r->n_vv && r->vv[at].writer == writer ? r->vv[at].seq : 0;
}

static bool
covers(const struct replica *r, struct uid uid)
{
	return uid.seq <= vv_seq(r, uid.writer);
}

static size_t
live_at(const struct replica *r, struct uid uid)
{
	size_t low = 0, high = r->n_live;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (uid_cmp(r->live[mid]->uid, uid) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct object *
replica_find(const struct replica *r, struct uid uid)
{
	size_t at = live_at(r, uid);

	return at < r->n_live && uid_cmp(r->live[at]->uid, uid) == 0
	    ? r->live[at]
	    : NULL;
}

static size_t
size_of(const struct replica *r)
{
	size_t size = 0;

	for (size_t i = 0; i < r->n_live; i++)
		size += object_size(r->live[i]);
	return size;
}

int
replica_check(const struct replica *r, struct errmsg *why)
{
	if (r->n_live > REPLICA_OBJECTS_MAX || r->n_vv > REPLICA_WRITERS_MAX)
		return errmsg_set(why,
		    "%zu objects of %zu writers are more than the %d of %d "
		    "that there may be",
		    r->n_live, r->n_vv, REPLICA_OBJECTS_MAX,
		    REPLICA_WRITERS_MAX);
	if (r->hlc > HLC_MAX)
		return errmsg_set(why, "the clock is out of range");
	if (size_of(r) > REPLICA_SIZE_MAX)
		return errmsg_set(why,
		    "%zu objects of %zu KiB are more than the %u KiB that "
		    "there may be",
		    r->n_live, size_of(r) >> 10, REPLICA_SIZE_MAX >> 10);
	for (size_t i = 0; i < r->n_vv; i++)
		if (r->vv[i].seq == 0 ||
		    (i > 0 && r->vv[i].writer <= r->vv[i - 1].writer))
			return errmsg_set(why, "writers out of order");
	for (size_t i = 0; i < r->n_live; i++)
		if (!object_valid(r->live[i]) || !covers(r, r->live[i]->uid) ||
		    (i > 0 &&
			uid_cmp(r->live[i - 1]->uid, r->live[i]->uid) >= 0))
			return errmsg_set(why,
			    "object %zu is invalid, out of order, or of a "
			    "writer that is not known",
			    i);
	return 0;
}

static void
put_object(EVP_MD_CTX *d, const struct object *o)
{
	digest_number(d, o->uid.writer);
	digest_number(d, o->uid.seq);
	digest_number(d, o->kind);
	digest_number(d, o->born);
	digest_text(d, o->key, o->key_len);
	digest_number(d, o->n_regs);
	for (size_t i = 0; i < o->n_regs; i++) {
		digest_number(d, o->regs[i].field);
		digest_number(d, o->regs[i].stamp.hlc);
		digest_number(d, o->regs[i].stamp.writer);
		digest_text(d, o->regs[i].text, o->regs[i].len);
	}
}

/* The clock is not in it: it follows the walls of all nodes, and says nothing
 * of the configuration. */
int
replica_digest(const struct replica *r, uint8_t out[REPLICA_DIGEST_LEN])
{
	EVP_MD_CTX *d = digest_begin();

	if (d == NULL)
		return -1;
	digest_number(d, r->n_vv);
	for (size_t i = 0; i < r->n_vv; i++) {
		digest_number(d, r->vv[i].writer);
		digest_number(d, r->vv[i].seq);
	}
	digest_number(d, r->n_live);
	for (size_t i = 0; i < r->n_live; i++)
		put_object(d, r->live[i]);
	digest_end(d, out);
	return 0;
}

static int
merge_vv(struct replica *out, const struct replica *a, const struct replica *b)
{
	size_t i = 0, j = 0;

	out->vv = malloc((a->n_vv + b->n_vv + 1) * sizeof(*out->vv));
	if (out->vv == NULL)
		return -1;
	while (i < a->n_vv || j < b->n_vv) {
		struct seen *to = &out->vv[out->n_vv++];

		if (j == b->n_vv ||
		    (i < a->n_vv && a->vv[i].writer < b->vv[j].writer)) {
			*to = a->vv[i++];
		} else if (i == a->n_vv || b->vv[j].writer < a->vv[i].writer) {
			*to = b->vv[j++];
		} else {
			*to = a->vv[i].seq >= b->vv[j].seq ? a->vv[i]
							   : b->vv[j];
			i++;
			j++;
		}
	}
	return 0;
}

/* A stamp that is later than the clock of who sent it would win over what is
 * written here from now on. */
static void
absorb(struct replica *r, uint64_t hlc)
{
	r->hlc = MAX(r->hlc, hlc);
}

static void
absorb_object(struct replica *r, const struct object *o)
{
	absorb(r, o->born);
	for (size_t i = 0; i < o->n_regs; i++)
		absorb(r, o->regs[i].stamp.hlc);
}

/* What only one has is new to the other, unless the other has seen it: then it
 * has been removed there. */
static int
merge_live(
    struct replica *out, const struct replica *a, const struct replica *b)
{
	size_t i = 0, j = 0;
	struct object *o;

	out->live = malloc(
	    (a->n_live + b->n_live + 1) * sizeof(struct object *));
	if (out->live == NULL)
		return -1;
	while (i < a->n_live || j < b->n_live) {
		int cmp = j == b->n_live ? -1
		    : i == a->n_live
		    ? 1
		    : uid_cmp(a->live[i]->uid, b->live[j]->uid);

		if (cmp < 0) {
			o = a->live[i++];
			o = covers(b, o->uid) ? NULL : object_ref(o);
		} else if (cmp > 0) {
			o = b->live[j++];
			o = covers(a, o->uid) ? NULL : object_ref(o);
		} else {
			o = object_merge(a->live[i++], b->live[j++]);
			if (o == NULL)
				return -1;
		}
		if (o == NULL)
			continue;
		absorb_object(out, o);
		out->live[out->n_live++] = o;
	}
	return 0;
}

/* Objects that have not changed are shared, so pointers tell. */
static bool
same(const struct replica *a, const struct replica *b)
{
	if (a->n_live != b->n_live || a->n_vv != b->n_vv)
		return false;
	for (size_t i = 0; i < a->n_vv; i++)
		if (a->vv[i].seq != b->vv[i].seq)
			return false;
	for (size_t i = 0; i < a->n_live; i++)
		if (a->live[i] != b->live[i])
			return false;
	return true;
}

static void
swap(struct replica *a, struct replica *b)
{
	struct replica t = *a;

	*a = *b;
	*b = t;
}

int
replica_merge(
    struct replica *r, const struct replica *other, struct errmsg *why)
{
	struct replica *out = replica_new();
	int rc = -1;

	if (out != NULL)
		out->hlc = MAX(r->hlc, other->hlc);
	if (out == NULL || merge_vv(out, r, other) == -1 ||
	    merge_live(out, r, other) == -1) {
		errmsg_set(why, "out of memory");
		goto out;
	}
	if (replica_check(out, why) == -1)
		goto out;
	rc = same(r, out) ? 0 : 1;
	swap(r, out);
out:
	replica_free(out);
	return rc;
}

/* Deltas. */

static enum delta_result
worse(enum delta_result a, enum delta_result b)
{
	return a > b ? a : b;
}

/* room: for what all objects may grow by. */
static enum delta_result
put_in_place(struct replica *r, size_t at, struct object *next, size_t *room)
{
	size_t before = object_size(r->live[at]);

	if (next == NULL)
		return DELTA_FAILED;
	if (object_size(next) > before + *room) {
		object_unref(next);
		return DELTA_FAILED;
	}
	*room = *room + before - object_size(next);
	if (next == r->live[at]) {
		object_unref(next);
		return DELTA_NOTHING;
	}
	object_unref(r->live[at]);
	r->live[at] = next;
	return DELTA_APPLIED;
}

static int
grow_for(struct replica *r, bool new_writer)
{
	struct object **live;
	struct seen *vv;

	if (r->n_live >= REPLICA_OBJECTS_MAX ||
	    (new_writer && r->n_vv >= REPLICA_WRITERS_MAX))
		return -1;
	live = realloc(r->live, (r->n_live + 1) * sizeof(struct object *));
	if (live == NULL)
		return -1;
	r->live = live;
	if (!new_writer)
		return 0;
	vv = realloc(r->vv, (r->n_vv + 1) * sizeof(*vv));
	if (vv == NULL)
		return -1;
	r->vv = vv;
	return 0;
}

static enum delta_result
insert(struct replica *r, struct object *o, size_t *room)
{
	size_t at = live_at(r, o->uid), w = vv_at(r, o->uid.writer);
	bool known = w < r->n_vv && r->vv[w].writer == o->uid.writer;

	if (object_size(o) > *room || grow_for(r, !known) == -1)
		return DELTA_FAILED;
	*room -= object_size(o);
	memmove(&r->live[at + 1], &r->live[at],
	    (r->n_live - at) * sizeof(struct object *));
	r->live[at] = object_ref(o);
	r->n_live++;
	if (!known) {
		memmove(
		    &r->vv[w + 1], &r->vv[w], (r->n_vv - w) * sizeof(*r->vv));
		r->vv[w].writer = o->uid.writer;
		r->n_vv++;
	}
	r->vv[w].seq = o->uid.seq;
	absorb_object(r, o);
	return DELTA_APPLIED;
}

static enum delta_result
add(struct replica *r, struct object *o, size_t *room)
{
	uint32_t seq = vv_seq(r, o->uid.writer);
	size_t at;

	if (!object_valid(o))
		return DELTA_FAILED;
	if (o->uid.seq - 1 > seq)
		return DELTA_GAP;
	if (o->uid.seq - 1 == seq)
		return insert(r, o, room);
	at = live_at(r, o->uid);
	if (at == r->n_live || uid_cmp(r->live[at]->uid, o->uid) != 0)
		return DELTA_NOTHING; /* seen, and removed since */
	absorb_object(r, o);
	return put_in_place(r, at, object_merge(r->live[at], o), room);
}

static enum delta_result
set(struct replica *r, const struct delta_set *s, size_t *room)
{
	size_t at = live_at(r, s->uid);

	if (!reg_valid(&s->reg))
		return DELTA_FAILED;
	if (!covers(r, s->uid))
		return DELTA_GAP;
	if (at == r->n_live || uid_cmp(r->live[at]->uid, s->uid) != 0)
		return DELTA_NOTHING;
	absorb(r, s->reg.stamp.hlc);
	return put_in_place(r, at, object_set(r->live[at], &s->reg), room);
}

static enum delta_result
remove_object(struct replica *r, struct uid uid, size_t *room)
{
	size_t at = live_at(r, uid);

	if (!covers(r, uid))
		return DELTA_GAP;
	if (at == r->n_live || uid_cmp(r->live[at]->uid, uid) != 0)
		return DELTA_NOTHING;
	*room += object_size(r->live[at]);
	object_unref(r->live[at]);
	r->n_live--;
	memmove(&r->live[at], &r->live[at + 1],
	    (r->n_live - at) * sizeof(struct object *));
	return DELTA_APPLIED;
}

enum delta_result
replica_apply(struct replica *r, const struct delta *d)
{
	enum delta_result result = DELTA_NOTHING;
	size_t room = REPLICA_SIZE_MAX - MIN(size_of(r), REPLICA_SIZE_MAX);

	if (d->hlc > HLC_MAX)
		return DELTA_FAILED;
	for (size_t i = 0; i < d->n_removes; i++)
		result = worse(result, remove_object(r, d->removes[i], &room));
	for (size_t i = 0; i < d->n_adds; i++)
		result = worse(result, add(r, d->adds[i], &room));
	for (size_t i = 0; i < d->n_sets; i++)
		result = worse(result, set(r, &d->sets[i], &room));
	absorb(r, d->hlc);
	return result;
}

uint64_t
replica_tick(struct replica *r, uint64_t wall_ms)
{
	uint64_t wall = MIN(wall_ms, HLC_MAX >> 16) << 16;

	r->hlc = MIN(MAX(r->hlc + 1, wall), HLC_MAX);
	return r->hlc;
}

uint32_t
replica_next_seq(const struct replica *r, uint64_t writer)
{
	return vv_seq(r, writer) + 1;
}
