/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out through a raw socket, in batches, whatever interface they leave
 * through: one socket and one system call for up to 64 frames.
 *
 * They bypass the queueing discipline: it costs a lock a packet, and a queue
 * of its own only adds delay to traffic that is not shaped here. */
#ifndef BALANCER_IO_TX_H
#define BALANCER_IO_TX_H

#include <stdint.h>

#include "balancer/core/forward.h"
#include "common/errmsg.h"

struct tx;

struct tx_count {
	uint32_t ifindex;
	uint64_t sent;
	uint64_t errors;
};

/* Needs CAP_NET_RAW. NULL with `why`. */
struct tx *tx_new(struct errmsg *why);
void tx_free(struct tx *);

/* Where the core puts its frames; valid as long as the tx. */
struct sink *tx_sink(struct tx *);

/* Sends what is waiting. What cannot be sent now is counted and lost, as in a
 * full queue: waiting for one interface would stop all others. */
void tx_flush(struct tx *);

/* What went out since the start, an entry for each interface used; borrowed
 * until the next flush. */
const struct tx_count *tx_counts(const struct tx *, size_t *n);

#endif
