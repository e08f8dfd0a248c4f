/* SPDX-License-Identifier: Apache-2.0 */
/* The host routes out of several listings of BIRD, put together: each address
 * once, with who exports it and whether it is in a table. Pure.
 *
 * A listing is the reply to one `show route`: its lines are given one by one,
 * then it is said what it was a listing of. */
#ifndef AGENT_BIRD_EXPORTS_H
#define AGENT_BIRD_EXPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/bird/show.h"
#include "agent/core/bird_report.h"

/* Of one listing, and of all together. */
#define EXPORTS_MAX 100000

/* One as it is listed. */
struct exports_entry {
	struct addr addr;
	uint32_t place; /* in the listing */
	const char *source;
};

struct exports {
	struct arena *arena;    /* for the names of sources */
	struct bird_route *all; /* sorted, each once */
	size_t n_all;
	struct exports_entry *listed; /* what the listing has so far */
	size_t n_listed, room;
	size_t n_others; /* routes to more than one address, left out */
};

enum exports_of {
	EXPORTS_OF_A_TABLE,
	EXPORTS_SENT,       /* by one session */
	EXPORTS_OF_NOTHING, /* it ended with an error: forgotten */
};

void exports_init(struct exports *, struct arena *);
void exports_clear(struct exports *); /* the arena is not its own */

/* Both return 0, or -1 with `why`: out of memory, or too many. */
int exports_line(
    struct exports *, const struct reply_line *, struct errmsg *why);
int exports_end(struct exports *, enum exports_of, struct errmsg *why);

#endif
