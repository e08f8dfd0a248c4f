/* SPDX-License-Identifier: Apache-2.0 */
/* The flow entries of the XDP program as this process has them: the same
 * memory, for as long as there are programs that share it. */
#ifndef BALANCER_IO_XDP_FLOWS_H
#define BALANCER_IO_XDP_FLOWS_H

#include <stddef.h>

#include "balancer/core/flows.h"
#include "common/errmsg.h"

struct xdp_marks;
struct xdp_object;

struct xdp_flows {
	struct flow_entry *entries; /* NULL: not mapped */
	struct xdp_marks *marks;
};

/* 0, or -1 with `why`. What is mapped outlives the object. */
int xdp_flows_map(
    struct xdp_flows *, const struct xdp_object *, struct errmsg *why);
void xdp_flows_unmap(struct xdp_flows *);

/* Where they are. The time in `to` is the caller's own: xdp_flows_set_time
 * tells the program. */
void xdp_flows_lay(const struct xdp_flows *, struct flows *to);
void xdp_flows_set_time(const struct xdp_flows *, uint32_t tick);

#endif
