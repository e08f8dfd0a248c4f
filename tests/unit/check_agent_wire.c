/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that the agent reads and writes: what is sent comes back the
 * same, and each field that can be wrong is refused by its name. */
#include "config.h"

#include <event2/buffer.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/balancer_wire.h"
#include "agent/ctl/wire.h"
#include "common/frame.h"
#include "common/health_check.h"
#include "tests/unit/unit.h"
#include "tests/unit/wire_samples.h"

static struct evbuffer *buffer;

static void
setup(void)
{
	buffer = evbuffer_new();
	ck_assert_ptr_nonnull(buffer);
}

static void
teardown(void)
{
	evbuffer_free(buffer);
}

/* The one frame in the buffer. */
static const uint8_t *
unframe(size_t *len)
{
	const uint8_t *data;
	struct errmsg why;

	ck_assert_int_eq(frame_next(buffer, &data, len, &why), FRAME_OK);
	ck_assert_uint_eq(evbuffer_get_length(buffer), *len);
	return data;
}

/* Reads it as its kind is read. 0, or -1 with why. */
static int
decode(enum kind kind, const uint8_t *data, size_t len, struct errmsg *why)
{
	static struct control_change change;
	struct control_request request;
	struct control_reply reply;
	struct balancer_reply *r;
	struct arena *arena;
	int rc;

	memset(why, 0, sizeof(*why));
	if (kind <= EMPTY) {
		r = balancer_wire_reply(data, len, why);
		rc = r != NULL ? 0 : -1;
		balancer_reply_free(r);
	} else if (kind <= CTL_EMPTY) {
		arena = arena_new();
		rc = ctl_wire_get_reply(arena, &reply, data, len, why);
		arena_free(arena);
	} else {
		rc = ctl_wire_get_request(&request, &change, data, len, why);
	}
	ck_assert_int_eq(rc == -1, why->text[0] != '\0');
	return rc;
}

/* The sample itself is good, or the rows below would show nothing. */
START_TEST(good)
{
	enum kind kind = (enum kind)_i;
	struct errmsg why;
	size_t len;
	int rc;

	make_sample();
	len = encode(&sample, kind, wire, sizeof(wire));
	rc = decode(kind, wire, len, &why);
	if (kind == EMPTY || kind == CTL_EMPTY || kind == ASK_EMPTY)
		ck_assert_int_eq(rc, -1);
	else
		ck_assert_msg(rc == 0, "kind %d: %s", _i, why.text);
}
END_TEST

/* Cut anywhere: refused or, where a whole field was cut off, read; never more
 * than is there. */
START_TEST(truncated)
{
	enum kind kind = (enum kind)_i;
	struct errmsg why;
	size_t len;
	uint8_t *exact;

	make_sample();
	len = encode(&sample, kind, wire, sizeof(wire));
	for (size_t cut = 0; cut < len; cut++) {
		exact = malloc(cut > 0 ? cut : 1);
		memcpy(exact, wire, cut);
		decode(kind, exact, cut, &why);
		free(exact);
	}
}
END_TEST

#define SET(name, statement) \
	static void name(struct sample *s) \
	{ \
		statement; \
	}

