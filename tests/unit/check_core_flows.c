/* SPDX-License-Identifier: Apache-2.0 */
/* Flow notices: who learns what, when, and what is done where something was
 * missed. Balancers are ghosts (ghost_flows.h). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/unit.h"

static struct addr backend;
static uint64_t pulls_before[NODES];

static void
three(void)
{
	rig_setup();
	addr_parse(&backend, "10.1.0.1");
	for (int i = 0; i < NODES; i++)
		nodes[i].extra = "announce: {graceful_shutdown: 0}\n";
	settled();
	/* Each has asked all others for what they had, once. */
	for (int i = 0; i < NODES; i++) {
		pulls_before[i] = nodes[i].core->flows.stats.pulls;
		ck_assert_uint_le(pulls_before[i], 2);
	}
}

static const struct control_flows *
stats(int node)
{
	return &nodes[node].core->flows.stats;
}

static uint64_t
pulls(int node)
{
	return stats(node)->pulls - pulls_before[node];
}

/* n flows begin at a node, with numbers from `first` on. */
static void
born(int node, uint64_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ghost_flows_born(&nodes[node].flows, first + i, &backend);
}

static size_t
count_known(int node, uint64_t first, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		known += ghost_flows_find(&nodes[node].flows, first + i) !=
		    NULL;
	return known;
}

static void
all_know(uint64_t first, size_t n)
{
	for (int i = 0; i < NODES; i++)
		ck_assert_msg(count_known(i, first, n) == n,
		    "%s knows %zu of %zu", nodes[i].name,
		    count_known(i, first, n), n);
}

static void
peers_are_told(void)
{
	born(A, 1, 3);
	tell_flows(A);
	run(5);
	all_know(1, 3);
}

START_TEST(told)
{
	peers_are_told();
	ck_assert_uint_eq(stats(A)->sent, 3);
	ck_assert_uint_eq(stats(B)->taken, 3);
	ck_assert_uint_eq(stats(C)->taken, 3);
	ck_assert_uint_eq(stats(A)->taken, 0);
	/* Nobody tells on what he was told. */
	ck_assert_uint_eq(stats(B)->sent, 0);
	born(B, 100, 1200);
	tell_flows(B);
	run(5);
	all_know(100, 1200);
	ck_assert_uint_eq(nodes[A].heard[PEER_FLOW_BATCH], 3);
	run(10000);
	ck_assert_uint_eq(pulls(A) + pulls(C), 0);
}
END_TEST

/* A batch that could not be queued shows in the next one, and is made good. */
START_TEST(gap)
{
	peers_are_told();
	nodes[A].crowded = true;
	born(A, 10, 20);
	tell_flows(A);
	run(5);
	ck_assert_uint_eq(count_known(B, 10, 20), 0);
	ck_assert_uint_eq(stats(A)->dropped, 40);
	ck_assert_uint_eq(peer_find(nodes[A].core, "b")->flows.dropped, 20);
	nodes[A].crowded = false;
	born(A, 50, 1);
	tell_flows(A);
	run(20);
	all_know(10, 20);
	all_know(50, 1);
	ck_assert_uint_eq(pulls(B), 1);
	run(20000);
	ck_assert_uint_eq(pulls(B), 1);
}
END_TEST

/* If it was the last one, the next beat shows it. */
START_TEST(gap_at_the_end)
{
	nodes[A].crowded = true;
	born(A, 10, 20);
	tell_flows(A);
	nodes[A].crowded = false;
	run(1100);
	all_know(10, 20);
}
END_TEST

/* More entries than fit in a page. */
START_TEST(gap_of_many)
{
	nodes[A].crowded = true;
	born(A, 1, 20000);
	tell_flows(A);
	nodes[A].crowded = false;
	run(1200);
	all_know(1, 20000);
	ck_assert_uint_gt(nodes[A].heard[PEER_FLOW_PULL], 8);
}
END_TEST

/* What is missed again and again is asked for less and less often. */
START_TEST(gaps_again_and_again)
{
	for (uint64_t i = 1; i <= 1000; i++) {
		nodes[A].crowded = i % 2 == 0;
		born(A, i, 1);
		tell_flows(A);
		run(100);
	}
	ck_assert_uint_le(pulls(B), 9);
	nodes[A].crowded = false;
	run(100000);
	all_know(1, 1000);
}
END_TEST

