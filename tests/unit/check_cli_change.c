/* SPDX-License-Identifier: Apache-2.0 */
/* guideway backend and service: what is asked of the agent, and what is said of
 * its answers. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/args.h"
#include "agent/cli/cli.h"
#include "tests/unit/fake_agent.h"
#include "tests/unit/unit.h"

static struct cli_run run;

/* With this outcome, unless a test says otherwise. */
static const struct fake_answer all_done[] = {
    {CONTROL_CHANGE,
	{.kind = CONTROL_CHANGE,
	    .outcome = {.waited = true, .copies = 3, .nodes = 3}}},
};

static const struct ask_row {
	const char *args, *asked; /* asked NULL: wrong usage ... */
	const char *says;         /* ... with this on stderr */
} ask_rows[] = {
    {"backend|add|web|10.1.0.7", "change add web 10.1.0.7\n", NULL},
    {"backend|add|web|2001:db8::7|--weight|3|--state=draining",
	"change add web 2001:db8::7 weight=3;state=draining\n", NULL},
    {"backend|add|--force|web|10.1.0.7|--local",
	"change add web 10.1.0.7 local force\n", NULL},
    {"backend|weight|web|10.1.0.7|5", "change set web 10.1.0.7 weight=5\n",
	NULL},
    {"backend|drain|web|10.1.0.7", "change set web 10.1.0.7 state=draining\n",
	NULL},
    {"backend|enable|web|10.1.0.7", "change set web 10.1.0.7 state=enabled\n",
	NULL},
    {"backend|disable|web|10.1.0.7", "change set web 10.1.0.7 state=disabled\n",
	NULL},
    {"backend|remove|web|10.1.0.7|--now", "change remove web 10.1.0.7\n", NULL},
    {"service|add|web|vips=203.0.113.10|check=http port=80 path=/?a=b",
	"change add web vips=203.0.113.10;check=http port=80 path=/?a=b\n",
	NULL},
    {"service|set|web|check=", "change set web check=\n", NULL},
    {"service|remove|web|--now", "change remove web\n", NULL},
    {"backend|add|web", NULL, "a service and the address of a backend"},
    {"backend|add|w/b|10.1.0.7", NULL, "'w/b': a service's name has"},
    {"backend|add|web|10.1.0", NULL, "'10.1.0' is no IPv4 or IPv6 address"},
    {"backend|remove|web|::", NULL, "'::' is no IPv4 or IPv6 address"},
    {"backend|add|web|10.1.0.7|9", NULL, "'9' is one argument too many"},
    {"backend|add|web|10.1.0.7|--weight|1\nstate=up", NULL, "weight: only"},
    {"backend|add|web|10.1.0.7|--now", NULL, "does not take --now"},
    {"backend|add|web|10.1.0.7|--wait|--local", NULL, "give one of them"},
    {"backend|add|web|10.1.0.7|--timeout|3", NULL, "goes with --wait"},
    {"backend|weight|web|10.1.0.7", NULL, "a weight is needed"},
    {"backend|weight|web|10.1.0.7|1|2", NULL, "'2' is one argument too many"},
    {"backend|remove|web|10.1.0.7|--now|--quiet|3", NULL, "leave out --quiet"},
    {"backend|remove|web|10.1.0.7|--quiet|x", NULL, "--quiet must be"},
    {"backend|remove|web|10.1.0.7|--timeout|90000", NULL, "0..86400 seconds"},
    {"backend|list|a|b", NULL, "one service, or none"},
    {"service|add", NULL, "the name of a service is needed"},
    {"service|add|web", NULL, "KEY=VALUE is needed"},
    {"service|set|web|vips", NULL, "'vips': KEY=VALUE is needed"},
    {"service|set|web|=x", NULL, "'=x': KEY=VALUE is needed"},
    {"service|set|web|vi\nps=1", NULL, "the key: only printable"},
    {"service|remove|web|now", NULL, "'now' is one argument too many"},
    {"service|list|web", NULL, "takes no arguments"},
};

