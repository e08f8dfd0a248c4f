/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/ctl/wire_flows.h"

#include <string.h>

#include "agent/core/freshness.h"

Guideway__Balancer__HeldRequest *
held_request_pack(struct arena *arena, const struct control_request *q)
{
	Guideway__Balancer__HeldRequest *m = field_message(
	    arena, &guideway__balancer__held_request__descriptor);

	if (m == NULL)
		return NULL;
	m->service = field_of_text(q->service);
	m->backend = field_of_addr(&q->backend);
	return m;
}

int
held_request_read(struct control_request *q,
    const Guideway__Balancer__HeldRequest *m, struct errmsg *why)
{
	struct fields f = {.why = why};

	if (!forwarding_name_valid(
		(const char *)m->service.data, m->service.len))
		return errmsg_set(why,
		    "a service's name has 1..%d of A-Z a-z 0-9 . _ -",
		    FORWARDING_NAME_MAX - 1);
	memcpy(q->service, m->service.data, m->service.len);
	q->backend = fields_addr(&f, &m->backend, false, "held.backend");
	return f.bad ? -1 : 0;
}

Guideway__Control__FlowNotices *
flow_notices_pack(struct arena *arena, const struct control_flows *s)
{
	Guideway__Control__FlowNotices *m = field_message(
	    arena, &guideway__control__flow_notices__descriptor);

	if (m == NULL)
		return NULL;
	m->connected = s->connected;
	m->sent = s->sent;
	m->dropped = s->dropped;
	m->taken = s->taken;
	m->refused = s->refused;
	m->unlearnt = s->unlearnt;
	m->pulls = s->pulls;
	m->heals = s->heals;
	m->joins_missed = s->joins_missed;
	m->flushes_missed = s->flushes_missed;
	return m;
}

void
flow_notices_read(
    struct control_flows *s, const Guideway__Control__FlowNotices *m)
{
	s->connected = m->connected;
	s->sent = m->sent;
	s->dropped = m->dropped;
	s->taken = m->taken;
	s->refused = m->refused;
	s->unlearnt = m->unlearnt;
	s->pulls = m->pulls;
	s->heals = m->heals;
	s->joins_missed = m->joins_missed;
	s->flushes_missed = m->flushes_missed;
}

Guideway__Control__Held *
held_pack(struct arena *arena, const struct control_held *h)
{
	Guideway__Control__Held *m = field_message(
	    arena, &guideway__control__held__descriptor);

	if (m == NULL)
		return NULL;
	m->n_nodes = h->n_nodes;
	m->nodes = field_messages(
	    arena, h->n_nodes, &guideway__control__held_node__descriptor);
	if (m->nodes == NULL)
		return NULL;
	for (size_t i = 0; i < h->n_nodes; i++) {
		const struct control_held_node *n = &h->nodes[i];
		Guideway__Balancer__Held *held = field_message(
		    arena, &guideway__balancer__held__descriptor);

		if (held == NULL)
			return NULL;
		held->entries = n->held.entries;
		held->slots = n->held.slots;
		held->packets = n->held.packets;
		m->nodes[i]->node = field_of_text(n->name);
		m->nodes[i]->known = n->known;
		m->nodes[i]->held = held;
	}
	return m;
}

void
held_read(
    struct fields *f, struct control_held *h, const Guideway__Control__Held *m)
{
	h->n_nodes = m->n_nodes;
	h->nodes = fields_array(
	    f, &h->n_nodes, FRESHNESS_MAX, sizeof(*h->nodes), "held.nodes");
	for (size_t i = 0; i < h->n_nodes; i++) {
		const Guideway__Control__HeldNode *from = m->nodes[i];
		struct control_held_node *to = &h->nodes[i];

		to->name = fields_text(f, &from->node, "held.node");
		to->known = from->known && from->held != NULL;
		if (to->known)
			to->held = (struct flow_held){from->held->entries,
			    from->held->slots, from->held->packets};
	}
}
