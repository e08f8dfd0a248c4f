/* SPDX-License-Identifier: Apache-2.0 */
/* guideway backend drain: nothing new goes to it; with --wait, until nothing
 * asks for it any more. */
#include "config.h"

#include <stdio.h>

#include "agent/cli/args.h"
#include "agent/cli/change.h"
#include "agent/cli/change_args.h"
#include "agent/cli/cli.h"
#include "agent/cli/held.h"
#include "agent/cli/progress.h"
#include "common/arena.h"

struct look {
	const struct cli *cli;
	const struct control_change *change;
	struct progress progress;
	struct held held;
	char addr[ADDR_TEXT_MAX];
};

static int
look_once(void *ctx, bool last)
{
	struct look *look = ctx;
	char line[PROGRESS_LINE_MAX], words[HELD_LINE_MAX];
	bool done;

	if (held_look(look->cli, look->change->service, &look->change->backend,
		&look->held) != CLI_OK)
		return CLI_FAILED;
	done = held_is_over(&look->held);
	/* Not before it is sure. */
	if (look->held.zeros > 0 && !done && !last)
		return CLI_PENDING;
	snprintf(line, sizeof(line), "%s: %s, %s", look->addr,
	    done ? "drained" : "draining", held_line(&look->held, words));
	progress_line(&look->progress, line, done || last);
	return done ? CLI_OK : CLI_PENDING;
}

static int
drain(struct look *look)
{
	const struct control_request request = {
	    .kind = CONTROL_CHANGE, .change = look->change};
	struct control_reply reply;
	struct arena *arena;

	if (cli_ask(look->cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	/* A node that has not heard of it still sends it new connections. */
	for (size_t i = 0; i < reply.outcome.n_missing; i++)
		cli_error("%s: %s", reply.outcome.missing[i].node,
		    reply.outcome.missing[i].why);
	arena_free(arena);
	return CLI_OK;
}

static int
drain_and_wait(const struct cli *cli, struct control_change *change)
{
	struct look look = {.cli = cli, .change = change};
	struct errmsg why;
	uint32_t patience_s;
	json_t *json;
	int status;

	if (args_seconds("timeout", cli->timeout, ARGS_TIMEOUT_MAX,
		ARGS_FOREVER, &patience_s, &why) == -1)
		return cli_usage_error("%s", why.text);
	change->local = cli->local;
	change->force = cli->force;
	addr_format(&change->backend, look.addr);
	if (drain(&look) != CLI_OK)
		return CLI_FAILED;
	progress_begin(&look.progress, cli, patience_s);
	status = progress_until(&look.progress, look_once, &look);
	if (!cli->json || status == CLI_FAILED)
		return status;
	json = held_json(&look.held);
	json_object_set_new(
	    json, "drained", cli_json(json_boolean(status == CLI_OK)));
	return cli_print_json(json) == CLI_OK ? status : CLI_FAILED;
}

int
cli_backend_drain(const struct cli *cli)
{
	struct control_change change;
	struct errmsg why;

	if (change_args_backend_state(cli, "draining", &change, &why) == -1)
		return cli_usage_error("%s", why.text);
	return cli->wait ? drain_and_wait(cli, &change)
			 : change_run(cli, &change);
}