START_TEST(asks)
{
	const struct ask_row *row = &ask_rows[_i];

	fake_agent_start(all_done, ROWS(all_done));
	cli_run(&run, row->args);
	if (row->asked != NULL) {
		ck_assert_str_eq(run.asked, row->asked);
		ck_assert_str_eq(run.out, "done on all 3 nodes\n");
		ck_assert_str_eq(run.err, "");
		ck_assert_int_eq(run.status, CLI_OK);
		return;
	}
	ck_assert_str_eq(run.asked, "");
	ck_assert_str_eq(run.out, "");
	ck_assert_msg(strstr(run.err, row->says) != NULL, "%s", run.err);
	ck_assert_int_eq(run.status, CLI_USAGE);
}
END_TEST

START_TEST(fields_that_are_too_long)
{
	static char fields[CONTROL_FIELDS_MAX], value[CONTROL_FIELDS_MAX];
	struct errmsg why;

	memset(value, 'x', sizeof(value) - 1);
	value[CONTROL_FIELDS_MAX - 2] = '\0';
	ck_assert_int_eq(args_field(fields, "k", value, &why), -1);
	ck_assert_str_eq(fields, "");
	value[CONTROL_FIELDS_MAX - 3] = '\0';
	ck_assert_int_eq(args_field(fields, "k", value, &why), 0);
	ck_assert_int_eq(args_field(fields, "k", "", &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "too long"));
}
END_TEST

static const struct control_missing missing[] = {
    {"lb2", "its tables are not installed"},
    {"lb3", "its session is gone"},
};

static const struct outcome_row {
	struct control_outcome outcome;
	int status;
	const char *out, *err;
} outcome_rows[] = {
    {{.waited = true, .copies = 1, .nodes = 1}, CLI_OK, "done\n", ""},
    {{.waited = true, .copies = 2, .nodes = 2}, CLI_OK, "done on all 2 nodes\n",
	""},
    {{.waited = true, .copies = 2, .nodes = 3}, CLI_OK,
	"done on all nodes that are heard, 2 of 3\n", ""},
    {{.waited = false, .copies = 1, .nodes = 3}, CLI_OK,
	"done here; on the disks of 1 of 3 nodes\n", ""},
    {{.waited = false,
	 .missing = missing,
	 .n_missing = 2,
	 .copies = 1,
	 .nodes = 3},
	CLI_OK, "done here; on the disks of 1 of 3 nodes\n", ""},
    {{.waited = true, .copies = 1, .nodes = 3}, CLI_PENDING,
	"done here; on the disks of 1 of 3 nodes\n",
	"guideway: no other node is heard: until one is, the change is on this "
	"node's disk alone\n"},
    {{.waited = true,
	 .missing = missing,
	 .n_missing = 2,
	 .copies = 2,
	 .nodes = 3},
	CLI_PENDING, "done here; on the disks of 2 of 3 nodes\n",
	"guideway: lb2: its tables are not installed\n"
	"guideway: lb3: its session is gone\n"},
};

START_TEST(outcomes)
{
	const struct outcome_row *row = &outcome_rows[_i];
	const struct fake_answer answers[] = {{CONTROL_CHANGE,
	    {.kind = CONTROL_CHANGE, .outcome = row->outcome}}};

	fake_agent_start(answers, 1);
	cli_run(&run, "backend|enable|web|10.1.0.7");
	ck_assert_str_eq(run.out, row->out);
	ck_assert_str_eq(run.err, row->err);
	ck_assert_int_eq(run.status, row->status);
}
END_TEST

START_TEST(outcome_as_json)
{
	const struct fake_answer answers[] = {{CONTROL_CHANGE,
	    {.kind = CONTROL_CHANGE, .outcome = outcome_rows[6].outcome}}};

	fake_agent_start(answers, 1);
	cli_run(&run, "backend|enable|web|10.1.0.7|--json");
	ck_assert_str_eq(run.out,
	    "{\n"
	    "  \"waited\": true,\n"
	    "  \"copies\": 2,\n"
	    "  \"nodes\": 3,\n"
	    "  \"missing\": [\n"
	    "    {\n"
	    "      \"node\": \"lb2\",\n"
	    "      \"why\": \"its tables are not installed\"\n"
	    "    },\n"
	    "    {\n"
	    "      \"node\": \"lb3\",\n"
	    "      \"why\": \"its session is gone\"\n"
	    "    }\n"
	    "  ]\n"
	    "}\n");
	ck_assert_int_eq(run.status, CLI_PENDING);
}
END_TEST

