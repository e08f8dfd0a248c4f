/* SPDX-License-Identifier: Apache-2.0 */
/* What the core knows of its cluster, as an operator asks for it. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "agent/core/spec_impl.h"

/* Differences of the file that are listed. */
#define DIFFERS_MAX 64

static void
own_node(const struct core *core, struct control_cluster_node *to)
{
	const struct cluster *cl = &core->cluster;

	to->self = to->connected = true;
	to->trouble = "";
	to->left = freshness_own(cl->fresh)->left;
	to->fresh = !to->left;
	to->version = PACKAGE_VERSION;
	to->joined = cl->join == JOIN_IN;
	to->announcing = announce_any(core);
	to->draining = drain_wanted(&core->drain);
	to->installed = serves_plan(core);
	memcpy(to->config, cl->config, sizeof(to->config));
	memcpy(to->observed, cl->observed, sizeof(to->observed));
	memcpy(to->root, cl->root, sizeof(to->root));
	to->fault = "";
}

static void
other_node(const struct core *core, struct mono now, const struct peer *p,
    struct control_cluster_node *to)
{
	const struct freshness *fresh = core->cluster.fresh;
	const struct beat *beat = freshness_find(fresh, p->node->name);

	to->connected = p->state == PEER_TALKING;
	to->trouble = to->connected ? "" : p->trouble.text;
	to->fresh = freshness_is_fresh(fresh, now, p->node->name);
	to->left = beat != NULL && beat->left;
	to->version = to->fault = "";
	if (!to->connected || !p->beat_heard)
		return;
	to->version = p->hello.version;
	to->joined = p->beat.joined;
	to->announcing = p->beat.announcing;
	to->draining = p->beat.draining;
	to->installed = p->beat.installed;
	to->clock_ms = p->clock_ms;
	memcpy(to->config, p->beat.config, sizeof(to->config));
	memcpy(to->observed, p->beat.observed, sizeof(to->observed));
	memcpy(to->root, p->beat.root, sizeof(to->root));
	to->fault = sync_fault(core, p);
	to->flows_dropped = p->flows.dropped;
	if (p->root_differs.us != INT64_MAX)
		to->differs_ms = (uint64_t)(now.us - p->root_differs.us) / 1000;
}

static int
fill_nodes(const struct core *core, struct mono now, struct arena *arena,
    struct control_cluster *to)
{
	const struct conf_cluster *c = &core->file->cluster;

	to->nodes = arena_alloc(arena, c->n_nodes, sizeof(*to->nodes));
	if (to->nodes == NULL)
		return -1;
	to->n_nodes = c->n_nodes;
	to->identical = true;
	for (size_t i = 0; i < c->n_nodes; i++) {
		struct control_cluster_node *n = &to->nodes[i];
		const struct peer *p;

		n->name = c->nodes[i].name;
		n->addr = c->nodes[i].addr;
		n->trouble = n->version = n->fault = "";
		if (strcmp(n->name, core->file->node_name) == 0)
			own_node(core, n);
		else if ((p = peer_find_const(core, n->name)) != NULL)
			other_node(core, now, p, n);
		if (n->fresh &&
		    (!n->connected ||
			memcmp(n->root, core->cluster.root, sizeof(n->root)) !=
			    0))
			to->identical = false;
	}
	return 0;
}

static int
fill_ignored(
    const struct core *core, struct arena *arena, struct control_cluster *to)
{
	const struct spec_view *v = core->view;

	if (v == NULL)
		return 0;
	to->ignored = arena_alloc(arena, v->n_ignored, sizeof(*to->ignored));
	if (to->ignored == NULL)
		return -1;
	for (size_t i = 0; i < v->n_ignored; i++)
		to->ignored[i] = (struct control_ignored){
		    v->ignored[i].what, v->ignored[i].why};
	to->n_ignored = v->n_ignored;
	return 0;
}

/* Where the file and what is in force differ. */
struct differs {
	struct arena *arena;
	const char **lines;
	size_t n;
};

