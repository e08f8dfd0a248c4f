/* SPDX-License-Identifier: Apache-2.0 */
/* guideway cluster verify: have all nodes the same tables? */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/args.h"
#include "agent/cli/cli.h"
#include "agent/cli/cluster.h"
#include "agent/cli/columns.h"
#include "agent/cli/progress.h"
#include "agent/cli/show.h"
#include "common/arena.h"

#define VERIFY_S     30
#define DIGEST_BYTES 8 /* shown to people */

int
cluster_ask(
    const struct cli *cli, struct arena **arena, struct control_reply *reply)
{
	const struct control_request request = {.kind = CONTROL_CLUSTER};

	if (cli_ask(cli, &request, arena, reply) != CLI_OK)
		return CLI_FAILED;
	if (reply->cluster.name[0] != '\0')
		return CLI_OK;
	arena_free(*arena);
	return cli_error(
	    "this node is in no cluster; 'cluster' in its "
	    "configuration puts it into one, see guideway.yaml(5)");
}

int
cluster_wait(const struct cli *cli, uint32_t patience_s, struct arena **arena,
    struct control_reply *reply)
{
	char words[CLUSTER_WORDS_MAX];
	struct progress progress;
	int status;
	bool last;

	progress_begin(&progress, cli, patience_s);
	for (;;) {
		last = progress_over(&progress);
		status = cluster_ask(cli, arena, reply);
		if (status == CLI_OK && !cluster_same(&reply->cluster))
			status = CLI_PENDING;
		if (status != CLI_PENDING || last)
			break;
		progress_hint(&progress, "waiting: %s",
		    cluster_line(&reply->cluster, words));
		arena_free(*arena);
		progress_pause();
	}
	progress_clear(&progress);
	return status;
}

static void
add_digest(struct columns *c, const struct control_cluster_node *n,
    const uint8_t digest[REPORT_DIGEST_LEN],
    const uint8_t ours[REPORT_DIGEST_LEN])
{
	char text[SHOW_DIGEST_MAX];

	if (!n->connected) {
		columns_add(c, STYLE_DIM, "not known");
		return;
	}
	columns_add(c,
	    memcmp(digest, ours, REPORT_DIGEST_LEN) == 0 ? STYLE_GOOD
							 : STYLE_BAD,
	    "%s", show_digest(digest, DIGEST_BYTES, text));
}

static void
print_digests(const struct control_cluster *cluster)
{
	static const struct control_cluster_node none;
	const struct control_cluster_node *self = cluster_find(
	    cluster, cluster->self);
	struct columns *c = columns_new("lllll");
	char words[CLUSTER_WORDS_MAX];

	if (self == NULL)
		self = &none;
	columns_head(c, "NODE|TABLES|CONFIGURATION|HEALTH|SERVES THEM");
	for (size_t i = 0; i < cluster->n_nodes; i++) {
		const struct control_cluster_node *n = &cluster->nodes[i];

		columns_add(c, STYLE_PLAIN, "%s", n->name);
		add_digest(c, n, n->root, self->root);
		add_digest(c, n, n->config, self->config);
		add_digest(c, n, n->observed, self->observed);
		if (!cluster_counts(n))
			columns_add(c, STYLE_DIM, "%s",
			    n->left ? "has left" : "is not heard");
		else if (cluster_lacks(cluster, n, words) == NULL)
			columns_add(c, STYLE_GOOD, "yes");
		else
			columns_add(c, STYLE_BAD, "no");
	}
	columns_print(c, stdout);
}

static void
print_verdict(const struct control_cluster *c)
{
	size_t heard = cluster_heard(c), present = cluster_present(c);

	if (heard == present)
		printf("all %zu nodes serve the same tables\n", present);
	else
		printf("all nodes that are heard, %zu of %zu, serve the same "
		       "tables\n",
		    heard, present);
}

int
cli_cluster_verify(const struct cli *cli)
{
	struct control_reply reply;
	struct arena *arena;
	struct errmsg why;
	uint32_t patience_s;
	int status;

	if (cli->n_args != 0)
		return cli_usage_error("cluster verify takes no arguments");
	if (args_seconds("timeout", cli->timeout, ARGS_TIMEOUT_MAX, VERIFY_S,
		&patience_s, &why) == -1)
		return cli_usage_error("%s", why.text);
	status = cluster_wait(cli, patience_s, &arena, &reply);
	if (status == CLI_FAILED)
		return CLI_FAILED;
	if (cli->json) {
		if (cli_print_json(cluster_json(&reply.cluster)) != CLI_OK)
			status = CLI_FAILED;
	} else {
		print_digests(&reply.cluster);
		if (status == CLI_OK)
			print_verdict(&reply.cluster);
	}
	if (status == CLI_PENDING)
		cluster_complain(&reply.cluster);
	arena_free(arena);
	return status;
}
