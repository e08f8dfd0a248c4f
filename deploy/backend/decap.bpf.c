/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unwraps what the balancers send, for backends whose kernel has no GRE.
 *
 *   Ethernet [VLAN [VLAN]] | outer IPv4/IPv6 | GRE | the client's packet
 *   Ethernet [VLAN [VLAN]]                         | the client's packet
 *
 * Only GRE from a known balancer, of the plain form of RFC 2784, for one of
 * our VIPs is unwrapped and handed to the kernel. Other GRE from a balancer
 * is a mistake in somebody's configuration: it is dropped and counted by its
 * cause. GRE from anybody else passes: it may belong to another tunnel of this
 * host, and where it does not, the kernel, which has nobody to take it, answers
 * "protocol unreachable". What is not GRE passes untouched, whatever it is.
 *
 * The outer destination is not looked at: frames for another host's MAC
 * address keep that address and the kernel drops them. The checksum of the
 * outer header neither: all it says that we use is the sender. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "deploy/backend/decap_shared.h"

#define VLAN_TAGS      2
#define L2_MAX         (ETH_HLEN + VLAN_TAGS * (int)sizeof(struct vlan_tag))
#define GRE_OFFSET_MAX (L2_MAX + 60) /* IPv4 with all options */

#define FRAGMENT_BITS 0x3fff /* RFC 791: more fragments, offset */
/* RFC 2784, section 2: bits 0-5 and the version must be zero (bit 0 is the
 * checksum's, which balancers never send); bits 6-12 are ignored. */
#define GRE_REFUSED 0xfc07
#define ECN_MASK    3
#define ECN_NONE    0
#define ECN_ECT1    1
#define ECN_ECT0    2
#define ECN_CE      3

struct vlan_tag {
	__be16 tci;
	__be16 proto; /* of what follows */
};

struct gre {
	__be16 flags;
	__be16 proto;
};

