/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the product is compared with in group "xdp". */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "balancer/core/encap.h"
#include "tests/bench/flows.h"
#include "tests/bench/xdp_shared.h"

/* The slots of as many services as a run has; the loader knows how many. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint64_t);
} memory SEC(".maps");

struct xdp_outer outer;

SEC("xdp")
int
bench_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

/* The outer header that the product writes, but always the same, in front of
 * whatever comes: only its length, and the sum over that, are made. */
CORE_INLINE int
encap(struct xdp_md *ctx, uint32_t add)
{
	uint32_t len = flows_frame_len((const uint8_t *)(long)ctx->data,
			   (const uint8_t *)(long)ctx->data_end) -
	    ETHERNET_LEN + ENCAP_IPV4_LEN;
	uint8_t *data;

	if (bpf_xdp_adjust_head(ctx, -ENCAP_IPV4_LEN) != 0)
		return XDP_ABORTED;
	data = (uint8_t *)(long)ctx->data;
	if (data + XDP_OUTER_LEN > (uint8_t *)(long)ctx->data_end)
		return XDP_ABORTED;
	len = BE16(len);
	flows_copy(data, outer.bytes, XDP_OUTER_LEN);
	store16(data + ETHERNET_LEN + 2, (uint16_t)len);
	store16(data + ETHERNET_LEN + 10,
	    (uint16_t)~encap_fold(outer.sum + len + add));
	return XDP_TX;
}

SEC("xdp")
int
bench_encap(struct xdp_md *ctx)
{
	return encap(ctx, 0);
}

/* One load more, of a word anywhere in memory: what a table of that size costs
 * at least, by what the processor's caches and TLB hold of it. */
SEC("xdp")
int
bench_encap_load(struct xdp_md *ctx)
{
	const uint8_t *data = (const uint8_t *)(long)ctx->data;
	uint64_t hash, *word;
	uint32_t at;

	if (data + FLOWS_IPV4_HEAD > (const uint8_t *)(long)ctx->data_end)
		return XDP_ABORTED;
	/* Addresses and ports, by the finaliser of the product's hash. */
	hash = (uint64_t)load32(data + 26) << 32 | load32(data + 34);
	hash = (hash ^ load32(data + 30)) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
	at = (uint32_t)((hash >> 32) * outer.words >> 32);
	word = bpf_map_lookup_elem(&memory, &at);
	/* The word is 0, which the compiler does not know. */
	return word != NULL ? encap(ctx, (uint32_t)*word) : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
