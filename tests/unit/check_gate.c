/* SPDX-License-Identifier: Apache-2.0 */
/* The announcement gate: VIP by VIP, with a clock that only the test moves. */
#include "config.h"

#include "agent/core/gate.h"

#include <string.h>

#include "common/view.h"
#include "tests/unit/unit.h"

#define HEAD "cluster:\n  seed: 000102030405060708090a0b0c0d0e0f\nservices:\n"
#define WEB \
	"  - name: web\n" \
	"    vips: [203.0.113.10, \"2001:db8::10\"]\n" \
	"    protocol: tcp\n" \
	"    ports: [80]\n" \
	"    announce_min: 2\n" \
	"    announce_again: 3\n" \
	"    backends:\n" \
	"      - address: 10.1.0.1\n" \
	"      - address: 10.1.0.2\n" \
	"      - address: 10.1.0.3\n" \
	"      - address: 10.1.0.4\n"
#define DNS \
	"  - name: dns\n" \
	"    vips: [203.0.113.10, 203.0.113.20]\n" \
	"    protocol: udp\n" \
	"    backends:\n" \
	"      - address: 10.1.0.1\n"
#define ANY \
	"  - name: any\n" \
	"    vips: [203.0.113.30]\n" \
	"    protocol: tcp\n" \
	"    announce_min: 0\n" \
	"    backends: []\n"

static struct conf *conf;
static struct forwarding *state;
static struct gate *gate;
static struct mono now;

static void
load(const char *text)
{
	struct gate *before = gate;
	struct forwarding *state_before = state;
	struct errmsg why;

	conf_free(conf);
	conf = conf_parse("gate.yaml", text, strlen(text), &why);
	ck_assert_msg(conf != NULL, "%s", why.text);
	state = view_forwarding(conf, NULL, 0, 1);
	gate = gate_new(conf, state, before, now);
	ck_assert_ptr_nonnull(gate);
	gate_free(before);
	forwarding_free(state_before);
}

static void
setup(void)
{
	now = (struct mono){1000000000};
	load(HEAD WEB DNS ANY);
}

static void
teardown(void)
{
	gate_free(gate);
	forwarding_free(state);
	conf_free(conf);
	gate = NULL;
	state = NULL;
	conf = NULL;
}

static size_t
service(const char *name)
{
	for (size_t i = 0; i < gate->n_services; i++)
		if (strcmp(gate->services[i].name, name) == 0)
			return i;
	ck_abort_msg("no service %s", name);
}

static void
count(const char *name, uint32_t taking, uint32_t ready)
{
	gate_count(gate, now, service(name), taking, ready);
}

static const struct gate_vip *
vip(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	for (size_t i = 0; i < gate->n_vips; i++)
		if (addr_cmp(&gate->vips[i].vip, &a) == 0)
			return &gate->vips[i];
	ck_abort_msg("no VIP %s", text);
}

static bool
is_open(const char *text)
{
	return vip(text)->open;
}

static void
after(int64_t ms, enum gate_verdict node)
{
	now.us += ms * 1000;
	gate_step(gate, now, node);
}

static void
open_all(void)
{
	count("web", 4, 4);
	count("dns", 1, 1);
	after(0, GATE_YES);
	ck_assert(is_open("203.0.113.10"));
	ck_assert(is_open("2001:db8::10"));
	ck_assert(is_open("203.0.113.20"));
	ck_assert(is_open("203.0.113.30"));
}

START_TEST(each_vip_stands_once_in_order)
{
	ck_assert_uint_eq(gate->n_vips, 4);
	for (size_t i = 1; i < gate->n_vips; i++)
		ck_assert_int_lt(
		    addr_cmp(&gate->vips[i - 1].vip, &gate->vips[i].vip), 0);
	ck_assert_uint_eq(vip("203.0.113.10")->n_uses, 2);
	ck_assert_uint_eq(vip("203.0.113.20")->n_uses, 1);
}
END_TEST

START_TEST(nothing_is_open_before_it_is_known)
{
	after(0, GATE_YES);
	ck_assert(!is_open("203.0.113.10"));
	ck_assert(!is_open("203.0.113.20"));
	ck_assert(is_open("203.0.113.30")); /* announce_min 0 */
	after(3600 * 1000, GATE_YES);
	ck_assert(!is_open("203.0.113.10"));
	ck_assert_int_eq(gate_wakeup(gate).us, INT64_MAX);
}
END_TEST

START_TEST(all_ready_opens_at_once)
{
	open_all();
}
END_TEST

/* What has no next hop yet is waited for, but not for ever. */
START_TEST(unresolved_backends_are_waited_for)
{
	count("web", 4, 3);
	count("dns", 1, 1);
	after(0, GATE_YES);
	ck_assert(!is_open("203.0.113.10"));
	ck_assert(is_open("203.0.113.20"));
	ck_assert_int_eq(gate_wakeup(gate).us, now.us + GATE_RISE_MS * 1000);
	after(GATE_RISE_MS - 1, GATE_YES);
	ck_assert(!is_open("203.0.113.10"));
	after(1, GATE_YES);
	ck_assert(is_open("203.0.113.10"));
}
END_TEST

