/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/log.h"

int
view_verdict_cmp(const void *a, const void *b)
{
	const struct view_verdict *v = a, *w = b;
	int cmp = strcmp(v->service, w->service);

	return cmp != 0 ? cmp : addr_cmp(&v->backend, &w->backend);
}

enum health
view_health_of(const struct view_health *health, const char *service,
    const struct addr *backend)
{
	const struct view_verdict *found, key = {service, *backend, HEALTH_UP};

	if (health == NULL)
		return HEALTH_UP;
	if (health->n_verdicts == 0)
		return HEALTH_UNKNOWN;
	found = bsearch(&key, health->verdicts, health->n_verdicts, sizeof(key),
	    view_verdict_cmp);
	return found != NULL ? found->health : HEALTH_UNKNOWN;
}

static int
cmp_addrs(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* Every backend of every service once, in ascending order. */
static int
add_backends(struct forwarding *f, const struct conf *conf)
{
	size_t n = 0, unique = 0;

	for (size_t i = 0; i < conf->n_services; i++)
		n += conf->services[i].n_backends;
	if ((f->backends = calloc(n + 1, sizeof(*f->backends))) == NULL)
		return -1;
	n = 0;
	for (size_t i = 0; i < conf->n_services; i++)
		for (size_t j = 0; j < conf->services[i].n_backends; j++)
			f->backends[n++] = conf->services[i].backends[j].addr;
	qsort(f->backends, n, sizeof(*f->backends), cmp_addrs);
	for (size_t i = 0; i < n; i++)
		if (i == 0 ||
		    addr_cmp(&f->backends[i], &f->backends[unique - 1]) != 0)
			f->backends[unique++] = f->backends[i];
	GW_ASSERT(unique <= FORWARDING_MAX_BACKENDS);
	f->n_backends = unique;
	return 0;
}

static int
cmp_endpoints(const void *a, const void *b)
{
	return forwarding_endpoint_cmp(a, b);
}

/* Each VIP with each port; no ports: one endpoint with port 0, every port. */
static int
add_endpoints(struct forwarding_service *s, const struct conf_service *cs)
{
	size_t n_ports = cs->n_ports > 0 ? cs->n_ports : 1;

	s->endpoints = calloc(cs->n_vips * n_ports + 1, sizeof(*s->endpoints));
	if (s->endpoints == NULL)
		return -1;
	for (size_t i = 0; i < cs->n_vips; i++)
		for (size_t j = 0; j < n_ports; j++)
			s->endpoints[s->n_endpoints++] =
			    (struct forwarding_endpoint){
				.vip = cs->vips[i],
				.port = cs->n_ports > 0 ? cs->ports[j] : 0,
				.protocol = cs->protocol,
			    };
	qsort(
	    s->endpoints, s->n_endpoints, sizeof(*s->endpoints), cmp_endpoints);
	return 0;
}

static void
fill_member(struct forwarding_member *m, enum intent intent, enum health health)
{
	m->down = intent == INTENT_DISABLED || health == HEALTH_DOWN;
	m->phi = 0;
	if (intent == INTENT_ENABLED && !m->down)
		m->phi = FORWARDING_PHI_FULL;
}

static bool
is_past(const struct conf_service *cs, const struct conf_backend *b,
    uint64_t wall_ms)
{
	return ramp_step(b->since_ms, cs->slow_start_s, wall_ms) == RAMP_STEPS;
}

/* Members are as the service's backends yet. A new one goes easy on itself only
 * where others can take what it does not. */
static void
ramp(struct forwarding_service *s, const struct conf_service *cs,
    uint64_t wall_ms)
{
	bool past = false;

	for (size_t i = 0; i < cs->n_backends; i++)
		past = past ||
		    (s->members[i].phi > 0 &&
			is_past(cs, &cs->backends[i], wall_ms));
	for (size_t i = 0; past && i < cs->n_backends; i++)
		s->members[i].phi = (uint16_t)(s->members[i].phi *
		    ramp_step(
			cs->backends[i].since_ms, cs->slow_start_s, wall_ms) /
		    RAMP_STEPS);
}

static int
cmp_members(const void *a, const void *b)
{
	const struct forwarding_member *m = a, *n = b;

	return m->backend - n->backend;
}

static int
add_members(struct forwarding_service *s, const struct conf_service *cs,
    const struct forwarding *f, const struct view_health *health,
    uint64_t wall_ms)
{
	s->members = calloc(cs->n_backends + 1, sizeof(*s->members));
	if (s->members == NULL)
		return -1;
	for (size_t i = 0; i < cs->n_backends; i++) {
		const struct conf_backend *b = &cs->backends[i];
		struct forwarding_member *m = &s->members[s->n_members++];
		const struct addr *at = bsearch(&b->addr, f->backends,
		    f->n_backends, sizeof(*f->backends), cmp_addrs);

		m->backend = (uint16_t)(at - f->backends);
		m->weight = b->weight;
		fill_member(
		    m, b->intent, view_health_of(health, cs->name, &b->addr));
	}
	ramp(s, cs, wall_ms);
	qsort(s->members, s->n_members, sizeof(*s->members), cmp_members);
	return 0;
}

static int
cmp_services(const void *a, const void *b)
{
	const struct forwarding_service *s = a, *t = b;

	return strcmp(s->name, t->name);
}

static int
add_services(struct forwarding *f, const struct conf *conf,
    const struct view_health *health, uint64_t wall_ms)
{
	f->services = calloc(conf->n_services + 1, sizeof(*f->services));
	if (f->services == NULL)
		return -1;
	for (size_t i = 0; i < conf->n_services; i++) {
		const struct conf_service *cs = &conf->services[i];
		struct forwarding_service *s = &f->services[f->n_services++];

		strncpy(s->name, cs->name, sizeof(s->name) - 1);
		s->table_size = cs->table_size;
		s->refuse_oversize = cs->refuse_oversize;
		s->settle_s = cs->settle_s;
		s->udp_learn_s = cs->udp_learn_s;
		s->tcp_idle_s = cs->tcp_idle_s;
		s->udp_idle_s = cs->udp_idle_s;
		s->down_keep = cs->down_keep;
		if (add_endpoints(s, cs) == -1 ||
		    add_members(s, cs, f, health, wall_ms) == -1)
			return -1;
	}
	qsort(f->services, f->n_services, sizeof(*f->services), cmp_services);
	return 0;
}

struct forwarding *
view_forwarding(const struct conf *conf, const struct view_health *health,
    uint64_t wall_ms, uint64_t generation)
{
	struct forwarding *f = forwarding_new();

	if (f == NULL)
		return NULL;
	f->generation = generation;
	memcpy(f->seed, conf->seed, sizeof(f->seed));
	f->source4 = conf->source4;
	f->source6 = conf->source6;
	if (add_backends(f, conf) == 0 &&
	    add_services(f, conf, health, wall_ms) == 0)
		return f;
	forwarding_free(f);
	return NULL;
}

uint64_t
view_stands_until(const struct conf *conf, uint64_t wall_ms)
{
	uint64_t until = RAMP_NEVER;

	for (size_t i = 0; i < conf->n_services; i++) {
		const struct conf_service *cs = &conf->services[i];

		for (size_t j = 0; j < cs->n_backends; j++)
			until = MIN(until,
			    ramp_next(cs->backends[j].since_ms,
				cs->slow_start_s, wall_ms));
	}
	return until;
}