SET(digest_nameless, s->digest.service.len = 0)
SET(digest_long_name, s->digest.service = LONG_TEXT)
SET(digest_nul_in_name, s->digest.service = TEXT("we\0b"))
SET(digest_space, s->digest.service = TEXT("we b"))
SET(digest_short, s->digest.digest.len = 15)
SET(digest_empty, s->digest.digest.len = 0)
SET(refused_long, s->refused.why = LONG_TEXT)
SET(trace_reasonless, s->trace.reason.len = 0)
SET(trace_unchosen, s->trace.chosen = 0)
SET(trace_slot, s->trace.slot = FORWARDING_TABLE_MAX)
SET(trace_serviceless, s->trace.service.len = 0)
SET(trace_backend, s->trace.backend.len = 3)
SET(trace_source, s->trace.encap_source = TEXT("12345"))
SET(trace_mac, s->trace.next_hop_mac = TEXT("12345"))
SET(trace_interface, s->trace.interface = LONG_TEXT)
SET(trace_rule, s->trace.rule = LONG_TEXT)
SET(trace_settled, s->trace.settled_backend.len = 5)
SET(interface_nameless, s->interface.name.len = 0)
SET(interface_driver, s->interface.driver = LONG_TEXT)
SET(interface_detail, s->interface.detail = LONG_TEXT)
SET(reason_nameless, s->reason.name.len = 0)
SET(service_nameless, s->service.service.len = 0)
SET(drop_nameless, s->drop.name.len = 0)
SET(backend_address, s->backend.address.len = 0)
SET(backend_mac, s->backend.next_hop_mac = TEXT("1234567"))
SET(backend_interface, s->backend.interface = LONG_TEXT)
SET(version_long, s->status.version = LONG_TEXT)
SET(error_long, s->ctl_error.text = LONG_TEXT)
SET(node_missing, s->ctl_status.node = NULL)
SET(node_name, s->node.name = LONG_TEXT)
SET(node_config, s->node.config_error = LONG_TEXT)
SET(ctl_name, s->ctl_service.name.len = 0)
SET(ctl_size, s->ctl_service.table_size = FORWARDING_TABLE_MAX + 1)
SET(ctl_digest, s->ctl_service.digest.len = 0)
SET(ctl_installed, s->ctl_service.installed_digest = TEXT("1"))
SET(vip, s->endpoint.vip = TEXT("12345"))
SET(port, s->endpoint.port = 65536)
SET(protocol, s->endpoint.protocol = 256)
SET(member_address, s->member.address.len = 0)
SET(member_weight, s->member.weight = 65536)
SET(member_phi, s->member.phi = 257)
SET(member_slots, s->member.slots = FORWARDING_TABLE_MAX + 1)
SET(member_mac, s->member.next_hop_mac = TEXT("1"))
SET(member_intent, s->member.intent = LONG_TEXT)
SET(answerless, s->ctl_trace.reply = NULL)
SET(name_empty, s->name.name.len = 0)
SET(name_long, s->name.name = BYTES(long_text, FORWARDING_NAME_MAX))
SET(name_odd, s->name.name = TEXT("a/b"))
SET(query_source, s->query.source.len = 0)
SET(query_destination, s->query.destination = TEXT("0123456789abcde"))
SET(query_mixed, s->query.destination = TEXT("0123456789abcdef"))
SET(query_protocol, s->query.protocol = 1)
SET(query_protocol_wide, s->query.protocol = 256 + IPPROTO_TCP)
SET(query_source_port, s->query.source_port = 65536)
SET(query_port, s->query.destination_port = 65536)

static void
vip_of_no_length(struct sample *s)
{
	s->vip.vip = TEXT("abc");
}

static void
announce_without_drain(struct sample *s)
{
	s->announce.drain = NULL;
}

static void
condition_long(struct sample *s)
{
	s->condition.detail = LONG_TEXT;
}

static void
drain_node_slash(struct sample *s)
{
	s->drain_request.node = TEXT("../x");
}

static void
drain_graceful(struct sample *s)
{
	s->drain_request.graceful_s = CONTROL_GRACEFUL_MAX + 1;
}

static void
change_unnamed(struct sample *s)
{
	s->change.service.len = 0;
}

static void
change_of_nothing(struct sample *s)
{
	s->change.op = GUIDEWAY__CONTROL__OP__OP_NONE;
}

static void
change_of_an_op_to_come(struct sample *s)
{
	s->change.op = (Guideway__Control__Op)4;
}

static void
change_backend(struct sample *s)
{
	s->change.backend.len = 3;
}

static void
change_removes_fields(struct sample *s)
{
	s->change.op = GUIDEWAY__CONTROL__OP__OP_REMOVE;
}

static void
change_too_long(struct sample *s)
{
	s->change.fields = BYTES(long_text, CONTROL_FIELDS_MAX);
}

static void
change_with_nul(struct sample *s)
{
	s->change.fields = TEXT("weight=2\0");
}

SET(service_check, s->ctl_service.check = LONG_TEXT)
SET(member_why, s->member.own_why = LONG_TEXT)
SET(missing_node, s->missing.node.len = 0)
SET(missing_why, s->missing.why = LONG_TEXT)
SET(outcome_copies, s->outcome.copies = 1025)
SET(cluster_node_name, s->cluster_node.name.len = 0)
SET(cluster_node_address, s->cluster_node.address.len = 2)
SET(cluster_node_root, s->cluster_node.root_digest.len = 0)
SET(cluster_node_short, s->cluster_node.config_digest.len = 15)
SET(ignored_why, s->ignored.why = LONG_TEXT)
SET(differs_long, s->file_differs[0] = LONG_TEXT)

