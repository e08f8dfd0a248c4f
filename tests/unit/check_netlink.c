/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/netlink.h"
#include "tests/unit/unit.h"

/* Messages are put together here by hand, as rtnetlink(7) lays them out. */
static uint8_t message[1024] __attribute__((aligned(4)));
static struct nlmsghdr *const nlh = (struct nlmsghdr *)(void *)message;

static void
begin(uint16_t type, const void *fixed, size_t len)
{
	memset(message, 0, sizeof(message));
	nlh->nlmsg_type = type;
	memcpy(message + NLMSG_HDRLEN, fixed, len);
	nlh->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(len));
}

static void
attribute(uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)(message + nlh->nlmsg_len);

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	nlh->nlmsg_len += (uint32_t)RTA_ALIGN(a->rta_len);
}

static void
attribute_u32(uint16_t type, uint32_t v)
{
	attribute(type, &v, sizeof(v));
}

static void
attribute_addr(uint16_t type, const char *text)
{
	struct addr a;
	size_t len;
	const uint8_t *bytes;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	bytes = addr_bytes(&a, &len);
	attribute(type, bytes, len);
}

static void
expect_addr(const struct addr *got, const char *text)
{
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(got, buf), text);
}

/* Whatever the length: never past the end. In memory of that very size, so
 * that the address sanitizer sees it. */
#define EACH_CUT(parse, out) \
	do { \
		uint32_t whole = nlh->nlmsg_len; \
		for (uint32_t cut = NLMSG_HDRLEN; cut < whole; cut++) { \
			struct nlmsghdr *copy = malloc(cut); \
			memcpy(copy, message, cut); \
			copy->nlmsg_len = cut; \
			(void)parse(copy, &(out)); \
			free(copy); \
		} \
	} while (0)

static void
build_route(void)
{
	struct rtmsg rtm = {.rtm_family = AF_INET,
	    .rtm_type = RTN_UNICAST,
	    .rtm_dst_len = 32,
	    .rtm_tos = 4,
	    .rtm_table = RT_TABLE_COMPAT,
	    .rtm_protocol = 201};
	struct {
		struct rtattr a;
		uint32_t v;
	} metrics[2] = {
	    {{8, RTAX_HOPLIMIT}, 9},
	    {{8, RTAX_MTU}, 1400},
	};

	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	attribute_addr(RTA_DST, "10.1.0.1");
	attribute_u32(RTA_OIF, 7);
	attribute_u32(RTA_TABLE, 1177);
	attribute_u32(RTA_PRIORITY, 20);
	attribute_addr(RTA_PREFSRC, "10.0.0.5");
	attribute_addr(RTA_GATEWAY, "10.0.0.1");
	attribute(RTA_METRICS, metrics, sizeof(metrics));
}

START_TEST(route)
{
	struct netlink_route r;

	build_route();
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert(!r.deleted);
	ck_assert(!r.multipath);
	ck_assert_uint_eq(r.family, AF_INET);
	ck_assert_uint_eq(r.type, RTN_UNICAST);
	ck_assert_uint_eq(r.protocol, 201);
	ck_assert_uint_eq(r.tos, 4);
	expect_addr(&r.dst, "10.1.0.1");
	ck_assert_uint_eq(r.dst_len, 32);
	ck_assert_uint_eq(r.table, 1177);
	ck_assert_uint_eq(r.metric, 20);
	ck_assert_uint_eq(r.oif, 7);
	ck_assert_uint_eq(r.mtu, 1400);
	expect_addr(&r.gateway, "10.0.0.1");
	expect_addr(&r.source, "10.0.0.5");
	EACH_CUT(netlink_parse_route, r);
	nlh->nlmsg_type = RTM_DELROUTE;
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert(r.deleted);
	expect_addr(&r.dst, "10.1.0.1");
	EACH_CUT(netlink_parse_route, r);
}
END_TEST

static const struct {
	uint16_t message;
	uint8_t family;
} not_routes[] = {
    {RTM_GETROUTE, AF_INET},
    {RTM_NEWNEIGH, AF_INET},
    {RTM_NEWROUTE, AF_UNSPEC},
    {RTM_DELROUTE, AF_MPLS},
    {RTM_NEWROUTE, RTNL_FAMILY_IPMR},
};

START_TEST(route_not_for_us)
{
	struct rtmsg rtm = {.rtm_family = not_routes[_i].family};
	struct netlink_route r;

	begin(not_routes[_i].message, &rtm, sizeof(rtm));
	ck_assert_int_eq(netlink_parse_route(nlh, &r), -1);
}
END_TEST

