/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of a node in a cluster fails once, while something goes on:
 * it goes on running, is consistent, leaves nothing behind, and comes to what
 * the other nodes have. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/unit.h"

#define NO_END 20000

/* Allocations of a that work before the one that fails; -1: none fails. */
static long left;

static void
check_consistent(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	uint8_t digest[REPLICA_DIGEST_LEN];
	struct errmsg why;

	ck_assert_int_eq(replica_check(cl->replica, &why), 0);
	ck_assert_int_eq(replica_digest(cl->replica, digest), 0);
	ck_assert_mem_eq(digest, cl->config, sizeof(digest));
	if (core->file != NULL)
		ck_assert_ptr_eq(core->conf,
		    core->view != NULL ? core->view->conf : core->file);
	ck_assert_uint_le(cl->n_records, CORE_PEERS_MAX);
}

static void
around(int node, bool before)
{
	if (node != A || nodes[A].core->file == NULL)
		return;
	if (before) {
		failing_malloc.countdown = left;
		return;
	}
	left = failing_malloc.countdown;
	failing_malloc.countdown = -1;
	check_consistent(nodes[A].core);
}

static void
scene_change(void)
{
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "weight=3");
	run(300);
}

static void
scene_remove(void)
{
	change(A, 1, CONTROL_REMOVE, "web", NULL, "");
	run(300);
}

static void
scene_delta(void)
{
	change(B, 1, CONTROL_ADD, "web", "10.1.0.5", "weight=3");
	run(300);
}

/* Its steps, of which the next may be what fails. */
static void
scene_ramp(void)
{
	rig_around = NULL;
	change(B, 1, CONTROL_SET, "web", NULL, "slow_start=3");
	run(300);
	change(B, 2, CONTROL_ADD, "web", "10.1.0.5", "weight=3");
	run(300);
	rig_around = around;
	run(1000);
}

static void
scene_session(void)
{
	cut(A, B);
	run(600);
}

/* a is behind. */
static void
scene_snapshot(void)
{
	nodes[A].drops = BIT(PEER_DELTA);
	change(B, 1, CONTROL_ADD, "web", "10.1.0.5", "weight=3");
	run(5);
	nodes[A].drops = 0;
	run(1600);
}

/* b is behind. */
static void
scene_pulled(void)
{
	nodes[B].drops = BIT(PEER_DELTA);
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "weight=3");
	run(5);
	nodes[B].drops = 0;
	run(1600);
}

static void
scene_health(void)
{
	nodes[A].sees[1] = nodes[B].sees[1] = CHECK_FAILED;
	run(8000);
}

static void
scene_drain(void)
{
	drain(A, 1, "", false);
	run(300);
	undrain(A, 2, "");
	run(300);
}

static void
scene_report(void)
{
	ask(A, 1, CONTROL_CLUSTER);
	run(1);
	ask(A, 2, CONTROL_STATUS);
	run(100);
}

static void
scene_reload(void)
{
	node_step(A,
	    (struct core_event){
		.type = CORE_CONFIG_LOADED, .conf = rig_conf(A)});
	run(100);
}

/* The first start of a node that stays alone, once it is configured: an agent
 * that has no memory for that does not start. */
static void
scene_import(void)
{
	stop(B);
	stop(A);
	replica_free(nodes[A].disk.replica);
	nodes[A].disk.replica = NULL;
	start(A);
	run(11000);
	start(B);
}

static void
scene_restart(void)
{
	stop(A);
	start(A);
	run(3000);
}

static void (*const scenes[])(void) = {
    scene_change,
    scene_remove,
    scene_delta,
    scene_ramp,
    scene_session,
    scene_snapshot,
    scene_pulled,
    scene_health,
    scene_drain,
    scene_report,
    scene_reload,
    scene_import,
    scene_restart,
};

/* Whatever happened: it is as it should be in the end, and works. */
static void
check_end(long n)
{
	size_t live;

	run(9000);
	ck_assert_msg(all_in_step(), "not in step after %ld", n);
	ck_assert_msg(all_identical(), "not identical after %ld", n);
	live = nodes[A].core->cluster.replica->n_live;
	change(A, 77, CONTROL_ADD, "dns", NULL, "vips=203.0.113.55");
	run(1000);
	ck_assert_msg(nodes[A].client == 77 && nodes[A].error[0] == '\0',
	    "after %ld: %s", n, nodes[A].error);
	ck_assert_uint_eq(nodes[A].core->cluster.replica->n_live, live + 1);
	ck_assert(all_identical());
	ck_assert_uint_eq(nodes[A].disk.replica->n_live, live + 1);
}

/* The n-th allocation fails; -1: none does. Did any? */
static bool
play(int scene, long n)
{
	rig_setup();
	n_nodes = 2;
	settled();
	failing_malloc.has_failed = false;
	left = n;
	rig_around = around;
	scenes[scene]();
	rig_around = NULL;
	check_end(n);
	rig_teardown();
	return failing_malloc.has_failed;
}

START_TEST(each_allocation)
{
	long before;

	failing_malloc_spare_openssl();
	play(_i, -1); /* what is made once is there then */
	before = failing_malloc.live;
	for (long n = 0; n < NO_END; n++) {
		bool failed = play(_i, n);

		ck_assert_msg(failing_malloc.live == before,
		    "%ld blocks leak after %ld", failing_malloc.live - before,
		    n);
		if (!failed)
			return;
	}
	ck_abort_msg("no end");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("alloc_core");
	TCase *tc = tcase_create("each");

	tcase_add_loop_test(tc, each_allocation, 0, ROWS(scenes));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