static const struct bad_row {
	enum kind kind;
	void (*spoil)(struct sample *);
	const char *says;
} bad_rows[] = {
    {INSTALLED, digest_nameless, "installed.tables: a name"},
    {INSTALLED, digest_long_name, "installed.tables: a name"},
    {INSTALLED, digest_nul_in_name, "installed.tables: a printable name"},
    {INSTALLED, digest_space, "installed.tables: a printable name"},
    {INSTALLED, digest_short, "installed.tables: another number of bytes"},
    {INSTALLED, digest_empty, "installed.tables: another number of bytes"},
    {REFUSED, refused_long, "refused.why"},
    {CTL_STATUS, vip_of_no_length, "vip.vip"},
    {CTL_STATUS, announce_without_drain, "announce without its drain"},
    {CTL_STATUS, condition_long, "condition.detail"},
    {ASK_CHANGE, change_unnamed, "a service's name"},
    {ASK_CHANGE, change_of_nothing, "a change this agent does not know"},
    {ASK_CHANGE, change_of_an_op_to_come, "a change this agent does not know"},
    {ASK_CHANGE, change_backend, "4 or 16 bytes"},
    {ASK_CHANGE, change_removes_fields, "no fields to set"},
    {ASK_CHANGE, change_too_long, "at most 8191"},
    {ASK_CHANGE, change_with_nul, "not printable ASCII at byte 9"},
    {CTL_SERVICE, service_check, "service.check"},
    {CTL_SERVICE, member_why, "member.own_why"},
    {CTL_CHANGE, missing_node, "missing.node"},
    {CTL_CHANGE, missing_why, "missing.why"},
    {CTL_CHANGE, outcome_copies, "outcome.copies"},
    {CTL_CLUSTER, cluster_node_name, "cluster.nodes.name"},
    {CTL_CLUSTER, cluster_node_address, "cluster.nodes.address"},
    {CTL_CLUSTER, cluster_node_root, "cluster.nodes.root_digest"},
    {CTL_CLUSTER, cluster_node_short, "cluster.nodes.config_digest"},
    {CTL_CLUSTER, ignored_why, "ignored.why"},
    {CTL_CLUSTER, differs_long, "cluster.file_differs"},
    {ASK_DRAIN, drain_node_slash, "a node's name"},
    {ASK_DRAIN, drain_graceful, "at most 3600 s"},
    {TRACED, trace_reasonless, "trace.reason"},
    {TRACED, trace_unchosen, "trace.chosen"},
    {TRACED, trace_slot, "trace.slot"},
    {TRACED, trace_serviceless, "trace.service"},
    {TRACED, trace_backend, "trace.backend"},
    {TRACED, trace_source, "trace.encap_source"},
    {TRACED, trace_mac, "trace.next_hop_mac"},
    {TRACED, trace_interface, "trace.interface"},
    {TRACED, trace_rule, "trace.rule"},
    {TRACED, trace_settled, "trace.settled_backend"},
    {STATUS, digest_nameless, "status.tables: a name"},
    {STATUS, digest_short, "status.tables: another number of bytes"},
    {STATUS, interface_nameless, "status.interfaces.name"},
    {STATUS, interface_driver, "status.interfaces.driver"},
    {STATUS, interface_detail, "status.interfaces.detail"},
    {STATUS, reason_nameless, "status.reasons"},
    {STATUS, service_nameless, "status.services.service"},
    {STATUS, drop_nameless, "status.services.drops"},
    {STATUS, backend_address, "status.backends.address"},
    {STATUS, backend_mac, "status.backends.next_hop_mac"},
    {STATUS, backend_interface, "status.backends.interface"},
    {STATUS, version_long, "status.version"},
    {CTL_ERROR, error_long, "error.text"},
    {CTL_STATUS, node_missing, "without its node"},
    {CTL_STATUS, node_name, "node.name"},
    {CTL_STATUS, node_config, "node.config_error"},
    {CTL_STATUS, digest_short, "status.tables: another number of bytes"},
    {CTL_STATUS, ctl_name, "service.name"},
    {CTL_SERVICE, ctl_size, "service.table_size"},
    {CTL_SERVICE, ctl_digest, "service.digest"},
    {CTL_SERVICE, ctl_installed, "service.installed_digest"},
    {CTL_SERVICE, vip, "endpoint.vip"},
    {CTL_SERVICE, port, "endpoint.port"},
    {CTL_SERVICE, protocol, "endpoint.protocol"},
    {CTL_SERVICE, member_address, "member.address"},
    {CTL_SERVICE, member_weight, "member.weight"},
    {CTL_SERVICE, member_phi, "member.phi"},
    {CTL_SERVICE, member_slots, "member.slots"},
    {CTL_SERVICE, member_mac, "member.next_hop_mac"},
    {CTL_SERVICE, member_intent, "member.intent"},
    {CTL_SERVICE, drop_nameless, "service.drops: a name"},
    {CTL_TRACE, answerless, "without its answer"},
    {CTL_TRACE, trace_slot, "trace.slot"},
    {ASK_SERVICE, name_empty, "service's name"},
    {ASK_SERVICE, name_long, "service's name"},
    {ASK_SERVICE, name_odd, "service's name"},
    {ASK_TRACE, query_source, "trace.source"},
    {ASK_TRACE, query_destination, "trace.destination"},
    {ASK_TRACE, query_mixed, "one IP version"},
    {ASK_TRACE, query_protocol, "trace.protocol"},
    {ASK_TRACE, query_protocol_wide, "trace.protocol"},
    {ASK_TRACE, query_source_port, "trace.source_port"},
    {ASK_TRACE, query_port, "trace.destination_port"},
};

