/* SPDX-License-Identifier: Apache-2.0 */
/* From what libcyaml read to a struct conf: defaults, and each value by itself.
 * What must fit together is conf_cross.c's. Everything the result points at is
 * in its arena. */
#include "config.h"

#include <sys/un.h>

#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/conf_schema.h"

#define WEIGHT_DEFAULT 1
#define STATE_DIR_MAX  1024

#define ROUTE_TABLE_DEFAULT 177

struct check {
	const struct raw_conf *raw;
	const struct conf_tree *tree;
	struct errmsg *why;
	struct conf *conf;
};

static int
no_memory(const struct check *c)
{
	return errmsg_set(c->why, "%s: out of memory", c->conf->path);
}

static void *
array(const struct check *c, size_t n, size_t size)
{
	void *p = arena_alloc(c->conf->arena, n, size);

	if (p == NULL)
		no_memory(c);
	return p;
}

static int
set_text(const struct check *c, char **out, const char *text)
{
	*out = arena_copy(c->conf->arena, text, strlen(text));
	return *out != NULL ? 0 : no_memory(c);
}

static int
check_name(const struct check *c, const char *name, const struct conf_node *at,
    const char *what)
{
	if (forwarding_name_valid(name, strlen(name)))
		return 0;
	return conf_tree_fail(c->tree, at, c->why,
	    "%s must be 1 to %d letters, digits, '.', '_' or '-', got '%s'",
	    what, FORWARDING_NAME_MAX - 1, conf_show(name).text);
}

static int
set_node_name(const struct check *c)
{
	char host[HOST_NAME_MAX + 1] = "";
	const char *name = c->raw->node.name;

	if (name != NULL) {
		if (check_name(c, name, conf_tree_at(c->tree, "node.name"),
			"node.name") == -1)
			return -1;
		return set_text(c, &c->conf->node_name, name);
	}
	gethostname(host, sizeof(host) - 1);
	if (!forwarding_name_valid(host, strlen(host)))
		return conf_tree_fail(c->tree, conf_tree_at(c->tree, "node"),
		    c->why,
		    "the host name '%s' cannot be the node's name; set "
		    "node.name",
		    conf_show(host).text);
	return set_text(c, &c->conf->node_name, host);
}

/* The sockets' paths must fit a sockaddr_un. */
static int
set_run_dir(const struct check *c)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) -
	    sizeof("/balancer.sock");
	const char *dir = c->raw->node.run_dir;

	if (dir == NULL)
		dir = RUNDIR;
	else if (dir[0] != '/')
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "node.run_dir"), c->why,
		    "run_dir must begin with '/', got '%s'",
		    conf_show(dir).text);
	if (strlen(dir) > max)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "node.run_dir"), c->why,
		    "run_dir must be at most %zu characters, as it is part of "
		    "the names of sockets; it has %zu",
		    max, strlen(dir));
	return set_text(c, &c->conf->run_dir, dir);
}

static int
set_state_dir(const struct check *c)
{
	const char *dir = c->raw->node.state_dir;

	if (dir == NULL)
		dir = STATEDIR;
	else if (dir[0] != '/' || strlen(dir) > STATE_DIR_MAX)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "node.state_dir"), c->why,
		    "state_dir must begin with '/' and have at most %d "
		    "characters, got '%s'",
		    STATE_DIR_MAX, conf_show(dir).text);
	return set_text(c, &c->conf->state_dir, dir);
}

static int
set_bpf_dir(const struct check *c)
{
	const char *dir = c->raw->balancer.bpf_dir;

	if (dir == NULL)
		dir = CONF_BPF_DIR;
	else if (dir[0] != '/' || strlen(dir) > STATE_DIR_MAX)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "balancer.bpf_dir"), c->why,
		    "bpf_dir must begin with '/' and have at most %d "
		    "characters, got '%s'",
		    STATE_DIR_MAX, conf_show(dir).text);
	return set_text(c, &c->conf->bpf_dir, dir);
}

