/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarding state made ready for packets: slots, digests, next hops, and
 * what is shared between services and between states. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/encap.h"
#include "balancer/core/fib_impl.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static struct errmsg why;

static struct fib *
build(struct forwarding *state, const struct fib *prev)
{
	struct fib *fib = fib_new(state, prev, 0, &why);

	ck_assert_msg(fib != NULL, "%s", why.text);
	return fib;
}

/* The table of a service, built here from the state, members in their order. */
static struct table *
table_of(const struct forwarding *state, size_t service)
{
	const struct forwarding_service *s = &state->services[service];
	struct table_member members[FIXTURE_BACKENDS];
	char names[FIXTURE_BACKENDS][ADDR_TEXT_MAX];
	struct table *t;

	for (size_t i = 0; i < s->n_members; i++)
		members[i] = (struct table_member){
		    addr_format(
			&state->backends[s->members[i].backend], names[i]),
		    s->members[i].weight, s->members[i].phi};
	t = table_new(members, s->n_members, s->table_size, state->seed);
	ck_assert_ptr_nonnull(t);
	return t;
}

/* Every slot is the backend that the table function says; the digest is the
 * table's. */
static void
check_served(const struct fib *fib, size_t service)
{
	const struct forwarding *state = fib_state(fib);
	const struct forwarding_service *s = &state->services[service];
	const struct service_fwd *fwd = &fib->tables.services[service];
	struct table *t = table_of(state, service);
	uint8_t expected[TABLE_DIGEST_LEN], digest[TABLE_DIGEST_LEN];

	ck_assert_uint_eq(1ull << (64 - fwd->shift), s->table_size);
	for (uint32_t i = 0; i < s->table_size; i++)
		ck_assert_uint_eq(fib->tables.slots[fwd->first_slot + i],
		    s->members[table_position_of(t, table_slots(t)[i])]
			.backend);
	table_digest(t, NULL, expected);
	fib_digest(fib, service, digest);
	ck_assert_mem_eq(digest, expected, sizeof(digest));
	table_free(t);
}

START_TEST(slots_and_digests)
{
	static const uint8_t zeros[TABLE_DIGEST_LEN];
	struct fib *fib = build(fixture_state(), NULL);
	uint8_t digest[TABLE_DIGEST_LEN];

	for (size_t i = 0; i < FIXTURE_SERVICES; i++)
		if (fib_state(fib)->services[i].n_members != 0)
			check_served(fib, i);
	fib_digest(fib, FIXTURE_NO_MEMBERS, digest);
	ck_assert_mem_eq(digest, zeros, sizeof(digest));
	fib_free(fib);
}
END_TEST

/* A slot overwritten shows in the digest: it is of what is served. */
START_TEST(digest_of_what_is_served)
{
	struct fib *fib = build(fixture_state(), NULL);
	uint16_t *slot = &fib->slots[fib->services_fwd[0].first_slot + 7];
	uint8_t before[TABLE_DIGEST_LEN], after[TABLE_DIGEST_LEN];

	fib_digest(fib, 0, before);
	*slot = (uint16_t)((*slot + 1) % 3);
	fib_digest(fib, 0, after);
	ck_assert_mem_ne(before, after, sizeof(before));
	fib_free(fib);
}
END_TEST

static void
swap_members(struct forwarding_service *s, size_t a, size_t b)
{
	struct forwarding_member kept = s->members[a];

	s->members[a] = s->members[b];
	s->members[b] = kept;
}

/* The order of backends and members changes no slot's address, no digest. */
START_TEST(order_never_matters)
{
	struct forwarding *state = fixture_state();
	struct fib *fib = build(fixture_state(), NULL), *other;
	struct addr kept = state->backends[0];
	uint8_t a[TABLE_DIGEST_LEN], b[TABLE_DIGEST_LEN];

	state->backends[0] = state->backends[2];
	state->backends[2] = kept;
	swap_members(&state->services[FIXTURE_4_IN_4], 0, 1);
	other = build(state, NULL);
	fib_digest(fib, FIXTURE_4_IN_4, a);
	fib_digest(other, FIXTURE_4_IN_4, b);
	ck_assert_mem_eq(a, b, sizeof(a));
	for (uint32_t i = 0; i < 1024; i++) {
		uint16_t x = fib->slots[fib->services_fwd[0].first_slot + i];
		uint16_t y =
		    other->slots[other->services_fwd[0].first_slot + i];

		ck_assert_mem_eq(&fib_state(fib)->backends[x],
		    &state->backends[y], sizeof(struct addr));
	}
	fib_free(fib);
	fib_free(other);
}
END_TEST

