/* SPDX-License-Identifier: Apache-2.0 */
/* A deterministic simulator of a cluster: the agents' real core, codec and
 * state file, in a world of which everything is decided by one seed.
 *
 *   heap.c      what happens when
 *   node.c      one node: its clocks, its agent, and what that puts out
 *   net.c       sessions: FIFO, bounded, cut, held up
 *   disk.c      where the state file is
 *   balancer.c  the balancer, the kernel's routes and BIRD, at value level
 *   faults.c    what goes wrong, until the liveness switch
 *   workload.c  operators, and the health of backends
 *   check.c     what must hold after each step; ghost.c what it remembers
 *   flows.c     flow entries of balancers, and what others know of them
 *   planted.c   faulty agents, which the checks must find
 *   alloc.c     memory that runs out
 *   seeds.c     one seed from begin to end
 *   measure.c   how long things take without faults
 *
 * A run has two phases. First anything may go wrong, and what must never happen
 * does not. Then all is mended, and within SIM_BOUND_US all nodes agree. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdio.h>

#include "agent/core/core_impl.h"
#include "agent/store.h"
#include "tests/sim/heap.h"
#include "tests/sim/rng.h"
#include "tests/unit/ghost_flows.h"

#define SIM_NODES_MAX    CORE_PEERS_MAX
#define SIM_BACKENDS_MAX 64 /* whose health is told apart */
#define SIM_CLIENTS_MAX  1024
#define SIM_S            INT64_C(1000000)
#define SIM_MS           INT64_C(1000)
#define SIM_BOUND_US     (30 * SIM_S)

enum fault {
	FAULT_CUT = 1 << 0,       /* sessions, with what is under way */
	FAULT_PARTITION = 1 << 1, /* pairs, halves, one-way, chain */
	FAULT_SLOW = 1 << 2,      /* small pipes, long delays */
	FAULT_CRASH = 1 << 3,     /* of agents */
	FAULT_POWER = 1 << 4,     /* of whole nodes */
	FAULT_EIO = 1 << 5,
	FAULT_ROT = 1 << 6,      /* torn and flipped state files */
	FAULT_ROLLBACK = 1 << 7, /* an older file; or none at all */
	FAULT_CLOCK = 1 << 8,
	FAULT_MEMORY = 1 << 9,
	FAULT_BALANCER = 1 << 10,
	FAULT_PROBE = 1 << 11,  /* lost results, observers that see otherwise */
	FAULT_FILE = 1 << 12,   /* configuration files that differ */
	FAULT_REPLAY = 1 << 13, /* duplicate sessions with what was once said */
	FAULTS_ALL = (1 << 14) - 1,
};
#define FAULT_KINDS 14

enum planted {
	PLANTED_NONE,
	PLANTED_SKIP_VV,       /* merging takes all that either has */
	PLANTED_PARTIAL_FULL,  /* a cut snapshot passes as complete */
	PLANTED_DELTA_GAP,     /* a delta after a gap is taken */
	PLANTED_WRITER_REUSE,  /* the same writer after a restart */
	PLANTED_NAIVE,         /* drains by what it last heard of the others */
	PLANTED_REGRANT,       /* a draining node grants */
	PLANTED_STALE_GRANT,   /* grants of an earlier attempt count */
	PLANTED_NO_REMOVES,    /* one node ignores removals */
	PLANTED_LYING_DISK,    /* heartbeats call durable what is not */
	PLANTED_EARLY_ACK,     /* "written", and nothing is */
	PLANTED_DEAF,          /* never asks for a snapshot */
	PLANTED_LOCAL_TIE,     /* one node breaks ties otherwise */
	PLANTED_STICKY,        /* one node holds on to its last verdicts */
	PLANTED_MUTE,          /* some commands are not answered */
	PLANTED_NO_PULL_FLOWS, /* what is missed of flows stays so */
	PLANTED_NO_GATE,       /* announces before it knows the flows */
};
#define PLANTED_N (PLANTED_NO_GATE + 1)

struct options {
	uint64_t seed;
	int n_nodes;     /* 0: by the seed */
	uint32_t faults; /* the ones that may be chosen */
	enum planted planted;
	bool verbose;
};

struct result {
	struct errmsg violation; /* "": none */
	uint64_t trace;          /* hash of all that was said and done */
	int64_t heal_us;         /* from the switch until all were equal */
	uint64_t steps;
	size_t most_outputs;
};

/* A file on the disk. */
struct image {
	uint8_t *data; /* NULL: there is none */
	size_t len;
};

struct disk {
	struct image current, former; /* as a load finds them */
	struct image old;             /* kept by somebody, for a rollback */
	struct image unsure; /* given up after an error, but maybe there */
	bool busy;           /* a save is under way: */
	struct image next;
	/* What is in these two, taken apart: what was promised must be in it.
	 */
	struct replica *durable, *coming;
	bool undone;         /* a load finds something else */
	int64_t tampered_us; /* when it last lost something */
};

