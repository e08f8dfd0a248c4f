/* SPDX-License-Identifier: Apache-2.0 */
/* Health: this node's checks make its own record; the records of all nodes that
 * are alive are counted (votes.h), and what that says goes into the tables. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"

/* Verdicts that change in quick succession make one record. */
#define COALESCE_MS 50
/* The tables wait so long for the first round of checks, and no longer. */
#define FIRST_ROUND_MS 5000
/* A node that sees DOWN what the others see UP for so long takes itself out. */
#define UNFIT_MS 10000
#define NEVER    ((struct mono){INT64_MAX})

int
observe_init(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;

	cl->observe_at = cl->unfit_since = cl->next_fresh = NEVER;
	cl->n_records = 1;
	cl->join_since = now;
	cl->checks = checks_new(core_random(core));
	return cl->checks != NULL ? 0 : -1;
}

static void
record_clear(struct record *r)
{
	arena_free(r->arena);
	*r = (struct record){0};
}

void
observe_clear(struct core *core)
{
	struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < cl->n_records; i++)
		arena_free(cl->records[i].arena);
	checks_free(cl->checks);
	votes_free(cl->votes);
}

const struct record *
observe_find(const struct core *core, const char *node)
{
	const struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < cl->n_records; i++)
		if (cl->records[i].arena != NULL &&
		    strcmp(cl->records[i].node, node) == 0)
			return &cl->records[i];
	return NULL;
}

bool
observe_lacks(const struct core *core, const struct beat *beat)
{
	const struct record *r = observe_find(core, beat->node);

	/* What a node that is not configured observes counts for nothing. */
	if (beat->left || peer_find_const(core, beat->node) == NULL)
		return false;
	if (r == NULL)
		return beat->obs_seq > 0;
	return r->incarnation != beat->incarnation ||
	    r->obs_seq < beat->obs_seq;
}

/* Whose record counts: heard of, and not one that has left. */
static bool
counts(const struct core *core, struct mono now, const struct record *r)
{
	if (r->arena == NULL)
		return false;
	if (r == &core->cluster.records[0])
		return core->cluster.fresh == NULL ||
		    !freshness_own(core->cluster.fresh)->left;
	return freshness_is_fresh(core->cluster.fresh, now, r->node);
}

static int
digest_record(struct record *r)
{
	EVP_MD_CTX *d = digest_begin();

	if (d == NULL)
		return -1;
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct votes_entry *e = &r->entries[i];

		digest_text(d, e->service, strlen(e->service));
		digest_bytes(d, &e->backend, sizeof(e->backend));
		digest_number(d, e->health);
	}
	digest_end(d, r->digest);
	return 0;
}

static int
cmp_records(const void *a, const void *b)
{
	const struct record *const *r = a, *const *s = b;

	return strcmp((*r)->node, (*s)->node);
}

/* Over the records that count, by name. */
static int
digest_all(
    const struct record **counted, size_t n, uint8_t out[REPLICA_DIGEST_LEN])
{
	EVP_MD_CTX *d = digest_begin();

	if (d == NULL)
		return -1;
	qsort(counted, n, sizeof(*counted), cmp_records);
	for (size_t i = 0; i < n; i++) {
		digest_text(d, counted[i]->node, strlen(counted[i]->node));
		digest_bytes(d, counted[i]->digest, sizeof(counted[i]->digest));
	}
	digest_end(d, out);
	return 0;
}

/* Fills `entries` of a record that has room for n. Services share one copy of
 * their name. -1: out of memory. */
static int
copy_name(struct record *r, size_t i, const char *service)
{
	if (i > 0 && strcmp(r->entries[i - 1].service, service) == 0) {
		r->entries[i].service = r->entries[i - 1].service;
		return 0;
	}
	r->entries[i].service = arena_copy(r->arena, service, strlen(service));
	return r->entries[i].service != NULL ? 0 : -1;
}

