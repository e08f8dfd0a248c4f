/* SPDX-License-Identifier: Apache-2.0 */
/* Tables shared by services and by one forwarding state and the next. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "balancer/core/fib_impl.h"

struct fib_table {
	size_t refs;
	struct table *table; /* built over members in the order given below */
	uint8_t seed[FORWARDING_SEED_LEN];
	uint32_t size;
	size_t n_members;
	uint64_t base_hash;          /* of addresses and weights */
	struct fib_member members[]; /* sorted by address; backend unused */
};

/* How far one of the known tables serves for other members. */
enum likeness {
	UNLIKE,
	SAME_BASE, /* but for a phi */
	SAME,
};

/* With many services of nearly the same members, comparing all with all would
 * take longer than building tables. */
static uint64_t
hash_base(const struct fib_member *members, size_t n)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < n; i++)
		hash = XXH3_64bits_withSeed(&members[i].addr,
		    sizeof(members[i].addr), hash + members[i].weight);
	return hash;
}

static enum likeness
compare(const struct fib_table *t, const uint8_t seed[FORWARDING_SEED_LEN],
    uint32_t size, const struct fib_member *members, size_t n, uint64_t hash)
{
	enum likeness likeness = SAME;

	if (t->base_hash != hash || t->size != size || t->n_members != n ||
	    memcmp(t->seed, seed, sizeof(t->seed)) != 0)
		return UNLIKE;
	for (size_t i = 0; i < n; i++) {
		if (t->members[i].weight != members[i].weight ||
		    addr_cmp(&t->members[i].addr, &members[i].addr) != 0)
			return UNLIKE;
		if (t->members[i].phi != members[i].phi)
			likeness = SAME_BASE;
	}
	return likeness;
}

/* Who is up and who is not is what changes most, with traffic waiting. */
static struct table *
rebuild(const struct fib_table *like, const struct fib_member *members)
{
	uint16_t *phis = malloc(like->n_members * sizeof(*phis));
	struct table *table;

	if (phis == NULL)
		return NULL;
	for (size_t i = 0; i < like->n_members; i++)
		phis[i] = members[i].phi;
	table = table_with_phis(like->table, phis);
	free(phis);
	return table;
}

static struct table *
build(const uint8_t seed[FORWARDING_SEED_LEN], uint32_t size,
    const struct fib_member *members, size_t n)
{
	struct table_member *named = calloc(n, sizeof(*named));
	char(*names)[ADDR_TEXT_MAX] = calloc(n, sizeof(*names));
	struct table *table = NULL;

	if (named == NULL || names == NULL)
		goto out;
	for (size_t i = 0; i < n; i++)
		named[i] = (struct table_member){
		    addr_format(&members[i].addr, names[i]), members[i].weight,
		    members[i].phi};
	table = table_new(named, n, size, seed);
out:
	free(names);
	free(named);
	return table;
}

struct fib_table *
fib_table_get(struct fib_table *const *known, size_t n_known,
    const uint8_t seed[FORWARDING_SEED_LEN], uint32_t size,
    const struct fib_member *members, size_t n, struct errmsg *why)
{
	const uint64_t hash = hash_base(members, n);
	const struct fib_table *like = NULL;
	struct fib_table *t;

	for (size_t i = 0; i < n_known; i++) {
		t = known[i];
		switch (t == NULL ? UNLIKE
				  : compare(t, seed, size, members, n, hash)) {
		case SAME:
			t->refs++;
			return t;
		case SAME_BASE:
			like = t;
			break;
		case UNLIKE:
			break;
		}
	}
	t = malloc(sizeof(*t) + n * sizeof(t->members[0]));
	if (t != NULL)
		t->table = like != NULL ? rebuild(like, members)
					: build(seed, size, members, n);
	if (t == NULL || t->table == NULL) {
		errmsg_sys(why, "table of %u slots for %zu members",
		    (unsigned int)size, n);
		free(t);
		return NULL;
	}
	t->refs = 1;
	t->size = size;
	t->n_members = n;
	t->base_hash = hash;
	memcpy(t->seed, seed, sizeof(t->seed));
	memcpy(t->members, members, n * sizeof(t->members[0]));
	return t;
}

void
fib_table_unref(struct fib_table *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	table_free(t->table);
	free(t);
}

void
fib_table_to_slots(const struct fib_table *t, const struct fib_member *members,
    uint16_t *slots)
{
	const uint16_t *from = table_slots(t->table);

	for (uint32_t i = 0; i < t->size; i++)
		slots[i] =
		    members[table_position_of(t->table, from[i])].backend;
}

int
fib_table_digest(const struct fib_table *t, const struct fib_member *members,
    const uint16_t *slots, uint8_t digest[TABLE_DIGEST_LEN])
{
	uint16_t *numbers = malloc(t->size * sizeof(*numbers));
	uint16_t *number_of = calloc(UINT16_MAX + 1, sizeof(*number_of));
	int result = -1;

	if (numbers == NULL || number_of == NULL)
		goto out;
	memset(number_of, 0xff, (UINT16_MAX + 1) * sizeof(*number_of));
	for (size_t i = 0; i < t->n_members; i++)
		number_of[members[i].backend] = table_index_of(t->table, i);
	for (uint32_t i = 0; i < t->size; i++)
		numbers[i] = number_of[slots[i] & SLOT_BACKEND_MASK];
	table_digest(t->table, numbers, digest);
	result = 0;
out:
	free(number_of);
	free(numbers);
	return result;
}
