/* SPDX-License-Identifier: Apache-2.0 */
/* How replicas and records come together: deltas, snapshots, records that are
 * relayed, and what is said when tables stay different. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "agent/core/spec.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/unit.h"

/* A alone, in step, and a peer b that the test plays, connected. */
static uint64_t b;
static struct beat beat_b;

static void
say_beat(void)
{
	struct peer_message m = beat_like(A, &beat_b);

	say(A, b, &m);
}

static void
connect_b(void)
{
	struct peer_message m;

	b = rig_session(A);
	m = hello_of(A, "b");
	nodes[A].no_peers_dialled = true;
	ck_assert_int_eq(peer_find(nodes[A].core, "b")->state, PEER_DIALLING);
	node_step(A,
	    (struct core_event){
		.type = CORE_PEER_DIALLED, .session = b, .node = "b"});
	node_step(A,
	    (struct core_event){.type = CORE_PEER_UP,
		.session = b,
		.node = "b",
		.dialled = true});
	say(A, b, &m);
	beat_b = (struct beat){.node = "b", .incarnation = 1000};
	say_beat();
}

static void
with_b(void)
{
	rig_setup();
	n_nodes = 2;
	nodes[A].no_peers_dialled = true;
	start(A);
	run(12000);
	ck_assert(in_step(A));
	connect_b();
	run(1);
}

static const struct replica *
replica(void)
{
	return nodes[A].core->cluster.replica;
}

/* Time passes, and b says that it is alive. */
static void
alive(int64_t ms)
{
	for (; ms > 0; ms -= 500) {
		run(ms < 500 ? ms : 500);
		say_beat();
	}
}

/* What b would have: as a, and one more service. */
static struct replica *
more(const char *key, uint64_t writer, uint32_t seq)
{
	struct replica *r = replica_copy(replica());
	struct reg vips = {SPEC_VIPS, 12, {1ULL << 60, writer}, "203.0.113.99"};
	struct object *o = object_new(OBJECT_SERVICE, (struct uid){writer, seq},
	    1ULL << 60, key, strlen(key), &vips, 1);
	struct delta d = {.adds = &o, .n_adds = 1, .hlc = 1ULL << 60};

	ck_assert_int_eq(replica_apply(r, &d), DELTA_APPLIED);
	object_unref(o);
	return r;
}

static struct peer_message
begin(const struct replica *r, uint64_t sync)
{
	return (struct peer_message){.kind = PEER_FULL_BEGIN,
	    .full_begin = {.sync = sync,
		.vv = r->vv,
		.n_vv = r->n_vv,
		.n_objects = (uint32_t)r->n_live,
		.hlc = r->hlc}};
}

static struct peer_message
chunk(const struct replica *r, uint64_t sync, uint32_t index, size_t first,
    size_t n)
{
	return (struct peer_message){.kind = PEER_FULL_CHUNK,
	    .full_chunk = {.sync = sync,
		.index = index,
		.objects = &r->live[first],
		.n_objects = n}};
}

static struct peer_message
end(const struct replica *r, uint64_t sync, uint32_t n)
{
	struct peer_message m = {
	    .kind = PEER_FULL_END, .full_end = {.sync = sync, .n_chunks = n}};

	ck_assert_int_eq(replica_digest(r, m.full_end.digest), 0);
	return m;
}

/* Snapshots that come in. */

START_TEST(whole_snapshot)
{
	struct replica *r = more("x", 7, 1);
	struct peer_message m[] = {begin(r, 1), chunk(r, 1, 0, 0, 2),
	    chunk(r, 1, 1, 2, r->n_live - 2), end(r, 1, 2)};

	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(nodes[A].core->conf->n_services, 1);
		say(A, b, &m[i]);
	}
	ck_assert_uint_eq(nodes[A].core->conf->n_services, 2);
	replica_free(r);
}
END_TEST

enum fault {
	LOST_CHUNK,
	LOST_BEGIN,
	EARLY_END,
	OTHER_SYNC,
	INTERLEAVED,
	CUT,
};

/* An object that is missing in one passes for a removed one: nothing of it may
 * be taken. */
