/* SPDX-License-Identifier: Apache-2.0 */
/* Flow entries between this node's table, where services and backends have
 * stable numbers, and batches for other nodes, where they have names and
 * addresses. */
#ifndef BALANCER_CORE_EXCHANGE_H
#define BALANCER_CORE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/core/fib.h"
#include "balancer/core/flows.h"
#include "common/arena.h"
#include "common/flows_batch.h"

/* Fills a batch, whose parts live in the arena, and sorts the records. Those of
 * services or backends that are gone are left out. 0, or -1: out of memory. */
int exchange_pack(const struct fib *, struct flow_record *, size_t n,
    struct arena *, struct flow_batch *);

struct exchange_result {
	uint32_t taken;   /* or as good as known already */
	uint32_t refused; /* of what is not served, or down; or no room */
};

/* Takes over what another node says. Slots that stand here and have a flow
 * elsewhere now ask for it. now: as for fib_need. `arena` is for what is needed
 * meanwhile. 0, or -1: out of memory, nothing is taken. */
int exchange_learn(struct fib *, struct flows *, const struct flow_batch *,
    uint32_t now, struct arena *arena, struct exchange_result *);

/* What still asks for the backend. The packets are not filled in. */
struct flow_held exchange_held(const struct fib *, const struct flows *,
    const char *service, const struct addr *backend);

#endif
