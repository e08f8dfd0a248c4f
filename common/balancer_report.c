/* SPDX-License-Identifier: Apache-2.0 */
/* Each message has its pair: X_pack fills a message of the arena, X_read takes
 * one apart with its checks (common/fields.h). */
#include "config.h"

#include "common/balancer_report.h"

#include <netinet/in.h>
#include <string.h>

#include "common/arena.h"
#include "common/fields.h"
#include "common/forwarding.h"
#include "proto/balancer.pb-c.h"

#define INTERFACES_MAX 1024
#define COUNTERS_MAX   256
#define NAME_MAX_LEN   (FORWARDING_NAME_MAX - 1)

typedef Guideway__Balancer__TableDigest MsgDigest;
typedef Guideway__Balancer__Interface MsgInterface;
typedef Guideway__Balancer__Counter MsgCounter;
typedef Guideway__Balancer__ServiceCounters MsgService;
typedef Guideway__Balancer__BackendCounters MsgBackend;
typedef Guideway__Balancer__Status MsgStatus;
typedef Guideway__Balancer__Pong MsgPong;
typedef Guideway__Balancer__TraceRequest MsgQuery;
typedef Guideway__Balancer__TraceReply MsgAnswer;

static ProtobufCBinaryData
mac_to_field(bool has_mac, const uint8_t mac[REPORT_MAC_LEN])
{
	return field_of_bytes(mac, has_mac ? REPORT_MAC_LEN : 0);
}

MsgDigest **
report_digests_pack(
    struct arena *arena, const struct report_digest *from, size_t n)
{
	MsgDigest **to = field_messages(
	    arena, n, &guideway__balancer__table_digest__descriptor);

	for (size_t i = 0; to != NULL && i < n; i++) {
		to[i]->service = field_of_text(from[i].service);
		to[i]->digest = field_of_bytes(
		    from[i].digest, REPORT_DIGEST_LEN);
	}
	return to;
}

static int
interfaces_pack(
    struct arena *arena, MsgStatus *m, const struct balancer_status *s)
{
	m->n_interfaces = s->n_interfaces;
	m->interfaces = field_messages(
	    arena, s->n_interfaces, &guideway__balancer__interface__descriptor);
	if (m->interfaces == NULL)
		return -1;
	for (size_t i = 0; i < s->n_interfaces; i++) {
		const struct report_interface *from = &s->interfaces[i];
		MsgInterface *to = m->interfaces[i];

		to->name = field_of_text(from->name);
		to->driver = field_of_text(from->driver);
		to->detail = field_of_text(from->detail);
		to->received = from->received;
		to->dropped = from->dropped;
		to->sent = from->sent;
		to->send_errors = from->send_errors;
	}
	return 0;
}

MsgCounter **
report_counters_pack(
    struct arena *arena, const struct report_counter *from, size_t n)
{
	MsgCounter **to = field_messages(
	    arena, n, &guideway__balancer__counter__descriptor);

	for (size_t i = 0; to != NULL && i < n; i++) {
		to[i]->name = field_of_text(from[i].name);
		to[i]->packets = from[i].packets;
	}
	return to;
}

static int
services_pack(
    struct arena *arena, MsgStatus *m, const struct balancer_status *s)
{
	m->n_services = s->n_services;
	m->services = field_messages(arena, s->n_services,
	    &guideway__balancer__service_counters__descriptor);
	if (m->services == NULL)
		return -1;
	for (size_t i = 0; i < s->n_services; i++) {
		const struct report_service *from = &s->services[i];
		MsgService *to = m->services[i];

		to->service = field_of_text(from->name);
		to->packets = from->packets;
		to->bytes = from->bytes;
		to->moving = from->moving;
		to->marked = from->marked;
		to->entries = from->entries;
		to->pinned = from->pinned;
		to->overflow = from->overflow;
		to->n_drops = from->n_drops;
		to->drops = report_counters_pack(
		    arena, from->drops, from->n_drops);
		if (to->drops == NULL)
			return -1;
	}
	return 0;
}

