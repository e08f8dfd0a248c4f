/* SPDX-License-Identifier: Apache-2.0 */
/* Runs checks of backends: one at a time for whoever says when. No schedule and
 * no memory here: what several results mean is agent/core/checks.h's.
 *
 *   prober_start(id) --> tcp | http | udp | dns | icmp --> probe_result_cb(id)
 *                              |
 *                              +-- tunnel: the VIP instead of the backend's
 *                                  address, in GRE (tunnel.h)
 *
 * Each check in flight that is not ICMP is one socket, and each read is
 * bounded. TCP connections end with a reset (SO_LINGER 0): who closes first
 * would otherwise keep each port for a minute, and a thousand checks a second
 * would use them up. A plain TCP check holds back its last ACK, which the reset
 * then takes the place of, so that the server's program never hears of it. */
#ifndef AGENT_PROBE_PROBE_H
#define AGENT_PROBE_PROBE_H

#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"
#include "common/forwarding.h"
#include "common/health_check.h"

struct event_base;
struct prober;

enum probe_result {
	PROBE_OK,
	PROBE_FAILED,
	PROBE_UNABLE, /* we could not ask: says nothing about the backend */
};

/* why: one line, "" for PROBE_OK: "connection refused", "status 503", "no
 * answer in 1000 ms". May start and cancel others, but not free the prober. */
typedef void (*probe_result_cb)(
    void *ctx, uint64_t id, enum probe_result, const char *why);

struct probe_target {
	struct addr backend;
	/* Counts when check->tunnel: where the check goes, in GRE to the
	 * backend. */
	const struct addr *vip;
	const struct health_check *check; /* not CHECK_NONE */
	/* The outer source, of the backend's IP version, as the balancer has
	 * it; none: what the route prefers. */
	struct forwarding_source source;
};

/* To be called before privileges are let go of: raw sockets, for ICMP and for
 * GRE, are opened here. Without the right to (CAP_NET_RAW) all else works, and
 * those checks are PROBE_UNABLE. Later only CAP_NET_ADMIN is needed, and for
 * checks through the tunnel only. Raises the limit of open files as far as it
 * goes. NULL with `why`. */
struct prober *prober_new(
    struct event_base *, probe_result_cb, void *ctx, struct errmsg *why);
void prober_free(struct prober *); /* no results follow */

/* Exactly one result follows, never from inside this call, and not later than
 * check->timeout_ms. The id is not in flight. Copies the target. -1: out of
 * memory, and nothing follows. */
int prober_start(struct prober *, uint64_t id, const struct probe_target *);

/* No result follows. An id that is not in flight is ignored. */
void prober_cancel(struct prober *, uint64_t id);

#endif
