/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Reading a frame: Ethernet with up to two VLAN tags, IPv4 with options, IPv6
 * with extension headers, TCP and UDP ports, fragment fields.
 *
 * In two steps, with the VIP lookup between them: parse_link and the addresses
 * are just what is needed to know whom a packet is for, and find fault with
 * nothing; parse_transport is strict, and is only asked about packets for a
 * VIP. Every function returns REASON_FORWARD when it found nothing against the
 * packet. Each load stands behind a check against `end` that the BPF verifier
 * understands as well. */
#ifndef BALANCER_CORE_PARSE_H
#define BALANCER_CORE_PARSE_H

#include "balancer/core/reason.h"
#include "balancer/core/tables.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define ETHERNET_LEN   14
#define VLAN_LEN       4
#define IPV4_LEN       20
#define IPV6_LEN       40
#define TCP_LEN        20
#define UDP_LEN        8
#define ICMP_LEN       8
/* Hop-by-hop, destination options, routing, fragment, destination options: the
 * longest chain that RFC 8200, section 4.1, recommends, and one to spare. */
#define IPV6_EXTENSIONS_MAX 6
/* More than where the last of them can end, in a packet quoted behind as many
 * as well. */
#define PARSE_OFFSET_MASK 0x7fffu
_Static_assert(ETHERNET_LEN + 2 * VLAN_LEN + ICMP_LEN +
	    2 * (IPV6_LEN + IPV6_EXTENSIONS_MAX * 256 * 8) <=
	PARSE_OFFSET_MASK,
    "no offset is cut");

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_DESTINATION = 60,
};

/* Bits of packet.fragment (RFC 791). */
#define PARSE_DONT_FRAGMENT  0x4000
#define PARSE_MORE_FRAGMENTS 0x2000
#define PARSE_OFFSET         0x1fff /* in units of 8 bytes */
#define PARSE_IS_FRAGMENT    (PARSE_MORE_FRAGMENTS | PARSE_OFFSET)

/* Who asks about plain packets only, TCP and UDP without fragments, options and
 * extension headers, has this answer for each other one: a constant, with which
 * the compiler leaves out all that is for those. */
#define PARSE_NOT_PLAIN ((enum reason)REASON_COUNT)

/* What a packet for a VIP is. */
enum packet_kind {
	PACKET_FLOW,           /* whole, with ports */
	PACKET_FIRST_FRAGMENT, /* with ports */
	PACKET_LATER_FRAGMENT,
	PACKET_ICMP, /* ICMP or ICMPv6, whole */
};

/* A packet as understood. Offsets are from the start of the frame. */
struct packet {
	uint32_t source[4], destination[4]; /* IPv4 mapped, as in tables.h */
	be32 ports;                         /* source port first */
	be32 fragment_id;   /* IPv4: 16 bits; of fragments only */
	uint32_t ip;        /* offset of the IP header */
	uint32_t transport; /* of what follows it */
	uint32_t ip_len;    /* IP header to the end; padding left out */
	uint16_t fragment;  /* PARSE_...; IPv6's put into the bits of IPv4 */
	bool is6;
	uint8_t protocol;
	uint8_t traffic_class;
	uint8_t kind; /* enum packet_kind */
};

CORE_INLINE bool
parse_is_vlan(be16 ethertype)
{
	return ethertype == BE16(ETHERTYPE_VLAN) ||
	    ethertype == BE16(ETHERTYPE_QINQ);
}

/* Sets p->ip; *ethertype is that of what stands there. */
CORE_INLINE enum reason
parse_link(
    const uint8_t *data, const uint8_t *end, struct packet *p, be16 *ethertype)
{
	be16 type;

	if (data + ETHERNET_LEN > end)
		return REASON_PASS_NOT_IP;
	type = load16(data + 12);
	p->ip = ETHERNET_LEN;
	if (UNLIKELY(parse_is_vlan(type))) {
		if (data + ETHERNET_LEN + VLAN_LEN > end)
			return REASON_PASS_NOT_IP;
		type = load16(data + 16);
		p->ip = ETHERNET_LEN + VLAN_LEN;
		if (parse_is_vlan(type)) {
			if (data + ETHERNET_LEN + 2 * VLAN_LEN > end)
				return REASON_PASS_NOT_IP;
			type = load16(data + 20);
			p->ip = ETHERNET_LEN + 2 * VLAN_LEN;
		}
	}
	*ethertype = type;
	return REASON_FORWARD;
}

