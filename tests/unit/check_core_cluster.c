/* SPDX-License-Identifier: Apache-2.0 */
/* How a node comes into its cluster: what it begins with, whom it waits for,
 * and what it does meanwhile, which is nothing. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/unit.h"

#define HOUR_MS INT64_C(3600000)

#define OTHER \
	"services:\n" \
	"- {name: dns, vips: [203.0.113.11], protocol: udp, ports: [53],\n" \
	"   table_size: 256, backends: [{address: 10.1.0.9}]}\n"
#define NOTHING "services: []\n"

static size_t
live(int node)
{
	return nodes[node].core->cluster.replica->n_live;
}

static bool
a_in_step(void)
{
	return in_step(A);
}

/* The routes of its predecessor. */
static void
leave_route(int node)
{
	struct node *n = &nodes[node];

	ck_assert_int_eq(addr_parse(&n->stands[0].vip, "203.0.113.10"), 0);
	n->stands[0].route = VIP_ROUTE_ACTIVE;
	n->kernel.n = 1;
}

/* Its probes cannot be made, which is no result. */
static void
see_nothing(int node)
{
	for (int i = 0; i < RIG_OCTETS; i++)
		nodes[node].sees[i] = CHECK_UNABLE;
}

START_TEST(first_start_of_three)
{
	settled();
	for (int i = 0; i < NODES; i++) {
		ck_assert_uint_eq(live(i), 5);
		ck_assert_uint_eq(nodes[i].core->cluster.replica->n_vv, 1);
		ck_assert_uint_eq(nodes[i].core->conf->services->n_backends, 4);
		ck_assert_uint_eq(nodes[i].disk.replica->n_live, 5);
	}
}
END_TEST

START_TEST(first_start_says_no_alarm)
{
	size_t n = 0;

	start_all();
	run(12000);
	for (int i = 0; i < NODES; i++) {
		ck_assert(!logged(i, CORE_ALARM, ""));
		n += count_logged(i, CORE_INFO, "its first contents");
	}
	ck_assert_uint_ge(n, 1);
}
END_TEST

/* Who hears of the contents of another first has nothing to say, and shows
 * what its file says more. */
START_TEST(different_files)
{
	const struct control_cluster *c;

	nodes[B].services = OTHER;
	settled();
	ck_assert_uint_eq(nodes[A].core->conf->n_services, 1);
	c = shown(B);
	ck_assert_uint_eq(c->n_file_differs, 2);
	ck_assert_str_eq(c->file_differs[0], "service dns is only in the file");
	ck_assert_str_eq(c->file_differs[1], "service web is not in the file");
	ck_assert_uint_eq(shown(A)->n_file_differs, 0);
}
END_TEST

START_TEST(one_that_joins_imports_nothing)
{
	n_nodes = 2;
	settled();
	stop(A);
	stop(B);
	n_nodes = 3;
	start(A);
	start(B);
	run(11000);
	nodes[C].services = OTHER;
	start(C);
	run(8000);
	ck_assert(all_in_step() && all_identical());
	ck_assert_uint_eq(live(C), 5);
	ck_assert(!logged(C, CORE_INFO, "its first contents"));
}
END_TEST

/* What is removed everywhere does not come back with a file. */
START_TEST(nor_does_one_that_was_away)
{
	settled();
	stop(C);
	change(A, 1, CONTROL_REMOVE, "web", NULL, "");
	run(6000);
	ck_assert_uint_eq(live(A), 0);
	start(C);
	run(3000);
	ck_assert(all_in_step() && all_identical());
	ck_assert_uint_eq(live(C), 0);
}
END_TEST

START_TEST(state_comes_before_peers)
{
	settled();
	stop(A);
	start(A);
	ck_assert_uint_eq(live(A), 5);
	ck_assert(!in_step(A));
	ck_assert(run_until(a_in_step, 1500));
	run(10);
	ck_assert(all_identical());
}
END_TEST

START_TEST(peers_that_never_come)
{
	start(A);
	run(9900);
	ck_assert(!in_step(A));
	ck_assert_str_eq(shown(A)->waiting, "node b is awaited");
	run(200);
	ck_assert(in_step(A));
	ck_assert_uint_eq(live(A), 5); /* and so it is a new cluster */
	ck_assert(logged(A, CORE_INFO, "though alone"));
	run(4000);
	ck_assert(announces(A));
}
END_TEST

