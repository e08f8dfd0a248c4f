/* SPDX-License-Identifier: Apache-2.0 */
/* For each message the pair X_pack, which fills a message of the arena, and
 * X_read, which takes one apart with its checks (common/fields.h). */
#include "config.h"

#include "agent/ctl/wire.h"

#include <string.h>

#include "agent/ctl/wire_announce.h"
#include "agent/ctl/wire_cluster.h"
#include "agent/ctl/wire_flows.h"
#include "agent/ctl/wire_service.h"

#include "common/budget.h"
#include "common/fields.h"
#include "proto/balancer.pb-c.h"
#include "proto/control.pb-c.h"

typedef Guideway__Control__Request MsgRequest;
typedef Guideway__Control__Reply MsgReply;
typedef Guideway__Control__Status MsgStatus;
typedef Guideway__Control__Node MsgNode;
typedef Guideway__Control__Trace MsgTrace;

int
ctl_wire_put_request(struct evbuffer *out, const struct control_request *q)
{
	MsgRequest m = GUIDEWAY__CONTROL__REQUEST__INIT;
	Guideway__Control__StatusRequest status =
	    GUIDEWAY__CONTROL__STATUS_REQUEST__INIT;
	Guideway__Control__ServiceRequest service =
	    GUIDEWAY__CONTROL__SERVICE_REQUEST__INIT;
	struct arena *arena = arena_new();
	int rc = 0;

	switch (arena != NULL ? q->kind : CONTROL_ERROR) {
	case CONTROL_STATUS:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_STATUS;
		m.status = &status;
		break;
	case CONTROL_SERVICE:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_SERVICE;
		service.name = field_of_text(q->service);
		m.service = &service;
		break;
	case CONTROL_TRACE:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_TRACE;
		m.trace = trace_query_to_message(arena, &q->trace);
		rc = m.trace != NULL ? 0 : -1;
		break;
	case CONTROL_DRAIN:
	case CONTROL_UNDRAIN:
		rc = drain_request_pack(arena, &m, q);
		break;
	case CONTROL_CHANGE:
	case CONTROL_CLUSTER:
	case CONTROL_LEAVE:
		rc = cluster_request_pack(arena, &m, q);
		break;
	case CONTROL_HELD:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_HELD;
		m.held = held_request_pack(arena, q);
		rc = m.held != NULL ? 0 : -1;
		break;
	case CONTROL_ERROR:
		rc = -1;
		break;
	}
	if (rc == 0)
		rc = message_put(out, &m.base);
	arena_free(arena);
	return rc;
}

static int
request_read(struct control_request *q, struct control_change *change,
    const MsgRequest *m, struct errmsg *why)
{
	const ProtobufCBinaryData *name;

	memset(q, 0, sizeof(*q));
	switch (m->body_case) {
	case GUIDEWAY__CONTROL__REQUEST__BODY_STATUS:
		q->kind = CONTROL_STATUS;
		return 0;
	case GUIDEWAY__CONTROL__REQUEST__BODY_SERVICE:
		q->kind = CONTROL_SERVICE;
		name = &m->service->name;
		if (!forwarding_name_valid((const char *)name->data, name->len))
			return errmsg_set(why,
			    "a service's name has 1..%d of A-Z a-z 0-9 . _ -",
			    FORWARDING_NAME_MAX - 1);
		memcpy(q->service, name->data, name->len);
		return 0;
	case GUIDEWAY__CONTROL__REQUEST__BODY_TRACE:
		q->kind = CONTROL_TRACE;
		return trace_query_from_message(&q->trace, m->trace, why);
	case GUIDEWAY__CONTROL__REQUEST__BODY_DRAIN:
		q->kind = CONTROL_DRAIN;
		return drain_request_read(q, m->drain, why);
	case GUIDEWAY__CONTROL__REQUEST__BODY_UNDRAIN:
		q->kind = CONTROL_UNDRAIN;
		return drain_request_read(q, m->undrain, why);
	case GUIDEWAY__CONTROL__REQUEST__BODY_CHANGE:
		q->kind = CONTROL_CHANGE;
		q->change = change;
		return change_request_read(change, m->change, why);
	case GUIDEWAY__CONTROL__REQUEST__BODY_CLUSTER:
		q->kind = CONTROL_CLUSTER;
		return 0;
	case GUIDEWAY__CONTROL__REQUEST__BODY_LEAVE:
		q->kind = CONTROL_LEAVE;
		return 0;
	case GUIDEWAY__CONTROL__REQUEST__BODY_HELD:
		q->kind = CONTROL_HELD;
		return held_request_read(q, m->held, why);
	case GUIDEWAY__CONTROL__REQUEST__BODY__NOT_SET:
	default:
		return errmsg_set(why,
		    "a command this agent does not know; is it older than the "
		    "command?");
	}
}