START_TEST(snapshot_not_whole)
{
	struct replica *r = more("x", 7, 1), *other = more("y", 8, 1);
	struct peer_message m[8] = {begin(r, 1), chunk(r, 1, 0, 0, 2),
	    chunk(r, 1, 1, 2, r->n_live - 2), end(r, 1, 2)};
	struct peer_message left = {.kind = PEER_GOODBYE};
	size_t n = 4;

	if (_i == LOST_CHUNK)
		m[1] = m[2], m[2] = end(r, 1, 1), m[3] = end(r, 1, 2);
	else if (_i == LOST_BEGIN)
		m[0] = m[1];
	else if (_i == EARLY_END)
		m[2] = end(r, 1, 1), n = 3;
	else if (_i == OTHER_SYNC)
		m[3] = end(r, 2, 2);
	else if (_i == INTERLEAVED)
		m[1] = begin(other, 2), m[3] = end(r, 1, 1);
	else
		n = 2;
	for (size_t i = 0; i < n; i++)
		say(A, b, &m[i]);
	if (_i == CUT) {
		say(A, b, &left);
		run(2500);
		connect_b();
		say(A, b, &m[2]);
		say(A, b, &m[3]);
	}
	ck_assert_uint_eq(nodes[A].core->conf->n_services, 1);
	ck_assert_uint_eq(replica()->n_live, 5);
	ck_assert_int_eq(peer_find(nodes[A].core, "b")->state, PEER_TALKING);
	/* The next one that is whole is taken. */
	m[0] = begin(r, 9), m[1] = chunk(r, 9, 0, 0, r->n_live);
	m[2] = end(r, 9, 1);
	for (size_t i = 0; i < 3; i++)
		say(A, b, &m[i]);
	ck_assert_uint_eq(replica()->n_live, 6);
	replica_free(other);
	replica_free(r);
}
END_TEST

START_TEST(snapshot_with_wrong_digest)
{
	struct replica *r = more("x", 7, 1);
	struct peer_message m[] = {
	    begin(r, 1), chunk(r, 1, 0, 0, r->n_live), end(r, 1, 1)};

	m[2].full_end.digest[3] ^= 1;
	for (size_t i = 0; i < 3; i++)
		say(A, b, &m[i]);
	ck_assert_int_eq(
	    sent(A, PEER_ERROR, 0)->error.code, PEER_ERROR_MALFORMED);
	ck_assert_ptr_nonnull(output(A, CORE_PEER_CLOSE, 0));
	ck_assert_uint_eq(replica()->n_live, 5);
	replica_free(r);
}
END_TEST

/* One that is older takes nothing away, and one that is newer does. */
START_TEST(snapshots_merge)
{
	struct replica *old = replica_copy(replica()), *r;
	struct peer_message m[3];
	struct delta d = {0};

	change(A, 1, CONTROL_REMOVE, "web", NULL, "");
	run(1);
	ck_assert_str_eq(nodes[A].error, "");
	ck_assert_uint_eq(replica()->n_live, 0);
	m[0] = begin(old, 1), m[1] = chunk(old, 1, 0, 0, old->n_live);
	m[2] = end(old, 1, 1);
	for (size_t i = 0; i < 3; i++)
		say(A, b, &m[i]);
	ck_assert_uint_eq(replica()->n_live, 0);
	r = more("x", 7, 1);
	m[0] = begin(r, 2), m[1] = chunk(r, 2, 0, 0, 1), m[2] = end(r, 2, 1);
	for (size_t i = 0; i < 3; i++)
		say(A, b, &m[i]);
	ck_assert_uint_eq(replica()->n_live, 1);
	d.removes = &r->live[0]->uid;
	d.n_removes = 1;
	ck_assert_int_eq(replica_apply(r, &d), DELTA_APPLIED);
	m[0] = begin(r, 3), m[1] = end(r, 3, 0);
	for (size_t i = 0; i < 2; i++)
		say(A, b, &m[i]);
	ck_assert_uint_eq(replica()->n_live, 0);
	replica_free(r);
	replica_free(old);
}
END_TEST

/* Deltas. */

