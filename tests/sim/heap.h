/* SPDX-License-Identifier: Apache-2.0 */
/* What is to happen, by time, and at one time in the order in which it was
 * put. */
#ifndef TESTS_SIM_HEAP_H
#define TESTS_SIM_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct sim;
struct event;

typedef void event_fn(struct sim *, struct event *);

struct event {
	int64_t at_us;
	uint64_t seq;
	event_fn *fire;
	int node;      /* it is for; -1: for none */
	uint64_t life; /* of the node's agent; 0: for any */
	uint64_t a, b;
	void *data; /* owned; freed after it has fired, or not */
};

struct heap {
	struct event *events;
	size_t n, room;
	uint64_t seq;
};

void heap_put(struct heap *, struct event);
struct event heap_take(struct heap *); /* n > 0 */
void heap_clear(struct heap *);

#endif
