/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that follows from the replica.
 *
 * Both sides of a partition may add what cannot be together. So everything is
 * taken in order of age, and what does not fit what is there already is left
 * out and named: the same on every node, whatever it heard first. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "agent/core/spec_impl.h"

struct view {
	struct spec_view *out;
	struct object **objects; /* one per key: by kind, then by age */
	size_t n_objects;
	struct forwarding_endpoint *endpoints; /* taken; ascending */
	size_t n_endpoints;
};

static int
cmp_age(const struct object *a, const struct object *b)
{
	if (a->born != b->born)
		return a->born < b->born ? -1 : 1;
	return uid_cmp(a->uid, b->uid);
}

static int
cmp_key(const struct object *a, const struct object *b)
{
	int cmp;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	cmp = memcmp(a->key, b->key, MIN(a->key_len, b->key_len));
	if (cmp != 0)
		return cmp;
	return (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

/* By key; of one key the last born first. */
static int
cmp_by_key(const void *a, const void *b)
{
	const struct object *o = *(struct object *const *)a;
	const struct object *p = *(struct object *const *)b;
	int cmp = cmp_key(o, p);

	return cmp != 0 ? cmp : -cmp_age(o, p);
}

static int
cmp_by_age(const void *a, const void *b)
{
	const struct object *o = *(struct object *const *)a;
	const struct object *p = *(struct object *const *)b;

	if (o->kind != p->kind)
		return o->kind < p->kind ? -1 : 1;
	return cmp_age(o, p);
}

static int
sort_objects(struct view *v, const struct replica *r)
{
	size_t n = 0;

	v->objects = malloc((r->n_live + 1) * sizeof(struct object *));
	if (v->objects == NULL)
		return -1;
	for (size_t i = 0; i < r->n_live; i++)
		v->objects[i] = r->live[i];
	qsort(v->objects, r->n_live, sizeof(struct object *), cmp_by_key);
	for (size_t i = 0; i < r->n_live; i++)
		if (n == 0 || cmp_key(v->objects[n - 1], v->objects[i]) != 0)
			v->objects[n++] = v->objects[i];
	v->n_objects = n;
	qsort(v->objects, n, sizeof(struct object *), cmp_by_age);
	return 0;
}

static size_t
count_kind(const struct view *v, enum object_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_objects; i++)
		n += v->objects[i]->kind == kind;
	return n;
}

/* What others wrote may be any bytes, and goes to where UTF-8 is expected. */
static char *
printable(struct arena *arena, const char *text)
{
	char *copy = arena_copy(arena, text, strlen(text));

	for (char *p = copy; p != NULL && *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return copy;
}

static int
leave_out(struct view *v, const struct object *o, const char *why)
{
	struct spec_view *out = v->out;
	struct spec_ignored *to = &out->ignored[out->n_ignored++];
	struct errmsg what;

	errmsg_set(&what, "%s %s", spec_kind_name(o->kind), o->key);
	to->what = printable(out->arena, what.text);
	to->why = printable(out->arena, why);
	return to->what != NULL && to->why != NULL ? 0 : -1;
}

/* Services. */

static size_t
endpoint_at(const struct view *v, const struct forwarding_endpoint *e)
{
	size_t low = 0, high = v->n_endpoints;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (forwarding_endpoint_cmp(&v->endpoints[mid], e) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_taken(const struct view *v, const struct forwarding_endpoint *e)
{
	size_t at = endpoint_at(v, e);

	return at < v->n_endpoints &&
	    forwarding_endpoint_cmp(&v->endpoints[at], e) == 0;
}

static struct forwarding_endpoint
endpoint(const struct conf_service *s, size_t vip, size_t port)
{
	return (struct forwarding_endpoint){.vip = s->vips[vip],
	    .port = s->n_ports > 0 ? s->ports[port] : 0,
	    .protocol = s->protocol};
}

static size_t
n_ports(const struct conf_service *s)
{
	return MAX(s->n_ports, 1);
}

static int
taken(const struct forwarding_endpoint *e, struct errmsg *why)
{
	char vip[ADDR_TEXT_MAX], port[16] = "every port";

	if (e->port != 0)
		snprintf(port, sizeof(port), "port %u", e->port);
	return errmsg_set(why, "VIP %s, %s, %s is another service's already",
	    addr_format(&e->vip, vip),
	    e->protocol == IPPROTO_UDP ? "udp" : "tcp", port);
}

static int
find_clash(
    const struct view *v, const struct conf_service *s, struct errmsg *why)
{
	if (v->out->conf->n_services == FORWARDING_MAX_SERVICES)
		return errmsg_set(why, "there are %d services already",
		    FORWARDING_MAX_SERVICES);
	if (s->n_vips == 0)
		return errmsg_set(why, "it has no vips");
	if (v->n_endpoints + s->n_vips * n_ports(s) > FORWARDING_MAX_ENDPOINTS)
		return errmsg_set(why,
		    "more than %d endpoints (each VIP with each port) in all",
		    FORWARDING_MAX_ENDPOINTS);
	for (size_t i = 0; i < s->n_vips; i++)
		for (size_t j = 0; j < n_ports(s); j++) {
			struct forwarding_endpoint e = endpoint(s, i, j);

			if (is_taken(v, &e))
				return taken(&e, why);
		}
	return 0;
}

static void
take_endpoints(struct view *v, const struct conf_service *s)
{
	for (size_t i = 0; i < s->n_vips; i++)
		for (size_t j = 0; j < n_ports(s); j++) {
			struct forwarding_endpoint e = endpoint(s, i, j);
			size_t at = endpoint_at(v, &e);

			memmove(&v->endpoints[at + 1], &v->endpoints[at],
			    (v->n_endpoints - at) * sizeof(e));
			v->endpoints[at] = e;
			v->n_endpoints++;
		}
}

/* 0: it is in or left out; -1: out of memory. */
static int
view_service(struct view *v, const struct object *o)
{
	struct conf *conf = v->out->conf;
	struct conf_service *s = &conf->services[conf->n_services];
	struct spec_target to = {.arena = conf->arena, .service = s};
	struct errmsg why;

	*s = (struct conf_service){0};
	spec_defaults(&to);
	if (!forwarding_name_valid(o->key, o->key_len))
		return leave_out(v, o, "it has no valid name");
	if (spec_take(&to, o, &why) == -1)
		return to.no_memory ? -1 : leave_out(v, o, why.text);
	if (find_clash(v, s, &why) == -1)
		return leave_out(v, o, why.text);
	s->announce_again = MAX(s->announce_again, s->announce_min);
	if ((s->name = arena_copy(conf->arena, o->key, o->key_len)) == NULL)
		return -1;
	take_endpoints(v, s);
	conf->n_services++;
	return 0;
}

static int
cmp_names(const void *a, const void *b)
{
	const struct conf_service *s = a, *t = b;

	return strcmp(s->name, t->name);
}

static int
view_services(struct view *v)
{
	struct conf *conf = v->out->conf;

	/* One more to try the next in. */
	conf->services = arena_alloc(conf->arena,
	    MIN(count_kind(v, OBJECT_SERVICE), FORWARDING_MAX_SERVICES) + 1,
	    sizeof(*conf->services));
	v->endpoints = malloc(FORWARDING_MAX_ENDPOINTS * sizeof(*v->endpoints));
	if (conf->services == NULL || v->endpoints == NULL)
		return -1;
	for (size_t i = 0; i < v->n_objects; i++)
		if (v->objects[i]->kind == OBJECT_SERVICE &&
		    view_service(v, v->objects[i]) == -1)
			return -1;
	qsort(conf->services, conf->n_services, sizeof(*conf->services),
	    cmp_names);
	return 0;
}

/* Backends. */

static struct conf_service *
find_service(const struct conf *conf, char name[FORWARDING_NAME_MAX])
{
	const struct conf_service key = {.name = name};

	if (conf->n_services == 0)
		return NULL;
	return bsearch(
	    &key, conf->services, conf->n_services, sizeof(key), cmp_names);
}

static int
cmp_addrs(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

static bool
is_vip(const struct view *v, const struct addr *a)
{
	/* Endpoints are ascending by VIP. */
	struct forwarding_endpoint e = {.vip = *a};
	size_t at = endpoint_at(v, &e);

	return at < v->n_endpoints && addr_cmp(&v->endpoints[at].vip, a) == 0;
}

/* When it was told to take its share, the last time: by being added or by its
 * state. */
static uint64_t
since_ms(const struct object *o)
{
	const struct reg *state = object_get(o, SPEC_STATE);
	uint64_t hlc = o->born;

	if (state != NULL)
		hlc = MAX(hlc, state->stamp.hlc);
	return hlc >> 16;
}

/* 0: `found` is its service, or NULL when it is left out; -1: no memory. */
static int
place_backend(struct view *v, const struct object *o, struct conf_backend *b,
    struct conf_service **found)
{
	struct spec_target to = {.arena = v->out->conf->arena, .backend = b};
	char name[FORWARDING_NAME_MAX];
	struct errmsg why;

	*found = NULL;
	*b = (struct conf_backend){0};
	spec_defaults(&to);
	if (spec_backend_parse(o->key, o->key_len, name, &b->addr) == -1)
		return leave_out(v, o, "it has no valid key");
	if (spec_take(&to, o, &why) == -1)
		return to.no_memory ? -1 : leave_out(v, o, why.text);
	b->since_ms = since_ms(o);
	if (is_vip(v, &b->addr))
		return leave_out(v, o,
		    "its address is a VIP; it needs one of its own to be "
		    "reached at");
	if ((*found = find_service(v->out->conf, name)) == NULL)
		return leave_out(v, o, "its service takes no part");
	return 0;
}

struct placed {
	struct conf_service *service;
	struct conf_backend backend;
	const struct object *object;
};

/* By service; within one by age, as they came. */
static int
cmp_placed(const void *a, const void *b)
{
	const struct placed *p = a, *q = b;

	if (p->service != q->service)
		return p->service < q->service ? -1 : 1;
	return cmp_age(p->object, q->object);
}

static int
fill_service(struct view *v, const struct placed *placed, size_t n)
{
	struct conf_service *s = placed->service;

	s->backends = arena_alloc(v->out->conf->arena, n, sizeof(*s->backends));
	if (s->backends == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (s->n_backends < s->table_size)
			s->backends[s->n_backends++] = placed[i].backend;
		else if (leave_out(v, placed[i].object,
			     "its service's table_size is too small") == -1)
			return -1;
	qsort(s->backends, s->n_backends, sizeof(*s->backends), cmp_addrs);
	return 0;
}

static int
fill_services(struct view *v, struct placed *placed, size_t n)
{
	size_t from = 0;

	qsort(placed, n, sizeof(*placed), cmp_placed);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && placed[i].service == placed[from].service)
			continue;
		if (fill_service(v, &placed[from], i - from) == -1)
			return -1;
		from = i;
	}
	return 0;
}

static int
view_backends(struct view *v)
{
	size_t total = count_kind(v, OBJECT_BACKEND), n = 0;
	struct placed *placed = malloc((total + 1) * sizeof(*placed));
	int rc = placed != NULL ? 0 : -1;

	for (size_t i = 0; i < v->n_objects && rc == 0; i++) {
		struct placed *p = &placed[n];

		if (v->objects[i]->kind != OBJECT_BACKEND)
			continue;
		p->object = v->objects[i];
		rc = place_backend(v, p->object, &p->backend, &p->service);
		n += p->service != NULL;
	}
	if (rc == 0 && n > 0)
		rc = fill_services(v, placed, n);
	free(placed);
	return rc;
}

struct spec_view *
spec_view(const struct conf *local, const struct replica *replica)
{
	struct view v = {.out = calloc(1, sizeof(*v.out))};
	struct spec_view *out = v.out;
	int rc = -1;

	if (out == NULL)
		return NULL;
	if ((out->arena = arena_new()) == NULL ||
	    (out->conf = conf_copy_local(local)) == NULL ||
	    sort_objects(&v, replica) == -1)
		goto out;
	out->ignored = arena_alloc(
	    out->arena, v.n_objects + 1, sizeof(*out->ignored));
	if (out->ignored != NULL && view_services(&v) == 0 &&
	    view_backends(&v) == 0)
		rc = 0;
out:
	free(v.objects);
	free(v.endpoints);
	if (rc == 0)
		return out;
	spec_view_free(out);
	return NULL;
}

void
spec_view_free(struct spec_view *v)
{
	if (v == NULL)
		return;
	conf_free(v->conf);
	arena_free(v->arena);
	free(v);
}