CORE_INLINE void
parse_map_ipv4(uint32_t out[4], be32 addr)
{
	out[0] = 0;
	out[1] = 0;
	out[2] = BE32(0xffff);
	out[3] = addr;
}

CORE_INLINE void
parse_copy_ipv6(uint32_t out[4], const uint8_t *addr)
{
	out[0] = load32(addr);
	out[1] = load32(addr + 4);
	out[2] = load32(addr + 8);
	out[3] = load32(addr + 12);
}

/* An IPv4-mapped address never stands in an IPv6 header (RFC 4291, 2.5.5.2;
 * RFC 6890): it would be taken for the IPv4 VIP with those four bytes. */
CORE_INLINE bool
parse_is_mapped(const uint32_t addr[4])
{
	return addr[0] == 0 && addr[1] == 0 && addr[2] == BE32(0xffff);
}

/* The addresses in the IP header at data + p->ip: what there must be to know
 * whom a packet is for. */
CORE_INLINE enum reason
parse_ipv4_addresses(const uint8_t *data, const uint8_t *end, struct packet *p)
{
	const uint8_t *ip = data + p->ip;

	p->is6 = false;
	if (ip + IPV4_LEN > end || ip[0] >> 4 != 4)
		return REASON_PASS_MALFORMED;
	parse_map_ipv4(p->source, load32(ip + 12));
	parse_map_ipv4(p->destination, load32(ip + 16));
	return REASON_FORWARD;
}

CORE_INLINE enum reason
parse_ipv6_addresses(const uint8_t *data, const uint8_t *end, struct packet *p)
{
	const uint8_t *ip = data + p->ip;

	p->is6 = true;
	if (ip + IPV6_LEN > end || ip[0] >> 4 != 6)
		return REASON_PASS_MALFORMED;
	parse_copy_ipv6(p->source, ip + 8);
	parse_copy_ipv6(p->destination, ip + 24);
	return parse_is_mapped(p->destination) ? REASON_PASS_NOT_VIP
					       : REASON_FORWARD;
}

/* Does a one's complement sum, not folded yet, come to either zero? It then is
 * a multiple of 0xffff, and its product with the inverse of that modulo 2^64
 * is small (Granlund, Montgomery, PLDI 1994). Compilers know this too, but
 * clang divides for BPF. */
CORE_INLINE bool
parse_sum_is_zero(uint64_t sum)
{
	return sum * 0xfffefffefffeffffu <= UINT64_MAX / 0xffff;
}

/* Is the sum over the header's 16-bit words all ones (RFC 1071)? It cannot be
 * 0, for the version is not. */
CORE_INLINE bool
parse_ipv4_checksum_ok(
    const uint8_t *ip, const uint8_t *end, uint32_t header_len)
{
	uint64_t sum = 0;

	sum += (uint64_t)load32(ip) + load32(ip + 4) + load32(ip + 8) +
	    load32(ip + 12) + load32(ip + 16);
	for (uint32_t at = IPV4_LEN; at < 60; at += 4) {
		if (LIKELY(at >= header_len) || ip + at + 4 > end)
			break;
		sum += load32(ip + at);
	}
	return parse_sum_is_zero(sum);
}

/* The rest of the IPv4 header. */
CORE_INLINE enum reason
parse_ipv4(
    const uint8_t *data, const uint8_t *end, struct packet *p, bool plain)
{
	const uint8_t *ip = data + p->ip;
	uint32_t header_len;

	if (ip + IPV4_LEN > end)
		return REASON_DROP_MALFORMED;
	header_len = (ip[0] & 0xfu) * 4;
	if (UNLIKELY(plain &&
		(header_len != IPV4_LEN ||
		    (load16(ip + 6) & BE16(PARSE_IS_FRAGMENT)) != 0)))
		return PARSE_NOT_PLAIN;
	p->ip_len = FROM_BE16(load16(ip + 2));
	if (UNLIKELY(header_len < IPV4_LEN || p->ip_len < header_len ||
		p->ip_len > (uint64_t)(end - ip)))
		return REASON_DROP_MALFORMED;
	if (UNLIKELY(!parse_ipv4_checksum_ok(ip, end, header_len)))
		return REASON_DROP_CHECKSUM;
	p->traffic_class = ip[1];
	p->protocol = ip[9];
	p->transport = p->ip + header_len;
	p->fragment = FROM_BE16(load16(ip + 6));
	p->fragment_id = load16(ip + 4);
	return REASON_FORWARD;
}

