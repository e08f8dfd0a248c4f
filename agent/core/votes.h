/* SPDX-License-Identifier: Apache-2.0 */
/* What all nodes observe, and what follows from it: the verdicts that every
 * node puts into its tables. A pure function without memory, of integers, so
 * that equal records give equal tables; in which order they come does not
 * matter.
 *
 * A backend is UP for a service if at least one record says so and not more say
 * DOWN: a tie is more often one bad observer, and a dead backend is seen by
 * all. With no vote at all it is UNKNOWN.
 *
 * Panic: of a service whose checks condemn nearly all, the checks are more
 * likely wrong than the backends. Then every eligible (enabled) backend counts
 * as UP. This is so when some eligible one is DOWN, and either none is UP or
 * the share of those not DOWN is below panic_percent (0: never). UNKNOWN is no
 * evidence against a backend, so new backends cause no panic. */
#ifndef AGENT_CORE_VOTES_H
#define AGENT_CORE_VOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/health.h"
#include "common/view.h"

/* Counting is fastest if the entries of one service share one pointer to its
 * name; it need not be so. */
struct votes_entry {
	const char *service; /* borrowed */
	struct addr backend;
	enum health health;
};

/* All that one observer says, ascending by service, then backend. */
struct votes_record {
	const struct votes_entry *entries;
	size_t n;
};

/* Who says what of one backend of one service. */
struct votes_tally {
	uint32_t up, down; /* records */
	bool eligible;
	enum health voted; /* what follows, before panic */
};

struct votes_service {
	const char *name; /* borrowed from conf */
	size_t first, n;  /* its verdicts; none if it has no check */
	/* Of its eligible backends, before panic. */
	uint32_t eligible, up, down;
	bool panic;
};

struct votes {
	struct view_verdict *verdicts; /* ascending by view_verdict_cmp */
	struct votes_tally *tallies;   /* tallies[i] is of verdicts[i] */
	size_t n;
	struct votes_service *services; /* all of conf, ascending by name */
	size_t n_services;
};

/* The verdicts for each backend of each service with a check; the others have
 * none, which the view takes as UNKNOWN. What records say of anything else is
 * ignored. Borrows the names of conf, and nothing of the records. NULL: out of
 * memory. */
struct votes *votes_count(
    const struct conf *, const struct votes_record *records, size_t n_records);
void votes_free(struct votes *);

/* For view_forwarding; borrowed. */
struct view_health votes_health(const struct votes *);

/* Is it rather this node that is bad? So it is if it sees DOWN at least half
 * of what is UP by vote and eligible, and at least two different backends. That
 * it must last for 10 s is the caller's. */
bool votes_self_unfit(const struct votes *, const struct votes_record *own);

#endif
