/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing replicas and records together.
 *
 * A change goes out as a delta to everybody at once. Whoever has missed one, or
 * was away, sees in the next heartbeats that digests differ, and asks for a
 * whole snapshot. That is the same for a node that is new and one that lost a
 * message, so there is nothing to remember of what was sent to whom, but for
 * how far a snapshot has come. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"

/* Digests that differ are for the most part a delta under way: only what lasts
 * longer than a heartbeat is worth a snapshot. */
#define CONFIRM_MS    1200
#define PULL_PAUSE_MS 1000
/* Beats of one node come by many ways at once. */
#define ASK_PAUSE_MS 300
/* Tables that differ for longer than these are a warning, and an alarm. */
/* By so much clocks that are in step never are. */
#define CLOCKS_APART_MS  1000
#define DIFFERS_WARN_MS  3000
#define DIFFERS_ALARM_MS 30000
/* Of a snapshot, in a step: other events come between its parts. */
#define PART_CHUNKS 2
#define NEVER       ((struct mono){INT64_MAX})

/* Asks for a snapshot. */
static void
pull_config(struct mono now, struct peer *p, struct core_outputs *out)
{
	struct peer_message *m;

	if (!reached(now, after_ms(p->pulled_at, PULL_PAUSE_MS)))
		return;
	p->pulled_at = now;
	if ((m = peer_message_put(out, PEER_PULL)) == NULL)
		return;
	m->pull.config = true;
	peer_send(p, m, out);
}

/* Is p to be asked for that record? Not for one of a node that is connected
 * itself, nor while another has been asked. */
static bool
is_to_ask(struct core *core, struct mono now, const struct peer *p,
    const struct beat *beat)
{
	struct peer *of = peer_find(core, beat->node);

	if (!observe_lacks(core, beat) ||
	    (of != p && of->state == PEER_TALKING) ||
	    !reached(now, after_ms(of->asked_at, ASK_PAUSE_MS)))
		return false;
	of->asked_at = now;
	return true;
}

/* The records that a heartbeat tells of, and that are not here. */
static void
pull_records(struct core *core, struct mono now, struct peer *p,
    const struct peer_heartbeat *b, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_PULL);
	char(*names)[FORWARDING_NAME_MAX];
	size_t n = 0;

	if (m == NULL ||
	    (names = arena_alloc(out->arena, FRESHNESS_MAX, sizeof(*names))) ==
		NULL)
		return;
	/* Ascending by name: the sender's own stands first among beats. */
	for (size_t i = 1; i <= b->n_beats; i++) {
		const struct beat *beat = &b->beats[i % b->n_beats];
		size_t at = n;

		if (!is_to_ask(core, now, p, beat))
			continue;
		while (at > 0 && strcmp(names[at - 1], beat->node) > 0) {
			memcpy(names[at], names[at - 1], sizeof(names[0]));
			at--;
		}
		memcpy(names[at], beat->node, sizeof(names[0]));
		n++;
	}
	m->pull.observed_of = names;
	m->pull.n_observed_of = n;
	if (n > 0)
		peer_send(p, m, out);
}

void
sync_compare(struct core *core, struct mono now, struct peer *p,
    const struct peer_heartbeat *b, bool first, struct core_outputs *out)
{
	if (memcmp(b->config, core->cluster.config, sizeof(b->config)) == 0)
		p->config_differs = NEVER;
	else if (p->config_differs.us == INT64_MAX)
		p->config_differs = now;
	if ((first && p->config_differs.us != INT64_MAX) ||
	    lasts(p->config_differs, now, CONFIRM_MS))
		pull_config(now, p, out);
	pull_records(core, now, p, b, out);
}

void
sync_send_own(struct core *core, struct peer *p, struct core_outputs *out)
{
	peer_send(
	    p, observe_message(core, &core->cluster.records[0], out), out);
}

void
sync_send_delta(
    struct core *core, const struct delta *d, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_DELTA);

	if (m == NULL)
		return;
	m->delta = *d;
	peer_send_all(core, m, out);
}

/* Snapshots out. */

/* As many objects as fit in a chunk, from `first`. At least one. */
static size_t
chunk_size(const struct replica *r, size_t first)
{
	size_t n = first, bytes = 0;

	while (n < r->n_live &&
	    (n == first || bytes + object_size(r->live[n]) <= PEER_CHUNK_LEN))
		bytes += object_size(r->live[n++]);
	return n - first;
}

static void
begin_snapshot(struct peer *p, struct core_outputs *out)
{
	const struct replica *r = p->sending.replica;
	struct peer_message *m = peer_message_put(out, PEER_FULL_BEGIN);

	if (m == NULL)
		return;
	m->full_begin = (struct peer_full_begin){.sync = p->last_sync,
	    .vv = r->vv,
	    .n_vv = r->n_vv,
	    .n_objects = (uint32_t)r->n_live,
	    .hlc = r->hlc};
	peer_send(p, m, out);
	p->sending.at.begun = true;
}

