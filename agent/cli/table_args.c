/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/table_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Digits only, min..max; nothing before or after, no sign. */
static int
number(const char *text, size_t len, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = n * 10 + (uint64_t)(text[i] - '0');
		if (n > max)
			return -1;
	}
	if (n < min)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

int
table_args_size(const char *text, uint32_t *size, struct errmsg *why)
{
	uint32_t n;

	if (number(text, strlen(text), TABLE_SIZE_MIN, TABLE_SIZE_MAX, &n) ==
		0 &&
	    (n & (n - 1)) == 0) {
		*size = n;
		return 0;
	}
	return errmsg_set(why,
	    "--size '%s': a power of two from %u to %u is needed, such as "
	    "65536",
	    text, TABLE_SIZE_MIN, TABLE_SIZE_MAX);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
table_args_seed(
    const char *text, uint8_t seed[TABLE_SEED_LEN], struct errmsg *why)
{
	size_t len = strlen(text);

	if (len != 2 * TABLE_SEED_LEN)
		return errmsg_set(why,
		    "--seed: %d hex digits are needed, '%s' has %zu characters",
		    2 * TABLE_SEED_LEN, text, len);
	for (size_t i = 0; i < TABLE_SEED_LEN; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high == -1 || low == -1)
			return errmsg_set(why,
			    "--seed: '%s' is not hexadecimal at digit %zu",
			    text, 2 * i + 1 + (high != -1));
		seed[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* The text from `at`, up to one of `ends`, as a number. */
static int
part(
    const char *at, const char *ends, uint32_t min, uint32_t max, uint16_t *out)
{
	uint32_t n;

	if (number(at, strcspn(at, ends), min, max, &n) == -1)
		return -1;
	*out = (uint16_t)n;
	return 0;
}

int
table_args_member(char *text, struct table_member *member, struct errmsg *why)
{
	size_t len = strcspn(text, "*@");
	const char *rest = text + len;

	member->weight = 1;
	member->phi = TABLE_PHI_FULL;
	if (len == 0)
		return errmsg_set(why, "'%s': a name is missing", text);
	if (*rest == '*') {
		if (part(rest + 1, "@", 1, UINT16_MAX, &member->weight) == -1)
			return errmsg_set(why,
			    "'%s': after '*' a weight from 1 to %d is needed",
			    text, UINT16_MAX);
		rest += 1 + strcspn(rest + 1, "@");
	}
	if (*rest == '@' &&
	    part(rest + 1, "", 0, TABLE_PHI_FULL, &member->phi) == -1)
		return errmsg_set(why,
		    "'%s': after '@' a phi from 0 (takes nothing) to %u (its "
		    "full share) is needed, at the end",
		    text, TABLE_PHI_FULL);
	text[len] = '\0';
	member->name = text;
	return 0;
}

static int
cmp_names(const void *a, const void *b)
{
	const struct table_member *const *m = a, *const *n = b;

	return strcmp((*m)->name, (*n)->name);
}

int
table_args_check(const struct table_member *members, size_t n, uint32_t size,
    struct errmsg *why)
{
	const struct table_member **sorted;
	int rc = 0;

	if (n > TABLE_MEMBERS_MAX)
		return errmsg_set(
		    why, "%zu names are more than %u", n, TABLE_MEMBERS_MAX);
	if (n > size)
		return errmsg_set(why,
		    "%zu names do not fit into %u slots; give a larger --size",
		    n, size);
	if ((sorted = calloc(n, sizeof(*sorted))) == NULL)
		return errmsg_sys(why, "%zu names", n);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &members[i];
	qsort(sorted, n, sizeof(*sorted), cmp_names);
	for (size_t i = 1; i < n && rc == 0; i++)
		if (cmp_names(&sorted[i - 1], &sorted[i]) == 0)
			rc = errmsg_set(why, "the name '%s' is there twice",
			    sorted[i]->name);
	free(sorted);
	return rc;
}
