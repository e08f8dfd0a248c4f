/* SPDX-License-Identifier: Apache-2.0 */
/* The time of moves and flow entries: ticks since the machine was started, so
 * that they mean the same to the next process; suspended time counts. */
#ifndef BALANCER_TICKS_H
#define BALANCER_TICKS_H

#include <stdint.h>
#include <time.h>

#include "balancer/core/moves.h"

static inline uint32_t
ticks_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint32_t)(ts.tv_sec * MOVES_TICKS_PER_S +
	    ts.tv_nsec / (MOVES_TICK_MS * 1000000));
}

#endif
