/* SPDX-License-Identifier: Apache-2.0 */
/* The table function: members in, one member per slot out, the same bytes on
 * every machine. Maglev (Eisenbud et al., NSDI 2016, section 3.4), made so that
 * a failure moves no slot but those of the member that failed.
 *
 * Two parts. The base is the weighted Maglev fill over the configured members;
 * it depends on names, weights, size and seed alone. The effective table is the
 * base with every slot whose owner does not take it (phi below full) given to
 * the first candidate that does. A change of one phi is a patch of the
 * effective table: it moves slots only from or to that member.
 *
 * Pure: no I/O, no clock, no globals. Members are numbered canonically, by
 * ascending (SipHash-2-4(seed, name), name); table_index_of maps the caller's
 * positions to these numbers. */
#ifndef BALANCER_CORE_TABLE_H
#define BALANCER_CORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define TABLE_SIZE_MIN     2u
#define TABLE_SIZE_MAX     (1u << 20)
#define TABLE_MEMBERS_MAX  32000u
#define TABLE_PHI_FULL     256u
#define TABLE_SEED_LEN     16
#define TABLE_DIGEST_LEN   16
#define TABLE_ALGO_VERSION 1u

struct table_member {
	const char *name; /* canonical text of its address; any bytes, no NUL */
	uint16_t weight;  /* 1..65535 */
	uint16_t phi;     /* 0..256: how much of its share it takes */
};

struct table;

/* Builds base and effective table for n members, in any order. size is a power
 * of two and at least n. Copies what it needs. NULL with errno set: EINVAL (a
 * bound above is broken, n is 0, a name is there twice) or ENOMEM. */
struct table *table_new(const struct table_member *members, size_t n,
    uint32_t size, const uint8_t seed[TABLE_SEED_LEN]);
void table_free(struct table *);

/* The table of the same members, each with the phi at the position at which it
 * was given to table_new: what that would build, for a tenth of its cost or
 * less. What does not depend on phi is shared with `from`, which may be freed
 * before or after; one thread may use the two. NULL with errno (EINVAL: a phi
 * over the bound, ENOMEM). */
struct table *table_with_phis(const struct table *from, const uint16_t *phis);

uint32_t table_size(const struct table *);
size_t table_members(const struct table *);

/* The effective table and the base: table_size() canonical member numbers. */
const uint16_t *table_slots(const struct table *);
const uint16_t *table_base(const struct table *);

/* The canonical number of the member that the caller passed at `position`, and
 * back. */
uint16_t table_index_of(const struct table *, size_t position);
size_t table_position_of(const struct table *, uint16_t index);

/* Sets one member's phi and patches the effective table: never a rebuild, but a
 * look at that member's slots and at those whose owners do not keep them. The
 * first change of a table also lists the slots by owner (a tenth of a rebuild).
 * Calls changed(ctx, slot) for each slot whose member is another one now, each
 * once, in no promised order; changed may be NULL. Never fails; the result is
 * the same bytes as table_new with the new phi. */
void table_set_phi(struct table *, uint16_t index, uint16_t phi,
    void (*changed)(void *ctx, uint32_t slot), void *ctx);

/* SHA-256 cut to 128 bits over: u32 TABLE_ALGO_VERSION, u32 M, u32 N, then per
 * member in canonical order u32 name length, name, u16 weight, u16 phi, then
 * M x u16 canonical number; every integer big endian. `slots` are what is
 * really served, translated back to canonical numbers (NULL: table_slots()), so
 * that a digest is proof of what is installed. One caller at a time: the
 * table's own hash context is used. */
void table_digest(const struct table *, const uint16_t *slots,
    uint8_t digest[TABLE_DIGEST_LEN]);

/* The walk of step 3 alone, over pairs the caller gives: any size >= 2 (a prime
 * as in the paper too), equal turns. For published test vectors. Fills
 * slots[size]. 0, or -1 with errno (EINVAL, ENOMEM). */
struct table_walk {
	uint32_t offset;
	uint32_t skip;
};
int table_fill_pairs(
    const struct table_walk *, size_t n, uint32_t size, uint16_t *slots);

#endif
