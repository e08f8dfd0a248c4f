/* SPDX-License-Identifier: Apache-2.0 */
/* guideway node drain, node undrain: says it to the agent, then looks on until
 * it has come true. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/columns.h"
#include "common/arena.h"
#include "common/mono.h"

#define LOOK_EVERY_US 100000
/* Without --wait: what takes milliseconds, on a busy machine. */
#define PATIENCE_S 5
#define FOREVER_S  UINT32_MAX
#define DAY_S      86400

struct look {
	const struct cli *cli;
	bool draining; /* or undraining */
	uint32_t patience_s;
	uint32_t quiet_s; /* FOREVER_S: as the node is configured */
	char said[256];   /* the last line */
};

static int
parse_seconds(const char *option, const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    v > max)
		return cli_usage_error(
		    "--%s must be 0..%u seconds, got '%s'", option, max, text);
	*out = (uint32_t)v;
	return CLI_OK;
}

static int
parse(const struct cli *cli, struct control_request *q, struct look *look)
{
	int status;

	if (cli->n_args > 1)
		return cli_usage_error("one node at a time");
	if (cli->n_args == 1) {
		if (!forwarding_name_valid(cli->args[0], strlen(cli->args[0])))
			return cli_usage_error(
			    "'%s' cannot be a node's name", cli->args[0]);
		strcpy(q->node, cli->args[0]); /* a valid name fits */
	}
	q->temporary = cli->temporary;
	q->graceful_s = CONTROL_GRACEFUL_DEFAULT;
	if (cli->graceful != NULL &&
	    (status = parse_seconds("graceful", cli->graceful,
		 CONTROL_GRACEFUL_MAX, &q->graceful_s)) != CLI_OK)
		return status;
	look->patience_s = cli->wait ? FOREVER_S : PATIENCE_S;
	look->quiet_s = FOREVER_S;
	if (!cli->wait && (cli->timeout != NULL || cli->quiet != NULL))
		return cli_usage_error("--timeout and --quiet go with --wait");
	if (cli->timeout != NULL &&
	    (status = parse_seconds(
		 "timeout", cli->timeout, DAY_S, &look->patience_s)) != CLI_OK)
		return status;
	if (cli->quiet != NULL)
		return parse_seconds(
		    "quiet", cli->quiet, DAY_S, &look->quiet_s);
	return CLI_OK;
}

static bool
is_quiet(const struct look *look, const struct control_drain *d)
{
	if (strcmp(d->phase, "drained") == 0)
		return true;
	return strcmp(d->phase, "withdrawn") == 0 &&
	    d->quiet_s >= look->quiet_s;
}

/* What there is to say now. Has it come true? */
static bool
say_drain(const struct look *look, const struct control_reply *r, char *line,
    size_t size)
{
	const struct control_drain *d = &r->announce.drain;
	const char *node = r->node.name;

	if (strcmp(d->phase, "marked") == 0)
		snprintf(line, size,
		    "%s: marked with GRACEFUL_SHUTDOWN, withdrawn in %u s",
		    node, d->marked_s);
	else if (!d->gone)
		snprintf(line, size, "%s: being withdrawn", node);
	else if (is_quiet(look, d))
		snprintf(line, size,
		    "%s: drained, no packet for a VIP for %u s", node,
		    d->quiet_s);
	else if (look->cli->wait)
		snprintf(line, size,
		    "%s: withdrawn, still forwarding, quiet for %u of %u s",
		    node, d->quiet_s,
		    look->quiet_s != FOREVER_S ? look->quiet_s
					       : d->quiet_needed_s);
	else
		snprintf(line, size, "%s: withdrawn, still forwarding", node);
	if (look->cli->wait)
		return is_quiet(look, d) && d->gone;
	return d->gone || strcmp(d->phase, "marked") == 0;
}

