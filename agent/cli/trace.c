/* SPDX-License-Identifier: Apache-2.0 */
/* guideway trace: where the running node would send a packet. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "agent/cli/trace_args.h"
#include "common/arena.h"

static void
print_flow(const struct trace_query *q)
{
	char source[SHOW_ENDPOINT_MAX], destination[SHOW_ENDPOINT_MAX];

	printf("%s -> %s %s\n",
	    show_addr_port(&q->source, q->source_port, source),
	    show_addr_port(&q->destination, q->destination_port, destination),
	    show_protocol(q->protocol));
}

static void
print_text(const struct trace_query *q, const struct control_reply *r)
{
	const struct trace_answer *a = &r->trace;
	char addr[ADDR_TEXT_MAX], mac[SHOW_MAC_MAX];

	print_flow(q);
	printf("node      %s\n", r->node.name);
	if (a->chosen) {
		printf("service   %s\n", a->service);
		printf("slot      %u\n", a->slot);
		printf("backend   %s\n", addr_format(&a->backend, addr));
		if (a->rule[0] != '\0')
			printf("rule      %s\n", a->rule);
		if (!addr_is_none(&a->settled))
			printf("settled   %s: flows from before the change\n",
			    addr_format(&a->settled, addr));
	}
	style_print(stdout, a->forwarded ? STYLE_GOOD : STYLE_BAD,
	    "reason    %s: %s\n", a->reason, show_reason(a->reason));
	if (!a->forwarded)
		return;
	if (!addr_is_none(&a->encap_source))
		printf(
		    "outer     from %s\n", addr_format(&a->encap_source, addr));
	if (a->has_mac)
		printf("next hop  %s on %s\n", show_mac(a->mac, mac),
		    a->interface);
	else
		style_print(stdout, STYLE_BAD, "next hop  not resolved\n");
}

static int
print_json(const struct trace_query *q, const struct control_reply *r)
{
	const struct trace_answer *a = &r->trace;
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX];
	json_t *o = cli_json(json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:s, "
				       "s:b}",
	    "node", r->node.name, "source", addr_format(&q->source, source),
	    "source_port", (int)q->source_port, "destination",
	    addr_format(&q->destination, destination), "destination_port",
	    (int)q->destination_port, "protocol", show_protocol(q->protocol),
	    "reason", a->reason, "forwarded", a->forwarded));

	if (a->chosen) {
		json_object_set_new(
		    o, "service", cli_json(json_string(a->service)));
		json_object_set_new(o, "slot", cli_json(json_integer(a->slot)));
		json_object_set_new(o, "backend", show_addr_json(&a->backend));
		json_object_set_new(o, "rule", cli_json(json_string(a->rule)));
		json_object_set_new(
		    o, "settled_backend", show_addr_json(&a->settled));
	}
	if (a->forwarded) {
		json_object_set_new(
		    o, "encap_source", show_addr_json(&a->encap_source));
		json_object_set_new(
		    o, "interface", show_interface_json(a->interface));
		json_object_set_new(
		    o, "next_hop_mac", show_mac_json(a->has_mac, a->mac));
	}
	return cli_print_json(o);
}

int
cli_trace(const struct cli *cli)
{
	struct control_request request = {.kind = CONTROL_TRACE};
	struct control_reply reply;
	struct arena *arena;
	struct errmsg why;
	int status = CLI_OK;

	if (trace_args_parse((const char *const *)cli->args, cli->n_args,
		&request.trace, &why) == -1)
		return cli_usage_error("%s", why.text);
	request.trace.protocol = cli->udp ? IPPROTO_UDP : IPPROTO_TCP;
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (cli->json)
		status = print_json(&request.trace, &reply);
	else
		print_text(&request.trace, &reply);
	arena_free(arena);
	return status;
}
