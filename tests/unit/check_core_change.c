/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' changes in a cluster: what is refused, and what becomes of those
 * that are not. */
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
	settled();
}

static const struct replica *
replica(int node)
{
	return nodes[node].core->cluster.replica;
}

/* The answer to the client's change, which has been given. */
static const struct control_outcome *
outcome(uint64_t client)
{
	ck_assert_uint_eq(a->client, client);
	ck_assert_msg(a->reply.kind == CONTROL_CHANGE, "%s", a->error);
	return &a->reply.outcome;
}

START_TEST(change_on_all)
{
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "weight=7");
	ck_assert_uint_eq(a->n_replies, 0);
	run(300);
	ck_assert(outcome(1)->waited);
	ck_assert_uint_eq(outcome(1)->copies, 3);
	ck_assert_uint_eq(outcome(1)->nodes, 3);
	ck_assert_str_eq(a->missing, "");
	ck_assert(all_identical());
	for (int i = 0; i < NODES; i++) {
		const struct conf_service *s = nodes[i].core->conf->services;

		ck_assert_uint_eq(s->n_backends, 5);
		ck_assert_uint_eq(s->backends[4].weight, 7);
		ck_assert_uint_eq(nodes[i].disk.replica->n_live, 6);
	}
	change(A, 2, CONTROL_SET, "web", "10.1.0.5", "state=disabled");
	run(300);
	ck_assert_str_eq(a->missing, "");
	ck_assert_uint_eq(nodes[C].phi[5], 0);
	change(A, 3, CONTROL_REMOVE, "web", NULL, "");
	run(300);
	outcome(3);
	for (int i = 0; i < NODES; i++)
		ck_assert_uint_eq(replica(i)->n_live, 0);
	/* The name is free again. */
	change(C, 4, CONTROL_ADD, "web", NULL, "vips=203.0.113.10");
	run(300);
	ck_assert_str_eq(nodes[C].error, "");
	ck_assert_uint_eq(replica(A)->n_live, 1);
	ck_assert_uint_eq(a->n_replies, 3);
}
END_TEST

/* One writer in a process' lifetime, another in the next. */
START_TEST(uids)
{
	uint64_t writer;
	size_t n_vv = replica(A)->n_vv;

	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	run(20);
	writer = a->core->cluster.writer;
	change(A, 2, CONTROL_ADD, "web", "10.1.0.6", "");
	run(20);
	ck_assert_uint_eq(replica(A)->n_vv, n_vv + 1);
	ck_assert_uint_eq(replica_next_seq(replica(A), writer), 3);
	stop(A);
	start(A);
	run(3000);
	change(A, 3, CONTROL_ADD, "web", "10.1.0.7", "");
	run(20);
	ck_assert_uint_eq(replica(B)->n_vv, n_vv + 2);
	ck_assert_uint_eq(replica_next_seq(replica(B), writer), 3);
}
END_TEST

static const struct {
	enum control_op op;
	const char *service, *backend, *fields, *error;
} refused[] = {
    {CONTROL_ADD, "web", NULL, "vips=203.0.113.11",
	"service web is there already"},
    {CONTROL_ADD, "web", "10.1.0.1", "",
	"backend web 10.1.0.1 is there already"},
    {CONTROL_SET, "dns", NULL, "panic=1", "there is no service dns"},
    {CONTROL_REMOVE, "dns", NULL, "", "there is no service dns"},
    {CONTROL_SET, "web", "10.1.0.9", "weight=1",
	"there is no backend web 10.1.0.9"},
    {CONTROL_REMOVE, "web", "10.1.0.9", "", "there is no backend web 10.1.0.9"},
    {CONTROL_SET, "web", NULL, "", "nothing is to be set"},
    {CONTROL_ADD, "dns", "10.1.0.1", "",
	"no service is called 'dns'; 'guideway service list' lists them"},
    {CONTROL_ADD, "no name", NULL, "vips=203.0.113.11",
	"a service's name has 1 to 63 letters, digits"},
    {CONTROL_ADD, "", NULL, "vips=203.0.113.11",
	"a service's name has 1 to 63 letters, digits"},
    {CONTROL_ADD, "dns", NULL, "", "a service needs vips"},
    {CONTROL_ADD, "dns", NULL, "ports=53", "a service needs vips"},
    {CONTROL_SET, "web", NULL, "colour=red", "colour"},
    {CONTROL_SET, "web", "10.1.0.1", "weight=0", "weight"},
    {CONTROL_SET, "web", NULL, "panic=1\npanic=2", "panic"},
    {CONTROL_ADD, "dns", NULL, "vips=203.0.113.10\nprotocol=tcp\nports=80",
	"service dns: VIP 203.0.113.10"},
    {CONTROL_ADD, "web", "203.0.113.10", "",
	"backend web 203.0.113.10: its address is a VIP"},
    {CONTROL_SET, "web", NULL, "vips=10.1.0.2",
	"backend web 10.1.0.2: its address is a VIP"},
    {CONTROL_ADD, "web", "10.9.0.1", "",
	"backend 10.9.0.1 is among the addresses of this node's "
	"balancer.encap_source"},
    {CONTROL_ADD, "dns", NULL, "vips=203.0.113.12,10.9.0.1",
	"VIP 10.9.0.1 is among the addresses of this node's "
	"balancer.encap_source"},
    {CONTROL_SET, "web", NULL, "vips=10.9.0.1",
	"VIP 10.9.0.1 is among the addresses of this node's "
	"balancer.encap_source"},
};

