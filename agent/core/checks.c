/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/checks_impl.h"
#include "common/log.h"

struct checks *
checks_new(uint64_t entropy)
{
	struct checks *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->random = entropy;
	if ((c->set = probe_set_new(NULL, 0, 0)) == NULL) {
		checks_free(c);
		return NULL;
	}
	return c;
}

void
checks_free(struct checks *c)
{
	if (c == NULL)
		return;
	probe_set_free(c->set);
	free(c->cancelled);
	free(c);
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
next_random(struct checks *c)
{
	uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct mono
checks_first_start(
    struct checks *c, struct mono now, const struct health_check *check)
{
	uint64_t within_ms = check->interval_ms < CHECKS_FIRST_MAX_MS
	    ? check->interval_ms
	    : CHECKS_FIRST_MAX_MS;

	return (struct mono){
	    now.us + (int64_t)(next_random(c) % (within_ms * 1000 + 1))};
}

struct mono
checks_next_start(
    struct checks *c, struct mono started, const struct health_check *check)
{
	uint64_t us = check->interval_ms * UINT64_C(1000);

	us = us - us / 10 + next_random(c) % (us / 5 + 1);
	return (struct mono){started.us + (int64_t)us};
}

static void
set_why(struct probe_memory *m, const char *why)
{
	snprintf(m->why, sizeof(m->why), "%s", why != NULL ? why : "");
}

static void
judge(struct checks *c, struct mono now, struct probe *p, bool ok,
    const char *why)
{
	struct probe_memory *m = &p->memory;

	c->n_unknown -= m->judge.health == HEALTH_UNKNOWN;
	if (judge_result(&m->judge, now, ok, p->check->rise, p->check->fall))
		c->version++;
	m->took_us = now.us - m->started.us;
	/* While it is down, one success does not make its failure void. */
	if (!ok)
		set_why(m, why);
	else if (m->unable || m->judge.turned == HEALTH_UP)
		set_why(m, NULL);
	m->unable = false;
}

/* The end of a probe under way. */
static void
end(struct checks *c, struct mono now, struct probe *p,
    enum check_result result, const char *why)
{
	struct probe_memory *m = &p->memory;

	if (result == CHECK_UNABLE) {
		m->unable = true;
		set_why(m, why);
	} else {
		judge(c, now, p, result == CHECK_OK, why);
	}
	m->id = 0;
	m->at = checks_next_start(c, m->started, p->check);
	if (m->at.us < now.us)
		m->at = now;
	probe_heap_fix(c->set, p);
}

static void
start(struct checks *c, struct mono now, struct probe *p,
    struct checks_start *out)
{
	struct probe_memory *m = &p->memory;

	if (++c->serial == 0)
		c->serial = 1; /* no id is 0 */
	m->id = (uint64_t)c->serial << 32 | p->slot;
	m->started = now;
	m->at.us = now.us +
	    (p->check->timeout_ms + INT64_C(1) * CHECKS_GRACE_MS) * 1000;
	probe_heap_fix(c->set, p);
	*out = (struct checks_start){.id = m->id,
	    .backend = p->backend,
	    .vip = addr_is_none(&p->vip) ? NULL : &p->vip,
	    .check = p->check};
}

bool
checks_due(struct checks *c, struct mono now, struct checks_start *out)
{
	struct probe_set *s = c->set;

	while (s->n > 0) {
		struct probe *p = &s->probes[s->heap[0]];

		if (p->memory.at.us > now.us)
			return false;
		if (p->memory.id == 0) {
			start(c, now, p, out);
			return true;
		}
		/* No id may be lost; they wait until the caller has taken those
		 * there are. */
		if (c->n_cancelled == c->max_cancelled)
			return false;
		c->cancelled[c->n_cancelled++] = p->memory.id;
		end(c, now, p, CHECK_FAILED, "no result in time");
	}
	return false;
}

bool
checks_cancelled(struct checks *c, uint64_t *id)
{
	if (c->n_cancelled == 0)
		return false;
	*id = c->cancelled[--c->n_cancelled];
	return true;
}

static struct probe *
find_under_way(const struct checks *c, uint64_t id)
{
	const struct probe_set *s = c->set;
	uint32_t slot = (uint32_t)id;
	struct probe *p;

	if (id == 0 || slot >= s->n_slots || s->slots[slot] == PROBES_NO_SLOT)
		return NULL;
	p = &s->probes[s->slots[slot]];
	return p->memory.id == id ? p : NULL;
}

void
checks_result(struct checks *c, struct mono now, uint64_t id,
    enum check_result result, const char *why)
{
	struct probe *p = find_under_way(c, id);

	if (p != NULL)
		end(c, now, p, result, why);
}

struct mono
checks_wakeup(const struct checks *c)
{
	const struct probe_set *s = c->set;

	return s->n > 0 ? s->probes[s->heap[0]].memory.at
			: (struct mono){INT64_MAX};
}

bool
checks_round_done(const struct checks *c)
{
	return c->n_unknown == 0;
}

uint64_t
checks_version(const struct checks *c)
{
	return c->version;
}

static int
cmp_uses(const void *a, const void *b)
{
	const struct probe_use *u = a, *v = b;
	int cmp = strcmp(u->service, v->service);

	return cmp != 0 ? cmp : addr_cmp(&u->backend, &v->backend);
}

enum health
checks_health(
    const struct checks *c, const char *service, const struct addr *backend)
{
	const struct probe_set *s = c->set;
	struct probe_use key = {.backend = *backend}, *found;

	strncpy(key.service, service, sizeof(key.service) - 1);
	found = bsearch(&key, s->uses, s->n_uses, sizeof(key), cmp_uses);
	return found != NULL ? s->probes[found->probe].memory.judge.health
			     : HEALTH_UNKNOWN;
}

size_t
checks_count(const struct checks *c)
{
	return c->set->n_uses;
}

void
checks_get(const struct checks *c, size_t i, struct checks_state *out)
{
	const struct probe_use *u;
	const struct probe *p;
	const struct judge *j;

	GW_ASSERT(i < c->set->n_uses);
	u = &c->set->uses[i];
	p = &c->set->probes[u->probe];
	j = &p->memory.judge;
	*out = (struct checks_state){
	    .service = u->service,
	    .backend = u->backend,
	    .vip = addr_is_none(&p->vip) ? NULL : &p->vip,
	    .check = p->check,
	    .health = j->health,
	    .since = j->since,
	    .why = p->memory.why,
	    .unable = p->memory.unable,
	    .flapping = j->held,
	    .flapping_until = j->held_until,
	    .ok_in_row = j->ok_in_row,
	    .failed_in_row = j->failed_in_row,
	    .under_way = p->memory.id != 0,
	    .took_us = p->memory.took_us,
	};
}