START_TEST(one_peer_of_two_comes)
{
	start(A);
	start(B);
	run(9900);
	ck_assert(!in_step(A) && !in_step(B));
	run(200);
	ck_assert(in_step(A) && in_step(B));
	ck_assert_uint_eq(live(B), 5);
}
END_TEST

START_TEST(cluster_of_one)
{
	n_nodes = 1;
	start(A);
	run(100);
	ck_assert(in_step(A));
	run(3000);
	ck_assert(announces(A));
}
END_TEST

START_TEST(empty_file)
{
	for (int i = 0; i < NODES; i++)
		nodes[i].services = NOTHING;
	start_all();
	run(12000);
	ck_assert(all_in_step() && all_identical());
	ck_assert_uint_eq(live(A), 0);
	change(A, 1, CONTROL_ADD, "dns", NULL, "vips=203.0.113.11");
	run(100);
	ck_assert_uint_eq(nodes[A].client, 1);
	ck_assert_str_eq(nodes[A].error, "");
	ck_assert_uint_eq(live(C), 1);
}
END_TEST

/* Not before it is in step, and its own checks have had a result. */
START_TEST(installs_nothing_before)
{
	see_nothing(A);
	leave_route(A);
	start(A);
	run(10050);
	ck_assert(in_step(A));
	ck_assert_uint_eq(nodes[A].n_installs, 0);
	run(4800);
	ck_assert_uint_eq(nodes[A].n_installs, 0);
	ck_assert(announces(A));
	run(300); /* it waits no longer */
	ck_assert_uint_eq(nodes[A].n_installs, 1);
}
END_TEST

static const struct {
	bool peers, silent;
} keeps[] = {
    {true, false},
    {true, true},
    {false, false},
    {false, true},
};

/* The route stands from the first moment to the last. */
START_TEST(route_of_the_predecessor_stays)
{
	leave_route(A);
	if (keeps[_i].silent)
		see_nothing(A);
	start(A);
	if (keeps[_i].peers) {
		start(B);
		start(C);
	}
	for (int i = 0; i < 2500; i++) {
		run(10);
		ck_assert_msg(announces(A), "after %d ms", i * 10);
	}
	ck_assert(in_step(A));
}
END_TEST

static void
lose_state(int node)
{
	struct node *n = &nodes[node];

	replica_free(n->disk.replica);
	n->disk = (struct core_state){.lost = true};
}

START_TEST(lost_and_alone)
{
	settled();
	for (int i = 0; i < NODES; i++)
		stop(i);
	lose_state(A);
	leave_route(A);
	start(A);
	run(20000);
	ck_assert_int_eq(nodes[A].core->cluster.join, JOIN_OUT);
	ck_assert_uint_eq(count_logged(A, CORE_ALARM, "takes no part"), 1);
	ck_assert_str_eq(shown(A)->waiting,
	    "its state is lost, and no other node is there that has one; start "
	    "one that has, or put a copy of its state back, or empty "
	    "node.state_dir on all nodes to begin with what their files say");
	ck_assert(!announces(A));
	ck_assert_uint_eq(live(A), 0);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=1");
	ck_assert_ptr_nonnull(strstr(nodes[A].error, "its state is lost"));
	start(B);
	run(11000); /* for c, which does not come */
	ck_assert(in_step(A));
	ck_assert_uint_eq(live(A), 5);
	run(12000);
	ck_assert(announces(A));
	ck_assert(!nodes[A].disk.lost);
	ck_assert_uint_eq(nodes[A].disk.replica->n_live, 5);
}
END_TEST

/* What is lost stays lost over another restart. */
START_TEST(lost_is_not_forgotten)
{
	settled();
	stop(A);
	stop(B);
	stop(C);
	lose_state(A);
	nodes[A].n_writes = 0;
	start(A);
	run(20000);
	ck_assert_uint_eq(nodes[A].n_writes, 0);
}
END_TEST

/* A peer that knows nothing either is none to get it from. */
START_TEST(all_have_lost_it)
{
	settled();
	for (int i = 0; i < NODES; i++) {
		stop(i);
		lose_state(i);
	}
	start_all();
	run(30000);
	for (int i = 0; i < NODES; i++) {
		ck_assert(!in_step(i));
		ck_assert_uint_eq(live(i), 0);
	}
}
END_TEST