/* As a kernel says it that leaves the attribute out, and the default route. */
START_TEST(route_default)
{
	struct rtmsg rtm = {
	    .rtm_family = AF_INET6, .rtm_type = RTN_UNICAST, .rtm_table = 177};
	struct netlink_route r;

	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert_uint_eq(r.family, AF_INET6);
	ck_assert_uint_eq(r.table, 177);
	ck_assert(addr_is_none(&r.dst));
	ck_assert_uint_eq(r.dst_len, 0);
	ck_assert_uint_eq(r.metric, 0);
	ck_assert_uint_eq(r.oif, 0);
}
END_TEST

/* Attributes of a wrong length say nothing. */
START_TEST(route_odd_lengths)
{
	struct rtmsg rtm = {
	    .rtm_family = AF_INET, .rtm_table = 177, .rtm_dst_len = 32};
	struct netlink_route r;

	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	attribute(RTA_DST, "abc", 3);
	attribute(RTA_TABLE, "abc", 3);
	attribute(RTA_PRIORITY, "", 0);
	attribute(RTA_OIF, "a", 1);
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert(addr_is_none(&r.dst));
	ck_assert_uint_eq(r.table, 0);
	ck_assert_uint_eq(r.metric, 0);
	ck_assert_uint_eq(r.oif, 0);
}
END_TEST

START_TEST(route_on_link)
{
	struct rtmsg rtm = {.rtm_family = AF_INET6, .rtm_type = RTN_LOCAL};
	struct netlink_route r;

	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	attribute_u32(RTA_OIF, 3);
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert_uint_eq(r.type, RTN_LOCAL);
	ck_assert(addr_is_none(&r.gateway));
	ck_assert(addr_is_none(&r.source));
	ck_assert_uint_eq(r.mtu, 0);
}
END_TEST

/* An IPv4 route by an IPv6 gateway. */
START_TEST(route_via)
{
	struct rtmsg rtm = {.rtm_family = AF_INET, .rtm_type = RTN_UNICAST};
	uint8_t via[2 + 16] = {AF_INET6, 0, 0xfe, 0x80};
	struct netlink_route r;

	via[17] = 1;
	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	attribute_u32(RTA_OIF, 3);
	attribute(RTA_VIA, via, sizeof(via));
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	expect_addr(&r.gateway, "fe80::1");
}
END_TEST

START_TEST(route_multipath)
{
	struct rtmsg rtm = {.rtm_family = AF_INET, .rtm_type = RTN_UNICAST};
	struct {
		struct rtnexthop nh;
		struct rtattr a;
		uint8_t gateway[4];
	} hops[2] = {
	    {{16, 0, 0, 11}, {8, RTA_GATEWAY}, {10, 0, 0, 1}},
	    {{16, 0, 0, 12}, {8, RTA_GATEWAY}, {10, 0, 0, 2}},
	};
	struct netlink_route r;

	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	attribute(RTA_MULTIPATH, hops, sizeof(hops));
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert_uint_eq(r.oif, 11);
	ck_assert(r.multipath);
	expect_addr(&r.gateway, "10.0.0.1");
	EACH_CUT(netlink_parse_route, r);
	/* A length that reaches past the attribute. */
	hops[0].nh.rtnh_len = 200;
	begin(RTM_NEWROUTE, &rtm, sizeof(rtm));
	attribute(RTA_MULTIPATH, hops, sizeof(hops));
	ck_assert_int_eq(netlink_parse_route(nlh, &r), 0);
	ck_assert_uint_eq(r.oif, 0);
}
END_TEST

static const struct {
	uint16_t state;
	bool mac, usable, probe;
} states[] = {
    {NUD_NONE, false, false, true},
    {NUD_INCOMPLETE, false, false, false},
    {NUD_REACHABLE, true, true, false},
    {NUD_STALE, true, true, true},
    {NUD_DELAY, true, true, false},
    {NUD_PROBE, true, true, false},
    {NUD_FAILED, false, false, true},
    {NUD_FAILED, true, false, true},
    {NUD_NOARP, true, true, false},
    {NUD_PERMANENT, true, true, false},
    {NUD_PERMANENT, false, false, false},
};