int
ctl_wire_get_request(struct control_request *q, struct control_change *change,
    const uint8_t *data, size_t len, struct errmsg *why)
{
	struct budget budget;
	MsgRequest *m;
	int rc;

	budget_init(&budget, len);
	m = guideway__control__request__unpack(&budget.allocator, len, data);
	if (m == NULL)
		return errmsg_set(
		    why, "a request of %zu bytes cannot be decoded", len);
	rc = request_read(q, change, m, why);
	guideway__control__request__free_unpacked(m, &budget.allocator);
	return rc;
}

static MsgNode *
node_pack(struct arena *arena, const struct control_node *n)
{
	MsgNode *m = field_message(arena, &guideway__control__node__descriptor);

	if (m == NULL)
		return NULL;
	m->name = field_of_text(n->name);
	m->version = field_of_text(n->version);
	m->uptime_s = n->uptime_s;
	m->config_path = field_of_text(n->config_path);
	m->config_error = field_of_text(n->config_error);
	m->balancer_connected = n->balancer_connected;
	m->in_sync = n->in_sync;
	m->balancer_error = field_of_text(n->balancer_error);
	if (n->has_flows &&
	    (m->flows = flow_notices_pack(arena, &n->flows)) == NULL)
		return NULL;
	if (n->balancer == NULL)
		return m;
	m->balancer = balancer_status_to_message(arena, n->balancer);
	return m->balancer != NULL ? m : NULL;
}

static void
node_read(struct fields *f, struct control_node *n, const MsgNode *m)
{
	struct balancer_status *status;

	n->name = fields_text(f, &m->name, "node.name");
	n->version = fields_text(f, &m->version, "node.version");
	n->uptime_s = m->uptime_s;
	n->config_path = fields_text(f, &m->config_path, "node.config_path");
	n->config_error = fields_text(f, &m->config_error, "node.config_error");
	n->balancer_connected = m->balancer_connected;
	n->in_sync = m->in_sync;
	n->balancer_error = fields_text(
	    f, &m->balancer_error, "node.balancer_error");
	if ((n->has_flows = m->flows != NULL))
		flow_notices_read(&n->flows, m->flows);
	if (m->balancer == NULL)
		return;
	status = arena_alloc(f->arena, 1, sizeof(*status));
	if (status == NULL) {
		errmsg_set(f->why, "out of memory for a message");
		f->bad = true;
	} else if (!f->bad) {
		f->bad = balancer_status_from_message(
			     f->arena, status, m->balancer, f->why) == -1;
		n->balancer = status;
	}
}

static MsgStatus *
status_pack(struct arena *arena, const struct control_reply *r)
{
	MsgStatus *m = field_message(
	    arena, &guideway__control__status__descriptor);

	if (m == NULL || (m->node = node_pack(arena, &r->node)) == NULL)
		return NULL;
	m->n_services = r->n_services;
	m->services = field_messages(
	    arena, r->n_services, &guideway__control__service__descriptor);
	if (m->services == NULL)
		return NULL;
	for (size_t i = 0; i < r->n_services; i++)
		if (service_pack(arena, m->services[i], &r->services[i]) == -1)
			return NULL;
	if (r->announce.enabled &&
	    (m->announce = announce_pack(arena, &r->announce)) == NULL)
		return NULL;
	return m;
}

static void
status_read(struct fields *f, struct control_reply *r, const MsgStatus *m)
{
	if (m->node == NULL) {
		errmsg_set(f->why, "status without its node");
		f->bad = true;
		return;
	}
	node_read(f, &r->node, m->node);
	r->n_services = m->n_services;
	r->services = fields_array(f, &r->n_services, FORWARDING_MAX_SERVICES,
	    sizeof(*r->services), "status.services");
	for (size_t i = 0; i < r->n_services; i++)
		service_read(f, &r->services[i], m->services[i]);
	if (m->announce != NULL)
		announce_read(f, &r->announce, m->announce);
}

static int
accepted_pack(struct arena *arena, Guideway__Control__Accepted **to,
    const struct control_reply *r)
{
	*to = field_message(arena, &guideway__control__accepted__descriptor);
	if (*to == NULL)
		return -1;
	(*to)->node = field_of_text(r->node.name);
	return 0;
}

static MsgTrace *
trace_pack(struct arena *arena, const struct control_reply *r)
{
	MsgTrace *m = field_message(
	    arena, &guideway__control__trace__descriptor);

	if (m == NULL)
		return NULL;
	m->node = field_of_text(r->node.name);
	m->reply = trace_answer_to_message(arena, &r->trace);
	return m->reply != NULL ? m : NULL;
}

static void
trace_read(struct fields *f, struct control_reply *r, const MsgTrace *m)
{
	r->node.name = fields_text(f, &m->node, "trace.node");
	if (m->reply == NULL)
		errmsg_set(f->why, "trace without its answer");
	if (m->reply == NULL ||
	    trace_answer_from_message(f->arena, &r->trace, m->reply, f->why) ==
		-1)
		f->bad = true;
}

