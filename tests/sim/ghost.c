/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/sim/ghost.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

/* A hash table that only grows, from 64 bits to a few more. */
struct slot {
	uint64_t key; /* 0: free */
	uint8_t value[REPLICA_DIGEST_LEN];
};

struct map {
	struct slot *slots;
	size_t n, room;
};

struct ghost {
	struct map removed, objects, roots;
};

static struct slot *
map_at(const struct map *m, uint64_t key)
{
	size_t i = key % m->room;

	while (m->slots[i].key != 0 && m->slots[i].key != key)
		i = (i + 1) % m->room;
	return &m->slots[i];
}

static void
map_grow(struct map *m)
{
	struct map next = {.room = m->room == 0 ? 256 : m->room * 2};

	next.slots = calloc(next.room, sizeof(*next.slots));
	GW_ASSERT(next.slots != NULL);
	for (size_t i = 0; i < m->room; i++)
		if (m->slots[i].key != 0)
			*map_at(&next, m->slots[i].key) = m->slots[i];
	next.n = m->n;
	free(m->slots);
	*m = next;
}

/* What stands at the key; if nothing does, value does from now on. */
static const uint8_t *
map_put(struct map *m, uint64_t key, const uint8_t *value)
{
	struct slot *s;

	if (m->n * 2 >= m->room)
		map_grow(m);
	s = map_at(m, key);
	if (s->key == 0) {
		s->key = key;
		m->n++;
		memcpy(s->value, value, sizeof(s->value));
	}
	return s->value;
}

static uint64_t
uid_key(struct uid uid)
{
	return sim_hash(uid.seq, &uid.writer, sizeof(uid.writer)) | 1;
}

struct ghost *
ghost_new(void)
{
	struct ghost *g = calloc(1, sizeof(*g));

	GW_ASSERT(g != NULL);
	return g;
}

void
ghost_free(struct ghost *g)
{
	if (g == NULL)
		return;
	free(g->removed.slots);
	free(g->objects.slots);
	free(g->roots.slots);
	free(g);
}

void
ghost_remove(struct ghost *g, struct uid uid)
{
	static const uint8_t nothing[REPLICA_DIGEST_LEN];

	map_put(&g->removed, uid_key(uid), nothing);
}

bool
ghost_was_removed(const struct ghost *g, struct uid uid)
{
	return g->removed.room > 0 &&
	    map_at(&g->removed, uid_key(uid))->key != 0;
}

bool
ghost_same_object(struct ghost *g, const struct object *o)
{
	uint64_t what[2] = {sim_hash(o->kind, o->key, o->key_len), o->born};

	return memcmp(
		   map_put(&g->objects, uid_key(o->uid), (const uint8_t *)what),
		   what, sizeof(what)) == 0;
}

const uint8_t *
ghost_root(struct ghost *g, const uint8_t *config, const uint8_t *observed,
    const uint8_t *root)
{
	uint64_t key = sim_hash(0, config, REPLICA_DIGEST_LEN);

	key = sim_hash(key, observed, REPLICA_DIGEST_LEN) | 1;
	return map_put(&g->roots, key, root);
}

struct promise *
promise_new(const struct delta *d)
{
	struct promise *p = calloc(1, sizeof(*p));

	GW_ASSERT(p != NULL);
	p->adds = calloc(d->n_adds + 1, sizeof(*p->adds));
	p->removes = calloc(d->n_removes + 1, sizeof(*p->removes));
	p->sets = calloc(d->n_sets + 1, sizeof(*p->sets));
	GW_ASSERT(p->adds != NULL && p->removes != NULL && p->sets != NULL);
	for (; p->n_adds < d->n_adds; p->n_adds++)
		p->adds[p->n_adds] = d->adds[p->n_adds]->uid;
	for (; p->n_removes < d->n_removes; p->n_removes++)
		p->removes[p->n_removes] = d->removes[p->n_removes];
	for (; p->n_sets < d->n_sets; p->n_sets++)
		p->sets[p->n_sets] = (struct promise_set){
		    d->sets[p->n_sets].uid, d->sets[p->n_sets].reg.field,
		    d->sets[p->n_sets].reg.stamp.hlc};
	return p;
}

void
promise_free(struct promise *p)
{
	if (p == NULL)
		return;
	free(p->adds);
	free(p->removes);
	free(p->sets);
	free(p);
}
