/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The programs of group "pps": at one end the generator, at the other what
 * counts, and in the middle, in turn with the balancer's, one that only sends
 * frames on. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "balancer/core/encap.h"
#include "tests/bench/flows.h"
#include "tests/bench/pps_shared.h"

struct flows flows;
struct pps_expected expected;
struct pps_count counts[PPS_CPUS];
uint32_t out_ifindex;

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} wire SEC(".maps");

/* Run on live frames, which come back as the last one to have them left them,
 * but for their length. */
SEC("xdp")
int
pps_generate(struct xdp_md *ctx)
{
	return flows_write(&flows, (uint8_t *)(long)ctx->data,
		   (const uint8_t *)(long)ctx->data_end)
	    ? (int)bpf_redirect(out_ifindex, 0)
	    : XDP_ABORTED;
}

SEC("xdp")
int
pps_redirect(struct xdp_md *ctx)
{
	uint8_t *data = (uint8_t *)(long)ctx->data;

	if (data + ETHERNET_LEN > (uint8_t *)(long)ctx->data_end)
		return XDP_ABORTED;
	store64(data, load64(expected.link));
	store32(data + 8, load32(expected.link + 8));
	return (int)bpf_redirect_map(&wire, 0, 0);
}

CORE_INLINE bool
is_outer(const uint8_t *ip)
{
	return load16(ip + 2) == expected.outer_len && ip[9] == PROTOCOL_GRE &&
	    FROM_BE32(load32(ip + 16)) - expected.first_backend <
	    expected.n_backends &&
	    load32(ip + IPV4_LEN) == BE32(ETHERTYPE_IPV4);
}

/* Is it one that the generator sent, behind the outer header that was to come
 * in front of it? Looking takes longer where there is one, so that is not done
 * while time is taken. */
CORE_INLINE bool
is_right(const uint8_t *data, const uint8_t *end)
{
	const uint8_t *ip = data + ETHERNET_LEN;

	if (flows_frame_len(data, end) != expected.frame_len)
		return false;
	if (!expected.look)
		return true;
	if (ip + ENCAP_IPV4_LEN + IPV4_LEN > end ||
	    load16(data + 12) != BE16(ETHERTYPE_IPV4))
		return false;
	if (expected.outer_len != 0) {
		if (!is_outer(ip))
			return false;
		ip += ENCAP_IPV4_LEN;
	}
	return load32(ip + 16) == expected.destination &&
	    FROM_BE32(load32(ip + 12)) - expected.first_source <
	    expected.n_sources;
}

SEC("xdp")
int
pps_count(struct xdp_md *ctx)
{
	uint32_t cpu = bpf_get_smp_processor_id();

	if (cpu >= PPS_CPUS)
		return XDP_ABORTED;
	if (is_right((const uint8_t *)(long)ctx->data,
		(const uint8_t *)(long)ctx->data_end))
		counts[cpu].right++;
	else
		counts[cpu].wrong++;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
