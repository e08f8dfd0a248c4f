/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with other nodes: who dials, who is let in, and when one ends. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "tests/unit/cluster_rig.h"
#include "tests/unit/unit.h"

/* b, in step, which a calls and which calls c; the test plays both. */
static void
b_alone(void)
{
	rig_setup();
	nodes[B].no_peers_dialled = true;
	start(B);
	run(12000);
	ck_assert(in_step(B));
	forget_logs();
}

static const struct peer *
peer(const char *name)
{
	return peer_find_const(nodes[B].core, name);
}

/* The reason of the ERROR that has been sent, with the session closed. */
static enum peer_error_code
refusal(uint64_t session)
{
	const struct peer_message *m = sent(B, PEER_ERROR, 0);
	const struct core_output *o = output(B, CORE_PEER_CLOSE, 0);

	ck_assert_ptr_nonnull(m);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->session, session);
	ck_assert_ptr_null(output(B, CORE_PEER_TRUST, 0));
	return m->error.code;
}

/* A session with a, which is talked over. */
static uint64_t
with_a(uint64_t process)
{
	struct peer_message m = hello_of(B, "a");
	uint64_t session = call(B, "a");

	m.hello.process = process;
	say(B, session, &m);
	return session;
}

START_TEST(hello)
{
	struct peer_message m = hello_of(B, "a");
	uint64_t session = call(B, "a");
	const struct peer_message *h = sent(B, PEER_HELLO, 0);

	ck_assert_str_eq(h->hello.node, "b");
	ck_assert_str_eq(h->hello.cluster, "prod");
	ck_assert_uint_ne(h->hello.process, 0);
	ck_assert_mem_eq(
	    h->hello.seed_print, m.hello.seed_print, PEER_PRINT_LEN);
	ck_assert_ptr_null(sent(B, PEER_HEARTBEAT, 0));
	say(B, session, &m);
	ck_assert_uint_eq(output(B, CORE_PEER_TRUST, 0)->session, session);
	ck_assert_ptr_nonnull(sent(B, PEER_HEARTBEAT, 0));
	ck_assert_ptr_nonnull(sent(B, PEER_OBSERVED, 0));
	ck_assert_int_eq(peer("a")->state, PEER_TALKING);
	ck_assert(logged(B, CORE_INFO, "node a: connected"));
}
END_TEST

static void
other_cluster(struct peer_hello *h)
{
	strcpy(h->cluster, "test");
}

static void
unknown_node(struct peer_hello *h)
{
	strcpy(h->node, "0");
}

static void
wrong_side(struct peer_hello *h)
{
	strcpy(h->node, "c");
}

static void
itself(struct peer_hello *h)
{
	strcpy(h->node, "b");
}

static void
other_seed(struct peer_hello *h)
{
	h->seed_print[7] ^= 1;
}

static void
too_new(struct peer_hello *h)
{
	h->proto_min = h->proto_max = PEER_PROTO_MAX + 1;
}

static void
other_tables(struct peer_hello *h)
{
	h->table_version++;
}

static const struct {
	void (*spoil)(struct peer_hello *);
	const char *vouched;
	enum peer_error_code code;
	const char *text;
} refusals[] = {
    {other_cluster, "a", PEER_ERROR_CLUSTER,
	"it is of cluster test, this is prod"},
    {unknown_node, "0", PEER_ERROR_NODE, "the configuration has no such node"},
    {unknown_node, "a", PEER_ERROR_NODE,
	"it says that it is 0, but its certificate is of a"},
    {wrong_side, "c", PEER_ERROR_NODE, "it is for the other side to dial"},
    {itself, "", PEER_ERROR_NODE, "this node has the same name"},
    {other_seed, "a", PEER_ERROR_SEED,
	"its cluster.seed is not that of this node; all nodes need the "
	"same"},
    {too_new, "a", PEER_ERROR_VERSION,
	"it speaks versions 2 to 2 of the protocol, this node 1 to 1"},
    {other_tables, "a", PEER_ERROR_VERSION, "it computes tables by version"},
};

