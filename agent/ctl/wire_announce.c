/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/ctl/wire_announce.h"

#include <string.h>

#include "common/forwarding.h"

typedef Guideway__Control__Announce MsgAnnounce;

/* As many as a status ever has; no BIRD has more sessions than that. */
#define CONDITIONS_MAX 64
#define SESSIONS_MAX   4096

int
drain_request_pack(struct arena *arena, Guideway__Control__Request *to,
    const struct control_request *q)
{
	Guideway__Control__DrainRequest *m = field_message(
	    arena, &guideway__control__drain_request__descriptor);

	if (m == NULL)
		return -1;
	m->node = field_of_text(q->node);
	m->temporary = q->temporary;
	m->graceful_s = q->graceful_s;
	m->force = q->force;
	if (q->kind == CONTROL_DRAIN) {
		to->body_case = GUIDEWAY__CONTROL__REQUEST__BODY_DRAIN;
		to->drain = m;
	} else {
		to->body_case = GUIDEWAY__CONTROL__REQUEST__BODY_UNDRAIN;
		to->undrain = m;
	}
	return 0;
}

int
drain_request_read(struct control_request *q,
    const Guideway__Control__DrainRequest *m, struct errmsg *why)
{
	const char *name = (const char *)m->node.data;

	if (m->node.len > 0 && !forwarding_name_valid(name, m->node.len))
		return errmsg_set(why,
		    "a node's name has 1..%d of A-Z a-z 0-9 . _ -",
		    FORWARDING_NAME_MAX - 1);
	if (m->graceful_s > CONTROL_GRACEFUL_MAX &&
	    m->graceful_s != CONTROL_GRACEFUL_DEFAULT)
		return errmsg_set(why,
		    "routes may be marked for at most %d s before they are "
		    "withdrawn",
		    CONTROL_GRACEFUL_MAX);
	if (m->node.len > 0)
		memcpy(q->node, name, m->node.len);
	q->temporary = m->temporary;
	q->graceful_s = m->graceful_s;
	q->force = m->force;
	return 0;
}

static int
conditions_pack(
    struct arena *arena, MsgAnnounce *m, const struct control_announce *a)
{
	m->n_conditions = a->n_conditions;
	m->conditions = field_messages(
	    arena, a->n_conditions, &guideway__control__condition__descriptor);
	if (m->conditions == NULL)
		return -1;
	for (size_t i = 0; i < a->n_conditions; i++) {
		m->conditions[i]->name = field_of_text(a->conditions[i].name);
		m->conditions[i]->ok = a->conditions[i].ok;
		m->conditions[i]->detail = field_of_text(
		    a->conditions[i].detail);
	}
	return 0;
}

static void
conditions_read(
    struct fields *f, struct control_announce *a, const MsgAnnounce *m)
{
	a->n_conditions = m->n_conditions;
	a->conditions = fields_array(f, &a->n_conditions, CONDITIONS_MAX,
	    sizeof(*a->conditions), "announce.conditions");
	for (size_t i = 0; i < a->n_conditions; i++) {
		a->conditions[i].name = fields_text(
		    f, &m->conditions[i]->name, "condition.name");
		a->conditions[i].ok = m->conditions[i]->ok;
		a->conditions[i].detail = fields_text(
		    f, &m->conditions[i]->detail, "condition.detail");
	}
}

static int
drain_pack(struct arena *arena, MsgAnnounce *m, const struct control_drain *d)
{
	Guideway__Control__Drain *to = field_message(
	    arena, &guideway__control__drain__descriptor);

	if ((m->drain = to) == NULL)
		return -1;
	to->phase = field_of_text(d->phase);
	to->operator_wish = d->by_operator;
	to->temporary = d->temporary;
	to->marked_s = d->marked_s;
	to->gone = d->gone;
	to->quiet_s = d->quiet_s;
	to->quiet_needed_s = d->quiet_needed_s;
	to->vip_packets = d->vip_packets;
	return 0;
}

static void
drain_read(struct fields *f, struct control_drain *d, const MsgAnnounce *m)
{
	const Guideway__Control__Drain *from = m->drain;

	if (from == NULL) {
		errmsg_set(f->why, "announce without its drain");
		f->bad = true;
		return;
	}
	d->phase = fields_text(f, &from->phase, "drain.phase");
	d->by_operator = from->operator_wish;
	d->temporary = from->temporary;
	d->marked_s = from->marked_s;
	d->gone = from->gone;
	d->quiet_s = from->quiet_s;
	d->quiet_needed_s = from->quiet_needed_s;
	d->vip_packets = from->vip_packets;
}

