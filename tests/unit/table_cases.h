/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of members for tests of the table function: the same for the same seed,
 * on every machine. */
#ifndef TESTS_UNIT_TABLE_CASES_H
#define TESTS_UNIT_TABLE_CASES_H

#include "balancer/core/table.h"

enum weights {
	WEIGHTS_EQUAL,
	WEIGHTS_MIXED,   /* 1..100 */
	WEIGHTS_EXTREME, /* some 65535, most 1: quotas are rounded up to 1 */
};

enum phis {
	PHIS_FULL,
	PHIS_SOME_DOWN,
	PHIS_SLOW_START, /* all of 0..256 */
	PHIS_ONE_LEFT,
	PHIS_DOWN,
};

struct table_case {
	size_t n;
	uint32_t size;
	enum weights weights;
	enum phis phis;
};

struct case_members {
	struct table_member *members;
	char (*names)[24];
	size_t n;
	uint8_t seed[TABLE_SEED_LEN];
	uint64_t random; /* state of case_random */
};

void case_init(struct case_members *, const struct table_case *, int seed);
void case_clear(struct case_members *);

/* A number below n. */
uint32_t case_random(struct case_members *, uint32_t n);

/* A phi as a slow start, a failure or a recovery would set. */
uint16_t case_phi(struct case_members *);

/* Fails the test where there is none. */
struct table *case_table(const struct case_members *, uint32_t size);

#endif