/* That a named user exists is seen when it is needed: a file may be checked on
 * another machine. */
static int
set_user(const struct check *c)
{
	const char *user = c->raw->node.user;

	if (user == NULL) {
		if (getpwnam(CONF_USER) == NULL)
			return 0;
		user = CONF_USER;
	}
	if (check_name(c, user, conf_tree_at(c->tree, "node.user"), "user") ==
	    -1)
		return -1;
	return set_text(c, &c->conf->user, user);
}

/* '%': the kernel takes such a name for a pattern, and chooses a number. */
static int
check_interface_name(
    const struct check *c, const char *name, const struct conf_node *at)
{
	if (strlen(name) < IFNAMSIZ && strpbrk(name, "/ :%") == NULL &&
	    strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return 0;
	return conf_tree_fail(c->tree, at, c->why,
	    "an interface name has 1 to %d characters and no '/', ':', '%%' or "
	    "space, got '%s'",
	    IFNAMSIZ - 1, conf_show(name).text);
}

static int
set_interfaces(const struct check *c)
{
	const struct raw_balancer *raw = &c->raw->balancer;
	struct conf_interface *out;

	out = array(c, raw->interfaces_count, sizeof(*out));
	if ((c->conf->interfaces = out) == NULL)
		return -1;
	for (size_t i = 0; i < raw->interfaces_count; i++) {
		const char *name = raw->interfaces[i].name;
		const struct conf_node *at = conf_tree_at(
		    c->tree, "balancer.interfaces[%zu].name", i);

		if (check_interface_name(c, name, at) == -1)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (strcmp(out[j].name, name) == 0)
				return conf_tree_fail(c->tree, at, c->why,
				    "interface %s is listed twice", name);
		if (set_text(c, &out[i].name, name) == -1)
			return -1;
		out[i].driver = raw->interfaces[i].driver;
		out[i].xdp_mode = raw->interfaces[i].xdp_mode;
		c->conf->n_interfaces++;
	}
	return 0;
}

/* "ADDRESS" or "ADDRESS/LENGTH". 0, or -1 when it is neither. */
static int
parse_source(const char *text, struct forwarding_source *out)
{
	char address[ADDR_TEXT_MAX];
	size_t n = strcspn(text, "/"), digits;
	unsigned long len;

	if (n >= sizeof(address))
		return -1;
	memcpy(address, text, n);
	address[n] = '\0';
	if (addr_parse(&out->addr, address) == -1 ||
	    !addr_is_unicast(&out->addr))
		return -1;
	out->prefix_len = addr_is4(&out->addr) ? 32 : 128;
	if (text[n] == '\0')
		return 0;
	text += n + 1;
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 3 || text[digits] != '\0')
		return -1;
	len = strtoul(text, NULL, 10);
	if (len > out->prefix_len)
		return -1;
	out->prefix_len = (uint8_t)len;
	return 0;
}

static int
set_sources(const struct check *c)
{
	struct forwarding_source source, *out;
	struct errmsg cause;

	for (size_t i = 0; i < c->raw->balancer.encap_source_count; i++) {
		const char *text = c->raw->balancer.encap_source[i];
		const struct conf_node *at = conf_tree_at(
		    c->tree, "balancer.encap_source[%zu]", i);
		bool is4;

		if (parse_source(text, &source) == -1)
			return conf_tree_fail(c->tree, at, c->why,
			    "encap_source must be an address or a prefix such "
			    "as 10.1.0.0/24, got '%s'",
			    conf_show(text).text);
		is4 = addr_is4(&source.addr);
		if (forwarding_check_source(&source, is4, &cause) == -1)
			return conf_tree_fail(
			    c->tree, at, c->why, "%s", cause.text);
		out = is4 ? &c->conf->source4 : &c->conf->source6;
		if (!addr_is_none(&out->addr))
			return conf_tree_fail(c->tree, at, c->why,
			    "encap_source has two %s entries; give at most one "
			    "of each IP version",
			    is4 ? "IPv4" : "IPv6");
		*out = source;
	}
	return 0;
}