START_TEST(change_refused)
{
	uint8_t before[REPLICA_DIGEST_LEN];
	uint64_t hlc = replica(A)->hlc;
	size_t writes = a->n_writes;

	memcpy(before, a->core->cluster.config, sizeof(before));
	change(A, 5, refused[_i].op, refused[_i].service, refused[_i].backend,
	    refused[_i].fields);
	ck_assert_uint_eq(a->client, 5);
	ck_assert_int_eq(a->reply.kind, CONTROL_ERROR);
	ck_assert_msg(
	    strstr(a->error, refused[_i].error) != NULL, "%s", a->error);
	run(500);
	ck_assert_mem_eq(a->core->cluster.config, before, sizeof(before));
	ck_assert_uint_eq(replica(A)->hlc, hlc);
	ck_assert_uint_eq(a->n_writes, writes);
	ck_assert_uint_eq(a->n_replies, 1);
	/* And it is no obstacle to the next one. */
	change(A, 6, CONTROL_SET, "web", NULL, "panic=7");
	run(20);
	outcome(6);
}
END_TEST

/* What another node uses as a source is its own matter. */
START_TEST(source_of_another)
{
	change(A, 1, CONTROL_ADD, "web", "10.9.0.2", "");
	run(20);
	outcome(1);
	/* And there the backend can still be changed otherwise, or removed. */
	change(B, 2, CONTROL_SET, "web", "10.1.0.1", "weight=2");
	run(20);
	ck_assert_str_eq(nodes[B].error, "");
	change(B, 3, CONTROL_REMOVE, "web", "10.9.0.2", "");
	run(20);
	ck_assert_str_eq(nodes[B].error, "");
}
END_TEST

/* Both were there on different sides: what is left out must not keep others
 * from being changed. */
START_TEST(change_beside_what_is_ignored)
{
	part(A, B, true);
	part(A, C, true);
	run(6000);
	change_with(
	    A, 1, CONTROL_ADD, "x", NULL, "vips=203.0.113.20", true, false);
	run(10);
	change_with(
	    B, 1, CONTROL_ADD, "y", NULL, "vips=203.0.113.20", true, false);
	part(A, B, false);
	part(A, C, false);
	run(5000);
	ck_assert(all_identical());
	ck_assert_uint_eq(shown(A)->n_ignored, 1);
	ck_assert_str_eq(shown(A)->ignored[0].what, "service y");
	change(A, 3, CONTROL_SET, "web", NULL, "panic=7");
	run(20);
	outcome(3);
	change(A, 4, CONTROL_REMOVE, "x", NULL, "");
	run(20);
	ck_assert_uint_eq(shown(C)->n_ignored, 0);
	ck_assert_uint_eq(shown(C)->services, 2);
}
END_TEST

/* The disk. */

START_TEST(persisted_before_sent)
{
	a->disk_slow = true;
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	run(300);
	ck_assert_uint_eq(replica(A)->n_live, 5);
	ck_assert_uint_eq(replica(B)->n_live, 5);
	ck_assert_uint_eq(a->n_replies, 0);
	disk_done(A, NULL);
	run(20);
	outcome(1);
	ck_assert_uint_eq(replica(B)->n_live, 6);
}
END_TEST

