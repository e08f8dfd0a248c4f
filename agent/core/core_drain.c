/* SPDX-License-Identifier: Apache-2.0 */
/* The commands to drain this node and to bring it back. The operator's wish is
 * on disk before it counts: a node that was taken out for repair must not come
 * back by itself with the next start. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

void
drain_loaded(struct core *core, struct mono now, bool draining,
    const char *trouble, struct core_outputs *out)
{
	if (trouble != NULL)
		core_say(out, CORE_ALARM, "state: %s", trouble);
	if (!draining)
		return;
	core_say(out, CORE_WARNING,
	    "this node is drained, %s; 'guideway node undrain' brings it back",
	    trouble == NULL ? "as it was before the restart"
			    : "to be on the safe side");
	core->drain.by_operator = true;
	drain_begin(&core->drain, now, 0);
}

void
drain_accepted(struct core *core, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct core_output *o = core_put(out, CORE_REPLY);

	o->client = client;
	o->reply.kind = q->kind;
	o->reply.node.name = report_node_name(core);
}

static void
carry_out(struct core *core, struct mono now, const struct control_request *q,
    struct core_outputs *out)
{
	struct drain *d = &core->drain;
	bool draining = q->kind == CONTROL_DRAIN;
	uint32_t graceful_s = q->graceful_s;

	if (graceful_s == CONTROL_GRACEFUL_DEFAULT)
		graceful_s = core->conf->announce.graceful_shutdown_s;
	/* The operator's word to come back overrides a shutdown's, too. */
	if (q->temporary || !draining)
		d->temporary = draining;
	if (core->cluster.fresh != NULL) { /* core_grant.c sees to the rest */
		core->cluster.graceful_s = graceful_s;
		core_say(out, CORE_INFO, "node: %s, temporarily",
		    draining ? "drain" : "undrain");
		return;
	}
	if (!q->temporary)
		d->by_operator = draining;
	drain_begin(d, now, graceful_s);
	core_say(out, CORE_INFO, "node: %s%s", draining ? "drain" : "undrain",
	    q->temporary ? ", temporarily" : "");
}

static void
announces_nothing(uint64_t client, struct core_outputs *out)
{
	command_error(out, client,
	    "this node announces nothing (announce.enabled is false in the "
	    "configuration), so the routes are yours to withdraw");
}

static bool
is_for_self(const struct core *core, const struct control_request *q)
{
	return q->node[0] == '\0' ||
	    strcmp(q->node, report_node_name(core)) == 0;
}

/* In a cluster every node can be asked, and the wish is replicated. */
static void
cluster_command(struct core *core, struct mono now, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	bool self = is_for_self(core, q);

	if (!self && peer_find(core, q->node) == NULL) {
		command_error(out, client,
		    "no node is called '%s'; 'guideway cluster status' lists "
		    "them",
		    q->node);
		return;
	}
	if (self && q->temporary) {
		carry_out(core, now, q, out);
		drain_accepted(core, client, q, out);
		return;
	}
	if (q->temporary) {
		command_error(out, client,
		    "a temporary drain is for the node itself; say it there");
		return;
	}
	if (self && !announce_enabled(core)) {
		announces_nothing(client, out);
		return;
	}
	if (self && q->kind == CONTROL_UNDRAIN &&
	    freshness_own(core->cluster.fresh)->left) {
		command_error(out, client,
		    "this node has left the cluster; restart guideway-agent "
		    "to bring it back");
		return;
	}
	change_command(core, client, q, out);
}

void
drain_remembered(struct core *core, const struct control_request *q)
{
	if (!is_for_self(core, q))
		return;
	if (q->kind == CONTROL_DRAIN)
		core->cluster.graceful_s = q->graceful_s;
	else /* the word to come back overrides a shutdown's, too */
		core->drain.temporary = false;
}

void
drain_command(struct core *core, struct mono now, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct core_state *state = &core->cluster.writing.state;

	if (core->cluster.fresh != NULL) {
		cluster_command(core, now, client, q, out);
	} else if (!is_for_self(core, q)) {
		command_error(out, client,
		    "this is node '%s', which cannot act for '%s'; say it "
		    "there",
		    report_node_name(core), q->node);
	} else if (!announce_enabled(core)) {
		announces_nothing(client, out);
	} else if (core->cluster.writing.busy) {
		command_error(out, client,
		    "another command is being written to disk; try again");
	} else if (q->temporary) {
		carry_out(core, now, q, out);
		drain_accepted(core, client, q, out);
	} else {
		cluster_fill_state(core, state);
		state->draining = q->kind == CONTROL_DRAIN;
		change_write(core, client, q, out);
	}
}

void
drain_persisted(struct core *core, struct mono now, const char *failure,
    struct core_outputs *out)
{
	struct writing *w = &core->cluster.writing;
	uint64_t client = w->change.client;

	w->busy = w->has_change = false;
	if (failure == NULL) {
		carry_out(core, now, &w->change.request, out);
		if (client != 0)
			drain_accepted(core, client, &w->change.request, out);
		return;
	}
	core_say(out, CORE_ALARM, "state: %s", failure);
	if (client != 0)
		command_error(out, client,
		    "nothing has changed, since it could not be remembered: %s",
		    failure);
}

bool
drain_gone(const struct core *core)
{
	const struct bird_view *b = &core->announce.bird;
	const struct bird_route *r;

	if (core->announce.kernel.n > 0)
		return false;
	/* One that does not run, or that we may not ask, tells nothing more. */
	if (b->report == NULL || b->report->state != BIRD_OK)
		return true;
	if (!bird_is_fresh(core))
		return false;
	for (size_t i = 0; i < core->gate->n_vips; i++) {
		r = bird_find(core, &core->gate->vips[i].vip);
		if (r != NULL && r->exported > 0)
			return false;
	}
	return true;
}
