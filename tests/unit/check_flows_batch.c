/* SPDX-License-Identifier: Apache-2.0 */
/* Flows and settled slots as bytes and back, and what is refused. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/budget.h"
#include "common/flows_batch.h"
#include "proto/flows.pb-c.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct errmsg why;

static struct addr backends[2];
static struct flow_told flows[3] = {
    {0x0123456789abcdef, 0, FLOW_TOLD_SYN_ONLY, 0},
    {0, 1, FLOW_TOLD_UDP, 7},
    {UINT64_MAX, 1, FLOW_TOLD_FLAGS, FLOWS_AGE_MAX + 5},
};
static struct flow_service flow_services[2] = {
    {"web", flows, 2}, {"dns", flows + 2, 1}};
static struct flow_batch batch = {
    0xfedcba9876543210, backends, 2, flow_services, 2};

static struct settled_slot slots[4] = {
    {0, 1, 0}, {1, 0, 900}, {255, 1, 3}, {4, 0, UINT32_MAX}};
static struct settled_service settled_services[2] = {
    {"web", 256, slots, 3}, {"web", 256, slots + 3, 1}};
static struct settled_batch settled = {7, backends, 2, settled_services, 2};

static void
setup(void)
{
	arena = arena_new();
	addr_parse(&backends[0], "10.1.0.1");
	addr_parse(&backends[1], "2001:db8::1");
	why.text[0] = '\0';
}

static void
teardown(void)
{
	arena_free(arena);
}

/* Through bytes, with the budget that readers have. */
static Guideway__Flows__Flows *
flows_again(Guideway__Flows__Flows *m)
{
	size_t len = guideway__flows__flows__get_packed_size(m);
	uint8_t *data = arena_alloc(arena, len, 1);
	struct budget budget;

	guideway__flows__flows__pack(m, data);
	budget_init(&budget, len);
	m = guideway__flows__flows__unpack(&budget.allocator, len, data);
	ck_assert_ptr_nonnull(m);
	return m;
}

static Guideway__Flows__Settled *
settled_again(Guideway__Flows__Settled *m)
{
	size_t len = guideway__flows__settled__get_packed_size(m);
	uint8_t *data = arena_alloc(arena, len, 1);
	struct budget budget;

	guideway__flows__settled__pack(m, data);
	budget_init(&budget, len);
	m = guideway__flows__settled__unpack(&budget.allocator, len, data);
	ck_assert_ptr_nonnull(m);
	return m;
}

START_TEST(flows_both_ways)
{
	Guideway__Flows__Flows *m = flows_again(
	    flow_batch_to_message(arena, &batch));
	struct flow_batch got;

	ck_assert_msg(flow_batch_from_message(arena, &got, m, 3, &why) == 0,
	    "%s", why.text);
	guideway__flows__flows__free_unpacked(m, NULL);
	ck_assert_uint_eq(flow_batch_count(&got), 3);
	ck_assert_uint_eq(got.seed_print, batch.seed_print);
	ck_assert_uint_eq(got.n_backends, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert(addr_cmp(&got.backends[i], &backends[i]) == 0);
	ck_assert_uint_eq(got.n_services, 2);
	ck_assert_str_eq(got.services[0].name, "web");
	ck_assert_str_eq(got.services[1].name, "dns");
	ck_assert_uint_eq(got.services[0].n_flows, 2);
	ck_assert_uint_eq(got.services[0].flows[0].hash, flows[0].hash);
	ck_assert_uint_eq(got.services[0].flows[0].backend, 0);
	ck_assert_uint_eq(got.services[0].flows[0].flags, FLOW_TOLD_SYN_ONLY);
	ck_assert_uint_eq(got.services[0].flows[1].backend, 1);
	ck_assert_uint_eq(got.services[0].flows[1].flags, FLOW_TOLD_UDP);
	ck_assert_uint_eq(got.services[0].flows[1].age_s, 7);
	ck_assert_uint_eq(got.services[1].flows[0].hash, UINT64_MAX);
	ck_assert_uint_eq(got.services[1].flows[0].flags, FLOW_TOLD_FLAGS);
	ck_assert_uint_eq(got.services[1].flows[0].age_s, FLOWS_AGE_MAX);
}
END_TEST

START_TEST(settled_both_ways)
{
	Guideway__Flows__Settled *m = settled_again(
	    settled_batch_to_message(arena, &settled));
	struct settled_batch got;

	ck_assert_uint_eq(m->services[0]->slots[2], 254); /* a distance */
	ck_assert_msg(settled_batch_from_message(arena, &got, m, 4, &why) == 0,
	    "%s", why.text);
	guideway__flows__settled__free_unpacked(m, NULL);
	ck_assert_uint_eq(settled_batch_count(&got), 4);
	ck_assert_uint_eq(got.seed_print, 7);
	ck_assert_uint_eq(got.n_services, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_str_eq(got.services[i].name, "web");
		ck_assert_uint_eq(got.services[i].table_size, 256);
	}
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(got.services[0].slots[i].slot, slots[i].slot);
		ck_assert_uint_eq(
		    got.services[0].slots[i].backend, slots[i].backend);
		ck_assert_uint_eq(
		    got.services[0].slots[i].age_s, slots[i].age_s);
	}
	ck_assert_uint_eq(got.services[1].slots[0].slot, 4);
	ck_assert_uint_eq(got.services[1].slots[0].age_s, FLOWS_AGE_MAX);
}
END_TEST

