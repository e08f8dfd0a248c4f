/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/numbers.h"
#include "balancer/core/tables.h"

_Static_assert(FLOW_RECORD_UDP == FLOW_TOLD_UDP &&
	FLOW_RECORD_SYN_ONLY == FLOW_TOLD_SYN_ONLY &&
	FLOW_RECORD_CLOSING == FLOW_TOLD_CLOSING &&
	FLOW_RECORD_GUESSED == FLOW_TOLD_GUESSED &&
	FLOW_RECORD_ONCE == FLOW_TOLD_ONCE,
    "the same flags");

/* Out ------------------------------------------------------------------ */

static int
by_service(const void *a, const void *b)
{
	const struct flow_record *x = a, *y = b;

	return (x->service > y->service) - (x->service < y->service);
}

/* A batch that grows; the arrays have room for all. */
struct packing {
	const struct fib *fib;
	const struct tables *tables;
	struct flow_batch *batch;
	struct flow_told *told; /* the next free one */
	uint16_t *index; /* by position of the backend: 1 + that in the batch */
};

static uint16_t
backend_index(struct packing *p, uint32_t position)
{
	struct flow_batch *b = p->batch;

	if (p->index[position] == 0) {
		b->backends[b->n_backends++] =
		    fib_state(p->fib)->backends[position];
		p->index[position] = (uint16_t)b->n_backends;
	}
	return (uint16_t)(p->index[position] - 1);
}

static void
pack_record(struct packing *p, const struct flow_record *r)
{
	uint32_t backend = flow_position(p->tables, r->backend);
	struct flow_service *s = &p->batch->services[p->batch->n_services - 1];

	if (backend == FLOWS_NO_BACKEND)
		return;
	*p->told++ = (struct flow_told){
	    .hash = r->hash,
	    .backend = backend_index(p, backend),
	    .flags = r->flags,
	    .age_s = r->age_s < FLOWS_AGE_MAX ? r->age_s : FLOWS_AGE_MAX,
	};
	s->n_flows++;
}

/* Those of one service. */
static void
pack_service(struct packing *p, const struct flow_record *records, size_t n)
{
	uint32_t at = fib_service_position(p->fib, records[0].service);
	struct flow_batch *b = p->batch;

	if (at == TABLES_NONE)
		return;
	b->services[b->n_services++] = (struct flow_service){
	    .name = fib_state(p->fib)->services[at].name, .flows = p->told};
	for (size_t i = 0; i < n; i++)
		pack_record(p, &records[i]);
	if (b->services[b->n_services - 1].n_flows == 0)
		b->n_services--;
}

int
exchange_pack(const struct fib *fib, struct flow_record *records, size_t n,
    struct arena *arena, struct flow_batch *batch)
{
	const struct forwarding *state = fib_state(fib);
	size_t services = n < state->n_services ? n : state->n_services;
	size_t backends = n < state->n_backends ? n : state->n_backends, end;
	struct packing p = {fib, fib_tables(fib), batch, NULL, NULL};

	*batch = (struct flow_batch){
	    .seed_print = flows_seed_print(state->seed)};
	if (n == 0)
		return 0;
	batch->backends = arena_alloc(
	    arena, backends, sizeof(*batch->backends));
	batch->services = arena_alloc(
	    arena, services, sizeof(*batch->services));
	p.told = arena_alloc(arena, n, sizeof(*p.told));
	p.index = arena_alloc(arena, state->n_backends, sizeof(*p.index));
	if (batch->backends == NULL || batch->services == NULL ||
	    p.told == NULL || p.index == NULL)
		return -1;
	qsort(records, n, sizeof(*records), by_service);
	for (size_t i = 0; i < n; i = end) {
		end = i + 1;
		while (end < n && records[end].service == records[i].service)
			end++;
		pack_service(&p, &records[i], end - i);
	}
	return 0;
}

/* In ------------------------------------------------------------------- */

static uint32_t
service_number(const struct fib *fib, const char *name)
{
	char key[FORWARDING_NAME_MAX] = "";

	if (strlen(name) >= sizeof(key))
		return NUMBERS_NONE;
	memcpy(key, name, strlen(name));
	return numbers_find(fib_service_numbers(fib), key);
}

static void
learn_flow(struct fib *fib, struct flows *flows, struct flow_record *r,
    uint32_t now, struct exchange_result *result)
{
	switch (fib_need(fib, r->service, r->hash, r->backend, now)) {
	case FIB_DEAD:
		result->refused++;
		return;
	/* The slot may be about to move here as well, which the other node has
	 * heard of earlier: then it is needed, and nobody will say it again. */
	case FIB_NEEDLESS:
	case FIB_PINNED:
	case FIB_MOVING:
		break;
	}
	if (flows_import(flows, r) == FLOWS_FULL)
		result->refused++;
	else
		result->taken++;
}

static void
learn_service(struct fib *fib, struct flows *flows,
    const struct flow_service *s, const uint32_t *backends, uint32_t now,
    struct exchange_result *result)
{
	uint32_t service = service_number(fib, s->name), backend;

	for (size_t i = 0; i < s->n_flows; i++) {
		const struct flow_told *told = &s->flows[i];
		struct flow_record r = {
		    .hash = told->hash,
		    .service = (uint16_t)service,
		    .flags = told->flags,
		    .age_s = told->age_s,
		};

		backend = backends[told->backend];
		if (service == NUMBERS_NONE || backend == NUMBERS_NONE) {
			result->refused++;
			continue;
		}
		r.backend = (uint16_t)backend;
		learn_flow(fib, flows, &r, now, result);
	}
}

int
exchange_learn(struct fib *fib, struct flows *flows,
    const struct flow_batch *batch, uint32_t now, struct arena *arena,
    struct exchange_result *result)
{
	uint32_t *backends = arena_alloc(
	    arena, batch->n_backends, sizeof(*backends));

	*result = (struct exchange_result){0, 0};
	if (backends == NULL)
		return -1;
	/* Hashes of another seed mean other flows. */
	if (batch->seed_print != flows_seed_print(fib_state(fib)->seed)) {
		result->refused = (uint32_t)flow_batch_count(batch);
		return 0;
	}
	for (size_t i = 0; i < batch->n_backends; i++)
		backends[i] = numbers_find(
		    fib_backend_numbers(fib), &batch->backends[i]);
	for (size_t i = 0; i < batch->n_services; i++)
		learn_service(
		    fib, flows, &batch->services[i], backends, now, result);
	return 0;
}

/* Held ----------------------------------------------------------------- */

struct flow_held
exchange_held(const struct fib *fib, const struct flows *flows,
    const char *service, const struct addr *backend)
{
	uint32_t s = service_number(fib, service);
	uint32_t b = numbers_find(fib_backend_numbers(fib), backend);
	uint32_t s_at, b_at;
	struct flow_held held = {0, 0, 0};

	if (s == NUMBERS_NONE || b == NUMBERS_NONE)
		return held;
	if (flows != NULL)
		held.entries = flows_count(flows, (uint16_t)s, (uint16_t)b);
	s_at = fib_service_position(fib, s);
	b_at = flow_position(fib_tables(fib), b);
	if (s_at != TABLES_NONE && b_at != FLOWS_NO_BACKEND)
		held.slots = fib_held(fib, s_at, b_at);
	return held;
}
