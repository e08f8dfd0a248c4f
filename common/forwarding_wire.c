/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarding state as the protobuf message
 * guideway.balancer.ForwardingState. Counts and ranges are checked before
 * anything is allocated or narrowed; the rules of the whole are
 * forwarding_check's. */
#include "config.h"

#include "common/forwarding.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/budget.h"
#include "common/fields.h"
#include "proto/balancer.pb-c.h"

typedef Guideway__Balancer__ForwardingState MsgState;
typedef Guideway__Balancer__Service MsgService;
typedef Guideway__Balancer__Endpoint MsgEndpoint;

MsgEndpoint **
forwarding_endpoints_pack(
    struct arena *arena, const struct forwarding_endpoint *from, size_t n)
{
	MsgEndpoint **to = field_messages(
	    arena, n, &guideway__balancer__endpoint__descriptor);

	for (size_t i = 0; to != NULL && i < n; i++) {
		to[i]->vip = field_of_addr(&from[i].vip);
		to[i]->protocol = from[i].protocol;
		to[i]->port = from[i].port;
	}
	return to;
}

static int
service_pack(
    struct arena *arena, MsgService *m, const struct forwarding_service *s)
{
	m->name = field_of_text(s->name);
	m->table_size = s->table_size;
	m->refuse_oversize = s->refuse_oversize;
	m->settle_s = s->settle_s;
	m->udp_learn_s = s->udp_learn_s;
	m->tcp_idle_s = s->tcp_idle_s;
	m->udp_idle_s = s->udp_idle_s;
	m->down_keep = s->down_keep;
	m->n_endpoints = s->n_endpoints;
	m->endpoints = forwarding_endpoints_pack(
	    arena, s->endpoints, s->n_endpoints);
	m->n_members = s->n_members;
	m->members = field_messages(
	    arena, s->n_members, &guideway__balancer__member__descriptor);
	if (m->endpoints == NULL || m->members == NULL)
		return -1;
	for (size_t i = 0; i < s->n_members; i++) {
		m->members[i]->backend = s->members[i].backend;
		m->members[i]->weight = s->members[i].weight;
		m->members[i]->phi = s->members[i].phi;
		m->members[i]->down = s->members[i].down;
	}
	return 0;
}

MsgState *
forwarding_to_message(struct arena *arena, const struct forwarding *f)
{
	MsgState *m = field_message(
	    arena, &guideway__balancer__forwarding_state__descriptor);

	if (m == NULL)
		return NULL;
	m->generation = f->generation;
	m->seed = field_of_bytes(f->seed, sizeof(f->seed));
	m->encap_source4 = field_of_addr(&f->source4.addr);
	m->encap_source4_len = f->source4.prefix_len;
	m->encap_source6 = field_of_addr(&f->source6.addr);
	m->encap_source6_len = f->source6.prefix_len;
	m->n_backends = f->n_backends;
	m->backends = arena_alloc(arena, f->n_backends, sizeof(*m->backends));
	m->n_services = f->n_services;
	m->services = field_messages(
	    arena, f->n_services, &guideway__balancer__service__descriptor);
	if (m->backends == NULL || m->services == NULL)
		return NULL;
	for (size_t i = 0; i < f->n_backends; i++)
		m->backends[i] = field_of_addr(&f->backends[i]);
	for (size_t i = 0; i < f->n_services; i++)
		if (service_pack(arena, m->services[i], &f->services[i]) == -1)
			return NULL;
	return m;
}

uint8_t *
forwarding_pack(const struct forwarding *f, size_t *len)
{
	struct arena *arena = arena_new();
	MsgState *m = arena != NULL ? forwarding_to_message(arena, f) : NULL;
	uint8_t *data = NULL;

	if (m != NULL) {
		*len = guideway__balancer__forwarding_state__get_packed_size(m);
		if ((data = malloc(*len)) != NULL)
			guideway__balancer__forwarding_state__pack(m, data);
	}
	arena_free(arena);
	return data;
}

/* What of `what` is not within limit is refused here, before it is narrowed. */
static int
check_range(const char *what, uint32_t got, uint32_t limit, struct errmsg *why)
{
	if (got <= limit)
		return 0;
	return errmsg_set(why, "%s %u is over %u", what, got, limit);
}

static int
addr_from_wire(struct addr *out, const ProtobufCBinaryData *d, const char *what,
    struct errmsg *why)
{
	if (addr_from_bytes(out, d->data, d->len) == 0)
		return 0;
	return errmsg_set(
	    why, "%s: %zu bytes are not an IP address", what, d->len);
}

static int
source_from_wire(struct forwarding_source *out, const ProtobufCBinaryData *d,
    uint32_t prefix_len, struct errmsg *why)
{
	if (check_range("prefix length", prefix_len, 128, why) == -1)
		return -1;
	out->prefix_len = (uint8_t)prefix_len;
	if (d->len == 0)
		return 0; /* none */
	return addr_from_wire(&out->addr, d, "encapsulation source", why);
}

static int
endpoint_from_wire(
    struct forwarding_endpoint *out, const MsgEndpoint *e, struct errmsg *why)
{
	if (check_range("protocol", e->protocol, UINT8_MAX, why) == -1 ||
	    check_range("port", e->port, UINT16_MAX, why) == -1)
		return -1;
	out->protocol = (uint8_t)e->protocol;
	out->port = (uint16_t)e->port;
	return addr_from_wire(&out->vip, &e->vip, "VIP", why);
}