/* Two have lost it, and the third comes late. */
START_TEST(one_of_three_has_it)
{
	settled();
	for (int i = 0; i < NODES; i++)
		stop(i);
	lose_state(A);
	lose_state(B);
	start(A);
	start(B);
	run(30000);
	ck_assert(!in_step(A) && !in_step(B));
	start(C);
	run(5000);
	ck_assert(all_in_step() && all_identical());
	ck_assert_uint_eq(live(A), 5);
}
END_TEST

static const struct {
	int64_t away_ms;
	bool in;
} ages[] = {
    {23 * HOUR_MS, true},
    {24 * HOUR_MS - 60000, true},
    {24 * HOUR_MS + 60000, false},
    {1000 * HOUR_MS, false},
};

START_TEST(stale_and_alone)
{
	settled();
	for (int i = 0; i < NODES; i++)
		stop(i);
	ck_assert_uint_ne(nodes[A].disk.synced_ms, 0);
	rig_now.us += ages[_i].away_ms * 1000;
	leave_route(A);
	start(A);
	run(15000);
	ck_assert_int_eq(in_step(A), ages[_i].in);
	ck_assert_int_eq(announces(A), ages[_i].in);
	if (ages[_i].in)
		return;
	ck_assert_ptr_nonnull(strstr(shown(A)->waiting, "over 24 hours old"));
	start(B); /* it is as old, but two may go on: each has the other */
	run(15000);
	ck_assert(in_step(A) && in_step(B));
}
END_TEST

/* A whole set of lost messages only makes it later. */
START_TEST(in_step_with_snapshots_lost)
{
	settled();
	stop(C);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=1");
	run(100);
	nodes[C].drops = BIT(PEER_FULL_CHUNK);
	start(C);
	run(8000);
	ck_assert(!in_step(C));
	ck_assert_ptr_nonnull(
	    strstr(shown(C)->waiting, "has another configuration"));
	nodes[C].drops = 0;
	run(2500);
	ck_assert(in_step(C));
	ck_assert(all_identical());
}
END_TEST

/* What others observe counts from the first table on. */
START_TEST(waits_for_records)
{
	settled();
	stop(C);
	nodes[C].drops = BIT(PEER_OBSERVED);
	start(C);
	run(3000);
	ck_assert(!in_step(C));
	ck_assert_str_eq(shown(C)->waiting, "what node a observes is awaited");
	nodes[C].drops = 0;
	run(1500);
	ck_assert(in_step(C));
}
END_TEST

/* The disk. */

START_TEST(writes_of_merges_come_together)
{
	settled();
	nodes[B].n_writes = 0;
	for (int i = 0; i < 20; i++) {
		change(A, 1, CONTROL_SET, "web", "10.1.0.1",
		    i % 2 ? "weight=2" : "weight=3");
		run(2);
	}
	run(1000);
	ck_assert_uint_ge(nodes[B].n_writes, 1);
	ck_assert_uint_le(nodes[B].n_writes, 7);
	ck_assert(same_config());
	ck_assert_mem_eq(nodes[B].core->cluster.persisted,
	    nodes[B].core->cluster.config, REPLICA_DIGEST_LEN);
}
END_TEST

START_TEST(failed_write_is_repeated)
{
	settled();
	nodes[B].disk_error = "no space";
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(4000);
	ck_assert_uint_eq(count_logged(B, CORE_ALARM, "state: no space"), 1);
	ck_assert_uint_eq(nodes[A].n_replies, 0);
	nodes[B].disk_error = NULL;
	run(2000);
	ck_assert_mem_eq(nodes[B].core->cluster.persisted,
	    nodes[A].core->cluster.config, REPLICA_DIGEST_LEN);
}
END_TEST

/* What changes while a write is under way is written after it. */
START_TEST(changes_during_a_write)
{
	settled();
	nodes[B].disk_slow = true;
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(50);
	change(A, 2, CONTROL_SET, "web", NULL, "panic=8");
	run(500);
	disk_done(B, NULL);
	nodes[B].disk_slow = false;
	run(300);
	ck_assert_mem_eq(nodes[B].core->cluster.persisted,
	    nodes[B].core->cluster.config, REPLICA_DIGEST_LEN);
	ck_assert(same_config());
}
END_TEST

