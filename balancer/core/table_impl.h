/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the table function share: table.c (the object),
 * table_order.c (canonical order, quotas), table_fill.c (the walk),
 * table_effective.c (phi, patch) and table_digest.c. For them and their tests
 * only. */
#ifndef BALANCER_CORE_TABLE_IMPL_H
#define BALANCER_CORE_TABLE_IMPL_H

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
 * - 1], ascending, so that the rank k of a slot is its place there. turns is
 * the list L of the design: the member whose turn it was, for each turn. */
struct table {
	uint32_t size;
	uint32_t n;
	uint32_t alive;              /* members with phi > 0 */
	struct table_entry *entries; /* n, canonical order */
	uint16_t *index_of;          /* n, by the caller's position */
	char *names;
	uint32_t *first;    /* n + 1 */
	uint32_t *owned;    /* size */
	uint32_t *rank;     /* size: where slot s stands in owned */
	uint16_t *turns;    /* size */
	uint16_t *base;     /* size */
	uint16_t *slots;    /* size: the effective table */
	uint64_t *released; /* a bit per slot that its owner does not keep */
	struct evp_md_ctx_st *sha256;
};

/* One member's walk over the slots of a table of 2^k slots. */
struct fill_walk {
	uint32_t pos;
	uint32_t skip; /* odd */
	uint32_t acc;  /* turns it is owed, in units of 1 / rounds */
	uint32_t quota;
};

/* Sorts by (hash, name). 0, or -1 with errno (ENOMEM, EINVAL: a name twice). */
int table_order(struct table_entry *, uint32_t n, const char *names);

/* Exact shares of `size` by largest remainder, at least 1 each. 0, or -1 with
 * errno ENOMEM. */
int table_quotas(
    const struct table_entry *, uint32_t n, uint32_t size, uint32_t *quotas);

/* Fills base and turns (step 3 of the design). Walks are used up. 0, or -1
 * with errno ENOMEM. */
int table_fill(struct fill_walk *, uint32_t n, uint32_t size, uint16_t *base,
    uint16_t *turns);

/* slots and released from base, turns and the members' phi. */
void table_effective(struct table *);

/* Makes t->sha256. 0, or -1 when out of memory. */
int table_digest_init(struct table *);

#endif
