/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/routes_write.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "common/rtnl.h"

/* The stale routes and then the changes are one sequence, of which a batch goes
 * to the kernel at a time. */
struct batch {
	struct rtnl *rtnl;
	const struct routes_table *table;
	const char *device;
	struct routes_change *changes;
	size_t n;     /* of the whole sequence */
	size_t first; /* of this batch, in the sequence */
	struct routes_outcome *outcome;
	bool hopeless; /* the kernel would refuse all others too */
};

/* NULL: a stale one. */
static struct routes_change *
change_at(const struct batch *b, size_t at)
{
	return at < b->table->n_stale ? NULL
				      : &b->changes[at - b->table->n_stale];
}

static struct netlink_route
route_at(const struct batch *b, size_t at)
{
	const struct routes_change *c = change_at(b, at);

	if (c == NULL)
		return b->table->stale[at];
	return routes_table_route(
	    b->table, &c->vip, c->to == VIP_ROUTE_NONE ? c->from : c->to);
}

static struct nlmsghdr *
build(const struct batch *b, size_t at, void *buf)
{
	const struct routes_change *c = change_at(b, at);
	struct netlink_route route = route_at(b, at);
	uint32_t seq = rtnl_seq(b->rtnl);

	if (c == NULL || c->to == VIP_ROUTE_NONE)
		return netlink_del_route(buf, seq, &route);
	if (c->from == VIP_ROUTE_NONE)
		return netlink_add_route(buf, seq, &route);
	return netlink_replace_route(buf, seq, &route);
}

/* In one line, with what to do. */
static void
explain(const struct batch *b, const struct netlink_route *r, int error,
    struct errmsg *why)
{
	const char *v6 = addr_is4(&r->dst) ? "" : " -6";
	char vip[ADDR_TEXT_MAX];

	addr_format(&r->dst, vip);
	switch (error) {
	case EPERM:
		errmsg_set(why,
		    "may not change routes: CAP_NET_ADMIN is missing: start "
		    "it as root, or give it CAP_NET_ADMIN");
		break;
	case EEXIST:
		errmsg_set(why,
		    "%s: another program has a route to it in table %u, so "
		    "that it is not announced; see ip%s route show table %u, "
		    "and remove that one",
		    vip, r->table, v6, r->table);
		break;
	case EACCES:
		errmsg_set(why,
		    "%s: IPv6 is off on %s; set sysctl "
		    "net.ipv6.conf.%s.disable_ipv6=0",
		    vip, b->device, b->device);
		break;
	case ENODEV:
		errmsg_set(why,
		    "%s: %s takes no such routes; is its MTU below 1280, or "
		    "IPv6 off on this node?",
		    vip, b->device);
		break;
	default:
		errmsg_set(why, "%s: route in table %u by %s: %s", vip,
		    r->table, b->device, strerror(error));
	}
}

static void
on_refused(void *ctx, size_t position, int error)
{
	struct batch *b = ctx;
	struct routes_outcome *o = b->outcome;
	struct routes_change *c = change_at(b, b->first + position);
	struct netlink_route route;
	bool removal = c == NULL || c->to == VIP_ROUTE_NONE;

	if (removal && (error == ESRCH || error == ENOENT))
		return;
	if (c != NULL)
		c->undone = true;
	if (error == EEXIST || error == ENOENT || error == ESRCH ||
	    error == ENODEV || error == ENETDOWN)
		o->surprised = true;
	if (error == EPERM)
		b->hopeless = true;
	if (!o->refused) {
		o->refused = true;
		route = route_at(b, b->first + position);
		explain(b, &route, error, &o->why);
	}
}

static void
leave_undone(struct batch *b, size_t from)
{
	struct routes_change *c;

	for (size_t at = from; at < b->n; at++) {
		if ((c = change_at(b, at)) != NULL)
			c->undone = true;
	}
}

/* One batch; true: on to the next. */
static bool
write_batch(struct batch *b)
{
	uint8_t buf[RTNL_CHANGES_MAX * NETLINK_REQUEST_MAX]
	    __attribute__((aligned(4)));
	size_t len = 0, at = b->first;

	for (; at < b->n && at - b->first < RTNL_CHANGES_MAX; at++)
		len += build(b, at, buf + len)->nlmsg_len;
	if (rtnl_change(b->rtnl, buf, len, on_refused, b) == -1) {
		/* Some may have been made: only reading tells. */
		b->outcome->surprised = b->outcome->refused = true;
		errmsg_sys(
		    &b->outcome->why, "table %u: netlink", b->table->number);
		leave_undone(b, b->first);
		return false;
	}
	if (b->hopeless)
		leave_undone(b, at);
	b->first = at;
	return at < b->n && !b->hopeless;
}

struct routes_outcome
routes_write(struct rtnl *rtnl, const struct routes_table *table,
    const char *name, struct routes_change *changes, size_t n)
{
	struct routes_outcome outcome = {false, false, {""}};
	struct batch b = {.rtnl = rtnl,
	    .table = table,
	    .device = name,
	    .changes = changes,
	    .n = table->n_stale + n,
	    .outcome = &outcome};

	if (b.n == 0)
		return outcome;
	while (write_batch(&b))
		continue;
	return outcome;
}
