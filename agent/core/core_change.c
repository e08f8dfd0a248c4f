/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' changes. One is carried out on a copy of the replica first: if
 * what follows from that is not what was meant, nothing has changed. Then the
 * copy goes to disk, and only then does the change count, here and for the
 * others. It is never taken back. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"

/* An operator waits so long for the other nodes. */
#define WAIT_MS 5000
/* A clock that is further from the others' than this orders changes wrongly. */
#define CLOCK_MAX_MS 60000
#define NEVER        ((struct mono){INT64_MAX})

static void
delta_clear(struct delta *d)
{
	for (size_t i = 0; i < d->n_adds; i++)
		object_unref(d->adds[i]);
	free(d->adds);
	free(d->removes);
	free(d->sets);
	*d = (struct delta){0};
}

void
change_clear(struct writing *w)
{
	delta_clear(&w->change.delta);
	arena_free(w->change.arena);
	w->change.arena = NULL;
	replica_free(w->copy);
	w->copy = NULL;
	w->has_change = false;
}

static int
cmp_clocks(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* By how much the median of the other clocks is ahead of ours. With two in the
 * middle the one that is closer: of three clocks that is not ours alone. */
static int64_t
clock_ahead(const struct core *core)
{
	int64_t ahead[CORE_PEERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (core->cluster.peers[i].state == PEER_TALKING)
			ahead[n++] = core->cluster.peers[i].clock_ms;
	if (n == 0)
		return 0;
	qsort(ahead, n, sizeof(*ahead), cmp_clocks);
	if (n % 2 == 0 && llabs(ahead[n / 2 - 1]) < llabs(ahead[n / 2]))
		return ahead[n / 2 - 1];
	return ahead[n / 2];
}

/* Why no change can be made now; false: it can. */
static bool
must_wait(const struct core *core, bool force, struct errmsg *why)
{
	const struct cluster *cl = &core->cluster;
	int64_t ahead = clock_ahead(core);

	if (core->file == NULL || core->file->cluster.name == NULL)
		return errmsg_set(why,
			   "this node is in no cluster, so its services are "
			   "those of %s: change them there, and reload",
			   core->file != NULL ? core->file->path
					      : "its file") == -1;
	if (cl->join != JOIN_IN)
		return errmsg_set(why, "this node takes no part yet: %s",
			   cl->join_why.text) == -1;
	if (cl->writing.busy)
		return errmsg_set(why,
			   "another command is being written to disk; try "
			   "again") == -1;
	if (cl->n_waiting == CLUSTER_WAITING_MAX)
		return errmsg_set(
			   why, "too many commands at once; try again") == -1;
	if (!force && (ahead > CLOCK_MAX_MS || ahead < -CLOCK_MAX_MS))
		return errmsg_set(why,
			   "this node's clock is %lld s %s the others'; set it "
			   "right, or say --force",
			   (long long)(ahead > 0 ? ahead : -ahead) / 1000,
			   ahead > 0 ? "behind" : "ahead of") == -1;
	return false;
}

void
change_command(struct core *core, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct writing *w = &core->cluster.writing;
	bool force = q->change != NULL ? q->change->force : q->force;
	struct replica *next;
	struct errmsg why = {"out of memory"};

	if (must_wait(core, force, &why)) {
		command_error(out, client, "%s", why.text);
		return;
	}
	change_clear(w);
	next = change_make(core, q, &w->change, &why);
	if (next == NULL || replica_digest(next, w->digest) == -1) {
		replica_free(next);
		change_clear(w);
		command_error(out, client, "%s", why.text);
		return;
	}
	w->copy = next;
	cluster_fill_state(core, &w->state);
	w->state.replica = next;
	change_write(core, client, q, out);
}

void
change_write(struct core *core, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct writing *w = &core->cluster.writing;

	w->busy = w->has_change = true;
	w->change.client = client;
	w->change.request = *q;
	w->change.request.change = NULL; /* the asker's */
	w->change.local = q->change != NULL && q->change->local;
	core_put(out, CORE_PERSIST)->state_file = &w->state;
}

/* Waiting for the others. */

/* Of a node that takes no traffic it does not matter. */
static const char not_served[] = "its balancer does not serve its tables yet";

/* What a node that is heard lacks; false: nothing. */
static bool
lacks(const struct core *core, const struct peer *p, const char **why)
{
	const struct cluster *cl = &core->cluster;

	*why = NULL;
	if (p->state != PEER_TALKING || !p->beat_heard)
		*why = "it is heard of, but not connected";
	else if (memcmp(p->beat.config, cl->config, sizeof(cl->config)) != 0)
		*why = "it does not have it yet";
	else if (memcmp(p->beat.persisted, cl->config, sizeof(cl->config)) != 0)
		*why = "it is not on its disk yet";
	else if (memcmp(p->beat.root, cl->root, sizeof(cl->root)) != 0)
		*why = "its tables are not the same yet";
	else if (p->beat.announcing && !p->beat.installed)
		*why = not_served;
	return *why != NULL;
}

static uint32_t
count_copies(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	uint32_t n = 1;

	for (size_t i = 0; i < cl->n_peers; i++)
		n += cl->peers[i].state == PEER_TALKING &&
		    memcmp(cl->peers[i].beat.persisted, cl->config,
			sizeof(cl->config)) == 0;
	return n;
}

static bool
is_fresh(const struct core *core, struct mono now, const struct peer *p)
{
	return freshness_is_fresh(core->cluster.fresh, now, p->node->name);
}

/* Nodes that miss it. Of those that nobody hears, only if it is nowhere else.
 */
static size_t
list_missing(
    const struct core *core, struct mono now, struct control_missing *missing)
{
	const struct cluster *cl = &core->cluster;
	bool alone = cl->n_peers > 0 && count_copies(core) < 2;
	size_t n = 0;

	if (announce_any(core) && report_sync(core)[0] != '\0')
		missing[n++] = (struct control_missing){
		    report_node_name(core), not_served};
	for (size_t i = 0; i < cl->n_peers; i++) {
		const struct peer *p = &cl->peers[i];
		const char *why;

		if (!is_fresh(core, now, p)) {
			if (!alone)
				continue;
			why = "it is not heard";
		} else if (!lacks(core, p, &why)) {
			continue;
		}
		missing[n++] = (struct control_missing){p->node->name, why};
	}
	return n;
}

static void
reply_outcome(struct core *core, struct mono now, uint64_t client, bool waited,
    struct core_outputs *out)
{
	struct control_missing *missing = NULL;
	struct core_output *o;

	if (out->arena == NULL)
		out->arena = arena_new();
	if (out->arena != NULL)
		missing = arena_alloc(
		    out->arena, CORE_PEERS_MAX, sizeof(*missing));
	if (missing == NULL) {
		command_error(out, client,
		    "the change is made here, but there is no memory to say "
		    "more");
		return;
	}
	o = core_put(out, CORE_REPLY);
	o->client = client;
	o->reply.kind = CONTROL_CHANGE;
	o->reply.outcome.waited = waited;
	o->reply.outcome.missing = missing;
	o->reply.outcome.n_missing = list_missing(core, now, missing);
	o->reply.outcome.copies = count_copies(core);
	o->reply.outcome.nodes = (uint32_t)core->cluster.n_peers + 1;
}

static void
answer(struct core *core, struct mono now, const struct changing *c,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	if (c->client == 0)
		return;
	if (c->request.kind != CONTROL_CHANGE)
		drain_accepted(core, c->client, &c->request, out);
	else if (c->local)
		reply_outcome(core, now, c->client, false, out);
	else
		cl->waiting[cl->n_waiting++] = (struct waiting){
		    c->client, after_ms(now, WAIT_MS)};
}

/* What was written and does not count may come back some day, out of a former
 * file or after a power cut: its uid must not be another one's then. So the
 * writer is not used again. */
static void
give_up(struct core *core, const char *why, struct core_outputs *out)
{
	struct writing *w = &core->cluster.writing;

	core->cluster.writer = 0;
	if (w->change.client != 0)
		command_error(out, w->change.client,
		    "nothing has changed, since %s", why);
	change_clear(w);
}

void
change_persisted(struct core *core, struct mono now, const char *failure,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct writing *w = &cl->writing;
	struct changing *c = &w->change;
	struct errmsg why;

	if (failure != NULL) {
		core_say(out, CORE_ALARM, "state: %s", failure);
		errmsg_set(&why, "it could not be remembered: %s", failure);
		give_up(core, why.text, out);
		return;
	}
	if (cluster_apply_delta(core, now, &c->delta, out) == DELTA_FAILED) {
		cluster_dirty(core); /* it must not be on the disk then */
		give_up(core, "there is no memory to carry it out", out);
		return;
	}
	if (c->request.kind != CONTROL_CHANGE)
		drain_remembered(core, &c->request);
	if (cluster_is_written(core))
		cl->dirty = false;
	sync_send_delta(core, &c->delta, out);
	answer(core, now, c, out);
	replica_free(w->copy);
	w->copy = NULL;
	w->has_change = false; /* the delta stays: messages borrow it */
}

void
change_gone(struct core *core, uint64_t client)
{
	struct cluster *cl = &core->cluster;

	if (cl->writing.has_change && cl->writing.change.client == client)
		cl->writing.change.client = 0; /* carried out all the same */
	for (size_t i = 0; i < cl->n_waiting; i++)
		if (cl->waiting[i].client == client) {
			cl->n_waiting--;
			memmove(&cl->waiting[i], &cl->waiting[i + 1],
			    (cl->n_waiting - i) * sizeof(cl->waiting[0]));
			return;
		}
}

void
change_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct control_missing missing[CORE_PEERS_MAX];
	bool done = cl->n_waiting > 0 && list_missing(core, now, missing) == 0;

	while (cl->n_waiting > 0 &&
	    (done || reached(now, cl->waiting[0].deadline))) {
		uint64_t client = cl->waiting[0].client;

		change_gone(core, client);
		reply_outcome(core, now, client, true, out);
	}
}

struct mono
change_wakeup(const struct core *core)
{
	return core->cluster.n_waiting > 0 ? core->cluster.waiting[0].deadline
					   : NEVER;
}
