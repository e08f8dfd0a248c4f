/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/flows.h"

#define FLOWS_LEAST (FLOW_BUCKET * FLOWS_DIRTY_BUCKETS)

uint32_t
flows_round(uint32_t entries)
{
	uint32_t n = FLOWS_LEAST;

	while (n < entries && n < FLOWS_MAX)
		n *= 2;
	return n;
}

/* entries[], overflow[], dirty[] */
size_t
flows_size(uint32_t entries)
{
	return (size_t)entries * sizeof(struct flow_entry) +
	    FLOWS_SERVICES * sizeof(uint64_t) + entries / FLOWS_LEAST;
}

void
flows_lay(struct flows *f, void *memory, uint32_t entries)
{
	f->entries = memory;
	f->bucket_mask = entries / FLOW_BUCKET - 1;
	f->overflow = (uint64_t *)(void *)(f->entries + entries);
	f->dirty = (uint8_t *)(f->overflow + FLOWS_SERVICES);
	f->now = 0;
}

size_t
flows_recover(struct flows *f)
{
	size_t n = 0;

	for (uint32_t i = 0; i < flows_entries(f); i++)
		if ((f->entries[i].state & FLOW_BUSY) != 0) {
			f->entries[i].state = 0;
			n++;
		}
	return n;
}

/* Entry i as it is, whole: 0 if it is free or being written. */
static uint64_t
read_entry(const struct flows *f, uint32_t i, uint64_t *key)
{
	const struct flow_entry *e = &f->entries[i];

	if (FLOW_LOAD(&e->state) == 0)
		return 0;
	*key = FLOW_LOAD(&e->key);
	return flow_read(e - i % FLOW_BUCKET, i % FLOW_BUCKET, *key);
}

static bool
swap(struct flows *f, uint32_t i, uint64_t from, uint64_t to)
{
	return FLOW_SWAP(&f->entries[i].state, from, to);
}

static void
to_record(struct flow_record *r, uint64_t key, uint64_t state, uint32_t now)
{
	*r = (struct flow_record){
	    .hash = key,
	    .service = (uint16_t)FLOW_SERVICE(state),
	    .backend = (uint16_t)FLOW_BACKEND(state),
	    .flags = (uint8_t)((state & FLOW_UDP ? FLOW_RECORD_UDP : 0) |
		(state & FLOW_SYN_ONLY ? FLOW_RECORD_SYN_ONLY : 0) |
		(state & FLOW_CLOSING ? FLOW_RECORD_CLOSING : 0) |
		(state & FLOW_GUESSED ? FLOW_RECORD_GUESSED : 0) |
		(state & FLOW_ONCE ? FLOW_RECORD_ONCE : 0)),
	    .age_s = flow_age(state, now) / FLOWS_TICKS_S,
	};
}

static uint64_t
from_record(const struct flow_record *r, uint32_t now)
{
	uint32_t most = FLOW_TIME_MASK / 2 / FLOWS_TICKS_S;
	uint32_t age_s = r->age_s < most ? r->age_s : most;
	uint32_t time = now - age_s * FLOWS_TICKS_S;

	return FLOW_TIME_AT(time & FLOW_TIME_MASK) | FLOW_FOREIGN | FLOW_TOLD |
	    FLOW_SERVICE_AT(r->service & (FLOWS_SERVICES - 1)) | r->backend |
	    (r->flags & FLOW_RECORD_UDP ? FLOW_UDP : 0) |
	    (r->flags & FLOW_RECORD_SYN_ONLY ? FLOW_SYN_ONLY : 0) |
	    (r->flags & FLOW_RECORD_CLOSING ? FLOW_CLOSING : 0) |
	    (r->flags & FLOW_RECORD_GUESSED ? FLOW_GUESSED : 0) |
	    (r->flags & FLOW_RECORD_ONCE ? FLOW_ONCE : 0);
}

/* Two nodes know the same of a flow but for how far it has come. Equal to own:
 * there is nothing new. */
static uint64_t
merge(uint64_t own, uint64_t told, uint32_t now)
{
	bool newer = flow_age(told, now) < flow_age(own, now);
	uint64_t merged = own;

	if (newer)
		merged = (merged & ~FLOW_TIME_AT(FLOW_TIME_MASK)) |
		    (told & FLOW_TIME_AT(FLOW_TIME_MASK));
	if ((told & (FLOW_SYN_ONLY | FLOW_ONCE)) == 0) {
		/* The others know more of it. */
		merged |= own & FLOW_ONCE ? FLOW_TOLD : 0;
		merged &= ~(FLOW_SYN_ONLY | FLOW_ONCE);
	}
	if ((told & FLOW_GUESSED) == 0)
		merged &= ~FLOW_GUESSED;
	return merged | (told & FLOW_CLOSING);
}

/* They disagree where a flow belongs: who saw it begin is right; else who saw
 * it last. */
