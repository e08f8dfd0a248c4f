/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the XDP program shows of packets, while somebody captures. These maps
 * are never pinned: a capture ends with the process that it asked. */
#ifndef BALANCER_BPF_TAP_H
#define BALANCER_BPF_TAP_H

#include "balancer/core/reason.h"
#include "balancer/core/types.h"

#define XDP_TAP_RING_LEN (2u << 20) /* a power of two, and of pages */
#define XDP_TAP_DATA     1536u
#define XDP_TAP_LINK     24u
/* Records of one CPU in one jiffy: what a flood may cost before the share
 * follows it. */
#define XDP_TAP_BURST 64u

/* What is wanted. Written by the process, a field at a time. */
struct xdp_tap {
	uint32_t every;   /* one packet in so many; 0: nobody looks */
	uint32_t snap;    /* bytes of each, up to XDP_TAP_DATA */
	uint32_t reasons; /* a bit for each */
	uint32_t service; /* position; TABLES_NONE: any, and none */
};
_Static_assert(REASON_COUNT <= 32, "a bit for each reason");

/* Of each CPU. */
struct xdp_tap_cpu {
	uint64_t jiffy;
	uint64_t over; /* packets that those stand for that were over
			* the burst */
	uint64_t lost; /* records that the ring had no room for */
	uint32_t gap;  /* packets up to and with the next */
	uint32_t left; /* records, in this jiffy */
	/* Of the frame on its way, as it came. */
	uint32_t came_len;
	uint32_t pad;
	uint8_t link[XDP_TAP_LINK];
};

/* A packet, in the ring: its bytes as it leaves, or was dropped, and what they
 * do not tell of how it came. */
struct xdp_tapped {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t weight;  /* how many it stands for */
	uint32_t copy;    /* of the tables; positions are in that */
	uint32_t service, backend;
	uint32_t ifindex;     /* it came in through */
	uint32_t out_ifindex; /* 0: it was dropped */
	uint32_t wire_len;    /* of the frame as it leaves, or was dropped */
	uint32_t len;         /* bytes in data */
	uint16_t reason;
	uint16_t link_len; /* where the client's packet began, ... */
	uint16_t inner_at; /* ... and where in data it begins now */
	uint16_t pad;
	uint8_t link[XDP_TAP_LINK]; /* the first link_len bytes as it came */
	uint8_t data[XDP_TAP_DATA];
};
_Static_assert(sizeof(struct xdp_tapped) % 8 == 0, "no hidden padding");

#endif
