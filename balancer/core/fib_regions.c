/* SPDX-License-Identifier: Apache-2.0 */
/* Which services have their slots in common, and how what their slots settled
 * on goes over from one state to the next. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"
#include "common/flows_batch.h"

/* What a service's slots were until now. */
struct history {
	const struct fib *prev;
	const struct fib_region *region; /* NULL: none, they stand */
	uint32_t shift; /* a slot of that is 2^shift of these */
	const struct settled_batch *import; /* NULL: none */
	bool named;                         /* the service is in the import */
};

struct builder {
	struct fib *fib;
	const struct forwarding *state;
	const struct fib *prev;
	const struct settled_batch *import;
	uint32_t now;
	struct errmsg *why;
	struct history *histories; /* of regions */
	uint16_t *currents;        /* of one region: positions, then numbers */
	uint64_t n_slots;
};

static int
no_memory(const struct builder *b)
{
	return errmsg_set(b->why, "slots: out of memory");
}

static struct history
history_of(const struct builder *b, size_t i)
{
	const struct forwarding_service *s = &b->state->services[i];
	struct history h = {.prev = b->prev, .import = b->import};
	uint32_t at;
	size_t region;

	for (size_t j = 0; b->import != NULL && j < b->import->n_services; j++)
		if (strcmp(b->import->services[j].name, s->name) == 0 &&
		    b->import->services[j].table_size == s->table_size)
			h.named = true;
	if (b->prev == NULL ||
	    memcmp(b->prev->state->seed, b->state->seed,
		sizeof(b->state->seed)) != 0)
		return h;
	at = fib_service_position(b->prev, fib_service_number(b->fib, i));
	if (at == TABLES_NONE ||
	    (region = b->prev->services[at].region) == FIB_NO_REGION ||
	    b->prev->regions[region].size > s->table_size)
		return h;
	h.region = &b->prev->regions[region];
	h.shift = (uint32_t)__builtin_ctz(s->table_size) -
	    (uint32_t)__builtin_ctz(h.region->size);
	return h;
}

static bool
same_history(const struct history *a, const struct history *b)
{
	if (a->named || b->named)
		return false;
	if (a->region == b->region)
		return true;
	return a->region != NULL && b->region != NULL &&
	    a->region->moves == NULL && b->region->moves == NULL &&
	    a->region->table == b->region->table;
}

static bool
same_rule(const struct fib_service *a, const struct fib_service *b)
{
	return a->times.settle == b->times.settle &&
	    a->times.learn == b->times.learn && a->n_live == b->n_live &&
	    memcmp(a->live, b->live, a->n_live * sizeof(*a->live)) == 0;
}

/* What another node says that each slot has settled on; `number` of what does
 * not move is NUMBERS_NONE. */
struct imported {
	uint32_t number;
	uint32_t since;
};

static void
read_import(const struct builder *b, const char *name, uint32_t size,
    struct imported *to)
{
	for (uint32_t i = 0; i < size; i++)
		to[i].number = NUMBERS_NONE;
	for (size_t i = 0; i < b->import->n_services; i++) {
		const struct settled_service *s = &b->import->services[i];

		if (strcmp(s->name, name) != 0 || s->table_size != size)
			continue;
		for (size_t j = 0; j < s->n_slots; j++) {
			const struct settled_slot *slot = &s->slots[j];

			if (slot->slot >= size ||
			    slot->backend >= b->import->n_backends)
				continue;
			to[slot->slot].number = numbers_find(
			    b->fib->backend_numbers,
			    &b->import->backends[slot->backend]);
			to[slot->slot].since = b->now -
			    slot->age_s * MOVES_TICKS_PER_S;
		}
	}
}

/* A slot as it was: until now, and by another node's word. A slot that moved
 * here, and does not there, is as if its move were over. */
static struct moves_slot
slot_before(const struct history *h, const struct imported *imported,
    uint32_t i, uint16_t current, uint16_t *before)
{
	struct moves_slot was = moves_standing(current);

	*before = current;
	if (h->region != NULL) {
		*before = fib_current(h->prev, h->region, i >> h->shift);
		was = h->region->moves != NULL
		    ? h->region->moves->slots[i >> h->shift]
		    : moves_standing(*before);
	}
	if (h->import == NULL)
		return was;
	if (moves_moving(&was, *before))
		was.flags |= MOVES_MARKED | MOVES_SEEN;
	was.settled = *before;
	if (imported != NULL && imported[i].number != NUMBERS_NONE) {
		was.settled = (uint16_t)imported[i].number;
		was.since = imported[i].since;
		was.flags &= (uint8_t)~MOVES_ENDED;
		if (was.settled == *before)
			was.flags |= MOVES_ENDED | MOVES_MARKED | MOVES_SEEN;
	}
	return was;
}

