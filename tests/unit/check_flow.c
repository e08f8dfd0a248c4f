/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet whose slot asks does with the flow entries (core/flow.h). */
#include "config.h"

#include "tests/unit/flow_rig.h"
#include "tests/unit/unit.h"

#define SYN FLOW_PACKET_SYN
#define TCP FLOW_PACKET_TCP
#define END FLOW_PACKET_TCP_END
#define UDP FLOW_PACKET_UDP
#define S   FLOWS_TICKS_S

static const uint32_t now = 5; /* ticks have just come round */

/* The decision, without an entry: all that there is. */
static const struct {
	enum flow_packet packet;
	bool moving, edge;
	enum flow_rule rule;
	uint64_t write; /* flags; 0: nothing is written */
} without[] = {
    {SYN, false, false, FLOW_RULE_NEW, 0},
    {SYN, false, true, FLOW_RULE_NEW, FLOW_SYN_ONLY},
    {SYN, true, false, FLOW_RULE_NEW, FLOW_SYN_ONLY},
    {SYN, true, true, FLOW_RULE_NEW, FLOW_SYN_ONLY},
    {TCP, false, false, FLOW_RULE_SETTLED, 0},
    {TCP, false, true, FLOW_RULE_SETTLED, FLOW_ONCE | FLOW_GUESSED},
    {TCP, true, false, FLOW_RULE_SETTLED, FLOW_ONCE | FLOW_GUESSED},
    {TCP, true, true, FLOW_RULE_SETTLED, FLOW_ONCE | FLOW_GUESSED},
    {END, false, false, FLOW_RULE_SETTLED, 0},
    {END, false, true, FLOW_RULE_SETTLED,
	FLOW_ONCE | FLOW_GUESSED | FLOW_CLOSING},
    {END, true, false, FLOW_RULE_SETTLED,
	FLOW_ONCE | FLOW_GUESSED | FLOW_CLOSING},
    {END, true, true, FLOW_RULE_SETTLED,
	FLOW_ONCE | FLOW_GUESSED | FLOW_CLOSING},
    {UDP, false, false, FLOW_RULE_SETTLED, 0},
    {UDP, false, true, FLOW_RULE_SETTLED, FLOW_ONCE | FLOW_GUESSED | FLOW_UDP},
    {UDP, true, false, FLOW_RULE_NEW, FLOW_ONCE | FLOW_GUESSED | FLOW_UDP},
    {UDP, true, true, FLOW_RULE_SETTLED, FLOW_ONCE | FLOW_GUESSED | FLOW_UDP},
};

START_TEST(decision_without_an_entry)
{
	struct flow_facts facts = {.now = now,
	    .packet = (uint8_t)without[_i].packet,
	    .moving = without[_i].moving,
	    .edge = without[_i].edge};
	struct flow_decision d = flow_decide(facts);

	ck_assert_uint_eq(d.rule, without[_i].rule);
	if (without[_i].write == 0) {
		ck_assert_uint_eq(d.act, FLOW_LEAVE);
		return;
	}
	ck_assert_uint_eq(d.act, FLOW_WRITE);
	ck_assert_uint_eq(d.state, without[_i].write | FLOW_TIME_AT(now));
}
END_TEST