START_TEST(neigh)
{
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 9};
	struct ndmsg ndm = {.ndm_family = AF_INET6,
	    .ndm_ifindex = 4,
	    .ndm_state = states[_i].state};
	struct netlink_neigh n;

	begin(RTM_NEWNEIGH, &ndm, sizeof(ndm));
	attribute_addr(NDA_DST, "2001:db8::1");
	if (states[_i].mac)
		attribute(NDA_LLADDR, mac, sizeof(mac));
	ck_assert_int_eq(netlink_parse_neigh(nlh, &n), 0);
	ck_assert_uint_eq(n.ifindex, 4);
	expect_addr(&n.addr, "2001:db8::1");
	ck_assert_int_eq(n.has_mac, states[_i].mac);
	if (n.has_mac)
		ck_assert_mem_eq(n.mac, mac, sizeof(mac));
	ck_assert_int_eq(netlink_neigh_usable(&n), states[_i].usable);
	ck_assert_int_eq(netlink_neigh_needs_probe(&n), states[_i].probe);
	EACH_CUT(netlink_parse_neigh, n);
	nlh->nlmsg_type = RTM_DELNEIGH;
	ck_assert_int_eq(netlink_parse_neigh(nlh, &n), 0);
	ck_assert_uint_eq(n.state, NUD_NONE);
}
END_TEST

START_TEST(neigh_not_for_us)
{
	struct ndmsg ndm = {.ndm_family = AF_BRIDGE, .ndm_ifindex = 4};
	struct netlink_neigh n;

	begin(RTM_NEWNEIGH, &ndm, sizeof(ndm));
	attribute_addr(NDA_DST, "10.0.0.1");
	ck_assert_int_eq(netlink_parse_neigh(nlh, &n), -1);
	ndm.ndm_family = AF_INET;
	begin(RTM_NEWNEIGH, &ndm, sizeof(ndm));
	ck_assert_int_eq(netlink_parse_neigh(nlh, &n), -1);
	attribute(NDA_DST, "xyz", 3);
	ck_assert_int_eq(netlink_parse_neigh(nlh, &n), -1);
}
END_TEST

static const struct {
	uint16_t message;
	unsigned flags;
	unsigned short type;
	size_t mac_len;
	bool deleted, enabled, up, ethernet;
} links[] = {
    {RTM_NEWLINK, IFF_UP | IFF_LOWER_UP, ARPHRD_ETHER, 6, false, true, true,
	true},
    {RTM_NEWLINK, IFF_UP, ARPHRD_ETHER, 6, false, true, false, true},
    {RTM_NEWLINK, 0, ARPHRD_ETHER, 6, false, false, false, true},
    {RTM_NEWLINK, IFF_UP | IFF_LOWER_UP, ARPHRD_NONE, 0, false, true, true,
	false},
    {RTM_NEWLINK, IFF_UP | IFF_LOWER_UP, ARPHRD_INFINIBAND, 20, false, true,
	true, false},
    {RTM_DELLINK, IFF_UP | IFF_LOWER_UP, ARPHRD_ETHER, 6, true, false, false,
	true},
};

START_TEST(link)
{
	static const uint8_t mac[20] = {2, 0, 0, 0, 0, 9};
	struct ifinfomsg ifi = {.ifi_index = 5,
	    .ifi_type = links[_i].type,
	    .ifi_flags = links[_i].flags};
	struct netlink_link l;

	begin(links[_i].message, &ifi, sizeof(ifi));
	attribute(IFLA_IFNAME, "eth0", 5);
	attribute_u32(IFLA_MTU, 9000);
	attribute(IFLA_ADDRESS, mac, links[_i].mac_len);
	ck_assert_int_eq(netlink_parse_link(nlh, &l), 0);
	ck_assert_uint_eq(l.ifindex, 5);
	ck_assert_str_eq(l.name, "eth0");
	ck_assert_uint_eq(l.mtu, 9000);
	ck_assert_int_eq(l.deleted, links[_i].deleted);
	ck_assert_int_eq(l.enabled, links[_i].enabled);
	ck_assert_int_eq(l.up, links[_i].up);
	ck_assert_int_eq(l.ethernet, links[_i].ethernet);
	EACH_CUT(netlink_parse_link, l);
}
END_TEST

/* A bridge tells of its ports in messages of the same type. */
START_TEST(link_not_for_us)
{
	struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE, .ifi_index = 5};
	struct netlink_link l;

	begin(RTM_DELLINK, &ifi, sizeof(ifi));
	attribute(IFLA_IFNAME, "eth0", 5);
	ck_assert_int_eq(netlink_parse_link(nlh, &l), -1);
	ifi.ifi_family = AF_UNSPEC;
	begin(RTM_NEWLINK, &ifi, sizeof(ifi));
	ck_assert_int_eq(netlink_parse_link(nlh, &l), -1);
	attribute(IFLA_IFNAME, "seventeen-letters", 17);
	ck_assert_int_eq(netlink_parse_link(nlh, &l), -1);
}
END_TEST

