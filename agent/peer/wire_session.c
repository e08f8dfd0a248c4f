/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there and how it is, what it asks for, and how it ends. */
#include "config.h"

#include "agent/peer/wire_impl.h"

#include <string.h>

typedef Guideway__Cluster__Hello MsgHello;
typedef Guideway__Cluster__Beat MsgBeat;
typedef Guideway__Cluster__Heartbeat MsgHeartbeat;
typedef Guideway__Cluster__Pull MsgPull;
typedef Guideway__Cluster__DrainAsk MsgDrainAsk;
typedef Guideway__Cluster__DrainGrant MsgDrainGrant;
typedef Guideway__Cluster__Goodbye MsgGoodbye;
typedef Guideway__Cluster__Error MsgError;

/* What a stamp can hold. */
#define WALL_MS_MAX (HLC_MAX >> 16)

/* The numbers of proto/cluster.proto. */
_Static_assert(GRANT_REFUSED_NOT_ANNOUNCING == 0 && GRANT_REFUSED_DRAINING == 1,
    "DrainGrant.reason");
_Static_assert(GOODBYE_STOPPING == 0 && GOODBYE_LEAVING == 1, "Goodbye.reason");
_Static_assert(PEER_ERROR_MALFORMED == 0 && PEER_ERROR_UNEXPECTED == 1 &&
	PEER_ERROR_CLUSTER == 2 && PEER_ERROR_NODE == 3 &&
	PEER_ERROR_DUPLICATE == 4 && PEER_ERROR_VERSION == 5 &&
	PEER_ERROR_SEED == 6 && PEER_ERROR_SILENT == 7,
    "Error.code");

void
wire_name(struct fields *f, char out[FORWARDING_NAME_MAX],
    const ProtobufCBinaryData *d, const char *what)
{
	if (forwarding_name_valid((const char *)d->data, d->len)) {
		memcpy(out, d->data, d->len);
		out[d->len] = '\0';
	} else {
		fields_fault(f, what, "a valid name");
		out[0] = '\0';
	}
}

uint64_t
wire_number(struct fields *f, uint64_t value, uint64_t max, const char *what)
{
	if (value <= max)
		return value;
	fields_fault(f, what, "a smaller number");
	return 0;
}

/* Printable ASCII, as it may end up on a terminal, with its NUL. */
static void
get_text(struct fields *f, char *out, size_t size, const ProtobufCBinaryData *d,
    const char *what)
{
	out[0] = '\0';
	if (d->len >= size) {
		fields_fault(f, what, "a shorter text");
		return;
	}
	for (size_t i = 0; i < d->len; i++) {
		if (d->data[i] < ' ' || d->data[i] > '~') {
			fields_fault(f, what, "a printable text");
			return;
		}
		out[i] = (char)d->data[i];
	}
	out[d->len] = '\0';
}

MsgHello *
hello_pack(struct arena *arena, const struct peer_hello *h)
{
	MsgHello *m = field_message(
	    arena, &guideway__cluster__hello__descriptor);

	if (m == NULL)
		return NULL;
	m->cluster = field_of_text(h->cluster);
	m->node = field_of_text(h->node);
	m->process = h->process;
	m->incarnation = h->incarnation;
	m->proto_min = h->proto_min;
	m->proto_max = h->proto_max;
	m->wall_ms = h->wall_ms;
	m->table_version = h->table_version;
	m->seed_print = field_of_bytes(h->seed_print, sizeof(h->seed_print));
	m->version = field_of_text(h->version);
	return m;
}

