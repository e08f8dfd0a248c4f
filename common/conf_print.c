/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in canonical form. Words are quoted whenever they are the
 * operator's own, so that no YAML reader takes one for a number or "true". */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/conf_schema.h"

static void
print_word(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_addr(FILE *out, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	fprintf(out, "\"%s\"", addr_format(a, text));
}

static void
print_node(FILE *out, const struct conf *c)
{
	fputs("node:\n  name: ", out);
	print_word(out, c->node_name);
	fputs("\n  run_dir: ", out);
	print_word(out, c->run_dir);
	fputs("\n  state_dir: ", out);
	print_word(out, c->state_dir);
	if (c->user != NULL) {
		fputs("\n  user: ", out);
		print_word(out, c->user);
	}
	fputc('\n', out);
}

static void
print_sources(FILE *out, const struct conf *c)
{
	const struct forwarding_source *sources[] = {&c->source4, &c->source6};
	const char *separator = "  encap_source: [";
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < 2; i++) {
		const struct forwarding_source *s = sources[i];

		if (addr_is_none(&s->addr))
			continue;
		fprintf(out, "%s\"%s/%u\"", separator,
		    addr_format(&s->addr, text), s->prefix_len);
		separator = ", ";
	}
	if (separator[0] == ',')
		fputs("]\n", out);
}

static void
print_balancer(FILE *out, const struct conf *c)
{
	fputs("balancer:\n", out);
	fputs(c->n_interfaces > 0 ? "  interfaces:\n" : "  interfaces: []\n",
	    out);
	for (size_t i = 0; i < c->n_interfaces; i++) {
		fputs("    - {name: ", out);
		print_word(out, c->interfaces[i].name);
		fprintf(out, ", driver: %s, xdp_mode: %s}\n",
		    conf_driver_name(c->interfaces[i].driver),
		    conf_xdp_mode_name(c->interfaces[i].xdp_mode));
	}
	fputs("  bpf_dir: ", out);
	print_word(out, c->bpf_dir);
	fputc('\n', out);
	print_sources(out, c);
}

static void
print_announce(FILE *out, const struct conf_announce *a)
{
	fprintf(out, "announce:\n  enabled: %s\n  device: ",
	    conf_switch_word(a->enabled ? RAW_TRUE : RAW_FALSE));
	print_word(out, a->device);
	fprintf(out, "\n  table: %u\n  bird: ", a->table);
	print_word(out, a->bird_socket);
	fprintf(out,
	    "\n  agent_grace: %u\n  graceful_shutdown: %u\n"
	    "  drain_quiet: %u\n",
	    a->agent_grace_s, a->graceful_shutdown_s, a->drain_quiet_s);
}

static void
print_trust(FILE *out, const struct conf_cluster *c)
{
	switch (c->trust) {
	case CONF_TRUST_CERTIFICATES:
		fputs("  identity: ", out);
		print_word(out, c->identity);
		break;
	case CONF_TRUST_PSK:
		fputs("  psk: ", out);
		print_word(out, c->psk);
		break;
	case CONF_TRUST_NONE:
		fprintf(out, "  insecure: %s", conf_switch_word(RAW_TRUE));
		break;
	}
	fputc('\n', out);
}

static void
print_nodes(FILE *out, const struct conf_cluster *c)
{
	fputs("  name: ", out);
	print_word(out, c->name);
	fputs("\n  nodes:\n", out);
	for (size_t i = 0; i < c->n_nodes; i++) {
		fputs("    - {name: ", out);
		print_word(out, c->nodes[i].name);
		fputs(", address: ", out);
		print_addr(out, &c->nodes[i].addr);
		fprintf(out, ", port: %u}\n", c->nodes[i].port);
	}
	print_trust(out, c);
	if (c->flows_unshared)
		fprintf(
		    out, "  share_flows: %s\n", conf_switch_word(RAW_FALSE));
}

static void
print_cluster(FILE *out, const struct conf *c)
{
	fputs("cluster:\n  seed: \"", out);
	for (size_t i = 0; i < sizeof(c->seed); i++)
		fprintf(out, "%02x", c->seed[i]);
	fputs("\"\n", out);
	if (c->cluster.name != NULL)
		print_nodes(out, &c->cluster);
}

