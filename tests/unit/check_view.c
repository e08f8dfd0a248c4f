/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/view.h"

#include <netinet/in.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct addr
ip(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	return a;
}

static struct conf_backend web_backends[4], dns_backends[2];
static struct addr web_vips[2], dns_vips[1];
static uint16_t web_ports[2];
static char web[] = "web", dns[] = "dns";
static struct conf_service services[2];
static struct conf conf;

#define NOW UINT64_C(1800000000000)
static uint64_t wall_ms;

/* Two services that share the backends 10.0.0.2 and 10.0.0.3. */
static void
setup(void)
{
	web_backends[0] = (struct conf_backend){
	    ip("10.0.0.3"), 3, INTENT_ENABLED, 0};
	web_backends[1] = (struct conf_backend){
	    ip("10.0.0.1"), 1, INTENT_ENABLED, 0};
	web_backends[2] = (struct conf_backend){
	    ip("2001:db8::2"), 65535, INTENT_DRAINING, 0};
	web_backends[3] = (struct conf_backend){
	    ip("10.0.0.2"), 2, INTENT_DISABLED, 0};
	dns_backends[0] = (struct conf_backend){
	    ip("10.0.0.3"), 7, INTENT_ENABLED, 0};
	dns_backends[1] = (struct conf_backend){
	    ip("10.0.0.2"), 9, INTENT_ENABLED, 0};
	web_vips[0] = ip("2001:db8::80");
	web_vips[1] = ip("192.0.2.80");
	dns_vips[0] = ip("192.0.2.53");
	web_ports[0] = 443;
	web_ports[1] = 80;
	services[0] = (struct conf_service){web, web_vips, 2, IPPROTO_TCP,
	    web_ports, 2, 65536, true, web_backends, 4, 1, 1,
	    {.kind = CHECK_NONE}, 25, 900, 30, 3600, 180, false, 0};
	services[1] = (struct conf_service){dns, dns_vips, 1, IPPROTO_UDP, NULL,
	    0, 256, false, dns_backends, 2, 1, 1, {.kind = CHECK_NONE}, 25, 1,
	    2, 3, 4, true, 0};
	wall_ms = 0;
	conf = (struct conf){
	    .seed = {1, 2, 3},
	    .source4 = {ip("198.18.0.0"), 16},
	    .services = services,
	    .n_services = 2,
	};
}

static struct forwarding *
view(const struct view_health *health)
{
	struct forwarding *f = view_forwarding(&conf, health, wall_ms, 42);
	struct errmsg why = {""};

	ck_assert_ptr_nonnull(f);
	ck_assert_msg(forwarding_check(f, &why) == 0, "%s", why.text);
	return f;
}

START_TEST(everything_in_its_place)
{
	static const char *const backends[] = {
	    "10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::2"};
	static const struct {
		const char *vip;
		uint16_t port;
	} endpoints[] = {{"192.0.2.80", 80}, {"192.0.2.80", 443},
	    {"2001:db8::80", 80}, {"2001:db8::80", 443}};
	struct forwarding *f = view(NULL);
	const struct forwarding_service *service = &f->services[1];

	ck_assert_uint_eq(f->generation, 42);
	ck_assert_mem_eq(f->seed, conf.seed, sizeof(f->seed));
	ck_assert_mem_eq(&f->source4, &conf.source4, sizeof(f->source4));
	ck_assert(addr_is_none(&f->source6.addr));
	ck_assert_uint_eq(f->n_backends, 4);
	for (size_t i = 0; i < 4; i++) {
		struct addr expected = ip(backends[i]);

		ck_assert_int_eq(addr_cmp(&f->backends[i], &expected), 0);
		ck_assert_uint_eq(service->members[i].backend, i);
	}
	ck_assert_uint_eq(f->n_services, 2);
	ck_assert_str_eq(f->services[0].name, "dns");
	ck_assert_uint_eq(f->services[0].table_size, 256);
	ck_assert(!f->services[0].refuse_oversize);
	ck_assert_uint_eq(f->services[0].settle_s, 1);
	ck_assert_uint_eq(f->services[0].udp_learn_s, 2);
	ck_assert_uint_eq(f->services[0].tcp_idle_s, 3);
	ck_assert_uint_eq(f->services[0].udp_idle_s, 4);
	ck_assert(f->services[0].down_keep);
	ck_assert_uint_eq(f->services[0].n_endpoints, 1);
	ck_assert_uint_eq(f->services[0].endpoints[0].port, 0);
	ck_assert_uint_eq(f->services[0].endpoints[0].protocol, IPPROTO_UDP);
	ck_assert_str_eq(service->name, "web");
	ck_assert_uint_eq(service->table_size, 65536);
	ck_assert(service->refuse_oversize);
	ck_assert_uint_eq(service->n_endpoints, 4);
	for (size_t i = 0; i < 4; i++) {
		struct addr vip = ip(endpoints[i].vip);

		ck_assert_int_eq(addr_cmp(&service->endpoints[i].vip, &vip), 0);
		ck_assert_uint_eq(
		    service->endpoints[i].port, endpoints[i].port);
		ck_assert_uint_eq(service->endpoints[i].protocol, IPPROTO_TCP);
	}
	ck_assert_uint_eq(service->n_members, 4);
	ck_assert_uint_eq(service->members[0].weight, 1);
	ck_assert_uint_eq(service->members[3].weight, 65535);
	forwarding_free(f);
}
END_TEST