START_TEST(disk_fails)
{
	size_t deltas = a->told[PEER_DELTA];
	uint64_t generation = a->core->generation;

	a->disk_error = "no space left";
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	run(20);
	ck_assert_str_eq(a->error,
	    "nothing has changed, since it could not be remembered: no space "
	    "left");
	ck_assert(logged(A, CORE_ALARM, "no space left"));
	ck_assert_uint_eq(replica(A)->n_live, 5);
	ck_assert_uint_eq(a->core->generation, generation);
	ck_assert_uint_eq(a->told[PEER_DELTA], deltas);
	drain(A, 2, "", false);
	run(20);
	ck_assert_ptr_nonnull(strstr(a->error, "no space left"));
	ck_assert(!drain_wanted(&a->core->drain));
	a->disk_error = NULL;
	change(A, 3, CONTROL_ADD, "web", "10.1.0.5", "");
	run(20);
	outcome(3);
	ck_assert(all_identical());
}
END_TEST

/* The word to come back counts from when it is on the disk. */
START_TEST(disk_fails_for_an_undrain)
{
	drain_temporarily(A, 1);
	run(3000);
	ck_assert(!announces(A));
	a->disk_error = "no space left";
	undrain(A, 2, "");
	run(8000);
	ck_assert_ptr_nonnull(strstr(a->error, "no space left"));
	ck_assert(!announces(A));
	a->disk_error = NULL;
	undrain(A, 3, "");
	run(5000);
	ck_assert(announces(A));
}
END_TEST

START_TEST(two_at_once)
{
	a->disk_slow = true;
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	change(A, 2, CONTROL_ADD, "web", "10.1.0.6", "");
	ck_assert_uint_eq(a->client, 2);
	ck_assert_str_eq(
	    a->error, "another command is being written to disk; try again");
	disk_done(A, NULL);
	a->disk_slow = false;
	run(20);
	outcome(1);
}
END_TEST

START_TEST(while_a_merge_is_written)
{
	run(1000);
	a->disk_slow = true;
	change(B, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	run(20);
	change(A, 2, CONTROL_ADD, "web", "10.1.0.6", "");
	ck_assert_str_eq(
	    a->error, "another command is being written to disk; try again");
	disk_done(A, NULL);
	a->disk_slow = false;
	run(300);
	change(A, 3, CONTROL_ADD, "web", "10.1.0.6", "");
	run(20);
	outcome(3);
}
END_TEST

/* What comes from another while a change is written is not undone by it. */
START_TEST(merge_while_a_change_is_written)
{
	a->disk_slow = true;
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	change(B, 2, CONTROL_REMOVE, "web", "10.1.0.1", "");
	run(100);
	disk_done(A, NULL);
	a->disk_slow = false;
	run(1000);
	ck_assert(all_identical());
	ck_assert_uint_eq(replica(A)->n_live, 5);
	outcome(1);
	ck_assert_uint_eq(a->disk.replica->n_live, 5);
	ck_assert_mem_eq(a->core->cluster.persisted, a->core->cluster.config,
	    REPLICA_DIGEST_LEN);
}
END_TEST

/* The same thing is added here while it is written there. */
START_TEST(same_key_on_both)
{
	a->disk_slow = true;
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "weight=2");
	run(2);
	change(B, 2, CONTROL_ADD, "web", "10.1.0.5", "weight=3");
	run(100);
	disk_done(A, NULL);
	a->disk_slow = false;
	run(1000);
	ck_assert(all_identical());
	ck_assert_uint_eq(replica(A)->n_live, 7);
	ck_assert_uint_eq(a->core->conf->services->n_backends, 5);
	ck_assert_uint_eq(a->core->conf->services->backends[4].weight, 3);
	change(C, 3, CONTROL_SET, "web", "10.1.0.5", "weight=4");
	run(100);
	ck_assert_uint_eq(a->core->conf->services->backends[4].weight, 4);
	change(C, 4, CONTROL_REMOVE, "web", "10.1.0.5", "");
	run(100);
	ck_assert_uint_eq(replica(A)->n_live, 5);
}
END_TEST

/* Who is waited for. */

START_TEST(local_change)
{
	part(A, B, true);
	change_with(A, 1, CONTROL_SET, "web", NULL, "panic=7", true, false);
	run(1);
	ck_assert(!outcome(1)->waited);
	ck_assert_uint_eq(outcome(1)->copies, 1);
}
END_TEST

