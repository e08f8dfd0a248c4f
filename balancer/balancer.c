/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/balancer.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/announce.h"
#include "balancer/io/file.h"
#include "balancer/io/xdp.h"
#include "balancer/live.h"
#include "balancer/report.h"
#include "balancer/serving.h"
#include "common/arena.h"
#include "common/conf.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/view.h"

#define PROGRAM      "guideway-balancer"
#define EXIT_USAGE   2
#define FILE_MTU_MIN 576 /* RFC 791; less is no IP link */

struct options {
	const char *config;
	const char *debug_only;
	bool debug;
	bool json;
	bool detach;
	bool replaces;
	struct file_job file;
};

enum long_option {
	OPT_READ = 256,
	OPT_WRITE,
	OPT_MTU,
	OPT_JSON,
	OPT_DETACH,
	OPT_REPLACE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"read", required_argument, NULL, OPT_READ},
    {"write", required_argument, NULL, OPT_WRITE},
    {"mtu", required_argument, NULL, OPT_MTU},
    {"json", no_argument, NULL, OPT_JSON},
    {"detach", no_argument, NULL, OPT_DETACH},
    {"replace", no_argument, NULL, OPT_REPLACE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: " PROGRAM " [--config FILE] [-d] [-D TOKEN] [--replace]\n"
    "       " PROGRAM " [--config FILE] --read FILE --write FILE [--mtu N] "
    "[--json]\n"
    "       " PROGRAM " [--config FILE] --detach\n"
    "\n"
    "  -c, --config FILE  instead of " CONF_PATH "\n"
    "  -d                 log debug messages too\n"
    "  -D TOKEN           of these, only those of one module\n"
    "      --replace      take over from the balancer that runs, which ends\n"
    "      --read FILE    take a capture (pcap or pcapng) through; - is "
    "stdin\n"
    "      --write FILE   what would be sent, as pcap; - is stdout\n"
    "      --mtu N        of all links in the capture (default: no limit)\n"
    "      --json         the summary as JSON on stdout, not as text on "
    "stderr\n"
    "      --detach       take the XDP program, which outlives the balancer, "
    "off all\n"
    "                     interfaces\n"
    "      --help, --version\n"
    "\n"
    "Without --read it forwards live traffic; see guideway-balancer(8).\n";

static int
usage_error(const char *what)
{
	fprintf(stderr, PROGRAM ": %s; see --help\n", what);
	return EXIT_USAGE;
}

static int
parse_mtu(const char *text, uint32_t *mtu)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < FILE_MTU_MIN ||
	    v > FILE_MTU_UNLIMITED)
		return -1;
	*mtu = (uint32_t)v;
	return 0;
}

/* -1: go on; otherwise the exit status. */
static int
check_options(const struct options *o, bool has_mtu)
{
	bool reads = o->file.read != NULL, writes = o->file.write != NULL;

	if (o->detach && (reads || writes))
		return usage_error("--detach goes with nothing else");
	if (reads != writes)
		return usage_error("--read and --write go together");
	if (!reads && (has_mtu || o->json))
		return usage_error("--mtu and --json need --read and --write");
	if (reads && o->replaces)
		return usage_error("--replace is for live traffic");
	if (o->json && strcmp(o->file.write, "-") == 0)
		return usage_error("--json and --write - both want stdout");
	return -1;
}

static int
parse_options(struct options *o, int argc, char *argv[])
{
	bool has_mtu = false;
	int c;

	while (
	    (c = getopt_long(argc, argv, "c:dD:", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'D':
			o->debug_only = optarg;
			o->debug = true;
			break;
		case 'd':
			o->debug = true;
			break;
		case OPT_READ:
			o->file.read = optarg;
			break;
		case OPT_WRITE:
			o->file.write = optarg;
			break;
		case OPT_MTU:
			has_mtu = true;
			if (parse_mtu(optarg, &o->file.mtu) == -1)
				return usage_error("--mtu: 576..65535");
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_DETACH:
			o->detach = true;
			break;
		case OPT_REPLACE:
			o->replaces = true;
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case OPT_VERSION:
			puts(PROGRAM " " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		default:
			return EXIT_USAGE; /* getopt has said what */
		}
	}
	if (optind < argc)
		return usage_error("too many arguments");
	return check_options(o, has_mtu);
}

/* There are no routes to take an outer source address from. */
static int
need_sources(const struct forwarding *f, struct errmsg *why)
{
	for (size_t i = 0; i < f->n_backends; i++) {
		bool is4 = addr_is4(&f->backends[i]);
		if (addr_is_none(is4 ? &f->source4.addr : &f->source6.addr))
			return errmsg_set(why,
			    "the configuration gives no encapsulation source "
			    "for IPv%d backends, and a capture has no routes "
			    "to take one from",
			    is4 ? 4 : 6);
	}
	return 0;
}

static int
reflect(void *ctx, struct fib *fib, struct errmsg *why)
{
	const struct options *o = ctx;

	fib_reflect(fib, o->file.mtu);
	return 0;
}

static int
summarise(const struct options *o, const struct serving *serving)
{
	struct balancer_status status = {0};
	struct arena *arena = arena_new();
	int r = -1;

	if (arena != NULL &&
	    report_fill(arena, &status, serving, serving->counters, false) ==
		0) {
		r = 0;
		if (o->json)
			r = report_print_json(stdout, &status);
		else
			report_print(stderr, &status);
	}
	if (r == 0 && fflush(stdout) != 0)
		r = -1;
	arena_free(arena);
	return r;
}

static int
run_file(struct options *o, const struct conf *conf, struct errmsg *why)
{
	struct forwarding *state = view_forwarding(conf, NULL, 0, 1);
	struct serving serving;
	int r = -1;

	if (state == NULL)
		return errmsg_set(why, "forwarding state: out of memory");
	/* The seed serves as key: nothing random may decide here. */
	if (need_sources(state, why) == -1 ||
	    serving_init(&serving, conf->seed, why) == -1) {
		forwarding_free(state);
		return -1;
	}
	if (serving_install(&serving, state, 0, reflect, o, why) == 0) {
		r = file_run(&serving, &o->file, why);
		if (summarise(o, &serving) == -1 && r == 0)
			r = errmsg_set(why, "the summary cannot be written");
	}
	serving_clear(&serving);
	return r;
}

int
balancer_main(int argc, char *argv[])
{
	struct options o = {
	    .config = CONF_PATH, .file.mtu = FILE_MTU_UNLIMITED};
	struct errmsg why;
	struct conf *conf;
	int r;

	if ((r = parse_options(&o, argc, argv)) != -1)
		return r;
	log_init(PROGRAM, o.debug, o.debug_only);
	if ((conf = conf_load(o.config, &why)) == NULL)
		r = -1;
	else if (o.detach)
		r = xdp_detach(conf->bpf_dir, &why);
	else if (o.file.read != NULL)
		r = run_file(&o, conf, &why);
	else
		r = live_run(conf, o.replaces, &why);
	conf_free(conf);
	if (r == -1)
		fprintf(stderr, PROGRAM ": %s\n", why.text);
	/* What a predecessor left with the service manager does not stand for a
	 * balancer that cannot even start. */
	if (r == -1 && o.file.read == NULL && !o.detach)
		notify_remove(ANNOUNCE_STORED);
	return r == -1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
