/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/wire_samples.h"

#include <netinet/in.h>
#include <string.h>

#include "common/health_check.h"
#include "tests/unit/unit.h"

char long_text[CONTROL_FIELDS_MAX];
struct sample sample;
uint8_t wire[32768];

static void
sample_balancer(struct sample *s)
{
	guideway__balancer__table_digest__init(&s->digest);
	s->digest.service = TEXT("web");
	s->digest.digest = TEXT("0123456789abcdef");
	s->digests[0] = &s->digest;
	guideway__balancer__interface__init(&s->interface);
	s->interface.name = TEXT("eth0");
	s->interface.driver = TEXT("pcap");
	s->interfaces[0] = &s->interface;
	guideway__balancer__counter__init(&s->reason);
	s->reason.name = TEXT("forward");
	s->reason.packets = 7;
	s->reasons[0] = &s->reason;
	s->drop = s->reason;
	s->drop.name = TEXT("drop_no_backend");
	s->drops[0] = &s->drop;
	guideway__balancer__service_counters__init(&s->service);
	s->service.service = TEXT("web");
	s->service.n_drops = 1;
	s->service.drops = s->drops;
	s->services[0] = &s->service;
	guideway__balancer__backend_counters__init(&s->backend);
	s->backend.address = TEXT("\x0a\x01\x00\x01");
	s->backend.interface = TEXT("eth1");
	s->backend.next_hop_mac = TEXT("\x02\x00\x00\x00\x00\x01");
	s->backends[0] = &s->backend;
	guideway__balancer__status__init(&s->status);
	s->status.version = TEXT("1.0");
	s->status.generation = 3;
	s->status.n_tables = s->status.n_interfaces = s->status.n_reasons = 1;
	s->status.n_services = s->status.n_backends = 1;
	s->status.tables = s->digests;
	s->status.interfaces = s->interfaces;
	s->status.reasons = s->reasons;
	s->status.services = s->services;
	s->status.backends = s->backends;
	guideway__balancer__installed__init(&s->installed);
	s->installed.n_tables = 1;
	s->installed.tables = s->digests;
	guideway__balancer__refused__init(&s->refused);
	s->refused.why = TEXT("no");
	guideway__balancer__trace_reply__init(&s->trace);
	s->trace.reason = TEXT("forward");
	s->trace.forwarded = s->trace.chosen = 1;
	s->trace.service = TEXT("web");
	s->trace.slot = 255;
	s->trace.backend = TEXT("\x0a\x01\x00\x01");
	s->trace.rule = TEXT("new flow");
	s->trace.settled_backend = TEXT("\x0a\x01\x00\x02");
	guideway__balancer__pong__init(&s->pong);
	s->pong.device_name = TEXT("gw0");
	s->pong.device_error = TEXT("eth0 is down");
	s->pong.puts_off = true;
	guideway__balancer__later__init(&s->later);
	guideway__balancer__reply__init(&s->reply);
	s->reply.id = 5;
}

static void
sample_announce(struct sample *s)
{
	guideway__control__condition__init(&s->condition);
	s->condition.name = TEXT("device");
	s->condition.ok = true;
	s->condition.detail = TEXT("gw0 is there");
	s->conditions[0] = &s->condition;
	guideway__control__drain__init(&s->drain);
	s->drain.phase = TEXT("marked");
	s->drain.marked_s = 4;
	s->drain.vip_packets = UINT64_MAX;
	guideway__control__session__init(&s->session);
	s->session.name = TEXT("up4");
	s->session.info = TEXT("Established");
	s->sessions[0] = &s->session;
	guideway__control__vip__init(&s->vip);
	s->vip.vip = TEXT("\xcb\x00\x71\x0a");
	s->vip.state = TEXT("announced");
	s->vip.kernel = TEXT("active");
	s->vip.exported = s->vip.sessions = 2;
	s->vips[0] = &s->vip;
	guideway__control__announce__init(&s->announce);
	s->announce.why = TEXT("device: gone");
	s->announce.bird_version = TEXT("2.0.12");
	s->announce.n_conditions = s->announce.n_sessions = 1;
	s->announce.n_vips = 1;
	s->announce.conditions = s->conditions;
	s->announce.drain = &s->drain;
	s->announce.sessions = s->sessions;
	s->announce.vips = s->vips;
}

