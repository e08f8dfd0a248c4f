/* SPDX-License-Identifier: Apache-2.0 */
/* What the core knows of its cluster. core_cluster.c holds the replica, decides
 * when the node is in step, and what is persisted; core_peer.c has the sessions
 * (core_hello.c how they begin, core_beat.c what keeps them alive); core_sync.c
 * brings replicas and records together; core_observe.c runs the checks and
 * counts the votes; core_ramp.c says when the tables change by time alone;
 * core_change.c carries out operators' changes; core_grant.c
 * asks the others before a drain.
 *
 * The one rule of replication: what is sent is state, and what has been lost is
 * seen by its digest in the next heartbeats. So a message that cannot be sent
 * is forgotten, and nothing is kept per message. */
#ifndef AGENT_CORE_CORE_CLUSTER_H
#define AGENT_CORE_CORE_CLUSTER_H

#include "agent/core/checks.h"
#include "agent/core/core.h"
#include "agent/core/core_flows.h"
#include "agent/core/freshness.h"
#include "agent/core/peer_message.h"
#include "agent/core/replica.h"
#include "agent/core/spec.h"
#include "agent/core/votes.h"

#define CLUSTER_WAITING_MAX 16 /* changes that wait for the other nodes */

/* What one node observes, as last heard of it. */
struct record {
	char node[FORWARDING_NAME_MAX];
	uint64_t incarnation, obs_seq;
	struct votes_entry *entries;
	size_t n_entries;
	uint8_t digest[REPLICA_DIGEST_LEN];
	struct arena *arena; /* holds the entries; NULL: nothing yet */
};

enum peer_state {
	PEER_AWAY,     /* until dial_at, or until it calls */
	PEER_DIALLING, /* session, once it has one */
	PEER_GREETING, /* it can be talked over; its HELLO is awaited */
	PEER_TALKING,
};

/* A snapshot that is coming in. */
struct staged {
	struct replica *replica; /* NULL: none */
	uint64_t sync;
	uint32_t next_chunk;
	size_t n_objects; /* that were announced */
	size_t size;      /* of those that are here */
};

/* How far a snapshot that goes out has come. */
struct sent {
	size_t n_objects;
	uint32_t n_chunks;
	bool begun, ended;
};

/* One goes out in parts, as the peer can take them. */
struct sending {
	struct replica *replica; /* NULL: none */
	uint8_t digest[REPLICA_DIGEST_LEN];
	struct sent at;
	struct sent before; /* the last part, which may have been refused */
};

struct peer {
	const struct conf_cluster_node *node; /* borrowed from core->file */
	enum peer_state state;
	uint64_t session;
	struct mono dial_at;
	uint32_t dial_pause_ms;
	struct errmsg trouble; /* why it is away; "": not known */
	bool told;             /* the operator, that it is away */
	struct mono heard_at;

	/* TALKING: */
	struct peer_hello hello;
	bool beat_heard;
	struct peer_heartbeat beat; /* the last, without the others' */
	int64_t clock_ms;           /* its wall clock is ahead by so much */
	bool stuck;                 /* nothing can be queued */
	bool owes_full;             /* it has asked for a snapshot */
	struct mono config_differs; /* since; INT64_MAX: it does not */
	struct mono pulled_at;      /* when a snapshot was last asked for */
	struct mono asked_at;       /* ... and its record, of whomever */
	struct staged staged;
	struct sending sending;
	uint64_t last_sync;           /* numbers the snapshots sent to it */
	struct mono root_differs;     /* likewise, of the tables */
	enum core_level differs_told; /* CORE_INFO: nothing */
	bool granted;                 /* this attempt */

	struct peer_flows flows; /* the part that outlives sessions, too */
};

/* A session without a name as yet: somebody has called. */
struct guest {
	uint64_t session;
	char node[FORWARDING_NAME_MAX]; /* that a certificate vouches for */
};

enum join {
	JOIN_WAITING, /* what was found stays as it is */
	JOIN_IN,
	JOIN_OUT, /* this node's state is lost or old, and nobody is there */
};

/* An operator's change that is durable here. */
struct waiting {
	uint64_t client;
	struct mono deadline;
};

/* One that is being written to disk. */
struct changing {
	uint64_t client; /* 0: gone */
	struct control_request request;
	bool local;
	struct delta delta;
	struct arena *arena; /* holds what the delta points at */
};

struct writing {
	bool busy;
	struct mono begun_at;
	uint8_t digest[REPLICA_DIGEST_LEN]; /* what is being written */
	struct core_state state;
	bool has_change; /* then it is that of: */
	struct changing change;
	struct replica *copy; /* with the change; the state points at it */
};

enum grant_phase {
	GRANT_NONE,
	GRANT_ASKING,
	GRANT_GIVEN, /* or not needed */
};

struct cluster {
	uint64_t wall_ms; /* of the event */
	bool state_loaded;
	bool stillborn;         /* it could not be taken */
	bool lost;              /* there was a state, but it could not be had */
	struct core_state file; /* what is on the disk, but for the replica */
	struct replica *replica;
	uint8_t config[REPLICA_DIGEST_LEN], persisted[REPLICA_DIGEST_LEN],
	    observed[REPLICA_DIGEST_LEN], root[REPLICA_DIGEST_LEN];
	uint64_t writer; /* 0: none drawn yet */
	uint64_t process;

	enum join join;
	struct mono join_since; /* the state was loaded */
	bool late;              /* the others have been waited for */
	struct errmsg join_why; /* what is waited for */
	bool health_ready;      /* tables may be made of what is observed */
	bool imported;          /* the file was read into it, or need not be */
	bool import_failed;     /* which the operator was told */

	struct peer peers[CORE_PEERS_MAX]; /* by name */
	size_t n_peers;
	struct guest guests[CORE_PEERS_MAX];
	size_t n_guests;
	struct mono beat_at;
	bool beat_now; /* a digest has changed */
	struct mono beaten_at;
	bool stopping;              /* has said goodbye */
	struct peer_heartbeat told; /* to all, last; without the others' */

	struct freshness *fresh; /* NULL: no cluster */
	struct checks *checks;
	uint64_t checks_version; /* that the own record was made of */
	struct mono observe_at;  /* INT64_MAX: nothing new */
	struct record records[CORE_PEERS_MAX]; /* [0]: own */
	size_t n_records;
	struct votes *votes; /* over core->conf */
	bool recount;
	bool checks_stale;       /* they are not those of core->conf */
	uint64_t fresh_set;      /* whose records were counted, by position */
	struct mono unfit_since; /* INT64_MAX: not */
	struct mono next_fresh;  /* when somebody goes stale */

	/* By the wall clock, where the plan stands for its time alone: as long
	 * as that goes on from the first to before the second. */
	uint64_t ramp_seen_ms, ramp_until_ms;
	struct mono ramp_at; /* the second; INT64_MAX: never */

	struct writing writing;
	bool dirty; /* something is not on the disk */
	struct mono persist_at;
	struct waiting waiting[CLUSTER_WAITING_MAX];
	size_t n_waiting;

	enum spec_node wish; /* what the replica says of this node */
	enum grant_phase grant;
	uint64_t attempt;
	struct mono ask_at;
	struct mono asking_since; /* INT64_MAX: not */
	bool grant_told;
	uint32_t graceful_s; /* the operator's word, else as configured */
};

#endif
