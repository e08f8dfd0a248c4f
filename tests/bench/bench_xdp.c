/* SPDX-License-Identifier: Apache-2.0 */
/* Group "xdp": the XDP program, in nanoseconds of processor time a packet, by
 * BPF_PROG_TEST_RUN. Beside it run, in the same rounds and in the same harness
 * (xdp_harness.bpf.c): a program that passes all, the smallest that puts the
 * same header in front, that with one load from as much memory as the slots of
 * all services take, and what --peer names. Figures are differences of the
 * least times over all rounds; stderr has medians, too. Before it is measured,
 * each scenario is run with a look at every packet. */
#include "config.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/io/xdp_plane.h"
#include "tests/bench/bench.h"
#include "tests/bench/flows.h"
#include "tests/bench/xdp_states.h"
#include "tests/bench/xdp_target.h"
#include "tests/bench/xdp_targets.skel.h"

#define MAX_PEERS     8
#define MAX_SCENARIOS 8
#define MAX_ROUNDS    1000
#define LEASE_S       3600
#define NAME_MAX_LEN  96
#define USAGE \
	"usage: bench_xdp [--moves] [--rounds N] [--packets N] " \
	"[--peer NAME=PATH]...\n" \
	"PATH: an XDP program pinned in a bpffs, its maps filled so that it\n" \
	"serves 203.0.113.10, port 80, TCP and UDP"

enum which {
	PASS,
	ENCAP,
	OURS,
	LOAD,
	FIRST_PEER
};
#define MAX_TARGETS (FIRST_PEER + MAX_PEERS)

struct scenario {
	const char *name;
	enum flows_packet packet;
	uint32_t flows;
	bool skip[MAX_TARGETS];
	uint32_t verdicts[MAX_TARGETS]; /* of enum xdp_action */
	double *times[MAX_TARGETS];     /* a packet, each round */
};

#define SCENARIO(name_, packet_, flows_) \
	{ \
		.name = (name_), .packet = FLOWS_##packet_, .flows = (flows_) \
	}

/* What runs with the same forwarding state. */
struct stage {
	uint32_t services;
	bool alike, moving;
	struct scenario scenarios[MAX_SCENARIOS + 1];
};

struct bench {
	unsigned rounds;
	uint32_t packets; /* of a run */
	struct xdp_targets_bpf *others;
	struct fib *fib;
	struct xdp_plane *plane;
	struct xdp_target *targets[MAX_TARGETS];
	unsigned n_targets;
	struct {
		const char *name;
		int program;
	} peers[MAX_PEERS];
	unsigned n_peers;
};

static struct stage stages[] = {
    {1, true, false,
	{SCENARIO("flows_1", TCP, 1), SCENARIO("flows_1024", TCP, 1u << 10),
	    SCENARIO("flows_65536", TCP, 1u << 16),
	    SCENARIO("flows_1048576", TCP, 1u << 20),
	    SCENARIO("syn_flood", SYN, FLOWS_NEW_EACH),
	    SCENARIO("udp", UDP, 1u << 16),
	    SCENARIO("ipv6_flows_65536", IPV6, 1u << 16),
	    SCENARIO("not_ours", NOT_OURS, 1u << 16)}},
    {100, false, false, {SCENARIO("services_100", TCP, 1u << 16)}},
    {1000, false, false, {SCENARIO("services_1000", TCP, 1u << 16)}},
    {1000, true, false, {SCENARIO("services_1000_alike", TCP, 1u << 16)}},
};

/* What a packet costs whose slot asks for its flow's entry: one that is there;
 * one of four times as many flows as there is room for. */
static struct stage move_stages[] = {
    {1, true, false, {SCENARIO("standing", TCP, 1u << 16)}},
    {1, true, true,
	{SCENARIO("moving_one_flow", TCP, 1), SCENARIO("moving", TCP, 1u << 16),
	    SCENARIO("moving_overflow", TCP, 1u << 20)}},
};

static void *
need(void *p)
{
	if (p == NULL)
		bench_fail("out of memory");
	return p;
}

static int
quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0; /* what fails, we say ourselves */
}

/* The outer header of the smallest program, as the product writes it. */
static void
fill_outer(struct xdp_targets_bpf *others)
{
	static const uint8_t bytes[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8,
	    0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 47, 0, 0, 192, 0, 2, 1, 198,
	    19, 0, 1, 0, 0, 8, 0};
	uint16_t word;

	memcpy(others->bss->outer.bytes, bytes, sizeof(bytes));
	for (int i = 0; i < 20; i += 2) {
		memcpy(&word, bytes + FLOWS_LINK_LEN + i, 2);
		others->bss->outer.sum += word;
	}
}

