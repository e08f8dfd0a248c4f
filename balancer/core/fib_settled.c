/* SPDX-License-Identifier: Apache-2.0 */
/* What slots have settled on, as other nodes understand it. */
#include "config.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"
#include "common/arena.h"
#include "common/flows_batch.h"

static void
get_slot(const struct fib *fib, const struct fib_region *r, uint32_t i,
    uint32_t now, struct settled_slot *out)
{
	const struct moves_slot *s = &r->moves->slots[i];
	uint32_t age_s = (now - s->since) / MOVES_TICKS_PER_S;

	out->slot = i;
	out->backend = fib->positions[s->settled & fib->tables.number_mask];
	out->age_s = age_s < FLOWS_AGE_MAX ? age_s : FLOWS_AGE_MAX;
}

static bool
is_moving(const struct fib *fib, const struct fib_region *r, uint32_t i)
{
	return moves_moving(&r->moves->slots[i], fib_current(fib, r, i));
}

/* One whose move has ended not long ago is told as well: it has settled on
 * current, and its entries are still of use. */
static bool
is_told(const struct fib *fib, const struct fib_region *r, uint32_t i)
{
	return (r->moves->slots[i].flags & MOVES_ENDED) != 0 ||
	    is_moving(fib, r, i);
}

static int
put_service(const struct fib *fib, const struct fib_region *r, uint32_t now,
    struct arena *arena, struct settled_service *to)
{
	size_t room = r->moves->asking;

	to->table_size = r->size;
	to->slots = arena_alloc(arena, room, sizeof(*to->slots));
	if (to->slots == NULL)
		return -1;
	for (uint32_t i = 0; i < r->size && to->n_slots < room; i++)
		if (is_told(fib, r, i))
			get_slot(fib, r, i, now, &to->slots[to->n_slots++]);
	return 0;
}

int
fib_settled(const struct fib *fib, uint32_t now, struct arena *arena,
    struct settled_batch *batch)
{
	const struct forwarding *f = fib->state;

	*batch = (struct settled_batch){.seed_print = flows_seed_print(f->seed),
	    .n_backends = f->n_backends};
	batch->backends = arena_alloc(
	    arena, f->n_backends, sizeof(*batch->backends));
	batch->services = arena_alloc(
	    arena, f->n_services, sizeof(*batch->services));
	if (batch->backends == NULL || batch->services == NULL)
		return -1;
	for (size_t i = 0; i < f->n_backends; i++)
		batch->backends[i] = f->backends[i];
	for (size_t i = 0; i < f->n_services; i++) {
		struct settled_service *to =
		    &batch->services[batch->n_services];
		size_t region = fib->services[i].region;

		if (fib_moving(fib, i).asking == 0)
			continue;
		to->name = arena_copy(
		    arena, f->services[i].name, strlen(f->services[i].name));
		if (to->name == NULL ||
		    put_service(fib, &fib->regions[region], now, arena, to) ==
			-1)
			return -1;
		batch->n_services++;
	}
	return 0;
}

static bool
hash_slots(EVP_MD_CTX *md, const struct fib *fib, const struct fib_region *r)
{
	struct settled_slot slot;
	bool ok = true;

	for (uint32_t i = 0; ok && i < r->size; i++) {
		uint8_t number[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16),
		    (uint8_t)(i >> 8), (uint8_t)i};

		if (!is_moving(fib, r, i))
			continue;
		get_slot(fib, r, i, 0, &slot);
		ok = EVP_DigestUpdate(md, number, sizeof(number)) == 1 &&
		    EVP_DigestUpdate(md, &fib->state->backends[slot.backend],
			sizeof(struct addr)) == 1;
	}
	return ok;
}

static void
digest_region(const struct fib *fib, struct fib_region *r)
{
	uint8_t all[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	    hash_slots(md, fib, r) && EVP_DigestFinal_ex(md, all, NULL) == 1) {
		memcpy(r->digest, all, TABLE_DIGEST_LEN);
		r->has_digest = true;
	}
	EVP_MD_CTX_free(md);
}

void
fib_settled_digest(
    const struct fib *fib, size_t service, uint8_t digest[TABLE_DIGEST_LEN])
{
	struct fib_region *r;

	memset(digest, 0, TABLE_DIGEST_LEN);
	if (fib_moving(fib, service).moving == 0)
		return;
	r = &fib->regions[fib->services[service].region];
	if (!r->has_digest)
		digest_region(fib, r);
	memcpy(digest, r->digest, TABLE_DIGEST_LEN);
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp((*(const struct forwarding_service *const *)a)->name,
	    (*(const struct forwarding_service *const *)b)->name);
}

/* Those that move; *n of them. NULL: none, or out of memory. */
static const struct forwarding_service **
moving_services(const struct fib *fib, size_t *n)
{
	const struct forwarding *f = fib->state;
	const struct forwarding_service **list = NULL;

	*n = 0;
	for (size_t i = 0; i < f->n_services; i++) {
		if (fib_moving(fib, i).moving == 0)
			continue;
		if (list == NULL &&
		    (list = calloc(f->n_services, sizeof(*list))) == NULL)
			return NULL;
		list[(*n)++] = &f->services[i];
	}
	if (list != NULL)
		qsort(list, *n, sizeof(*list), name_cmp);
	return list;
}

static bool
hash_service(
    EVP_MD_CTX *md, const struct fib *fib, const struct forwarding_service *s)
{
	uint8_t digest[TABLE_DIGEST_LEN];

	fib_settled_digest(fib, (size_t)(s - fib->state->services), digest);
	return EVP_DigestUpdate(md, s->name, strlen(s->name) + 1) == 1 &&
	    EVP_DigestUpdate(md, digest, sizeof(digest)) == 1;
}

void
fib_settled_all(const struct fib *fib, uint8_t digest[TABLE_DIGEST_LEN])
{
	uint8_t all[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = NULL;
	size_t n;
	const struct forwarding_service **list = moving_services(fib, &n);
	bool ok;

	memset(digest, 0, TABLE_DIGEST_LEN);
	ok = list != NULL && (md = EVP_MD_CTX_new()) != NULL &&
	    EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; ok && i < n; i++)
		ok = hash_service(md, fib, list[i]);
	if (ok && EVP_DigestFinal_ex(md, all, NULL) == 1)
		memcpy(digest, all, TABLE_DIGEST_LEN);
	EVP_MD_CTX_free(md);
	free(list);
}
