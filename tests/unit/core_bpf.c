/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The packet path as an XDP program, over global arrays: compiled by `make
 * check` where there is clang, so that the headers of balancer/core stay fit
 * for BPF. It is not loaded. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "balancer/core/encap.h"
#include "balancer/core/flow.h"
#include "balancer/core/path.h"

#define VIPS      1024
#define ENDPOINTS 4096
#define SERVICES  256
#define SLOTS     (1u << 20)
#define BACKENDS  4096
#define ENTRIES   (1u << 16)
#define BLOCK     (FLOW_BUCKET * FLOWS_DIRTY_BUCKETS)

struct hash_keys core_keys;
struct vip_entry core_vips[VIPS];
struct endpoint_entry core_endpoints[ENDPOINTS];
struct service_fwd core_services[SERVICES];
uint16_t core_slots[SLOTS];
struct backend_fwd core_backends[BACKENDS];
uint16_t core_settled[SLOTS];
uint16_t core_positions[BACKENDS];
uint16_t core_numbers[BACKENDS];
struct flow_entry core_entries[ENTRIES];
uint8_t core_dirty[ENTRIES / BLOCK];
uint64_t core_overflow[FLOWS_SERVICES];
volatile uint32_t core_now;
uint64_t core_reasons[REASON_COUNT];

/* Makes room, and writes what goes into it. Sizes are constants, for the
 * verifier's sake. */
CORE_INLINE int
send(struct xdp_md *ctx, const struct backend_fwd *b, const struct packet *p,
    uint64_t hash, int overhead)
{
	uint8_t *data, *end;

	if (bpf_xdp_adjust_head(ctx, (int)p->ip - ETHERNET_LEN - overhead) != 0)
		return XDP_DROP;
	data = (uint8_t *)(long)ctx->data;
	end = (uint8_t *)(long)ctx->data_end;
	if (data + ETHERNET_LEN + overhead > end)
		return XDP_DROP;
	encap_link(data, b);
	if (overhead == ENCAP_IPV6_LEN)
		encap_ipv6(
		    data + ETHERNET_LEN, b, hash, p->traffic_class, p->ip_len);
	else
		encap_ipv4(
		    data + ETHERNET_LEN, b, hash, p->traffic_class, p->ip_len);
	encap_gre(data + ETHERNET_LEN + overhead - ENCAP_GRE_LEN, p->is6);
	return (int)bpf_redirect(b->ifindex, 0);
}

CORE_INLINE uint32_t
ask_flows(const struct tables *t, const uint8_t *data, const uint8_t *end,
    const struct packet *p, const struct route *route)
{
	uint32_t bucket = (uint32_t)route->hash & (ENTRIES / FLOW_BUCKET - 1);
	const struct flow_place place = {&core_entries[bucket * FLOW_BUCKET],
	    &core_dirty[bucket / FLOWS_DIRTY_BUCKETS], core_overflow, core_now};
	uint8_t flags = 0;

	if (p->protocol == PROTOCOL_TCP)
		flags = parse_tcp_flags(data, end, p->transport);
	return flow_choose_at(
	    t, &place, route, flow_packet(p->protocol, flags));
}

CORE_INLINE enum reason
route_packet(const struct tables *t, const uint8_t *data, const uint8_t *end,
    struct packet *p, struct route *route)
{
	enum reason reason = path_classify(t, data, end, p, route);

	if (reason != REASON_FORWARD)
		return reason;
	if (p->kind != PACKET_FLOW)
		return REASON_PASS_ICMP;
	if ((t->slots[route->slot & t->slot_mask] & SLOT_ASK) == 0)
		return lookup_backend(t, route);
	route->backend = ask_flows(t, data, end, p, route) & t->backend_mask;
	return t->backends[route->backend].flags & BACKEND_READY
	    ? REASON_FORWARD
	    : REASON_DROP_NO_NEXT_HOP;
}

SEC("xdp")
int
core_path(struct xdp_md *ctx)
{
	const uint8_t *data = (const uint8_t *)(long)ctx->data;
	const uint8_t *end = (const uint8_t *)(long)ctx->data_end;
	const struct tables tables = {.keys = &core_keys,
	    .vips = core_vips,
	    .endpoints = core_endpoints,
	    .services = core_services,
	    .slots = core_slots,
	    .backends = core_backends,
	    .settled = core_settled,
	    .positions = core_positions,
	    .numbers = core_numbers,
	    .vip_mask = VIPS - 1,
	    .endpoint_mask = ENDPOINTS - 1,
	    .service_mask = SERVICES - 1,
	    .slot_mask = SLOTS - 1,
	    .backend_mask = BACKENDS - 1,
	    .number_mask = BACKENDS - 1};
	const struct backend_fwd *b;
	struct packet p = {0};
	struct route route = {0};
	uint32_t reason;

	reason = route_packet(&tables, data, end, &p, &route);
	BARRIER_VAR(reason);
	if (reason < REASON_COUNT)
		__sync_fetch_and_add(&core_reasons[reason], 1);
	if (reason != REASON_FORWARD)
		return reason < REASON_FORWARD ? XDP_PASS : XDP_DROP;
	b = &core_backends[route.backend & (BACKENDS - 1)];
	if (p.ip_len + b->overhead > b->mtu)
		return XDP_PASS;
	return b->flags & BACKEND_IPV6
	    ? send(ctx, b, &p, route.hash, ENCAP_IPV6_LEN)
	    : send(ctx, b, &p, route.hash, ENCAP_IPV4_LEN);
}

/* bpf_redirect and bpf_xdp_adjust_head may be called under any licence. */
char _license[] SEC("license") = "Dual BSD/GPL";
