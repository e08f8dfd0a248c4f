/* SPDX-License-Identifier: Apache-2.0 */
/* Maglev's table as the paper's pseudocode has it (NSDI 2016, section 3.4), the
 * way textbooks do it: what ours is measured against. */
#ifndef TESTS_BENCH_TEXTBOOK_H
#define TESTS_BENCH_TEXTBOOK_H

#include <stddef.h>
#include <stdint.h>

/* The smallest prime over n: what the algorithm needs as its table size. */
uint32_t textbook_prime(uint32_t n);

/* Fills entry[m] with positions of names; m is a prime. 0, or -1 with errno
 * ENOMEM. */
int textbook_populate(
    const char *const *names, size_t n, uint32_t m, int32_t *entry);

#endif
