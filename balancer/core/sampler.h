/* SPDX-License-Identifier: Apache-2.0 */
/* Which of many packets are taken, so that those say something of all: one in
 * `every`, after gaps drawn at random, as RFC 3176 (sFlow), section 4.2 has it,
 * since a fixed step would always hit the same packet of traffic that repeats
 * itself. A bucket then keeps to `rate` a second whatever comes.
 *
 * Where no fixed share is asked for, `every` follows the traffic, a tenth of a
 * second behind: a bucket alone would take what comes first each time.
 *
 * The clock is the caller's. */
#ifndef BALANCER_CORE_SAMPLER_H
#define BALANCER_CORE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "balancer/core/bucket.h"

#define SAMPLER_EVERY_MAX 1000000000u

struct sampler {
	uint32_t every; /* one in so many, at present */
	bool follows;   /* ... the traffic */
	struct bucket limit;
	int64_t gap;     /* packets up to and with the next that is taken */
	uint64_t random; /* never 0 */
	uint64_t passed; /* packets since ... */
	int64_t since_us;
};

/* One in `every`, up to SAMPLER_EVERY_MAX (0: as many as the rate allows), at
 * most `rate` (not 0) a second. */
void sampler_init(struct sampler *, uint32_t every, uint32_t rate,
    uint64_t seed, int64_t now_us);

/* A packet, standing for `weight` (not 0) of which the others were passed over
 * before: is it taken? */
bool sampler_take(struct sampler *, uint32_t weight, int64_t now_us);

/* So many came, and none of them could be taken. */
void sampler_pass(struct sampler *, uint64_t packets);

/* Follows the traffic when it has ceased, too; to be called now and then. */
void sampler_tick(struct sampler *, int64_t now_us);

#endif
