/* SPDX-License-Identifier: Apache-2.0 */
/* The live balancer: interfaces, next hops, control socket, signals, around
 * what is served. */
#ifndef BALANCER_LIVE_H
#define BALANCER_LIVE_H

#include "common/conf.h"
#include "common/errmsg.h"

/* Runs until SIGTERM or SIGINT. 0, or -1 with `why` when it could not start. */
int live_run(const struct conf *, struct errmsg *why);

#endif