static struct moves *
standing_moves(const uint16_t *currents, uint32_t size)
{
	struct moves *m = moves_new(size);

	for (uint32_t i = 0; m != NULL && i < size; i++)
		m->slots[i] = moves_standing(currents[i]);
	return m;
}

/* b->currents has the numbers. *moves: NULL if all stand. 0, or -1. */
static int
carry_slots(const struct builder *b, const struct fib_service *s,
    const struct history *h, const struct imported *imported, uint32_t size,
    struct moves **moves)
{
	for (uint32_t i = 0; i < size; i++) {
		uint16_t current = b->currents[i], before;
		struct moves_slot slot = slot_before(
		    h, imported, i, current, &before);
		bool lost = slot.settled != current &&
		    !fib_live(s, slot.settled);

		slot = moves_step(
		    slot, before, current, lost, &s->times, b->now);
		if (!moves_asks(&slot, current))
			continue;
		if (*moves == NULL &&
		    (*moves = standing_moves(b->currents, size)) == NULL)
			return no_memory(b);
		(*moves)->slots[i] = slot;
	}
	for (uint32_t i = 0; *moves != NULL && i < size; i++)
		moves_count_add(*moves, i, b->currents[i], &s->times, b->now);
	return 0;
}

static void
load_currents(
    const struct builder *b, const struct fib_service *s, uint32_t size)
{
	fib_table_to_slots(s->table, s->members, b->currents);
	for (uint32_t i = 0; i < size; i++)
		b->currents[i] = fib_number(b->fib, b->currents[i]);
}

static int
carry(const struct builder *b, size_t service, const struct history *h,
    struct moves **moves)
{
	const struct fib_service *s = &b->fib->services[service];
	const struct forwarding_service *from = &b->state->services[service];
	uint32_t size = from->table_size;
	struct imported *imported = NULL;
	int r;

	*moves = NULL;
	if (!h->named &&
	    (h->region == NULL ||
		(h->region->moves == NULL && h->region->table == s->table)))
		return 0;
	if (h->named) {
		if ((imported = calloc(size, sizeof(*imported))) == NULL)
			return no_memory(b);
		read_import(b, from->name, size, imported);
	}
	load_currents(b, s, size);
	r = carry_slots(b, s, h, imported, size, moves);
	free(imported);
	return r;
}

/* A region that this service's slots would be no others than, or n_regions.
 * moves: what its own would have; NULL while that is not known. */
static size_t
find_region(const struct builder *b, const struct fib_service *s,
    const struct history *h)
{
	size_t i;

	for (i = 0; i < b->fib->n_regions; i++) {
		const struct fib_region *r = &b->fib->regions[i];

		if (r->table == s->table && same_history(&b->histories[i], h) &&
		    same_rule(r->service, s))
			break;
	}
	return i;
}

static size_t
find_standing(const struct builder *b, const struct fib_service *s)
{
	size_t i;

	for (i = 0; i < b->fib->n_regions; i++)
		if (b->fib->regions[i].table == s->table &&
		    b->fib->regions[i].moves == NULL)
			break;
	return i;
}

static int
place_service(struct builder *b, size_t service)
{
	struct fib *fib = b->fib;
	struct fib_service *s = &fib->services[service];
	struct history h = history_of(b, service);
	struct moves *moves;

	if ((s->region = find_region(b, s, &h)) < fib->n_regions)
		return 0;
	if (carry(b, service, &h, &moves) == -1) {
		moves_free(moves);
		return -1;
	}
	if (moves == NULL && (s->region = find_standing(b, s)) < fib->n_regions)
		return 0;
	s->region = fib->n_regions++;
	b->histories[s->region] = h;
	fib->regions[s->region] = (struct fib_region){.table = s->table,
	    .service = s,
	    .size = b->state->services[service].table_size,
	    .moves = moves};
	return 0;
}

