/* SPDX-License-Identifier: Apache-2.0 */
/* A grace period of RCU: every run of an XDP program that began before it is
 * over after it. */
#ifndef BALANCER_IO_XDP_GRACE_H
#define BALANCER_IO_XDP_GRACE_H

#include "common/errmsg.h"

/* Waits for one; some milliseconds. 0, or -1 with `why`. */
int xdp_grace(struct errmsg *why);

/* The second way by itself, for tests. */
int xdp_grace_by_map(struct errmsg *why);

#endif
