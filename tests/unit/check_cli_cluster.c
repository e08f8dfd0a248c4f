/* SPDX-License-Identifier: Apache-2.0 */
/* What guideway says of a cluster, in each state that one can be in. */
#include "config.h"

#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/cluster.h"
#include "tests/unit/fake_agent.h"
#include "tests/unit/unit.h"

static struct cli_run run;
static struct control_cluster_node nodes[3];
static struct control_cluster cluster;

/* Three nodes, all well. */
static void
setup(void)
{
	static const char *const names[] = {"lb1", "lb2", "lb3"};

	for (size_t i = 0; i < 3; i++) {
		nodes[i] = (struct control_cluster_node){.name = names[i],
		    .self = i == 0,
		    .connected = true,
		    .trouble = "",
		    .fresh = true,
		    .version = "1.0",
		    .joined = true,
		    .announcing = true,
		    .installed = true,
		    .clock_ms = 12 * (int64_t)i,
		    .fault = ""};
		nodes[i].addr = (struct addr){{[10] = 0xff,
		    [11] = 0xff,
		    [12] = 192,
		    [14] = 2,
		    [15] = (uint8_t)(11 + i)}};
		memset(nodes[i].config, 0xc0, REPORT_DIGEST_LEN);
		memset(nodes[i].observed, 0x0b, REPORT_DIGEST_LEN);
		memset(nodes[i].root, 0x7a, REPORT_DIGEST_LEN);
	}
	cluster = (struct control_cluster){.name = "edge",
	    .self = "lb1",
	    .trust = "psk",
	    .joined = true,
	    .waiting = "",
	    .nodes = nodes,
	    .n_nodes = 3,
	    .identical = true,
	    .services = 2,
	    .backends = 5};
}

static void
differing(size_t i, const char *fault)
{
	nodes[i].root[0] ^= 1;
	nodes[i].differs_ms = 12345;
	nodes[i].fault = fault;
	cluster.identical = false;
}

static void
silent(size_t i)
{
	nodes[i].connected = nodes[i].fresh = false;
	nodes[i].trouble = "connection refused";
}

static void
well(void)
{
}

static void
one_silent(void)
{
	silent(2);
}

static void
one_left(void)
{
	silent(2);
	nodes[2].left = true;
}

static void
alone(void)
{
	cluster.n_nodes = 1;
}

static void
configuration_differs(void)
{
	differing(1, "configuration");
}

static void
health_differs(void)
{
	differing(1, "observations");
}

static void
software_differs(void)
{
	differing(1, "software");
	silent(2);
}

static void
clocks_differ(void)
{
	differing(1, "clocks");
}

/* Not yet noticed, so without a fault. */
static void
just_differs(void)
{
	nodes[2].root[0] ^= 1;
}

static void
two_differ(void)
{
	differing(1, "configuration");
	differing(2, "configuration");
}

static void
relayed(void)
{
	silent(2);
	nodes[2].fresh = true;
}

static void
not_installed(void)
{
	nodes[0].installed = false;
}

static void
not_identical(void)
{
	cluster.identical = false;
}

static void
not_joined(void)
{
	cluster.joined = false;
	cluster.waiting = "the configuration of lb2";
}

static const struct line_row {
	void (*spoil)(void);
	bool same;
	const char *line, *complaint;
} line_rows[] = {
    {well, true, "3 nodes, tables identical", NULL},
    {one_silent, true, "2 of 3 nodes heard, tables identical", NULL},
    {one_left, true, "2 nodes, tables identical", NULL},
    {alone, true, "1 node, tables identical", NULL},
    {configuration_differs, false,
	"3 nodes, lb2: its tables have differed for 12 s: it does not "
	"have the same services and backends",
	"guideway: lb2: its tables have differed for 12 s: it does not have "
	"the same services and backends\n"},
    {health_differs, false,
	"3 nodes, lb2: its tables have differed for 12 s: it does not "
	"know the same of the backends' health",
	"guideway: lb2: its tables have differed for 12 s: it does not know "
	"the same of the backends' health\n"},
    {software_differs, false,
	"2 of 3 nodes heard, lb2: its tables have differed for 12 s: it "
	"makes other tables of the same; compare the versions, and report it",
	"guideway: lb2: its tables have differed for 12 s: it makes other "
	"tables of the same; compare the versions, and report it\n"},
    {just_differs, false, "3 nodes, lb3: its tables have differed for 0 s",
	"guideway: lb3: its tables have differed for 0 s\n"},
    {clocks_differ, false,
	"3 nodes, lb2: its tables have differed for 12 s: its clock is not "
	"ours, by which backends ramp",
	"guideway: lb2: its tables have differed for 12 s: its clock is not "
	"ours, by which backends ramp\n"},
    {two_differ, false,
	"3 nodes, lb2: its tables have differed for 12 s: it does not "
	"have the same services and backends (and 1 more)",
	"guideway: lb2: its tables have differed for 12 s: it does not have "
	"the same services and backends\n"
	"guideway: lb3: its tables have differed for 12 s: it does not have "
	"the same services and backends\n"},
    {relayed, false,
	"3 nodes, lb3: it is heard through others, so its tables are not "
	"known here; connection refused",
	"guideway: lb3: it is heard through others, so its tables are not "
	"known here; connection refused\n"},
    {not_installed, false,
	"3 nodes, lb1: its balancer does not serve its tables",
	"guideway: lb1: its balancer does not serve its tables\n"},
    {not_identical, false, "3 nodes, tables not known to be identical",
	"guideway: the tables are not known to be identical yet\n"},
    {not_joined, true, "3 nodes, not joined: the configuration of lb2", NULL},
};