void
fib_put_slot(
    struct fib *fib, const struct fib_region *r, uint32_t i, uint32_t now)
{
	const struct tables *t = &fib->tables;
	const struct moves_slot *s = &r->moves->slots[i];
	uint32_t at = r->first_slot + i, chunk = at / FIB_CHANGED_SLOTS;
	uint16_t position = fib->slots[at] & SLOT_BACKEND_MASK;
	uint16_t current = fib_number(fib, position);
	uint16_t settled = fib->positions[s->settled & t->number_mask];

	if (moves_edge(s, current, &r->service->times, now))
		settled |= SETTLED_EDGE;
	if (moves_asks(s, current))
		position |= SLOT_ASK;
	if (fib->settled[at] == settled && fib->slots[at] == position)
		return;
	fib->settled[at] = settled;
	fib->slots[at] = position;
	fib->changed[chunk / 64] |= (uint64_t)1 << chunk % 64;
}

/* The largest first: so each begins at a multiple of its own size, which is a
 * power of two (struct endpoint_entry counts on it), and none leaves a gap. */
static void
place_regions(struct builder *b)
{
	uint32_t size = FORWARDING_TABLE_MAX;

	for (; size >= FORWARDING_TABLE_MIN; size /= 2) {
		for (size_t i = 0; i < b->fib->n_regions; i++) {
			struct fib_region *r = &b->fib->regions[i];

			if (r->size != size)
				continue;
			r->first_slot = (uint32_t)b->n_slots;
			b->n_slots += size;
		}
	}
}

static int
alloc_slots(struct builder *b)
{
	struct fib *fib = b->fib;

	fib->n_chunks = (size_t)(b->n_slots / FIB_CHANGED_SLOTS) + 1;
	if (b->n_slots > 1u << 31)
		return errmsg_set(b->why,
		    "%llu slots in all: make some table_size smaller",
		    (unsigned long long)b->n_slots);
	fib->slots = fib_array(
	    b->n_slots, sizeof(uint16_t), &fib->tables.slot_mask);
	fib->settled = fib_array(
	    b->n_slots, sizeof(uint16_t), &fib->tables.slot_mask);
	fib->changed = calloc(fib->n_chunks / 64 + 1, sizeof(*fib->changed));
	if (fib->slots != NULL && fib->settled != NULL && fib->changed != NULL)
		return 0;
	return errmsg_set(b->why, "%llu slots: out of memory",
	    (unsigned long long)b->n_slots);
}

static void
fill_region(const struct builder *b, const struct fib_region *r)
{
	struct fib *fib = b->fib;

	fib_table_to_slots(
	    r->table, r->service->members, fib->slots + r->first_slot);
	memcpy(fib->settled + r->first_slot, fib->slots + r->first_slot,
	    r->size * sizeof(uint16_t));
	for (uint32_t i = 0; r->moves != NULL && i < r->size; i++)
		fib_put_slot(fib, r, i, b->now);
}

static int
build_regions(struct builder *b)
{
	struct fib *fib = b->fib;
	size_t n = b->state->n_services;

	fib->regions = calloc(n + 1, sizeof(*fib->regions));
	b->histories = calloc(n + 1, sizeof(*b->histories));
	b->currents = malloc(FORWARDING_TABLE_MAX * sizeof(*b->currents));
	if (fib->regions == NULL || b->histories == NULL || b->currents == NULL)
		return no_memory(b);
	for (size_t i = 0; i < n; i++)
		if (fib->services[i].table != NULL && place_service(b, i) == -1)
			return -1;
	place_regions(b);
	if (alloc_slots(b) == -1)
		return -1;
	for (size_t i = 0; i < fib->n_regions; i++)
		fill_region(b, &fib->regions[i]);
	memset(
	    fib->changed, 0, (fib->n_chunks / 64 + 1) * sizeof(*fib->changed));
	for (size_t i = 0; i < n; i++)
		if (fib->services[i].region != FIB_NO_REGION)
			fib->services_fwd[i].first_slot =
			    fib->regions[fib->services[i].region].first_slot;
	return 0;
}

int
fib_build_regions(struct fib *fib, const struct forwarding *state,
    const struct fib_origin *origin, struct errmsg *why)
{
	struct builder b = {.fib = fib,
	    .state = state,
	    .prev = origin->prev,
	    .import = origin->import,
	    .now = origin->now,
	    .why = why};
	int r = build_regions(&b);

	free(b.histories);
	free(b.currents);
	return r;
}
