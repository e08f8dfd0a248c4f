/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarding information base: a forwarding state made ready for packets.
 *
 * fib_new turns the plain values of common/forwarding.h into the flat arrays
 * that the packet path reads (tables.h): VIP and endpoint hash tables with a
 * bounded probe, one u16 per slot that names a backend, one cache line per
 * backend with everything of its outer header that does not depend on the
 * packet. It is built aside and switched in whole; it never changes after, but
 * for next hops. */
#ifndef BALANCER_CORE_FIB_H
#define BALANCER_CORE_FIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/table.h"
#include "common/addr.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct fib;

/* Takes over `state` when it succeeds (fib_free frees it). Services with the
 * same members as in `prev` (may be NULL) reuse its tables where they can, and
 * what their slots settled on goes on from there. now: ticks of MOVES_TICK_MS.
 * NULL with `why`; the state is then still the caller's, prev unchanged. */
struct fib *fib_new(struct forwarding *state, const struct fib *prev,
    uint32_t now, struct errmsg *why);
void fib_free(struct fib *);

const struct forwarding *fib_state(const struct fib *);

/* What packets are served from; another memory may hold a copy of it. */
struct tables;
const struct tables *fib_tables(const struct fib *);

/* The digest of service `service`'s table, recomputed from the slots that
 * packets are served from; zeros where it has no members. */
void fib_digest(
    const struct fib *, size_t service, uint8_t digest[TABLE_DIGEST_LEN]);

/* What moves (moves.h) ------------------------------------------------- */

/* The same state again, but slots have settled on what the batch says (another
 * node's, of the same seed); what is not in it stands. NULL with `why`. */
struct settled_batch;
struct fib *fib_resettle(const struct fib *, const struct settled_batch *,
    uint32_t now, struct errmsg *why);

/* A state as an earlier process served it: with these stable numbers, of 16 and
 * FORWARDING_NAME_MAX bytes, and having settled on what the batch says. Takes
 * over the state as fib_new does; the rest is borrowed. */
struct numbers;
struct fib *fib_restore(struct forwarding *state,
    const struct numbers *backends, const struct numbers *services,
    const struct settled_batch *, uint32_t now, struct errmsg *why);
const struct numbers *fib_backend_numbers(const struct fib *);
const struct numbers *fib_service_numbers(const struct fib *);

/* The slots that move, and those whose move has ended not long ago (they have
 * settled on current, with the age of that), by service, in a batch whose parts
 * are in the arena. 0, or -1: out of memory. */
struct arena;
int fib_settled(
    const struct fib *, uint32_t now, struct arena *, struct settled_batch *);

/* Over the slots of a service that move, and the addresses that they settled
 * on: the same on all nodes. Zeros: all stand. */
void fib_settled_digest(
    const struct fib *, size_t service, uint8_t digest[TABLE_DIGEST_LEN]);

/* The same over all services, by name. */
void fib_settled_all(const struct fib *, uint8_t digest[TABLE_DIGEST_LEN]);

/* Slots of a service: those that move; that ask the flow table; that have
 * settled, and move away from, one backend. */
struct fib_moving {
	uint32_t moving, asking;
};
struct fib_moving fib_moving(const struct fib *, size_t service);
uint32_t fib_held(const struct fib *, size_t service, size_t backend);

/* Time has passed: ends moves, learn windows and edges. Cheap while nothing is
 * due. */
void fib_tick(struct fib *, uint32_t now);

/* Is a flow entry needed, whose service and backend are given by their stable
 * numbers? One that is pinned makes its slot ask, if it does not yet. */
enum fib_need {
	FIB_PINNED,   /* its backend is not current */
	FIB_MOVING,   /* it is, but the slot moves or has just ended to */
	FIB_NEEDLESS, /* it is */
	FIB_DEAD,     /* its service or backend is gone or down */
};
enum fib_need fib_need(struct fib *, uint32_t service, uint64_t hash,
    uint16_t backend, uint32_t now);

/* Of an entry that is needed: has its slot only just begun to move, less than
 * `ticks` ago? */
bool fib_fresh(struct fib *, uint32_t service, uint64_t hash, uint32_t ticks,
    uint32_t now);

/* May flows of this service go to this backend, by stable numbers? */
bool fib_takes(const struct fib *, uint32_t service, uint32_t backend);

/* A pass over all entries, with fib_need, is over: slots that ask for nothing
 * do so no more, numbers that nothing names become free. */
void fib_pass_done(struct fib *, uint32_t now);

/* Positions in the state of stable numbers, or TABLES_NONE; and back. */
uint32_t fib_service_position(const struct fib *, uint32_t number);
uint32_t fib_service_number(const struct fib *, size_t service);
uint16_t fib_backend_number(const struct fib *, size_t backend);

/* Calls lost for each service and backend whose entries must go at the step
 * from prev (NULL: none): the backend is down or gone, or a number is another's
 * now. FIB_ANY: all. */
#define FIB_ANY UINT32_MAX
void fib_lost(const struct fib *, const struct fib *prev,
    void (*lost)(void *ctx, uint32_t service, uint32_t backend), void *ctx);

/* Calls fn for ranges of slots[] and settled[] that have changed in place since
 * the last call, and forgets them. Another memory's copy follows so: settled
 * first, since a slot that asks reads it. */
void fib_changes(
    struct fib *, void (*fn)(void *ctx, uint32_t first, uint32_t n), void *ctx);

/* How a backend is reached: filled by netlink (io/nexthop.c) or, in the file
 * driver, by the caller. */
struct fib_next_hop {
	bool resolved; /* false: the rest is not looked at */
	uint32_t ifindex;
	uint32_t mtu;       /* of the path, for the outer packet */
	uint8_t mac[6];     /* destination */
	uint8_t own_mac[6]; /* source */
	struct addr source; /* outer source where the state gives none */
};
void fib_set_next_hop(
    struct fib *, size_t backend, const struct fib_next_hop *);

/* Would packets go out to it? A next hop alone is not enough: there must be a
 * source address for the outer header as well. */
bool fib_has_next_hop(const struct fib *, size_t backend);

/* File driver: send each frame back where it came from, MACs exchanged. */
void fib_reflect(struct fib *, uint32_t mtu);

#endif