START_TEST(nothing)
{
	struct flow_batch none = {.seed_print = 1}, got;
	struct settled_batch stands = {.seed_print = 1}, got_settled;

	ck_assert_int_eq(flow_batch_from_message(arena, &got,
			     flow_batch_to_message(arena, &none), 0, &why),
	    0);
	ck_assert_uint_eq(flow_batch_count(&got), 0);
	ck_assert_int_eq(settled_batch_from_message(arena, &got_settled,
			     settled_batch_to_message(arena, &stands), 0, &why),
	    0);
	ck_assert_uint_eq(settled_batch_count(&got_settled), 0);
}
END_TEST

static void
flows_more(Guideway__Flows__Flows *m)
{
}
static void
flows_backend(Guideway__Flows__Flows *m)
{
	m->services[1]->where[0] = 2u << 8;
}
static void
flows_backend_high(Guideway__Flows__Flows *m)
{
	m->services[1]->where[0] = UINT32_MAX & ~0xffu;
}
static void
flows_fewer_where(Guideway__Flows__Flows *m)
{
	m->services[0]->n_where--;
}
static void
flows_fewer_age(Guideway__Flows__Flows *m)
{
	m->services[0]->n_age--;
}
static void
flows_fewer_hash(Guideway__Flows__Flows *m)
{
	m->services[0]->n_hash--;
}
static void
flows_no_name(Guideway__Flows__Flows *m)
{
	m->services[0]->name.len = 0;
}
static void
flows_bad_name(Guideway__Flows__Flows *m)
{
	m->services[0]->name.data = (uint8_t *)"w/b";
}
static void
flows_address(Guideway__Flows__Flows *m)
{
	m->backends[1].len = 5;
}

/* What a later version adds is read past. */
START_TEST(flags_unknown)
{
	Guideway__Flows__Flows *m = flow_batch_to_message(arena, &batch);
	struct flow_batch got;

	m->services[0]->where[1] |= 128;
	ck_assert_int_eq(flow_batch_from_message(arena, &got, m, 3, &why), 0);
	ck_assert_uint_eq(got.services[0].flows[1].flags, FLOW_TOLD_UDP);
	ck_assert_uint_eq(got.services[0].flows[1].backend, 1);
}
END_TEST

static const struct {
	void (*spoil)(Guideway__Flows__Flows *);
	size_t max;
	const char *why;
} bad_flows[] = {
    {flows_more, 2, "flows.hash: fewer elements expected"},
    {flows_backend, 3, "flows.where: a backend of the list expected"},
    {flows_backend_high, 3, "flows.where: a backend of the list expected"},
    {flows_fewer_where, 3, "flows.hash: as many as of where and age expected"},
    {flows_fewer_age, 3, "flows.hash: as many as of where and age expected"},
    {flows_fewer_hash, 3, "flows.hash: as many as of where and age expected"},
    {flows_no_name, 3, "flows.service: a name of bounded length expected"},
    {flows_bad_name, 3, "flows.service: the name of a service expected"},
    {flows_address, 3,
	"flows.backends: a host's address of 4 or 16 bytes expected"},
};

