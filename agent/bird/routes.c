/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/routes.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "agent/bird/routes_diff.h"
#include "agent/bird/routes_read.h"
#include "agent/bird/routes_table.h"
#include "agent/bird/routes_write.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/netlink.h"
#include "common/rtnl.h"

/* Reading the table because of notices: not more often than this, nor for more
 * than this part of the time. */
#define READ_GAP_US   200000
#define READ_GAP_PART 20
/* What failed is tried again; and in case a notice should ever be missing. */
#define RETRY_MS 5000
#define AUDIT_MS 60000

struct routes {
	struct rtnl *rtnl;
	char device[NETLINK_NAME_MAX];
	void (*changed)(void *ctx);
	void *ctx;
	struct event *readable, *again, *tell;
	struct routes_table kernel; /* its ifindex: of the device */
	struct vip_route_entry *wanted;
	size_t n_wanted;
	bool ruled; /* routes_set was called: what differs is put right */
	bool device_untold; /* it moved, and `changed` was not called since */
	struct errmsg error;
	struct vip_routes view;
	/* In the notices being read there was one of the device; one that does
	 * not agree with what is known. */
	bool device_moved, table_moved;
	bool soon; /* `again` is due as soon as READ_GAP_* allow */
	struct mono read_at;
	int64_t read_took_us;
};

static void
schedule(struct event *timer, int64_t us)
{
	struct timeval tv = {us / 1000000, us % 1000000};

	evtimer_add(timer, &tv);
}

/* Later, from the loop, and once for all that comes until then. */
static void
tell(struct routes *r)
{
	schedule(r->tell, 0);
}

static void
on_tell(evutil_socket_t fd, short what, void *ctx)
{
	struct routes *r = ctx;

	r->device_untold = false;
	r->changed(r->ctx);
}

static void
update_view(struct routes *r)
{
	const struct routes_table *k = &r->kernel;

	r->view = (struct vip_routes){.device = k->ifindex != 0,
	    .ifindex = k->ifindex,
	    .entries = k->entries,
	    .n = k->n,
	    .foreign = k->foreign,
	    .a_foreign = k->a_foreign.dst,
	    .foreign_protocol = k->a_foreign.protocol,
	    .error = r->error.text};
}

/* Reading -------------------------------------------------------------- */

/* true: the device came, went, or is another one. */
static bool
look_at_device(struct routes *r)
{
	uint32_t ifindex;

	if (routes_read_device(r->rtnl, r->device, &ifindex) == -1) {
		log_warn("routes", "%s", r->device); /* as it was, then */
		return false;
	}
	if (ifindex == r->kernel.ifindex)
		return false;
	r->kernel.ifindex = ifindex;
	r->kernel.n = 0;
	r->n_wanted = 0;
	r->device_untold = true;
	tell(r);
	return true;
}

/* What the kernel has, in place of what was known; `*others`: somebody else
 * changed routes of ours. 0, or -1: it is as it was, with the error set. */
static int
read_table(struct routes *r, bool *others)
{
	struct routes_table fresh = {0};

	if (routes_read_table(
		r->rtnl, r->kernel.number, r->kernel.ifindex, &fresh) == -1) {
		errmsg_sys(
		    &r->error, "table %u cannot be read", r->kernel.number);
		routes_table_clear(&fresh);
		return -1;
	}
	*others = !routes_table_same_good(&fresh, &r->kernel);
	if (*others || !routes_table_same_foreign(&fresh, &r->kernel))
		tell(r);
	routes_table_clear(&r->kernel);
	r->kernel = fresh;
	return 0;
}

/* Writing -------------------------------------------------------------- */

/* What is known becomes what is there after the changes. */
static int
take_over(struct routes *r, const struct routes_change *changes, size_t n)
{
	struct vip_route_entry *entries;
	size_t room = r->kernel.n + n;

	if ((entries = calloc(room + 1, sizeof(*entries))) == NULL)
		return -1;
	r->kernel.n = routes_apply(
	    r->kernel.entries, r->kernel.n, changes, n, entries);
	free(r->kernel.entries);
	r->kernel.entries = entries;
	r->kernel.room = room + 1;
	return 0;
}

