/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on a stream socket: a length of 4 bytes, big endian, then that many
 * bytes of protobuf. Used on both Unix sockets, and between agents. */
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct evbuffer;

#define FRAME_HEADER_LEN 4
/* 1,024 services of 16,384 members fit in well under this. */
#define FRAME_MAX (64u << 20)

enum frame_result {
	FRAME_OK,
	FRAME_SHORT, /* wait for more bytes */
	FRAME_BAD,   /* close the connection; `why` says the cause */
};

/* The next message of `in`. FRAME_OK: *data points at *len contiguous bytes
 * inside `in` (frame header gone), valid until frame_done. Loop until
 * FRAME_SHORT: several messages may have come in one read. */
enum frame_result frame_next(
    struct evbuffer *in, const uint8_t **data, size_t *len, struct errmsg *why);
/* The same for a sender that is trusted less: a message of more than `max`
 * bytes, which is at most FRAME_MAX, is bad as soon as its header is there. */
enum frame_result frame_next_max(struct evbuffer *in, size_t max,
    const uint8_t **data, size_t *len, struct errmsg *why);
void frame_done(struct evbuffer *in, size_t len);

/* Appends header and message. 0, or -1 when out of memory or over FRAME_MAX,
 * with nothing appended. */
int frame_put(struct evbuffer *out, const void *data, size_t len);

#endif
