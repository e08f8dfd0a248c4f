/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* Attributes by type, of those we know; later ones of a type win. */
struct attributes {
	const struct nlattr **table;
	uint16_t max;
};

static int
collect(const struct nlattr *attr, void *data)
{
	const struct attributes *a = data;
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= a->max)
		a->table[type] = attr;
	return MNL_CB_OK;
}

/* The fixed part of the message, with its attributes collected; NULL when it
 * is cut. */
static const void *
open_message(const struct nlmsghdr *nlh, size_t fixed,
    const struct nlattr **table, uint16_t max)
{
	struct attributes a = {table, max};
	const uint8_t *payload = mnl_nlmsg_get_payload(nlh);
	size_t len = mnl_nlmsg_get_payload_len(nlh);

	/* mnl_attr_parse() would round the message's length up. */
	fixed = MNL_ALIGN(fixed);
	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN || len < fixed ||
	    mnl_attr_parse_payload(payload + fixed, len - fixed, collect, &a) !=
		MNL_CB_OK)
		return NULL;
	return payload;
}

static uint32_t
get_u32(const struct nlattr *attr)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
		return 0;
	return mnl_attr_get_u32(attr);
}

static int
get_addr(struct addr *out, const struct nlattr *attr)
{
	if (attr == NULL)
		return -1;
	return addr_from_bytes(
	    out, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
}

static bool
get_mac(uint8_t mac[NETLINK_MAC_LEN], const struct nlattr *attr)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) != NETLINK_MAC_LEN)
		return false;
	memcpy(mac, mnl_attr_get_payload(attr), NETLINK_MAC_LEN);
	return true;
}

/* A gateway of the other family (RFC 5549): struct rtvia. */
static void
get_via(struct addr *out, const struct nlattr *attr)
{
	const struct rtvia *via;

	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(*via))
		return;
	via = mnl_attr_get_payload(attr);
	(void)addr_from_bytes(out, via->rtvia_addr,
	    mnl_attr_get_payload_len(attr) - sizeof(*via));
}

static uint32_t
get_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	if (metrics == NULL)
		return 0;
	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			return get_u32(attr);
	}
	return 0;
}

/* Several next hops: the first is as good as any, and always the same. */
static void
get_multipath(struct netlink_route *out, const struct nlattr *multipath)
{
	const struct rtnexthop *nh;
	const struct nlattr *attr;
	size_t left;

	if (multipath == NULL)
		return;
	nh = mnl_attr_get_payload(multipath);
	left = mnl_attr_get_payload_len(multipath);
	if (left < sizeof(*nh) || nh->rtnh_len < sizeof(*nh) ||
	    nh->rtnh_len > left)
		return;
	out->oif = (uint32_t)nh->rtnh_ifindex;
	out->multipath = nh->rtnh_len < left;
	attr = (const struct nlattr *)(const void *)(nh + 1);
	left = nh->rtnh_len - sizeof(*nh);
	while (left <= INT32_MAX && mnl_attr_ok(attr, (int)left)) {
		if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			(void)get_addr(&out->gateway, attr);
		else if (mnl_attr_get_type(attr) == RTA_VIA)
			get_via(&out->gateway, attr);
		if ((size_t)MNL_ALIGN(attr->nla_len) >= left)
			break;
		left -= (size_t)MNL_ALIGN(attr->nla_len);
		attr = mnl_attr_next(attr);
	}
}

int
netlink_parse_route(const struct nlmsghdr *nlh, struct netlink_route *out)
{
	const struct nlattr *a[RTA_MAX + 1] = {NULL};
	const struct rtmsg *rtm;

	if (nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE)
		return -1;
	if ((rtm = open_message(nlh, sizeof(*rtm), a, RTA_MAX)) == NULL)
		return -1;
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return -1;
	memset(out, 0, sizeof(*out));
	out->deleted = nlh->nlmsg_type == RTM_DELROUTE;
	out->family = rtm->rtm_family;
	out->type = rtm->rtm_type;
	out->protocol = rtm->rtm_protocol;
	out->tos = rtm->rtm_tos;
	out->dst_len = rtm->rtm_dst_len;
	out->table = rtm->rtm_table;
	if (a[RTA_TABLE] != NULL) /* rtm_table has no room above 255 */
		out->table = get_u32(a[RTA_TABLE]);
	out->metric = get_u32(a[RTA_PRIORITY]);
	(void)get_addr(&out->dst, a[RTA_DST]);
	get_multipath(out, a[RTA_MULTIPATH]);
	if (a[RTA_OIF] != NULL)
		out->oif = get_u32(a[RTA_OIF]);
	(void)get_addr(&out->gateway, a[RTA_GATEWAY]);
	get_via(&out->gateway, a[RTA_VIA]);
	(void)get_addr(&out->source, a[RTA_PREFSRC]);
	out->mtu = get_mtu(a[RTA_METRICS]);
	return 0;
}

