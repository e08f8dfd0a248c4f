/* SPDX-License-Identifier: Apache-2.0 */
/* Group "pps": packets a second through the balancer's XDP program on a veth,
 * against a program that only sends frames on, on the same wires. See
 * groups/pps, which makes the network and starts the balancer.
 *
 * The generator is a BPF program that is run on live frames: they leave through
 * one veth, and the softirq that they raise there runs the program under test
 * and what counts them on the same core, one after the other, before the next
 * batch. So nothing waits for another core, and nothing is lost in between; and
 * the generator's time on the processor is that of all three, whatever else the
 * machine does. The two programs take turns on the balancer's own link.
 *
 * A core may be shared with strangers that no clock of ours tells of: they take
 * its caches, and from who needs more of them they take more. What counts is
 * each run of the balancer between two of the other program in which that was
 * about as fast as it ever was; it alone decides which. */
#include "config.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/flows.h"
#include "tests/bench/pps_shared.h"
#include "tests/bench/pps.skel.h"

#define FLOWS 1024
#define BATCH 64 /* of 16 to 256, the best */
/* Packets that the kernel sends for one call. Around each it sets up and takes
 * down and waits, while caches go cold: few would measure that. */
#define BURST         (BATCH * 256)
#define BURST_TIMED   (BATCH * 4096)
#define OUTER_LEN     24
#define WAIT_S        20
#define MAX_PAIRS     10000
#define MAX_CORES     64
#define SETTLE_US     2000
#define FIRST_BACKEND 0x0a090101u /* 10.9.1.1, as in groups/pps */
#define N_BACKENDS    100
#define ARRIVE_MIN    0.99 /* queues are short where others take the core */
/* Of the best redirect: a run was the core's only work. Where hardly one is,
 * the turns go on, up to so many times those that were asked for. */
#define QUIET       0.9
#define QUIET_PAIRS 20
#define PATIENCE    4
#define USAGE \
	"usage: bench_pps [--pairs N] [--seconds S] [--cores N] SOURCE " \
	"BALANCER SINK\n" \
	"The three are network namespaces: SOURCE's interface `out` leads " \
	"to\n" \
	"BALANCER's `in`, and `wan` there to SINK's `in`."

struct generator {
	struct pps_bpf *skel;
	pthread_t thread;
	unsigned core;
	double seconds; /* to go on for; 0: for one short burst */
	double ran;     /* of them, on the processor */
	uint64_t sent;
};

struct result {
	uint64_t sent;
	struct pps_count n; /* arrived */
	double ran;         /* seconds of a core */
};

struct bench {
	const char *source, *balancer, *sink; /* namespaces */
	struct pps_bpf *skel; /* what counts, and what sends on */
	int link, program;    /* the balancer's */
	struct generator generators[MAX_CORES];
	unsigned cores, pairs;
	double seconds; /* of a run */
};

static int
quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0; /* what fails, we say ourselves */
}

static void
enter(const char *namespace)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1 ||
	    setns(fd, CLONE_NEWNET) == -1)
		bench_fail(
		    "network namespace %s: %s", namespace, strerror(errno));
	close(fd);
}

static unsigned
interface(const char *name)
{
	unsigned ifindex = if_nametoindex(name);

	if (ifindex == 0)
		bench_fail("interface %s: %s", name, strerror(errno));
	return ifindex;
}

static struct pps_bpf *
load(void)
{
	struct pps_bpf *skel = pps_bpf__open_and_load();

	if (skel == NULL)
		bench_fail(
		    "the kernel refuses the programs: %s", strerror(errno));
	return skel;
}

static void
prepare_sink(struct bench *b)
{
	enter(b->sink);
	b->skel = load();
	b->skel->links.pps_count = bpf_program__attach_xdp(
	    b->skel->progs.pps_count, (int)interface("in"));
	if (b->skel->links.pps_count == NULL)
		bench_fail("the sink's interface takes no program: %s",
		    strerror(errno));
}

/* The link of program `id` on the interface: a descriptor, or -1. Numbers of
 * interfaces mean nothing outside their namespace, those of programs do. */
static int
find_link(unsigned ifindex, uint32_t id)
{
	struct bpf_link_info info;
	uint32_t link = 0, len;
	int fd;

	while (bpf_link_get_next_id(link, &link) == 0) {
		if ((fd = bpf_link_get_fd_by_id(link)) < 0)
			continue;
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
		    info.type == BPF_LINK_TYPE_XDP && info.prog_id == id &&
		    info.xdp.ifindex == ifindex)
			return fd;
		close(fd);
	}
	return -1;
}

/* Waits for the balancer to attach its program, natively. */
static void
find_balancer(struct bench *b)
{
	double until = bench_now_s() + WAIT_S;
	unsigned ifindex;
	uint32_t id = 0;

	enter(b->balancer);
	ifindex = interface("in");
	while (bpf_xdp_query_id((int)ifindex, XDP_FLAGS_DRV_MODE, &id) != 0 ||
	    id == 0) {
		if (bench_now_s() > until)
			bench_fail("the balancer attaches no program");
		usleep(100000);
	}
	if ((b->link = find_link(ifindex, id)) == -1)
		bench_fail("the balancer's program is on no link");
}

