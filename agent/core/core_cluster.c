/* SPDX-License-Identifier: Apache-2.0 */
/* The replica: where its changes come together, what follows from it, when it
 * is written to disk, and when this node is in step with the others. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "agent/core/core_impl.h"
#include "common/log.h"

/* Without all of the others a node goes on alone after so long. */
#define JOIN_MS 10000
/* A state that is older may tell of backends whose addresses are others' by
 * now. */
#define STALE_MS (24ull * 3600 * 1000)
/* Changes from other nodes are written together, so that nothing else is kept
 * waiting for the disk for more than a third of the time; whoever makes them
 * waits for their being written. */
#define PERSIST_PAUSE_MIN_MS 10
#define PERSIST_PAUSE_MAX_MS 200
#define PERSIST_RETRY_MS     5000
/* The time of the last contact is written so often. */
#define SYNCED_MS (10ull * 60 * 1000)
/* A life whose incarnation never came to the disk shall not be taken for the
 * next one, though the clock is behind what the disk says. */
#define LIVES_APART 1024
#define NEVER       ((struct mono){INT64_MAX})

int
cluster_init(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;

	cl->join = JOIN_IN; /* until there is a cluster */
	cl->persist_at = now;
	cl->asking_since = cl->ask_at = NEVER;
	cl->graceful_s = CONTROL_GRACEFUL_DEFAULT;
	if ((cl->replica = replica_new()) == NULL ||
	    replica_digest(cl->replica, cl->config) == -1)
		return -1;
	memcpy(cl->persisted, cl->config, sizeof(cl->persisted));
	return observe_init(core, now);
}

void
cluster_clear(struct core *core)
{
	struct cluster *cl = &core->cluster;

	peers_clear(core);
	observe_clear(core);
	change_clear(&cl->writing);
	replica_free(cl->replica);
	freshness_free(cl->fresh);
}

/* The state file has been read, so the past is known. */
static int
begin(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;

	cl->fresh = freshness_new(core->file->node_name,
	    freshness_incarnation(cl->wall_ms,
		cl->file.incarnation + core_random(core) % LIVES_APART));
	if (cl->fresh == NULL)
		return -1;
	do
		cl->process = core_random(core);
	while (cl->process == 0);
	cl->join_since = now;
	peers_init(core, now);
	cluster_dirty(core); /* the incarnation */
	return 0;
}

void
cluster_configured(struct core *core, struct mono now,
    const struct conf *before, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	if (core->file->cluster.name == NULL)
		return;
	if (cl->fresh != NULL) {
		peers_reread(core, now, before, out);
	} else if (!cl->state_loaded) {
		cl->join = JOIN_WAITING;
		errmsg_set(&cl->join_why, "the state file has not been read");
	}
}

/* What the tables are, over all services. */
static void
digest_root(struct core *core, EVP_MD_CTX *d)
{
	const struct forwarding *f = core->plan->state;

	for (size_t i = 0; i < f->n_services; i++) {
		digest_bytes(
		    d, f->services[i].name, sizeof(f->services[i].name));
		digest_bytes(d, core->plan->services[i].digest,
		    sizeof(core->plan->services[i].digest));
	}
	digest_end(d, core->cluster.root);
}

void
cluster_applied(struct core *core, struct mono now, EVP_MD_CTX *root)
{
	struct cluster *cl = &core->cluster;

	digest_root(core, root);
	cl->beat_now = true;
	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];

		if (p->state != PEER_TALKING || !p->beat_heard ||
		    memcmp(p->beat.root, cl->root, sizeof(cl->root)) == 0)
			p->root_differs = NEVER;
		else if (p->root_differs.us == INT64_MAX)
			p->root_differs = now;
	}
}

/* Takes `next`, which becomes the replica; or, when what follows from it cannot
 * be had for lack of memory, does not. */