START_TEST(hello_refused)
{
	struct peer_message m = hello_of(B, "a");
	uint64_t session = call(B, refusals[_i].vouched);

	refusals[_i].spoil(&m.hello);
	say(B, session, &m);
	ck_assert_int_eq(refusal(session), refusals[_i].code);
	ck_assert_ptr_nonnull(
	    strstr(sent(B, PEER_ERROR, 0)->error.text, refusals[_i].text));
	ck_assert(logged(B, CORE_ALARM, refusals[_i].text));
	ck_assert_int_eq(peer("a")->state, PEER_AWAY);
	/* Who is not the node must not speak for it in the status. */
	ck_assert_int_eq(
	    strstr(peer("a")->trouble.text, refusals[_i].text) != NULL,
	    strcmp(m.hello.node, "a") == 0);
	ck_assert_uint_eq(nodes[B].core->cluster.n_guests, 0);
	say(B, session, &m); /* what comes after is not heard */
	ck_assert_ptr_null(output(B, CORE_PEER_SEND, 0));
}
END_TEST

/* Versions that overlap are enough. */
START_TEST(hello_of_a_later_version)
{
	struct peer_message m = hello_of(B, "a");
	uint64_t session = call(B, "a");

	m.hello.proto_max = PEER_PROTO_MAX + 5;
	say(B, session, &m);
	ck_assert_int_eq(peer("a")->state, PEER_TALKING);
}
END_TEST

START_TEST(message_before_hello)
{
	struct beat beat = {.node = "a"};
	struct peer_message m = beat_like(B, &beat);
	uint64_t session = call(B, "a");

	say(B, session, &m);
	ck_assert_int_eq(refusal(session), PEER_ERROR_UNEXPECTED);
	ck_assert_uint_eq(nodes[B].core->cluster.n_guests, 0);
}
END_TEST

START_TEST(malformed_before_hello)
{
	uint64_t session = call(B, "a");

	node_step(B,
	    (struct core_event){.type = CORE_PEER_MALFORMED,
		.session = session,
		.text = "rubbish"});
	ck_assert_int_eq(refusal(session), PEER_ERROR_MALFORMED);
	ck_assert_str_eq(sent(B, PEER_ERROR, 0)->error.text, "rubbish");
}
END_TEST

START_TEST(malformed)
{
	uint64_t session = with_a(1);

	node_step(B,
	    (struct core_event){.type = CORE_PEER_MALFORMED,
		.session = session,
		.text = "rubbish"});
	ck_assert_int_eq(refusal(session), PEER_ERROR_MALFORMED);
	ck_assert_int_eq(peer("a")->state, PEER_AWAY);
	ck_assert_str_eq(peer("a")->trouble.text, "rubbish");
}
END_TEST

START_TEST(hello_twice)
{
	struct peer_message m = hello_of(B, "a");
	uint64_t session = with_a(77);

	say(B, session, &m);
	ck_assert_int_eq(refusal(session), PEER_ERROR_UNEXPECTED);
}
END_TEST

/* The old one may be dead without that anybody knows as yet. */
START_TEST(second_session_of_a_process)
{
	uint64_t first = with_a(5), second = with_a(5);
	struct beat beat = {.node = "a", .incarnation = 1000};
	struct peer_message m = beat_like(B, &beat);

	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, first);
	ck_assert_uint_eq(output(B, CORE_PEER_TRUST, 0)->session, second);
	ck_assert_uint_eq(peer("a")->session, second);
	say(B, first, &m); /* of no effect, nor is its end */
	ck_assert(!peer("a")->beat_heard);
	node_step(B,
	    (struct core_event){
		.type = CORE_PEER_DOWN, .session = first, .text = "gone"});
	ck_assert_int_eq(peer("a")->state, PEER_TALKING);
}
END_TEST

START_TEST(two_processes)
{
	uint64_t first = with_a(5), second;

	run(1900);
	second = with_a(6);
	ck_assert_int_eq(refusal(second), PEER_ERROR_DUPLICATE);
	ck_assert(logged(B, CORE_ALARM, "another process has this name"));
	ck_assert_uint_eq(peer("a")->session, first);
	run(200); /* the first has not been heard for long enough */
	second = with_a(6);
	ck_assert_uint_eq(peer("a")->session, second);
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, first);
}
END_TEST

START_TEST(silence)
{
	uint64_t session = with_a(5);
	struct beat beat = {.node = "a", .incarnation = 1000};
	struct peer_message m;

	for (int i = 0; i < 3; i++) {
		run(4900);
		ck_assert_int_eq(peer("a")->state, PEER_TALKING);
		m = beat_like(B, &beat);
		say(B, session, &m);
	}
	run(4990);
	ck_assert_int_eq(peer("a")->state, PEER_TALKING);
	run(20);
	ck_assert_int_eq(peer("a")->state, PEER_AWAY);
	ck_assert_str_eq(peer("a")->trouble.text, "it has been silent for 5 s");
}
END_TEST

