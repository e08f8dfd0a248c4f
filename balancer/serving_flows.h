/* SPDX-License-Identifier: Apache-2.0 */
/* Flow entries and the state that they are by: for serving.c alone. */
#ifndef BALANCER_SERVING_FLOWS_H
#define BALANCER_SERVING_FLOWS_H

#include "balancer/serving.h"

/* A fib takes over from prev: entries whose backend is down or gone go, and
 * those whose numbers are others' now. */
void serving_drop_lost(
    struct serving *, const struct fib *, const struct fib *prev);

/* Looks at all entries that an earlier process has left, so that slots ask for
 * those that this fib pins. */
void serving_recover(struct serving *, struct fib *, uint32_t now);

void serving_forget(struct serving *);

#endif
