/* SPDX-License-Identifier: Apache-2.0 */
/* guideway service add, set, remove. */
#include "config.h"

#include <string.h>

#include "agent/cli/change.h"
#include "agent/cli/change_args.h"
#include "agent/cli/cli.h"
#include "common/arena.h"

static int
run(const struct cli *cli, enum control_op op)
{
	struct control_change change;
	struct errmsg why;

	if (change_args_service(cli, op, &change, &why) == -1)
		return cli_usage_error("%s", why.text);
	return change_run(cli, &change);
}

int
cli_service_add(const struct cli *cli)
{
	return run(cli, CONTROL_ADD);
}

int
cli_service_set(const struct cli *cli)
{
	return run(cli, CONTROL_SET);
}

/* Would removing it break connections? CLI_OK: no. */
static int
check_idle(const struct cli *cli, const char *name)
{
	struct control_request request = {.kind = CONTROL_SERVICE};
	struct control_reply reply;
	struct arena *arena;
	uint32_t taking;

	strcpy(request.service, name);
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	taking = reply.services->taking;
	arena_free(arena);
	if (taking == 0)
		return CLI_OK;
	return cli_error("service %s has %u backend%s that take%s traffic; "
			 "drain or remove %s first, or give --now",
	    name, taking, taking == 1 ? "" : "s", taking == 1 ? "s" : "",
	    taking == 1 ? "it" : "them");
}

int
cli_service_remove(const struct cli *cli)
{
	struct control_change change;
	struct errmsg why;

	if (change_args_service_remove(cli, &change, &why) == -1)
		return cli_usage_error("%s", why.text);
	if (!cli->now && check_idle(cli, change.service) != CLI_OK)
		return CLI_FAILED;
	return change_run(cli, &change);
}