/* What a node would not like to hear is heard once. */
START_TEST(refused_by_the_other)
{
	uint64_t session = with_a(5);
	struct peer_message m = {.kind = PEER_ERROR,
	    .error = {PEER_ERROR_DUPLICATE, "another process has this name"}};

	say(B, session, &m);
	ck_assert_ptr_null(sent(B, PEER_ERROR, 0));
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, session);
	ck_assert_str_eq(peer("a")->trouble.text,
	    "it refuses this node: another process has this name");
	ck_assert(logged(B, CORE_ALARM, peer("a")->trouble.text));
}
END_TEST

START_TEST(goodbye)
{
	uint64_t session = with_a(5);
	struct peer_message m = {
	    .kind = PEER_GOODBYE, .goodbye = GOODBYE_LEAVING};

	say(B, session, &m);
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, session);
	ck_assert_str_eq(peer("a")->trouble.text, "it has left");
}
END_TEST

START_TEST(says_goodbye)
{
	with_a(5);
	node_event(B, CORE_STOPPING);
	ck_assert_int_eq(sent(B, PEER_GOODBYE, 0)->goodbye, GOODBYE_STOPPING);
	call(B, "a");
	ck_assert_ptr_nonnull(output(B, CORE_PEER_CLOSE, 0));
}
END_TEST

START_TEST(guests_without_end)
{
	for (int i = 0; i < CORE_PEERS_MAX; i++) {
		call(B, "");
		ck_assert_ptr_null(output(B, CORE_PEER_CLOSE, 0));
	}
	call(B, "");
	ck_assert_ptr_nonnull(output(B, CORE_PEER_CLOSE, 0));
	node_step(B,
	    (struct core_event){.type = CORE_PEER_DOWN,
		.session = output(B, CORE_PEER_CLOSE, 0)->session - 1,
		.text = "too slow"});
	call(B, "");
	ck_assert_ptr_null(output(B, CORE_PEER_CLOSE, 0));
}
END_TEST

/* Dialling. */

static bool
dials_c(void)
{
	return output(B, CORE_PEER_DIAL, 0) != NULL;
}

static uint64_t
dialled(bool up)
{
	uint64_t session = rig_session(B);

	ck_assert_str_eq(output(B, CORE_PEER_DIAL, 0)->node->name, "c");
	node_step(B,
	    (struct core_event){
		.type = CORE_PEER_DIALLED, .session = session, .node = "c"});
	node_step(B,
	    (struct core_event){.type = up ? CORE_PEER_UP : CORE_PEER_DOWN,
		.session = session,
		.node = "c",
		.dialled = true,
		.text = "refused"});
	return session;
}

static int64_t
next_dial(void)
{
	int64_t before = rig_now.us;

	ck_assert(run_until(dials_c, 20000));
	return (rig_now.us - before) / 1000;
}

static void
until_dialled(void)
{
	rig_setup();
	n_nodes = 3;
	nodes[B].no_peers_dialled = true;
	start(B);
	if (!dials_c())
		next_dial();
}

/* Full jitter under bounds that double. */
START_TEST(back_off)
{
	int64_t max = 200, total = 0;

	for (int i = 0; i < 50; i++) {
		int64_t took;

		dialled(false);
		took = next_dial();
		ck_assert_msg(took <= max, "%d: %d ms", i, (int)took);
		total += took;
		if (max < 2000)
			max = max * 2 > 2000 ? 2000 : max * 2;
	}
	ck_assert(total > 50 * 500 && total < 50 * 1500);
	ck_assert_uint_eq(count_logged(B, CORE_WARNING, "node c: cannot"), 1);
}
END_TEST

START_TEST(back_off_begins_anew)
{
	struct peer_message m;

	for (int i = 0; i < 20; i++) {
		dialled(false);
		next_dial();
	}
	m = hello_of(B, "c");
	say(B, dialled(true), &m);
	ck_assert_int_eq(peer("c")->state, PEER_TALKING);
	node_step(B,
	    (struct core_event){.type = CORE_PEER_DOWN,
		.session = peer("c")->session,
		.text = "reset"});
	ck_assert(logged(B, CORE_WARNING, "node c: lost: reset"));
	ck_assert(next_dial() <= 200);
}
END_TEST

START_TEST(dialled_and_wrong)
{
	struct peer_message m = hello_of(B, "c");
	uint64_t session = dialled(true);

	other_seed(&m.hello);
	say(B, session, &m);
	ck_assert_int_eq(refusal(session), PEER_ERROR_SEED);
	ck_assert_ptr_null(output(B, CORE_PEER_CLOSE, 1));
	ck_assert_ptr_nonnull(
	    strstr(peer("c")->trouble.text, "its cluster.seed"));
	ck_assert(next_dial() >= 5000);
}
END_TEST

