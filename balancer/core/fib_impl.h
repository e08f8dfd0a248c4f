/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the forwarding information base: for fib*.c and forward*.c alone. */
#ifndef BALANCER_CORE_FIB_IMPL_H
#define BALANCER_CORE_FIB_IMPL_H

#include "balancer/core/fib.h"
#include "balancer/core/moves.h"
#include "balancer/core/numbers.h"
#include "balancer/core/tables.h"

/* A table and what it was built from; services, and the states before and
 * after a change, share it where that is the same. */
struct fib_table;

/* One member of a service: where its slots point in this state. */
struct fib_member {
	struct addr addr;
	uint16_t weight, phi;
	uint16_t backend;
};

/* The table of these members (n > 0, sorted by address), one reference of the
 * caller's: one of `known` where it is the same (n_known of them, NULLs among
 * them), else built, from one of them where only phis differ. NULL with `why`.
 */
struct fib_table *fib_table_get(struct fib_table *const *known, size_t n_known,
    const uint8_t seed[FORWARDING_SEED_LEN], uint32_t size,
    const struct fib_member *, size_t n, struct errmsg *why);
void fib_table_unref(struct fib_table *);

/* slots[] from its members' positions in this state, and back. `members` as
 * given to fib_table_get. */
void fib_table_to_slots(
    const struct fib_table *, const struct fib_member *, uint16_t *slots);
/* 0, or -1: out of memory. */
int fib_table_digest(const struct fib_table *, const struct fib_member *,
    const uint16_t *slots, uint8_t digest[TABLE_DIGEST_LEN]);

#define FIB_NO_REGION SIZE_MAX

struct fib_service {
	struct fib_table *table;    /* NULL: no members */
	struct fib_member *members; /* sorted by address */
	size_t n_members;
	uint16_t *live; /* stable numbers of the members that connections may
			 * go to, ascending */
	size_t n_live;
	struct moves_times times;
	size_t region; /* FIB_NO_REGION: no members */
};

/* The slots of a table and what they settled on; services with the same of both
 * have them in common. */
struct fib_region {
	const struct fib_table *table;
	const struct fib_service *service; /* the first that has it */
	uint32_t first_slot, size;
	struct moves *moves; /* NULL: all stand */
	/* fib_settled_digest, until something changes; it is asked for again
	 * and again. */
	uint8_t digest[TABLE_DIGEST_LEN];
	bool has_digest;
};

/* Slots that are told as changed together. */
#define FIB_CHANGED_SLOTS 512

struct fib {
	struct tables tables; /* points at what follows */
	struct forwarding *state;
	struct fib_service *services;
	struct fib_region *regions;
	size_t n_regions;
	struct numbers *backend_numbers, *service_numbers;
	uint16_t *service_of; /* by stable number; FLOWS_NO_BACKEND: none */
	size_t n_chunks;
	uint64_t *changed; /* a bit for each FIB_CHANGED_SLOTS of slots */
	struct hash_keys *keys;
	struct vip_entry *vips;
	struct endpoint_entry *endpoints;
	struct service_fwd *services_fwd;
	uint16_t *slots, *settled;
	uint16_t *positions, *numbers;
	struct backend_fwd *backends;
};

/* A zeroed array of a power of two of entries, at least n, aligned to cache
 * lines; *mask becomes their number less one. NULL: out of memory. */
void *fib_array(size_t n, size_t entry_size, uint32_t *mask);

static inline uint16_t
fib_number(const struct fib *fib, uint32_t position)
{
	return fib->numbers[position & fib->tables.backend_mask];
}

/* The stable number that a slot's current is. i: in the region. */
static inline uint16_t
fib_current(const struct fib *fib, const struct fib_region *r, uint32_t i)
{
	return fib_number(
	    fib, fib->slots[r->first_slot + i] & SLOT_BACKEND_MASK);
}

/* May its connections go to this backend? */
bool fib_live(const struct fib_service *, uint16_t number);

/* Settled in a batch of other numbers than ours: by address. */
struct settled_batch;

/* Regions, slots and settled of all services, whose tables, live members and
 * times are there. With an import, what is in it counts in place of what prev
 * settled on. 0, or -1 with `why`. */
struct fib_origin;
int fib_build_regions(struct fib *, const struct forwarding *,
    const struct fib_origin *, struct errmsg *why);

/* Writes what packets see of a slot with moves. */
void fib_put_slot(
    struct fib *, const struct fib_region *, uint32_t i, uint32_t now);

/* What a state comes after; each may be NULL. */
struct fib_origin {
	const struct fib *prev;
	const struct settled_batch *import;
	const struct numbers *backend_numbers, *service_numbers;
	uint32_t now;
};

/* Numbers of services and backends, and arrays by them. 0, or -1 with `why`. */
int fib_build_numbers(struct fib *, const struct forwarding *,
    const struct fib_origin *, struct errmsg *why);

/* Fills keys, vips and endpoints. 0, or -1 with
 * `why`. */
int fib_build_lookup(
    struct fib *, const struct forwarding *, struct errmsg *why);

#endif
