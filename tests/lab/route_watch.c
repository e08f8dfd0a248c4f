/* SPDX-License-Identifier: Apache-2.0 */
/* When does a next hop leave, or join, the routes of a kernel? The truth that
 * drains and failures are measured by.
 *
 *	route_watch [-t SECONDS] gone|there GATEWAY PREFIX/LEN...
 *	route_watch -n
 *	route_watch -e SECONDS
 *
 * Prints CLOCK_MONOTONIC in microseconds when GATEWAY is a next hop of none, or
 * of all, of the prefixes in the main table; exits with 1 when that does not
 * come true in time (60 s). With -n only the time now; with -e how many notices
 * of routes in the main table come in so many seconds or more, until SIGTERM.
 * Prints "ready" on stderr once it watches. */
#include "config.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/mono.h"

#define READ_LEN     65536
#define BUFFER_LEN   (16 << 20)
#define PREFIXES_MAX 4096

struct watch {
	struct addr gateway;
	struct addr prefixes[PREFIXES_MAX]; /* host routes */
	bool has[PREFIXES_MAX];             /* the gateway as a next hop */
	size_t n, found;
	struct mnl_socket *ask, *hear;
};

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static int
cmp(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

static bool
is_gateway(const struct watch *w, const struct nlattr *attr)
{
	struct addr a;

	return addr_from_bytes(&a, mnl_attr_get_payload(attr),
		   mnl_attr_get_payload_len(attr)) == 0 &&
	    addr_cmp(&a, &w->gateway) == 0;
}

static bool
in_multipath(const struct watch *w, const struct nlattr *multipath)
{
	const char *at = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);
	const struct nlattr *attr;

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *nh = (const void *)at;
		const char *end = at + nh->rtnh_len;

		for (attr = (const void *)(nh + 1); (const char *)attr < end &&
		     mnl_attr_ok(attr, (int)(end - (const char *)attr));
		     attr = mnl_attr_next(attr))
			if (mnl_attr_get_type(attr) == RTA_GATEWAY &&
			    is_gateway(w, attr))
				return true;
		if ((size_t)RTNH_ALIGN(nh->rtnh_len) >= left)
			break;
		left -= (size_t)RTNH_ALIGN(nh->rtnh_len);
		at += RTNH_ALIGN(nh->rtnh_len);
	}
	return false;
}

/* One route of a dump. */
static int
take(const struct nlmsghdr *nlh, void *ctx)
{
	struct watch *w = ctx;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	const struct addr *at;
	struct addr dst = {{0}};
	bool has = false;

	if (rtm->rtm_table != RT_TABLE_MAIN ||
	    rtm->rtm_dst_len != (rtm->rtm_family == AF_INET ? 32 : 128))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == RTA_DST)
			addr_from_bytes(&dst, mnl_attr_get_payload(attr),
			    mnl_attr_get_payload_len(attr));
		else if (type == RTA_GATEWAY)
			has = has || is_gateway(w, attr);
		else if (type == RTA_MULTIPATH)
			has = has || in_multipath(w, attr);
	}
	at = bsearch(&dst, w->prefixes, w->n, sizeof(*w->prefixes), cmp);
	if (at != NULL && has && !w->has[at - w->prefixes]) {
		w->has[at - w->prefixes] = true;
		w->found++;
	}
	return MNL_CB_OK;
}

/* Of how many of the prefixes is it a next hop? */
static size_t
count(struct watch *w)
{
	static char buf[READ_LEN] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;
	unsigned seq = (unsigned)mono_now().us;
	ssize_t n;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = addr_is4(&w->gateway) ? AF_INET : AF_INET6;
	memset(w->has, 0, sizeof(w->has));
	w->found = 0;
	if (mnl_socket_sendto(w->ask, nlh, nlh->nlmsg_len) == -1)
		die("netlink");
	do {
		n = mnl_socket_recvfrom(w->ask, buf, sizeof(buf));
		if (n == -1)
			die("netlink");
	} while (mnl_cb_run(buf, (size_t)n, seq, 0, take, w) == MNL_CB_OK);
	return w->found;
}

static struct mnl_socket *
open_socket(unsigned groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int len = BUFFER_LEN;

	if (s == NULL || mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) == -1)
		die("netlink");
	setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &len,
	    sizeof(len));
	return s;
}

/* Reads what notices there are; their number. Waits for the first. */
static size_t
notices(struct watch *w, int64_t wait_us)
{
	static char buf[READ_LEN] __attribute__((aligned(8)));
	struct pollfd p = {mnl_socket_get_fd(w->hear), POLLIN, 0};
	size_t found = 0;
	ssize_t n;

	if (poll(&p, 1, (int)(wait_us / 1000)) != 1)
		return 0;
	while ((n = recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *nlh = (const void *)buf;
		int left = (int)n;

		for (; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

			found += (nlh->nlmsg_type == RTM_NEWROUTE ||
				     nlh->nlmsg_type == RTM_DELROUTE) &&
			    rtm->rtm_table == RT_TABLE_MAIN &&
			    rtm->rtm_type == RTN_UNICAST;
		}
	}
	return found;
}

static volatile sig_atomic_t ended;

static void
on_term(int sig)
{
	ended = 1;
}

static int
count_events(struct watch *w, int seconds)
{
	struct mono end = {mono_now().us + seconds * 1000000LL};
	size_t events = 0;

	while (mono_now().us < end.us || !ended)
		events += notices(w, 100000);
	printf("%zu\n", events);
	return 0;
}

/* A notice that has come is of a change before now: the time is that of the
 * notice, not of the dump that shows what it was. */
static int
wait_for(struct watch *w, bool there, int seconds)
{
	struct mono end = {mono_now().us + seconds * 1000000LL}, at;
	size_t wanted = there ? w->n : 0;

	do {
		at = mono_now();
		if (count(w) == wanted) {
			printf("%lld\n", (long long)at.us);
			return 0;
		}
		notices(w, 100000);
	} while (mono_now().us < end.us);
	return 1;
}

static void
add_prefix(struct watch *w, const char *text)
{
	char copy[ADDR_TEXT_MAX + 8];

	snprintf(copy, sizeof(copy), "%s", text);
	copy[strcspn(copy, "/")] = '\0';
	if (w->n == PREFIXES_MAX ||
	    addr_parse(&w->prefixes[w->n++], copy) == -1) {
		fprintf(stderr, "route_watch: %s?\n", text);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	static struct watch w;
	int seconds = 60, option, events = 0;

	while ((option = getopt(argc, argv, "t:e:n")) != -1) {
		if (option == 't')
			seconds = atoi(optarg);
		else if (option == 'e')
			events = atoi(optarg);
		else if (option == 'n')
			return printf("%lld\n", (long long)mono_now().us) < 0;
		else
			return 2;
	}
	w.ask = open_socket(0);
	w.hear = open_socket(RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	argc -= optind;
	argv += optind;
	if (events == 0 &&
	    (argc < 3 || addr_parse(&w.gateway, argv[1]) == -1)) {
		fputs("usage: route_watch [-t SECONDS] gone|there GATEWAY "
		      "PREFIX...\n",
		    stderr);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		add_prefix(&w, argv[i]);
	qsort(w.prefixes, w.n, sizeof(*w.prefixes), cmp);
	if (events > 0)
		signal(SIGTERM, on_term);
	fputs("ready\n", stderr);
	if (events > 0)
		return count_events(&w, events);
	return wait_for(&w, strcmp(argv[0], "there") == 0, seconds);
}
