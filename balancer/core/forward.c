/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/forward.h"

#include "balancer/core/forward_impl.h"
#include "balancer/core/frag_table.h"
#include "balancer/core/tap.h"

/* How far ahead of its use a frame's header is fetched: a memory miss is some
 * 120 ns, a packet some 10. */
#define PREFETCH_AHEAD 8

/* Might the checksum of a whole TCP or UDP packet be that of the pseudo-header
 * alone, as offload leaves it? This does not tell the two zeros apart;
 * checksum_finish does. */
static inline bool
may_be_partial(const struct transit *t, const uint8_t *l3, uint32_t len)
{
	uint32_t at = t->is6 ? IPV6_LEN : (l3[0] & 0xfu) * 4;
	uint8_t protocol = l3[t->is6 ? 6 : 9];
	be16 field, covered;
	uint64_t sum;

	if (protocol == PROTOCOL_TCP) {
		field = load16(l3 + at + 16);
		covered = BE16(len - at);
	} else if (protocol == PROTOCOL_UDP) {
		field = load16(l3 + at + 6);
		covered = load16(l3 + at + 4);
	} else {
		return true; /* behind extension headers */
	}
	sum = (uint64_t)(be16)~field + BE16(protocol) + covered;
	sum = t->is6 ? checksum_add(sum, l3 + 8, 32)
		     : checksum_add(sum, l3 + 12, 8);
	return parse_sum_is_zero(sum);
}

void
forward_fix_checksum(const struct transit *t, uint8_t *l3, uint32_t len)
{
	if (t->kind == PACKET_FLOW && UNLIKELY(may_be_partial(t, l3, len)))
		checksum_finish(l3, len);
}

__attribute__((noinline)) enum reason
forward_ask(const struct passage *by, struct transit *t)
{
	const uint8_t *data = t->frame->data, *end = data + t->frame->len;
	struct packet p;
	uint8_t flags = 0;

	forward_parse_again(t, &p);
	if (p.protocol == PROTOCOL_TCP)
		flags = parse_tcp_flags(data, end, p.transport);
	t->route.backend = flow_choose(by->tables, by->fw->flows, &t->route,
	    flow_packet(p.protocol, flags));
	return lookup_ready(by->tables, &t->route);
}

static enum reason
forward_flow(const struct passage *by, struct transit *t)
{
	enum reason reason = forward_asks(by, t)
	    ? forward_ask(by, t)
	    : lookup_backend(by->tables, &t->route);

	if (UNLIKELY(reason != REASON_FORWARD))
		return reason;
	return forward_send(by, t, t->frame->data + t->ip, t->ip_len);
}

static enum reason
forward_one(const struct passage *by, struct transit *t)
{
	switch ((enum packet_kind)__builtin_expect(t->kind, PACKET_FLOW)) {
	case PACKET_FLOW:
		return forward_flow(by, t);
	case PACKET_FIRST_FRAGMENT:
		return forward_first_fragment(by, t);
	case PACKET_LATER_FRAGMENT:
		return forward_later_fragment(by, t);
	case PACKET_ICMP:
		return forward_icmp(by, t);
	}
	return REASON_DROP_MALFORMED;
}

/* What a batch forwarded of one service, counted together: neighbours mostly
 * are of the same. */
struct tally {
	uint32_t service;
	uint64_t packets, bytes;
};

/* On to the next service; or, at the end of the batch, to TABLES_NONE. */
static __attribute__((noinline)) void
tally_next(struct tally *tally, struct counters *c, uint32_t service)
{
	uint32_t last = tally->service;

	if (last != TABLES_NONE) {
		c->reasons[REASON_FORWARD] += tally->packets;
		c->service_reasons[last][REASON_FORWARD] += tally->packets;
		c->services[last].packets += tally->packets;
		c->services[last].bytes += tally->bytes;
	}
	*tally = (struct tally){.service = service};
}

static inline void
count(struct counters *c, struct tally *tally, const struct transit *t,
    enum reason reason)
{
	struct counter *backend;

	if (UNLIKELY(reason != REASON_FORWARD)) {
		forward_count(c, &t->route, reason, t->ip_len);
		return;
	}
	if (UNLIKELY(t->route.service != tally->service))
		tally_next(tally, c, t->route.service);
	tally->packets++;
	tally->bytes += t->ip_len;
	backend = &c->backends[t->route.backend];
	backend->packets++;
	backend->bytes += t->ip_len;
}

/* First stage: what it is and which slot, which is fetched meanwhile. */
static inline void
classify(const struct passage *by, const struct frame *frame, struct transit *t)
{
	struct packet p;
	struct route *route = &t->route;

	t->frame = frame;
	t->reason = path_classify(by->tables, frame->data,
	    frame->data + frame->len, &p, route, false);
	if (UNLIKELY(t->reason != REASON_FORWARD)) {
		/* Headers that seem broken: the capture ends in them. */
		if (t->reason == REASON_DROP_MALFORMED &&
		    frame->len < frame->wire_len)
			t->reason = REASON_DROP_CAPTURE_CUT;
		return;
	}
	t->ip = p.ip;
	t->ip_len = p.ip_len;
	t->traffic_class = p.traffic_class;
	t->kind = p.kind;
	t->is6 = p.is6;
	__builtin_prefetch(&by->tables->slots[route->slot]);
}

