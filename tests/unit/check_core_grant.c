/* SPDX-License-Identifier: Apache-2.0 */
/* Draining in a cluster: who asks, who grants, and who goes all the same. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/unit.h"

static struct node *const a = &nodes[A];

static void
three(void)
{
	rig_setup();
	for (int i = 0; i < NODES; i++)
		nodes[i].extra = "announce: {graceful_shutdown: 0}\n";
	settled();
}

static void
two(void)
{
	rig_setup();
	n_nodes = 2;
	for (int i = 0; i < NODES; i++)
		nodes[i].extra = "announce: {graceful_shutdown: 0}\n";
	settled();
}

static int
announcing(void)
{
	int n = 0;

	for (int i = 0; i < NODES; i++)
		n += nodes[i].core != NULL && announces(i);
	return n;
}

static enum grant_phase
phase(int node)
{
	return nodes[node].core->cluster.grant;
}

/* At no moment are all routes gone. */
static void
run_announcing(int64_t ms)
{
	for (; ms > 0; ms--) {
		run(1);
		ck_assert_int_ge(announcing(), 1);
	}
}

START_TEST(drained_here)
{
	drain(A, 1, "", false);
	run(20);
	ck_assert_int_eq(a->reply.kind, CONTROL_DRAIN);
	ck_assert(!announces(A));
	ck_assert_int_eq(announcing(), 2);
	ck_assert(
	    shown(B)->nodes[0].draining && !shown(B)->nodes[0].announcing);
	ck_assert(logged(A, CORE_INFO, "node: drain"));
	run(30000);
	ck_assert(!announces(A));
	undrain(A, 2, "");
	run(100);
	ck_assert_int_eq(a->reply.kind, CONTROL_UNDRAIN);
	ck_assert(announces(A));
	ck_assert(all_identical());
}
END_TEST

START_TEST(drained_from_elsewhere)
{
	drain(B, 1, "a", false);
	run(1500);
	ck_assert_int_eq(nodes[B].reply.kind, CONTROL_DRAIN);
	ck_assert(!announces(A));
	ck_assert(announces(B));
	undrain(C, 2, "a");
	run(1500);
	ck_assert(announces(A));
}
END_TEST

START_TEST(drain_of_nobody)
{
	drain(A, 1, "z", false);
	ck_assert_str_eq(a->error,
	    "no node is called 'z'; 'guideway cluster status' lists them");
}
END_TEST

START_TEST(temporary_drain_of_another)
{
	struct core_event e = {.type = CORE_COMMAND, .client = 1};

	e.request.kind = CONTROL_DRAIN;
	e.request.temporary = true;
	strcpy(e.request.node, "b");
	node_step(A, e);
	ck_assert_str_eq(
	    a->error, "a temporary drain is for the node itself; say it there");
}
END_TEST

/* Neither grants, and so both stay, and say so once. */
/* The one that comes later by name steps back for the other. */
START_TEST(two_that_ask_at_once)
{
	drain(A, 1, "", false);
	drain(B, 1, "", false);
	run_announcing(9000);
	ck_assert(!announces(A) && announces(B));
	ck_assert(!logged(B, CORE_ALARM, "not drained"));
	run_announcing(3000);
	ck_assert_uint_eq(count_logged(B, CORE_ALARM, "not drained yet"), 1);
	run_announcing(20000);
	ck_assert_uint_eq(count_logged(B, CORE_ALARM, "not drained yet"), 1);
	/* One that does not want to any more lets the other go. */
	undrain(A, 2, "");
	run_announcing(5000);
	ck_assert(announces(A) && !announces(B));
}
END_TEST

START_TEST(all_three_at_once)
{
	drain(A, 1, "", false);
	drain(B, 1, "", false);
	drain(C, 1, "", false);
	run_announcing(15000);
	ck_assert(!announces(A) && !announces(B) && announces(C));
	drain(C, 2, "", true);
	run(3000);
	ck_assert_int_eq(announcing(), 0);
}
END_TEST

