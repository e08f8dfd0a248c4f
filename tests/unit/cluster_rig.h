/* SPDX-License-Identifier: Apache-2.0 */
/* Some cores in one process, with a clock that only the test moves: their
 * sessions carry packed messages; kernels, balancers, probes and disks do what
 * they are told unless a test says otherwise. A test can also drive one core by
 * hand: the outputs of its last step stand until its next one. */
#ifndef TESTS_UNIT_CLUSTER_RIG_H
#define TESTS_UNIT_CLUSTER_RIG_H

#include "agent/core/core.h"
#include "tests/unit/ghost_flows.h"

enum {
	A,
	B,
	C,
	NODES
};

#define RIG_OCTETS 256
#define RIG_LOGS   256
#define RIG_TEXT   256
#define RIG_QUEUE  512

/* What the common clock is ahead of rig_now, in ms. */
#define RIG_WALL_MS 1800000000000

#define BIT(kind) (1u << (kind))
_Static_assert(PEER_MESSAGE_KINDS <= 32, "bits");

struct node {
	const char *name;
	struct core *core; /* NULL: it does not run */
	struct core_outputs *out;
	const char *services;  /* of its file; NULL: the usual ones */
	const char *extra;     /* more of its file; NULL: none */
	bool unshared;         /* its file has share_flows: false */
	int64_t wall_ms;       /* its clock is off by so much */
	bool no_peers_dialled; /* the test answers CORE_PEER_DIAL by hand */

	/* Its disk: what was last written. */
	struct core_state disk;
	const char *disk_error; /* NULL: it works */
	bool disk_slow;         /* it answers with disk_done() only */
	struct core_state writing;
	size_t n_writes;

	/* Its balancer, and what stands in its kernel. */
	bool balancer;
	uint64_t generation; /* that is served; 0: none */
	size_t n_installs;
	struct report_backend serves[RIG_OCTETS];
	size_t n_serves;
	uint32_t phi[RIG_OCTETS]; /* of backends in the last install */
	struct vip_routes kernel;
	struct vip_route_entry stands[8];

	/* What its balancer knows of flows. */
	struct ghost_flows flows;
	bool flows_refused;    /* it does not let itself be asked about them */
	bool flows_silent;     /* it answers nothing of that */
	struct flow_held held; /* the last answer's, the most of all nodes */
	size_t held_known, held_nodes;

	/* What it sees of backends, by the last octet of the address. */
	enum check_result sees[RIG_OCTETS];
	bool probes_silent;

	bool crowded;     /* no notices can be queued for the others */
	bool full;        /* nothing can be queued for the others */
	size_t queue_max; /* bytes for each of them; 0: no bound */
	unsigned drops;   /* BIT(kind): such messages to it are lost */
	size_t heard[PEER_MESSAGE_KINDS]; /* messages that came, by kind */
	size_t told[PEER_MESSAGE_KINDS];  /* and went, to whomever */
	size_t dials;

	enum core_level levels[RIG_LOGS];
	char logs[RIG_LOGS][RIG_TEXT]; /* until forget_logs() */
	size_t n_logs;

	/* The last answer; its lists are not kept. */
	uint64_t client;
	struct control_reply reply;
	char error[512];
	char missing[512]; /* "node: why; ..." */
	size_t n_replies;

	struct core_event queue[RIG_QUEUE]; /* what follows from its outputs */
	size_t n_queue;
};

extern struct node nodes[NODES];
extern struct mono rig_now;
/* Called before and after each step of a core; NULL: not. */
extern void (*rig_around)(int node, bool before);
extern int n_nodes; /* that the files list: 3 at first */

void rig_setup(void);
void rig_teardown(void);

/* A whole file for it. */
struct conf *rig_conf(int node);
/* Starts a core with its file and what is on its disk. */
void start(int node);
void start_all(void);
/* The process ends; its kernel keeps the routes. */
void stop(int node);
/* All run, see everything up, and are in step; the logs are forgotten. */
void settled(void);

/* One step by hand; what follows from it is queued for run(). */
void node_step(int node, struct core_event);
void node_event(int node, enum core_event_type);
/* The world goes on for so long; or until it is so, at most that long. */
void run(int64_t ms);
bool run_until(bool (*)(void), int64_t ms);

/* The n-th output of its last step of a type; NULL: there is none. */
const struct core_output *output(int node, enum core_output_type, size_t n);
/* The n-th message of a kind in it, to any session. */
const struct peer_message *sent(int node, enum peer_message_kind, size_t n);
size_t count_logged(int node, enum core_level, const char *part);
bool logged(int node, enum core_level, const char *part);
void forget_logs(void);

/* Its balancer tells what it has not told. */
void tell_flows(int node);
void tell_flows_as(int node, uint8_t flags); /* FLOW_TOLD_... */
/* Its balancer is another one; it knows nothing. */
void restart_balancer(int node);
/* `guideway backend drain --wait` looks. */
void ask_held(int node, uint64_t client, const char *backend);

/* The write under way is done; NULL: well. */
void disk_done(int node, const char *error);
/* Cuts the session between two nodes; what is under way is lost. */
void cut(int node, int other);
/* No packet gets through between them any more, or again. */
void part(int node, int other, bool apart);

/* op: of enum control_op; backend NULL: of the service. */
void change(int node, uint64_t client, enum control_op, const char *service,
    const char *backend, const char *fields);
void change_with(int node, uint64_t client, enum control_op,
    const char *service, const char *backend, const char *fields, bool local,
    bool force);
void drain(int node, uint64_t client, const char *whom, bool force);
void undrain(int node, uint64_t client, const char *whom);
void drain_temporarily(int node, uint64_t client);
void ask(int node, uint64_t client, enum control_kind);
/* What `guideway cluster status` says; stands until the next step. */
const struct control_cluster *shown(int node);

bool in_step(int node);
bool announces(int node); /* a route stands */
bool all_in_step(void);
bool all_identical(void); /* of those that run */
/* The same configuration on a and b. */
bool same_config(void);

/* A new end of a session, whose other end the test is. */
uint64_t rig_session(int node);

/* A peer that is played by the test, over one core. */
uint64_t call(int node, const char *vouched); /* its session */
struct peer_message hello_of(int node, const char *name);
/* The message goes through the wire's form. */
void say(int node, uint64_t session, const struct peer_message *);
/* A heartbeat of a peer that has what the node has, and is alive. */
struct peer_message beat_like(int node, struct beat *);

#endif
