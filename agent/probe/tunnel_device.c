/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/tunnel_device.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/netlink.h"
#include "common/rtnl.h"

#define TUN_PATH "/dev/net/tun"
/* After the device's own route, whose metric is the family's default. */
#define LAST_METRIC UINT32_MAX

struct tunnel_device {
	int fd; /* -1: none, for this reason: */
	int error;
	uint32_t ifindex; /* 0: it is not up */
	struct rtnl *rtnl;
};

static void
ignore(void *ctx, const struct nlmsghdr *nlh)
{
}

static int
ask(struct tunnel_device *d, const struct nlmsghdr *request)
{
	return rtnl_ask(d->rtnl, request, ignore, NULL);
}

static struct nlmsghdr *
begin(struct tunnel_device *d, void *buf, bool add, uint16_t add_type,
    uint16_t del_type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = add ? add_type : del_type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK |
	    (add ? NLM_F_CREATE | NLM_F_EXCL : 0));
	nlh->nlmsg_seq = rtnl_seq(d->rtnl);
	return nlh;
}

static int
change_rule(struct tunnel_device *d, bool add, uint8_t family)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *nlh = begin(d, buf, add, RTM_NEWRULE, RTM_DELRULE);
	struct fib_rule_hdr *rule = mnl_nlmsg_put_extra_header(
	    nlh, sizeof(*rule));

	rule->family = family;
	rule->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, TUNNEL_PRIORITY);
	mnl_attr_put_u32(nlh, FRA_FWMARK, TUNNEL_MARK);
	mnl_attr_put_u32(nlh, FRA_FWMASK, UINT32_MAX);
	mnl_attr_put_u32(nlh, FRA_TABLE, TUNNEL_TABLE);
	return ask(d, nlh);
}

/* The default route: into the device, or with `last` "unreachable". */
static int
change_route(struct tunnel_device *d, bool add, uint8_t family, bool last)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct nlmsghdr *nlh = begin(d, buf, add, RTM_NEWROUTE, RTM_DELROUTE);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = family;
	rtm->rtm_type = last ? RTN_UNREACHABLE : RTN_UNICAST;
	rtm->rtm_protocol = RTPROT_STATIC;
	if (!last && family == AF_INET) /* IPv6 has no scope */
		rtm->rtm_scope = RT_SCOPE_LINK;
	mnl_attr_put_u32(nlh, RTA_TABLE, TUNNEL_TABLE);
	if (last)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, LAST_METRIC);
	else
		mnl_attr_put_u32(nlh, RTA_OIF, d->ifindex);
	return ask(d, nlh);
}

/* What a former agent has left is as good. */
static int
added(int r)
{
	return r == 0 || errno == EEXIST ? 0 : -1;
}

/* The last resort comes first: no marked packet goes astray meanwhile. */
static int
add_family(struct tunnel_device *d, uint8_t family)
{
	if (added(change_route(d, true, family, true)) == -1 ||
	    added(change_route(d, true, family, false)) == -1)
		return -1;
	return added(change_rule(d, true, family));
}

static int
set_up(struct tunnel_device *d)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));

	/* Silent: with an address of its own, the kernel would send router
	 * solicitations into it. */
	(void)ask(
	    d, netlink_link_no_addresses(buf, rtnl_seq(d->rtnl), d->ifindex));
	if (ask(d, netlink_link_up(buf, rtnl_seq(d->rtnl), d->ifindex)) == -1 ||
	    add_family(d, AF_INET) == -1)
		return -1;
	/* A machine without IPv6 has no such VIPs either. */
	if (add_family(d, AF_INET6) == -1 && errno != EAFNOSUPPORT &&
	    errno != EOPNOTSUPP && errno != ENODEV && errno != EACCES)
		return -1;
	return 0;
}

static int
make(struct tunnel_device *d, struct errmsg *why)
{
	struct ifreq ifr = {
	    .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL)};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", TUNNEL_DEVICE);
	if (ioctl(d->fd, TUNSETIFF, &ifr) == -1) {
		if (errno == EBUSY)
			return errmsg_set(why,
			    "%s is somebody else's: delete it", TUNNEL_DEVICE);
		return errmsg_sys(why, "%s", TUNNEL_DEVICE);
	}
	d->ifindex = if_nametoindex(TUNNEL_DEVICE);
	if (d->ifindex == 0 || set_up(d) == -1)
		return errmsg_sys(why, "%s: cannot be set up", TUNNEL_DEVICE);
	return 0;
}

struct tunnel_device *
tunnel_device_new(void)
{
	struct tunnel_device *d = calloc(1, sizeof(*d));
	struct errmsg why;

	if (d == NULL)
		return NULL;
	if ((d->fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC)) == -1)
		d->error = errno;
	if ((d->rtnl = rtnl_new(NULL, 0, &why)) != NULL)
		return d;
	tunnel_device_free(d);
	return NULL;
}

int
tunnel_device_up(struct tunnel_device *d, struct errmsg *why)
{
	GW_ASSERT(d->ifindex == 0);
	if (d->fd == -1)
		return errmsg_set(why,
		    "%s: " TUN_PATH
		    " (is the module tun loaded, and may we open it?): %s",
		    TUNNEL_DEVICE, strerror(d->error));
	if (make(d, why) == 0)
		return 0;
	tunnel_device_down(d);
	return -1;
}

/* The rules first, as nothing may be marked any more when the "unreachable"
 * goes. The device's routes go with it. The descriptor stays: after the
 * deletion it is as good as new, and we could not open another. Somebody else's
 * device of that name was never ours, nor are the rules then. */
void
tunnel_device_down(struct tunnel_device *d)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));

	if (d->ifindex == 0)
		return;
	for (size_t i = 0; i < sizeof(families); i++) {
		(void)change_rule(d, false, families[i]);
		(void)change_route(d, false, families[i], true);
	}
	(void)ask(d, netlink_del_link(buf, rtnl_seq(d->rtnl), d->ifindex));
	d->ifindex = 0;
}

void
tunnel_device_free(struct tunnel_device *d)
{
	if (d == NULL)
		return;
	if (d->rtnl != NULL)
		tunnel_device_down(d);
	if (d->fd != -1)
		close(d->fd);
	rtnl_free(d->rtnl);
	free(d);
}

bool
tunnel_device_is_up(const struct tunnel_device *d)
{
	return d->ifindex != 0;
}

int
tunnel_device_fd(const struct tunnel_device *d)
{
	return d->fd;
}