/* With one, on whatever slot. `gone` of its flags go, `come` come. */
#define ANY_AGE UINT32_MAX
static const struct {
	uint64_t flags;
	enum flow_packet packet;
	uint32_t from, to; /* age in ticks */
	enum flow_rule rule;
	uint64_t gone, come;
} with[] = {
    /* A handshake: where it was begun, however long it takes. */
    {FLOW_SYN_ONLY, SYN, 0, 75 * S, FLOW_RULE_ENTRY, 0, 0},
    {FLOW_SYN_ONLY, TCP, 0, 75 * S, FLOW_RULE_ENTRY, FLOW_SYN_ONLY, 0},
    {FLOW_SYN_ONLY, END, 0, 75 * S, FLOW_RULE_ENTRY, FLOW_SYN_ONLY,
	FLOW_CLOSING},
    {FLOW_SYN_ONLY | FLOW_CLOSING, SYN, 0, 75 * S, FLOW_RULE_ENTRY, 0, 0},
    /* A connection, or what may be one. */
    {0, TCP, 0, 3600 * S, FLOW_RULE_ENTRY, 0, 0},
    {0, END, 0, 3600 * S, FLOW_RULE_ENTRY, 0, FLOW_CLOSING},
    {FLOW_ONCE, TCP, 0, 3600 * S, FLOW_RULE_ENTRY, FLOW_ONCE, 0},
    {FLOW_ONCE, END, 0, 3600 * S, FLOW_RULE_ENTRY, FLOW_ONCE, FLOW_CLOSING},
    {FLOW_CLOSING, TCP, 0, 60 * S, FLOW_RULE_ENTRY, 0, 0},
    {FLOW_CLOSING, END, 0, 60 * S, FLOW_RULE_ENTRY, 0, 0},
    {FLOW_UDP, UDP, 0, 180 * S, FLOW_RULE_ENTRY, 0, 0},
    {FLOW_UDP | FLOW_ONCE, UDP, 0, 180 * S, FLOW_RULE_ENTRY, FLOW_ONCE, 0},
    {FLOW_GUESSED, TCP, 0, 3600 * S, FLOW_RULE_ENTRY, 0, 0},
    /* A SYN is of it for four seconds, and new after that. */
    {0, SYN, 0, 4 * S - 1, FLOW_RULE_ENTRY, ANY_AGE, 0},
    {0, SYN, 4 * S, 3600 * S, FLOW_RULE_NEW, 0, 0},
    {FLOW_ONCE, SYN, 0, 4 * S - 1, FLOW_RULE_ENTRY, ANY_AGE, 0},
    {FLOW_ONCE, SYN, 4 * S, 3600 * S, FLOW_RULE_NEW, 0, 0},
    {FLOW_CLOSING, SYN, 0, 60 * S, FLOW_RULE_NEW, 0, 0},
    {FLOW_CLOSING | FLOW_ONCE, SYN, 0, 60 * S, FLOW_RULE_NEW, 0, 0},
};

static void
decide_with(int row, uint32_t age, uint64_t more, bool moving, bool edge)
{
	const uint64_t identity = FLOW_SERVICE_AT(1023) | 0xfffe;
	const uint64_t noted = 0x2aull << 26;
	uint64_t time = FLOW_TIME_AT((now - age) & FLOW_TIME_MASK), next;
	uint64_t told = FLOW_SYN_ONLY | FLOW_ONCE | FLOW_CLOSING;
	struct flow_facts facts = {
	    .state = identity | noted | time | with[row].flags | more,
	    .now = now,
	    .packet = (uint8_t)with[row].packet,
	    .moving = moving,
	    .edge = edge};
	struct flow_decision d = flow_decide(facts);

	ck_assert_uint_eq(d.rule, with[row].rule);
	if (d.rule == FLOW_RULE_NEW) {
		/* In any case: it would be found again. */
		ck_assert_uint_eq(d.act, FLOW_WRITE);
		ck_assert_uint_eq(d.state, FLOW_SYN_ONLY | FLOW_TIME_AT(now));
		return;
	}
	/* A stray SYN shows nothing. */
	if (with[row].gone == ANY_AGE) {
		ck_assert_uint_eq(d.act, FLOW_LEAVE);
		return;
	}
	next = (facts.state & ~with[row].gone & ~FLOW_FOREIGN) | with[row].come;
	next = (next & ~FLOW_TIME_AT(FLOW_TIME_MASK)) | FLOW_TIME_AT(now);
	if (((next ^ facts.state) & (told | FLOW_FOREIGN)) != 0)
		next &= ~FLOW_TOLD;
	ck_assert_uint_eq(
	    d.act, next == facts.state ? FLOW_LEAVE : FLOW_REFRESH);
	if (d.act == FLOW_REFRESH)
		ck_assert_uint_eq(d.state, next);
}

START_TEST(decision_with_an_entry)
{
	const uint32_t ages[] = {
	    with[_i].from, (with[_i].from + with[_i].to) / 2, with[_i].to};
	const uint64_t more[] = {
	    0, FLOW_TOLD, FLOW_FOREIGN, FLOW_FOREIGN | FLOW_TOLD};

	for (int a = 0; a < ROWS(ages); a++)
		for (int m = 0; m < ROWS(more); m++)
			for (int slot = 0; slot < 4; slot++)
				decide_with(_i, ages[a], more[m],
				    (slot & 1) != 0, (slot & 2) != 0);
}
END_TEST

