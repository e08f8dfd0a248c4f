/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/numbers.h"

#include <stdlib.h>
#include <string.h>

/* Ends of passes until nothing names a key that is gone: that of the pass under
 * way, and that of the next. */
#define PASSES 2

#define IN_STATE 0

struct row {
	uint32_t number;
	uint8_t passes; /* to wait for; IN_STATE: none, it is not gone */
	bool reused;
};

/* Rows and keys are parallel, sorted by key. */
struct numbers {
	size_t key_len, n, room;
	uint32_t limit;
	struct row *rows;
	uint8_t *keys;
};

static const uint8_t *
key_at(const struct numbers *ns, size_t i)
{
	return ns->keys + i * ns->key_len;
}

static struct numbers *
alloc(size_t key_len, uint32_t limit, size_t room)
{
	struct numbers *ns = calloc(1, sizeof(*ns));

	if (ns == NULL)
		return NULL;
	ns->key_len = key_len;
	ns->limit = limit;
	ns->room = room;
	ns->rows = calloc(room + 1, sizeof(*ns->rows));
	ns->keys = calloc(room + 1, key_len);
	if (ns->rows != NULL && ns->keys != NULL)
		return ns;
	numbers_free(ns);
	return NULL;
}

struct numbers *
numbers_new(size_t key_len, uint32_t limit)
{
	return alloc(key_len, limit, 0);
}

void
numbers_free(struct numbers *ns)
{
	if (ns == NULL)
		return;
	free(ns->rows);
	free(ns->keys);
	free(ns);
}

/* Where the key stands, or would. */
static size_t
place_of(const struct numbers *ns, const void *key, bool *found)
{
	size_t low = 0, high = ns->n, middle;
	int cmp;

	while (low < high) {
		middle = (low + high) / 2;
		cmp = memcmp(key_at(ns, middle), key, ns->key_len);
		if (cmp == 0) {
			*found = true;
			return middle;
		}
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = false;
	return low;
}

/* There is room. */
static void
append(struct numbers *ns, const void *key, struct row row)
{
	memcpy(ns->keys + ns->n * ns->key_len, key, ns->key_len);
	ns->rows[ns->n++] = row;
}

/* The order in which keys are given their numbers is that of the keys. */
struct sorted {
	const uint8_t *key;
	size_t len;
};

static int
sorted_cmp(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return memcmp(x->key, y->key, x->len);
}

static struct sorted *
sort(const void *keys, size_t n, size_t key_len)
{
	struct sorted *sorted = calloc(n + 1, sizeof(*sorted));

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct sorted){
		    (const uint8_t *)keys + i * key_len, key_len};
	qsort(sorted, n, sizeof(*sorted), sorted_cmp);
	return sorted;
}

/* What numbers are free. */
struct pool {
	bool *taken;
	uint32_t next; /* none is free below */
};

static uint32_t
take_free(struct pool *pool, uint32_t limit)
{
	while (pool->next < limit && pool->taken[pool->next])
		pool->next++;
	return pool->next < limit ? pool->next++ : NUMBERS_NONE;
}

/* Of the gone ones, the first among those with the fewest passes to wait. */
static uint32_t
take_gone(struct numbers *ns)
{
	size_t best = SIZE_MAX;
	uint32_t number;

	for (size_t i = 0; i < ns->n; i++) {
		if (ns->rows[i].passes != IN_STATE &&
		    (best == SIZE_MAX ||
			ns->rows[i].passes < ns->rows[best].passes))
			best = i;
	}
	if (best == SIZE_MAX)
		return NUMBERS_NONE;
	number = ns->rows[best].number;
	ns->n--;
	memmove(ns->rows + best, ns->rows + best + 1,
	    (ns->n - best) * sizeof(*ns->rows));
	memmove(ns->keys + best * ns->key_len,
	    ns->keys + (best + 1) * ns->key_len, (ns->n - best) * ns->key_len);
	return number;
}

/* Rows of prev and new keys, merged; a new key's number is still to be given.
 */
static void
merge(struct numbers *ns, const struct numbers *prev,
    const struct sorted *sorted, size_t n)
{
	size_t i = 0, j = 0, n_prev = prev != NULL ? prev->n : 0;
	int cmp;

	while (i < n_prev || j < n) {
		if (i == n_prev)
			cmp = 1;
		else if (j == n)
			cmp = -1;
		else
			cmp = memcmp(
			    key_at(prev, i), sorted[j].key, ns->key_len);
		if (cmp < 0) {
			struct row row = prev->rows[i];

			row.reused = false;
			if (row.passes == IN_STATE)
				row.passes = PASSES;
			append(ns, key_at(prev, i), row);
		} else if (cmp == 0) {
			append(ns, sorted[j].key,
			    (struct row){
				prev->rows[i].number, IN_STATE, false});
		} else {
			append(ns, sorted[j].key,
			    (struct row){NUMBERS_NONE, IN_STATE, false});
		}
		i += cmp <= 0;
		j += cmp >= 0;
	}
}

