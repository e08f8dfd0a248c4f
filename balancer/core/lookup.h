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
	uint32_t vip;
	uint32_t service;
	uint32_t slot; /* in tables.slots */
	uint32_t backend;
};

/* Two words of an address as one, to compare. */
CORE_INLINE uint64_t
lookup_half(const uint32_t words[2])
{
	return (uint64_t)words[1] << 32 | words[0];
}

CORE_INLINE bool
lookup_same_addr(const uint32_t a[4], const uint32_t b[4])
{
	return ((lookup_half(a) ^ lookup_half(b)) |
		   (lookup_half(a + 2) ^ lookup_half(b + 2))) == 0;
}

/* The places behind the one that the hash points at. The address comes by
 * value: a pointer to it would keep all of a struct packet in memory. */
CORE_SELDOM uint32_t
lookup_vip_next(
    const struct tables *t, uint64_t first, uint64_t second, uint32_t at)
{
	const uint32_t addr[4] = {(uint32_t)first, (uint32_t)(first >> 32),
	    (uint32_t)second, (uint32_t)(second >> 32)};

	for (uint32_t i = 1; i < TABLES_PROBE; i++) {
		const struct vip_entry *e = &t->vips[(at + i) & t->vip_mask];

		if (lookup_same_addr(e->addr, addr))
			return e->vip;
		if (e->vip == TABLES_NONE)
			break;
	}
	return TABLES_NONE;
}

/* The number of the VIP with this address, or TABLES_NONE. */
CORE_INLINE uint32_t
lookup_vip(const struct tables *t, const uint32_t addr[4])
{
	uint32_t at = vip_hash(t->keys, addr);
	const struct vip_entry *e = &t->vips[at & t->vip_mask];

	/* A free place has TABLES_NONE: no matter what its address is. */
	if (LIKELY(lookup_same_addr(e->addr, addr)) || e->vip == TABLES_NONE)
		return e->vip;
	return lookup_vip_next(t, lookup_half(addr), lookup_half(addr + 2), at);
}

CORE_SELDOM uint32_t
lookup_endpoint_next(const struct tables *t, uint64_t key, uint32_t at)
{
	for (uint32_t i = 1; i < TABLES_PROBE; i++) {
		const struct endpoint_entry *e =
		    &t->endpoints[(at + i) & t->endpoint_mask];

		if (e->key == key)
			return e->service;
		if (e->key == ENDPOINT_FREE)
			break;
	}
	return TABLES_NONE;
}

/* By exactly this key, or TABLES_NONE. */
CORE_INLINE uint32_t
lookup_endpoint(const struct tables *t, uint64_t key)
{
	uint32_t at = endpoint_hash(t->keys, key);
	const struct endpoint_entry *e = &t->endpoints[at & t->endpoint_mask];

	if (LIKELY(e->key == key))
		return e->service;
	if (e->key == ENDPOINT_FREE)
		return TABLES_NONE;
	return lookup_endpoint_next(t, key, at);
}

/* The destination port's own service, else the one for every port. */
CORE_INLINE uint32_t
lookup_service(
    const struct tables *t, uint32_t vip, uint8_t protocol, be16 port)
{
	uint32_t service = lookup_endpoint(
	    t, ENDPOINT_KEY(vip, protocol, port));

	if (UNLIKELY(service == TABLES_NONE))
		service = lookup_endpoint(t, ENDPOINT_KEY(vip, protocol, 0));
	return service;
}

/* The second half of the four bytes of ports, as it stands in the packet. */
CORE_INLINE be16
lookup_destination_port(be32 ports)
{
	return LE16(LE32(ports) >> 16);
}

/* Service, hash and slot of a packet to route->vip. Reads no slot yet, so that
 * it can be prefetched. */
CORE_INLINE enum reason
lookup_slot(const struct tables *t, const struct packet *p, struct route *route)
{
	const struct service_fwd *service;

	route->service = lookup_service(
	    t, route->vip, p->protocol, lookup_destination_port(p->ports));
	if (route->service == TABLES_NONE)
		return REASON_DROP_NO_SERVICE;
	service = &t->services[route->service & t->service_mask];
	if (service->flags & SERVICE_NO_BACKEND)
		return REASON_DROP_NO_BACKEND;
	route->hash = tuple_hash(
	    t->keys, p->source, p->destination, p->ports, p->protocol, p->is6);
	route->slot = service->first_slot +
	    (uint32_t)(route->hash >> (service->shift & 63));
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
