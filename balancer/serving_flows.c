/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/serving_flows.h"

#include <stdlib.h>

#include "balancer/core/moves.h"
#include "balancer/core/sweeper.h"
#include "balancer/core/tables.h"

_Static_assert(MOVES_TICK_MS == FLOWS_TICK_MS, "one time for both");

/* What the sweeper's questions are about. */
struct sweep {
	struct fib *fib;
	uint32_t now;
};

static enum sweeper_need
need(void *ctx, uint16_t service, uint64_t hash, uint16_t backend)
{
	const struct sweep *s = ctx;

	switch (fib_need(s->fib, service, hash, backend, s->now)) {
	case FIB_PINNED:
		return SWEEPER_PINNED;
	case FIB_MOVING:
		return SWEEPER_MOVING;
	case FIB_NEEDLESS:
		return SWEEPER_NEEDLESS;
	case FIB_DEAD:
		break;
	}
	return SWEEPER_DEAD;
}

static struct sweeper_idle
idle(void *ctx, uint16_t service)
{
	const struct sweep *sweep = ctx;
	uint32_t at = fib_service_position(sweep->fib, service);
	const struct forwarding_service *s;

	if (at == TABLES_NONE)
		return (struct sweeper_idle){0, 0};
	s = &fib_state(sweep->fib)->services[at];
	return (struct sweeper_idle){s->tcp_idle_s, s->udp_idle_s};
}

static bool
fresh(void *ctx, uint16_t service, uint64_t hash)
{
	const struct sweep *s = ctx;

	return fib_fresh(
	    s->fib, service, hash, SWEEPER_FRESH_S * MOVES_TICKS_PER_S, s->now);
}

static void
pass_done(void *ctx)
{
	struct sweep *s = ctx;

	fib_pass_done(s->fib, s->now);
}

static const struct sweeper_calls calls = {need, idle, fresh, pass_done};

static bool
any(void *ctx, uint16_t service, uint16_t backend)
{
	return true;
}

int
serving_remember(struct serving *s, const struct flows *flows,
    struct fib *before, struct errmsg *why)
{
	struct sweeper *sweeper = malloc(sizeof(*sweeper));

	if (sweeper == NULL) {
		fib_free(before);
		return errmsg_set(why, "flow entries: out of memory");
	}
	free(s->sweeper);
	fib_free(s->before);
	sweeper_init(sweeper);
	s->sweeper = sweeper;
	s->flows = *flows;
	s->forwarder.flows = &s->flows;
	if ((s->before = before) == NULL)
		(void)flows_drop_if(&s->flows, any, NULL);
	return 0;
}

void
serving_forget(struct serving *s)
{
	free(s->sweeper);
	s->sweeper = NULL;
	s->forwarder.flows = NULL;
}

void
serving_tick(struct serving *s, uint32_t now)
{
	struct sweep sweep = {s->fib, now};

	fib_tick(s->fib, now);
	if (s->sweeper == NULL)
		return;
	s->flows.now = now & FLOW_TIME_MASK;
	/* Until there is a state, nobody knows what entries are by. */
	if (s->before == NULL)
		(void)sweeper_step(
		    s->sweeper, &s->flows, &calls, &sweep, SWEEPER_BUDGET);
}

void
serving_recover(struct serving *s, struct fib *fib, uint32_t now)
{
	struct sweep sweep = {fib, now};

	if (s->sweeper == NULL)
		return;
	(void)sweeper_step(
	    s->sweeper, &s->flows, &calls, &sweep, flows_entries(&s->flows));
}

/* Bits by stable number. */
struct lost {
	const struct fib *fib;
	bool some, all;
	uint64_t services[FLOWS_SERVICES / 64];
	uint64_t backends[65536 / 64];
};

static void
on_lost(void *ctx, uint32_t service, uint32_t backend)
{
	struct lost *lost = ctx;

	lost->some = true;
	if (service == FIB_ANY && backend == FIB_ANY)
		lost->all = true;
	else if (backend == FIB_ANY)
		lost->services[service / 64] |= (uint64_t)1 << service % 64;
	else if (service == FIB_ANY)
		lost->backends[backend / 64] |= (uint64_t)1 << backend % 64;
}

static bool
is_lost(void *ctx, uint16_t service, uint16_t backend)
{
	const struct lost *lost = ctx;

	return lost->all ||
	    (lost->services[service / 64] >> service % 64 & 1) != 0 ||
	    (lost->backends[backend / 64] >> backend % 64 & 1) != 0 ||
	    !fib_takes(lost->fib, service, backend);
}

void
serving_drop_lost(
    struct serving *s, const struct fib *fib, const struct fib *prev)
{
	struct lost *lost;

	if (s->sweeper == NULL)
		return;
	/* Without memory they go when the sweeper comes by. */
	if ((lost = calloc(1, sizeof(*lost))) == NULL)
		return;
	lost->fib = fib;
	fib_lost(fib, prev, on_lost, lost);
	if (lost->some)
		(void)flows_drop_if(&s->flows, is_lost, lost);
	free(lost);
}

bool
serving_moves(const struct serving *s)
{
	for (size_t i = 0; i < fib_state(s->fib)->n_services; i++)
		if (fib_moving(s->fib, i).moving > 0)
			return true;
	return false;
}
