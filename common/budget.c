/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/budget.h"

#include <stdlib.h>

#define BUDGET_FACTOR 24
#define BUDGET_BASE   (64u << 10)

/* What is freed is not given back: the budget bounds the work as well. */
static void *
take(void *data, size_t size)
{
	struct budget *b = data;
	void *p;

	if (size > b->left)
		return NULL;
	b->left -= size;
	if ((p = malloc(size)) == NULL)
		b->no_memory = true;
	return p;
}

static void
give_back(void *data, void *pointer)
{
	(void)data;
	free(pointer);
}

void
budget_init(struct budget *b, size_t len)
{
	b->allocator.alloc = take;
	b->allocator.free = give_back;
	b->allocator.allocator_data = b;
	b->no_memory = false;
	b->left = len * BUDGET_FACTOR + BUDGET_BASE;
}
