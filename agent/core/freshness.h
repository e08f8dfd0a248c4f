/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes are alive, as their heartbeats say that are relayed by
 * everybody: whose observations count. Pure.
 *
 * A node is fresh while its hb_seq was seen to advance, by any path, within 5 s
 * of this node's own monotonic time. Three rules came out of failures in
 * simulation:
 *   - what is heard first by relay is not fresh before it is seen to advance,
 *     else a node that restarts revives the dead;
 *   - only what advanced within 10 s is advertised;
 *   - in place of a node that is not fresh any other incarnation is accepted,
 *     lower ones too, else a node whose clock was set back stays invisible
 *     behind its own past.
 * A node that hears of itself with a higher incarnation than its own jumps
 * above it. If it must do so three times in a minute, another node has its
 * name. */
#ifndef AGENT_CORE_FRESHNESS_H
#define AGENT_CORE_FRESHNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/forwarding.h"
#include "common/mono.h"

#define FRESHNESS_MAX          64 /* nodes, this one too */
#define FRESHNESS_FRESH_MS     5000
#define FRESHNESS_ADVERTISE_MS 10000
#define FRESHNESS_REFUTE_MS    60000 /* three refutes within: duplicate */
/* Milliseconds since 1970 for the next 100 million years; more is nonsense,
 * and there must be room to jump above. */
#define FRESHNESS_INCARNATION_MAX (UINT64_C(1) << 62)

struct beat {
	char node[FORWARDING_NAME_MAX];
	uint64_t incarnation, hb_seq, obs_seq;
	bool left; /* for good, as far as this incarnation goes */
};

enum beat_news {
	BEAT_OLD,    /* nothing that was not known, or nonsense */
	BEAT_NEWS,   /* the record is now a later one */
	BEAT_REFUTE, /* it was about this node, which has jumped: persist
			freshness_own()->incarnation and advertise */
};

struct freshness;

/* What a node begins with: above all it ever was. */
uint64_t freshness_incarnation(uint64_t wall_ms, uint64_t persisted);

/* own: a node's name, shorter than FORWARDING_NAME_MAX. NULL: out of memory. */
struct freshness *freshness_new(const char *own, uint64_t incarnation);
void freshness_free(struct freshness *);

/* This node's own next heartbeat, and the number of its observations. */
void freshness_beat(struct freshness *, uint64_t obs_seq);
/* This node leaves: its vote ends at once, here too. */
void freshness_leave(struct freshness *);
const struct beat *freshness_own(const struct freshness *);

/* direct: heard from the very node that it is about. A node for which there is
 * no room is ignored; room is made by forgetting one that is not fresh. */
enum beat_news freshness_hear(
    struct freshness *, struct mono now, const struct beat *, bool direct);

/* Another node has this node's name. */
bool freshness_duplicate(const struct freshness *, struct mono now);

/* What to advertise: this node first, then ascending by name. Returns how
 * many. */
size_t freshness_beats(
    const struct freshness *, struct mono now, struct beat out[FRESHNESS_MAX]);

/* The latest known of a node, fresh or not; NULL: never heard of. Borrowed
 * until the next freshness_hear. */
const struct beat *freshness_find(const struct freshness *, const char *node);

bool freshness_is_fresh(
    const struct freshness *, struct mono now, const char *node);

/* When the next node goes stale if nothing is heard; INT64_MAX: none. */
struct mono freshness_wakeup(const struct freshness *, struct mono now);

#endif
