/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/bird/routes_table.h"
#include "tests/unit/unit.h"

#define TABLE   177
#define DEVICE  5
#define STATIC4 "198.51.100.9"

static struct routes_table table;

static void
set_up(void)
{
	memset(&table, 0, sizeof(table));
	routes_table_begin(&table, TABLE, DEVICE);
}

static void
tear_down(void)
{
	routes_table_clear(&table);
}

static struct netlink_route
route(const char *vip, uint8_t protocol)
{
	struct netlink_route r = {.type = RTN_UNICAST,
	    .protocol = protocol,
	    .table = TABLE,
	    .oif = DEVICE};

	ck_assert_int_eq(addr_parse(&r.dst, vip), 0);
	r.family = addr_is4(&r.dst) ? AF_INET : AF_INET6;
	r.dst_len = addr_is4(&r.dst) ? 32 : 128;
	r.metric = addr_is4(&r.dst) ? 0 : 1024;
	return r;
}

static void
add(struct netlink_route r)
{
	ck_assert_int_eq(routes_table_add(&table, &r), 0);
}

static void
expect_entry(size_t at, const char *vip, enum vip_route mark)
{
	char text[ADDR_TEXT_MAX];

	ck_assert_uint_lt(at, table.n);
	ck_assert_str_eq(addr_format(&table.entries[at].vip, text), vip);
	ck_assert_int_eq(table.entries[at].route, mark);
}

START_TEST(sorts_out)
{
	struct netlink_route other_table = route("203.0.113.9", 201);

	other_table.table = 100;
	add(route("203.0.113.2", 202));
	add(route("2001:db8::1", 201));
	add(route(STATIC4, RTPROT_STATIC));
	add(other_table);
	add(route("203.0.113.1", 201));
	add(route("198.51.100.8", RTPROT_BIRD));
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 3);
	/* IPv4 first: that is addr_cmp. */
	expect_entry(0, "203.0.113.1", VIP_ROUTE_ACTIVE);
	expect_entry(1, "203.0.113.2", VIP_ROUTE_DRAINING);
	expect_entry(2, "2001:db8::1", VIP_ROUTE_ACTIVE);
	ck_assert_uint_eq(table.n_stale, 0);
	ck_assert_uint_eq(table.foreign, 2);
	ck_assert_uint_eq(table.a_foreign.protocol, RTPROT_STATIC);
	/* Anew. */
	routes_table_begin(&table, TABLE, DEVICE);
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 0);
	ck_assert_uint_eq(table.foreign, 0);
	ck_assert(addr_is_none(&table.a_foreign.dst));
}
END_TEST

/* Each way to be unlike what we write. */
static void
spoil_nothing(struct netlink_route *r)
{
}

static void
spoil_device(struct netlink_route *r)
{
	r->oif = DEVICE + 1;
}

static void
spoil_no_device(struct netlink_route *r)
{
	r->oif = 0;
}

static void
spoil_type(struct netlink_route *r)
{
	r->type = RTN_BLACKHOLE;
}

static void
spoil_multipath(struct netlink_route *r)
{
	r->multipath = true;
}

static void
spoil_tos(struct netlink_route *r)
{
	r->tos = 4;
}

static void
spoil_len(struct netlink_route *r)
{
	r->dst_len--;
}

static void
spoil_dst(struct netlink_route *r)
{
	memset(&r->dst, 0, sizeof(r->dst));
}

static void
spoil_metric(struct netlink_route *r)
{
	r->metric++;
}

static void
spoil_gateway(struct netlink_route *r)
{
	ck_assert_int_eq(addr_parse(&r->gateway, "fe80::1"), 0);
}

static void (*const spoils[])(struct netlink_route *) = {spoil_nothing,
    spoil_device, spoil_no_device, spoil_type, spoil_multipath, spoil_tos,
    spoil_len, spoil_dst, spoil_metric, spoil_gateway};

START_TEST(stale)
{
	static const char *const vips[] = {"203.0.113.1", "2001:db8::1"};
	struct netlink_route r;

	for (size_t i = 0; i < 2; i++) {
		r = route(vips[i], 202);
		spoils[_i](&r);
		routes_table_begin(&table, TABLE, DEVICE);
		add(r);
		ck_assert_int_eq(routes_table_end(&table), 0);
		ck_assert_uint_eq(table.n, _i == 0 ? 1 : 0);
		ck_assert_uint_eq(table.n_stale, _i == 0 ? 0 : 1);
		ck_assert_uint_eq(table.foreign, 0);
	}
}
END_TEST

/* Without the device nothing is good. */
START_TEST(no_device)
{
	struct netlink_route r = route("203.0.113.1", 201);

	routes_table_begin(&table, TABLE, 0);
	add(r);
	r.oif = 0;
	add(r);
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 0);
	ck_assert_uint_eq(table.n_stale, 2);
}
END_TEST

/* `ip route append`: one VIP, both marks. */
START_TEST(two_marks)
{
	add(route("203.0.113.1", 202));
	add(route("203.0.113.2", 201));
	add(route("203.0.113.1", 201));
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 2);
	expect_entry(0, "203.0.113.1", VIP_ROUTE_ACTIVE);
	ck_assert_uint_eq(table.n_stale, 1);
	ck_assert_uint_eq(table.stale[0].protocol, 202);
	ck_assert_uint_eq(table.stale[0].oif, DEVICE);
	ck_assert_uint_eq(table.stale[0].table, TABLE);
	ck_assert_uint_eq(table.stale[0].dst_len, 32);
}
END_TEST

