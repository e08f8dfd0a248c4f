/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/table_cases.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t
case_random(struct case_members *c, uint32_t n)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (uint32_t)((c->random >> 32) * n >> 32);
}

uint16_t
case_phi(struct case_members *c)
{
	switch (case_random(c, 4)) {
	case 0:
		return 0;
	case 1:
		return TABLE_PHI_FULL;
	default:
		return (uint16_t)case_random(c, TABLE_PHI_FULL + 1);
	}
}

static uint16_t
make_weight(struct case_members *c, enum weights weights)
{
	if (weights == WEIGHTS_MIXED)
		return (uint16_t)(1 + case_random(c, 100));
	if (weights == WEIGHTS_EXTREME && case_random(c, 10) == 0)
		return UINT16_MAX;
	return 1;
}

static uint16_t
make_phi(struct case_members *c, enum phis phis, size_t i)
{
	switch (phis) {
	case PHIS_SOME_DOWN:
		return case_random(c, 4) == 0 ? 0 : TABLE_PHI_FULL;
	case PHIS_SLOW_START:
		return case_phi(c);
	case PHIS_ONE_LEFT:
		return i == 0 ? 3 : 0;
	case PHIS_DOWN:
		return 0;
	case PHIS_FULL:
		break;
	}
	return TABLE_PHI_FULL;
}

void
case_init(struct case_members *c, const struct table_case *tc, int seed)
{
	c->random = 0x9e3779b97f4a7c15u * (uint64_t)(seed + 1);
	for (int i = 0; i < TABLE_SEED_LEN; i++)
		c->seed[i] = (uint8_t)case_random(c, 256);
	c->n = tc->n;
	c->members = calloc(c->n, sizeof(*c->members));
	c->names = calloc(c->n, sizeof(*c->names));
	ck_assert_ptr_nonnull(c->members);
	ck_assert_ptr_nonnull(c->names);
	for (size_t i = 0; i < c->n; i++) {
		snprintf(c->names[i], sizeof(c->names[i]), "member-%x-%04x",
		    case_random(c, 256), (unsigned)i);
		c->members[i].name = c->names[i];
		c->members[i].weight = make_weight(c, tc->weights);
		c->members[i].phi = make_phi(c, tc->phis, i);
	}
}

void
case_clear(struct case_members *c)
{
	free(c->members);
	free(c->names);
}

struct table *
case_table(const struct case_members *c, uint32_t size)
{
	struct table *t = table_new(c->members, c->n, size, c->seed);

	ck_assert_ptr_nonnull(t);
	return t;
}
