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
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL, ... */
	uint32_t oif;
	uint32_t mtu;        /* of the route or learnt for its path; 0: none */
	struct addr gateway; /* none: on the link */
	struct addr source;  /* preferred; none: not said */
};

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

/* From RTM_NEWROUTE; RTM_NEWNEIGH, RTM_DELNEIGH; RTM_NEWLINK, RTM_DELLINK. 0,
 * or -1 for another message, one that is cut, or one that tells us nothing
 * (neighbours that are no IP address, other families). */
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
 * resolve it (RTM_NEWNEIGH with NTF_USE; needs CAP_NET_ADMIN). All links. */
struct nlmsghdr *netlink_get_route(
    void *buf, uint32_t seq, const struct addr *);
struct nlmsghdr *netlink_get_neigh(
    void *buf, uint32_t seq, uint32_t ifindex, const struct addr *);
struct nlmsghdr *netlink_use_neigh(
    void *buf, uint32_t seq, uint32_t ifindex, const struct addr *);
struct nlmsghdr *netlink_dump_links(void *buf, uint32_t seq);

/* Changes of a link; they need CAP_NET_ADMIN. Set it up; let the kernel give it
 * no IPv6 address by itself; delete it. */
struct nlmsghdr *netlink_link_up(void *buf, uint32_t seq, uint32_t ifindex);
struct nlmsghdr *netlink_link_no_addresses(
    void *buf, uint32_t seq, uint32_t ifindex);
struct nlmsghdr *netlink_del_link(void *buf, uint32_t seq, uint32_t ifindex);

#endif
