/* SPDX-License-Identifier: Apache-2.0 */
/* Monotonic time as a type of its own, so that a wall-clock time_t cannot be
 * passed by accident. Cores take it as a parameter; only edges read it. */
#ifndef COMMON_MONO_H
#define COMMON_MONO_H

#include <stdint.h>
#include <time.h>

struct mono {
	int64_t us;
};

static inline struct mono
mono_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

#endif
