/* SPDX-License-Identifier: Apache-2.0 */
/* Looks on while packets go through: every frame that comes in, with what
 * became of it, and every frame that goes out. It changes nothing, and while
 * nobody looks a batch pays two branches for it, its packets nothing. */
#ifndef BALANCER_CORE_TAP_H
#define BALANCER_CORE_TAP_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/core/forward.h"

/* A packet, once all is decided. */
struct tap_packet {
	const struct frame *frame; /* as it came in; borrowed for the call */
	enum reason reason;
	uint32_t service; /* positions in the state that is served; ... */
	uint32_t backend; /* ... TABLES_NONE where there is none or not yet */
};

/* A path outside this process samples by itself, what it is asked to, ... */
struct tap_wish {
	uint32_t every;   /* one packet in so many; 0: nobody looks */
	uint32_t snap;    /* bytes of each frame */
	uint32_t service; /* position; TABLES_NONE: any, and none */
	uint64_t reasons; /* a bit for each that is wanted */
};

/* ... and offers packets so. */
struct tap_copy {
	const uint8_t *data; /* borrowed for the call */
	uint32_t len, wire_len;
	uint32_t ifindex; /* 0: there is no such frame */
};
struct tap_offer {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t weight;  /* how many packets it stands for */
	enum reason reason;
	uint32_t service, backend; /* as in struct tap_packet */
	struct tap_copy in, out;
};

struct tap {
	/* A frame of a batch, complete, on its way out through ifindex; caused
	 * by the batch's frame number `input`. `data` is borrowed for the call.
	 */
	void (*sent)(struct tap *, const uint8_t *data, size_t len,
	    uint32_t ifindex, size_t input);
	/* The batch is through: for each of its frames, in order. */
	void (*decided)(struct tap *, const struct tap_packet *, size_t input);
	/* ... and after the last of them. */
	void (*done)(struct tap *);
};

#endif
