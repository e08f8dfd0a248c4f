/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The keyed hash of a flow, and those of the two lookup tables.
 *
 * NH (UMAC, RFC 4418, section 5.2): for a secret key two given tuples collide
 * with a probability of at most 2^-32, so nobody without the seed can choose
 * flows that meet in one slot. It costs one multiplication per 8 bytes and
 * calls nothing, which in BPF is a tenth of SipHash. The finaliser is a
 * bijection that spreads the 64 bits: slots are taken from the top, entropy for
 * the outer header from the bottom. */
#ifndef BALANCER_CORE_TUPLE_HASH_H
#define BALANCER_CORE_TUPLE_HASH_H

#include "balancer/core/tables.h"

CORE_INLINE uint64_t
nh_pair(uint32_t a, uint32_t key_a, uint32_t b, uint32_t key_b)
{
	return (uint64_t)(uint32_t)(LE32(a) + key_a) *
	    (uint32_t)(LE32(b) + key_b);
}

/* Multipliers and shifts of MurmurHash3's 64-bit finaliser, as improved by
 * D. Stafford ("mix13"), public domain. */
CORE_INLINE uint64_t
hash_finish(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* ports: the four bytes as they stand in the packet, source port first. The
 * words are paired so that each product of an IPv4 tuple has two that vary; its
 * other words, the same in all of them, are left out. */
CORE_INLINE uint64_t
tuple_hash(const struct hash_keys *keys, const uint32_t source[4],
    const uint32_t destination[4], be32 ports, uint8_t protocol, bool is6)
{
	const uint32_t *k = keys->tuple;
	uint64_t sum = nh_pair(source[3], k[6], ports, k[7]) +
	    nh_pair(destination[3], k[8], LE32(protocol), k[9]);

	if (is6)
		sum += nh_pair(source[0], k[0], destination[0], k[1]) +
		    nh_pair(source[1], k[2], destination[1], k[3]) +
		    nh_pair(source[2], k[4], destination[2], k[5]);
	return hash_finish(sum);
}

/* For the lookup tables, whose contents the operator chooses, multiplication by
 * a secret odd number does (Dietzfelbinger et al., J. Algorithms 1997). The
 * best bits are the topmost; exchanging bytes brings them under any mask. */
CORE_INLINE uint64_t
vip_sum(const struct hash_keys *keys, const uint32_t addr[4])
{
	uint64_t low = (uint64_t)LE32(addr[2]) << 32 | LE32(addr[3]);
	uint64_t high = (uint64_t)LE32(addr[0]) << 32 | LE32(addr[1]);

	return low * keys->vip[0] + high * keys->vip[1];
}

CORE_INLINE uint32_t
vip_hash(uint64_t sum)
{
	return (uint32_t)__builtin_bswap64(sum);
}

/* From the address, not from the number that the first table has for it: so the
 * two lookups need not wait for each other. */
CORE_INLINE uint32_t
endpoint_hash(
    const struct hash_keys *keys, uint64_t sum, uint8_t protocol, be16 port)
{
	uint64_t rest = (uint32_t)protocol << 16 | port;

	return (uint32_t)__builtin_bswap64(sum + rest * keys->endpoint);
}

#endif
