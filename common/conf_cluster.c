/* SPDX-License-Identifier: Apache-2.0 */
/* The part `cluster` of the configuration: who the nodes are, and how they
 * trust each other. A fault is shown where it stands second in the file. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/conf_schema.h"

#define PATH_MAX_LEN 1024

struct check {
	const struct raw_cluster *raw;
	const struct conf_tree *tree;
	struct errmsg *why;
	struct conf *conf;
};

static const struct conf_node *
at(const struct check *c, const char *key)
{
	return conf_tree_at(c->tree, "cluster.%s", key);
}

static const struct conf_node *
at_node(const struct check *c, size_t i, const char *key)
{
	return conf_tree_at(c->tree, "cluster.nodes[%zu].%s", i, key);
}

static int
set_text(const struct check *c, char **out, const char *text)
{
	*out = arena_copy(c->conf->arena, text, strlen(text));
	return *out != NULL
	    ? 0
	    : errmsg_set(c->why, "%s: out of memory", c->conf->path);
}

static int
set_name(const struct check *c, char **out, const char *name,
    const struct conf_node *place)
{
	if (forwarding_name_valid(name, strlen(name)))
		return set_text(c, out, name);
	return conf_tree_fail(c->tree, place, c->why,
	    "name must be 1 to %d letters, digits, '.', '_' or '-', got '%s'",
	    FORWARDING_NAME_MAX - 1, conf_show(name).text);
}

static int
set_path(const struct check *c, char **out, const char *path, const char *key)
{
	if (path[0] == '/' && strlen(path) <= PATH_MAX_LEN)
		return set_text(c, out, path);
	return conf_tree_fail(c->tree, at(c, key), c->why,
	    "%s must be the path of a file, which begins with '/' and has at "
	    "most %d characters, got '%s'",
	    key, PATH_MAX_LEN, conf_show(path).text);
}

/* Without a name there is no cluster for the other keys to speak of. */
static int
check_no_cluster(const struct check *c)
{
	const char *key = NULL;

	if (c->raw->nodes_count > 0)
		key = "nodes";
	else if (c->raw->identity != NULL)
		key = "identity";
	else if (c->raw->psk != NULL)
		key = "psk";
	else if (c->raw->insecure != NULL)
		key = "insecure";
	else if (c->raw->share_flows != NULL)
		key = "share_flows";
	if (key == NULL)
		return 0;
	return conf_tree_fail(c->tree, at(c, key), c->why,
	    "%s is of a cluster, which needs a name; give cluster.name, the "
	    "same on all nodes",
	    key);
}

static bool
is_loopback(const struct addr *a)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	return len == 4 ? bytes[0] == 127
			: memcmp(bytes, loopback6, sizeof(loopback6)) == 0;
}

static bool
is_link_local6(const struct addr *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static int
set_addr(const struct check *c, struct addr *out, const char *text,
    const struct conf_node *place)
{
	if (addr_parse(out, text) == 0 && addr_is_unicast(out) &&
	    !is_link_local6(out))
		return 0;
	return conf_tree_fail(c->tree, place, c->why,
	    "address must be a unicast IPv4 or IPv6 address, not of link "
	    "scope, got '%s'",
	    conf_show(text).text);
}

static int
set_port(const struct check *c, uint16_t *out, const uint64_t *given,
    const struct conf_node *place)
{
	uint64_t port = given != NULL ? *given : CONF_CLUSTER_PORT;

	if (port == 0 || port > UINT16_MAX)
		return conf_tree_fail(c->tree, place, c->why,
		    "port must be 1..65535, got %ju", (uintmax_t)port);
	*out = (uint16_t)port;
	return 0;
}

static int
check_unlike(const struct check *c, size_t first, size_t second)
{
	const struct conf_cluster_node *a = &c->conf->cluster.nodes[first];
	const struct conf_cluster_node *b = &c->conf->cluster.nodes[second];
	char text[ADDR_TEXT_MAX];

	if (strcmp(a->name, b->name) == 0)
		return conf_tree_fail(c->tree, at_node(c, second, "name"),
		    c->why, "a node %s is there already, in line %zu", b->name,
		    at_node(c, first, "name")->line);
	if (addr_cmp(&a->addr, &b->addr) == 0 && a->port == b->port)
		return conf_tree_fail(c->tree, at_node(c, second, "address"),
		    c->why,
		    "%s, port %u is node %s's already, in line %zu; each node "
		    "needs an address or a port of its own",
		    addr_format(&b->addr, text), b->port, a->name,
		    at_node(c, first, "address")->line);
	return 0;
}

static int
set_node(const struct check *c, size_t i)
{
	const struct raw_cluster_node *raw = &c->raw->nodes[i];
	struct conf_cluster_node *out = &c->conf->cluster.nodes[i];

	if (set_name(c, &out->name, raw->name, at_node(c, i, "name")) == -1 ||
	    set_addr(c, &out->addr, raw->address, at_node(c, i, "address")) ==
		-1 ||
	    set_port(c, &out->port, raw->port, at_node(c, i, "port")) == -1)
		return -1;
	for (size_t before = 0; before < i; before++)
		if (check_unlike(c, before, i) == -1)
			return -1;
	return 0;
}

static int
cmp_nodes(const void *a, const void *b)
{
	const struct conf_cluster_node *m = a, *n = b;

	return strcmp(m->name, n->name);
}

static int
set_nodes(const struct check *c)
{
	struct conf_cluster *out = &c->conf->cluster;

	if (c->raw->nodes_count == 0)
		return conf_tree_fail(c->tree, at(c, "name"), c->why,
		    "a cluster needs the key 'nodes', which lists all nodes, "
		    "this one too");
	out->nodes = arena_alloc(
	    c->conf->arena, c->raw->nodes_count, sizeof(*out->nodes));
	if (out->nodes == NULL)
		return errmsg_set(c->why, "%s: out of memory", c->conf->path);
	for (size_t i = 0; i < c->raw->nodes_count; i++) {
		if (set_node(c, i) == -1)
			return -1;
		out->n_nodes++;
	}
	if (conf_cluster_node(out, c->conf->node_name) == NULL)
		return conf_tree_fail(c->tree, at(c, "nodes"), c->why,
		    "nodes must list this node, '%s', too; or node.name is "
		    "wrong",
		    c->conf->node_name);
	return 0;
}

/* In the order of the file, so before the nodes are sorted. */
static int
check_loopback(const struct check *c)
{
	const struct conf_cluster *cluster = &c->conf->cluster;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < cluster->n_nodes; i++)
		if (!is_loopback(&cluster->nodes[i].addr))
			return conf_tree_fail(c->tree, at_node(c, i, "address"),
			    c->why,
			    "with 'insecure: true' all nodes must be on "
			    "loopback, got %s; give identity or psk instead",
			    addr_format(&cluster->nodes[i].addr, text));
	return 0;
}

