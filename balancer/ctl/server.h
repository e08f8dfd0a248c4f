/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: several clients at once, each with its requests answered
 * in order.
 *
 * A client that breaks the framing is cut off; one that leaves a message or a
 * reply half way for STALL seconds too. Nothing more is read from a client that
 * does not take its replies. When there are as many clients as are served, the
 * one that has been silent the longest makes room. */
#ifndef BALANCER_CTL_SERVER_H
#define BALANCER_CTL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "balancer/ctl/wire.h"
#include "common/errmsg.h"

struct event_base;
struct evbuffer;
struct server;

#define SERVER_CLIENTS_MAX 16
#define SERVER_STALL_S     10

struct server_handler {
	/* Answers a request with exactly one wire_put_* on `out`. It may take
	 * request->install (and set it to NULL), and name descriptors to go
	 * with the reply (request->pass), which leaves at once then: the client
	 * must have taken all before it. If it sets request->stays it may go on
	 * putting replies into `out`, and looks itself that they do not become
	 * too many: such a client may take its time. -1: it could not; the
	 * client is cut off. */
	int (*answer)(
	    void *ctx, struct wire_request *request, struct evbuffer *out);
	/* The client whose replies go into `out` will ask for nothing more. A
	 * last reply may be put there, which it gets if it has closed its side
	 * only; after that `out` must not be touched. */
	void (*left)(void *ctx, struct evbuffer *out);
	void *ctx;
};

/* Serves the listening socket fd (taken over, on failure too). Copies the
 * handler. NULL with `why`. */
struct server *server_new(struct event_base *, int fd,
    const struct server_handler *, struct errmsg *why);
void server_free(struct server *);

/* Is this client (wire_request.client) still there? */
bool server_serves(const struct server *, uint64_t client);
/* The listening socket, to hand on; borrowed. */
int server_listener(const struct server *);

#endif
