/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/table.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/siphash.h"
#include "balancer/core/table_impl.h"

/* 0, or -1 with errno EINVAL; *names_len: of all names, without NULs. */
static int
check_input(const struct table_member *members, size_t n, uint32_t size,
    size_t *names_len)
{
	*names_len = 0;
	if (n == 0 || n > TABLE_MEMBERS_MAX || n > size ||
	    size < TABLE_SIZE_MIN || size > TABLE_SIZE_MAX ||
	    (size & (size - 1)) != 0)
		goto invalid;
	for (size_t i = 0; i < n; i++) {
		if (members[i].weight == 0 || members[i].phi > TABLE_PHI_FULL)
			goto invalid;
		*names_len += strlen(members[i].name);
	}
	if (*names_len > UINT32_MAX)
		goto invalid;
	return 0;
invalid:
	errno = EINVAL;
	return -1;
}

/* What each table has for itself; n and size are set. */
static int
allocate_own(struct table *t)
{
	t->entries = malloc(t->n * sizeof(*t->entries));
	t->slots = malloc(t->size * sizeof(*t->slots));
	t->second = malloc(t->size * sizeof(*t->second));
	t->released = calloc((t->size + 63) / 64, sizeof(*t->released));
	return t->entries == NULL || t->slots == NULL || t->second == NULL ||
		t->released == NULL
	    ? -1
	    : 0;
}

static int
allocate_shared(struct table *t, size_t names_len)
{
	if ((t->sharing = calloc(1, sizeof(*t->sharing))) == NULL)
		return -1;
	t->sharing->refs = 1;
	t->index_of = malloc(t->n * sizeof(*t->index_of));
	t->names = malloc(names_len + 1);
	t->first = malloc((t->n + 1) * sizeof(*t->first));
	t->owned = malloc(t->size * sizeof(*t->owned));
	t->turns = malloc((t->size + TABLE_TURNS_PAD) * sizeof(*t->turns));
	t->base = malloc(t->size * sizeof(*t->base));
	return t->index_of == NULL || t->names == NULL || t->first == NULL ||
		t->owned == NULL || t->turns == NULL || t->base == NULL
	    ? -1
	    : table_digest_init(t);
}

static struct table *
allocate(uint32_t n, uint32_t size, size_t names_len)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->n = n;
	t->size = size;
	if (allocate_own(t) == -1 || allocate_shared(t, names_len) == -1) {
		table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

static void
take_members(struct table *t, const struct table_member *members,
    const uint8_t seed[TABLE_SEED_LEN])
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t len = (uint32_t)strlen(members[i].name);

		memcpy(t->names + used, members[i].name, len);
		t->entries[i] = (struct table_entry){
		    .hash = siphash24(seed, members[i].name, len),
		    .name = used,
		    .name_len = len,
		    .position = i,
		    .weight = members[i].weight,
		    .phi = members[i].phi,
		};
		t->alive += members[i].phi > 0;
		used += len;
	}
}

/* Step 3 of the design: where each member's walk begins and how it goes on. */
static int
fill_base(struct table *t, const uint32_t *quotas)
{
	struct fill_walk *walks = malloc(t->n * sizeof(*walks));
	int rc;

	if (walks == NULL)
		return -1;
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t high = t->entries[i].hash >> 32;
		uint64_t low = (uint32_t)t->entries[i].hash;

		walks[i].pos = (uint32_t)(high * t->size >> 32);
		walks[i].skip = (uint32_t)(1 + (low * (t->size - 1) >> 32)) | 1;
	}
	rc = table_turns(quotas, t->n, t->size, t->turns);
	if (rc == 0)
		rc = table_fill(NULL, walks, t->n, t->size, t->turns, t->base);
	free(walks);
	return rc;
}

struct table *
table_new(const struct table_member *members, size_t n, uint32_t size,
    const uint8_t seed[TABLE_SEED_LEN])
{
	uint32_t *quotas = NULL;
	struct table *t;
	size_t names_len;

	if (check_input(members, n, size, &names_len) == -1 ||
	    (t = allocate((uint32_t)n, size, names_len)) == NULL)
		return NULL;
	take_members(t, members, seed);
	if (table_order(t->entries, t->n, t->names) == -1)
		goto fail;
	for (uint32_t i = 0; i < t->n; i++)
		t->index_of[t->entries[i].position] = (uint16_t)i;
	if ((quotas = malloc(n * sizeof(*quotas))) == NULL ||
	    table_quotas(t->entries, t->n, size, quotas) == -1 ||
	    fill_base(t, quotas) == -1)
		goto fail;
	t->first[0] = 0;
	for (uint32_t i = 0; i < t->n; i++)
		t->first[i + 1] = t->first[i] + quotas[i];
	free(quotas);
	table_effective(t);
	return t;
fail:
	free(quotas);
	table_free(t);
	return NULL;
}

struct table *
table_with_phis(const struct table *from, const uint16_t *phis)
{
	struct table *t = malloc(sizeof(*t));

	if (t == NULL)
		return NULL;
	*t = *from;
	t->sharing->refs++;
	if (allocate_own(t) == -1) {
		table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	memcpy(t->entries, from->entries, t->n * sizeof(*t->entries));
	t->alive = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		uint16_t phi = phis[t->entries[i].position];

		if (phi > TABLE_PHI_FULL) {
			table_free(t);
			errno = EINVAL;
			return NULL;
		}
		t->entries[i].phi = phi;
		t->alive += phi > 0;
	}
	table_effective(t);
	return t;
}

static void
free_shared(struct table *t)
{
	if (t->sharing == NULL || --t->sharing->refs > 0)
		return;
	free(t->index_of);
	free(t->names);
	free(t->first);
	free(t->owned);
	free(t->turns);
	free(t->base);
	EVP_MD_CTX_free(t->sha256);
	free(t->sharing);
}

void
table_free(struct table *t)
{
	int saved = errno;

	if (t == NULL)
		return;
	free_shared(t);
	free(t->entries);
	free(t->slots);
	free(t->second);
	free(t->released);
	free(t);
	errno = saved;
}

uint32_t
table_size(const struct table *t)
{
	return t->size;
}

size_t
table_members(const struct table *t)
{
	return t->n;
}

const uint16_t *
table_slots(const struct table *t)
{
	return t->slots;
}

const uint16_t *
table_base(const struct table *t)
{
	return t->base;
}

uint16_t
table_index_of(const struct table *t, size_t position)
{
	return t->index_of[position];
}

size_t
table_position_of(const struct table *t, uint16_t index)
{
	return t->entries[index].position;
}
