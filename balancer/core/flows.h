/* SPDX-License-Identifier: Apache-2.0 */
/* The table of flow entries, for the process that owns it; what packets do with
 * an entry, and what one is, is in flow.h. Everything here may run while
 * packets are forwarded, in this process and in the kernel. Services and
 * backends are stable numbers, never positions. */
#ifndef BALANCER_CORE_FLOWS_H
#define BALANCER_CORE_FLOWS_H

#include "balancer/core/flow.h"

#define FLOWS_DEFAULT 262144 /* entries: 4 MiB */
#define FLOWS_MAX     (1u << 24)

/* Where the arrays are: one piece of memory (flows_lay), or the maps of XDP,
 * whose mapping then looks the same. */
struct flows {
	struct flow_entry *entries;
	uint32_t bucket_mask;
	uint32_t now;       /* tick; see flows_set_time */
	uint8_t *dirty;     /* [flows_blocks] */
	uint64_t *overflow; /* [FLOWS_SERVICES] */
};

/* A power of two, at least one block of buckets and at most FLOWS_MAX. */
uint32_t flows_round(uint32_t entries);
/* How many bytes flows_lay makes use of. */
size_t flows_size(uint32_t entries);
/* Lays them into memory, aligned to 64 bytes or more, which stays the caller's:
 * all zeros is an empty table; one that a former process left is taken up after
 * flows_recover. `entries` as flows_round gives it. */
void flows_lay(struct flows *, void *memory, uint32_t entries);
/* Frees what no process is writing any more, nor ever could have written whole.
 * To be called when no packet comes here. Returns how many. */
size_t flows_recover(struct flows *);

static inline uint32_t
flows_entries(const struct flows *f)
{
	return (f->bucket_mask + 1) * FLOW_BUCKET;
}

static inline uint32_t
flows_blocks(const struct flows *f)
{
	return (f->bucket_mask + 1) / FLOWS_DIRTY_BUCKETS;
}

/* Milliseconds of CLOCK_BOOTTIME: the same for all processes, and it goes on
 * while the machine sleeps. To be called once a tick or more often. */
static inline void
flows_set_time(struct flows *f, int64_t boot_ms)
{
	__atomic_store_n(&f->now,
	    (uint32_t)(boot_ms / FLOWS_TICK_MS) & FLOW_TIME_MASK,
	    __ATOMIC_RELAXED);
}

static inline uint32_t
flows_now(const struct flows *f)
{
	return __atomic_load_n(&f->now, __ATOMIC_RELAXED);
}

static inline struct flow_place
flows_place(const struct flows *f, uint64_t hash)
{
	uint32_t bucket = (uint32_t)hash & f->bucket_mask;

	return (struct flow_place){
	    .bucket = &f->entries[(size_t)bucket * FLOW_BUCKET],
	    .dirty = &f->dirty[bucket / FLOWS_DIRTY_BUCKETS],
	    .overflow = f->overflow,
	    .now = flows_now(f),
	};
}

/* To be called some packets ahead of flow_choose. */
static inline void
flows_prefetch(const struct flows *f, uint64_t hash)
{
	const struct flow_entry *bucket = flows_place(f, hash).bucket;

	__builtin_prefetch(bucket);
	__builtin_prefetch(bucket + FLOW_BUCKET / 2);
}

/* The position of the backend for a whole packet whose slot has SLOT_ASK. */
static inline uint32_t
flow_choose(const struct tables *t, const struct flows *f,
    const struct route *route, enum flow_packet packet)
{
	struct flow_place place = flows_place(f, route->hash);

	return flow_choose_at(t, &place, route, packet);
}

/* The same without writing anything: fragments, ICMP errors, traces. `rule`:
 * why. */
static inline uint32_t
flow_look(const struct tables *t, const struct flows *f,
    const struct route *route, enum flow_packet packet, enum flow_rule *rule)
{
	struct flow_place place = flows_place(f, route->hash);

	return flow_look_at(t, &place, route, packet, rule);
}

/* An entry as nodes tell each other. */
#define FLOW_RECORD_UDP      (1u << 0)
#define FLOW_RECORD_SYN_ONLY (1u << 1)
#define FLOW_RECORD_CLOSING  (1u << 2)
#define FLOW_RECORD_GUESSED  (1u << 3)
#define FLOW_RECORD_ONCE     (1u << 4)
struct flow_record {
	uint64_t hash;
	uint16_t service, backend;
	uint8_t flags;  /* FLOW_RECORD_... */
	uint32_t age_s; /* since the last packet, rounded down */
};

/* Takes over what a peer says, with the caller's word for it that service and
 * backend are there and not down. */
enum flows_import {
	FLOWS_TAKEN,
	FLOWS_KEPT, /* what is here is as good, or better */
	FLOWS_FULL, /* no room; counted in overflow */
};
enum flows_import flows_import(struct flows *, const struct flow_record *);

/* Up to max >= FLOW_BUCKET entries from *cursor (0: the beginning) on, which is
 * moved; at flows_entries() all have been seen. */
size_t flows_page(const struct flows *, uint32_t *cursor,
    struct flow_record *records, size_t max);

/* Up to max >= FLOW_BUCKET entries that peers have not been told of, which then
 * count as told. *cursor (0 at first) goes round, so that all have their turn.
 * 0: there is nothing. */
size_t flows_told(
    struct flows *, uint32_t *cursor, struct flow_record *records, size_t max);

/* Frees those for which `dead` is true; returns how many. */
size_t flows_drop_if(struct flows *,
    bool (*dead)(void *ctx, uint16_t service, uint16_t backend), void *ctx);
/* The entries of a service that name a backend: frees or counts them. */
size_t flows_drop(struct flows *, uint16_t service, uint16_t backend);
size_t flows_count(const struct flows *, uint16_t service, uint16_t backend);

#endif
