/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The packet path in the kernel: balancer/core, inlined, between the maps and
 * the frame.
 *
 * It forwards whole TCP and UDP packets that fit, and drops what the path finds
 * fault with. Every other frame passes, untouched and uncounted: those for a
 * VIP then are the user-space path's.
 *
 * One helper on the way of a packet, bpf_xdp_adjust_head, and one more when it
 * leaves through another interface; what else looks like one is inlined by the
 * kernel (array lookups, jiffies; the number of the CPU since Linux 6.10). */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "balancer/bpf/shared.h"
#include "balancer/bpf/tap.h"
#include "balancer/core/encap.h"
#include "balancer/core/path.h"

/* The loader knows how long and how many. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_COPIES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct xdp_head));
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_COPIES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, SLOTS_CHUNK * sizeof(uint16_t));
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_COPIES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(uint64_t));
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_FLOW_BUCKETS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FLOW_BUCKET * sizeof(struct flow_entry));
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct xdp_marks));
} marks SEC(".maps");

/* Interfaces that frames may be redirected to, by their number. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, XDP_TAP_RING_LEN);
} tapped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct xdp_tap_cpu));
} tap_cpus SEC(".maps");

const volatile struct xdp_room room;
/* The key of maps with one entry; here, not on the stack, which is short. */
static const uint32_t only;
struct xdp_control control;
/* In a map of its own, since the one of `control` may be a former process's. */
struct xdp_tap tap SEC(".data.tap") = {0};

int guideway_twin(struct xdp_md *);

/* A packet on its way, and what it meets. */
struct passage {
	struct xdp_md *ctx;
	uint32_t copy;
	uint32_t reason;      /* once that is settled */
	uint32_t out_ifindex; /* 0: not sent */
	struct packet packet;
	struct route route;
};

/* Constants for the verifier, and zeros for the compiler, unless it is kept
 * from looking. (volatile alone would have it load what nobody uses.) */
CORE_INLINE const struct xdp_room *
loaded_room(void)
{
	const struct xdp_room *r = (const struct xdp_room *)&room;

	__asm__("" : "+r"(r)); /* not volatile: it may be left out */
	return r;
}

/* The lease: without it, all frames pass. */
CORE_INLINE bool
in_force(void)
{
	return bpf_jiffies64() < *(volatile uint64_t *)&control.expires;
}

CORE_INLINE uint8_t *
counts_of(uint32_t copy)
{
	uint32_t at = bpf_get_smp_processor_id() * XDP_COPIES + copy;

	return bpf_map_lookup_elem(&counts, &at);
}

CORE_INLINE void
count_forwarded(const struct passage *by)
{
	const struct xdp_room *r = loaded_room();
	uint8_t *base = counts_of(by->copy);
	struct xdp_count *count;
	uint32_t service = by->route.service & r->service_mask;
	uint32_t backend = by->route.backend & r->backend_mask;

	if (base == NULL)
		return;
	count = (struct xdp_count *)(base + r->service_counts_at) + service;
	count->packets++;
	count->bytes += by->packet.ip_len;
	count = (struct xdp_count *)(base + r->backend_counts_at) + backend;
	count->packets++;
	count->bytes += by->packet.ip_len;
}

/* Drops what path_classify finds fault with. Headers that seem broken may go on
 * in a second buffer, which only user space reads. */
CORE_INLINE int
drop(const struct passage *by, uint32_t reason)
{
	uint64_t linear = by->ctx->data_end - by->ctx->data;
	uint32_t service = by->route.service;
	uint64_t *reasons;
	uint8_t *base;

	if (reason == REASON_DROP_MALFORMED &&
	    bpf_xdp_get_buff_len(by->ctx) != linear)
		return XDP_PASS;
	base = counts_of(by->copy);
	BARRIER_VAR(reason);
	if (base == NULL || reason >= REASON_COUNT)
		return XDP_PASS;
	((uint64_t *)base)[reason]++;
	if (service == TABLES_NONE)
		return XDP_DROP;
	service &= loaded_room()->service_mask;
	reasons = (uint64_t *)(base + loaded_room()->service_reasons_at);
	reasons[service * REASON_COUNT + reason]++;
	return XDP_DROP;
}

/* Writes the outer header of `overhead` bytes, a constant for the verifier's
 * sake. */