START_TEST(delta_gap)
{
	struct replica *r = more("x", 7, 1);
	struct object *o = object_new(
	    OBJECT_SERVICE, (struct uid){7, 2}, 2, "y", 1, NULL, 0);
	struct peer_message m = {
	    .kind = PEER_DELTA, .delta = {.adds = &o, .n_adds = 1}};
	uint64_t generation = nodes[A].core->generation;

	say(A, b, &m);
	ck_assert_uint_eq(replica()->n_live, 5);
	ck_assert(sent(A, PEER_PULL, 0)->pull.config);
	/* What told nothing new makes no new tables. */
	ck_assert_uint_eq(nodes[A].core->generation, generation);
	say(A, b, &m); /* it is asked for already */
	ck_assert_ptr_null(sent(A, PEER_PULL, 0));
	run(1000);
	say(A, b, &m);
	ck_assert(sent(A, PEER_PULL, 0)->pull.config);
	object_unref(o);
	replica_free(r);
}
END_TEST

START_TEST(delta_known)
{
	uint64_t generation = nodes[A].core->generation;
	struct peer_message m = {.kind = PEER_DELTA,
	    .delta = {.adds = replica()->live,
		.n_adds = replica()->n_live,
		.hlc = 1ULL << 61}};

	say(A, b, &m);
	ck_assert_uint_eq(nodes[A].core->generation, generation);
	ck_assert_uint_eq(replica()->hlc, 1ULL << 61);
	ck_assert(!nodes[A].core->cluster.dirty);
}
END_TEST

/* Pulls. */

static void
say_other(void)
{
	struct peer_message m = beat_like(A, &beat_b);

	m.heartbeat.config[0] ^= 1;
	say(A, b, &m);
}

/* Most of the time a delta is on its way. */
START_TEST(pulls_what_lasts)
{
	size_t n;

	say_other();
	ck_assert_ptr_null(sent(A, PEER_PULL, 0));
	run(1100);
	say_other();
	ck_assert_ptr_null(sent(A, PEER_PULL, 0));
	say_beat(); /* the same again */
	run(200);
	ck_assert_ptr_null(sent(A, PEER_PULL, 0));
	for (int i = 0; i < 60; i++) {
		say_other();
		run(100);
	}
	n = nodes[A].told[PEER_PULL];
	ck_assert_uint_ge(n, 4);
	ck_assert_uint_le(n, 5);
}
END_TEST

START_TEST(pulls_at_once_after_hello)
{
	struct peer_message left = {.kind = PEER_GOODBYE};

	say(A, b, &left);
	nodes[A].core->cluster.config[0] ^= 1;
	run(2500);
	nodes[A].core->cluster.config[0] ^= 1;
	b = rig_session(A);
	connect_b();
	ck_assert_ptr_null(sent(A, PEER_PULL, 0));
	say(A, b, &left);
	run(2500);
	b = rig_session(A);
	node_step(A,
	    (struct core_event){
		.type = CORE_PEER_DIALLED, .session = b, .node = "b"});
	node_step(A,
	    (struct core_event){.type = CORE_PEER_UP,
		.session = b,
		.node = "b",
		.dialled = true});
	left = hello_of(A, "b");
	say(A, b, &left);
	say_other();
	ck_assert(sent(A, PEER_PULL, 0)->pull.config);
}
END_TEST

static void
pull(void)
{
	const struct peer_message m = {
	    .kind = PEER_PULL, .pull = {.config = true}};

	say(A, b, &m);
}

START_TEST(answers_a_pull)
{
	const struct peer_message *e;

	pull();
	ck_assert_uint_eq(sent(A, PEER_FULL_BEGIN, 0)->full_begin.n_objects, 5);
	ck_assert_uint_eq(sent(A, PEER_FULL_CHUNK, 0)->full_chunk.n_objects, 5);
	e = sent(A, PEER_FULL_END, 0);
	ck_assert_uint_eq(e->full_end.n_chunks, 1);
	ck_assert_mem_eq(e->full_end.digest, nodes[A].core->cluster.config,
	    REPLICA_DIGEST_LEN);
	run(1500);
	ck_assert_uint_eq(nodes[A].told[PEER_FULL_BEGIN], 1);
}
END_TEST

