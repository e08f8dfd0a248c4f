/* SPDX-License-Identifier: Apache-2.0 */
/* Stable numbers of the services and backends of a state, and who must go when
 * one state follows another. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib_impl.h"

#define BACKENDS_LIMIT FLOWS_NO_BACKEND

static int
number_backends(
    struct fib *fib, const struct forwarding *state, const struct numbers *prev)
{
	struct tables *t = &fib->tables;

	fib->backend_numbers = numbers_next(prev, state->backends,
	    state->n_backends, sizeof(struct addr), BACKENDS_LIMIT);
	if (fib->backend_numbers == NULL)
		return -1;
	fib->numbers = fib_array(
	    state->n_backends, sizeof(uint16_t), &t->backend_mask);
	fib->positions = fib_array(numbers_end(fib->backend_numbers),
	    sizeof(uint16_t), &t->number_mask);
	if (fib->numbers == NULL || fib->positions == NULL)
		return -1;
	memset(fib->positions, 0xff,
	    ((size_t)t->number_mask + 1) * sizeof(uint16_t));
	for (size_t i = 0; i < state->n_backends; i++) {
		uint32_t number = numbers_find(
		    fib->backend_numbers, &state->backends[i]);

		fib->numbers[i] = (uint16_t)number;
		fib->positions[number] = (uint16_t)i;
	}
	return 0;
}

/* Names as they stand in the state: with NULs up to the end. */
static char *
names_of(const struct forwarding *state)
{
	char *names = calloc(state->n_services + 1, FORWARDING_NAME_MAX);

	for (size_t i = 0; names != NULL && i < state->n_services; i++)
		strcpy(
		    names + i * FORWARDING_NAME_MAX, state->services[i].name);
	return names;
}

static int
number_services(
    struct fib *fib, const struct forwarding *state, const struct numbers *prev)
{
	char *names = names_of(state);

	fib->service_of = malloc(
	    FORWARDING_MAX_SERVICES * sizeof(*fib->service_of));
	fib->services_fwd = fib_array(state->n_services,
	    sizeof(struct service_fwd), &fib->tables.service_mask);
	if (names != NULL)
		fib->service_numbers = numbers_next(prev, names,
		    state->n_services, FORWARDING_NAME_MAX,
		    FORWARDING_MAX_SERVICES);
	if (fib->service_of == NULL || fib->services_fwd == NULL ||
	    fib->service_numbers == NULL) {
		free(names);
		return -1;
	}
	memset(fib->service_of, 0xff,
	    FORWARDING_MAX_SERVICES * sizeof(*fib->service_of));
	for (size_t i = 0; i < state->n_services; i++) {
		uint32_t number = numbers_find(
		    fib->service_numbers, names + i * FORWARDING_NAME_MAX);

		fib->services_fwd[i].number = number;
		fib->service_of[number] = (uint16_t)i;
	}
	free(names);
	return 0;
}

int
fib_build_numbers(struct fib *fib, const struct forwarding *state,
    const struct fib_origin *origin, struct errmsg *why)
{
	if (number_backends(fib, state, origin->backend_numbers) == -1 ||
	    number_services(fib, state, origin->service_numbers) == -1)
		return errmsg_set(why, "numbers: out of memory");
	return 0;
}

const struct numbers *
fib_backend_numbers(const struct fib *fib)
{
	return fib->backend_numbers;
}

const struct numbers *
fib_service_numbers(const struct fib *fib)
{
	return fib->service_numbers;
}

uint32_t
fib_service_position(const struct fib *fib, uint32_t number)
{
	if (number >= FORWARDING_MAX_SERVICES ||
	    fib->service_of[number] == FLOWS_NO_BACKEND)
		return TABLES_NONE;
	return fib->service_of[number];
}

uint32_t
fib_service_number(const struct fib *fib, size_t service)
{
	return fib->services_fwd[service].number;
}

uint16_t
fib_backend_number(const struct fib *fib, size_t backend)
{
	return fib_number(fib, (uint32_t)backend);
}

/* Numbers that are another's now. */
static void
lost_numbers(const struct fib *fib,
    void (*lost)(void *ctx, uint32_t service, uint32_t backend), void *ctx)
{
	const struct forwarding *f = fib->state;
	char name[FORWARDING_NAME_MAX];

	for (size_t i = 0; i < f->n_services; i++) {
		strncpy(name, f->services[i].name, sizeof(name));
		if (numbers_reused(fib->service_numbers, name))
			lost(ctx, fib_service_number(fib, i), FIB_ANY);
	}
	for (size_t i = 0; i < f->n_backends; i++)
		if (numbers_reused(fib->backend_numbers, &f->backends[i]))
			lost(ctx, FIB_ANY, fib_backend_number(fib, i));
}

void
fib_lost(const struct fib *fib, const struct fib *prev,
    void (*lost)(void *ctx, uint32_t service, uint32_t backend), void *ctx)
{
	if (prev == NULL)
		return;
	/* All hashes are others. */
	if (memcmp(fib->state->seed, prev->state->seed,
		sizeof(fib->state->seed)) != 0) {
		lost(ctx, FIB_ANY, FIB_ANY);
		return;
	}
	for (size_t i = 0; i < prev->state->n_services; i++) {
		const struct fib_service *was = &prev->services[i];
		uint32_t number = fib_service_number(prev, i);
		uint32_t at = fib_service_position(fib, number);

		if (at == TABLES_NONE) {
			lost(ctx, number, FIB_ANY);
			continue;
		}
		for (size_t j = 0; j < was->n_live; j++)
			if (!fib_live(&fib->services[at], was->live[j]))
				lost(ctx, number, was->live[j]);
	}
	lost_numbers(fib, lost, ctx);
}