struct installed;
struct flow_answers;

struct served {
	bool running, connected, refuses;
	uint64_t connection; /* counts them */
	uint64_t generation;
	struct installed *installed; /* what it serves; NULL: nothing */
	int64_t room_at_us;          /* until then it makes room for the next */
	int64_t last_us; /* when its last answer is there: it keeps the order */

	/* flows.c: */
	struct ghost_flows ghost;
	uint64_t print;               /* of the seed */
	uint64_t balancer;            /* counts them */
	size_t *required, n_required; /* births that it has to know first */
	bool unannounced;             /* nothing was announced with it yet */
	bool flows_up, telling;
	uint64_t flows_connection;
	int64_t flows_last_us;
	struct flow_answers *answers;
};

struct kernel {
	struct vip_route_entry *entries;
	size_t n;
};

struct node {
	int id;
	char name[8];
	struct core *core; /* NULL: the agent does not run */
	struct core_outputs *out;
	uint64_t life; /* counts the agents */
	bool powered;
	int64_t mono_base_us;
	int drift_ppm;
	int64_t wall_ms; /* ahead of the world's clock */
	int64_t tick_at_us;
	uint64_t tick;
	int64_t ticks_since_us; /* of late, so many: */
	int ticks;
	int file;      /* which variant of the configuration file */
	bool starving; /* memory runs out in its steps */
	struct disk disk;
	struct served served;
	struct kernel kernel;

	/* check.c: as of the last step. */
	struct replica *last; /* NULL: no step yet in this life */
	uint8_t config[REPLICA_DIGEST_LEN], observed[REPLICA_DIGEST_LEN],
	    root[REPLICA_DIGEST_LEN];
	bool withdrawn_by_grant;            /* else it has other reasons */
	uint64_t last_grant[SIM_NODES_MAX]; /* planted.c */
	int sticky;
};

struct message {
	struct message *next;
	int64_t at_us;
	bool end; /* and nothing after it */
	size_t len;
	uint8_t data[];
};

/* From one end of a session to the other. */
struct pipe {
	struct message *first, *last;
	size_t queued, limit;
	int64_t last_us;
	bool full, armed;
	/* planted: a snapshot that is cut. */
	struct replica *cut;
};

struct conn {
	bool used, up;
	uint32_t serial;
	int node[2]; /* [0] has dialled */
	uint64_t life[2];
	bool open[2]; /* that end knows of it */
	bool trusted[2];
	bool ghost;           /* [0] is nobody: a replay */
	struct pipe pipes[2]; /* [i]: what end i sends */
};

struct client {
	uint64_t id, life;
	int node;
	int64_t since_us;
	struct control_request request;
	bool open;
	struct promise *promise; /* what it was told; NULL: nothing yet */
};

struct ghost;
struct promise;
struct birth;

struct sim {
	struct options options;
	struct result result;
	bool failed, healed;
	int64_t now_us, until_us;
	uint32_t faults;
	struct rng net, fault, load, health, disk, memory, leave, flows;
	struct heap heap;
	struct node nodes[SIM_NODES_MAX];
	int n;
	struct conn *conns;
	size_t n_conns, room_conns;
	bool blocked[SIM_NODES_MAX][SIM_NODES_MAX];
	int64_t delay_min_us, delay_max_us, delay_rare_us;
	unsigned rare_per_mille;
	size_t pipe_limit;
	bool down[SIM_BACKENDS_MAX];
	bool sees_otherwise[SIM_NODES_MAX][SIM_BACKENDS_MAX];
	unsigned lost_per_mille;
	struct client clients[SIM_CLIENTS_MAX];
	size_t n_clients;
	uint64_t last_client;
	struct ghost *ghost;
	struct birth *births; /* flows, since the beginning */
	size_t n_births, room_births;
	bool moved;                          /* a digest has changed */
	struct message *said[SIM_NODES_MAX]; /* for replays: its last HELLO */
	int n_services, n_backends;          /* in the file; 0: the usual one */
	uint64_t bytes, messages;            /* sent over sessions */
	bool measures_cpu;
	uint64_t full_bytes; /* of them in snapshots ... */
	double full_cpu_s;   /* ... and what it took to take these in */
};

