/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

#include "common/arena.h"
#include "common/fields.h"
#include "common/flows_batch.h"
#include "common/flows_fields.h"
#include "proto/flows.pb-c.h"

typedef Guideway__Flows__Settled MsgSettled;
typedef Guideway__Flows__SettledService MsgService;

/* One service may come in several parts; more than so many are not needed. */
#define PARTS_MAX (4 * FORWARDING_MAX_SERVICES)

size_t
settled_batch_count(const struct settled_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_services; i++)
		n += b->services[i].n_slots;
	return n;
}

static int
service_pack(
    struct arena *arena, MsgService *m, const struct settled_service *s)
{
	size_t n = s->n_slots;
	uint32_t before = 0;

	m->name = field_of_text(s->name);
	m->table_size = s->table_size;
	m->n_slots = m->n_where = m->n_age = n;
	m->slots = arena_alloc(arena, n, sizeof(*m->slots));
	m->where = arena_alloc(arena, n, sizeof(*m->where));
	m->age = arena_alloc(arena, n, sizeof(*m->age));
	if (m->slots == NULL || m->where == NULL || m->age == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		m->slots[i] = s->slots[i].slot - before;
		before = s->slots[i].slot;
		m->where[i] = s->slots[i].backend;
		m->age[i] = flows_age(s->slots[i].age_s);
	}
	return 0;
}

MsgSettled *
settled_batch_to_message(struct arena *arena, const struct settled_batch *b)
{
	MsgSettled *m = field_message(
	    arena, &guideway__flows__settled__descriptor);

	if (m == NULL)
		return NULL;
	m->seed_print = b->seed_print;
	m->n_backends = b->n_backends;
	m->backends = flows_backends_pack(arena, b->backends, b->n_backends);
	m->n_services = b->n_services;
	m->services = field_messages(arena, b->n_services,
	    &guideway__flows__settled_service__descriptor);
	if (m->backends == NULL || m->services == NULL)
		return NULL;
	for (size_t i = 0; i < b->n_services; i++)
		if (service_pack(arena, m->services[i], &b->services[i]) == -1)
			return NULL;
	return m;
}

static void
read_slots(struct fields *f, struct settled_service *to, const MsgService *m,
    size_t n_backends)
{
	uint64_t slot = 0;

	for (size_t i = 0; i < to->n_slots; i++) {
		if (i > 0 && m->slots[i] == 0)
			fields_fault(f, "settled.slots", "ascending ones");
		slot += m->slots[i];
		if (slot >= to->table_size)
			fields_fault(f, "settled.slots", "one of the table");
		if (m->where[i] >= n_backends)
			fields_fault(
			    f, "settled.where", "a backend of the list");
		to->slots[i].slot = (uint32_t)slot;
		to->slots[i].backend = (uint16_t)m->where[i];
		to->slots[i].age_s = flows_age(m->age[i]);
	}
}

static void
read_service(struct fields *f, struct settled_service *to, const MsgService *m,
    size_t n_backends, size_t *room)
{
	uint32_t size = m->table_size;

	to->name = flows_name_read(f, &m->name);
	if (size < FORWARDING_TABLE_MIN || size > FORWARDING_TABLE_MAX ||
	    (size & (size - 1)) != 0)
		fields_fault(f, "settled.table_size", "a table's size");
	to->table_size = size;
	if (m->n_where != m->n_slots || m->n_age != m->n_slots)
		fields_fault(f, "settled.slots", "as many as of where and age");
	to->n_slots = m->n_slots;
	to->slots = fields_array(
	    f, &to->n_slots, *room, sizeof(*to->slots), "settled.slots");
	*room -= to->n_slots;
	read_slots(f, to, m, n_backends);
}

void
settled_batch_read(
    struct fields *f, struct settled_batch *b, const MsgSettled *m, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->seed_print = m->seed_print;
	b->n_backends = m->n_backends;
	b->backends = flows_backends_read(f, m->backends, &b->n_backends);
	b->n_services = m->n_services;
	b->services = fields_array(f, &b->n_services, PARTS_MAX,
	    sizeof(*b->services), "settled.services");
	for (size_t i = 0; i < b->n_services; i++)
		read_service(
		    f, &b->services[i], m->services[i], b->n_backends, &max);
}

int
settled_batch_from_message(struct arena *arena, struct settled_batch *b,
    const MsgSettled *m, size_t max, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	settled_batch_read(&f, b, m, max);
	return f.bad ? -1 : 0;
}
