/* SPDX-License-Identifier: Apache-2.0 */
/* A backend that is new takes its share in steps: one of RAMP_STEPS parts of it
 * at once, all of it after slow_start. Pure: the same wall clock gives the same
 * step on every node. Whether a backend of a service is to ramp at all is
 * view.h's to say. */
#ifndef COMMON_RAMP_H
#define COMMON_RAMP_H

#include <stdint.h>

#define RAMP_STEPS 8u
#define RAMP_MAX_S 3600u /* the longest slow_start */
#define RAMP_NEVER UINT64_MAX

/* How many parts it takes at wall_ms, 1..RAMP_STEPS, since since_ms (0: long
 * ago). Before that, by a clock that is behind: 1. slow_start_s 0: all. */
unsigned ramp_step(uint64_t since_ms, uint32_t slow_start_s, uint64_t wall_ms);

/* When it takes one more; RAMP_NEVER: it takes all. */
uint64_t ramp_next(uint64_t since_ms, uint32_t slow_start_s, uint64_t wall_ms);

#endif