/* The link's program: the balancer's, once it has its tables. */
static void
take_program(struct bench *b)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(b->link, &info, &len) != 0 ||
	    (b->program = bpf_prog_get_fd_by_id(info.prog_id)) < 0)
		bench_fail("the balancer's program: %s", strerror(errno));
}

static void
prepare_wire(struct bench *b)
{
	uint32_t key = 0, value = interface("wan");

	if (bpf_map_update_elem(
		bpf_map__fd(b->skel->maps.wire), &key, &value, BPF_ANY) != 0)
		bench_fail("interface wan: %s", strerror(errno));
}

static void
prepare_generators(struct bench *b)
{
	struct generator *g;

	enter(b->source);
	for (unsigned i = 0; i < b->cores; i++) {
		g = &b->generators[i];
		g->skel = load();
		g->core = i;
		flows_init(&g->skel->bss->flows, FLOWS_TCP, FLOWS, 1);
		g->skel->bss->out_ifindex = interface("out");
	}
}

static void
burst(struct generator *g, uint32_t packets)
{
	struct flows *flows = &g->skel->bss->flows;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = flows->frame,
	    .data_size_in = flows->len, .repeat = (int)packets,
	    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	if (bpf_prog_test_run_opts(
		bpf_program__fd(g->skel->progs.pps_generate), &opts) != 0)
		bench_fail("generator: %s", strerror(errno));
}