/* Nothing goes to one who can take nothing; what it has missed comes after. */
START_TEST(full_then_drained)
{
	node_step(A, (struct core_event){.type = CORE_PEER_FULL, .session = b});
	pull();
	ck_assert_ptr_null(output(A, CORE_PEER_SEND, 0));
	change(A, 1, CONTROL_SET, "web", NULL, "panic=3");
	alive(1500);
	ck_assert_ptr_null(output(A, CORE_PEER_SEND, 0));
	node_step(
	    A, (struct core_event){.type = CORE_PEER_DRAINED, .session = b});
	ck_assert_ptr_nonnull(sent(A, PEER_HEARTBEAT, 0));
	ck_assert_ptr_nonnull(sent(A, PEER_OBSERVED, 0));
	ck_assert_ptr_nonnull(sent(A, PEER_FULL_END, 0));
	node_step(
	    A, (struct core_event){.type = CORE_PEER_DRAINED, .session = b});
	ck_assert_ptr_null(sent(A, PEER_HEARTBEAT, 0));
}
END_TEST

static void
lose_deltas(void)
{
	rig_setup();
	settled();
}

/* A delta is lost: a snapshot mends it. */
START_TEST(lost_delta)
{
	nodes[C].drops = BIT(PEER_DELTA);
	change(A, 1, CONTROL_SET, "web", NULL, "panic=3");
	run(1000);
	ck_assert(!all_identical());
	nodes[C].drops = 0;
	run(1500);
	ck_assert(all_identical());
	ck_assert_uint_eq(nodes[B].heard[PEER_FULL_END], 2); /* at the start */
}
END_TEST

/* As large as there may be, over a queue that takes an eighth of it. */
START_TEST(largest_snapshot)
{
	static char text[OBJECT_TEXT_MAX + 1];
	struct reg reg = {900, OBJECT_TEXT_MAX, {5, 5}, text};
	struct replica *r = replica_new();
	struct object *o;
	struct errmsg why;

	memset(text, 'x', OBJECT_TEXT_MAX);
	r->live = calloc(REPLICA_OBJECTS_MAX, sizeof(*r->live));
	r->vv = calloc(1, sizeof(*r->vv));
	for (uint32_t i = 1; i <= 250; i++) {
		char key[16];

		snprintf(key, sizeof(key), "n%u", i);
		o = object_new(OBJECT_NODE, (struct uid){9, i}, 5, key,
		    strlen(key), &reg, 1);
		r->live[r->n_live++] = o;
	}
	r->vv[r->n_vv++] = (struct seen){9, 250};
	ck_assert_msg(replica_check(r, &why) == 0, "%s", why.text);
	nodes[A].disk.replica = r;
	nodes[A].queue_max = 1 << 20;
	start_all();
	run(8000);
	ck_assert(all_in_step() && all_identical());
	ck_assert_uint_eq(replica()->n_live, 250);
	ck_assert_uint_le(nodes[A].told[PEER_FULL_BEGIN], 2); /* never again */
	ck_assert_uint_eq(nodes[B].heard[PEER_FULL_END], 1);
}
END_TEST

START_TEST(both_sides_of_a_partition)
{
	part(A, B, true);
	part(A, C, true);
	run(6000);
	change(A, 1, CONTROL_ADD, "web", "10.1.0.5", "");
	change(B, 1, CONTROL_ADD, "web", "10.1.0.6", "");
	run(10);
	change(B, 2, CONTROL_REMOVE, "web", "10.1.0.1", "");
	change(A, 2, CONTROL_SET, "web", "10.1.0.1", "weight=9");
	run(6000);
	ck_assert(!same_config());
	part(A, B, false);
	part(A, C, false);
	run(5000);
	ck_assert(all_identical());
	ck_assert_uint_eq(
	    nodes[C].core->conf->services->n_backends, 5); /* 2 3 4 5 6 */
}
END_TEST

/* Records. */

/* A does not reach c, but b tells of it. */
START_TEST(relayed_records_count)
{
	struct beat c = {0};

	(void)c;
	part(A, C, true);
	for (int i = 0; i < NODES; i++)
		nodes[i].sees[2] = i == C ? CHECK_OK : CHECK_FAILED;
	run(20000);
	ck_assert(all_identical());
	ck_assert(
	    freshness_is_fresh(nodes[A].core->cluster.fresh, rig_now, "c"));
	ck_assert_uint_eq(nodes[A].phi[2], 0);
	nodes[B].sees[2] = CHECK_OK; /* two of three */
	run(10000);
	ck_assert(all_identical());
	ck_assert_uint_gt(nodes[A].phi[2], 0);
	ck_assert_uint_gt(nodes[C].phi[2], 0);
}
END_TEST

