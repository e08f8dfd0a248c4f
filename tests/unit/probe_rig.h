/* SPDX-License-Identifier: Apache-2.0 */
/* A prober and small servers for it to ask, on loopback in one event loop. */
#ifndef TESTS_UNIT_PROBE_RIG_H
#define TESTS_UNIT_PROBE_RIG_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe/probe.h"

#define RIG_IDS 4096

struct rig_result {
	unsigned n; /* results so far: 1 is right */
	enum probe_result result;
	char why[256];
};

struct rig {
	struct event_base *base;
	struct prober *prober;
	struct rig_result results[RIG_IDS]; /* by id */
	size_t n_results;
	uint64_t cancel; /* not 0: by the next result, from inside it */
};

void rig_open(struct rig *);
void rig_close(struct rig *);

/* A check of the kind, of 127.0.0.1's port, with a deadline that a busy machine
 * does not miss. */
struct health_check rig_check(enum check_kind, uint16_t port);

/* Starts it, with a look that no result comes from inside. */
void rig_start(
    struct rig *, uint64_t id, const struct health_check *, const char *to);
/* Runs the loop until there are so many results, or for so long. */
void rig_until(struct rig *, size_t n_results, unsigned ms);
/* Starts one and waits for it. */
const struct rig_result *rig_run(
    struct rig *, const struct health_check *, const char *to);
/* The same, and what must come of it. */
void rig_expect(struct rig *, const struct health_check *, const char *to,
    enum probe_result, const char *why);

/* What a server does with a connection, or with a datagram. */
struct server {
	struct rig *rig;
	uint16_t port;
	int fd;
	struct event *event;
	/* TCP: said once something was asked (not by a server that talks
	 * first); n bytes, `piece` at a time, 0: all at once. */
	const char *reply;
	size_t len, piece;
	bool first;   /* talk first */
	bool endless; /* the reply again and again */
	bool hang_up; /* after the reply */
	size_t accepted, asked;
	/* UDP: makes an answer of a request, in place; 0: none. */
	size_t (*answer)(struct server *, uint8_t *data, size_t len);
	int code; /* for answer() */
};
void server_tcp(struct server *, struct rig *, const char *reply);
void server_udp(struct server *, struct rig *,
    size_t (*answer)(struct server *, uint8_t *, size_t));
void server_close(struct server *);

#endif