static void *
generate(void *arg)
{
	struct generator *g = arg;
	double until = bench_now_s() + g->seconds;
	uint32_t packets = g->seconds > 0 ? BURST_TIMED : BURST;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(g->core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		bench_fail("core %u: %s", g->core, strerror(errno));
	g->sent = 0;
	do {
		burst(g, packets);
		g->sent += packets;
	} while (bench_now_s() < until);
	g->ran = bench_cpu_s();
	return NULL;
}

static struct pps_count
count(const struct bench *b)
{
	const struct pps_count *counts = b->skel->bss->counts;
	struct pps_count sum = {0};

	for (unsigned i = 0; i < PPS_CPUS; i++) {
		sum.right += counts[i].right;
		sum.wrong += counts[i].wrong;
	}
	return sum;
}

static void
expect(struct bench *b, bool wrapped)
{
	const struct flows *flows = &b->generators[0].skel->bss->flows;
	struct pps_expected *e = &b->skel->bss->expected;
	uint32_t outer = wrapped ? OUTER_LEN : 0;

	memset(e->link, 2, sizeof(e->link));
	e->frame_len = flows->len + outer;
	e->outer_len = wrapped ? BE16(flows->len - FLOWS_LINK_LEN + OUTER_LEN)
			       : 0;
	e->destination = BE32(flows->vip);
	e->first_source = flows->source;
	e->n_sources = 1;
	e->first_backend = FIRST_BACKEND;
	e->n_backends = N_BACKENDS;
	e->look = true;
}

/* All generators for that long. */
static struct result
run(struct bench *b, double seconds)
{
	struct result result = {.n = count(b)};
	struct pps_count now;
	int rc;

	for (unsigned i = 0; i < b->cores; i++) {
		b->generators[i].seconds = seconds;
		rc = pthread_create(&b->generators[i].thread, NULL, generate,
		    &b->generators[i]);
		if (rc != 0)
			bench_fail("thread: %s", strerror(rc));
	}
	for (unsigned i = 0; i < b->cores; i++) {
		pthread_join(b->generators[i].thread, NULL);
		result.ran += b->generators[i].ran / b->cores;
		result.sent += b->generators[i].sent;
	}
	/* What a softirq that was put off still has. */
	usleep(SETTLE_US);
	now = count(b);
	result.n.right = now.right - result.n.right;
	result.n.wrong = now.wrong - result.n.wrong;
	return result;
}

static void
check(const char *who, struct result r)
{
	if ((double)r.n.right >= (double)r.sent * ARRIVE_MIN && r.n.wrong == 0)
		return;
	bench_fail("%s: of %llu packets %llu arrived as they should, %llu "
		   "otherwise",
	    who, (unsigned long long)r.sent, (unsigned long long)r.n.right,
	    (unsigned long long)r.n.wrong);
}

/* Packets a second with this program in the middle, whose work is looked at
 * first. */
static double
measure(struct bench *b, int program, bool wrapped)
{
	const char *who = wrapped ? "balancer" : "redirect";
	struct result r;

	if (bpf_link_update(b->link, program, NULL) != 0)
		bench_fail("link: %s", strerror(errno));
	expect(b, wrapped);
	check(who, run(b, 0));
	b->skel->bss->expected.look = false;
	r = run(b, b->seconds);
	check(who, r);
	return (double)r.n.right / r.ran;
}

/* The balancer has its tables a moment after its program. */
static void
wait_forwarding(struct bench *b)
{
	double until = bench_now_s() + WAIT_S;

	expect(b, true);
	while (run(b, 0).n.right < BURST * ARRIVE_MIN) {
		if (bench_now_s() > until)
			bench_fail("the balancer does not forward");
		usleep(100000);
	}
}

/* Turns: a redirect, and after each balancer one more. */
struct turns {
	double redirect[MAX_PAIRS + 1], balancer[MAX_PAIRS];
	unsigned n;
	double best; /* redirect */
};

/* A turn's redirect, before it and after it; and was it quiet? */
static double
redirect_around(const struct turns *t, unsigned i, bool *is_quiet)
{
	double before = t->redirect[i], after = t->redirect[i + 1];

	*is_quiet = before >= QUIET * t->best && after >= QUIET * t->best;
	return (before + after) / 2;
}

static unsigned
count_quiet(const struct turns *t)
{
	unsigned n = 0;
	bool is_quiet;

	for (unsigned i = 0; i < t->n; i++) {
		(void)redirect_around(t, i, &is_quiet);
		n += is_quiet;
	}
	return n;
}

static double
redirect_again(struct bench *b, struct turns *t)
{
	double rate = measure(
	    b, bpf_program__fd(b->skel->progs.pps_redirect), false);

	t->best = rate > t->best ? rate : t->best;
	return rate;
}

/* Quiet turns. */
static unsigned
enough(const struct bench *b)
{
	return b->pairs < QUIET_PAIRS ? b->pairs : QUIET_PAIRS;
}

static void
take_turns(struct bench *b, struct turns *t)
{
	unsigned most = b->pairs * PATIENCE;

	most = most > MAX_PAIRS ? MAX_PAIRS : most;
	t->redirect[0] = redirect_again(b, t);
	while (t->n < b->pairs || (t->n < most && count_quiet(t) < enough(b))) {
		t->balancer[t->n] = measure(b, b->program, true);
		t->redirect[t->n + 1] = redirect_again(b, t);
		t->n++;
	}
}

/* What of the turns is looked at. */
struct pick {
	double redirect[MAX_PAIRS], balancer[MAX_PAIRS], ratio[MAX_PAIRS];
	unsigned n;
};

static void
pick(struct pick *to, const struct turns *t, bool all)
{
	bool is_quiet;

	to->n = 0;
	for (unsigned i = 0; i < t->n; i++) {
		double around = redirect_around(t, i, &is_quiet);

		if (!is_quiet && !all)
			continue;
		to->redirect[to->n] = around;
		to->balancer[to->n] = t->balancer[i];
		to->ratio[to->n++] = t->balancer[i] / around;
	}
}

static void
print_median(const char *name, double *values, unsigned n, const char *unit)
{
	bench_figure(name, bench_median(values, n), unit);
}

static void
measure_pairs(struct bench *b)
{
	static struct turns turns;
	static struct pick p;
	unsigned n_quiet;
	bool few;

	bench_say("%u times %g s each, on %u core(s)", b->pairs, b->seconds,
	    b->cores);
	(void)redirect_again(b, &turns); /* to warm up */
	take_turns(b, &turns);
	n_quiet = count_quiet(&turns);
	few = n_quiet < enough(b);
	bench_say("%u of %u turns were quiet%s", n_quiet, turns.n,
	    few ? ", which are too few: the figures are of all" : "");
	pick(&p, &turns, few);
	print_median("pps.redirect", p.redirect, p.n, "packets/s");
	print_median("pps.balancer", p.balancer, p.n, "packets/s");
	print_median("pps.vs_redirect", p.ratio, p.n, "ratio");
	pick(&p, &turns, true);
	print_median("pps.vs_redirect_all", p.ratio, p.n, "ratio");
}

static unsigned
number(const char *option, const char *text, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n == 0 || n > max)
		bench_fail(
		    "%s: a number from 1 to %u, got '%s'", option, max, text);
	return (unsigned)n;
}

static void
parse(struct bench *b, int argc, char **argv)
{
	static const struct option options[] = {
	    {"pairs", required_argument, NULL, 'p'},
	    {"seconds", required_argument, NULL, 's'},
	    {"cores", required_argument, NULL, 'c'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			b->pairs = number("--pairs", optarg, MAX_PAIRS);
		else if (c == 's')
			b->seconds = atof(optarg);
		else if (c == 'c')
			b->cores = number("--cores", optarg, MAX_CORES);
		else
			break;
	}
	if (c != -1 || argc - optind != 3) {
		fprintf(stderr, "%s\n", USAGE);
		exit(2);
	}
	b->source = argv[optind];
	b->balancer = argv[optind + 1];
	b->sink = argv[optind + 2];
}

int
main(int argc, char **argv)
{
	struct bench b = {.pairs = 150, .seconds = 0.1, .cores = 1};

	libbpf_set_print(quiet);
	parse(&b, argc, argv);
	prepare_sink(&b);
	find_balancer(&b);
	prepare_wire(&b);
	prepare_generators(&b);
	wait_forwarding(&b);
	take_program(&b);
	measure_pairs(&b);
	/* The balancer goes on as it was. */
	bpf_link_update(b.link, b.program, NULL);
	for (unsigned i = 0; i < b.cores; i++)
		pps_bpf__destroy(b.generators[i].skel);
	pps_bpf__destroy(b.skel);
	return EXIT_SUCCESS;
}