START_TEST(what_a_packet_is)
{
	for (int flags = 0; flags < 256; flags++) {
		enum flow_packet is = flow_packet(PROTOCOL_TCP, (uint8_t)flags);

		if (flags & (PARSE_TCP_FIN | PARSE_TCP_RST))
			ck_assert_int_eq(is, END);
		else if ((flags & PARSE_TCP_SYN) && !(flags & PARSE_TCP_ACK))
			ck_assert_int_eq(is, SYN);
		else
			ck_assert_int_eq(is, TCP);
		ck_assert_int_eq(
		    flow_packet(PROTOCOL_UDP, (uint8_t)flags), UDP);
	}
}
END_TEST

START_TEST(ages_come_round)
{
	ck_assert_uint_eq(flow_age(FLOW_TIME_AT(7), 7), 0);
	ck_assert_uint_eq(flow_age(FLOW_TIME_AT(FLOW_TIME_MASK), 3), 4);
	ck_assert_uint_eq(flow_age(FLOW_TIME_AT(8), 7), 0);
	ck_assert_uint_eq(flow_age(FLOW_TIME_AT(2), FLOW_TIME_MASK), 0);
	ck_assert_uint_eq(
	    flow_age(FLOW_TIME_AT(0), FLOW_TIME_MASK / 2), FLOW_TIME_MASK / 2);
}
END_TEST

/* In the order in which they give way. */
static const uint64_t ranks[] = {FLOW_GUESSED | FLOW_FOREIGN | FLOW_TOLD,
    FLOW_ONCE | FLOW_GUESSED, FLOW_SYN_ONLY | FLOW_TOLD, FLOW_CLOSING};

START_TEST(who_gives_way)
{
	const uint32_t quiet = FLOW_QUIET_TICKS;

	ck_assert_uint_gt(flow_rank(0, now), flow_rank(FLOW_CLOSING, quiet));
	for (int i = 0; i < ROWS(ranks); i++) {
		uint64_t base = FLOW_TIME_AT(100) | FLOW_SERVICE_AT(1) | 9;
		uint64_t state = base | ranks[i];

		ck_assert_uint_eq(flow_rank(state, 100 + quiet - 1), 0);
		ck_assert_uint_eq(flow_rank(state, 99), 0);
		ck_assert_uint_eq(flow_rank(state | FLOW_BUSY, 9999), 0);
		if (i > 0)
			ck_assert_uint_gt(flow_rank(state, 100 + quiet),
			    flow_rank(base | ranks[i - 1], 100 + quiet));
		else
			ck_assert_uint_eq(flow_rank(state, 100000), 0);
	}
}
END_TEST

/* A flow that moves with nothing lost: its life by packets. */
START_TEST(a_new_connection)
{
	struct rig r;
	uint64_t h = rig_hash(1);

	rig_init(&r, 1);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, SYN), RIG_CURRENT);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_CURRENT);
	ck_assert_uint_eq(
	    FLOW_BACKEND(rig_state(&r, h)), RIG_NUMBER(RIG_CURRENT));
	ck_assert_uint_eq(FLOW_SERVICE(rig_state(&r, h)), RIG_SERVICE_NUMBER);
	/* Its slot goes on to another backend. */
	r.slots[RIG_MOVES] = 5 | SLOT_ASK;
	rig_set_time(&r, 600000);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_CURRENT);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, END), RIG_CURRENT);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_CURRENT);
	/* The tuple is used again. */
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, SYN), 5);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), 5);
	rig_clear(&r);
}
END_TEST

START_TEST(older_connections)
{
	struct rig r;
	uint64_t h = rig_hash(1), u = rig_hash(2), v = rig_hash(3);

	rig_init(&r, 1);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_SETTLED);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES_EDGE, u, UDP), RIG_SETTLED);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, v, UDP), RIG_CURRENT);
	/* All have ended, and what lives has an entry. */
	r.settled[RIG_MOVES] = r.settled[RIG_MOVES_EDGE] = RIG_CURRENT;
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_SETTLED);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES_EDGE, u, UDP), RIG_SETTLED);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, v, UDP), RIG_CURRENT);
	rig_clear(&r);
}
END_TEST