static int
record_init(struct record *r, const struct beat *beat, size_t n)
{
	*r = (struct record){0};
	text_copy(r->node, sizeof(r->node), beat->node);
	r->incarnation = beat->incarnation;
	r->obs_seq = beat->obs_seq;
	if ((r->arena = arena_new()) == NULL)
		return -1;
	r->entries = arena_alloc(r->arena, n, sizeof(*r->entries));
	return r->entries != NULL ? 0 : -1;
}

static int
fill_own(struct core *core, struct record *r)
{
	struct checks *checks = core->cluster.checks;
	struct checks_state s;

	for (size_t i = 0; i < checks_count(checks); i++) {
		checks_get(checks, i, &s);
		if (copy_name(r, i, s.service) == -1)
			return -1;
		r->entries[i].backend = s.backend;
		r->entries[i].health = s.health;
		r->n_entries++;
	}
	return 0;
}

/* What this node observes now becomes its record, and is told to all. */
static void
publish(struct core *core, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct beat beat = {.obs_seq = cl->records[0].obs_seq + 1};
	struct record next;

	text_copy(beat.node, sizeof(beat.node), report_node_name(core));
	if (cl->fresh != NULL)
		beat.incarnation = freshness_own(cl->fresh)->incarnation;
	if (record_init(&next, &beat, checks_count(cl->checks)) == -1 ||
	    fill_own(core, &next) == -1 || digest_record(&next) == -1) {
		record_clear(&next);
		cl->observe_at = NEVER;
		return; /* checks_version differs still: tried again */
	}
	record_clear(&cl->records[0]);
	cl->records[0] = next;
	cl->checks_version = checks_version(cl->checks);
	cl->observe_at = NEVER;
	cl->recount = true;
	if (cl->fresh == NULL)
		return;
	cl->beat_now = true;
	peer_send_all(core, observe_message(core, &cl->records[0], out), out);
}

/* Copies of a record's entries, which may be replaced before they are sent.
 * NULL: out of memory. */
static struct peer_observed_entry *
copy_entries(const struct record *r, struct arena *arena)
{
	struct peer_observed_entry *e = arena_alloc(
	    arena, r->n_entries, sizeof(*e));
	const char *name = "";

	for (size_t i = 0; e != NULL && i < r->n_entries; i++) {
		if (strcmp(name, r->entries[i].service) != 0 &&
		    (name = arena_copy(arena, r->entries[i].service,
			 strlen(r->entries[i].service))) == NULL)
			return NULL;
		e[i] = (struct peer_observed_entry){
		    name, r->entries[i].backend, r->entries[i].health};
	}
	return e;
}

const struct peer_message *
observe_message(
    struct core *core, const struct record *r, struct core_outputs *out)
{
	const struct freshness *fresh = core->cluster.fresh;
	bool own = r == &core->cluster.records[0];
	const struct beat *known;
	struct peer_observed_entry *entries;
	struct peer_message *m;

	if (r->arena == NULL || fresh == NULL ||
	    (m = peer_message_put(out, PEER_OBSERVED)) == NULL)
		return NULL;
	entries = copy_entries(r, out->arena);
	known = own ? freshness_own(fresh) : freshness_find(fresh, r->node);
	if (entries == NULL || known == NULL)
		return NULL;
	/* A beat of another life would make this one seem alive. */
	if (!own && known->incarnation != r->incarnation)
		return NULL;
	m->observed.beat = *known;
	m->observed.beat.obs_seq = r->obs_seq; /* of this very record */
	m->observed.entries = entries;
	m->observed.n_entries = r->n_entries;
	return m;
}

/* Only of nodes that are configured: these have room, if that of others is
 * taken. */
static struct record *
place_for(struct core *core, const char *node)
{
	struct cluster *cl = &core->cluster;

	if (peer_find(core, node) == NULL)
		return NULL;
	for (size_t i = 1; i < cl->n_records; i++)
		if (strcmp(cl->records[i].node, node) == 0)
			return &cl->records[i];
	for (size_t i = 1; i < cl->n_records; i++)
		if (peer_find(core, cl->records[i].node) == NULL)
			return &cl->records[i];
	if (cl->n_records == CORE_PEERS_MAX)
		return NULL;
	cl->records[cl->n_records] = (struct record){0};
	text_copy(cl->records[cl->n_records].node, FORWARDING_NAME_MAX, node);
	return &cl->records[cl->n_records++];
}

