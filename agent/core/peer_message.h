/* SPDX-License-Identifier: Apache-2.0 */
/* What agents say to each other, as plain values. peer/wire.c takes them to
 * bytes and back, and gives on only what is within the bounds named here; the
 * core decides what they mean.
 *
 * All messages but the drain's and those about flows are joins: to hear one
 * twice, or late, or over another session, changes nothing. */
#ifndef AGENT_CORE_PEER_MESSAGE_H
#define AGENT_CORE_PEER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/freshness.h"
#include "agent/core/replica.h"
#include "common/addr.h"
#include "common/flows_batch.h"
#include "common/forwarding.h"
#include "common/health.h"

/* The versions of the protocol that this program speaks. */
#define PEER_PROTO_MIN 1
#define PEER_PROTO_MAX 1

#define PEER_VERSION_MAX  32 /* with the NUL */
#define PEER_PRINT_LEN    8
#define PEER_CHUNK_LEN    (512u << 10) /* a chunk's objects, about */
#define PEER_TEXT_MAX     256
#define PEER_OBSERVED_MAX 65536 /* entries of a record */

enum peer_message_kind {
	PEER_HELLO,
	PEER_HEARTBEAT,
	PEER_OBSERVED,
	PEER_DELTA,
	PEER_FULL_BEGIN,
	PEER_FULL_CHUNK,
	PEER_FULL_END,
	PEER_PULL,
	PEER_DRAIN_ASK,
	PEER_DRAIN_GRANT,
	PEER_GOODBYE,
	PEER_ERROR, /* and the session ends */
	/* Those that an older version skips: */
	PEER_FLOW_BATCH,
	PEER_FLOW_BEAT,
	PEER_FLOW_MARK,
	PEER_FLOW_PULL,
	PEER_FLOW_PAGE,
	PEER_FLOW_SETTLED,
	PEER_HELD_ASK,
	PEER_HELD_ANSWER,
};
#define PEER_MESSAGE_KINDS (PEER_HELD_ANSWER + 1)

/* The first message in each direction, and only the first. */
struct peer_hello {
	char cluster[FORWARDING_NAME_MAX], node[FORWARDING_NAME_MAX];
	uint64_t process; /* random, of the process' lifetime */
	uint64_t incarnation;
	uint32_t proto_min, proto_max;
	uint64_t wall_ms;
	uint32_t
	    table_version; /* TABLE_ALGO_VERSION: how tables are computed */
	uint8_t
	    seed_print[PEER_PRINT_LEN]; /* tells seeds apart, not the seed */
	char version[PEER_VERSION_MAX]; /* of the program */
};

/* Once a second, and at once when one of its digests changes. */
struct peer_heartbeat {
	const struct beat *beats; /* the sender's own first */
	size_t n_beats;           /* 1..FRESHNESS_MAX */
	uint8_t config[REPLICA_DIGEST_LEN];
	uint8_t
	    persisted[REPLICA_DIGEST_LEN];    /* what is on the sender's disk */
	uint8_t observed[REPLICA_DIGEST_LEN]; /* over all fresh records */
	uint8_t root[REPLICA_DIGEST_LEN];     /* over all tables */
	bool installed;  /* ... which its balancer serves */
	bool joined;     /* it is in step, and may announce */
	bool announcing; /* a VIP at least */
	bool draining;   /* or wants to */
	uint64_t wall_ms;
};

/* All that one node observes, of each service and backend with a check. */
struct peer_observed_entry {
	const char *service; /* NUL-terminated, a valid name */
	struct addr backend;
	enum health health;
};

struct peer_observed {
	struct beat beat; /* of the node that observed it */
	const struct peer_observed_entry *entries; /* ascending: votes.h */
	size_t n_entries;
};

/* A whole replica: BEGIN, chunks of objects numbered from 0, END. */
struct peer_full_begin {
	uint64_t sync; /* numbers the snapshots of a session, ascending */
	const struct seen *vv; /* ascending */
	size_t n_vv;
	uint32_t n_objects;
	uint64_t hlc;
};

struct peer_full_chunk {
	uint64_t sync;
	uint32_t index;
	struct object **objects; /* counted references; ascending by uid */
	size_t n_objects;
};