static void
sample_cluster(struct sample *s)
{
	guideway__control__missing__init(&s->missing);
	s->missing.node = TEXT("lb2");
	s->missing.why = TEXT("its tables are not installed");
	s->missings[0] = &s->missing;
	guideway__control__outcome__init(&s->outcome);
	s->outcome.waited = true;
	s->outcome.n_missing = 1;
	s->outcome.missing = s->missings;
	s->outcome.copies = 2;
	s->outcome.nodes = 3;
	guideway__control__cluster_node__init(&s->cluster_node);
	s->cluster_node.name = TEXT("lb2");
	s->cluster_node.address = TEXT("\xc0\x00\x02\x0c");
	s->cluster_node.connected = s->cluster_node.fresh = true;
	s->cluster_node.clock_ms = INT64_MIN;
	s->cluster_node.config_digest = TEXT("0123456789abcdef");
	s->cluster_node.observed_digest = TEXT("0123456789abcdeg");
	s->cluster_node.root_digest = TEXT("0123456789abcdeh");
	s->cluster_node.differs_ms = UINT64_MAX;
	s->cluster_node.fault = TEXT("observations");
	s->cluster_node.flows_dropped = UINT64_MAX;
	s->cluster_nodes[0] = &s->cluster_node;
	guideway__control__ignored__init(&s->ignored);
	s->ignored.what = TEXT("service web");
	s->ignored.why = TEXT("its VIP is that of mail");
	s->ignoreds[0] = &s->ignored;
	s->file_differs[0] = TEXT("service web: not in the file");
	guideway__control__cluster__init(&s->cluster);
	s->cluster.name = TEXT("edge");
	s->cluster.self = TEXT("lb1");
	s->cluster.trust = TEXT("psk");
	s->cluster.n_nodes = s->cluster.n_ignored = 1;
	s->cluster.nodes = s->cluster_nodes;
	s->cluster.ignored = s->ignoreds;
	s->cluster.n_file_differs = 1;
	s->cluster.file_differs = s->file_differs;
	guideway__control__change_request__init(&s->change);
	s->change.op = GUIDEWAY__CONTROL__OP__OP_SET;
	s->change.service = TEXT("web");
	s->change.backend = TEXT("\x0a\x01\x00\x01");
	s->change.fields = TEXT("weight=2\nstate=draining");
	guideway__control__cluster_request__init(&s->ask_cluster);
	guideway__control__leave_request__init(&s->leave);
}

static void
sample_control(struct sample *s)
{
	sample_announce(s);
	sample_cluster(s);
	guideway__balancer__endpoint__init(&s->endpoint);
	s->endpoint.vip = TEXT("\xcb\x00\x71\x0a");
	s->endpoint.protocol = IPPROTO_TCP;
	s->endpoint.port = 65535;
	s->endpoints[0] = &s->endpoint;
	guideway__control__member__init(&s->member);
	s->member.address = TEXT("\x0a\x01\x00\x01");
	s->member.weight = 65535;
	s->member.phi = 256;
	s->member.slots = FORWARDING_TABLE_MAX;
	s->member.votes_up = 1;
	s->member.votes_down = 2;
	s->member.own = TEXT("flapping");
	s->member.own_why = TEXT("connection refused");
	s->member.own_since_s = UINT64_MAX;
	s->members[0] = &s->member;
	guideway__control__service__init(&s->ctl_service);
	s->ctl_service.name = TEXT("web");
	s->ctl_service.table_size = FORWARDING_TABLE_MAX;
	s->ctl_service.digest = TEXT("0123456789abcdef");
	s->ctl_service.n_endpoints = s->ctl_service.n_members = 1;
	s->ctl_service.endpoints = s->endpoints;
	s->ctl_service.members = s->members;
	s->ctl_service.n_drops = 1;
	s->ctl_service.drops = s->drops;
	s->ctl_service.check = BYTES(long_text, HEALTH_CHECK_FORMAT_MAX - 1);
	s->ctl_service.panic = true;
	s->ctl_service.moving = s->ctl_service.marked = UINT64_MAX;
	s->ctl_service.entries = s->ctl_service.pinned = 9;
	s->ctl_service.overflow = UINT64_MAX;
	s->ctl_services[0] = &s->ctl_service;
	guideway__control__node__init(&s->node);
	s->node.name = TEXT("lb1");
	s->node.balancer = &s->status;
	guideway__control__status__init(&s->ctl_status);
	s->ctl_status.node = &s->node;
	s->ctl_status.n_services = 1;
	s->ctl_status.services = s->ctl_services;
	s->ctl_status.announce = &s->announce;
	guideway__control__trace__init(&s->ctl_trace);
	s->ctl_trace.reply = &s->trace;
	guideway__control__error__init(&s->ctl_error);
	s->ctl_error.text = TEXT("no");
	guideway__control__reply__init(&s->ctl_reply);
	guideway__balancer__trace_request__init(&s->query);
	s->query.source = TEXT("\xc6\x33\x64\x09");
	s->query.destination = TEXT("\xcb\x00\x71\x0a");
	s->query.protocol = IPPROTO_UDP;
	s->query.source_port = s->query.destination_port = 65535;
	guideway__control__service_request__init(&s->name);
	s->name.name = TEXT("web");
	guideway__control__accepted__init(&s->accepted);
	s->accepted.node = TEXT("lb1");
	guideway__control__status_request__init(&s->ask);
	guideway__control__drain_request__init(&s->drain_request);
	s->drain_request.node = TEXT("lb1");
	s->drain_request.temporary = true;
	s->drain_request.graceful_s = CONTROL_GRACEFUL_MAX;
	s->drain_request.force = true;
	guideway__control__request__init(&s->request);
}

