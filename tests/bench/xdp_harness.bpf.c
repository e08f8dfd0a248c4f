/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What BPF_PROG_TEST_RUN repeats in group "xdp". Repeating the program under
 * test itself would show it the first packet once, and then its own output:
 * this one puts the next packet in its place, at the length that it had, and
 * hands it on by a tail call. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "balancer/core/encap.h"
#include "tests/bench/flows.h"
#include "tests/bench/xdp_shared.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} target SEC(".maps");

struct flows flows;
struct xdp_tally tally;

/* The number of bytes that were put in front of the packet is an argument even
 * where it is 0, so that all targets cost the harness the same. */
CORE_INLINE int
next_packet(struct xdp_md *ctx)
{
	uint32_t len = flows_frame_len((const uint8_t *)(long)ctx->data,
	    (const uint8_t *)(long)ctx->data_end);
	int grown = (int)(len - flows.len);

	if (bpf_xdp_adjust_head(ctx, grown) != 0 ||
	    !flows_write(&flows, (uint8_t *)(long)ctx->data,
		(uint8_t *)(long)ctx->data_end))
		return XDP_ABORTED;
	bpf_tail_call_static(ctx, &target, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int
bench_harness(struct xdp_md *ctx)
{
	return next_packet(ctx);
}

/* Is it GRE over IPv4, and inside what was last given to the target? */
CORE_INLINE bool
is_wrapped(const uint8_t *data, const uint8_t *end)
{
	const uint8_t *inner = data + FLOWS_LINK_LEN + ENCAP_IPV4_LEN;
	be32 source, ports;

	if (inner + FLOWS_IPV6_HEAD - FLOWS_LINK_LEN > end ||
	    load16(data + 12) != BE16(ETHERTYPE_IPV4) ||
	    data[FLOWS_LINK_LEN + 9] != PROTOCOL_GRE)
		return false;
	source = load32(inner + (flows.ip6 ? 20 : 12));
	ports = load32(inner + (flows.ip6 ? 40 : 20));
	return source == flows.last_source && ports == flows.last_ports;
}

/* The same, but that it first looks at what the last run left: to see that what
 * is measured is what it seems to be. */
SEC("xdp")
int
bench_tally(struct xdp_md *ctx)
{
	const uint8_t *data = (const uint8_t *)(long)ctx->data;
	const uint8_t *end = (const uint8_t *)(long)ctx->data_end;
	uint32_t backend;

	if (flows_frame_len(data, end) == flows.len) {
		tally.same_length++;
	} else if (!is_wrapped(data, end)) {
		tally.other++;
	} else {
		tally.wrapped++;
		backend = FROM_BE32(load32(data + FLOWS_LINK_LEN + 16)) -
		    tally.first_backend;
		BARRIER_VAR(backend);
		if (backend < XDP_TALLY_BACKENDS)
			tally.backends[backend]++;
	}
	return next_packet(ctx);
}

char _license[] SEC("license") = "GPL";