static int
member_from_wire(struct forwarding_member *out,
    const Guideway__Balancer__Member *m, struct errmsg *why)
{
	if (check_range("backend", m->backend, UINT16_MAX, why) == -1 ||
	    check_range("weight", m->weight, UINT16_MAX, why) == -1 ||
	    check_range("phi", m->phi, FORWARDING_PHI_FULL, why) == -1)
		return -1;
	out->backend = (uint16_t)m->backend;
	out->weight = (uint16_t)m->weight;
	out->phi = (uint16_t)m->phi;
	out->down = m->down;
	return 0;
}

static int
service_from_wire(
    struct forwarding_service *out, const MsgService *s, struct errmsg *why)
{
	if (!forwarding_name_valid((const char *)s->name.data, s->name.len))
		return errmsg_set(why, "a service with a bad name");
	memcpy(out->name, s->name.data, s->name.len);
	out->table_size = s->table_size;
	out->refuse_oversize = s->refuse_oversize;
	out->settle_s = s->settle_s;
	out->udp_learn_s = s->udp_learn_s;
	out->tcp_idle_s = s->tcp_idle_s;
	out->udp_idle_s = s->udp_idle_s;
	out->down_keep = s->down_keep;
	if (s->n_endpoints > FORWARDING_MAX_ENDPOINTS ||
	    s->n_members > FORWARDING_MAX_BACKENDS)
		return errmsg_set(why,
		    "service %s: %zu endpoints and %zu "
		    "members; at most %d and %d are possible",
		    out->name, s->n_endpoints, s->n_members,
		    FORWARDING_MAX_ENDPOINTS, FORWARDING_MAX_BACKENDS);
	out->endpoints = calloc(s->n_endpoints + 1, sizeof(*out->endpoints));
	out->members = calloc(s->n_members + 1, sizeof(*out->members));
	if (out->endpoints == NULL || out->members == NULL)
		return errmsg_set(why, "service %s: out of memory", out->name);
	for (size_t i = 0; i < s->n_endpoints; i++, out->n_endpoints++)
		if (endpoint_from_wire(
			&out->endpoints[i], s->endpoints[i], why) == -1)
			return -1;
	for (size_t i = 0; i < s->n_members; i++, out->n_members++)
		if (member_from_wire(&out->members[i], s->members[i], why) ==
		    -1)
			return -1;
	return 0;
}

static int
fill_from_wire(struct forwarding *f, const MsgState *m, struct errmsg *why)
{
	if (m->seed.len != sizeof(f->seed))
		return errmsg_set(why, "a seed of %zu bytes; %d expected",
		    m->seed.len, FORWARDING_SEED_LEN);
	memcpy(f->seed, m->seed.data, sizeof(f->seed));
	f->generation = m->generation;
	if (source_from_wire(&f->source4, &m->encap_source4,
		m->encap_source4_len, why) == -1 ||
	    source_from_wire(&f->source6, &m->encap_source6,
		m->encap_source6_len, why) == -1)
		return -1;
	if (m->n_backends > FORWARDING_MAX_BACKENDS ||
	    m->n_services > FORWARDING_MAX_SERVICES)
		return errmsg_set(why,
		    "%zu backends and %zu services; at most "
		    "%d and %d are possible",
		    m->n_backends, m->n_services, FORWARDING_MAX_BACKENDS,
		    FORWARDING_MAX_SERVICES);
	f->backends = calloc(m->n_backends + 1, sizeof(*f->backends));
	f->services = calloc(m->n_services + 1, sizeof(*f->services));
	if (f->backends == NULL || f->services == NULL)
		return errmsg_set(why, "out of memory");
	for (size_t i = 0; i < m->n_backends; i++, f->n_backends++)
		if (addr_from_wire(
			&f->backends[i], &m->backends[i], "backend", why) == -1)
			return -1;
	f->n_services = m->n_services;
	for (size_t i = 0; i < m->n_services; i++)
		if (service_from_wire(&f->services[i], m->services[i], why) ==
		    -1)
			return -1;
	return 0;
}

struct forwarding *
forwarding_from_message(const MsgState *m, struct errmsg *why)
{
	struct forwarding *f = forwarding_new();

	if (f == NULL) {
		errmsg_set(why, "out of memory");
		return NULL;
	}
	if (fill_from_wire(f, m, why) == 0 && forwarding_check(f, why) == 0)
		return f;
	forwarding_free(f);
	return NULL;
}

struct forwarding *
forwarding_unpack(const uint8_t *data, size_t len, struct errmsg *why)
{
	MsgState *m;
	struct forwarding *f;
	struct budget budget;

	budget_init(&budget, len);
	m = guideway__balancer__forwarding_state__unpack(
	    &budget.allocator, len, data);
	if (m == NULL) {
		errmsg_set(why, "%zu bytes are not a forwarding state", len);
		return NULL;
	}
	f = forwarding_from_message(m, why);
	guideway__balancer__forwarding_state__free_unpacked(
	    m, &budget.allocator);
	return f;
}
