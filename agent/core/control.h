/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks and is answered, as plain values. The core fills the
 * replies, ctl/wire.c takes them over the socket, cli/ shows them. */
#ifndef AGENT_CORE_CONTROL_H
#define AGENT_CORE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/balancer_report.h"
#include "common/forwarding.h"

struct arena;

enum control_kind {
	CONTROL_ERROR, /* only a reply */
	CONTROL_STATUS,
	CONTROL_SERVICE,
	CONTROL_TRACE,
};

struct control_request {
	enum control_kind kind;
	char service[FORWARDING_NAME_MAX]; /* CONTROL_SERVICE */
	struct trace_query trace;          /* CONTROL_TRACE */
};

struct control_member {
	struct addr addr;
	uint32_t weight, phi;
	const char *intent; /* enabled, draining, disabled */
	const char *health; /* up, down, unknown */
	uint32_t slots;     /* it holds in the effective table */
	uint64_t packets, bytes;
	bool resolved;
	const char *interface; /* "": no next hop known */
	bool has_mac;
	uint8_t mac[REPORT_MAC_LEN];
};

struct control_service {
	const char *name;
	const struct forwarding_endpoint *endpoints;
	size_t n_endpoints;
	uint32_t table_size;
	uint8_t digest[REPORT_DIGEST_LEN]; /* computed by the agent */
	bool has_installed;
	uint8_t installed[REPORT_DIGEST_LEN]; /* told by the balancer */
	uint32_t configured, taking;          /* members */
	struct control_member *members;       /* only in CONTROL_SERVICE */
	size_t n_members;
	uint64_t packets, bytes;
	const struct report_counter *drops;
	size_t n_drops;
};

struct control_node {
	const char *name;
	const char *version; /* of the agent */
	uint64_t uptime_s;
	const char *config_path;
	const char *config_error; /* "": the last reload was good */
	bool balancer_connected, in_sync;
	const char *balancer_error;             /* "": none */
	const struct balancer_status *balancer; /* NULL: never heard */
};

struct control_reply {
	enum control_kind kind;
	const char *error;        /* CONTROL_ERROR: one line */
	struct control_node node; /* CONTROL_STATUS, and name of TRACE */
	struct control_service *services; /* STATUS; one in SERVICE */
	size_t n_services;
	struct trace_answer trace; /* CONTROL_TRACE */
};

#endif
