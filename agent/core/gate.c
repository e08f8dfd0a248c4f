/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/gate.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* A VIP of a service, to be sorted. */
struct use {
	struct addr vip;
	uint32_t service;
};

static int
cmp_uses(const void *a, const void *b)
{
	const struct use *u = a, *v = b;
	int cmp = addr_cmp(&u->vip, &v->vip);

	return cmp != 0 ? cmp
			: (u->service > v->service) - (u->service < v->service);
}

static bool
same_use(const struct use *u, const struct use *v)
{
	return cmp_uses(u, v) == 0;
}

/* Every VIP with every service on it, once, in order. */
static struct use *
collect_uses(const struct forwarding *f, size_t *n)
{
	struct use *uses;
	size_t total = 0, unique = 0;

	for (size_t i = 0; i < f->n_services; i++)
		total += f->services[i].n_endpoints;
	if ((uses = calloc(total + 1, sizeof(*uses))) == NULL)
		return NULL;
	total = 0;
	for (size_t i = 0; i < f->n_services; i++)
		for (size_t e = 0; e < f->services[i].n_endpoints; e++)
			uses[total++] = (struct use){
			    f->services[i].endpoints[e].vip, (uint32_t)i};
	qsort(uses, total, sizeof(*uses), cmp_uses);
	for (size_t i = 0; i < total; i++)
		if (i == 0 || !same_use(&uses[unique - 1], &uses[i]))
			uses[unique++] = uses[i];
	*n = unique;
	return uses;
}

static int
cmp_vips(const void *a, const void *b)
{
	const struct gate_vip *v = a, *w = b;

	return addr_cmp(&v->vip, &w->vip);
}

static struct gate_vip *
find_vip(const struct gate *g, const struct addr *vip)
{
	const struct gate_vip key = {.vip = *vip};

	if (g == NULL || g->n_vips == 0)
		return NULL;
	return bsearch(&key, g->vips, g->n_vips, sizeof(key), cmp_vips);
}

static void
add_use(struct gate *g, const struct gate *prev, const struct use *u, size_t i)
{
	struct gate_vip *v = g->n_vips > 0 ? &g->vips[g->n_vips - 1] : NULL;
	const struct gate_vip *before;

	if (v == NULL || addr_cmp(&v->vip, &u->vip) != 0) {
		v = &g->vips[g->n_vips++];
		before = find_vip(prev, &u->vip);
		*v = (struct gate_vip){.vip = u->vip,
		    .open = before != NULL && before->open,
		    .first_use = i};
	}
	v->n_uses++;
	g->uses[i] = u->service;
}

static const struct gate_service *
find_service(const struct gate *g, const char *name)
{
	for (size_t i = 0; g != NULL && i < g->n_services; i++)
		if (strcmp(g->services[i].name, name) == 0)
			return &g->services[i];
	return NULL;
}

/* Both lists are short enough to be searched, and rarely are. */
static const struct conf_service *
find_conf(const struct conf *conf, const char *name)
{
	const struct conf_service *s = conf->services;

	while (strcmp(s->name, name) != 0)
		s++; /* the state has no service that is not configured */
	return s;
}

static void
set_service(struct gate_service *to, const struct conf_service *conf,
    const char *name, const struct gate_service *before, struct mono now)
{
	*to = (struct gate_service){.enough = GATE_KEEP, .since = now};
	if (before != NULL)
		*to = *before;
	to->name = name;
	to->min = conf->announce_min;
	to->again = conf->announce_again;
}

struct gate *
gate_new(const struct conf *conf, const struct forwarding *f,
    const struct gate *prev, struct mono now)
{
	struct gate *g = calloc(1, sizeof(*g));
	struct use *uses = NULL;
	size_t n;

	if (g == NULL || (uses = collect_uses(f, &n)) == NULL)
		goto fail;
	g->services = calloc(f->n_services + 1, sizeof(*g->services));
	g->vips = calloc(n + 1, sizeof(*g->vips));
	g->uses = calloc(n + 1, sizeof(*g->uses));
	if (g->services == NULL || g->vips == NULL || g->uses == NULL)
		goto fail;
	for (size_t i = 0; i < f->n_services; i++) {
		const char *name = f->services[i].name;

		set_service(&g->services[g->n_services++],
		    find_conf(conf, name), name, find_service(prev, name), now);
	}
	for (size_t i = 0; i < n; i++)
		add_use(g, prev, &uses[i], i);
	free(uses);
	return g;
fail:
	free(uses);
	gate_free(g);
	return NULL;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	free(g->services);
	free(g->vips);
	free(g->uses);
	free(g);
}

