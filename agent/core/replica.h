/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that the nodes replicate: objects, and which uids have ever
 * been seen. A join semilattice: merging is idempotent, commutative and
 * associative, so the nodes agree once they have heard of each other, in
 * whatever order.
 *
 * There are no tombstones. vv[w] = n says: "complete up to n": every object of
 * writer w up to n either is in `live`, or has been removed. So what one has
 * and another lacks is new when the other's vv does not cover it, and removed
 * when it does. A removal is final, and nothing has to be remembered of it.
 *
 * That needs two things of whoever uses this: a snapshot is merged whole or not
 * at all, and an uid is never given twice (cluster.md, section 2).
 *
 * tests/model/replication.pml is a model of it. */
#ifndef AGENT_CORE_REPLICA_H
#define AGENT_CORE_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/digest.h"
#include "agent/core/object.h"
#include "common/errmsg.h"

#define REPLICA_OBJECTS_MAX  20000
#define REPLICA_WRITERS_MAX  16384
#define REPLICA_WRITERS_MANY 8192 /* somebody should look */
#define REPLICA_DIGEST_LEN   DIGEST_LEN
/* Of all objects, by object_size: what a state file holds (store.h), and a node
 * sends within seconds. */
#define REPLICA_SIZE_MAX (8u << 20)

struct seen {
	uint64_t writer;
	uint32_t seq;
};

struct replica {
	struct object **live; /* ascending by uid */
	size_t n_live;
	struct seen *vv; /* ascending by writer */
	size_t n_vv;
	uint64_t hlc; /* no stamp seen is later */
};

struct replica *replica_new(void); /* empty. NULL: out of memory */
void replica_free(struct replica *);
/* Another one that shares the objects. */
struct replica *replica_copy(const struct replica *);
bool replica_is_empty(const struct replica *); /* nothing, ever */

/* Bounds, order, and no live object that vv does not cover. */
int replica_check(const struct replica *, struct errmsg *why);

/* The same digest for the same configuration, and practically only for that:
 * SHA-256, cut, over its canonical form. -1: out of memory. */
int replica_digest(const struct replica *, uint8_t out[REPLICA_DIGEST_LEN]);

/* Merges `other`, which is complete, into r. 1: r has changed, 0: it has not
 * but for its clock, -1: out of memory, or more than the bounds allow (`why`),
 * and r is as it was. */
int replica_merge(
    struct replica *r, const struct replica *other, struct errmsg *why);

/* What one operator's command changes: carried out in the order removes, adds,
 * sets. */
struct delta_set {
	struct uid uid;
	struct reg reg;
};

struct delta {
	struct object **adds; /* counted references */
	size_t n_adds;
	struct uid *removes;
	size_t n_removes;
	struct delta_set *sets;
	size_t n_sets;
	uint64_t hlc;
};

enum delta_result {
	DELTA_NOTHING, /* all of it was known */
	DELTA_APPLIED,
	DELTA_GAP,    /* something before it is missing: a snapshot is needed */
	DELTA_FAILED, /* out of memory, over the bounds, or not valid */
};

/* With GAP and FAILED, what could be taken has been (which is harmless: each
 * part stands alone). */
enum delta_result replica_apply(struct replica *, const struct delta *);

/* Finds by uid; NULL: not there (any more). */
struct object *replica_find(const struct replica *, struct uid);

/* The next stamp that this node may issue; the clock of the wall is followed
 * where it is ahead. Absorbed at once. At HLC_MAX it stands still, and writers
 * decide what is later: worse, but nobody refuses what is written. */
uint64_t replica_tick(struct replica *, uint64_t wall_ms);

/* The seq that the writer's next object gets; 0: it has had them all, and
 * another writer is needed. */
uint32_t replica_next_seq(const struct replica *, uint64_t writer);

#endif
