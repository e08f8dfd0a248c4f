/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/ctl/wire_cluster.h"

#include <string.h>

#include "agent/core/replica.h"
#include "common/forwarding.h"

typedef Guideway__Control__Request MsgRequest;
typedef Guideway__Control__ChangeRequest MsgChange;
typedef Guideway__Control__Outcome MsgOutcome;
typedef Guideway__Control__Cluster MsgCluster;
typedef Guideway__Control__ClusterNode MsgNode;

#define NAME_LEN (FORWARDING_NAME_MAX - 1)
/* Far more than a cluster has. */
#define NODES_MAX 1024

static MsgChange *
change_pack(struct arena *arena, const struct control_change *c)
{
	static const Guideway__Control__Op ops[] = {
	    [CONTROL_ADD] = GUIDEWAY__CONTROL__OP__OP_ADD,
	    [CONTROL_SET] = GUIDEWAY__CONTROL__OP__OP_SET,
	    [CONTROL_REMOVE] = GUIDEWAY__CONTROL__OP__OP_REMOVE,
	};
	MsgChange *m = field_message(
	    arena, &guideway__control__change_request__descriptor);

	if (m == NULL)
		return NULL;
	m->op = ops[c->op];
	m->service = field_of_text(c->service);
	if (c->is_backend)
		m->backend = field_of_addr(&c->backend);
	m->fields = field_of_text(c->fields);
	m->local = c->local;
	m->force = c->force;
	return m;
}

int
cluster_request_pack(
    struct arena *arena, MsgRequest *m, const struct control_request *q)
{
	switch (q->kind) {
	case CONTROL_CHANGE:
		m->body_case = GUIDEWAY__CONTROL__REQUEST__BODY_CHANGE;
		m->change = change_pack(arena, q->change);
		return m->change != NULL ? 0 : -1;
	case CONTROL_CLUSTER:
		m->body_case = GUIDEWAY__CONTROL__REQUEST__BODY_CLUSTER;
		m->cluster = field_message(
		    arena, &guideway__control__cluster_request__descriptor);
		return m->cluster != NULL ? 0 : -1;
	default:
		m->body_case = GUIDEWAY__CONTROL__REQUEST__BODY_LEAVE;
		m->leave = field_message(
		    arena, &guideway__control__leave_request__descriptor);
		return m->leave != NULL ? 0 : -1;
	}
}

static int
op_read(enum control_op *op, Guideway__Control__Op from)
{
	switch (from) {
	case GUIDEWAY__CONTROL__OP__OP_ADD:
		*op = CONTROL_ADD;
		return 0;
	case GUIDEWAY__CONTROL__OP__OP_SET:
		*op = CONTROL_SET;
		return 0;
	case GUIDEWAY__CONTROL__OP__OP_REMOVE:
		*op = CONTROL_REMOVE;
		return 0;
	case GUIDEWAY__CONTROL__OP__OP_NONE:
	default: /* proto3 takes any number */
		return -1;
	}
}

/* Lines of printable ASCII. A NUL would hide what comes after it. */
static int
lines_read(char to[CONTROL_FIELDS_MAX], const ProtobufCBinaryData *from,
    struct errmsg *why)
{
	if (from->len >= CONTROL_FIELDS_MAX)
		return errmsg_set(why,
		    "what is to be changed has %zu bytes; at most %d are taken",
		    from->len, CONTROL_FIELDS_MAX - 1);
	for (size_t i = 0; i < from->len; i++)
		if (from->data[i] != '\n' &&
		    (from->data[i] < ' ' || from->data[i] > '~'))
			return errmsg_set(why,
			    "what is to be changed is not printable ASCII at "
			    "byte %zu",
			    i + 1);
	if (from->len > 0)
		memcpy(to, from->data, from->len);
	to[from->len] = '\0';
	return 0;
}

int
change_request_read(
    struct control_change *c, const MsgChange *m, struct errmsg *why)
{
	const char *name = (const char *)m->service.data;
	struct fields f = {.why = why};

