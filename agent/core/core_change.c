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

/* What a change is made of, while it is made. */
struct making {
	struct core *core;
	const struct control_request *q;
	enum object_kind kind;
	char key[OBJECT_KEY_MAX + 1];
	struct reg regs[OBJECT_REGS_MAX];
	size_t n_regs;
	uint64_t hlc;
	struct errmsg why;
};

static bool
is_about(const struct object *o, enum object_kind kind, const char *key)
{
	return o->kind == kind && strcmp(o->key, key) == 0;
}

static size_t
count_about(const struct replica *r, enum object_kind kind, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_live; i++)
		n += is_about(r->live[i], kind, key);
	return n;
}

static int
no_memory(struct making *m)
{
	return errmsg_set(&m->why, "out of memory");
}

static const char *
kind_name(enum object_kind kind)
{
	return kind == OBJECT_SERVICE ? "service"
	    : kind == OBJECT_BACKEND  ? "backend"
				      : "node";
}

static int
make_add(struct making *m, struct replica *next, struct delta *d)
{
	struct cluster *cl = &m->core->cluster;
	struct uid uid;

	/* Another one, should it have given all the uids there are. */
	while (cl->writer == 0 || replica_next_seq(next, cl->writer) == 0)
		cl->writer = core_random(m->core);
	uid = (struct uid){cl->writer, replica_next_seq(next, cl->writer)};
	if ((d->adds = calloc(1, sizeof(*d->adds))) == NULL)
		return no_memory(m);
	d->adds[0] = object_new(
	    m->kind, uid, m->hlc, m->key, strlen(m->key), m->regs, m->n_regs);
	if (d->adds[0] == NULL)
		return no_memory(m);
	d->n_adds = 1;
	return 0;
}

/* All objects of the key: it does not matter then which of them counts. */
static int
make_sets(struct making *m, struct replica *next, struct delta *d)
{
	size_t n = count_about(next, m->kind, m->key);

	d->sets = calloc(n * m->n_regs + 1, sizeof(*d->sets));
	if (d->sets == NULL)
		return no_memory(m);
	for (size_t i = 0; i < next->n_live; i++)
		for (size_t j = 0; j < m->n_regs; j++)
			if (is_about(next->live[i], m->kind, m->key))
				d->sets[d->n_sets++] = (struct delta_set){
				    next->live[i]->uid, m->regs[j]};
	return 0;
}

/* A service's backends go with it. */
static bool
goes_along(const struct making *m, const struct object *o)
{
	size_t len = strlen(m->key);

	return is_about(o, m->kind, m->key) ||
	    (m->kind == OBJECT_SERVICE && o->kind == OBJECT_BACKEND &&
		o->key_len > len && o->key[len] == ' ' &&
		memcmp(o->key, m->key, len) == 0);
}

static int
make_removes(struct making *m, struct replica *next, struct delta *d)
{
	d->removes = calloc(next->n_live + 1, sizeof(*d->removes));
	if (d->removes == NULL)
		return no_memory(m);
	for (size_t i = 0; i < next->n_live; i++)
		if (goes_along(m, next->live[i]))
			d->removes[d->n_removes++] = next->live[i]->uid;
	return 0;
}

static int
make_delta(
    struct making *m, enum control_op op, struct replica *next, struct delta *d)
{
	size_t there = count_about(next, m->kind, m->key);

	if (op == CONTROL_ADD && there > 0)
		return errmsg_set(&m->why, "%s %s is there already",
		    kind_name(m->kind), m->key);
	if (op != CONTROL_ADD && there == 0)
		return errmsg_set(
		    &m->why, "there is no %s %s", kind_name(m->kind), m->key);
	if (op == CONTROL_SET && m->n_regs == 0)
		return errmsg_set(&m->why, "nothing is to be set");
	m->hlc = d->hlc = replica_tick(next, m->core->cluster.wall_ms);
	for (size_t i = 0; i < m->n_regs; i++)
		m->regs[i].stamp = (struct stamp){
		    m->hlc, m->core->cluster.process};
	return op == CONTROL_ADD ? make_add(m, next, d)
	    : op == CONTROL_SET  ? make_sets(m, next, d)
				 : make_removes(m, next, d);
}

