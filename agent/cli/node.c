/* SPDX-License-Identifier: Apache-2.0 */
/* guideway node drain, node undrain: says it to the agent, then looks on until
 * it has come true. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/args.h"
#include "agent/cli/cli.h"
#include "agent/cli/node_other.h"
#include "agent/cli/progress.h"
#include "common/arena.h"

/* Without --wait: what takes milliseconds, on a busy machine. */
#define PATIENCE_S 5

struct look {
	const struct cli *cli;
	bool draining; /* or undraining */
	uint32_t patience_s;
	uint32_t quiet_s; /* ARGS_FOREVER: as the node is configured */
	bool last;        /* there is no other look */
	bool asked;       /* it was seen to wait for another node */
	struct progress progress;
};

static int
parse(const struct cli *cli, struct control_request *q, struct look *look,
    struct errmsg *why)
{
	if (cli->n_args > 1)
		return errmsg_set(why, "one node at a time");
	if (cli->n_args == 1) {
		if (!forwarding_name_valid(cli->args[0], strlen(cli->args[0])))
			return errmsg_set(
			    why, "'%s' cannot be a node's name", cli->args[0]);
		strcpy(q->node, cli->args[0]); /* a valid name fits */
	}
	q->temporary = cli->temporary;
	q->force = cli->force;
	if (!cli->wait && (cli->timeout != NULL || cli->quiet != NULL))
		return errmsg_set(why, "--timeout and --quiet go with --wait");
	if (args_seconds("graceful", cli->graceful, CONTROL_GRACEFUL_MAX,
		CONTROL_GRACEFUL_DEFAULT, &q->graceful_s, why) == -1 ||
	    args_seconds("timeout", cli->timeout, ARGS_TIMEOUT_MAX,
		cli->wait ? ARGS_FOREVER : PATIENCE_S, &look->patience_s,
		why) == -1)
		return -1;
	return args_seconds("quiet", cli->quiet, ARGS_TIMEOUT_MAX, ARGS_FOREVER,
	    &look->quiet_s, why);
}

static bool
is_quiet(const struct look *look, const struct control_drain *d)
{
	if (strcmp(d->phase, "drained") == 0)
		return true;
	return strcmp(d->phase, "withdrawn") == 0 &&
	    d->quiet_s >= look->quiet_s;
}

static bool
is_asking(const struct control_reply *r)
{
	return strcmp(r->announce.drain.phase, "asking") == 0;
}

/* Why a node that is to be drained still announces. */
static const char *
why_asking(const struct control_announce *a)
{
	for (size_t i = 0; i < a->n_conditions; i++)
		if (strcmp(a->conditions[i].name, "intent") == 0)
			return a->conditions[i].detail;
	return "";
}

/* What there is to say now. Has it come true? */
static bool
say_drain(const struct look *look, const struct control_reply *r, char *line,
    size_t size)
{
	const struct control_drain *d = &r->announce.drain;
	const char *node = r->node.name;

	if (is_asking(r))
		snprintf(line, size, "%s: still announcing; %.200s", node,
		    look->last ? why_asking(&r->announce)
			       : "another node must announce, and stay");
	else if (strcmp(d->phase, "marked") == 0)
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
		    look->quiet_s != ARGS_FOREVER ? look->quiet_s
						  : d->quiet_needed_s);
	else
		snprintf(line, size, "%s: withdrawn, still forwarding", node);
	if (is_asking(r))
		return false;
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
look_once(void *ctx, bool last)
{
	struct look *look = ctx;
	const struct control_request status = {.kind = CONTROL_STATUS};
	struct control_reply reply;
	struct arena *arena;
	char line[PROGRESS_LINE_MAX];
	bool done;

	if (cli_ask(look->cli, &status, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (look->draining && strcmp(reply.announce.drain.phase, "off") == 0) {
		arena_free(arena);
		return cli_error("somebody has undrained it meanwhile");
	}
	look->last = last;
	if (look->draining)
		done = say_drain(look, &reply, line, sizeof(line));
	else
		done = say_undrain(look, &reply, line, sizeof(line));
	/* Another node answers in milliseconds: that needs no words. */
	if (!is_asking(&reply) || look->asked || last)
		progress_line(&look->progress, line, done || last);
	look->asked = is_asking(&reply);
	if (look->cli->json && (done || last))
		print_json(&reply, done);
	arena_free(arena);
	return done ? CLI_OK : CLI_PENDING;
}

/* Is that the node that is asked? CLI_OK, or CLI_FAILED: said why. */
static int
is_other(const struct cli *cli, const char *node, bool *other)
{
	const struct control_request status = {.kind = CONTROL_STATUS};
	struct control_reply reply;
	struct arena *arena;

	*other = false;
	if (node[0] == '\0')
		return CLI_OK;
	if (cli_ask(cli, &status, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	*other = strcmp(reply.node.name, node) != 0;
	arena_free(arena);
	return CLI_OK;
}

static int
run(const struct cli *cli, enum control_kind kind)
{
	struct control_request request = {.kind = kind};
	struct look look = {.cli = cli, .draining = kind == CONTROL_DRAIN};
	struct control_reply reply;
	struct arena *arena;
	struct errmsg why;
	bool other;

	if (parse(cli, &request, &look, &why) == -1)
		return cli_usage_error("%s", why.text);
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	arena_free(arena);
	if (is_other(cli, request.node, &other) != CLI_OK)
		return CLI_FAILED;
	if (other)
		return node_other_look(
		    cli, request.node, look.draining, look.patience_s);
	progress_begin(&look.progress, cli, look.patience_s);
	return progress_until(&look.progress, look_once, &look);
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