static struct peer_message
observed(const char *node, uint64_t incarnation, uint64_t seq,
    enum health health, struct peer_observed_entry *e)
{
	struct peer_message m = {.kind = PEER_OBSERVED};
	struct peer_observed *o = &m.observed;

	snprintf(o->beat.node, sizeof(o->beat.node), "%s", node);
	o->beat.incarnation = incarnation;
	o->beat.hb_seq = beat_b.hb_seq;
	o->beat.obs_seq = seq;
	*e = (struct peer_observed_entry){.service = "web", .health = health};
	ck_assert_int_eq(addr_parse(&e->backend, "10.1.0.1"), 0);
	o->entries = e;
	o->n_entries = 1;
	return m;
}

static enum health
heard_of(const char *node)
{
	const struct record *r = observe_find(nodes[A].core, node);

	return r != NULL && r->n_entries > 0 ? r->entries[0].health
					     : HEALTH_UNKNOWN;
}

START_TEST(older_records)
{
	struct peer_observed_entry e;
	struct peer_message m = observed("b", 1000, 5, HEALTH_DOWN, &e);

	say(A, b, &m);
	ck_assert_int_eq(heard_of("b"), HEALTH_DOWN);
	m = observed("b", 1000, 4, HEALTH_UP, &e);
	say(A, b, &m);
	ck_assert_int_eq(heard_of("b"), HEALTH_DOWN);
	m = observed("b", 999, 9, HEALTH_UP, &e);
	say(A, b, &m);
	ck_assert_int_eq(heard_of("b"), HEALTH_DOWN);
	m = observed("b", 1000, 6, HEALTH_UP, &e);
	say(A, b, &m);
	ck_assert_int_eq(heard_of("b"), HEALTH_UP);
}
END_TEST

/* Of itself it knows more, and who is not configured does not count. */
START_TEST(records_of_others)
{
	struct peer_observed_entry e;
	struct peer_message m = observed("a", 1ULL << 50, 5, HEALTH_DOWN, &e);
	struct beat beats[2] = {
	    beat_b, {.node = "z", .incarnation = 5, .obs_seq = 5}};
	uint64_t before =
	    freshness_own(nodes[A].core->cluster.fresh)->incarnation;

	say(A, b, &m);
	ck_assert_int_ne(heard_of("a"), HEALTH_DOWN);
	ck_assert_uint_eq(
	    freshness_own(nodes[A].core->cluster.fresh)->incarnation, before);
	m = observed("z", 5, 5, HEALTH_DOWN, &e);
	say(A, b, &m);
	ck_assert_ptr_null(observe_find(nodes[A].core, "z"));
	beats[0].hb_seq = ++beat_b.hb_seq;
	m = beat_like(A, &beat_b);
	m.heartbeat.beats = beats;
	m.heartbeat.n_beats = 2;
	say(A, b, &m);
	ck_assert_ptr_null(sent(A, PEER_PULL, 0)); /* nor is it asked for */
}
END_TEST

START_TEST(pulls_records)
{
	beat_b.obs_seq = 3;
	say_beat();
	ck_assert_uint_eq(sent(A, PEER_PULL, 0)->pull.n_observed_of, 1);
	ck_assert(!sent(A, PEER_PULL, 0)->pull.config);
	ck_assert_str_eq(sent(A, PEER_PULL, 0)->pull.observed_of[0], "b");
}
END_TEST

/* Who is connected is asked himself; of the others one is, in a while. */
START_TEST(asks_for_each_record_once)
{
	struct beat beats[2] = {
	    beat_b, {.node = "c", .incarnation = 5, .obs_seq = 5}};
	struct peer_message m;

	rig_teardown();
	rig_setup();
	nodes[A].no_peers_dialled = true;
	start(A);
	run(12000);
	connect_b();
	for (int i = 0; i < 3; i++) {
		beats[0] = beat_b;
		beats[1].hb_seq++;
		m = beat_like(A, &beats[0]);
		beat_b.hb_seq++;
		m.heartbeat.beats = beats;
		m.heartbeat.n_beats = 2;
		say(A, b, &m);
		ck_assert_int_eq(sent(A, PEER_PULL, 0) != NULL, i != 1);
		if (i == 1)
			alive(300);
	}
	ck_assert_str_eq(sent(A, PEER_PULL, 0)->pull.observed_of[0], "c");
}
END_TEST

