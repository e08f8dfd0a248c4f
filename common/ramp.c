/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/ramp.h"

/* The first step is there at once, so that the time has one less of them. */
#define GAPS (RAMP_STEPS - 1)

unsigned
ramp_step(uint64_t since_ms, uint32_t slow_start_s, uint64_t wall_ms)
{
	uint64_t all_ms = (uint64_t)slow_start_s * 1000;
	uint64_t age_ms = wall_ms > since_ms ? wall_ms - since_ms : 0;

	if (since_ms == 0 || age_ms >= all_ms)
		return RAMP_STEPS;
	return 1 + (unsigned)(age_ms * GAPS / all_ms);
}

uint64_t
ramp_next(uint64_t since_ms, uint32_t slow_start_s, uint64_t wall_ms)
{
	uint64_t all_ms = (uint64_t)slow_start_s * 1000;
	unsigned step = ramp_step(since_ms, slow_start_s, wall_ms);

	if (step == RAMP_STEPS)
		return RAMP_NEVER;
	return since_ms + (step * all_ms + GAPS - 1) / GAPS; /* rounded up */
}
