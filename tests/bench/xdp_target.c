/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/bench/xdp_target.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/xdp_harness.skel.h"

#define FRAME_MAX 2048 /* with what targets put in front */

struct xdp_target {
	const char *name;
	struct xdp_harness_bpf *skel;
};

/* What takes frames of several buffers can only be called by what does, too. */
static struct xdp_harness_bpf *
load(int program, uint32_t flags)
{
	struct xdp_harness_bpf *skel = xdp_harness_bpf__open();
	uint32_t key = 0, value = (uint32_t)program;

	if (skel == NULL)
		return NULL;
	bpf_program__set_flags(skel->progs.bench_harness, flags);
	bpf_program__set_flags(skel->progs.bench_tally, flags);
	if (xdp_harness_bpf__load(skel) == 0 &&
	    bpf_map_update_elem(
		bpf_map__fd(skel->maps.target), &key, &value, BPF_ANY) == 0)
		return skel;
	xdp_harness_bpf__destroy(skel);
	return NULL;
}

struct xdp_target *
xdp_target_new(const char *name, int program)
{
	struct xdp_target *t = calloc(1, sizeof(*t));

	if (t == NULL)
		bench_fail("out of memory");
	t->name = name;
	if ((t->skel = load(program, 0)) == NULL &&
	    (t->skel = load(program, BPF_F_XDP_HAS_FRAGS)) == NULL)
		bench_fail("%s: cannot be called by the harness: %s", name,
		    strerror(errno));
	return t;
}

void
xdp_target_free(struct xdp_target *t)
{
	if (t == NULL)
		return;
	xdp_harness_bpf__destroy(t->skel);
	free(t);
}

const char *
xdp_target_name(const struct xdp_target *t)
{
	return t->name;
}

void
xdp_target_set_flows(struct xdp_target *t, const struct flows *flows)
{
	t->skel->bss->flows = *flows;
}

/* The kernel tells whole nanoseconds only, so the time is taken here; the cost
 * of the call itself is nothing beside that of many packets. */
static double
run(struct xdp_target *t, const struct bpf_program *harness, uint32_t n,
    uint32_t *verdict)
{
	struct flows *flows = &t->skel->bss->flows;
	uint8_t left[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = flows->frame,
	    .data_size_in = flows->len, .data_out = left,
	    .data_size_out = sizeof(left), .repeat = (int)n);
	double start = bench_cpu_s();

	if (bpf_prog_test_run_opts(bpf_program__fd(harness), &opts) != 0)
		bench_fail("%s: test run: %s", t->name, strerror(errno));
	*verdict = opts.retval;
	return (bench_cpu_s() - start) / n;
}

double
xdp_target_run(struct xdp_target *t, uint32_t n, uint32_t verdict)
{
	uint32_t got;
	double seconds = run(t, t->skel->progs.bench_harness, n, &got);

	if (got != verdict)
		bench_fail(
		    "%s: verdict %u where %u is right", t->name, got, verdict);
	return seconds;
}

uint32_t
xdp_target_tally(struct xdp_target *t, uint32_t n, uint32_t first_backend,
    struct xdp_tally *tally)
{
	struct xdp_tally *seen = &t->skel->bss->tally;
	uint32_t verdict;

	memset(seen, 0, sizeof(*seen));
	seen->first_backend = first_backend;
	run(t, t->skel->progs.bench_tally, n, &verdict);
	*tally = *seen;
	/* The first one found the frame as this process gave it. */
	tally->same_length--;
	return verdict;
}
