/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/sweeper.h"

#include <string.h>

/* When a node's own entry was told to its peers last, in halves of its idle
 * time: six bits of it, 0 for "not noted yet". */
#define TOLD_AT(n) ((uint64_t)(n) << 26)
#define TOLD_MASK  TOLD_AT(0x3f)

void
sweeper_init(struct sweeper *s)
{
	memset(s, 0, sizeof(*s));
}

static uint32_t
idle_ticks(uint64_t state, const struct sweeper_idle *idle)
{
	uint32_t s = (state & FLOW_UDP) != 0 ? idle->udp_s : idle->tcp_s;

	if ((state & FLOW_SYN_ONLY) != 0)
		s = SWEEPER_SYN_ONLY_S;
	else if ((state & FLOW_CLOSING) != 0)
		s = SWEEPER_CLOSING_S;
	return s < FLOW_TIME_MASK / 4 / FLOWS_TICKS_S ? s * FLOWS_TICKS_S
						      : FLOW_TIME_MASK / 4;
}

static bool
has_expired(uint64_t state, uint32_t idle, uint32_t now)
{
	/* Who sees the packets tells of them up to half an idle time later. */
	if ((state & FLOW_FOREIGN) != 0)
		idle += idle / 2 + FLOWS_TICKS_S;
	return flow_age(state, now) > idle;
}

/* The state of an entry whose turn it is to be told again: once per half an
 * idle time, if it was seen since. The hash spreads them. */
static uint64_t
tell_again(uint64_t state, uint64_t hash, uint32_t idle, uint32_t now)
{
	uint32_t half = idle / 2 > 0 ? idle / 2 : 1;
	uint32_t turn = (now + (uint32_t)(hash >> 40) % half) / half % 63 + 1;
	uint64_t noted = state & TOLD_MASK;

	if ((state & FLOW_FOREIGN) != 0 || (state & FLOW_TOLD) == 0 ||
	    noted == TOLD_AT(turn))
		return state;
	state = (state & ~TOLD_MASK) | TOLD_AT(turn);
	if (noted != 0 && flow_age(state, now) <= half)
		state &= ~FLOW_TOLD;
	return state;
}

/* A connection of this node's that peers were told of. Its slot may have stood
 * since, by what other nodes know, and they have forgotten it: when a move
 * begins they are told again. */
static bool
is_old(uint64_t state)
{
	return (state & (FLOW_FOREIGN | FLOW_SYN_ONLY | FLOW_ONCE)) == 0 &&
	    (state & FLOW_TOLD) != 0;
}

/* The state of one that seems needless, at each visit of the sweeper; 0: free
 * it. Not at once: another node may have told of it, whose slots move while
 * those here are about to. And not before this node's own, and each other's,
 * was visited: from the first visit on it is not told of any more, so that when
 * its slot moves again all nodes hear of it anew, who has freed it and who has
 * not. */
static uint64_t
spare(uint64_t state)
{
	uint64_t visits = (state & FLOW_TOLD) != 0 &&
		(state & FLOW_FOREIGN) == 0
	    ? 0
	    : state & TOLD_MASK;

	if (visits >= TOLD_AT(SWEEPER_VISITS))
		return 0;
	state = (state & ~TOLD_MASK) | (visits + TOLD_AT(1));
	return (state & FLOW_FOREIGN) != 0 ? state : state & ~FLOW_TOLD;
}

/* Looks at entry i, whose state is not 0. */
static void
sweep(struct sweeper *s, struct flows *f, const struct sweeper_calls *calls,
    void *ctx, uint32_t i)
{
	struct flow_entry *bucket = &f->entries[i - i % FLOW_BUCKET];
	uint64_t key = FLOW_LOAD(&f->entries[i].key), next;
	uint64_t state = flow_read(bucket, i, key);
	uint16_t service = (uint16_t)FLOW_SERVICE(state);
	struct sweeper_idle idle;
	enum sweeper_need need;
	uint32_t ticks;

	if (state == 0)
		return;
	need = calls->need(ctx, service, key, (uint16_t)FLOW_BACKEND(state));
	if (need == SWEEPER_DEAD || need == SWEEPER_NEEDLESS) {
		next = need == SWEEPER_DEAD ? 0 : spare(state);
		if (flow_change(bucket, i, state, next))
			s->freed += next == 0;
		return;
	}
	idle = calls->idle(ctx, service);
	ticks = idle_ticks(state, &idle);
	if (has_expired(state, ticks, flows_now(f))) {
		s->freed += flow_change(bucket, i, state, 0);
		return;
	}
	s->counting[service].entries++;
	s->counting[service].pinned += need == SWEEPER_PINNED;
	next = tell_again(state, key, ticks, flows_now(f));
	if (is_old(state) && calls->fresh(ctx, service, key))
		next &= ~FLOW_TOLD;
	if (next != state && !flow_change(bucket, i, state, next))
		return;
	/* Also what waited for its time, or was spared. */
	if ((next & FLOW_TOLD) == 0)
		FLOW_MARK(flows_place(f, key).dirty);
}

bool
sweeper_step(struct sweeper *s, struct flows *f,
    const struct sweeper_calls *calls, void *ctx, uint32_t budget)
{
	uint32_t left = flows_entries(f) - s->next;
	uint32_t end = s->next + (budget < left ? budget : left);

	for (; s->next < end; s->next++)
		if (FLOW_LOAD(&f->entries[s->next].state) != 0)
			sweep(s, f, calls, ctx, s->next);
	if (s->next < flows_entries(f))
		return false;
	memcpy(s->counts, s->counting, sizeof(s->counts));
	memset(s->counting, 0, sizeof(s->counting));
	s->next = 0;
	s->passes++;
	calls->pass_done(ctx);
	return true;
}
