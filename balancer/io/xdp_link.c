/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX     "link-"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

static void
path_of(char path[PATH_MAX], const char *dir, const char *name)
{
	snprintf(path, PATH_MAX, "%s/" PREFIX "%s", dir, name);
}

/* Modes ----------------------------------------------------------------- */

/* Native XDP on veth forgets that a packet's checksum is still to be finished,
 * and what is sent back is lost unless the peer has a program, too. Real
 * interfaces know neither. */
static bool
is_veth(const char *name)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifr = {.ifr_data = (char *)&info};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known;

	if (fd == -1)
		return false;
	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	known = ioctl(fd, SIOCETHTOOL, &ifr) == 0;
	close(fd);
	return known && strcmp(info.driver, "veth") == 0;
}

static int
attach(uint32_t ifindex, int program, bool native)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
	    .flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);

	return bpf_link_create(program, (int)ifindex, BPF_XDP, &opts);
}

/* 0, or -1 with errno. */
static int
attach_best(struct xdp_link *link, const char *name, enum conf_xdp_mode mode,
    int program)
{
	link->native = mode != CONF_XDP_MODE_GENERIC;
	if (mode == CONF_XDP_MODE_AUTO && is_veth(name)) {
		link->native = false;
		errmsg_set(&link->why_mode, "native XDP on veth loses packets");
	}
	link->fd = attach(link->ifindex, program, link->native);
	if (link->fd < 0 && mode == CONF_XDP_MODE_AUTO && link->native) {
		link->native = false;
		/* For want of it, or for an MTU, or for a number of queues. */
		errmsg_sys(&link->why_mode, "native XDP is refused");
		link->fd = attach(link->ifindex, program, false);
	}
	return link->fd < 0 ? -1 : 0;
}

/* Links ----------------------------------------------------------------- */

/* The program on an interface; 0: none. */
static uint32_t
program_on(uint32_t ifindex, bool *native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query) != 0)
		return 0;
	*native = query.drv_prog_id != 0 || query.hw_prog_id != 0;
	return query.prog_id != 0    ? query.prog_id
	    : query.drv_prog_id != 0 ? query.drv_prog_id
				     : query.skb_prog_id;
}

static int
link_info(int fd, uint32_t *ifindex, uint32_t *program)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0)
		return -1;
	*ifindex = info.xdp.ifindex;
	*program = info.prog_id;
	return 0;
}

/* The link that is pinned for an interface, if it is still the same one. One
 * whose interface is gone leads nowhere. */
static bool
find_pinned(struct xdp_link *link, const char *path, enum conf_xdp_mode mode)
{
	uint32_t ifindex, program;

	if ((link->fd = bpf_obj_get(path)) < 0)
		return false;
	if (link_info(link->fd, &ifindex, &program) == 0 &&
	    ifindex == link->ifindex &&
	    program_on(ifindex, &link->native) == program &&
	    (mode == CONF_XDP_MODE_AUTO ||
		link->native == (mode == CONF_XDP_MODE_NATIVE)))
		return true;
	(void)bpf_link_detach(link->fd);
	xdp_link_close(link);
	(void)unlink(path);
	return false;
}

/* What is pinned before privileges are let go of must be ours after that. */
static int
own(const char *dir, const char *path, struct errmsg *why)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (stat(dir, &st) == -1 || lchown(path, st.st_uid, st.st_gid) == -1)
		return errmsg_sys(why, "%s", path);
	return 0;
}

int
xdp_link_open(struct xdp_link *link, const char *dir, const char *name,
    uint32_t ifindex, enum conf_xdp_mode mode, int program, struct errmsg *why)
{
	char path[PATH_MAX];
	uint32_t other;
	bool native;

	*link = (struct xdp_link){.fd = -1, .ifindex = ifindex};
	path_of(path, dir, name);
	if (find_pinned(link, path, mode))
		return 0; /* xdp_pin_open has given it to us */
	if ((other = program_on(ifindex, &native)) != 0)
		return errmsg_set(why,
		    "%s has another XDP program (id %u), which is left "
		    "alone: take it off first",
		    name, other);
	if (attach_best(link, name, mode, program) == -1)
		return errmsg_sys(why, "%s: attaching the XDP program", name);
	if (bpf_obj_pin(link->fd, path) == 0)
		return own(dir, path, why);
	errmsg_sys(why, "%s", path);
	xdp_link_close(link);
	return -1;
}

int
xdp_link_replace(const struct xdp_link *link, int program)
{
	return bpf_link_update(link->fd, program, NULL) == 0 ? 0 : -1;
}

void
xdp_link_close(struct xdp_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

uint32_t
xdp_link_pinned_program(const char *dir, uint32_t below)
{
	char path[PATH_MAX];
	uint32_t ifindex, program, newest = 0;
	struct dirent *e;
	DIR *d = opendir(dir);
	int fd;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX, PREFIX_LEN) != 0)
			continue;
		path_of(path, dir, e->d_name + PREFIX_LEN);
		if ((fd = bpf_obj_get(path)) < 0)
			continue;
		if (link_info(fd, &ifindex, &program) == 0 && ifindex != 0 &&
		    program < below && program > newest)
			newest = program;
		close(fd);
	}
	if (d != NULL)
		closedir(d);
	return newest;
}

int
xdp_link_take_off(const char *dir, bool (*keep)(void *, const char *),
    void (*told)(void *, const char *), void *ctx, struct errmsg *why)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);
	bool failed = false;
	int fd, n = 0;

	if (d == NULL && errno != ENOENT)
		return errmsg_sys(why, "%s", dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		const char *name = e->d_name + PREFIX_LEN;

		if (strncmp(e->d_name, PREFIX, PREFIX_LEN) != 0 ||
		    (keep != NULL && keep(ctx, name)))
			continue;
		path_of(path, dir, name);
		if ((fd = bpf_obj_get(path)) >= 0) {
			(void)bpf_link_detach(fd);
			close(fd);
		}
		if (unlink(path) == -1) {
			errmsg_sys(why, "%s", path);
			failed = true;
			continue;
		}
		told(ctx, name);
		n++;
	}
	if (d != NULL)
		closedir(d);
	return failed ? -1 : n;
}