int
netlink_parse_neigh(const struct nlmsghdr *nlh, struct netlink_neigh *out)
{
	const struct nlattr *a[NDA_MAX + 1] = {NULL};
	const struct ndmsg *ndm;

	if (nlh->nlmsg_type != RTM_NEWNEIGH && nlh->nlmsg_type != RTM_DELNEIGH)
		return -1;
	if ((ndm = open_message(nlh, sizeof(*ndm), a, NDA_MAX)) == NULL)
		return -1;
	/* Bridges report their own tables in the same messages. */
	if (ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6)
		return -1;
	memset(out, 0, sizeof(*out));
	if (get_addr(&out->addr, a[NDA_DST]) == -1)
		return -1;
	out->ifindex = (uint32_t)ndm->ndm_ifindex;
	out->has_mac = get_mac(out->mac, a[NDA_LLADDR]);
	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		out->state = ndm->ndm_state;
	return 0;
}

int
netlink_parse_link(const struct nlmsghdr *nlh, struct netlink_link *out)
{
	const struct nlattr *a[IFLA_MAX + 1] = {NULL};
	const struct ifinfomsg *ifi;
	size_t len;

	if (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK)
		return -1;
	if ((ifi = open_message(nlh, sizeof(*ifi), a, IFLA_MAX)) == NULL)
		return -1;
	/* A port leaving its bridge is told as RTM_DELLINK too. */
	if (ifi->ifi_family != AF_UNSPEC || a[IFLA_IFNAME] == NULL)
		return -1;
	memset(out, 0, sizeof(*out));
	len = mnl_attr_get_payload_len(a[IFLA_IFNAME]);
	if (len > sizeof(out->name))
		return -1;
	memcpy(out->name, mnl_attr_get_payload(a[IFLA_IFNAME]), len);
	out->name[sizeof(out->name) - 1] = '\0';
	out->ifindex = (uint32_t)ifi->ifi_index;
	out->deleted = nlh->nlmsg_type == RTM_DELLINK;
	out->mtu = get_u32(a[IFLA_MTU]);
	out->enabled = !out->deleted && (ifi->ifi_flags & IFF_UP) != 0;
	out->up = out->enabled && (ifi->ifi_flags & IFF_LOWER_UP) != 0;
	out->ethernet = ifi->ifi_type == ARPHRD_ETHER &&
	    get_mac(out->mac, a[IFLA_ADDRESS]);
	return 0;
}

bool
netlink_neigh_usable(const struct netlink_neigh *n)
{
	return n->has_mac &&
	    (n->state &
		(NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE |
		    NUD_STALE | NUD_DELAY)) != 0;
}

bool
netlink_neigh_needs_probe(const struct netlink_neigh *n)
{
	return (n->state &
		   (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE |
		       NUD_DELAY | NUD_INCOMPLETE)) == 0;
}

static struct nlmsghdr *
start(void *buf, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = seq;
	return nlh;
}

static void
put_addr(struct nlmsghdr *nlh, uint16_t type, const struct addr *addr)
{
	size_t len;
	const uint8_t *bytes = addr_bytes(addr, &len);

	mnl_attr_put(nlh, type, len, bytes);
}

static uint8_t
family_of(const struct addr *addr)
{
	return addr_is4(addr) ? AF_INET : AF_INET6;
}

struct nlmsghdr *
netlink_get_route(void *buf, uint32_t seq, const struct addr *addr)
{
	struct nlmsghdr *nlh = start(buf, RTM_GETROUTE, 0, seq);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = family_of(addr);
	rtm->rtm_dst_len = addr_is4(addr) ? 32 : 128;
	put_addr(nlh, RTA_DST, addr);
	return nlh;
}

struct nlmsghdr *
netlink_get_neigh(
    void *buf, uint32_t seq, uint32_t ifindex, const struct addr *addr)
{
	struct nlmsghdr *nlh = start(buf, RTM_GETNEIGH, 0, seq);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = family_of(addr);
	ndm->ndm_ifindex = (int)ifindex;
	put_addr(nlh, NDA_DST, addr);
	return nlh;
}

