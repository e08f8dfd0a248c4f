/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a pure state machine: events in, outputs out.
 *
 * It reads no clock, draws no random numbers and does no I/O; the daemon
 * (agent.c) and a simulator drive the same code, and the same events give the
 * same outputs. There is one way through for a change of state, whatever its
 * cause: configuration and health give the effective view, the view gives the
 * plan (tables and digests), and the plan is sent whole to the balancer.
 *
 * The balancer: dialled with back-off and jitter, sent the plan at each connect
 * and each change. It is in sync when the digests that it tells are those of
 * the plan; if not, the plan is sent again, at once and then with growing
 * pauses. It answers in order; one that does not, or says nothing for too long,
 * is hung up on. Its status is asked for when an operator asks, and now and
 * then to see that it is alive and serves what it said (read back).
 *
 * Routes: which VIPs are announced follows from all of that through the gate
 * (gate.h) and from the operator's wish to drain (drain.h). The core puts out
 * the whole set of routes that shall stand in the kernel's table, hears what
 * stands there and what BIRD makes of it, and says where that differs.
 *
 * Operators' commands that need the balancer wait for it, but not for long.
 *
 * The cluster: what is configured of services and backends is a replica
 * (replica.h) that all nodes write to and merge; each observes the backends
 * (checks.h) and tells the others; votes.h makes of that the one health that
 * all agree on. The core keeps a session with each other node: it says whom to
 * dial, what to send, and hears what comes as values (peer_message.h). Without
 * a cluster in the configuration there are no sessions, the file rules, and
 * this node's observations are all there are. */
#ifndef AGENT_CORE_CORE_H
#define AGENT_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/balancer_reply.h"
#include "agent/core/bird_report.h"
#include "agent/core/checks.h"
#include "agent/core/control.h"
#include "agent/core/flow_reply.h"
#include "agent/core/peer_message.h"
#include "agent/core/replica.h"
#include "agent/core/vip_routes.h"
#include "common/conf.h"
#include "common/errmsg.h"
#include "common/forwarding.h"
#include "common/mono.h"

#define CORE_PENDING_MAX 64 /* operators' commands waiting at once */
#define CORE_PEERS_MAX   FRESHNESS_MAX
/* A step starts no more probes than this, and asks for another at once. */
#define CORE_PROBES_MAX 64
/* Whatever a step leads to; one snapshot is sent in it at most. */
#define CORE_OUTPUTS_MAX 1024

enum core_event_type {
	CORE_CONFIG_LOADED,  /* conf */
	CORE_CONFIG_FAILED,  /* text: why; the last good one stays */
	CORE_BALANCER_UP,    /* the dial succeeded */
	CORE_BALANCER_LOST,  /* text: why; also when the dial failed */
	CORE_BALANCER_REPLY, /* reply */
	CORE_COMMAND,        /* client, request */
	CORE_CLIENT_GONE,    /* client: wants no reply any more */
	CORE_STATE_LOADED, /* state, text: NULL or what is wrong with it; once,
			      after the first configuration */
	CORE_PERSISTED,    /* text: NULL, or why it could not be done */
	CORE_ROUTES,       /* routes: after CORE_SET_ROUTES and any change */
	CORE_BIRD,         /* bird */
	CORE_PEER_DIALLED, /* node, session or 0: after CORE_PEER_DIAL */
	CORE_PEER_UP,      /* session, node, dialled: it can be talked over */
	CORE_PEER_MESSAGE, /* session, message */
	CORE_PEER_MALFORMED, /* session, text: it is no message */
	CORE_PEER_FULL,      /* session: a message could not be queued */
	CORE_PEER_DRAINED,   /* session: there is room again */
	CORE_PEER_DOWN,      /* session, text: why; not after CORE_PEER_CLOSE */
	CORE_PEER_REFUSED,   /* node, text: why; it called, and is not let in */
	CORE_PROBE_RESULT,   /* id, result, text: why (may be NULL) */
	CORE_FLOWS_UP,       /* the dial for flows succeeded */
	CORE_FLOWS_LOST,     /* text: why; also when the dial failed */
	CORE_FLOWS_REPLY,    /* flow_reply */
	CORE_PEER_FLOWS_DROPPED, /* session, n: that many entries were not
				    queued, to leave room for the rest */
	CORE_STOPPING, /* nothing but carrying out its outputs follows */
	CORE_TICK,     /* nothing but time has passed */
};