START_TEST(one_after_the_other)
{
	drain(A, 1, "", false);
	run_announcing(1000);
	drain(B, 1, "", false);
	run_announcing(1000);
	drain(C, 1, "", false);
	run_announcing(15000);
	ck_assert(announces(C) && announcing() == 1);
	ck_assert(logged(C, CORE_ALARM, "not drained yet"));
	undrain(A, 2, "");
	run_announcing(5000);
	ck_assert(announces(A) && !announces(C));
}
END_TEST

START_TEST(forced)
{
	stop(B);
	run(6000);
	drain(A, 1, "", false);
	run(12000);
	ck_assert(announces(A));
	ck_assert(logged(A, CORE_ALARM,
	    "no other node is connected that would go on announcing; --force"));
	drain(A, 2, "", true);
	run(10);
	ck_assert(!announces(A));
}
END_TEST

START_TEST(undrained_while_it_asks)
{
	stop(B);
	run(6000);
	drain(A, 1, "", false);
	run(1000);
	ck_assert_int_eq(phase(A), GRANT_ASKING);
	undrain(A, 2, "");
	run(10);
	ck_assert_int_eq(phase(A), GRANT_NONE);
	ck_assert(!drain_wanted(&a->core->drain));
	ck_assert_int_eq(a->core->drain.phase, DRAIN_OFF);
	ck_assert(announces(A));
	start(B);
	run(5000);
	ck_assert(announces(A) && announces(B));
}
END_TEST

/* A grant is good for the attempt that it was given to. */
START_TEST(grant_of_another_attempt)
{
	struct peer_message m = {
	    .kind = PEER_DRAIN_GRANT, .drain_grant = {.granted = true}};
	uint64_t session;

	nodes[B].drops = BIT(PEER_DRAIN_ASK);
	session = peer_find(a->core, "b")->session;
	drain(A, 1, "", false);
	run(100);
	m.drain_grant.attempt = a->core->cluster.attempt;
	undrain(A, 2, "");
	run(300);
	drain(A, 3, "", false);
	run(100);
	ck_assert_uint_ne(a->core->cluster.attempt, m.drain_grant.attempt);
	say(A, session, &m);
	run(10);
	ck_assert(announces(A));
	m.drain_grant.attempt = a->core->cluster.attempt;
	m.drain_grant.granted = false;
	say(A, session, &m);
	run(10);
	ck_assert(announces(A));
	m.drain_grant.granted = true;
	say(A, session, &m);
	run(10);
	ck_assert(!announces(A));
}
END_TEST

START_TEST(grants)
{
	struct peer_message m = {
	    .kind = PEER_DRAIN_ASK, .drain_ask = {.attempt = 5}};
	uint64_t session = peer_find(a->core, "b")->session;

	say(A, session, &m);
	ck_assert(sent(A, PEER_DRAIN_GRANT, 0)->drain_grant.granted);
	ck_assert_uint_eq(sent(A, PEER_DRAIN_GRANT, 0)->drain_grant.attempt, 5);
	m.drain_ask.cancel = true;
	say(A, session, &m);
	ck_assert_ptr_null(sent(A, PEER_DRAIN_GRANT, 0));
	m.drain_ask.cancel = false;
	nodes[B].drops = BIT(PEER_DRAIN_ASK);
	drain(A, 1, "", false);
	run(10);
	say(A, session, &m);
	ck_assert(!sent(A, PEER_DRAIN_GRANT, 0)->drain_grant.granted);
	ck_assert_int_eq(sent(A, PEER_DRAIN_GRANT, 0)->drain_grant.reason,
	    GRANT_REFUSED_DRAINING);
	undrain(A, 2, "");
	run(300);
	a->balancer = false;
	node_step(
	    A, (struct core_event){.type = CORE_BALANCER_LOST, .text = "gone"});
	/* The device stands, so its successor is waited for. */
	run(13000);
	ck_assert(!announces(A));
	say(A, session, &m);
	ck_assert(!sent(A, PEER_DRAIN_GRANT, 0)->drain_grant.granted);
	ck_assert_int_eq(sent(A, PEER_DRAIN_GRANT, 0)->drain_grant.reason,
	    GRANT_REFUSED_NOT_ANNOUNCING);
}
END_TEST

