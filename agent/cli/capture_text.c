/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/capture_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/cli/cli.h"
#include "agent/cli/show.h"
#include "balancer/core/parse.h"

/* What a frame that may be cut says of itself; the packet path proper takes
 * only whole packets apart. */
struct headers {
	struct addr source, destination; /* none: not IP */
	uint8_t protocol;
	bool has_ports;
	uint16_t source_port, destination_port;
};

/* The ports at `at`, if they are there. */
static void
read_ports(struct headers *h, const uint8_t *at, const uint8_t *end)
{
	if ((h->protocol != PROTOCOL_TCP && h->protocol != PROTOCOL_UDP) ||
	    at + 4 > end)
		return;
	h->has_ports = true;
	h->source_port = FROM_BE16(load16(at));
	h->destination_port = FROM_BE16(load16(at + 2));
}

static void
read_headers(struct headers *h, const struct captured_frame *f)
{
	const uint8_t *end = f->data + f->len, *ip;
	struct packet p;
	be16 type;

	memset(h, 0, sizeof(*h));
	if (parse_link(f->data, end, &p, &type) != REASON_FORWARD)
		return;
	ip = f->data + p.ip;
	if (type == BE16(ETHERTYPE_IPV4) &&
	    parse_ipv4_addresses(f->data, end, &p) == REASON_FORWARD) {
		h->protocol = ip[9];
		if ((load16(ip + 6) & BE16(PARSE_OFFSET)) == 0)
			read_ports(h, ip + (ip[0] & 0xf) * 4, end);
	} else if (type == BE16(ETHERTYPE_IPV6) &&
	    parse_ipv6_addresses(f->data, end, &p) == REASON_FORWARD) {
		h->protocol = ip[6];
		read_ports(h, ip + IPV6_LEN, end);
	} else {
		return;
	}
	memcpy(h->source.bytes, p.source, sizeof(p.source));
	memcpy(h->destination.bytes, p.destination, sizeof(p.destination));
}

static const char *
protocol_name(uint8_t protocol, char buf[8])
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return "tcp";
	case PROTOCOL_UDP:
		return "udp";
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return "icmp";
	case PROTOCOL_GRE:
		return "gre";
	}
	snprintf(buf, 8, "ip-%u", protocol);
	return buf;
}

static const char *
format_end(const struct headers *h, bool source, char buf[SHOW_ENDPOINT_MAX])
{
	const struct addr *a = source ? &h->source : &h->destination;

	if (h->has_ports)
		return show_addr_port(
		    a, source ? h->source_port : h->destination_port, buf);
	return addr_format(a, buf);
}

static const char *
format_headers(const struct headers *h, char buf[CAPTURE_TEXT_MAX])
{
	char source[SHOW_ENDPOINT_MAX], destination[SHOW_ENDPOINT_MAX];
	char number[8];

	if (addr_is_none(&h->source) && addr_is_none(&h->destination))
		return "not IP";
	snprintf(buf, CAPTURE_TEXT_MAX, "%s -> %s %s",
	    format_end(h, true, source), format_end(h, false, destination),
	    protocol_name(h->protocol, number));
	return buf;
}

const char *
capture_comment(const struct captured_packet *p, char buf[CAPTURE_TEXT_MAX])
{
	bool served = p->service[0] != '\0',
	     chosen = !addr_is_none(&p->backend);
	char backend[ADDR_TEXT_MAX];

	snprintf(buf, CAPTURE_TEXT_MAX, "%s: %s%s%s%s%s", p->reason,
	    show_reason(p->reason), served ? "; service " : "", p->service,
	    chosen ? "; backend " : "",
	    chosen ? addr_format(&p->backend, backend) : "");
	return buf;
}

static const struct captured_frame *
first_sent(const struct captured_packet *p)
{
	for (size_t i = 0; i < p->n_frames; i++)
		if (p->frames[i].out)
			return &p->frames[i];
	return NULL;
}

/* Local time, for people. */
static const char *
format_time(uint64_t ns, char buf[32])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char clock[16];

	if (localtime_r(&seconds, &tm) == NULL)
		return "?";
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(buf, 32, "%s.%06u", clock, (unsigned)(ns % 1000000000 / 1000));
	return buf;
}

const char *
capture_line(const struct captured_packet *p, char buf[CAPTURE_TEXT_MAX])
{
	const struct captured_frame *first = p->frames, *sent = first_sent(p);
	bool came = !first->out, chosen = !addr_is_none(&p->backend);
	char backend[ADDR_TEXT_MAX], clock[32], packet[CAPTURE_TEXT_MAX];
	struct headers h;

	read_headers(&h, first);
	snprintf(buf, CAPTURE_TEXT_MAX,
	    "%s%s%.16s %.200s %u B: %s%s%s%s%s%s%.16s",
	    format_time(p->time_ns, clock), came ? " " : "",
	    came ? first->interface : "", format_headers(&h, packet),
	    first->wire_len, p->reason, p->service[0] != '\0' ? " " : "",
	    p->service, chosen ? " " : "",
	    chosen ? addr_format(&p->backend, backend) : "",
	    sent != NULL ? " -> " : "", sent != NULL ? sent->interface : "");
	return buf;
}

static json_t *
frames_json(const struct captured_packet *p)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < p->n_frames; i++) {
		const struct captured_frame *f = &p->frames[i];

		json_array_append_new(list,
		    cli_json(json_pack("{s:s, s:o, s:I}", "direction",
			f->out ? "out" : "in", "interface",
			show_interface_json(f->interface), "length",
			(json_int_t)f->wire_len)));
	}
	return list;
}

json_t *
capture_json(const struct captured_packet *p)
{
	struct headers h;
	char number[8];
	json_t *o;

	read_headers(&h, p->frames);
	o = cli_json(json_pack("{s:I, s:I, s:s, s:o, s:o, s:o, s:o}", "number",
	    (json_int_t)p->number, "time_ns", (json_int_t)p->time_ns, "reason",
	    p->reason, "service",
	    p->service[0] != '\0' ? json_string(p->service) : json_null(),
	    "backend", show_addr_json(&p->backend), "source",
	    show_addr_json(&h.source), "destination",
	    show_addr_json(&h.destination)));
	if (!addr_is_none(&h.source))
		json_object_set_new(o, "protocol",
		    cli_json(json_string(protocol_name(h.protocol, number))));
	if (h.has_ports) {
		json_object_set_new(
		    o, "source_port", cli_json(json_integer(h.source_port)));
		json_object_set_new(o, "destination_port",
		    cli_json(json_integer(h.destination_port)));
	}
	json_object_set_new(o, "frames", frames_json(p));
	return o;
}