static void
load_others(struct bench *b, uint32_t services)
{
	uint32_t words = services * (FORWARDING_TABLE_DEFAULT / 4);
	struct xdp_targets_bpf *others = need(xdp_targets_bpf__open());

	bpf_map__set_max_entries(others->maps.memory, words);
	if (xdp_targets_bpf__load(others) != 0)
		bench_fail("the kernel refuses the programs to compare with: "
			   "%s",
		    strerror(errno));
	fill_outer(others);
	others->bss->outer.words = words;
	b->others = others;
}

static void
load_ours(struct bench *b, const struct stage *stage)
{
	struct errmsg why = {""};

	b->fib = stage->moving ? xdp_states_moving_fib()
			       : xdp_states_fib(stage->services, stage->alike);
	if ((b->plane = xdp_plane_new(NULL, &why)) == NULL ||
	    xdp_plane_install(b->plane, b->fib, &why) == -1 ||
	    xdp_plane_renew(b->plane, LEASE_S, &why) == -1)
		bench_fail("%s", why.text);
}

static void
begin_stage(struct bench *b, const struct stage *stage)
{
	load_others(b, stage->services);
	load_ours(b, stage);
	b->targets[PASS] = xdp_target_new(
	    "pass", bpf_program__fd(b->others->progs.bench_pass));
	b->targets[ENCAP] = xdp_target_new(
	    "smallest_encap", bpf_program__fd(b->others->progs.bench_encap));
	b->targets[LOAD] = xdp_target_new(
	    "load", bpf_program__fd(b->others->progs.bench_encap_load));
	b->targets[OURS] = xdp_target_new("ours", xdp_plane_program(b->plane));
	b->n_targets = FIRST_PEER;
	for (unsigned i = 0; i < b->n_peers; i++)
		b->targets[b->n_targets++] = xdp_target_new(
		    b->peers[i].name, b->peers[i].program);
}

static void
end_stage(struct bench *b)
{
	for (unsigned i = 0; i < b->n_targets; i++)
		xdp_target_free(b->targets[i]);
	xdp_plane_free(b->plane);
	fib_free(b->fib);
	xdp_targets_bpf__destroy(b->others);
}

static struct counters *
count(const struct bench *b)
{
	struct counters *c = need(counters_new(fib_state(b->fib), NULL, NULL));

	xdp_plane_count(b->plane, c);
	return c;
}

/* Does the program's own count of a run agree with what was given to it? */
static void
check_counts(const struct bench *b, const struct scenario *s,
    const struct counters *before, const struct counters *after)
{
	uint32_t least = UINT32_MAX;
	uint64_t forwarded = after->reasons[REASON_FORWARD] -
	    before->reasons[REASON_FORWARD];

	if (forwarded != (s->packet == FLOWS_NOT_OURS ? 0 : b->packets))
		bench_fail("%s: the program counts %llu of %u packets", s->name,
		    (unsigned long long)forwarded, b->packets);
	for (size_t i = 0; i < after->n_services; i++) {
		uint64_t n = after->services[i].packets -
		    before->services[i].packets;

		least = n < least ? (uint32_t)n : least;
	}
	if (s->packet != FLOWS_NOT_OURS &&
	    least < b->packets / after->n_services / 2)
		bench_fail(
		    "%s: flows are not spread over the services", s->name);
}

/* Were the packets wrapped, each flow's own, and spread over the backends? */
static void
check_tally(const struct bench *b, const struct scenario *s,
    const struct xdp_tally *tally)
{
	size_t all = fib_state(b->fib)->n_backends, used = 0;
	size_t n_backends = all == 2 * XDP_STATES_BACKENDS ? all / 2 : all;

	for (size_t i = 0; i < all && i < XDP_TALLY_BACKENDS; i++)
		used += tally->backends[i] != 0;
	if (s->packet == FLOWS_NOT_OURS) {
		if (tally->same_length != b->packets - 1)
			bench_fail("%s: touched", s->name);
		return;
	}
	if (tally->wrapped != b->packets - 1)
		bench_fail("%s: %llu of %u packets were wrapped", s->name,
		    (unsigned long long)tally->wrapped, b->packets - 1);
	if (s->flows == 1 ? used != 1 : used < n_backends * 9 / 10)
		bench_fail(
		    "%s: to %zu of %zu backends", s->name, used, n_backends);
	bench_say("%s: all forwarded, to %zu of %zu backends", s->name, used,
	    n_backends);
}

