/* SPDX-License-Identifier: Apache-2.0 */
/* guideway service list. */
#include "config.h"

#include <stdio.h>

#include "agent/cli/cli.h"
#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "common/arena.h"

static void
add_service(struct columns *c, const struct control_service *s)
{
	char endpoint[SHOW_ENDPOINT_MAX];

	for (size_t i = 0; i < s->n_endpoints || i == 0; i++) {
		columns_add(c, STYLE_PLAIN, "%s", i == 0 ? s->name : "");
		columns_add(c, STYLE_PLAIN, "%s",
		    i < s->n_endpoints
			? show_endpoint(&s->endpoints[i], endpoint)
			: "");
		if (i > 0) {
			columns_add(c, STYLE_PLAIN, "%s", "");
			columns_add(c, STYLE_PLAIN, "%s", "");
			columns_add(c, STYLE_PLAIN, "%s", "");
			continue;
		}
		columns_add(c, s->taking > 0 ? STYLE_PLAIN : STYLE_BAD,
		    "%u/%u%s", s->taking, s->configured,
		    s->panic ? " panic" : "");
		columns_add(c, STYLE_PLAIN, "%u", s->table_size);
		columns_add(c, STYLE_PLAIN, "%s", s->check);
	}
}

static int
print_json(const struct control_reply *r)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < r->n_services; i++)
		json_array_append_new(list, show_service_json(&r->services[i]));
	return cli_print_json(list);
}

static void
print_text(const struct control_reply *r)
{
	struct columns *c = columns_new("lllrl");

	columns_head(c, "SERVICE|VIP|UP|TABLE SIZE|CHECK");
	for (size_t i = 0; i < r->n_services; i++)
		add_service(c, &r->services[i]);
	columns_print(c, stdout);
}

int
cli_service_list(const struct cli *cli)
{
	const struct control_request request = {.kind = CONTROL_STATUS};
	struct control_reply reply;
	struct arena *arena;
	int status = CLI_OK;

	if (cli->n_args != 0)
		return cli_usage_error("service list takes no arguments");
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (cli->json)
		status = print_json(&reply);
	else
		print_text(&reply);
	arena_free(arena);
	return status;
}
