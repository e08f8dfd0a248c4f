/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed whole: for values of many small parts with one owner,
 * such as a message and everything it points at. */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void); /* NULL: out of memory */
void arena_free(struct arena *);

/* n objects of `size` bytes, zeroed, aligned for any type; they live as long as
 * the arena. NULL when out of memory or n * size overflows. For n = 0 a pointer
 * that must not be read through. */
void *arena_alloc(struct arena *, size_t n, size_t size);

/* A copy with a NUL after it. NULL: out of memory. */
char *arena_copy(struct arena *, const void *text, size_t len);

#endif
