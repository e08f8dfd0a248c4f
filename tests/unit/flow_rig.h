/* SPDX-License-Identifier: Apache-2.0 */
/* A table of flow entries and tables of a handful of slots around it. Backend
 * positions and stable numbers differ, so that one taken for the other shows.
 */
#ifndef TESTS_UNIT_FLOW_RIG_H
#define TESTS_UNIT_FLOW_RIG_H

#include "balancer/core/flows.h"

/* Positions; their numbers are RIG_NUMBER(position). */
#define RIG_BACKENDS       8
#define RIG_NUMBER(b)      ((uint16_t)(40 - (b)))
#define RIG_SERVICE        3 /* position */
#define RIG_SERVICE_NUMBER 700
#define RIG_CURRENT        1
#define RIG_SETTLED        2

enum rig_slot {
	RIG_MOVES,      /* from SETTLED to CURRENT; UDP learnt already */
	RIG_MOVES_EDGE, /* the same, but begun just now */
	RIG_ENDED,      /* CURRENT; entries are written */
	RIG_PINNED,     /* CURRENT; only asks */
	RIG_SLOTS,
};

struct rig {
	struct flows flows;
	void *memory;
	struct tables tables;
	struct service_fwd services[4];
	uint16_t slots[RIG_SLOTS], settled[RIG_SLOTS];
	uint16_t positions[64], numbers[RIG_BACKENDS];
};

void rig_init(struct rig *, uint32_t entries);
void rig_clear(struct rig *);

/* In ms since it was made. */
void rig_set_time(struct rig *, int64_t ms);

/* The position of the backend for a packet of flow `hash`. */
uint32_t rig_packet(
    struct rig *, enum rig_slot, uint64_t hash, enum flow_packet);

/* The state of the flow's entry; 0: it has none. */
uint64_t rig_state(struct rig *, uint64_t hash);

/* Hashes that differ, the same in each run. */
uint64_t rig_hash(uint64_t i);

#endif
