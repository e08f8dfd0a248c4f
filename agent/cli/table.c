/* SPDX-License-Identifier: Apache-2.0 */
/* guideway table: the table function on names of the operator's choice. Needs
 * no daemon. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/table_args.h"

struct request {
	uint32_t size;
	uint8_t seed[TABLE_SEED_LEN];
	struct table_member *members;
	size_t n;
};

static bool
all_utf8(const struct cli *cli)
{
	bool good = true;

	for (size_t i = 0; i < cli->n_args && good; i++) {
		json_t *text = json_string(cli->args[i]);

		good = text != NULL;
		json_decref(text);
	}
	return good;
}

static int
read_request(const struct cli *cli, struct request *r, struct errmsg *why)
{
	if (cli->size == NULL)
		return errmsg_set(why, "--size is missing");
	if (cli->seed == NULL)
		return errmsg_set(why, "--seed is missing");
	if (cli->n_args == 0)
		return errmsg_set(why, "at least one name is needed");
	if (cli->json && !all_utf8(cli))
		return errmsg_set(why,
		    "JSON cannot hold a name that is not "
		    "UTF-8");
	if (table_args_size(cli->size, &r->size, why) == -1 ||
	    table_args_seed(cli->seed, r->seed, why) == -1)
		return -1;
	for (r->n = 0; r->n < cli->n_args; r->n++)
		if (table_args_member(
			cli->args[r->n], &r->members[r->n], why) == -1)
			return -1;
	return table_args_check(r->members, r->n, r->size, why);
}

static void
print_text(const struct table *table)
{
	const uint16_t *slots = table_slots(table);
	uint32_t size = table_size(table);

	for (uint32_t i = 0; i < size; i++)
		printf("%zu%c", table_position_of(table, slots[i]),
		    i + 1 < size ? ' ' : '\n');
}

static json_t *
members_json(const struct request *r, const uint32_t *counts)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(list,
		    cli_json(json_pack("{s:s, s:i, s:i, s:i}", "name",
			r->members[i].name, "weight", (int)r->members[i].weight,
			"phi", (int)r->members[i].phi, "slots",
			(int)counts[i])));
	return list;
}

static int
print_json(const struct request *r, const struct table *table)
{
	uint32_t *counts = calloc(r->n, sizeof(*counts));
	const uint16_t *slots = table_slots(table);
	json_t *list = cli_json(json_array());
	json_t *members;

	if (counts == NULL)
		cli_no_memory();
	for (uint32_t i = 0; i < r->size; i++) {
		size_t position = table_position_of(table, slots[i]);

		counts[position]++;
		json_array_append_new(
		    list, cli_json(json_integer((json_int_t)position)));
	}
	members = members_json(r, counts);
	free(counts);
	return cli_print_json(cli_json(json_pack("{s:i, s:o, s:o}", "size",
	    (int)r->size, "members", members, "slots", list)));
}

int
cli_table(const struct cli *cli)
{
	struct request r = {0};
	struct errmsg why;
	struct table *table;
	int status = CLI_OK;

	r.members = calloc(cli->n_args + 1, sizeof(*r.members));
	if (r.members == NULL)
		cli_no_memory();
	if (read_request(cli, &r, &why) == -1) {
		free(r.members);
		return cli_usage_error("%s", why.text);
	}
	if ((table = table_new(r.members, r.n, r.size, r.seed)) == NULL)
		cli_no_memory();
	if (cli->json)
		status = print_json(&r, table);
	else
		print_text(table);
	table_free(table);
	free(r.members);
	return status;
}