START_TEST(all_services_of_a_vip_must_agree)
{
	open_all();
	count("dns", 1, 0);
	after(GATE_FALL_MS, GATE_YES);
	ck_assert(!is_open("203.0.113.10"));
	ck_assert(!is_open("203.0.113.20"));
	ck_assert(is_open("2001:db8::10"));
	ck_assert_str_eq(gate_obstacle(gate, vip("203.0.113.10"))->name, "dns");
	ck_assert_ptr_null(gate_obstacle(gate, vip("2001:db8::10")));
}
END_TEST

START_TEST(a_dip_is_nothing)
{
	open_all();
	count("web", 4, 1);
	after(GATE_FALL_MS - 1, GATE_YES);
	ck_assert(is_open("2001:db8::10"));
	count("web", 4, 2);
	after(0, GATE_YES);
	count("web", 4, 1);
	after(GATE_FALL_MS - 1, GATE_YES);
	ck_assert(is_open("2001:db8::10"));
	after(1, GATE_YES);
	ck_assert(!is_open("2001:db8::10"));
}
END_TEST

/* Between the two marks nothing changes, either way. */
START_TEST(two_watermarks)
{
	struct errmsg text;

	open_all();
	count("web", 4, 2);
	after(60000, GATE_YES);
	ck_assert(is_open("2001:db8::10"));
	count("web", 4, 1);
	after(GATE_FALL_MS, GATE_YES);
	ck_assert(!is_open("2001:db8::10"));
	gate_explain(gate_obstacle(gate, vip("2001:db8::10")), &text);
	ck_assert_str_eq(
	    text.text, "service web: 1 of 4 backends ready, 3 are needed");
	count("web", 4, 2);
	after(60000, GATE_YES);
	ck_assert(!is_open("2001:db8::10"));
	count("web", 4, 3);
	after(GATE_RISE_MS - 1, GATE_YES);
	ck_assert(!is_open("2001:db8::10"));
	after(1, GATE_YES);
	ck_assert(is_open("2001:db8::10"));
}
END_TEST

START_TEST(the_node_closes_all_and_keeps_all)
{
	open_all();
	after(0, GATE_KEEP);
	ck_assert(is_open("203.0.113.10"));
	after(0, GATE_NO);
	for (size_t i = 0; i < gate->n_vips; i++)
		ck_assert(!gate->vips[i].open);
	after(0, GATE_KEEP);
	ck_assert(!is_open("203.0.113.10"));
	after(0, GATE_YES);
	ck_assert(is_open("203.0.113.10"));
}
END_TEST

START_TEST(what_is_found_is_adopted)
{
	const struct vip_route_entry found[] = {
	    {vip("203.0.113.10")->vip, VIP_ROUTE_ACTIVE},
	    {vip("203.0.113.20")->vip, VIP_ROUTE_DRAINING},
	    {{{1}}, VIP_ROUTE_ACTIVE}, /* nobody's any more */
	};

	gate_adopt(gate, found, 3);
	after(0, GATE_KEEP);
	ck_assert(is_open("203.0.113.10"));
	ck_assert(is_open("203.0.113.20"));
	ck_assert(!is_open("2001:db8::10"));
	/* Judged only when there is something to judge by. */
	after(4000, GATE_YES);
	ck_assert(is_open("203.0.113.10"));
	count("web", 4, 4);
	count("dns", 1, 0);
	after(GATE_RISE_MS, GATE_YES);
	ck_assert(!is_open("203.0.113.10"));
	ck_assert(is_open("2001:db8::10"));
}
END_TEST

START_TEST(a_new_configuration_keeps_what_stays)
{
	open_all();
	load(HEAD WEB);
	ck_assert_uint_eq(gate->n_vips, 2);
	ck_assert(is_open("203.0.113.10"));
	after(0, GATE_YES);
	ck_assert(is_open("203.0.113.10"));
	load(HEAD WEB DNS);
	ck_assert(is_open("203.0.113.10"));
	ck_assert(!is_open("203.0.113.20"));
	/* The new service on it is not judged yet, so it stays. */
	after(0, GATE_YES);
	ck_assert(is_open("203.0.113.10"));
	ck_assert(!is_open("203.0.113.20"));
	count("dns", 1, 1);
	after(0, GATE_YES);
	ck_assert(is_open("203.0.113.20"));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("gate");
	TCase *tc = tcase_create("gate");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_vip_stands_once_in_order);
	tcase_add_test(tc, nothing_is_open_before_it_is_known);
	tcase_add_test(tc, all_ready_opens_at_once);
	tcase_add_test(tc, unresolved_backends_are_waited_for);
	tcase_add_test(tc, all_services_of_a_vip_must_agree);
	tcase_add_test(tc, a_dip_is_nothing);
	tcase_add_test(tc, two_watermarks);
	tcase_add_test(tc, the_node_closes_all_and_keeps_all);
	tcase_add_test(tc, what_is_found_is_adopted);
	tcase_add_test(tc, a_new_configuration_keeps_what_stays);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
