/* SPDX-License-Identifier: Apache-2.0 */
/* The Maglev fill: members take turns at the next free slot of their walks.
 *
 * A walk that looks at one slot after the other ends at a branch nobody can
 * predict. So four slots are looked at together, and the first free one is
 * picked without a branch: in the table itself at first, where a look does not
 * have to wait for what was written just before, then in a bitset that stays in
 * the first cache. When few slots are free it is quicker to ask each of them
 * how many steps away it is: (slot - pos) / skip modulo the size, which is a
 * multiplication since a skip is odd. */
#include "config.h"

#include "balancer/core/table_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FREE UINT16_MAX /* over any member number */

/* In the table itself up to this share of slots taken, in 256ths, and asking
 * each of so many at the end: measured, and not critical. */
#define LOOK_IN_BASE  168u
#define LIST_PORTABLE 256u

/* 1 or 0, times 1 << n, for the slot n steps ahead. */
static inline uint32_t
is_free(uint16_t member, unsigned n)
{
	return (uint32_t)(member >> 15) << n; /* FREE alone has the top bit */
}

static uint32_t
walk_base(struct fill *f, uint32_t until)
{
	uint32_t mask = f->size - 1;
	uint16_t *base = f->base;

	memset(base, 0xff, f->size * sizeof(*base));
	for (uint32_t turn = 0; turn < until; turn++) {
		struct fill_walk *w = &f->walks[f->turns[turn]];
		uint32_t p = w->pos, skip = w->skip, found;

		for (;; p = (p + 4 * skip) & mask) {
			found = is_free(base[p], 0) |
			    is_free(base[(p + skip) & mask], 1) |
			    is_free(base[(p + 2 * skip) & mask], 2) |
			    is_free(base[(p + 3 * skip) & mask], 3);
			if (__builtin_expect(found != 0, 1))
				break;
		}
		p = (p + (uint32_t)__builtin_ctz(found) * skip) & mask;
		base[p] = f->turns[turn];
		w->pos = (p + skip) & mask;
	}
	return until;
}

static inline uint32_t
is_vacant(const uint32_t *vacant, uint32_t slot, unsigned n)
{
	return (vacant[slot >> 5] >> (slot & 31) & 1) << n;
}

static void
walk_vacant(struct fill *f, uint32_t from, uint32_t until)
{
	uint32_t mask = f->size - 1;
	uint32_t *vacant = f->vacant;

	for (uint32_t turn = from; turn < until; turn++) {
		struct fill_walk *w = &f->walks[f->turns[turn]];
		uint32_t p = w->pos, skip = w->skip, found;

		for (;; p = (p + 4 * skip) & mask) {
			found = is_vacant(vacant, p, 0) |
			    is_vacant(vacant, (p + skip) & mask, 1) |
			    is_vacant(vacant, (p + 2 * skip) & mask, 2) |
			    is_vacant(vacant, (p + 3 * skip) & mask, 3);
			if (__builtin_expect(found != 0, 1))
				break;
		}
		p = (p + (uint32_t)__builtin_ctz(found) * skip) & mask;
		vacant[p >> 5] &= ~((uint32_t)1 << (p & 31));
		f->base[p] = f->turns[turn];
		w->pos = (p + skip) & mask;
	}
}

/* What is free goes into a list, and base says of each where it stands there.
 * No order is kept: the last fills the hole. */
static uint32_t
list_vacant(struct fill *f)
{
	uint32_t *list = f->list, n = 0, slot;

	for (uint32_t i = 0; i < f->words; i++) {
		for (uint32_t w = f->vacant[i]; w != 0; w &= w - 1) {
			slot = i * 32 + (uint32_t)__builtin_ctz(w);
			f->base[slot] = (uint16_t)n;
			list[n++] = slot;
		}
	}
	return n;
}

static void
ask_each(struct fill *f, uint32_t from)
{
	uint32_t mask = f->size - 1, n = list_vacant(f), steps, best, p;
	uint32_t *list = f->list;

	for (uint32_t turn = from; turn < f->size; turn++) {
		struct fill_walk *w = &f->walks[f->turns[turn]];
		uint32_t inverse = f->inverse[f->turns[turn]];

		best = mask;
		for (uint32_t i = 0; i < n; i++) {
			steps = (list[i] - w->pos) * inverse & mask;
			best = steps < best ? steps : best;
		}
		p = (w->pos + best * w->skip) & mask;
		n--;
		list[f->base[p]] = list[n];
		f->base[list[n]] = f->base[p];
		f->base[p] = f->turns[turn];
		w->pos = (p + w->skip) & mask;
	}
}

static void
find_vacant(struct fill *f)
{
	for (uint32_t i = 0; i < f->words; i++) {
		uint32_t w = 0;

		for (uint32_t b = 0; b < 32 && b < f->size; b++)
			w |= (uint32_t)(f->base[32 * i + b] >> 15) << b;
		f->vacant[i] = w;
	}
}

static void
run_portable(struct fill *f, uint32_t from)
{
	uint32_t listed = f->size < LIST_PORTABLE ? f->size : LIST_PORTABLE;
	uint32_t last = f->size - listed > from ? f->size - listed : from;

	find_vacant(f);
	walk_vacant(f, from, last);
	ask_each(f, last);
}

static bool
always(void)
{
	return true;
}

const struct fill_kind fill_portable = {"portable", always, run_portable};

int
table_fill(const struct fill_kind *kind, struct fill_walk *walks, uint32_t n,
    uint32_t size, const uint16_t *turns, uint16_t *base)
{
	struct fill f = {
	    .walks = walks,
	    .turns = turns,
	    .base = base,
	    .vacant = malloc((size + 31) / 32 * sizeof(*f.vacant)),
	    .inverse = malloc(n * sizeof(*f.inverse)),
	    .list = aligned_alloc(32, FILL_LIST_ROOM * sizeof(uint32_t)),
	    .n = n,
	    .size = size,
	    .words = (size + 31) / 32,
	};
	int rc = -1;

	if (kind == NULL)
		kind = fill_simd.usable() ? &fill_simd : &fill_portable;
	if (f.vacant != NULL && f.inverse != NULL && f.list != NULL) {
		for (uint32_t i = 0; i < n; i++)
			f.inverse[i] = fill_inverse(walks[i].skip);
		kind->run(&f,
		    walk_base(
			&f, (uint32_t)((uint64_t)size * LOOK_IN_BASE >> 8)));
		rc = 0;
	}
	free(f.vacant);
	free(f.inverse);
	free(f.list);
	return rc;
}

static uint32_t
gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

int
table_fill_pairs(
    const struct table_walk *walks, size_t n, uint32_t size, uint16_t *slots)
{
	uint32_t *pos, filled = 0;

	if (n == 0 || n > TABLE_MEMBERS_MAX || size < TABLE_SIZE_MIN ||
	    size > TABLE_SIZE_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (walks[i].offset < size && walks[i].skip < size &&
		    gcd(walks[i].skip, size) == 1)
			continue;
		errno = EINVAL; /* such a walk does not come by every slot */
		return -1;
	}
	if ((pos = malloc(n * sizeof(*pos))) == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		pos[i] = walks[i].offset;
	memset(slots, 0xff, size * sizeof(*slots));
	for (size_t i = 0; filled < size; i = i + 1 < n ? i + 1 : 0) {
		while (slots[pos[i]] != FREE)
			pos[i] = (pos[i] + walks[i].skip) % size;
		slots[pos[i]] = (uint16_t)i;
		filled++;
	}
	free(pos);
	return 0;
}
