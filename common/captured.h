/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that a balancer shows to whoever captures (guideway capture), as
 * plain values: what is asked for, and what comes. The balancer fills them, the
 * operator's command reads them.
 *
 * Texts, arrays and frames belong to the arena that the caller gave, or are
 * borrowed by whoever fills the values by hand. */
#ifndef COMMON_CAPTURED_H
#define COMMON_CAPTURED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"

#define CAPTURE_SNAP_MIN 14 /* the Ethernet header */
#define CAPTURE_SNAP_MAX 65535
/* Some 10 % of what one thread forwards through libpcap. */
#define CAPTURE_RATE_MAX    20000
#define CAPTURE_SAMPLE_MAX  1000000000
#define CAPTURE_REASONS_MAX 64
/* Of one packet: it, and the pieces that it was cut into. */
#define CAPTURE_FRAMES_MAX 1500

struct capture_query {
	uint32_t snap;
	uint32_t sample;     /* one in so many; 0: as many as rate allows */
	uint32_t rate;       /* packets a second, at most */
	const char *service; /* "": any, and none */
	const char **reasons;
	size_t n_reasons; /* 0: all of packets for a VIP */
	bool in, out;     /* frames that came in, that went out */
};

struct captured_frame {
	bool out;
	const char *interface;
	uint32_t wire_len; /* >= len */
	const uint8_t *data;
	size_t len;
};

struct captured_packet {
	uint64_t number;
	uint64_t time_ns;    /* since 1970, UTC */
	const char *reason;  /* as in balancer/core/reason.h */
	const char *service; /* "": none */
	struct addr backend; /* or none */
	struct captured_frame *frames;
	size_t n_frames;
};

/* Since the capture began. */
struct capture_totals {
	uint64_t seen;  /* packets that fit the query */
	uint64_t taken; /* that were shown */
	uint64_t lost;  /* chosen, and not shown, or not whole */
};

struct captured {
	struct capture_totals totals;
	bool has_packet;
	struct captured_packet packet;
};

/* To messages that live in the arena and borrow from the values; NULL when out
 * of memory. From messages, each field checked: 0, or -1 with `why`. */
struct arena;
struct Guideway__Balancer__CaptureRequest;
struct Guideway__Balancer__Captured;

struct Guideway__Balancer__CaptureRequest *capture_query_to_message(
    struct arena *, const struct capture_query *);
int capture_query_from_message(struct arena *, struct capture_query *,
    const struct Guideway__Balancer__CaptureRequest *, struct errmsg *why);

struct Guideway__Balancer__Captured *captured_to_message(
    struct arena *, const struct captured *);
int captured_from_message(struct arena *, struct captured *,
    const struct Guideway__Balancer__Captured *, struct errmsg *why);

#endif
