/* SPDX-License-Identifier: Apache-2.0 */
/* The few rtnetlink messages we need, between bytes and plain values. No
 * sockets here; rtnl.h has those. */
#ifndef COMMON_NETLINK_H
#define COMMON_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct nlmsghdr;

#define NETLINK_NAME_MAX    16 /* IFNAMSIZ */
#define NETLINK_MAC_LEN     6
#define NETLINK_REQUEST_MAX 128 /* bytes of any request built here */

struct netlink_route {
	bool deleted;
	uint8_t family;   /* AF_INET, AF_INET6 */
	uint8_t type;     /* RTN_UNICAST, RTN_LOCAL, ... */
	uint8_t protocol; /* RTPROT_*, or a number of one's own: who made it */
	uint8_t tos;
	uint8_t dst_len;     /* prefix length */
	bool multipath;      /* has next hops besides the one told of here */
	uint32_t table;      /* RT_TABLE_MAIN, ... */
	uint32_t metric;     /* 0: IPv4 only, where it is the default */
	uint32_t oif;        /* 0: none */
	uint32_t mtu;        /* of the route or learnt for its path; 0: none */
	struct addr dst;     /* none: the default route */
	struct addr gateway; /* none: on the link */
	struct addr source;  /* preferred; none: not said */
};

#define NETLINK_METRIC6 1024 /* the default of IPv6: IP6_RT_PRIO_USER */

struct netlink_neigh {
	uint32_t ifindex;
	struct addr addr;
	uint16_t state; /* NUD_*; 0 (NUD_NONE) when it is deleted */
	bool has_mac;
	uint8_t mac[NETLINK_MAC_LEN];
};

struct netlink_link {
	uint32_t ifindex;
	uint32_t mtu;
	char name[NETLINK_NAME_MAX];
	bool deleted;
	bool enabled;  /* administratively up */
	bool up;       /* and with a carrier */
	bool ethernet; /* has Ethernet headers */
	uint8_t mac[NETLINK_MAC_LEN];
};

/* From RTM_NEW... and RTM_DEL..., where `deleted` (of a neighbour: state) tells
 * which. 0, or -1 for another message, one that is cut, or one that tells us
 * nothing (neighbours that are no IP address, other families). */
int netlink_parse_route(const struct nlmsghdr *, struct netlink_route *);
int netlink_parse_neigh(const struct nlmsghdr *, struct netlink_neigh *);
int netlink_parse_link(const struct nlmsghdr *, struct netlink_link *);

/* Has it a MAC that packets may be sent to now? A neighbour being probed has;
 * one that did not answer has not. */
bool netlink_neigh_usable(const struct netlink_neigh *);

/* Should the kernel be asked to look for it? */
bool netlink_neigh_needs_probe(const struct netlink_neigh *);

/* Requests; buf has NETLINK_REQUEST_MAX bytes, aligned as a nlmsghdr. Which
 * route would a packet to addr take? What is known of a neighbour? Please
 * resolve it (RTM_NEWNEIGH with NTF_USE; needs CAP_NET_ADMIN). All links; one
 * by its name, or by another name it has. All routes of a family in a table,
 * with ENOENT when there never was such a table; a kernel before 4.20 answers
 * with all tables. */
struct nlmsghdr *netlink_get_route(
    void *buf, uint32_t seq, const struct addr *);
struct nlmsghdr *netlink_get_neigh(
    void *buf, uint32_t seq, uint32_t ifindex, const struct addr *);
struct nlmsghdr *netlink_use_neigh(
    void *buf, uint32_t seq, uint32_t ifindex, const struct addr *);
struct nlmsghdr *netlink_dump_links(void *buf, uint32_t seq);
struct nlmsghdr *netlink_get_link(void *buf, uint32_t seq, const char *name);
struct nlmsghdr *netlink_dump_routes(
    void *buf, uint32_t seq, uint8_t family, uint32_t table);

/* Changes of routes, for rtnl_change; they need CAP_NET_ADMIN. The route is the
 * given family, dst, dst_len, table and protocol, by oif without a gateway,
 * with the default metric; nothing else is looked at. EEXIST: there is a route
 * to dst with this metric. Replacing puts it in that one's place, at no moment
 * without a route; ENOENT: there is none. */
struct nlmsghdr *netlink_add_route(
    void *buf, uint32_t seq, const struct netlink_route *);
struct nlmsghdr *netlink_replace_route(
    void *buf, uint32_t seq, const struct netlink_route *);

/* By family, dst, dst_len, table, protocol, tos, and by metric and oif (of a
 * single next hop) where they are not 0. ESRCH: there is none. */
struct nlmsghdr *netlink_del_route(
    void *buf, uint32_t seq, const struct netlink_route *);

/* Changes of a link; they need CAP_NET_ADMIN. Set it up; let the kernel give it
 * no IPv6 address by itself; delete it. */
struct nlmsghdr *netlink_link_up(void *buf, uint32_t seq, uint32_t ifindex);
struct nlmsghdr *netlink_link_no_addresses(
    void *buf, uint32_t seq, uint32_t ifindex);
struct nlmsghdr *netlink_del_link(void *buf, uint32_t seq, uint32_t ifindex);

#endif
