/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer pulls: its question goes to the balancer, and the answer back.
 * Nothing is kept of it but who asked; the peer asks for part after part, as it
 * can take them. */
#include "config.h"

#include <string.h>
#include <sys/param.h>

#include "agent/core/core_impl.h"

static void
send_unable(
    struct peer *p, uint64_t pull, bool settled, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(
	    out, settled ? PEER_FLOW_SETTLED : PEER_FLOW_PAGE);

	if (m == NULL)
		return; /* it does not wait for ever */
	if (settled) {
		m->flow_settled.pull = pull;
		m->flow_settled.unable = true;
	} else {
		m->flow_page.pull = pull;
		m->flow_page.unable = true;
	}
	peer_send(p, m, out);
}

void
serve_pull(struct core *core, struct mono now, struct peer *p,
    const struct peer_flow_pull *pull, struct core_outputs *out)
{
	const struct flow_asked about = {.session = p->session,
	    .number = pull->pull,
	    .cursor = pull->cursor};
	struct flow_request *q = flows_request(
	    out, pull->settled ? FLOW_SETTLED : FLOW_PAGE);

	if (q == NULL || !flows_can_ask(core) || !serves_plan(core)) {
		send_unable(p, pull->pull, pull->settled, out);
		return;
	}
	q->cursor = pull->settled ? 0 : pull->cursor;
	flows_ask(core, now, q, about, out);
}

/* Slots from number `from` on, at most SETTLED_PART_MAX. -1: out of memory. */
static int
cut_part(struct arena *arena, const struct settled_batch *all, size_t from,
    struct settled_batch *part)
{
	size_t room = SETTLED_PART_MAX;

	*part = *all;
	part->services = arena_alloc(
	    arena, all->n_services, sizeof(*part->services));
	if (part->services == NULL)
		return -1;
	part->n_services = 0;
	for (size_t i = 0; i < all->n_services && room > 0; i++) {
		struct settled_service s = all->services[i];
		size_t skip = MIN(from, s.n_slots);

		from -= skip;
		s.slots += skip;
		s.n_slots = MIN(s.n_slots - skip, room);
		room -= s.n_slots;
		if (s.n_slots > 0)
			part->services[part->n_services++] = s;
	}
	return 0;
}

static void
send_settled(struct peer *p, const struct flow_asked *a,
    const struct settled_batch *all, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_FLOW_SETTLED);
	size_t from = (size_t)a->cursor * SETTLED_PART_MAX;

	if (m == NULL ||
	    cut_part(out->arena, all, from, &m->flow_settled.settled) == -1)
		return;
	m->flow_settled.pull = a->number;
	m->flow_settled.next = a->cursor + 1;
	m->flow_settled.more = settled_batch_count(all) >
	    from + SETTLED_PART_MAX;
	peer_send(p, m, out);
}

void
serve_answer(struct core *core, const struct flow_asked *a,
    const struct flow_reply *r, struct core_outputs *out)
{
	struct peer *p = peer_of_session(core, a->session);
	struct peer_message *m;

	if (p == NULL)
		return;
	if (r == NULL || r->refusal != NULL) {
		send_unable(p, a->number, a->what == FLOW_SETTLED, out);
		return;
	}
	if (a->what == FLOW_SETTLED) {
		send_settled(p, a, &r->settled, out);
		return;
	}
	if ((m = peer_message_put(out, PEER_FLOW_PAGE)) == NULL)
		return;
	m->flow_page.pull = a->number;
	m->flow_page.flows = r->flows;
	m->flow_page.next = r->next;
	m->flow_page.more = r->more;
	peer_send(p, m, out);
}
