/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the packet path reads: flat arrays of fixed width, no pointers inside,
 * the same bytes for user space and for a BPF program that has them in
 * memory-mapped maps. fib.c builds them.
 *
 *     destination address --> vips[]       VIP number
 *     {VIP, protocol, port} --> endpoints[]  service and its slots
 *     slots, tuple hash   --> slots[]      backend number   (the hot array)
 *     slot that moves     --> settled[]    backend number before the move
 *     backend             --> backends[]   outer header, next hop
 *     stable number      <--> backend      positions[], numbers[]
 *
 * Every array has a power of two of entries and is indexed through its mask,
 * so that no value in them, and no packet, can lead outside. */
#ifndef BALANCER_CORE_TABLES_H
#define BALANCER_CORE_TABLES_H

#include "balancer/core/types.h"

/* An entry of the two hash tables stands within this many places of where its
 * hash points: a table in which one does not is grown. */
#define TABLES_PROBE 4

#define TABLES_NONE UINT32_MAX /* no such VIP, service, backend */

/* Addresses are 16 bytes as in a packet, IPv4 as IPv4-mapped IPv6; words of
 * them are compared and hashed as they stand in memory. */
struct vip_entry {
	_Alignas(8) uint32_t addr[4];
	uint32_t vip; /* its number; TABLES_NONE: the place is free */
	uint32_t pad[3];
};
_Static_assert(sizeof(struct vip_entry) == 32, "two a cache line");

/* A key is ENDPOINT_KEY(VIP number, protocol, port as in the packet); port 0
 * serves every port that has no entry of its own. */
#define ENDPOINT_KEY(vip, protocol, port) \
	((uint64_t)(vip) << 32 | (uint64_t)(protocol) << 16 | (port))
#define ENDPOINT_FREE UINT64_MAX

#define SERVICE_NO_BACKEND      (1u << 0) /* none, or all of them down */
#define SERVICE_REFUSE_OVERSIZE (1u << 1)

/* A slot is slots[first_slot + (hash >> shift)]. */
struct service_fwd {
	uint32_t first_slot;
	uint32_t shift; /* 64 - k, for 2^k slots */
	uint32_t flags;
	uint32_t number; /* its stable number (numbers.h), not its position */
};
_Static_assert(sizeof(struct service_fwd) == 16, "four a cache line");

/* Slots are counted in chunks and in blocks. A table of 2^k slots begins at a
 * multiple of 2^k: no more than a chunk, it lies within one. */
#define SLOTS_CHUNK_SHIFT 16
#define SLOTS_CHUNK       (1u << SLOTS_CHUNK_SHIFT)
#define SLOTS_BLOCK       (1u << 8)

/* What each packet needs of its service stands here, one load nearer. The chunk
 * is a word of its own for a program that has chunks in a map: it is the key,
 * and known before the packet's hash. */
struct endpoint_entry {
	uint64_t key;
	uint32_t chunk; /* in which its slots begin ... */
	uint16_t service;
	uint8_t block; /* ... with this block */
	uint8_t shift; /* of struct service_fwd; 0: SERVICE_NO_BACKEND */
};
_Static_assert(sizeof(struct endpoint_entry) == 16, "four a cache line");

/* A slot is the position of its backend. With SLOT_ASK it is not the whole
 * answer: a flow of this slot may have an entry that names another (flows.h),
 * and settled[] says where what has none goes. Nearly all slots nearly always
 * are without, and settled[] is not read then. */
#define SLOT_BACKEND_MASK 0x7fffu
#define SLOT_ASK          0x8000u

/* In settled[], of a slot with SLOT_ASK. Where settled and current differ: the
 * move has just begun, UDP without an entry goes to settled. Where they are the
 * same: it has just ended, and entries are still written. */
#define SETTLED_EDGE 0x8000u

/* In positions[]: no backend with this stable number is in this state. */
#define FLOWS_NO_BACKEND 0xffffu

#define BACKEND_READY   (1u << 0) /* next hop and outer source are known */
#define BACKEND_IPV6    (1u << 1) /* of the outer header */
#define BACKEND_REFLECT (1u << 2) /* back where the frame came from */

/* All of the outer header that does not depend on the packet, in one line. */
struct backend_fwd {
	uint8_t mac[6];     /* of the next hop */
	uint8_t own_mac[6]; /* of the interface to it */
	be16 ethertype;
	uint8_t flags;
	uint8_t overhead; /* outer IP and GRE: 24 or 44 */
	uint32_t ifindex;
	uint32_t mtu;       /* of the path, for the outer packet */
	be32 entropy_mask;  /* bits of the source's last word taken from the
			       hash of the flow */
	uint32_t checksum;  /* unfolded sum of the outer IPv4 header's constant
			       16-bit words, source's last word left out */
	uint32_t source[4]; /* IPv4: the last word alone */
	uint32_t destination[4];
};
_Static_assert(sizeof(struct backend_fwd) == 64, "one cache line");

/* Secrets that keep outsiders from aiming at a slot or at a place in the hash
 * tables; made from the cluster's seed (fib_lookup.c), the same on each node.
 */
#define TUPLE_WORDS 10
struct hash_keys {
	uint32_t tuple[TUPLE_WORDS];
	uint64_t vip[2];   /* odd */
	uint64_t endpoint; /* odd */
};
_Static_assert(sizeof(struct hash_keys) == 64, "one cache line");

/* Where the arrays are. User space fills it once for each state; a BPF program
 * makes it on its stack out of global arrays and constant masks, and inlining
 * leaves nothing of it. */
struct tables {
	const struct hash_keys *keys;
	const struct vip_entry *vips;
	const struct endpoint_entry *endpoints;
	const struct service_fwd *services;
	const uint16_t *slots;
	const struct backend_fwd *backends;
	const uint16_t *settled;   /* by slot, slot_mask too */
	const uint16_t *positions; /* of backends, by stable number */
	const uint16_t *numbers;   /* and back, backend_mask too */
	uint32_t vip_mask, endpoint_mask, service_mask, slot_mask, backend_mask,
	    number_mask;
};

#endif