static bool
is_better(uint64_t own, uint64_t told, uint32_t now)
{
	if (((own ^ told) & FLOW_GUESSED) != 0)
		return (own & FLOW_GUESSED) != 0;
	return flow_age(told, now) < flow_age(own, now);
}

enum flows_import
flows_import(struct flows *f, const struct flow_record *r)
{
	struct flow_place place = flows_place(f, r->hash);
	uint64_t told = from_record(r, flows_now(f)), own, merged;
	uint32_t at;

	for (int i = 0; i < FLOW_TRIES; i++) {
		own = flow_find(place.bucket, r->hash, &at);
		if (own == 0) {
			if (flow_insert(&place, r->hash, told))
				return FLOWS_TAKEN;
			__sync_fetch_and_add(
			    &f->overflow[FLOW_SERVICE(told)], 1);
			return FLOWS_FULL;
		}
		if (((own ^ told) & FLOW_IDENTITY) == 0)
			merged = merge(own, told, flows_now(f));
		else
			merged = is_better(own, told, flows_now(f)) ? told
								    : own;
		if (merged == own)
			return FLOWS_KEPT;
		if (flow_change(place.bucket, at, own, merged))
			return FLOWS_TAKEN;
	}
	/* Packets of it come right now. */
	return FLOWS_KEPT;
}

size_t
flows_page(const struct flows *f, uint32_t *cursor, struct flow_record *records,
    size_t max)
{
	uint32_t i = *cursor / FLOW_BUCKET * FLOW_BUCKET;
	size_t n = 0;

	for (; i < flows_entries(f) && n + FLOW_BUCKET <= max; i += FLOW_BUCKET)
		for (uint32_t j = i; j < i + FLOW_BUCKET; j++) {
			uint64_t key, state = read_entry(f, j, &key);

			if (state != 0)
				to_record(
				    &records[n++], key, state, flows_now(f));
		}
	*cursor = i < flows_entries(f) ? i : flows_entries(f);
	return n;
}

/* What is untold in a block; false: the records are full. */
static bool
tell_block(struct flows *f, uint32_t block, struct flow_record *records,
    size_t max, size_t *n)
{
	uint32_t i = block * FLOWS_LEAST, end = i + FLOWS_LEAST;

	/* Before the entries are read: what is written from here on makes the
	 * block dirty anew. */
	(void)__atomic_exchange_n(&f->dirty[block], 0, __ATOMIC_SEQ_CST);
	for (; i < end; i++) {
		uint64_t key, state = read_entry(f, i, &key);

		if (state == 0 || (state & FLOW_TOLD) != 0)
			continue;
		if (*n == max || !swap(f, i, state, state | FLOW_TOLD)) {
			FLOW_MARK(&f->dirty[block]);
			if (*n == max)
				return false;
			continue;
		}
		to_record(&records[(*n)++], key, state, flows_now(f));
	}
	return true;
}

size_t
flows_told(
    struct flows *f, uint32_t *cursor, struct flow_record *records, size_t max)
{
	uint32_t blocks = flows_blocks(f), block = *cursor % blocks;
	size_t n = 0;

	for (uint32_t i = 0; i < blocks; i++) {
		if (__atomic_load_n(&f->dirty[block], __ATOMIC_ACQUIRE) != 0 &&
		    !tell_block(f, block, records, max, &n))
			break;
		block = (block + 1) % blocks;
	}
	*cursor = block;
	return n;
}

size_t
flows_drop_if(struct flows *f,
    bool (*dead)(void *ctx, uint16_t service, uint16_t backend), void *ctx)
{
	size_t n = 0;

	for (uint32_t i = 0; i < flows_entries(f); i++) {
		uint64_t state = FLOW_LOAD(&f->entries[i].state);

		/* Refreshed at this moment, perhaps more than once. */
		while (state != 0 && (state & FLOW_BUSY) == 0 &&
		    dead(ctx, (uint16_t)FLOW_SERVICE(state),
			(uint16_t)FLOW_BACKEND(state))) {
			if (swap(f, i, state, 0)) {
				n++;
				break;
			}
			state = FLOW_LOAD(&f->entries[i].state);
		}
	}
	return n;
}

struct pair {
	uint16_t service, backend;
};

static bool
is_pair(void *ctx, uint16_t service, uint16_t backend)
{
	const struct pair *pair = ctx;

	return service == pair->service && backend == pair->backend;
}

size_t
flows_drop(struct flows *f, uint16_t service, uint16_t backend)
{
	struct pair pair = {service, backend};

	return flows_drop_if(f, is_pair, &pair);
}

size_t
flows_count(const struct flows *f, uint16_t service, uint16_t backend)
{
	uint64_t identity = FLOW_SERVICE_AT(service) | backend;
	size_t n = 0;

	for (uint32_t i = 0; i < flows_entries(f); i++) {
		uint64_t state = FLOW_LOAD(&f->entries[i].state);

		n += state != 0 && (state & FLOW_BUSY) == 0 &&
		    (state & FLOW_IDENTITY) == identity;
	}
	return n;
}
