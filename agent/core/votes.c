/* SPDX-License-Identifier: Apache-2.0 */
/* A merge: conf in order is walked once, and every record along with it. */
#include "config.h"

#include "agent/core/votes.h"

#include <stdlib.h>
#include <string.h>

/* How far a record has been read. Its names are mostly one pointer per service,
 * so each is compared with the service at hand only once. */
struct cursor {
	const struct votes_entry *at, *end;
	const char *name; /* the last compared .. */
	int cmp;          /* .. to the service at hand */
};

/* Is the entry before (< 0), of, or after (> 0) the service? */
static int
cmp_service(struct cursor *c, const char *service)
{
	if (c->name != c->at->service) {
		c->name = c->at->service;
		c->cmp = strcmp(c->name, service);
	}
	return c->cmp;
}

/* To the first entry that is not before the service. */
static void
seek_service(struct cursor *c, const char *service)
{
	c->name = NULL;
	while (c->at < c->end && cmp_service(c, service) < 0)
		c->at++;
}

/* What the record says of the service's backend. Backends are asked for in
 * ascending order. */
static enum health
read_vote(struct cursor *c, const char *service, const struct addr *backend)
{
	int cmp = -1;

	while (c->at < c->end && cmp_service(c, service) == 0 &&
	    (cmp = addr_cmp(&c->at->backend, backend)) < 0)
		c->at++;
	return cmp == 0 ? c->at->health : HEALTH_UNKNOWN;
}

static void
add_vote(struct votes_tally *t, enum health vote)
{
	t->up += vote == HEALTH_UP;
	t->down += vote == HEALTH_DOWN;
}

/* Every verdict of the service, as one observer has it. */
static void
count_record(struct votes *v, const struct votes_service *s, struct cursor *c)
{
	seek_service(c, s->name);
	for (size_t i = s->first; i < s->first + s->n; i++)
		add_vote(&v->tallies[i],
		    read_vote(c, s->name, &v->verdicts[i].backend));
}

static enum health
elect(const struct votes_tally *t)
{
	if (t->up == 0 && t->down == 0)
		return HEALTH_UNKNOWN;
	return t->up > 0 && t->up >= t->down ? HEALTH_UP : HEALTH_DOWN;
}

static bool
panics(const struct votes_service *s, uint8_t panic_percent)
{
	if (panic_percent == 0 || s->down == 0)
		return false;
	return s->up == 0 ||
	    (uint64_t)(s->eligible - s->down) * 100 <
	    (uint64_t)panic_percent * s->eligible;
}

static void
decide(struct votes *v, struct votes_service *s, uint8_t panic_percent)
{
	for (size_t i = s->first; i < s->first + s->n; i++) {
		struct votes_tally *t = &v->tallies[i];

		t->voted = v->verdicts[i].health = elect(t);
		if (!t->eligible)
			continue;
		s->eligible++;
		s->up += t->voted == HEALTH_UP;
		s->down += t->voted == HEALTH_DOWN;
	}
	s->panic = panics(s, panic_percent);
	for (size_t i = s->first; s->panic && i < s->first + s->n; i++)
		if (v->tallies[i].eligible)
			v->verdicts[i].health = HEALTH_UP;
}

static int
cmp_conf_services(const void *a, const void *b)
{
	const struct conf_service *const *s = a, *const *t = b;

	return strcmp((*s)->name, (*t)->name);
}

static int
cmp_conf_backends(const void *a, const void *b)
{
	const struct conf_backend *const *s = a, *const *t = b;

	return addr_cmp(&(*s)->addr, &(*t)->addr);
}

/* conf lists services and backends in any order. */
struct order {
	const struct conf_service **services;
	const struct conf_backend **backends; /* room for those of one */
};

static size_t
checked_backends(const struct conf_service *cs)
{
	return cs->check.kind != CHECK_NONE ? cs->n_backends : 0;
}

