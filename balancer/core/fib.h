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
 * same members as in `prev` (may be NULL) reuse its tables where they can.
 * NULL with `why`; the state is then still the caller's, prev unchanged. */
struct fib *fib_new(
    struct forwarding *state, const struct fib *prev, struct errmsg *why);
void fib_free(struct fib *);

const struct forwarding *fib_state(const struct fib *);

/* What packets are served from; another memory may hold a copy of it. */
struct tables;
const struct tables *fib_tables(const struct fib *);

/* The digest of service `service`'s table, recomputed from the slots that
 * packets are served from; zeros where it has no members. */
void fib_digest(
    const struct fib *, size_t service, uint8_t digest[TABLE_DIGEST_LEN]);

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
