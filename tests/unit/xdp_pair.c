/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/xdp_pair.h"

#include <bpf/bpf.h>
#include <check.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/frag_table.h"
#include "balancer/io/xdp_plane.h"
#include "tests/unit/fixture.h"

static const uint8_t frag_key[16];

static void
forwarder_init(
    struct forwarder *fw, const struct fib *fib, struct counters *counters)
{
	memset(fw, 0, sizeof(*fw));
	fw->fib = fib;
	fw->counters = counters;
	fw->frags = frag_table_new(frag_key, NULL);
	ck_assert_ptr_nonnull(fw->frags);
	bucket_init(&fw->too_big, 1000000, 1000000);
}

void
xdp_pair_put(struct xdp_plane *plane, const struct fib *fib)
{
	struct errmsg why = {""};

	ck_assert_msg(xdp_plane_install(plane, fib, &why) == 0, "%s", why.text);
	ck_assert_msg(xdp_plane_renew(plane, 60, &why) == 0, "%s", why.text);
}

void
xdp_pair_init(struct xdp_pair *pair, struct fib *fib)
{
	struct errmsg why = {""};

	memset(pair, 0, sizeof(*pair));
	pair->fib = fib;
	pair->plane = xdp_plane_new(NULL, &why);
	ck_assert_msg(pair->plane != NULL, "%s", why.text);
	xdp_pair_put(pair->plane, fib);
	pair->alone = counters_new(fib_state(fib), NULL, NULL);
	pair->both = counters_new(fib_state(fib), NULL, NULL);
	forwarder_init(&pair->alone_forwarder, fib, pair->alone);
	forwarder_init(&pair->both_forwarder, fib, pair->both);
	pair->alone_memory = calloc(1, flows_size(FLOWS_DEFAULT) + 64);
	ck_assert_ptr_nonnull(pair->alone_memory);
	flows_lay(&pair->alone_flows,
	    (void *)(((uintptr_t)pair->alone_memory + 63) & ~(uintptr_t)63),
	    FLOWS_DEFAULT);
	xdp_plane_flows(pair->plane, &pair->both_flows);
	pair->alone_forwarder.flows = &pair->alone_flows;
	pair->both_forwarder.flows = &pair->both_flows;
}

static struct counters *
counted_on(
    struct counters *counters, const struct fib *prev, const struct fib *fib)
{
	struct counters *next = counters_new(
	    fib_state(fib), counters, fib_state(prev));

	ck_assert_ptr_nonnull(next);
	counters_free(counters);
	return next;
}

void
xdp_pair_install(struct xdp_pair *pair, struct fib *fib)
{
	xdp_pair_put(pair->plane, fib);
	pair->alone = counted_on(pair->alone, pair->fib, fib);
	pair->both = counted_on(pair->both, pair->fib, fib);
	fib_free(pair->fib);
	pair->fib = fib;
	pair->alone_forwarder.fib = pair->both_forwarder.fib = fib;
	pair->alone_forwarder.counters = pair->alone;
	pair->both_forwarder.counters = pair->both;
}

void
xdp_pair_set_time(struct xdp_pair *pair, uint32_t tick)
{
	pair->alone_flows.now = pair->both_flows.now = tick;
	fib_tick(pair->fib, tick);
	xdp_plane_follow(pair->plane, pair->fib, tick);
}

size_t
xdp_pair_same_flows(const struct xdp_pair *pair)
{
	const struct flows *a = &pair->alone_flows, *b = &pair->both_flows;
	size_t n = 0;

	for (uint32_t i = 0; i < flows_entries(a); i++) {
		ck_assert_uint_eq(a->entries[i].state, b->entries[i].state);
		if (a->entries[i].state == 0)
			continue;
		ck_assert_uint_eq(a->entries[i].key, b->entries[i].key);
		n++;
	}
	ck_assert_mem_eq(a->dirty, b->dirty, flows_blocks(a));
	ck_assert_mem_eq(
	    a->overflow, b->overflow, FLOWS_SERVICES * sizeof(*a->overflow));
	return n;
}

void
xdp_pair_clear(struct xdp_pair *pair)
{
	xdp_plane_free(pair->plane);
	frag_table_free(pair->alone_forwarder.frags);
	frag_table_free(pair->both_forwarder.frags);
	counters_free(pair->alone);
	counters_free(pair->both);
	fib_free(pair->fib);
	free(pair->alone_memory);
}

uint64_t
xdp_pair_by_xdp(const struct xdp_pair *pair)
{
	return pair->dropped + pair->sent + pair->redirected;
}

