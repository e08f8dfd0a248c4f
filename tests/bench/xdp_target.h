/* SPDX-License-Identifier: Apache-2.0 */
/* An XDP program to measure with BPF_PROG_TEST_RUN, and the harness around it.
 * All end the program with a message when they cannot. */
#ifndef TESTS_BENCH_XDP_TARGET_H
#define TESTS_BENCH_XDP_TARGET_H

#include <stdint.h>

#include "tests/bench/flows.h"
#include "tests/bench/xdp_shared.h"

struct xdp_target;

/* Borrows the name and the descriptor. */
struct xdp_target *xdp_target_new(const char *name, int program);
void xdp_target_free(struct xdp_target *);
const char *xdp_target_name(const struct xdp_target *);

/* From now on, these packets. */
void xdp_target_set_flows(struct xdp_target *, const struct flows *);

/* Seconds of processor time a packet, the harness's own included, over `n` of
 * them. The last one must have ended with `verdict`, of enum xdp_action. */
double xdp_target_run(struct xdp_target *, uint32_t n, uint32_t verdict);

/* Gives n packets to it and looks at each one: what all but the last became.
 * Returns what became of the last. */
uint32_t xdp_target_tally(struct xdp_target *, uint32_t n,
    uint32_t first_backend, struct xdp_tally *);

#endif
