/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/sweeper.h"

#include "tests/unit/flow_rig.h"
#include "tests/unit/unit.h"

#define SYN FLOW_PACKET_SYN
#define TCP FLOW_PACKET_TCP
#define END FLOW_PACKET_TCP_END
#define UDP FLOW_PACKET_UDP

/* What the tables would say, by backend. */
struct bench {
	struct rig rig;
	struct sweeper sweeper;
	enum sweeper_need need[RIG_BACKENDS];
	struct sweeper_idle idle;
	int passes, asked;
};

static enum sweeper_need
need(void *ctx, uint16_t service, uint64_t hash, uint16_t backend)
{
	struct bench *b = ctx;

	(void)hash;
	b->asked++;
	ck_assert_uint_eq(service, RIG_SERVICE_NUMBER);
	return b->need[b->rig.positions[backend]];
}

static struct sweeper_idle
idle(void *ctx, uint16_t service)
{
	ck_assert_uint_eq(service, RIG_SERVICE_NUMBER);
	return ((struct bench *)ctx)->idle;
}

static bool is_fresh;

static bool
fresh(void *ctx, uint16_t service, uint64_t hash)
{
	return is_fresh;
}

static void
pass_done(void *ctx)
{
	((struct bench *)ctx)->passes++;
}

static const struct sweeper_calls calls = {need, idle, fresh, pass_done};

static void
begin(struct bench *b, uint32_t entries)
{
	rig_init(&b->rig, entries);
	sweeper_init(&b->sweeper);
	for (int i = 0; i < RIG_BACKENDS; i++)
		b->need[i] = SWEEPER_PINNED;
	b->idle = (struct sweeper_idle){3600, 180};
	b->passes = b->asked = 0;
}

static bool
step(struct bench *b, uint32_t budget)
{
	return sweeper_step(&b->sweeper, &b->rig.flows, &calls, b, budget);
}

static struct sweeper_count
pass(struct bench *b)
{
	while (!step(b, 64))
		continue;
	return b->sweeper.counts[RIG_SERVICE_NUMBER];
}

START_TEST(small_steps)
{
	struct bench b;

	begin(&b, 1024);
	for (uint64_t i = 0; i < 300; i++)
		rig_packet(&b.rig, RIG_MOVES, rig_hash(i), SYN);
	for (int i = 0; i < 10; i++)
		ck_assert(!step(&b, 100));
	ck_assert_int_eq(b.passes, 0);
	ck_assert_uint_eq(b.sweeper.counts[RIG_SERVICE_NUMBER].entries, 0);
	/* Ends with the pass, though there is budget left. */
	ck_assert(step(&b, 100));
	ck_assert_int_eq(b.passes, 1);
	ck_assert_int_eq(b.asked, 300);
	ck_assert_uint_eq(b.sweeper.counts[RIG_SERVICE_NUMBER].entries, 300);
	ck_assert(!step(&b, 1023));
	ck_assert(step(&b, UINT32_MAX));
	ck_assert(step(&b, UINT32_MAX));
	ck_assert_uint_eq(b.sweeper.passes, 3);
	rig_clear(&b.rig);
}
END_TEST

START_TEST(what_is_needed)
{
	struct bench b;
	struct sweeper_count count;

	begin(&b, 1024);
	for (uint64_t i = 0; i < 50; i++) {
		b.rig.slots[RIG_MOVES_EDGE] = (uint16_t)(SLOT_ASK | i % 5);
		rig_packet(&b.rig, RIG_MOVES_EDGE, rig_hash(i), SYN);
	}
	b.need[0] = SWEEPER_PINNED;
	b.need[1] = SWEEPER_MOVING;
	b.need[2] = SWEEPER_NEEDLESS;
	b.need[3] = SWEEPER_DEAD;
	b.need[4] = SWEEPER_PINNED;
	for (int visit = 0; visit < SWEEPER_VISITS; visit++) {
		(void)pass(&b);
		ck_assert_uint_eq(b.sweeper.freed, 10);
	}
	count = pass(&b);
	ck_assert_uint_eq(count.entries, 30);
	ck_assert_uint_eq(count.pinned, 20);
	ck_assert_uint_eq(b.sweeper.freed, 20);
	for (uint64_t i = 0; i < 50; i++)
		ck_assert_int_eq(rig_state(&b.rig, rig_hash(i)) == 0,
		    i % 5 == 2 || i % 5 == 3);
	b.need[0] = b.need[1] = b.need[4] = SWEEPER_NEEDLESS;
	for (int visit = 0; visit < SWEEPER_VISITS; visit++)
		(void)pass(&b);
	count = pass(&b);
	ck_assert_uint_eq(count.entries, 0);
	ck_assert_uint_eq(count.pinned, 0);
	ck_assert_uint_eq(b.sweeper.freed, 50);
	rig_clear(&b.rig);
}
END_TEST

/* What was needless for a visit is told again when it is needed again; what its
 * slot's new move makes fresh, too, unless it may be of a flood. */
