/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of the balancer, as plain values; balancer_wire.c makes them. */
#ifndef AGENT_CORE_BALANCER_REPLY_H
#define AGENT_CORE_BALANCER_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/balancer_report.h"

enum balancer_reply_kind {
	BALANCER_INSTALLED,
	BALANCER_LATER,   /* to an install; nothing has changed, yet */
	BALANCER_REFUSED, /* to anything; nothing has changed */
	BALANCER_TRACE,
	BALANCER_STATUS,
	BALANCER_PONG,
};

/* Lives in its own arena: balancer_reply_free frees it whole. */
struct balancer_reply {
	struct arena *arena;
	uint64_t id; /* of the request */
	enum balancer_reply_kind kind;
	uint64_t generation;          /* INSTALLED */
	struct report_digest *tables; /* INSTALLED */
	size_t n_tables;
	const char *refusal; /* REFUSED: one line */
	struct trace_answer trace;
	struct balancer_status status;
	struct balancer_pong pong;
};

static inline void
balancer_reply_free(struct balancer_reply *r)
{
	if (r != NULL)
		arena_free(r->arena);
}

#endif