static int
adopt(struct core *core, struct mono now, struct replica *next,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct spec_view *view = NULL;
	uint8_t digest[REPLICA_DIGEST_LEN];
	struct errmsg why = {"out of memory"};
	bool known = replica_digest(next, digest) == 0;

	if (known && memcmp(digest, cl->config, sizeof(digest)) == 0) {
		cl->replica->hlc = MAX(cl->replica->hlc, next->hlc);
		replica_free(next);
		return 0;
	}
	if (!known || (view = spec_view(core->file, next)) == NULL ||
	    core_apply(core, core->file, view, now, out, &why) == -1) {
		spec_view_free(view);
		replica_free(next);
		core_say(out, CORE_ALARM,
		    "cluster: a change cannot be taken: %s", why.text);
		return -1;
	}
	replica_free(cl->replica);
	cl->replica = next;
	memcpy(cl->config, digest, sizeof(digest));
	cl->imported = cl->imported || !replica_is_empty(next);
	cluster_dirty(core);
	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];

		if (memcmp(p->beat.config, digest, sizeof(digest)) == 0)
			p->config_differs = NEVER;
		else if (p->config_differs.us == INT64_MAX)
			p->config_differs = now;
	}
	return 0;
}

void
cluster_merge(struct core *core, struct mono now, const struct replica *other,
    struct core_outputs *out)
{
	struct replica *next = replica_copy(core->cluster.replica);
	struct errmsg why = {"out of memory"};
	int rc = next == NULL ? -1 : replica_merge(next, other, &why);

	if (rc == 1) {
		adopt(core, now, next, out);
		return;
	}
	if (rc == 0 && next->hlc > core->cluster.replica->hlc)
		core->cluster.replica->hlc = next->hlc;
	replica_free(next);
	if (rc == -1)
		core_say(out, CORE_ALARM, "cluster: a snapshot: %s", why.text);
}

enum delta_result
cluster_apply_delta(struct core *core, struct mono now, const struct delta *d,
    struct core_outputs *out)
{
	struct replica *next = replica_copy(core->cluster.replica);
	enum delta_result result;

	if (next == NULL)
		return DELTA_FAILED;
	result = replica_apply(next, d);
	if (result == DELTA_FAILED) {
		replica_free(next);
		return result;
	}
	/* What could be taken of one with gaps is as good as any. */
	return adopt(core, now, next, out) == 0 ? result : DELTA_FAILED;
}

/* The state file. */

void
cluster_dirty(struct core *core)
{
	core->cluster.dirty = true;
}

bool
cluster_is_written(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct core_state s;

	cluster_fill_state(core, &s);
	return memcmp(cl->config, cl->writing.digest, sizeof(cl->config)) ==
	    0 &&
	    s.incarnation == cl->writing.state.incarnation &&
	    s.synced_ms == cl->writing.state.synced_ms;
}

void
cluster_fill_state(const struct core *core, struct core_state *s)
{
	const struct cluster *cl = &core->cluster;

	*s = cl->file;
	s->replica = core->file != NULL && core->file->cluster.name != NULL
	    ? cl->replica
	    : NULL;
	if (cl->fresh != NULL)
		s->incarnation = freshness_own(cl->fresh)->incarnation;
}

/* Not before the state of old has been read, which this would replace; nor
 * while that is lost, which the next start has to know as well. */
static bool
is_to_be_written(const struct core *core)
{
	const struct cluster *cl = &core->cluster;

	return cl->dirty && !cl->writing.busy && cl->state_loaded && !cl->lost;
}

static void
persist(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct writing *w = &cl->writing;

	if (!is_to_be_written(core) || !reached(now, cl->persist_at))
		return;
	cluster_fill_state(core, &w->state);
	w->busy = true;
	w->has_change = false;
	memcpy(w->digest, cl->config, sizeof(w->digest));
	cl->dirty = false;
	w->begun_at = now;
	core_put(out, CORE_PERSIST)->state_file = &w->state;
}

static struct mono
next_write(const struct writing *w, struct mono now)
{
	int64_t pause_ms = (now.us - w->begun_at.us) * 2 / 1000;

	pause_ms = MAX(pause_ms, PERSIST_PAUSE_MIN_MS);
	return after_ms(now, (uint32_t)MIN(pause_ms, PERSIST_PAUSE_MAX_MS));
}

