/* SPDX-License-Identifier: Apache-2.0 */
/* guideway-decap: what guideway-backend cannot do with iproute2 and nft.
 *
 *	guideway-decap attach --dev DEV [--mode auto|native|generic]
 *	    --from PREFIX... --vip ADDR...	prints the mode it became
 *	guideway-decap detach --dev DEV
 *	guideway-decap status --dev DEV		"mode M", "program ID", "NAME N"
 *	guideway-decap canonical ADDR|PREFIX...	"4|6 one|many TEXT" each
 *
 * Exit status: 0 done; 1 failed, one line on stderr says why; 2 wrong usage;
 * 3 nothing of ours is on that interface (status). */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/errmsg.h"
#include "deploy/backend/decap.h"
#include "deploy/backend/prefix.h"

#define EXIT_USAGE 2
#define EXIT_NONE  3

struct args {
	const char *dev;
	enum decap_mode mode;
	struct prefix *from;
	struct addr *vips;
	size_t n_from, n_vips;
};

static const char *const mode_names[] = {
    [DECAP_AUTO] = "auto",
    [DECAP_NATIVE] = "native",
    [DECAP_GENERIC] = "generic",
};

static int
usage(void)
{
	fprintf(stderr,
	    "usage: guideway-decap attach --dev DEV "
	    "[--mode auto|native|generic] --from PREFIX... --vip ADDR...\n"
	    "       guideway-decap detach|status --dev DEV\n"
	    "       guideway-decap canonical ADDR|PREFIX...\n");
	return EXIT_USAGE;
}

static int
failed(const struct errmsg *why)
{
	fprintf(stderr, "guideway-decap: %s\n", why->text);
	return EXIT_FAILURE;
}

static int
parse_mode(enum decap_mode *mode, const char *text, struct errmsg *why)
{
	size_t i;

	for (i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
		if (strcmp(text, mode_names[i]) == 0) {
			*mode = (enum decap_mode)i;
			return 0;
		}
	return errmsg_set(
	    why, "--mode is auto, native or generic, not %.40s", text);
}

static int
take_option(struct args *args, int option, const char *text, struct errmsg *why)
{
	switch (option) {
	case 'd':
		args->dev = text;
		return 0;
	case 'm':
		return parse_mode(&args->mode, text, why);
	case 'f':
		return prefix_parse(&args->from[args->n_from++], text, why);
	default:
		if (addr_parse(&args->vips[args->n_vips++], text) == -1)
			return errmsg_set(why, "%.60s: not an address", text);
		return 0;
	}
}

static int
attach(const struct args *args)
{
	struct decap_config config = {
	    .from = args->from,
	    .n_from = args->n_from,
	    .vips = args->vips,
	    .n_vips = args->n_vips,
	};
	struct errmsg why;
	enum decap_mode got;
	struct decap *decap;
	int result;

	if ((decap = decap_load(&config, &why)) == NULL)
		return failed(&why);
	result = decap_attach(decap, args->dev, args->mode, &got, &why);
	decap_free(decap);
	if (result == -1)
		return failed(&why);
	printf("%s\n", mode_names[got]);
	return EXIT_SUCCESS;
}

static int
detach(const struct args *args)
{
	struct errmsg why;

	return decap_detach(args->dev, &why) == -1 ? failed(&why)
						   : EXIT_SUCCESS;
}

static int
status(const struct args *args)
{
	static const char *const names[] = {
#define X(name, key, text) [DECAP_##name] = key,
	    DECAP_COUNTERS(X)
#undef X
	};
	struct decap_status now;
	struct errmsg why;
	size_t i;
	int found;

	found = decap_query(args->dev, &now, &why);
	if (found == -1)
		return failed(&why);
	if (found == 0)
		return EXIT_NONE;
	printf("mode %s\nprogram %" PRIu32 "\n", mode_names[now.mode],
	    now.program_id);
	for (i = 0; i < DECAP_COUNTER_COUNT; i++)
		printf("%s %" PRIu64 "\n", names[i], now.counters[i]);
	return EXIT_SUCCESS;
}

static int
canonical(int argc, char **argv)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;
	struct errmsg why;
	size_t n;
	int i;

	for (i = 0; i < argc; i++) {
		if (prefix_parse(&prefix, argv[i], &why) == -1)
			return failed(&why);
		addr_bytes(&prefix.addr, &n);
		printf("%c %s %s\n", n == 4 ? '4' : '6',
		    prefix.len == n * 8 ? "one" : "many",
		    prefix_format(&prefix, text));
	}
	return EXIT_SUCCESS;
}

static int
run(const char *verb, int argc, char **argv, struct args *args)
{
	static const struct option options[] = {
	    {"dev", required_argument, NULL, 'd'},
	    {"from", required_argument, NULL, 'f'},
	    {"mode", required_argument, NULL, 'm'},
	    {"vip", required_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	struct errmsg why;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return usage();
		if (take_option(args, option, optarg, &why) == -1)
			return failed(&why);
	}
	if (args->dev == NULL || optind != argc)
		return usage();
	if (strcmp(verb, "attach") == 0)
		return attach(args);
	if (strcmp(verb, "detach") == 0)
		return detach(args);
	if (strcmp(verb, "status") == 0)
		return status(args);
	return usage();
}

int
main(int argc, char **argv)
{
	struct args args = {.mode = DECAP_AUTO};
	int result;

	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "canonical") == 0)
		return canonical(argc - 2, argv + 2);
	/* No list can be longer than the command line. */
	args.from = calloc((size_t)argc, sizeof(*args.from));
	args.vips = calloc((size_t)argc, sizeof(*args.vips));
	if (args.from == NULL || args.vips == NULL) {
		fprintf(stderr, "guideway-decap: out of memory\n");
		result = EXIT_FAILURE;
	} else
		result = run(argv[1], argc - 1, argv + 1, &args);
	free(args.from);
	free(args.vips);
	return result;
}