/* A session that breaks loses what was under way. */
START_TEST(session_cut)
{
	born(A, 1, 5);
	tell_flows(A);
	cut(A, B);
	run(3000);
	all_know(1, 5);
	/* Nothing was lost now. */
	run(10000);
	ck_assert_uint_eq(pulls(B), 1);
	cut(A, B);
	run(20000);
	ck_assert_uint_eq(pulls(B), 1);
	ck_assert_uint_eq(pulls(A), 0);
}
END_TEST

START_TEST(other_seed)
{
	struct flow_told flow = {.hash = 77};
	struct flow_service service = {"web", &flow, 1};
	struct peer_message m = {.kind = PEER_FLOW_BATCH};
	struct peer *p = peer_find(nodes[A].core, "b");

	m.flow_batch.seq = p->flows.heard_seq + 1;
	m.flow_batch.flows = (struct flow_batch){
	    nodes[A].core->flows.print ^ 1, &backend, 1, &service, 1};
	say(A, p->session, &m);
	run(5);
	ck_assert_uint_eq(stats(A)->refused, 1);
	ck_assert_uint_eq(count_known(A, 77, 1), 0);
	m.flow_batch.seq++;
	m.flow_batch.flows.seed_print ^= 1;
	say(A, p->session, &m);
	run(5);
	ck_assert_uint_eq(count_known(A, 77, 1), 1);
}
END_TEST

static bool
b_announces(void)
{
	return announces(B);
}

static bool
a_has_marked(void)
{
	return nodes[A].core->flows.flush.phase == FLUSH_MARKED;
}

static void
begin_b_anew(void)
{
	stop(B);
	ghost_flows_clear(&nodes[B].flows);
	nodes[B].kernel.n = 0;
	run(1000);
}

/* Whoever announces knows what the others know. */
START_TEST(join)
{
	begin_b_anew();
	born(A, 1, 10000);
	nodes[A].flows.settled[3] = nodes[C].flows.settled[3] = backend;
	tell_flows(A);
	run(100);
	start(B);
	ck_assert(run_until(b_announces, 20000));
	all_know(1, 10000);
	ck_assert_int_eq(addr_cmp(&nodes[B].flows.settled[3], &backend), 0);
	ck_assert_uint_eq(nodes[B].flows.settles, 1);
	ck_assert_uint_eq(stats(B)->joins_missed, 0);
}
END_TEST

/* Also when it is the balancer alone that begins anew. */
START_TEST(join_of_a_balancer)
{
	peers_are_told();
	nodes[A].flows.settled[3] = nodes[C].flows.settled[3] = backend;
	restart_balancer(B);
	run(3000);
	all_know(1, 3);
	ck_assert_int_eq(addr_cmp(&nodes[B].flows.settled[3], &backend), 0);
	ck_assert(announces(B));
}
END_TEST

/* One whose balancer cannot be asked says so, and another one is asked. */
START_TEST(join_from_the_other)
{
	peers_are_told();
	begin_b_anew();
	nodes[A].flows_refused = true;
	node_step(
	    A, (struct core_event){.type = CORE_FLOWS_LOST, .text = "reset"});
	start(B);
	ck_assert(run_until(b_announces, 20000));
	all_know(1, 3);
	ck_assert_uint_eq(stats(B)->joins_missed, 0);
}
END_TEST

/* Nobody can tell it anything: it waits for 5 s, and no longer. */
START_TEST(join_in_vain)
{
	int64_t begun;

	begin_b_anew();
	nodes[A].flows_silent = nodes[C].flows_silent = true;
	start(B);
	begun = rig_now.us;
	ck_assert(run_until(b_announces, 20000));
	ck_assert_int_ge(rig_now.us - begun, 5000000);
	ck_assert_int_le(rig_now.us - begun, 10000000);
	ck_assert_uint_eq(stats(B)->joins_missed, 1);
	ck_assert(logged(B, CORE_WARNING, "no other node has told"));
}
END_TEST

