/* SPDX-License-Identifier: Apache-2.0 */
/* The live balancer: interfaces, next hops, control socket, signals, around
 * what is served. */
#ifndef BALANCER_LIVE_H
#define BALANCER_LIVE_H

#include <stdbool.h>

#include "common/conf.h"
#include "common/errmsg.h"

/* Runs until SIGTERM or SIGINT, or until another balancer replaces it. With
 * `replaces`, it takes the place of the balancer that serves the socket, if
 * there is one. 0, or -1 with `why` when it could not start; then that one goes
 * on. */
int live_run(const struct conf *, bool replaces, struct errmsg *why);

#endif
