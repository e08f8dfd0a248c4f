/* SPDX-License-Identifier: Apache-2.0 */
/* The table function written down a second time, plainly and slowly, step by
 * step as the design has it: what the real one has to equal. */
#ifndef TESTS_UNIT_TABLE_MODEL_H
#define TESTS_UNIT_TABLE_MODEL_H

#include "balancer/core/table.h"

struct model_member {
	uint64_t hash;
	const char *name;
	uint32_t weight, phi;
	uint32_t quota;
};

struct model {
	struct model_member *members; /* n, canonical order */
	uint16_t *base, *turns, *slots;
	uint32_t n, size;
};

void model_init(struct model *, const struct table_member *, size_t n,
    uint32_t size, const uint8_t seed[TABLE_SEED_LEN]);
void model_clear(struct model *);

#endif
