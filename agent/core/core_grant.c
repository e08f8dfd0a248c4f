/* SPDX-License-Identifier: Apache-2.0 */
/* Draining in a cluster: a node that announces asks before it withdraws, and
 * another one that announces, and does not want to leave itself, grants it. So
 * nodes that are drained at the same moment never withdraw the last route.
 *
 * A grant is good for one attempt. Proof: of the nodes that are withdrawn, let
 * L be the one whose attempt began last. Who granted it announced then, and has
 * begun no attempt since (it would have begun later): so it announces still.
 *
 * Of several that ask at the same moment each but the first by name gives its
 * attempt up for one that comes before it, grants that, and begins another. It
 * is as if it had been undrained in between, so the proof holds; and they leave
 * one after the other, but for the last.
 *
 * tests/model/drain.pml is a model of it. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

#define ASK_EVERY_MS 1000
/* Who waits for longer is told so. */
#define TELL_MS 10000
/* A host that is shut down goes in any case. */
#define SHUTDOWN_MS 2000
#define NEVER       ((struct mono){INT64_MAX})

static void
ask(struct core *core, bool cancel, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_DRAIN_ASK);

	if (m == NULL)
		return;
	m->drain_ask.attempt = core->cluster.attempt;
	m->drain_ask.cancel = cancel;
	peer_send_all(core, m, out);
}

/* Routes, of this process or the one before. */
static bool
something_stands(const struct core *core)
{
	return announce_any(core) || core->announce.kernel.n > 0;
}

static void
begin_drain(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;
	uint32_t graceful_s = cl->graceful_s == CONTROL_GRACEFUL_DEFAULT
	    ? core->conf->announce.graceful_shutdown_s
	    : cl->graceful_s;

	cl->grant = GRANT_GIVEN;
	cl->asking_since = cl->ask_at = NEVER;
	drain_begin(&core->drain, now, something_stands(core) ? graceful_s : 0);
}

/* What was granted before counts no more. */
static void
new_attempt(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;

	cl->attempt = core_random(core);
	cl->ask_at = now;
	for (size_t i = 0; i < cl->n_peers; i++)
		cl->peers[i].granted = false;
}

static void
begin_asking(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;

	cl->grant = GRANT_ASKING;
	cl->asking_since = now;
	cl->grant_told = false;
	new_attempt(core, now);
}

/* Anything but this and the attempt is void. */
static void
give_up(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	if (cl->grant == GRANT_ASKING)
		ask(core, true, out);
	cl->grant = GRANT_NONE;
	cl->asking_since = cl->ask_at = NEVER;
	cl->graceful_s = CONTROL_GRACEFUL_DEFAULT;
	drain_begin(&core->drain, now, 0); /* nothing is wished: it is off */
}

static bool
is_granted(const struct core *core)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (core->cluster.peers[i].granted)
			return true;
	return false;
}

static bool
may_go(const struct core *core, struct mono now)
{
	const struct cluster *cl = &core->cluster;

	return is_granted(core) || cl->wish == SPEC_NODE_FORCED ||
	    !something_stands(core) ||
	    (core->drain.temporary &&
		lasts(cl->asking_since, now, SHUTDOWN_MS));
}

void
grant_obstacle(const struct core *core, struct errmsg *why)
{
	const struct cluster *cl = &core->cluster;
	size_t talking = 0;

	for (size_t i = 0; i < cl->n_peers; i++)
		talking += cl->peers[i].state == PEER_TALKING;
	if (cl->grant != GRANT_ASKING)
		why->text[0] = '\0';
	else if (talking == 0)
		errmsg_set(why,
		    "no other node is connected that would go on announcing; "
		    "--force drains all the same");
	else
		errmsg_set(why,
		    "waiting for one of %zu other nodes that announces and is "
		    "not to be drained; --force drains all the same",
		    talking);
}

static void
keep_asking(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct errmsg why;

	if (reached(now, cl->ask_at)) {
		cl->ask_at = after_ms(now, ASK_EVERY_MS);
		ask(core, false, out);
	}
	if (cl->grant_told || !lasts(cl->asking_since, now, TELL_MS))
		return;
	cl->grant_told = true;
	grant_obstacle(core, &why);
	core_say(out, CORE_ALARM, "node: not drained yet: %s", why.text);
}

void
grant_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct drain *d = &core->drain;

	cl->wish = spec_node(cl->replica, core->file->node_name);
	if (d->by_operator != (cl->wish != SPEC_NODE_ACTIVE))
		core_say(out, CORE_INFO, "node: %s",
		    cl->wish != SPEC_NODE_ACTIVE ? "drain" : "undrain");
	d->by_operator = cl->wish != SPEC_NODE_ACTIVE;
	if (d->unfit != observe_unfit(core, now)) {
		d->unfit = !d->unfit;
		core_say(out, d->unfit ? CORE_ALARM : CORE_INFO,
		    "health: this node %s",
		    d->unfit ? "sees down what the others see up: it is to "
			       "be drained"
			     : "sees again what the others see");
	}
	/* A node that starts has to know what it finds: what a crash has
	 * withdrawn needs no grant, what stands does. */
	if (cl->join != JOIN_IN || !announce_enabled(core) ||
	    !core->announce.kernel_heard)
		return;
	if (!drain_wanted(d)) {
		if (cl->grant != GRANT_NONE)
			give_up(core, now, out);
		return;
	}
	if (cl->grant == GRANT_NONE)
		begin_asking(core, now);
	if (cl->grant == GRANT_ASKING && may_go(core, now))
		begin_drain(core, now);
	else if (cl->grant == GRANT_ASKING)
		keep_asking(core, now, out);
}

/* Does this node, which asks itself, step back for another that asks? */
static bool
yields_to(const struct core *core, const struct peer *p)
{
	return core->cluster.grant == GRANT_ASKING &&
	    strcmp(p->node->name, core->file->node_name) < 0;
}

static void
answer(struct core *core, struct mono now, struct peer *p,
    const struct peer_drain_ask *q, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_DRAIN_GRANT);
	bool stays = !drain_wanted(&core->drain);

	if (m == NULL)
		return;
	m->drain_grant.attempt = q->attempt;
	m->drain_grant.granted = announce_any(core) &&
	    (stays || yields_to(core, p));
	m->drain_grant.reason = stays ? GRANT_REFUSED_NOT_ANNOUNCING
				      : GRANT_REFUSED_DRAINING;
	if (m->drain_grant.granted && !stays)
		new_attempt(core, now);
	peer_send(p, m, out);
}

void
grant_heard(struct core *core, struct mono now, struct peer *p,
    const struct peer_message *m, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	if (m->kind == PEER_DRAIN_ASK) {
		if (!m->drain_ask.cancel)
			answer(core, now, p, &m->drain_ask, out);
		return;
	}
	if (cl->grant != GRANT_ASKING || m->drain_grant.attempt != cl->attempt)
		return; /* of an attempt that is over */
	p->granted = p->granted || m->drain_grant.granted;
}

struct mono
grant_wakeup(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct mono next = cl->ask_at;

	if (cl->grant == GRANT_ASKING && core->drain.temporary)
		earlier(&next, after_ms(cl->asking_since, SHUTDOWN_MS));
	return next;
}
