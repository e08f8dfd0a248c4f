/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the packet path, one set per thread: written by one thread with
 * plain stores, read by any. They outlive the forwarding state: counters_new
 * carries over what belongs to the same service (by name), and backend (by
 * address). */
#ifndef BALANCER_CORE_COUNTERS_H
#define BALANCER_CORE_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/core/reason.h"

struct forwarding;

struct counter {
	uint64_t packets;
	uint64_t bytes;
};

struct counters {
	uint64_t reasons[REASON_COUNT];
	struct counter *services;                  /* forwarded */
	uint64_t (*service_reasons)[REASON_COUNT]; /* per service */
	struct counter *backends;
	size_t n_services, n_backends;
};

/* Laid out for `state`, with what `prev` (laid out for `prev_state`) counted
 * for what is in both; both may be NULL. NULL: out of memory. */
struct counters *counters_new(const struct forwarding *state,
    const struct counters *prev, const struct forwarding *prev_state);
void counters_free(struct counters *);

/* All of them back to zero: somebody else has counted them. */
void counters_clear(struct counters *);

/* Packets for any VIP that were taken in, whatever became of them: forwarded,
 * answered or dropped, and not yet those that are held. What passes to the
 * kernel is not ours, even with a VIP as its destination. */
uint64_t counters_vip_packets(const struct counters *);

/* "forward", "drop_no_backend": as metrics and commands show it. */
const char *reason_name(enum reason);
const char *reason_text(enum reason);
enum verdict reason_verdict(enum reason);

#endif
