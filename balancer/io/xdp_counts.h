/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of an XDP program as struct counters, and back. */
#ifndef BALANCER_IO_XDP_COUNTS_H
#define BALANCER_IO_XDP_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "balancer/io/xdp_object.h"

struct counters;
struct forwarding;

/* Whose counters those of a copy are: a state with the names of services and
 * the addresses of backends, and nothing else. NULL: out of memory. */
struct forwarding *xdp_counts_names(const struct xdp_object *, uint32_t copy);

/* Says whose they will be. */
void xdp_counts_set_names(
    struct xdp_object *, uint32_t copy, const struct forwarding *);

/* Adds all that was counted up to now, the ledger's included, to counters laid
 * out for the copy's state. */
void xdp_counts_add(
    struct counters *to, const struct xdp_object *, uint32_t copy);

/* All CPUs' to zero, and the ledger's to these. */
void xdp_counts_begin(
    struct xdp_object *, uint32_t copy, const struct counters *ledger);

/* May be laid out for the copy's state: has it as many services and backends?
 */
bool xdp_counts_fit(
    const struct xdp_object *, uint32_t copy, const struct counters *);

/* Adds to the ledger. */
void xdp_counts_enter(
    struct xdp_object *, uint32_t copy, const struct counters *more);

#endif
