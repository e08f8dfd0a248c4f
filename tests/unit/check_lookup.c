/* SPDX-License-Identifier: Apache-2.0 */
/* From address, protocol and port to the service, over tables as fib_new makes
 * them: few entries and as many as are allowed. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"
#include "balancer/core/lookup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static struct fib *fib;

static void
setup(void)
{
	fib = fixture_fib(1500);
}

static void
teardown(void)
{
	fib_free(fib);
}

static uint32_t
find(const struct fib *in, const char *vip, uint8_t protocol, uint16_t port)
{
	struct addr addr;
	const struct endpoint_entry *e;
	struct route to;
	uint32_t words[4];

	ck_assert_int_eq(addr_parse(&addr, vip), 0);
	memcpy(words, addr.bytes, sizeof(words));
	to.vip_sum = vip_sum(in->tables.keys, words);
	to.vip = lookup_vip(&in->tables, words, to.vip_sum);
	if (to.vip == TABLES_NONE)
		return TABLES_NONE;
	e = lookup_service(&in->tables, &to, protocol, BE16(port));
	return e == NULL ? TABLES_NONE : e->service;
}

/* clang-format off */
static const struct {
	const char *vip;
	uint8_t protocol;
	uint16_t port;
	uint32_t service;
} rows[] = {
	{"203.0.113.10", 6, 80, FIXTURE_4_IN_4},
	{"203.0.113.10", 6, 443, FIXTURE_4_IN_6},
	{"203.0.113.10", 6, 81, TABLES_NONE},
	{"203.0.113.10", 6, 0, TABLES_NONE},
	{"203.0.113.10", 17, 80, FIXTURE_ANY_PORT},
	{"203.0.113.10", 17, 0, FIXTURE_ANY_PORT},
	{"203.0.113.10", 17, 65535, FIXTURE_ANY_PORT},
	{"203.0.113.10", 17, 53, FIXTURE_ONE_PORT},
	{"203.0.113.10", 132, 53, TABLES_NONE},
	{"203.0.113.11", 6, 80, TABLES_NONE},
	{"203.0.113.12", 6, 80, FIXTURE_NO_MEMBERS},
	{"203.0.113.13", 17, 9, FIXTURE_REFUSE},
	{"203.0.113.13", 6, 9, TABLES_NONE},
	{"2001:db8:100::10", 6, 80, FIXTURE_6_IN_4},
	{"2001:db8:100::10", 17, 443, FIXTURE_6_IN_6},
	{"2001:db8:100::10", 17, 53, FIXTURE_ANY_PORT},
	{"2001:db8:100::11", 6, 80, TABLES_NONE},
	{"::cb00:710a", 6, 80, TABLES_NONE}, /* 203.0.113.10's bytes alone */
	{"::", 6, 80, TABLES_NONE},
	{"0.0.0.0", 6, 80, TABLES_NONE},
};
/* clang-format on */

START_TEST(services)
{
	ck_assert_uint_eq(
	    find(fib, rows[_i].vip, rows[_i].protocol, rows[_i].port),
	    rows[_i].service);
}
END_TEST

START_TEST(destination_port)
{
	ck_assert_uint_eq(
	    lookup_destination_port(BE32(0x12345678)), BE16(0x5678));
}
END_TEST

/* As many endpoints as there may be: VIPs next to each other and one VIP with
 * many ports, of both versions. Each is found; their neighbours are not. */
#define MANY FORWARDING_MAX_ENDPOINTS

static void
many_endpoint(size_t i, char text[ADDR_TEXT_MAX], uint16_t *port)
{
	*port = 80;
	switch (i % 4) {
	case 0:
		snprintf(text, ADDR_TEXT_MAX, "10.9.%zu.%zu", i / 256, i % 256);
		break;
	case 1:
		snprintf(text, ADDR_TEXT_MAX, "2001:db8:9::%zx", i);
		break;
	case 2:
		snprintf(text, ADDR_TEXT_MAX, "2001:db8:%zx::1", i + 16);
		break;
	default:
		snprintf(text, ADDR_TEXT_MAX, "203.0.113.200");
		*port = (uint16_t)(i + 1);
	}
}

START_TEST(many)
{
	struct forwarding *state = fixture_state();
	struct forwarding_service *s = &state->services[0];
	struct forwarding_endpoint *old = s->endpoints;
	char text[ADDR_TEXT_MAX];
	struct errmsg why = {""};
	struct fib *large;
	size_t used = 0;
	uint16_t port;

	memset(state->seed, _i, sizeof(state->seed));
	for (size_t i = 1; i < FIXTURE_SERVICES; i++)
		used += state->services[i].n_endpoints;
	s->n_endpoints = MANY - used;
	s->endpoints = calloc(s->n_endpoints, sizeof(*s->endpoints));
	free(old);
	for (size_t i = 0; i < s->n_endpoints; i++) {
		many_endpoint(i, text, &port);
		ck_assert_int_eq(addr_parse(&s->endpoints[i].vip, text), 0);
		s->endpoints[i].port = port;
		s->endpoints[i].protocol = 6;
	}
	large = fib_new(state, NULL, 0, &why);
	ck_assert_msg(large != NULL, "%s", why.text);
	for (size_t i = 0; i < MANY - used; i++) {
		many_endpoint(i, text, &port);
		ck_assert_uint_eq(find(large, text, 6, port), 0);
		ck_assert_uint_eq(find(large, text, 17, port), TABLES_NONE);
		ck_assert_uint_eq(
		    find(large, text, 6, (uint16_t)(port + 1)), TABLES_NONE);
	}
	fib_free(large);
}
END_TEST

/* Tables of all sizes, in an order that would leave gaps, have their places
 * where an endpoint can say them, and no slot in common. */
START_TEST(places_of_tables)
{
	static const uint32_t sizes[] = {FORWARDING_TABLE_MIN, SLOTS_CHUNK,
	    2 * SLOTS_CHUNK, 1024, FORWARDING_TABLE_MAX, 4096};
	struct forwarding *state = fixture_state();
	const struct endpoint_entry *e;
	const struct service_fwd *s;
	struct errmsg why = {""};
	uint64_t sum = 0, end = 0;
	struct fib *mixed;

	for (size_t i = 0; i < state->n_services; i++)
		state->services[i].table_size = sizes[i % ROWS(sizes)];
	mixed = fib_new(state, NULL, 0, &why);
	ck_assert_msg(mixed != NULL, "%s", why.text);
	for (size_t i = 0; i <= mixed->tables.endpoint_mask; i++) {
		e = &mixed->endpoints[i];
		if (e->key == ENDPOINT_FREE || e->shift == 0)
			continue;
		s = &mixed->services_fwd[e->service];
		ck_assert_uint_eq(e->shift, s->shift);
		ck_assert_uint_eq(
		    e->chunk * SLOTS_CHUNK + e->block * SLOTS_BLOCK,
		    s->first_slot);
	}
	for (size_t i = 0; i < mixed->n_regions; i++) {
		const struct fib_region *r = &mixed->regions[i];

		ck_assert_uint_eq(r->first_slot % r->size, 0);
		sum += r->size;
		if (r->first_slot + r->size > end)
			end = r->first_slot + r->size;
	}
	ck_assert_uint_gt(mixed->n_regions, ROWS(sizes) / 2);
	ck_assert_uint_eq(sum, end);
	fib_free(mixed);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("lookup");
	TCase *tc = tcase_create("lookup");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, services, 0, ROWS(rows));
	tcase_add_test(tc, destination_port);
	tcase_add_loop_test(tc, many, 0, 8);
	tcase_add_test(tc, places_of_tables);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