START_TEST(sharing)
{
	struct forwarding *state = fixture_state();
	struct fib *fib, *next;

	/* The same members in another order; and with one weight changed. */
	swap_members(&state->services[FIXTURE_6_IN_4], 0, 2);
	state->services[FIXTURE_ANY_PORT].members[0].weight = 2;
	fib = build(state, NULL);
	ck_assert_ptr_eq(fib->services[FIXTURE_4_IN_4].table,
	    fib->services[FIXTURE_6_IN_4].table);
	ck_assert_uint_eq(fib->services_fwd[FIXTURE_4_IN_4].first_slot,
	    fib->services_fwd[FIXTURE_6_IN_4].first_slot);
	ck_assert_ptr_ne(fib->services[FIXTURE_4_IN_4].table,
	    fib->services[FIXTURE_ANY_PORT].table);
	check_served(fib, FIXTURE_6_IN_4);
	check_served(fib, FIXTURE_ANY_PORT);

	next = build(fixture_state(), fib);
	ck_assert_ptr_eq(next->services[FIXTURE_4_IN_4].table,
	    fib->services[FIXTURE_4_IN_4].table);
	ck_assert_ptr_ne(next->services[FIXTURE_ANY_PORT].table,
	    fib->services[FIXTURE_ANY_PORT].table);
	fib_free(fib);
	check_served(next, FIXTURE_4_IN_4); /* outlives where it came from */
	fib_free(next);
}
END_TEST

/* Nothing is reused under another seed, size or phi. */
START_TEST(not_shared)
{
	struct forwarding *state = fixture_state();
	struct fib *fib = build(fixture_state(), NULL), *next;

	switch (_i) {
	case 0:
		state->seed[0] ^= 1;
		break;
	case 1:
		state->services[0].table_size *= 2;
		break;
	default:
		state->services[0].members[1].phi = 0;
	}
	next = build(state, fib);
	ck_assert_ptr_ne(next->services[0].table, fib->services[0].table);
	check_served(next, 0);
	fib_free(fib);
	fib_free(next);
}
END_TEST

START_TEST(refused_state_is_the_callers)
{
	struct forwarding *state = fixture_state();

	state->services[0].members[0].weight = 0;
	ck_assert_ptr_null(fib_new(state, NULL, 0, &why));
	ck_assert_str_ne(why.text, "");
	forwarding_free(state);
}
END_TEST

START_TEST(empty_state)
{
	struct fib *fib = build(forwarding_new(), NULL);

	ck_assert_uint_eq(fib->tables.vips[0].vip, TABLES_NONE);
	fib_reflect(fib, 1500);
	fib_free(fib);
}
END_TEST

START_TEST(flags_of_services)
{
	struct fib *fib = build(fixture_state(), NULL);

	ck_assert_uint_eq(fib->services_fwd[FIXTURE_4_IN_4].flags, 0);
	ck_assert_uint_eq(
	    fib->services_fwd[FIXTURE_NO_MEMBERS].flags, SERVICE_NO_BACKEND);
	ck_assert_uint_eq(
	    fib->services_fwd[FIXTURE_ALL_DOWN].flags, SERVICE_NO_BACKEND);
	ck_assert_uint_eq(
	    fib->services_fwd[FIXTURE_REFUSE].flags, SERVICE_REFUSE_OVERSIZE);
	fib_free(fib);
}
END_TEST

