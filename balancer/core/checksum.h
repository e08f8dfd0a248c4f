/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The Internet checksum (RFC 1071, RFC 1624).
 *
 * Sums are taken over 16-bit words as they stand in memory: the one's
 * complement sum does not depend on byte order (RFC 1071, 2 B), so a folded sum
 * is stored into the packet as it is. A sum is a plain uint64_t, begun with 0
 * and added to; it cannot overflow for anything that fits into a packet.
 *
 *	sum = checksum_add(0, header, 20);      field zeroed before
 *	check = checksum_end(sum);
 *
 * A block that was summed with its right checksum in place ends in 0. */
#ifndef BALANCER_CORE_CHECKSUM_H
#define BALANCER_CORE_CHECKSUM_H

#include "balancer/core/types.h"

/* Adds len bytes. Only the last block of a sum may have an odd length; it is
 * padded with a zero byte. */
CORE_INLINE uint64_t
checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide;
	uint32_t word;
	uint16_t half;

	for (; len >= 8; len -= 8, p += 8) {
		__builtin_memcpy(&wide, p, 8);
		sum += (wide & 0xffffffff) + (wide >> 32);
	}
	if (len & 4) {
		__builtin_memcpy(&word, p, 4);
		sum += word;
		p += 4;
	}
	if (len & 2) {
		__builtin_memcpy(&half, p, 2);
		sum += half;
		p += 2;
	}
	if (len & 1)
		sum += BE16((uint16_t)(p[0] << 8));
	return sum;
}

/* The 16-bit one's complement sum, not inverted: what offload leaves in a
 * TCP or UDP header for the NIC to finish, if over the pseudo-header. */
CORE_INLINE be16
checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (be16)sum;
}

/* The checksum: what goes into the header. (In UDP a 0 is sent as 0xffff; use
 * checksum_end_udp.) */
CORE_INLINE be16
checksum_end(uint64_t sum)
{
	return (be16)~checksum_fold(sum);
}

CORE_INLINE be16
checksum_end_udp(uint64_t sum)
{
	be16 check = checksum_end(sum);

	return check == 0 ? 0xffff : check;
}

CORE_INLINE be16
checksum_of(const void *data, size_t len)
{
	return checksum_end(checksum_add(0, data, len));
}

/* Pseudo-headers of TCP, UDP and ICMPv6 (RFC 9293, 3.1; RFC 8200, 8.1).
 * `addresses` are source and destination side by side, as in the IP header;
 * len is that of the upper layer, its header included. */
CORE_INLINE uint64_t
checksum_pseudo4(const void *addresses, uint8_t protocol, uint16_t len)
{
	return checksum_add((uint64_t)BE16(protocol) + BE16(len), addresses, 8);
}

CORE_INLINE uint64_t
checksum_pseudo6(const void *addresses, uint8_t protocol, uint32_t len)
{
	return checksum_add(
	    (uint64_t)BE32(protocol) + BE32(len), addresses, 32);
}

/* The checksum after one aligned word that it covers changed from `from` to
 * `to`: RFC 1624, equation 3, which unlike RFC 1071's never turns a right
 * checksum into the other zero. */
CORE_INLINE be16
checksum_replace16(be16 check, be16 from, be16 to)
{
	return checksum_end(
	    (uint64_t)(be16)~check + (be16)~from + (uint64_t)to);
}

CORE_INLINE be16
checksum_replace32(be16 check, be32 from, be32 to)
{
	return checksum_end(
	    (uint64_t)(be16)~check + (be32)~from + (uint64_t)to);
}

/* From here on user space only. `l3` is a packet from its IP header on, of
 * either version; bytes after the length that its header gives are ignored. */

/* Sums l4_len bytes of upper layer at offset l4, with the pseudo-header of the
 * packet's addresses. The caller has checked the bounds. */
uint64_t checksum_upper(
    const uint8_t *l3, size_t l4, uint8_t protocol, size_t l4_len);

/* What stands in the checksum field of a whole TCP or UDP packet? */
enum checksum_state {
	CHECKSUM_GOOD,    /* right; or an IPv4 UDP packet without one */
	CHECKSUM_PARTIAL, /* of the pseudo-header only: offload would end it */
	CHECKSUM_BAD,
	CHECKSUM_UNKNOWN, /* a fragment, not TCP or UDP, or malformed */
};
struct checksum_found {
	enum checksum_state state;
	uint32_t at; /* offset of the field; valid unless UNKNOWN */
	be16 full;   /* what it should hold; valid for PARTIAL */
};
/* One pass over the packet. */
void checksum_check(const uint8_t *l3, size_t len, struct checksum_found *);

/* Completes a checksum that offload left partial, in place: true if it did.
 * Anything else is left as it is: a wrong checksum stays wrong, so that the
 * backend finds it. Reads the payload only of packets that may need it. */
bool checksum_finish(uint8_t *l3, size_t len);

#endif
