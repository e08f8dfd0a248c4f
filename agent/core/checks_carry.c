/* SPDX-License-Identifier: Apache-2.0 */
/* From one set of probes to the next: what is remembered, what is cancelled. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/checks_impl.h"
#include "common/log.h"

/* How a probe of the new set stands to the old one. */
enum carried {
	NOT_CARRIED,
	CARRIED, /* as it was */
	ADAPTED, /* from one that asked the same at other times */
	LEARNED, /* a copy of what another knows that goes on */
};

/* taken[]: which of the old ones go on; how[]: where the new ones come from. */
static void
carry_same(struct probe_set *to, uint8_t *how, const struct probe_set *from,
    bool *taken)
{
	size_t i = 0, j = 0;

	while (i < to->n && j < from->n) {
		int cmp = probe_cmp(&to->probes[i], &from->probes[j]);

		if (cmp == 0) {
			to->probes[i].memory = from->probes[j].memory;
			how[i] = CARRIED;
			taken[j] = true;
		}
		i += cmp <= 0;
		j += cmp >= 0;
	}
}

/* Of the old ones from j on that ask the same as p: one that would end, else
 * the first; from->n: none asks the same. */
static size_t
find_source(const struct probe *p, const struct probe_set *from,
    const bool *taken, size_t j)
{
	size_t k = j;

	while (k < from->n && probe_question_cmp(p, &from->probes[k]) == 0) {
		if (!taken[k])
			return k;
		k++;
	}
	return k > j ? j : from->n;
}

static void
carry_similar(struct probe_set *to, uint8_t *how, const struct probe_set *from,
    bool *taken)
{
	size_t j = 0, source;

	for (size_t i = 0; i < to->n; i++) {
		struct probe *p = &to->probes[i];

		while (
		    j < from->n && probe_question_cmp(&from->probes[j], p) < 0)
			j++;
		if (how[i] == CARRIED ||
		    (source = find_source(p, from, taken, j)) == from->n)
			continue;
		p->memory = from->probes[source].memory;
		how[i] = taken[source] ? LEARNED : ADAPTED;
		taken[source] = true;
	}
}

static void
begin(struct checks *c, struct mono now, struct probe *p, enum carried how)
{
	struct probe_memory *m = &p->memory;
	struct mono next;

	switch (how) {
	case NOT_CARRIED:
		judge_init(&m->judge, now);
		m->took_us = -1;
		m->at = checks_first_start(c, now, p->check);
		break;
	case LEARNED:
		m->id = 0;
		m->at = checks_first_start(c, now, p->check);
		break;
	case ADAPTED:
		next = checks_next_start(c, now, p->check);
		if (m->id == 0 && next.us < m->at.us)
			m->at = next;
		break;
	case CARRIED:
		break;
	}
}

/* Who is under way keeps its slot; the others take what is left. */
static void
give_slots(struct probe_set *s)
{
	size_t next = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct probe *p = &s->probes[i];

		if (p->memory.id == 0)
			continue;
		p->slot = (uint32_t)p->memory.id;
		GW_ASSERT(p->slot < s->n_slots);
		s->slots[p->slot] = (uint32_t)i;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->probes[i].memory.id != 0)
			continue;
		while (s->slots[next] != PROBES_NO_SLOT)
			next++;
		s->probes[i].slot = (uint32_t)next;
		s->slots[next] = (uint32_t)i;
	}
}

static enum health
use_health(const struct probe_set *s, size_t use)
{
	return s->probes[s->uses[use].probe].memory.judge.health;
}

/* Do both say the same of the same? */
static bool
same_verdicts(const struct probe_set *a, const struct probe_set *b)
{
	if (a->n_uses != b->n_uses)
		return false;
	for (size_t i = 0; i < a->n_uses; i++) {
		const struct probe_use *u = &a->uses[i], *v = &b->uses[i];

		if (addr_cmp(&u->backend, &v->backend) != 0 ||
		    strcmp(u->service, v->service) != 0 ||
		    use_health(a, i) != use_health(b, i))
			return false;
	}
	return true;
}

static size_t
count_unknown(const struct probe_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->probes[i].memory.judge.health == HEALTH_UNKNOWN;
	return n;
}

/* Nothing fails from here on. ids has room for all. */
static void
replace(struct checks *c, struct probe_set *to, const bool *taken,
    uint64_t *ids, size_t max_ids)
{
	struct probe_set *from = c->set;

	for (size_t i = 0; i < c->n_cancelled; i++)
		ids[i] = c->cancelled[i];
	for (size_t i = 0; i < from->n; i++)
		if (!taken[i] && from->probes[i].memory.id != 0)
			ids[c->n_cancelled++] = from->probes[i].memory.id;
	free(c->cancelled);
	c->cancelled = ids;
	c->max_cancelled = max_ids;
	if (!same_verdicts(from, to))
		c->version++;
	c->n_unknown = count_unknown(to);
	c->set = to;
	probe_set_free(from);
}

int
checks_set(struct checks *c, struct mono now,
    const struct checks_target *targets, size_t n)
{
	struct probe_set *from = c->set, *to;
	size_t max_ids = c->n_cancelled + from->n + n;
	uint64_t *ids = calloc(max_ids + 1, sizeof(*ids));
	bool *taken = calloc(from->n + 1, sizeof(*taken));
	uint8_t *how = calloc(n + 1, sizeof(*how));
	int rc = -1;

	to = probe_set_new(targets, n, from->n_slots);
	if (ids == NULL || taken == NULL || how == NULL || to == NULL)
		goto out;
	carry_same(to, how, from, taken);
	carry_similar(to, how, from, taken);
	for (size_t i = 0; i < to->n; i++)
		begin(c, now, &to->probes[i], how[i]);
	give_slots(to);
	probe_heap_init(to);
	replace(c, to, taken, ids, max_ids);
	ids = NULL;
	to = NULL;
	rc = 0;
out:
	free(ids);
	free(taken);
	free(how);
	probe_set_free(to);
	return rc;
}
