/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks and is answered, as plain values. The core fills the
 * replies, ctl/wire.c takes them over the socket, cli/ shows them. */
#ifndef AGENT_CORE_CONTROL_H
#define AGENT_CORE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/balancer_report.h"
#include "common/flows_batch.h"
#include "common/forwarding.h"

struct arena;

enum control_kind {
	CONTROL_ERROR, /* only a reply */
	CONTROL_STATUS,
	CONTROL_SERVICE,
	CONTROL_TRACE,
	CONTROL_DRAIN,   /* the reply only says that it is accepted */
	CONTROL_UNDRAIN, /* likewise */
	CONTROL_CHANGE,  /* of services or backends */
	CONTROL_CLUSTER,
	CONTROL_LEAVE, /* the reply only says that it is accepted */
	CONTROL_HELD,
};

#define CONTROL_GRACEFUL_DEFAULT UINT32_MAX /* as configured */
#define CONTROL_GRACEFUL_MAX     3600       /* seconds */

/* What is done to an object of the replica. */
enum control_op {
	CONTROL_ADD,    /* it must not be there */
	CONTROL_SET,    /* it must be there */
	CONTROL_REMOVE, /* likewise; a service takes its backends along */
};

#define CONTROL_FIELDS_MAX 8192 /* with the NUL */

struct control_change {
	enum control_op op;
	bool is_backend; /* else a service */
	char service[FORWARDING_NAME_MAX];
	struct addr backend;
	/* "name=text" lines, as spec.h has them: "weight=2\nstate=enabled". */
	char fields[CONTROL_FIELDS_MAX];
	bool local; /* answer once it is on the disk here */
	bool force; /* though this node's clock is far from the others' */
};

struct control_request {
	enum control_kind kind;
	char service[FORWARDING_NAME_MAX]; /* CONTROL_SERVICE */
	struct trace_query trace;          /* CONTROL_TRACE */
	/* CONTROL_DRAIN, CONTROL_UNDRAIN: */
	char node[FORWARDING_NAME_MAX]; /* "": the one that is asked */
	bool temporary;      /* forgotten when the agent ends; for shutdowns */
	uint32_t graceful_s; /* how long to mark the routes before */
	bool force;          /* though no other node would be left */
	const struct control_change *change; /* CHANGE; borrowed by the call */
	struct addr backend;                 /* CONTROL_HELD, with service */
};

struct control_member {
	struct addr addr;
	uint32_t weight, phi;
	const char *intent;            /* enabled, draining, disabled */
	const char *health;            /* up, down, unknown: what counts */
	uint32_t votes_up, votes_down; /* of the nodes that are heard */
	const char *own;      /* what this node says: as health, or flapping */
	const char *own_why;  /* the last failure; "": none */
	uint64_t own_since_s; /* it has said so for so long */
	uint32_t slots;       /* it holds in the effective table */
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
	const char *check; /* as health_check_format has it; "none" */
	bool panic;        /* too few are up: all are used */
	uint64_t packets, bytes;
	const struct report_counter *drops;
	size_t n_drops;
	/* As in struct report_service. */
	uint64_t moving, marked, entries, pinned, overflow;
};

/* Flow notices of this node since the agent started; entries, unless it says
 * otherwise. */
struct control_flows {
	bool connected;    /* to the balancer, for flows */
	uint64_t sent;     /* told to peers, each once */
	uint64_t dropped;  /* not told to a peer, for want of room */
	uint64_t taken;    /* learnt from peers */
	uint64_t refused;  /* of peers, and not learnt */
	uint64_t unlearnt; /* of peers, that the balancer was not given */
	uint64_t pulls;    /* times that all was asked for, for something was
			      missed */
	uint64_t heals;    /* times that settled was another one for long */
	uint64_t joins_missed;   /* times that nobody told before announcing */
	uint64_t flushes_missed; /* drains that did not wait for all */
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
	bool has_flows; /* an older agent tells nothing of them */
	struct control_flows flows;
};

/* What must be so for anything to be announced. */
struct control_condition {
	const char *name;
	bool ok;
	const char *detail;
};

struct control_drain {
	/* off, marked, withdrawn, drained (drain.h); marked: the node is to be
	 * drained, and waits for another one's grant */
	const char *phase;
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

/* A change is on this node's disk, and in its tables. */
struct control_missing {
	const char *node;
	const char *why; /* what it lacks: one line */
};

struct control_outcome {
	bool waited; /* for the others; else it was not asked for */
	const struct control_missing *missing; /* nodes that are heard */
	size_t n_missing;
	uint32_t copies; /* durable on so many nodes, this one too ... */
	uint32_t nodes;  /* ... of so many that are configured */
};

struct control_cluster_node {
	const char *name;
	struct addr addr;
	bool self;
	bool connected;      /* a session with it is up; true for self */
	const char *trouble; /* not connected: why; "": not known */
	bool fresh;          /* it is heard, directly or through others */
	bool left;
	/* The rest is known of self and of connected nodes only. */
	const char *version;
	bool joined, announcing, draining, installed;
	int64_t clock_ms; /* its wall clock is ahead of ours by so much */
	uint8_t config[REPORT_DIGEST_LEN], observed[REPORT_DIGEST_LEN],
	    root[REPORT_DIGEST_LEN];
	/* Do its tables differ from ours? For so long, and by whose fault:
	 * configuration, observations, software; "": they do not. */
	uint64_t differs_ms;
	const char *fault;
	uint64_t flows_dropped; /* flow notices that were not sent to it */
};

struct control_ignored {
	const char *what, *why;
};

struct control_cluster {
	const char *name; /* "": this node is in no cluster */
	const char *self;
	const char *trust;   /* certificates, psk, plaintext */
	bool joined;         /* in step with the others, or alone by timeout */
	const char *waiting; /* not joined: for what; "": joined */
	struct control_cluster_node *nodes; /* by name */
	size_t n_nodes;
	bool identical; /* all nodes that are heard have our tables */
	uint32_t services, backends;
	struct control_ignored *ignored; /* objects that take no part */
	size_t n_ignored;
	/* Where the file says other than what is in force, which is ignored. */
	const char **file_differs; /* one line each */
	size_t n_file_differs;
};

/* What still asks for a backend of a service, node by node. */
struct control_held_node {
	const char *name;
	bool known; /* it has answered, and its balancer serves its tables */
	struct flow_held held;
};

struct control_held {
	struct control_held_node *nodes; /* that are heard */
	size_t n_nodes;
};

struct control_reply {
	enum control_kind kind;
	const char *error;        /* CONTROL_ERROR: one line */
	struct control_node node; /* CONTROL_STATUS, and name of TRACE */
	struct control_announce announce; /* CONTROL_STATUS */
	struct control_service *services; /* STATUS; one in SERVICE */
	size_t n_services;
	struct trace_answer trace;      /* CONTROL_TRACE */
	struct control_outcome outcome; /* CONTROL_CHANGE */
	struct control_cluster cluster; /* CONTROL_CLUSTER */
	struct control_held held;       /* CONTROL_HELD */
};

#endif
