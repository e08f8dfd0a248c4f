/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The outer header: IPv4 or IPv6, then GRE (RFC 2784; no key, no checksum, no
 * sequence), in front of the client's packet, which is not changed.
 *
 * DSCP and ECN are copied outwards (RFC 6040, section 4.1, normal mode). Outer
 * IPv4 is atomic: DF set, identification 0 (RFC 6864). The flow shows in the
 * outer source address where the state gives a prefix for it, and in the IPv6
 * flow label (RFC 6438), for GRE has no ports that routers could hash. */
#ifndef BALANCER_CORE_ENCAP_H
#define BALANCER_CORE_ENCAP_H

#include "balancer/core/parse.h"
#include "balancer/core/tables.h"

#define ENCAP_GRE_LEN  4
#define ENCAP_IPV4_LEN (IPV4_LEN + ENCAP_GRE_LEN)
#define ENCAP_IPV6_LEN (IPV6_LEN + ENCAP_GRE_LEN)
#define ENCAP_TTL      64 /* RFC 1700's; the underlay is short */
#define ENCAP_DF       0x4000

CORE_INLINE uint16_t
encap_fold(uint32_t sum)
{
	/* Both halves added to each other, in the upper one with the carry. */
	sum += sum << 16 | sum >> 16;
	return (uint16_t)(sum >> 16);
}

/* The sum of an outer IPv4 header's words that are the same for each packet to
 * this backend: backend_fwd.checksum. */
CORE_INLINE uint32_t
encap_constant_sum(be32 destination)
{
	return BE16(ENCAP_DF) + BE16(ENCAP_TTL << 8 | PROTOCOL_GRE) +
	    (destination & 0xffff) + (destination >> 16);
}

/* The outer source's last word for this flow. */
CORE_INLINE be32
encap_source(const struct backend_fwd *b, uint64_t hash)
{
	return b->source[3] | (BE32((uint32_t)hash) & b->entropy_mask);
}

CORE_INLINE void
encap_ipv4(uint8_t *out, const struct backend_fwd *b, uint64_t hash,
    uint8_t traffic_class, uint32_t inner_len)
{
	be32 source = encap_source(b, hash);
	be32 first = BE32(0x45000000 | (uint32_t)traffic_class << 16 |
	    (inner_len + ENCAP_IPV4_LEN));
	uint64_t sum = (uint64_t)b->checksum + first + source;

	store32(out, first);
	store32(out + 4, BE32(ENCAP_DF));
	store16(out + 8, BE16(ENCAP_TTL << 8 | PROTOCOL_GRE));
	store16(out + 10,
	    (uint16_t)~encap_fold(
		(uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16)));
	store32(out + 12, source);
	store32(out + 16, b->destination[3]);
}

/* 20 bits of the hash, never 0, which means "no label" (RFC 6437). */
CORE_INLINE uint32_t
encap_flow_label(uint64_t hash)
{
	uint32_t label = (uint32_t)(hash >> 12) & 0xfffff;

	return label != 0 ? label : 1;
}

CORE_INLINE void
encap_ipv6(uint8_t *out, const struct backend_fwd *b, uint64_t hash,
    uint8_t traffic_class, uint32_t inner_len)
{
	store32(out,
	    BE32(6u << 28 | (uint32_t)traffic_class << 20 |
		encap_flow_label(hash)));
	store16(out + 4, BE16(inner_len + ENCAP_GRE_LEN));
	store16(out + 6, BE16(PROTOCOL_GRE << 8 | ENCAP_TTL));
	store64(out + 8, load64((const uint8_t *)b->source));
	store32(out + 16, b->source[2]);
	store32(out + 20, encap_source(b, hash));
	store64(out + 24, load64((const uint8_t *)b->destination));
	store64(out + 32, load64((const uint8_t *)(b->destination + 2)));
}

CORE_INLINE void
encap_gre(uint8_t *out, bool inner_is6)
{
	store32(out, BE32(inner_is6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
}

/* Writes b->overhead bytes, for an inner packet of inner_len bytes that fits.
 * (A BPF program calls the two branches itself: its verifier has to see that
 * the room checked for is the room written to.) */
CORE_INLINE void
encap_outer(uint8_t *out, const struct backend_fwd *b, uint64_t hash,
    uint8_t traffic_class, bool inner_is6, uint32_t inner_len)
{
	if (b->flags & BACKEND_IPV6) {
		encap_ipv6(out, b, hash, traffic_class, inner_len);
		encap_gre(out + IPV6_LEN, inner_is6);
	} else {
		encap_ipv4(out, b, hash, traffic_class, inner_len);
		encap_gre(out + IPV4_LEN, inner_is6);
	}
}

/* The link header to the backend's next hop: ETHERNET_LEN bytes. */
CORE_INLINE void
encap_link(uint8_t *out, const struct backend_fwd *b)
{
	const uint8_t *from = (const uint8_t *)b;

	/* By words, of which two bytes twice: BPF would copy unaligned bytes
	 * one by one. */
	_Static_assert(offsetof(struct backend_fwd, ethertype) == 12,
	    "begins with the link header");
	store64(out, load64(from));
	store64(out + 6, load64(from + 6));
}

/* The same back to where `in` came from: MACs exchanged, VLAN tags kept.
 * link_len: ETHERNET_LEN and up to two VLAN_LEN, as parse_link found it. */
CORE_INLINE void
encap_link_reflect(
    uint8_t *out, const uint8_t *in, uint32_t link_len, be16 ethertype)
{
	__builtin_memcpy(out, in + 6, 6);
	__builtin_memcpy(out + 6, in, 6);
	if (link_len >= ETHERNET_LEN + VLAN_LEN)
		store32(out + 12, load32(in + 12));
	if (link_len >= ETHERNET_LEN + 2 * VLAN_LEN)
		store32(out + 16, load32(in + 16));
	store16(out + link_len - 2, ethertype);
}

#endif