struct nlmsghdr *
netlink_use_neigh(
    void *buf, uint32_t seq, uint32_t ifindex, const struct addr *addr)
{
	struct nlmsghdr *nlh = start(
	    buf, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, seq);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ndm->ndm_family = family_of(addr);
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_flags = NTF_USE;
	put_addr(nlh, NDA_DST, addr);
	return nlh;
}

struct nlmsghdr *
netlink_dump_links(void *buf, uint32_t seq)
{
	struct nlmsghdr *nlh = start(buf, RTM_GETLINK, NLM_F_DUMP, seq);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	return nlh;
}

struct nlmsghdr *
netlink_get_link(void *buf, uint32_t seq, const char *name)
{
	struct nlmsghdr *nlh = start(buf, RTM_GETLINK, 0, seq);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return nlh;
}

/* A link by its index; flags are changed only where `change` says so. */
static struct nlmsghdr *
start_link(void *buf, uint16_t type, uint32_t seq, uint32_t ifindex)
{
	struct nlmsghdr *nlh = start(buf, type, NLM_F_ACK, seq);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

struct nlmsghdr *
netlink_link_up(void *buf, uint32_t seq, uint32_t ifindex)
{
	struct nlmsghdr *nlh = start_link(buf, RTM_NEWLINK, seq, ifindex);
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	return nlh;
}

struct nlmsghdr *
netlink_link_no_addresses(void *buf, uint32_t seq, uint32_t ifindex)
{
	struct nlmsghdr *nlh = start_link(buf, RTM_NEWLINK, seq, ifindex);
	struct nlattr *families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	return nlh;
}

struct nlmsghdr *
netlink_del_link(void *buf, uint32_t seq, uint32_t ifindex)
{
	return start_link(buf, RTM_DELLINK, seq, ifindex);
}

static struct rtmsg *
put_rtmsg(struct nlmsghdr *nlh, uint8_t family, uint32_t table)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = family;
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	return rtm;
}

struct nlmsghdr *
netlink_dump_routes(void *buf, uint32_t seq, uint8_t family, uint32_t table)
{
	struct nlmsghdr *nlh = start(buf, RTM_GETROUTE, NLM_F_DUMP, seq);

	put_rtmsg(nlh, family, table);
	return nlh;
}

static struct nlmsghdr *
write_route(
    void *buf, uint32_t seq, uint16_t flags, const struct netlink_route *route)
{
	struct nlmsghdr *nlh = start(buf, RTM_NEWROUTE, flags, seq);
	struct rtmsg *rtm = put_rtmsg(nlh, route->family, route->table);

	rtm->rtm_dst_len = route->dst_len;
	rtm->rtm_protocol = route->protocol;
	rtm->rtm_type = RTN_UNICAST;
	if (route->family == AF_INET) /* IPv6 has no scope */
		rtm->rtm_scope = RT_SCOPE_LINK;
	put_addr(nlh, RTA_DST, &route->dst);
	mnl_attr_put_u32(nlh, RTA_OIF, route->oif);
	return nlh;
}

struct nlmsghdr *
netlink_add_route(void *buf, uint32_t seq, const struct netlink_route *route)
{
	return write_route(buf, seq, NLM_F_CREATE | NLM_F_EXCL, route);
}

struct nlmsghdr *
netlink_replace_route(
    void *buf, uint32_t seq, const struct netlink_route *route)
{
	return write_route(buf, seq, NLM_F_REPLACE, route);
}

struct nlmsghdr *
netlink_del_route(void *buf, uint32_t seq, const struct netlink_route *route)
{
	struct nlmsghdr *nlh = start(buf, RTM_DELROUTE, 0, seq);
	struct rtmsg *rtm = put_rtmsg(nlh, route->family, route->table);

	rtm->rtm_dst_len = route->dst_len;
	rtm->rtm_tos = route->tos;
	rtm->rtm_protocol = route->protocol;
	rtm->rtm_scope = RT_SCOPE_NOWHERE; /* any */
	if (!addr_is_none(&route->dst))
		put_addr(nlh, RTA_DST, &route->dst);
	if (route->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	if (route->oif != 0 && !route->multipath)
		mnl_attr_put_u32(nlh, RTA_OIF, route->oif);
	return nlh;
}
