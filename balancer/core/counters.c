/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/counters.h"

#include <stdlib.h>
#include <string.h>

#include "common/forwarding.h"

static const struct {
	const char *name, *text;
	enum verdict verdict;
} reasons[REASON_COUNT] = {
#define X(id, label, fate, words) \
	[REASON_##id] = {label, words, VERDICT_##fate},
    REASONS(X)
#undef X
};

const char *
reason_name(enum reason reason)
{
	return reasons[reason].name;
}

const char *
reason_text(enum reason reason)
{
	return reasons[reason].text;
}

enum verdict
reason_verdict(enum reason reason)
{
	return reasons[reason].verdict;
}

uint64_t
counters_vip_packets(const struct counters *c)
{
	uint64_t sum = 0;

	for (int r = 0; r < REASON_COUNT; r++) {
		switch (reasons[r].verdict) {
		case VERDICT_FORWARD:
		case VERDICT_REPLY:
		case VERDICT_DROP:
			sum += c->reasons[r];
			break;
		case VERDICT_PASS:
		case VERDICT_HELD: /* counted again under its end */
		case VERDICT_SLOW:
			break;
		}
	}
	return sum;
}

/* What counters belong to, and where they stand: a service's name or a
 * backend's address. */
struct owner {
	const void *key;
	size_t position;
};

static int
service_cmp(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static int
backend_cmp(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return addr_cmp(x->key, y->key);
}

/* The owners of one kind in a state: `first` and `stride` walk their keys. */
static struct owner *
owners_sorted(const void *first, size_t stride, size_t n,
    int (*cmp)(const void *, const void *))
{
	struct owner *owners = calloc(n + 1, sizeof(*owners));

	if (owners == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		owners[i] = (struct owner){(const char *)first + i * stride, i};
	qsort(owners, n, sizeof(*owners), cmp);
	return owners;
}

static int
carry_services(struct counters *to, const struct forwarding *state,
    const struct counters *from, const struct forwarding *prev)
{
	struct owner *owners;

	owners = owners_sorted(prev->n_services ? prev->services[0].name : "",
	    sizeof(prev->services[0]), prev->n_services, service_cmp);
	if (owners == NULL)
		return -1;
	for (size_t i = 0; i < state->n_services; i++) {
		struct owner key = {state->services[i].name, 0}, *was;

		was = bsearch(&key, owners, prev->n_services, sizeof(*owners),
		    service_cmp);
		if (was == NULL)
			continue;
		to->services[i] = from->services[was->position];
		memcpy(to->service_reasons[i],
		    from->service_reasons[was->position],
		    sizeof(to->service_reasons[i]));
	}
	free(owners);
	return 0;
}

static int
carry_backends(struct counters *to, const struct forwarding *state,
    const struct counters *from, const struct forwarding *prev)
{
	struct owner *owners;

	owners = owners_sorted(prev->backends, sizeof(prev->backends[0]),
	    prev->n_backends, backend_cmp);
	if (owners == NULL)
		return -1;
	for (size_t i = 0; i < state->n_backends; i++) {
		struct owner key = {&state->backends[i], 0}, *was;

		was = bsearch(&key, owners, prev->n_backends, sizeof(*owners),
		    backend_cmp);
		if (was != NULL)
			to->backends[i] = from->backends[was->position];
	}
	free(owners);
	return 0;
}

static int
carry(struct counters *to, const struct forwarding *state,
    const struct counters *from, const struct forwarding *prev)
{
	memcpy(to->reasons, from->reasons, sizeof(to->reasons));
	if (carry_services(to, state, from, prev) == -1)
		return -1;
	return carry_backends(to, state, from, prev);
}

struct counters *
counters_new(const struct forwarding *state, const struct counters *prev,
    const struct forwarding *prev_state)
{
	struct counters *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->n_services = state->n_services;
	c->n_backends = state->n_backends;
	/* One more of each: calloc(0) may be NULL. */
	c->services = calloc(c->n_services + 1, sizeof(*c->services));
	c->service_reasons = calloc(
	    c->n_services + 1, sizeof(*c->service_reasons));
	c->backends = calloc(c->n_backends + 1, sizeof(*c->backends));
	if (c->services == NULL || c->service_reasons == NULL ||
	    c->backends == NULL)
		goto fail;
	if (prev != NULL && prev_state != NULL &&
	    carry(c, state, prev, prev_state) == -1)
		goto fail;
	return c;
fail:
	counters_free(c);
	return NULL;
}

void
counters_clear(struct counters *c)
{
	memset(c->reasons, 0, sizeof(c->reasons));
	memset(c->services, 0, c->n_services * sizeof(*c->services));
	memset(
	    c->service_reasons, 0, c->n_services * sizeof(*c->service_reasons));
	memset(c->backends, 0, c->n_backends * sizeof(*c->backends));
}

void
counters_free(struct counters *c)
{
	if (c == NULL)
		return;
	free(c->services);
	free(c->service_reasons);
	free(c->backends);
	free(c);
}
