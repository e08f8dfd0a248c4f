/* SPDX-License-Identifier: Apache-2.0 */
/* What the core asks the balancer over the connection that is for flows, and
 * what comes back, as plain values; flow_wire.c takes them to bytes. */
#ifndef AGENT_CORE_FLOW_REPLY_H
#define AGENT_CORE_FLOW_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/flows_batch.h"

enum flow_ask {
	FLOW_FOLLOW, /* answered again and again */
	FLOW_LEARN,
	FLOW_PAGE,
	FLOW_SETTLED,
	FLOW_SETTLE,
	FLOW_HELD,
};

struct flow_request {
	enum flow_ask what;
	const struct flow_batch *flows;      /* LEARN: FLOWS_PAGE_MAX at most */
	const struct settled_batch *settled; /* SETTLE */
	uint32_t cursor;                     /* PAGE */
	const char *service;                 /* HELD */
	struct addr backend;                 /* HELD */
};

/* Lives in its own arena: flow_reply_free frees it whole. */
struct flow_reply {
	struct arena *arena;
	uint64_t id;             /* of the request */
	enum flow_ask what;      /* was asked, as far as the answer tells */
	const char *refusal;     /* NULL: it is none; one line */
	struct flow_batch flows; /* FOLLOW, PAGE */
	uint32_t next;           /* PAGE: the cursor to go on with ... */
	bool more;               /* ... if there is more */
	uint32_t taken, refused; /* LEARN: entries */
	struct settled_batch settled; /* SETTLED */
	struct flow_held held;        /* HELD */
};

static inline void
flow_reply_free(struct flow_reply *r)
{
	if (r != NULL)
		arena_free(r->arena);
}

#endif
