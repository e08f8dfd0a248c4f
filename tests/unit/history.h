/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories of a few nodes that replicate: commands anywhere, deltas
 * late, twice, in any order or never, snapshots old and new, and, if wanted,
 * nodes that wake up from an old state file. The same seed gives the same
 * history. Beside it runs a model, which sees everything. */
#ifndef TESTS_UNIT_HISTORY_H
#define TESTS_UNIT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/replica.h"
#include "agent/core/spec.h"

#define HISTORY_NODES     4
#define HISTORY_CHANGES   512
#define HISTORY_SNAPSHOTS 8

struct rng {
	uint64_t state;
};
uint64_t rng_next(struct rng *);
size_t rng_below(struct rng *, size_t n);

/* One command as one delta: an object is added, set or removed. */
struct change {
	struct object *added; /* a counted reference, or NULL */
	struct uid uid;
	bool removed;
	struct reg set; /* field 0: none */
	uint64_t hlc;
};
enum delta_result change_apply(const struct change *, struct replica *);

/* What the model knows of an object. */
struct made {
	struct object *object; /* with every register at its latest */
	bool removed;
};

struct history_node {
	struct replica *replica;
	uint64_t writer;
	uint64_t skew_ms;
};

struct history {
	struct rng rng;
	bool rollback; /* nodes may go back to an older state */
	uint64_t wall_ms;
	struct history_node nodes[HISTORY_NODES];
	struct change changes[HISTORY_CHANGES];
	size_t n_changes;
	struct made made[HISTORY_CHANGES];
	size_t n_made;
	struct replica *snapshots[HISTORY_SNAPSHOTS];
};

void history_init(struct history *, uint64_t seed, bool rollback);
void history_clear(struct history *);

/* One thing happens; fails the test if what a node knew is lost by it. */
void history_step(struct history *);
/* Every node hears of every other, in some order, until all know all. */
void history_heal(struct history *);

/* Digests as text, to compare and to show. */
struct hex_digest {
	char text[2 * REPLICA_DIGEST_LEN + 1];
};
struct hex_digest hex_digest(const struct replica *);

/* a and b merged, both left alone. */
struct replica *merged(const struct replica *a, const struct replica *b);

#endif
