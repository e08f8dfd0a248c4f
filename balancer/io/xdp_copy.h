/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarding state as the XDP program reads it: one of the two copies of the
 * tables in an object (bpf/shared.h). */
#ifndef BALANCER_IO_XDP_COPY_H
#define BALANCER_IO_XDP_COPY_H

#include <stdint.h>

struct backend_fwd;
struct tables;
struct xdp_object;

struct xdp_copy {
	struct xdp_object *object; /* NULL: none */
	uint32_t number;
};

/* All tables, into a copy that is not in force and that has room for them; not
 * the backends, and not the names of what it counts. */
void xdp_copy_write_tables(const struct xdp_copy *, const struct tables *);

/* Of the state that is new: no address is a VIP. */
void xdp_copy_write_empty(const struct xdp_copy *);

/* These two while packets are read by it. `n` slots from `first` on, each whole
 * at any time; and a backend that nobody uses, whose flags come last, since
 * they say that the rest can be used. */
void xdp_copy_store_slots(
    const struct xdp_copy *, const struct tables *, uint32_t first, uint32_t n);
void xdp_copy_store_backend(struct backend_fwd *to, const struct backend_fwd *);

#endif