START_TEST(entries_only_where_they_are_needed)
{
	struct rig r;

	rig_init(&r, 1);
	for (int p = SYN; p <= UDP; p++) {
		uint64_t h = rig_hash((uint64_t)p);

		ck_assert_uint_eq(
		    rig_packet(&r, RIG_PINNED, h, (enum flow_packet)p),
		    RIG_CURRENT);
		ck_assert_uint_eq(rig_state(&r, h), 0);
		ck_assert_uint_eq(
		    rig_packet(&r, RIG_ENDED, h, (enum flow_packet)p),
		    RIG_CURRENT);
		ck_assert_uint_ne(rig_state(&r, h), 0);
	}
	rig_clear(&r);
}
END_TEST

/* Its backend is gone, or beyond the array; or its port is another service's:
 * as if there were none, and written over. */
START_TEST(entries_that_lead_nowhere)
{
	struct rig r;
	uint64_t h = rig_hash(1);

	rig_init(&r, 1);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, SYN), RIG_CURRENT);
	r.positions[RIG_NUMBER(RIG_CURRENT)] = FLOWS_NO_BACKEND;
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_SETTLED);
	r.positions[RIG_NUMBER(RIG_CURRENT)] = RIG_CURRENT;
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_SETTLED);

	h = rig_hash(2);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, SYN), RIG_CURRENT);
	r.tables.number_mask = 31; /* RIG_NUMBER(..) & 31 is somebody else */
	r.positions[RIG_NUMBER(RIG_CURRENT) & 31] = 6;
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_SETTLED);
	r.tables.number_mask = 63;

	h = rig_hash(3);
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, SYN), RIG_CURRENT);
	r.services[RIG_SERVICE].number = 9;
	ck_assert_uint_eq(rig_packet(&r, RIG_MOVES, h, TCP), RIG_SETTLED);
	ck_assert_uint_eq(FLOW_SERVICE(rig_state(&r, h)), 9);
	rig_clear(&r);
}
END_TEST

START_TEST(a_look_writes_nothing)
{
	struct rig r;
	const struct route route = {
	    .hash = rig_hash(1), .service = RIG_SERVICE, .slot = RIG_MOVES};
	enum flow_rule rule;

	rig_init(&r, 1);
	ck_assert_uint_eq(
	    flow_look(&r.tables, &r.flows, &route, SYN, &rule), RIG_CURRENT);
	ck_assert_int_eq(rule, FLOW_RULE_NEW);
	ck_assert_uint_eq(
	    flow_look(&r.tables, &r.flows, &route, TCP, &rule), RIG_SETTLED);
	ck_assert_int_eq(rule, FLOW_RULE_SETTLED);
	ck_assert_uint_eq(rig_state(&r, route.hash), 0);
	rig_packet(&r, RIG_MOVES, route.hash, SYN);
	ck_assert_uint_eq(
	    flow_look(&r.tables, &r.flows, &route, TCP, &rule), RIG_CURRENT);
	ck_assert_int_eq(rule, FLOW_RULE_ENTRY);
	ck_assert_uint_ne(rig_state(&r, route.hash) & FLOW_SYN_ONLY, 0);
	rig_clear(&r);
}
END_TEST

/* Floods of flows that nobody goes on with. */
static const struct {
	enum flow_packet packet;
	uint32_t full; /* where they go without an entry */
} floods[] = {{SYN, RIG_SETTLED}, {TCP, RIG_SETTLED}, {UDP, RIG_CURRENT}};

