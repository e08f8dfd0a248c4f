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
	CONTROL_DRAIN,   /* the reply only says that it is accepted */
	CONTROL_UNDRAIN, /* likewise */
};

#define CONTROL_GRACEFUL_DEFAULT UINT32_MAX /* as configured */
#define CONTROL_GRACEFUL_MAX     3600       /* seconds */

struct control_request {
	enum control_kind kind;
	char service[FORWARDING_NAME_MAX]; /* CONTROL_SERVICE */
	struct trace_query trace;          /* CONTROL_TRACE */
	/* CONTROL_DRAIN, CONTROL_UNDRAIN: */
	char node[FORWARDING_NAME_MAX]; /* "": the one that is asked */
	bool temporary;      /* forgotten when the agent ends; for shutdowns */
	uint32_t graceful_s; /* how long to mark the routes before */
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

/* What must be so for anything to be announced. */
struct control_condition {
	const char *name;
	bool ok;
	const char *detail;
};

struct control_drain {
	const char *phase; /* off, marked, withdrawn, drained (drain.h) */
	bool by_operator, temporary;
	uint32_t marked_s; /* marked: so long still */
	bool gone;         /* no route of ours is seen any more */
	uint32_t quiet_s;  /* since when no packet for a VIP has come ... */
	uint32_t quiet_needed_s; /* ... and how long that takes */
	uint64_t vip_packets;
};

struct control_session {
	const char *name;
	bool established;
	const char *info; /* BIRD's words */
};

struct control_vip {
	struct addr vip;
	const char *state;  /* announced, marked, withdrawn */
	const char *kernel; /* active, draining, "": no route */
	uint32_t exported;  /* by so many of ... */
	uint32_t sessions;  /* ... the established sessions of its IP version */
	bool checked;       /* BIRD has been read since the last change */
	bool wrong;         /* what is announced is not what it should be */
	const char *why;    /* withdrawn, or wrong: one line. "": neither */
};

struct control_announce {
	bool enabled;    /* without it the rest is empty */
	bool fit;        /* the node is */
	const char *why; /* not fit: the condition that fails */
	struct control_condition *conditions;
	size_t n_conditions;
	struct control_drain drain;
	const char *bird_error; /* "": it answers */
	const char *bird_version;
	struct control_session *sessions;
	size_t n_sessions;
	struct control_vip *vips;
	size_t n_vips;
};

struct control_reply {
	enum control_kind kind;
	const char *error;        /* CONTROL_ERROR: one line */
	struct control_node node; /* CONTROL_STATUS, and name of TRACE */
	struct control_announce announce; /* CONTROL_STATUS */
	struct control_service *services; /* STATUS; one in SERVICE */
	size_t n_services;
	struct trace_answer trace; /* CONTROL_TRACE */
};

#endif
