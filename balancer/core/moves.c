/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/moves.h"

#include <stdlib.h>

#define ENDING (MOVES_ENDING_S * MOVES_TICKS_PER_S)

/* What began with its entries, some of which may be of another backend than
 * current. */
static void
end_move(struct moves_slot *s, uint32_t now)
{
	s->since = now;
	s->flags |= MOVES_ENDED | MOVES_MARKED | MOVES_SEEN;
}

struct moves_slot
moves_step(struct moves_slot s, uint16_t before, uint16_t current, bool lost,
    const struct moves_times *times, uint32_t now)
{
	bool moved = moves_moving(&s, before);

	if (s.settled != current && !lost) {
		uint32_t since = moved ? s.since : now;

		if (now - since < times->settle) {
			s.since = since;
			s.flags &= (uint8_t)~MOVES_ENDED;
			return s;
		}
	}
	s.settled = current;
	if (moved)
		end_move(&s, now);
	else if ((s.flags & MOVES_ENDED) != 0 && now - s.since >= ENDING)
		s.flags &= (uint8_t)~MOVES_ENDED;
	return s;
}

bool
moves_edge(const struct moves_slot *s, uint16_t current,
    const struct moves_times *times, uint32_t now)
{
	return moves_moving(s, current) ? now - s->since < times->learn
					: (s->flags & MOVES_ENDED) != 0;
}

static uint32_t
rest(uint32_t length, uint32_t passed)
{
	return passed < length ? length - passed : 0;
}

uint32_t
moves_due(const struct moves_slot *s, uint16_t current,
    const struct moves_times *times, uint32_t now)
{
	uint32_t passed = now - s->since;

	if (moves_moving(s, current)) {
		if (passed < times->learn && times->learn < times->settle)
			return rest(times->learn, passed);
		return rest(times->settle, passed);
	}
	return (s->flags & MOVES_ENDED) != 0 ? rest(ENDING, passed)
					     : UINT32_MAX;
}

void
moves_pass_done(struct moves_slot *s)
{
	if ((s->flags & MOVES_SEEN) == 0)
		s->flags &= (uint8_t)~MOVES_MARKED;
	s->flags &= (uint8_t)~MOVES_SEEN;
}

struct moves *
moves_new(uint32_t size)
{
	struct moves *m = calloc(1, sizeof(*m) + size * sizeof(m->slots[0]));

	if (m != NULL)
		m->size = size;
	return m;
}

void
moves_free(struct moves *m)
{
	free(m);
}

void
moves_count_begin(struct moves *m)
{
	m->moving = m->asking = 0;
	m->timed = false;
}

void
moves_count_add(struct moves *m, uint32_t i, uint16_t current,
    const struct moves_times *times, uint32_t now)
{
	const struct moves_slot *s = &m->slots[i];
	uint32_t left;

	if (!moves_asks(s, current))
		return;
	m->asking++;
	m->moving += moves_moving(s, current);
	left = moves_due(s, current, times, now);
	if (left == UINT32_MAX ||
	    (m->timed && (int32_t)(now + left - m->due) >= 0))
		return;
	m->timed = true;
	m->due = now + left;
}
