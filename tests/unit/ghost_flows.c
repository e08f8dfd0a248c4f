/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/ghost_flows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/log.h"

static struct ghost_entry *
at(const struct ghost_flows *g, uint64_t hash)
{
	size_t i = (hash * UINT64_C(0x9e3779b97f4a7c15)) % g->room;

	while (g->entries[i].hash != 0 && g->entries[i].hash != hash)
		i = (i + 1) % g->room;
	return &g->entries[i];
}

static void
put(struct ghost_flows *g, uint64_t hash, const struct addr *backend)
{
	struct ghost_flows next = {.room = g->room == 0 ? 64 : g->room * 2};
	struct ghost_entry *e;

	if (g->n * 2 >= g->room) {
		next.entries = calloc(next.room, sizeof(*next.entries));
		GW_ASSERT(next.entries != NULL);
		for (size_t i = 0; i < g->room; i++)
			if (g->entries[i].hash != 0)
				*at(&next, g->entries[i].hash) = g->entries[i];
		free(g->entries);
		g->entries = next.entries;
		g->room = next.room;
	}
	e = at(g, hash);
	g->n += e->hash == 0;
	*e = (struct ghost_entry){hash, *backend};
}

void
ghost_flows_clear(struct ghost_flows *g)
{
	free(g->entries);
	free(g->untold);
	memset(g, 0, sizeof(*g));
}

void
ghost_flows_born(
    struct ghost_flows *g, uint64_t hash, const struct addr *backend)
{
	put(g, hash, backend);
	if (g->n_untold == g->room_untold) {
		g->room_untold = g->room_untold * 2 + 16;
		g->untold = reallocarray(
		    g->untold, g->room_untold, sizeof(*g->untold));
		GW_ASSERT(g->untold != NULL);
	}
	g->untold[g->n_untold++] = (struct ghost_entry){hash, *backend};
}

const struct ghost_entry *
ghost_flows_find(const struct ghost_flows *g, uint64_t hash)
{
	const struct ghost_entry *e = g->room > 0 ? at(g, hash) : NULL;

	return e != NULL && e->hash != 0 ? e : NULL;
}

void
ghost_flows_digest(
    const struct ghost_flows *g, uint8_t digest[REPLICA_DIGEST_LEN])
{
	uint64_t sum[2] = {0, 0};

	for (size_t s = 0; s < GHOST_SLOTS; s++) {
		if (addr_is_none(&g->settled[s]))
			continue;
		for (size_t i = 0; i < 16; i++) {
			sum[0] = (sum[0] + g->settled[s].bytes[i] + s + 1) *
			    UINT64_C(0x100000001b3);
			sum[1] = (sum[1] ^ sum[0]) *
			    UINT64_C(0x9e3779b97f4a7c15);
		}
	}
	_Static_assert(sizeof(sum) == REPLICA_DIGEST_LEN, "digest");
	memcpy(digest, sum, sizeof(sum));
}

static void *
must(void *p)
{
	GW_ASSERT(p != NULL);
	return p;
}

static struct flow_reply *
reply_new(uint64_t id, enum flow_ask what)
{
	struct arena *arena = must(arena_new());
	struct flow_reply *r = must(arena_alloc(arena, 1, sizeof(*r)));

	r->arena = arena;
	r->id = id;
	r->what = what;
	return r;
}

static uint16_t
position(struct addr *backends, size_t *n, const struct addr *a)
{
	for (size_t i = 0; i < *n; i++)
		if (addr_cmp(&backends[i], a) == 0)
			return (uint16_t)i;
	backends[*n] = *a;
	return (uint16_t)(*n)++;
}

static void
fill(struct flow_reply *r, uint64_t print, const struct ghost_entry *entries,
    size_t n)
{
	struct flow_batch *b = &r->flows;

	b->seed_print = print;
	b->backends = must(arena_alloc(r->arena, n, sizeof(*b->backends)));
	b->services = must(arena_alloc(r->arena, 1, sizeof(*b->services)));
	b->n_services = n > 0;
	b->services[0].name = "web";
	b->services[0].flows = must(
	    arena_alloc(r->arena, n, sizeof(*b->services[0].flows)));
	b->services[0].n_flows = n;
	for (size_t i = 0; i < n; i++)
		b->services[0].flows[i] = (struct flow_told){
		    .hash = entries[i].hash,
		    .backend = position(
			b->backends, &b->n_backends, &entries[i].backend)};
}