CORE_INLINE bool
parse_is_extension(uint8_t protocol)
{
	const uint64_t set = 1ull << PROTOCOL_HOP_BY_HOP |
	    1ull << PROTOCOL_ROUTING | 1ull << PROTOCOL_FRAGMENT |
	    1ull << PROTOCOL_DESTINATION;

	return protocol < 64 && (set >> protocol & 1) != 0;
}

/* Follows the chain of extension headers from data + p->transport, which
 * p->protocol names, to the first header that is none of them. */
CORE_INLINE enum reason
parse_ipv6_extensions(const uint8_t *data, const uint8_t *end, struct packet *p)
{
	/* As an offset: the verifier knows nothing of the difference of two
	 * pointers. */
	uint32_t at = p->transport;

	for (uint32_t i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		const uint8_t *header;
		uint32_t fragment, len;

		if (LIKELY(!parse_is_extension(p->protocol)))
			break;
		/* Changes nothing, but that the verifier finds it in the same
		 * range however long the headers before this are: else it
		 * follows each combination of them. */
		BARRIER_VAR(at);
		at &= PARSE_OFFSET_MASK;
		header = data + at;
		if (header + 8 > end)
			return REASON_DROP_MALFORMED;
		len = (header[1] + 1u) * 8;
		if (p->protocol == PROTOCOL_FRAGMENT) {
			fragment = FROM_BE16(load16(header + 2));
			p->fragment = (uint16_t)(PARSE_DONT_FRAGMENT |
			    (fragment & 1 ? PARSE_MORE_FRAGMENTS : 0) |
			    fragment >> 3);
			p->fragment_id = load32(header + 4);
			len = 8;
		} else if (p->protocol == PROTOCOL_ROUTING && header[3] != 0) {
			/* A route that does not end at the VIP. */
			return REASON_DROP_MALFORMED;
		}
		p->protocol = header[0];
		at += len;
		/* What follows in a later fragment is not a header. */
		if ((p->fragment & PARSE_OFFSET) != 0)
			break;
	}
	p->transport = at;
	return REASON_FORWARD;
}

/* The rest of the IPv6 header and its extensions. */
CORE_INLINE enum reason
parse_ipv6(
    const uint8_t *data, const uint8_t *end, struct packet *p, bool plain)
{
	const uint8_t *ip = data + p->ip;
	enum reason reason;

	if (ip + IPV6_LEN > end)
		return REASON_DROP_MALFORMED;
	p->ip_len = IPV6_LEN + FROM_BE16(load16(ip + 4));
	if (p->ip_len > (uint64_t)(end - ip) || parse_is_mapped(p->source))
		return REASON_DROP_MALFORMED;
	p->traffic_class = (uint8_t)(FROM_BE16(load16(ip)) >> 4);
	p->protocol = ip[6];
	p->transport = p->ip + IPV6_LEN;
	/* RFC 8200: only the source fragments. */
	p->fragment = PARSE_DONT_FRAGMENT;
	p->fragment_id = 0;
	if (plain)
		return parse_is_extension(p->protocol) ? PARSE_NOT_PLAIN
						       : REASON_FORWARD;
	reason = parse_ipv6_extensions(data, end, p);
	if (reason == REASON_FORWARD && p->transport > p->ip + p->ip_len)
		return REASON_DROP_MALFORMED;
	return reason;
}

/* What is left of the IP packet from the transport header on. */
CORE_INLINE uint32_t
parse_transport_len(const struct packet *p)
{
	return p->ip + p->ip_len - p->transport;
}

/* A packet for a VIP that is neither TCP nor UDP. */
CORE_INLINE enum reason
parse_other(struct packet *p)
{
	if (p->protocol != (p->is6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP)) {
		/* In IPv6 the first fragment may have options before its
		 * ports; then the later ones do not show the protocol. */
		p->kind = PACKET_LATER_FRAGMENT;
		return p->is6 && p->protocol == PROTOCOL_DESTINATION &&
			(p->fragment & PARSE_OFFSET) != 0
		    ? REASON_FORWARD
		    : REASON_PASS_PROTOCOL;
	}
	p->kind = PACKET_ICMP;
	if ((p->fragment & PARSE_IS_FRAGMENT) != 0)
		return REASON_PASS_ICMP;
	return parse_transport_len(p) < ICMP_LEN ? REASON_DROP_MALFORMED
						 : REASON_FORWARD;
}

