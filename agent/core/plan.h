/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarding state with the tables that follow from it: what the balancer is
 * to serve, and by which digests we know that it does. Pure. */
#ifndef AGENT_CORE_PLAN_H
#define AGENT_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/table.h"
#include "common/balancer_report.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct plan_service {
	struct table *table;              /* NULL: it has no members */
	uint8_t digest[TABLE_DIGEST_LEN]; /* of that table; zeros without */
	uint32_t *slots;                  /* held, by position of the member */
	bool has_served;                  /* the balancer has told ... */
	uint8_t served[TABLE_DIGEST_LEN]; /* ... what it serves */
};

struct plan {
	struct forwarding *state;
	struct plan_service *services; /* in the state's order */
};

/* Computes the tables of `state`, which passes forwarding_check; takes it over,
 * also when it fails. A table of `prev` (may be NULL) over the same members is
 * taken and patched, so prev is only good for plan_free after success; on
 * failure (NULL with `why`) it is untouched. */
struct plan *plan_new(
    struct forwarding *state, struct plan *prev, struct errmsg *why);
void plan_free(struct plan *);

/* Notes what the balancer says it serves, and compares. 0, or -1 with `why`:
 * the first service that differs. */
int plan_compare(struct plan *, const struct report_digest *served, size_t n,
    struct errmsg *why);
/* Nobody knows any more what the balancer serves. */
void plan_forget_served(struct plan *);

/* Of all tables together: what bounds the time that building them takes. */
uint64_t plan_slots(const struct plan *);

#endif
