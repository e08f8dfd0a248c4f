/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/change.h"

#include <stdio.h>

#include "agent/cli/args.h"
#include "agent/cli/cluster.h"
#include "common/arena.h"

/* With one node's disk it would be lost, where there could be two. */
static bool
is_alone(const struct control_outcome *o)
{
	return o->waited && o->nodes > 1 && o->copies < 2;
}

int
change_status(const struct control_outcome *o)
{
	/* Who does not wait for the others has what was asked for. */
	return o->waited && (o->n_missing > 0 || is_alone(o)) ? CLI_PENDING
							      : CLI_OK;
}

const char *
change_line(const struct control_outcome *o, char buf[CHANGE_LINE_MAX])
{
	if (o->nodes <= 1)
		snprintf(buf, CHANGE_LINE_MAX, "done");
	else if (!o->waited || o->n_missing > 0 || is_alone(o))
		snprintf(buf, CHANGE_LINE_MAX,
		    "done here; on the disks of %u of %u nodes", o->copies,
		    o->nodes);
	else if (o->copies >= o->nodes)
		snprintf(
		    buf, CHANGE_LINE_MAX, "done on all %u nodes", o->nodes);
	else
		snprintf(buf, CHANGE_LINE_MAX,
		    "done on all nodes that are heard, %u of %u", o->copies,
		    o->nodes);
	return buf;
}

static void
complain(const struct control_outcome *o)
{
	for (size_t i = 0; i < o->n_missing && o->waited; i++)
		cli_error("%s: %s", o->missing[i].node, o->missing[i].why);
	if (o->n_missing == 0 && is_alone(o))
		cli_error("no other node is heard: until one is, the change is "
			  "on this node's disk alone");
}

static json_t *
outcome_json(const struct control_outcome *o)
{
	json_t *missing = cli_json(json_array());

	for (size_t i = 0; i < o->n_missing; i++)
		json_array_append_new(missing,
		    cli_json(json_pack("{s:s, s:s}", "node", o->missing[i].node,
			"why", o->missing[i].why)));
	return cli_json(
	    json_pack("{s:b, s:i, s:i, s:o}", "waited", o->waited, "copies",
		(int)o->copies, "nodes", (int)o->nodes, "missing", missing));
}

/* Says it once. */
static int
report(const struct cli *cli, const struct control_outcome *o)
{
	char line[CHANGE_LINE_MAX];
	int status = change_status(o);

	if (!cli->json)
		printf("%s\n", change_line(o, line));
	else if (cli_print_json(outcome_json(o)) != CLI_OK)
		status = CLI_FAILED;
	complain(o);
	return status;
}

/* Until it is in force everywhere, whoever was missing at first. */
static int
report_wait(
    const struct cli *cli, const struct control_outcome *o, uint32_t patience_s)
{
	char line[CHANGE_LINE_MAX], words[CLUSTER_WORDS_MAX];
	struct control_reply reply;
	struct arena *arena;
	json_t *json;
	int status = cluster_wait(cli, patience_s, &arena, &reply);

	if (status == CLI_FAILED)
		return CLI_FAILED;
	if (cli->json) {
		json = outcome_json(o);
		json_object_set_new(
		    json, "cluster", cluster_json(&reply.cluster));
		if (cli_print_json(json) != CLI_OK)
			status = CLI_FAILED;
	} else if (status == CLI_OK) {
		printf("done; %s\n", cluster_line(&reply.cluster, words));
	} else {
		printf("%s\n", change_line(o, line));
	}
	if (status == CLI_PENDING)
		cluster_complain(&reply.cluster);
	arena_free(arena);
	return status;
}

int
change_run(const struct cli *cli, struct control_change *change)
{
	const struct control_request request = {
	    .kind = CONTROL_CHANGE, .change = change};
	struct control_reply reply;
	struct arena *arena;
	struct errmsg why;
	uint32_t patience_s;
	int status;

	if (args_seconds("timeout", cli->timeout, ARGS_TIMEOUT_MAX,
		ARGS_FOREVER, &patience_s, &why) == -1)
		return cli_usage_error("%s", why.text);
	change->local = cli->local;
	change->force = cli->force;
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (cli->wait)
		status = report_wait(cli, &reply.outcome, patience_s);
	else
		status = report(cli, &reply.outcome);
	arena_free(arena);
	return status;
}
