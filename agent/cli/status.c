/* SPDX-License-Identifier: Apache-2.0 */
/* guideway status: the node at a glance. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/cluster.h"
#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "agent/cli/status.h"
#include "common/arena.h"

#define DIGEST_SHORT 4 /* bytes shown to people */

static void
print_balancer(const struct control_node *n)
{
	const struct balancer_status *b = n->balancer;
	char up[UNIT_TEXT_MAX];

	if (!n->balancer_connected)
		style_print(stdout, STYLE_BAD,
		    "balancer       not connected: %s; is guideway-balancer "
		    "running?\n",
		    n->balancer_error);
	else if (b == NULL)
		printf("balancer       connected\n");
	else
		printf("balancer       connected, %s, up %s\n", b->version,
		    unit_seconds(b->uptime_s, up));
	if (n->in_sync)
		style_print(stdout, STYLE_GOOD, "in sync        yes\n");
	else
		style_print(stdout, STYLE_BAD, "in sync        no%s%s\n",
		    n->balancer_connected ? ": " : "",
		    n->balancer_connected ? n->balancer_error : "");
}

/* NULL: not known. */
static void
print_cluster(const struct control_cluster *c)
{
	char line[CLUSTER_WORDS_MAX];

	if (c != NULL)
		style_print(stdout,
		    c->joined && cluster_same(c) ? STYLE_GOOD : STYLE_BAD,
		    "cluster        %s: %s\n", c->name, cluster_line(c, line));
}

static void
print_node(const struct control_node *n, const struct control_cluster *cluster)
{
	char up[UNIT_TEXT_MAX];

	style_print(stdout, STYLE_HEAD, "node           %s\n", n->name);
	print_cluster(cluster);
	printf("agent          %s, up %s\n", n->version,
	    unit_seconds(n->uptime_s, up));
	printf("configuration  %s\n", n->config_path);
	if (n->config_error[0] != '\0')
		style_print(stdout, STYLE_BAD, "last reload    failed: %s\n",
		    n->config_error);
	print_balancer(n);
	if (cluster != NULL)
		status_flows_print(n);
}

static void
print_interfaces(const struct balancer_status *b)
{
	char received[UNIT_TEXT_MAX], sent[UNIT_TEXT_MAX];
	char dropped[UNIT_TEXT_MAX], errors[UNIT_TEXT_MAX];
	struct columns *c;

	if (b == NULL || b->n_interfaces == 0)
		return;
	c = columns_new("llrrrrl");
	columns_head(
	    c, "INTERFACE|DRIVER|RECEIVED|MISSED|SENT|SEND ERRORS|DETAIL");
	for (size_t i = 0; i < b->n_interfaces; i++) {
		const struct report_interface *f = &b->interfaces[i];

		columns_add(c, STYLE_PLAIN, "%s", f->name);
		columns_add(c, STYLE_PLAIN, "%s", f->driver);
		columns_add(
		    c, STYLE_PLAIN, "%s", unit_count(f->received, received));
		columns_add(c, f->dropped > 0 ? STYLE_BAD : STYLE_PLAIN, "%s",
		    unit_count(f->dropped, dropped));
		columns_add(c, STYLE_PLAIN, "%s", unit_count(f->sent, sent));
		columns_add(c, f->send_errors > 0 ? STYLE_BAD : STYLE_PLAIN,
		    "%s", unit_count(f->send_errors, errors));
		columns_add(c, STYLE_DIM, "%s", f->detail);
	}
	putchar('\n');
	columns_print(c, stdout);
}

static uint64_t
sum(const struct report_counter *counters, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += counters[i].packets;
	return total;
}

static void
add_service(struct columns *c, const struct control_service *s)
{
	char text[SHOW_DIGEST_MAX], endpoint[SHOW_ENDPOINT_MAX];
	char packets[UNIT_TEXT_MAX], bytes[UNIT_TEXT_MAX];
	char drops[UNIT_TEXT_MAX];
	uint64_t dropped = sum(s->drops, s->n_drops);

	columns_add(c, STYLE_PLAIN, "%s", s->name);
	columns_add(c, STYLE_PLAIN, "%s",
	    s->n_endpoints > 0 ? show_endpoint(&s->endpoints[0], endpoint)
			       : "");
	columns_add(c,
	    s->taking == 0                  ? STYLE_BAD
		: s->taking < s->configured ? STYLE_PLAIN
					    : STYLE_GOOD,
	    "%u/%u", s->taking, s->configured);
	columns_add(c, s->panic ? STYLE_BAD : STYLE_PLAIN, "%.*s%s",
	    (int)strcspn(s->check, " "), s->check,
	    s->panic ? ", panic: all are used" : "");
	columns_add(c, show_in_sync(s) ? STYLE_GOOD : STYLE_BAD, "%s%s",
	    show_digest(s->digest, DIGEST_SHORT, text),
	    show_in_sync(s)        ? ""
		: s->has_installed ? " (another)"
				   : " (none)");
	columns_add(c, STYLE_PLAIN, "%s", unit_count(s->packets, packets));
	columns_add(c, STYLE_PLAIN, "%s", unit_bytes(s->bytes, bytes));
	columns_add(c, dropped > 0 ? STYLE_BAD : STYLE_PLAIN, "%s",
	    unit_count(dropped, drops));
}