/* Alone it has nobody to wait for. */
START_TEST(join_alone)
{
	int64_t begun;

	stop(A);
	stop(C);
	begin_b_anew();
	start(B);
	begun = rig_now.us;
	ck_assert(run_until(b_announces, 20000));
	ck_assert_int_le(rig_now.us - begun, 14000000);
	ck_assert_uint_eq(stats(B)->joins_missed, 0);
}
END_TEST

/* The balancer does not speak of flows at all. */
START_TEST(old_balancer)
{
	begin_b_anew();
	nodes[B].flows_refused = true;
	start(B);
	ck_assert(run_until(b_announces, 20000));
	ck_assert_uint_eq(stats(B)->joins_missed, 1);
	forget_logs();
	run(60000);
	ck_assert_uint_eq(count_logged(B, CORE_WARNING, ""), 0);
	ck_assert_uint_eq(stats(B)->joins_missed, 1);
	ck_assert(announces(B));
}
END_TEST

/* After 10 s the smallest name is right, for all that differ. */
START_TEST(heal)
{
	nodes[A].flows.settled[3] = backend;
	nodes[C].flows.settled[7] = backend;
	run(9000);
	ck_assert(addr_is_none(&nodes[B].flows.settled[3]));
	run(4000);
	for (int i = 0; i < NODES; i++) {
		ck_assert(!addr_is_none(&nodes[i].flows.settled[3]));
		ck_assert(addr_is_none(&nodes[i].flows.settled[7]));
	}
	ck_assert_uint_eq(stats(A)->heals, 0);
	ck_assert_uint_eq(stats(B)->heals, 1);
	ck_assert_uint_eq(stats(C)->heals, 1);
	run(30000);
	ck_assert_uint_eq(stats(B)->heals, 1);
	/* What differs for a moment only is left alone. */
	nodes[A].flows.settled[9] = backend;
	run(8000);
	nodes[B].flows.settled[9] = nodes[C].flows.settled[9] = backend;
	run(30000);
	ck_assert_uint_eq(stats(B)->heals + stats(C)->heals, 2);
}
END_TEST

START_TEST(drain_flushes)
{
	drain(A, 1, "a", false);
	run(100);
	ck_assert(!announces(A));
	ck_assert_uint_eq(nodes[B].heard[PEER_FLOW_MARK], 1);
	ck_assert_uint_eq(nodes[C].heard[PEER_FLOW_MARK], 1);
	ck_assert_uint_eq(nodes[A].heard[PEER_FLOW_MARK], 2);
	ck_assert_uint_eq(stats(A)->flushes_missed, 0);
	undrain(A, 2, "a");
	run(5000);
	ck_assert(announces(A));
	drain(A, 3, "a", false);
	run(100);
	ck_assert(!announces(A));
	ck_assert_uint_eq(nodes[A].heard[PEER_FLOW_MARK], 4);
}
END_TEST

/* As long as the balancer has more to tell; and as one of the others has not
 * learnt it. */
START_TEST(drain_waits)
{
	born(A, 1, 4 * FLOWS_BATCH_MAX);
	nodes[B].flows_silent = true;
	for (int i = 0; i < 3; i++) {
		node_step(A,
		    (struct core_event){.type = CORE_FLOWS_REPLY,
			.flow_reply = ghost_flows_tell(
			    &nodes[A].flows, nodes[A].core->flows.print)});
		if (i == 0)
			drain(A, 1, "a", false);
		run(30);
		ck_assert_uint_eq(nodes[B].heard[PEER_FLOW_MARK], 0);
		ck_assert(announces(A));
	}
	run(100);
	ck_assert_uint_eq(nodes[B].heard[PEER_FLOW_MARK], 1);
	ck_assert(announces(A));
	run(3000);
	ck_assert(announces(A));
	/* Then its agent loses patience with its balancer, and says so. */
	run(8000);
	ck_assert(!announces(A));
}
END_TEST

START_TEST(drain_in_vain)
{
	nodes[A].drops = BIT(PEER_FLOW_MARK);
	drain(A, 1, "a", false);
	run(9500);
	ck_assert(announces(A));
	run(1000);
	ck_assert(!announces(A));
	ck_assert_uint_eq(stats(A)->flushes_missed, 1);
	ck_assert(logged(A, CORE_WARNING, "drained though 2 nodes"));
}
END_TEST

