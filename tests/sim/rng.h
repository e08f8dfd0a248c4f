/* SPDX-License-Identifier: Apache-2.0 */
/* splitmix64. Each purpose has a stream of its own, so that one more fault does
 * not shift what all the others do. */
#ifndef TESTS_SIM_RNG_H
#define TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline struct rng
rng_of(uint64_t seed, uint64_t purpose)
{
	struct rng r = {seed ^ purpose * 0xd1342543de82ef95};

	r.state = rng_next(&r);
	return r;
}

static inline uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return n == 0 ? 0 : rng_next(r) % n;
}

/* Both ends included; low <= high. */
static inline int64_t
rng_between(struct rng *r, int64_t low, int64_t high)
{
	return low + (int64_t)rng_below(r, (uint64_t)(high - low) + 1);
}

static inline bool
rng_chance(struct rng *r, unsigned per_mille)
{
	return rng_below(r, 1000) < per_mille;
}

#endif
