/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path in user space: batches of frames in, frames out. Thin over
 * the packet path proper (parse.h, lookup.h, encap.h), which is inlined here
 * and, compiled with clang -target bpf, into the XDP program.
 *
 * Two stages over each batch, so that the memory misses of its packets overlap:
 * parse, hash and prefetch all; then look up and encapsulate each.
 *
 * No I/O, no clock: frames come as bytes, leave through a sink, and `now_us`
 * is the caller's. Never allocates. */
#ifndef BALANCER_CORE_FORWARD_H
#define BALANCER_CORE_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/bucket.h"
#include "balancer/core/flow.h"
#include "balancer/core/reason.h"
#include "common/addr.h"

struct fib;
struct flows;
struct counters;
struct frag_table;
struct tap;

#define FORWARD_BATCH 32
/* The longest frame taken in: a GRO frame of 64 KiB and its link header. */
#define FORWARD_FRAME_MAX (65536 + 32)

/* A frame from the Ethernet header on, with up to two VLAN tags, no FCS. */
struct frame {
	const uint8_t *data; /* borrowed; never written to */
	uint32_t len;        /* bytes at data */
	uint32_t wire_len;   /* as it was on the wire; >= len */
	uint32_t ifindex;    /* where it came from; replies go back there */
	uint32_t mtu; /* of that link; a longer packet was merged (GRO). 0: not
		       * known, nothing is taken for merged */
};

/* Where output frames go. reserve gives room for len bytes, valid until
 * commit, and may flush what was committed before; it must not fail for
 * len <= FORWARD_FRAME_MAX + 64. commit sends out the first len of them through
 * ifindex; `input` is the position in the batch of the frame that caused it. */
struct sink {
	uint8_t *(*reserve)(struct sink *, size_t len);
	void (*commit)(
	    struct sink *, size_t len, uint32_t ifindex, size_t input);
};

/* What is kept between batches; one per thread. */
struct forwarder {
	const struct fib *fib;     /* switched between batches */
	struct counters *counters; /* laid out for that fib */
	struct flows *flows;       /* NULL: moving slots send all to current */
	struct frag_table *frags;  /* NULL: later fragments are dropped */
	struct bucket too_big;     /* such messages; bucket_init it */
	bool fix_checksums; /* live links: finish what offload left partial */
	struct tap *tap;    /* tap.h; NULL: nobody looks on */
};

/* Takes n <= FORWARD_BATCH frames through; reasons[i] says what became of
 * frames[i]. Everything is counted. */
void forward_batch(struct forwarder *, const struct frame *frames, size_t n,
    int64_t now_us, struct sink *, enum reason *reasons);

/* What forward_batch would do with the first packet of this flow, by the same
 * lookup; nothing is counted or remembered. flows may be NULL. Ports in host
 * byte order. */
struct forward_trace {
	enum reason reason;
	uint32_t service; /* position; valid where the reason is FORWARD ... */
	uint32_t slot;
	uint32_t backend;    /* ... position */
	struct addr source;  /* ... of the outer packet */
	enum flow_rule rule; /* why this backend */
	bool moving;         /* an older flow that is not known goes to ... */
	uint32_t settled;    /* ... this one */
};
void forward_trace(const struct fib *, const struct flows *,
    const struct addr *source, const struct addr *destination, uint8_t protocol,
    uint16_t source_port, uint16_t destination_port, struct forward_trace *);

#endif
