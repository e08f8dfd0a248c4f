/* SPDX-License-Identifier: Apache-2.0 */
/* One message of each kind that the agent reads, with everything in it, all of
 * it good: for tests to spoil. */
#ifndef TESTS_UNIT_WIRE_SAMPLES_H
#define TESTS_UNIT_WIRE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/control.h"
#include "proto/balancer.pb-c.h"
#include "proto/control.pb-c.h"

/* protobuf-c wants it without const, and only reads. */
#define BYTES(data, len) \
	((ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)(data)})
#define TEXT(text) BYTES(text, sizeof(text) - 1)
#define LONG_TEXT  BYTES(long_text, sizeof(long_text))

extern char long_text[CONTROL_FIELDS_MAX];

struct sample {
	Guideway__Balancer__TableDigest digest, *digests[1];
	Guideway__Balancer__Interface interface, *interfaces[1];
	Guideway__Balancer__Counter reason, *reasons[1], drop, *drops[1];
	Guideway__Balancer__ServiceCounters service, *services[1];
	Guideway__Balancer__BackendCounters backend, *backends[1];
	Guideway__Balancer__Status status;
	Guideway__Balancer__Installed installed;
	Guideway__Balancer__Refused refused;
	Guideway__Balancer__TraceReply trace;
	Guideway__Balancer__Pong pong;
	Guideway__Balancer__Later later;
	Guideway__Balancer__Reply reply;

	Guideway__Balancer__Endpoint endpoint, *endpoints[1];
	Guideway__Control__Member member, *members[1];
	Guideway__Control__Service ctl_service, *ctl_services[1];
	Guideway__Control__Node node;
	Guideway__Control__Condition condition, *conditions[1];
	Guideway__Control__Drain drain;
	Guideway__Control__Session session, *sessions[1];
	Guideway__Control__Vip vip, *vips[1];
	Guideway__Control__Announce announce;
	Guideway__Control__Status ctl_status;
	Guideway__Control__Trace ctl_trace;
	Guideway__Control__Error ctl_error;
	Guideway__Control__Accepted accepted;
	Guideway__Control__Missing missing, *missings[1];
	Guideway__Control__Outcome outcome;
	Guideway__Control__ClusterNode cluster_node, *cluster_nodes[1];
	Guideway__Control__Ignored ignored, *ignoreds[1];
	ProtobufCBinaryData file_differs[1];
	Guideway__Control__Cluster cluster;
	Guideway__Control__Reply ctl_reply;

	Guideway__Balancer__TraceRequest query;
	Guideway__Control__ServiceRequest name;
	Guideway__Control__StatusRequest ask;
	Guideway__Control__DrainRequest drain_request;
	Guideway__Control__ChangeRequest change;
	Guideway__Control__ClusterRequest ask_cluster;
	Guideway__Control__LeaveRequest leave;
	Guideway__Control__Request request;
};

/* One message of each kind, from the sample. */
enum kind {
	INSTALLED,
	REFUSED,
	LATER,
	TRACED,
	STATUS,
	PONG,
	EMPTY,
	CTL_ERROR,
	CTL_STATUS,
	CTL_SERVICE,
	CTL_TRACE,
	CTL_DRAIN,
	CTL_UNDRAIN,
	CTL_CHANGE,
	CTL_CLUSTER,
	CTL_LEAVE,
	CTL_EMPTY,
	ASK_STATUS,
	ASK_SERVICE,
	ASK_TRACE,
	ASK_DRAIN,
	ASK_UNDRAIN,
	ASK_CHANGE,
	ASK_CLUSTER,
	ASK_LEAVE,
	ASK_EMPTY,
	KINDS,
};

extern struct sample sample;
extern uint8_t wire[32768];

/* Makes `sample` anew. */
void make_sample(void);
/* The message of a kind out of it. Returns its length, at most `room`. */
size_t encode(struct sample *, enum kind, uint8_t *data, size_t room);

#endif