static int
backends_pack(
    struct arena *arena, MsgStatus *m, const struct balancer_status *s)
{
	m->n_backends = s->n_backends;
	m->backends = field_messages(arena, s->n_backends,
	    &guideway__balancer__backend_counters__descriptor);
	if (m->backends == NULL)
		return -1;
	for (size_t i = 0; i < s->n_backends; i++) {
		const struct report_backend *from = &s->backends[i];
		MsgBackend *to = m->backends[i];

		to->address = field_of_addr(&from->addr);
		to->packets = from->packets;
		to->bytes = from->bytes;
		to->resolved = from->resolved;
		to->interface = field_of_text(from->interface);
		to->next_hop_mac = mac_to_field(from->has_mac, from->mac);
	}
	return 0;
}

MsgStatus *
balancer_status_to_message(struct arena *arena, const struct balancer_status *s)
{
	MsgStatus *m = field_message(
	    arena, &guideway__balancer__status__descriptor);

	if (m == NULL)
		return NULL;
	m->pid = s->pid;
	m->uptime_s = s->uptime_s;
	m->generation = s->generation;
	m->version = field_of_text(s->version);
	m->n_reasons = s->n_reasons;
	m->reasons = report_counters_pack(arena, s->reasons, s->n_reasons);
	m->n_tables = s->n_tables;
	m->tables = report_digests_pack(arena, s->tables, s->n_tables);
	if (m->reasons == NULL || m->tables == NULL ||
	    interfaces_pack(arena, m, s) == -1 ||
	    services_pack(arena, m, s) == -1 ||
	    backends_pack(arena, m, s) == -1)
		return NULL;
	return m;
}

struct report_digest *
report_digests_read(
    struct fields *f, size_t *n, MsgDigest *const *from, const char *what)
{
	struct report_digest *to = fields_array(
	    f, n, FORWARDING_MAX_SERVICES, sizeof(*to), what);

	for (size_t i = 0; i < *n; i++) {
		to[i].service = fields_name(
		    f, &from[i]->service, NAME_MAX_LEN, what);
		fields_bytes(f, &from[i]->digest, to[i].digest,
		    REPORT_DIGEST_LEN, false, what);
	}
	return to;
}

static void
interfaces_read(struct fields *f, struct balancer_status *s, const MsgStatus *m)
{
	s->n_interfaces = m->n_interfaces;
	s->interfaces = fields_array(f, &s->n_interfaces, INTERFACES_MAX,
	    sizeof(*s->interfaces), "status.interfaces");
	for (size_t i = 0; i < s->n_interfaces; i++) {
		const MsgInterface *from = m->interfaces[i];
		struct report_interface *to = &s->interfaces[i];

		to->name = fields_name(
		    f, &from->name, NAME_MAX_LEN, "status.interfaces.name");
		to->driver = fields_text(
		    f, &from->driver, "status.interfaces.driver");
		to->detail = fields_text(
		    f, &from->detail, "status.interfaces.detail");
		to->received = from->received;
		to->dropped = from->dropped;
		to->sent = from->sent;
		to->send_errors = from->send_errors;
	}
}

struct report_counter *
report_counters_read(
    struct fields *f, size_t *n, MsgCounter *const *from, const char *what)
{
	struct report_counter *to = fields_array(
	    f, n, COUNTERS_MAX, sizeof(*to), what);

	for (size_t i = 0; i < *n; i++) {
		to[i].name = fields_name(f, &from[i]->name, NAME_MAX_LEN, what);
		to[i].packets = from[i]->packets;
	}
	return to;
}