START_TEST(refused)
{
	const struct fake_answer answers[] = {{CONTROL_CHANGE,
	    {.kind = CONTROL_ERROR,
		.error = "service web has no backend 10.1.0.7"}}};

	fake_agent_start(answers, 1);
	cli_run(&run, "backend|enable|web|10.1.0.7");
	ck_assert_str_eq(run.out, "");
	ck_assert_str_eq(
	    run.err, "guideway: service web has no backend 10.1.0.7\n");
	ck_assert_int_eq(run.status, CLI_FAILED);
}
END_TEST

/* Two services, with members in every state of health. */
#define MEMBER(last, w, p, want, is, up, down, here, here_why, since, n) \
	{ \
		.addr = {{[10] = 0xff, \
		    [11] = 0xff, \
		    [12] = 10, \
		    [13] = 1, \
		    [15] = (last)}}, \
		.weight = (w), .phi = (p), .intent = (want), .health = (is), \
		.votes_up = (up), .votes_down = (down), .own = (here), \
		.own_why = (here_why), .own_since_s = (since), .slots = (p), \
		.packets = (n), .interface = "", \
	}

static struct control_member web[] = {
    MEMBER(7, 1, 256, "enabled", "up", 3, 0, "up", "", 99, 1234),
    MEMBER(
	8, 2, 0, "enabled", "down", 0, 3, "down", "connection refused", 725, 5),
    MEMBER(9, 1, 0, "enabled", "down", 1, 2, "up", "", 30, 0),
    MEMBER(10, 1, 256, "enabled", "up", 2, 1, "flapping", "timeout", 12, 0),
    MEMBER(11, 1, 0, "draining", "unknown", 0, 0, "unknown", "", 0, 0),
};
static struct control_service service_web = {.name = "web",
    .table_size = 1024,
    .has_installed = true,
    .configured = 5,
    .taking = 2,
    .members = web,
    .n_members = 5,
    .check = "http port=80 path=/health"};
static struct control_member mail[] = {
    MEMBER(7, 1, 256, "enabled", "up", 0, 0, "", "", 0, 0)};
static struct control_service service_mail = {.name = "mail",
    .table_size = 1024,
    .configured = 1,
    .taking = 1,
    .members = mail,
    .n_members = 1,
    .check = "none",
    .panic = true};
static struct control_service both[2];

#define SERVICE_REPLY(s) \
	{ \
		CONTROL_SERVICE, \
		{ \
			.kind = CONTROL_SERVICE, .services = (s), \
			.n_services = 1 \
		} \
	}

START_TEST(list)
{
	const struct fake_answer answers[] = {
	    {CONTROL_STATUS,
		{.kind = CONTROL_STATUS, .services = both, .n_services = 2}},
	    SERVICE_REPLY(&service_web), SERVICE_REPLY(&service_mail)};

	both[0] = service_web;
	both[1] = service_mail;
	both[0].n_members = both[1].n_members = 0;
	fake_agent_start(answers, 3);
	cli_run(&run, "backend|list");
	ck_assert_str_eq(run.err, "");
	ck_assert_str_eq(run.asked, "status\nservice web\nservice mail\n");
	ck_assert_str_eq(run.out,
	    "SERVICE  BACKEND    WEIGHT  STATE     HEALTH      SHARE  PACKETS  "
	    "WHY\n"
	    "web      10.1.0.7        1  enabled   up 3/3    25.00 %     1234\n"
	    "web      10.1.0.8        2  enabled   down 3/3   0.00 %        5  "
	    "connection refused, for 12 min 5 s\n"
	    "web      10.1.0.9        1  enabled   down 2/3   0.00 %        0  "
	    "here up for 30 s, but the other nodes outvote it\n"
	    "web      10.1.0.10       1  enabled   up 2/3    25.00 %        0  "
	    "here flapping: timeout, for 12 s\n"
	    "web      10.1.0.11       1  draining  unknown    0.00 %        0\n"
	    "mail     10.1.0.7        1  enabled   up        25.00 %        "
	    "0\n");
}
END_TEST