static void
add_service(struct votes *v, const struct conf_service *cs, struct order *o)
{
	struct votes_service *s = &v->services[v->n_services++];

	*s = (struct votes_service){
	    .name = cs->name, .first = v->n, .n = checked_backends(cs)};
	for (size_t i = 0; i < s->n; i++)
		o->backends[i] = &cs->backends[i];
	qsort(o->backends, s->n, sizeof(*o->backends), cmp_conf_backends);
	for (size_t i = 0; i < s->n; i++) {
		const struct conf_backend *b = o->backends[i];

		v->tallies[v->n].eligible = b->intent == INTENT_ENABLED;
		v->verdicts[v->n++] = (struct view_verdict){
		    cs->name, b->addr, HEALTH_UNKNOWN};
	}
}

static void
count_all(struct votes *v, const struct conf *conf, struct order *o,
    struct cursor *cursors, size_t n_records)
{
	for (size_t i = 0; i < conf->n_services; i++)
		o->services[i] = &conf->services[i];
	qsort(o->services, conf->n_services, sizeof(*o->services),
	    cmp_conf_services);
	for (size_t i = 0; i < conf->n_services; i++) {
		struct votes_service *s = &v->services[i];

		add_service(v, o->services[i], o);
		for (size_t r = 0; r < n_records; r++)
			count_record(v, s, &cursors[r]);
		decide(v, s, o->services[i]->panic_percent);
	}
}

static int
allocate(struct votes *v, struct order *o, const struct conf *conf)
{
	size_t n = 0, most = 0;

	for (size_t i = 0; i < conf->n_services; i++) {
		size_t n_here = checked_backends(&conf->services[i]);

		n += n_here;
		most = n_here > most ? n_here : most;
	}
	v->verdicts = calloc(n + 1, sizeof(*v->verdicts));
	v->tallies = calloc(n + 1, sizeof(*v->tallies));
	v->services = calloc(conf->n_services + 1, sizeof(*v->services));
	o->services = calloc(conf->n_services + 1, sizeof(*o->services));
	o->backends = calloc(most + 1, sizeof(*o->backends));
	return v->verdicts != NULL && v->tallies != NULL &&
		v->services != NULL && o->services != NULL &&
		o->backends != NULL
	    ? 0
	    : -1;
}

struct votes *
votes_count(const struct conf *conf, const struct votes_record *records,
    size_t n_records)
{
	struct votes *v = calloc(1, sizeof(*v));
	struct cursor *cursors = calloc(n_records + 1, sizeof(*cursors));
	struct order o = {NULL, NULL};

	if (v == NULL || cursors == NULL || allocate(v, &o, conf) == -1) {
		votes_free(v);
		v = NULL;
		goto out;
	}
	for (size_t r = 0; r < n_records; r++)
		if (records[r].n > 0)
			cursors[r] = (struct cursor){.at = records[r].entries,
			    .end = records[r].entries + records[r].n};
	count_all(v, conf, &o, cursors, n_records);
out:
	free(cursors);
	free(o.services);
	free(o.backends);
	return v;
}

void
votes_free(struct votes *v)
{
	if (v == NULL)
		return;
	free(v->verdicts);
	free(v->tallies);
	free(v->services);
	free(v);
}

struct view_health
votes_health(const struct votes *v)
{
	return (struct view_health){v->verdicts, v->n};
}

bool
votes_self_unfit(const struct votes *v, const struct votes_record *own)
{
	const struct addr *first = NULL;
	size_t up = 0, down = 0;
	bool several = false;
	struct cursor c = {.at = own->entries};

	c.end = own->n > 0 ? own->entries + own->n : own->entries;
	for (size_t s = 0; s < v->n_services; s++) {
		const struct votes_service *vs = &v->services[s];

		seek_service(&c, vs->name);
		for (size_t i = vs->first; i < vs->first + vs->n; i++) {
			const struct addr *b = &v->verdicts[i].backend;
			enum health seen = read_vote(&c, vs->name, b);

			if (!v->tallies[i].eligible ||
			    v->tallies[i].voted != HEALTH_UP)
				continue;
			up++;
			if (seen != HEALTH_DOWN)
				continue;
			down++;
			several |= first != NULL && addr_cmp(first, b) != 0;
			first = first != NULL ? first : b;
		}
	}
	return several && down * 2 >= up;
}