/* Kind and ports of a packet whose IP headers are read. */
CORE_INLINE enum reason
parse_ports(
    const uint8_t *data, const uint8_t *end, struct packet *p, bool plain)
{
	const uint8_t *transport = data + p->transport;
	uint32_t least = p->protocol == PROTOCOL_TCP ? TCP_LEN : UDP_LEN;

	p->ports = 0;
	p->kind = PACKET_FLOW;
	if (UNLIKELY(
		p->protocol != PROTOCOL_TCP && p->protocol != PROTOCOL_UDP))
		return plain ? PARSE_NOT_PLAIN : parse_other(p);
	if (UNLIKELY(!plain && (p->fragment & PARSE_IS_FRAGMENT) != 0)) {
		p->kind = PACKET_LATER_FRAGMENT;
		if ((p->fragment & PARSE_OFFSET) != 0)
			return REASON_FORWARD;
		p->kind = PACKET_FIRST_FRAGMENT;
		least = UDP_LEN; /* TCP's header may be cut, not its ports */
	}
	if (UNLIKELY(parse_transport_len(p) < least || transport + 4 > end))
		return REASON_DROP_MALFORMED;
	p->ports = load32(transport);
	return REASON_FORWARD;
}

#define PARSE_TCP_FIN 0x01
#define PARSE_TCP_SYN 0x02
#define PARSE_TCP_RST 0x04
#define PARSE_TCP_ACK 0x10

/* The flags of a whole TCP packet that parse_transport accepted: few packets
 * are asked for them (flow.h), so it does not read them for all. */
CORE_INLINE uint8_t
parse_tcp_flags(const uint8_t *data, const uint8_t *end, uint32_t transport)
{
	const uint8_t *tcp;

	/* For the verifier, as in parse_ipv6_extensions. */
	BARRIER_VAR(transport);
	tcp = data + (transport & PARSE_OFFSET_MASK);
	return tcp + TCP_LEN > end ? 0 : tcp[13];
}

/* The packet quoted in an ICMP error, which stands at data + at and may be cut
 * after 8 bytes of its transport header: its flow as its receiver's side sends
 * it, so with everything exchanged. Lengths and checksums are not looked at;
 * hosts and routers quote them changed. */
CORE_INLINE bool
parse_quote(const uint8_t *data, const uint8_t *end, uint32_t at, bool is6,
    struct packet *flipped)
{
	const uint8_t *ip = data + at, *transport;
	uint32_t ports;

	flipped->is6 = is6;
	flipped->fragment = 0;
	if (ip + IPV4_LEN > end)
		return false;
	if (!is6) {
		parse_map_ipv4(flipped->source, load32(ip + 16));
		parse_map_ipv4(flipped->destination, load32(ip + 12));
		flipped->protocol = ip[9];
		flipped->transport = at + (ip[0] & 0xfu) * 4;
		if (ip[0] >> 4 != 4 || (ip[0] & 0xfu) < 5 ||
		    (load16(ip + 6) & BE16(0x1fff)) != 0)
			return false;
	} else {
		if (ip + IPV6_LEN > end || ip[0] >> 4 != 6)
			return false;
		parse_copy_ipv6(flipped->source, ip + 24);
		parse_copy_ipv6(flipped->destination, ip + 8);
		flipped->protocol = ip[6];
		flipped->transport = at + IPV6_LEN;
		if (parse_ipv6_extensions(data, end, flipped) !=
			REASON_FORWARD ||
		    (flipped->fragment & PARSE_OFFSET) != 0)
			return false;
	}
	transport = data + flipped->transport;
	if (transport + 8 > end ||
	    (flipped->protocol != PROTOCOL_TCP &&
		flipped->protocol != PROTOCOL_UDP))
		return false;
	ports = load32(transport);
	flipped->ports = ports >> 16 | ports << 16;
	return true;
}

/* Everything behind the addresses, for a packet that is for a VIP. */
CORE_INLINE enum reason
parse_transport(
    const uint8_t *data, const uint8_t *end, struct packet *p, bool plain)
{
	enum reason reason;

	reason = p->is6 ? parse_ipv6(data, end, p, plain)
			: parse_ipv4(data, end, p, plain);
	if (reason != REASON_FORWARD)
		return reason;
	return parse_ports(data, end, p, plain);
}

#endif