/* What is remembered over a restart. */
struct core_state {
	bool draining;        /* the operator's wish; outside of a cluster */
	bool lost;            /* there was a state, but it cannot be had */
	uint64_t incarnation; /* the highest this node ever had */
	uint64_t synced_ms; /* wall clock: last in step with a peer; 0: never */
	struct replica *replica; /* NULL: none */
};

struct core_event {
	enum core_event_type type;
	uint64_t
	    wall_ms; /* with each event: since 1970, by this node's clock */
	struct conf *conf;            /* taken */
	const char *text;             /* borrowed */
	struct balancer_reply *reply; /* taken */
	uint64_t client;              /* never used twice */
	struct control_request request;
	const struct core_state *state; /* its replica is taken */
	uint64_t session;               /* never used twice */
	const char *node;               /* "": nothing vouches for a name */
	bool dialled;                   /* by us */
	struct peer_message *message;   /* taken */
	uint64_t id;
	enum check_result result;
	const struct vip_routes *routes; /* borrowed */
	struct bird_report *bird;        /* taken */
	struct flow_reply *flow_reply;   /* taken */
	size_t n;
};

enum core_output_type {
	CORE_DIAL,        /* connect to the balancer; answer with UP or LOST */
	CORE_HANGUP,      /* close that connection; no event is expected */
	CORE_INSTALL,     /* id, state: send to the balancer */
	CORE_ASK_STATUS,  /* id, read_back */
	CORE_ASK_TRACE,   /* id, trace */
	CORE_PING,        /* id: to the balancer */
	CORE_PERSIST,     /* state_file: remember it; answer with PERSISTED */
	CORE_SET_ROUTES,  /* routes, n_routes: these and no others */
	CORE_ASK_BIRD,    /* read what it exports; a CORE_BIRD comes */
	CORE_PEER_DIAL,   /* node; answer with PEER_DIALLED */
	CORE_PEER_SEND,   /* session, message; when it cannot be: PEER_FULL */
	CORE_PEER_TRUST,  /* session: it is whom we want to talk to */
	CORE_PEER_CLOSE,  /* session, text: why; what was sent goes out first */
	CORE_PROBE_START, /* id, probe */
	CORE_PROBE_CANCEL, /* id */
	CORE_FLOWS_DIAL,   /* connect to the balancer once more, for flows */
	CORE_FLOWS_HANGUP, /* close that connection; no event is expected */
	CORE_FLOWS_ASK,    /* id, flow_request: over it */
	CORE_REPLY,        /* client, reply: exactly one for each command */
	CORE_LOG,          /* level, text */
};

enum core_level {
	CORE_INFO,
	CORE_WARNING,
	CORE_ALARM, /* somebody should look */
};

struct core_output {
	enum core_output_type type;
	uint64_t id;
	const struct forwarding *state; /* borrowed until the next step */
	bool read_back;
	struct trace_query trace;
	uint64_t client;
	struct control_reply reply;           /* borrows until the next step */
	const struct core_state *state_file;  /* borrowed until the next step */
	const struct conf_cluster_node *node; /* likewise */
	uint64_t session;
	const struct peer_message *message;   /* likewise */
	struct checks_start probe;            /* likewise what it points at */
	const struct vip_route_entry *routes; /* borrowed until the next step */
	size_t n_routes;
	const struct flow_request *flow_request; /* likewise */
	enum core_level level;
	struct errmsg text;
};

struct core_outputs {
	struct core_output items[CORE_OUTPUTS_MAX];
	size_t n;
	struct arena *arena; /* what replies point at ... */
	struct balancer_reply *kept;
	struct flow_reply *kept_flows;
	struct peer_message *kept_message;
};

struct core;

/* entropy: any number; jitter is drawn from it. NULL: out of memory. */
struct core *core_new(struct mono now, uint64_t entropy);
void core_free(struct core *);

/* Takes one event in. Fills `out` afresh, to be carried out in order before the
 * next step; what it holds is freed by core_outputs_clear. `now` never goes
 * back. */
void core_step(struct core *, struct mono now, const struct core_event *,
    struct core_outputs *out);

struct core_outputs *core_outputs_new(void);
void core_outputs_clear(struct core_outputs *);
void core_outputs_free(struct core_outputs *);

/* When the next CORE_TICK is due, unless an event comes first. */
struct mono core_wakeup(const struct core *);

/* The configuration file in force, borrowed until the next step; NULL before
 * the first, or when that one failed. */
const struct conf *core_conf(const struct core *);

/* Asked after CORE_STATE_LOADED: has it taken the configuration and the past?
 * If not, for lack of memory, it takes no part and writes nothing, which would
 * replace what it does not know: the agent has to end. */
bool core_begun(const struct core *);

#endif
