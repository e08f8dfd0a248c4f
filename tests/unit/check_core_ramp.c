/* SPDX-License-Identifier: Apache-2.0 */
/* Backends that are new, in a cluster: the steps come at their times, and on
 * all nodes at once. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/unit.h"

#define STEP_MS 10000
#define STEP    (FORWARDING_PHI_FULL / RAMP_STEPS)

static uint64_t since_ms; /* of 10.1.0.5 */

static uint64_t
wall_ms(void)
{
	return (uint64_t)(RIG_WALL_MS + rig_now.us / 1000);
}

static const struct conf_backend *
backend(int node, uint8_t octet)
{
	const struct conf_service *s = nodes[node].core->conf->services;

	for (size_t i = 0; i < s->n_backends; i++)
		if (s->backends[i].addr.bytes[15] == octet)
			return &s->backends[i];
	ck_abort_msg("no backend %u", octet);
}

/* Three nodes, all of whose backends are of the file; and a new one. */
static void
add_one(void)
{
	rig_setup();
	settled();
	change(A, 1, CONTROL_SET, "web", NULL, "slow_start=70");
	run(300);
	change(A, 2, CONTROL_ADD, "web", "10.1.0.5", "");
	run(300);
	ck_assert_str_eq(nodes[A].error, "");
	since_ms = backend(A, 5)->since_ms;
	ck_assert_uint_le(since_ms, wall_ms());
	ck_assert_uint_ge(since_ms + 300, wall_ms());
}

/* What every balancer was told last of it, and all agree. */
static void
all_have(uint8_t octet, uint32_t phi)
{
	for (int i = 0; i < NODES; i++)
		ck_assert_msg(nodes[i].phi[octet] == phi, "%s: %u, not %u",
		    nodes[i].name, nodes[i].phi[octet], phi);
	ck_assert(all_identical());
}

/* Until so long after it was added. */
static void
run_to(uint64_t age_ms)
{
	uint64_t end = since_ms + age_ms;

	ck_assert_uint_ge(end, wall_ms());
	run((int64_t)(end - wall_ms()));
}

START_TEST(steps_in_time)
{
	uint64_t plans;

	run(5000); /* it is found to be up */
	plans = nodes[B].generation;
	all_have(5, STEP);
	all_have(1, FORWARDING_PHI_FULL);
	for (uint64_t step = 1; step < RAMP_STEPS; step++) {
		run_to(step * STEP_MS - 2);
		all_have(5, (uint32_t)step * STEP);
		ck_assert_uint_eq(nodes[B].generation, plans + step - 1);
		run_to(step * STEP_MS + 2);
		for (int i = 0; i < NODES; i++)
			ck_assert_uint_eq(
			    nodes[i].phi[5], (uint32_t)(step + 1) * STEP);
		ck_assert_uint_eq(nodes[B].generation, plans + step);
		run(100);
		ck_assert(all_identical());
	}
	all_have(5, FORWARDING_PHI_FULL);
	all_have(1, FORWARDING_PHI_FULL);
	run(200000);
	ck_assert_uint_eq(nodes[B].generation, plans + RAMP_STEPS - 1);
	ck_assert_uint_eq(nodes[A].core->cluster.ramp_until_ms, RAMP_NEVER);
}
END_TEST

/* Nobody else is up and past its ramp. */
START_TEST(alone_it_takes_all)
{
	run(3 * STEP_MS);
	all_have(5, 4 * STEP);
	for (int i = 0; i < NODES; i++)
		for (int octet = 1; octet <= 4; octet++)
			nodes[i].sees[octet] = CHECK_FAILED;
	change(A, 3, CONTROL_SET, "web", NULL, "panic=0");
	run(10000);
	ck_assert_uint_eq(nodes[A].phi[1], 0);
	all_have(5, FORWARDING_PHI_FULL);
	/* Back from a failure, one that is not new has no ramp; so this one
	 * goes on with its own. */
	for (int i = 0; i < NODES; i++)
		nodes[i].sees[1] = CHECK_OK;
	run_to(45000);
	all_have(1, FORWARDING_PHI_FULL);
	all_have(5, 5 * STEP);
}
END_TEST

START_TEST(enabled_again)
{
	change(B, 3, CONTROL_SET, "web", "10.1.0.1", "state=draining");
	run(STEP_MS);
	all_have(1, 0);
	change(B, 4, CONTROL_SET, "web", "10.1.0.1", "state=enabled");
	run(300);
	all_have(1, STEP);
	all_have(2, FORWARDING_PHI_FULL);
	change(B, 5, CONTROL_SET, "web", "10.1.0.1", "weight=9");
	run(STEP_MS);
	all_have(1, 2 * STEP);
	/* Without slow_start, at once. */
	change(B, 6, CONTROL_SET, "web", NULL, "slow_start=0");
	run(300);
	all_have(1, FORWARDING_PHI_FULL);
	all_have(5, FORWARDING_PHI_FULL);
}
END_TEST

/* A node that begins anew goes on where the others are. */
START_TEST(outlives_a_restart)
{
	stop(C);
	run_to(2 * STEP_MS + 500);
	start(C);
	run_to(3 * STEP_MS - 500);
	all_have(5, 3 * STEP);
	run_to(3 * STEP_MS + 500);
	all_have(5, 4 * STEP);
}
END_TEST

/* What they differ by is how far their clocks are apart. */
START_TEST(clocks_apart)
{
	nodes[B].wall_ms = -2000;
	run_to(STEP_MS + 1900);
	ck_assert_uint_eq(nodes[A].phi[5], 2 * STEP);
	ck_assert_uint_eq(nodes[B].phi[5], STEP);
	run_to(STEP_MS + 2200);
	all_have(5, 2 * STEP);
	/* A clock that is set, either way, is followed. */
	nodes[B].wall_ms = 3600000;
	run(1500);
	ck_assert_uint_eq(nodes[B].phi[5], FORWARDING_PHI_FULL);
	nodes[B].wall_ms = 0;
	run(1500);
	all_have(5, 2 * STEP);
	nodes[B].wall_ms = -3600000;
	run(1500);
	ck_assert_uint_eq(nodes[B].phi[5], STEP);
	nodes[B].wall_ms = 0;
	run_to(3 * STEP_MS - 100);
	all_have(5, 3 * STEP);
}
END_TEST

/* It is said why tables differ, not that the program is at fault. */
START_TEST(clocks_are_named)
{
	nodes[B].wall_ms = -5000;
	run_to(STEP_MS + 4500);
	ck_assert_uint_eq(nodes[B].phi[5], STEP);
	ck_assert(logged(A, CORE_WARNING,
	    "its tables have not been those of this node, by a difference of "
	    "clocks"));
	ck_assert(logged(B, CORE_WARNING, "by a difference of clocks"));
	ck_assert(!logged(A, CORE_WARNING, "software"));
	ck_assert(!logged(A, CORE_WARNING, "node c"));
	run_to(STEP_MS + 5500);
	all_have(5, 2 * STEP);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_ramp");
	TCase *tc = tcase_create("ramp");

	tcase_add_checked_fixture(tc, add_one, rig_teardown);
	tcase_add_test(tc, steps_in_time);
	tcase_add_test(tc, alone_it_takes_all);
	tcase_add_test(tc, enabled_again);
	tcase_add_test(tc, outlives_a_restart);
	tcase_add_test(tc, clocks_apart);
	tcase_add_test(tc, clocks_are_named);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