CORE_INLINE void
write_outer(uint8_t *out, const struct passage *by, const struct backend_fwd *b,
    int overhead)
{
	const struct packet *p = &by->packet;

	if (overhead == ENCAP_IPV6_LEN)
		encap_ipv6(out, b, by->route.hash, p->traffic_class, p->ip_len);
	else
		encap_ipv4(out, b, by->route.hash, p->traffic_class, p->ip_len);
	encap_gre(out + overhead - ENCAP_GRE_LEN, p->is6);
}

/* Puts the frame's front where it belongs. What lies behind the IP packet, the
 * padding of a short frame, is no part of it. */
CORE_INLINE int
send(struct passage *by, const struct backend_fwd *b, int overhead)
{
	struct xdp_md *ctx = by->ctx;
	uint8_t *data, *end;

	if (bpf_xdp_adjust_head(
		ctx, (int)by->packet.ip - ETHERNET_LEN - overhead) != 0)
		return XDP_PASS;
	data = (uint8_t *)(long)ctx->data;
	end = (uint8_t *)(long)ctx->data_end;
	if (data + ETHERNET_LEN + overhead > end)
		return XDP_DROP;
	encap_link(data, b);
	write_outer(data + ETHERNET_LEN, by, b, overhead);
	count_forwarded(by);
	by->out_ifindex = b->ifindex;
	if (b->ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return (int)bpf_redirect_map(&ports, b->ifindex, XDP_DROP);
}

/* The same back to where it came from, with the VLAN tags it had. */
CORE_INLINE int
reflect(
    struct passage *by, const struct backend_fwd *b, int link_len, int overhead)
{
	struct xdp_md *ctx = by->ctx;
	uint8_t *data = (uint8_t *)(long)ctx->data;
	uint8_t *end = (uint8_t *)(long)ctx->data_end;
	uint8_t link[ETHERNET_LEN + 2 * VLAN_LEN];

	if (data + link_len > end)
		return XDP_PASS;
	__builtin_memcpy(link, data, (size_t)link_len);
	if (bpf_xdp_adjust_head(ctx, -overhead) != 0)
		return XDP_PASS;
	data = (uint8_t *)(long)ctx->data;
	end = (uint8_t *)(long)ctx->data_end;
	if (data + link_len + overhead > end)
		return XDP_DROP;
	encap_link_reflect(data, link, (uint32_t)link_len, b->ethertype);
	write_outer(data + link_len, by, b, overhead);
	count_forwarded(by);
	by->out_ifindex = ctx->ingress_ifindex;
	return XDP_TX;
}

CORE_INLINE int
reflect_tagged(struct passage *by, const struct backend_fwd *b, int overhead)
{
	switch (by->packet.ip) {
	case ETHERNET_LEN:
		return reflect(by, b, ETHERNET_LEN, overhead);
	case ETHERNET_LEN + VLAN_LEN:
		return reflect(by, b, ETHERNET_LEN + VLAN_LEN, overhead);
	default:
		return reflect(by, b, ETHERNET_LEN + 2 * VLAN_LEN, overhead);
	}
}

/* What is rare is done by a program of its own, the twin, which is the same
 * path and all that is left out of this one. The kernel empties the array when
 * nobody has it open any more, so it is pinned, for the time without a process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} twin SEC(".maps") = {.values = {(void *)&guideway_twin}};

/* Does not return, unless there is none. */
CORE_INLINE int
leave_to_twin(struct passage *by)
{
	bpf_tail_call(by->ctx, &twin, 0);
	return XDP_PASS;
}

/* The tables of a copy, but for its slots. NULL: there are none, which cannot
 * be. */
CORE_INLINE const struct xdp_head *
find_tables(const uint32_t *copy, struct tables *t)
{
	const struct xdp_room *r = loaded_room();
	const struct xdp_head *head;
	const uint8_t *base;

	head = bpf_map_lookup_elem(&tables, copy);
	if (head == NULL)
		return NULL;
	base = (const uint8_t *)head;
	*t = (struct tables){
	    .keys = &head->keys,
	    .vips = (const struct vip_entry *)(base + r->vips_at),
	    .endpoints = (const struct endpoint_entry *)(base +
		r->endpoints_at),
	    .services = (const struct service_fwd *)(base + r->services_at),
	    .backends = (const struct backend_fwd *)(base + r->backends_at),
	    .positions = (const uint16_t *)(base + r->positions_at),
	    .numbers = (const uint16_t *)(base + r->numbers_at),
	    .number_mask = r->number_mask,
	    .vip_mask = head->vip_mask & r->vip_mask,
	    .endpoint_mask = head->endpoint_mask & r->endpoint_mask,
	    .service_mask = r->service_mask,
	    .backend_mask = r->backend_mask,
	};
	return head;
}

/* The chunk that a slot is in; behind all of them are those of settled[]. */
CORE_INLINE const uint16_t *
find_chunk(uint32_t slot, uint32_t behind)
{
	uint32_t chunk = (slot >> SLOTS_CHUNK_SHIFT) + behind;

	return bpf_map_lookup_elem(&slots, &chunk);
}

/* The same, of a packet. It waits for neither hash nor stack where the table is
 * no longer than a chunk: then the key is there already. */
CORE_INLINE bool
find_slots(const struct route *to, struct tables *t)
{
	t->slots = LIKELY(to->endpoint->shift >= 64 - SLOTS_CHUNK_SHIFT)
	    ? bpf_map_lookup_elem(&slots, &to->endpoint->chunk)
	    : find_chunk(to->slot, 0);
	t->slot_mask = SLOTS_CHUNK - 1;
	return t->slots != NULL;
}

CORE_INLINE bool
fits(const struct packet *p, const struct backend_fwd *b)
{
	return p->ip_len + b->overhead <= b->mtu && p->ip_len <= control.mtu;
}

/* The route's backend, if a whole TCP or UDP packet can be sent on to it as it
 * is; or NULL. */
CORE_INLINE const struct backend_fwd *
find_backend(const struct passage *by, const struct tables *t)
{
	const struct backend_fwd *b =
	    &t->backends[by->route.backend & t->backend_mask];

	return b->flags & BACKEND_READY && fits(&by->packet, b) ? b : NULL;
}

/* A packet whose slot asks the flow table. In a map, for the stack is short,
 * and Linux 6.1 counts a function's in steps of 32 bytes. */
struct question {
	uint64_t hash;
	uint32_t copy, service, slot;
	uint32_t packet; /* enum flow_packet */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct question);
} questions SEC(".maps");