/* Incarnations only go up, also when the clock was set back. */
START_TEST(incarnation_goes_up)
{
	uint64_t before;

	settled();
	before = freshness_own(nodes[A].core->cluster.fresh)->incarnation;
	ck_assert_uint_eq(nodes[A].disk.incarnation, before);
	stop(A);
	nodes[A].wall_ms = -HOUR_MS;
	start(A);
	run(3000);
	ck_assert_uint_gt(
	    freshness_own(nodes[A].core->cluster.fresh)->incarnation, before);
	ck_assert(all_identical() && all_in_step());
}
END_TEST

/* One that hears of itself what it never said jumps above it, and remembers
 * that. */
START_TEST(refutes_its_past)
{
	settled();
	stop(A);
	nodes[A].disk.incarnation = 0;
	nodes[A].wall_ms = -HOUR_MS;
	start(A);
	run(3000);
	ck_assert(all_identical() && all_in_step());
	ck_assert_uint_eq(nodes[A].disk.incarnation,
	    freshness_own(nodes[A].core->cluster.fresh)->incarnation);
}
END_TEST

/* What is learnt while a change is written is not forgotten with it. */
START_TEST(incarnation_during_a_change)
{
	struct node *n = &nodes[A];
	struct beat self = {.node = "a", .hb_seq = 1};

	start(A);
	run(12000);
	n->disk_slow = true;
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	self.incarnation = freshness_own(n->core->cluster.fresh)->incarnation +
	    5;
	freshness_hear(n->core->cluster.fresh, rig_now, &self, false);
	cluster_dirty(n->core);
	disk_done(A, NULL);
	n->disk_slow = false;
	run(1000);
	ck_assert_uint_eq(n->disk.incarnation, self.incarnation + 1);
}
END_TEST

/* Before its state has been read it does nothing at all. */
START_TEST(nothing_before_the_state)
{
	struct node *n = &nodes[A];

	n->core = core_new(rig_now, 7);
	node_step(A,
	    (struct core_event){
		.type = CORE_CONFIG_LOADED, .conf = rig_conf(A)});
	run(20000);
	ck_assert_uint_eq(n->dials, 0);
	ck_assert_uint_eq(n->n_writes, 0);
	ck_assert_uint_eq(n->n_installs, 0);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=1");
	ck_assert_str_eq(n->error,
	    "this node takes no part yet: the state file has not been read");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_cluster");
	TCase *tc = tcase_create("join");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_test(tc, first_start_of_three);
	tcase_add_test(tc, first_start_says_no_alarm);
	tcase_add_test(tc, different_files);
	tcase_add_test(tc, one_that_joins_imports_nothing);
	tcase_add_test(tc, nor_does_one_that_was_away);
	tcase_add_test(tc, state_comes_before_peers);
	tcase_add_test(tc, peers_that_never_come);
	tcase_add_test(tc, one_peer_of_two_comes);
	tcase_add_test(tc, cluster_of_one);
	tcase_add_test(tc, empty_file);
	tcase_add_test(tc, installs_nothing_before);
	tcase_add_loop_test(tc, route_of_the_predecessor_stays, 0, ROWS(keeps));
	tcase_add_test(tc, lost_and_alone);
	tcase_add_test(tc, lost_is_not_forgotten);
	tcase_add_test(tc, all_have_lost_it);
	tcase_add_test(tc, one_of_three_has_it);
	tcase_add_loop_test(tc, stale_and_alone, 0, ROWS(ages));
	tcase_add_test(tc, in_step_with_snapshots_lost);
	tcase_add_test(tc, waits_for_records);
	tcase_add_test(tc, nothing_before_the_state);
	suite_add_tcase(s, tc);
	tc = tcase_create("disk");
	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_test(tc, writes_of_merges_come_together);
	tcase_add_test(tc, failed_write_is_repeated);
	tcase_add_test(tc, changes_during_a_write);
	tcase_add_test(tc, incarnation_goes_up);
	tcase_add_test(tc, refutes_its_past);
	tcase_add_test(tc, incarnation_during_a_change);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