START_TEST(flows_refused)
{
	Guideway__Flows__Flows *m = flow_batch_to_message(arena, &batch);
	struct flow_batch got;

	bad_flows[_i].spoil(m);
	ck_assert_int_eq(
	    flow_batch_from_message(arena, &got, m, bad_flows[_i].max, &why),
	    -1);
	ck_assert_str_eq(why.text, bad_flows[_i].why);
}
END_TEST

static void
settled_more(Guideway__Flows__Settled *m)
{
}
static void
settled_size(Guideway__Flows__Settled *m)
{
	m->services[0]->table_size = 257;
}
static void
settled_size_small(Guideway__Flows__Settled *m)
{
	m->services[0]->table_size = 128;
}
static void
settled_size_large(Guideway__Flows__Settled *m)
{
	m->services[0]->table_size = FORWARDING_TABLE_MAX * 2;
}
static void
settled_twice(Guideway__Flows__Settled *m)
{
	m->services[0]->slots[1] = 0;
}
static void
settled_beyond(Guideway__Flows__Settled *m)
{
	m->services[0]->slots[2]++;
}
static void
settled_wraps(Guideway__Flows__Settled *m)
{
	m->services[0]->slots[2] = UINT32_MAX;
}
static void
settled_backend(Guideway__Flows__Settled *m)
{
	m->services[0]->where[0] = 2;
}
static void
settled_fewer(Guideway__Flows__Settled *m)
{
	m->services[0]->n_age--;
}

static const struct {
	void (*spoil)(Guideway__Flows__Settled *);
	size_t max;
	const char *why;
} bad_settled[] = {
    {settled_more, 3, "settled.slots: fewer elements expected"},
    {settled_size, 4, "settled.table_size: a table's size expected"},
    {settled_size_small, 4, "settled.table_size: a table's size expected"},
    {settled_size_large, 4, "settled.table_size: a table's size expected"},
    {settled_twice, 4, "settled.slots: ascending ones expected"},
    {settled_beyond, 4, "settled.slots: one of the table expected"},
    {settled_wraps, 4, "settled.slots: one of the table expected"},
    {settled_backend, 4, "settled.where: a backend of the list expected"},
    {settled_fewer, 4, "settled.slots: as many as of where and age expected"},
};

START_TEST(settled_refused)
{
	Guideway__Flows__Settled *m = settled_batch_to_message(arena, &settled);
	struct settled_batch got;

	bad_settled[_i].spoil(m);
	ck_assert_int_eq(settled_batch_from_message(
			     arena, &got, m, bad_settled[_i].max, &why),
	    -1);
	ck_assert_str_eq(why.text, bad_settled[_i].why);
}
END_TEST

/* The largest that is sent between agents fits in a frame of theirs, and in the
 * memory that a reader allows for it. */
START_TEST(largest)
{
	struct settled_batch all = settled;
	struct settled_service service = {
	    .name = "web", .table_size = FORWARDING_TABLE_MAX};
	Guideway__Flows__Settled *m;

	service.n_slots = SETTLED_PART_MAX;
	service.slots = arena_alloc(
	    arena, SETTLED_PART_MAX, sizeof(*service.slots));
	for (uint32_t i = 0; i < SETTLED_PART_MAX; i++)
		service.slots[i] = (struct settled_slot){
		    i * 16 + 15, 1, FLOWS_AGE_MAX};
	all.services = &service;
	all.n_services = 1;
	m = settled_batch_to_message(arena, &all);
	ck_assert_uint_lt(
	    guideway__flows__settled__get_packed_size(m), 1u << 20);
	guideway__flows__settled__free_unpacked(settled_again(m), NULL);
}
END_TEST

START_TEST(print)
{
	uint8_t seed[FORWARDING_SEED_LEN];

	for (uint8_t i = 0; i < sizeof(seed); i++)
		seed[i] = i;
	ck_assert_uint_eq(flows_seed_print(seed), 0x4e79091faad4f4a1);
	seed[15] ^= 1;
	ck_assert_uint_ne(flows_seed_print(seed), 0x4e79091faad4f4a1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("flows_batch");
	TCase *tc = tcase_create("flows_batch");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, flows_both_ways);
	tcase_add_test(tc, settled_both_ways);
	tcase_add_test(tc, nothing);
	tcase_add_test(tc, flags_unknown);
	tcase_add_loop_test(tc, flows_refused, 0, ROWS(bad_flows));
	tcase_add_loop_test(tc, settled_refused, 0, ROWS(bad_settled));
	tcase_add_test(tc, largest);
	tcase_add_test(tc, print);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