/* A host that is shut down waits for 2 s, if nobody grants it. */
START_TEST(temporary)
{
	stop(B);
	run(6000);
	drain_temporarily(A, 1);
	ck_assert_int_eq(a->reply.kind, CONTROL_DRAIN);
	run(1990);
	ck_assert(announces(A));
	run(20);
	ck_assert(!announces(A));
	ck_assert_int_eq(
	    spec_node(a->core->cluster.replica, "a"), SPEC_NODE_ACTIVE);
	stop(A);
	start(A);
	run(15000);
	ck_assert(announces(A));
}
END_TEST

START_TEST(temporary_with_grant)
{
	drain_temporarily(A, 1);
	run(10);
	ck_assert(!announces(A));
	ck_assert(announces(B));
}
END_TEST

START_TEST(restart_while_drained)
{
	drain(A, 1, "", false);
	run(1000);
	stop(A);
	start(A);
	run_announcing(10000);
	ck_assert(in_step(A) && !announces(A));
	ck_assert(drain_wanted(&a->core->drain));
	ck_assert_int_eq(phase(A), GRANT_GIVEN);
	undrain(B, 2, "a");
	run(5000);
	ck_assert(announces(A));
}
END_TEST

/* It is drained elsewhere while it is away. */
START_TEST(drained_while_away)
{
	stop(C);
	if (_i == 0)
		nodes[C].kernel.n = 0; /* as after a crash of its host */
	drain(A, 1, "c", false);
	run(1000);
	start(C);
	run(8000);
	ck_assert(in_step(C) && !announces(C));
	ck_assert_int_eq(phase(C), GRANT_GIVEN);
}
END_TEST

/* The routes of one that asks still stand when its agent is started again: it
 * asks again. */
START_TEST(restart_while_asking)
{
	drain(A, 1, "", false);
	drain(B, 1, "", false);
	run_announcing(2000);
	ck_assert(!announces(A));
	for (int i = n_nodes - 1; i >= 0; i--) {
		stop(i);
		start(i);
		run_announcing(8000);
		ck_assert(in_step(i) && announces(i) == (i == B));
		ck_assert_int_eq(phase(i), i == B ? GRANT_ASKING : GRANT_GIVEN);
	}
	undrain(A, 2, "");
	run_announcing(3000);
	ck_assert(announces(A) && !announces(B));
}
END_TEST

START_TEST(grace)
{
	const struct control_request q = {
	    .kind = CONTROL_DRAIN, .graceful_s = 3};

	node_step(A,
	    (struct core_event){
		.type = CORE_COMMAND, .client = 1, .request = q});
	run(1000);
	ck_assert_int_eq(a->stands[0].route, VIP_ROUTE_DRAINING);
	run(1900);
	ck_assert(announces(A));
	run(200);
	ck_assert(!announces(A));
	stop(A);
	start(A);
	run_announcing(8000); /* it is not marked once more */
	ck_assert(!announces(A));
	undrain(A, 2, "");
	run(5000);
	drain(B, 3, "a", false); /* as configured, which is: none */
	run(500);
	ck_assert(!announces(A));
}
END_TEST

START_TEST(announces_nothing)
{
	rig_teardown();
	rig_setup();
	n_nodes = 2;
	a->extra = "announce: {enabled: false}\n";
	start_all();
	run(12000);
	drain(A, 1, "", false);
	ck_assert_ptr_nonnull(strstr(a->error, "this node announces nothing"));
}
END_TEST

START_TEST(leaves)
{
	ask(C, 1, CONTROL_LEAVE);
	ck_assert_int_eq(nodes[C].reply.kind, CONTROL_LEAVE);
	run(100);
	ck_assert(!announces(C));
	ck_assert(shown(A)->nodes[2].left && !shown(A)->nodes[2].fresh);
	ck_assert(shown(C)->nodes[2].left);
	ck_assert(all_identical());
	undrain(C, 2, "");
	ck_assert_ptr_nonnull(
	    strstr(nodes[C].error, "this node has left the cluster"));
	run(20000);
	ck_assert(!announces(C));
	stop(C);
	start(C);
	run(5000);
	ck_assert(announces(C));
	ck_assert(!shown(A)->nodes[2].left && shown(A)->nodes[2].fresh);
	ck_assert(all_identical());
}
END_TEST

