/* SPDX-License-Identifier: Apache-2.0 */
/* The balancer's process, for live.c, requests.c and replacing.c alone. */
#ifndef BALANCER_LIVE_IMPL_H
#define BALANCER_LIVE_IMPL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "balancer/flow_memory.h"
#include "balancer/io/driver.h"
#include "balancer/kept.h"
#include "balancer/serving.h"
#include "balancer/successor.h"
#include "common/conf.h"
#include "common/errmsg.h"
#include "common/mono.h"

#define LIVE_SIGNALS 4

/* After the routes are withdrawn, packets still come for a moment: routers
 * change theirs one by one, and a full table of VIPs takes a few tenths. */
#define LIVE_LINGER_S 1

struct live {
	struct event_base *base;
	struct serving serving;
	struct driver_env env;
	struct nexthop *nexthop; /* these two: NULL without interfaces */
	struct ports *ports;
	struct announce *announce;  /* NULL: nothing is announced */
	uint64_t next_hops_version; /* changes when one comes or goes */
	struct capture *capture;
	struct feed *feed;
	struct server *server;
	struct event *signals[LIVE_SIGNALS], *tick;
	struct errmsg no_xdp; /* why */
	struct mono started;
	char socket_path[108];
	bool installed; /* a state, by an agent */
	bool put_off;   /* the last one, until there is room for it */
	bool waits;     /* for room: another process serves meanwhile */
	bool listens, ending;
	int kept; /* by the service manager, for us: the route device; or -1 */
	struct predecessor *predecessor; /* NULL: none is being replaced */
	int listener; /* its socket, until it is served here */
	struct successor successor;
	struct flow_memory memory;
	struct kept kept_files;
	struct event *sweep;
	uint32_t kept_at; /* tick */
	bool kept_moving; /* something moved then */
};

/* live.c: before a new state is switched in (serving_prepare); withdraws and
 * ends. */
int live_prepare(void *ctx, struct fib *, struct errmsg *why);
void live_end(struct live *, const char *cause);

/* live.c: has what is served kept for the next process. */
void live_keep(struct live *);

/* requests.c: takes the state, and serves it from the return on; 0, or -1 with
 * `why`, where it may be put off (live->put_off). What agents and others ask
 * for; their connections' ends; what is counted, to the log. */
int live_serve(struct live *, struct forwarding *state, struct errmsg *why);
struct settled_batch;
int live_settle(void *ctx, const struct settled_batch *, struct errmsg *why);
uint64_t live_packets(void *ctx, size_t backend);
struct wire_request;
struct evbuffer;
int live_answer(void *ctx, struct wire_request *, struct evbuffer *out);
void live_left(void *ctx, struct evbuffer *out);
void live_dump(struct live *);

/* replacing.c: the socket, from the balancer that is replaced where one is. */
int live_claim_socket(
    struct live *, const struct conf *, bool replaces, struct errmsg *why);
/* Takes over from it, if there is one, now that everything is ready. */
int live_take_over(struct live *, struct errmsg *why);
void live_ready(const struct live *);

#endif