static void
services_read(struct fields *f, struct balancer_status *s, const MsgStatus *m)
{
	s->n_services = m->n_services;
	s->services = fields_array(f, &s->n_services, FORWARDING_MAX_SERVICES,
	    sizeof(*s->services), "status.services");
	for (size_t i = 0; i < s->n_services; i++) {
		const MsgService *from = m->services[i];
		struct report_service *to = &s->services[i];

		to->name = fields_name(
		    f, &from->service, NAME_MAX_LEN, "status.services.service");
		to->packets = from->packets;
		to->bytes = from->bytes;
		to->moving = from->moving;
		to->marked = from->marked;
		to->entries = from->entries;
		to->pinned = from->pinned;
		to->overflow = from->overflow;
		to->n_drops = from->n_drops;
		to->drops = report_counters_read(
		    f, &to->n_drops, from->drops, "status.services.drops");
	}
}

static void
backends_read(struct fields *f, struct balancer_status *s, const MsgStatus *m)
{
	s->n_backends = m->n_backends;
	s->backends = fields_array(f, &s->n_backends, FORWARDING_MAX_BACKENDS,
	    sizeof(*s->backends), "status.backends");
	for (size_t i = 0; i < s->n_backends; i++) {
		const MsgBackend *from = m->backends[i];
		struct report_backend *to = &s->backends[i];

		to->addr = fields_addr(
		    f, &from->address, false, "status.backends.address");
		to->packets = from->packets;
		to->bytes = from->bytes;
		to->resolved = from->resolved;
		to->interface = fields_text(
		    f, &from->interface, "status.backends.interface");
		to->has_mac = fields_bytes(f, &from->next_hop_mac, to->mac,
		    REPORT_MAC_LEN, true, "status.backends.next_hop_mac");
	}
}

int
balancer_status_from_message(struct arena *arena, struct balancer_status *s,
    const MsgStatus *m, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	memset(s, 0, sizeof(*s));
	s->pid = m->pid;
	s->uptime_s = m->uptime_s;
	s->generation = m->generation;
	s->version = fields_text(&f, &m->version, "status.version");
	s->n_tables = m->n_tables;
	s->tables = report_digests_read(
	    &f, &s->n_tables, m->tables, "status.tables");
	interfaces_read(&f, s, m);
	s->n_reasons = m->n_reasons;
	s->reasons = report_counters_read(
	    &f, &s->n_reasons, m->reasons, "status.reasons");
	services_read(&f, s, m);
	backends_read(&f, s, m);
	return f.bad ? -1 : 0;
}

MsgPong *
balancer_pong_to_message(struct arena *arena, const struct balancer_pong *p)
{
	MsgPong *m = field_message(
	    arena, &guideway__balancer__pong__descriptor);

	if (m == NULL)
		return NULL;
	m->generation = p->generation;
	m->vip_packets = p->vip_packets;
	m->next_hops_version = p->next_hops_version;
	m->device = p->device;
	m->device_name = field_of_text(p->device_name);
	m->device_error = field_of_text(p->device_error);
	m->settled = field_of_bytes(
	    p->settled, p->has_settled ? sizeof(p->settled) : 0);
	m->puts_off = p->puts_off;
	return m;
}

int
balancer_pong_from_message(struct arena *arena, struct balancer_pong *p,
    const MsgPong *m, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	p->generation = m->generation;
	p->vip_packets = m->vip_packets;
	p->next_hops_version = m->next_hops_version;
	p->device = m->device;
	p->puts_off = m->puts_off;
	p->device_name = fields_text(&f, &m->device_name, "pong.device_name");
	p->device_error = fields_text(
	    &f, &m->device_error, "pong.device_error");
	p->has_settled = fields_bytes(&f, &m->settled, p->settled,
	    sizeof(p->settled), true, "pong.settled");
	return f.bad ? -1 : 0;
}

MsgQuery *
trace_query_to_message(struct arena *arena, const struct trace_query *q)
{
	MsgQuery *m = field_message(
	    arena, &guideway__balancer__trace_request__descriptor);

	if (m == NULL)
		return NULL;
	m->source = field_of_addr(&q->source);
	m->destination = field_of_addr(&q->destination);
	m->protocol = q->protocol;
	m->source_port = q->source_port;
	m->destination_port = q->destination_port;
	return m;
}