static void
give(struct numbers *ns, struct pool *pool)
{
	const uint8_t *key;
	uint32_t number;
	bool reused, found;

	for (size_t i = 0; i < ns->n; i++)
		if (ns->rows[i].number != NUMBERS_NONE)
			pool->taken[ns->rows[i].number] = true;
	for (size_t i = 0; i < ns->n; i++) {
		if (ns->rows[i].number != NUMBERS_NONE)
			continue;
		number = take_free(pool, ns->limit);
		reused = number == NUMBERS_NONE;
		if (reused) {
			uint8_t kept[256];

			/* Rows move when one goes. */
			key = key_at(ns, i);
			memcpy(kept, key, ns->key_len);
			number = take_gone(ns);
			i = place_of(ns, kept, &found);
		}
		ns->rows[i].number = number;
		ns->rows[i].reused = reused;
	}
}

struct numbers *
numbers_next(const struct numbers *prev, const void *keys, size_t n,
    size_t key_len, uint32_t limit)
{
	struct sorted *sorted = NULL;
	struct numbers *ns = NULL;
	struct pool pool = {calloc(limit + 1, sizeof(bool)), 0};

	if (n > limit || pool.taken == NULL ||
	    (sorted = sort(keys, n, key_len)) == NULL)
		goto out;
	ns = alloc(key_len, limit, n + (prev != NULL ? prev->n : 0));
	if (ns == NULL)
		goto out;
	merge(ns, prev, sorted, n);
	give(ns, &pool);
out:
	free(sorted);
	free(pool.taken);
	return ns;
}

uint32_t
numbers_find(const struct numbers *ns, const void *key)
{
	bool found;
	size_t i = place_of(ns, key, &found);

	return found ? ns->rows[i].number : NUMBERS_NONE;
}

uint32_t
numbers_end(const struct numbers *ns)
{
	uint32_t end = 0;

	for (size_t i = 0; i < ns->n; i++)
		if (ns->rows[i].passes == IN_STATE && ns->rows[i].number >= end)
			end = ns->rows[i].number + 1;
	return end;
}

bool
numbers_reused(const struct numbers *ns, const void *key)
{
	bool found;
	size_t i = place_of(ns, key, &found);

	return found && ns->rows[i].reused;
}

void
numbers_pass_done(struct numbers *ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < ns->n; i++) {
		struct row row = ns->rows[i];

		if (row.passes != IN_STATE && --row.passes == 0)
			continue;
		ns->rows[kept] = row;
		memmove(
		    ns->keys + kept * ns->key_len, key_at(ns, i), ns->key_len);
		kept++;
	}
	ns->n = kept;
}

const void *
numbers_at(const struct numbers *ns, size_t i, uint32_t *number, bool *gone)
{
	if (i >= ns->n)
		return NULL;
	*number = ns->rows[i].number;
	*gone = ns->rows[i].passes != IN_STATE;
	return key_at(ns, i);
}

static int
grow(struct numbers *ns)
{
	size_t room = ns->room * 2 + 16;
	struct row *rows = realloc(ns->rows, room * sizeof(*rows));
	uint8_t *keys;

	if (rows == NULL)
		return -1;
	ns->rows = rows;
	if ((keys = realloc(ns->keys, room * ns->key_len)) == NULL)
		return -1;
	ns->keys = keys;
	ns->room = room;
	return 0;
}

int
numbers_put(struct numbers *ns, const void *key, uint32_t number)
{
	bool found;
	size_t at = place_of(ns, key, &found);

	if (found || number >= ns->limit)
		return -1;
	for (size_t i = 0; i < ns->n; i++)
		if (ns->rows[i].number == number)
			return -1;
	if (ns->n >= ns->room && grow(ns) == -1)
		return -1;
	memmove(
	    ns->rows + at + 1, ns->rows + at, (ns->n - at) * sizeof(*ns->rows));
	memmove(ns->keys + (at + 1) * ns->key_len, ns->keys + at * ns->key_len,
	    (ns->n - at) * ns->key_len);
	memcpy(ns->keys + at * ns->key_len, key, ns->key_len);
	ns->rows[at] = (struct row){number, PASSES, false};
	ns->n++;
	return 0;
}