enum lack {
	NO_MESSAGES,
	NO_DISK,
	NO_CONNECTION,
	OTHER_TABLES,
};

static const char *const reasons[] = {
    "b: it does not have it yet",
    "b: it is not on its disk yet",
    "b: it is heard of, but not connected",
    "b: its tables are not the same yet",
};

START_TEST(missing_with_reason)
{
	if (_i == NO_MESSAGES)
		nodes[B].drops = BIT(PEER_DELTA) | BIT(PEER_FULL_END);
	else if (_i == NO_DISK)
		nodes[B].disk_slow = true;
	else if (_i == NO_CONNECTION)
		part(A, B, true);
	else
		/* What c alone sees, and b does not hear of. */
		nodes[B].drops = BIT(PEER_OBSERVED);
	run(_i == NO_CONNECTION ? 8000 : 1);
	if (_i == OTHER_TABLES) {
		nodes[A].sees[1] = nodes[C].sees[1] = CHECK_FAILED;
		run(8000);
	}
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(4990);
	ck_assert_uint_eq(a->n_replies, 0);
	run(20);
	ck_assert(outcome(1)->waited);
	ck_assert_str_eq(a->missing, reasons[_i]);
	/* Through c it is on b's disk for all that. */
	ck_assert_uint_eq(outcome(1)->copies, _i == OTHER_TABLES ? 3 : 2);
	if (_i == NO_DISK)
		disk_done(B, NULL);
}
END_TEST

/* One of three that is gone is no reason to wait. */
START_TEST(one_is_gone)
{
	stop(C);
	run(6000);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(20);
	ck_assert_str_eq(a->missing, "");
	ck_assert_uint_eq(outcome(1)->copies, 2);
	ck_assert_uint_eq(outcome(1)->nodes, 3);
}
END_TEST

START_TEST(all_are_gone)
{
	stop(B);
	stop(C);
	run(6000);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(4990);
	ck_assert_uint_eq(a->n_replies, 0);
	run(20);
	ck_assert_str_eq(a->missing, "b: it is not heard; c: it is not heard");
	ck_assert_uint_eq(outcome(1)->copies, 1);
	ck_assert(outcome(1)->waited);
	start(B);
	run(3000);
	ck_assert(same_config()); /* it was made all the same */
}
END_TEST

START_TEST(cluster_of_one)
{
	rig_teardown();
	rig_setup();
	n_nodes = 1;
	start(A);
	run(1000);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(1);
	ck_assert_str_eq(a->missing, "");
	ck_assert_uint_eq(outcome(1)->copies, 1);
	ck_assert_uint_eq(outcome(1)->nodes, 1);
}
END_TEST

/* One who leaves does not keep the others waiting. */
START_TEST(one_has_left)
{
	ask(C, 1, CONTROL_LEAVE);
	run(100);
	nodes[C].disk_slow = true;
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(20);
	ck_assert_str_eq(a->missing, "");
	outcome(1);
	disk_done(C, NULL);
}
END_TEST

static void
gone(uint64_t client)
{
	node_step(
	    A, (struct core_event){.type = CORE_CLIENT_GONE, .client = client});
}

START_TEST(client_gone_while_written)
{
	a->disk_slow = true;
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	gone(1);
	disk_done(A, _i == 0 ? NULL : "no space");
	a->disk_slow = false;
	run(6000);
	ck_assert_uint_eq(a->n_replies, 0);
	ck_assert_uint_eq(replica(B)->n_live, _i == 0 ? 6 : 5);
}
END_TEST

START_TEST(client_gone_while_waiting)
{
	stop(B);
	stop(C);
	run(6000);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(1000);
	change(A, 2, CONTROL_SET, "web", NULL, "panic=8");
	run(1000);
	gone(1);
	gone(77);
	run(2990);
	ck_assert_uint_eq(a->n_replies, 0);
	run(1020);
	ck_assert_uint_eq(a->n_replies, 1);
	outcome(2);
}
END_TEST

START_TEST(too_many_wait)
{
	stop(B);
	stop(C);
	run(6000);
	for (uint64_t i = 1; i <= CLUSTER_WAITING_MAX; i++) {
		change(A, i, CONTROL_SET, "web", NULL, "panic=7");
		run(1);
	}
	ck_assert_uint_eq(a->n_replies, 0);
	change(A, 99, CONTROL_SET, "web", NULL, "panic=7");
	ck_assert_str_eq(a->error, "too many commands at once; try again");
	run(5100);
	ck_assert_uint_eq(a->n_replies, 1 + CLUSTER_WAITING_MAX);
	change(A, 100, CONTROL_SET, "web", NULL, "panic=7");
	run(5100);
	outcome(100);
}
END_TEST