struct peer_full_end {
	uint64_t sync;
	uint32_t n_chunks;
	uint8_t digest[REPLICA_DIGEST_LEN];
};

struct peer_pull {
	bool config;                                    /* a whole replica */
	const char (*observed_of)[FORWARDING_NAME_MAX]; /* records */
	size_t n_observed_of;                           /* 0..FRESHNESS_MAX */
};

struct peer_drain_ask {
	uint64_t attempt; /* random, of this attempt */
	bool cancel;      /* grants of it are void */
};

enum grant_refusal {
	GRANT_REFUSED_NOT_ANNOUNCING,
	GRANT_REFUSED_DRAINING,
};

struct peer_drain_grant {
	uint64_t attempt;
	bool granted;
	enum grant_refusal reason;
};

enum goodbye_reason {
	GOODBYE_STOPPING,
	GOODBYE_LEAVING,
};

enum peer_error_code {
	PEER_ERROR_MALFORMED,  /* what came could not be taken */
	PEER_ERROR_UNEXPECTED, /* HELLO twice, or something before it */
	PEER_ERROR_CLUSTER,
	PEER_ERROR_NODE, /* not who its certificate says, or not configured */
	PEER_ERROR_DUPLICATE, /* two processes with one name */
	PEER_ERROR_VERSION,
	PEER_ERROR_SEED,
	PEER_ERROR_SILENT,
};

struct peer_error {
	enum peer_error_code code;
	char text[PEER_TEXT_MAX]; /* one printable line */
};

/* Flow notices: core_flows.h has what they are for. */
struct peer_flow_batch {
	uint64_t seq; /* of the sender's life; without gaps, unless one is */
	struct flow_batch flows; /* FLOWS_BATCH_MAX at most */
};

struct peer_flow_beat {
	uint64_t seq; /* of the last batch; 0: none yet */
	bool joined;  /* it knows what the others know, or there are none */
	bool has_settled;
	uint8_t settled[REPLICA_DIGEST_LEN]; /* digest of what slots settled
						on */
};

struct peer_flow_mark {
	uint64_t mark;
	bool ack; /* of the other side's */
};

struct peer_flow_pull {
	uint64_t pull;
	bool settled;    /* else entries */
	uint32_t cursor; /* 0: from the beginning */
};

/* The answer: a part, and whether there is more. */
struct peer_flow_page {
	uint64_t pull;
	bool unable;             /* the balancer cannot be asked now */
	struct flow_batch flows; /* FLOWS_PAGE_MAX at most */
	uint32_t next;           /* the cursor of the next part ... */
	bool more;               /* ... if there is one */
};

struct peer_flow_settled {
	uint64_t pull;
	bool unable;
	struct settled_batch settled; /* SETTLED_PART_MAX slots at most */
	uint32_t next;
	bool more;
};

struct peer_held_ask {
	uint64_t ask;
	char service[FORWARDING_NAME_MAX];
	struct addr backend;
};

struct peer_held_answer {
	uint64_t ask;
	bool known; /* its balancer serves its tables, and has answered */
	struct flow_held held;
};

struct peer_message {
	enum peer_message_kind kind;
	union {
		struct peer_hello hello;
		struct peer_heartbeat heartbeat;
		struct peer_observed observed;
		struct delta delta;
		struct peer_full_begin full_begin;
		struct peer_full_chunk full_chunk;
		struct peer_full_end full_end;
		struct peer_pull pull;
		struct peer_drain_ask drain_ask;
		struct peer_drain_grant drain_grant;
		enum goodbye_reason goodbye;
		struct peer_error error;
		struct peer_flow_batch flow_batch;
		struct peer_flow_beat flow_beat;
		struct peer_flow_mark flow_mark;
		struct peer_flow_pull flow_pull;
		struct peer_flow_page flow_page;
		struct peer_flow_settled flow_settled;
		struct peer_held_ask held_ask;
		struct peer_held_answer held_answer;
	};
	struct arena *arena; /* holds what the pointers point at; may be NULL */
};

/* One that came over the wire, with the objects that it refers to. NULL is
 * fine. */
void peer_message_free(struct peer_message *);

#endif