START_TEST(bad)
{
	const struct bad_row *row = &bad_rows[_i];
	struct errmsg why;
	size_t len;

	make_sample();
	row->spoil(&sample);
	len = encode(&sample, row->kind, wire, sizeof(wire));
	ck_assert_int_eq(decode(row->kind, wire, len, &why), -1);
	ck_assert_msg(strstr(why.text, row->says) != NULL, "'%s' in '%s'",
	    row->says, why.text);
}
END_TEST

/* Empty submessages, which cost much more to unpack than to send. */
START_TEST(bomb)
{
	static uint8_t data[1 << 20];
	struct errmsg why;
	size_t n = 0;

	/* Reply.installed, then TableDigests without bytes. */
	data[n++] = 2 << 3 | 2;
	for (size_t left = sizeof(data) - 5, i = 0; i < 4; i++, left >>= 7)
		data[n++] = (uint8_t)((left & 0x7f) | (i < 3 ? 0x80 : 0));
	while (n + 1 < sizeof(data)) {
		data[n++] = 2 << 3 | 2;
		data[n++] = 0;
	}
	ck_assert_ptr_null(balancer_wire_reply(data, n, &why));
}
END_TEST

/* What a terminal might take for a command does not get there. */
START_TEST(texts_are_cleaned)
{
	struct balancer_reply *r;
	struct errmsg why;
	size_t len;

	make_sample();
	sample.refused.why = TEXT("a\033[2Jb\0c\nd\377");
	len = encode(&sample, REFUSED, wire, sizeof(wire));
	r = balancer_wire_reply(wire, len, &why);
	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(r->refusal, "a?[2Jb?c?d?");
	balancer_reply_free(r);
}
END_TEST

START_TEST(pong_is_read_whole)
{
	struct balancer_reply *r;
	struct errmsg why;

	make_sample();
	sample.pong.generation = 4;
	sample.pong.vip_packets = UINT64_MAX;
	sample.pong.next_hops_version = 6;
	sample.pong.device = true;
	r = balancer_wire_reply(
	    wire, encode(&sample, PONG, wire, sizeof(wire)), &why);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(r->kind, BALANCER_PONG);
	ck_assert_uint_eq(r->pong.generation, 4);
	ck_assert_uint_eq(r->pong.vip_packets, UINT64_MAX);
	ck_assert_uint_eq(r->pong.next_hops_version, 6);
	ck_assert(r->pong.device);
	ck_assert(r->pong.puts_off);
	ck_assert_str_eq(r->pong.device_name, "gw0");
	ck_assert_str_eq(r->pong.device_error, "eth0 is down");
	balancer_reply_free(r);
	r = balancer_wire_reply(
	    wire, encode(&sample, LATER, wire, sizeof(wire)), &why);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(r->kind, BALANCER_LATER);
	balancer_reply_free(r);
}
END_TEST