static void
end_snapshot(struct peer *p, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_FULL_END);

	if (m == NULL)
		return;
	m->full_end.sync = p->last_sync;
	m->full_end.n_chunks = p->sending.at.n_chunks;
	memcpy(m->full_end.digest, p->sending.digest, REPLICA_DIGEST_LEN);
	peer_send(p, m, out);
	p->sending.at.ended = true;
}

/* false: out of memory. */
static bool
send_chunk(struct peer *p, size_t n, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_FULL_CHUNK);
	struct sent *at = &p->sending.at;

	if (m == NULL)
		return false;
	m->full_chunk = (struct peer_full_chunk){.sync = p->last_sync,
	    .index = at->n_chunks++,
	    .objects = &p->sending.replica->live[at->n_objects],
	    .n_objects = n};
	peer_send(p, m, out);
	at->n_objects += n;
	return true;
}

static void
drop_sending(struct peer *p)
{
	replica_free(p->sending.replica);
	p->sending = (struct sending){0};
}

void
sync_unstage(struct peer *p)
{
	replica_free(p->staged.replica);
	p->staged = (struct staged){0};
}

void
sync_forget(struct peer *p)
{
	sync_unstage(p);
	drop_sending(p);
}

/* A queue takes less than the largest snapshot. What it refused of the last
 * part is sent again, once there is room. */
void
sync_refused(struct peer *p)
{
	p->sending.at = p->sending.before;
}

/* The next part of what is owed; false: nothing is. What messages of the step
 * before borrow is only dropped here. */
static bool
send_part(struct core *core, struct peer *p, struct core_outputs *out)
{
	struct sending *s = &p->sending;

	if (s->at.ended)
		drop_sending(p);
	if (s->replica == NULL && p->owes_full) {
		p->owes_full = false;
		s->replica = replica_copy(core->cluster.replica);
		memcpy(s->digest, core->cluster.config, sizeof(s->digest));
		p->last_sync++;
	}
	if (s->replica == NULL)
		return false;
	s->before = s->at;
	if (!s->at.begun)
		begin_snapshot(p, out);
	for (size_t i = 0; i < PART_CHUNKS; i++)
		if (s->at.n_objects < s->replica->n_live &&
		    !send_chunk(
			p, chunk_size(s->replica, s->at.n_objects), out))
			break;
	if (s->at.n_objects == s->replica->n_live)
		end_snapshot(p, out);
	return true;
}

/* Tables that stay different. */

/* Differ by time alone: where backends ramp by clocks that are apart. */
static bool
by_clocks(const struct core *core, const struct peer *p)
{
	bool ramps = false;

	for (size_t i = 0; i < core->conf->n_services; i++)
		ramps = ramps || core->conf->services[i].slow_start_s > 0;
	return ramps && llabs(p->clock_ms) >= CLOCKS_APART_MS;
}

const char *
sync_fault(const struct core *core, const struct peer *p)
{
	const struct cluster *cl = &core->cluster;

	if (memcmp(p->beat.root, cl->root, sizeof(cl->root)) == 0)
		return "";
	if (memcmp(p->beat.config, cl->config, sizeof(cl->config)) != 0)
		return "configuration";
	if (memcmp(p->beat.observed, cl->observed, sizeof(cl->observed)) != 0)
		return "observations";
	return by_clocks(core, p) ? "clocks" : "software";
}

/* Said once each; one who is not in step has no tables to speak of. */
static void
tell_difference(struct core *core, struct mono now, struct peer *p,
    struct core_outputs *out)
{
	enum core_level level = CORE_INFO;

	if (core->cluster.join == JOIN_IN && p->beat.joined)
		level = lasts(p->root_differs, now, DIFFERS_ALARM_MS)
		    ? CORE_ALARM
		    : lasts(p->root_differs, now, DIFFERS_WARN_MS)
		    ? CORE_WARNING
		    : CORE_INFO;
	if (level > p->differs_told)
		core_say(out, level,
		    "node %s: for %d s its tables have not been those of this "
		    "node, by a difference of %s; 'guideway cluster verify' "
		    "shows more",
		    p->node->name,
		    (level == CORE_ALARM ? DIFFERS_ALARM_MS : DIFFERS_WARN_MS) /
			1000,
		    sync_fault(core, p));
	if (level == CORE_INFO && p->differs_told != CORE_INFO)
		core_say(out, CORE_INFO,
		    "node %s: its tables are those of this node again",
		    p->node->name);
	if (level > p->differs_told || level == CORE_INFO)
		p->differs_told = level;
}

void
sync_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	bool sent = false;

	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];

		if (p->state != PEER_TALKING) {
			drop_sending(p);
			continue;
		}
		if (!sent && !p->stuck) /* one a step: it is many outputs */
			sent = send_part(core, p, out);
		if (lasts(p->config_differs, now, CONFIRM_MS))
			pull_config(now, p, out);
		tell_difference(core, now, p, out);
	}
}

