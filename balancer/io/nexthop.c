/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/nexthop.h"

#include <errno.h>
#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <xxhash.h>

#include "balancer/io/links.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/rtnl.h"

/* A burst of changes is answered once, this long after its first. */
#define SETTLE_MS 20
/* What the kernel tells nobody (a path MTU learnt or expired) is found by
 * asking for all routes again this often. */
#define REFRESH_MS 10000
/* Neighbours that do not answer are asked for again this often; the kernel
 * itself sends its requests a second apart. */
#define RETRY_MS 1000
/* Questions in one turn of the event loop: about half a millisecond. */
#define ROUTES_PER_TURN 128
#define PROBES_PER_TURN 128
#define BUCKETS         1024

struct neigh {
	struct netlink_neigh n;
	LIST_HEAD(, hop) hops; /* that go through it; never empty */
	LIST_ENTRY(neigh) bucket;
};

struct hop {
	struct addr addr;
	struct netlink_route route;
	const char *problem; /* why there is no next hop; NULL: there is one */
	struct neigh *neigh; /* NULL: the route leads nowhere */
	LIST_ENTRY(hop) same_neigh;
	struct fib_next_hop next;
};

LIST_HEAD(bucket, neigh);

/* Not worth a warning. */
static const char not_asked[] = "not asked for yet";
static const char being_asked[] = "its neighbour is being looked for";

struct nexthop {
	struct nexthop_handler handler;
	struct rtnl *rtnl;
	struct event *readable, *sweep, *retry;
	struct hop *hops;
	size_t n_hops;
	size_t cursor; /* of the sweep over all routes */
	bool sweep_soon;
	size_t retry_bucket; /* of the round over all neighbours */
	struct links links;
	bool links_missed; /* they could not be read: to be tried again */
	struct bucket buckets[BUCKETS];
	struct log_bucket log;
	bool refused; /* we may not ask for neighbours: said once */
};

/* Links, neighbours, routes, and what routes depend on: addresses, rules and
 * next hop objects. */
static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP};
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

/* Links ---------------------------------------------------------------- */

const struct netlink_link *
nexthop_link(const struct nexthop *nh, uint32_t ifindex)
{
	return links_find(&nh->links, ifindex);
}

const struct netlink_link *
nexthop_link_named(const struct nexthop *nh, const char *name)
{
	return links_find_named(&nh->links, name);
}

/* Neighbours ----------------------------------------------------------- */

static struct bucket *
bucket_of(struct nexthop *nh, uint32_t ifindex, const struct addr *addr)
{
	uint64_t h = XXH3_64bits_withSeed(addr, sizeof(*addr), ifindex);

	return &nh->buckets[h % BUCKETS];
}

static struct neigh *
find_neigh(struct nexthop *nh, uint32_t ifindex, const struct addr *addr)
{
	struct neigh *n;

	LIST_FOREACH(n, bucket_of(nh, ifindex, addr), bucket)
	{
		if (n->n.ifindex == ifindex && addr_cmp(&n->n.addr, addr) == 0)
			return n;
	}
	return NULL;
}

static void
take_neigh(void *ctx, const struct nlmsghdr *nlh)
{
	struct netlink_neigh *out = ctx, got;

	if (netlink_parse_neigh(nlh, &got) == 0 &&
	    got.ifindex == out->ifindex && addr_cmp(&got.addr, &out->addr) == 0)
		*out = got;
}

static void
ignore(void *ctx, const struct nlmsghdr *nlh)
{
}

/* Asks the kernel to resolve it, as a packet of its own would. The answer comes
 * as a notice. */
static void
probe(struct nexthop *nh, const struct neigh *n)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	char text[ADDR_TEXT_MAX];

	if (rtnl_ask(nh->rtnl,
		netlink_use_neigh(
		    buf, rtnl_seq(nh->rtnl), n->n.ifindex, &n->n.addr),
		ignore, NULL) == 0)
		return;
	if (errno == EPERM && !nh->refused) {
		nh->refused = true;
		log_warnx("nexthop",
		    "may not ask for neighbours: CAP_NET_ADMIN is missing; "
		    "only those the kernel knows by itself are reached");
	} else if (errno != EPERM)
		log_debug("nexthop", "probe %s: %s",
		    addr_format(&n->n.addr, text), strerror(errno));
}

/* What the kernel knows of it now. */
static void
read_neigh(struct nexthop *nh, struct neigh *n)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));

	n->n.state = NUD_NONE;
	n->n.has_mac = false;
	(void)rtnl_ask(nh->rtnl,
	    netlink_get_neigh(
		buf, rtnl_seq(nh->rtnl), n->n.ifindex, &n->n.addr),
	    take_neigh, &n->n);
	if (netlink_neigh_needs_probe(&n->n))
		probe(nh, n);
}

