/* SPDX-License-Identifier: Apache-2.0 */
/* A balancer as far as flow entries go, at value level: it answers what the
 * core asks of it. All of one service, which is called "web". */
#ifndef TESTS_UNIT_GHOST_FLOWS_H
#define TESTS_UNIT_GHOST_FLOWS_H

#include "agent/core/flow_reply.h"
#include "agent/core/replica.h"

#define GHOST_SLOTS 256 /* of the table */

struct ghost_entry {
	uint64_t hash; /* 0: free */
	struct addr backend;
};

struct ghost_flows {
	struct ghost_entry *entries; /* by hash */
	size_t n, room;
	struct ghost_entry *untold; /* those that were born here */
	size_t n_untold, room_untold;
	struct addr settled[GHOST_SLOTS]; /* none: it stands */
	uint64_t follow_id;               /* 0: nobody follows */
	size_t learnt;                    /* in batches or pages, so far */
	size_t settles;
};

void ghost_flows_clear(struct ghost_flows *); /* as after a restart */
/* A flow begins; hash is not 0. */
void ghost_flows_born(struct ghost_flows *, uint64_t hash, const struct addr *);
const struct ghost_entry *ghost_flows_find(
    const struct ghost_flows *, uint64_t hash); /* NULL: not here */
/* Zeros when all stand. */
void ghost_flows_digest(
    const struct ghost_flows *, uint8_t digest[REPLICA_DIGEST_LEN]);

/* Never NULL; but a request to follow is answered by ghost_flows_tell. print:
 * of the seed that it serves. */
struct flow_reply *ghost_flows_answer(struct ghost_flows *, uint64_t print,
    uint64_t id, const struct flow_request *);
/* At most FLOWS_BATCH_MAX of what nobody was told. NULL: nothing is. */
struct flow_reply *ghost_flows_tell(struct ghost_flows *, uint64_t print);

#endif
