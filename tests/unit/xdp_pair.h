/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path as the kernel runs it beside the one in user space, over one
 * fib: the same frames must give the same frames and the same counters. Where
 * XDP hands a frame up, user space goes on with it, as in the balancer.
 *
 * Needs root: it loads the program, and runs it with BPF_PROG_TEST_RUN. */
#ifndef TESTS_UNIT_XDP_PAIR_H
#define TESTS_UNIT_XDP_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/core/flows.h"
#include "balancer/core/forward.h"

struct counters;
struct fib;
struct xdp_plane;

/* What a frame in one page can be, with room in front for the outer header. */
#define XDP_PAIR_FRAME_MAX 3400
#define XDP_PAIR_OUT_MAX   (XDP_PAIR_FRAME_MAX + 64)

struct xdp_pair {
	struct fib *fib;
	struct xdp_plane *plane;
	struct counters *alone; /* all of it in user space */
	struct counters *both;  /* user space, behind XDP */
	struct forwarder alone_forwarder, both_forwarder;
	struct flows alone_flows, both_flows;
	void *alone_memory;
	uint64_t passed, dropped, sent, redirected; /* by XDP */
};

/* Takes the fib over. */
void xdp_pair_init(struct xdp_pair *, struct fib *);
void xdp_pair_clear(struct xdp_pair *);

/* Frames that XDP disposed of. */
uint64_t xdp_pair_by_xdp(const struct xdp_pair *);

/* The program of a plane on one frame: the XDP action, and what has become of
 * the frame, in `out` of XDP_PAIR_OUT_MAX bytes. */
uint32_t xdp_pair_run(const struct xdp_plane *, const uint8_t *frame,
    size_t len, uint8_t *out, size_t *out_len);

/* One frame through both; what comes out must be the same. One that is too long
 * for the program's test, or too short, is left out. */
void xdp_pair_same(
    struct xdp_pair *, const uint8_t *data, size_t len, uint32_t mtu);
void xdp_pair_same_counters(struct xdp_pair *);

/* Installs, and renews the lease. */
void xdp_pair_put(struct xdp_plane *, const struct fib *);

/* From now on both forward by this fib, which is taken over and comes after the
 * one they have. */
void xdp_pair_install(struct xdp_pair *, struct fib *);

/* The time of both, in ticks. */
void xdp_pair_set_time(struct xdp_pair *, uint32_t tick);

/* The same entries, at the same places; how many there are. */
size_t xdp_pair_same_flows(const struct xdp_pair *);

#endif
