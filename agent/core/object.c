/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/object.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* The numbers of an object, none of which takes more than 11 bytes, and what
 * stands before them and the key. */
#define OBJECT_OVERHEAD 64
/* Likewise of a register. */
#define REG_OVERHEAD 40

struct object *
object_new(enum object_kind kind, struct uid uid, uint64_t born,
    const char *key, size_t key_len, const struct reg *regs, size_t n_regs)
{
	size_t size = sizeof(struct object) + n_regs * sizeof(*regs);
	size_t texts = key_len + 1;
	struct object *o;
	char *at;

	for (size_t i = 0; i < n_regs; i++)
		texts += regs[i].len + 1u;
	if ((o = calloc(1, size + texts)) == NULL)
		return NULL;
	o->refs = 1;
	o->kind = kind;
	o->uid = uid;
	o->born = born;
	at = (char *)o + size;
	o->key = memcpy(at, key, key_len);
	o->key_len = key_len;
	at += key_len + 1;
	o->n_regs = n_regs;
	for (size_t i = 0; i < n_regs; i++) {
		o->regs[i] = regs[i];
		o->regs[i].text = memcpy(at, regs[i].text, regs[i].len);
		at += regs[i].len + 1;
	}
	return o;
}

struct object *
object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void
object_unref(struct object *o)
{
	if (o != NULL && --o->refs == 0)
		free(o);
}

/* Printable ASCII. */
static bool
is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

bool
reg_valid(const struct reg *r)
{
	return r->field > 0 && r->field <= OBJECT_FIELD_MAX &&
	    r->len <= OBJECT_TEXT_MAX && r->stamp.hlc <= HLC_MAX &&
	    is_text(r->text, r->len);
}

size_t
object_size(const struct object *o)
{
	size_t size = OBJECT_OVERHEAD + o->key_len;

	for (size_t i = 0; i < o->n_regs; i++)
		size += REG_OVERHEAD + o->regs[i].len;
	return size;
}

bool
object_valid(const struct object *o)
{
	if (o->kind < OBJECT_SERVICE || o->kind > OBJECT_NODE ||
	    o->uid.seq == 0 || o->born > HLC_MAX || o->key_len == 0 ||
	    o->key_len > OBJECT_KEY_MAX || !is_text(o->key, o->key_len) ||
	    o->n_regs > OBJECT_REGS_MAX)
		return false;
	for (size_t i = 0; i < o->n_regs; i++) {
		if (!reg_valid(&o->regs[i]) ||
		    (i > 0 && o->regs[i].field <= o->regs[i - 1].field))
			return false;
	}
	return true;
}

const struct reg *
object_get(const struct object *o, uint16_t field)
{
	for (size_t i = 0; i < o->n_regs; i++)
		if (o->regs[i].field == field)
			return &o->regs[i];
	return NULL;
}

/* Of a field that both have, the later one. Returns how many there are. */
static size_t
join(const struct reg *a, size_t n_a, const struct reg *b, size_t n_b,
    struct reg out[OBJECT_REGS_MAX])
{
	size_t i = 0, j = 0, n = 0;

	while (n < OBJECT_REGS_MAX && (i < n_a || j < n_b)) {
		if (j == n_b || (i < n_a && a[i].field < b[j].field)) {
			out[n++] = a[i++];
		} else if (i == n_a || b[j].field < a[i].field) {
			out[n++] = b[j++];
		} else {
			out[n++] = reg_cmp_stamp(&a[i], &b[j]) >= 0 ? a[i]
								    : b[j];
			i++;
			j++;
		}
	}
	return n;
}

/* Does o have exactly these registers? They are of o or of another with the
 * same meaning. */
static bool
has_all(const struct object *o, const struct reg *regs, size_t n)
{
	if (o->n_regs != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (o->regs[i].field != regs[i].field ||
		    reg_cmp_stamp(&o->regs[i], &regs[i]) != 0)
			return false;
	return true;
}

struct object *
object_set(struct object *o, const struct reg *reg)
{
	struct reg regs[OBJECT_REGS_MAX];
	size_t n = join(o->regs, o->n_regs, reg, 1, regs);

	if (has_all(o, regs, n))
		return object_ref(o);
	return object_new(
	    o->kind, o->uid, o->born, o->key, o->key_len, regs, n);
}

static int
cmp_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int
cmp_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int cmp = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return cmp != 0 ? cmp : cmp_u64(a_len, b_len);
}

static int
cmp_identity(const struct object *a, const struct object *b)
{
	int cmp = cmp_u64(a->kind, b->kind);

	if (cmp == 0)
		cmp = cmp_u64(a->born, b->born);
	return cmp != 0 ? cmp
			: cmp_text(a->key, a->key_len, b->key, b->key_len);
}

struct object *
object_merge(struct object *a, struct object *b)
{
	struct reg regs[OBJECT_REGS_MAX];
	int cmp = cmp_identity(a, b);
	struct object *of = cmp >= 0 ? a : b;
	size_t n;

	GW_ASSERT(uid_cmp(a->uid, b->uid) == 0);
	n = join(a->regs, a->n_regs, b->regs, b->n_regs, regs);
	if (cmp >= 0 && has_all(a, regs, n))
		return object_ref(a);
	if (cmp <= 0 && has_all(b, regs, n))
		return object_ref(b);
	return object_new(
	    of->kind, of->uid, of->born, of->key, of->key_len, regs, n);
}

int
uid_cmp(struct uid a, struct uid b)
{
	int cmp = cmp_u64(a.writer, b.writer);

	return cmp != 0 ? cmp : cmp_u64(a.seq, b.seq);
}

int
reg_cmp_stamp(const struct reg *a, const struct reg *b)
{
	int cmp = cmp_u64(a->stamp.hlc, b->stamp.hlc);

	if (cmp == 0)
		cmp = cmp_u64(a->stamp.writer, b->stamp.writer);
	return cmp != 0 ? cmp : cmp_text(a->text, a->len, b->text, b->len);
}