/* Requests, down to the bytes that the kernel reads. */
START_TEST(requests)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	const struct rtmsg *rtm;
	const struct ndmsg *ndm;
	struct nlmsghdr *got;
	struct addr a4, a6;

	addr_parse(&a4, "10.1.0.1");
	addr_parse(&a6, "2001:db8::1");
	got = netlink_get_route(buf, 9, &a4);
	rtm = NLMSG_DATA(got);
	ck_assert_uint_eq(got->nlmsg_type, RTM_GETROUTE);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST);
	ck_assert_uint_eq(got->nlmsg_seq, 9);
	ck_assert_uint_eq(
	    got->nlmsg_len, NLMSG_LENGTH(sizeof(*rtm)) + RTA_LENGTH(4));
	ck_assert_uint_eq(rtm->rtm_family, AF_INET);
	ck_assert_uint_eq(rtm->rtm_dst_len, 32);
	ck_assert_mem_eq(RTA_DATA(RTM_RTA(rtm)), "\12\1\0\1", 4);
	got = netlink_get_route(buf, 9, &a6);
	ck_assert_uint_eq(
	    got->nlmsg_len, NLMSG_LENGTH(sizeof(*rtm)) + RTA_LENGTH(16));
	got = netlink_get_neigh(buf, 10, 3, &a6);
	ndm = NLMSG_DATA(got);
	ck_assert_uint_eq(got->nlmsg_type, RTM_GETNEIGH);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST);
	ck_assert_int_eq(ndm->ndm_ifindex, 3);
	ck_assert_uint_eq(ndm->ndm_family, AF_INET6);
	got = netlink_use_neigh(buf, 11, 3, &a4);
	ck_assert_uint_eq(got->nlmsg_type, RTM_NEWNEIGH);
	ck_assert_uint_eq(
	    got->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
	ck_assert_uint_eq(ndm->ndm_flags, NTF_USE);
	ck_assert_uint_eq(ndm->ndm_state, 0);
	got = netlink_dump_links(buf, 12);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	got = netlink_get_link(buf, 13, "gw0");
	ck_assert_uint_eq(got->nlmsg_type, RTM_GETLINK);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST);
	ck_assert_uint_eq(got->nlmsg_len,
	    NLMSG_LENGTH(sizeof(struct ifinfomsg)) + RTA_LENGTH(4));
	got = netlink_get_link(buf, 13, "fifteen-letters");
	ck_assert_uint_le(got->nlmsg_len, NETLINK_REQUEST_MAX);
}
END_TEST

/* The bytes of the attribute; NULL: it is not there. */
static const void *
find_attribute(const struct nlmsghdr *got, unsigned short type)
{
	const struct rtattr *a = RTM_RTA(NLMSG_DATA(got));
	size_t left = got->nlmsg_len - NLMSG_LENGTH(sizeof(struct rtmsg));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == type)
			return RTA_DATA(a);
	}
	return NULL;
}

static void
expect_u32(const struct nlmsghdr *got, unsigned short type, uint32_t want)
{
	const void *data = find_attribute(got, type);
	uint32_t v;

	ck_assert_ptr_nonnull(data);
	memcpy(&v, data, sizeof(v));
	ck_assert_uint_eq(v, want);
}

static const struct {
	const char *dst;
	uint8_t family, dst_len;
	uint32_t metric;
} changes[] = {
    {"203.0.113.1", AF_INET, 32, 0},
    {"2001:db8:100::1", AF_INET6, 128, NETLINK_METRIC6},
};

/* What is written is what a dump would say of it. */
START_TEST(route_changes)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct netlink_route r = {.family = changes[_i].family,
	    .dst_len = changes[_i].dst_len,
	    .protocol = 202,
	    .table = 1177,
	    .metric = changes[_i].metric,
	    .oif = 7};
	struct netlink_route back;
	const struct rtmsg *rtm = NLMSG_DATA((struct nlmsghdr *)(void *)buf);
	struct nlmsghdr *got;

	addr_parse(&r.dst, changes[_i].dst);
	got = netlink_add_route(buf, 9, &r);
	ck_assert_uint_le(got->nlmsg_len, NETLINK_REQUEST_MAX);
	ck_assert_uint_eq(got->nlmsg_type, RTM_NEWROUTE);
	ck_assert_uint_eq(
	    got->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
	ck_assert_uint_eq(got->nlmsg_seq, 9);
	ck_assert_uint_eq(rtm->rtm_scope,
	    r.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
	ck_assert_int_eq(netlink_parse_route(got, &back), 0);
	ck_assert_uint_eq(back.family, changes[_i].family);
	ck_assert_uint_eq(back.type, RTN_UNICAST);
	ck_assert_uint_eq(back.protocol, 202);
	ck_assert_uint_eq(back.dst_len, changes[_i].dst_len);
	ck_assert_uint_eq(back.table, 1177);
	ck_assert_uint_eq(back.oif, 7);
	expect_addr(&back.dst, changes[_i].dst);
	ck_assert(addr_is_none(&back.gateway));
	/* The default, which both families have when nothing is said. */
	ck_assert_ptr_null(find_attribute(got, RTA_PRIORITY));

	got = netlink_replace_route(buf, 10, &r);
	ck_assert_uint_eq(got->nlmsg_type, RTM_NEWROUTE);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST | NLM_F_REPLACE);
	ck_assert_int_eq(netlink_parse_route(got, &back), 0);
	ck_assert_uint_eq(back.protocol, 202);
}
END_TEST