static void
check_ours(const struct bench *b, const struct scenario *s)
{
	struct counters *before = count(b), *after;
	struct xdp_tally tally;

	xdp_target_tally(
	    b->targets[OURS], b->packets, XDP_STATES_FIRST_BACKEND, &tally);
	after = count(b);
	check_counts(b, s, before, after);
	check_tally(b, s, &tally);
	counters_free(before);
	counters_free(after);
}

/* A peer need not serve all that we ask; what it does not, is left out. */
static void
check_peer(const struct bench *b, struct scenario *s, unsigned which)
{
	struct xdp_tally tally;
	uint64_t changed;

	s->verdicts[which] = xdp_target_tally(
	    b->targets[which], b->packets, XDP_STATES_FIRST_BACKEND, &tally);
	changed = tally.wrapped + tally.other;
	s->skip[which] = s->packet == FLOWS_NOT_OURS ? changed != 0
						     : tally.same_length != 0;
	if (s->skip[which])
		bench_say("%s: without %s, which changes %llu of %u packets",
		    s->name, xdp_target_name(b->targets[which]),
		    (unsigned long long)changed, b->packets - 1);
}

static void
prepare(struct bench *b, const struct stage *stage, struct scenario *s)
{
	struct flows flows;

	flows_init(&flows, s->packet, s->flows, stage->services);
	for (unsigned i = 0; i < b->n_targets; i++) {
		s->times[i] = need(calloc(b->rounds, sizeof(*s->times[i])));
		s->verdicts[i] = i == PASS || s->packet == FLOWS_NOT_OURS
		    ? XDP_PASS
		    : XDP_TX;
		xdp_target_set_flows(b->targets[i], &flows);
		if (i >= FIRST_PEER)
			check_peer(b, s, i);
	}
	/* Services that are alike may share their slots. */
	s->skip[LOAD] = s->packet != FLOWS_TCP || s->flows != 1u << 16 ||
	    (stage->services > 1 && stage->alike);
	s->skip[ENCAP] = s->packet == FLOWS_NOT_OURS;
	check_ours(b, s);
}

/* One round of one scenario, each target in turn, with the same packets. */
static void
run_round(struct bench *b, const struct stage *stage, struct scenario *s,
    unsigned round)
{
	struct flows flows;

	flows_init(&flows, s->packet, s->flows, stage->services);
	flows.next = round * b->packets;
	for (unsigned i = 0; i < b->n_targets; i++) {
		if (s->skip[i])
			continue;
		xdp_target_set_flows(b->targets[i], &flows);
		s->times[i][round] = xdp_target_run(
		    b->targets[i], b->packets, s->verdicts[i]);
	}
}

static double
least(const double *values, unsigned n)
{
	double min = values[0];

	for (unsigned i = 1; i < n; i++)
		min = values[i] < min ? values[i] : min;
	return min;
}

/* Strangers may have a core's other half, which no clock of ours tells of; they
 * take time and never give any. So what a program takes is the least of what it
 * took in the rounds. */
static double
over(const struct bench *b, const double *times, const double *base)
{
	return (least(times, b->rounds) - least(base, b->rounds)) * 1e9;
}

/* In all rounds, whoever had the core. */
static double
median_over(const struct bench *b, const double *times, const double *base)
{
	double differences[MAX_ROUNDS];

	for (unsigned i = 0; i < b->rounds; i++)
		differences[i] = (times[i] - base[i]) * 1e9;
	return bench_median(differences, b->rounds);
}

static void
print_over(const struct bench *b, const struct scenario *s, unsigned which)
{
	bool not_ours = s->packet == FLOWS_NOT_OURS;
	const double *base = s->times[not_ours ? PASS : ENCAP];
	const char *over_what = not_ours ? "over_pass_ns" : "over_encap_ns";
	char name[NAME_MAX_LEN], prefix[NAME_MAX_LEN / 2];

	if (which == OURS)
		snprintf(prefix, sizeof(prefix), "xdp");
	else
		snprintf(prefix, sizeof(prefix), "xdp.%s%s",
		    which >= FIRST_PEER ? "peer." : "",
		    xdp_target_name(b->targets[which]));
	snprintf(name, sizeof(name), "%s.%s.%s", prefix, over_what, s->name);
	bench_figure(name, over(b, s->times[which], base), "ns");
	bench_say("%s: median of the rounds %.3g ns", name,
	    median_over(b, s->times[which], base));
}