struct mono
sync_wakeup(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct mono next = NEVER;

	for (size_t i = 0; i < cl->n_peers; i++) {
		const struct peer *p = &cl->peers[i];
		struct mono at;

		if (p->state != PEER_TALKING)
			continue;
		if ((p->owes_full || p->sending.replica != NULL) && !p->stuck)
			earlier(&next, (struct mono){0});
		if (p->config_differs.us == INT64_MAX)
			continue;
		at = after_ms(p->config_differs, CONFIRM_MS);
		if (at.us < after_ms(p->pulled_at, PULL_PAUSE_MS).us)
			at = after_ms(p->pulled_at, PULL_PAUSE_MS);
		earlier(&next, at);
	}
	return next;
}

/* Snapshots in. */

static void
stage(struct peer *p, const struct peer_full_begin *b)
{
	struct replica *r;

	sync_unstage(p);
	if (b->n_objects > REPLICA_OBJECTS_MAX ||
	    b->n_vv > REPLICA_WRITERS_MAX || (r = replica_new()) == NULL)
		return;
	r->live = calloc(b->n_objects + 1u, sizeof(struct object *));
	r->vv = calloc(b->n_vv + 1, sizeof(*r->vv));
	if (r->live == NULL || r->vv == NULL) {
		replica_free(r);
		return;
	}
	if (b->n_vv > 0)
		memcpy(r->vv, b->vv, b->n_vv * sizeof(*r->vv));
	r->n_vv = b->n_vv;
	r->hlc = b->hlc;
	p->staged = (struct staged){
	    .replica = r, .sync = b->sync, .n_objects = b->n_objects};
}

static void
stage_chunk(struct peer *p, const struct peer_full_chunk *c)
{
	struct staged *s = &p->staged;

	/* What comes again is here already; what is missing shows at the end.
	 */
	if (s->replica == NULL || c->sync != s->sync ||
	    c->index != s->next_chunk)
		return;
	for (size_t i = 0; i < c->n_objects; i++)
		s->size += object_size(c->objects[i]);
	if (c->n_objects > s->n_objects - s->replica->n_live ||
	    s->size > REPLICA_SIZE_MAX) {
		sync_unstage(p);
		return;
	}
	for (size_t i = 0; i < c->n_objects; i++)
		s->replica->live[s->replica->n_live++] = object_ref(
		    c->objects[i]);
	s->next_chunk++;
}

/* Only what is whole is taken: an object that is missing in it would pass for a
 * removed one. 0: it is; 1: parts of it were lost; -1: it is wrong. */
static int
staged_whole(
    const struct staged *s, const struct peer_full_end *e, struct errmsg *why)
{
	uint8_t digest[REPLICA_DIGEST_LEN];

	if (s->replica == NULL || e->sync != s->sync ||
	    e->n_chunks != s->next_chunk || s->replica->n_live != s->n_objects)
		return 1;
	if (replica_check(s->replica, why) == -1)
		return -1;
	if (replica_digest(s->replica, digest) == -1)
		return 1;
	return memcmp(digest, e->digest, sizeof(digest)) == 0
	    ? 0
	    : errmsg_set(why, "a snapshot is not what its digest says");
}

static void
take_staged(struct core *core, struct mono now, struct peer *p,
    const struct peer_full_end *e, struct core_outputs *out)
{
	struct errmsg why;
	int whole = staged_whole(&p->staged, e, &why);

	if (whole == 0)
		cluster_merge(core, now, p->staged.replica, out);
	sync_unstage(p);
	if (whole == -1)
		peer_fail(core, now, p, PEER_ERROR_MALFORMED, why.text, out);
}

static void
delta_heard(struct core *core, struct mono now, struct peer *p,
    const struct delta *d, struct core_outputs *out)
{
	switch (cluster_apply_delta(core, now, d, out)) {
	case DELTA_NOTHING:
	case DELTA_APPLIED:
		break;
	case DELTA_GAP:
		pull_config(now, p, out);
		break;
	case DELTA_FAILED:
		break; /* the digests differ from now on */
	}
}

static void
pull_heard(struct core *core, struct peer *p, const struct peer_pull *q,
    struct core_outputs *out)
{
	const struct record *r;

	p->owes_full = p->owes_full || q->config;
	for (size_t i = 0; i < q->n_observed_of; i++)
		if ((r = observe_find(core, q->observed_of[i])) != NULL)
			peer_send(p, observe_message(core, r, out), out);
}

void
sync_heard(struct core *core, struct mono now, struct peer *p,
    struct peer_message *m, struct core_outputs *out)
{
	if (m->kind == PEER_DELTA)
		delta_heard(core, now, p, &m->delta, out);
	else if (m->kind == PEER_FULL_BEGIN)
		stage(p, &m->full_begin);
	else if (m->kind == PEER_FULL_CHUNK)
		stage_chunk(p, &m->full_chunk);
	else if (m->kind == PEER_FULL_END)
		take_staged(core, now, p, &m->full_end, out);
	else
		pull_heard(core, p, &m->pull, out);
}