int
trace_query_from_message(
    struct trace_query *q, const MsgQuery *m, struct errmsg *why)
{
	struct fields f = {.why = why};

	memset(q, 0, sizeof(*q));
	q->source = fields_addr(&f, &m->source, false, "trace.source");
	q->destination = fields_addr(
	    &f, &m->destination, false, "trace.destination");
	q->protocol = (uint8_t)fields_number(
	    &f, m->protocol, UINT8_MAX, "trace.protocol");
	q->source_port = (uint16_t)fields_number(
	    &f, m->source_port, UINT16_MAX, "trace.source_port");
	q->destination_port = (uint16_t)fields_number(
	    &f, m->destination_port, UINT16_MAX, "trace.destination_port");
	if (f.bad)
		return -1;
	if (q->protocol != IPPROTO_TCP && q->protocol != IPPROTO_UDP)
		return errmsg_set(why,
		    "trace.protocol: %u is not %d (TCP) or "
		    "%d (UDP)",
		    q->protocol, IPPROTO_TCP, IPPROTO_UDP);
	if (addr_is4(&q->source) != addr_is4(&q->destination))
		return errmsg_set(why,
		    "trace: source and destination must be of one IP version");
	return 0;
}

MsgAnswer *
trace_answer_to_message(struct arena *arena, const struct trace_answer *a)
{
	MsgAnswer *m = field_message(
	    arena, &guideway__balancer__trace_reply__descriptor);

	if (m == NULL)
		return NULL;
	m->reason = field_of_text(a->reason);
	m->forwarded = a->forwarded;
	m->chosen = a->chosen;
	if (a->chosen) {
		m->service = field_of_text(a->service);
		m->slot = a->slot;
		m->backend = field_of_addr(&a->backend);
		m->rule = field_of_text(a->rule);
		m->settled_backend = field_of_addr(&a->settled);
	}
	if (!a->forwarded)
		return m;
	m->encap_source = field_of_addr(&a->encap_source);
	m->interface = field_of_text(a->interface);
	m->next_hop_mac = mac_to_field(a->has_mac, a->mac);
	return m;
}

int
trace_answer_from_message(struct arena *arena, struct trace_answer *a,
    const MsgAnswer *m, struct errmsg *why)
{
	struct fields f = {.arena = arena, .why = why};

	memset(a, 0, sizeof(*a));
	a->service = a->interface = a->rule = "";
	a->reason = fields_name(&f, &m->reason, NAME_MAX_LEN, "trace.reason");
	a->chosen = m->chosen;
	a->forwarded = m->forwarded;
	if (a->forwarded && !a->chosen)
		return errmsg_set(why,
		    "trace.chosen: to be forwarded, a "
		    "backend must be chosen");
	if (a->chosen) {
		a->service = fields_name(
		    &f, &m->service, NAME_MAX_LEN, "trace.service");
		a->slot = fields_number(
		    &f, m->slot, FORWARDING_TABLE_MAX - 1, "trace.slot");
		a->backend = fields_addr(
		    &f, &m->backend, false, "trace.backend");
		a->rule = fields_text(&f, &m->rule, "trace.rule");
		a->settled = fields_addr(
		    &f, &m->settled_backend, true, "trace.settled_backend");
	}
	if (a->forwarded) {
		a->encap_source = fields_addr(
		    &f, &m->encap_source, true, "trace.encap_source");
		a->interface = fields_text(
		    &f, &m->interface, "trace.interface");
		a->has_mac = fields_bytes(&f, &m->next_hop_mac, a->mac,
		    REPORT_MAC_LEN, true, "trace.next_hop_mac");
	}
	return f.bad ? -1 : 0;
}
