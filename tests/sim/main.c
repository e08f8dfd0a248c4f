/* SPDX-License-Identifier: Apache-2.0 */
/* Runs seeds, each in one of a few processes, so that one that aborts is known
 * and ends no other. */
#include "config.h"

#include <getopt.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/sim/sim.h"

#define JOBS_MAX    64
#define PLANTED_MAX 300 /* seeds in which a planted fault must be found */
#define TWICE_EVERY 40  /* of so many seeds one runs twice */

/* What the processes tell each other. */
struct board {
	atomic_ullong next; /* of the seeds to be run */
	atomic_bool stop;
	atomic_ullong running[JOBS_MAX]; /* position + 1; 0: none */
	struct outcome {
		bool done;
		struct result result;
	} outcomes[];
};

struct batch {
	struct options options;
	const uint64_t *seeds;
	size_t n;
	int jobs;
	bool stop_at_first;
	struct board *board;
	size_t violations;
	size_t first; /* position of the first violation */
};

static void
run_one(struct batch *b, size_t i)
{
	struct options o = b->options;
	struct outcome *out = &b->board->outcomes[i];
	struct result again;

	o.seed = b->seeds[i];
	sim_run(&o, &out->result);
	if (out->result.violation.text[0] == '\0' && i % TWICE_EVERY == 0) {
		sim_run(&o, &again);
		if (again.trace != out->result.trace)
			errmsg_set(&out->result.violation,
			    "the same seed twice is not the same run");
	}
	if (out->result.violation.text[0] != '\0' && b->stop_at_first)
		b->board->stop = true;
	out->done = true;
}

static void
work(struct batch *b, int job)
{
	for (;;) {
		unsigned long long i = atomic_fetch_add(&b->board->next, 1);

		if (i >= b->n || b->board->stop)
			exit(0);
		b->board->running[job] = i + 1;
		run_one(b, (size_t)i);
		b->board->running[job] = 0;
	}
}

static pid_t
start(struct batch *b, int job)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == -1)
		fatal("sim", "fork");
	if (pid == 0) {
		if (b->options.planted != PLANTED_NONE &&
		    freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		work(b, job);
	}
	return pid;
}

/* A process has ended. Was it in the middle of a seed? */
static bool
note_death(struct batch *b, int job, int status)
{
	unsigned long long running = b->board->running[job];
	struct outcome *out;

	if (running == 0)
		return false;
	out = &b->board->outcomes[running - 1];
	errmsg_set(&out->result.violation, "it ended with %s %d",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	out->done = true;
	b->board->running[job] = 0;
	if (b->stop_at_first)
		b->board->stop = true;
	return true;
}

static void
say_outcomes(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct outcome *out = &b->board->outcomes[i];

		if (!out->done || out->result.violation.text[0] == '\0')
			continue;
		if (b->violations++ == 0)
			b->first = i;
		if (b->options.planted == PLANTED_NONE)
			printf("not ok - seed %llu: %s\n"
			       "# tests/sim/sim --seed %llu --verbose\n",
			    (unsigned long long)b->seeds[i],
			    out->result.violation.text,
			    (unsigned long long)b->seeds[i]);
	}
}

static size_t
board_size(size_t n)
{
	return sizeof(struct board) + n * sizeof(struct outcome);
}

static void
run_batch(struct batch *b)
{
	pid_t pids[JOBS_MAX];
	int left = b->jobs, status;
	pid_t pid;

	b->board = mmap(NULL, board_size(b->n), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->board == MAP_FAILED)
		fatal("sim", "mmap");
	for (int j = 0; j < b->jobs; j++)
		pids[j] = start(b, j);
	while (left > 0 && (pid = wait(&status)) != -1) {
		int j = 0;

		while (j < b->jobs && pids[j] != pid)
			j++;
		if (j == b->jobs)
			continue;
		if (note_death(b, j, status))
			pids[j] = start(b, j);
		else
			left--;
	}
	say_outcomes(b);
}

