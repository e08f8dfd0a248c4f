/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark programs share: a clock, medians, the output line. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>

#define BENCH_PRINTF __attribute__((format(printf, 1, 2)))

/* What passed, and what this thread ran of it: the latter for what computes
 * only, so that other load does not count. */
double bench_now_s(void);
double bench_cpu_s(void);

/* Sorts values. */
double bench_median(double *values, size_t n);

/* "figure NAME VALUE UNIT" on stdout. */
void bench_figure(const char *name, double value, const char *unit);

/* Progress, on stderr. */
void bench_say(const char *fmt, ...) BENCH_PRINTF;

/* What cannot be measured ends the program with status 1. */
void bench_fail(const char *fmt, ...) BENCH_PRINTF __attribute__((noreturn));

/* Keeps the compiler from dropping work whose result nobody reads. */
#define BENCH_USE(p) __asm__ volatile("" : : "r"(p) : "memory")

#endif
