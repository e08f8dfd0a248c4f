/* SPDX-License-Identifier: Apache-2.0 */
/* guideway service show: one service and its members. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "common/arena.h"
#include "common/ramp.h"

/* Nothing is said of a table that stands. */
static void
print_moves(const struct control_service *s)
{
	char number[UNIT_TEXT_MAX], pinned[UNIT_TEXT_MAX];

	if (s->moving > 0)
		printf("moving   %s slots: what is open there stays where it "
		       "is\n",
		    unit_count(s->moving, number));
	if (s->entries > 0)
		printf("flows    %s remembered, %s of them pinned\n",
		    unit_count(s->entries, number),
		    unit_count(s->pinned, pinned));
	if (s->overflow > 0)
		style_print(stdout, STYLE_BAD,
		    "overflow %s packets of flows that found no room\n",
		    unit_count(s->overflow, number));
}

static void
print_summary(const struct control_service *s)
{
	char digest[SHOW_DIGEST_MAX], endpoint[SHOW_ENDPOINT_MAX];
	char packets[UNIT_TEXT_MAX], bytes[UNIT_TEXT_MAX];

	style_print(stdout, STYLE_HEAD, "service  %s\n", s->name);
	for (size_t i = 0; i < s->n_endpoints; i++)
		printf("%s  %s\n", i == 0 ? "vip    " : "       ",
		    show_endpoint(&s->endpoints[i], endpoint));
	printf("table    %u slots, digest %s\n", s->table_size,
	    show_digest(s->digest, REPORT_DIGEST_LEN, digest));
	if (show_in_sync(s))
		style_print(stdout, STYLE_GOOD,
		    "in sync  yes, the balancer serves this table\n");
	else if (s->has_installed)
		style_print(stdout, STYLE_BAD,
		    "in sync  no, the balancer serves %s\n",
		    show_digest(s->installed, REPORT_DIGEST_LEN, digest));
	else
		style_print(stdout, STYLE_BAD,
		    "in sync  no, the balancer has not said what it serves\n");
	if (s->check[0] != '\0')
		printf("check    %s\n", s->check);
	if (s->panic)
		style_print(stdout, STYLE_BAD,
		    "panic    yes: too few are up, so all are used\n");
	printf("traffic  %s packets, %s\n", unit_count(s->packets, packets),
	    unit_bytes(s->bytes, bytes));
	print_moves(s);
}

static void
add_next_hop(struct columns *c, const struct control_service *s,
    const struct control_member *m)
{
	char mac[SHOW_MAC_MAX];

	if (!s->has_installed) /* only the balancer knows */
		columns_add(c, STYLE_DIM, "unknown");
	else if (!m->resolved)
		columns_add(c, STYLE_BAD, "not resolved");
	else if (m->has_mac)
		columns_add(c, STYLE_PLAIN, "%s on %s", show_mac(m->mac, mac),
		    m->interface);
	else
		columns_add(c, STYLE_PLAIN, "resolved");
}

/* What is wished of it, or how far it has come. */
static void
add_intent(struct columns *c, const struct control_member *m)
{
	if (m->phi > 0 && m->phi < FORWARDING_PHI_FULL)
		columns_add(c, STYLE_PLAIN, "ramping %u/%u",
		    m->phi * RAMP_STEPS / FORWARDING_PHI_FULL, RAMP_STEPS);
	else
		columns_add(c,
		    strcmp(m->intent, "enabled") == 0 ? STYLE_PLAIN : STYLE_DIM,
		    "%s", m->intent);
}

static void
print_members(const struct control_service *s)
{
	struct columns *c = columns_new("lrllrrrrll");
	double all = show_total_weight(s);
	char addr[ADDR_TEXT_MAX], packets[UNIT_TEXT_MAX], bytes[UNIT_TEXT_MAX];
	char health[SHOW_HEALTH_MAX], why[SHOW_WHY_MAX];

	columns_head(c,
	    "BACKEND|WEIGHT|INTENT|HEALTH|SHARE|TARGET|PACKETS|BYTES|"
	    "NEXT HOP|WHY");
	for (size_t i = 0; i < s->n_members; i++) {
		const struct control_member *m = &s->members[i];

		columns_add(c, STYLE_PLAIN, "%s", addr_format(&m->addr, addr));
		columns_add(c, STYLE_PLAIN, "%u", m->weight);
		add_intent(c, m);
		columns_add(
		    c, show_health_style(m), "%s", show_health(m, health));
		columns_add(c, STYLE_PLAIN, "%.2f %%", show_share(s, m));
		columns_add(c, STYLE_PLAIN, "%.2f %%", show_target(m, all));
		columns_add(
		    c, STYLE_PLAIN, "%s", unit_count(m->packets, packets));
		columns_add(c, STYLE_PLAIN, "%s", unit_bytes(m->bytes, bytes));
		add_next_hop(c, s, m);
		columns_add(c, STYLE_BAD, "%s", show_health_why(m, why));
	}
	putchar('\n');
	columns_print(c, stdout);
}

static void
print_drops(const struct control_service *s)
{
	struct columns *c;
	char packets[UNIT_TEXT_MAX];

	if (s->n_drops == 0)
		return;
	c = columns_new("lrl");
	columns_head(c, "DROPPED|PACKETS|WHY");
	for (size_t i = 0; i < s->n_drops; i++) {
		columns_add(c, STYLE_BAD, "%s", s->drops[i].name);
		columns_add(c, STYLE_PLAIN, "%s",
		    unit_count(s->drops[i].packets, packets));
		columns_add(
		    c, STYLE_PLAIN, "%s", show_reason(s->drops[i].name));
	}
	putchar('\n');
	columns_print(c, stdout);
}

static int
print_json(const struct control_service *s)
{
	json_t *o = show_service_json(s), *members = cli_json(json_array());
	double all = show_total_weight(s);

	for (size_t i = 0; i < s->n_members; i++)
		json_array_append_new(
		    members, show_member_json(s, &s->members[i], all));
	json_object_set_new(o, "members", members);
	return cli_print_json(o);
}

int
cli_service_show(const struct cli *cli)
{
	struct control_request request = {.kind = CONTROL_SERVICE};
	struct control_reply reply;
	struct arena *arena;
	int status = CLI_OK;

	if (cli->n_args != 1)
		return cli_usage_error("one name is needed; 'guideway status' "
				       "lists the services");
	if (!forwarding_name_valid(cli->args[0], strlen(cli->args[0])))
		return cli_usage_error("'%s': a service's name has 1..%d of "
				       "A-Z a-z 0-9 . _ -",
		    cli->args[0], FORWARDING_NAME_MAX - 1);
	strcpy(request.service, cli->args[0]); /* valid: it fits */
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (cli->json) {
		status = print_json(reply.services);
	} else {
		print_summary(reply.services);
		print_members(reply.services);
		print_drops(reply.services);
	}
	arena_free(arena);
	return status;
}
