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

#include "common/budget.h"
#include "proto/balancer.pb-c.h"

/* Cuts the next n objects out of a zeroed block. Everything cut here is
 * aligned as a pointer, and sized in multiples of one. */
static void *
carve(uint8_t **at, size_t n, size_t size)
{
	void *p = *at;

	*at += n * size;
	return p;
}

static ProtobufCBinaryData
addr_to_wire(const struct addr *a)
{
	ProtobufCBinaryData d = {0, NULL};

	if (!addr_is_none(a)) /* protobuf-c wants it without const, and reads */
		d.data = (uint8_t *)(uintptr_t)addr_bytes(a, &d.len);
	return d;
}

static void
service_to_wire(const struct forwarding_service *s,
    Guideway__Balancer__Service *m, uint8_t **at)
{
	Guideway__Balancer__Endpoint *endpoints;
	Guideway__Balancer__Member *members;

	guideway__balancer__service__init(m);
	m->name.data = (uint8_t *)(uintptr_t)s->name;
	m->name.len = strlen(s->name);
	m->table_size = s->table_size;
	m->refuse_oversize = s->refuse_oversize;
	m->n_endpoints = s->n_endpoints;
	m->endpoints = carve(at, s->n_endpoints, sizeof(*m->endpoints));
	endpoints = carve(at, s->n_endpoints, sizeof(*endpoints));
	for (size_t i = 0; i < s->n_endpoints; i++) {
		guideway__balancer__endpoint__init(&endpoints[i]);
		endpoints[i].vip = addr_to_wire(&s->endpoints[i].vip);
		endpoints[i].protocol = s->endpoints[i].protocol;
		endpoints[i].port = s->endpoints[i].port;
		m->endpoints[i] = &endpoints[i];
	}
	m->n_members = s->n_members;
	m->members = carve(at, s->n_members, sizeof(*m->members));
	members = carve(at, s->n_members, sizeof(*members));
	for (size_t i = 0; i < s->n_members; i++) {
		guideway__balancer__member__init(&members[i]);
		members[i].backend = s->members[i].backend;
		members[i].weight = s->members[i].weight;
		members[i].phi = s->members[i].phi;
		members[i].down = s->members[i].down;
		m->members[i] = &members[i];
	}
}

Guideway__Balancer__ForwardingState *
forwarding_to_message(const struct forwarding *f)
{
	Guideway__Balancer__ForwardingState *m;
	Guideway__Balancer__Service *services;
	size_t size = sizeof(*m);
	uint8_t *block, *at;

	size += f->n_backends * sizeof(*m->backends);
	size += f->n_services * (sizeof(*services) + sizeof(services));
	for (size_t i = 0; i < f->n_services; i++) {
		size += f->services[i].n_endpoints *
		    (sizeof(void *) + sizeof(Guideway__Balancer__Endpoint));
		size += f->services[i].n_members *
		    (sizeof(void *) + sizeof(Guideway__Balancer__Member));
	}
	if ((block = calloc(1, size)) == NULL)
		return NULL;
	at = block;
	m = carve(&at, 1, sizeof(*m));
	guideway__balancer__forwarding_state__init(m);
	m->generation = f->generation;
	m->seed.data = (uint8_t *)(uintptr_t)f->seed;
	m->seed.len = sizeof(f->seed);
	m->encap_source4 = addr_to_wire(&f->source4.addr);
	m->encap_source4_len = f->source4.prefix_len;
	m->encap_source6 = addr_to_wire(&f->source6.addr);
	m->encap_source6_len = f->source6.prefix_len;
	m->n_backends = f->n_backends;
	m->backends = carve(&at, f->n_backends, sizeof(*m->backends));
	for (size_t i = 0; i < f->n_backends; i++)
		m->backends[i] = addr_to_wire(&f->backends[i]);
	m->n_services = f->n_services;
	m->services = carve(&at, f->n_services, sizeof(*m->services));
	services = carve(&at, f->n_services, sizeof(*services));
	for (size_t i = 0; i < f->n_services; i++) {
		m->services[i] = &services[i];
		service_to_wire(&f->services[i], &services[i], &at);
	}
	return m;
}

void
forwarding_message_free(Guideway__Balancer__ForwardingState *m)
{
	free(m); /* one block */
}

uint8_t *
forwarding_pack(const struct forwarding *f, size_t *len)
{
	Guideway__Balancer__ForwardingState *m = forwarding_to_message(f);
	uint8_t *data;

	if (m == NULL)
		return NULL;
	*len = guideway__balancer__forwarding_state__get_packed_size(m);
	if ((data = malloc(*len + 1)) != NULL)
		guideway__balancer__forwarding_state__pack(m, data);
	forwarding_message_free(m);
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
endpoint_from_wire(struct forwarding_endpoint *out,
    const Guideway__Balancer__Endpoint *e, struct errmsg *why)
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
service_from_wire(struct forwarding_service *out,
    const Guideway__Balancer__Service *s, struct errmsg *why)
{
	if (!forwarding_name_valid((const char *)s->name.data, s->name.len))
		return errmsg_set(why, "a service with a bad name");
	memcpy(out->name, s->name.data, s->name.len);
	out->table_size = s->table_size;
	out->refuse_oversize = s->refuse_oversize;
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
fill_from_wire(struct forwarding *f,
    const Guideway__Balancer__ForwardingState *m, struct errmsg *why)
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
forwarding_from_message(
    const Guideway__Balancer__ForwardingState *m, struct errmsg *why)
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
	Guideway__Balancer__ForwardingState *m;
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
