/* SPDX-License-Identifier: Apache-2.0 */
/* guideway backend list: the backends of all services, or of one. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/args.h"
#include "agent/cli/cli.h"
#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "common/arena.h"

struct list {
	struct columns *columns; /* one of both */
	json_t *json;
};

static void
add_text(struct columns *c, const struct control_service *s,
    const struct control_member *m)
{
	char addr[ADDR_TEXT_MAX], health[SHOW_HEALTH_MAX], why[SHOW_WHY_MAX];
	char packets[UNIT_TEXT_MAX];

	columns_add(c, STYLE_PLAIN, "%s", s->name);
	columns_add(c, STYLE_PLAIN, "%s", addr_format(&m->addr, addr));
	columns_add(c, STYLE_PLAIN, "%u", m->weight);
	columns_add(c,
	    strcmp(m->intent, "enabled") == 0 ? STYLE_PLAIN : STYLE_DIM, "%s",
	    m->intent);
	columns_add(c, show_health_style(m), "%s", show_health(m, health));
	columns_add(c, STYLE_PLAIN, "%.2f %%", show_share(s, m));
	columns_add(c, STYLE_PLAIN, "%s", unit_count(m->packets, packets));
	columns_add(c, STYLE_BAD, "%s", show_health_why(m, why));
}

static void
add_members(struct list *list, const struct control_service *s)
{
	double all = show_total_weight(s);
	json_t *o;

	for (size_t i = 0; i < s->n_members; i++) {
		if (list->columns != NULL) {
			add_text(list->columns, s, &s->members[i]);
			continue;
		}
		o = show_member_json(s, &s->members[i], all);
		json_object_set_new(
		    o, "service", cli_json(json_string(s->name)));
		json_array_append_new(list->json, o);
	}
}

static int
add_service(const struct cli *cli, struct list *list, const char *name)
{
	struct control_request request = {.kind = CONTROL_SERVICE};
	struct control_reply reply;
	struct arena *arena;

	snprintf(request.service, sizeof(request.service), "%s", name);
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	add_members(list, reply.services);
	arena_free(arena);
	return CLI_OK;
}

/* A status has no members: each service is asked for in turn. */
static int
add_all(const struct cli *cli, struct list *list)
{
	const struct control_request request = {.kind = CONTROL_STATUS};
	struct control_reply reply;
	struct arena *arena;
	int status = CLI_OK;

	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	for (size_t i = 0; i < reply.n_services && status == CLI_OK; i++)
		status = add_service(cli, list, reply.services[i].name);
	arena_free(arena);
	return status;
}

/* Prints and frees it. */
static int
list_end(struct list *list, int status)
{
	if (list->json == NULL) {
		columns_print(list->columns, status == CLI_OK ? stdout : NULL);
		return status;
	}
	if (status == CLI_OK)
		return cli_print_json(list->json);
	json_decref(list->json);
	return status;
}

int
cli_backend_list(const struct cli *cli)
{
	char name[FORWARDING_NAME_MAX];
	struct list list = {NULL, NULL};
	struct errmsg why;

	if (cli->n_args > 1)
		return cli_usage_error("one service, or none for all of them");
	if (cli->n_args == 1 && args_service(cli->args[0], name, &why) == -1)
		return cli_usage_error("%s", why.text);
	if (cli->json) {
		list.json = cli_json(json_array());
	} else {
		list.columns = columns_new("llrllrrl");
		columns_head(list.columns,
		    "SERVICE|BACKEND|WEIGHT|STATE|HEALTH|SHARE|PACKETS|WHY");
	}
	return list_end(&list,
	    cli->n_args == 1 ? add_service(cli, &list, name)
			     : add_all(cli, &list));
}