static int
set_seed(const struct check *c)
{
	const char *text = c->raw->cluster.seed;
	size_t len = strlen(text);

	if (len != 2 * FORWARDING_SEED_LEN ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "cluster.seed"), c->why,
		    "seed must be %d hexadecimal digits, the same on all nodes "
		    "and secret; `openssl rand -hex %d` makes one",
		    2 * FORWARDING_SEED_LEN, FORWARDING_SEED_LEN);
	for (size_t i = 0; i < FORWARDING_SEED_LEN; i++) {
		char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};

		c->conf->seed[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return 0;
}

static int
set_addr(const struct check *c, struct addr *out, const char *text,
    const struct conf_node *at, const char *what)
{
	if (addr_parse(out, text) == -1)
		return conf_tree_fail(c->tree, at, c->why,
		    "%s must be an IPv4 or IPv6 address, got '%s'", what,
		    conf_show(text).text);
	if (!addr_is_reachable(out))
		return conf_tree_fail(c->tree, at, c->why,
		    "%s must be a unicast address, not of loopback or link "
		    "scope, got '%s'",
		    what, conf_show(text).text);
	return 0;
}

static int
set_vips(const struct check *c, struct conf_service *out,
    const struct raw_service *raw, const struct conf_node *place)
{
	const struct conf_node *at = conf_node_get(place, "vips")->first;

	out->vips = array(c, raw->vips_count, sizeof(*out->vips));
	if (out->vips == NULL)
		return -1;
	for (size_t i = 0; i < raw->vips_count; i++, at = at->next) {
		if (set_addr(c, &out->vips[i], raw->vips[i], at, "a VIP") == -1)
			return -1;
		out->n_vips++;
	}
	return 0;
}

static int
set_ports(const struct check *c, struct conf_service *out,
    const struct raw_service *raw, const struct conf_node *place)
{
	const struct conf_node *at = conf_node_place(place, "ports")->first;

	out->ports = array(c, raw->ports_count, sizeof(*out->ports));
	if (out->ports == NULL)
		return -1;
	for (size_t i = 0; i < raw->ports_count; i++, at = at->next) {
		if (raw->ports[i] == 0 || raw->ports[i] > UINT16_MAX)
			return conf_tree_fail(c->tree, at, c->why,
			    "a port must be 1..65535, got %ju; for every port "
			    "leave 'ports' out",
			    (uintmax_t)raw->ports[i]);
		out->ports[out->n_ports++] = (uint16_t)raw->ports[i];
	}
	return 0;
}

static int
set_backend(const struct check *c, struct conf_backend *out,
    const struct raw_backend *raw, const struct conf_node *place)
{
	uint64_t weight = raw->weight != NULL ? *raw->weight : WEIGHT_DEFAULT;

	if (set_addr(c, &out->addr, raw->address,
		conf_node_place(place, "address"), "address") == -1)
		return -1;
	if (weight == 0 || weight > UINT16_MAX)
		return conf_tree_fail(c->tree, conf_node_place(place, "weight"),
		    c->why, "weight must be 1..65535, got %ju%s",
		    (uintmax_t)weight,
		    weight != 0 ? ""
				: "; to take nothing new: state: draining");
	out->weight = (uint16_t)weight;
	out->intent = raw->state;
	return 0;
}

static int
set_backends(const struct check *c, struct conf_service *out,
    const struct raw_service *raw, const struct conf_node *place)
{
	const struct conf_node *at = conf_node_place(place, "backends")->first;

	out->backends = array(c, raw->backends_count, sizeof(*out->backends));
	if (out->backends == NULL)
		return -1;
	for (size_t i = 0; i < raw->backends_count; i++, at = at->next) {
		if (set_backend(c, &out->backends[i], &raw->backends[i], at) ==
		    -1)
			return -1;
		out->n_backends++;
	}
	return 0;
}

