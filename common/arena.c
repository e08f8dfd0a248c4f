/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 4096

struct chunk {
	struct chunk *next;
	size_t used, size;
	alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *chunks; /* allocations come from the first */
};

struct arena *
arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void
arena_free(struct arena *a)
{
	struct chunk *c;

	if (a == NULL)
		return;
	while ((c = a->chunks) != NULL) {
		a->chunks = c->next;
		free(c);
	}
	free(a);
}

static struct chunk *
grow(struct arena *a, size_t size)
{
	size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
	struct chunk *c = calloc(1, sizeof(*c) + room);

	if (c == NULL)
		return NULL;
	c->size = room;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *
arena_alloc(struct arena *a, size_t n, size_t size)
{
	struct chunk *c = a->chunks;
	size_t need;
	void *p;

	if (__builtin_mul_overflow(n, size, &need) || need > SIZE_MAX / 2)
		return NULL;
	need = (need + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if ((c == NULL || c->size - c->used < need) &&
	    (c = grow(a, need)) == NULL)
		return NULL;
	p = c->data + c->used;
	c->used += need;
	return p;
}

char *
arena_copy(struct arena *a, const void *text, size_t len)
{
	char *p = len < SIZE_MAX ? arena_alloc(a, len + 1, 1) : NULL;

	if (p != NULL && len > 0)
		memcpy(p, text, len);
	return p;
}
