/* SPDX-License-Identifier: Apache-2.0 */
/* What a balancer leaves to the next one, in its folder: the state it served,
 * what its slots settled on, and what the numbers in flow entries mean. A
 * restart, a kill and --replace are then changes of state like any other.
 *
 * Two files, RUN_DIR/moves.0 and moves.1, take turns, so that one of them is
 * whole at any time; they are opened before privileges go, since the folder may
 * be another user's. Each is
 *
 *      0  "GWMOVES1"
 *      8  which of the two is newer: 8 bytes, as the machine has them
 *     16  length of the payload, 8 bytes
 *     24  XXH3 of the payload, 8 bytes
 *     32  payload: guideway.balancer.Kept (ctl/wire_kept.h)
 *
 * They need not survive the machine: connections do not either. */
#ifndef BALANCER_KEPT_H
#define BALANCER_KEPT_H

#include <stdint.h>

#include "common/errmsg.h"

struct fib;

#define KEPT_HEADER_LEN 32
#define KEPT_MAX        (256u << 20)

struct kept {
	int fds[2]; /* -1: none */
	uint64_t turn;
};

/* Without files there is nothing to load, and save does nothing: that is warned
 * of. */
void kept_open(struct kept *, const char *run_dir);
void kept_close(struct kept *);

/* What the newest whole file says; NULL: none is there. now: ticks. */
struct fib *kept_load(struct kept *, uint32_t now);

/* 0, or -1 with `why`; what was kept before is then still there. */
int kept_save(
    struct kept *, const struct fib *, uint32_t now, struct errmsg *why);

#endif