static void
page(const struct ghost_flows *g, uint64_t print, struct flow_reply *r,
    size_t cursor)
{
	struct ghost_entry *found = must(
	    calloc(FLOWS_PAGE_MAX, sizeof(*found)));
	size_t n = 0;

	for (; cursor < g->room && n < FLOWS_PAGE_MAX; cursor++)
		if (g->entries[cursor].hash != 0)
			found[n++] = g->entries[cursor];
	fill(r, print, found, n);
	r->next = (uint32_t)cursor;
	r->more = cursor < g->room;
	free(found);
}

static void
learn(struct ghost_flows *g, uint64_t print, struct flow_reply *r,
    const struct flow_batch *b)
{
	if (b->seed_print != print) {
		r->refusal = "of another seed";
		return;
	}
	for (size_t i = 0; i < b->n_services; i++)
		for (size_t j = 0; j < b->services[i].n_flows; j++) {
			const struct flow_told *f = &b->services[i].flows[j];

			put(g, f->hash, &b->backends[f->backend]);
			r->taken++;
		}
	g->learnt += r->taken;
}

static void
tell_settled(const struct ghost_flows *g, uint64_t print, struct flow_reply *r)
{
	struct settled_batch *b = &r->settled;
	struct settled_service *s = must(arena_alloc(r->arena, 1, sizeof(*s)));

	b->seed_print = print;
	b->backends = must(
	    arena_alloc(r->arena, GHOST_SLOTS, sizeof(*b->backends)));
	b->services = s;
	s->name = "web";
	s->table_size = GHOST_SLOTS;
	s->slots = must(arena_alloc(r->arena, GHOST_SLOTS, sizeof(*s->slots)));
	for (uint32_t i = 0; i < GHOST_SLOTS; i++)
		if (!addr_is_none(&g->settled[i]))
			s->slots[s->n_slots++] = (struct settled_slot){
			    .slot = i,
			    .backend = position(
				b->backends, &b->n_backends, &g->settled[i])};
	b->n_services = s->n_slots > 0;
}

static void
settle(struct ghost_flows *g, const struct settled_batch *b)
{
	memset(g->settled, 0, sizeof(g->settled));
	for (size_t i = 0; i < b->n_services; i++)
		for (size_t j = 0; j < b->services[i].n_slots; j++) {
			const struct settled_slot *s = &b->services[i].slots[j];

			g->settled[s->slot] = b->backends[s->backend];
		}
	g->settles++;
}

static void
hold(const struct ghost_flows *g, struct flow_reply *r,
    const struct flow_request *q)
{
	for (size_t i = 0; i < g->room; i++)
		r->held.entries += g->entries[i].hash != 0 &&
		    addr_cmp(&g->entries[i].backend, &q->backend) == 0;
	for (size_t i = 0; i < GHOST_SLOTS; i++)
		r->held.slots += addr_cmp(&g->settled[i], &q->backend) == 0;
}

struct flow_reply *
ghost_flows_answer(struct ghost_flows *g, uint64_t print, uint64_t id,
    const struct flow_request *q)
{
	struct flow_reply *r = reply_new(id, q->what);

	switch (q->what) {
	case FLOW_FOLLOW:
		g->follow_id = id;
		break;
	case FLOW_LEARN:
		learn(g, print, r, q->flows);
		break;
	case FLOW_PAGE:
		page(g, print, r, q->cursor);
		break;
	case FLOW_SETTLED:
		tell_settled(g, print, r);
		break;
	case FLOW_SETTLE:
		settle(g, q->settled);
		break;
	case FLOW_HELD:
		hold(g, r, q);
		break;
	}
	return r;
}

struct flow_reply *
ghost_flows_tell(struct ghost_flows *g, uint64_t print)
{
	size_t n = MIN(g->n_untold, (size_t)FLOWS_BATCH_MAX);
	struct flow_reply *r;

	if (n == 0 || g->follow_id == 0)
		return NULL;
	r = reply_new(g->follow_id, FLOW_FOLLOW);
	fill(r, print, g->untold, n);
	g->n_untold -= n;
	memmove(g->untold, g->untold + n, g->n_untold * sizeof(*g->untold));
	return r;
}
