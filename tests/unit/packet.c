/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/packet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ICMP6 = 58
};

void
packet_put16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

void
packet_put32(uint8_t *to, uint32_t value)
{
	packet_put16(to, (uint16_t)(value >> 16));
	packet_put16(to + 2, (uint16_t)value);
}

uint16_t
packet_get16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

uint16_t
packet_checksum(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += packet_get16(data + i);
	if (len % 2 != 0)
		sum += (uint32_t)data[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void
packet_fix_ipv4(uint8_t *ip)
{
	packet_put16(ip + 10, 0);
	packet_put16(
	    ip + 10, packet_checksum(ip, (size_t)(ip[0] & 0xf) * 4, 0));
}

static bool
is6(const struct packet_spec *s)
{
	return strchr(s->destination, ':') != NULL;
}

static uint8_t
protocol_of(const struct packet_spec *s)
{
	return s->protocol != 0 ? s->protocol : TCP;
}

size_t
packet_ip(const struct packet_spec *s)
{
	return 14 + (size_t)s->vlans * 4;
}

static uint8_t *
put_link(const struct packet_spec *s, uint8_t *at)
{
	static const uint8_t macs[12] = {
	    2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xcc};

	memcpy(at, macs, sizeof(macs));
	at += sizeof(macs);
	for (unsigned int i = s->vlans; i > 0; i--) {
		packet_put16(at, i > 1 ? 0x88a8 : 0x8100);
		packet_put16(at + 2, (uint16_t)(0x6000 + i));
		at += 4;
	}
	packet_put16(at, is6(s) ? 0x86dd : 0x0800);
	return at + 2;
}

/* The transport header; its checksum comes when all is there. */
static uint8_t *
put_transport(const struct packet_spec *s, uint8_t *at)
{
	uint8_t protocol = protocol_of(s);

	if (s->fragment != 0)
		return at;
	memset(at, 0, 20);
	switch (protocol) {
	case TCP:
		packet_put16(at, s->source_port);
		packet_put16(at + 2, s->destination_port);
		packet_put32(at + 4, 0x01020304);
		at[12] = 0x50;
		at[13] = s->tcp_flags != 0 ? s->tcp_flags : 0x10;
		packet_put16(at + 14, 0xffff);
		return at + 20;
	case UDP:
		packet_put16(at, s->source_port);
		packet_put16(at + 2, s->destination_port);
		packet_put16(at + 4, (uint16_t)(s->body_len + 8));
		return at + 8;
	case ICMP:
	case ICMP6:
		at[0] = s->icmp_type;
		at[1] = s->icmp_code;
		packet_put32(at + 4, s->icmp_rest);
		return at + 8;
	default:
		return at;
	}
}

static uint8_t *
put_body(const struct packet_spec *s, uint8_t *at)
{
	for (size_t i = 0; i < s->body_len; i++)
		at[i] = s->body != NULL ? s->body[i] : (uint8_t)i;
	return at + s->body_len;
}

static void
put_checksum(const struct packet_spec *s, const uint8_t *addresses,
    size_t addresses_len, uint8_t *l4, size_t len)
{
	uint8_t protocol = protocol_of(s), *field;
	uint32_t pseudo;

	if (s->fragment != 0)
		return;
	pseudo = protocol + (uint32_t)len +
	    (uint16_t)~packet_checksum(addresses, addresses_len, 0);
	if (protocol == ICMP)
		pseudo = 0;
	if (protocol == TCP)
		field = l4 + 16;
	else if (protocol == UDP)
		field = l4 + 6;
	else if (protocol == ICMP || protocol == ICMP6)
		field = l4 + 2;
	else
		return;
	packet_put16(field, packet_checksum(l4, len, pseudo));
}

static uint8_t *
put_ipv4(const struct packet_spec *s, uint8_t *ip)
{
	size_t header_len = 20 + (size_t)s->option_words * 4;
	uint8_t *l4 = ip + header_len, *end;

	memset(ip, 1, header_len); /* options: NOPs */
	ip[0] = (uint8_t)(0x40 + header_len / 4);
	ip[1] = s->traffic_class;
	packet_put16(ip + 4, s->id != 0 ? (uint16_t)s->id : 1);
	packet_put16(ip + 6,
	    (uint16_t)((s->dont_fragment ? 0x4000 : 0) |
		(s->more_fragments ? 0x2000 : 0) | s->fragment / 8));
	ip[8] = 57;
	ip[9] = protocol_of(s);
	if (inet_pton(AF_INET, s->source, ip + 12) != 1 ||
	    inet_pton(AF_INET, s->destination, ip + 16) != 1)
		abort();
	end = put_body(s, put_transport(s, l4));
	put_checksum(s, ip + 12, 8, l4, (size_t)(end - l4));
	packet_put16(ip + 2, (uint16_t)(end - ip));
	packet_fix_ipv4(ip);
	return end;
}

/* One extension header of 8 bytes (destination options: 16). */
static uint8_t *
put_extension(const struct packet_spec *s, unsigned int kind, uint8_t *at)
{
	size_t len = kind == PACKET_DESTINATION ? 16 : 8;

	memset(at, 0, len);
	at[1] = (uint8_t)(len / 8 - 1);
	switch (kind) {
	case PACKET_ROUTING:
		at[3] = s->segments_left;
		break;
	case PACKET_FRAGMENT:
		packet_put16(at + 2,
		    (uint16_t)(s->fragment | (s->more_fragments ? 1 : 0)));
		packet_put32(at + 4, s->id != 0 ? s->id : 1);
		break;
	default:
		at[2] = 1; /* PadN */
		at[3] = (uint8_t)(len - 4);
	}
	return at + len;
}

static uint8_t *
put_extensions(const struct packet_spec *s, uint8_t *ip)
{
	static const uint8_t numbers[] = {0, 60, 43, 44, 60};
	unsigned int wanted = s->extensions;
	uint8_t *next = ip + 6, *at = ip + 40;

	if (s->fragment != 0 || s->more_fragments)
		wanted |= PACKET_FRAGMENT;
	for (unsigned int i = 0; i < sizeof(numbers); i++) {
		if ((wanted & 1u << i) == 0)
			continue;
		*next = numbers[i];
		next = at;
		/* In a later fragment those after the fragment header went
		 * with the first. */
		if (1u << i == PACKET_OPTIONS && s->fragment != 0)
			return at;
		at = put_extension(s, 1u << i, at);
	}
	*next = protocol_of(s);
	return at;
}

static uint8_t *
put_ipv6(const struct packet_spec *s, uint8_t *ip)
{
	uint8_t *l4, *end;

	packet_put32(ip, 6u << 28 | (uint32_t)s->traffic_class << 20 | 0xabcde);
	ip[7] = 57;
	if (inet_pton(AF_INET6, s->source, ip + 8) != 1 ||
	    inet_pton(AF_INET6, s->destination, ip + 24) != 1)
		abort();
	l4 = put_extensions(s, ip);
	end = put_body(s, put_transport(s, l4));
	put_checksum(s, ip + 8, 32, l4, (size_t)(end - l4));
	packet_put16(ip + 4, (uint16_t)(end - ip - 40));
	return end;
}

size_t
packet_build(const struct packet_spec *s, uint8_t *out)
{
	uint8_t *ip = put_link(s, out), *end;

	end = is6(s) ? put_ipv6(s, ip) : put_ipv4(s, ip);
	memset(end, 0xee, s->padding);
	return (size_t)(end - out) + s->padding;
}