/* A node that comes is told each record once, by its observer; and by another
 * node that of one that is not connected as yet. */
START_TEST(records_of_one_that_comes)
{
	stop(C);
	memset(nodes[C].heard, 0, sizeof(nodes[C].heard));
	memset(nodes[C].told, 0, sizeof(nodes[C].told));
	start(C);
	run(200);
	ck_assert(in_step(C));
	ck_assert_uint_le(nodes[C].told[PEER_PULL], 1);
	ck_assert_uint_le(nodes[C].heard[PEER_OBSERVED], 3);
}
END_TEST

static void
pull_record(const char *name)
{
	char names[1][FORWARDING_NAME_MAX];
	struct peer_message m = {.kind = PEER_PULL,
	    .pull = {.observed_of = names, .n_observed_of = 1}};

	snprintf(names[0], sizeof(names[0]), "%s", name);
	say(A, b, &m);
}

START_TEST(gives_records)
{
	const struct peer_message *m;

	pull_record("a");
	m = sent(A, PEER_OBSERVED, 0);
	ck_assert_str_eq(m->observed.beat.node, "a");
	ck_assert_uint_eq(m->observed.n_entries, 4);
	pull_record("z");
	ck_assert_ptr_null(sent(A, PEER_OBSERVED, 0));
}
END_TEST

/* The record that is sent is replaced in the same step. */
START_TEST(gives_a_record_that_changes)
{
	nodes[A].sees[1] = CHECK_FAILED;
	while (nodes[A].core->cluster.observe_at.us == INT64_MAX)
		alive(10);
	rig_now = nodes[A].core->cluster.observe_at;
	pull_record("a");
	ck_assert_ptr_nonnull(sent(A, PEER_OBSERVED, 1));
	ck_assert_uint_eq(sent(A, PEER_OBSERVED, 1)->observed.beat.obs_seq,
	    sent(A, PEER_OBSERVED, 0)->observed.beat.obs_seq + 1);
	ck_assert_str_eq(
	    sent(A, PEER_OBSERVED, 0)->observed.entries[0].service, "web");
}
END_TEST

/* It is of another life than the beats that were heard since. */
START_TEST(gives_no_record_of_another_life)
{
	struct peer_observed_entry e;
	struct peer_message m = observed("b", 1000, 5, HEALTH_DOWN, &e);

	say(A, b, &m);
	pull_record("b");
	ck_assert_uint_eq(
	    sent(A, PEER_OBSERVED, 0)->observed.beat.incarnation, 1000);
	beat_b.incarnation = 2000;
	say_beat();
	pull_record("b");
	ck_assert_ptr_null(sent(A, PEER_OBSERVED, 0));
}
END_TEST

/* And what a node sees later, it says itself: nobody has to ask. */
START_TEST(records_are_pushed)
{
	size_t before[NODES];

	for (int i = 0; i < NODES; i++)
		before[i] = nodes[i].told[PEER_PULL];
	nodes[C].sees[2] = nodes[B].sees[2] = CHECK_FAILED;
	run(10000);
	ck_assert(all_identical());
	for (int i = 0; i < NODES; i++)
		ck_assert_uint_eq(nodes[i].told[PEER_PULL], before[i]);
}
END_TEST

/* It has no vote any more, at once and everywhere. */
START_TEST(record_of_one_that_left)
{
	nodes[C].sees[2] = CHECK_FAILED;
	nodes[B].sees[2] = CHECK_FAILED;
	run(10000);
	ck_assert_uint_eq(nodes[A].phi[2], 0);
	ask(C, 1, CONTROL_LEAVE);
	run(100);
	ck_assert_uint_gt(nodes[A].phi[2], 0); /* one to one is up */
	ck_assert_uint_gt(nodes[B].phi[2], 0);
	ck_assert_uint_gt(nodes[C].phi[2], 0);
	ck_assert(all_identical());
}
END_TEST

/* Tables that stay different. */

static const char *const faults[] = {
    "configuration", "observations", "software"};

