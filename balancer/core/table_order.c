/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical order of members, their quotas, their turns. The first two sort by
 * a stable radix sort: no compare function, linear, and ties keep the order
 * they came in. */
#include "config.h"

#include "balancer/core/table_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct keyed {
	uint64_t key;
	uint32_t value;
};

/* Ascending by key; equal keys keep their order. tmp has room for n too. */
static void
sort_keyed(struct keyed *a, struct keyed *tmp, uint32_t n)
{
	struct keyed *from = a, *to = tmp, *swap;
	uint32_t sorted = 1;

	while (sorted < n && a[sorted - 1].key <= a[sorted].key)
		sorted++;
	if (sorted == n)
		return; /* equal weights, mostly */
	for (unsigned shift = 0; shift < 64; shift += 8) {
		uint32_t start[256] = {0}, sum = 0, count;

		for (uint32_t i = 0; i < n; i++)
			start[from[i].key >> shift & 255]++;
		if (start[from[0].key >> shift & 255] == n)
			continue; /* all alike in this byte */
		for (unsigned b = 0; b < 256; b++) {
			count = start[b];
			start[b] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < n; i++)
			to[start[from[i].key >> shift & 255]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != a)
		memcpy(a, from, n * sizeof(*a));
}

static int
compare_names(
    const struct table_entry *a, const struct table_entry *b, const char *names)
{
	uint32_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int cmp = memcmp(names + a->name, names + b->name, len);

	return cmp != 0
	    ? cmp
	    : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

/* Where hashes are equal names decide. For hostile or very unlucky names only:
 * two 64-bit hashes under a secret key. */
static int
order_equal_hashes(struct table_entry *e, uint32_t n, const char *names)
{
	struct table_entry key;
	uint32_t j;
	int cmp;

	for (uint32_t i = 1; i < n; i++) {
		if (e[i].hash != e[i - 1].hash)
			continue;
		key = e[i];
		for (j = i; j > 0 && e[j - 1].hash == key.hash; j--) {
			cmp = compare_names(&e[j - 1], &key, names);
			if (cmp == 0) {
				errno = EINVAL;
				return -1;
			}
			if (cmp < 0)
				break;
			e[j] = e[j - 1];
		}
		e[j] = key;
	}
	return 0;
}

int
table_order(struct table_entry *entries, uint32_t n, const char *names)
{
	struct keyed *keyed = malloc(2 * (size_t)n * sizeof(*keyed));
	struct table_entry *sorted = malloc(n * sizeof(*sorted));
	int rc = -1;

	if (keyed == NULL || sorted == NULL)
		goto out;
	for (uint32_t i = 0; i < n; i++)
		keyed[i] = (struct keyed){entries[i].hash, i};
	sort_keyed(keyed, keyed + n, n);
	for (uint32_t i = 0; i < n; i++)
		sorted[i] = entries[keyed[i].value];
	memcpy(entries, sorted, n * sizeof(*entries));
	rc = order_equal_hashes(entries, n, names);
out:
	free(keyed);
	free(sorted);
	return rc;
}

/* One more each for the `missing` largest remainders, ties to the lower one.
 * They are fewer than the members that have a remainder. */
static void
raise_quotas(
    struct keyed *remainders, uint32_t n, uint32_t missing, uint32_t *quotas)
{
	sort_keyed(remainders, remainders + n, n);
	for (uint32_t i = 0; i < missing; i++)
		quotas[remainders[i].value]++;
}

static uint64_t
above_level(const uint32_t *quotas, uint32_t n, uint32_t level)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += quotas[i] > level ? quotas[i] - level : 0;
	return sum;
}

/* Takes `excess` away, one at a time from the largest, ties to the lower one:
 * that cuts all down to one level, and then the first few by one more. */
static void
lower_quotas(uint32_t *quotas, uint32_t n, uint32_t size, uint64_t excess)
{
	uint32_t low = 1, high = size, level;

	while (low < high) {
		level = low + (high - low) / 2;
		if (above_level(quotas, n, level) <= excess)
			high = level;
		else
			low = level + 1;
	}
	excess -= above_level(quotas, n, low);
	for (uint32_t i = 0; i < n; i++) {
		if (quotas[i] < low)
			continue;
		quotas[i] = low;
		if (excess > 0) {
			quotas[i]--;
			excess--;
		}
	}
}

int
table_quotas(const struct table_entry *entries, uint32_t n, uint32_t size,
    uint32_t *quotas)
{
	struct keyed *remainders = malloc(2 * (size_t)n * sizeof(*remainders));
	uint64_t weights = 0, sum = 0, share, remainder;

	if (remainders == NULL)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		weights += entries[i].weight;
	for (uint32_t i = 0; i < n; i++) {
		share = (uint64_t)size * entries[i].weight;
		quotas[i] = (uint32_t)(share / weights);
		remainder = share % weights;
		if (quotas[i] == 0) {
			quotas[i] = 1;
			remainder = 0;
		}
		remainders[i] = (struct keyed){weights - remainder, i};
		sum += quotas[i];
	}
	if (sum < size)
		raise_quotas(remainders, n, (uint32_t)(size - sum), quotas);
	else if (sum > size)
		lower_quotas(quotas, n, size, sum - size);
	free(remainders);
	return 0;
}

/* Equal weights: everybody has one turn a round, but for those whose quota is
 * one less, in the last round. */
static void
equal_turns(
    const uint32_t *quotas, uint32_t n, uint32_t rounds, uint16_t *turns)
{
	uint32_t turn = n;

	for (uint32_t i = 0; i < n; i++)
		turns[i] = (uint16_t)i;
	for (uint32_t round = 1; round + 1 < rounds; round++, turn += n)
		memcpy(turns + turn, turns, n * sizeof(*turns));
	for (uint32_t i = 0; i < n && rounds > 1; i++) {
		if (quotas[i] == rounds)
			turns[turn++] = (uint16_t)i;
	}
}

/* owed: the turns a member is owed, in units of 1 / rounds. */
static void
weighted_turns(const uint32_t *quotas, uint32_t n, uint32_t rounds,
    uint32_t *owed, uint16_t *turns)
{
	uint32_t turn = 0, o, more;

	for (uint32_t i = 0; i < n; i++)
		owed[i] = rounds - 1;
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < n; i++) {
			/* Up to two turns without a branch: written in any
			 * case, counted where they are due. */
			turns[turn] = turns[turn + 1] = (uint16_t)i;
			o = owed[i] + quotas[i];
			more = (uint32_t)(o >= rounds) + (o >= 2 * rounds);
			turn += more;
			o -= more * rounds;
			for (; __builtin_expect(o >= rounds, 0); o -= rounds)
				turns[turn++] = (uint16_t)i;
			owed[i] = o;
		}
	}
}

int
table_turns(const uint32_t *quotas, uint32_t n, uint32_t size, uint16_t *turns)
{
	uint32_t rounds = (size + n - 1) / n, equal = 0, *owed;

	while (
	    equal < n && quotas[equal] <= rounds && quotas[equal] + 1 >= rounds)
		equal++;
	if (equal == n) {
		equal_turns(quotas, n, rounds, turns);
		return 0;
	}
	if ((owed = malloc(n * sizeof(*owed))) == NULL)
		return -1;
	weighted_turns(quotas, n, rounds, owed, turns);
	free(owed);
	return 0;
}