static int
set_table_size(const struct check *c, struct conf_service *out,
    const struct raw_service *raw, const struct conf_node *place)
{
	uint64_t size = FORWARDING_TABLE_DEFAULT;
	const struct conf_node *at = conf_node_place(place, "table_size");

	if (raw->table_size != NULL)
		size = *raw->table_size;
	if (size < FORWARDING_TABLE_MIN || size > FORWARDING_TABLE_MAX ||
	    (size & (size - 1)) != 0)
		return conf_tree_fail(c->tree, at, c->why,
		    "table_size must be a power of two, %u..%u, got %ju",
		    FORWARDING_TABLE_MIN, FORWARDING_TABLE_MAX,
		    (uintmax_t)size);
	if (raw->backends_count > size)
		return conf_tree_fail(c->tree, at, c->why,
		    "table_size %ju is less than the %u backends",
		    (uintmax_t)size, raw->backends_count);
	out->table_size = (uint32_t)size;
	return 0;
}

static int
set_count(const struct check *c, uint16_t *out, const uint64_t *given,
    uint16_t otherwise, const struct conf_node *place, const char *key)
{
	uint64_t n = given != NULL ? *given : otherwise;

	if (n > UINT16_MAX)
		return conf_tree_fail(c->tree, conf_node_place(place, key),
		    c->why, "%s must be 0..65535 backends, got %ju", key,
		    (uintmax_t)n);
	*out = (uint16_t)n;
	return 0;
}

static int
set_watermarks(const struct check *c, struct conf_service *out,
    const struct raw_service *raw, const struct conf_node *place)
{
	if (set_count(c, &out->announce_min, raw->announce_min, 1, place,
		"announce_min") == -1 ||
	    set_count(c, &out->announce_again, raw->announce_again,
		out->announce_min, place, "announce_again") == -1)
		return -1;
	if (out->announce_again >= out->announce_min)
		return 0;
	return conf_tree_fail(c->tree, conf_node_place(place, "announce_again"),
	    c->why,
	    "announce_again must not be less than announce_min, which is %u, "
	    "got %u",
	    out->announce_min, out->announce_again);
}

static int
set_service(const struct check *c, struct conf_service *out,
    const struct raw_service *raw, const struct conf_node *place)
{
	if (check_name(c, raw->name, conf_node_place(place, "name"), "name") ==
		-1 ||
	    set_text(c, &out->name, raw->name) == -1)
		return -1;
	out->protocol = (uint8_t)raw->protocol;
	out->refuse_oversize = raw->oversize == RAW_OVERSIZE_REFUSE;
	if (set_vips(c, out, raw, place) == -1 ||
	    set_ports(c, out, raw, place) == -1 ||
	    set_table_size(c, out, raw, place) == -1 ||
	    set_watermarks(c, out, raw, place) == -1 ||
	    conf_health(out, raw, c->tree, place, c->why) == -1 ||
	    conf_moves(out, raw, c->tree, place, c->why) == -1)
		return -1;
	return set_backends(c, out, raw, place);
}

/* The kernel's own tables hold its own routes. */
static int
set_route_table(const struct check *c)
{
	const uint64_t *given = c->raw->announce.table;
	uint64_t table = given != NULL ? *given : ROUTE_TABLE_DEFAULT;

	if (table == 0 || table > UINT32_MAX ||
	    (table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL))
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "announce.table"), c->why,
		    "table must be 1..%u but none of the kernel's own, which "
		    "are %d..%d, got %ju",
		    UINT32_MAX, RT_TABLE_DEFAULT, RT_TABLE_LOCAL,
		    (uintmax_t)table);
	c->conf->announce.table = (uint32_t)table;
	return 0;
}

