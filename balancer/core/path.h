/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The packet path from the frame to its backend, in the two steps that batches
 * take (path_classify, then lookup_backend and encap.h); both drivers, user
 * space and XDP, are this and what moves the bytes.
 *
 * The order matters: whom it is for comes first, so that a packet of whatever
 * odd kind for the host itself passes. */
#ifndef BALANCER_CORE_PATH_H
#define BALANCER_CORE_PATH_H

#include "balancer/core/lookup.h"
#include "balancer/core/parse.h"

/* From the VIP lookup on; inlined once for each IP version. */
CORE_INLINE enum reason
path_resolve(const struct tables *t, const uint8_t *data, const uint8_t *end,
    struct packet *p, struct route *route, bool plain)
{
	enum reason reason;

	route->vip_sum = vip_sum(t->keys, p->destination);
	route->vip = lookup_vip(t, p->destination, route->vip_sum);
	if (UNLIKELY(route->vip == TABLES_NONE))
		return REASON_PASS_NOT_VIP;
	reason = parse_transport(data, end, p, plain);
	if (UNLIKELY(reason != REASON_FORWARD ||
		p->kind == PACKET_LATER_FRAGMENT || p->kind == PACKET_ICMP))
		return reason;
	return lookup_slot(t, p, route);
}

/* REASON_FORWARD: p->kind says which way to go on; *route has service, hash and
 * slot for PACKET_FLOW and PACKET_FIRST_FRAGMENT, the VIP for all. Any other
 * reason is final, and *route has what was known by then. plain: a packet for
 * a VIP that is not may be PARSE_NOT_PLAIN. */
CORE_INLINE enum reason
path_classify(const struct tables *t, const uint8_t *data, const uint8_t *end,
    struct packet *p, struct route *route, bool plain)
{
	enum reason reason;
	be16 ethertype;

	route->vip = TABLES_NONE;
	route->service = TABLES_NONE;
	route->backend = TABLES_NONE;
	reason = parse_link(data, end, p, &ethertype);
	if (UNLIKELY(reason != REASON_FORWARD))
		return reason;
	if (ethertype == BE16(ETHERTYPE_IPV4)) {
		reason = parse_ipv4_addresses(data, end, p);
		return LIKELY(reason == REASON_FORWARD)
		    ? path_resolve(t, data, end, p, route, plain)
		    : reason;
	}
	if (ethertype == BE16(ETHERTYPE_IPV6)) {
		reason = parse_ipv6_addresses(data, end, p);
		return LIKELY(reason == REASON_FORWARD)
		    ? path_resolve(t, data, end, p, route, plain)
		    : reason;
	}
	return REASON_PASS_NOT_IP;
}

#endif