	memset(c, 0, sizeof(*c));
	if (op_read(&c->op, m->op) == -1)
		return errmsg_set(why,
		    "a change this agent does not know; is it older than the "
		    "command?");
	if (!forwarding_name_valid(name, m->service.len))
		return errmsg_set(why,
		    "a service's name has 1..%d of A-Z a-z 0-9 . _ -",
		    NAME_LEN);
	memcpy(c->service, name, m->service.len);
	c->is_backend = m->backend.len > 0;
	c->backend = fields_addr(&f, &m->backend, true, "change.backend");
	if (f.bad)
		return -1;
	if (c->op == CONTROL_REMOVE && m->fields.len > 0)
		return errmsg_set(why, "what is removed has no fields to set");
	c->local = m->local;
	c->force = m->force;
	return lines_read(c->fields, &m->fields, why);
}

MsgOutcome *
outcome_pack(struct arena *arena, const struct control_outcome *o)
{
	MsgOutcome *m = field_message(
	    arena, &guideway__control__outcome__descriptor);

	if (m == NULL)
		return NULL;
	m->waited = o->waited;
	m->copies = o->copies;
	m->nodes = o->nodes;
	m->n_missing = o->n_missing;
	m->missing = field_messages(
	    arena, o->n_missing, &guideway__control__missing__descriptor);
	if (m->missing == NULL)
		return NULL;
	for (size_t i = 0; i < o->n_missing; i++) {
		m->missing[i]->node = field_of_text(o->missing[i].node);
		m->missing[i]->why = field_of_text(o->missing[i].why);
	}
	return m;
}

void
outcome_read(struct fields *f, struct control_outcome *o, const MsgOutcome *m)
{
	struct control_missing *to;

	o->waited = m->waited;
	o->copies = fields_number(f, m->copies, NODES_MAX, "outcome.copies");
	o->nodes = fields_number(f, m->nodes, NODES_MAX, "outcome.nodes");
	o->n_missing = m->n_missing;
	o->missing = to = fields_array(
	    f, &o->n_missing, NODES_MAX, sizeof(*to), "outcome.missing");
	for (size_t i = 0; i < o->n_missing; i++) {
		to[i].node = fields_name(
		    f, &m->missing[i]->node, NAME_LEN, "missing.node");
		to[i].why = fields_text(f, &m->missing[i]->why, "missing.why");
	}
}

static void
node_pack(MsgNode *m, const struct control_cluster_node *n)
{
	size_t len = n->connected ? REPORT_DIGEST_LEN : 0; /* else not known */

	m->name = field_of_text(n->name);
	m->address = field_of_addr(&n->addr);
	m->self = n->self;
	m->connected = n->connected;
	m->trouble = field_of_text(n->trouble);
	m->fresh = n->fresh;
	m->left = n->left;
	m->version = field_of_text(n->version);
	m->joined = n->joined;
	m->announcing = n->announcing;
	m->draining = n->draining;
	m->installed = n->installed;
	m->clock_ms = n->clock_ms;
	m->config_digest = field_of_bytes(n->config, len);
	m->observed_digest = field_of_bytes(n->observed, len);
	m->root_digest = field_of_bytes(n->root, len);
	m->differs_ms = n->differs_ms;
	m->fault = field_of_text(n->fault);
	m->flows_dropped = n->flows_dropped;
}

static void
node_read(struct fields *f, struct control_cluster_node *n, const MsgNode *m)
{
	bool unknown = !m->connected;

	n->name = fields_name(f, &m->name, NAME_LEN, "cluster.nodes.name");
	n->addr = fields_addr(f, &m->address, true, "cluster.nodes.address");
	n->self = m->self;
	n->connected = m->connected;
	n->trouble = fields_text(f, &m->trouble, "cluster.nodes.trouble");
	n->fresh = m->fresh;
	n->left = m->left;
	n->version = fields_text(f, &m->version, "cluster.nodes.version");
	n->joined = m->joined;
	n->announcing = m->announcing;
	n->draining = m->draining;
	n->installed = m->installed;
	n->clock_ms = m->clock_ms;
	fields_bytes(f, &m->config_digest, n->config, REPORT_DIGEST_LEN,
	    unknown, "cluster.nodes.config_digest");
	fields_bytes(f, &m->observed_digest, n->observed, REPORT_DIGEST_LEN,
	    unknown, "cluster.nodes.observed_digest");
	fields_bytes(f, &m->root_digest, n->root, REPORT_DIGEST_LEN, unknown,
	    "cluster.nodes.root_digest");
	n->differs_ms = m->differs_ms;
	n->fault = fields_text(f, &m->fault, "cluster.nodes.fault");
	n->flows_dropped = m->flows_dropped;
}

