/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the packet path of user space: for forward*.c alone. */
#ifndef BALANCER_CORE_FORWARD_IMPL_H
#define BALANCER_CORE_FORWARD_IMPL_H

#include <string.h>

#include "balancer/core/checksum.h"
#include "balancer/core/counters.h"
#include "balancer/core/encap.h"
#include "balancer/core/fib_impl.h"
#include "balancer/core/flows.h"
#include "balancer/core/forward.h"
#include "balancer/core/path.h"

/* A packet on its way through: what the second stage of a batch has to know
 * of it. The few that need more are parsed again (forward_slow.c). */
struct transit {
	const struct frame *frame;
	struct route route;
	uint32_t ip, ip_len; /* as in struct packet */
	uint8_t traffic_class, kind;
	bool is6;
	enum reason reason; /* of the first stage */
	uint32_t input;     /* the frame's position in the batch */
};

/* What one batch has in common. */
struct passage {
	struct forwarder *fw;
	const struct tables *tables;
	struct sink *sink;
	int64_t now_us;
};

static inline uint32_t
forward_link_len(const struct backend_fwd *b, const struct transit *t)
{
	return b->flags & BACKEND_REFLECT ? t->ip : ETHERNET_LEN;
}

/* Where the client's packet of up to len bytes is to be put, in a frame with
 * room for the headers in front of it. */
static inline uint8_t *
forward_begin(const struct passage *by, const struct transit *t,
    const struct backend_fwd *b, uint32_t len)
{
	uint32_t front = forward_link_len(b, t) + b->overhead;

	return by->sink->reserve(by->sink, front + len) + front;
}

/* Writes the headers in front of the len bytes at `inner` and sends. */
static inline void
forward_end(const struct passage *by, const struct transit *t,
    const struct backend_fwd *b, uint8_t *inner, uint32_t len)
{
	uint8_t *outer = inner - b->overhead, *frame;
	uint32_t ifindex;

	encap_outer(outer, b, t->route.hash, t->traffic_class, t->is6, len);
	if (b->flags & BACKEND_REFLECT) {
		frame = outer - t->ip;
		encap_link_reflect(frame, t->frame->data, t->ip, b->ethertype);
		ifindex = t->frame->ifindex;
	} else {
		frame = outer - ETHERNET_LEN;
		encap_link(frame, b);
		ifindex = b->ifindex;
	}
	by->sink->commit(
	    by->sink, (size_t)(inner - frame) + len, ifindex, t->input);
}

/* Acknowledgements are the most frequent packets, and libc's memcpy finds out
 * anew how long they are. */
static inline void
forward_copy_bytes(uint8_t *to, const uint8_t *from, uint32_t len)
{
	if (len < 32 || len > 64) {
		memcpy(to, from, len);
		return;
	}
	/* The two may overlap. */
	memcpy(to, from, 32);
	memcpy(to + len - 32, from + len - 32, 32);
}

/* Completes the checksum of the transit's packet, as copied to l3, if offload
 * left it partial. */
void forward_fix_checksum(const struct transit *, uint8_t *l3, uint32_t len);

/* An L3 packet of the transit's flow that fits. */
static inline void
forward_copy(const struct passage *by, const struct transit *t,
    const struct backend_fwd *b, const uint8_t *l3, uint32_t len)
{
	uint8_t *inner = forward_begin(by, t, b, len);

	forward_copy_bytes(inner, l3, len);
	if (UNLIKELY(by->fw->fix_checksums))
		forward_fix_checksum(t, inner, len);
	forward_end(by, t, b, inner, len);
}

/* The same where it does not fit the path, or was merged on its way. */
enum reason forward_oversize(const struct passage *, const struct transit *,
    const struct backend_fwd *, const uint8_t *l3, uint32_t len);

/* An L3 packet of the transit's flow, whatever its length. REASON_FORWARD: sent
 * as it is. */
static inline enum reason
forward_send(const struct passage *by, const struct transit *t,
    const uint8_t *l3, uint32_t len)
{
	const struct backend_fwd *b = &by->tables->backends[t->route.backend];

	if (UNLIKELY(len + b->overhead > b->mtu || len > t->frame->mtu))
		return forward_oversize(by, t, b, l3, len);
	forward_copy(by, t, b, l3, len);
	return REASON_FORWARD;
}

/* All of a packet that the first stage has accepted. */
void forward_parse_again(const struct transit *, struct packet *);

/* The backend of a whole packet whose slot asks. */
enum reason forward_ask(const struct passage *, struct transit *);

static inline bool
forward_asks(const struct passage *by, const struct transit *t)
{
	return UNLIKELY(lookup_asks(by->tables, &t->route)) &&
	    by->fw->flows != NULL;
}

/* The backend of what belongs to a flow of this protocol, and is no whole
 * packet of it: nothing is remembered. */
static inline enum reason
forward_look(const struct passage *by, struct transit *t, uint8_t protocol)
{
	enum flow_rule rule;

	if (!forward_asks(by, t))
		return lookup_backend(by->tables, &t->route);
	t->route.backend = flow_look(by->tables, by->fw->flows, &t->route,
	    protocol == PROTOCOL_TCP ? FLOW_PACKET_TCP : FLOW_PACKET_UDP,
	    &rule);
	return lookup_ready(by->tables, &t->route);
}

/* Packets for a VIP that are not whole, or not TCP or UDP; what became of them.
 */
enum reason forward_first_fragment(const struct passage *, struct transit *);
enum reason forward_later_fragment(const struct passage *, struct transit *);
enum reason forward_icmp(const struct passage *, struct transit *);

/* Counts a packet of len bytes from its IP header on. */
static inline void
forward_count(struct counters *c, const struct route *route, enum reason reason,
    uint32_t len)
{
	uint32_t service = route->service, backend = route->backend;

	c->reasons[reason]++;
	if (service == TABLES_NONE)
		return;
	c->service_reasons[service][reason]++;
	if (UNLIKELY(reason != REASON_FORWARD) &&
	    reason_verdict(reason) != VERDICT_FORWARD)
		return;
	c->services[service].packets++;
	c->services[service].bytes += len;
	c->backends[backend].packets++;
	c->backends[backend].bytes += len;
}

#endif