/* Where things are in the frame, as found so far. */
struct packet {
	void *data, *end;
	__u32 l3;  /* outer IP header */
	__u32 gre; /* GRE header */
	__u32
	    payload; /* length of GRE header and packet, by the outer header */
	__u8 ecn;    /* of the outer header */
	bool fragment;
	struct decap_source source;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* the loader knows how many */
	__type(key, struct decap_source);
	__type(value, __u8);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* the loader knows how many */
	__type(key, struct decap_addr);
	__type(value, __u8);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline int
counted(enum decap_counter which, int verdict)
{
	__u32 key = which;
	__u64 *n = bpf_map_lookup_elem(&counters, &key);

	if (n != NULL)
		(*n)++;
	return verdict;
}

static __always_inline void
addr_from4(struct decap_addr *addr, __be32 v4)
{
	__builtin_memset(addr->bytes, 0, 10);
	__builtin_memset(addr->bytes + 10, 0xff, 2);
	__builtin_memcpy(addr->bytes + 12, &v4, 4);
}

/* Such an address never comes from an honest sender, and would be taken for
 * the IPv4 address in it. */
static __always_inline bool
addr_is_mapped(const struct in6_addr *addr)
{
	return addr->s6_addr32[0] == 0 && addr->s6_addr32[1] == 0 &&
	    addr->s6_addr32[2] == bpf_htonl(0xffff);
}

/* The offset of the IP header behind Ethernet and VLAN tags; 0: cut. */
static __always_inline __u32
parse_l2(void *data, void *end, __be16 *proto)
{
	struct ethhdr *eth = data;
	struct vlan_tag *tag;
	__u32 off = sizeof(*eth);

	if ((void *)(eth + 1) > end)
		return 0;
	*proto = eth->h_proto;
#pragma unroll
	for (int i = 0; i < VLAN_TAGS; i++) {
		if (*proto != bpf_htons(ETH_P_8021Q) &&
		    *proto != bpf_htons(ETH_P_8021AD))
			break;
		tag = data + off;
		if ((void *)(tag + 1) > end)
			return 0;
		*proto = tag->proto;
		off += sizeof(*tag);
	}
	return off;
}

/* Both: is this an outer header with GRE behind it? A length that the frame
 * does not have becomes 0, which check_gre refuses. */
static __always_inline bool
parse_outer4(struct packet *p)
{
	struct iphdr *ip = p->data + p->l3;
	__u32 header, total;

	if ((void *)(ip + 1) > p->end || ip->version != 4 ||
	    ip->protocol != IPPROTO_GRE)
		return false;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (header < sizeof(*ip))
		return false;
	p->gre = p->l3 + header;
	if (total > header && total <= (__u64)(p->end - (void *)ip))
		p->payload = total - header;
	p->ecn = ip->tos & ECN_MASK;
	p->fragment = (ip->frag_off & bpf_htons(FRAGMENT_BITS)) != 0;
	addr_from4(&p->source.addr, ip->saddr);
	return true;
}

static __always_inline bool
parse_outer6(struct packet *p)
{
	struct ipv6hdr *ip = p->data + p->l3;
	__u32 payload;

	if ((void *)(ip + 1) > p->end || ip->version != 6 ||
	    ip->nexthdr != IPPROTO_GRE)
		return false;
	p->gre = p->l3 + sizeof(*ip);
	payload = bpf_ntohs(ip->payload_len);
	if (payload <= (__u64)(p->end - (void *)(ip + 1)))
		p->payload = payload;
	p->ecn = ip->flow_lbl[0] >> 4 & ECN_MASK;
	p->fragment = false; /* then the next header would not be GRE */
	if (!addr_is_mapped(&ip->saddr))
		__builtin_memcpy(&p->source.addr, &ip->saddr, 16);
	return true;
}

/* RFC 6040, section 4.2: what the inner field becomes; -1: drop. */
static __always_inline int
ecn_merge(__u8 inner, __u8 outer)
{
	if (outer == ECN_CE)
		return inner == ECN_NONE ? -1 : ECN_CE;
	if (outer == ECN_ECT1 && inner == ECN_ECT0)
		return ECN_ECT1;
	return inner;
}

/* Both: check the inner packet at `inner`, of at most `room` bytes, and bring
 * the outer header's congestion mark into it. */
static __always_inline enum decap_counter
accept4(void *inner, void *end, __u32 room, __u8 outer_ecn)
{
	struct iphdr *ip = inner;
	struct decap_addr dst;
	__u32 total, sum;
	int ecn;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return DECAP_MALFORMED;
	total = bpf_ntohs(ip->tot_len);
	if (total < ip->ihl * 4u || total > room)
		return DECAP_MALFORMED;
	addr_from4(&dst, ip->daddr);
	if (bpf_map_lookup_elem(&vips, &dst) == NULL)
		return DECAP_NOT_VIP;
	ecn = ecn_merge(ip->tos & ECN_MASK, outer_ecn);
	if (ecn == -1)
		return DECAP_ECN;
	/* RFC 1624, equation 3; the changed byte is the low half of its word,
	 * whose high half stays. */
	sum = (__u16)~bpf_ntohs(ip->check) + (__u16)~ip->tos;
	ip->tos = (ip->tos & ~ECN_MASK) | ecn;
	sum += ip->tos;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons((__u16)~sum);
	return DECAP_DECAPSULATED;
}

static __always_inline enum decap_counter
accept6(void *inner, void *end, __u32 room, __u8 outer_ecn)
{
	struct ipv6hdr *ip = inner;
	struct decap_addr dst;
	int ecn;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return DECAP_MALFORMED;
	if (sizeof(*ip) + bpf_ntohs(ip->payload_len) > room)
		return DECAP_MALFORMED;
	__builtin_memcpy(&dst, &ip->daddr, sizeof(dst));
	if (addr_is_mapped(&ip->daddr) ||
	    bpf_map_lookup_elem(&vips, &dst) == NULL)
		return DECAP_NOT_VIP;
	ecn = ecn_merge(ip->flow_lbl[0] >> 4 & ECN_MASK, outer_ecn);
	if (ecn == -1)
		return DECAP_ECN;
	ip->flow_lbl[0] = (ip->flow_lbl[0] & ~(ECN_MASK << 4)) | ecn << 4;
	return DECAP_DECAPSULATED;
}

/* Everything behind the outer header; *proto: what the packet inside is. */
static __always_inline enum decap_counter
check_gre(struct packet *p, __be16 *proto)
{
	__u32 off = p->gre, room;
	struct gre *gre;

	/* Known here, but the verifier forgets it; hide from clang that the
	 * check is redundant. */
	__asm__ volatile("" : "+r"(off));
	if (off > GRE_OFFSET_MAX)
		return DECAP_MALFORMED;
	gre = p->data + off;
	if (p->fragment)
		return DECAP_FRAGMENT;
	if ((void *)(gre + 1) > p->end || p->payload < sizeof(*gre))
		return DECAP_MALFORMED;
	if (gre->flags & bpf_htons(GRE_REFUSED))
		return DECAP_OPTIONS;
	*proto = gre->proto;
	room = p->payload - sizeof(*gre);
	if (*proto == bpf_htons(ETH_P_IP))
		return accept4(gre + 1, p->end, room, p->ecn);
	if (*proto == bpf_htons(ETH_P_IPV6))
		return accept6(gre + 1, p->end, room, p->ecn);
	return DECAP_PROTOCOL;
}

/* Takes outer header and GRE out; the Ethernet header, with its tags, moves
 * to the client's packet and says what that is. 0, or -1: not possible. */
static __always_inline int
strip(struct xdp_md *ctx, const struct packet *p, __be16 proto)
{
	__u8 l2[L2_MAX];
	void *data = p->data, *end;

	if (data + L2_MAX > p->end)
		return -1;
	__builtin_memcpy(l2, data, L2_MAX);
	if (bpf_xdp_adjust_head(ctx, p->gre + sizeof(struct gre) - p->l3) != 0)
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + L2_MAX > end)
		return -1;
	/* Sizes are constants, since BPF has no copy of a variable one. */
	switch (p->l3) {
	case ETH_HLEN:
		__builtin_memcpy(l2 + ETH_HLEN - 2, &proto, 2);
		__builtin_memcpy(data, l2, ETH_HLEN);
		return 0;
	case ETH_HLEN + sizeof(struct vlan_tag):
		__builtin_memcpy(l2 + ETH_HLEN + 2, &proto, 2);
		__builtin_memcpy(data, l2, ETH_HLEN + 4);
		return 0;
	default:
		__builtin_memcpy(l2 + ETH_HLEN + 6, &proto, 2);
		__builtin_memcpy(data, l2, ETH_HLEN + 8);
		return 0;
	}
}

SEC("xdp")
int
guideway_decap(struct xdp_md *ctx)
{
	struct packet p = {
	    .data = (void *)(long)ctx->data,
	    .end = (void *)(long)ctx->data_end,
	    .source.prefix_len = 128,
	};
	enum decap_counter result;
	__be16 proto = 0;

	p.l3 = parse_l2(p.data, p.end, &proto);
	if (p.l3 == 0)
		return XDP_PASS;
	if (proto == bpf_htons(ETH_P_IP)) {
		if (!parse_outer4(&p))
			return XDP_PASS;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		if (!parse_outer6(&p))
			return XDP_PASS;
	} else
		return XDP_PASS;
	if (bpf_map_lookup_elem(&sources, &p.source) == NULL)
		return counted(DECAP_STRANGER, XDP_PASS);

	result = check_gre(&p, &proto);
	if (result != DECAP_DECAPSULATED)
		return counted(result, XDP_DROP);
	if (strip(ctx, &p, proto) == -1)
		return counted(DECAP_MALFORMED, XDP_DROP);
	return counted(DECAP_DECAPSULATED, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