/* clang-format off */
static const struct {
	size_t backend; /* 0: IPv4, 3: IPv6 */
	const char *configured;
	uint8_t prefix_len;
	const char *route; /* the route's source */
	bool resolved, ready;
	uint32_t mask;
} hops[] = {
	{0, "192.0.2.1",      32,  NULL,         true,  true,  0},
	{0, "192.0.2.0",      24,  NULL,         true,  true,  0xff},
	{0, "10.128.0.0",     9,   "10.0.0.9",   true,  true,  0x7fffff},
	{0, NULL,             0,   "10.0.0.9",   true,  true,  0},
	{0, NULL,             0,   NULL,         true,  false, 0},
	{0, NULL,             0,   "2001:db8::1", true, false, 0},
	{0, "192.0.2.1",      32,  NULL,         false, false, 0},
	{3, "2001:db8:ee::1", 128, NULL,         true,  true,  0},
	{3, "2001:db8:ee::",  112, NULL,         true,  true,  0xffff},
	{3, "2001:db8:ee::",  96,  NULL,         true,  true,  0xffffffff},
	{3, "2001:db8:ee::",  64,  NULL,         true,  true,  0xffffffff},
	{3, NULL,             0,   "2001:db8::1", true, true,  0},
	{3, NULL,             0,   "10.0.0.9",   true,  false, 0},
};
/* clang-format on */

static void
parse_into(struct addr *addr, const char *text)
{
	memset(addr, 0, sizeof(*addr));
	if (text != NULL)
		ck_assert_int_eq(addr_parse(addr, text), 0);
}

START_TEST(next_hop)
{
	struct forwarding *state = fixture_state();
	struct forwarding_source *source = hops[_i].backend == 3
	    ? &state->source6
	    : &state->source4;
	struct fib_next_hop hop = {.resolved = hops[_i].resolved,
	    .ifindex = 9,
	    .mtu = 1400,
	    .mac = {1},
	    .own_mac = {2}};
	const struct backend_fwd *b;
	const char *used = hops[_i].configured != NULL ? hops[_i].configured
						       : hops[_i].route;
	struct addr expected;
	struct fib *fib;

	parse_into(&source->addr, hops[_i].configured);
	source->prefix_len = hops[_i].prefix_len;
	parse_into(&hop.source, hops[_i].route);
	fib = build(state, NULL);
	b = &fib->backends[hops[_i].backend];
	ck_assert(!fib_has_next_hop(fib, hops[_i].backend));
	fib_set_next_hop(fib, hops[_i].backend, &hop);
	ck_assert_int_eq(
	    fib_has_next_hop(fib, hops[_i].backend), hops[_i].ready);
	if (hops[_i].ready) {
		parse_into(&expected, used);
		ck_assert_mem_eq(b->source, &expected, sizeof(expected));
		ck_assert_uint_eq(b->entropy_mask, BE32(hops[_i].mask));
		ck_assert_uint_eq(b->ifindex, 9);
		ck_assert_uint_eq(b->mtu, 1400);
	}
	hop.resolved = false;
	fib_set_next_hop(fib, hops[_i].backend, &hop);
	ck_assert(!fib_has_next_hop(fib, hops[_i].backend));
	fib_free(fib);
}
END_TEST

/* No MTU lets an outer length overflow its 16 bits. */
START_TEST(mtu_is_bounded)
{
	struct fib *fib = build(fixture_state(), NULL);

	fib_reflect(fib, UINT32_MAX);
	ck_assert_uint_eq(fib->backends[0].mtu, 65535);
	ck_assert_uint_eq(
	    fib->backends[0].flags & BACKEND_REFLECT, BACKEND_REFLECT);
	fib_free(fib);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("fib");
	TCase *tc = tcase_create("fib");

	tcase_add_test(tc, slots_and_digests);
	tcase_add_test(tc, digest_of_what_is_served);
	tcase_add_test(tc, order_never_matters);
	tcase_add_test(tc, sharing);
	tcase_add_loop_test(tc, not_shared, 0, 3);
	tcase_add_test(tc, refused_state_is_the_callers);
	tcase_add_test(tc, empty_state);
	tcase_add_test(tc, flags_of_services);
	tcase_add_loop_test(tc, next_hop, 0, ROWS(hops));
	tcase_add_test(tc, mtu_is_bounded);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