/* Clocks. */

static const struct {
	int64_t own_ms, b_ms, c_ms;
	const char *error; /* NULL: none */
} clocks[] = {
    {59000, 0, 0, NULL},
    {-59000, 0, 0, NULL},
    {62000, 0, 0, "this node's clock is 6"},
    {-62000, 0, 0, "this node's clock is 6"},
    {0, 3600000, 0, NULL},
    {0, 0, -3600000, NULL},
    {0, 3600000, 3600000, "s behind the others'; set it right, or say"},
    {0, -3600000, -3600000, "s ahead of the others'"},
    {0, -3600000, 3600000, "the others'"},
};

START_TEST(clock_guard)
{
	nodes[A].wall_ms = clocks[_i].own_ms;
	nodes[B].wall_ms = clocks[_i].b_ms;
	nodes[C].wall_ms = clocks[_i].c_ms;
	run(1500);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(100);
	if (clocks[_i].error == NULL) {
		outcome(1);
		return;
	}
	ck_assert_msg(
	    strstr(a->error, clocks[_i].error) != NULL, "%s", a->error);
	change_with(A, 2, CONTROL_SET, "web", NULL, "panic=7", false, true);
	run(100);
	outcome(2);
	drain(A, 3, "b", false);
	ck_assert_int_eq(a->reply.kind, CONTROL_ERROR);
	drain(A, 4, "b", true);
	run(100);
	ck_assert_int_eq(a->reply.kind, CONTROL_DRAIN);
}
END_TEST

/* The later command wins, though its node's clock is behind. */
START_TEST(clock_set_back)
{
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(100);
	for (int i = 0; i < NODES; i++)
		nodes[i].wall_ms = -7200000;
	run(1500);
	change(A, 2, CONTROL_SET, "web", NULL, "panic=8");
	run(100);
	ck_assert_uint_eq(nodes[B].core->conf->services->panic_percent, 8);
	change(B, 3, CONTROL_SET, "web", NULL, "panic=9");
	run(100);
	ck_assert_uint_eq(nodes[A].core->conf->services->panic_percent, 9);
	ck_assert(all_identical());
}
END_TEST

START_TEST(no_cluster)
{
	struct errmsg why;
	const char text[] =
	    "cluster: {seed: 000102030405060708090a0b0c0d0e0f}\n"
	    "services: []\n";
	struct core_event e = {.type = CORE_CONFIG_LOADED};

	stop(A);
	a->core = core_new(rig_now, 1);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	ck_assert_ptr_nonnull(strstr(a->error, "this node is in no cluster"));
	e.conf = conf_parse("f.yaml", text, sizeof(text) - 1, &why);
	ck_assert_msg(e.conf != NULL, "%s", why.text);
	node_step(A, e);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	ck_assert_str_eq(a->error,
	    "this node is in no cluster, so its services are those of f.yaml: "
	    "change them there, and reload");
	ask(A, 2, CONTROL_LEAVE);
	ck_assert_str_eq(a->error, "this node is in no cluster");
}
END_TEST

/* What `guideway cluster status` says. */

