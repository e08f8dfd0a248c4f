/* SPDX-License-Identifier: Apache-2.0 */
/* The effective view: configuration, operator intent and health in, the
 * forwarding state that follows from them out. Pure: no I/O, no clock; the same
 * bytes for the same input on every machine, in whatever order the input
 * lists its services, VIPs, ports and backends.
 *
 *   intent    health       phi    down
 *   enabled   up, unknown  full   no
 *   enabled   down         0      yes
 *   draining  up, unknown  0      no    (keeps the flows it has)
 *   draining  down         0      yes
 *   disabled  any          0      yes   (its flows go elsewhere)
 *
 * Where a service has slow_start, full is what ramp.h says of the backend at
 * the given wall clock; unless none of the service's that take traffic is past
 * its ramp, for then each takes its whole share. */
#ifndef COMMON_VIEW_H
#define COMMON_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/forwarding.h"
#include "common/health.h"
#include "common/ramp.h"

/* One backend may be up for one service and down for another. */
struct view_verdict {
	const char *service; /* name; borrowed */
	struct addr backend;
	enum health health;
};

/* Sorted by view_verdict_cmp. What has no verdict is unknown. */
struct view_health {
	const struct view_verdict *verdicts;
	size_t n_verdicts;
};

/* For qsort and bsearch: by service, then by backend. */
int view_verdict_cmp(const void *, const void *);

/* NULL for health: everything is up. */
enum health view_health_of(const struct view_health *, const char *service,
    const struct addr *backend);

/* What the balancer shall do. conf is as conf_load gives it; the result passes
 * forwarding_check and belongs to the caller. NULL: out of memory. */
struct forwarding *view_forwarding(const struct conf *conf,
    const struct view_health *health, uint64_t wall_ms, uint64_t generation);

/* Until then, time alone does not change it: wall clock in ms, later than
 * wall_ms; or RAMP_NEVER. */
uint64_t view_stands_until(const struct conf *, uint64_t wall_ms);

#endif