void
observe_heard(struct core *core, struct mono now, struct peer *from,
    const struct peer_message *m)
{
	const struct peer_observed *o = &m->observed;
	bool direct = strcmp(o->beat.node, from->node->name) == 0;
	const struct beat *known;
	struct record *r, next;

	if (strcmp(o->beat.node, core->file->node_name) == 0)
		return;
	freshness_hear(core->cluster.fresh, now, &o->beat, direct);
	known = freshness_find(core->cluster.fresh, o->beat.node);
	if (known == NULL || known->incarnation != o->beat.incarnation ||
	    (r = place_for(core, o->beat.node)) == NULL)
		return;
	if (r->arena != NULL && strcmp(r->node, o->beat.node) == 0 &&
	    r->incarnation == o->beat.incarnation &&
	    r->obs_seq >= o->beat.obs_seq)
		return;
	if (record_init(&next, &o->beat, o->n_entries) == -1)
		goto fail;
	for (size_t i = 0; i < o->n_entries; i++) {
		if (copy_name(&next, i, o->entries[i].service) == -1)
			goto fail;
		next.entries[i].backend = o->entries[i].backend;
		next.entries[i].health = o->entries[i].health;
		next.n_entries++;
	}
	if (digest_record(&next) == -1)
		goto fail;
	record_clear(r);
	*r = next;
	core->cluster.recount = true;
	return;
fail:
	record_clear(&next); /* it will be asked for again */
}

int
observe_count(const struct core *core, struct mono now, const struct conf *conf,
    struct counted *out)
{
	const struct cluster *cl = &core->cluster;
	struct votes_record records[CORE_PEERS_MAX];
	const struct record *counted[CORE_PEERS_MAX];
	size_t n = 0;

	*out = (struct counted){.votes = NULL};
	for (size_t i = 0; i < cl->n_records; i++) {
		const struct record *r = &cl->records[i];

		if (!counts(core, now, r))
			continue;
		out->fresh_set |= 1ULL << i;
		counted[n] = r;
		records[n++] = (struct votes_record){r->entries, r->n_entries};
	}
	if (digest_all(counted, n, out->digest) == -1)
		return -1;
	out->votes = votes_count(conf, records, n);
	return out->votes != NULL ? 0 : -1;
}

void
observe_switch(struct core *core, struct counted *next)
{
	struct cluster *cl = &core->cluster;

	votes_free(cl->votes);
	cl->votes = next->votes;
	cl->fresh_set = next->fresh_set;
	cl->recount = false;
	if (memcmp(cl->observed, next->digest, sizeof(cl->observed)) != 0)
		cl->beat_now = true;
	memcpy(cl->observed, next->digest, sizeof(cl->observed));
}

static bool
same_verdicts(const struct votes *a, const struct votes *b)
{
	if (a == NULL || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->verdicts[i].health != b->verdicts[i].health)
			return false;
	return true;
}

/* Both are over core->conf. What fails for lack of memory is done again at the
 * next tick. */
static void
recount(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct counted next;
	struct errmsg why;

	if (observe_count(core, now, core->conf, &next) == -1)
		return;
	if (same_verdicts(cl->votes, next.votes)) {
		observe_switch(core, &next);
		return;
	}
	votes_free(next.votes);
	if (core_apply(core, core->file, core->view, now, out, &why) == -1)
		core_say(out, CORE_ALARM, "health: %s", why.text);
}

static uint64_t
fresh_set(const struct core *core, struct mono now)
{
	const struct cluster *cl = &core->cluster;
	uint64_t set = 0;

	for (size_t i = 0; i < cl->n_records; i++)
		if (counts(core, now, &cl->records[i]))
			set |= 1ULL << i;
	return set;
}

