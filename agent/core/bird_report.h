/* SPDX-License-Identifier: Apache-2.0 */
/* What BIRD says it does, as plain values; agent/bird/ makes them. */
#ifndef AGENT_CORE_BIRD_REPORT_H
#define AGENT_CORE_BIRD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/arena.h"
#include "common/mono.h"

enum bird_state {
	BIRD_OK,
	BIRD_ABSENT,  /* no socket, or nobody listens on it */
	BIRD_DENIED,  /* we may not open it */
	BIRD_SILENT,  /* it does not answer in time */
	BIRD_GARBLED, /* it speaks nonsense or breaks off, or we are short of
		       * memory for what it says; `why` tells */
};

/* A protocol of type BGP. */
struct bird_session {
	const char *name;
	bool established;
	const char *info; /* "Established", "Active (Socket: ...)", ... */
	bool has4, has6;  /* the families of its channels */
};

/* A route to a single address, /32 or /128. */
struct bird_route {
	struct addr addr;
	const char *source; /* BIRD's protocol that the best route is from */
	bool learnt;        /* is in a table that a BGP session exports from */
	uint32_t exported;  /* how many sessions export it, as of now: what
			     * the neighbours were told, whatever the export
			     * filters say by now */
};

/* Lives in its own arena: bird_report_free frees it whole. All text is
 * printable ASCII. Unless state is BIRD_OK there are no sessions and routes. */
struct bird_report {
	struct arena *arena;
	struct mono begun; /* BIRD_OK: when the reading was */
	enum bird_state state;
	const char *why;     /* one line: what is wrong, what to do; or "" */
	const char *version; /* "2.0.12"; "" when unknown */
	const struct bird_session *sessions; /* in BIRD's order */
	size_t n_sessions;
	const struct bird_route *routes; /* sorted by addr_cmp, each once */
	size_t n_routes;
};

static inline void
bird_report_free(struct bird_report *r)
{
	if (r != NULL)
		arena_free(r->arena);
}

#endif
