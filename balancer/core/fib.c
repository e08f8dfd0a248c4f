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

static int
u16_cmp(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static int
list_live(const struct fib *fib, const struct forwarding_service *from,
    struct fib_service *to)
{
	to->live = calloc(from->n_members + 1, sizeof(*to->live));
	if (to->live == NULL)
		return -1;
	for (size_t i = 0; i < from->n_members; i++) {
		const struct forwarding_member *m = &from->members[i];

		if (!m->down || from->down_keep)
			to->live[to->n_live++] = fib_number(fib, m->backend);
	}
	qsort(to->live, to->n_live, sizeof(*to->live), u16_cmp);
	return 0;
}

bool
fib_live(const struct fib_service *s, uint16_t number)
{
	return bsearch(&number, s->live, s->n_live, sizeof(number), u16_cmp) !=
	    NULL;
}

/* All of the services but where their slots are. */
static int
build_services(
    struct fib *fib, const struct forwarding *state, struct errmsg *why)
{
	for (size_t i = 0; i < state->n_services; i++) {
		const struct forwarding_service *from = &state->services[i];
		struct fib_service *to = &fib->services[i];
		struct service_fwd *fwd = &fib->services_fwd[i];

		fwd->flags = service_flags(from);
		fwd->shift = 64 - (uint32_t)__builtin_ctz(from->table_size);
		to->times = (struct moves_times){
		    from->settle_s * MOVES_TICKS_PER_S,
		    from->udp_learn_s * MOVES_TICKS_PER_S};
		to->region = FIB_NO_REGION;
		if (list_live(fib, from, to) == -1)
			return errmsg_set(why, "services: out of memory");
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
	t->services = fib->services_fwd;
	t->slots = fib->slots;
	t->settled = fib->settled;
	t->backends = fib->backends;
	t->positions = fib->positions;
	t->numbers = fib->numbers;
}

static void
free_services(struct fib_service *services, size_t n)
{
	if (services == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		fib_table_unref(services[i].table);
		free(services[i].members);
		free(services[i].live);
	}
	free(services);
}

static void
free_arrays(struct fib *fib)
{
	for (size_t i = 0; i < fib->n_regions; i++)
		moves_free(fib->regions[i].moves);
	free(fib->regions);
	numbers_free(fib->backend_numbers);
	numbers_free(fib->service_numbers);
	free(fib->service_of);
	free(fib->changed);
	free(fib->keys);
	free(fib->vips);
	free(fib->endpoints);
	free(fib->services_fwd);
	free(fib->slots);
	free(fib->settled);
	free(fib->positions);
	free(fib->numbers);
	free(fib->backends);
	free(fib);
}

static int
build(struct fib *fib, const struct forwarding *state,
    const struct fib_origin *origin, struct errmsg *why)
{
	if (build_tables(fib, state, origin->prev, why) == -1 ||
	    build_backends(fib, state, why) == -1 ||
	    fib_build_numbers(fib, state, origin, why) == -1 ||
	    build_services(fib, state, why) == -1 ||
	    fib_build_regions(fib, state, origin, why) == -1)
		return -1;
	return fib_build_lookup(fib, state, why);
}

static struct fib *
make(struct forwarding *state, const struct fib_origin *origin,
    struct errmsg *why)
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
	if (build(fib, state, origin, why) == -1)
		goto fail;
	publish(fib, state);
	return fib;
fail:
	free_services(fib->services, state->n_services);
	free_arrays(fib);
	return NULL;
}

static struct fib_origin
after(const struct fib *prev, uint32_t now)
{
	struct fib_origin origin = {.prev = prev, .now = now};

	if (prev != NULL) {
		origin.backend_numbers = prev->backend_numbers;
		origin.service_numbers = prev->service_numbers;
	}
	return origin;
}

struct fib *
fib_new(struct forwarding *state, const struct fib *prev, uint32_t now,
    struct errmsg *why)
{
	struct fib_origin origin = after(prev, now);

	return make(state, &origin, why);
}

struct fib *
fib_resettle(const struct fib *prev, const struct settled_batch *import,
    uint32_t now, struct errmsg *why)
{
	struct fib_origin origin = after(prev, now);
	struct forwarding *state = forwarding_copy(prev->state);
	struct fib *fib;

	if (state == NULL) {
		errmsg_set(why, "forwarding state: out of memory");
		return NULL;
	}
	origin.import = import;
	if ((fib = make(state, &origin, why)) == NULL)
		forwarding_free(state);
	return fib;
}

struct fib *
fib_restore(struct forwarding *state, const struct numbers *backends,
    const struct numbers *services, const struct settled_batch *import,
    uint32_t now, struct errmsg *why)
{
	const struct fib_origin origin = {.import = import,
	    .backend_numbers = backends,
	    .service_numbers = services,
	    .now = now};

	return make(state, &origin, why);
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
