/* SPDX-License-Identifier: Apache-2.0 */
/* For each message the pair X_pack, which fills a message of the arena, and
 * X_read, which takes one apart with its checks (common/fields.h). */
#include "config.h"

#include "agent/ctl/wire.h"

#include <string.h>

#include "agent/ctl/wire_announce.h"

#include "common/budget.h"
#include "common/fields.h"
#include "proto/balancer.pb-c.h"
#include "proto/control.pb-c.h"

typedef Guideway__Control__Request MsgRequest;
typedef Guideway__Control__Reply MsgReply;
typedef Guideway__Control__Status MsgStatus;
typedef Guideway__Control__Node MsgNode;
typedef Guideway__Control__Service MsgService;
typedef Guideway__Control__Member MsgMember;
typedef Guideway__Control__Trace MsgTrace;

#define NAME_LEN (FORWARDING_NAME_MAX - 1)

int
ctl_wire_put_request(struct evbuffer *out, const struct control_request *q)
{
	MsgRequest m = GUIDEWAY__CONTROL__REQUEST__INIT;
	Guideway__Control__StatusRequest status =
	    GUIDEWAY__CONTROL__STATUS_REQUEST__INIT;
	Guideway__Control__ServiceRequest service =
	    GUIDEWAY__CONTROL__SERVICE_REQUEST__INIT;
	struct arena *arena = arena_new();
	int rc = -1;

	switch (arena != NULL ? q->kind : CONTROL_ERROR) {
	case CONTROL_STATUS:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_STATUS;
		m.status = &status;
		rc = message_put(out, &m.base);
		break;
	case CONTROL_SERVICE:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_SERVICE;
		service.name = field_of_text(q->service);
		m.service = &service;
		rc = message_put(out, &m.base);
		break;
	case CONTROL_TRACE:
		m.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_TRACE;
		m.trace = trace_query_to_message(arena, &q->trace);
		if (m.trace != NULL)
			rc = message_put(out, &m.base);
		break;
	case CONTROL_DRAIN:
	case CONTROL_UNDRAIN:
		if (drain_request_pack(arena, &m, q) == 0)
			rc = message_put(out, &m.base);
		break;
	case CONTROL_ERROR:
		break;
	}
	arena_free(arena);
	return rc;
}

static int
request_read(struct control_request *q, const MsgRequest *m, struct errmsg *why)
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
			    NAME_LEN);
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
	case GUIDEWAY__CONTROL__REQUEST__BODY__NOT_SET:
	default:
		return errmsg_set(why,
		    "a command this agent does not know; is it older than the "
		    "command?");
	}
}

int
ctl_wire_get_request(struct control_request *q, const uint8_t *data, size_t len,
    struct errmsg *why)
{
	struct budget budget;
	MsgRequest *m;
	int rc;

