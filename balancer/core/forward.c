/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/forward.h"

#include "balancer/core/counters.h"
#include "balancer/core/forward_impl.h"

/* How far ahead of its use a frame's header is fetched: a memory miss is some
 * 120 ns, a packet some 10. */
#define PREFETCH_AHEAD 8

static enum reason
forward_flow(const struct passage *by, struct transit *t)
{
	const struct backend_fwd *b;
	uint32_t len = t->packet.ip_len;
	enum reason reason;
	uint8_t *inner;

	reason = lookup_backend(by->tables, &t->route);
	if (UNLIKELY(reason != REASON_FORWARD))
		return reason;
	b = &by->tables->backends[t->route.backend];
	if (UNLIKELY(len + b->overhead > b->mtu))
		return REASON_DROP_TOO_BIG;
	inner = forward_begin(by, t, b, len);
	memcpy(inner, t->frame->data + t->packet.ip, len);
	forward_end(by, t, b, inner, len);
	return REASON_FORWARD;
}

static enum reason
forward_one(const struct passage *by, struct transit *t)
{
	switch (t->packet.kind) {
	case PACKET_FLOW:
	case PACKET_FIRST_FRAGMENT:
		return forward_flow(by, t);
	case PACKET_LATER_FRAGMENT:
		return REASON_DROP_FRAGMENT;
	default:
		return REASON_PASS_ICMP;
	}
}

static void
count(struct counters *c, const struct transit *t, enum reason reason)
{
	uint32_t service = t->route.service, backend = t->route.backend;

	c->reasons[reason]++;
	if (service == TABLES_NONE)
		return;
	c->service_reasons[service][reason]++;
	if (reason != REASON_FORWARD &&
	    reason_verdict(reason) != VERDICT_FORWARD)
		return;
	c->services[service].packets++;
	c->services[service].bytes += t->packet.ip_len;
	c->backends[backend].packets++;
	c->backends[backend].bytes += t->packet.ip_len;
}

/* First stage: what it is and which slot, which is fetched meanwhile. */
static void
classify(const struct passage *by, const struct frame *frame, struct transit *t)
{
	t->frame = frame;
	t->reason = path_classify(by->tables, frame->data,
	    frame->data + frame->len, &t->packet, &t->route);
	if (LIKELY(t->reason == REASON_FORWARD))
		__builtin_prefetch(&by->tables->slots[t->route.slot]);
	/* Headers that seem broken because the capture ends in them. */
	else if (t->reason == REASON_DROP_MALFORMED &&
	    frame->len < frame->wire_len)
		t->reason = REASON_DROP_CAPTURE_CUT;
}

void
forward_batch(struct forwarder *fw, const struct frame *frames, size_t n,
    int64_t now_us, struct sink *sink, enum reason *reasons)
{
	const struct passage by = {fw, &fw->fib->tables, sink, now_us};
	struct transit transits[FORWARD_BATCH];

	for (size_t i = 0; i < n && i < PREFETCH_AHEAD; i++)
		__builtin_prefetch(frames[i].data);
	for (size_t i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			__builtin_prefetch(frames[i + PREFETCH_AHEAD].data);
		transits[i].input = i;
		classify(&by, &frames[i], &transits[i]);
	}
	for (size_t i = 0; i < n; i++) {
		struct transit *t = &transits[i];

		reasons[i] = LIKELY(t->reason == REASON_FORWARD)
		    ? forward_one(&by, t)
		    : t->reason;
		count(fw->counters, t, reasons[i]);
	}
}

void
forward_trace(const struct fib *fib, const struct addr *source,
    const struct addr *destination, uint8_t protocol, uint16_t source_port,
    uint16_t destination_port, struct forward_trace *trace)
{
	const struct tables *tables = &fib->tables;
	struct packet p = {.protocol = protocol};
	struct route route = {0};

	memcpy(p.source, source->bytes, sizeof(p.source));
	memcpy(p.destination, destination->bytes, sizeof(p.destination));
	p.ports = BE32((uint32_t)source_port << 16 | destination_port);
	*trace = (struct forward_trace){.reason = REASON_PASS_NOT_VIP};
	route.vip = lookup_vip(tables, p.destination);
	if (route.vip == TABLES_NONE ||
	    addr_is4(source) != addr_is4(destination))
		return;
	trace->reason = REASON_PASS_PROTOCOL;
	if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
		return;
	trace->reason = lookup_slot(tables, &p, &route);
	trace->service = route.service;
	if (trace->reason != REASON_FORWARD)
		return;
	trace->slot = route.slot - tables->services[route.service].first_slot;
	trace->reason = lookup_backend(tables, &route);
	trace->backend = route.backend;
}
