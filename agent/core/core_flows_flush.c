/* SPDX-License-Identifier: Apache-2.0 */
/* Before a drained node withdraws its routes, all others shall know the flows
 * that it knows: they get them then. It waits until its balancer has nothing
 * more to tell, sends a mark after what was told, and keeps its routes until
 * all have acknowledged that; as they do when their balancer has learnt what
 * came before the mark, and has nothing more to tell itself: a router that
 * hashes anew moves their flows as well.
 *
 * It does not wait for ever: a drain is often for a reason. */
#include "config.h"

#include "agent/core/core_impl.h"

#define FLUSH_MS 10000

static bool
waits(const struct flow_flush *f)
{
	return f->phase == FLUSH_BACKLOG || f->phase == FLUSH_MARKED;
}

enum vip_route
flows_holds_routes(const struct core *core)
{
	const struct flow_flush *f = &core->flows.flush;

	if (!waits(f))
		return VIP_ROUTE_NONE;
	return f->graceful ? VIP_ROUTE_DRAINING : VIP_ROUTE_ACTIVE;
}

/* One that is cut off from the backends leaves at once. */
static bool
is_needed(const struct core *core)
{
	const struct drain *d = &core->drain;

	return flows_shared(core) && announce_any(core) &&
	    (d->by_operator || d->temporary) && core->flows.link == LINK_UP;
}

static void
mark(struct core *core, struct core_outputs *out)
{
	struct flow_flush *f = &core->flows.flush;
	struct peer_message *m = peer_message_put(out, PEER_FLOW_MARK);

	f->phase = FLUSH_MARKED;
	f->mark = ++core->flows.last_number;
	if (m == NULL)
		return; /* and the deadline passes */
	m->flow_mark.mark = f->mark;
	peer_send_all(core, m, out);
}

void
flush_peer_up(struct core *core, struct peer *p, struct core_outputs *out)
{
	const struct flow_flush *f = &core->flows.flush;
	struct peer_message *m;

	if (f->phase != FLUSH_MARKED ||
	    (m = peer_message_put(out, PEER_FLOW_MARK)) == NULL)
		return;
	m->flow_mark.mark = f->mark;
	peer_send(p, m, out);
}

static size_t
count_missing(const struct core *core)
{
	size_t n = 0;

	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		const struct peer *p = &core->cluster.peers[i];

		n += flows_speaks(p) &&
		    p->flows.acked != core->flows.flush.mark;
	}
	return n;
}

void
flows_flush(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flow_flush *f = &core->flows.flush;

	switch (core->drain.phase) {
	case DRAIN_OFF:
	case DRAIN_MARKED:
		*f = (struct flow_flush){
		    .graceful = core->drain.phase == DRAIN_MARKED};
		return;
	case DRAIN_WITHDRAWN:
	case DRAIN_QUIET:
		break;
	}
	if (f->phase == FLUSH_NONE) {
		f->phase = is_needed(core) ? FLUSH_BACKLOG : FLUSH_DONE;
		f->deadline = after_ms(now, FLUSH_MS);
	}
	if (f->phase == FLUSH_BACKLOG &&
	    reached(now, core->flows.backlog_until))
		mark(core, out);
	if (f->phase == FLUSH_MARKED && count_missing(core) == 0)
		f->phase = FLUSH_DONE;
	if (!waits(f) || !reached(now, f->deadline))
		return;
	f->phase = FLUSH_DONE;
	core->flows.stats.flushes_missed++;
	core_say(out, CORE_WARNING,
	    "flows: drained though %zu nodes have not said in 10 s that they "
	    "know all connections",
	    count_missing(core));
}

void
flush_heard(struct core *core, struct peer *p, const struct peer_flow_mark *m)
{
	if (m->ack) {
		p->flows.acked = m->mark;
		return;
	}
	p->flows.owes_ack = true;
	p->flows.mark = m->mark;
	p->flows.learnt_by = core->flows.last_id;
}

static bool
is_learnt(const struct flows *f, const struct peer *p)
{
	return f->n_asked == 0 || f->asked[0].id > p->flows.learnt_by;
}

void
flush_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct peer_message *m;

	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		struct peer *p = &core->cluster.peers[i];

		if (p->state != PEER_TALKING || !p->flows.owes_ack ||
		    !is_learnt(f, p) || !reached(now, f->backlog_until))
			continue;
		p->flows.owes_ack = false;
		if ((m = peer_message_put(out, PEER_FLOW_MARK)) == NULL)
			continue; /* it does not wait for ever */
		m->flow_mark.mark = p->flows.mark;
		m->flow_mark.ack = true;
		peer_send(p, m, out);
	}
}

struct mono
flush_wakeup(const struct core *core)
{
	const struct flows *f = &core->flows;
	struct mono next = {INT64_MAX};

	/* Else it is not looked at. */
	if (announce_wakeup(core).us != INT64_MAX && waits(&f->flush)) {
		next = f->flush.deadline;
		if (f->flush.phase == FLUSH_BACKLOG)
			earlier(&next, f->backlog_until);
	}
	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		const struct peer *p = &core->cluster.peers[i];

		if (p->state == PEER_TALKING && p->flows.owes_ack &&
		    is_learnt(f, p))
			earlier(&next, f->backlog_until);
	}
	return next;
}
