/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/cluster.h"
#include "agent/cli/show.h"

static json_t *
node_json(const struct control_cluster *c, const struct control_cluster_node *n)
{
	char words[CLUSTER_WORDS_MAX];
	const char *lacks = cluster_lacks(c, n, words);
	json_t *o = cli_json(json_pack("{s:s, s:o, s:b, s:b, s:s, s:b, s:b, "
				       "s:o}",
	    "name", n->name, "address", show_addr_json(&n->addr), "self",
	    n->self, "connected", n->connected, "trouble", n->trouble, "heard",
	    n->fresh, "left", n->left, "lacks",
	    cli_json(lacks != NULL ? json_string(lacks) : json_null())));

	if (!n->connected)
		return o;
	json_object_update_new(o,
	    cli_json(json_pack("{s:s, s:b, s:b, s:b, s:b, s:I, s:o, s:o, s:o, "
			       "s:I, s:s, s:I}",
		"version", n->version, "joined", n->joined, "announcing",
		n->announcing, "draining", n->draining, "installed",
		n->installed, "clock_ms", (json_int_t)n->clock_ms,
		"config_digest", show_digest_json(true, n->config),
		"observed_digest", show_digest_json(true, n->observed),
		"root_digest", show_digest_json(true, n->root), "differs_ms",
		(json_int_t)n->differs_ms, "fault", n->fault, "flows_dropped",
		(json_int_t)n->flows_dropped)));
	return o;
}

json_t *
cluster_json(const struct control_cluster *c)
{
	json_t *nodes = cli_json(json_array());
	json_t *ignored = cli_json(json_array());
	json_t *differs = cli_json(json_array());

	for (size_t i = 0; i < c->n_nodes; i++)
		json_array_append_new(nodes, node_json(c, &c->nodes[i]));
	for (size_t i = 0; i < c->n_ignored; i++)
		json_array_append_new(ignored,
		    cli_json(json_pack("{s:s, s:s}", "what", c->ignored[i].what,
			"why", c->ignored[i].why)));
	for (size_t i = 0; i < c->n_file_differs; i++)
		json_array_append_new(
		    differs, cli_json(json_string(c->file_differs[i])));
	return cli_json(json_pack("{s:s, s:s, s:s, s:b, s:s, s:b, s:b, s:i, "
				  "s:i, s:o, s:o, s:o}",
	    "name", c->name, "self", c->self, "trust", c->trust, "joined",
	    c->joined, "waiting", c->waiting, "identical", c->identical,
	    "verified", cluster_same(c), "services", (int)c->services,
	    "backends", (int)c->backends, "nodes", nodes, "ignored", ignored,
	    "file_differs", differs));
}