/* The whole program against the whole of the smallest one, both without the
 * harness, which is what a program that passes all takes. */
static void
print_ratio(const struct bench *b, const struct scenario *s)
{
	double ours = least(s->times[OURS], b->rounds);
	double encap = least(s->times[ENCAP], b->rounds);
	double pass = least(s->times[PASS], b->rounds);

	bench_figure(
	    "xdp.vs_smallest_encap", (ours - pass) / (encap - pass), "ratio");
	bench_say("xdp.vs_smallest_encap: with the harness in both, %.3g",
	    ours / encap);
}

static void
print_scenario(const struct bench *b, struct scenario *s)
{
	for (unsigned i = 0; i < b->n_targets; i++) {
		if (s->skip[i])
			continue;
		if (i >= OURS)
			print_over(b, s, i);
		bench_say("%s: %s with the harness: minimum %.3g ns, "
			  "median %.3g ns",
		    s->name, xdp_target_name(b->targets[i]),
		    least(s->times[i], b->rounds) * 1e9,
		    bench_median(s->times[i], b->rounds) * 1e9);
	}
}

static void
print_size(const struct bench *b)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(xdp_plane_program(b->plane), &info, &len) !=
	    0)
		bench_fail("program: %s", strerror(errno));
	bench_figure("xdp.insns",
	    info.xlated_prog_len / sizeof(struct bpf_insn), "instructions");
	bench_say("%u bytes of the processor's", info.jited_prog_len);
}

static void
run_stage(struct bench *b, struct stage *stage)
{
	struct scenario *first = stage->scenarios, *s;

	bench_say("%u service(s)%s", stage->services,
	    stage->services > 1 && stage->alike ? " with the same backends"
						: "");
	begin_stage(b, stage);
	for (s = first; s->name != NULL; s++)
		prepare(b, stage, s);
	for (unsigned round = 0; round < b->rounds; round++)
		for (s = first; s->name != NULL; s++)
			run_round(b, stage, s, round);
	if (stage == &stages[0]) {
		print_size(b);
		print_ratio(b, first);
	}
	for (s = first; s->name != NULL; s++) {
		print_scenario(b, s);
		for (unsigned i = 0; i < b->n_targets; i++)
			free(s->times[i]);
	}
	end_stage(b);
}

static void
run_stages(struct bench *b, struct stage *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_stage(b, &all[i]);
}

static void
add_peer(struct bench *b, char *text)
{
	char *path = strchr(text, '=');

	if (path == NULL || path == text)
		bench_fail("--peer %s: must be NAME=PATH", text);
	if (b->n_peers == MAX_PEERS)
		bench_fail("--peer %s: at most %u", text, MAX_PEERS);
	*path++ = '\0';
	b->peers[b->n_peers].name = text;
	if ((b->peers[b->n_peers++].program = bpf_obj_get(path)) < 0)
		bench_fail("--peer %s: %s: %s", text, path, strerror(errno));
}

static uint32_t
number(const char *option, const char *text, uint32_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n == 0 || n > max)
		bench_fail(
		    "%s: a number from 1 to %u, got '%s'", option, max, text);
	return (uint32_t)n;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"moves", no_argument, NULL, 'm'},
	    {"rounds", required_argument, NULL, 'r'},
	    {"packets", required_argument, NULL, 'n'},
	    {"peer", required_argument, NULL, 'p'}, {0}};
	struct bench b = {.rounds = 60, .packets = 1u << 18};
	bool moves = false;
	int c;

	libbpf_set_print(quiet);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			moves = true;
		else if (c == 'r')
			b.rounds = number("--rounds", optarg, MAX_ROUNDS);
		else if (c == 'n')
			b.packets = number("--packets", optarg, 1u << 30);
		else if (c == 'p')
			add_peer(&b, optarg);
		else
			break;
	}
	if (c != -1 || optind != argc) {
		fprintf(stderr, "%s\n", USAGE);
		return 2;
	}
	if (moves)
		run_stages(&b, move_stages,
		    sizeof(move_stages) / sizeof(move_stages[0]));
	else
		run_stages(&b, stages, sizeof(stages) / sizeof(stages[0]));
	return EXIT_SUCCESS;
}
