/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

static const struct addr *
member_addr(const struct forwarding *f, const struct forwarding_service *s,
    size_t member)
{
	return &f->backends[s->members[member].backend];
}

static struct table *
build(const struct forwarding *f, const struct forwarding_service *s)
{
	struct table_member *members = calloc(s->n_members, sizeof(*members));
	char(*names)[ADDR_TEXT_MAX] = calloc(s->n_members, sizeof(*names));
	struct table *table = NULL;

	if (members == NULL || names == NULL)
		goto out;
	for (size_t i = 0; i < s->n_members; i++) {
		members[i].name = addr_format(member_addr(f, s, i), names[i]);
		members[i].weight = s->members[i].weight;
		members[i].phi = s->members[i].phi;
	}
	table = table_new(members, s->n_members, s->table_size, f->seed);
out:
	free(names);
	free(members);
	return table;
}

/* Would both have the same base table, members at the same positions? */
static bool
same_base(const struct forwarding *f, const struct forwarding_service *s,
    const struct forwarding *g, const struct forwarding_service *t)
{
	if (memcmp(f->seed, g->seed, sizeof(f->seed)) != 0 ||
	    s->table_size != t->table_size || s->n_members != t->n_members)
		return false;
	for (size_t i = 0; i < s->n_members; i++)
		if (s->members[i].weight != t->members[i].weight ||
		    addr_cmp(member_addr(f, s, i), member_addr(g, t, i)) != 0)
			return false;
	return true;
}

/* The service of prev whose table will do for s, or NULL. */
static struct plan_service *
find_reusable(struct plan *prev, const struct forwarding *f,
    const struct forwarding_service *s)
{
	if (prev == NULL)
		return NULL;
	for (size_t i = 0; i < prev->state->n_services; i++) {
		const struct forwarding_service *t = &prev->state->services[i];

		if (strcmp(s->name, t->name) == 0)
			return same_base(f, s, prev->state, t)
			    ? &prev->services[i]
			    : NULL;
	}
	return NULL;
}

/* What can fail, and leaves prev alone. */
static int
prepare(struct plan *p, struct plan *prev, struct errmsg *why)
{
	const struct forwarding *f = p->state;

	p->services = calloc(f->n_services + 1, sizeof(*p->services));
	if (p->services == NULL)
		return errmsg_sys(why, "tables of %zu services", f->n_services);
	for (size_t i = 0; i < f->n_services; i++) {
		const struct forwarding_service *s = &f->services[i];
		struct plan_service *ps = &p->services[i];

		if (s->n_members == 0)
			continue;
		ps->slots = calloc(s->n_members, sizeof(*ps->slots));
		if (ps->slots == NULL)
			return errmsg_sys(why, "service %s", s->name);
		if (find_reusable(prev, f, s) != NULL)
			continue;
		if ((ps->table = build(f, s)) == NULL)
			return errmsg_sys(why,
			    "service %s: table of %u slots for %zu members",
			    s->name, s->table_size, s->n_members);
	}
	return 0;
}

static void
patch(struct table *table, const struct forwarding_service *s,
    const struct forwarding_service *before)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (s->members[i].phi != before->members[i].phi)
			table_set_phi(table, table_index_of(table, i),
			    s->members[i].phi, NULL, NULL);
}

static void
count_slots(struct plan_service *ps)
{
	const uint16_t *slots = table_slots(ps->table);
	uint32_t size = table_size(ps->table);

	for (uint32_t i = 0; i < size; i++)
		ps->slots[table_position_of(ps->table, slots[i])]++;
}

/* What cannot fail. */
static void
complete(struct plan *p, struct plan *prev)
{
	for (size_t i = 0; i < p->state->n_services; i++) {
		const struct forwarding_service *s = &p->state->services[i];
		struct plan_service *ps = &p->services[i], *old;

		if (s->n_members == 0)
			continue;
		if (ps->table == NULL) {
			old = find_reusable(prev, p->state, s);
			GW_ASSERT(old != NULL);
			ps->table = old->table;
			old->table = NULL;
			patch(ps->table, s,
			    &prev->state->services[old - prev->services]);
		}
		table_digest(ps->table, NULL, ps->digest);
		count_slots(ps);
	}
}

struct plan *
plan_new(struct forwarding *state, struct plan *prev, struct errmsg *why)
{
	struct plan *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		errmsg_sys(why, "forwarding state");
		forwarding_free(state);
		return NULL;
	}
	p->state = state;
	if (prepare(p, prev, why) == -1) {
		plan_free(p);
		return NULL;
	}
	complete(p, prev);
	return p;
}

void
plan_free(struct plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; p->services != NULL && i < p->state->n_services;
	     i++) {
		table_free(p->services[i].table);
		free(p->services[i].slots);
	}
	free(p->services);
	forwarding_free(p->state);
	free(p);
}

/* The balancer keeps our order; hint is where it should be. */
static const struct report_digest *
find_digest(const struct report_digest *served, size_t n, size_t hint,
    const char *service)
{
	if (hint < n && strcmp(served[hint].service, service) == 0)
		return &served[hint];
	for (size_t i = 0; i < n; i++)
		if (strcmp(served[i].service, service) == 0)
			return &served[i];
	return NULL;
}

int
plan_compare(struct plan *p, const struct report_digest *served, size_t n,
    struct errmsg *why)
{
	int result = 0;

	plan_forget_served(p);
	for (size_t i = 0; i < p->state->n_services; i++) {
		const char *name = p->state->services[i].name;
		struct plan_service *ps = &p->services[i];
		const struct report_digest *d = find_digest(served, n, i, name);

		if (d != NULL) {
			ps->has_served = true;
			memcpy(ps->served, d->digest, sizeof(ps->served));
		}
		if (result == 0 &&
		    (d == NULL ||
			memcmp(ps->digest, d->digest, sizeof(ps->digest)) != 0))
			result = errmsg_set(why, "service %s: %s", name,
			    d == NULL ? "the balancer does not serve it"
				      : "the balancer serves another table "
					"than computed here");
	}
	if (result == 0 && n != p->state->n_services)
		result = errmsg_set(why,
		    "the balancer serves %zu services instead of %zu", n,
		    p->state->n_services);
	return result;
}

void
plan_forget_served(struct plan *p)
{
	for (size_t i = 0; i < p->state->n_services; i++)
		p->services[i].has_served = false;
}

uint64_t
plan_slots(const struct plan *p)
{
	uint64_t slots = 0;

	for (size_t i = 0; i < p->state->n_services; i++)
		slots += p->state->services[i].table_size;
	return slots;
}
