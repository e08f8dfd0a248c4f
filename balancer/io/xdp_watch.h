/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that the XDP program shows while somebody captures: its wishes into
 * the program, and what comes out of its ring, in the event loop. */
#ifndef BALANCER_IO_XDP_WATCH_H
#define BALANCER_IO_XDP_WATCH_H

#include <stdint.h>

#include "balancer/core/tap.h"
#include "common/errmsg.h"

struct event_base;
struct xdp_object;
struct xdp_watch;

struct xdp_watch_handler {
	/* Positions are of the state that is served. */
	void (*offer)(void *ctx, const struct tap_offer *);
	/* Since the last time. */
	void (*missed)(void *ctx, uint64_t over, uint64_t lost);
	void *ctx;
};

/* NULL: out of memory. */
struct xdp_watch *xdp_watch_new(
    struct event_base *, const struct xdp_watch_handler *);
void xdp_watch_free(struct xdp_watch *);

/* Hands over what has been shown up to now. To be called before another state
 * is switched in. */
void xdp_watch_drain(struct xdp_watch *);

/* The program that forwards is this one (borrowed), perhaps another than
 * before, which is still there and shows no more; what it has shown is handed
 * over. 0, or -1 with `why`: captures will not see its packets. */
int xdp_watch_object(
    struct xdp_watch *, const struct xdp_object *, struct errmsg *why);

/* Also hands over what has been shown, and says what was missed: to be called
 * now and then. */
void xdp_watch_wish(struct xdp_watch *, const struct tap_wish *);

#endif
