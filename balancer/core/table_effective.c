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

/* A counting sort of the slots by owner. first serves as the places to write
 * next, which leaves each entry where the one after it began. */
static void
fill_owned(struct table *t)
{
	if (t->sharing->owned_filled)
		return;
	for (uint32_t s = 0; s < t->size; s++)
		t->owned[t->first[t->base[s]]++] = s;
	memmove(t->first + 1, t->first, t->n * sizeof(*t->first));
	t->first[0] = 0;
	t->sharing->owned_filled = true;
}

/* Who has a slot that its owner does not keep. */
static uint16_t
choose(const struct table *t, uint32_t slot)
{
	uint32_t x = t->second[slot];

	if (accepts(t, x, slot))
		return (uint16_t)x;
	for (uint32_t j = 1; j <= CANDIDATES; j++) {
		x = t->base[scale(mix(slot, j), t->size)];
		if (accepts(t, x, slot))
			return (uint16_t)x;
	}
	return last_resort(t, slot);
}

/* The owner does not keep owned[at]. Returns who has that slot now. */
static inline uint16_t
release(struct table *t, uint32_t at)
{
	uint32_t slot = t->owned[at];

	t->released[slot >> 6] |= (uint64_t)1 << (slot & 63);
	t->second[slot] = t->turns[at];
	return choose(t, slot);
}

void
table_effective(struct table *t)
{
	uint32_t kept;

	memcpy(t->slots, t->base, t->size * sizeof(*t->slots));
	for (uint32_t a = 0; a < t->n; a++) {
		if (t->entries[a].phi == TABLE_PHI_FULL)
			continue;
		fill_owned(t);
		kept = t->first[a] + keeps(t, a, t->entries[a].phi);
		for (uint32_t at = kept; at < t->first[a + 1]; at++)
			t->slots[t->owned[at]] = release(t, at);
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

/* Those of x's slots that it keeps no more, by their places in owned. */
static void
patch_lost(const struct patch *p, uint32_t from, uint32_t until)
{
	struct table *t = p->table;

	for (uint32_t at = from; at < until; at++)
		give(p, t->owned[at], release(t, at));
}

/* Those that it keeps again. */
static void
patch_regained(const struct patch *p, uint16_t x, uint32_t from, uint32_t until)
{
	struct table *t = p->table;

	for (uint32_t at = from; at < until; at++) {
		uint32_t slot = t->owned[at];

		t->released[slot >> 6] &= ~((uint64_t)1 << (slot & 63));
		give(p, slot, x);
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
	uint32_t kept, keep;

	if (phi == old)
		return;
	fill_owned(t);
	kept = t->first[index] + keeps(t, index, old);
	keep = t->first[index] + keeps(t, index, phi);
	x->phi = phi;
	t->alive += (phi > 0) - (old > 0);
	if (phi < old) {
		patch_released(&p, index, 1);
		patch_lost(&p, keep, kept);
	} else {
		patch_regained(&p, index, kept, keep);
		patch_released(&p, index, 0);
	}
}