static void differ(struct differs *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
differ(struct differs *d, const char *fmt, ...)
{
	struct errmsg line;
	va_list ap;

	if (d->n == DIFFERS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(line.text, sizeof(line.text), fmt, ap);
	va_end(ap);
	d->lines[d->n] = arena_copy(d->arena, line.text, strlen(line.text));
	d->n += d->lines[d->n] != NULL;
}

static const struct conf_service *
find_service(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_services; i++)
		if (strcmp(conf->services[i].name, name) == 0)
			return &conf->services[i];
	return NULL;
}

/* The first field in which two of a kind are not the same; NULL: none. */
static const char *
first_difference(enum object_kind kind, const struct spec_target *a,
    const struct spec_target *b)
{
	const struct spec_field_row *row;
	struct errmsg why;

	for (size_t i = 0; (row = spec_rows(kind, i)) != NULL; i++) {
		const char *x = spec_put(row, a, &why);
		const char *y = spec_put(row, b, &why);

		if (x != NULL && y != NULL && strcmp(x, y) != 0)
			return row->name;
	}
	return NULL;
}

static int
cmp_backends(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

static const struct conf_backend *
find_backend(const struct conf_backend *sorted, size_t n, const struct addr *a)
{
	const struct conf_backend key = {.addr = *a};

	return n > 0 ? bsearch(&key, sorted, n, sizeof(key), cmp_backends)
		     : NULL;
}

/* The backends in force are ascending; those of the file are as they were
 * written. */
static void
compare_backends(struct differs *d, const struct conf_service *file,
    const struct conf_service *now)
{
	struct conf_backend *sorted = arena_alloc(
	    d->arena, file->n_backends, sizeof(*sorted));
	char text[ADDR_TEXT_MAX];

	if (sorted == NULL)
		return;
	if (file->n_backends > 0)
		memcpy(
		    sorted, file->backends, file->n_backends * sizeof(*sorted));
	qsort(sorted, file->n_backends, sizeof(*sorted), cmp_backends);
	for (size_t i = 0; i < file->n_backends; i++) {
		const struct conf_backend *b = find_backend(
		    now->backends, now->n_backends, &sorted[i].addr);
		struct spec_target x = {
		    .arena = d->arena, .backend = &sorted[i]};
		struct conf_backend copy;
		struct spec_target y = {.arena = d->arena, .backend = &copy};
		const char *field;

		addr_format(&sorted[i].addr, text);
		if (b == NULL) {
			differ(d, "backend %s %s is only in the file",
			    file->name, text);
			continue;
		}
		copy = *b;
		field = first_difference(OBJECT_BACKEND, &x, &y);
		if (field != NULL)
			differ(d, "backend %s %s: %s differs", file->name, text,
			    field);
	}
	for (size_t i = 0; i < now->n_backends; i++)
		if (find_backend(sorted, file->n_backends,
			&now->backends[i].addr) == NULL)
			differ(d, "backend %s %s is not in the file", now->name,
			    addr_format(&now->backends[i].addr, text));
}

static void
compare_services(struct differs *d, const struct conf_service *file,
    const struct conf_service *now)
{
	struct conf_service a = *file, b = *now;
	struct spec_target x = {.arena = d->arena, .service = &a};
	struct spec_target y = {.arena = d->arena, .service = &b};
	const char *field = first_difference(OBJECT_SERVICE, &x, &y);

	if (field != NULL)
		differ(d, "service %s: %s differs", file->name, field);
	compare_backends(d, file, now);
}

static int
fill_differs(
    const struct core *core, struct arena *arena, struct control_cluster *to)
{
	const struct conf *file = core->file, *conf = core->conf;
	struct differs d = {.arena = arena};

	d.lines = arena_alloc(arena, DIFFERS_MAX, sizeof(*d.lines));
	if (d.lines == NULL)
		return -1;
	for (size_t i = 0; i < file->n_services; i++) {
		const struct conf_service *s = &file->services[i];
		const struct conf_service *t = find_service(conf, s->name);

		if (t == NULL)
			differ(&d, "service %s is only in the file", s->name);
		else
			compare_services(&d, s, t);
	}
	for (size_t i = 0; i < conf->n_services; i++)
		if (find_service(file, conf->services[i].name) == NULL)
			differ(&d, "service %s is not in the file",
			    conf->services[i].name);
	to->file_differs = d.lines;
	to->n_file_differs = d.n;
	return 0;
}

static const char *
trust_name(enum conf_trust trust)
{
	return trust == CONF_TRUST_CERTIFICATES ? "certificates"
	    : trust == CONF_TRUST_PSK           ? "psk"
						: "plaintext";
}

int
report_cluster(const struct core *core, struct mono now, struct arena *arena,
    struct control_reply *reply)
{
	const struct cluster *cl = &core->cluster;
	struct control_cluster *to = &reply->cluster;

	to->name = to->trust = to->waiting = "";
	to->self = report_node_name(core);
	to->identical = true;
	if (core->file == NULL || core->file->cluster.name == NULL ||
	    cl->fresh == NULL)
		return 0;
	to->name = core->file->cluster.name;
	to->trust = trust_name(core->file->cluster.trust);
	to->joined = cl->join == JOIN_IN;
	to->waiting = to->joined ? "" : cl->join_why.text;
	to->services = (uint32_t)core->conf->n_services;
	for (size_t i = 0; i < core->conf->n_services; i++)
		to->backends += (uint32_t)core->conf->services[i].n_backends;
	if (fill_nodes(core, now, arena, to) == -1 ||
	    fill_ignored(core, arena, to) == -1)
		return -1;
	return fill_differs(core, arena, to);
}