static int
cmp_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
say_times(const struct batch *b)
{
	int64_t *times = calloc(b->n + 1, sizeof(*times));
	size_t n = 0, most = 0;
	uint64_t steps = 0;

	if (times == NULL)
		fatal("sim", "memory");
	for (size_t i = 0; i < b->n; i++) {
		const struct result *r = &b->board->outcomes[i].result;

		if (r->heal_us > 0)
			times[n++] = r->heal_us;
		steps += r->steps;
		most = r->most_outputs > most ? r->most_outputs : most;
	}
	qsort(times, n, sizeof(*times), cmp_times);
	if (n > 0)
		printf("# healed after %.2f s (median), %.2f s (99 %%), %.2f s "
		       "(worst); %llu steps, %zu outputs at most\n",
		    (double)times[n / 2] / 1e6,
		    (double)times[n * 99 / 100] / 1e6,
		    (double)times[n - 1] / 1e6, (unsigned long long)steps,
		    most);
	free(times);
}

static int
run_planted(struct batch *b)
{
	int failed = 0;

	for (int p = PLANTED_NONE + 1; p < PLANTED_N; p++) {
		b->options.planted = (enum planted)p;
		b->stop_at_first = true;
		b->violations = 0;
		run_batch(b);
		if (b->violations > 0)
			printf("ok - planted %s caught after %zu seeds: %s\n",
			    planted_name(b->options.planted), b->first + 1,
			    b->board->outcomes[b->first].result.violation.text);
		else
			printf("not ok - planted %s not caught by %zu seeds\n",
			    planted_name(b->options.planted), b->n);
		failed |= b->violations == 0;
		munmap(b->board, board_size(b->n));
	}
	return failed;
}

static int
run_seeds(struct batch *b)
{
	run_batch(b);
	say_times(b);
	printf("figure sim.seeds %zu seeds\n", b->n);
	printf("figure sim.violations %zu violations\n", b->violations);
	return b->violations > 0;
}

static int
run_verbose(const struct options *o)
{
	struct result r;

	sim_run(o, &r);
	printf("trace %016llx, %llu steps, healed after %.3f s\n",
	    (unsigned long long)r.trace, (unsigned long long)r.steps,
	    (double)r.heal_us / 1e6);
	if (r.violation.text[0] != '\0')
		printf("not ok - seed %llu: %s\n", (unsigned long long)o->seed,
		    r.violation.text);
	return r.violation.text[0] != '\0';
}

static void
usage(void)
{
	fputs("usage: sim [--list FILE] [--seeds N [--from S]] [--jobs J]\n"
	      "       sim --seed X [--verbose]\n"
	      "       sim --planted [--jobs J]\n"
	      "       sim --measure [--nodes N] [--rounds R]\n"
	      "       sim --idle --nodes N | --full\n"
	      "with --nodes N, --faults HEX and --plant NAME, where it fits\n",
	    stderr);
	exit(2);
}

enum mode {
	MODE_NONE,
	MODE_SEEDS,
	MODE_SEED,
	MODE_PLANTED,
	MODE_MEASURE,
	MODE_IDLE,
	MODE_FULL,
};

static const struct option long_options[] = {
    {"seeds", required_argument, NULL, 's'},
    {"from", required_argument, NULL, 'f'},
    {"list", required_argument, NULL, 'l'},
    {"jobs", required_argument, NULL, 'j'},
    {"seed", required_argument, NULL, 'x'},
    {"verbose", no_argument, NULL, 'v'},
    {"planted", no_argument, NULL, 'p'},
    {"plant", required_argument, NULL, 'P'},
    {"nodes", required_argument, NULL, 'n'},
    {"faults", required_argument, NULL, 'F'},
    {"measure", no_argument, NULL, 'm'},
    {"rounds", required_argument, NULL, 'r'},
    {"idle", no_argument, NULL, 'i'},
    {"full", no_argument, NULL, 'u'},
    {NULL, 0, NULL, 0},
};