static void
leave_neigh(struct hop *hop)
{
	struct neigh *n = hop->neigh;

	if (n == NULL)
		return;
	hop->neigh = NULL;
	LIST_REMOVE(hop, same_neigh);
	if (LIST_EMPTY(&n->hops)) {
		LIST_REMOVE(n, bucket);
		free(n);
	}
}

static int
join_neigh(struct nexthop *nh, struct hop *hop, const struct addr *addr)
{
	uint32_t ifindex = hop->route.oif;
	struct neigh *n = find_neigh(nh, ifindex, addr);

	if (n != NULL && n == hop->neigh)
		return 0;
	if (n == NULL) {
		if ((n = calloc(1, sizeof(*n))) == NULL) {
			leave_neigh(hop);
			return -1;
		}
		n->n.ifindex = ifindex;
		n->n.addr = *addr;
		LIST_INIT(&n->hops);
		LIST_INSERT_HEAD(bucket_of(nh, ifindex, addr), n, bucket);
		read_neigh(nh, n);
	}
	leave_neigh(hop);
	LIST_INSERT_HEAD(&n->hops, hop, same_neigh);
	hop->neigh = n;
	return 0;
}

/* Backends ------------------------------------------------------------- */

static void
take_route(void *ctx, const struct nlmsghdr *nlh)
{
	struct netlink_route route;

	if (netlink_parse_route(nlh, &route) == 0 && !route.deleted)
		*(struct netlink_route *)ctx = route;
}

static int
ask_route(
    struct nexthop *nh, const struct addr *addr, struct netlink_route *route)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));

	memset(route, 0, sizeof(*route));
	return rtnl_ask(nh->rtnl,
	    netlink_get_route(buf, rtnl_seq(nh->rtnl), addr), take_route,
	    route);
}

bool
nexthop_is_local(struct nexthop *nh, const struct addr *addr)
{
	struct netlink_route route;

	return ask_route(nh, addr, &route) == 0 && route.type == RTN_LOCAL;
}

/* Route, link and neighbour together: what packets need, or why not. */
static const char *
combine(
    const struct nexthop *nh, const struct hop *hop, struct fib_next_hop *next)
{
	const struct netlink_link *link;

	memset(next, 0, sizeof(*next)); /* the padding too: it is compared */
	if (hop->route.type == RTN_LOCAL)
		return "is an address of this node";
	if (hop->route.type != RTN_UNICAST || hop->route.oif == 0)
		return "no route";
	if ((link = nexthop_link(nh, hop->route.oif)) == NULL || !link->up)
		return "the link of its route is down";
	if (!link->ethernet)
		return "its route leaves through a link that is not Ethernet";
	if (hop->neigh == NULL)
		return "no memory for its neighbour";
	if (!netlink_neigh_usable(&hop->neigh->n))
		return hop->neigh->n.state == NUD_FAILED
		    ? "its neighbour does not answer"
		    : being_asked;
	next->resolved = true;
	next->ifindex = hop->route.oif;
	next->mtu = link->mtu;
	if (hop->route.mtu != 0 && hop->route.mtu < next->mtu)
		next->mtu = hop->route.mtu;
	memcpy(next->mac, hop->neigh->n.mac, sizeof(next->mac));
	memcpy(next->own_mac, link->mac, sizeof(next->own_mac));
	next->source = hop->route.source;
	return NULL;
}

static void
say(struct nexthop *nh, const struct hop *hop, const char *was)
{
	char text[ADDR_TEXT_MAX];
	uint32_t swallowed;
	const struct netlink_link *link;

	if (was == hop->problem || hop->problem == being_asked)
		return;
	if (!log_limited(&nh->log, mono_now().us, &swallowed))
		return;
	if (swallowed > 0)
		log_info("nexthop", "%u more changes not shown", swallowed);
	addr_format(&hop->addr, text);
	if (hop->problem != NULL) {
		log_warnx("nexthop", "backend %s: %s", text, hop->problem);
		return;
	}
	link = nexthop_link(nh, hop->next.ifindex);
	log_info("nexthop", "backend %s: reached through %s", text,
	    link == NULL ? "?" : link->name);
}

/* true: its next hop is another one now. */
static bool
update(struct nexthop *nh, struct hop *hop)
{
	struct fib_next_hop next;
	const char *was = hop->problem;

	hop->problem = combine(nh, hop, &next);
	if (memcmp(&next, &hop->next, sizeof(next)) == 0) {
		say(nh, hop, was);
		return false;
	}
	memcpy(&hop->next, &next, sizeof(next));
	say(nh, hop, was);
	return true;
}