void
cluster_persisted(struct core *core, struct mono now, const char *failure,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct writing *w = &cl->writing;

	w->busy = false;
	if (w->has_change) {
		change_persisted(core, now, failure, out);
	} else if (failure != NULL) {
		core_say(out, CORE_ALARM, "state: %s", failure);
		cl->dirty = true;
		cl->persist_at = after_ms(now, PERSIST_RETRY_MS);
		return;
	} else {
		cl->persist_at = next_write(w, now);
	}
	if (failure == NULL) {
		memcpy(cl->persisted, w->digest, sizeof(cl->persisted));
		cl->beat_now = true;
	}
}

void
cluster_loaded(struct core *core, struct mono now, const struct core_event *e,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct replica *r = e->state->replica;

	cl->state_loaded = true;
	cl->lost = e->state->lost;
	cl->file = *e->state;
	cl->file.replica = NULL;
	if (core->file == NULL || core->file->cluster.name == NULL) {
		replica_free(r);
		return;
	}
	cl->stillborn = true;
	if (begin(core, now) == -1) {
		replica_free(r);
		core_say(out, CORE_ALARM, "cluster: out of memory");
		return;
	}
	if (r == NULL || replica_is_empty(r)) {
		replica_free(r);
	} else if (adopt(core, now, r, out) == 0) {
		memcpy(cl->persisted, cl->config, sizeof(cl->persisted));
		cl->imported = true;
	} else {
		return; /* and nothing may be written over it */
	}
	cl->stillborn = false;
}

/* The first contents. */

static bool
all_are_empty(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	uint8_t empty[REPLICA_DIGEST_LEN];
	struct replica *none = replica_new();
	bool all = none != NULL && replica_digest(none, empty) == 0;

	replica_free(none);
	for (size_t i = 0; i < cl->n_peers && all; i++) {
		const struct peer *p = &cl->peers[i];

		if (p->state == PEER_TALKING && p->beat_heard)
			all = memcmp(p->beat.config, empty, sizeof(empty)) == 0;
		else
			all = cl->late;
	}
	return all;
}

/* A new cluster begins with what the file says. A node that joins one has
 * nothing to say. */
static void
import(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct replica *r;
	struct errmsg why;

	if (cl->imported || cl->lost || !all_are_empty(core))
		return;
	if ((r = spec_import(core->file, &why)) == NULL) {
		if (!cl->import_failed)
			core_say(out, CORE_ALARM, "%s: %s", core->file->path,
			    why.text);
		cl->import_failed = true;
		return;
	}
	if (adopt(core, now, r, out) == -1)
		return; /* again at the next tick */
	cl->imported = true;
	core_say(out, CORE_INFO,
	    "cluster: new; its first contents are those of %s",
	    core->file->path);
}

/* In step? */

/* What is waited for; false: nothing. */
static bool
waits_for(
    const struct core *core, struct mono now, bool late, struct errmsg *why)
{
	const struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < cl->n_peers; i++) {
		const struct peer *p = &cl->peers[i];
		const char *name = p->node->name;

		if (p->state != PEER_TALKING || !p->beat_heard) {
			if (!late)
				return errmsg_set(why, "node %s is awaited",
					   name) == -1;
			continue;
		}
		if (memcmp(p->beat.config, cl->config, sizeof(cl->config)) != 0)
			return errmsg_set(why,
				   "node %s has another configuration, which "
				   "is "
				   "being fetched",
				   name) == -1;
		if (freshness_is_fresh(cl->fresh, now, name) &&
		    observe_find(core, name) == NULL)
			return errmsg_set(why,
				   "what node %s observes is awaited",
				   name) == -1;
	}
	if (!cl->imported && !late)
		return errmsg_set(why, "there is nothing configured yet") == -1;
	return false;
}

static bool
talks_to_somebody(const struct core *core)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (core->cluster.peers[i].state == PEER_TALKING &&
		    core->cluster.peers[i].beat_heard)
			return true;
	return false;
}

