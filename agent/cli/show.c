/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/show.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "balancer/core/counters.h"

const char *
show_addr_port(const struct addr *a, uint16_t port, char buf[SHOW_ENDPOINT_MAX])
{
	char text[ADDR_TEXT_MAX];
	bool v4 = addr_is4(a);

	snprintf(buf, SHOW_ENDPOINT_MAX, "%s%s%s:%u", v4 ? "" : "[",
	    addr_format(a, text), v4 ? "" : "]", port);
	return buf;
}

const char *
show_endpoint(const struct forwarding_endpoint *e, char buf[SHOW_ENDPOINT_MAX])
{
	size_t used;

	show_addr_port(&e->vip, e->port, buf);
	used = strlen(buf);
	if (e->port == 0)
		buf[used - 1] = '*';
	snprintf(buf + used, SHOW_ENDPOINT_MAX - used, "/%s",
	    show_protocol(e->protocol));
	return buf;
}

const char *
show_protocol(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp"
	    : protocol == IPPROTO_UDP  ? "udp"
				       : "unknown";
}

const char *
show_mac(const uint8_t mac[REPORT_MAC_LEN], char buf[SHOW_MAC_MAX])
{
	snprintf(buf, SHOW_MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
	    mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

const char *
show_digest(const uint8_t digest[REPORT_DIGEST_LEN], size_t bytes,
    char buf[SHOW_DIGEST_MAX])
{
	for (size_t i = 0; i < bytes; i++)
		snprintf(buf + 2 * i, 3, "%02x", digest[i]);
	return buf;
}

const char *
show_reason(const char *name)
{
	for (int r = 0; r < REASON_COUNT; r++)
		if (strcmp(reason_name((enum reason)r), name) == 0)
			return reason_text((enum reason)r);
	return "";
}

json_t *
show_addr_json(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	return cli_json(
	    addr_is_none(a) ? json_null() : json_string(addr_format(a, text)));
}

json_t *
show_interface_json(const char *name)
{
	return cli_json(name[0] != '\0' ? json_string(name) : json_null());
}

json_t *
show_mac_json(bool has_mac, const uint8_t mac[REPORT_MAC_LEN])
{
	char text[SHOW_MAC_MAX];

	return cli_json(
	    has_mac ? json_string(show_mac(mac, text)) : json_null());
}

json_t *
show_digest_json(bool has_digest, const uint8_t digest[REPORT_DIGEST_LEN])
{
	char text[SHOW_DIGEST_MAX];

	return cli_json(has_digest
		? json_string(show_digest(digest, REPORT_DIGEST_LEN, text))
		: json_null());
}

json_t *
show_counters_json(const struct report_counter *counters, size_t n)
{
	json_t *o = cli_json(json_object());

	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, counters[i].name,
		    cli_json(json_integer((json_int_t)counters[i].packets)));
	return o;
}

static json_t *
endpoints_json(const struct control_service *s)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct forwarding_endpoint *e = &s->endpoints[i];

		json_array_append_new(list,
		    cli_json(json_pack("{s:o, s:s, s:i}", "vip",
			show_addr_json(&e->vip), "protocol",
			show_protocol(e->protocol), "port", (int)e->port)));
	}
	return list;
}

json_t *
show_service_json(const struct control_service *s)
{
	return cli_json(json_pack("{s:s, s:o, s:i, s:i, s:i, s:b, s:o, s:o, "
				  "s:I, s:I, s:o, s:s, s:b, s:I, s:I, s:I, "
				  "s:I, s:I}",
	    "name", s->name, "endpoints", endpoints_json(s), "table_size",
	    (int)s->table_size, "members_configured", (int)s->configured,
	    "members_taking", (int)s->taking, "in_sync", show_in_sync(s),
	    "digest", show_digest_json(true, s->digest), "installed_digest",
	    show_digest_json(s->has_installed, s->installed), "packets",
	    (json_int_t)s->packets, "bytes", (json_int_t)s->bytes, "drops",
	    show_counters_json(s->drops, s->n_drops), "check", s->check,
	    "panic", s->panic, "slots_moving", (json_int_t)s->moving,
	    "slots_marked", (json_int_t)s->marked, "entries",
	    (json_int_t)s->entries, "entries_pinned", (json_int_t)s->pinned,
	    "entries_overflow", (json_int_t)s->overflow));
}

bool
show_in_sync(const struct control_service *s)
{
	return s->has_installed &&
	    memcmp(s->digest, s->installed, sizeof(s->digest)) == 0;
}
