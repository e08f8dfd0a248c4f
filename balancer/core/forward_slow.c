/* SPDX-License-Identifier: Apache-2.0 */
/* The packets that are few: fragments, ICMP, and what is too long for its way.
 */
#include "config.h"

#include "balancer/core/forward_impl.h"
#include "balancer/core/frag_table.h"
#include "balancer/core/icmp.h"
#include "balancer/core/oversize.h"

/* Types that are errors (RFC 792; RFC 4443, section 2.1). Source quench (RFC
 * 6633) and redirects are none of a backend's business. */
enum {
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_PARAMETER = 4, /* 2 and 3 between them: too big, time exceeded */
	ICMPV6_ECHO = 128,
};

/* Sends out the pieces one by one. */
static enum reason
send_pieces(const struct passage *by, const struct transit *t,
    const struct backend_fwd *b, struct oversize *pieces, enum reason reason)
{
	uint32_t room = pieces->max_len < pieces->total ? pieces->max_len
							: pieces->total;
	uint8_t *inner;
	size_t len;

	for (;;) {
		inner = forward_begin(by, t, b, room);
		if ((len = oversize_next(pieces, inner, room)) == 0)
			return reason;
		forward_end(by, t, b, inner, (uint32_t)len);
	}
}

static enum reason
reason_of_oversize(enum oversize_result result)
{
	switch (result) {
	case OVERSIZE_MALFORMED:
		return REASON_DROP_MALFORMED;
	case OVERSIZE_CHECKSUM:
		return REASON_DROP_CHECKSUM;
	default:
		return REASON_DROP_TOO_BIG;
	}
}

/* Where an L3 packet to the sender of t is to be put. */
static uint8_t *
reply_begin(const struct passage *by, const struct transit *t, uint32_t len)
{
	return by->sink->reserve(by->sink, t->ip + len) + t->ip;
}

static void
reply_end(const struct passage *by, const struct transit *t, uint8_t *l3,
    uint32_t len)
{
	uint32_t link_len = t->ip;

	encap_link_reflect(l3 - link_len, t->frame->data, link_len,
	    t->is6 ? BE16(ETHERTYPE_IPV6) : BE16(ETHERTYPE_IPV4));
	by->sink->commit(by->sink, link_len + len, t->frame->ifindex, t->input);
}

/* Tells the sender which length gets through, within the limit on that; not
 * about what came as a link-layer broadcast or multicast (RFC 1122, 3.2.2). */
static enum reason
refuse_too_big(const struct passage *by, const struct transit *t,
    const uint8_t *l3, uint32_t len, uint32_t fit)
{
	uint8_t *out = reply_begin(by, t, ICMP_ERROR_MAX);
	size_t out_len;

	if ((t->frame->data[0] & 1) != 0 ||
	    icmp_too_big(l3, len, fit, out, ICMP_ERROR_MAX, &out_len) !=
		ICMP_OK ||
	    !bucket_take(&by->fw->too_big, by->now_us))
		return REASON_DROP_TOO_BIG;
	reply_end(by, t, out, (uint32_t)out_len);
	return REASON_REPLY_TOO_BIG;
}

static enum reason
fragment(const struct passage *by, const struct transit *t,
    const struct backend_fwd *b, const uint8_t *l3, uint32_t len, uint32_t fit)
{
	const struct service_fwd *service =
	    &by->tables->services[t->route.service];
	struct oversize pieces;
	enum oversize_result result;

	if (service->flags & SERVICE_REFUSE_OVERSIZE)
		return REASON_DROP_TOO_BIG;
	result = oversize_fragment_init(
	    &pieces, l3, len, fit, by->fw->fix_checksums);
	if (result != OVERSIZE_OK)
		return reason_of_oversize(result);
	return send_pieces(by, t, b, &pieces, REASON_FORWARD_FRAGMENTED);
}

enum reason
forward_oversize(const struct passage *by, const struct transit *t,
    const struct backend_fwd *b, const uint8_t *l3, uint32_t len)
{
	uint32_t fit = b->mtu > b->overhead ? b->mtu - b->overhead : 0;
	uint32_t link = t->frame->mtu != 0 ? t->frame->mtu : UINT32_MAX;
	struct oversize pieces;
	enum oversize_result result;

	if (len > link && t->kind == PACKET_FLOW) {
		result = oversize_segment_init(
		    &pieces, l3, len, fit < link ? fit : link);
		if (result == OVERSIZE_OK)
			return send_pieces(
			    by, t, b, &pieces, REASON_FORWARD_SEGMENTED);
		if (result != OVERSIZE_UNFIT)
			return reason_of_oversize(result);
	}
	if (len <= fit) {
		forward_copy(by, t, b, l3, len);
		return REASON_FORWARD;
	}
	if (!t->is6 && (load16(l3 + 6) & BE16(PARSE_DONT_FRAGMENT)) == 0)
		return fragment(by, t, b, l3, len, fit);
	return refuse_too_big(by, t, l3, len, fit);
}

void
forward_parse_again(const struct transit *t, struct packet *p)
{
	const uint8_t *data = t->frame->data, *end = data + t->frame->len;

	be16 ethertype;

	parse_link(data, end, p, &ethertype);
	if (t->is6)
		parse_ipv6_addresses(data, end, p);
	else
		parse_ipv4_addresses(data, end, p);
	parse_transport(data, end, p, false);
}

static struct frag_key
frag_key(const struct packet *p)
{
	struct frag_key key = {
	    .id = p->fragment_id, .protocol = p->is6 ? 0 : p->protocol};

	memcpy(key.source, p->source, sizeof(key.source));
	memcpy(key.destination, p->destination, sizeof(key.destination));
	return key;
}