/* Is there one whose word counts, should it say that nothing is configured? */
static bool
talks_to_joined(const struct core *core)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (core->cluster.peers[i].state == PEER_TALKING &&
		    core->cluster.peers[i].beat_heard &&
		    core->cluster.peers[i].beat.joined)
			return true;
	return false;
}

/* Why this node must not go on with what it has; false: it may. Nodes that have
 * all lost their states are no new cluster with nothing in it. */
static bool
must_not_join(const struct core *core, struct errmsg *why)
{
	const struct cluster *cl = &core->cluster;
	uint64_t synced = cl->file.synced_ms;

	if (cl->lost && replica_is_empty(cl->replica) && !talks_to_joined(core))
		return errmsg_set(why,
			   "its state is lost, and no other node is there that "
			   "has one; start one that has, or put a copy of its "
			   "state back, or empty node.state_dir on all nodes "
			   "to begin with what their files say") == -1;
	if (talks_to_somebody(core))
		return false;
	if (synced != 0 && cl->wall_ms > synced &&
	    cl->wall_ms - synced > STALE_MS)
		return errmsg_set(why,
			   "its state is over 24 hours old, and no other node "
			   "is there to tell what is new") == -1;
	return false;
}

static void
join_in(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	cl->join = JOIN_IN;
	cl->join_since = now;
	cl->lost = cl->file.lost = false;
	cl->join_why.text[0] = '\0';
	cl->beat_now = true;
	core_say(out, CORE_INFO, "cluster: in step%s",
	    talks_to_somebody(core) || cl->n_peers == 0 ? ""
							: ", though alone");
	announce_hold(core, now);
	link_install(core, now, out);
}

static void
try_join(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct errmsg why;

	if (cl->join == JOIN_IN)
		return;
	cl->late = reached(now, after_ms(cl->join_since, JOIN_MS));
	import(core, now, out);
	if (waits_for(core, now, cl->late, &why)) {
		cl->join_why = why;
		return;
	}
	if (!must_not_join(core, &why)) {
		join_in(core, now, out);
		return;
	}
	cl->join_why = why;
	if (!cl->late || cl->join == JOIN_OUT)
		return;
	cl->join = JOIN_OUT;
	core_say(
	    out, CORE_ALARM, "cluster: this node takes no part: %s", why.text);
}

/* Since when everything is well with somebody is worth remembering. */
static void
note_contact(struct core *core)
{
	struct cluster *cl = &core->cluster;

	if (cl->join != JOIN_IN || !talks_to_somebody(core) ||
	    cl->wall_ms < cl->file.synced_ms + SYNCED_MS)
		return;
	cl->file.synced_ms = cl->wall_ms;
	cluster_dirty(core);
}

bool
cluster_may_install(const struct core *core)
{
	return core->cluster.join == JOIN_IN && core->cluster.health_ready;
}

void
cluster_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	if (core->conf == NULL || cl->stillborn)
		return;
	if (cl->fresh != NULL) {
		try_join(core, now, out);
		sync_tick(core, now, out);
		grant_tick(core, now, out);
		change_tick(core, now, out);
		note_contact(core);
	}
	observe_tick(core, now, out);
	ramp_tick(core, now, out);
	if (cl->fresh != NULL) {
		persist(core, now, out);
		peers_tick(core, now, out); /* last: it tells of all of it */
	}
}

struct mono
cluster_wakeup(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct mono next = observe_wakeup(core);

	earlier(&next, ramp_wakeup(core));
	if (cl->fresh == NULL)
		return next;
	earlier(&next, peers_wakeup(core));
	earlier(&next, sync_wakeup(core));
	earlier(&next, grant_wakeup(core));
	earlier(&next, change_wakeup(core));
	if (is_to_be_written(core))
		earlier(&next, cl->persist_at);
	if (cl->join == JOIN_WAITING && !cl->late)
		earlier(&next, after_ms(cl->join_since, JOIN_MS));
	return next;
}
