/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/ctl/wire_service.h"

#include "common/balancer_report.h"
#include "common/forwarding.h"
#include "common/health_check.h"

typedef Guideway__Control__Service MsgService;
typedef Guideway__Control__Member MsgMember;

#define NAME_LEN (FORWARDING_NAME_MAX - 1)

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
		to->votes_up = from->votes_up;
		to->votes_down = from->votes_down;
		to->own = field_of_text(from->own);
		to->own_why = field_of_text(from->own_why);
		to->own_since_s = from->own_since_s;
	}
	return 0;
}

static void
member_read(struct fields *f, struct control_member *to, const MsgMember *from)
{
	to->addr = fields_addr(f, &from->address, false, "member.address");
	to->weight = fields_number(
	    f, from->weight, UINT16_MAX, "member.weight");
	to->phi = fields_number(
	    f, from->phi, FORWARDING_PHI_FULL, "member.phi");
	to->intent = fields_text(f, &from->intent, "member.intent");
	to->health = fields_text(f, &from->health, "member.health");
	to->votes_up = from->votes_up;
	to->votes_down = from->votes_down;
	to->own = fields_text(f, &from->own, "member.own");
	to->own_why = fields_text(f, &from->own_why, "member.own_why");
	to->own_since_s = from->own_since_s;
	to->slots = fields_number(
	    f, from->slots, FORWARDING_TABLE_MAX, "member.slots");
	to->packets = from->packets;
	to->bytes = from->bytes;
	to->resolved = from->resolved;
	to->interface = fields_text(f, &from->interface, "member.interface");
	to->has_mac = fields_bytes(f, &from->next_hop_mac, to->mac,
	    REPORT_MAC_LEN, true, "member.next_hop_mac");
}

static void
members_read(struct fields *f, struct control_service *s, const MsgService *m)
{
	s->n_members = m->n_members;
	s->members = fields_array(f, &s->n_members, FORWARDING_MAX_BACKENDS,
	    sizeof(*s->members), "service.members");
	for (size_t i = 0; i < s->n_members; i++)
		member_read(f, &s->members[i], m->members[i]);
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

int
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
	m->check = field_of_text(s->check);
	m->panic = s->panic;
	m->moving = s->moving;
	m->marked = s->marked;
	m->entries = s->entries;
	m->pinned = s->pinned;
	m->overflow = s->overflow;
	m->n_endpoints = s->n_endpoints;
	m->endpoints = forwarding_endpoints_pack(
	    arena, s->endpoints, s->n_endpoints);
	m->n_drops = s->n_drops;
	m->drops = report_counters_pack(arena, s->drops, s->n_drops);
	if (m->endpoints == NULL || m->drops == NULL)
		return -1;
	return members_pack(arena, m, s);
}

void
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
	s->check = fields_long_text(
	    f, &m->check, HEALTH_CHECK_FORMAT_MAX - 1, "service.check");
	s->panic = m->panic;
	s->moving = m->moving;
	s->marked = m->marked;
	s->entries = m->entries;
	s->pinned = m->pinned;
	s->overflow = m->overflow;
}
