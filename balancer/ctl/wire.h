/* SPDX-License-Identifier: Apache-2.0 */
/* Requests off the balancer's socket and the replies to them: the only place
 * of the balancer that knows protobuf (proto/balancer.proto). */
#ifndef BALANCER_CTL_WIRE_H
#define BALANCER_CTL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/balancer_report.h"
#include "common/captured.h"
#include "common/errmsg.h"
#include "common/flows_batch.h"
#include "common/forwarding.h"

struct arena;
struct evbuffer;

enum wire_kind {
	WIRE_INSTALL,
	WIRE_TRACE,
	WIRE_STATUS,
	WIRE_PING,
	WIRE_CAPTURE,
	WIRE_FOLLOW, /* from here to HELD: wire_flows.h */
	WIRE_LEARN,
	WIRE_FLOWS_PAGE,
	WIRE_SETTLED,
	WIRE_SETTLE,
	WIRE_HELD,
	WIRE_HANDOVER, /* these three: wire_handover.h */
	WIRE_TAKE,
	WIRE_LEAVE,
};

#define WIRE_PASS_MAX 2

struct wire_request {
	uint64_t id;
	enum wire_kind kind;
	struct forwarding *install; /* owned, until somebody takes it */
	struct trace_query trace;
	/* Who asks, as the server knows it: no two clients have the same number
	 * ever, and none has 0. */
	uint64_t client;
	uid_t uid;
	/* Descriptors to send with the reply; borrowed. */
	int pass[WIRE_PASS_MAX];
	size_t n_pass;
	bool read_back;               /* of a status request */
	struct capture_query capture; /* its parts live in ... */
	struct flow_batch flows;      /* to learn; these, too */
	struct settled_batch settle;
	const char *service; /* these two: held */
	struct addr backend;
	uint32_t cursor; /* of a page */
	struct arena *arena;
	bool stays; /* set by who answers: more replies will follow this one */
};

/* 0, or -1 with `why`; the id is set then too where it could be read, else 0.
 * wire_request_clear frees what has not been taken; it copes with a request
 * that failed. */
int wire_unpack_request(
    const uint8_t *data, size_t len, struct wire_request *, struct errmsg *why);
void wire_request_clear(struct wire_request *);

/* Append one framed reply. 0, or -1 when out of memory or too long for a frame,
 * with nothing appended. */
int wire_put_installed(struct evbuffer *, uint64_t id, uint64_t generation,
    const struct report_digest *tables, size_t n);
int wire_put_refused(struct evbuffer *, uint64_t id, const char *why);
int wire_put_later(struct evbuffer *, uint64_t id);
int wire_put_trace(struct evbuffer *, uint64_t id, const struct trace_answer *);
int wire_put_status(
    struct evbuffer *, uint64_t id, const struct balancer_status *);
int wire_put_pong(struct evbuffer *, uint64_t id, const struct balancer_pong *);
int wire_put_captured(struct evbuffer *, uint64_t id, const struct captured *);

#endif