/* The one way that was chosen. */
static int
set_trust(const struct check *c)
{
	const struct raw_cluster *raw = c->raw;
	struct conf_cluster *out = &c->conf->cluster;
	bool insecure = raw->insecure != NULL && *raw->insecure == RAW_TRUE;

	if ((raw->identity != NULL) + (raw->psk != NULL) + insecure > 1)
		return conf_tree_fail(c->tree,
		    at(c, insecure ? "insecure" : "psk"), c->why,
		    "identity, psk and 'insecure: true' are three ways to "
		    "trust the other nodes; give one of them");
	if (insecure) {
		out->trust = CONF_TRUST_NONE;
		return check_loopback(c);
	}
	if (raw->psk != NULL) {
		out->trust = CONF_TRUST_PSK;
		return set_path(c, &out->psk, raw->psk, "psk");
	}
	out->trust = CONF_TRUST_CERTIFICATES;
	return set_path(c, &out->identity,
	    raw->identity != NULL ? raw->identity : CONF_IDENTITY_PATH,
	    "identity");
}

int
conf_cluster_check(struct conf *conf, const struct raw_cluster *raw,
    const struct conf_tree *tree, struct errmsg *why)
{
	struct check c = {raw, tree, why, conf};
	struct conf_cluster *out = &conf->cluster;

	if (raw->name == NULL)
		return check_no_cluster(&c);
	if (set_name(&c, &out->name, raw->name, at(&c, "name")) == -1 ||
	    set_nodes(&c) == -1 || set_trust(&c) == -1)
		return -1;
	out->flows_unshared = raw->share_flows != NULL &&
	    *raw->share_flows == RAW_FALSE;
	qsort(out->nodes, out->n_nodes, sizeof(*out->nodes), cmp_nodes);
	return 0;
}

const struct conf_cluster_node *
conf_cluster_node(const struct conf_cluster *cluster, const char *name)
{
	for (size_t i = 0; i < cluster->n_nodes; i++)
		if (strcmp(cluster->nodes[i].name, name) == 0)
			return &cluster->nodes[i];
	return NULL;
}

/* NULL stays NULL. */
static int
copy_text(char **out, const char *text, struct arena *arena)
{
	*out = NULL;
	if (text == NULL)
		return 0;
	*out = arena_copy(arena, text, strlen(text));
	return *out != NULL ? 0 : -1;
}

int
conf_cluster_copy(struct conf_cluster *out, const struct conf_cluster *in,
    struct arena *arena)
{
	*out = *in;
	out->nodes = arena_alloc(arena, in->n_nodes, sizeof(*out->nodes));
	if (out->nodes == NULL ||
	    copy_text(&out->name, in->name, arena) == -1 ||
	    copy_text(&out->identity, in->identity, arena) == -1 ||
	    copy_text(&out->psk, in->psk, arena) == -1)
		return -1;
	for (size_t i = 0; i < in->n_nodes; i++) {
		out->nodes[i] = in->nodes[i];
		if (copy_text(&out->nodes[i].name, in->nodes[i].name, arena) ==
		    -1)
			return -1;
	}
	return 0;
}
