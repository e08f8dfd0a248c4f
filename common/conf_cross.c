/* SPDX-License-Identifier: Apache-2.0 */
/* What must fit together over a whole configuration. Everything is found by
 * sorting, since a file may list tens of thousands of backends. A fault is
 * shown where it stands second in the file, with the line of the first. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_schema.h"

/* Something that may stand once only: an address with a key that says in which
 * scope (the service), or with which protocol and port. */
struct item {
	struct addr addr;
	uint32_t key;
	uint32_t service, index, port_index;
};

struct cross {
	const struct conf *conf;
	const struct conf_tree *tree;
	struct errmsg *why;
};

static int
cmp_place(const struct item *a, const struct item *b)
{
	if (a->service != b->service)
		return a->service < b->service ? -1 : 1;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return (a->port_index > b->port_index) -
	    (a->port_index < b->port_index);
}

static int
cmp_value(const struct item *a, const struct item *b)
{
	int cmp = addr_cmp(&a->addr, &b->addr);

	return cmp != 0 ? cmp : (a->key > b->key) - (a->key < b->key);
}

static int
cmp_items(const void *a, const void *b)
{
	int cmp = cmp_value(a, b);

	return cmp != 0 ? cmp : cmp_place(a, b);
}

/* Sorts; then the pair of equal items whose second comes first in the file,
 * as its second (its first is the one before), or NULL. */
static const struct item *
sort_find_twice(struct item *items, size_t n)
{
	const struct item *twice = NULL;

	qsort(items, n, sizeof(*items), cmp_items);
	for (size_t i = 1; i < n; i++)
		if (cmp_value(&items[i - 1], &items[i]) == 0 &&
		    (twice == NULL || cmp_place(&items[i], twice) < 0))
			twice = &items[i];
	return twice;
}

static struct item *
items_new(const struct cross *c, size_t n)
{
	struct item *items = calloc(n + 1, sizeof(*items));

	if (items == NULL)
		errmsg_set(c->why, "%s: out of memory", c->conf->path);
	return items;
}

static const struct conf_node *
at_service(const struct cross *c, size_t i, const char *key)
{
	return conf_tree_at(c->tree, "services[%zu].%s", i, key);
}

static int
cmp_names(const void *a, const void *b)
{
	const struct conf_service *const *s = a, *const *t = b;
	int cmp = strcmp((*s)->name, (*t)->name);

	return cmp != 0 ? cmp : (*s > *t) - (*s < *t);
}

static int
check_names(const struct cross *c)
{
	const struct conf_service **sorted, *all = c->conf->services;
	size_t i, n = c->conf->n_services;
	int rc = 0;

	if ((sorted = calloc(n + 1, sizeof(*sorted))) == NULL)
		return errmsg_set(c->why, "%s: out of memory", c->conf->path);
	for (i = 0; i < n; i++)
		sorted[i] = &all[i];
	qsort(sorted, n, sizeof(*sorted), cmp_names);
	for (i = 1; i < n && rc == 0; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			rc = conf_tree_fail(c->tree,
			    at_service(c, (size_t)(sorted[i] - all), "name"),
			    c->why,
			    "a service %s is there already, in line "
			    "%zu",
			    sorted[i]->name,
			    at_service(c, (size_t)(sorted[i - 1] - all), "name")
				->line);
	free(sorted);
	return rc;
}

static size_t
count_endpoints(const struct conf_service *s)
{
	return s->n_vips * (s->n_ports > 0 ? s->n_ports : 1);
}

static size_t
add_endpoints(struct item *items, const struct conf_service *s, size_t service)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_vips; i++)
		for (size_t j = 0; j == 0 || j < s->n_ports; j++) {
			uint32_t port = s->n_ports > 0 ? s->ports[j] : 0;

			items[n++] = (struct item){s->vips[i],
			    (uint32_t)s->protocol << 16 | port,
			    (uint32_t)service, (uint32_t)i, (uint32_t)j};
		}
	return n;
}

static const char *
port_text(unsigned port, char buf[16])
{
	if (port == 0)
		return "every port";
	snprintf(buf, 16, "port %u", port);
	return buf;
}

/* The VIP of `twice`, or within one service the VIP or the port that is listed
 * twice there. */
static int
fail_endpoint(const struct cross *c, const struct item *twice)
{
	const struct item *first = twice - 1;
	char vip[ADDR_TEXT_MAX], port[16];

	addr_format(&twice->addr, vip);
	if (first->service != twice->service)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "services[%u].vips[%u]",
			twice->service, twice->index),
		    c->why,
		    "VIP %s, %s, %s is service %s's already, in line %zu; each "
		    "VIP, protocol and port can be in one service",
		    vip, conf_protocol_word((int)(twice->key >> 16)),
		    port_text(twice->key & 0xffff, port),
		    c->conf->services[first->service].name,
		    at_service(c, first->service, "name")->line);
	if (first->index != twice->index)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "services[%u].vips[%u]",
			twice->service, twice->index),
		    c->why, "VIP %s is listed twice", vip);
	return conf_tree_fail(c->tree,
	    conf_tree_at(c->tree, "services[%u].ports[%u]", twice->service,
		twice->port_index),
	    c->why, "port %u is listed twice", twice->key & 0xffff);
}