#define NO_ANSWER UINT32_MAX

/* The position of its backend; NO_ANSWER: it cannot be asked. A function of its
 * own, so that the verifier goes through it once, not at the end of each way
 * there. In steps of 32 bytes, its stack and the twin's are all of the 512 that
 * Linux 6.1 allows. */
__attribute__((noinline)) uint32_t
guideway_ask(const struct question *q)
{
	struct flow_place place;
	struct route route;
	struct tables t;
	struct xdp_marks *m;
	uint32_t bucket, block, copy;

	if (q == NULL)
		return NO_ANSWER;
	copy = q->copy;
	if (find_tables(&copy, &t) == NULL)
		return NO_ANSWER;
	bucket = (uint32_t)q->hash & (XDP_FLOW_BUCKETS - 1);
	block = bucket / FLOWS_DIRTY_BUCKETS;
	t.slots = find_chunk(q->slot, 0);
	t.slot_mask = SLOTS_CHUNK - 1;
	t.settled = find_chunk(
	    q->slot, XDP_COPIES * (loaded_room()->chunk_mask + 1));
	place.bucket = bpf_map_lookup_elem(&flows, &bucket);
	m = bpf_map_lookup_elem(&marks, &only);
	if (t.slots == NULL || t.settled == NULL || m == NULL ||
	    place.bucket == NULL)
		return NO_ANSWER;
	BARRIER_VAR(block);
	place.dirty = &m->dirty[block & (XDP_FLOW_BLOCKS - 1)];
	place.overflow = m->overflow;
	place.now = *(volatile uint32_t *)&m->now;
	route.hash = q->hash;
	route.service = q->service;
	route.slot = q->slot;
	return flow_choose_at(&t, &place, &route, (enum flow_packet)q->packet);
}

