/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarding state that is served, and everything laid out for it. There
 * always is one: before the first install it is empty, and all packets pass.
 *
 * A new state is made ready aside; when anything fails the old one serves on,
 * untouched. The switch is between two batches of packets, since both happen in
 * the one thread there is. */
#ifndef BALANCER_SERVING_H
#define BALANCER_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/flows.h"
#include "balancer/core/forward.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct sweeper;

struct serving {
	struct fib *fib;
	struct counters *counters;
	struct forwarder forwarder; /* points at both */
	struct fib *before; /* what an earlier process served; NULL: none, or a
			     * state has been installed since */
	/* Of flows whose slots move; without memory for them forwarder.flows is
	 * NULL, and connections go where the table says. */
	struct flows flows;
	struct sweeper *sweeper;
};

/* The last step before the switch: next hops for the new fib. 0, or -1 with
 * `why`: no switch. */
typedef int (*serving_prepare)(void *ctx, struct fib *, struct errmsg *why);

/* `frag_key` keys the table of fragments. 0, or -1 with `why` and nothing to
 * clear. */
int serving_init(
    struct serving *, const uint8_t frag_key[16], struct errmsg *why);
void serving_clear(struct serving *);

/* Serves `state` (taken over, on failure too) from now on; what is counted is
 * carried over, and what slots have settled on. now: as for fib_new. prepare
 * may be NULL. 0, or -1 with `why`. */
int serving_install(struct serving *, struct forwarding *state, uint32_t now,
    serving_prepare, void *ctx, struct errmsg *why);

/* The same state, but slots have settled on what the batch says (fib_resettle).
 */
struct settled_batch;
int serving_resettle(struct serving *, const struct settled_batch *,
    uint32_t now, serving_prepare, void *ctx, struct errmsg *why);

/* Remembers flows in this memory from now on, which stays the caller's.
 * `before` is taken over: the fib that its entries are by, and that the first
 * state comes after; NULL: they mean nothing, and go. 0, or -1 with `why`: out
 * of memory. */
int serving_remember(struct serving *, const struct flows *, struct fib *before,
    struct errmsg *why);

/* To be called every SWEEPER_STEP_MS: ends moves, looks at some entries. */
void serving_tick(struct serving *, uint32_t now);

/* Does any slot move, so that time changes what is to be kept? */
bool serving_moves(const struct serving *);

const struct forwarding *serving_state(const struct serving *);

#endif