START_TEST(line)
{
	const struct line_row *row = &line_rows[_i];
	char words[CLUSTER_WORDS_MAX];

	row->spoil();
	ck_assert_str_eq(cluster_line(&cluster, words), row->line);
	ck_assert_int_eq(cluster_same(&cluster), row->same);
}
END_TEST

/* The answer to a look at the cluster is as it is at that time. */
#define CLUSTER_REPLY(c) \
	{ \
		CONTROL_CLUSTER, \
		{ \
			.kind = CONTROL_CLUSTER, .cluster = (c) \
		} \
	}

START_TEST(verifies)
{
	const struct line_row *row = &line_rows[_i];
	struct fake_answer answers[] = {CLUSTER_REPLY(cluster)};

	row->spoil();
	answers[0].reply.cluster = cluster;
	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|verify|--timeout|0");
	ck_assert_str_eq(run.asked, "cluster\n");
	ck_assert_str_eq(run.err, row->complaint != NULL ? row->complaint : "");
	ck_assert_int_eq(run.status, row->same ? CLI_OK : CLI_PENDING);
}
END_TEST

START_TEST(verify_shows_digests)
{
	struct fake_answer answers[] = {CLUSTER_REPLY(cluster)};

	differing(1, "configuration");
	nodes[1].config[0] = 0xc1;
	silent(2);
	answers[0].reply.cluster = cluster;
	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|verify|--timeout|0");
	ck_assert_str_eq(run.out,
	    "NODE  TABLES            CONFIGURATION     HEALTH            "
	    "SERVES "
	    "THEM\n"
	    "lb1   7a7a7a7a7a7a7a7a  c0c0c0c0c0c0c0c0  0b0b0b0b0b0b0b0b  yes\n"
	    "lb2   7b7a7a7a7a7a7a7a  c1c0c0c0c0c0c0c0  0b0b0b0b0b0b0b0b  no\n"
	    "lb3   not known         not known         not known         is "
	    "not "
	    "heard\n");
}
END_TEST