CORE_INLINE bool
ask(struct passage *by, const uint8_t *data, const uint8_t *end)
{
	const struct packet *p = &by->packet;
	uint8_t tcp_flags = p->protocol == PROTOCOL_TCP
	    ? parse_tcp_flags(data, end, p->transport)
	    : 0;
	struct question *q = bpf_map_lookup_elem(&questions, &only);

	if (q == NULL)
		return false;
	q->hash = by->route.hash;
	q->copy = by->copy;
	q->service = by->route.service;
	q->slot = by->route.slot;
	q->packet = flow_packet(p->protocol, tcp_flags);
	by->route.backend = guideway_ask(q);
	return by->route.backend != NO_ANSWER;
}

/* The path of nearly all packets. What it does not know it leaves to the twin,
 * and keeps none of it in registers. */
CORE_INLINE int
take(struct passage *by)
{
	const uint8_t *data = (const uint8_t *)(long)by->ctx->data;
	const uint8_t *end = (const uint8_t *)(long)by->ctx->data_end;
	const struct xdp_head *head;
	const struct backend_fwd *b;
	struct tables t;
	uint32_t reason;

	if ((head = find_tables(&control.copy, &t)) == NULL)
		return XDP_PASS;
	by->copy = head->copy;
	reason = path_classify(&t, data, end, &by->packet, &by->route, true);
	/* PASS reasons come before FORWARD, DROP reasons after it. */
	if (reason < REASON_FORWARD)
		return XDP_PASS;
	if (reason != REASON_FORWARD || *(volatile uint32_t *)&tap.every != 0)
		return leave_to_twin(by);
	if (!in_force() || !find_slots(&by->route, &t))
		return XDP_PASS;
	if (UNLIKELY(lookup_asks(&t, &by->route)))
		return leave_to_twin(by);
	(void)lookup_backend(&t, &by->route);
	if ((b = find_backend(by, &t)) == NULL)
		return XDP_PASS;
	/* Compared as a whole: one test for nearly all. */
	if (LIKELY(b->flags == BACKEND_READY))
		return send(by, b, ENCAP_IPV4_LEN);
	return b->flags & BACKEND_REFLECT ? leave_to_twin(by)
					  : send(by, b, ENCAP_IPV6_LEN);
}

/* The path of every packet. */
CORE_INLINE int
take_any(struct passage *by)
{
	const uint8_t *data = (const uint8_t *)(long)by->ctx->data;
	const uint8_t *end = (const uint8_t *)(long)by->ctx->data_end;
	const struct xdp_head *head;
	const struct backend_fwd *b;
	struct tables t;

	if ((head = find_tables(&control.copy, &t)) == NULL)
		return XDP_PASS;
	by->copy = head->copy;
	by->reason = path_classify(
	    &t, data, end, &by->packet, &by->route, false);
	if (by->reason < REASON_FORWARD || !in_force())
		return XDP_PASS;
	if (by->reason != REASON_FORWARD)
		return drop(by, by->reason);
	if (by->packet.kind != PACKET_FLOW || !find_slots(&by->route, &t))
		return XDP_PASS;
	if (!lookup_asks(&t, &by->route))
		(void)lookup_backend(&t, &by->route);
	else if (!ask(by, data, end))
		return XDP_PASS;
	if ((b = find_backend(by, &t)) == NULL)
		return XDP_PASS;
	if (b->flags & BACKEND_REFLECT)
		return b->flags & BACKEND_IPV6
		    ? reflect_tagged(by, b, ENCAP_IPV6_LEN)
		    : reflect_tagged(by, b, ENCAP_IPV4_LEN);
	return b->flags & BACKEND_IPV6 ? send(by, b, ENCAP_IPV6_LEN)
				       : send(by, b, ENCAP_IPV4_LEN);
}

/* Whoever captures ------------------------------------------------------- */

CORE_INLINE struct xdp_tap_cpu *
tap_cpu(void)
{
	return bpf_map_lookup_elem(&tap_cpus, &only);
}

/* For show(), and always: to ask first whether anybody looks on would double
 * what the verifier goes through. False: too short to be anybody's. */
CORE_INLINE bool
save_link(struct xdp_md *ctx)
{
	const uint8_t *data = (const uint8_t *)(long)ctx->data;
	const uint8_t *end = (const uint8_t *)(long)ctx->data_end;
	struct xdp_tap_cpu *cpu = tap_cpu();

	if (cpu == NULL || data + XDP_TAP_LINK > end)
		return false;
	__builtin_memcpy(cpu->link, data, XDP_TAP_LINK);
	cpu->came_len = (uint32_t)bpf_xdp_get_buff_len(ctx);
	return true;
}