START_TEST(route_removals)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	struct netlink_route r = {.family = AF_INET,
	    .dst_len = 32,
	    .protocol = 201,
	    .tos = 4,
	    .table = 177,
	    .metric = 20,
	    .oif = 7};
	const struct rtmsg *rtm = NLMSG_DATA((struct nlmsghdr *)(void *)buf);
	struct nlmsghdr *got;

	addr_parse(&r.dst, "203.0.113.1");
	got = netlink_del_route(buf, 11, &r);
	ck_assert_uint_le(got->nlmsg_len, NETLINK_REQUEST_MAX);
	ck_assert_uint_eq(got->nlmsg_type, RTM_DELROUTE);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST);
	ck_assert_uint_eq(rtm->rtm_type, RTN_UNSPEC);
	ck_assert_uint_eq(rtm->rtm_scope, RT_SCOPE_NOWHERE);
	ck_assert_uint_eq(rtm->rtm_tos, 4);
	ck_assert_uint_eq(rtm->rtm_protocol, 201);
	ck_assert_uint_eq(rtm->rtm_dst_len, 32);
	ck_assert_mem_eq(find_attribute(got, RTA_DST), "\313\0\161\1", 4);
	expect_u32(got, RTA_TABLE, 177);
	expect_u32(got, RTA_PRIORITY, 20);
	expect_u32(got, RTA_OIF, 7);
	/* The least there is to say: any default route of ours. */
	r = (struct netlink_route){
	    .family = AF_INET6, .protocol = 201, .table = 177};
	got = netlink_del_route(buf, 12, &r);
	ck_assert_ptr_null(find_attribute(got, RTA_DST));
	ck_assert_ptr_null(find_attribute(got, RTA_PRIORITY));
	ck_assert_ptr_null(find_attribute(got, RTA_OIF));
	r.oif = 7;
	r.multipath = true;
	got = netlink_del_route(buf, 12, &r);
	ck_assert_ptr_null(find_attribute(got, RTA_OIF));
}
END_TEST

START_TEST(route_dump)
{
	uint8_t buf[NETLINK_REQUEST_MAX] __attribute__((aligned(4)));
	/* All else must be 0, or a kernel that looks at it refuses it. */
	static const struct rtmsg want = {.rtm_family = AF_INET6};
	struct nlmsghdr *got = netlink_dump_routes(buf, 13, AF_INET6, 1177);

	ck_assert_uint_eq(got->nlmsg_type, RTM_GETROUTE);
	ck_assert_uint_eq(got->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	ck_assert_uint_eq(got->nlmsg_seq, 13);
	ck_assert_mem_eq(NLMSG_DATA(got), &want, sizeof(want));
	expect_u32(got, RTA_TABLE, 1177);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("netlink");
	TCase *tc = tcase_create("netlink");

	tcase_add_test(tc, route);
	tcase_add_loop_test(tc, route_not_for_us, 0, ROWS(not_routes));
	tcase_add_test(tc, route_default);
	tcase_add_test(tc, route_odd_lengths);
	tcase_add_test(tc, route_on_link);
	tcase_add_test(tc, route_via);
	tcase_add_test(tc, route_multipath);
	tcase_add_loop_test(tc, neigh, 0, ROWS(states));
	tcase_add_test(tc, neigh_not_for_us);
	tcase_add_loop_test(tc, link, 0, ROWS(links));
	tcase_add_test(tc, link_not_for_us);
	tcase_add_test(tc, requests);
	tcase_add_loop_test(tc, route_changes, 0, ROWS(changes));
	tcase_add_test(tc, route_removals);
	tcase_add_test(tc, route_dump);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
