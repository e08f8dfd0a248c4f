/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/flows_batch.h"

#include <string.h>

#include <openssl/evp.h>

#include "common/arena.h"
#include "common/fields.h"
#include "common/flows_fields.h"
#include "proto/flows.pb-c.h"

typedef Guideway__Flows__Flows MsgFlows;
typedef Guideway__Flows__FlowService MsgService;

uint64_t
flows_seed_print(const uint8_t seed[FORWARDING_SEED_LEN])
{
	static const char label[] = "guideway flows";
	uint8_t in[sizeof(label) - 1 + FORWARDING_SEED_LEN];
	uint8_t hash[EVP_MAX_MD_SIZE];
	uint64_t print = 0;

	memcpy(in, label, sizeof(label) - 1);
	memcpy(in + sizeof(label) - 1, seed, FORWARDING_SEED_LEN);
	/* It fails for want of memory only; and a print that is another one
	 * than the seed's would only have what it is for refused. */
	if (EVP_Digest(in, sizeof(in), hash, NULL, EVP_sha256(), NULL) != 1)
		return 0;
	for (int i = 7; i >= 0; i--)
		print = print << 8 | hash[i];
	return print;
}

size_t
flow_batch_count(const struct flow_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_services; i++)
		n += b->services[i].n_flows;
	return n;
}

ProtobufCBinaryData *
flows_backends_pack(struct arena *arena, const struct addr *from, size_t n)
{
	ProtobufCBinaryData *to = arena_alloc(arena, n, sizeof(*to));

	for (size_t i = 0; to != NULL && i < n; i++)
		to[i] = field_of_addr(&from[i]);
	return to;
}

struct addr *
flows_backends_read(
    struct fields *f, const ProtobufCBinaryData *from, size_t *n)
{
	struct addr *to = fields_array(
	    f, n, FORWARDING_MAX_BACKENDS, sizeof(*to), "flows.backends");

	for (size_t i = 0; i < *n; i++) {
		to[i] = fields_addr(f, &from[i], false, "flows.backends");
		if (!f->bad && !addr_is_unicast(&to[i]))
			fields_fault(f, "flows.backends", "a unicast address");
	}
	return to;
}

const char *
flows_name_read(struct fields *f, const ProtobufCBinaryData *from)
{
	const char *name = fields_name(
	    f, from, FORWARDING_NAME_MAX - 1, "flows.service");

	if (!f->bad && !forwarding_name_valid(name, strlen(name)))
		fields_fault(f, "flows.service", "the name of a service");
	return name;
}

uint32_t
flows_age(uint32_t age_s)
{
	return age_s < FLOWS_AGE_MAX ? age_s : FLOWS_AGE_MAX;
}

static int
service_pack(struct arena *arena, MsgService *m, const struct flow_service *s)
{
	size_t n = s->n_flows;

	m->name = field_of_text(s->name);
	m->n_hash = m->n_where = m->n_age = n;
	m->hash = arena_alloc(arena, n, sizeof(*m->hash));
	m->where = arena_alloc(arena, n, sizeof(*m->where));
	m->age = arena_alloc(arena, n, sizeof(*m->age));
	if (m->hash == NULL || m->where == NULL || m->age == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		m->hash[i] = s->flows[i].hash;
		m->where[i] = (uint32_t)s->flows[i].backend << 8 |
		    s->flows[i].flags;
		m->age[i] = flows_age(s->flows[i].age_s);
	}
	return 0;
}

MsgFlows *
flow_batch_to_message(struct arena *arena, const struct flow_batch *b)
{
	MsgFlows *m = field_message(arena, &guideway__flows__flows__descriptor);

	if (m == NULL)
		return NULL;
	m->seed_print = b->seed_print;
	m->n_backends = b->n_backends;
	m->backends = flows_backends_pack(arena, b->backends, b->n_backends);
	m->n_services = b->n_services;
	m->services = field_messages(
	    arena, b->n_services, &guideway__flows__flow_service__descriptor);
	if (m->backends == NULL || m->services == NULL)
		return NULL;
	for (size_t i = 0; i < b->n_services; i++)
		if (service_pack(arena, m->services[i], &b->services[i]) == -1)
			return NULL;
	return m;
}

static void
read_flow(struct fields *f, struct flow_told *to, const MsgService *m, size_t i,
    size_t n_backends)
{
	uint32_t backend = m->where[i] >> 8, flags = m->where[i] & 0xff;

	if (backend >= n_backends)
		fields_fault(f, "flows.where", "a backend of the list");
	to->hash = m->hash[i];
	to->backend = (uint16_t)backend;
	/* Those of a later version say what this one cannot make use of. */
	to->flags = (uint8_t)(flags & FLOW_TOLD_FLAGS);
	to->age_s = flows_age(m->age[i]);
}

/* *room: how many flows may still come. */
static void
read_service(struct fields *f, struct flow_service *to, const MsgService *m,
    size_t n_backends, size_t *room)
{
	to->name = flows_name_read(f, &m->name);
	if (m->n_where != m->n_hash || m->n_age != m->n_hash)
		fields_fault(f, "flows.hash", "as many as of where and age");
	to->n_flows = m->n_hash;
	to->flows = fields_array(
	    f, &to->n_flows, *room, sizeof(*to->flows), "flows.hash");
	*room -= to->n_flows;
	for (size_t i = 0; i < to->n_flows; i++)
		read_flow(f, &to->flows[i], m, i, n_backends);
}

void
flow_batch_read(
    struct fields *f, struct flow_batch *b, const MsgFlows *m, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->seed_print = m->seed_print;
	b->n_backends = m->n_backends;
	b->backends = flows_backends_read(f, m->backends, &b->n_backends);
	b->n_services = m->n_services;
	b->services = fields_array(f, &b->n_services, FORWARDING_MAX_SERVICES,
	    sizeof(*b->services), "flows.services");
	for (size_t i = 0; i < b->n_services; i++)
		read_service(
		    f, &b->services[i], m->services[i], b->n_backends, &max);
}

int
flow_batch_from_message(struct arena *arena, struct flow_batch *b,
    const MsgFlows *m, size_t max, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	flow_batch_read(&f, b, m, max);
	return f.bad ? -1 : 0;
}