int
observe_set(struct core *core, struct mono now, const struct conf *conf)
{
	struct checks_target *targets;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < conf->n_services; i++)
		n += conf->services[i].n_backends;
	if ((targets = calloc(n + 1, sizeof(*targets))) == NULL)
		return -1;
	n = 0;
	for (size_t i = 0; i < conf->n_services; i++) {
		const struct conf_service *s = &conf->services[i];

		for (size_t j = 0; j < s->n_backends; j++)
			if (s->check.kind != CHECK_NONE)
				targets[n++] = (struct checks_target){s->name,
				    s->backends[j].addr, &s->vips[0],
				    &s->check};
	}
	rc = checks_set(core->cluster.checks, now, targets, n);
	free(targets);
	return rc;
}

static void
run_checks(struct core *core, struct mono now, struct core_outputs *out)
{
	struct checks *checks = core->cluster.checks;
	struct checks_start start;
	uint64_t id;

	for (int i = 0; i < CORE_PROBES_MAX && checks_due(checks, now, &start);
	     i++) {
		struct core_output *o = core_put(out, CORE_PROBE_START);

		o->id = start.id;
		o->probe = start;
	}
	for (int i = 0; i < CORE_PROBES_MAX && checks_cancelled(checks, &id);
	     i++)
		core_put(out, CORE_PROBE_CANCEL)->id = id;
}

/* Is this node a bad observer, or cut off from the backends? */
static void
judge_self(struct core *core, struct mono now)
{
	struct cluster *cl = &core->cluster;
	const struct record *own = &cl->records[0];
	const struct votes_record record = {own->entries, own->n_entries};

	if (cl->votes == NULL || !votes_self_unfit(cl->votes, &record))
		cl->unfit_since = NEVER;
	else if (cl->unfit_since.us == INT64_MAX)
		cl->unfit_since = now;
}

bool
observe_unfit(const struct core *core, struct mono now)
{
	return lasts(core->cluster.unfit_since, now, UNFIT_MS);
}

static bool
first_round_done(const struct core *core, struct mono now)
{
	return checks_round_done(core->cluster.checks) ||
	    reached(now, after_ms(core->cluster.join_since, FIRST_ROUND_MS));
}

void
observe_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	bool ready = cl->health_ready;

	if (core->conf == NULL)
		return;
	ready = ready || (cl->join == JOIN_IN && first_round_done(core, now));
	/* The first record goes out at once, that the others need not wait, and
	 * the first that says something likewise. */
	if (reached(now, cl->observe_at) || cl->records[0].arena == NULL ||
	    (ready && !cl->health_ready &&
		checks_version(cl->checks) != cl->checks_version))
		publish(core, out);
	if (cl->recount || fresh_set(core, now) != cl->fresh_set)
		recount(core, now, out);
	if (cl->fresh != NULL)
		cl->next_fresh = freshness_wakeup(cl->fresh, now);
	judge_self(core, now);
	if (ready && !cl->health_ready) {
		cl->health_ready = true;
		announce_hold(core, now);
		link_install(core, now, out);
	}
	/* Not earlier: what a start points at goes when there are other checks.
	 */
	run_checks(core, now, out);
	if (checks_version(cl->checks) != cl->checks_version &&
	    cl->observe_at.us == INT64_MAX)
		cl->observe_at = after_ms(now, COALESCE_MS);
}

struct mono
observe_wakeup(const struct core *core)
{
	const struct cluster *cl = &core->cluster;
	struct mono next = cl->next_fresh;

	if (core->conf == NULL)
		return NEVER;
	earlier(&next, checks_wakeup(cl->checks));
	earlier(&next, cl->observe_at);
	if (!cl->health_ready && cl->join == JOIN_IN)
		earlier(&next, after_ms(cl->join_since, FIRST_ROUND_MS));
	if (cl->unfit_since.us != INT64_MAX && !core->drain.unfit)
		earlier(&next, after_ms(cl->unfit_since, UNFIT_MS));
	return next;
}
