/* SPDX-License-Identifier: Apache-2.0 */
/* A fib as a balancer keeps it for the next one, as bytes:
 * guideway.balancer.Kept (proto/balancer.proto). */
#ifndef BALANCER_CTL_WIRE_KEPT_H
#define BALANCER_CTL_WIRE_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct fib;

/* malloc'd bytes, and *len; NULL: out of memory. */
uint8_t *wire_pack_kept(const struct fib *, uint32_t now, size_t *len);

/* The fib as it was then; each field checked. What is said to have been written
 * after `now` is of another boot. NULL with `why`. */
struct fib *wire_unpack_kept(
    const uint8_t *data, size_t len, uint32_t now, struct errmsg *why);

#endif