/* It looks again, and ends as soon as they are the same. */
START_TEST(verify_waits)
{
	struct fake_answer answers[] = {
	    CLUSTER_REPLY(cluster), CLUSTER_REPLY(cluster)};

	answers[0].reply.cluster.identical = false;
	fake_agent_start(answers, 2);
	cli_run(&run, "cluster|verify");
	ck_assert_str_eq(run.err, "");
	ck_assert_ptr_nonnull(
	    strstr(run.out, "all 3 nodes serve the same tables\n"));
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(verify_without_all)
{
	struct fake_answer answers[] = {CLUSTER_REPLY(cluster)};

	silent(1);
	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|verify");
	ck_assert_ptr_nonnull(strstr(run.out,
	    "all nodes that are heard, 2 of 3, serve the same tables\n"));
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(status_of_all_well)
{
	struct fake_answer answers[] = {CLUSTER_REPLY(cluster)};

	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|status");
	ck_assert_str_eq(run.out,
	    "cluster  edge\n"
	    "node     lb1, trust by psk\n"
	    "state    3 nodes, tables identical\n"
	    "objects  2 services, 5 backends\n"
	    "\n"
	    "NODE  ADDRESS     STATE      JOINED  ANNOUNCES  CONFIG    HEALTH  "
	    "  TABLES     CLOCK  VERSION  WHAT IS WRONG\n"
	    "lb1   192.0.2.11  this node  yes     yes        c0c0c0c0  0b0b0b0b"
	    "  7a7a7a7a       -  1.0\n"
	    "lb2   192.0.2.12  connected  yes     yes        c0c0c0c0  0b0b0b0b"
	    "  7a7a7a7a  +12 ms  1.0\n"
	    "lb3   192.0.2.13  connected  yes     yes        c0c0c0c0  0b0b0b0b"
	    "  7a7a7a7a  +24 ms  1.0\n");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(status_of_trouble)
{
	static struct control_ignored ignored[] = {
	    {"backend web 10.1.0.7", "its service is not there"}};
	static const char *differs[] = {
	    "service web: table_size is 65536, the file says 1024"};
	struct fake_answer answers[] = {CLUSTER_REPLY(cluster)};

	differing(1, "observations");
	nodes[1].clock_ms = -90000;
	nodes[1].draining = true;
	silent(2);
	cluster.ignored = ignored;
	cluster.n_ignored = 1;
	cluster.file_differs = differs;
	cluster.n_file_differs = 1;
	answers[0].reply.cluster = cluster;
	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|status");
	ck_assert_str_eq(run.out,
	    "cluster  edge\n"
	    "node     lb1, trust by psk\n"
	    "state    2 of 3 nodes heard, lb2: its tables have differed "
	    "for 12 s: it does not know the same of the backends' health\n"
	    "objects  2 services, 5 backends\n"
	    "\n"
	    "NODE  ADDRESS     STATE      JOINED  ANNOUNCES      CONFIG  "
	    "  HEALTH    TABLES        CLOCK  VERSION  WHAT IS WRONG\n"
	    "lb1   192.0.2.11  this node  yes     yes            c0c0c0c0"
	    "  0b0b0b0b  7a7a7a7a          -  1.0\n"
	    "lb2   192.0.2.12  connected  yes     yes, draining  c0c0c0c0"
	    "  0b0b0b0b  7b7a7a7a  -90000 ms  1.0      its tables have di"
	    "ffered for 12 s: it does not know the same of the backends' "
	    "health\n"
	    "lb3   192.0.2.13  not heard  -       -              -       "
	    "  -         -                 -  -        connection refused"
	    "\n"
	    "\n"
	    "TAKES NO PART         WHY\n"
	    "backend web 10.1.0.7  its service is not there\n"
	    "\n"
	    "THE FILE SAYS OTHERWISE, and is not what counts:\n"
	    "service web: table_size is 65536, the file says 1024\n");
}
END_TEST

START_TEST(status_as_json)
{
	struct fake_answer answers[] = {CLUSTER_REPLY(cluster)};

	cluster.n_nodes = 1;
	answers[0].reply.cluster = cluster;
	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|status|--json");
	ck_assert_str_eq(run.out,
	    "{\n"
	    "  \"name\": \"edge\",\n"
	    "  \"self\": \"lb1\",\n"
	    "  \"trust\": \"psk\",\n"
	    "  \"joined\": true,\n"
	    "  \"waiting\": \"\",\n"
	    "  \"identical\": true,\n"
	    "  \"verified\": true,\n"
	    "  \"services\": 2,\n"
	    "  \"backends\": 5,\n"
	    "  \"nodes\": [\n"
	    "    {\n"
	    "      \"name\": \"lb1\",\n"
	    "      \"address\": \"192.0.2.11\",\n"
	    "      \"self\": true,\n"
	    "      \"connected\": true,\n"
	    "      \"trouble\": \"\",\n"
	    "      \"heard\": true,\n"
	    "      \"left\": false,\n"
	    "      \"lacks\": null,\n"
	    "      \"version\": \"1.0\",\n"
	    "      \"joined\": true,\n"
	    "      \"announcing\": true,\n"
	    "      \"draining\": false,\n"
	    "      \"installed\": true,\n"
	    "      \"clock_ms\": 0,\n"
	    "      \"config_digest\": \"c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\",\n"
	    "      \"observed_digest\": \"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b\","
	    "\n"
	    "      \"root_digest\": \"7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a\",\n"
	    "      \"differs_ms\": 0,\n"
	    "      \"fault\": \"\",\n"
	    "      \"flows_dropped\": 0\n"
	    "    }\n"
	    "  ],\n"
	    "  \"ignored\": [],\n"
	    "  \"file_differs\": []\n"
	    "}\n");
}
END_TEST

START_TEST(in_no_cluster)
{
	static const char *const commands[] = {
	    "cluster|status", "cluster|verify", "cluster|status|--json"};
	const struct fake_answer answers[] = {
	    CLUSTER_REPLY((struct control_cluster){.name = ""})};

	fake_agent_start(answers, 1);
	for (size_t i = 0; i < 3; i++) {
		cli_run(&run, commands[i]);
		ck_assert_str_eq(run.out, "");
		ck_assert_ptr_nonnull(
		    strstr(run.err, "this node is in no cluster"));
		ck_assert_int_eq(run.status, CLI_FAILED);
	}
}
END_TEST

/* A change that waits is done when the tables are, whoever lacked it first. */
START_TEST(change_waits)
{
	static const struct control_missing missing[] = {{"lb2", "slow"}};
	struct fake_answer answers[] = {{CONTROL_CHANGE,
					    {.kind = CONTROL_CHANGE,
						.outcome = {.waited = true,
						    .missing = missing,
						    .n_missing = 1,
						    .copies = 2,
						    .nodes = 3}}},
	    CLUSTER_REPLY(cluster), CLUSTER_REPLY(cluster)};

	answers[1].reply.cluster.identical = false;
	fake_agent_start(answers, 3);
	cli_run(&run, "backend|enable|web|10.1.0.7|--wait");
	ck_assert_str_eq(
	    run.asked, "change set web 10.1.0.7 state=enabled\ncluster\n");
	ck_assert_str_eq(run.out, "done; 3 nodes, tables identical\n");
	ck_assert_str_eq(run.err, "");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(change_waits_in_vain)
{
	struct fake_answer answers[] = {
	    {CONTROL_CHANGE,
		{.kind = CONTROL_CHANGE,
		    .outcome = {.waited = true, .copies = 3, .nodes = 3}}},
	    CLUSTER_REPLY(cluster)};

	differing(1, "software");
	answers[1].reply.cluster = cluster;
	fake_agent_start(answers, 2);
	cli_run(&run, "backend|enable|web|10.1.0.7|--wait|--timeout|1");
	ck_assert_str_eq(run.err, line_rows[6].complaint);
	ck_assert_int_eq(run.status, CLI_PENDING);
	cli_run(&run, "backend|enable|web|10.1.0.7|--wait|--timeout|0|--json");
	ck_assert_ptr_nonnull(strstr(run.out, "\"verified\": false"));
	ck_assert_int_eq(run.status, CLI_PENDING);
}
END_TEST

static const struct fake_answer leave_answer = {
    CONTROL_LEAVE, {.kind = CONTROL_LEAVE, .node = {.name = "lb1"}}};

START_TEST(leaves)
{
	struct fake_answer answers[] = {
	    leave_answer, CLUSTER_REPLY(cluster), CLUSTER_REPLY(cluster)};
	struct control_cluster_node after[3];

	fake_agent_start(answers, 1);
	cli_run(&run, "cluster|leave");
	ck_assert_str_eq(run.out,
	    "lb1: leaving; 'guideway cluster leave --wait' says when it has "
	    "left\n");
	ck_assert_int_eq(run.status, CLI_OK);
	memcpy(after, nodes, sizeof(after));
	after[0].left = true;
	after[0].announcing = false;
	answers[2].reply.cluster.nodes = after;
	fake_agent_start(answers, 3);
	cli_run(&run, "cluster|leave|--wait");
	ck_assert_str_eq(run.asked, "leave\ncluster\n");
	ck_assert_str_eq(run.out,
	    "lb1: leaving, still announcing its routes\nlb1: has left\n");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(leaves_in_vain)
{
	const struct fake_answer answers[] = {
	    leave_answer, CLUSTER_REPLY(cluster)};

	fake_agent_start(answers, 2);
	cli_run(&run, "cluster|leave|--wait|--timeout|0");
	ck_assert_str_eq(
	    run.err, "guideway: accepted, but not done within 0 s\n");
	ck_assert_int_eq(run.status, CLI_PENDING);
	cli_run(&run, "cluster|leave|now");
	ck_assert_int_eq(run.status, CLI_USAGE);
	cli_run(&run, "cluster|leave|--timeout|3");
	ck_assert_int_eq(run.status, CLI_USAGE);
}
END_TEST

/* Another node: what it does is seen through the cluster. */
static const struct fake_answer here = {
    CONTROL_STATUS, {.kind = CONTROL_STATUS, .node = {.name = "lb1"}}};

START_TEST(drains_another)
{
	struct fake_answer answers[] = {
	    {CONTROL_DRAIN, {.kind = CONTROL_DRAIN, .node = {.name = "lb2"}}},
	    here, CLUSTER_REPLY(cluster), CLUSTER_REPLY(cluster),
	    CLUSTER_REPLY(cluster)};
	struct control_cluster_node heeded[3], gone[3];

	memcpy(heeded, nodes, sizeof(heeded));
	heeded[1].draining = true;
	memcpy(gone, heeded, sizeof(gone));
	gone[1].announcing = false;
	answers[3].reply.cluster.nodes = heeded;
	answers[4].reply.cluster.nodes = gone;
	fake_agent_start(answers, 5);
	cli_run(&run, "node|drain|lb2|--force");
	ck_assert_str_eq(run.asked, "drain lb2 force\nstatus\ncluster\n");
	ck_assert_str_eq(run.out,
	    "lb2: to be drained, has not heeded it yet\n"
	    "lb2: being withdrawn\n"
	    "lb2: withdrawn; whether packets still come, only it can tell\n");
	ck_assert_str_eq(run.err, "");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(undrains_another)
{
	struct fake_answer answers[] = {
	    {CONTROL_UNDRAIN,
		{.kind = CONTROL_UNDRAIN, .node = {.name = "lb2"}}},
	    here, CLUSTER_REPLY(cluster)};

	nodes[1].announcing = false;
	fake_agent_start(answers, 3);
	cli_run(&run, "node|undrain|lb2");
	ck_assert_str_eq(run.out, "lb2: undrained, does not announce yet\n");
	ck_assert_int_eq(run.status, CLI_OK);
	cli_run(&run, "node|undrain|lb2|--wait|--timeout|0|--json");
	ck_assert_ptr_nonnull(strstr(run.out, "\"done\": false"));
	ck_assert_int_eq(run.status, CLI_PENDING);
	cli_run(&run, "node|undrain|--force|lb2");
	ck_assert_int_eq(run.status, CLI_USAGE);
}
END_TEST

START_TEST(drains_one_that_is_away)
{
	struct fake_answer answers[] = {
	    {CONTROL_DRAIN, {.kind = CONTROL_DRAIN, .node = {.name = "lb3"}}},
	    here, CLUSTER_REPLY(cluster)};

	silent(2);
	fake_agent_start(answers, 3);
	cli_run(&run, "node|drain|lb3|--wait|--timeout|0");
	ck_assert_str_eq(
	    run.out, "lb3: not connected; it will hear of it when it is\n");
	ck_assert_int_eq(run.status, CLI_PENDING);
}
END_TEST

/* guideway status, with and without an agent that knows of clusters. */
START_TEST(node_status)
{
	struct fake_answer answers[] = {here, CLUSTER_REPLY(cluster)};

	fake_agent_start(answers, 2);
	cli_run(&run, "status");
	ck_assert_ptr_nonnull(strstr(run.out,
	    "node           lb1\n"
	    "cluster        edge: 3 nodes, tables identical\n"));
	cli_run(&run, "status|--json");
	ck_assert_ptr_nonnull(strstr(run.out, "\"cluster\": {"));
	answers[1].reply = (struct control_reply){.kind = CONTROL_ERROR,
	    .error = "a command this agent does not "
		     "know"};
	fake_agent_start(answers, 2);
	cli_run(&run, "status");
	ck_assert_ptr_null(strstr(run.out, "cluster"));
	ck_assert_str_eq(run.err, "");
	ck_assert_int_eq(run.status, CLI_OK);
	cli_run(&run, "status|--json");
	ck_assert_ptr_nonnull(strstr(run.out, "\"cluster\": null"));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("cli_cluster");
	TCase *tc = tcase_create("cli_cluster");

	tcase_add_checked_fixture(tc, setup, fake_agent_stop);
	tcase_add_loop_test(tc, line, 0, ROWS(line_rows));
	tcase_add_loop_test(tc, verifies, 0, ROWS(line_rows));
	tcase_add_test(tc, verify_shows_digests);
	tcase_add_test(tc, verify_waits);
	tcase_add_test(tc, verify_without_all);
	tcase_add_test(tc, status_of_all_well);
	tcase_add_test(tc, status_of_trouble);
	tcase_add_test(tc, status_as_json);
	tcase_add_test(tc, in_no_cluster);
	tcase_add_test(tc, change_waits);
	tcase_add_test(tc, change_waits_in_vain);
	tcase_add_test(tc, leaves);
	tcase_add_test(tc, leaves_in_vain);
	tcase_add_test(tc, drains_another);
	tcase_add_test(tc, undrains_another);
	tcase_add_test(tc, drains_one_that_is_away);
	tcase_add_test(tc, node_status);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
