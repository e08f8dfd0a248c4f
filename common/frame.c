/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/frame.h"

#include <event2/buffer.h>

static uint32_t
get_be32(const uint8_t b[4])
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

enum frame_result
frame_next(
    struct evbuffer *in, const uint8_t **data, size_t *len, struct errmsg *why)
{
	return frame_next_max(in, FRAME_MAX, data, len, why);
}

enum frame_result
frame_next_max(struct evbuffer *in, size_t max, const uint8_t **data,
    size_t *len, struct errmsg *why)
{
	uint8_t header[FRAME_HEADER_LEN];
	uint32_t length;

	if (evbuffer_copyout(in, header, sizeof(header)) <
	    (ev_ssize_t)sizeof(header))
		return FRAME_SHORT;
	length = get_be32(header);
	if (length == 0 || length > max) {
		errmsg_set(
		    why, "frame of %u bytes; 1..%zu expected", length, max);
		return FRAME_BAD;
	}
	if (evbuffer_get_length(in) - sizeof(header) < length)
		return FRAME_SHORT;
	evbuffer_drain(in, sizeof(header));
	*data = evbuffer_pullup(in, length);
	if (*data == NULL) {
		errmsg_set(
		    why, "out of memory for a frame of %u bytes", length);
		return FRAME_BAD;
	}
	*len = length;
	return FRAME_OK;
}

void
frame_done(struct evbuffer *in, size_t len)
{
	evbuffer_drain(in, len);
}

int
frame_put(struct evbuffer *out, const void *data, size_t len)
{
	uint8_t header[FRAME_HEADER_LEN] = {(uint8_t)(len >> 24),
	    (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	if (len == 0 || len > FRAME_MAX ||
	    evbuffer_expand(out, sizeof(header) + len) == -1)
		return -1;
	evbuffer_add(out, header, sizeof(header));
	evbuffer_add(out, data, len);
	return 0;
}
