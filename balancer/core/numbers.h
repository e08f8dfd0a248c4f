/* SPDX-License-Identifier: Apache-2.0 */
/* Stable numbers: what flow entries call backends and services by, since a
 * position in a forwarding state means something else in the next.
 *
 * A key, of fixed length, has the same number from state to state. One that is
 * no longer in the state keeps it until the sweeper has gone over all entries
 * twice to the end: one of the two passes began after the key was gone, so that
 * no entry names it any more. Then the number is free for another key. */
#ifndef BALANCER_CORE_NUMBERS_H
#define BALANCER_CORE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBERS_NONE UINT32_MAX

struct numbers;

/* Numbers 0..limit-1 for keys of key_len bytes. NULL: out of memory. */
struct numbers *numbers_new(size_t key_len, uint32_t limit);
void numbers_free(struct numbers *);

/* Those of `prev` (NULL: none), and for the n keys at `keys`, which differ from
 * each other, those that they had, or else the lowest that are free. When none
 * is, one whose time is not up yet, longest gone first: numbers_reused tells.
 * NULL: out of memory, or n is over the limit. */
struct numbers *numbers_next(const struct numbers *prev, const void *keys,
    size_t n, size_t key_len, uint32_t limit);

/* NUMBERS_NONE: has none. Also of keys that are gone. */
uint32_t numbers_find(const struct numbers *, const void *key);

/* One more than the greatest number in use. */
uint32_t numbers_end(const struct numbers *);

/* Was this key's number another key's just before? Then entries may still mean
 * that one. */
bool numbers_reused(const struct numbers *, const void *key);

/* The sweeper has come to the end of a pass. */
void numbers_pass_done(struct numbers *);

/* The i-th key and its number; NULL: no more. *gone: waits to be free. */
const void *numbers_at(
    const struct numbers *, size_t i, uint32_t *number, bool *gone);

/* Enters a key with this number, as numbers_at gave it in an earlier life of
 * the process; it counts as gone until a state has it. 0, or -1: key or number
 * are there already, over the limit, or out of memory. */
int numbers_put(struct numbers *, const void *key, uint32_t number);

#endif
