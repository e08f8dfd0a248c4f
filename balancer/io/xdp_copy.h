/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarding state as the XDP program reads it: one of the two copies of the
 * tables in an object (bpf/shared.h). */
#ifndef BALANCER_IO_XDP_COPY_H
#define BALANCER_IO_XDP_COPY_H

#include <stddef.h>
#include <stdint.h>

struct backend_fwd;
struct tables;
struct xdp_object;

/* Which one: a reference, which owns nothing. */
struct xdp_copy {
	struct xdp_object *object; /* NULL: none */
	uint32_t number;           /* below XDP_COPIES */
};

/* All tables, into a copy that no packet reads any more (xdp_grace) and that
 * has room for them; not the backends, and not the names of what it counts. */
void xdp_copy_write_tables(const struct xdp_copy *, const struct tables *);

/* Into a copy of a new object, all zero: no address is a VIP. */
void xdp_copy_write_empty(const struct xdp_copy *);

/* While the copy is in force: `n` slots from `first` on, each by one store. */
void xdp_copy_store_slots(
    const struct xdp_copy *, const struct tables *, uint32_t first, uint32_t n);

/* While the copy is in force: backend number `i`, whose entry must not say that
 * it is ready. That is stored last. */
void xdp_copy_store_backend(
    const struct xdp_copy *, size_t i, const struct backend_fwd *);

#endif
