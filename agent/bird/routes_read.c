/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/routes_read.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/rtnl.h"

/* A table that changes while it is dumped is dumped again. */
#define DUMPS_MAX 4

struct device_query {
	const char *name;
	uint32_t ifindex;
};

static void
take_device(void *ctx, const struct nlmsghdr *nlh)
{
	struct device_query *q = ctx;
	struct netlink_link link;

	/* Asked for a name, the kernel also finds alternative ones. */
	if (netlink_parse_link(nlh, &link) == 0 && link.up &&
	    strcmp(link.name, q->name) == 0)
		q->ifindex = link.ifindex;
}

int
routes_read_device(struct rtnl *rtnl, const char *name, uint32_t *ifindex)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct device_query q = {name, 0};

	if (rtnl_ask(rtnl, netlink_get_link(buf, rtnl_seq(rtnl), name),
		take_device, &q) == -1 &&
	    errno != ENODEV)
		return -1;
	*ifindex = q.ifindex;
	return 0;
}

struct table_query {
	struct routes_table *table;
	uint8_t family;
	bool no_memory;
};

static void
take_route(void *ctx, const struct nlmsghdr *nlh)
{
	struct table_query *q = ctx;
	struct netlink_route route;

	/* A kernel without IPv6 answers for it with all that it has. */
	if (netlink_parse_route(nlh, &route) == 0 &&
	    route.family == q->family &&
	    routes_table_add(q->table, &route) == -1)
		q->no_memory = true;
}

static int
dump(struct rtnl *rtnl, uint8_t family, struct routes_table *table)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct table_query q = {table, family, false};

	/* ENOENT: no route was ever put into this table. */
	if (rtnl_ask(rtnl,
		netlink_dump_routes(buf, rtnl_seq(rtnl), family, table->number),
		take_route, &q) == -1 &&
	    errno != ENOENT && errno != EAFNOSUPPORT && errno != EOPNOTSUPP)
		return -1;
	if (!q.no_memory)
		return 0;
	errno = ENOMEM;
	return -1;
}

int
routes_read_table(struct rtnl *rtnl, uint32_t number, uint32_t ifindex,
    struct routes_table *table)
{
	for (int i = 0; i < DUMPS_MAX; i++) {
		routes_table_begin(table, number, ifindex);
		if (dump(rtnl, AF_INET, table) == 0 &&
		    dump(rtnl, AF_INET6, table) == 0)
			return routes_table_end(table);
		if (errno != EINTR)
			break;
	}
	return -1;
}