/* Sends on a fragment that was held, in front of which stands the link header
 * of the one that sets it free. */
static void
release(const struct passage *by, const struct transit *first,
    const struct frag_held *held)
{
	struct frame frame = *first->frame;
	struct transit t = *first;
	enum reason reason;

	frame.ifindex = held->ifindex;
	frame.mtu = held->mtu;
	t.frame = &frame;
	t.kind = PACKET_LATER_FRAGMENT;
	t.traffic_class = t.is6 ? (uint8_t)(FROM_BE16(load16(held->l3)) >> 4)
				: held->l3[1];
	reason = forward_send(by, &t, held->l3, held->len);
	if (reason == REASON_FORWARD)
		reason = REASON_FORWARD_FRAGMENT;
	forward_count(by->fw->counters, &t.route, reason, held->len);
}

enum reason
forward_first_fragment(const struct passage *by, struct transit *t)
{
	const uint8_t *l3 = t->frame->data + t->ip;
	struct frag_table *frags = by->fw->frags;
	struct packet p;
	struct frag_key key;
	struct frag_held held;
	enum reason reason;

	forward_parse_again(t, &p);
	reason = forward_look(by, t, p.protocol);
	if (reason != REASON_FORWARD)
		return reason;
	reason = forward_send(by, t, l3, t->ip_len);
	if (frags == NULL)
		return reason;
	key = frag_key(&p);
	frag_table_learn(frags, &key,
	    (struct frag_choice){t->route.service, t->route.backend},
	    by->fw->fib->state->generation, by->now_us);
	while (frag_table_take(frags, &key, by->now_us, &held))
		release(by, t, &held);
	return reason;
}

static enum reason
hold(const struct passage *by, const struct transit *t,
    const struct frag_key *key)
{
	struct frag_held held = {t->frame->data + t->ip, t->ip_len,
	    t->frame->ifindex, t->frame->mtu};

	return frag_table_hold(by->fw->frags, key, &held, by->now_us)
	    ? REASON_HELD_FRAGMENT
	    : REASON_DROP_FRAGMENT;
}

enum reason
forward_later_fragment(const struct passage *by, struct transit *t)
{
	const struct forwarding *state = by->fw->fib->state;
	struct packet p;
	struct frag_key key;
	struct frag_choice choice;
	enum reason reason;

	if (by->fw->frags == NULL)
		return REASON_DROP_FRAGMENT;
	forward_parse_again(t, &p);
	key = frag_key(&p);
	if (!frag_table_find(
		by->fw->frags, &key, state->generation, by->now_us, &choice))
		return hold(by, t, &key);
	/* Of another state that had the same generation? */
	if (choice.service >= state->n_services ||
	    choice.backend >= state->n_backends)
		return REASON_DROP_FRAGMENT;
	t->route.service = choice.service;
	t->route.backend = choice.backend;
	if (!(by->tables->backends[choice.backend].flags & BACKEND_READY))
		return REASON_DROP_NO_NEXT_HOP;
	t->route.hash = tuple_hash(
	    by->tables->keys, p.source, p.destination, 0, 0, p.is6);
	reason = forward_send(by, t, t->frame->data + t->ip, t->ip_len);
	return reason == REASON_FORWARD ? REASON_FORWARD_FRAGMENT : reason;
}

static enum reason
answer_echo(const struct passage *by, const struct transit *t)
{
	uint8_t *out = reply_begin(by, t, t->ip_len);
	size_t len;

	switch (icmp_echo_reply(
	    t->frame->data + t->ip, t->ip_len, out, t->ip_len, &len)) {
	case ICMP_OK:
		reply_end(by, t, out, (uint32_t)len);
		return REASON_REPLY_ECHO;
	case ICMP_BAD_CHECKSUM:
		return REASON_DROP_CHECKSUM;
	case ICMP_NOT_ECHO:
		return REASON_PASS_ICMP;
	case ICMP_MALFORMED:
	case ICMP_FORBIDDEN:
		break;
	}
	return REASON_DROP_MALFORMED;
}

/* To the backend of the flow that the packet quoted in it belongs to. It must
 * quote a packet from the VIP that it is sent to: from anywhere else, nobody
 * could know of it. */
static enum reason
forward_error(
    const struct passage *by, struct transit *t, const struct packet *p)
{
	const uint8_t *data = t->frame->data, *end = data + p->ip + p->ip_len;
	struct packet quoted;
	enum reason reason;

	if (!parse_quote(data, end, p->transport + ICMP_LEN, p->is6, &quoted) ||
	    !lookup_same_addr(quoted.destination, p->destination))
		return REASON_DROP_ICMP_QUOTE;
	reason = lookup_slot(by->tables, &quoted, &t->route);
	if (reason == REASON_FORWARD)
		reason = forward_look(by, t, quoted.protocol);
	if (reason != REASON_FORWARD)
		return reason == REASON_DROP_NO_SERVICE ? REASON_DROP_ICMP_QUOTE
							: reason;
	reason = forward_send(by, t, data + p->ip, p->ip_len);
	return reason == REASON_FORWARD ? REASON_FORWARD_ICMP_ERROR : reason;
}

enum reason
forward_icmp(const struct passage *by, struct transit *t)
{
	struct packet p;
	uint8_t type;

	forward_parse_again(t, &p);
	type = t->frame->data[p.transport];
	if (type == (p.is6 ? ICMPV6_ECHO : ICMP_ECHO))
		return answer_echo(by, t);
	if (p.is6 ? type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER
		  : type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
		    type == ICMP_PARAMETER)
		return forward_error(by, t, &p);
	return REASON_PASS_ICMP;
}
