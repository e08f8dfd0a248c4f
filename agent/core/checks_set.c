/* SPDX-License-Identifier: Apache-2.0 */
/* A set of probes, made of targets: who shares what. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/checks_impl.h"

/* -1, 0 or 1, and the next only if these are equal. */
#define CMP(a, b) (((a) > (b)) - ((a) < (b)))
#define RETURN_CMP(cmp) \
	do { \
		int result = (cmp); \
		if (result != 0) \
			return result; \
	} while (0)

static int
question_cmp(const struct health_check *a, const struct health_check *b)
{
	if (a == b)
		return 0; /* of most targets, there is one check a service */
	RETURN_CMP(CMP(a->kind, b->kind));
	RETURN_CMP(CMP(a->port, b->port));
	RETURN_CMP(CMP(a->tunnel, b->tunnel));
	RETURN_CMP(CMP(a->status_min, b->status_min));
	RETURN_CMP(CMP(a->status_max, b->status_max));
	RETURN_CMP(CMP(a->insecure, b->insecure));
	RETURN_CMP(strcmp(a->host, b->host));
	RETURN_CMP(strcmp(a->path, b->path));
	RETURN_CMP(strcmp(a->send, b->send));
	return strcmp(a->expect, b->expect);
}

int
check_cmp(const struct health_check *a, const struct health_check *b)
{
	if (a == b)
		return 0;
	RETURN_CMP(question_cmp(a, b));
	RETURN_CMP(CMP(a->interval_ms, b->interval_ms));
	RETURN_CMP(CMP(a->timeout_ms, b->timeout_ms));
	RETURN_CMP(CMP(a->rise, b->rise));
	return CMP(a->fall, b->fall);
}

int
probe_question_cmp(const struct probe *p, const struct probe *q)
{
	RETURN_CMP(addr_cmp(&p->backend, &q->backend));
	RETURN_CMP(addr_cmp(&p->vip, &q->vip));
	return question_cmp(p->check, q->check);
}

int
probe_cmp(const struct probe *p, const struct probe *q)
{
	RETURN_CMP(addr_cmp(&p->backend, &q->backend));
	RETURN_CMP(addr_cmp(&p->vip, &q->vip));
	return check_cmp(p->check, q->check);
}

/* A target on its way to become a use of a probe. */
struct row {
	const struct checks_target *target;
	const struct health_check *check; /* the set's own */
	struct addr vip;
	size_t position; /* first in the input, then among the uses */
};

static int
cmp_by_use(const void *a, const void *b)
{
	const struct row *r = a, *s = b;

	if (r->target->service != s->target->service)
		RETURN_CMP(strcmp(r->target->service, s->target->service));
	RETURN_CMP(addr_cmp(&r->target->backend, &s->target->backend));
	return CMP(r->position, s->position);
}

static bool
same_use(const struct row *r, const struct row *s)
{
	return strcmp(r->target->service, s->target->service) == 0 &&
	    addr_cmp(&r->target->backend, &s->target->backend) == 0;
}

static int
cmp_by_probe(const void *a, const void *b)
{
	const struct row *r = a, *s = b;

	RETURN_CMP(addr_cmp(&r->target->backend, &s->target->backend));
	RETURN_CMP(addr_cmp(&r->vip, &s->vip));
	/* Equal checks are one check by now, and they lie in order. */
	return CMP(r->check, s->check);
}

/* One row for each (service, backend) that has a check, in that order. */
static size_t
fill_rows(struct row *rows, const struct checks_target *targets, size_t n)
{
	size_t total = 0, unique = 0;

	for (size_t i = 0; i < n; i++)
		if (targets[i].check->kind != CHECK_NONE)
			rows[total++] = (struct row){.target = &targets[i],
			    .check = targets[i].check,
			    .position = i};
	qsort(rows, total, sizeof(*rows), cmp_by_use);
	for (size_t i = 0; i < total; i++)
		if (i == 0 || !same_use(&rows[unique - 1], &rows[i]))
			rows[unique++] = rows[i];
	for (size_t i = 0; i < unique; i++) {
		const struct checks_target *t = rows[i].target;

		rows[i].position = i;
		if (t->check->tunnel && t->vip != NULL)
			rows[i].vip = *t->vip;
	}
	return unique;
}

static int
cmp_checks(const void *a, const void *b)
{
	return check_cmp(a, b);
}

static int
cmp_check_pointers(const void *a, const void *b)
{
	const struct health_check *const *c = a, *const *d = b;

	return check_cmp(*c, *d);
}

/* Each distinct check once, as a copy of the set's own. */
static int
add_checks(struct probe_set *s, struct row *rows, size_t n)
{
	const struct health_check **sorted = calloc(n + 1, sizeof(*sorted));
	size_t unique = 0;

	if (sorted == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		sorted[i] = rows[i].check;
	qsort(sorted, n, sizeof(*sorted), cmp_check_pointers);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || check_cmp(sorted[unique - 1], sorted[i]) != 0)
			sorted[unique++] = sorted[i];
	if ((s->checks = calloc(unique + 1, sizeof(*s->checks))) != NULL)
		for (size_t i = 0; i < unique; i++)
			s->checks[s->n_checks++] = *sorted[i];
	free(sorted);
	if (s->checks == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i].check = bsearch(rows[i].check, s->checks, s->n_checks,
		    sizeof(*s->checks), cmp_checks);
	return 0;
}

static void
add_use(struct probe_set *s, const struct row *r)
{
	struct probe_use *u = &s->uses[r->position];

	strncpy(u->service, r->target->service, sizeof(u->service) - 1);
	u->backend = r->target->backend;
	u->probe = (uint32_t)(s->n - 1);
	s->n_uses++;
}

static int
add_probes(struct probe_set *s, struct row *rows, size_t n, size_t min_slots)
{
	s->n_slots = n > min_slots ? n : min_slots;
	s->probes = calloc(n + 1, sizeof(*s->probes));
	s->uses = calloc(n + 1, sizeof(*s->uses));
	s->heap = calloc(n + 1, sizeof(*s->heap));
	s->slots = calloc(s->n_slots + 1, sizeof(*s->slots));
	if (s->probes == NULL || s->uses == NULL || s->heap == NULL ||
	    s->slots == NULL)
		return -1;
	for (size_t i = 0; i < s->n_slots; i++)
		s->slots[i] = PROBES_NO_SLOT;
	qsort(rows, n, sizeof(*rows), cmp_by_probe);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || cmp_by_probe(&rows[i - 1], &rows[i]) != 0)
			s->probes[s->n++] = (struct probe){
			    .backend = rows[i].target->backend,
			    .vip = rows[i].vip,
			    .check = rows[i].check,
			};
		add_use(s, &rows[i]);
	}
	return 0;
}

struct probe_set *
probe_set_new(const struct checks_target *targets, size_t n, size_t min_slots)
{
	struct probe_set *s = calloc(1, sizeof(*s));
	struct row *rows = calloc(n + 1, sizeof(*rows));

	if (s == NULL || rows == NULL)
		goto fail;
	n = fill_rows(rows, targets, n);
	if (add_checks(s, rows, n) == -1 ||
	    add_probes(s, rows, n, min_slots) == -1)
		goto fail;
	free(rows);
	return s;
fail:
	free(rows);
	probe_set_free(s);
	return NULL;
}

void
probe_set_free(struct probe_set *s)
{
	if (s == NULL)
		return;
	free(s->checks);
	free(s->probes);
	free(s->uses);
	free(s->heap);
	free(s->slots);
	free(s);
}