/* A host drops what comes in with its own address as the source; a backend's
 * own are its address and the VIPs. */
static int
check_source(const struct cross *c, const struct item *item, const char *list,
    const char *what)
{
	char text[ADDR_TEXT_MAX];

	if (!forwarding_source_covers(&c->conf->source4, &item->addr) &&
	    !forwarding_source_covers(&c->conf->source6, &item->addr))
		return 0;
	return conf_tree_fail(c->tree,
	    conf_tree_at(c->tree, "services[%u].%s[%u]", item->service, list,
		item->index),
	    c->why,
	    "%s %s is among the addresses of balancer.encap_source, which must "
	    "be nobody else's",
	    what, addr_format(&item->addr, text));
}

/* Leaves the endpoints in *out, sorted by VIP; the caller frees them. */
static int
check_endpoints(const struct cross *c, struct item **out, size_t *n)
{
	const struct item *twice;
	size_t total = 0;

	*n = 0;
	for (size_t i = 0; i < c->conf->n_services; i++) {
		total += count_endpoints(&c->conf->services[i]);
		if (total > FORWARDING_MAX_ENDPOINTS)
			return conf_tree_fail(c->tree, at_service(c, i, "vips"),
			    c->why,
			    "%zu endpoints (each VIP with each port) up to "
			    "here; at most %d are possible in all",
			    total, FORWARDING_MAX_ENDPOINTS);
	}
	if ((*out = items_new(c, total)) == NULL)
		return -1;
	for (size_t i = 0; i < c->conf->n_services; i++)
		*n += add_endpoints(*out + *n, &c->conf->services[i], i);
	for (size_t i = 0; i < *n; i++)
		if (check_source(c, &(*out)[i], "vips", "VIP") == -1)
			return -1;
	if ((twice = sort_find_twice(*out, *n)) != NULL)
		return fail_endpoint(c, twice);
	return 0;
}

static int
cmp_addr_of_item(const void *addr, const void *item)
{
	return addr_cmp(addr, &((const struct item *)item)->addr);
}

/* In the order of the file. */
static int
check_backend(const struct cross *c, const struct item *endpoints, size_t n,
    const struct item *backend)
{
	const struct item *vip = bsearch(
	    &backend->addr, endpoints, n, sizeof(*endpoints), cmp_addr_of_item);
	char text[ADDR_TEXT_MAX];

	if (check_source(c, backend, "backends", "backend") == -1)
		return -1;
	if (vip == NULL)
		return 0;
	return conf_tree_fail(c->tree,
	    conf_tree_at(c->tree, "services[%u].backends[%u].address",
		backend->service, backend->index),
	    c->why,
	    "%s is a VIP of service %s as well; a backend needs an address of "
	    "its own to be reached at",
	    addr_format(&backend->addr, text),
	    c->conf->services[vip->service].name);
}

static size_t
count_addrs(const struct item *sorted, size_t n)
{
	size_t unique = n > 0;

	for (size_t i = 1; i < n; i++)
		unique += addr_cmp(&sorted[i - 1].addr, &sorted[i].addr) != 0;
	return unique;
}

static int
check_backends_unique(const struct cross *c, struct item *items, size_t n)
{
	const struct item *twice = sort_find_twice(items, n);
	char text[ADDR_TEXT_MAX];

	if (twice != NULL)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "services[%u].backends[%u].address",
			twice->service, twice->index),
		    c->why,
		    "backend %s is listed twice; the first is in line %zu",
		    addr_format(&twice->addr, text),
		    conf_tree_at(c->tree, "services[%u].backends[%u].address",
			(twice - 1)->service, (twice - 1)->index)
			->line);
	if (count_addrs(items, n) > FORWARDING_MAX_BACKENDS)
		return conf_tree_fail(c->tree,
		    conf_tree_at(c->tree, "services"), c->why,
		    "%zu different backends; at most %d are possible",
		    count_addrs(items, n), FORWARDING_MAX_BACKENDS);
	return 0;
}

static int
check_backends(const struct cross *c, const struct item *endpoints, size_t n)
{
	struct item *items;
	size_t total = 0;
	int rc;

	for (size_t i = 0; i < c->conf->n_services; i++)
		total += c->conf->services[i].n_backends;
	if ((items = items_new(c, total)) == NULL)
		return -1;
	total = 0;
	for (size_t i = 0; i < c->conf->n_services; i++)
		for (size_t j = 0; j < c->conf->services[i].n_backends; j++)
			items[total++] = (struct item){
			    c->conf->services[i].backends[j].addr, (uint32_t)i,
			    (uint32_t)i, (uint32_t)j, 0};
	rc = 0;
	for (size_t i = 0; i < total && rc == 0; i++)
		rc = check_backend(c, endpoints, n, &items[i]);
	if (rc == 0)
		rc = check_backends_unique(c, items, total);
	free(items);
	return rc;
}

int
conf_cross(
    const struct conf *conf, const struct conf_tree *tree, struct errmsg *why)
{
	struct cross c = {conf, tree, why};
	struct item *endpoints = NULL;
	size_t n;
	int rc = -1;

	if (check_names(&c) == 0 && check_endpoints(&c, &endpoints, &n) == 0 &&
	    check_backends(&c, endpoints, n) == 0)
		rc = 0;
	free(endpoints);
	return rc;
}