START_TEST(list_as_json)
{
	const struct fake_answer answers[] = {SERVICE_REPLY(&service_mail)};

	fake_agent_start(answers, 1);
	cli_run(&run, "backend|list|mail|--json");
	ck_assert_str_eq(run.asked, "service mail\n");
	ck_assert_ptr_nonnull(strstr(run.out, "\"service\": \"mail\""));
	ck_assert_ptr_nonnull(strstr(run.out, "\"votes_up\": 0"));
	ck_assert_int_eq(run.out[0], '[');
}
END_TEST

/* Where it takes a part of its share; what takes all or nothing has its state.
 */
START_TEST(show_ramp)
{
	static const struct {
		uint16_t phi;
		const char *said;
	} parts[] = {{32, " ramping 1/8 "}, {96, " ramping 3/8 "},
	    {224, " ramping 7/8 "}, {256, " enabled "}, {0, " enabled "}};
	const struct fake_answer answers[] = {SERVICE_REPLY(&service_mail)};
	char json[16];

	mail[0].phi = parts[_i].phi;
	fake_agent_start(answers, 1);
	cli_run(&run, "service|show|mail");
	ck_assert_str_eq(run.err, "");
	ck_assert_msg(strstr(run.out, parts[_i].said) != NULL, "%s", run.out);
	ck_assert_int_eq(
	    strstr(run.out, "ramping") != NULL, parts[_i].phi % 256 != 0);
	fake_agent_start(answers, 1);
	cli_run(&run, "service|show|mail|--json");
	snprintf(json, sizeof(json), "\"phi\": %u,", parts[_i].phi);
	ck_assert_ptr_nonnull(strstr(run.out, json));
}
END_TEST

START_TEST(services)
{
	static const struct forwarding_endpoint endpoints[] = {
	    {.vip = {{[10] = 0xff,
		 [11] = 0xff,
		 [12] = 203,
		 [14] = 113,
		 [15] = 10}},
		.protocol = IPPROTO_TCP,
		.port = 80},
	    {.vip = {{0x20, 0x01, 0x0d, 0xb8, [15] = 16}},
		.protocol = IPPROTO_TCP,
		.port = 80}};
	const struct fake_answer answers[] = {{CONTROL_STATUS,
	    {.kind = CONTROL_STATUS, .services = both, .n_services = 2}}};

	both[0] = service_web;
	both[1] = service_mail;
	both[0].n_members = both[1].n_members = 0;
	both[0].endpoints = endpoints;
	both[0].n_endpoints = 2;
	fake_agent_start(answers, 1);
	cli_run(&run, "service|list");
	ck_assert_str_eq(run.err, "");
	ck_assert_str_eq(run.out,
	    "SERVICE  VIP                    UP         TABLE SIZE  CHECK\n"
	    "web      203.0.113.10:80/tcp    2/5              1024  http "
	    "port=80 path=/health\n"
	    "         [2001:db8::10]:80/tcp\n"
	    "mail                            1/1 panic        1024  none\n");
}
END_TEST

START_TEST(service_in_use)
{
	const struct fake_answer answers[] = {
	    SERVICE_REPLY(&service_web), all_done[0]};

	fake_agent_start(answers, 2);
	cli_run(&run, "service|remove|web");
	ck_assert_str_eq(run.asked, "service web\n");
	ck_assert_str_eq(run.err,
	    "guideway: service web has 2 backends that take traffic; drain or "
	    "remove them first, or give --now\n");
	ck_assert_int_eq(run.status, CLI_FAILED);
}
END_TEST