/* After a gap drawn at random, as in core/sampler.h; and no more in a jiffy
 * than is good for the others. */
CORE_INLINE bool
is_next(struct xdp_tap_cpu *cpu, uint32_t every)
{
	uint64_t range = 2 * (uint64_t)every - 1, now;

	if (cpu->gap == 0 || cpu->gap > range)
		cpu->gap = 1 + (uint32_t)(bpf_get_prandom_u32() * range >> 32);
	if (--cpu->gap != 0)
		return false;
	now = bpf_jiffies64();
	if (cpu->jiffy != now) {
		cpu->jiffy = now;
		cpu->left = XDP_TAP_BURST;
	}
	if (cpu->left == 0) {
		cpu->over += every;
		return false;
	}
	cpu->left--;
	return true;
}

CORE_INLINE void
fill_tapped(struct xdp_tapped *to, const struct passage *by,
    const struct xdp_tap_cpu *cpu, uint32_t every)
{
	to->time_ns = bpf_ktime_get_ns();
	to->weight = every;
	to->copy = by->copy;
	to->service = by->route.service;
	to->backend = by->route.backend;
	to->ifindex = by->ctx->ingress_ifindex;
	to->out_ifindex = by->out_ifindex;
	to->reason = (uint16_t)by->reason;
	to->link_len = (uint16_t)by->packet.ip;
	__builtin_memcpy(to->link, cpu->link, XDP_TAP_LINK);
}

/* Where the client's packet begins in the frame as it is now: it is what the
 * frame ends with. */
CORE_INLINE uint32_t
inner_at(const struct passage *by, uint32_t wire_len, uint32_t former_len)
{
	return wire_len - former_len + by->packet.ip;
}

CORE_INLINE void
show(const struct passage *by)
{
	uint32_t every = tap.every, len = tap.snap, last, reason;
	uint32_t wire_len = (uint32_t)bpf_xdp_get_buff_len(by->ctx);
	struct xdp_tap_cpu *cpu;
	struct xdp_tapped *to;

	reason = by->reason & 31;
	if (every == 0 || (tap.reasons >> reason & 1) == 0 ||
	    (tap.service != TABLES_NONE && tap.service != by->route.service))
		return;
	if ((cpu = tap_cpu()) == NULL || !is_next(cpu, every))
		return;
	if ((to = bpf_ringbuf_reserve(&tapped, sizeof(*to), 0)) == NULL) {
		cpu->lost++;
		return;
	}
	fill_tapped(to, by, cpu, every);
	to->wire_len = wire_len;
	to->inner_at = (uint16_t)inner_at(by, wire_len, cpu->came_len);
	if (len > wire_len)
		len = wire_len;
	if (len > XDP_TAP_DATA)
		len = XDP_TAP_DATA;
	to->len = len;
	/* Linux 6.1 draws nothing from a comparison with 0. */
	last = len - 1;
	BARRIER_VAR(last);
	if (last >= XDP_TAP_DATA ||
	    bpf_xdp_load_bytes(by->ctx, 0, to->data, last + 1) != 0) {
		bpf_ringbuf_discard(to, 0);
		return;
	}
	bpf_ringbuf_submit(to, 0);
}

/* The same path with slots that ask the flow table, backends that reflect and
 * somebody looking on: a program of its own, since two of them need more stack
 * than one may have, and what is rare costs the other registers. What it
 * passes, the user-space path shows. */
SEC("xdp.frags")
int
guideway_twin(struct xdp_md *ctx)
{
	struct passage by = {.ctx = ctx};
	int action;

	if (!save_link(ctx))
		return XDP_PASS;
	action = take_any(&by);
	if (action != XDP_PASS)
		show(&by);
	return action;
}

SEC("xdp.frags")
int
guideway_xdp(struct xdp_md *ctx)
{
	struct passage by = {.ctx = ctx};

	return take(&by);
}

/* Renews the lease; returns nothing but 0. */
SEC("syscall")
int
guideway_renew(void *ctx __attribute__((unused)))
{
	control.expires = bpf_jiffies64() + control.lease;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
