/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/change_args.h"

#include <string.h>

#include "agent/cli/args.h"

static int
options(const struct cli *cli, struct control_change *c, struct errmsg *why)
{
	if (cli->local && cli->wait)
		return errmsg_set(why,
		    "--local is not to wait for the other nodes, --wait is: "
		    "give one of them");
	c->local = cli->local;
	c->force = cli->force;
	return 0;
}

/* --timeout is of waiting, for the others or for a backend to fall silent. */
static int
timeout_waits(const struct cli *cli, struct errmsg *why)
{
	if (cli->timeout != NULL && !cli->wait)
		return errmsg_set(why, "--timeout goes with --wait");
	return 0;
}

static int
backend(const struct cli *cli, enum control_op op, struct control_change *c,
    struct errmsg *why)
{
	memset(c, 0, sizeof(*c));
	c->op = op;
	c->is_backend = true;
	if (cli->n_args < 2)
		return errmsg_set(
		    why, "a service and the address of a backend are needed");
	if (args_service(cli->args[0], c->service, why) == -1 ||
	    args_address(cli->args[1], &c->backend, why) == -1)
		return -1;
	return options(cli, c, why);
}

static int
no_more_than(const struct cli *cli, size_t n, struct errmsg *why)
{
	if (cli->n_args > n)
		return errmsg_set(
		    why, "'%s' is one argument too many", cli->args[n]);
	return 0;
}

int
change_args_backend_add(
    const struct cli *cli, struct control_change *c, struct errmsg *why)
{
	if (backend(cli, CONTROL_ADD, c, why) == -1 ||
	    no_more_than(cli, 2, why) == -1 || timeout_waits(cli, why) == -1)
		return -1;
	if (cli->weight != NULL &&
	    args_field(c->fields, "weight", cli->weight, why) == -1)
		return -1;
	if (cli->state != NULL)
		return args_field(c->fields, "state", cli->state, why);
	return 0;
}

int
change_args_backend_remove(
    const struct cli *cli, struct control_change *c, struct errmsg *why)
{
	if (cli->now && cli->quiet != NULL)
		return errmsg_set(
		    why, "--now waits for no quiet: leave out --quiet");
	if (cli->now && timeout_waits(cli, why) == -1)
		return -1;
	if (backend(cli, CONTROL_REMOVE, c, why) == -1)
		return -1;
	return no_more_than(cli, 2, why);
}

int
change_args_backend_state(const struct cli *cli, const char *state,
    struct control_change *c, struct errmsg *why)
{
	if (backend(cli, CONTROL_SET, c, why) == -1 ||
	    no_more_than(cli, 2, why) == -1 || timeout_waits(cli, why) == -1)
		return -1;
	return args_field(c->fields, "state", state, why);
}

int
change_args_backend_weight(
    const struct cli *cli, struct control_change *c, struct errmsg *why)
{
	if (backend(cli, CONTROL_SET, c, why) == -1 ||
	    timeout_waits(cli, why) == -1)
		return -1;
	if (cli->n_args < 3)
		return errmsg_set(why, "a weight is needed");
	if (no_more_than(cli, 3, why) == -1)
		return -1;
	return args_field(c->fields, "weight", cli->args[2], why);
}

static int
service(const struct cli *cli, enum control_op op, struct control_change *c,
    struct errmsg *why)
{
	memset(c, 0, sizeof(*c));
	c->op = op;
	if (cli->n_args < 1)
		return errmsg_set(why, "the name of a service is needed");
	if (args_service(cli->args[0], c->service, why) == -1 ||
	    timeout_waits(cli, why) == -1)
		return -1;
	return options(cli, c, why);
}

int
change_args_service(const struct cli *cli, enum control_op op,
    struct control_change *c, struct errmsg *why)
{
	if (service(cli, op, c, why) == -1)
		return -1;
	if (cli->n_args < 2)
		return errmsg_set(why,
		    "what of the service? KEY=VALUE is needed, such as "
		    "ports=80,443");
	return args_fields(c->fields, cli->args + 1, cli->n_args - 1, why);
}

int
change_args_service_remove(
    const struct cli *cli, struct control_change *c, struct errmsg *why)
{
	if (service(cli, CONTROL_REMOVE, c, why) == -1)
		return -1;
	return no_more_than(cli, 1, why);
}
