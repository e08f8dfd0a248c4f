/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the XDP program and the process that fills its maps agree on. A change
 * of any of it, or of core/tables.h or core/reason.h, takes another
 * XDP_LAYOUT: programs of different releases meet in pinned maps. */
#ifndef BALANCER_BPF_SHARED_H
#define BALANCER_BPF_SHARED_H

#include "balancer/core/flow.h"
#include "balancer/core/reason.h"
#include "balancer/core/tables.h"

#define XDP_LAYOUT 5u

/* Two of everything that a forwarding state consists of: one is in force. */
#define XDP_COPIES 2u

/* How much room a loaded program has; constants for its verifier. All numbers
 * are of one copy. Lengths and offsets are in bytes. */
struct xdp_room {
	/* Entries less one, as in struct tables. */
	uint32_t vip_mask, endpoint_mask, service_mask, backend_mask;
	uint32_t number_mask;
	uint32_t chunk_mask; /* of slots */
	/* In a value of the map `tables`, behind struct xdp_head. */
	uint32_t vips_at, endpoints_at, services_at, backends_at, names_at;
	uint32_t positions_at, numbers_at;
	uint32_t tables_len;
	/* In a value of the map `counts`, behind the reasons. */
	uint32_t service_counts_at, service_reasons_at, backend_counts_at;
	uint32_t counts_len;
	uint32_t cpus;
};

/* Map `tables`: an array of XDP_COPIES. The tables of a state may be smaller
 * than the room for them: their own masks say where hashes point. Chunks of
 * slots are numbered as in the map of all. The services' names, XDP_NAME_LEN
 * bytes each, are for who takes the maps over. */
#define XDP_NAME_LEN 64
struct xdp_head {
	struct hash_keys keys;
	uint32_t vip_mask, endpoint_mask;
	uint32_t n_services, n_backends;
	uint32_t copy; /* that this is of */
	uint32_t pad[11];
};
_Static_assert(sizeof(struct xdp_head) % 64 == 0, "whole cache lines");

/* Map `slots`: an array of XDP_COPIES times chunk_mask + 1 chunks of
 * SLOTS_CHUNK, since a value must not be longer than 4 MiB before Linux 6.8;
 * and as many more, which are settled[].
 *
 * Map `counts`: an array of XDP_COPIES for each CPU, first those of CPU 0; each
 * begins with one number for each reason. What is forwarded is counted by
 * service and by backend, and its reasons follow from that. One CPU more than
 * there are is the ledger: what was counted before, and in user space. */
struct xdp_count {
	uint64_t packets;
	uint64_t bytes;
};

/* Map `flows`: an array of buckets of entries; map `marks`: what else belongs
 * to them. Both are for all copies, and go on from program to program. */
#define XDP_FLOW_BUCKETS 32768u
#define XDP_FLOW_BLOCKS  (XDP_FLOW_BUCKETS / FLOWS_DIRTY_BUCKETS)
struct xdp_marks {
	uint64_t overflow[FLOWS_SERVICES];
	uint32_t now; /* tick */
	uint32_t pad;
	uint8_t dirty[XDP_FLOW_BLOCKS];
};

/* One line that each packet for a VIP reads. */
struct xdp_control {
	uint32_t copy;    /* in force */
	uint32_t mtu;     /* longer packets were merged on their way */
	uint64_t expires; /* in jiffies */
	uint64_t lease;   /* what a renewal adds to now, in jiffies */
	/* For who takes the maps over. */
	uint32_t layout;
	uint32_t owner; /* one more with each process: the last may write */
	struct xdp_room room;
};

#endif
