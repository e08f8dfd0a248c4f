/* SPDX-License-Identifier: Apache-2.0 */
/* Goes round the flow entries, a few at a time. It frees those that have ended
 * or are needless, sees to it that peers go on knowing those that live, and
 * counts what it leaves. One round (a pass) takes
 * flows_entries() / budget steps. */
#ifndef BALANCER_CORE_SWEEPER_H
#define BALANCER_CORE_SWEEPER_H

#include "balancer/core/flows.h"

#define SWEEPER_STEP_MS    100
#define SWEEPER_BUDGET     4096
#define SWEEPER_SYN_ONLY_S 75 /* as long as SYNs are sent again */
#define SWEEPER_CLOSING_S  60
#define SWEEPER_VISITS     2 /* before what seems needless is freed */
#define SWEEPER_FRESH_S    7 /* a whole pass, of as many as FLOWS_DEFAULT */

/* What an entry is for, by the tables as they are. */
enum sweeper_need {
	SWEEPER_PINNED,   /* its backend is not its slot's current one */
	SWEEPER_MOVING,   /* its slot moves, or has just done so */
	SWEEPER_NEEDLESS, /* its slot stands, where it says */
	SWEEPER_DEAD,     /* backend or service gone or down */
};

struct sweeper_idle {
	uint32_t tcp_s, udp_s;
};

/* What it asks, and tells; ctx as given to sweeper_step. */
struct sweeper_calls {
	/* `hash` leads to the slot. */
	enum sweeper_need (*need)(
	    void *ctx, uint16_t service, uint64_t hash, uint16_t backend);
	/* Asked only where need has said that the service is there. */
	struct sweeper_idle (*idle)(void *ctx, uint16_t service);
	/* Has its slot begun to move since about the visit before this one? */
	bool (*fresh)(void *ctx, uint16_t service, uint64_t hash);
	/* All entries have been looked at since the last call. The counts below
	 * are the pass's. */
	void (*pass_done)(void *ctx);
};

struct sweeper_count {
	uint32_t entries;
	uint32_t pinned; /* of them */
};

/* By stable number of the service. */
struct sweeper {
	struct sweeper_count
	    counts[FLOWS_SERVICES]; /* of the last whole pass */
	struct sweeper_count counting[FLOWS_SERVICES];
	uint64_t passes;
	uint64_t freed; /* entries, of all passes */
	uint32_t next;  /* entry */
};

void sweeper_init(struct sweeper *);

/* Looks at the next `budget` entries. Returns true if that was the end of a
 * pass, which pass_done has been told of then. */
bool sweeper_step(struct sweeper *, struct flows *,
    const struct sweeper_calls *, void *ctx, uint32_t budget);

#endif