static void
print_backend(FILE *out, const struct conf_backend *b)
{
	fputs("      - {address: ", out);
	print_addr(out, &b->addr);
	fprintf(out, ", weight: %u, state: %s}\n", b->weight,
	    intent_name(b->intent));
}

/* Seconds, with no more decimals than it takes. */
static void
print_seconds(FILE *out, const char *key, uint32_t ms)
{
	char text[16];
	size_t len;

	len = (size_t)snprintf(
	    text, sizeof(text), "%u.%03u", ms / 1000, ms % 1000);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	fprintf(out, "      %s: %.*s\n", key, (int)len, text);
}

static void
print_text_if(FILE *out, const char *key, const char *text)
{
	if (text[0] == '\0')
		return;
	fprintf(out, "      %s: ", key);
	print_word(out, text);
	fputc('\n', out);
}

static void
print_check(FILE *out, const struct health_check *c)
{
	fprintf(out, "    check:\n      type: %s\n",
	    health_check_kind_name(c->kind));
	if (c->kind == CHECK_NONE)
		return;
	if (health_check_has(c->kind, "port"))
		fprintf(out, "      port: %u\n", c->port);
	fprintf(out, "      tunnel: %s\n",
	    conf_switch_word(c->tunnel ? RAW_TRUE : RAW_FALSE));
	print_seconds(out, "interval", c->interval_ms);
	print_seconds(out, "timeout", c->timeout_ms);
	fprintf(out, "      rise: %u\n      fall: %u\n", c->rise, c->fall);
	if (health_check_has(c->kind, "host"))
		print_text_if(out, "host", c->host);
	if (health_check_has(c->kind, "path")) {
		print_text_if(out, "path", c->path);
		fprintf(
		    out, "      status: %u-%u\n", c->status_min, c->status_max);
	}
	if (health_check_has(c->kind, "insecure"))
		fprintf(out, "      insecure: %s\n",
		    conf_switch_word(c->insecure ? RAW_TRUE : RAW_FALSE));
	if (health_check_has(c->kind, "send")) {
		print_text_if(out, "send", c->send);
		print_text_if(out, "expect", c->expect);
	}
}

static void
print_moves(FILE *out, const struct conf_service *s)
{
	struct conf_service copy = *s;

	for (int i = 0; i < CONF_TIMES; i++)
		fprintf(out, "    %s: %u\n",
		    conf_time_rule((enum conf_time)i)->key,
		    *conf_time(&copy, (enum conf_time)i));
	fprintf(out, "    on_down: %s\n", conf_on_down_word(s->down_keep));
}

static void
print_service(FILE *out, const struct conf_service *s)
{
	fputs("  - name: ", out);
	print_word(out, s->name);
	fputs("\n    vips: [", out);
	for (size_t i = 0; i < s->n_vips; i++) {
		fputs(i > 0 ? ", " : "", out);
		print_addr(out, &s->vips[i]);
	}
	fprintf(out, "]\n    protocol: %s\n", conf_protocol_word(s->protocol));
	if (s->n_ports > 0) {
		fputs("    ports: [", out);
		for (size_t i = 0; i < s->n_ports; i++)
			fprintf(out, "%s%u", i > 0 ? ", " : "", s->ports[i]);
		fputs("]\n", out);
	}
	fprintf(out, "    table_size: %u\n    oversize: %s\n", s->table_size,
	    conf_oversize_word(s->refuse_oversize ? RAW_OVERSIZE_REFUSE
						  : RAW_OVERSIZE_FRAGMENT));
	fprintf(out, "    announce_min: %u\n    announce_again: %u\n",
	    s->announce_min, s->announce_again);
	print_check(out, &s->check);
	fprintf(out, "    panic: %u\n", s->panic_percent);
	print_moves(out, s);
	fputs(
	    s->n_backends > 0 ? "    backends:\n" : "    backends: []\n", out);
	for (size_t i = 0; i < s->n_backends; i++)
		print_backend(out, &s->backends[i]);
}

char *
conf_print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	bool failed;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	print_node(out, c);
	print_balancer(out, c);
	print_announce(out, &c->announce);
	print_cluster(out, c);
	fputs(c->n_services > 0 ? "services:\n" : "services: []\n", out);
	for (size_t i = 0; i < c->n_services; i++)
		print_service(out, &c->services[i]);
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