/* A session that is made anew meanwhile. */
START_TEST(drain_over_another_session)
{
	drain(A, 1, "a", false);
	ck_assert(run_until(a_has_marked, 1000));
	cut(A, B);
	run(3000);
	ck_assert(!announces(A));
	ck_assert_uint_eq(stats(A)->flushes_missed, 0);
}
END_TEST

START_TEST(bounds)
{
	size_t batches = nodes[B].heard[PEER_FLOW_BATCH];

	for (uint64_t i = 0; i < 400; i++) {
		born(A, 1 + i * FLOWS_BATCH_MAX, FLOWS_BATCH_MAX);
		tell_flows(A);
		if (i % 20 == 0)
			run(2);
	}
	run(5000);
	ck_assert_uint_gt(stats(A)->dropped, 5000);
	ck_assert_uint_eq(stats(A)->sent + stats(A)->dropped, 200000);
	ck_assert_uint_eq(nodes[B].heard[PEER_FLOW_BATCH] - batches,
	    stats(A)->sent / FLOWS_BATCH_MAX);
	/* It was too much, so nobody asks for it. */
	ck_assert_uint_eq(pulls(B) + pulls(C), 0);
	/* It goes on. */
	born(A, 1000000, 3);
	tell_flows(A);
	run(5);
	all_know(1000000, 3);
}
END_TEST

/* A flood of what may be no connections uses up half of what may be told, and
 * no more: connections are told all the while. */
START_TEST(flood)
{
	for (uint64_t i = 0; i < 800; i++) {
		born(A, 1 + i * FLOWS_BATCH_MAX, FLOWS_BATCH_MAX);
		tell_flows_as(A, FLOW_TOLD_SYN_ONLY);
		born(A, 1000000 + i, 1);
		tell_flows(A);
		if (i % 20 == 0)
			run(20);
	}
	run(5000);
	all_know(1000000, 800);
	ck_assert_uint_gt(stats(A)->dropped, 200000);
}
END_TEST

/* A balancer that is slow to learn: no more than so much is on its way. */
START_TEST(slow_balancer)
{
	nodes[B].flows_silent = true;
	born(A, 1, 100 * FLOWS_BATCH_MAX);
	tell_flows(A);
	run(10);
	/* And a part of what is pulled. */
	ck_assert_uint_le(nodes[B].core->flows.n_learns, FLOWS_LEARN_MAX + 1);
	ck_assert_uint_eq(
	    stats(B)->unlearnt, (100 - FLOWS_LEARN_MAX) * FLOWS_BATCH_MAX);
	nodes[B].flows_silent = false;
	run(12000);
	all_know(1, 100 * FLOWS_BATCH_MAX);
}
END_TEST

START_TEST(held)
{
	born(C, 1, 7);
	nodes[B].flows.settled[3] = nodes[B].flows.settled[4] = backend;
	ask_held(A, 9, "10.1.0.1");
	run(10);
	ck_assert_uint_eq(nodes[A].client, 9);
	ck_assert_int_eq(nodes[A].reply.kind, CONTROL_HELD);
	ck_assert_uint_eq(nodes[A].held_nodes, 3);
	ck_assert_uint_eq(nodes[A].held_known, 3);
	ck_assert_uint_eq(nodes[A].held.entries, 7);
	ck_assert_uint_eq(nodes[A].held.slots, 2);
	ask_held(A, 10, "10.1.0.2");
	run(10);
	ck_assert_uint_eq(nodes[A].client, 10);
	ck_assert_uint_eq(nodes[A].held_known, 3);
	ck_assert_uint_eq(nodes[A].held.entries + nodes[A].held.slots, 0);
}
END_TEST

/* One does not answer; one cannot be asked; one is gone. */
START_TEST(held_not_known)
{
	nodes[C].flows_silent = true;
	nodes[B].flows_refused = true;
	node_step(
	    B, (struct core_event){.type = CORE_FLOWS_LOST, .text = "reset"});
	ask_held(A, 9, "10.1.0.1");
	run(900);
	ck_assert_uint_ne(nodes[A].client, 9);
	run(200);
	ck_assert_uint_eq(nodes[A].client, 9);
	ck_assert_uint_eq(nodes[A].held_nodes, 3);
	ck_assert_uint_eq(nodes[A].held_known, 1);
	stop(C);
	run(30000);
	ask_held(A, 11, "10.1.0.1");
	run(10);
	ck_assert_uint_eq(nodes[A].client, 11);
	ck_assert_uint_eq(nodes[A].held_nodes, 2);
	/* More at once than there is room for. */
	nodes[A].flows_silent = true;
	for (uint64_t i = 0; i <= HELD_MAX; i++)
		ask_held(A, 20 + i, "10.1.0.1");
	ck_assert_uint_eq(nodes[A].client, 20 + HELD_MAX);
	ck_assert_int_eq(nodes[A].reply.kind, CONTROL_ERROR);
	run(2000);
	ck_assert_int_eq(nodes[A].reply.kind, CONTROL_HELD);
}
END_TEST

