/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks for as a delta, and the replica that it leads to; or
 * why it cannot be. Nothing here changes anything. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"

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

static int
make(struct making *m, struct changing *c, struct replica *next)
{
	const struct control_change *q = m->q->change;
	enum control_op op = q != NULL ? q->op : name_node(m);

	if (q != NULL &&
	    (name_object(m, c->arena) == -1 || read_fields(m, c->arena) == -1))
		return -1;
	if (make_delta(m, op, next, &c->delta) == -1)
		return -1;
	if (replica_apply(next, &c->delta) == DELTA_FAILED)
		return errmsg_set(&m->why,
		    "it would be more than a cluster can hold, or there is no "
		    "memory for it");
	return check_effect(m, next);
}

struct replica *
change_make(struct core *core, const struct control_request *q,
    struct changing *c, struct errmsg *why)
{
	struct making m = {.core = core, .q = q};
	struct replica *next = replica_copy(core->cluster.replica);

	c->arena = arena_new();
	if (next == NULL || c->arena == NULL)
		no_memory(&m);
	else if (make(&m, c, next) == 0)
		return next;
	*why = m.why;
	replica_free(next);
	return NULL;
}