void
gate_adopt(struct gate *g, const struct vip_route_entry *found, size_t n)
{
	struct gate_vip *v;

	for (size_t i = 0; i < n; i++)
		if ((v = find_vip(g, &found[i].vip)) != NULL)
			v->open = true;
}

/* What the counts say by themselves. */
static enum gate_verdict
raw(const struct gate_service *s)
{
	uint16_t needed = s->enough == GATE_NO ? s->again : s->min;

	if (s->min == 0)
		return GATE_YES;
	if (!s->counted)
		return GATE_KEEP;
	return s->ready >= needed ? GATE_YES : GATE_NO;
}

/* How long the counts must have said so. At first, backends whose next hops
 * are not known yet are waited for as if the service came back. */
static uint32_t
delay_ms(const struct gate_service *s, enum gate_verdict said)
{
	if (s->enough == GATE_KEEP)
		return said == GATE_YES && s->ready == s->taking ? 0
								 : GATE_RISE_MS;
	return said == GATE_YES ? GATE_RISE_MS : GATE_FALL_MS;
}

void
gate_count(struct gate *g, struct mono now, size_t service, uint32_t taking,
    uint32_t ready)
{
	struct gate_service *s;
	enum gate_verdict before;

	GW_ASSERT(service < g->n_services);
	s = &g->services[service];
	before = raw(s);
	s->counted = true;
	s->taking = taking;
	s->ready = ready;
	if (raw(s) != before)
		s->since = now;
}

/* When the service is to be judged anew; INT64_MAX: not before it is counted
 * anew. */
static struct mono
due(const struct gate_service *s)
{
	enum gate_verdict said = raw(s);

	if (said == GATE_KEEP || said == s->enough)
		return (struct mono){INT64_MAX};
	return (struct mono){s->since.us + (int64_t)delay_ms(s, said) * 1000};
}

static bool
all_enough(const struct gate *g, const struct gate_vip *v)
{
	for (size_t i = 0; i < v->n_uses; i++)
		if (g->services[g->uses[v->first_use + i]].enough != GATE_YES)
			return false;
	return true;
}

const struct gate_service *
gate_obstacle(const struct gate *g, const struct gate_vip *v)
{
	for (size_t i = 0; i < v->n_uses; i++) {
		uint32_t s = g->uses[v->first_use + i];

		if (g->services[s].enough == GATE_NO)
			return &g->services[s];
	}
	return NULL;
}

void
gate_step(struct gate *g, struct mono now, enum gate_verdict node)
{
	for (size_t i = 0; i < g->n_services; i++) {
		struct gate_service *s = &g->services[i];

		if (now.us >= due(s).us)
			s->enough = raw(s);
	}
	for (size_t i = 0; i < g->n_vips; i++) {
		struct gate_vip *v = &g->vips[i];

		if (node == GATE_NO || gate_obstacle(g, v) != NULL)
			v->open = false;
		else if (node == GATE_YES && all_enough(g, v))
			v->open = true;
	}
}

struct mono
gate_wakeup(const struct gate *g)
{
	struct mono next = {INT64_MAX}, t;

	for (size_t i = 0; i < g->n_services; i++) {
		t = due(&g->services[i]);
		if (t.us < next.us)
			next = t;
	}
	return next;
}

void
gate_explain(const struct gate_service *s, struct errmsg *out)
{
	errmsg_set(out, "service %s: %u of %u backends ready, %u %s needed",
	    s->name, s->ready, s->taking,
	    s->enough == GATE_NO ? s->again : s->min,
	    (s->enough == GATE_NO ? s->again : s->min) == 1 ? "is" : "are");
}
