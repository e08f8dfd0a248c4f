/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The packets of the XDP benchmarks: written by BPF programs one after the
 * other, each of another flow, into one and the same buffer, as user space asks
 * for them. What the program under test left there is overwritten. */
#ifndef TESTS_BENCH_FLOWS_H
#define TESTS_BENCH_FLOWS_H

#include "balancer/core/types.h"

#define FLOWS_LINK_LEN  14
#define FLOWS_IPV4_HEAD (FLOWS_LINK_LEN + 20 + 4) /* up to the ports */
#define FLOWS_IPV6_HEAD (FLOWS_LINK_LEN + 40 + 4)
#define FLOWS_FRAME_MAX 128
#define FLOWS_LEN       60 /* of a frame over IPv4: the least of Ethernet's */
#define FLOWS_NEW_EACH  UINT32_MAX /* mask: no flow comes a second time */
#define FLOWS_PORT      0xc000u /* of the source, 14 bits of the flow on top */

struct flows {
	/* What they have in common; without addresses, source port and IPv4
	 * header checksum. */
	uint8_t frame[FLOWS_FRAME_MAX];
	uint32_t len;
	uint32_t ip6;
	uint32_t sum;    /* IPv4: unfolded, over the header as it is in frame */
	uint32_t source; /* last word of the first address, host byte order */
	uint32_t vip;    /* the same of the first VIP */
	be32 ports;      /* that of the service, and 0 for the source's */
	uint32_t vips;   /* evenly over as many, one after the other */
	uint32_t mask;   /* flows - 1, of a power of two */
	uint32_t next;   /* packet, counted from 0 */
	/* What tells the last one from others, as in the packet. */
	be32 last_source, last_ports;
};

enum flows_packet {
	FLOWS_TCP, /* an acknowledgement */
	FLOWS_SYN,
	FLOWS_UDP,
	FLOWS_IPV6, /* with TCP */
	FLOWS_NOT_OURS
};

#ifdef __bpf__

/* By words, so that no load of a field finds a part of it still under way in
 * the processor's store buffer; from offset 2 on, where IP's are aligned. */
CORE_INLINE void
flows_copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	store16(to, load16(from));
#pragma unroll
	for (uint32_t at = 2; at < len; at += 4)
		store32(to + at, load32(from + at));
}

CORE_INLINE be32
flows_checksum(const struct flows *f, be32 source, be32 destination)
{
	uint64_t sum = (uint64_t)f->sum + source + destination;

	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)(uint16_t)~sum;
}

/* From pointers, in 64 bits, as the verifier wants it. */
CORE_INLINE uint32_t
flows_frame_len(const uint8_t *data, const uint8_t *end)
{
	uint64_t len = (uint64_t)(end - data);

	BARRIER_VAR(len);
	return (uint32_t)len;
}

/* Writes the next packet at `data`; false: no room. */
CORE_INLINE bool
flows_write(struct flows *f, uint8_t *data, const uint8_t *end)
{
	/* An odd factor: all flows in turn, in another order than that of their
	 * addresses. */
	uint32_t flow = f->next++ * 2654435761u & f->mask;
	uint32_t vip = (uint32_t)((uint64_t)(flow * 0x9e3779b1u) * f->vips >>
	    32);
	be32 source = BE32(f->source + (flow >> 14));
	be32 destination = BE32(f->vip + vip);
	be32 ports = f->ports | BE32((FLOWS_PORT | (flow & 0x3fff)) << 16);

	f->last_source = source;
	f->last_ports = ports;
	if (f->ip6) {
		if (data + FLOWS_IPV6_HEAD > end)
			return false;
		flows_copy(data, f->frame, FLOWS_IPV6_HEAD);
		store32(data + 34, source);
		store32(data + 50, destination);
		store32(data + 54, ports);
		return true;
	}
	if (data + FLOWS_IPV4_HEAD > end)
		return false;
	flows_copy(data, f->frame, FLOWS_IPV4_HEAD);
	store32(data + 22,
	    load32(f->frame + 22) |
		flows_checksum(f, source, destination) << 16);
	store32(data + 26, source);
	store32(data + 30, destination);
	store32(data + 34, ports);
	return true;
}

#else

#define FLOWS_VIP6 "2001:db8:1::a"

/* Packets to BENCH_VIP, or FLOWS_VIP6, and as many addresses after it as there
 * are VIPs, port BENCH_PORT; or to an address that is none of them. `n_flows`:
 * a power of two, or FLOWS_NEW_EACH. */
void flows_init(
    struct flows *, enum flows_packet, uint32_t n_flows, uint32_t vips);

#endif
#endif