void
hello_unpack(struct fields *f, struct peer_hello *h, const MsgHello *m)
{
	wire_name(f, h->cluster, &m->cluster, "hello.cluster");
	wire_name(f, h->node, &m->node, "hello.node");
	h->process = m->process;
	h->incarnation = wire_number(
	    f, m->incarnation, FRESHNESS_INCARNATION_MAX, "hello.incarnation");
	h->proto_min = m->proto_min;
	h->proto_max = m->proto_max;
	if (h->proto_min == 0 || h->proto_min > h->proto_max)
		fields_fault(f, "hello.proto_min", "1..proto_max");
	h->wall_ms = wire_number(f, m->wall_ms, WALL_MS_MAX, "hello.wall_ms");
	h->table_version = m->table_version;
	fields_bytes(f, &m->seed_print, h->seed_print, sizeof(h->seed_print),
	    false, "hello.seed_print");
	get_text(
	    f, h->version, sizeof(h->version), &m->version, "hello.version");
}

void
beat_pack(MsgBeat *m, const struct beat *b)
{
	m->node = field_of_text(b->node);
	m->incarnation = b->incarnation;
	m->hb_seq = b->hb_seq;
	m->obs_seq = b->obs_seq;
	m->left = b->left;
}

void
beat_unpack(
    struct fields *f, struct beat *b, const MsgBeat *m, const char *what)
{
	const uint64_t max = FRESHNESS_INCARNATION_MAX;

	if (m == NULL) {
		fields_fault(f, what, "a beat");
		return;
	}
	wire_name(f, b->node, &m->node, what);
	b->incarnation = wire_number(f, m->incarnation, max, what);
	b->hb_seq = wire_number(f, m->hb_seq, max, what);
	b->obs_seq = wire_number(f, m->obs_seq, max, what);
	b->left = m->left;
}

MsgHeartbeat *
heartbeat_pack(struct arena *arena, const struct peer_heartbeat *h)
{
	MsgHeartbeat *m = field_message(
	    arena, &guideway__cluster__heartbeat__descriptor);

	if (m == NULL)
		return NULL;
	m->n_beats = h->n_beats;
	m->beats = field_messages(
	    arena, h->n_beats, &guideway__cluster__beat__descriptor);
	if (m->beats == NULL)
		return NULL;
	for (size_t i = 0; i < h->n_beats; i++)
		beat_pack(m->beats[i], &h->beats[i]);
	m->config = field_of_bytes(h->config, sizeof(h->config));
	m->persisted = field_of_bytes(h->persisted, sizeof(h->persisted));
	m->observed = field_of_bytes(h->observed, sizeof(h->observed));
	m->root = field_of_bytes(h->root, sizeof(h->root));
	m->installed = h->installed;
	m->joined = h->joined;
	m->announcing = h->announcing;
	m->draining = h->draining;
	m->wall_ms = h->wall_ms;
	return m;
}

static void
beats_unpack(struct fields *f, struct peer_heartbeat *h, const MsgHeartbeat *m)
{
	static const char what[] = "heartbeat.beats";
	struct beat *beats;

	h->n_beats = m->n_beats;
	if (m->n_beats == 0)
		fields_fault(f, what, "the sender's own");
	beats = fields_array(
	    f, &h->n_beats, FRESHNESS_MAX, sizeof(*beats), what);
	for (size_t i = 0; i < h->n_beats; i++) {
		beat_unpack(f, &beats[i], m->beats[i], what);
		if (i > 0 && strcmp(beats[i].node, beats[0].node) == 0)
			fields_fault(f, what, "the sender's own once");
		if (i > 1 && strcmp(beats[i - 1].node, beats[i].node) >= 0)
			fields_fault(f, what, "ascending nodes");
	}
	h->beats = beats;
}

void
heartbeat_unpack(
    struct fields *f, struct peer_heartbeat *h, const MsgHeartbeat *m)
{
	const size_t len = REPLICA_DIGEST_LEN;

	beats_unpack(f, h, m);
	fields_bytes(f, &m->config, h->config, len, false, "heartbeat.config");
	fields_bytes(
	    f, &m->persisted, h->persisted, len, false, "heartbeat.persisted");
	fields_bytes(
	    f, &m->observed, h->observed, len, false, "heartbeat.observed");
	fields_bytes(f, &m->root, h->root, len, false, "heartbeat.root");
	h->installed = m->installed;
	h->joined = m->joined;
	h->announcing = m->announcing;
	h->draining = m->draining;
	h->wall_ms = wire_number(
	    f, m->wall_ms, WALL_MS_MAX, "heartbeat.wall_ms");
}

