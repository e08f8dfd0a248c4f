/* SPDX-License-Identifier: Apache-2.0 */
/* The host's links, as the kernel tells of them. */
#ifndef BALANCER_IO_LINKS_H
#define BALANCER_IO_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "common/netlink.h"

struct rtnl;

struct links {
	struct netlink_link *link;
	size_t n, room;
};

/* Reads all of them, in place of what was known. 0, or -1 with errno: what was
 * known stands. */
int links_read(struct links *, struct rtnl *);

/* One came, changed or went. 0, or -1 with errno: there is no memory for it. */
int links_put(struct links *, const struct netlink_link *);

/* NULL: there is none. Borrowed until the next change. */
const struct netlink_link *links_find(const struct links *, uint32_t ifindex);
const struct netlink_link *links_find_named(
    const struct links *, const char *name);

void links_clear(struct links *);

#endif