START_TEST(requests_to_the_balancer)
{
	struct forwarding *state = forwarding_new();
	struct trace_query query = {.protocol = IPPROTO_TCP, .source_port = 9};
	Guideway__Balancer__Request *m;
	const uint8_t *data;
	size_t len;

	state->generation = 44;
	addr_parse(&query.source, "198.51.100.9");
	addr_parse(&query.destination, "203.0.113.10");
	ck_assert_int_eq(balancer_wire_install(buffer, 1, state), 0);
	forwarding_free(state);
	data = unframe(&len);
	m = guideway__balancer__request__unpack(NULL, len, data);
	ck_assert_int_eq(
	    m->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_INSTALL);
	ck_assert_uint_eq(m->id, 1);
	ck_assert_uint_eq(m->install->generation, 44);
	guideway__balancer__request__free_unpacked(m, NULL);
	frame_done(buffer, len);

	ck_assert_int_eq(balancer_wire_status(buffer, 2, true), 0);
	data = unframe(&len);
	m = guideway__balancer__request__unpack(NULL, len, data);
	ck_assert_int_eq(
	    m->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_STATUS);
	ck_assert(m->status->read_back);
	guideway__balancer__request__free_unpacked(m, NULL);
	frame_done(buffer, len);

	ck_assert_int_eq(balancer_wire_ping(buffer, 4), 0);
	data = unframe(&len);
	m = guideway__balancer__request__unpack(NULL, len, data);
	ck_assert_int_eq(m->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_PING);
	ck_assert_uint_eq(m->id, 4);
	guideway__balancer__request__free_unpacked(m, NULL);
	frame_done(buffer, len);

	ck_assert_int_eq(balancer_wire_trace(buffer, 3, &query), 0);
	data = unframe(&len);
	m = guideway__balancer__request__unpack(NULL, len, data);
	ck_assert_int_eq(m->body_case, GUIDEWAY__BALANCER__REQUEST__BODY_TRACE);
	ck_assert_uint_eq(m->id, 3);
	ck_assert_uint_eq(m->trace->source.len, 4);
	ck_assert_uint_eq(m->trace->source_port, 9);
	guideway__balancer__request__free_unpacked(m, NULL);
}
END_TEST

START_TEST(requests_of_the_operator)
{
	struct control_request q = {.kind = CONTROL_TRACE}, back;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	q.trace.protocol = IPPROTO_UDP;
	q.trace.source_port = 4711;
	q.trace.destination_port = 443;
	addr_parse(&q.trace.source, "2001:db8::9");
	addr_parse(&q.trace.destination, "2001:db8::10");
	ck_assert_int_eq(ctl_wire_put_request(buffer, &q), 0);
	data = unframe(&len);
	ck_assert_int_eq(ctl_wire_get_request(&back, NULL, data, len, &why), 0);
	ck_assert_int_eq(back.kind, CONTROL_TRACE);
	ck_assert_mem_eq(&back.trace, &q.trace, sizeof(q.trace));
	frame_done(buffer, len);

	q = (struct control_request){.kind = CONTROL_SERVICE};
	strcpy(q.service, "web");
	ck_assert_int_eq(ctl_wire_put_request(buffer, &q), 0);
	data = unframe(&len);
	ck_assert_int_eq(ctl_wire_get_request(&back, NULL, data, len, &why), 0);
	ck_assert_int_eq(back.kind, CONTROL_SERVICE);
	ck_assert_str_eq(back.service, "web");
	frame_done(buffer, len);

	q = (struct control_request){.kind = CONTROL_DRAIN,
	    .temporary = true,
	    .force = true,
	    .graceful_s = CONTROL_GRACEFUL_DEFAULT};
	strcpy(q.node, "lb1");
	for (; q.kind <= CONTROL_UNDRAIN; q.kind++) {
		ck_assert_int_eq(ctl_wire_put_request(buffer, &q), 0);
		data = unframe(&len);
		ck_assert_int_eq(
		    ctl_wire_get_request(&back, NULL, data, len, &why), 0);
		ck_assert_int_eq(back.kind, q.kind);
		ck_assert_str_eq(back.node, "lb1");
		ck_assert(back.temporary);
		ck_assert_uint_eq(back.graceful_s, CONTROL_GRACEFUL_DEFAULT);
		ck_assert(back.force);
		frame_done(buffer, len);
	}

	q.kind = CONTROL_STATUS;
	ck_assert_int_eq(ctl_wire_put_request(buffer, &q), 0);
	data = unframe(&len);
	ck_assert_int_eq(ctl_wire_get_request(&back, NULL, data, len, &why), 0);
	ck_assert_int_eq(back.kind, CONTROL_STATUS);
}
END_TEST