/* May something be logged that others can bring about as often as they like? */
static bool
may_log(struct log_bucket *bucket)
{
	uint32_t swallowed;

	if (!log_limited(bucket, mono_now().us, &swallowed))
		return false;
	if (swallowed > 0)
		log_info(
		    "routes", "%u messages like the next not shown", swallowed);
	return true;
}

static void
say_put_right(struct routes *r, const struct routes_change *changes, size_t n)
{
	static struct log_bucket bucket;
	char vip[ADDR_TEXT_MAX];

	if (may_log(&bucket))
		log_warnx("routes",
		    "table %u: another program changed %zu of our routes, as "
		    "that to %s; putting them right",
		    r->kernel.number, n, addr_format(&changes[0].vip, vip));
}

/* What differs from what is wanted, written once. true: the kernel has
 * something else than was known. `others`: the difference is somebody else's
 * doing. */
static bool
write_once(struct routes *r, bool others)
{
	static struct log_bucket bucket;
	size_t n, room = r->kernel.n + r->n_wanted;
	struct routes_change *changes = calloc(room + 1, sizeof(*changes));
	struct routes_outcome outcome;

	if (changes == NULL) {
		errmsg_sys(&r->error, "%zu routes", room);
		return false;
	}
	n = routes_diff(
	    r->kernel.entries, r->kernel.n, r->wanted, r->n_wanted, changes);
	if (others && n > 0)
		say_put_right(r, changes, n);
	outcome = routes_write(r->rtnl, &r->kernel, r->device, changes, n);
	if (r->kernel.n_stale > 0 && !outcome.refused && may_log(&bucket))
		log_info("routes", "table %u: %zu stale routes removed",
		    r->kernel.number, r->kernel.n_stale);
	r->kernel.n_stale = 0;
	if (take_over(r, changes, n) == -1)
		outcome.surprised = true; /* reading it will tell */
	free(changes);
	r->error = outcome.why;
	return outcome.surprised;
}

static void
put_right(struct routes *r, bool others)
{
	if (!write_once(r, others))
		return;
	look_at_device(r);
	if (read_table(r, &others) == 0)
		write_once(r, others);
}

/* When to look at it all again, if no notice comes. */
static void
schedule_again(struct routes *r)
{
	if (!r->soon)
		schedule(r->again,
		    1000 * (r->error.text[0] != '\0' ? RETRY_MS : AUDIT_MS));
}

/* Device and table are read, and put right. */
static void
look_again(struct routes *r)
{
	struct errmsg before = r->error;
	struct mono start = mono_now();
	bool moved = look_at_device(r), others;

	r->soon = false;
	if (read_table(r, &others) == 0 && r->ruled)
		put_right(r, others && !moved);
	if (strcmp(before.text, r->error.text) != 0)
		tell(r);
	update_view(r);
	r->read_at = mono_now();
	r->read_took_us = r->read_at.us - start.us;
	schedule_again(r);
}

static void
look_again_soon(struct routes *r)
{
	int64_t gap = MAX(READ_GAP_US, READ_GAP_PART * r->read_took_us);
	int64_t wait = r->read_at.us + gap - mono_now().us;

	if (r->soon)
		return;
	if (wait <= 0) {
		look_again(r);
		return;
	}
	r->soon = true;
	schedule(r->again, wait);
}

static void
on_again(evutil_socket_t fd, short what, void *ctx)
{
	look_again(ctx);
}

/* Notices -------------------------------------------------------------- */

static void
take_notice(void *ctx, const struct nlmsghdr *nlh)
{
	struct routes *r = ctx;
	struct netlink_route route;
	struct netlink_link link;

	if (netlink_parse_route(nlh, &route) == 0) {
		if (!routes_table_agrees(&r->kernel, &route))
			r->table_moved = true;
		return;
	}
	if (netlink_parse_link(nlh, &link) == 0 &&
	    (link.ifindex == r->kernel.ifindex ||
		strcmp(link.name, r->device) == 0))
		r->device_moved = true;
}

/* The device is looked at without delay: that it went must be known at once. */
static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	static struct log_bucket bucket;
	struct routes *r = ctx;

	r->device_moved = r->table_moved = false;
	if (rtnl_notices(r->rtnl, take_notice, r) == -1) {
		if (may_log(&bucket))
			log_warn("routes", "reading all again");
		r->device_moved = true;
	}
	if (r->device_moved && look_at_device(r))
		update_view(r);
	if (r->device_moved || r->table_moved)
		look_again_soon(r);
}

