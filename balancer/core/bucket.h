/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket: `rate` per second, at most `burst` at once. The clock is the
 * caller's; one that steps back costs nothing but the time it stepped. A
 * zeroed bucket gives nothing. */
#ifndef BALANCER_CORE_BUCKET_H
#define BALANCER_CORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint32_t rate, burst;
	uint64_t credit; /* in millionths of a token */
	int64_t filled_us;
};

/* Starts full. */
static inline void
bucket_init(struct bucket *b, uint32_t rate, uint32_t burst)
{
	b->rate = rate;
	b->burst = burst;
	b->credit = (uint64_t)burst * 1000000;
	b->filled_us = 0;
}

/* Takes one token, if there is one. */
static inline bool
bucket_take(struct bucket *b, int64_t now_us)
{
	uint64_t full = (uint64_t)b->burst * 1000000, elapsed;

	if (now_us > b->filled_us && b->rate != 0) {
		elapsed = (uint64_t)now_us - (uint64_t)b->filled_us;
		if (elapsed >= (full - b->credit) / b->rate + 1)
			b->credit = full;
		else
			b->credit += elapsed * b->rate;
	}
	b->filled_us = now_us;
	if (b->credit < 1000000)
		return false;
	b->credit -= 1000000;
	return true;
}

#endif