/* The last one that announces does not leave before 2 s. */
START_TEST(last_one_leaves)
{
	stop(B);
	run(6000);
	ask(A, 1, CONTROL_LEAVE);
	run(1500);
	ck_assert(announces(A));
	run(1000);
	ck_assert(!announces(A));
}
END_TEST

/* It sees down what the others see up. */
START_TEST(unfit)
{
	for (int i = 1; i <= 3; i++)
		nodes[A].sees[i] = CHECK_FAILED;
	run(14000);
	ck_assert(announces(A));
	run_announcing(6000);
	ck_assert(!announces(A));
	ck_assert_uint_eq(
	    count_logged(A, CORE_ALARM, "sees down what the others see up"), 1);
	ck_assert(shown(B)->nodes[0].draining);
	/* What the tables say is the others' word. */
	ck_assert_uint_gt(nodes[A].phi[1], 0);
	ck_assert(all_identical());
	for (int i = 1; i <= 3; i++)
		nodes[A].sees[i] = CHECK_OK;
	run(10000);
	ck_assert(announces(A));
	ck_assert(!logged(A, CORE_ALARM, "sees again"));
	ck_assert(logged(A, CORE_INFO, "sees again what the others see"));
}
END_TEST

/* Two that cannot see what the third does are right, not unfit. */
START_TEST(unfit_is_the_minority)
{
	for (int i = 1; i <= 3; i++)
		nodes[A].sees[i] = nodes[B].sees[i] = CHECK_FAILED;
	run(25000);
	ck_assert(announces(A) && announces(B));
	ck_assert_uint_eq(nodes[C].phi[1], 0);
	ck_assert(all_identical());
}
END_TEST

/* One that drains while its balancer has none of its VIPs goes at once. */
START_TEST(nothing_to_withdraw)
{
	stop(B);
	a->balancer = false;
	node_step(
	    A, (struct core_event){.type = CORE_BALANCER_LOST, .text = "gone"});
	run(13000);
	ck_assert(!announces(A));
	drain(A, 1, "", false);
	run(10);
	ck_assert_int_eq(phase(A), GRANT_GIVEN);
}
END_TEST

/* A partition of two: neither knows whether the other announces. */
START_TEST(alone_on_its_side)
{
	part(A, B, true);
	run(8000);
	drain(A, 1, "", false);
	run_announcing(12000);
	ck_assert(announces(A));
	part(A, B, false);
	run_announcing(6000);
	ck_assert(!announces(A) && announces(B));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_grant");
	TCase *tc = tcase_create("three");

	tcase_add_checked_fixture(tc, three, rig_teardown);
	tcase_add_test(tc, drained_here);
	tcase_add_test(tc, drained_from_elsewhere);
	tcase_add_test(tc, drain_of_nobody);
	tcase_add_test(tc, temporary_drain_of_another);
	tcase_add_test(tc, all_three_at_once);
	tcase_add_test(tc, one_after_the_other);
	tcase_add_test(tc, restart_while_drained);
	tcase_add_loop_test(tc, drained_while_away, 0, 2);
	tcase_add_test(tc, grace);
	tcase_add_test(tc, announces_nothing);
	tcase_add_test(tc, leaves);
	tcase_add_test(tc, unfit);
	tcase_add_test(tc, unfit_is_the_minority);
	suite_add_tcase(s, tc);
	tc = tcase_create("two");
	tcase_add_checked_fixture(tc, two, rig_teardown);
	tcase_add_test(tc, two_that_ask_at_once);
	tcase_add_test(tc, restart_while_asking);
	tcase_add_test(tc, forced);
	tcase_add_test(tc, undrained_while_it_asks);
	tcase_add_test(tc, grant_of_another_attempt);
	tcase_add_test(tc, grants);
	tcase_add_test(tc, temporary);
	tcase_add_test(tc, temporary_with_grant);
	tcase_add_test(tc, last_one_leaves);
	tcase_add_test(tc, nothing_to_withdraw);
	tcase_add_test(tc, alone_on_its_side);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