START_TEST(dialled_another)
{
	struct peer_message m = hello_of(B, "a");
	uint64_t session = dialled(true);

	say(B, session, &m);
	ck_assert_int_eq(refusal(session), PEER_ERROR_NODE);
	ck_assert_int_eq(peer("a")->state, PEER_AWAY);
	ck_assert_int_eq(peer("c")->state, PEER_AWAY);
	ck_assert(next_dial() >= 5000);
}
END_TEST

START_TEST(dialled_and_mute)
{
	dialled(true);
	run(4990);
	ck_assert_int_eq(peer("c")->state, PEER_GREETING);
	run(20);
	ck_assert_int_ne(peer("c")->state, PEER_GREETING);
}
END_TEST

START_TEST(dialled_and_refused)
{
	struct peer_message m = {.kind = PEER_ERROR,
	    .error = {PEER_ERROR_CLUSTER, "this is another cluster"}};
	uint64_t session = dialled(true);

	say(B, session, &m);
	ck_assert_ptr_null(sent(B, PEER_ERROR, 0));
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, session);
	ck_assert(logged(
	    B, CORE_ALARM, "it refuses this node: this is another cluster"));
	ck_assert(next_dial() >= 5000);
}
END_TEST

START_TEST(dialled_without_memory)
{
	node_step(
	    B, (struct core_event){.type = CORE_PEER_DIALLED, .node = "c"});
	ck_assert_int_eq(peer("c")->state, PEER_AWAY);
	ck_assert(next_dial() <= 200);
}
END_TEST

START_TEST(dialled_in_vain)
{
	node_step(B,
	    (struct core_event){
		.type = CORE_PEER_DIALLED, .session = 900, .node = "a"});
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, 900);
	node_step(B,
	    (struct core_event){.type = CORE_PEER_UP,
		.session = 901,
		.node = "c",
		.dialled = true});
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, 901);
}
END_TEST

/* Heartbeats. */

static struct peer_heartbeat
last_beat(void)
{
	const struct peer_message *m = sent(B, PEER_HEARTBEAT, 0);

	ck_assert_ptr_nonnull(m);
	return m->heartbeat;
}

START_TEST(beats_every_second)
{
	size_t before;
	struct beat beat = {.node = "a", .incarnation = 1000};
	uint64_t session = with_a(5);

	before = nodes[B].told[PEER_HEARTBEAT];
	for (int i = 0; i < 10; i++) {
		struct peer_message m;

		run(1000);
		m = beat_like(B, &beat);
		say(B, session, &m);
	}
	ck_assert_uint_ge(nodes[B].told[PEER_HEARTBEAT], before + 9);
	ck_assert_uint_le(nodes[B].told[PEER_HEARTBEAT], before + 16);
}
END_TEST

static bool
beats(void)
{
	return sent(B, PEER_HEARTBEAT, 0) != NULL;
}

/* A digest that changes is told at once, many in 5 ms once. */
START_TEST(beats_at_once)
{
	size_t before;
	int64_t since;

	with_a(5);
	run(300);
	before = nodes[B].told[PEER_HEARTBEAT];
	since = rig_now.us;
	change_with(B, 1, CONTROL_SET, "web", NULL, "panic=9", true, false);
	ck_assert(run_until(beats, 500));
	ck_assert(rig_now.us - since <= 5000);
	ck_assert_mem_eq(last_beat().config, nodes[B].core->cluster.config,
	    REPLICA_DIGEST_LEN);
	ck_assert_mem_eq(last_beat().persisted, nodes[B].core->cluster.config,
	    REPLICA_DIGEST_LEN);
	for (int i = 0; i < 20; i++)
		change_with(
		    B, 2, CONTROL_SET, "web", NULL, "panic=8", true, false);
	run(100);
	ck_assert_uint_le(nodes[B].told[PEER_HEARTBEAT], before + 4);
}
END_TEST

START_TEST(beat_says_all)
{
	struct peer_heartbeat b;

	run(5000);
	with_a(5);
	b = last_beat();
	ck_assert(b.installed && b.joined && b.announcing && !b.draining);
	ck_assert_uint_eq(b.n_beats, 1);
	ck_assert_str_eq(b.beats[0].node, "b");
	ck_assert_uint_gt(b.beats[0].obs_seq, 0);
	ck_assert_mem_eq(
	    b.root, nodes[B].core->cluster.root, REPLICA_DIGEST_LEN);
	ck_assert_mem_eq(
	    b.observed, nodes[B].core->cluster.observed, REPLICA_DIGEST_LEN);
}
END_TEST

