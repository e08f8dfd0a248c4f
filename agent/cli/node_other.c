/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/node_other.h"

#include <stdio.h>

#include "agent/cli/cluster.h"
#include "agent/cli/progress.h"
#include "common/arena.h"

struct look {
	const struct cli *cli;
	const char *node;
	bool draining; /* or undraining */
	struct progress progress;
};

/* What there is to say now. Has it come true? */
static bool
say(const struct look *look, const struct control_cluster_node *n,
    char line[PROGRESS_LINE_MAX])
{
	bool heeded = n->draining == look->draining, done;
	const char *what;

	if (!n->connected) {
		snprintf(line, PROGRESS_LINE_MAX,
		    "%s: not connected; it will hear of it when it is",
		    n->name);
		return false;
	}
	if (look->draining) {
		done = heeded && !n->announcing;
		what = done  ? "withdrawn; whether packets still come, only it "
			       "can tell"
		    : heeded ? "being withdrawn"
			     : "to be drained, has not heeded it yet";
	} else {
		done = heeded && (n->announcing || !look->cli->wait);
		what = !heeded      ? "to be undrained, has not heeded it yet"
		    : n->announcing ? "undrained, announces its VIPs"
				    : "undrained, does not announce yet";
	}
	snprintf(line, PROGRESS_LINE_MAX, "%s: %s", n->name, what);
	return done;
}

static int
print_json(const struct control_cluster_node *n, bool done)
{
	return cli_print_json(cli_json(json_pack("{s:s, s:b, s:b, s:b, s:b}",
	    "node", n->name, "done", done, "connected", n->connected,
	    "draining", n->draining, "announcing", n->announcing)));
}

static int
look_once(void *ctx, bool last)
{
	struct look *look = ctx;
	const struct control_cluster_node *n;
	char line[PROGRESS_LINE_MAX];
	struct control_reply reply;
	struct arena *arena;
	int status = CLI_FAILED;
	bool done;

	if (cluster_ask(look->cli, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if ((n = cluster_find(&reply.cluster, look->node)) == NULL) {
		cli_error("no node is called '%s' any more", look->node);
		goto out;
	}
	done = say(look, n, line);
	status = done ? CLI_OK : CLI_PENDING;
	progress_line(&look->progress, line, done || last);
	if (look->cli->json && (done || last) && print_json(n, done) != CLI_OK)
		status = CLI_FAILED;
out:
	arena_free(arena);
	return status;
}

int
node_other_look(
    const struct cli *cli, const char *node, bool draining, uint32_t patience_s)
{
	struct look look = {.cli = cli, .node = node, .draining = draining};

	progress_begin(&look.progress, cli, patience_s);
	return progress_until(&look.progress, look_once, &look);
}
