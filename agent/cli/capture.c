/* SPDX-License-Identifier: Apache-2.0 */
/* guideway capture: packets as they come and go, with what became of each. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/capture_args.h"
#include "agent/cli/capture_link.h"
#include "agent/cli/capture_text.h"
#include "agent/cli/cli.h"
#include "agent/cli/pcapng.h"

/* Where packets go: a file, or lines on stdout. */
struct show {
	const char *name;
	FILE *to;
	struct pcapng *pcapng; /* NULL: lines, ... */
	bool json;             /* ... of JSON */
	uint32_t packets;
	struct capture_totals totals;
};

/* Packets are nobody else's business. */
static FILE *
open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd == -1 ? NULL : fdopen(fd, "w");
}

static int
show_open(struct show *s, const struct cli *cli, uint32_t snap)
{
	*s = (struct show){.name = "stdout", .to = stdout, .json = cli->json};
	if (cli->write == NULL)
		return CLI_OK;
	if (strcmp(cli->write, "-") != 0) {
		s->name = cli->write;
		if ((s->to = open_file(cli->write)) == NULL)
			return cli_error("%s: %s", s->name, strerror(errno));
	}
	if ((s->pcapng = pcapng_new(s->to, snap)) == NULL)
		cli_no_memory();
	return CLI_OK;
}

static void
show_packet(struct show *s, const struct captured_packet *p, uint64_t lost)
{
	char text[CAPTURE_TEXT_MAX];
	json_t *o;

	if (s->pcapng != NULL) {
		if (pcapng_put(s->pcapng, p, lost) == -1)
			cli_no_memory();
	} else if (s->json) {
		o = capture_json(p);
		(void)json_dumpf(o, s->to, JSON_COMPACT);
		(void)fputc('\n', s->to);
		json_decref(o);
	} else {
		(void)fprintf(s->to, "%s\n", capture_line(p, text));
	}
	s->packets++;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* 0, or -1: said why. */
static int
show_flush(struct show *s)
{
	if (fflush(s->to) == 0 && ferror(s->to) == 0)
		return 0;
	cli_error("%s: %s", s->name, strerror(errno));
	return -1;
}

/* Writes what is left; whatever has come is whole. */
static int
show_close(struct show *s)
{
	int r;

	if (s->pcapng != NULL)
		pcapng_end(s->pcapng, s->totals.lost, now_ns());
	pcapng_free(s->pcapng);
	r = show_flush(s);
	if (s->to != stdout && fclose(s->to) == EOF && r == 0) {
		cli_error("%s: %s", s->name, strerror(errno));
		r = -1;
	}
	return r;
}

/* What was passed over on purpose: a number where it is a few, such as a burst
 * beyond the rate, and a share where that is the rule. */
static void
summarise(const struct show *s)
{
	const struct capture_totals *t = &s->totals;
	uint64_t chosen = t->taken + t->lost;

	fprintf(stderr, "%" PRIu32 " packet%s, %" PRIu64 " lost", s->packets,
	    s->packets == 1 ? "" : "s", t->lost);
	if (chosen > 0 && t->seen > chosen + chosen / 20)
		fprintf(stderr, ", sampled 1 in %.*f",
		    t->seen < 10 * chosen ? 1 : 0,
		    (double)t->seen / (double)chosen);
	else if (t->seen > chosen)
		fprintf(stderr, ", %" PRIu64 " passed over", t->seen - chosen);
	fputc('\n', stderr);
}

static int
show_all(
    struct show *s, struct capture_link *link, const struct capture_args *args)
{
	struct captured captured;

	for (;;) {
		switch (capture_link_next(link, &captured)) {
		case CAPTURE_NEXT_NONE_YET:
			if (show_flush(s) == -1)
				return CLI_FAILED;
			continue;
		case CAPTURE_NEXT_END:
			return CLI_OK;
		case CAPTURE_NEXT_FAILED:
			return CLI_FAILED;
		case CAPTURE_NEXT_SOME:
			break;
		}
		s->totals = captured.totals;
		if (captured.has_packet)
			show_packet(s, &captured.packet, captured.totals.lost);
		if (args->count > 0 && s->packets == args->count)
			return CLI_OK;
	}
}

/* It has begun before the file is opened, so that a balancer that is not there
 * costs no file. */
static int
capture(const struct cli *cli, const struct capture_args *args,
    struct capture_link *link)
{
	struct captured first;
	struct show show;
	enum capture_next next;
	int status;

	do
		next = capture_link_next(link, &first);
	while (next == CAPTURE_NEXT_NONE_YET);
	if (next == CAPTURE_NEXT_FAILED)
		return CLI_FAILED;
	if (show_open(&show, cli, args->query.snap) != CLI_OK)
		return CLI_FAILED;
	status = next == CAPTURE_NEXT_END ? CLI_OK
					  : show_all(&show, link, args);
	if (show_close(&show) == -1)
		status = CLI_FAILED;
	summarise(&show);
	return status;
}

int
cli_capture(const struct cli *cli)
{
	struct capture_args args;
	struct capture_link *link;
	struct errmsg why;
	int status;

	if (cli->n_args > 0)
		return cli_usage_error("too many arguments");
	if (capture_args_read(cli, &args, &why) == -1)
		return cli_usage_error("%s", why.text);
	if (cli->write != NULL && cli->json)
		return cli_usage_error("--json and --write: one or the other");
	if (cli->write != NULL && strcmp(cli->write, "-") == 0 &&
	    isatty(STDOUT_FILENO))
		return cli_usage_error("--write -: stdout is a terminal; send "
				       "it to a file or a program");
	link = capture_link_new(cli, &args.query, args.seconds);
	if (link == NULL)
		return CLI_FAILED;
	status = capture(cli, &args, link);
	capture_link_free(link);
	return status;
}
