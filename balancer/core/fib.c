/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/fib.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/encap.h"
#include "balancer/core/fib_impl.h"

#define CACHE_LINE 64

void *
fib_array(size_t n, size_t entry_size, uint32_t *mask)
{
	size_t entries = 1, bytes;
	void *array;

	while (entries < n)
		entries *= 2;
	bytes = (entries * entry_size + CACHE_LINE - 1) & -(size_t)CACHE_LINE;
	if ((array = aligned_alloc(CACHE_LINE, bytes)) == NULL)
		return NULL;
	memset(array, 0, bytes);
	*mask = (uint32_t)(entries - 1);
	return array;
}

static int
member_cmp(const void *a, const void *b)
{
	const struct fib_member *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

static int
load_members(const struct forwarding *state,
    const struct forwarding_service *from, struct fib_service *to)
{
	if (from->n_members == 0)
		return 0;
	to->members = calloc(from->n_members, sizeof(*to->members));
	if (to->members == NULL)
		return -1;
	to->n_members = from->n_members;
	for (size_t i = 0; i < from->n_members; i++) {
		const struct forwarding_member *m = &from->members[i];

		to->members[i] = (struct fib_member){
		    state->backends[m->backend], m->weight, m->phi, m->backend};
	}
	qsort(to->members, to->n_members, sizeof(*to->members), member_cmp);
	return 0;
}

/* The tables of the services built so far and of the state before. */
static struct fib_table **
known_tables(const struct fib *prev, size_t n_services, size_t *n)
{
	size_t n_prev = prev != NULL ? prev->state->n_services : 0;
	struct fib_table **known;

	known = calloc(n_prev + n_services + 1, sizeof(struct fib_table *));
	if (known == NULL)
		return NULL;
	for (size_t i = 0; i < n_prev; i++)
		known[i] = prev->services[i].table;
	*n = n_prev;
	return known;
}

static int
build_tables(struct fib *fib, const struct forwarding *state,
    const struct fib *prev, struct errmsg *why)
{
	struct fib_table **known;
	size_t n_known, i;

	if ((known = known_tables(prev, state->n_services, &n_known)) == NULL)
		return errmsg_set(why, "tables: out of memory");
	for (i = 0; i < state->n_services; i++) {
		const struct forwarding_service *from = &state->services[i];
		struct fib_service *to = &fib->services[i];

		if (load_members(state, from, to) == -1) {
			errmsg_set(why, "tables: out of memory");
			break;
		}
		if (to->n_members == 0)
			continue;
		to->table = fib_table_get(known, n_known, state->seed,
		    from->table_size, to->members, to->n_members, why);
		if (to->table == NULL)
			break;
		known[n_known++] = to->table;
	}
	free(known);
	return i == state->n_services ? 0 : -1;
}

/* The first service before `service` with the same table, or `service`. */
static size_t
sharer_of(const struct fib *fib, size_t service)
{
	size_t i = 0;

	while (fib->services[i].table != fib->services[service].table)
		i++;
	return i;
}

static uint32_t
service_flags(const struct forwarding_service *s)
{
	uint32_t flags = SERVICE_NO_BACKEND;

	for (size_t i = 0; i < s->n_members; i++)
		if (!s->members[i].down)
			flags = 0;
	if (s->refuse_oversize)
		flags |= SERVICE_REFUSE_OVERSIZE;
	return flags;
}

/* Gives each service its slots; those with one table have them in common. */
static uint64_t
place_slots(struct fib *fib, const struct forwarding *state)
{
	uint64_t next = 0;

	for (size_t i = 0; i < state->n_services; i++) {
		const struct forwarding_service *s = &state->services[i];
		struct service_fwd *fwd = &fib->services_fwd[i];
		size_t sharer;

		fwd->flags = service_flags(s);
		fwd->shift = 64 - (uint32_t)__builtin_ctz(s->table_size);
		if (fib->services[i].table == NULL)
			continue;
		sharer = sharer_of(fib, i);
		if (sharer != i) {
			fwd->first_slot = fib->services_fwd[sharer].first_slot;
			continue;
		}
		fwd->first_slot = (uint32_t)next;
		next += s->table_size;
	}
	return next;
}

static int
build_services(
    struct fib *fib, const struct forwarding *state, struct errmsg *why)
{
	uint64_t n_slots;

	fib->services_fwd = fib_array(state->n_services,
	    sizeof(struct service_fwd), &fib->tables.service_mask);
	fib->tables.services = fib->services_fwd;
	if (fib->services_fwd == NULL)
		return errmsg_set(why, "services: out of memory");
	n_slots = place_slots(fib, state);
	if (n_slots > 1u << 31)
		return errmsg_set(why,
		    "%llu slots in all: make some table_size smaller",
		    (unsigned long long)n_slots);
	fib->slots = fib_array(
	    n_slots, sizeof(uint16_t), &fib->tables.slot_mask);
	if (fib->slots == NULL)
		return errmsg_set(why, "%llu slots: out of memory",
		    (unsigned long long)n_slots);
	for (size_t i = 0; i < state->n_services; i++) {
		const struct fib_service *s = &fib->services[i];

		if (s->table != NULL && sharer_of(fib, i) == i)
			fib_table_to_slots(s->table, s->members,
			    fib->slots + fib->services_fwd[i].first_slot);
	}
	return 0;
}

static void
load_words(uint32_t to[4], const struct addr *from)
{
	for (size_t i = 0; i < 4; i++)
		to[i] = load32(from->bytes + 4 * i);
}

/* The host bits of a prefix in an address's last word; longer host parts have
 * 32 bits of entropy. */
static be32
entropy_mask(const struct forwarding_source *source, bool is6)
{
	uint32_t host = (is6 ? 128u : 32u) - source->prefix_len;

	if (addr_is_none(&source->addr) || host == 0)
		return 0;
	return host >= 32 ? UINT32_MAX : BE32((1u << host) - 1);
}

static void
init_backend(
    struct backend_fwd *b, const struct addr *addr, const struct forwarding *st)
{
	bool is6 = !addr_is4(addr);
	const struct forwarding_source *source = is6 ? &st->source6
						     : &st->source4;

	load_words(b->destination, addr);
	load_words(b->source, &source->addr);
	b->entropy_mask = entropy_mask(source, is6);
	b->source[3] &= ~b->entropy_mask;
	b->flags = is6 ? BACKEND_IPV6 : 0;
	b->ethertype = is6 ? BE16(ETHERTYPE_IPV6) : BE16(ETHERTYPE_IPV4);
	b->overhead = is6 ? ENCAP_IPV6_LEN : ENCAP_IPV4_LEN;
	b->checksum = encap_constant_sum(b->destination[3]);
}

static int
build_backends(
    struct fib *fib, const struct forwarding *state, struct errmsg *why)
{
	fib->backends = fib_array(state->n_backends, sizeof(struct backend_fwd),
	    &fib->tables.backend_mask);
	if (fib->backends == NULL)
		return errmsg_set(why, "backends: out of memory");
	for (size_t i = 0; i < state->n_backends; i++)
		init_backend(&fib->backends[i], &state->backends[i], state);
	return 0;
}

static void
publish(struct fib *fib, struct forwarding *state)
{
	struct tables *t = &fib->tables;

	fib->state = state;
	t->keys = fib->keys;
	t->vips = fib->vips;
	t->endpoints = fib->endpoints;
	t->slots = fib->slots;
	t->backends = fib->backends;
}

static void
free_services(struct fib_service *services, size_t n)
{
	if (services == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		fib_table_unref(services[i].table);
		free(services[i].members);
	}
	free(services);
}

static void
free_arrays(struct fib *fib)
{
	free(fib->keys);
	free(fib->vips);
	free(fib->endpoints);
	free(fib->services_fwd);
	free(fib->slots);
	free(fib->backends);
	free(fib);
}

struct fib *
fib_new(struct forwarding *state, const struct fib *prev, struct errmsg *why)
{
	struct fib *fib;

	if (forwarding_check(state, why) == -1)
		return NULL;
	if ((fib = calloc(1, sizeof(*fib))) == NULL) {
		errmsg_sys(why, "forwarding state");
		return NULL;
	}
	fib->services = calloc(state->n_services + 1, sizeof(*fib->services));
	if (fib->services == NULL) {
		errmsg_sys(why, "forwarding state");
		goto fail;
	}
	if (build_tables(fib, state, prev, why) == -1 ||
	    build_services(fib, state, why) == -1 ||
	    build_backends(fib, state, why) == -1 ||
	    fib_build_lookup(fib, state, why) == -1)
		goto fail;
	publish(fib, state);
	return fib;
fail:
	free_services(fib->services, state->n_services);
	free_arrays(fib);
	return NULL;
}

void
fib_free(struct fib *fib)
{
	if (fib == NULL)
		return;
	free_services(fib->services, fib->state->n_services);
	forwarding_free(fib->state);
	free_arrays(fib);
}

const struct forwarding *
fib_state(const struct fib *fib)
{
	return fib->state;
}

const struct tables *
fib_tables(const struct fib *fib)
{
	return &fib->tables;
}

void
fib_digest(
    const struct fib *fib, size_t service, uint8_t digest[TABLE_DIGEST_LEN])
{
	const struct fib_service *s = &fib->services[service];

	if (s->table == NULL ||
	    fib_table_digest(s->table, s->members,
		fib->slots + fib->services_fwd[service].first_slot,
		digest) == -1)
		memset(digest, 0, TABLE_DIGEST_LEN);
}

/* Longer than an IP packet can be is no limit at all. */
static uint32_t
clamp_mtu(uint32_t mtu)
{
	return mtu < 65535 ? mtu : 65535;
}

/* The outer source is the state's; where it gives none, the route's. */
static bool
set_source(struct backend_fwd *b, const struct forwarding_source *configured,
    const struct addr *fallback)
{
	if (!addr_is_none(&configured->addr))
		return true;
	if (addr_is_none(fallback) ||
	    addr_is4(fallback) != !(b->flags & BACKEND_IPV6))
		return false;
	load_words(b->source, fallback);
	return true;
}

void
fib_set_next_hop(
    struct fib *fib, size_t backend, const struct fib_next_hop *hop)
{
	struct backend_fwd *b = &fib->backends[backend];
	const struct forwarding_source *configured = b->flags & BACKEND_IPV6
	    ? &fib->state->source6
	    : &fib->state->source4;

	b->flags &= (uint8_t) ~(BACKEND_READY | BACKEND_REFLECT);
	if (!hop->resolved || !set_source(b, configured, &hop->source))
		return;
	memcpy(b->mac, hop->mac, sizeof(b->mac));
	memcpy(b->own_mac, hop->own_mac, sizeof(b->own_mac));
	b->ifindex = hop->ifindex;
	b->mtu = clamp_mtu(hop->mtu);
	b->flags |= BACKEND_READY;
}

bool
fib_has_next_hop(const struct fib *fib, size_t backend)
{
	return (fib->backends[backend].flags & BACKEND_READY) != 0;
}

void
fib_reflect(struct fib *fib, uint32_t mtu)
{
	for (size_t i = 0; i < fib->state->n_backends; i++) {
		struct backend_fwd *b = &fib->backends[i];

		b->mtu = clamp_mtu(mtu);
		b->flags |= BACKEND_READY | BACKEND_REFLECT;
	}
}
