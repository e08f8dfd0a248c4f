/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/bench/textbook.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/siphash.h"

uint32_t
textbook_prime(uint32_t n)
{
	bool composite = true;

	while (composite) {
		composite = ++n % 2 == 0;
		for (uint32_t d = 3; !composite && d * d <= n; d += 2)
			composite = n % d == 0;
	}
	return n;
}

/* permutation[i][j] = (offset[i] + j * skip[i]) mod m is computed where it is
 * needed: as a matrix it would not fit for large n and m. */
int
textbook_populate(
    const char *const *names, size_t n, uint32_t m, int32_t *entry)
{
	static const uint8_t key1[SIPHASH_KEY_LEN] = {1};
	static const uint8_t key2[SIPHASH_KEY_LEN] = {2};
	uint64_t *offset = malloc(n * sizeof(*offset));
	uint64_t *skip = malloc(n * sizeof(*skip));
	uint64_t *next = calloc(n, sizeof(*next)), c;
	uint32_t filled = 0;
	int rc = -1;

	if (offset == NULL || skip == NULL || next == NULL)
		goto out;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		offset[i] = siphash24(key1, names[i], len) % m;
		skip[i] = siphash24(key2, names[i], len) % (m - 1) + 1;
	}
	for (uint32_t j = 0; j < m; j++)
		entry[j] = -1;
	for (size_t i = 0; filled < m; i = i + 1 < n ? i + 1 : 0) {
		do {
			c = (offset[i] + next[i]++ * skip[i]) % m;
		} while (entry[c] >= 0);
		entry[c] = (int32_t)i;
		filled++;
	}
	rc = 0;
out:
	free(offset);
	free(skip);
	free(next);
	return rc;
}