static bool
was_ignored(const struct spec_view *v, const char *what)
{
	for (size_t i = 0; v != NULL && i < v->n_ignored; i++)
		if (strcmp(v->ignored[i].what, what) == 0)
			return true;
	return false;
}

static bool
is_own_source(const struct core *core, const struct addr *a)
{
	return forwarding_source_covers(&core->file->source4, a) ||
	    forwarding_source_covers(&core->file->source6, a);
}

/* A host drops what comes in with its own address as the source. What other
 * nodes use, they see to themselves. */
static int
check_source(struct making *m, const struct conf *conf)
{
	const struct control_change *c = m->q->change;
	const struct addr *found = NULL;
	char text[ADDR_TEXT_MAX];

	if (c == NULL || c->op == CONTROL_REMOVE)
		return 0;
	if (c->is_backend && is_own_source(m->core, &c->backend))
		found = &c->backend;
	for (size_t i = 0; i < conf->n_services && !c->is_backend; i++) {
		const struct conf_service *s = &conf->services[i];

		for (size_t j = 0; j < s->n_vips; j++)
			if (strcmp(s->name, c->service) == 0 &&
			    is_own_source(m->core, &s->vips[j]))
				found = &s->vips[j];
	}
	if (found == NULL)
		return 0;
	return errmsg_set(&m->why,
	    "%s %s is among the addresses of this node's "
	    "balancer.encap_source, which must be nobody else's",
	    c->is_backend ? "backend" : "VIP", addr_format(found, text));
}

