/* SPDX-License-Identifier: Apache-2.0 */
/* What is served and what was counted, for the control socket, the log and the
 * file driver's summary. */
#ifndef BALANCER_REPORT_H
#define BALANCER_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/balancer_report.h"

struct arena;
struct counters;
struct serving;

/* Fills generation, reasons, services and backends (without their next hops)
 * and, with read_back, the digests of the tables. `counted` is laid out for the
 * state. Borrows from `serving`; the rest is of the arena. 0, or -1: out of
 * memory. */
int report_fill(struct arena *, struct balancer_status *,
    const struct serving *, const struct counters *counted, bool read_back);

/* For people: one line each, only what is above zero. The other writes one JSON
 * object, everything in it; -1: out of memory. */
void report_print(FILE *, const struct balancer_status *);
int report_print_json(FILE *, const struct balancer_status *);

#endif
