/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/table_model.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/siphash.h"

static void *
allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	ck_assert_ptr_nonnull(p);
	return p;
}

static int
by_hash_and_name(const void *a, const void *b)
{
	const struct model_member *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Step 2. */
static void
share_out(struct model *m)
{
	uint64_t weights = 0, sum = 0, *remainder;
	uint32_t best;

	remainder = allocate(m->n, sizeof(*remainder));
	for (uint32_t i = 0; i < m->n; i++)
		weights += m->members[i].weight;
	for (uint32_t i = 0; i < m->n; i++) {
		uint64_t exact = (uint64_t)m->size * m->members[i].weight;

		m->members[i].quota = (uint32_t)(exact / weights);
		remainder[i] = exact % weights + 1; /* 0: had one more */
		if (m->members[i].quota == 0) {
			m->members[i].quota = 1;
			remainder[i] = 1;
		}
		sum += m->members[i].quota;
	}
	for (; sum < m->size; sum++) {
		best = 0;
		for (uint32_t i = 1; i < m->n; i++)
			best = remainder[i] > remainder[best] ? i : best;
		ck_assert_uint_ne(remainder[best], 0);
		remainder[best] = 0;
		m->members[best].quota++;
	}
	for (; sum > m->size; sum--) {
		best = 0;
		for (uint32_t i = 1; i < m->n; i++) {
			if (m->members[i].quota > m->members[best].quota)
				best = i;
		}
		m->members[best].quota--;
	}
	free(remainder);
}

/* Step 3. */
static void
fill(struct model *m)
{
	uint32_t rounds = (m->size + m->n - 1) / m->n, turn = 0;
	uint32_t *acc = allocate(m->n, sizeof(*acc));
	uint32_t *pos = allocate(m->n, sizeof(*pos));

	for (uint32_t i = 0; i < m->n; i++) {
		acc[i] = rounds - 1;
		pos[i] = (uint32_t)((m->members[i].hash >> 32) * m->size >> 32);
	}
	memset(m->base, 0xff, m->size * sizeof(*m->base));
	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t i = 0; i < m->n; i++) {
			uint64_t low = m->members[i].hash & 0xffffffff;
			uint32_t skip =
			    (1 + (uint32_t)(low * (m->size - 1) >> 32)) | 1;

			acc[i] += m->members[i].quota;
			while (acc[i] >= rounds) {
				acc[i] -= rounds;
				while (m->base[pos[i]] != UINT16_MAX)
					pos[i] = (pos[i] + skip) % m->size;
				m->base[pos[i]] = (uint16_t)i;
				m->turns[turn++] = (uint16_t)i;
				pos[i] = (pos[i] + skip) % m->size;
			}
		}
	}
	ck_assert_uint_eq(turn, m->size);
	free(acc);
	free(pos);
}

static uint32_t
mix(uint32_t slot, uint32_t j)
{
	uint64_t z = (((uint64_t)j << 32) | slot) + 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static int
accept(const struct model *m, uint32_t x, uint32_t slot)
{
	uint32_t phi = m->members[x].phi;

	return phi >= 256 ||
	    (phi > 0 && (mix(slot, 0x80000000u | x) & 255) < phi);
}

/* Step 4 for one slot of rank k; cum is what comes before its owner's share. */
static uint16_t
decide(const struct model *m, uint32_t slot, uint32_t k, uint32_t cum)
{
	uint32_t owner = m->base[slot], x;

	if (k < (m->members[owner].quota * m->members[owner].phi + 255) >> 8)
		return (uint16_t)owner;
	x = m->turns[cum + k];
	if (accept(m, x, slot))
		return (uint16_t)x;
	for (uint32_t j = 1; j <= 64; j++) {
		x = m->base[(uint64_t)mix(slot, j) * m->size >> 32];
		if (accept(m, x, slot))
			return (uint16_t)x;
	}
	x = (uint32_t)((uint64_t)mix(slot, 65) * m->n >> 32);
	for (uint32_t i = 0; i < m->n; i++, x = (x + 1) % m->n) {
		if (m->members[x].phi > 0)
			return (uint16_t)x;
	}
	return (uint16_t)owner;
}

void
model_init(struct model *m, const struct table_member *members, size_t n,
    uint32_t size, const uint8_t seed[TABLE_SEED_LEN])
{
	uint32_t *rank, *cum;

	m->n = (uint32_t)n;
	m->size = size;
	m->members = allocate(n, sizeof(*m->members));
	m->base = allocate(size, sizeof(*m->base));
	m->turns = allocate(size, sizeof(*m->turns));
	m->slots = allocate(size, sizeof(*m->slots));
	for (size_t i = 0; i < n; i++)
		m->members[i] = (struct model_member){
		    .hash = siphash24(
			seed, members[i].name, strlen(members[i].name)),
		    .name = members[i].name,
		    .weight = members[i].weight,
		    .phi = members[i].phi,
		};
	qsort(m->members, n, sizeof(*m->members), by_hash_and_name);
	share_out(m);
	fill(m);

	rank = allocate(n, sizeof(*rank));
	cum = allocate(n, sizeof(*cum));
	for (size_t i = 1; i < n; i++)
		cum[i] = cum[i - 1] + m->members[i - 1].quota;
	for (uint32_t s = 0; s < size; s++)
		m->slots[s] = decide(m, s, rank[m->base[s]]++, cum[m->base[s]]);
	free(rank);
	free(cum);
}

void
model_clear(struct model *m)
{
	free(m->members);
	free(m->base);
	free(m->turns);
	free(m->slots);
}
