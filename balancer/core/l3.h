/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules for rare packets (checksum, icmp, oversize, frag_table) need
 * to know of a whole L3 packet. User space only: the packet path proper parses
 * on its own, within the bounds of BPF. */
#ifndef BALANCER_CORE_L3_H
#define BALANCER_CORE_L3_H

#include "balancer/core/types.h"

#define L3_IP4_HEAD      20
#define L3_IP6_HEAD      40
#define L3_IP4_DF        0x4000
#define L3_IP4_MF        0x2000
#define L3_IP4_OFFSET    0x1fff
#define L3_IP6_FRAGMENT  44 /* next header */
#define L3_IP6_EXT_MAX   8  /* extension headers walked; more: malformed */
#define L3_PROTO_ICMP    1
#define L3_PROTO_TCP     6
#define L3_PROTO_UDP     17
#define L3_PROTO_ICMP6   58
#define L3_HOP_LIMIT     64 /* of packets that are our own (RFC 1700) */
#define L3_ICMP_HEAD     8  /* of ICMP and ICMPv6 errors and echo alike */
#define L3_ICMP_CHECKSUM 2  /* offset in it */

struct l3 {
	uint32_t total;     /* length by the IP header; <= what there is */
	uint32_t l4;        /* offset of the upper layer, or of a later
			     * fragment's data */
	uint32_t frag_at;   /* IPv6: offset of the fragment header; 0: none */
	uint32_t frag_from; /* bytes before this fragment in its datagram */
	uint8_t version;
	uint8_t protocol; /* of the upper layer */
	bool more;        /* fragments after this one */
	bool routed; /* IPv6: a routing header not yet at its end, so that the
		      * upper layer's checksum is for another destination */
};

/* False: malformed, or shorter than its header says. */
bool l3_read(struct l3 *, const uint8_t *l3, size_t len);

CORE_INLINE bool
l3_is_fragment(const struct l3 *p)
{
	return p->more || p->frag_from != 0;
}

CORE_INLINE uint16_t
l3_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

CORE_INLINE uint32_t
l3_get32(const uint8_t *p)
{
	return (uint32_t)l3_get16(p) << 16 | l3_get16(p + 2);
}

CORE_INLINE void
l3_put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

CORE_INLINE void
l3_put32(uint8_t *p, uint32_t value)
{
	l3_put16(p, value >> 16);
	l3_put16(p + 2, value);
}

#endif