/* A beat that is not of the peer itself counts as relayed at most. */
START_TEST(beat_of_another)
{
	struct beat beat = {.node = "c", .incarnation = 7, .hb_seq = 1};
	uint64_t session = with_a(5);
	struct peer_message m = beat_like(B, &beat);

	say(B, session, &m);
	ck_assert(
	    !freshness_is_fresh(nodes[B].core->cluster.fresh, rig_now, "c"));
}
END_TEST

START_TEST(beat_of_itself)
{
	struct beat beats[2] = {
	    {.node = "a", .incarnation = 1000}, {.node = "b", .hb_seq = 1}};
	uint64_t session = with_a(5), own;
	struct peer_message m;

	for (int i = 0; i < 3; i++) {
		own = freshness_own(nodes[B].core->cluster.fresh)->incarnation;
		m = beat_like(B, &beats[0]);
		beats[1].incarnation = own + 9;
		m.heartbeat.beats = beats;
		m.heartbeat.n_beats = 2;
		ck_assert(!logged(B, CORE_ALARM, "calls itself b"));
		say(B, session, &m);
		ck_assert_uint_eq(
		    freshness_own(nodes[B].core->cluster.fresh)->incarnation,
		    own + 10);
		run(500);
		ck_assert_uint_eq(nodes[B].disk.incarnation, own + 10);
	}
	ck_assert(logged(B, CORE_ALARM, "another node calls itself b"));
}
END_TEST

/* Another file. */

static void
reload(void)
{
	node_step(B,
	    (struct core_event){
		.type = CORE_CONFIG_LOADED, .conf = rig_conf(B)});
}

START_TEST(node_goes_and_comes)
{
	dialled(true);
	n_nodes = 2;
	reload();
	ck_assert_uint_eq(output(B, CORE_PEER_CLOSE, 0)->session, 1);
	ck_assert_ptr_null(peer("c"));
	ck_assert_ptr_nonnull(peer("a"));
	n_nodes = 3;
	reload();
	ck_assert_ptr_nonnull(peer("c"));
	ck_assert(dials_c());
}
END_TEST

START_TEST(node_stays)
{
	uint64_t session = with_a(5);

	reload();
	ck_assert_ptr_null(output(B, CORE_PEER_CLOSE, 0));
	ck_assert_uint_eq(peer("a")->session, session);
	ck_assert_ptr_eq(peer("a")->node,
	    conf_cluster_node(&nodes[B].core->file->cluster, "a"));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core_peer");
	TCase *tc = tcase_create("called");

	tcase_add_checked_fixture(tc, b_alone, rig_teardown);
	tcase_add_test(tc, hello);
	tcase_add_loop_test(tc, hello_refused, 0, ROWS(refusals));
	tcase_add_test(tc, hello_of_a_later_version);
	tcase_add_test(tc, message_before_hello);
	tcase_add_test(tc, malformed_before_hello);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, hello_twice);
	tcase_add_test(tc, second_session_of_a_process);
	tcase_add_test(tc, two_processes);
	tcase_add_test(tc, silence);
	tcase_add_test(tc, refused_by_the_other);
	tcase_add_test(tc, goodbye);
	tcase_add_test(tc, says_goodbye);
	tcase_add_test(tc, guests_without_end);
	tcase_add_test(tc, beats_every_second);
	tcase_add_test(tc, beats_at_once);
	tcase_add_test(tc, beat_says_all);
	tcase_add_test(tc, beat_of_another);
	tcase_add_test(tc, beat_of_itself);
	tcase_add_test(tc, node_stays);
	suite_add_tcase(s, tc);
	tc = tcase_create("dials");
	tcase_add_checked_fixture(tc, until_dialled, rig_teardown);
	tcase_add_test(tc, back_off);
	tcase_add_test(tc, back_off_begins_anew);
	tcase_add_test(tc, dialled_and_wrong);
	tcase_add_test(tc, dialled_another);
	tcase_add_test(tc, dialled_and_mute);
	tcase_add_test(tc, dialled_and_refused);
	tcase_add_test(tc, dialled_without_memory);
	tcase_add_test(tc, dialled_in_vain);
	tcase_add_test(tc, node_goes_and_comes);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