/* What an agent was told, and has not told on when it ends, the others get from
 * its balancer when it is there again. */
START_TEST(agent_ends)
{
	stop(A);
	born(A, 1, 5);
	nodes[A].flows.n_untold = 0;
	run(1000);
	start(A);
	run(15000);
	all_know(1, 5);
}
END_TEST

/* An answer to nothing ends the connection, and it is made anew. */
START_TEST(not_asked)
{
	struct flow_reply *r = ghost_flows_answer(&nodes[A].flows, 0, 4711,
	    &(struct flow_request){.what = FLOW_HELD});

	node_step(
	    A, (struct core_event){.type = CORE_FLOWS_REPLY, .flow_reply = r});
	ck_assert_ptr_nonnull(output(A, CORE_FLOWS_HANGUP, 0));
	run(1000);
	peers_are_told();
}
END_TEST

static void
three_unshared(void)
{
	rig_setup();
	addr_parse(&backend, "10.1.0.1");
	for (int i = 0; i < NODES; i++) {
		nodes[i].extra = "announce: {graceful_shutdown: 0}\n";
		nodes[i].unshared = true;
	}
	settled();
}

/* Nobody tells, asks, or waits for what others know. */
START_TEST(unshared)
{
	for (int i = 0; i < NODES; i++)
		ck_assert(announces(i));
	born(A, 1, 3);
	tell_flows(A);
	run(12000);
	ck_assert_uint_eq(count_known(A, 1, 3), 3);
	ck_assert_uint_eq(count_known(B, 1, 3) + count_known(C, 1, 3), 0);
	for (int i = 0; i < NODES; i++) {
		ck_assert_uint_eq(stats(i)->sent + stats(i)->dropped, 0);
		ck_assert_uint_eq(stats(i)->pulls, 0);
		ck_assert_uint_eq(stats(i)->joins_missed, 0);
	}
	drain(A, 1, "a", false);
	run(100);
	ck_assert(!announces(A));
	ck_assert_uint_eq(nodes[B].heard[PEER_FLOW_MARK], 0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_flows");
	TCase *tc = tcase_create("core_flows");

	tcase_add_checked_fixture(tc, three, rig_teardown);
	tcase_add_test(tc, told);
	tcase_add_test(tc, gap);
	tcase_add_test(tc, gap_at_the_end);
	tcase_add_test(tc, gap_of_many);
	tcase_add_test(tc, gaps_again_and_again);
	tcase_add_test(tc, session_cut);
	tcase_add_test(tc, other_seed);
	tcase_add_test(tc, join);
	tcase_add_test(tc, join_of_a_balancer);
	tcase_add_test(tc, join_from_the_other);
	tcase_add_test(tc, join_in_vain);
	tcase_add_test(tc, join_alone);
	tcase_add_test(tc, old_balancer);
	tcase_add_test(tc, heal);
	tcase_add_test(tc, drain_flushes);
	tcase_add_test(tc, drain_waits);
	tcase_add_test(tc, drain_in_vain);
	tcase_add_test(tc, drain_over_another_session);
	tcase_add_test(tc, bounds);
	tcase_add_test(tc, flood);
	tcase_add_test(tc, slow_balancer);
	tcase_add_test(tc, held);
	tcase_add_test(tc, held_not_known);
	tcase_add_test(tc, agent_ends);
	tcase_add_test(tc, not_asked);
	suite_add_tcase(s, tc);
	tc = tcase_create("unshared");
	tcase_add_checked_fixture(tc, three_unshared, rig_teardown);
	tcase_add_test(tc, unshared);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
