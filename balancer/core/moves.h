/* SPDX-License-Identifier: Apache-2.0 */
/* What the slots of a table settled on while they move: see tables.h for what
 * packets see of it.
 *
 * Current is where the table sends a slot now; settled is what current was when
 * the slot last stood still, so that a connection that began before the changes
 * since then goes there. Where all slots stand there is no struct moves at all.
 *
 * Pure: time comes in ticks (FLOWS_TICK_MS of CLOCK_BOOTTIME), whose difference
 * alone matters; backends are stable numbers (numbers.h). */
#ifndef BALANCER_CORE_MOVES_H
#define BALANCER_CORE_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#define MOVES_TICK_MS     250
#define MOVES_TICKS_PER_S (1000 / MOVES_TICK_MS)
/* After a move has ended, entries are still written for so long: a node whose
 * own has not ended yet hears of connections that begin here. Where a change
 * comes between the two ends, the nodes settle on different backends, and it
 * takes them more than ten seconds to heal that. */
#define MOVES_ENDING_S 30

/* In ticks. */
struct moves_times {
	uint32_t settle; /* a move's length */
	uint32_t learn;  /* its beginning, for UDP */
};

#define MOVES_ENDED  1u /* a move ended at `since`, not long ago */
#define MOVES_MARKED 2u /* an entry may name another backend than current */
#define MOVES_SEEN   4u /* such a one was there in this pass of the sweeper */

struct moves_slot {
	uint32_t since; /* its move began; with MOVES_ENDED: ended */
	uint16_t settled;
	uint8_t flags;
	uint8_t pad;
};
_Static_assert(sizeof(struct moves_slot) == 8, "eight a cache line");

/* The rule, for one slot: `before` and `current` are what current was until now
 * and what it is from now on (the same: only time has passed). lost: the
 * backend that it had settled on is down or gone. */
struct moves_slot moves_step(struct moves_slot, uint16_t before,
    uint16_t current, bool lost, const struct moves_times *, uint32_t now);

/* A slot that stands, with nothing to remember. */
static inline struct moves_slot
moves_standing(uint16_t current)
{
	return (struct moves_slot){.settled = current};
}

static inline bool
moves_moving(const struct moves_slot *s, uint16_t current)
{
	return s->settled != current;
}

/* Do packets ask the flow table (SLOT_ASK)? */
static inline bool
moves_asks(const struct moves_slot *s, uint16_t current)
{
	return moves_moving(s, current) || s->flags != 0;
}

/* SETTLED_EDGE. */
bool moves_edge(const struct moves_slot *, uint16_t current,
    const struct moves_times *, uint32_t now);

/* Ticks from now until moves_step or moves_edge say something else for it,
 * UINT32_MAX: never by itself. */
uint32_t moves_due(const struct moves_slot *, uint16_t current,
    const struct moves_times *, uint32_t now);

/* A whole pass of the sweeper is over: what it has not seen is not there. */
void moves_pass_done(struct moves_slot *);

/* All slots of a region. */
struct moves {
	uint32_t size;
	uint32_t due; /* the tick at which the next slot is due */
	bool timed;   /* one is due some time */
	uint32_t moving, asking;
	struct moves_slot slots[];
};

/* All zero. NULL: out of memory. moves_free(NULL) is fine. */
struct moves *moves_new(uint32_t size);
void moves_free(struct moves *);

/* Counts again, slot by slot, and finds out when the next is due: begin, then
 * add for each of them. */
void moves_count_begin(struct moves *);
void moves_count_add(struct moves *, uint32_t i, uint16_t current,
    const struct moves_times *, uint32_t now);

#endif
