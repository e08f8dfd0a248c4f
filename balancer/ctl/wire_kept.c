/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/ctl/wire_kept.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib.h"
#include "balancer/core/numbers.h"
#include "balancer/core/tables.h"
#include "common/arena.h"
#include "common/budget.h"
#include "common/fields.h"
#include "common/flows_batch.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__Kept MsgKept;
typedef Guideway__Balancer__KeptNumber MsgNumber;

static MsgNumber **
numbers_pack(
    struct arena *arena, const struct numbers *ns, size_t key_len, size_t *n)
{
	MsgNumber **to;
	const void *key;
	uint32_t number;
	bool gone;

	for (*n = 0; numbers_at(ns, *n, &number, &gone) != NULL;)
		++*n;
	to = field_messages(
	    arena, *n, &guideway__balancer__kept_number__descriptor);
	for (size_t i = 0; to != NULL && i < *n; i++) {
		key = numbers_at(ns, i, &number, &gone);
		to[i]->key = field_of_bytes(key, key_len);
		to[i]->number = number;
	}
	return to;
}

static int
fill(struct arena *arena, MsgKept *m, const struct fib *fib, uint32_t now)
{
	struct settled_batch settled;

	if (fib_settled(fib, now, arena, &settled) == -1)
		return -1;
	m->state = forwarding_to_message(arena, fib_state(fib));
	m->settled = settled_batch_to_message(arena, &settled);
	m->backends = numbers_pack(arena, fib_backend_numbers(fib),
	    sizeof(struct addr), &m->n_backends);
	m->services = numbers_pack(arena, fib_service_numbers(fib),
	    FORWARDING_NAME_MAX, &m->n_services);
	m->tick = now;
	if (m->state == NULL || m->settled == NULL || m->backends == NULL ||
	    m->services == NULL)
		return -1;
	return 0;
}

uint8_t *
wire_pack_kept(const struct fib *fib, uint32_t now, size_t *len)
{
	MsgKept m = GUIDEWAY__BALANCER__KEPT__INIT;
	struct arena *arena = arena_new();
	uint8_t *data = NULL;

	if (arena != NULL && fill(arena, &m, fib, now) == 0) {
		*len = guideway__balancer__kept__get_packed_size(&m);
		if ((data = malloc(*len)) != NULL)
			guideway__balancer__kept__pack(&m, data);
	}
	arena_free(arena);
	return data;
}

/* NULL with `why`. */
static struct numbers *
numbers_read(MsgNumber *const *from, size_t n, size_t key_len, uint32_t limit,
    struct errmsg *why)
{
	struct numbers *ns = n > limit ? NULL : numbers_new(key_len, limit);

	if (ns == NULL) {
		errmsg_set(why, "%zu numbers are too many", n);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (from[i]->key.len == key_len &&
		    numbers_put(ns, from[i]->key.data, from[i]->number) == 0)
			continue;
		errmsg_set(why, "number %zu of %zu is wrong", i, n);
		numbers_free(ns);
		return NULL;
	}
	return ns;
}

static struct fib *
restore(const MsgKept *m, struct forwarding *state,
    const struct settled_batch *settled, struct errmsg *why)
{
	struct numbers *backends = NULL, *services = NULL;
	struct fib *fib = NULL;

	backends = numbers_read(m->backends, m->n_backends, sizeof(struct addr),
	    FLOWS_NO_BACKEND, why);
	if (backends != NULL)
		services = numbers_read(m->services, m->n_services,
		    FORWARDING_NAME_MAX, FORWARDING_MAX_SERVICES, why);
	if (services != NULL)
		fib = fib_restore(
		    state, backends, services, settled, m->tick, why);
	numbers_free(backends);
	numbers_free(services);
	return fib;
}

static struct fib *
read_kept(
    const MsgKept *m, uint32_t now, struct arena *arena, struct errmsg *why)
{
	struct settled_batch settled;
	struct forwarding *state;
	struct fib *fib;

	if (m->state == NULL || m->settled == NULL || m->tick > now) {
		errmsg_set(why,
		    "something is missing, or it is of another boot of this "
		    "machine");
		return NULL;
	}
	if (settled_batch_from_message(
		arena, &settled, m->settled, SETTLED_SLOTS_MAX, why) == -1 ||
	    (state = forwarding_from_message(m->state, why)) == NULL)
		return NULL;
	if ((fib = restore(m, state, &settled, why)) == NULL)
		forwarding_free(state);
	return fib;
}

struct fib *
wire_unpack_kept(
    const uint8_t *data, size_t len, uint32_t now, struct errmsg *why)
{
	struct budget budget;
	struct arena *arena = arena_new();
	struct fib *fib = NULL;
	MsgKept *m;

	if (arena == NULL) {
		errmsg_set(why, "out of memory");
		return NULL;
	}
	budget_init(&budget, len);
	m = guideway__balancer__kept__unpack(&budget.allocator, len, data);
	if (m == NULL)
		errmsg_set(why, "%zu bytes are no state", len);
	else
		fib = read_kept(m, now, arena, why);
	if (m != NULL)
		guideway__balancer__kept__free_unpacked(m, &budget.allocator);
	arena_free(arena);
	return fib;
}