START_TEST(service_not_in_use)
{
	struct control_service idle = service_web;
	const struct fake_answer answers[] = {
	    SERVICE_REPLY(&idle), all_done[0]};

	idle.taking = 0;
	fake_agent_start(answers, 2);
	cli_run(&run, "service|remove|web");
	ck_assert_str_eq(run.asked, "service web\nchange remove web\n");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

/* The service as it stands in turn: its first member in this state, having been
 * sent so many packets. */
static struct control_service steps[8];
static struct control_member step_members[8];

static void
step(size_t i, const char *intent, uint64_t packets)
{
	step_members[i] = web[0];
	step_members[i].intent = intent;
	step_members[i].packets = packets;
	steps[i] = service_web;
	steps[i].members = &step_members[i];
	steps[i].n_members = 1;
}

START_TEST(removes_when_quiet)
{
	const struct fake_answer answers[] = {SERVICE_REPLY(&steps[0]),
	    SERVICE_REPLY(&steps[1]), SERVICE_REPLY(&steps[2]), all_done[0]};

	step(0, "enabled", 1);
	step(1, "draining", 1);
	step(2, "draining", 2);
	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|remove|web|10.1.0.7|--quiet|1");
	ck_assert_str_eq(run.asked,
	    "service web\n"
	    "change set web 10.1.0.7 state=draining\n"
	    "service web\n"
	    "change remove web 10.1.0.7\n");
	ck_assert_str_eq(run.out, "done on all 3 nodes\n");
	ck_assert_str_eq(run.err, "");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

/* What nodes say in turn of what still asks for it. */
static struct control_held_node held_nodes[] = {
    {"lb1", true, {7, 1, 0}},
    {"lb2", true, {9, 0, 0}},
    {"lb1", true, {0, 0, 5}},
    {"lb2", false, {0, 0, 0}},
    {"lb1", true, {0, 0, 5}},
    {"lb2", true, {0, 0, 6}},
};
#define HELD_REPLY(first, count) \
	{ \
		CONTROL_HELD, \
		{ \
			.kind = CONTROL_HELD, .held = { \
				.nodes = held_nodes + (first), \
				.n_nodes = (count) \
			} \
		} \
	}

/* Not before all have said so, twice. */
START_TEST(drains_and_waits)
{
	const struct fake_answer answers[] = {
	    HELD_REPLY(0, 2), HELD_REPLY(2, 2), HELD_REPLY(4, 2), all_done[0]};

	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|drain|web|10.1.0.7|--wait");
	ck_assert_str_eq(run.asked,
	    "change set web 10.1.0.7 state=draining\n"
	    "held web 10.1.0.7\n");
	ck_assert_str_eq(run.out,
	    "10.1.0.7: draining, 9 connections and 1 slot still ask for it\n"
	    "10.1.0.7: draining, nothing asks for it, but node lb2 has not "
	    "answered\n"
	    "10.1.0.7: drained, nothing asks for it any more\n");
	ck_assert_str_eq(run.err, "");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(drains_in_vain)
{
	const struct fake_answer answers[] = {HELD_REPLY(0, 2), all_done[0]};

	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|drain|web|10.1.0.7|--wait|--timeout|1");
	ck_assert_str_eq(run.out,
	    "10.1.0.7: draining, 9 connections and 1 slot still ask for it\n");
	ck_assert_str_eq(
	    run.err, "guideway: accepted, but not done within 1 s\n");
	ck_assert_int_eq(run.status, CLI_PENDING);
	cli_run(&run, "backend|drain|web|10.1.0.7|--wait|--timeout|0|--json");
	ck_assert_ptr_nonnull(strstr(run.out, "\"connections\": 9"));
	ck_assert_ptr_nonnull(strstr(run.out, "\"drained\": false"));
	ck_assert_int_eq(run.status, CLI_PENDING);
}
END_TEST

START_TEST(removes_when_nothing_asks)
{
	const struct fake_answer answers[] = {SERVICE_REPLY(&steps[0]),
	    SERVICE_REPLY(&steps[1]), HELD_REPLY(0, 2), HELD_REPLY(4, 2),
	    all_done[0]};

	step(0, "enabled", 1);
	step(1, "draining", 1);
	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|remove|web|10.1.0.7");
	ck_assert_str_eq(run.out, "done on all 3 nodes\n");
	ck_assert_str_eq(run.err, "");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

START_TEST(does_not_drain_twice)
{
	const struct fake_answer answers[] = {
	    SERVICE_REPLY(&steps[0]), all_done[0]};

	step(0, "disabled", 1);
	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|remove|web|10.1.0.7|--quiet|0|--force");
	ck_assert_str_eq(
	    run.asked, "service web\nchange remove web 10.1.0.7 force\n");
	ck_assert_int_eq(run.status, CLI_OK);
}
END_TEST

/* Of what a balancer that serves another table counts nothing follows. */
static const struct give_up_row {
	bool in_sync;
	size_t held; /* so many nodes say something of it */
	const char *err;
} give_up_rows[] = {
    {true, 0,
	"guideway: 10.1.0.7 is draining and not removed: packets still go to "
	"it, for this or another service; try again, or give --now\n"},
    {false, 0,
	"guideway: 10.1.0.7 is draining and not removed: the balancer does not "
	"say whether packets still go to it; see 'guideway status'\n"},
    {true, 1,
	"guideway: 10.1.0.7 is draining and not removed: 7 connections and 1 "
	"slot still ask for it; try again, or give --quiet or --now\n"},
};

START_TEST(gives_up)
{
	const struct fake_answer answers[] = {SERVICE_REPLY(&steps[0]),
	    HELD_REPLY(0, give_up_rows[_i].held), all_done[0]};

	step(0, "draining", 1);
	steps[0].has_installed = give_up_rows[_i].in_sync;
	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|remove|web|10.1.0.7|--timeout|1");
	ck_assert_ptr_nonnull(
	    strstr(run.asked, "service web\nheld web 10.1.0.7\n"));
	ck_assert_ptr_null(strstr(run.asked, "remove"));
	ck_assert_str_eq(run.out, "");
	ck_assert_str_eq(run.err, give_up_rows[_i].err);
	ck_assert_int_eq(run.status, CLI_PENDING);
}
END_TEST

START_TEST(enabled_meanwhile)
{
	const struct fake_answer answers[] = {
	    SERVICE_REPLY(&steps[0]), SERVICE_REPLY(&steps[1]), all_done[0]};

	step(0, "draining", 1);
	step(1, "enabled", 1);
	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|remove|web|10.1.0.7");
	ck_assert_str_eq(run.err,
	    "guideway: somebody has enabled 10.1.0.7 meanwhile; it is not "
	    "removed\n");
	ck_assert_int_eq(run.status, CLI_FAILED);
}
END_TEST

START_TEST(not_there)
{
	const struct fake_answer answers[] = {SERVICE_REPLY(&service_web)};

	fake_agent_start(answers, ROWS(answers));
	cli_run(&run, "backend|remove|web|10.1.0.99");
	ck_assert_str_eq(run.err,
	    "guideway: service web has no backend 10.1.0.99; 'guideway backend "
	    "list' shows them\n");
	ck_assert_int_eq(run.status, CLI_FAILED);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("cli_change");
	TCase *tc = tcase_create("cli_change");

	tcase_add_checked_fixture(tc, NULL, fake_agent_stop);
	tcase_add_loop_test(tc, asks, 0, ROWS(ask_rows));
	tcase_add_test(tc, fields_that_are_too_long);
	tcase_add_loop_test(tc, outcomes, 0, ROWS(outcome_rows));
	tcase_add_test(tc, outcome_as_json);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, list);
	tcase_add_test(tc, list_as_json);
	tcase_add_loop_test(tc, show_ramp, 0, 5);
	tcase_add_test(tc, services);
	tcase_add_test(tc, service_in_use);
	tcase_add_test(tc, service_not_in_use);
	tcase_add_test(tc, removes_when_quiet);
	tcase_add_test(tc, drains_and_waits);
	tcase_add_test(tc, drains_in_vain);
	tcase_add_test(tc, removes_when_nothing_asks);
	tcase_add_test(tc, does_not_drain_twice);
	tcase_add_loop_test(tc, gives_up, 0, ROWS(give_up_rows));
	tcase_add_test(tc, enabled_meanwhile);
	tcase_add_test(tc, not_there);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