/* clang-format off */
static const struct {
	enum intent intent;
	enum health health;
	uint16_t phi;
	bool down;
} state_rows[] = {
	{INTENT_ENABLED,  HEALTH_UP,      256, false},
	{INTENT_ENABLED,  HEALTH_UNKNOWN, 256, false},
	{INTENT_ENABLED,  HEALTH_DOWN,    0,   true},
	{INTENT_DRAINING, HEALTH_UP,      0,   false},
	{INTENT_DRAINING, HEALTH_UNKNOWN, 0,   false},
	{INTENT_DRAINING, HEALTH_DOWN,    0,   true},
	{INTENT_DISABLED, HEALTH_UP,      0,   true},
	{INTENT_DISABLED, HEALTH_UNKNOWN, 0,   true},
	{INTENT_DISABLED, HEALTH_DOWN,    0,   true},
};
/* clang-format on */

START_TEST(intent_and_health)
{
	struct view_verdict verdicts[] = {
	    {"dns", ip("10.0.0.2"), HEALTH_DOWN},
	    {"web", ip("10.0.0.1"), state_rows[_i].health},
	    {"web", ip("10.0.0.2"), HEALTH_UP},
	};
	/* A verdict for another backend must not stand in for a missing one. */
	struct view_health health = {verdicts, 3};
	struct forwarding *f;

	web_backends[1].intent = state_rows[_i].intent;
	f = view(&health);
	ck_assert_uint_eq(f->services[1].members[0].phi, state_rows[_i].phi);
	ck_assert_int_eq(f->services[1].members[0].down, state_rows[_i].down);
	ck_assert_msg(f->services[0].members[0].down, "down for dns");
	ck_assert_msg(!f->services[1].members[2].down, "no verdict: not down");
	ck_assert_uint_eq(f->services[1].members[2].phi, 256);
	forwarding_free(f);
}
END_TEST

START_TEST(health_of)
{
	struct view_verdict verdict = {"web", ip("10.0.0.1"), HEALTH_DOWN};
	struct view_health none = {NULL, 0}, one = {&verdict, 1};
	struct addr other = ip("10.0.0.2");

	ck_assert_int_eq(
	    view_health_of(NULL, "web", &verdict.backend), HEALTH_UP);
	ck_assert_int_eq(
	    view_health_of(&none, "web", &verdict.backend), HEALTH_UNKNOWN);
	ck_assert_int_eq(
	    view_health_of(&one, "web", &verdict.backend), HEALTH_DOWN);
	ck_assert_int_eq(
	    view_health_of(&one, "dns", &verdict.backend), HEALTH_UNKNOWN);
	ck_assert_int_eq(view_health_of(&one, "web", &other), HEALTH_UNKNOWN);
	ck_assert_str_eq(health_name(HEALTH_UNKNOWN), "unknown");
	ck_assert_str_eq(health_name(HEALTH_UP), "up");
	ck_assert_str_eq(health_name(HEALTH_DOWN), "down");
}
END_TEST

/* web: 10.0.0.1 is new, 10.0.0.3 is not, 10.0.0.2 is disabled and the last
 * draining. */
static void
ramp_setup(void)
{
	services[0].slow_start_s = 70;
	web_backends[1].since_ms = NOW;
	wall_ms = NOW;
}

static void
check_web(const struct view_health *health, uint16_t first, uint16_t third)
{
	struct forwarding *f = view(health);
	const struct forwarding_member *m = f->services[1].members;

	ck_assert_uint_eq(m[0].phi, first);
	ck_assert_uint_eq(m[1].phi, 0);
	ck_assert(m[1].down);
	ck_assert_uint_eq(m[2].phi, third);
	ck_assert_uint_eq(m[3].phi, 0);
	ck_assert(!m[3].down);
	/* The other service has no slow_start. */
	ck_assert_uint_eq(f->services[0].members[0].phi, 256);
	ck_assert_uint_eq(f->services[0].members[1].phi, 256);
	forwarding_free(f);
}

START_TEST(ramp_step_by_step)
{
	ramp_setup();
	dns_backends[0].since_ms = web_backends[2].since_ms =
	    web_backends[3].since_ms = NOW;
	for (uint16_t k = 1; k <= 8; k++) {
		wall_ms = NOW + (k - 1) * 10000u;
		check_web(NULL, 32 * k, 256);
		if (k == 8)
			break;
		ck_assert_uint_eq(
		    view_stands_until(&conf, wall_ms), NOW + k * 10000u);
		wall_ms += 9999;
		check_web(NULL, 32 * k, 256);
	}
	ck_assert_uint_eq(view_stands_until(&conf, wall_ms), RAMP_NEVER);
}
END_TEST