/* Life ----------------------------------------------------------------- */

const struct vip_routes *
routes_get(const struct routes *r)
{
	return &r->view;
}

static int
copy_wanted(struct routes *r, const struct vip_route_entry *wanted, size_t n)
{
	struct vip_route_entry *grown = reallocarray(
	    r->wanted, n + 1, sizeof(*grown));

	if (grown == NULL)
		return -1;
	r->wanted = grown;
	r->n_wanted = 0;
	for (size_t i = 0; i < n; i++) {
		GW_ASSERT(
		    i == 0 || addr_cmp(&wanted[i - 1].vip, &wanted[i].vip) < 0);
		if (wanted[i].route != VIP_ROUTE_NONE)
			r->wanted[r->n_wanted++] = wanted[i];
	}
	return 0;
}

void
routes_set(struct routes *r, const struct vip_route_entry *wanted, size_t n)
{
	struct errmsg before = r->error;
	bool moved = look_at_device(r);

	r->ruled = true;
	if (r->device_untold || r->kernel.ifindex == 0)
		n = 0;
	if (copy_wanted(r, wanted, n) == 0)
		put_right(r, false);
	else {
		/* Nothing is put right by a set that is no longer wanted. */
		r->ruled = false;
		errmsg_sys(&r->error, "%zu routes", n);
	}
	/* That all is well is told by routes_get, and no news. */
	if (r->error.text[0] != '\0' && strcmp(before.text, r->error.text) != 0)
		tell(r);
	update_view(r);
	schedule_again(r);
	if (moved)
		look_again_soon(r);
}

static int
add_events(struct routes *r, struct event_base *base, struct errmsg *why)
{
	r->readable = event_new(
	    base, rtnl_fd(r->rtnl), EV_READ | EV_PERSIST, on_readable, r);
	r->again = evtimer_new(base, on_again, r);
	r->tell = evtimer_new(base, on_tell, r);
	if (r->readable == NULL || r->again == NULL || r->tell == NULL ||
	    event_add(r->readable, NULL) == -1)
		return errmsg_set(why, "routes: cannot add events");
	return 0;
}

/* First hear, then read: what changes in between is heard of. */
static int
open_kernel(struct routes *r, struct errmsg *why)
{
	static const int groups[] = {
	    RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
	struct routes_table *k = &r->kernel;

	if ((r->rtnl = rtnl_new(
		 groups, sizeof(groups) / sizeof(groups[0]), why)) == NULL ||
	    rtnl_only_table(r->rtnl, k->number, why) == -1)
		return -1;
	if (routes_read_device(r->rtnl, r->device, &k->ifindex) == -1)
		return errmsg_sys(why, "%s", r->device);
	if (routes_read_table(r->rtnl, k->number, k->ifindex, k) == -1)
		return errmsg_sys(why, "table %u cannot be read", k->number);
	return 0;
}

struct routes *
routes_new(struct event_base *base, const char *device, uint32_t table,
    void (*changed)(void *ctx), void *ctx, struct errmsg *why)
{
	struct routes *r;

	if (strlen(device) >= sizeof(r->device)) {
		errmsg_set(why, "%s: too long for a device", device);
		return NULL;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL) {
		errmsg_sys(why, "routes");
		return NULL;
	}
	memcpy(r->device, device, strlen(device) + 1);
	r->kernel.number = table;
	r->changed = changed;
	r->ctx = ctx;
	if (open_kernel(r, why) == -1 || add_events(r, base, why) == -1) {
		routes_free(r);
		return NULL;
	}
	update_view(r);
	schedule_again(r);
	return r;
}

void
routes_free(struct routes *r)
{
	if (r == NULL)
		return;
	if (r->readable != NULL)
		event_free(r->readable);
	if (r->again != NULL)
		event_free(r->again);
	if (r->tell != NULL)
		event_free(r->tell);
	rtnl_free(r->rtnl);
	routes_table_clear(&r->kernel);
	free(r->wanted);
	free(r);
}