static bool
resolve(struct nexthop *nh, struct hop *hop)
{
	const struct addr *via;

	if (ask_route(nh, &hop->addr, &hop->route) == -1)
		memset(&hop->route, 0, sizeof(hop->route));
	if (hop->route.type != RTN_UNICAST || hop->route.oif == 0)
		leave_neigh(hop);
	else {
		via = addr_is_none(&hop->route.gateway) ? &hop->addr
							: &hop->route.gateway;
		if (join_neigh(nh, hop, via) == -1)
			log_warn("nexthop", "neighbour");
	}
	return update(nh, hop);
}

static void
tell(struct nexthop *nh, const struct hop *hop)
{
	nh->handler.changed(
	    nh->handler.ctx, (size_t)(hop - nh->hops), &hop->next);
}

/* Events --------------------------------------------------------------- */

static void
schedule(struct event *timer, int ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	evtimer_add(timer, &tv);
}

static void
sweep_soon(struct nexthop *nh)
{
	/* Under way already: begin again when it is through. */
	if (nh->sweep_soon)
		return;
	nh->sweep_soon = true;
	if (nh->cursor == 0)
		schedule(nh->sweep, SETTLE_MS);
}

/* All routes, some in each turn of the loop. */
static void
on_sweep(evutil_socket_t fd, short what, void *ctx)
{
	struct nexthop *nh = ctx;

	if (nh->cursor == 0)
		nh->sweep_soon = false;
	for (int i = 0; i < ROUTES_PER_TURN && nh->cursor < nh->n_hops;
	     i++, nh->cursor++) {
		if (resolve(nh, &nh->hops[nh->cursor]))
			tell(nh, &nh->hops[nh->cursor]);
	}
	if (nh->cursor < nh->n_hops) {
		schedule(nh->sweep, 0);
		return;
	}
	nh->cursor = 0;
	schedule(nh->sweep, nh->sweep_soon ? SETTLE_MS : REFRESH_MS);
}

/* Again: notices were lost, or there was no memory for one. */
static void
read_links(struct nexthop *nh)
{
	nh->links_missed = links_read(&nh->links, nh->rtnl) == -1;
	if (nh->links_missed) {
		log_warn("nexthop", "links, to be read again");
		return;
	}
	nh->handler.links(nh->handler.ctx);
	sweep_soon(nh);
}

/* All neighbours, some in each turn of the loop. */
static void
on_retry(evutil_socket_t fd, short what, void *ctx)
{
	struct nexthop *nh = ctx;
	struct neigh *n;
	int probes = 0;

	for (; nh->retry_bucket < BUCKETS && probes < PROBES_PER_TURN;
	     nh->retry_bucket++) {
		LIST_FOREACH(n, &nh->buckets[nh->retry_bucket], bucket)
		{
			if (!netlink_neigh_needs_probe(&n->n))
				continue;
			probe(nh, n);
			probes++;
		}
	}
	if (nh->retry_bucket == BUCKETS) {
		nh->retry_bucket = 0;
		if (nh->links_missed)
			read_links(nh);
	}
	schedule(nh->retry, nh->retry_bucket == 0 ? RETRY_MS : 0);
}

static void
on_neigh(struct nexthop *nh, const struct netlink_neigh *got)
{
	struct neigh *n = find_neigh(nh, got->ifindex, &got->addr);
	bool was_usable;
	struct hop *hop;

	if (n == NULL)
		return;
	was_usable = netlink_neigh_usable(&n->n);
	if (got->state == NUD_NONE && was_usable) {
		/* Collected as garbage, since the kernel itself does not use
		 * it: it stays good until it is found not to answer. */
		n->n.state = NUD_STALE;
		probe(nh, n);
		return;
	}
	n->n = *got;
	if (was_usable && netlink_neigh_needs_probe(&n->n))
		probe(nh, n);
	LIST_FOREACH(hop, &n->hops, same_neigh)
	{
		if (update(nh, hop))
			tell(nh, hop);
	}
}

static void
take_notice(void *ctx, const struct nlmsghdr *nlh)
{
	struct nexthop *nh = ctx;
	struct netlink_neigh neigh;
	struct netlink_link link;

	if (netlink_parse_neigh(nlh, &neigh) == 0) {
		on_neigh(nh, &neigh);
		return;
	}
	if (nlh->nlmsg_type == RTM_NEWNEIGH || nlh->nlmsg_type == RTM_DELNEIGH)
		return;
	if (netlink_parse_link(nlh, &link) == 0) {
		if (links_put(&nh->links, &link) == -1)
			nh->links_missed = true;
		nh->handler.links(nh->handler.ctx);
	}
	/* Whatever else we subscribed to may change a route. */
	sweep_soon(nh);
}