START_TEST(a_flood)
{
	enum flow_packet packet = floods[_i].packet;
	uint64_t n, held[64];
	struct rig r;

	rig_init(&r, 512);
	for (uint64_t i = 0; i < 64; i++) {
		held[i] = rig_hash(i);
		ck_assert_uint_eq(
		    rig_packet(&r, RIG_MOVES, held[i], SYN), RIG_CURRENT);
		rig_packet(&r, RIG_MOVES, held[i], TCP);
	}
	for (uint64_t i = 64, ms = 0; ms < 20000; ms++) {
		rig_set_time(&r, (int64_t)ms);
		for (int each = 0; each < 10; each++, i++) {
			uint64_t before = r.flows.overflow[RIG_SERVICE_NUMBER];
			uint32_t to = rig_packet(
			    &r, RIG_MOVES, rig_hash(i), packet);

			/* A full table sends a SYN where the next packets of
			 * its flow will go. */
			if (r.flows.overflow[RIG_SERVICE_NUMBER] != before)
				ck_assert_uint_eq(to, floods[_i].full);
		}
	}
	ck_assert_uint_gt(r.flows.overflow[RIG_SERVICE_NUMBER], 100000);
	for (uint64_t i = 0; i < 64; i++)
		ck_assert_uint_eq(
		    rig_packet(&r, RIG_MOVES, held[i], TCP), RIG_CURRENT);
	n = flows_count(&r.flows, RIG_SERVICE_NUMBER, RIG_NUMBER(RIG_CURRENT)) +
	    flows_count(&r.flows, RIG_SERVICE_NUMBER, RIG_NUMBER(RIG_SETTLED));
	ck_assert_uint_ge(n, 400);
	ck_assert_uint_le(n, 512);
	/* When it is over, the next ones find room. */
	rig_set_time(&r, 24000);
	n = r.flows.overflow[RIG_SERVICE_NUMBER];
	for (uint64_t i = 1000000; i < 1000064; i++) {
		rig_packet(&r, RIG_MOVES, rig_hash(i), SYN);
		rig_packet(&r, RIG_MOVES, rig_hash(i), TCP);
	}
	ck_assert_uint_eq(r.flows.overflow[RIG_SERVICE_NUMBER], n);
	rig_clear(&r);
}
END_TEST

/* Nothing but connections: the next one finds no room, none of them ends. */
START_TEST(a_full_bucket)
{
	struct rig r;

	rig_init(&r, 1);
	for (uint64_t i = 0; i < FLOW_BUCKET; i++) {
		rig_packet(&r, RIG_MOVES, i << 32, SYN);
		rig_packet(&r, RIG_MOVES, i << 32, TCP);
	}
	rig_set_time(&r, 3000000);
	ck_assert_uint_eq(
	    rig_packet(&r, RIG_MOVES, 99ull << 32, SYN), RIG_SETTLED);
	ck_assert_uint_eq(
	    rig_packet(&r, RIG_MOVES, 99ull << 32, TCP), RIG_SETTLED);
	ck_assert_uint_eq(r.flows.overflow[RIG_SERVICE_NUMBER], 2);
	for (uint64_t i = 0; i < FLOW_BUCKET; i++)
		ck_assert_uint_eq(
		    rig_packet(&r, RIG_MOVES, i << 32, TCP), RIG_CURRENT);
	/* One closes. */
	rig_packet(&r, RIG_MOVES, 3ull << 32, END);
	ck_assert_uint_eq(
	    rig_packet(&r, RIG_MOVES, 99ull << 32, SYN), RIG_SETTLED);
	rig_set_time(&r, 3003000);
	ck_assert_uint_eq(
	    rig_packet(&r, RIG_MOVES, 99ull << 32, SYN), RIG_CURRENT);
	ck_assert_uint_eq(rig_state(&r, 3ull << 32), 0);
	rig_clear(&r);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("flow");
	TCase *tc = tcase_create("flow");

	tcase_add_loop_test(tc, decision_without_an_entry, 0, ROWS(without));
	tcase_add_loop_test(tc, decision_with_an_entry, 0, ROWS(with));
	tcase_add_test(tc, what_a_packet_is);
	tcase_add_test(tc, ages_come_round);
	tcase_add_test(tc, who_gives_way);
	tcase_add_test(tc, a_new_connection);
	tcase_add_test(tc, older_connections);
	tcase_add_test(tc, entries_only_where_they_are_needed);
	tcase_add_test(tc, entries_that_lead_nowhere);
	tcase_add_test(tc, a_look_writes_nothing);
	tcase_add_loop_test(tc, a_flood, 0, ROWS(floods));
	tcase_add_test(tc, a_full_bucket);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
