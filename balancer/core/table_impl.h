/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the table function share: table.c (the object),
 * table_order.c (canonical order, quotas, turns), table_fill.c (the walk),
 * table_effective.c (phi, patch) and table_digest.c. For them and their tests
 * only. */
#ifndef BALANCER_CORE_TABLE_IMPL_H
#define BALANCER_CORE_TABLE_IMPL_H

#include <stdbool.h>

#include "balancer/core/table.h"

/* A member in its canonical place. */
struct table_entry {
	uint64_t hash;
	uint32_t name; /* where its name begins in table.names */
	uint32_t name_len;
	uint32_t position; /* in the caller's array */
	uint16_t weight;
	uint16_t phi;
};

/* Slots by owner: those of member i are owned[first[i]] .. owned[first[i + 1]
 * - 1], ascending; where a slot stands there is also the place in turns (the
 * list L of the design) that names the first candidate for it. owned is filled
 * when it is first needed: most tables never are without a member. */
struct table_sharing {
	size_t refs;
	bool owned_filled;
};

struct table {
	uint32_t size;
	uint32_t n;
	/* Nothing of this depends on a phi; table_with_phis shares it. */
	struct table_sharing *sharing;
	uint16_t *index_of; /* n, by the caller's position */
	char *names;
	uint32_t *first; /* n + 1 */
	uint32_t *owned; /* size */
	uint16_t *turns; /* size */
	uint16_t *base;  /* size */
	struct evp_md_ctx_st *sha256;
	/* Each table's own. */
	uint32_t alive;              /* members with phi > 0 */
	struct table_entry *entries; /* n, canonical order */
	uint16_t *slots;             /* size: the effective table */
	uint64_t *released; /* a bit per slot that its owner does not keep */
	uint16_t *second;   /* size: of a released slot, its first candidate */
};

/* Sorts by (hash, name). 0, or -1 with errno (ENOMEM, EINVAL: a name twice). */
int table_order(struct table_entry *, uint32_t n, const char *names);

/* Exact shares of `size` by largest remainder, at least 1 each. 0, or -1 with
 * errno ENOMEM. */
int table_quotas(
    const struct table_entry *, uint32_t n, uint32_t size, uint32_t *quotas);

/* Who takes a slot, turn by turn: each as often as its quota, evenly spread.
 * turns has room for size + TABLE_TURNS_PAD. 0, or -1 with errno ENOMEM. */
#define TABLE_TURNS_PAD 2
int table_turns(
    const uint32_t *quotas, uint32_t n, uint32_t size, uint16_t *turns);

/* The fill: base[size] from the members' walks (skip is odd, size is 2^k) and
 * the turns. vacant has a bit per slot that is free, 32 slots a word. */
struct fill_walk {
	uint32_t pos;
	uint32_t skip;
};

struct fill {
	struct fill_walk *walks;
	const uint16_t *turns;
	uint16_t *base;
	uint32_t *vacant;
	uint32_t *inverse; /* n: of the skips */
	void *list;        /* room for FILL_LIST_ROOM slots, 32-byte aligned */
	uint32_t n;
	uint32_t size;
	uint32_t words; /* of vacant */
};

/* The last slots are searched for in a list of what is free, which is quicker
 * than walking once there are few. */
#define FILL_LIST_MAX  1536u
#define FILL_LIST_ROOM (FILL_LIST_MAX + 64)

/* One way to go on with a fill from turn `from`; free slots of base are 0xffff
 * by then, vacant is not yet made. All give the same bytes. */
struct fill_kind {
	const char *name;
	bool (*usable)(void); /* on this machine */
	void (*run)(struct fill *, uint32_t from);
};
extern const struct fill_kind fill_portable;
extern const struct fill_kind fill_simd; /* never usable where there is none */

/* With the best kind for this machine, or with the one given. Walks are used
 * up. 0, or -1 with errno ENOMEM. */
int table_fill(const struct fill_kind *, struct fill_walk *, uint32_t n,
    uint32_t size, const uint16_t *turns, uint16_t *base);

/* For x odd: y with x * y = 1 modulo 2^32. */
static inline uint32_t
fill_inverse(uint32_t x)
{
	uint32_t y = x * 3 ^ 2; /* right in 5 bits; each step doubles them */

	y *= 2 - x * y;
	y *= 2 - x * y;
	return y * (2 - x * y);
}

/* slots, released and second from base, turns and the members' phi. */
void table_effective(struct table *);

/* Makes t->sha256. 0, or -1 when out of memory. */
int table_digest_init(struct table *);

#endif