static int
ignored_pack(
    struct arena *arena, MsgCluster *m, const struct control_cluster *c)
{
	m->n_ignored = c->n_ignored;
	m->ignored = field_messages(
	    arena, c->n_ignored, &guideway__control__ignored__descriptor);
	m->n_file_differs = c->n_file_differs;
	m->file_differs = arena_alloc(
	    arena, c->n_file_differs, sizeof(*m->file_differs));
	if (m->ignored == NULL || m->file_differs == NULL)
		return -1;
	for (size_t i = 0; i < c->n_ignored; i++) {
		m->ignored[i]->what = field_of_text(c->ignored[i].what);
		m->ignored[i]->why = field_of_text(c->ignored[i].why);
	}
	for (size_t i = 0; i < c->n_file_differs; i++)
		m->file_differs[i] = field_of_text(c->file_differs[i]);
	return 0;
}

static void
ignored_read(struct fields *f, struct control_cluster *c, const MsgCluster *m)
{
	c->n_ignored = m->n_ignored;
	c->ignored = fields_array(f, &c->n_ignored, REPLICA_OBJECTS_MAX,
	    sizeof(*c->ignored), "cluster.ignored");
	for (size_t i = 0; i < c->n_ignored; i++) {
		c->ignored[i].what = fields_text(
		    f, &m->ignored[i]->what, "ignored.what");
		c->ignored[i].why = fields_text(
		    f, &m->ignored[i]->why, "ignored.why");
	}
	c->n_file_differs = m->n_file_differs;
	c->file_differs = fields_array(f, &c->n_file_differs,
	    2 * REPLICA_OBJECTS_MAX, sizeof(*c->file_differs),
	    "cluster.file_differs");
	for (size_t i = 0; i < c->n_file_differs; i++)
		c->file_differs[i] = fields_text(
		    f, &m->file_differs[i], "cluster.file_differs");
}

MsgCluster *
cluster_pack(struct arena *arena, const struct control_cluster *c)
{
	MsgCluster *m = field_message(
	    arena, &guideway__control__cluster__descriptor);

	if (m == NULL)
		return NULL;
	m->name = field_of_text(c->name);
	m->self = field_of_text(c->self);
	m->trust = field_of_text(c->trust);
	m->joined = c->joined;
	m->waiting = field_of_text(c->waiting);
	m->identical = c->identical;
	m->services = c->services;
	m->backends = c->backends;
	m->n_nodes = c->n_nodes;
	m->nodes = field_messages(
	    arena, c->n_nodes, &guideway__control__cluster_node__descriptor);
	if (m->nodes == NULL)
		return NULL;
	for (size_t i = 0; i < c->n_nodes; i++)
		node_pack(m->nodes[i], &c->nodes[i]);
	return ignored_pack(arena, m, c) == 0 ? m : NULL;
}

void
cluster_read(struct fields *f, struct control_cluster *c, const MsgCluster *m)
{
	c->name = fields_text(f, &m->name, "cluster.name");
	c->self = fields_text(f, &m->self, "cluster.self");
	c->trust = fields_text(f, &m->trust, "cluster.trust");
	c->joined = m->joined;
	c->waiting = fields_text(f, &m->waiting, "cluster.waiting");
	c->identical = m->identical;
	c->services = m->services;
	c->backends = m->backends;
	c->n_nodes = m->n_nodes;
	c->nodes = fields_array(
	    f, &c->n_nodes, NODES_MAX, sizeof(*c->nodes), "cluster.nodes");
	for (size_t i = 0; i < c->n_nodes; i++)
		node_read(f, &c->nodes[i], m->nodes[i]);
	ignored_read(f, c, m);
}