struct arguments {
	enum mode mode;
	struct options options;
	unsigned long long n, from;
	const char *list;
	int jobs, rounds;
};

static void
read_option(struct arguments *a, int c)
{
	switch (c) {
	case 's':
		a->mode = MODE_SEEDS;
		a->n = strtoull(optarg, NULL, 0);
		break;
	case 'f':
		a->from = strtoull(optarg, NULL, 0);
		break;
	case 'l':
		a->mode = MODE_SEEDS;
		a->list = optarg;
		break;
	case 'j':
		a->jobs = atoi(optarg);
		break;
	case 'x':
		a->mode = MODE_SEED;
		a->options.seed = strtoull(optarg, NULL, 0);
		break;
	case 'v':
		a->options.verbose = true;
		break;
	case 'p':
		a->mode = MODE_PLANTED;
		break;
	case 'P':
		a->options.planted = planted_find(optarg);
		if (a->options.planted == PLANTED_NONE)
			usage();
		break;
	case 'n':
		a->options.n_nodes = atoi(optarg);
		break;
	case 'F':
		a->options.faults = (uint32_t)strtoul(optarg, NULL, 16);
		break;
	case 'm':
		a->mode = MODE_MEASURE;
		break;
	case 'r':
		a->rounds = atoi(optarg);
		break;
	case 'i':
		a->mode = MODE_IDLE;
		break;
	case 'u':
		a->mode = MODE_FULL;
		break;
	default:
		usage();
	}
}

static void
add_seed(uint64_t **seeds, size_t *n, uint64_t seed)
{
	*seeds = realloc(*seeds, (*n + 1) * sizeof(**seeds));
	if (*seeds == NULL)
		fatal("sim", "memory");
	(*seeds)[(*n)++] = seed;
}

/* A seed a line, and after it what it is there for. */
static void
read_list(const char *path, uint64_t **seeds, size_t *n)
{
	FILE *f = fopen(path, "r");
	char line[512], *end;

	if (f == NULL)
		fatal("sim", "%s", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		uint64_t seed = strtoull(line, &end, 0);

		if (end != line)
			add_seed(seeds, n, seed);
	}
	fclose(f);
}

static int
run_many(const struct arguments *a)
{
	struct batch b = {.options = a->options, .jobs = a->jobs};
	uint64_t n = a->mode == MODE_PLANTED ? PLANTED_MAX : a->n;
	uint64_t *seeds = NULL;
	int rc;

	if (a->list != NULL)
		read_list(a->list, &seeds, &b.n);
	for (uint64_t i = 0; i < n; i++)
		add_seed(&seeds, &b.n, a->from + i);
	b.seeds = seeds;
	rc = a->mode == MODE_PLANTED ? run_planted(&b) : run_seeds(&b);
	free(seeds);
	return rc;
}

int
main(int argc, char **argv)
{
	struct arguments a = {
	    .options.faults = FAULTS_ALL, .from = 1, .jobs = 1, .rounds = 100};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		read_option(&a, c);
	if (optind != argc || a.jobs < 1 || a.jobs > JOBS_MAX ||
	    a.options.n_nodes < 0 || a.options.n_nodes == 1 ||
	    a.options.n_nodes > SIM_NODES_MAX)
		usage();
	switch (a.mode) {
	case MODE_SEEDS:
	case MODE_PLANTED:
		return run_many(&a);
	case MODE_SEED:
		return run_verbose(&a.options);
	case MODE_MEASURE:
		return measure(a.options.n_nodes, a.rounds);
	case MODE_IDLE:
		return measure_idle(a.options.n_nodes);
	case MODE_FULL:
		return measure_full();
	case MODE_NONE:
		break;
	}
	usage();
	return 2;
}