MsgPull *
pull_pack(struct arena *arena, const struct peer_pull *p)
{
	MsgPull *m = field_message(arena, &guideway__cluster__pull__descriptor);

	if (m == NULL)
		return NULL;
	m->config = p->config;
	m->n_observed_of = p->n_observed_of;
	m->observed_of = arena_alloc(
	    arena, p->n_observed_of, sizeof(*m->observed_of));
	if (m->observed_of == NULL)
		return NULL;
	for (size_t i = 0; i < p->n_observed_of; i++)
		m->observed_of[i] = field_of_text(p->observed_of[i]);
	return m;
}

void
pull_unpack(struct fields *f, struct peer_pull *p, const MsgPull *m)
{
	static const char what[] = "pull.observed_of";
	char(*names)[FORWARDING_NAME_MAX];

	p->config = m->config;
	p->n_observed_of = m->n_observed_of;
	names = fields_array(
	    f, &p->n_observed_of, FRESHNESS_MAX, sizeof(*names), what);
	for (size_t i = 0; i < p->n_observed_of; i++) {
		wire_name(f, names[i], &m->observed_of[i], what);
		if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
			fields_fault(f, what, "ascending names");
	}
	p->observed_of = (const char(*)[FORWARDING_NAME_MAX])names;
}

MsgDrainAsk *
drain_ask_pack(struct arena *arena, const struct peer_drain_ask *a)
{
	MsgDrainAsk *m = field_message(
	    arena, &guideway__cluster__drain_ask__descriptor);

	if (m == NULL)
		return NULL;
	m->attempt = a->attempt;
	m->cancel = a->cancel;
	return m;
}

void
drain_ask_unpack(
    struct fields *f, struct peer_drain_ask *a, const MsgDrainAsk *m)
{
	(void)f;
	a->attempt = m->attempt;
	a->cancel = m->cancel;
}

MsgDrainGrant *
drain_grant_pack(struct arena *arena, const struct peer_drain_grant *g)
{
	MsgDrainGrant *m = field_message(
	    arena, &guideway__cluster__drain_grant__descriptor);

	if (m == NULL)
		return NULL;
	m->attempt = g->attempt;
	m->granted = g->granted;
	m->reason = g->granted ? 0 : g->reason;
	return m;
}

void
drain_grant_unpack(
    struct fields *f, struct peer_drain_grant *g, const MsgDrainGrant *m)
{
	g->attempt = m->attempt;
	g->granted = m->granted;
	g->reason = (enum grant_refusal)fields_number(
	    f, m->reason, GRANT_REFUSED_DRAINING, "drain_grant.reason");
}

MsgGoodbye *
goodbye_pack(struct arena *arena, enum goodbye_reason reason)
{
	MsgGoodbye *m = field_message(
	    arena, &guideway__cluster__goodbye__descriptor);

	if (m != NULL)
		m->reason = reason;
	return m;
}

void
goodbye_unpack(
    struct fields *f, enum goodbye_reason *reason, const MsgGoodbye *m)
{
	*reason = (enum goodbye_reason)fields_number(
	    f, m->reason, GOODBYE_LEAVING, "goodbye.reason");
}

MsgError *
error_pack(struct arena *arena, const struct peer_error *e)
{
	MsgError *m = field_message(
	    arena, &guideway__cluster__error__descriptor);

	if (m == NULL)
		return NULL;
	m->code = e->code;
	m->text = field_of_text(e->text);
	return m;
}

void
error_unpack(struct fields *f, struct peer_error *e, const MsgError *m)
{
	e->code = (enum peer_error_code)fields_number(
	    f, m->code, PEER_ERROR_SILENT, "error.code");
	get_text(f, e->text, sizeof(e->text), &m->text, "error.text");
}
