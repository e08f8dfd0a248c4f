/* SPDX-License-Identifier: Apache-2.0 */
/* guideway backend remove: first no new connections go to it, then nothing asks
 * for it any more, and only then is it taken out, so that none is broken.
 *
 * That nothing asks for it is for all balancers to say. With --quiet no packet
 * for so long is enough; as it is where no balancer says anything. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/args.h"
#include "agent/cli/change.h"
#include "agent/cli/change_args.h"
#include "agent/cli/cli.h"
#include "agent/cli/held.h"
#include "agent/cli/progress.h"
#include "agent/cli/show.h"
#include "common/arena.h"

#define QUIET_S 5
/* With --quiet; and until slots have settled elsewhere, which takes 15 min
 * where nothing else is configured, and some. */
#define TIMEOUT_QUIET_S 60
#define TIMEOUT_S       1200

struct removal {
	const struct cli *cli;
	struct control_change *change; /* the removal */
	uint32_t quiet_s;              /* so long, and it is drained */
	struct progress progress;
	bool known;        /* what its counter was ... */
	uint64_t packets;  /* ... namely that ... */
	struct mono since; /* ... and since when it is so */
	struct held held;
	char addr[ADDR_TEXT_MAX];
};

static uint32_t
quiet_for(const struct removal *r)
{
	if (!r->known)
		return 0;
	return (uint32_t)((mono_now().us - r->since.us) / 1000000);
}

/* Another count, or one that cannot be had, begins the time anew. */
static void
count(struct removal *r, const struct control_service *s,
    const struct control_member *m)
{
	/* A balancer that does not serve the table without it, or is not there
	 * to say so, says nothing by silence. */
	if (!show_in_sync(s)) {
		r->known = false;
		return;
	}
	if (!r->known || r->packets != m->packets)
		r->since = mono_now();
	r->known = true;
	r->packets = m->packets;
}

static const struct control_member *
find(const struct control_service *s, const struct addr *addr)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (addr_cmp(&s->members[i].addr, addr) == 0)
			return &s->members[i];
	return NULL;
}

/* How does it stand? CLI_OK, or CLI_FAILED: said why. */
static int
look(struct removal *r, bool *enabled)
{
	struct control_request request = {.kind = CONTROL_SERVICE};
	const struct control_member *m;
	struct control_reply reply;
	struct arena *arena;

	*enabled = false;
	memcpy(request.service, r->change->service, sizeof(request.service));
	if (cli_ask(r->cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if ((m = find(reply.services, &r->change->backend)) != NULL) {
		*enabled = strcmp(m->intent, "enabled") == 0;
		count(r, reply.services, m);
	}
	arena_free(arena);
	return m != NULL
	    ? CLI_OK
	    : cli_error("service %s has no backend %s; 'guideway backend list' "
			"shows them",
		  r->change->service, r->addr);
}

static int
drain(const struct removal *r)
{
	struct control_change change = *r->change;
	const struct control_request request = {
	    .kind = CONTROL_CHANGE, .change = &change};
	struct control_reply reply;
	struct arena *arena;

	change.op = CONTROL_SET;
	strcpy(change.fields, "state=draining");
	if (cli_ask(r->cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	/* A node that has not heard of it still sends it new connections. */
	for (size_t i = 0; i < reply.outcome.n_missing; i++)
		cli_error("%s: %s", reply.outcome.missing[i].node,
		    reply.outcome.missing[i].why);
	arena_free(arena);
	return CLI_OK;
}

static int
give_up(const struct removal *r)
{
	char words[HELD_LINE_MAX];
	int status = CLI_PENDING;

	if (r->cli->json &&
	    cli_print_json(cli_json(json_pack("{s:b, s:s, s:I, s:I, s:o}",
		"removed", 0, "state", "draining", "packets",
		(json_int_t)r->packets, "quiet_s", (json_int_t)quiet_for(r),
		"held", held_json(&r->held)))) != CLI_OK)
		status = CLI_FAILED;
	if (r->held.n_known > 0)
		cli_error("%s is draining and not removed: %s; try again, or "
			  "give --quiet or --now",
		    r->addr, held_line(&r->held, words));
	else if (r->known)
		cli_error("%s is draining and not removed: packets still go to "
			  "it, for this or another service; try again, or give "
			  "--now",
		    r->addr);
	else
		cli_error("%s is draining and not removed: the balancer does "
			  "not say whether packets still go to it; see "
			  "'guideway status'",
		    r->addr);
	return status;
}

/* Does nothing need it any more? */
static bool
is_over(const struct removal *r)
{
	if (r->held.n_known > 0)
		return held_is_over(&r->held);
	return r->known && quiet_for(r) >= r->quiet_s;
}

static void
hint(struct removal *r)
{
	char words[HELD_LINE_MAX];

	if (r->held.n_known > 0)
		progress_hint(&r->progress, "%s: draining, %s", r->addr,
		    held_line(&r->held, words));
	else
		progress_hint(&r->progress,
		    "%s: draining, no packet for %u of %u s", r->addr,
		    quiet_for(r), r->quiet_s);
}

/* Until it may be removed: CLI_OK. */
static int
wait_over(struct removal *r)
{
	bool enabled, last;

	for (;;) {
		last = progress_over(&r->progress);
		if (look(r, &enabled) != CLI_OK)
			return CLI_FAILED;
		if (enabled)
			return cli_error("somebody has enabled %s meanwhile; "
					 "it is not removed",
			    r->addr);
		if (r->cli->quiet == NULL &&
		    held_look(r->cli, r->change->service, &r->change->backend,
			&r->held) != CLI_OK)
			return CLI_FAILED;
		if (is_over(r))
			return CLI_OK;
		if (last)
			return give_up(r);
		hint(r);
		progress_pause();
	}
}

static int
run(struct removal *r)
{
	bool enabled;
	int status;

	if (look(r, &enabled) != CLI_OK)
		return CLI_FAILED;
	if (enabled && drain(r) != CLI_OK)
		return CLI_FAILED;
	r->known = false; /* that was before */
	status = wait_over(r);
	progress_clear(&r->progress);
	return status == CLI_OK ? change_run(r->cli, r->change) : status;
}

int
cli_backend_remove(const struct cli *cli)
{
	struct control_change change;
	struct removal r = {.cli = cli, .change = &change};
	uint32_t timeout_s = cli->quiet != NULL ? TIMEOUT_QUIET_S : TIMEOUT_S;
	struct errmsg why;
	uint32_t patience_s;

	if (change_args_backend_remove(cli, &change, &why) == -1 ||
	    args_seconds("timeout", cli->timeout, ARGS_TIMEOUT_MAX, timeout_s,
		&patience_s, &why) == -1 ||
	    args_seconds("quiet", cli->quiet, ARGS_TIMEOUT_MAX, QUIET_S,
		&r.quiet_s, &why) == -1)
		return cli_usage_error("%s", why.text);
	if (cli->now)
		return change_run(cli, &change);
	addr_format(&change.backend, r.addr);
	progress_begin(&r.progress, cli, patience_s);
	return run(&r);
}