static int
reply_pack(struct arena *arena, MsgReply *m, const struct control_reply *r)
{
	switch (r->kind) {
	case CONTROL_STATUS:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_STATUS;
		m->status = status_pack(arena, r);
		return m->status != NULL ? 0 : -1;
	case CONTROL_SERVICE:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_SERVICE;
		m->service = field_message(
		    arena, &guideway__control__service__descriptor);
		if (m->service == NULL)
			return -1;
		return service_pack(arena, m->service, r->services);
	case CONTROL_TRACE:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_TRACE;
		m->trace = trace_pack(arena, r);
		return m->trace != NULL ? 0 : -1;
	case CONTROL_DRAIN:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_DRAIN;
		return accepted_pack(arena, &m->drain, r);
	case CONTROL_UNDRAIN:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_UNDRAIN;
		return accepted_pack(arena, &m->undrain, r);
	case CONTROL_CHANGE:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_CHANGE;
		m->change = outcome_pack(arena, &r->outcome);
		return m->change != NULL ? 0 : -1;
	case CONTROL_CLUSTER:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_CLUSTER;
		m->cluster = cluster_pack(arena, &r->cluster);
		return m->cluster != NULL ? 0 : -1;
	case CONTROL_LEAVE:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_LEAVE;
		return accepted_pack(arena, &m->leave, r);
	case CONTROL_HELD:
		m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_HELD;
		m->held = held_pack(arena, &r->held);
		return m->held != NULL ? 0 : -1;
	case CONTROL_ERROR:
		break;
	}
	m->body_case = GUIDEWAY__CONTROL__REPLY__BODY_ERROR;
	m->error = field_message(arena, &guideway__control__error__descriptor);
	if (m->error == NULL)
		return -1;
	m->error->text = field_of_text(r->error);
	return 0;
}

int
ctl_wire_put_reply(struct evbuffer *out, const struct control_reply *r)
{
	MsgReply m = GUIDEWAY__CONTROL__REPLY__INIT;
	struct arena *arena = arena_new();
	int rc = -1;

	if (arena != NULL && reply_pack(arena, &m, r) == 0)
		rc = message_put(out, &m.base);
	arena_free(arena);
	return rc;
}

static int
reply_read(struct arena *arena, struct control_reply *r, const MsgReply *m,
    struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	memset(r, 0, sizeof(*r));
	switch (m->body_case) {
	case GUIDEWAY__CONTROL__REPLY__BODY_ERROR:
		r->kind = CONTROL_ERROR;
		r->error = fields_text(&f, &m->error->text, "error.text");
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_STATUS:
		r->kind = CONTROL_STATUS;
		status_read(&f, r, m->status);
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_SERVICE:
		r->kind = CONTROL_SERVICE;
		r->n_services = 1;
		r->services = fields_array(
		    &f, &r->n_services, 1, sizeof(*r->services), "service");
		if (r->n_services == 1)
			service_read(&f, r->services, m->service);
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_TRACE:
		r->kind = CONTROL_TRACE;
		trace_read(&f, r, m->trace);
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_DRAIN:
		r->kind = CONTROL_DRAIN;
		r->node.name = fields_text(&f, &m->drain->node, "node");
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_UNDRAIN:
		r->kind = CONTROL_UNDRAIN;
		r->node.name = fields_text(&f, &m->undrain->node, "node");
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_CHANGE:
		r->kind = CONTROL_CHANGE;
		outcome_read(&f, &r->outcome, m->change);
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_CLUSTER:
		r->kind = CONTROL_CLUSTER;
		cluster_read(&f, &r->cluster, m->cluster);
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_LEAVE:
		r->kind = CONTROL_LEAVE;
		r->node.name = fields_text(&f, &m->leave->node, "node");
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY_HELD:
		r->kind = CONTROL_HELD;
		held_read(&f, &r->held, m->held);
		break;
	case GUIDEWAY__CONTROL__REPLY__BODY__NOT_SET:
	default:
		return errmsg_set(why,
		    "a reply this command does not know; is it older than the "
		    "agent?");
	}
	return f.bad ? -1 : 0;
}

int
ctl_wire_get_reply(struct arena *arena, struct control_reply *r,
    const uint8_t *data, size_t len, struct errmsg *why)
{
	struct budget budget;
	MsgReply *m;
	int rc;

	budget_init(&budget, len);
	m = guideway__control__reply__unpack(&budget.allocator, len, data);
	if (m == NULL)
		return errmsg_set(
		    why, "a reply of %zu bytes cannot be decoded", len);
	rc = reply_read(arena, r, m, why);
	guideway__control__reply__free_unpacked(m, &budget.allocator);
	return rc;
}