/* A sink that shows the tap what goes into another. */
struct tapped {
	struct sink sink; /* first: the sink is this */
	struct sink *to;
	struct tap *tap;
	const uint8_t *frame;
};

static uint8_t *
tapped_reserve(struct sink *sink, size_t len)
{
	struct tapped *t = (struct tapped *)sink;
	uint8_t *frame = t->to->reserve(t->to, len);

	t->frame = frame;
	return frame;
}

static void
tapped_commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
	struct tapped *t = (struct tapped *)sink;

	t->tap->sent(t->tap, t->frame, len, ifindex, input);
	t->to->commit(t->to, len, ifindex, input);
}

static void
tell_tap(struct tap *tap, const struct transit *transits, size_t n,
    const enum reason *reasons)
{
	for (size_t i = 0; i < n; i++) {
		const struct route *route = &transits[i].route;
		const struct tap_packet packet = {transits[i].frame, reasons[i],
		    route->service, route->backend};

		tap->decided(tap, &packet, i);
	}
	tap->done(tap);
}

void
forward_batch(struct forwarder *fw, const struct frame *frames, size_t n,
    int64_t now_us, struct sink *sink, enum reason *reasons)
{
	struct tapped tapped = {
	    {tapped_reserve, tapped_commit}, sink, fw->tap, NULL};
	const struct passage by = {fw, &fw->fib->tables,
	    UNLIKELY(fw->tap != NULL) ? &tapped.sink : sink, now_us};
	struct transit transits[FORWARD_BATCH];
	struct tally tally = {.service = TABLES_NONE};

	for (size_t i = 0; i < n && i < PREFETCH_AHEAD; i++)
		__builtin_prefetch(frames[i].data);
	for (size_t i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			__builtin_prefetch(frames[i + PREFETCH_AHEAD].data);
		transits[i].input = (uint32_t)i;
		classify(&by, &frames[i], &transits[i]);
	}
	for (size_t i = 0; i < n; i++) {
		struct transit *t = &transits[i];

		reasons[i] = LIKELY(t->reason == REASON_FORWARD)
		    ? forward_one(&by, t)
		    : t->reason;
		count(fw->counters, &tally, t, reasons[i]);
	}
	tally_next(&tally, fw->counters, TABLES_NONE);
	if (UNLIKELY(fw->tap != NULL))
		tell_tap(fw->tap, transits, n, reasons);
	if (fw->frags != NULL)
		fw->counters->reasons[REASON_DROP_FRAGMENT] += frag_table_lost(
		    fw->frags, now_us);
}

static struct addr
outer_source(const struct backend_fwd *b, uint64_t hash)
{
	uint32_t words[4];
	struct addr source;

	memcpy(words, b->source, sizeof(words));
	words[3] = encap_source(b, hash);
	memcpy(source.bytes, words, sizeof(source.bytes));
	return source;
}

/* The backend of a new flow, and of an older one that is not known. */
static enum reason
trace_backend(const struct tables *t, const struct flows *flows,
    struct route *route, uint8_t protocol, struct forward_trace *trace)
{
	uint16_t settled = t->settled[route->slot & t->slot_mask];
	enum reason reason = lookup_backend(t, route);

	if (!lookup_asks(t, route))
		return reason;
	trace->settled = settled & SLOT_BACKEND_MASK;
	trace->moving = trace->settled != route->backend;
	if (flows == NULL)
		return reason;
	route->backend = flow_look(t, flows, route,
	    protocol == PROTOCOL_TCP ? FLOW_PACKET_SYN : FLOW_PACKET_UDP,
	    &trace->rule);
	return lookup_ready(t, route);
}

void
forward_trace(const struct fib *fib, const struct flows *flows,
    const struct addr *source, const struct addr *destination, uint8_t protocol,
    uint16_t source_port, uint16_t destination_port,
    struct forward_trace *trace)
{
	const struct tables *tables = &fib->tables;
	struct packet p = {.protocol = protocol, .is6 = !addr_is4(destination)};
	struct route route = {0};

	memcpy(p.source, source->bytes, sizeof(p.source));
	memcpy(p.destination, destination->bytes, sizeof(p.destination));
	p.ports = BE32((uint32_t)source_port << 16 | destination_port);
	*trace = (struct forward_trace){.reason = REASON_PASS_NOT_VIP};
	route.service = TABLES_NONE;
	route.vip_sum = vip_sum(tables->keys, p.destination);
	route.vip = lookup_vip(tables, p.destination, route.vip_sum);
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
	trace->reason = trace_backend(tables, flows, &route, protocol, trace);
	trace->backend = route.backend;
	if (trace->reason == REASON_FORWARD)
		trace->source = outer_source(
		    &tables->backends[route.backend], route.hash);
}
