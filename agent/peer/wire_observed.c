/* SPDX-License-Identifier: Apache-2.0 */
/* Observations are most of what is said in a large cluster: grouped by service,
 * a backend takes 5 bytes, or 17. */
#include "config.h"

#include "agent/peer/wire_impl.h"

#include <string.h>

typedef Guideway__Cluster__Observed MsgObserved;
typedef Guideway__Cluster__ObservedService MsgService;

#define HEALTH_MASK 3
#define IS_IPV6     4
#define ENTRY_MAX   (1 + sizeof(struct addr))

_Static_assert(HEALTH_UNKNOWN == 0 && HEALTH_UP == 1 && HEALTH_DOWN == 2,
    "what proto/cluster.proto says");

/* Up to where the service of entries[0] goes. */
static size_t
group_len(const struct peer_observed_entry *entries, size_t n)
{
	size_t i = 1;

	while (i < n && strcmp(entries[i].service, entries[0].service) == 0)
		i++;
	return i;
}

static size_t
count_groups(const struct peer_observed_entry *entries, size_t n)
{
	size_t groups = 0;

	for (size_t i = 0; i < n; i += group_len(&entries[i], n - i))
		groups++;
	return groups;
}

static bool
service_pack(struct arena *arena, MsgService *m,
    const struct peer_observed_entry *entries, size_t n)
{
	uint8_t *to = arena_alloc(arena, n, ENTRY_MAX);
	const uint8_t *bytes;
	size_t len;

	if (to == NULL)
		return false;
	m->name = field_of_text(entries[0].service);
	m->backends = field_of_bytes(to, 0);
	for (size_t i = 0; i < n; i++) {
		bytes = addr_bytes(&entries[i].backend, &len);
		*to++ = (uint8_t)(entries[i].health |
		    (addr_is4(&entries[i].backend) ? 0 : IS_IPV6));
		memcpy(to, bytes, len);
		to += len;
	}
	m->backends.len = (size_t)(to - m->backends.data);
	return true;
}

MsgObserved *
observed_pack(struct arena *arena, const struct peer_observed *o)
{
	MsgObserved *m = field_message(
	    arena, &guideway__cluster__observed__descriptor);
	const struct peer_observed_entry *at = o->entries;
	size_t left = o->n_entries, n;

	if (m == NULL)
		return NULL;
	m->beat = field_message(arena, &guideway__cluster__beat__descriptor);
	m->n_services = count_groups(at, left);
	m->services = field_messages(arena, m->n_services,
	    &guideway__cluster__observed_service__descriptor);
	if (m->beat == NULL || m->services == NULL)
		return NULL;
	beat_pack(m->beat, &o->beat);
	for (size_t i = 0; i < m->n_services; i++, at += n, left -= n) {
		n = group_len(at, left);
		if (!service_pack(arena, m->services[i], at, n))
			return NULL;
	}
	return m;
}

/* The bytes of the first entry; 0 if it is not whole. */
static size_t
entry_len(const uint8_t *at, size_t left)
{
	size_t len = left > 0 && (*at & IS_IPV6) != 0 ? 1 + 16 : 1 + 4;

	return len <= left ? len : 0;
}

static size_t
count_entries(struct fields *f, const ProtobufCBinaryData *d)
{
	size_t n = 0, len;

	for (size_t at = 0; at < d->len; at += len, n++)
		if ((len = entry_len(d->data + at, d->len - at)) == 0) {
			fields_fault(f, "observed.backends", "whole entries");
			return 0;
		}
	return n;
}

static bool
entry_unpack(struct fields *f, struct peer_observed_entry *e, const uint8_t *at)
{
	size_t len = (*at & IS_IPV6) != 0 ? 16 : 4;
	unsigned health = *at & HEALTH_MASK;

	if ((*at & ~(HEALTH_MASK | IS_IPV6)) != 0 || health > HEALTH_DOWN) {
		fields_fault(f, "observed.backends", "a known state");
		return false;
	}
	e->health = (enum health)health;
	if (addr_from_bytes(&e->backend, at + 1, len) == 0 &&
	    !addr_is_none(&e->backend))
		return true;
	fields_fault(f, "observed.backends", "addresses");
	return false;
}

/* As many entries as were counted. */
static void
service_unpack(struct fields *f, struct peer_observed_entry *out,
    const MsgService *m, const char *name)
{
	const uint8_t *at = m->backends.data;
	const uint8_t *end = at + m->backends.len;

	for (size_t i = 0; at < end; i++) {
		out[i].service = name;
		if (!entry_unpack(f, &out[i], at))
			return;
		if (i > 0 &&
		    addr_cmp(&out[i - 1].backend, &out[i].backend) >= 0) {
			fields_fault(
			    f, "observed.backends", "ascending addresses");
			return;
		}
		at += entry_len(at, (size_t)(end - at));
	}
}

/* Each of them has a backend. */
static size_t
count_all(struct fields *f, const MsgObserved *m)
{
	size_t total = 0, n;

	if (m->n_services > FORWARDING_MAX_SERVICES)
		fields_fault(f, "observed.services", "fewer elements");
	for (size_t i = 0; i < m->n_services && !f->bad; i++) {
		n = count_entries(f, &m->services[i]->backends);
		if (n == 0)
			fields_fault(f, "observed.backends", "one at least");
		total += n;
	}
	return total;
}

void
observed_unpack(struct fields *f, struct peer_observed *o, const MsgObserved *m)
{
	char(*names)[FORWARDING_NAME_MAX];
	struct peer_observed_entry *entries;
	size_t n = count_all(f, m), n_names = m->n_services, at = 0;

	beat_unpack(f, &o->beat, m->beat, "observed.beat");
	entries = fields_array(
	    f, &n, PEER_OBSERVED_MAX, sizeof(*entries), "observed.backends");
	names = fields_array(f, &n_names, FORWARDING_MAX_SERVICES,
	    sizeof(*names), "observed.services");
	for (size_t i = 0; i < n_names && !f->bad; i++) {
		wire_name(
		    f, names[i], &m->services[i]->name, "observed.services");
		if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
			fields_fault(f, "observed.services", "ascending names");
		service_unpack(f, &entries[at], m->services[i], names[i]);
		at += count_entries(f, &m->services[i]->backends);
	}
	o->entries = entries;
	o->n_entries = f->bad ? 0 : n;
}