/* One that was told of twice is not deleted for that. */
START_TEST(told_twice)
{
	add(route("203.0.113.1", 201));
	add(route("203.0.113.1", 201));
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 1);
	ck_assert_uint_eq(table.n_stale, 0);
}
END_TEST

START_TEST(grows)
{
	struct netlink_route r = route("203.0.113.1", 201);

	for (unsigned i = 0; i < 5000; i++) {
		r.dst.bytes[14] = (uint8_t)((4999 - i) >> 8);
		r.dst.bytes[15] = (uint8_t)(4999 - i);
		r.oif = i % 5 == 0 ? DEVICE + 1 : DEVICE;
		add(r);
	}
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 4000);
	ck_assert_uint_eq(table.n_stale, 1000);
	for (size_t i = 1; i < table.n; i++)
		ck_assert_int_lt(
		    addr_cmp(&table.entries[i - 1].vip, &table.entries[i].vip),
		    0);
}
END_TEST

static const struct {
	const char *vip;
	uint8_t protocol;
	bool deleted, agrees;
} notices[] = {
    {"203.0.113.1", 201, false, true},
    {"203.0.113.1", 202, false, false}, /* another mark */
    {"203.0.113.1", 201, true, false},  /* ours was deleted */
    {"203.0.113.7", 201, false, false}, /* we know of none */
    {"203.0.113.7", 201, true, true},
    {"2001:db8::1", 202, false, true},
    {"2001:db8::1", 202, true, false},
    {"198.51.100.1", RTPROT_STATIC, false, false},
    {"198.51.100.1", RTPROT_STATIC, true, false},
};

START_TEST(agrees)
{
	struct netlink_route r = route(notices[_i].vip, notices[_i].protocol);

	add(route("203.0.113.1", 201));
	add(route("2001:db8::1", 202));
	ck_assert_int_eq(routes_table_end(&table), 0);
	r.deleted = notices[_i].deleted;
	ck_assert_int_eq(routes_table_agrees(&table, &r), notices[_i].agrees);
	/* In another table it is nobody's business. */
	r.table = 100;
	ck_assert(routes_table_agrees(&table, &r));
}
END_TEST

/* Of a stale route only that it is gone is no news, once we know of none. */
START_TEST(agrees_stale)
{
	struct netlink_route r = route("203.0.113.1", 201);

	r.oif = DEVICE + 1;
	ck_assert(!routes_table_agrees(&table, &r));
	r.deleted = true;
	ck_assert(routes_table_agrees(&table, &r));
	r.deleted = false;
	add(r);
	r.deleted = true;
	ck_assert(!routes_table_agrees(&table, &r));
}
END_TEST

START_TEST(same_good)
{
	struct routes_table other = {0};

	routes_table_begin(&other, TABLE, DEVICE);
	ck_assert(routes_table_same_good(&table, &other));
	add(route("203.0.113.1", 201));
	ck_assert(!routes_table_same_good(&table, &other));
	add(route(STATIC4, RTPROT_STATIC)); /* does not count */
	other.entries = table.entries;
	other.n = table.n;
	ck_assert(routes_table_same_good(&table, &other));
	other.ifindex++;
	ck_assert(!routes_table_same_good(&table, &other));
}
END_TEST

START_TEST(same_foreign)
{
	struct routes_table other = {0};
	struct netlink_route r = route(STATIC4, RTPROT_STATIC);

	routes_table_begin(&other, TABLE, DEVICE);
	ck_assert(routes_table_same_foreign(&table, &other));
	add(r);
	ck_assert(!routes_table_same_foreign(&table, &other));
	ck_assert_int_eq(routes_table_add(&other, &r), 0);
	ck_assert(routes_table_same_foreign(&table, &other));
	add(r);
	ck_assert(!routes_table_same_foreign(&table, &other));
	r.protocol++;
	ck_assert_int_eq(routes_table_add(&other, &r), 0);
	ck_assert(routes_table_same_foreign(&table, &other));
	other.a_foreign = r;
	ck_assert(!routes_table_same_foreign(&table, &other));
}
END_TEST

/* What is written is what is good when it is read. */
START_TEST(route_is_good)
{
	struct addr vip;

	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    addr_parse(&vip, i == 0 ? "203.0.113.1" : "2001:db8::1"),
		    0);
		add(routes_table_route(&table, &vip, VIP_ROUTE_DRAINING));
	}
	ck_assert_int_eq(routes_table_end(&table), 0);
	ck_assert_uint_eq(table.n, 2);
	expect_entry(0, "203.0.113.1", VIP_ROUTE_DRAINING);
	expect_entry(1, "2001:db8::1", VIP_ROUTE_DRAINING);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("routes_table");
	TCase *tc = tcase_create("routes_table");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, sorts_out);
	tcase_add_loop_test(tc, stale, 0, ROWS(spoils));
	tcase_add_test(tc, no_device);
	tcase_add_test(tc, two_marks);
	tcase_add_test(tc, told_twice);
	tcase_add_test(tc, grows);
	tcase_add_loop_test(tc, agrees, 0, ROWS(notices));
	tcase_add_test(tc, agrees_stale);
	tcase_add_test(tc, same_good);
	tcase_add_test(tc, same_foreign);
	tcase_add_test(tc, route_is_good);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