static int
set_route_device(const struct check *c)
{
	const char *name = c->raw->announce.device;
	const struct conf_node *at = conf_tree_at(c->tree, "announce.device");

	if (name == NULL)
		name = "gw0";
	if (check_interface_name(c, name, at) == -1)
		return -1;
	for (size_t i = 0; i < c->conf->n_interfaces; i++)
		if (strcmp(c->conf->interfaces[i].name, name) == 0)
			return conf_tree_fail(c->tree, at, c->why,
			    "device %s is listed in balancer.interfaces; this "
			    "one must be nobody else's",
			    name);
	return set_text(c, &c->conf->announce.device, name);
}

static int
set_bird_socket(const struct check *c)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	const char *path = c->raw->announce.bird;

	if (path == NULL)
		path = "/run/bird/bird.ctl";
	if (path[0] != '/' || strlen(path) > max)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "announce.bird"), c->why,
		    "bird must be the path of BIRD's control socket, which "
		    "begins with '/' and has at most %zu characters, got '%s'",
		    max, conf_show(path).text);
	return set_text(c, &c->conf->announce.bird_socket, path);
}

static int
set_seconds(const struct check *c, uint32_t *out, const uint64_t *given,
    const char *key, uint32_t least, uint32_t most, uint32_t otherwise)
{
	uint64_t s = given != NULL ? *given : otherwise;

	if (s < least || s > most)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "announce.%s", key), c->why,
		    "%s must be %u..%u seconds, got %ju", key, least, most,
		    (uintmax_t)s);
	*out = (uint32_t)s;
	return 0;
}

static int
set_announce(const struct check *c)
{
	const struct raw_announce *raw = &c->raw->announce;
	struct conf_announce *out = &c->conf->announce;

	out->enabled = raw->enabled == RAW_TRUE;
	if (set_route_table(c) == -1 || set_route_device(c) == -1 ||
	    set_bird_socket(c) == -1 ||
	    set_seconds(c, &out->agent_grace_s, raw->agent_grace, "agent_grace",
		1, 86400, 30) == -1 ||
	    set_seconds(c, &out->graceful_shutdown_s, raw->graceful_shutdown,
		"graceful_shutdown", 0, 3600, 0) == -1)
		return -1;
	return set_seconds(c, &out->drain_quiet_s, raw->drain_quiet,
	    "drain_quiet", 1, 86400, 60);
}

static int
set_services(const struct check *c)
{
	const struct conf_node *at =
	    conf_node_place(conf_tree_root(c->tree), "services")->first;
	struct conf *conf = c->conf;

	conf->services = array(
	    c, c->raw->services_count, sizeof(*conf->services));
	if (conf->services == NULL)
		return -1;
	for (size_t i = 0; i < c->raw->services_count; i++, at = at->next) {
		conf->n_services++;
		if (set_service(
			c, &conf->services[i], &c->raw->services[i], at) == -1)
			return -1;
	}
	return 0;
}

struct conf *
conf_check(const char *path, const struct raw_conf *raw,
    const struct conf_tree *tree, struct errmsg *why)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct check c = {raw, tree, why, conf};

	if (conf == NULL || (conf->arena = arena_new()) == NULL ||
	    (conf->path = arena_copy(conf->arena, path, strlen(path))) ==
		NULL) {
		errmsg_set(why, "%s: out of memory", path);
		conf_free(conf);
		return NULL;
	}
	if (set_node_name(&c) == 0 && set_run_dir(&c) == 0 &&
	    set_state_dir(&c) == 0 && set_bpf_dir(&c) == 0 &&
	    set_user(&c) == 0 && set_interfaces(&c) == 0 &&
	    set_announce(&c) == 0 && set_sources(&c) == 0 &&
	    set_seed(&c) == 0 &&
	    conf_cluster_check(conf, &raw->cluster, tree, why) == 0 &&
	    set_services(&c) == 0 && conf_cross(conf, tree, why) == 0)
		return conf;
	conf_free(conf);
	return NULL;
}
