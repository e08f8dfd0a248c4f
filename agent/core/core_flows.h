/* SPDX-License-Identifier: Apache-2.0 */
/* What the core knows of flow notices. A flow that was born in a slot where two
 * tables disagree has an entry at its balancer; all other nodes have to know of
 * it before the router hands it to them. So
 *   - what the balancer tells goes to all peers at once, in numbered batches,
 *     and what peers tell is learnt by the balancer (core_flows.c);
 *   - a number that is missing is made good by a pull of all that the peer has;
 *     so is all that a balancer missed that has just come up, from any peer and
 *     before the node announces; and where settled differs for long, the node
 *     with the smallest name is right (core_flows_pull.c);
 *   - a node that is drained sees first that the others know all that it told
 *     (core_flows_flush.c);
 *   - what still asks for a backend can be asked of all (core_held.c).
 *
 * The balancer has a connection of its own for this, so that neither pings nor
 * installs wait behind it; to peers no more is queued than leaves room for
 * everything else. Both are bounded: what is past that is dropped and counted.
 */
#ifndef AGENT_CORE_CORE_FLOWS_H
#define AGENT_CORE_CORE_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/control.h"
#include "agent/core/flow_reply.h"
#include "agent/core/freshness.h"
#include "agent/core/replica.h"
#include "common/forwarding.h"
#include "common/mono.h"

#define FLOWS_ASKED_MAX 128 /* requests that the balancer has not answered */
#define FLOWS_LEARN_MAX 64  /* of them, to learn what peers told */
#define HELD_MAX        8   /* operators that ask at once */

/* Of one peer. */
struct peer_flows {
	uint64_t process; /* whose numbers these are */
	bool known;       /* heard_seq is */
	uint64_t heard_seq;
	bool gap; /* something was missed */
	struct mono pull_at;
	uint32_t pull_pause_ms;
	struct mono tried_at; /* for a join */

	/* Of this session: */
	bool beat_heard; /* it speaks of flows at all */
	bool joined;
	bool has_settled;
	uint8_t settled[REPLICA_DIGEST_LEN];
	uint64_t acked; /* our mark */
	bool owes_ack;  /* to it: of its mark, once all before that is learnt */
	uint64_t mark, learnt_by;

	uint64_t dropped; /* entries that were not sent to it */
};

struct flow_asked {
	uint64_t id;
	enum flow_ask what;
	uint64_t session; /* of the peer that asks; 0: this node does */
	uint64_t number;  /* of its pull or question */
	uint32_t cursor;  /* SETTLED: which part */
};

enum flow_pull_for {
	PULL_NOTHING,
	PULL_JOIN,
	PULL_HEAL, /* settled only */
	PULL_GAP,  /* entries only */
};

/* One at a time. */
struct flow_pull {
	enum flow_pull_for purpose;
	uint64_t number;
	uint64_t session; /* with whom */
	char node[FORWARDING_NAME_MAX];
	bool had_gap;  /* which this fills, if it comes to its end */
	bool settled;  /* that is what is pulled now */
	uint32_t next; /* cursor; what goes on once this part is learnt */
	bool more;
	struct mono deadline;
	uint64_t taken;
	struct settled_batch batch; /* as far as it has come, in ... */
	struct arena *arena;
};

enum flow_flush_phase {
	FLUSH_NONE,
	FLUSH_BACKLOG, /* the balancer has more to tell */
	FLUSH_MARKED,  /* acknowledgements are awaited */
	FLUSH_DONE,
};

struct flow_flush {
	enum flow_flush_phase phase;
	uint64_t mark;
	struct mono deadline;
	bool graceful; /* what stands is marked already */
};

struct held_node {
	char name[FORWARDING_NAME_MAX];
	uint64_t session; /* 0: this node */
	bool answered, known;
	struct flow_held held;
};

/* An operator's question. */
struct held {
	uint64_t client, ask; /* ask 0: none */
	struct mono deadline;
	struct held_node nodes[FRESHNESS_MAX];
	size_t n_nodes;
};

struct flows {
	int link; /* enum link */
	struct mono dial_at;
	uint32_t dial_pause_ms;
	bool lost_told;
	uint64_t last_id, follow_id;
	struct flow_asked asked[FLOWS_ASKED_MAX]; /* the oldest first */
	size_t n_asked, n_learns;
	struct mono oldest_since;

	uint64_t generation; /* the plan that print is of */
	uint64_t print;      /* of its seed */
	bool has_settled;
	uint8_t settled[REPLICA_DIGEST_LEN]; /* the balancer's */

	uint64_t seq; /* of the last batch that was told to peers */
	struct mono beat_at;
	int64_t entries_left, bytes_left; /* what may be told now */
	struct mono filled_at;
	struct mono backlog_until; /* the balancer may have more until then */

	uint64_t last_number; /* of pulls, marks and questions */
	struct flow_pull pull;
	bool joined;
	struct mono join_since; /* INT64_MAX: not begun */
	struct mono retry_at;
	bool retries;              /* then */
	struct mono gap_at;        /* the next pull for a gap, of anybody */
	struct mono differs_since; /* settled is another; INT64_MAX: not */
	struct flow_flush flush;
	struct held held[HELD_MAX];
	struct arena *retired; /* borrowed from until the next step */

	struct control_flows stats;
};

#endif
