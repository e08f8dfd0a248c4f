/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the forwarding information base: for fib*.c and forward*.c alone. */
#ifndef BALANCER_CORE_FIB_IMPL_H
#define BALANCER_CORE_FIB_IMPL_H

#include "balancer/core/fib.h"
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

struct fib_service {
	struct fib_table *table;    /* NULL: no members */
	struct fib_member *members; /* sorted by address */
	size_t n_members;
};

struct fib {
	struct tables tables; /* points at what follows */
	struct forwarding *state;
	struct fib_service *services;
	struct hash_keys *keys;
	struct vip_entry *vips;
	struct endpoint_entry *endpoints;
	struct service_fwd *services_fwd;
	uint16_t *slots;
	struct backend_fwd *backends;
};

/* A zeroed array of a power of two of entries, at least n, aligned to cache
 * lines; *mask becomes their number less one. NULL: out of memory. */
void *fib_array(size_t n, size_t entry_size, uint32_t *mask);

/* Fills keys, vips and endpoints, once the services are. 0, or -1 with `why`.
 */
int fib_build_lookup(
    struct fib *, const struct forwarding *, struct errmsg *why);

#endif
