/* SPDX-License-Identifier: Apache-2.0 */
/* The effective table: each slot at its owner, or, where the owner does not
 * keep it, at the first of its candidates that accepts it.
 *
 * Candidates depend on the base alone; whether one accepts a slot depends on
 * its own phi alone, and only grows with it. So another phi of member x moves
 * slots only from x or to x, and table_set_phi looks at nothing else. */
#include "config.h"

#include "balancer/core/table_impl.h"

#include <string.h>

#define CANDIDATES 64u              /* draws from the base, after the turn */
#define MIX_LAST   (CANDIDATES + 1) /* the draw of where to search from */
#define MIX_ACCEPT 0x80000000u      /* the draw of one member's partial share */

static inline uint32_t
mix(uint32_t slot, uint32_t draw)
{
	uint64_t z = ((uint64_t)draw << 32 | slot) + 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

/* A number below n from 32 random bits. */
static inline uint32_t
scale(uint32_t random, uint32_t n)
{
	return (uint32_t)((uint64_t)random * n >> 32);
}

static inline int
accepts(const struct table *t, uint32_t x, uint32_t slot)
{
	uint16_t phi = t->entries[x].phi;

	return phi >= TABLE_PHI_FULL ||
	    (phi > 0 && (mix(slot, MIX_ACCEPT | x) & 255) < phi);
}

/* How many of its slots a member keeps, the lowest first. */
static inline uint32_t
keeps(const struct table *t, uint32_t x, uint32_t phi)
{
	uint32_t quota = t->first[x + 1] - t->first[x];

	return (quota * phi + 255) >> 8;
}

/* Nobody accepted: the next member that takes anything at all. */
static uint16_t
last_resort(const struct table *t, uint32_t slot)
{
	uint32_t x;

	if (t->alive == 0)
		return t->base[slot];
	x = scale(mix(slot, MIX_LAST), t->n);
	while (t->entries[x].phi == 0)
		x = x + 1 < t->n ? x + 1 : 0;
	return (uint16_t)x;
}

/* Who has a slot that its owner does not keep. */
static uint16_t
choose(const struct table *t, uint32_t slot)
{
	uint32_t x = t->turns[t->rank[slot]];

	if (accepts(t, x, slot))
		return (uint16_t)x;
	for (uint32_t j = 1; j <= CANDIDATES; j++) {
		x = t->base[scale(mix(slot, j), t->size)];
		if (accepts(t, x, slot))
			return (uint16_t)x;
	}
	return last_resort(t, slot);
}

static inline void
set_released(struct table *t, uint32_t slot, int yes)
{
	uint64_t bit = (uint64_t)1 << (slot & 63);

	if (yes)
		t->released[slot >> 6] |= bit;
	else
		t->released[slot >> 6] &= ~bit;
}

void
table_effective(struct table *t)
{
	uint32_t kept, slot;

	memcpy(t->slots, t->base, t->size * sizeof(*t->slots));
	for (uint32_t a = 0; a < t->n; a++) {
		kept = t->first[a] + keeps(t, a, t->entries[a].phi);
		for (uint32_t k = kept; k < t->first[a + 1]; k++) {
			slot = t->owned[k];
			set_released(t, slot, 1);
			t->slots[slot] = choose(t, slot);
		}
	}
}

struct patch {
	struct table *table;
	void (*changed)(void *ctx, uint32_t slot);
	void *ctx;
};

static inline void
give(const struct patch *p, uint32_t slot, uint16_t x)
{
	if (p->table->slots[slot] == x)
		return;
	p->table->slots[slot] = x;
	if (p->changed != NULL)
		p->changed(p->ctx, slot);
}

/* x's own slots of rank `from` to `to` - 1: it keeps them again, or releases
 * them. */
static void
patch_owned(
    const struct patch *p, uint16_t x, uint32_t from, uint32_t to, int release)
{
	struct table *t = p->table;
	const uint32_t *owned = t->owned + t->first[x];

	for (uint32_t k = from; k < to; k++) {
		set_released(t, owned[k], release);
		give(p, owned[k], release ? choose(t, owned[k]) : x);
	}
}

/* The released slots: x may have to give some back, or may take some. */
static void
patch_released(const struct patch *p, uint16_t x, int lowered)
{
	struct table *t = p->table;
	uint32_t words = (t->size + 63) / 64, slot;

	for (uint32_t i = 0; i < words; i++) {
		for (uint64_t w = t->released[i]; w != 0; w &= w - 1) {
			slot = i * 64 + (uint32_t)__builtin_ctzll(w);
			if ((t->slots[slot] == x) == (lowered != 0))
				give(p, slot, choose(t, slot));
		}
	}
}

void
table_set_phi(struct table *t, uint16_t index, uint16_t phi,
    void (*changed)(void *ctx, uint32_t slot), void *ctx)
{
	struct patch p = {t, changed, ctx};
	struct table_entry *x = &t->entries[index];
	uint16_t old = x->phi;
	uint32_t kept = keeps(t, index, old), keep = keeps(t, index, phi);

	if (phi == old)
		return;
	x->phi = phi;
	t->alive += (phi > 0) - (old > 0);
	if (phi < old) {
		patch_released(&p, index, 1);
		patch_owned(&p, index, keep, kept, 1);
	} else {
		patch_owned(&p, index, kept, keep, 0);
		patch_released(&p, index, 0);
	}
}
