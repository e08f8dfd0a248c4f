/* SPDX-License-Identifier: Apache-2.0 */
/* Packets too long for their way, cut into pieces that fit:
 * - TCP that GRO or GSO merged, back into segments;
 * - IPv4 without DF, into fragments (RFC 791).
 *
 * An iterator over the caller's packet; no allocation, nothing written but the
 * pieces:
 *
 *	if (oversize_segment_init(&it, l3, len, max_len) == OVERSIZE_OK)
 *		while ((n = oversize_next(&it, out, room)) > 0)
 *			...
 *
 * l3 is a whole L3 packet of either version, borrowed until the last piece;
 * bytes after the length that its IP header gives are ignored. Each piece is an
 * L3 packet of at most max_len bytes with every checksum right. A packet that
 * fits comes out as one piece. */
#ifndef BALANCER_CORE_OVERSIZE_H
#define BALANCER_CORE_OVERSIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/types.h"

enum oversize_result {
	OVERSIZE_OK,
	OVERSIZE_MALFORMED,
	OVERSIZE_CHECKSUM, /* wrong in the input: new ones would hide that */
	OVERSIZE_UNFIT,    /* cannot be cut in this way, see below */
};

struct oversize {
	const uint8_t *l3;
	uint32_t max_len;
	uint32_t l4;    /* offset of the TCP header, or of the IP payload */
	uint32_t data;  /* offset of the first byte that is shared out */
	uint32_t next;  /* offset of the first byte not given out yet */
	uint32_t total; /* of the input, without what follows it */
	uint32_t piece; /* number of the next piece */
	bool done;
	bool segments;    /* else fragments, and what follows is used: */
	bool more;        /* the input is a fragment, and not the last ... */
	uint32_t from;    /* ... of a datagram with so many bytes before it */
	uint32_t patch;   /* offset of a checksum to complete; 0: none */
	be16 patch_value; /* what it becomes */
	uint8_t options_len; /* IP options of later fragments */
	uint8_t options[40];
};

/* TCP. UNFIT: not TCP; a fragment; SYN or RST (never merged); no payload;
 * max_len leaves no room for data beside the headers. A partial checksum (left
 * to offload) is as good as a right one. */
enum oversize_result oversize_segment_init(
    struct oversize *, const uint8_t *l3, size_t len, size_t max_len);

/* IPv4. UNFIT: IPv6; DF is set; max_len leaves no room for 8 bytes of data. A
 * packet that is itself a fragment is cut again. fix_checksum: complete a TCP
 * or UDP checksum that offload left partial. */
enum oversize_result oversize_fragment_init(struct oversize *,
    const uint8_t *l3, size_t len, size_t max_len, bool fix_checksum);

/* The next piece into out; room is at least max_len, or the input's length if
 * that is less. Its length; 0: there are no more. */
size_t oversize_next(struct oversize *, uint8_t *out, size_t room);

#endif