/* Would anything be left out then that is not now? */
static int
check_effect(struct making *m, const struct replica *next)
{
	struct spec_view *v = spec_view(m->core->file, next);
	int rc = 0;

	if (v == NULL)
		return no_memory(m);
	for (size_t i = 0; i < v->n_ignored && rc == 0; i++)
		if (!was_ignored(m->core->view, v->ignored[i].what))
			rc = errmsg_set(&m->why, "%.200s: %.280s",
			    v->ignored[i].what, v->ignored[i].why);
	if (rc == 0)
		rc = check_source(m, v->conf);
	spec_view_free(v);
	return rc;
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
	if (cl->writing.busy || core->persisting.busy)
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

static int
name_object(struct making *m, struct arena *arena)
{
	const struct control_change *c = m->q->change;
	const char *key = c->service;

	m->kind = c->is_backend ? OBJECT_BACKEND : OBJECT_SERVICE;
	if (!forwarding_name_valid(c->service, strlen(c->service)))
		return errmsg_set(&m->why,
		    "a service's name has 1 to %d letters, digits, '.', '_' or "
		    "'-'",
		    FORWARDING_NAME_MAX - 1);
	if (c->is_backend &&
	    (key = spec_backend_key(arena, c->service, &c->backend)) == NULL)
		return no_memory(m);
	text_copy(m->key, sizeof(m->key), key);
	if (c->is_backend && c->op == CONTROL_ADD &&
	    count_about(m->core->cluster.replica, OBJECT_SERVICE, c->service) ==
		0)
		return errmsg_set(&m->why,
		    "no service is called '%s'; 'guideway service list' lists "
		    "them",
		    c->service);
	return 0;
}

static int
read_fields(struct making *m, struct arena *arena)
{
	int n = spec_read(
	    m->kind, m->q->change->fields, m->regs, arena, &m->why);

	if (n == -1)
		return -1;
	m->n_regs = (size_t)n;
	if (m->q->change->op == CONTROL_ADD && m->kind == OBJECT_SERVICE &&
	    (n == 0 || m->regs[0].field != SPEC_VIPS))
		return errmsg_set(
		    &m->why, "a service needs vips: vips=ADDRESS,...");
	return 0;
}

/* What is wished of a node. Its object is made with the first wish. */
static enum control_op
name_node(struct making *m)
{
	const struct control_request *q = m->q;
	const char *name = q->node[0] != '\0' ? q->node
					      : m->core->file->node_name;
	enum spec_node wish = q->kind == CONTROL_UNDRAIN ? SPEC_NODE_ACTIVE
	    : q->force                                   ? SPEC_NODE_FORCED
							 : SPEC_NODE_DRAINING;

	m->kind = OBJECT_NODE;
	text_copy(m->key, sizeof(m->key), name);
	m->regs[0] = (struct reg){.field = SPEC_STATE,
	    .text = spec_node_name(wish),
	    .len = (uint16_t)strlen(spec_node_name(wish))};
	m->n_regs = 1;
	return count_about(m->core->cluster.replica, OBJECT_NODE, name) > 0
	    ? CONTROL_SET
	    : CONTROL_ADD;
}

/* To disk, with all that has to be known when it is there. */
static void
write_out(struct making *m, uint64_t client, struct replica *next,
    struct core_outputs *out)
{
	struct cluster *cl = &m->core->cluster;
	struct writing *w = &cl->writing;

	w->busy = w->has_change = true;
	w->copy = next;
	w->change.client = client;
	w->change.request = *m->q;
	w->change.local = m->q->change != NULL && m->q->change->local;
	w->change.request.change = NULL;
	cluster_fill_state(m->core, &w->state);
	w->state.replica = next;
	core_put(out, CORE_PERSIST)->state_file = &w->state;
}

void
change_command(struct core *core, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct making m = {.core = core, .q = q};
	struct writing *w = &core->cluster.writing;
	bool is_node = q->kind != CONTROL_CHANGE;
	bool force = is_node ? q->force : q->change->force;
	struct replica *next = NULL;
	enum control_op op;

	if (must_wait(core, force, &m.why)) {
		command_error(out, client, "%s", m.why.text);
		return;
	}
	change_clear(w);
	w->change.arena = arena_new();
	next = replica_copy(core->cluster.replica);
	if (w->change.arena == NULL || next == NULL) {
		no_memory(&m);
		goto fail;
	}
	op = is_node ? name_node(&m) : q->change->op;
	if (!is_node &&
	    (name_object(&m, w->change.arena) == -1 ||
		read_fields(&m, w->change.arena) == -1))
		goto fail;
	if (make_delta(&m, op, next, &w->change.delta) == -1)
		goto fail;
	if (replica_apply(next, &w->change.delta) == DELTA_FAILED) {
		errmsg_set(&m.why, "there are more objects than there may be");
		goto fail;
	}
	if (check_effect(&m, next) == -1 ||
	    replica_digest(next, w->digest) == -1)
		goto fail;
	write_out(&m, client, next, out);
	return;
fail:
	replica_free(next);
	change_clear(w);
	command_error(out, client, "%s", m.why.text);
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
void
change_persisted(struct core *core, struct mono now, const char *failure,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct writing *w = &cl->writing;
	struct changing *c = &w->change;

	if (failure != NULL) {
		core_say(out, CORE_ALARM, "state: %s", failure);
		cl->writer = 0;
		if (c->client != 0)
			command_error(out, c->client,
			    "nothing has changed, since it could not be "
			    "remembered: %s",
			    failure);
		change_clear(w);
		return;
	}
	if (c->request.kind != CONTROL_CHANGE)
		drain_remembered(core, &c->request);
	if (cluster_apply_delta(core, now, &c->delta, out) == DELTA_FAILED) {
		/* It must not be on the disk then. */
		cl->writer = 0;
		cluster_dirty(core);
		if (c->client != 0)
			command_error(out, c->client,
			    "nothing has changed, since there is no memory to "
			    "carry it out");
		change_clear(w);
		return;
	}
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
