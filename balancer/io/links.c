/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/rtnl.h"

static struct netlink_link *
find(const struct links *l, uint32_t ifindex)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->link[i].ifindex == ifindex)
			return &l->link[i];
	}
	return NULL;
}

const struct netlink_link *
links_find(const struct links *l, uint32_t ifindex)
{
	return find(l, ifindex);
}

const struct netlink_link *
links_find_named(const struct links *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->link[i].name, name) == 0)
			return &l->link[i];
	}
	return NULL;
}

static int
grow(struct links *l)
{
	size_t room = l->room * 2 + 16;
	struct netlink_link *grown = reallocarray(
	    l->link, room, sizeof(*grown));

	if (grown == NULL)
		return -1;
	l->link = grown;
	l->room = room;
	return 0;
}

int
links_put(struct links *l, const struct netlink_link *link)
{
	struct netlink_link *at = find(l, link->ifindex);

	if (link->deleted) {
		if (at != NULL)
			*at = l->link[--l->n];
		return 0;
	}
	if (at == NULL) {
		if (l->n == l->room && grow(l) == -1)
			return -1;
		at = &l->link[l->n++];
	}
	*at = *link;
	return 0;
}

struct reading {
	struct links links;
	bool incomplete;
};

static void
take(void *ctx, const struct nlmsghdr *nlh)
{
	struct reading *r = ctx;
	struct netlink_link link;

	if (netlink_parse_link(nlh, &link) == 0 &&
	    links_put(&r->links, &link) == -1)
		r->incomplete = true;
}

int
links_read(struct links *l, struct rtnl *rtnl)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct reading fresh = {0};
	int r;

	do {
		fresh.links.n = 0;
		r = rtnl_ask(rtnl, netlink_dump_links(buf, rtnl_seq(rtnl)),
		    take, &fresh);
	} while (r == -1 && errno == EINTR);
	if (r == 0 && fresh.incomplete) {
		errno = ENOMEM;
		r = -1;
	}
	if (r == -1) {
		links_clear(&fresh.links);
		return -1;
	}
	links_clear(l);
	*l = fresh.links;
	return 0;
}

void
links_clear(struct links *l)
{
	free(l->link);
	*l = (struct links){NULL, 0, 0};
}