static bool
say_undrain(const struct look *look, const struct control_reply *r, char *line,
    size_t size)
{
	const struct control_announce *a = &r->announce;
	const struct control_vip *missing = NULL;
	size_t announced = 0;

	for (size_t i = 0; i < a->n_vips; i++) {
		const struct control_vip *v = &a->vips[i];

		if (strcmp(v->state, "announced") == 0 && !v->wrong &&
		    (v->checked || a->bird_error[0] != '\0'))
			announced++;
		else if (missing == NULL)
			missing = v;
	}
	snprintf(line, size, "%s: %zu of %zu VIPs announced%s%.160s",
	    r->node.name, announced, a->n_vips,
	    missing != NULL && missing->why[0] != '\0' ? "; " : "",
	    missing != NULL ? missing->why : "");
	return !look->cli->wait || missing == NULL;
}

/* On a terminal one line that changes, else a line for each change. */
static void
show(struct look *look, const char *line, bool last)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;

	if (look->cli->json)
		return;
	if (terminal)
		printf("\r%s\033[K%s", line, last ? "\n" : "");
	else if (strcmp(line, look->said) != 0)
		puts(line);
	fflush(stdout);
	snprintf(look->said, sizeof(look->said), "%s", line);
}

static int
print_json(const struct control_reply *r, bool done)
{
	const struct control_drain *d = &r->announce.drain;
	size_t announced = 0;

	for (size_t i = 0; i < r->announce.n_vips; i++)
		announced += strcmp(r->announce.vips[i].state, "announced") ==
		    0;
	return cli_print_json(cli_json(json_pack(
	    "{s:s, s:b, s:s, s:b, s:I, s:I, s:I}", "node", r->node.name, "done",
	    done, "phase", d->phase, "gone", d->gone, "quiet_s",
	    (json_int_t)d->quiet_s, "announced", (json_int_t)announced, "vips",
	    (json_int_t)r->announce.n_vips)));
}

/* Looks once: CLI_OK it has come true, CLI_PENDING not yet, or CLI_FAILED. */
static int
look_once(struct look *look, bool last)
{
	const struct control_request status = {.kind = CONTROL_STATUS};
	struct control_reply reply;
	struct arena *arena;
	char line[sizeof(look->said)];
	bool done;

	if (cli_ask(look->cli, &status, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (look->draining && strcmp(reply.announce.drain.phase, "off") == 0) {
		arena_free(arena);
		return cli_error("somebody has undrained it meanwhile");
	}
	if (look->draining)
		done = say_drain(look, &reply, line, sizeof(line));
	else
		done = say_undrain(look, &reply, line, sizeof(line));
	show(look, line, done || last);
	if (look->cli->json && (done || last))
		print_json(&reply, done);
	arena_free(arena);
	return done ? CLI_OK : CLI_PENDING;
}

static int
look_on(struct look *look)
{
	struct mono begun = mono_now();
	int64_t patience_us = (int64_t)look->patience_s * 1000000;
	bool last;
	int status;

	for (;;) {
		last = look->patience_s != FOREVER_S &&
		    mono_now().us - begun.us >= patience_us;
		status = look_once(look, last);
		if (status != CLI_PENDING)
			return status;
		if (last)
			break;
		usleep(LOOK_EVERY_US);
	}
	fprintf(stderr, "guideway: accepted, but not done within %u s\n",
	    look->patience_s);
	return CLI_PENDING;
}

static int
run(const struct cli *cli, enum control_kind kind)
{
	struct control_request request = {.kind = kind};
	struct look look = {.cli = cli, .draining = kind == CONTROL_DRAIN};
	struct control_reply reply;
	struct arena *arena;
	int status = parse(cli, &request, &look);

	if (status != CLI_OK)
		return status;
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	arena_free(arena);
	return look_on(&look);
}

int
cli_node_drain(const struct cli *cli)
{
	return run(cli, CONTROL_DRAIN);
}

int
cli_node_undrain(const struct cli *cli)
{
	return run(cli, CONTROL_UNDRAIN);
}