static int
sessions_pack(
    struct arena *arena, MsgAnnounce *m, const struct control_announce *a)
{
	m->n_sessions = a->n_sessions;
	m->sessions = field_messages(
	    arena, a->n_sessions, &guideway__control__session__descriptor);
	if (m->sessions == NULL)
		return -1;
	for (size_t i = 0; i < a->n_sessions; i++) {
		m->sessions[i]->name = field_of_text(a->sessions[i].name);
		m->sessions[i]->established = a->sessions[i].established;
		m->sessions[i]->info = field_of_text(a->sessions[i].info);
	}
	return 0;
}

static void
sessions_read(
    struct fields *f, struct control_announce *a, const MsgAnnounce *m)
{
	a->n_sessions = m->n_sessions;
	a->sessions = fields_array(f, &a->n_sessions, SESSIONS_MAX,
	    sizeof(*a->sessions), "announce.sessions");
	for (size_t i = 0; i < a->n_sessions; i++) {
		a->sessions[i].name = fields_text(
		    f, &m->sessions[i]->name, "session.name");
		a->sessions[i].established = m->sessions[i]->established;
		a->sessions[i].info = fields_text(
		    f, &m->sessions[i]->info, "session.info");
	}
}

static int
vips_pack(struct arena *arena, MsgAnnounce *m, const struct control_announce *a)
{
	m->n_vips = a->n_vips;
	m->vips = field_messages(
	    arena, a->n_vips, &guideway__control__vip__descriptor);
	if (m->vips == NULL)
		return -1;
	for (size_t i = 0; i < a->n_vips; i++) {
		const struct control_vip *from = &a->vips[i];
		Guideway__Control__Vip *to = m->vips[i];

		to->vip = field_of_addr(&from->vip);
		to->state = field_of_text(from->state);
		to->kernel = field_of_text(from->kernel);
		to->exported = from->exported;
		to->sessions = from->sessions;
		to->checked = from->checked;
		to->wrong = from->wrong;
		to->why = field_of_text(from->why);
	}
	return 0;
}

static void
vips_read(struct fields *f, struct control_announce *a, const MsgAnnounce *m)
{
	a->n_vips = m->n_vips;
	a->vips = fields_array(f, &a->n_vips, FORWARDING_MAX_ENDPOINTS,
	    sizeof(*a->vips), "announce.vips");
	for (size_t i = 0; i < a->n_vips; i++) {
		const Guideway__Control__Vip *from = m->vips[i];
		struct control_vip *to = &a->vips[i];

		to->vip = fields_addr(f, &from->vip, false, "vip.vip");
		to->state = fields_text(f, &from->state, "vip.state");
		to->kernel = fields_text(f, &from->kernel, "vip.kernel");
		to->exported = from->exported;
		to->sessions = from->sessions;
		to->checked = from->checked;
		to->wrong = from->wrong;
		to->why = fields_text(f, &from->why, "vip.why");
	}
}

MsgAnnounce *
announce_pack(struct arena *arena, const struct control_announce *a)
{
	MsgAnnounce *m = field_message(
	    arena, &guideway__control__announce__descriptor);

	if (m == NULL)
		return NULL;
	m->fit = a->fit;
	m->why = field_of_text(a->why);
	m->bird_error = field_of_text(a->bird_error);
	m->bird_version = field_of_text(a->bird_version);
	if (conditions_pack(arena, m, a) == -1 ||
	    drain_pack(arena, m, &a->drain) == -1 ||
	    sessions_pack(arena, m, a) == -1 || vips_pack(arena, m, a) == -1)
		return NULL;
	return m;
}

void
announce_read(
    struct fields *f, struct control_announce *a, const MsgAnnounce *m)
{
	a->enabled = true;
	a->fit = m->fit;
	a->why = fields_text(f, &m->why, "announce.why");
	a->bird_error = fields_text(f, &m->bird_error, "announce.bird_error");
	a->bird_version = fields_text(
	    f, &m->bird_version, "announce.bird_version");
	conditions_read(f, a, m);
	drain_read(f, &a->drain, m);
	sessions_read(f, a, m);
	vips_read(f, a, m);
}
