/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of framed messages: the first byte says how the rest is cut into
 * two reads; whatever comes, each message lies within what was written. */
#include "config.h"

#include <event2/buffer.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum frame_result
drain(struct evbuffer *in)
{
	enum frame_result result;
	const uint8_t *data;
	struct errmsg why;
	volatile uint8_t last;
	size_t len;

	while ((result = frame_next(in, &data, &len, &why)) == FRAME_OK) {
		if (len == 0 || len > evbuffer_get_length(in))
			abort();
		last = data[len - 1];
		(void)last;
		frame_done(in, len);
	}
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct evbuffer *in = evbuffer_new();
	size_t cut;

	if (in == NULL || len == 0) {
		if (in != NULL)
			evbuffer_free(in);
		return 0;
	}
	cut = data[0] % len;
	evbuffer_add(in, data + 1, cut);
	if (drain(in) == FRAME_SHORT) {
		evbuffer_add(in, data + 1 + cut, len - 1 - cut);
		drain(in);
	}
	evbuffer_free(in);
	return 0;
}
