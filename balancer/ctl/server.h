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

/* Answers a request with exactly one wire_put_* on `out`. It may take
 * request->install (and set it to NULL), and name descriptors to go with the
 * reply (request->pass), which leaves at once then: the client must have taken
 * all before it. -1: it could not; the client is cut off. */
typedef int (*server_answer)(
    void *ctx, struct wire_request *request, struct evbuffer *out);

/* Serves the listening socket fd (taken over, on failure too). NULL with
 * `why`. */
struct server *server_new(
    struct event_base *, int fd, server_answer, void *ctx, struct errmsg *why);
void server_free(struct server *);

/* Is this client (wire_request.client) still there? */
bool server_serves(const struct server *, uint64_t client);
/* The listening socket, to hand on; borrowed. */
int server_listener(const struct server *);

#endif
