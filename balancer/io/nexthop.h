/* SPDX-License-Identifier: Apache-2.0 */
/* How each backend is reached: its route, the neighbour that leads there and
 * that neighbour's MAC, asked from the kernel and kept fresh.
 *
 * The kernel tells what changes (links, neighbours, routes and what routes
 * depend on); a burst of changes is answered once. When it had to drop
 * notices, everything is read again. A neighbour that is not known, stale or
 * failed is asked for (that is what a packet of the kernel's own would have
 * done; ours bypass it). Nothing here costs anything per packet.
 *
 * Questions are answered by the kernel while they are asked, so that they never
 * wait; large numbers of them are spread over turns of the event loop. */
#ifndef BALANCER_IO_NEXTHOP_H
#define BALANCER_IO_NEXTHOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/fib.h"
#include "common/addr.h"
#include "common/errmsg.h"
#include "common/netlink.h"

struct event_base;
struct nexthop;

struct nexthop_handler {
	/* The next hop of the backend at `position` is another one now. */
	void (*changed)(
	    void *ctx, size_t position, const struct fib_next_hop *);
	/* A link came, went or changed. */
	void (*links)(void *ctx);
	void *ctx;
};

/* NULL with `why`. The handler is called from the event loop only. */
struct nexthop *nexthop_new(
    struct event_base *, const struct nexthop_handler *, struct errmsg *why);
void nexthop_free(struct nexthop *);

/* The backends, in place of those before. What is known of an address stays;
 * what is new is looked up at once, so that nexthop_get has an answer for all
 * of them. Does not call the handler. 0, or -1 with `why`: out of memory,
 * nothing has changed. */
int nexthop_set(struct nexthop *, const struct addr *backends, size_t n,
    struct errmsg *why);

/* Borrowed until the next change. */
const struct fib_next_hop *nexthop_get(const struct nexthop *, size_t position);

/* NULL: no such link. Borrowed until the event loop runs on. */
const struct netlink_link *nexthop_link(
    const struct nexthop *, uint32_t ifindex);
const struct netlink_link *nexthop_link_named(
    const struct nexthop *, const char *name);

/* Would the kernel take a packet to this address for itself? */
bool nexthop_is_local(struct nexthop *, const struct addr *);

#endif