/* Says that something is not as it must be; the first one counts. */
void sim_fail(struct sim *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void sim_say(struct sim *, const struct node *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sim_trace(struct sim *, const void *, size_t len);
uint64_t sim_hash(uint64_t before, const void *, size_t len);
static inline void
sim_trace_u64(struct sim *sim, uint64_t n)
{
	sim_trace(sim, &n, sizeof(n));
}
void sim_put(struct sim *, int64_t at_us, event_fn *, int node, uint64_t life,
    uint64_t a, uint64_t b, void *data);

/* seeds.c */
void sim_init(struct sim *, const struct options *);
void sim_clear(struct sim *);
bool sim_next(struct sim *, int64_t until_us); /* false: nothing before that */
bool sim_equal(const struct sim *);
void sim_run(const struct options *, struct result *);

/* node.c */
void node_init(struct sim *, int id);
void node_clear(struct node *);
void node_start(struct sim *, struct node *);
void node_crash(struct sim *, struct node *, bool power);
void node_step(struct sim *, struct node *, struct core_event *);
void node_reload(struct sim *, struct node *);
struct mono node_mono(const struct sim *, const struct node *);
uint64_t node_wall_ms(const struct sim *, const struct node *);
struct conf *node_conf(const struct sim *, const struct node *);

/* net.c */
void net_dial(struct sim *, struct node *, const char *peer);
void net_send(
    struct sim *, struct node *, uint64_t session, const struct peer_message *);
void net_trust(struct sim *, struct node *, uint64_t session);
void net_close(struct sim *, struct node *, uint64_t session);
void net_node_gone(struct sim *, struct node *, bool power);
void net_node_back(struct sim *, struct node *);
void net_kick(struct sim *); /* what is blocked has changed */
void net_cut(struct sim *, size_t which);
void net_replay(struct sim *, int from, int to);
void net_clear(struct sim *);

/* disk.c */
void disk_save(struct sim *, struct node *, const struct core_state *);
/* What was under way is done in part, or is not. */
void disk_cut(struct sim *, struct node *, bool power);
/* What store_load would say; the replica is the caller's. */
enum store_result disk_load(
    struct sim *, struct node *, struct store_state *, struct errmsg *why);
void disk_rot(struct sim *, struct node *);
void disk_keep(struct node *);
void disk_rollback(struct sim *, struct node *);
void disk_lose(struct sim *, struct node *);
void disk_clear(struct disk *);

/* balancer.c: whether it took it. */
bool balancer_output(struct sim *, struct node *, const struct core_output *);
void balancer_start(struct sim *, struct node *);
void balancer_crash(struct sim *, struct node *);
void balancer_agent_gone(struct node *);
void balancer_clear(struct node *);
void kernel_tell(struct sim *, struct node *);

/* flows.c */
void flows_begin(struct sim *);
void flows_settle(struct sim *);
bool flows_output(struct sim *, struct node *, const struct core_output *);
void flows_tell(struct sim *, struct node *);
void flows_agent_gone(struct node *);
void flows_balancer_gone(struct sim *, struct node *);
void flows_balancer_starts(struct sim *, struct node *);
/* Routes stand that did not before. */
void flows_check_announced(struct sim *, struct node *);
/* Is there no room for it in the pipe, since others need it? */
bool flows_crowded(const struct pipe *, const struct peer_message *);
void flows_end(struct sim *);

/* faults.c, workload.c */
void faults_begin(struct sim *);
void faults_heal(struct sim *);
void workload_begin(struct sim *);
void workload_probe(struct sim *, struct node *, const struct core_output *);
void workload_command(
    struct sim *, struct node *, const struct control_request *);
void workload_reply(
    struct sim *, struct node *, uint64_t client, const struct control_reply *);
void workload_node_gone(struct sim *, struct node *);
int workload_backend(const struct addr *); /* its number */

/* check.c */
void check_init(struct sim *);
void check_clear(struct sim *);
void check_loaded(struct sim *, struct node *); /* a new agent */
/* Before and after a step. */
void check_before(struct sim *, struct node *, const struct core_event *);
void check_after(struct sim *, struct node *);
void check_output(struct sim *, struct node *, const struct core_output *);
void check_reply(struct sim *, struct node *, const struct client *,
    const struct control_reply *);

/* planted.c */
extern struct sim *planted_sim;   /* of the run under way */
extern struct node *planted_node; /* whose step it is; NULL: none */
const char *planted_name(enum planted);
enum planted planted_find(const char *name);
/* What node says over a session, before it is packed; NULL: nothing. */
const struct peer_message *planted_send(struct sim *, struct node *,
    const struct peer_message *, struct peer_message *room);
void planted_receive(struct sim *, struct node *, int from, struct pipe *,
    struct peer_message *);
void planted_started(struct sim *, struct node *);

/* alloc.c: while armed, one allocation in `one_in` fails; 0: none. */
void alloc_arm(struct rng *, uint64_t one_in);
void alloc_disarm(void);

/* measure.c */
int measure(int n_nodes, int rounds);
int measure_idle(int n_nodes);
int measure_full(void);

#endif