	budget_init(&budget, len);
	m = guideway__control__request__unpack(&budget.allocator, len, data);
	if (m == NULL)
		return errmsg_set(
		    why, "a request of %zu bytes cannot be decoded", len);
	rc = request_read(q, m, why);
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

static int
members_pack(
    struct arena *arena, MsgService *m, const struct control_service *s)
{
	m->n_members = s->n_members;
	m->members = field_messages(
	    arena, s->n_members, &guideway__control__member__descriptor);
	if (m->members == NULL)
		return -1;
	for (size_t i = 0; i < s->n_members; i++) {
		const struct control_member *from = &s->members[i];
		MsgMember *to = m->members[i];

		to->address = field_of_addr(&from->addr);
		to->weight = from->weight;
		to->phi = from->phi;
		to->intent = field_of_text(from->intent);
		to->health = field_of_text(from->health);
		to->slots = from->slots;
		to->packets = from->packets;
		to->bytes = from->bytes;
		to->resolved = from->resolved;
		to->interface = field_of_text(from->interface);
		to->next_hop_mac = field_of_bytes(
		    from->mac, from->has_mac ? REPORT_MAC_LEN : 0);
	}
	return 0;
}

static void
members_read(struct fields *f, struct control_service *s, const MsgService *m)
{
	s->n_members = m->n_members;
	s->members = fields_array(f, &s->n_members, FORWARDING_MAX_BACKENDS,
	    sizeof(*s->members), "service.members");
	for (size_t i = 0; i < s->n_members; i++) {
		struct control_member *to = &s->members[i];
		const MsgMember *from = m->members[i];

		to->addr = fields_addr(
		    f, &from->address, false, "member.address");
		to->weight = fields_number(
		    f, from->weight, UINT16_MAX, "member.weight");
		to->phi = fields_number(
		    f, from->phi, FORWARDING_PHI_FULL, "member.phi");
		to->intent = fields_text(f, &from->intent, "member.intent");
		to->health = fields_text(f, &from->health, "member.health");
		to->slots = fields_number(
		    f, from->slots, FORWARDING_TABLE_MAX, "member.slots");
		to->packets = from->packets;
		to->bytes = from->bytes;
		to->resolved = from->resolved;
		to->interface = fields_text(
		    f, &from->interface, "member.interface");
		to->has_mac = fields_bytes(f, &from->next_hop_mac, to->mac,
		    REPORT_MAC_LEN, true, "member.next_hop_mac");
	}
}

static void
endpoints_read(struct fields *f, struct control_service *s, const MsgService *m)
{
	struct forwarding_endpoint *to;

	s->n_endpoints = m->n_endpoints;
	s->endpoints = to = fields_array(f, &s->n_endpoints,
	    FORWARDING_MAX_ENDPOINTS, sizeof(*to), "service.endpoints");
	for (size_t i = 0; i < s->n_endpoints; i++) {
		to[i].vip = fields_addr(
		    f, &m->endpoints[i]->vip, false, "endpoint.vip");
		to[i].protocol = (uint8_t)fields_number(f,
		    m->endpoints[i]->protocol, UINT8_MAX, "endpoint.protocol");
		to[i].port = (uint16_t)fields_number(
		    f, m->endpoints[i]->port, UINT16_MAX, "endpoint.port");
	}
}

static int
service_pack(
    struct arena *arena, MsgService *m, const struct control_service *s)
{
	m->name = field_of_text(s->name);
	m->table_size = s->table_size;
	m->digest = field_of_bytes(s->digest, REPORT_DIGEST_LEN);
	m->installed_digest = field_of_bytes(
	    s->installed, s->has_installed ? REPORT_DIGEST_LEN : 0);
	m->packets = s->packets;
	m->bytes = s->bytes;
	m->configured = s->configured;
	m->taking = s->taking;
	m->n_endpoints = s->n_endpoints;
	m->endpoints = forwarding_endpoints_pack(
	    arena, s->endpoints, s->n_endpoints);
	m->n_drops = s->n_drops;
	m->drops = report_counters_pack(arena, s->drops, s->n_drops);
	if (m->endpoints == NULL || m->drops == NULL)
		return -1;
	return members_pack(arena, m, s);
}

static void
service_read(struct fields *f, struct control_service *s, const MsgService *m)
{
	s->name = fields_name(f, &m->name, NAME_LEN, "service.name");
	endpoints_read(f, s, m);
	s->table_size = fields_number(
	    f, m->table_size, FORWARDING_TABLE_MAX, "service.table_size");
	fields_bytes(f, &m->digest, s->digest, REPORT_DIGEST_LEN, false,
	    "service.digest");
	s->has_installed = fields_bytes(f, &m->installed_digest, s->installed,
	    REPORT_DIGEST_LEN, true, "service.installed_digest");
	members_read(f, s, m);
	s->packets = m->packets;
	s->bytes = m->bytes;
	s->n_drops = m->n_drops;
	s->drops = report_counters_read(
	    f, &s->n_drops, m->drops, "service.drops");
	s->configured = m->configured;
	s->taking = m->taking;
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