static const ProtobufCMessage *
choose(struct sample *s, enum kind kind)
{
	switch (kind) {
	case INSTALLED:
		s->reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_INSTALLED;
		s->reply.installed = &s->installed;
		break;
	case REFUSED:
		s->reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_REFUSED;
		s->reply.refused = &s->refused;
		break;
	case LATER:
		s->reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_LATER;
		s->reply.later = &s->later;
		break;
	case TRACED:
		s->reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_TRACE;
		s->reply.trace = &s->trace;
		break;
	case STATUS:
		s->reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_STATUS;
		s->reply.status = &s->status;
		break;
	case PONG:
		s->reply.body_case = GUIDEWAY__BALANCER__REPLY__BODY_PONG;
		s->reply.pong = &s->pong;
		break;
	case EMPTY:
		break;
	case CTL_ERROR:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_ERROR;
		s->ctl_reply.error = &s->ctl_error;
		return &s->ctl_reply.base;
	case CTL_STATUS:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_STATUS;
		s->ctl_reply.status = &s->ctl_status;
		return &s->ctl_reply.base;
	case CTL_SERVICE:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_SERVICE;
		s->ctl_reply.service = &s->ctl_service;
		return &s->ctl_reply.base;
	case CTL_TRACE:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_TRACE;
		s->ctl_reply.trace = &s->ctl_trace;
		return &s->ctl_reply.base;
	case CTL_DRAIN:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_DRAIN;
		s->ctl_reply.drain = &s->accepted;
		return &s->ctl_reply.base;
	case CTL_UNDRAIN:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_UNDRAIN;
		s->ctl_reply.undrain = &s->accepted;
		return &s->ctl_reply.base;
	case CTL_CHANGE:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_CHANGE;
		s->ctl_reply.change = &s->outcome;
		return &s->ctl_reply.base;
	case CTL_CLUSTER:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_CLUSTER;
		s->ctl_reply.cluster = &s->cluster;
		return &s->ctl_reply.base;
	case CTL_LEAVE:
		s->ctl_reply.body_case = GUIDEWAY__CONTROL__REPLY__BODY_LEAVE;
		s->ctl_reply.leave = &s->accepted;
		return &s->ctl_reply.base;
	case CTL_EMPTY:
		return &s->ctl_reply.base;
	case ASK_STATUS:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_STATUS;
		s->request.status = &s->ask;
		return &s->request.base;
	case ASK_SERVICE:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_SERVICE;
		s->request.service = &s->name;
		return &s->request.base;
	case ASK_TRACE:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_TRACE;
		s->request.trace = &s->query;
		return &s->request.base;
	case ASK_DRAIN:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_DRAIN;
		s->request.drain = &s->drain_request;
		return &s->request.base;
	case ASK_UNDRAIN:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_UNDRAIN;
		s->request.undrain = &s->drain_request;
		return &s->request.base;
	case ASK_CHANGE:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_CHANGE;
		s->request.change = &s->change;
		return &s->request.base;
	case ASK_CLUSTER:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_CLUSTER;
		s->request.cluster = &s->ask_cluster;
		return &s->request.base;
	case ASK_LEAVE:
		s->request.body_case = GUIDEWAY__CONTROL__REQUEST__BODY_LEAVE;
		s->request.leave = &s->leave;
		return &s->request.base;
	case ASK_EMPTY:
	case KINDS:
		return &s->request.base;
	}
	return &s->reply.base;
}

size_t
encode(struct sample *s, enum kind kind, uint8_t *data, size_t room)
{
	const ProtobufCMessage *m = choose(s, kind);
	size_t len = protobuf_c_message_get_packed_size(m);

	ck_assert_uint_le(len, room);
	protobuf_c_message_pack(m, data);
	return len;
}

void
make_sample(void)
{
	memset(long_text, 'x', sizeof(long_text));
	memset(&sample, 0, sizeof(sample));
	sample_balancer(&sample);
	sample_control(&sample);
}
