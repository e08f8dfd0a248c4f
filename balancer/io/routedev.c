/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/routedev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/netlink.h"
#include "common/rtnl.h"

#define TUN_PATH "/dev/net/tun"

struct routedev {
	char name[IFNAMSIZ];
	int fd; /* -1: not open. Close-on-exec: a child that had it would keep
		   the device */
	uint32_t ifindex; /* of the device that is ours; 0: none */
	struct rtnl *rtnl;
};

struct routedev *
routedev_new(const char *name, struct errmsg *why)
{
	struct routedev *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		errmsg_sys(why, "%s", name);
		return NULL;
	}
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->fd = -1;
	if ((d->rtnl = rtnl_new(NULL, 0, why)) != NULL)
		return d;
	routedev_free(d);
	return NULL;
}

void
routedev_free(struct routedev *d)
{
	if (d == NULL)
		return;
	rtnl_free(d->rtnl);
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

int
routedev_open(struct routedev *d, struct errmsg *why)
{
	if (d->fd == -1)
		d->fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (d->fd != -1)
		return 0;
	return errmsg_sys(why,
	    "%s: " TUN_PATH " (is the module tun loaded, and may we open it?)",
	    d->name);
}

static void
ignore(void *ctx, const struct nlmsghdr *nlh)
{
}

static int
ask(struct routedev *d, struct nlmsghdr *request)
{
	return rtnl_ask(d->rtnl, request, ignore, NULL);
}

/* Up, and silent: with an address of its own, the kernel would send router
 * solicitations into it. */
static int
set_up(struct routedev *d)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));

	/* Without IPv6 on this machine there is nothing to keep silent. */
	(void)ask(
	    d, netlink_link_no_addresses(buf, rtnl_seq(d->rtnl), d->ifindex));
	return ask(d, netlink_link_up(buf, rtnl_seq(d->rtnl), d->ifindex));
}

/* EXCL: without it we would be attached to a device that somebody made to stay,
 * and that one would outlive us, with the routes on it. */
static int
make(struct routedev *d, struct errmsg *why)
{
	struct ifreq ifr = {
	    .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL)};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", d->name);
	/* After a RTM_DELLINK the descriptor is as good as new. */
	if (ioctl(d->fd, TUNSETIFF, &ifr) == 0) {
		d->ifindex = if_nametoindex(d->name);
		return 0;
	}
	if (errno == EBUSY)
		return errmsg_set(why,
		    "%s is somebody else's: delete it, or name another with "
		    "announce.device",
		    d->name);
	return errmsg_sys(why, "%s", d->name);
}

int
routedev_up(struct routedev *d, struct errmsg *why)
{
	if (routedev_is_up(d))
		return 0;
	routedev_down(d);
	if (routedev_open(d, why) == -1 || make(d, why) == -1)
		return -1;
	if (d->ifindex != 0 && set_up(d) == 0)
		return 0;
	errmsg_sys(why, "%s: cannot be set up", d->name);
	routedev_down(d);
	return -1;
}

void
routedev_down(struct routedev *d)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct ifreq ifr;
	struct errmsg why;

	if (d->fd == -1)
		return;
	if (d->ifindex != 0)
		(void)ask(
		    d, netlink_del_link(buf, rtnl_seq(d->rtnl), d->ifindex));
	d->ifindex = 0;
	if (ioctl(d->fd, TUNGETIFF, &ifr) == -1)
		return; /* the descriptor has no device any more */
	/* It has to go in any case, and with the descriptor it does. */
	log_warnx("routedev", "%s: cannot be deleted; closing it", d->name);
	close(d->fd);
	d->fd = -1;
	if (routedev_open(d, &why) == -1)
		log_warnx("routedev", "%s", why.text);
}

static void
take_link(void *ctx, const struct nlmsghdr *nlh)
{
	(void)netlink_parse_link(nlh, ctx);
}

bool
routedev_is_up(struct routedev *d)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct netlink_link link = {.ifindex = 0};

	return d->ifindex != 0 &&
	    rtnl_ask(d->rtnl, netlink_get_link(buf, rtnl_seq(d->rtnl), d->name),
		take_link, &link) == 0 &&
	    link.ifindex == d->ifindex && link.enabled;
}

int
routedev_fd(const struct routedev *d)
{
	return d->ifindex != 0 ? d->fd : -1;
}

/* 0: the descriptor is of such a device as make() makes. */
static int
recognise(const struct routedev *d, int fd, struct errmsg *why)
{
	struct ifreq ifr;

	if (ioctl(fd, TUNGETIFF, &ifr) == -1)
		return errmsg_sys(
		    why, "%s: a descriptor of no TUN device", d->name);
	if ((ifr.ifr_flags & IFF_TUN) == 0 ||
	    (ifr.ifr_flags & IFF_PERSIST) != 0 ||
	    strncmp(ifr.ifr_name, d->name, sizeof(ifr.ifr_name)) != 0)
		return errmsg_set(why,
		    "%s: a descriptor of another device, %.*s", d->name,
		    (int)sizeof(ifr.ifr_name), ifr.ifr_name);
	return 0;
}

int
routedev_adopt(struct routedev *d, int fd, struct errmsg *why)
{
	if (recognise(d, fd, why) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		close(fd);
		return -1;
	}
	if (d->fd != -1)
		close(d->fd);
	d->fd = fd;
	d->ifindex = if_nametoindex(d->name);
	if (routedev_is_up(d))
		return 0;
	errmsg_set(why, "%s: the device is down", d->name);
	routedev_down(d);
	return -1;
}