static void
print_services(const struct control_reply *r)
{
	struct columns *c = columns_new("llrllrrr");
	char endpoint[SHOW_ENDPOINT_MAX];

	columns_head(c, "SERVICE|VIP|UP|CHECK|TABLE|PACKETS|BYTES|DROPPED");
	for (size_t i = 0; i < r->n_services; i++) {
		const struct control_service *s = &r->services[i];

		add_service(c, s);
		for (size_t e = 1; e < s->n_endpoints; e++) {
			columns_add(c, STYLE_PLAIN, "%s", "");
			columns_add(c, STYLE_PLAIN, "%s",
			    show_endpoint(&s->endpoints[e], endpoint));
			for (int rest = 0; rest < 6; rest++)
				columns_add(c, STYLE_PLAIN, "%s", "");
		}
	}
	putchar('\n');
	columns_print(c, stdout);
}

/* What became of packets; what never happened is left to --json. */
static void
print_reasons(const struct balancer_status *b)
{
	struct columns *c;
	char packets[UNIT_TEXT_MAX];

	if (b == NULL || sum(b->reasons, b->n_reasons) == 0)
		return;
	c = columns_new("lrl");
	columns_head(c, "REASON|PACKETS|WHAT IT MEANS");
	for (size_t i = 0; i < b->n_reasons; i++) {
		const struct report_counter *r = &b->reasons[i];

		if (r->packets == 0)
			continue;
		columns_add(c, STYLE_PLAIN, "%s", r->name);
		columns_add(
		    c, STYLE_PLAIN, "%s", unit_count(r->packets, packets));
		columns_add(c, STYLE_DIM, "%s", show_reason(r->name));
	}
	putchar('\n');
	columns_print(c, stdout);
}

static json_t *
interfaces_json(const struct balancer_status *b)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < b->n_interfaces; i++) {
		const struct report_interface *f = &b->interfaces[i];

		json_array_append_new(list,
		    cli_json(
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name",
			    f->name, "driver", f->driver, "detail", f->detail,
			    "received", (json_int_t)f->received, "missed",
			    (json_int_t)f->dropped, "sent", (json_int_t)f->sent,
			    "send_errors", (json_int_t)f->send_errors)));
	}
	return list;
}

static json_t *
balancer_json(const struct control_node *n)
{
	const struct balancer_status *b = n->balancer;
	json_t *o = cli_json(
	    json_pack("{s:b, s:b, s:s}", "connected", n->balancer_connected,
		"in_sync", n->in_sync, "error", n->balancer_error));

	if (b == NULL)
		return o;
	json_object_update_new(o,
	    cli_json(json_pack("{s:I, s:s, s:I, s:I, s:o, s:o}", "pid",
		(json_int_t)b->pid, "version", b->version, "uptime_s",
		(json_int_t)b->uptime_s, "generation",
		(json_int_t)b->generation, "interfaces", interfaces_json(b),
		"reasons", show_counters_json(b->reasons, b->n_reasons))));
	return o;
}

static int
print_json(const struct control_reply *r, const struct control_cluster *cluster)
{
	const struct control_node *n = &r->node;
	json_t *services = cli_json(json_array());

	for (size_t i = 0; i < r->n_services; i++)
		json_array_append_new(
		    services, show_service_json(&r->services[i]));
	return cli_print_json(cli_json(json_pack(
	    "{s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "node",
	    n->name, "version", n->version, "uptime_s", (json_int_t)n->uptime_s,
	    "config", n->config_path, "config_error", n->config_error,
	    "balancer", balancer_json(n), "flows", status_flows_json(n),
	    "announce", status_announce_json(&r->announce), "services",
	    services, "cluster",
	    cluster != NULL ? cluster_json(cluster) : cli_json(json_null()))));
}

static void
print_text(const struct control_reply *r, const struct control_cluster *cluster)
{
	print_node(&r->node, cluster);
	status_announce_print(&r->announce);
	print_interfaces(r->node.balancer);
	print_services(r);
	status_announce_print_vips(&r->announce);
	print_reasons(r->node.balancer);
}

int
cli_status(const struct cli *cli)
{
	const struct control_request request = {.kind = CONTROL_STATUS};
	const struct control_request ask_cluster = {.kind = CONTROL_CLUSTER};
	const struct control_cluster *cluster = NULL;
	struct control_reply reply, about;
	struct arena *arena, *more;
	int status = CLI_OK;

	if (cli->n_args != 0)
		return cli_usage_error("status takes no arguments");
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	/* An agent that is older does not know what that is. */
	if (cli_ask_any(cli, &ask_cluster, &more, &about) != CLI_OK) {
		arena_free(arena);
		return CLI_FAILED;
	}
	if (about.kind == CONTROL_CLUSTER && about.cluster.name[0] != '\0')
		cluster = &about.cluster;
	if (cli->json)
		status = print_json(&reply, cluster);
	else
		print_text(&reply, cluster);
	arena_free(more);
	arena_free(arena);
	return status;
}