START_TEST(report)
{
	const struct control_cluster *c;

	stop(C);
	run(6000);
	nodes[B].wall_ms = 2500;
	run(1500);
	c = shown(A);
	ck_assert_str_eq(c->name, "prod");
	ck_assert_str_eq(c->self, "a");
	ck_assert_str_eq(c->trust, "plaintext");
	ck_assert(c->joined && c->identical);
	ck_assert_str_eq(c->waiting, "");
	ck_assert_uint_eq(c->services, 1);
	ck_assert_uint_eq(c->backends, 4);
	ck_assert_uint_eq(c->n_nodes, 3);
	ck_assert(c->nodes[0].self && c->nodes[0].connected &&
	    c->nodes[0].fresh && c->nodes[0].announcing);
	ck_assert(!c->nodes[1].self && c->nodes[1].connected &&
	    c->nodes[1].fresh && c->nodes[1].joined && c->nodes[1].announcing &&
	    c->nodes[1].installed && !c->nodes[1].draining &&
	    !c->nodes[1].left);
	ck_assert_str_eq(c->nodes[1].trouble, "");
	ck_assert_str_eq(c->nodes[1].fault, "");
	ck_assert_str_eq(c->nodes[1].version, PACKAGE_VERSION);
	ck_assert_int_ge(c->nodes[1].clock_ms, 2400);
	ck_assert_int_le(c->nodes[1].clock_ms, 2600);
	ck_assert_mem_eq(
	    c->nodes[1].root, c->nodes[0].root, sizeof(c->nodes[0].root));
	ck_assert_mem_eq(
	    c->nodes[1].config, c->nodes[0].config, sizeof(c->nodes[0].config));
	ck_assert(!c->nodes[2].connected && !c->nodes[2].fresh);
	ck_assert_str_ne(c->nodes[2].trouble, "");
	ck_assert_uint_eq(c->n_file_differs, 0);
	ck_assert_uint_eq(c->n_ignored, 0);
}
END_TEST

/* Who is heard, but not connected, may have other tables. */
START_TEST(report_of_one_who_is_relayed)
{
	part(A, C, true);
	run(8000);
	ck_assert(shown(A)->nodes[2].fresh && !shown(A)->nodes[2].connected);
	ck_assert(!shown(A)->identical);
	ck_assert(shown(B)->identical);
}
END_TEST

START_TEST(report_of_the_file)
{
	const struct control_cluster *c;

	change(A, 1, CONTROL_SET, "web", NULL, "panic=7");
	run(100);
	change(A, 1, CONTROL_SET, "web", "10.1.0.2", "weight=7");
	run(100);
	change(A, 1, CONTROL_REMOVE, "web", "10.1.0.3", "");
	run(100);
	change(A, 1, CONTROL_ADD, "web", "10.1.0.9", "");
	run(100);
	change(A, 1, CONTROL_ADD, "dns", NULL, "vips=203.0.113.11");
	run(100);
	c = shown(B);
	ck_assert_uint_eq(c->n_file_differs, 5);
	ck_assert_str_eq(c->file_differs[0], "service web: panic differs");
	ck_assert_str_eq(
	    c->file_differs[1], "backend web 10.1.0.2: weight differs");
	ck_assert_str_eq(
	    c->file_differs[2], "backend web 10.1.0.3 is only in the file");
	ck_assert_str_eq(
	    c->file_differs[3], "backend web 10.1.0.9 is not in the file");
	ck_assert_str_eq(c->file_differs[4], "service dns is not in the file");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_change");
	TCase *tc = tcase_create("changes");

	tcase_add_checked_fixture(tc, three, rig_teardown);
	tcase_add_test(tc, change_on_all);
	tcase_add_test(tc, uids);
	tcase_add_loop_test(tc, change_refused, 0, ROWS(refused));
	tcase_add_test(tc, source_of_another);
	tcase_add_test(tc, change_beside_what_is_ignored);
	tcase_add_test(tc, persisted_before_sent);
	tcase_add_test(tc, disk_fails);
	tcase_add_test(tc, disk_fails_for_an_undrain);
	tcase_add_test(tc, two_at_once);
	tcase_add_test(tc, while_a_merge_is_written);
	tcase_add_test(tc, merge_while_a_change_is_written);
	tcase_add_test(tc, same_key_on_both);
	tcase_add_test(tc, local_change);
	tcase_add_loop_test(tc, missing_with_reason, 0, ROWS(reasons));
	tcase_add_test(tc, one_is_gone);
	tcase_add_test(tc, all_are_gone);
	tcase_add_test(tc, cluster_of_one);
	tcase_add_test(tc, one_has_left);
	tcase_add_loop_test(tc, client_gone_while_written, 0, 2);
	tcase_add_test(tc, client_gone_while_waiting);
	tcase_add_test(tc, too_many_wait);
	tcase_add_loop_test(tc, clock_guard, 0, ROWS(clocks));
	tcase_add_test(tc, clock_set_back);
	tcase_add_test(tc, no_cluster);
	suite_add_tcase(s, tc);
	tc = tcase_create("report");
	tcase_add_checked_fixture(tc, three, rig_teardown);
	tcase_add_test(tc, report);
	tcase_add_test(tc, report_of_one_who_is_relayed);
	tcase_add_test(tc, report_of_the_file);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
