/* SPDX-License-Identifier: Apache-2.0 */
/* guideway cluster status: the cluster on one screen. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/cli/cli.h"
#include "agent/cli/cluster.h"
#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "common/arena.h"

#define DIGEST_SHORT 4 /* bytes shown to people */
/* Further off than this, a node refuses to change anything. */
#define CLOCK_MAX_MS 60000

static void
print_summary(const struct control_cluster *c)
{
	char line[CLUSTER_WORDS_MAX];

	style_print(stdout, STYLE_HEAD, "cluster  %s\n", c->name);
	printf("node     %s, trust by %s\n", c->self, c->trust);
	style_print(stdout,
	    c->joined && cluster_same(c) ? STYLE_GOOD : STYLE_BAD,
	    "state    %s\n", cluster_line(c, line));
	printf("objects  %" PRIu32 " services, %" PRIu32 " backends\n",
	    c->services, c->backends);
}

static const char *
state_of(const struct control_cluster_node *n)
{
	return n->left     ? "left"
	    : n->self      ? "this node"
	    : n->connected ? "connected"
	    : n->fresh     ? "heard"
			   : "not heard";
}

static void
add_digest(struct columns *c, const struct control_cluster_node *n,
    const uint8_t digest[REPORT_DIGEST_LEN])
{
	char text[SHOW_DIGEST_MAX];

	columns_add(c, STYLE_PLAIN, "%s",
	    n->connected ? show_digest(digest, DIGEST_SHORT, text) : "-");
}

static void
add_announcing(struct columns *c, const struct control_cluster_node *n)
{
	columns_add(c, n->announcing && !n->draining ? STYLE_GOOD : STYLE_PLAIN,
	    "%s%s",
	    !n->connected       ? "-"
		: n->announcing ? "yes"
				: "no",
	    n->connected && n->draining ? ", draining" : "");
}

static void
add_clock(struct columns *c, const struct control_cluster_node *n)
{
	bool off = n->clock_ms > CLOCK_MAX_MS || n->clock_ms < -CLOCK_MAX_MS;

	if (!n->connected || n->self)
		columns_add(c, STYLE_PLAIN, "-");
	else
		columns_add(c, off ? STYLE_BAD : STYLE_PLAIN, "%+" PRId64 " ms",
		    n->clock_ms);
}

static void
add_why(struct columns *c, const struct control_cluster *cluster,
    const struct control_cluster_node *n)
{
	char words[CLUSTER_WORDS_MAX];
	const char *lacks = cluster_lacks(cluster, n, words);

	if (lacks != NULL)
		columns_add(c, STYLE_BAD, "%s", lacks);
	else
		columns_add(c, STYLE_DIM, "%s",
		    n->connected || n->left ? "" : n->trouble);
}

static void
print_nodes(const struct control_cluster *cluster)
{
	struct columns *c = columns_new("llllllllrll");
	char addr[ADDR_TEXT_MAX];

	columns_head(c,
	    "NODE|ADDRESS|STATE|JOINED|ANNOUNCES|CONFIG|HEALTH|TABLES|CLOCK|"
	    "VERSION|WHAT IS WRONG");
	for (size_t i = 0; i < cluster->n_nodes; i++) {
		const struct control_cluster_node *n = &cluster->nodes[i];

		columns_add(c, STYLE_PLAIN, "%s", n->name);
		columns_add(c, STYLE_PLAIN, "%s",
		    addr_is_none(&n->addr) ? "-" : addr_format(&n->addr, addr));
		columns_add(c,
		    cluster_counts(n) || n->left ? STYLE_PLAIN : STYLE_BAD,
		    "%s", state_of(n));
		columns_add(c, STYLE_PLAIN, "%s",
		    !n->connected   ? "-"
			: n->joined ? "yes"
				    : "no");
		add_announcing(c, n);
		add_digest(c, n, n->config);
		add_digest(c, n, n->observed);
		add_digest(c, n, n->root);
		add_clock(c, n);
		columns_add(
		    c, STYLE_PLAIN, "%s", n->connected ? n->version : "-");
		add_why(c, cluster, n);
	}
	putchar('\n');
	columns_print(c, stdout);
}

static void
print_ignored(const struct control_cluster *cluster)
{
	struct columns *c;

	if (cluster->n_ignored == 0)
		return;
	c = columns_new("ll");
	columns_head(c, "TAKES NO PART|WHY");
	for (size_t i = 0; i < cluster->n_ignored; i++) {
		columns_add(c, STYLE_BAD, "%s", cluster->ignored[i].what);
		columns_add(c, STYLE_PLAIN, "%s", cluster->ignored[i].why);
	}
	putchar('\n');
	columns_print(c, stdout);
}

static void
print_file(const struct control_cluster *c)
{
	if (c->n_file_differs == 0)
		return;
	style_print(stdout, STYLE_HEAD,
	    "\nTHE FILE SAYS OTHERWISE, and is not what counts:\n");
	for (size_t i = 0; i < c->n_file_differs; i++)
		printf("%s\n", c->file_differs[i]);
}

int
cli_cluster_status(const struct cli *cli)
{
	struct control_reply reply;
	struct arena *arena;
	int status = CLI_OK;

	if (cli->n_args != 0)
		return cli_usage_error("cluster status takes no arguments");
	if (cluster_ask(cli, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	if (cli->json) {
		status = cli_print_json(cluster_json(&reply.cluster));
	} else {
		print_summary(&reply.cluster);
		print_nodes(&reply.cluster);
		print_ignored(&reply.cluster);
		print_file(&reply.cluster);
	}
	arena_free(arena);
	return status;
}