static struct peer_message
different(int whose)
{
	struct peer_message m = beat_like(A, &beat_b);

	m.heartbeat.root[0] ^= 1;
	if (whose == 0)
		m.heartbeat.config[0] ^= 1;
	if (whose <= 1)
		m.heartbeat.observed[0] ^= 1;
	return m;
}

static void
differ_for(int whose, int64_t ms)
{
	for (; ms > 0; ms -= 500) {
		struct peer_message m = different(whose);

		say(A, b, &m);
		run(500);
	}
}

START_TEST(tables_that_differ)
{
	const struct control_cluster *c;

	differ_for(_i, 2500);
	ck_assert(!logged(A, CORE_WARNING, "tables"));
	differ_for(_i, 1500);
	ck_assert_uint_eq(count_logged(A, CORE_WARNING, faults[_i]), 1);
	c = shown(A);
	ck_assert(!c->identical);
	ck_assert_str_eq(c->nodes[1].fault, faults[_i]);
	ck_assert_uint_ge(c->nodes[1].differs_ms, 3000);
	differ_for(_i, 25000);
	ck_assert(!logged(A, CORE_ALARM, "tables"));
	differ_for(_i, 2000);
	ck_assert_uint_eq(count_logged(A, CORE_ALARM, faults[_i]), 1);
	differ_for(_i, 60000);
	ck_assert_uint_eq(count_logged(A, CORE_ALARM, faults[_i]), 1);
	ck_assert_uint_eq(count_logged(A, CORE_WARNING, faults[_i]), 1);
	say_beat();
	ck_assert(shown(A)->identical);
	ck_assert(logged(A, CORE_INFO, "node b: its tables are those of this"));
	differ_for(_i, 4000);
	ck_assert_uint_eq(count_logged(A, CORE_WARNING, faults[_i]), 2);
}
END_TEST

START_TEST(tables_that_differ_for_a_moment)
{
	differ_for(2, 2500);
	say_beat();
	differ_for(2, 2500);
	ck_assert(!logged(A, CORE_WARNING, "tables"));
	ck_assert(!logged(A, CORE_INFO, "tables are"));
}
END_TEST

/* One that is not in step has none as yet. */
START_TEST(tables_of_one_that_comes)
{
	for (int i = 0; i < 20; i++) {
		struct peer_message m = different(0);

		m.heartbeat.joined = false;
		say(A, b, &m);
		run(500);
	}
	ck_assert(!logged(A, CORE_WARNING, "tables"));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_sync");
	TCase *tc = tcase_create("by hand");

	tcase_add_checked_fixture(tc, with_b, rig_teardown);
	tcase_add_test(tc, whole_snapshot);
	tcase_add_loop_test(tc, snapshot_not_whole, 0, CUT + 1);
	tcase_add_test(tc, snapshot_with_wrong_digest);
	tcase_add_test(tc, snapshots_merge);
	tcase_add_test(tc, delta_gap);
	tcase_add_test(tc, delta_known);
	tcase_add_test(tc, pulls_what_lasts);
	tcase_add_test(tc, pulls_at_once_after_hello);
	tcase_add_test(tc, answers_a_pull);
	tcase_add_test(tc, full_then_drained);
	tcase_add_test(tc, older_records);
	tcase_add_test(tc, records_of_others);
	tcase_add_test(tc, pulls_records);
	tcase_add_test(tc, asks_for_each_record_once);
	tcase_add_test(tc, gives_records);
	tcase_add_test(tc, gives_a_record_that_changes);
	tcase_add_test(tc, gives_no_record_of_another_life);
	tcase_add_loop_test(tc, tables_that_differ, 0, ROWS(faults));
	tcase_add_test(tc, tables_that_differ_for_a_moment);
	tcase_add_test(tc, tables_of_one_that_comes);
	suite_add_tcase(s, tc);
	tc = tcase_create("three nodes");
	tcase_add_checked_fixture(tc, lose_deltas, rig_teardown);
	tcase_add_test(tc, lost_delta);
	tcase_add_test(tc, both_sides_of_a_partition);
	tcase_add_test(tc, relayed_records_count);
	tcase_add_test(tc, records_of_one_that_comes);
	tcase_add_test(tc, records_are_pushed);
	tcase_add_test(tc, record_of_one_that_left);
	suite_add_tcase(s, tc);
	tc = tcase_create("large");
	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_test(tc, largest_snapshot);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
