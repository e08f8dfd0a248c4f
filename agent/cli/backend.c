/* SPDX-License-Identifier: Apache-2.0 */
/* guideway backend add, weight, enable, disable. */
#include "config.h"

#include "agent/cli/change.h"
#include "agent/cli/change_args.h"
#include "agent/cli/cli.h"

int
cli_backend_add(const struct cli *cli)
{
	struct control_change change;
	struct errmsg why;

	if (change_args_backend_add(cli, &change, &why) == -1)
		return cli_usage_error("%s", why.text);
	return change_run(cli, &change);
}

int
cli_backend_weight(const struct cli *cli)
{
	struct control_change change;
	struct errmsg why;

	if (change_args_backend_weight(cli, &change, &why) == -1)
		return cli_usage_error("%s", why.text);
	return change_run(cli, &change);
}

static int
set_state(const struct cli *cli, const char *state)
{
	struct control_change change;
	struct errmsg why;

	if (change_args_backend_state(cli, state, &change, &why) == -1)
		return cli_usage_error("%s", why.text);
	return change_run(cli, &change);
}

int
cli_backend_enable(const struct cli *cli)
{
	return set_state(cli, "enabled");
}

int
cli_backend_disable(const struct cli *cli)
{
	return set_state(cli, "disabled");
}
