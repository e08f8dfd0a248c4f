/* SPDX-License-Identifier: Apache-2.0 */
/* The two hash tables that find a packet's service. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"
#include "balancer/core/lookup.h"
#include "balancer/core/siphash.h"

/* Tables begin with four places per entry and are doubled until each entry is
 * near where its hash points. With keyed hashes two doublings are rare; this
 * many never happen. */
#define PLACES_PER_ENTRY 4
#define DOUBLINGS_MAX    10

/* Key number i. The label begins with a NUL, which no member's name contains,
 * so that the table function never hashes the same text with this seed. */
static uint64_t
derive_key(const uint8_t seed[FORWARDING_SEED_LEN], uint8_t i)
{
	const uint8_t label[] = {0, 'p', 'a', 't', 'h', i};

	return siphash24(seed, label, sizeof(label));
}

static void
derive_keys(struct hash_keys *keys, const uint8_t seed[FORWARDING_SEED_LEN])
{
	uint8_t next = 0;
	uint64_t both;

	for (size_t i = 0; i < TUPLE_WORDS; i += 2) {
		both = derive_key(seed, next++);
		keys->tuple[i] = (uint32_t)both;
		keys->tuple[i + 1] = (uint32_t)(both >> 32);
	}
	keys->vip[0] = derive_key(seed, next++) | 1;
	keys->vip[1] = derive_key(seed, next++) | 1;
	keys->endpoint = derive_key(seed, next) | 1;
}

/* The number of this VIP, a new one if it has none; -1: no place within
 * TABLES_PROBE. */
static int
put_vip(struct tables *t, struct vip_entry *vips, const struct addr *addr,
    uint32_t *n_vips, uint32_t *vip)
{
	uint32_t words[4], at;
	uint64_t sum;

	memcpy(words, addr->bytes, sizeof(words));
	sum = vip_sum(t->keys, words);
	if ((*vip = lookup_vip(t, words, sum)) != TABLES_NONE)
		return 0;
	at = vip_hash(sum);
	for (uint32_t i = 0; i < TABLES_PROBE; i++) {
		struct vip_entry *e = &vips[(at + i) & t->vip_mask];

		if (e->vip != TABLES_NONE)
			continue;
		memcpy(e->addr, words, sizeof(words));
		e->vip = *vip = (*n_vips)++;
		return 0;
	}
	return -1;
}

_Static_assert(FORWARDING_TABLE_MIN >= SLOTS_BLOCK &&
	SLOTS_CHUNK / SLOTS_BLOCK - 1 <= UINT8_MAX,
    "an endpoint can say where each table begins");

static int
put_endpoint(struct tables *t, struct endpoint_entry *endpoints,
    const struct forwarding_endpoint *from, uint32_t vip, uint32_t service)
{
	const struct service_fwd *fwd = &t->services[service];
	const be16 port = BE16(from->port);
	uint32_t words[4], at;

	memcpy(words, from->vip.bytes, sizeof(words));
	at = endpoint_hash(
	    t->keys, vip_sum(t->keys, words), from->protocol, port);

	for (uint32_t i = 0; i < TABLES_PROBE; i++) {
		struct endpoint_entry *e =
		    &endpoints[(at + i) & t->endpoint_mask];

		if (e->key != ENDPOINT_FREE)
			continue;
		*e = (struct endpoint_entry){
		    .key = ENDPOINT_KEY(vip, from->protocol, port),
		    .chunk = fwd->first_slot / SLOTS_CHUNK,
		    .service = (uint16_t)service,
		    .block = (uint8_t)(fwd->first_slot % SLOTS_CHUNK /
			SLOTS_BLOCK),
		    .shift = fwd->flags & SERVICE_NO_BACKEND
			? 0
			: (uint8_t)fwd->shift,
		};
		return 0;
	}
	return -1;
}

/* Allocates both with room for n entries each, all free. */
static int
alloc_lookup(struct fib *fib, size_t n)
{
	struct tables *t = &fib->tables;

	free(fib->vips);
	free(fib->endpoints);
	t->vips = fib->vips = fib_array(
	    n, sizeof(struct vip_entry), &t->vip_mask);
	t->endpoints = fib->endpoints = fib_array(
	    n, sizeof(struct endpoint_entry), &t->endpoint_mask);
	if (fib->vips == NULL || fib->endpoints == NULL)
		return -1;
	for (size_t i = 0; i <= t->vip_mask; i++)
		fib->vips[i].vip = TABLES_NONE;
	for (size_t i = 0; i <= t->endpoint_mask; i++)
		fib->endpoints[i].key = ENDPOINT_FREE;
	return 0;
}

/* -1: some entry found no place. */
static int
fill_lookup(struct fib *fib, const struct forwarding *state)
{
	struct tables *t = &fib->tables;
	uint32_t n_vips = 0, vip;

	for (size_t i = 0; i < state->n_services; i++) {
		const struct forwarding_service *s = &state->services[i];

		for (size_t j = 0; j < s->n_endpoints; j++) {
			const struct forwarding_endpoint *e = &s->endpoints[j];

			if (put_vip(t, fib->vips, &e->vip, &n_vips, &vip) == -1)
				return -1;
			if (put_endpoint(
				t, fib->endpoints, e, vip, (uint32_t)i) == -1)
				return -1;
		}
	}
	return 0;
}

int
fib_build_lookup(
    struct fib *fib, const struct forwarding *state, struct errmsg *why)
{
	size_t n = 1;

	fib->keys = aligned_alloc(sizeof(*fib->keys), sizeof(*fib->keys));
	if (fib->keys == NULL)
		return errmsg_set(why, "endpoints: out of memory");
	derive_keys(fib->keys, state->seed);
	fib->tables.keys = fib->keys;
	for (size_t i = 0; i < state->n_services; i++)
		n += state->services[i].n_endpoints;
	n *= PLACES_PER_ENTRY;
	for (int doublings = 0; doublings <= DOUBLINGS_MAX; doublings++) {
		if (alloc_lookup(fib, n << doublings) == -1)
			return errmsg_set(why, "endpoints: out of memory");
		if (fill_lookup(fib, state) == 0)
			return 0;
	}
	return errmsg_set(why,
	    "endpoints: no hash table of %zu places holds them: is one there "
	    "twice?",
	    n << DOUBLINGS_MAX);
}