START_TEST(ramp_clock_behind)
{
	ramp_setup();
	wall_ms = NOW - 3600000;
	check_web(NULL, 32, 256);
	ck_assert_uint_eq(view_stands_until(&conf, wall_ms), NOW + 10000);
}
END_TEST

/* The next step of all is the earliest. */
START_TEST(ramp_of_two)
{
	ramp_setup();
	services[1].slow_start_s = 7;
	dns_backends[1].since_ms = NOW + 5000;
	wall_ms = NOW + 5000;
	ck_assert_uint_eq(view_stands_until(&conf, wall_ms), NOW + 6000);
	wall_ms = NOW + 9500;
	ck_assert_uint_eq(view_stands_until(&conf, wall_ms), NOW + 10000);
}
END_TEST

/* No member that takes traffic is past its ramp: all are new, or those that are
 * not are down, draining or disabled. */
START_TEST(ramp_of_nobody)
{
	struct view_verdict verdict = {"web", ip("10.0.0.3"), HEALTH_DOWN};
	const struct view_health health = {&verdict, 1};

	ramp_setup();
	web_backends[0].since_ms = NOW - 69999;
	check_web(NULL, 256, 256);
	wall_ms = NOW + 1;
	check_web(NULL, 32, 256);
	check_web(&health, 256, 0);
	web_backends[0].intent = INTENT_DRAINING;
	check_web(NULL, 256, 0);
}
END_TEST

START_TEST(ramp_when_down)
{
	struct view_verdict verdict = {"web", ip("10.0.0.1"), HEALTH_DOWN};
	const struct view_health health = {&verdict, 1};

	ramp_setup();
	check_web(&health, 0, 256);
	web_backends[1].intent = INTENT_DRAINING;
	check_web(NULL, 0, 256);
}
END_TEST

static void
swap(void *a, void *b, size_t size)
{
	uint8_t t[sizeof(struct conf_service)];

	ck_assert_uint_le(size, sizeof(t));
	memcpy(t, a, size);
	memcpy(a, b, size);
	memcpy(b, t, size);
}

/* Bit b of _i swaps one pair; every combination gives the same message. */
START_TEST(order_never_matters)
{
	struct forwarding *before, *after;
	uint8_t *p, *q;
	size_t plen, qlen;

	ramp_setup();
	before = view(NULL);
	if (_i & 1)
		swap(&services[0], &services[1], sizeof(services[0]));
	if (_i & 2)
		swap(&web_vips[0], &web_vips[1], sizeof(web_vips[0]));
	if (_i & 4)
		swap(&web_ports[0], &web_ports[1], sizeof(web_ports[0]));
	if (_i & 8)
		swap(&web_backends[0], &web_backends[3],
		    sizeof(web_backends[0]));
	if (_i & 16)
		swap(&web_backends[1], &web_backends[3],
		    sizeof(web_backends[0]));
	if (_i & 32)
		swap(&dns_backends[0], &dns_backends[1],
		    sizeof(dns_backends[0]));
	after = view(NULL);
	p = forwarding_pack(before, &plen);
	q = forwarding_pack(after, &qlen);
	ck_assert_uint_eq(plen, qlen);
	ck_assert_mem_eq(p, q, plen);
	free(p);
	free(q);
	forwarding_free(before);
	forwarding_free(after);
}
END_TEST

START_TEST(nothing_configured)
{
	struct forwarding *f;

	conf.n_services = 0;
	f = view(NULL);
	ck_assert_uint_eq(f->n_services, 0);
	ck_assert_uint_eq(f->n_backends, 0);
	forwarding_free(f);
}
END_TEST

START_TEST(service_without_backends)
{
	struct forwarding *f;

	services[0].n_backends = 0;
	f = view(NULL);
	ck_assert_uint_eq(f->n_backends, 2);
	ck_assert_uint_eq(f->services[1].n_members, 0);
	forwarding_free(f);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("view");
	TCase *tc = tcase_create("view");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, everything_in_its_place);
	tcase_add_loop_test(tc, intent_and_health, 0, ROWS(state_rows));
	tcase_add_test(tc, health_of);
	tcase_add_test(tc, ramp_step_by_step);
	tcase_add_test(tc, ramp_clock_behind);
	tcase_add_test(tc, ramp_of_two);
	tcase_add_test(tc, ramp_of_nobody);
	tcase_add_test(tc, ramp_when_down);
	tcase_add_loop_test(tc, order_never_matters, 0, 64);
	tcase_add_test(tc, nothing_configured);
	tcase_add_test(tc, service_without_backends);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
