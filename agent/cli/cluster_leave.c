/* SPDX-License-Identifier: Apache-2.0 */
/* guideway cluster leave: takes this node out of the cluster. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/args.h"
#include "agent/cli/cli.h"
#include "agent/cli/cluster.h"
#include "agent/cli/progress.h"
#include "common/arena.h"

struct look {
	const struct cli *cli;
	struct progress progress;
};

/* Has it left? */
static bool
say(const struct control_cluster *c, char line[PROGRESS_LINE_MAX])
{
	const struct control_cluster_node *self = cluster_find(c, c->self);
	bool left = self != NULL && self->left && !self->announcing;

	snprintf(line, PROGRESS_LINE_MAX, "%s: %s", c->self,
	    left ? "has left"
		: self != NULL && self->announcing
		? "leaving, still announcing its routes"
		: "leaving, withdrawn from the routers");
	return left;
}

static int
print_json(const char *node, bool done)
{
	return cli_print_json(
	    cli_json(json_pack("{s:s, s:b}", "node", node, "done", done)));
}

static int
look_once(void *ctx, bool last)
{
	struct look *look = ctx;
	const struct cli *cli = look->cli;
	char line[PROGRESS_LINE_MAX];
	struct control_reply reply;
	struct arena *arena;
	int status;
	bool left;

	if (cluster_ask(cli, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	left = say(&reply.cluster, line);
	status = left ? CLI_OK : CLI_PENDING;
	progress_line(&look->progress, line, left || last);
	if (cli->json && (left || last) &&
	    print_json(reply.cluster.self, left) != CLI_OK)
		status = CLI_FAILED;
	arena_free(arena);
	return status;
}

int
cli_cluster_leave(const struct cli *cli)
{
	const struct control_request request = {.kind = CONTROL_LEAVE};
	struct look look = {.cli = cli};
	struct control_reply reply;
	struct arena *arena;
	struct errmsg why;
	uint32_t patience_s;
	int status = CLI_OK;

	if (cli->n_args != 0)
		return cli_usage_error(
		    "cluster leave takes no arguments: it is "
		    "the node itself that leaves");
	if (!cli->wait && cli->timeout != NULL)
		return cli_usage_error("--timeout goes with --wait");
	if (args_seconds("timeout", cli->timeout, ARGS_TIMEOUT_MAX,
		ARGS_FOREVER, &patience_s, &why) == -1)
		return cli_usage_error("%s", why.text);
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (cli->wait) {
		progress_begin(&look.progress, cli, patience_s);
		status = progress_until(&look.progress, look_once, &look);
	} else if (cli->json) {
		status = print_json(reply.node.name, false);
	} else {
		printf("%s: leaving; 'guideway cluster leave --wait' says when "
		       "it has left\n",
		    reply.node.name);
	}
	arena_free(arena);
	return status;
}
