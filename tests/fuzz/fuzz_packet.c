/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in frames: nothing is read or written outside of them, each
 * has one reason, and what goes out is no longer than promised.
 *
 * Input: one byte of options (see below), then frames, each with its length in
 * two bytes in front. They go through as batches, with one fragment table. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/forward.h"
#include "balancer/core/frag_table.h"
#include "common/log.h"
#include "tests/unit/fixture.h"

#define OPTION_REFLECT    1u
#define OPTION_SMALL_PATH 2u /* path MTU 576 */
#define OPTION_CHECKSUMS  4u /* complete those left partial */
#define OPTION_CUT        8u /* longer on the wire */
#define OPTION_MERGED     16u
#define OPTION_NO_FRAGS   32u

struct fuzz_sink {
	struct sink sink;
	uint8_t *reserved;
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t *
reserve(struct sink *sink, size_t len)
{
	struct fuzz_sink *s = (struct fuzz_sink *)sink;

	GW_ASSERT(len <= FORWARD_FRAME_MAX + 64);
	free(s->reserved);
	s->reserved = malloc(len);
	s->len = len;
	GW_ASSERT(s->reserved != NULL);
	return s->reserved;
}

static void
commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
	struct fuzz_sink *s = (struct fuzz_sink *)sink;

	GW_ASSERT(s->reserved != NULL && len <= s->len);
	GW_ASSERT(input < FORWARD_BATCH && (ifindex == 3 || ifindex == 7));
	free(s->reserved);
	s->reserved = NULL;
}

/* Up to a batch of frames in exact copies; how many. */
static size_t
cut_frames(const uint8_t **data, size_t *len, unsigned int options,
    struct frame frames[FORWARD_BATCH])
{
	size_t n = 0;

	while (n < FORWARD_BATCH && *len >= 2) {
		size_t want = (size_t)((*data)[0] << 8 | (*data)[1]);

		*data += 2;
		*len -= 2;
		if (want > *len)
			want = *len;
		frames[n++] = (struct frame){fixture_exact(*data, want),
		    (uint32_t)want,
		    (uint32_t)(options & OPTION_CUT ? want + 100 : want), 3,
		    options & OPTION_MERGED ? 256 : 0};
		*data += want;
		*len -= want;
	}
	return n;
}

static void
check_counted(const struct counters *c, const enum reason *reasons, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		GW_ASSERT(reasons[i] < REASON_COUNT);
		GW_ASSERT(c->reasons[reasons[i]] > 0);
	}
}

static void
run_batches(
    struct forwarder *fw, const uint8_t *data, size_t len, unsigned int options)
{
	struct fuzz_sink sink = {{reserve, commit}, NULL, 0};
	struct frame frames[FORWARD_BATCH];
	enum reason reasons[FORWARD_BATCH];
	int64_t now_us = 0;
	size_t n;

	while ((n = cut_frames(&data, &len, options, frames)) > 0) {
		forward_batch(
		    fw, frames, n, now_us += 10000, &sink.sink, reasons);
		check_counted(fw->counters, reasons, n);
		for (size_t i = 0; i < n; i++)
			free((void *)(uintptr_t)frames[i].data);
	}
	free(sink.reserved);
}

/* Made once for each way: building one takes longer than a hundred inputs. */
static const struct fib *
fib_for(unsigned int options)
{
	static struct fib *fibs[4];
	struct fib **fib = &fibs[options & 3];

	if (*fib != NULL)
		return *fib;
	*fib = fixture_fib(options & OPTION_SMALL_PATH ? 576 : 1500);
	if (options & OPTION_REFLECT)
		fib_reflect(*fib, options & OPTION_SMALL_PATH ? 576 : 65535);
	return *fib;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[FRAG_KEY_LEN] = {1};
	unsigned int options;
	struct forwarder fw = {0};

	if (len == 0)
		return 0;
	options = data[0];
	fw.fib = fib_for(options);
	fw.counters = counters_new(fib_state(fw.fib), NULL, NULL);
	if ((options & OPTION_NO_FRAGS) == 0)
		fw.frags = frag_table_new(key, NULL);
	fw.fix_checksums = (options & OPTION_CHECKSUMS) != 0;
	bucket_init(&fw.too_big, 1000, 100);
	GW_ASSERT(fw.counters != NULL);
	run_batches(&fw, data + 1, len - 1, options);
	frag_table_free(fw.frags);
	counters_free(fw.counters);
	return 0;
}
