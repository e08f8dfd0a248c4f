/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* From addresses and ports to a service, and on to a slot and its backend. */
#ifndef BALANCER_CORE_LOOKUP_H
#define BALANCER_CORE_LOOKUP_H

#include "balancer/core/parse.h"
#include "balancer/core/reason.h"
#include "balancer/core/tables.h"
#include "balancer/core/tuple_hash.h"

/* Where a packet goes; TABLES_NONE for what is not known. */
struct route {
	uint64_t hash;
	uint64_t vip_sum; /* of the destination: tuple_hash.h */
	uint32_t vip;
	uint32_t service;
	const struct endpoint_entry *endpoint; /* of the service */
	uint32_t slot;                         /* in tables.slots */
	uint32_t backend;
};

/* Two words of an address as one, to compare. */
CORE_INLINE uint64_t
lookup_half(const uint32_t words[2])
{
	uint64_t half;

	__builtin_memcpy(&half, words, sizeof(half));
	return half;
}

CORE_INLINE bool
lookup_same_addr(const uint32_t a[4], const uint32_t b[4])
{
	return ((lookup_half(a) ^ lookup_half(b)) |
		   (lookup_half(a + 2) ^ lookup_half(b + 2))) == 0;
}

CORE_INLINE bool
lookup_vip_is(const struct vip_entry *e, uint64_t first, uint64_t second)
{
	const uint8_t *addr = (const uint8_t *)e->addr;

	return ((load64(addr) ^ first) | (load64(addr + 8) ^ second)) == 0;
}

/* The places behind the one that the hash points at. The address comes by
 * value: a pointer to it would keep all of a struct packet in memory. */
CORE_SELDOM uint32_t
lookup_vip_next(
    const struct tables *t, uint64_t first, uint64_t second, uint32_t at)
{
	for (uint32_t i = 1; i < TABLES_PROBE; i++) {
		const struct vip_entry *e = &t->vips[(at + i) & t->vip_mask];

		if (lookup_vip_is(e, first, second))
			return e->vip;
		if (e->vip == TABLES_NONE)
			break;
	}
	return TABLES_NONE;
}

/* The number of the VIP with this address, whose vip_sum is given; or
 * TABLES_NONE. */
CORE_INLINE uint32_t
lookup_vip(const struct tables *t, const uint32_t addr[4], uint64_t sum)
{
	uint64_t first = lookup_half(addr), second = lookup_half(addr + 2);
	uint32_t at = vip_hash(sum);
	const struct vip_entry *e = &t->vips[at & t->vip_mask];

	/* A free place has TABLES_NONE: no matter what its address is. */
	if (LIKELY(lookup_vip_is(e, first, second)) || e->vip == TABLES_NONE)
		return e->vip;
	return lookup_vip_next(t, first, second, at);
}

CORE_SELDOM const struct endpoint_entry *
lookup_endpoint_next(const struct tables *t, uint64_t key, uint32_t at)
{
	for (uint32_t i = 1; i < TABLES_PROBE; i++) {
		const struct endpoint_entry *e =
		    &t->endpoints[(at + i) & t->endpoint_mask];

		if (e->key == key)
			return e;
		if (e->key == ENDPOINT_FREE)
			break;
	}
	return NULL;
}

/* By exactly this port, or NULL. */
CORE_INLINE const struct endpoint_entry *
lookup_endpoint(
    const struct tables *t, const struct route *to, uint8_t protocol, be16 port)
{
	uint64_t key = ENDPOINT_KEY(to->vip, protocol, port);
	uint32_t at = endpoint_hash(t->keys, to->vip_sum, protocol, port);
	const struct endpoint_entry *e = &t->endpoints[at & t->endpoint_mask];

	if (LIKELY(e->key == key))
		return e;
	if (e->key == ENDPOINT_FREE)
		return NULL;
	return lookup_endpoint_next(t, key, at);
}

/* The service of to->vip: the destination port's own, else the one for every
 * port; NULL: there is none. */
CORE_INLINE const struct endpoint_entry *
lookup_service(
    const struct tables *t, const struct route *to, uint8_t protocol, be16 port)
{
	const struct endpoint_entry *e = lookup_endpoint(t, to, protocol, port);

	return LIKELY(e != NULL) ? e : lookup_endpoint(t, to, protocol, 0);
}

/* The second half of the four bytes of ports, as it stands in the packet. */
CORE_INLINE be16
lookup_destination_port(be32 ports)
{
	return LE16(LE32(ports) >> 16);
}

/* Service, hash and slot of a packet to route->vip, or TABLES_NONE for a
 * service. Reads no slot yet, so that it can be prefetched. */
CORE_INLINE enum reason
lookup_slot(const struct tables *t, const struct packet *p, struct route *route)
{
	const struct endpoint_entry *e = lookup_service(
	    t, route, p->protocol, lookup_destination_port(p->ports));

	if (e == NULL)
		return REASON_DROP_NO_SERVICE;
	route->service = e->service;
	if (UNLIKELY(e->shift == 0))
		return REASON_DROP_NO_BACKEND;
	route->hash = tuple_hash(
	    t->keys, p->source, p->destination, p->ports, p->protocol, p->is6);
	route->endpoint = e;
	route->slot = e->chunk * SLOTS_CHUNK + e->block * SLOTS_BLOCK +
	    (uint32_t)(route->hash >> (e->shift & 63));
	return REASON_FORWARD;
}

/* Is that the whole answer, or is the flow table to be asked (flow.h)? */
CORE_INLINE bool
lookup_asks(const struct tables *t, const struct route *route)
{
	return (t->slots[route->slot & t->slot_mask] & SLOT_ASK) != 0;
}

/* The route's backend, if it can be reached. */
CORE_INLINE enum reason
lookup_ready(const struct tables *t, const struct route *route)
{
	return t->backends[route->backend & t->backend_mask].flags &
		BACKEND_READY
	    ? REASON_FORWARD
	    : REASON_DROP_NO_NEXT_HOP;
}

/* The current backend of a slot, if it can be reached. */
CORE_INLINE enum reason
lookup_backend(const struct tables *t, struct route *route)
{
	route->backend = t->slots[route->slot & t->slot_mask] &
	    SLOT_BACKEND_MASK & t->backend_mask;
	return lookup_ready(t, route);
}

#endif
