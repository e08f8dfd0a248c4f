/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/agent.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/core/spec.h"
#include "agent/daemon.h"
#include "common/conf.h"
#include "common/log.h"

#define EXIT_USAGE 2

struct options {
	const char *config;
	bool check, verbose, debug;
	const char *debug_only;
};

static int
agent_check(const struct options *opt)
{
	struct errmsg why;
	struct conf *conf = conf_load(opt->config, &why);
	char *text = NULL;
	int status = EXIT_SUCCESS;

	if (conf == NULL || spec_check(conf, &why) == -1) {
		fprintf(stderr, "%s\n", why.text);
		conf_free(conf);
		return EXIT_FAILURE;
	}
	if (!opt->verbose)
		printf("%s: good, %zu service%s\n", conf->path,
		    conf->n_services, conf->n_services == 1 ? "" : "s");
	else if ((text = conf_print(conf)) != NULL)
		fputs(text, stdout);
	if ((opt->verbose && text == NULL) || fflush(stdout) == EOF) {
		fprintf(stderr, "%s: cannot print it\n", opt->config);
		status = EXIT_FAILURE;
	}
	free(text);
	conf_free(conf);
	return status;
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: guideway-agent [--config FILE] [-d] [-D TOKEN]\n"
	    "       guideway-agent [--config FILE] --check [-v]\n"
	    "\n"
	    "  --config FILE  instead of %s\n"
	    "  --check        only say whether the configuration is good\n"
	    "  -v             with --check: print it in canonical form\n"
	    "  -d             log debugging messages\n"
	    "  -D TOKEN       only those of the module TOKEN\n"
	    "  --help, --version\n",
	    CONF_PATH);
}

enum {
	OPT_CHECK = 256,
	OPT_HELP,
	OPT_VERSION
};

int
agent_main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, OPT_CHECK},
	    {"help", no_argument, NULL, OPT_HELP},
	    {"version", no_argument, NULL, OPT_VERSION}, {0}};
	struct options opt = {.config = CONF_PATH};
	int c;

	while ((c = getopt_long(argc, argv, "c:vdD:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			opt.config = optarg;
			break;
		case OPT_CHECK:
			opt.check = true;
			break;
		case 'v':
			opt.verbose = true;
			break;
		case 'D':
			opt.debug_only = optarg;
			opt.debug = true;
			break;
		case 'd':
			opt.debug = true;
			break;
		case OPT_HELP:
			usage(stdout);
			return EXIT_SUCCESS;
		case OPT_VERSION:
			printf("guideway-agent %s\n", PACKAGE_VERSION);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc || (opt.verbose && !opt.check)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	log_init("guideway-agent", opt.debug, opt.debug_only);
	return opt.check ? agent_check(&opt) : daemon_run(opt.config);
}
