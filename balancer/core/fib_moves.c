/* SPDX-License-Identifier: Apache-2.0 */
/* What changes in a state while it is served: moves end, entries come and go.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"

/* One slot after the other may change, and is counted as it then is. Where
 * nothing is left, there are no moves. */
static void
update_region(struct fib *fib, struct fib_region *r, uint32_t now,
    void (*update)(struct moves_slot *, uint16_t current,
	const struct moves_times *, uint32_t now))
{
	const struct moves_times *times = &r->service->times;

	r->has_digest = false;
	moves_count_begin(r->moves);
	for (uint32_t i = 0; i < r->size; i++) {
		uint16_t current = fib_current(fib, r, i);
		struct moves_slot *s = &r->moves->slots[i];

		if (!moves_asks(s, current))
			continue;
		update(s, current, times, now);
		fib_put_slot(fib, r, i, now);
		moves_count_add(r->moves, i, current, times, now);
	}
	if (r->moves->asking > 0)
		return;
	moves_free(r->moves);
	r->moves = NULL;
}

static void
step_slot(struct moves_slot *s, uint16_t current,
    const struct moves_times *times, uint32_t now)
{
	*s = moves_step(*s, current, current, false, times, now);
}

void
fib_tick(struct fib *fib, uint32_t now)
{
	for (size_t i = 0; i < fib->n_regions; i++) {
		struct fib_region *r = &fib->regions[i];

		if (r->moves != NULL && r->moves->timed &&
		    (int32_t)(now - r->moves->due) >= 0)
			update_region(fib, r, now, step_slot);
	}
}

static struct fib_region *
region_of(struct fib *fib, size_t service)
{
	size_t region = fib->services[service].region;

	return region == FIB_NO_REGION ? NULL : &fib->regions[region];
}

static struct moves *
new_moves(const struct fib *fib, const struct fib_region *r)
{
	struct moves *m = moves_new(r->size);

	for (uint32_t i = 0; m != NULL && i < r->size; i++)
		m->slots[i] = moves_standing(fib_current(fib, r, i));
	return m;
}

/* Without memory the slot does not ask; it is tried again when the sweeper next
 * comes by. */
static void
mark(struct fib *fib, struct fib_region *r, uint32_t i, uint32_t now)
{
	struct moves_slot *s;

	if (r->moves == NULL && (r->moves = new_moves(fib, r)) == NULL)
		return;
	s = &r->moves->slots[i];
	if (!moves_asks(s, fib_current(fib, r, i)))
		r->moves->asking++;
	s->flags |= MOVES_MARKED | MOVES_SEEN;
	fib_put_slot(fib, r, i, now);
}

enum fib_need
fib_need(struct fib *fib, uint32_t service, uint64_t hash, uint16_t backend,
    uint32_t now)
{
	uint32_t at = fib_service_position(fib, service), i;
	struct fib_region *r;

	if (at == TABLES_NONE || (r = region_of(fib, at)) == NULL ||
	    !fib_live(&fib->services[at], backend))
		return FIB_DEAD;
	i = (uint32_t)(hash >> fib->services_fwd[at].shift);
	if (fib_current(fib, r, i) != backend) {
		mark(fib, r, i, now);
		return FIB_PINNED;
	}
	if (r->moves != NULL) {
		const struct moves_slot *s = &r->moves->slots[i];

		if (moves_moving(s, backend) || (s->flags & MOVES_ENDED) != 0)
			return FIB_MOVING;
	}
	return FIB_NEEDLESS;
}

bool
fib_fresh(struct fib *fib, uint32_t service, uint64_t hash, uint32_t ticks,
    uint32_t now)
{
	uint32_t at = fib_service_position(fib, service), i;
	const struct fib_region *r;
	const struct moves_slot *s;

	if (at == TABLES_NONE || (r = region_of(fib, at)) == NULL ||
	    r->moves == NULL)
		return false;
	i = (uint32_t)(hash >> fib->services_fwd[at].shift);
	s = &r->moves->slots[i];
	return moves_moving(s, fib_current(fib, r, i)) &&
	    now - s->since < ticks;
}

bool
fib_takes(const struct fib *fib, uint32_t service, uint32_t backend)
{
	uint32_t at = fib_service_position(fib, service);

	return at != TABLES_NONE && backend < FLOWS_NO_BACKEND &&
	    fib_live(&fib->services[at], (uint16_t)backend);
}

static void
end_pass(struct moves_slot *s, uint16_t current,
    const struct moves_times *times, uint32_t now)
{
	moves_pass_done(s);
}

void
fib_pass_done(struct fib *fib, uint32_t now)
{
	for (size_t i = 0; i < fib->n_regions; i++)
		if (fib->regions[i].moves != NULL)
			update_region(fib, &fib->regions[i], now, end_pass);
	numbers_pass_done(fib->backend_numbers);
	numbers_pass_done(fib->service_numbers);
}

struct fib_moving
fib_moving(const struct fib *fib, size_t service)
{
	size_t region = fib->services[service].region;
	const struct moves *m = region == FIB_NO_REGION
	    ? NULL
	    : fib->regions[region].moves;

	if (m == NULL)
		return (struct fib_moving){0, 0};
	return (struct fib_moving){m->moving, m->asking};
}

uint32_t
fib_held(const struct fib *fib, size_t service, size_t backend)
{
	size_t region = fib->services[service].region;
	uint16_t number = fib_backend_number(fib, backend);
	const struct fib_region *r;
	uint32_t n = 0;

	if (region == FIB_NO_REGION)
		return 0;
	r = &fib->regions[region];
	for (uint32_t i = 0; r->moves != NULL && i < r->size; i++)
		n += r->moves->slots[i].settled == number &&
		    fib_current(fib, r, i) != number;
	return n;
}

/* Chunks end where the slots do. */
static void
tell_changes(const struct fib *fib, uint64_t first, uint64_t end,
    void (*fn)(void *ctx, uint32_t first, uint32_t n), void *ctx)
{
	uint64_t n_slots = (uint64_t)fib->tables.slot_mask + 1;

	first *= FIB_CHANGED_SLOTS;
	end *= FIB_CHANGED_SLOTS;
	if (end > n_slots)
		end = n_slots;
	fn(ctx, (uint32_t)first, (uint32_t)(end - first));
}

static bool
chunk_changed(const struct fib *fib, uint64_t chunk)
{
	return (fib->changed[chunk / 64] >> chunk % 64 & 1) != 0;
}

void
fib_changes(struct fib *fib, void (*fn)(void *ctx, uint32_t first, uint32_t n),
    void *ctx)
{
	size_t begin;

	for (size_t i = 0; i < fib->n_chunks; i++) {
		if (!chunk_changed(fib, i))
			continue;
		for (begin = i; i < fib->n_chunks && chunk_changed(fib, i); i++)
			fib->changed[i / 64] &= ~((uint64_t)1 << i % 64);
		tell_changes(fib, begin, i, fn, ctx);
	}
}