START_TEST(told_again)
{
	struct flow_record told[FLOW_BUCKET];
	struct bench b;
	uint64_t h = rig_hash(1);
	uint32_t cursor = 0;

	begin(&b, 64);
	rig_packet(&b.rig, RIG_MOVES, h, SYN);
	rig_packet(&b.rig, RIG_MOVES, h, TCP);
	ck_assert_uint_eq(
	    flows_told(&b.rig.flows, &cursor, told, FLOW_BUCKET), 1);
	for (int i = 0; i < RIG_BACKENDS; i++)
		b.need[i] = SWEEPER_NEEDLESS;
	(void)pass(&b);
	ck_assert_uint_eq(
	    flows_told(&b.rig.flows, &cursor, told, FLOW_BUCKET), 0);
	for (int i = 0; i < RIG_BACKENDS; i++)
		b.need[i] = SWEEPER_MOVING;
	(void)pass(&b);
	ck_assert_uint_eq(
	    flows_told(&b.rig.flows, &cursor, told, FLOW_BUCKET), 1);
	is_fresh = true;
	(void)pass(&b);
	ck_assert_uint_eq(
	    flows_told(&b.rig.flows, &cursor, told, FLOW_BUCKET), 1);
	is_fresh = false;
	(void)pass(&b);
	ck_assert_uint_eq(
	    flows_told(&b.rig.flows, &cursor, told, FLOW_BUCKET), 0);
	rig_clear(&b.rig);
}
END_TEST

/* How long an entry lives after its last packet. */
static const struct {
	enum flow_packet packets[2];
	uint32_t tcp_s, udp_s, lives_s;
} lives[] = {
    {{SYN, SYN}, 3600, 180, SWEEPER_SYN_ONLY_S},
    {{SYN, END}, 3600, 180, SWEEPER_CLOSING_S},
    {{SYN, TCP}, 3600, 180, 3600},
    {{TCP, TCP}, 200, 180, 200},
    {{UDP, UDP}, 3600, 180, 180},
    {{UDP, UDP}, 3600, 1, 1},
    {{SYN, TCP}, 86400, 1, 86400},
    /* No longer than time can be told. */
    {{SYN, TCP}, UINT32_MAX, 1, (FLOW_TIME_MASK / 4) / FLOWS_TICKS_S},
};

START_TEST(expiry)
{
	struct bench b;
	uint64_t h = rig_hash(1);

	begin(&b, 64);
	b.idle = (struct sweeper_idle){lives[_i].tcp_s, lives[_i].udp_s};
	rig_packet(&b.rig, RIG_MOVES, h, lives[_i].packets[0]);
	rig_set_time(&b.rig, 1000);
	rig_packet(&b.rig, RIG_MOVES, h, lives[_i].packets[1]);
	rig_set_time(&b.rig, (1 + (int64_t)lives[_i].lives_s) * 1000);
	ck_assert_uint_eq(pass(&b).entries, 1);
	rig_set_time(&b.rig, (2 + (int64_t)lives[_i].lives_s) * 1000);
	ck_assert_uint_eq(pass(&b).entries, 0);
	ck_assert_uint_eq(rig_state(&b.rig, h), 0);
	rig_clear(&b.rig);
}
END_TEST

/* Two nodes: one has the packets, the other one hears of them. Whatever the
 * pace of the packets, the other one knows the flow as long as it lives. */
static const uint32_t paces_s[] = {1, 20, 80, 95, 130, 178};

START_TEST(the_other_node_knows)
{
	struct flow_record told[FLOW_BUCKET];
	struct bench a, b;
	uint64_t h = rig_hash((uint64_t)_i);
	uint32_t cursor = 0, notices = 0, now_s = 0;
	size_t n;

	begin(&a, 64);
	begin(&b, 64);
	for (; now_s < 2000; now_s++) {
		rig_set_time(&a.rig, now_s * 1000ll);
		rig_set_time(&b.rig, now_s * 1000ll);
		if (now_s % paces_s[_i] == 0)
			rig_packet(&a.rig, RIG_MOVES, h, UDP);
		n = flows_told(&a.rig.flows, &cursor, told, FLOW_BUCKET);
		notices += (uint32_t)n;
		if (n != 0)
			flows_import(&b.rig.flows, told);
		if (now_s % 6 == 0) {
			pass(&a);
			pass(&b);
		}
		/* From its second packet on. */
		if (now_s > paces_s[_i])
			ck_assert_uint_ne(rig_state(&b.rig, h), 0);
	}
	ck_assert_uint_le(notices, 2000 / 90 + 4);
	/* It ends for both, and the peer's entry comes not back. */
	for (; now_s < 2000 + 2 * 180 + 100; now_s++) {
		rig_set_time(&a.rig, now_s * 1000ll);
		rig_set_time(&b.rig, now_s * 1000ll);
		if (flows_told(&a.rig.flows, &cursor, told, FLOW_BUCKET) != 0)
			flows_import(&b.rig.flows, told);
		if (flows_told(&b.rig.flows, &cursor, told, FLOW_BUCKET) != 0)
			flows_import(&a.rig.flows, told);
		pass(&a);
		pass(&b);
	}
	ck_assert_uint_eq(rig_state(&a.rig, h), 0);
	ck_assert_uint_eq(rig_state(&b.rig, h), 0);
	rig_clear(&a.rig);
	rig_clear(&b.rig);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("sweeper");
	TCase *tc = tcase_create("sweeper");

	tcase_add_test(tc, small_steps);
	tcase_add_test(tc, what_is_needed);
	tcase_add_test(tc, told_again);
	tcase_add_loop_test(tc, expiry, 0, ROWS(lives));
	tcase_add_loop_test(tc, the_other_node_knows, 0, ROWS(paces_s));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
