/* SPDX-License-Identifier: Apache-2.0 */
/* An XDP object with more room than the one that is used, for a state to come:
 * made beside the packet loop, kept until that state is there. */
#ifndef BALANCER_IO_XDP_LARGER_H
#define BALANCER_IO_XDP_LARGER_H

#include <stdbool.h>

#include "balancer/io/xdp_loader.h"
#include "common/errmsg.h"

struct tables;

/* All zero at first. */
struct xdp_larger {
	struct xdp_loader loader;
	struct xdp_object *object; /* NULL: none is there */
};

/* Begins to make one in which these tables have room, and all that has room in
 * `now`, whose flow entries it shares: `now` must live until it is awaited, and
 * whatever was begun before must have been. 0, or -1 with `why`. */
int xdp_larger_begin(struct xdp_larger *, const struct xdp_object *now,
    const struct tables *, struct errmsg *why);

/* Is one being made that is not there yet? */
bool xdp_larger_busy(const struct xdp_larger *);

/* Waits for what was begun, if anything was: it takes the place of what was
 * there before. 0, or -1 with `why`: there is none now. */
int xdp_larger_await(struct xdp_larger *, struct errmsg *why);

/* Is one there, and awaited, in which they have room? */
bool xdp_larger_holds(const struct xdp_larger *, const struct tables *);

/* The one that is there is the caller's from now on. */
struct xdp_object *xdp_larger_take(struct xdp_larger *);

/* Nobody wants what is there any more. What is still being made is freed by a
 * later call. */
void xdp_larger_drop(struct xdp_larger *);

/* The end: waits for what is being made, and frees all. */
void xdp_larger_clear(struct xdp_larger *);

#endif