uint32_t
xdp_pair_run(const struct xdp_plane *plane, const uint8_t *frame, size_t len,
    uint8_t *out, size_t *out_len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
	    .data_size_in = (uint32_t)len, .data_out = out,
	    .data_size_out = XDP_PAIR_OUT_MAX);

	ck_assert_msg(
	    bpf_prog_test_run_opts(xdp_plane_program(plane), &opts) == 0,
	    "frame of %zu bytes: %s", len, strerror(errno));
	*out_len = opts.data_size_out;
	return opts.retval;
}

static void
same_sent(const struct fixture_sink *a, const struct fixture_sink *b)
{
	ck_assert_uint_eq(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		ck_assert_uint_eq(a->sent[i].ifindex, b->sent[i].ifindex);
		ck_assert_uint_eq(a->sent[i].len, b->sent[i].len);
		ck_assert_mem_eq(
		    a->sent[i].data, b->sent[i].data, a->sent[i].len);
	}
}

/* XDP leaves the padding of a short frame where it is. */
static void
same_as_sent(
    const struct fixture_sent *sent, const uint8_t *out, size_t out_len)
{
	ck_assert_uint_ge(out_len, sent->len);
	ck_assert_mem_eq(out, sent->data, sent->len);
}

static void
passed(struct xdp_pair *pair, const struct frame *frame,
    const struct fixture_sink *alone, const uint8_t *out, size_t out_len)
{
	struct fixture_sink both;
	enum reason reason;

	pair->passed++;
	ck_assert_msg(
	    out_len == frame->len && memcmp(out, frame->data, out_len) == 0,
	    "passed, but changed");
	fixture_sink_init(&both);
	forward_batch(&pair->both_forwarder, frame, 1, 0, &both.sink, &reason);
	same_sent(&both, alone);
	fixture_sink_clear(&both);
}

void
xdp_pair_same(
    struct xdp_pair *pair, const uint8_t *data, size_t len, uint32_t mtu)
{
	static uint8_t out[XDP_PAIR_OUT_MAX];
	struct frame frame = {data, (uint32_t)len, (uint32_t)len, 1, mtu};
	struct fixture_sink alone;
	enum reason reason;
	size_t out_len;
	uint32_t action;

	if (len > XDP_PAIR_FRAME_MAX || len < 14)
		return;
	fixture_sink_init(&alone);
	forward_batch(
	    &pair->alone_forwarder, &frame, 1, 0, &alone.sink, &reason);
	action = xdp_pair_run(pair->plane, data, len, out, &out_len);
	if (action == XDP_PASS) {
		passed(pair, &frame, &alone, out, out_len);
	} else if (action == XDP_DROP) {
		pair->dropped++;
		ck_assert_uint_eq(alone.n, 0);
		ck_assert_int_eq(reason_verdict(reason), VERDICT_DROP);
	} else {
		ck_assert_msg(action == XDP_TX || action == XDP_REDIRECT,
		    "action %u", action);
		*(action == XDP_TX ? &pair->sent : &pair->redirected) += 1;
		ck_assert_int_eq(reason, REASON_FORWARD);
		ck_assert_uint_eq(alone.n, 1);
		/* All frames come from interface 1. */
		ck_assert_int_eq(action == XDP_TX, alone.sent[0].ifindex == 1);
		same_as_sent(&alone.sent[0], out, out_len);
	}
	fixture_sink_clear(&alone);
}

void
xdp_pair_same_counters(struct xdp_pair *pair)
{
	struct counters *sum = counters_new(
	    fib_state(pair->fib), pair->both, fib_state(pair->fib));
	const struct counters *alone = pair->alone;

	xdp_plane_count(pair->plane, sum);
	for (int r = 0; r < REASON_COUNT; r++)
		ck_assert_msg(sum->reasons[r] == alone->reasons[r],
		    "%s: %llu, alone %llu", reason_name((enum reason)r),
		    (unsigned long long)sum->reasons[r],
		    (unsigned long long)alone->reasons[r]);
	for (size_t i = 0; i < alone->n_services; i++) {
		ck_assert_mem_eq(sum->service_reasons[i],
		    alone->service_reasons[i], sizeof(sum->service_reasons[i]));
		ck_assert_mem_eq(&sum->services[i], &alone->services[i],
		    sizeof(sum->services[i]));
	}
	for (size_t i = 0; i < alone->n_backends; i++)
		ck_assert_mem_eq(&sum->backends[i], &alone->backends[i],
		    sizeof(sum->backends[i]));
	counters_free(sum);
}