static void
read_all_again(struct nexthop *nh)
{
	struct neigh *n;

	log_info("nexthop", "notices were lost; reading all again");
	read_links(nh);
	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(n, &nh->buckets[i], bucket)
		read_neigh(nh, n);
	}
	sweep_soon(nh);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct nexthop *nh = ctx;

	if (rtnl_notices(nh->rtnl, take_notice, nh) == 0)
		return;
	if (errno == ENOBUFS)
		read_all_again(nh);
	else
		log_warn("nexthop", "netlink");
}

/* Life ----------------------------------------------------------------- */

static void
drop_hops(struct hop *hops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		leave_neigh(&hops[i]);
	free(hops);
}

struct order {
	const struct addr *addr;
	struct hop *hop;
};

static int
by_addr(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	return addr_cmp(x->addr, y->addr);
}

/* The hop of the same address among the former ones moves over, with all that
 * is known of it. false: there is none. */
static bool
move_over(struct hop *to, const struct order *former, size_t n)
{
	struct order key = {&to->addr, NULL};
	const struct order *found;
	struct hop *from;

	found = n == 0 ? NULL : bsearch(&key, former, n, sizeof(key), by_addr);
	if (found == NULL)
		return false;
	from = found->hop;
	memcpy(&to->next, &from->next, sizeof(to->next)); /* with padding */
	to->route = from->route;
	to->problem = from->problem;
	if ((to->neigh = from->neigh) == NULL)
		return true;
	LIST_INSERT_HEAD(&to->neigh->hops, to, same_neigh);
	leave_neigh(from);
	return true;
}

int
nexthop_set(struct nexthop *nh, const struct addr *backends, size_t n,
    struct errmsg *why)
{
	struct hop *hops = calloc(n + 1, sizeof(*hops));
	struct order *former = calloc(nh->n_hops + 1, sizeof(*former));

	if (hops == NULL || former == NULL) {
		free(hops);
		free(former);
		return errmsg_sys(why, "next hops");
	}
	for (size_t i = 0; i < nh->n_hops; i++)
		former[i] = (struct order){&nh->hops[i].addr, &nh->hops[i]};
	qsort(former, nh->n_hops, sizeof(*former), by_addr);
	for (size_t i = 0; i < n; i++) {
		hops[i].addr = backends[i];
		hops[i].problem = not_asked;
		if (!move_over(&hops[i], former, nh->n_hops))
			(void)resolve(nh, &hops[i]);
	}
	free(former);
	drop_hops(nh->hops, nh->n_hops);
	nh->hops = hops;
	nh->n_hops = n;
	nh->cursor = 0;
	return 0;
}

const struct fib_next_hop *
nexthop_get(const struct nexthop *nh, size_t position)
{
	return &nh->hops[position].next;
}

static int
add_events(struct nexthop *nh, struct event_base *base)
{
	nh->readable = event_new(
	    base, rtnl_fd(nh->rtnl), EV_READ | EV_PERSIST, on_readable, nh);
	nh->sweep = evtimer_new(base, on_sweep, nh);
	nh->retry = evtimer_new(base, on_retry, nh);
	if (nh->readable == NULL || nh->sweep == NULL || nh->retry == NULL ||
	    event_add(nh->readable, NULL) == -1)
		return -1;
	schedule(nh->sweep, REFRESH_MS);
	schedule(nh->retry, RETRY_MS);
	return 0;
}

struct nexthop *
nexthop_new(struct event_base *base, const struct nexthop_handler *handler,
    struct errmsg *why)
{
	struct nexthop *nh = calloc(1, sizeof(*nh));

	if (nh == NULL) {
		errmsg_sys(why, "next hops");
		return NULL;
	}
	nh->handler = *handler;
	if ((nh->rtnl = rtnl_new(groups, N_GROUPS, why)) == NULL)
		goto fail;
	if (links_read(&nh->links, nh->rtnl) == -1) {
		errmsg_sys(why, "netlink: links");
		goto fail;
	}
	if (add_events(nh, base) == -1) {
		errmsg_set(why, "next hops: cannot add events");
		goto fail;
	}
	return nh;
fail:
	nexthop_free(nh);
	return NULL;
}

void
nexthop_free(struct nexthop *nh)
{
	if (nh == NULL)
		return;
	drop_hops(nh->hops, nh->n_hops);
	if (nh->readable != NULL)
		event_free(nh->readable);
	if (nh->sweep != NULL)
		event_free(nh->sweep);
	if (nh->retry != NULL)
		event_free(nh->retry);
	rtnl_free(nh->rtnl);
	links_clear(&nh->links);
	free(nh);
}