static void
goes_through(const struct control_change *change)
{
	static struct control_change got;
	const struct control_request q = {
	    .kind = CONTROL_CHANGE, .change = change};
	struct control_request back;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	ck_assert_int_eq(ctl_wire_put_request(buffer, &q), 0);
	data = unframe(&len);
	ck_assert_uint_le(len, CTL_REQUEST_MAX);
	ck_assert_msg(ctl_wire_get_request(&back, &got, data, len, &why) == 0,
	    "%s", why.text);
	ck_assert_int_eq(back.kind, CONTROL_CHANGE);
	ck_assert_ptr_eq(back.change, &got);
	ck_assert_int_eq(got.op, change->op);
	ck_assert_int_eq(got.is_backend, change->is_backend);
	ck_assert_str_eq(got.service, change->service);
	ck_assert_mem_eq(&got.backend, &change->backend, sizeof(got.backend));
	ck_assert_str_eq(got.fields, change->fields);
	ck_assert_int_eq(got.local, change->local);
	ck_assert_int_eq(got.force, change->force);
	frame_done(buffer, len);
}

START_TEST(changes_of_the_operator)
{
	static struct control_change c;

	memset(c.service, 'x', FORWARDING_NAME_MAX - 1);
	memset(c.fields, 'x', CONTROL_FIELDS_MAX - 1);
	c.local = true;
	goes_through(&c);
	c.is_backend = c.force = true;
	c.local = false;
	addr_parse(&c.backend, "2001:db8::10");
	goes_through(&c);
	c.op = CONTROL_SET;
	strcpy(c.fields, "weight=2\nstate=enabled");
	goes_through(&c);
	c.op = CONTROL_REMOVE;
	c.fields[0] = '\0';
	goes_through(&c);
}
END_TEST

START_TEST(requests_without_a_body)
{
	struct control_request q = {.kind = CONTROL_CLUSTER}, back;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	for (; q.kind <= CONTROL_LEAVE; q.kind++) {
		ck_assert_int_eq(ctl_wire_put_request(buffer, &q), 0);
		data = unframe(&len);
		ck_assert_int_eq(
		    ctl_wire_get_request(&back, NULL, data, len, &why), 0);
		ck_assert_int_eq(back.kind, q.kind);
		frame_done(buffer, len);
	}
}
END_TEST

/* Of a node without a session no digests are known. */
START_TEST(node_that_is_not_connected)
{
	struct control_reply reply;
	struct arena *arena = arena_new();
	struct errmsg why;
	size_t len;

	make_sample();
	sample.cluster_node.connected = false;
	sample.cluster_node.config_digest.len = 0;
	sample.cluster_node.observed_digest.len = 0;
	sample.cluster_node.root_digest.len = 0;
	len = encode(&sample, CTL_CLUSTER, wire, sizeof(wire));
	ck_assert_int_eq(ctl_wire_get_reply(arena, &reply, wire, len, &why), 0);
	ck_assert(!reply.cluster.nodes[0].connected);
	arena_free(arena);
}
END_TEST

/* A reply through both of its functions and back into bytes: the same bytes. */
START_TEST(replies_survive_the_way)
{
	enum kind kind = (enum kind)(CTL_ERROR + _i);
	struct control_reply reply;
	struct arena *arena = arena_new();
	const uint8_t *data;
	struct errmsg why;
	size_t len, got;

	make_sample();
	len = encode(&sample, kind, wire, sizeof(wire));
	ck_assert_int_eq(ctl_wire_get_reply(arena, &reply, wire, len, &why), 0);
	ck_assert_int_eq(ctl_wire_put_reply(buffer, &reply), 0);
	data = unframe(&got);
	ck_assert_uint_eq(got, len);
	ck_assert_mem_eq(data, wire, len);
	arena_free(arena);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("agent_wire");
	TCase *tc = tcase_create("agent_wire");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, good, 0, KINDS);
	tcase_add_loop_test(tc, truncated, 0, KINDS);
	tcase_add_loop_test(tc, bad, 0, ROWS(bad_rows));
	tcase_add_test(tc, bomb);
	tcase_add_test(tc, texts_are_cleaned);
	tcase_add_test(tc, pong_is_read_whole);
	tcase_add_test(tc, requests_to_the_balancer);
	tcase_add_test(tc, requests_of_the_operator);
	tcase_add_loop_test(
	    tc, replies_survive_the_way, 0, CTL_EMPTY - CTL_ERROR);
	tcase_add_test(tc, changes_of_the_operator);
	tcase_add_test(tc, requests_without_a_body);
	tcase_add_test(tc, node_that_is_not_connected);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
