/* SPDX-License-Identifier: Apache-2.0 */
/* What net.c and session.c share. */
#ifndef AGENT_PEER_NET_IMPL_H
#define AGENT_PEER_NET_IMPL_H

#include <sys/queue.h>

#include "agent/peer/net.h"
#include "agent/peer/tls.h"
#include "common/log.h"
#include "common/mono.h"

struct bufferevent;
struct event;

enum session_state {
	SESSION_CONNECTING, /* fd is not connected yet; there is no bev */
	SESSION_SECURING,   /* TLS is on its way */
	SESSION_UP,
	SESSION_CLOSING, /* by peer_net_close: flushes; what comes in is ignored
			  */
};

/* Ended by its own timer alone (session_end), never by a callback of its
 * bufferevent, which libevent may call from within a write. */
struct session {
	TAILQ_ENTRY(session) entry;
	struct peer_net *net;
	uint64_t id;
	enum session_state state;
	bool dialled;
	bool was_up;  /* the user knows it */
	bool trusted; /* peer_net_trust */
	bool full;    /* a frame was refused; `drained` is owed */
	bool failed;  /* for the cause in `why`; the timer is about to end it */
	bool closed;  /* by peer_net_close: nothing is reported any more */
	struct addr from; /* of who called */
	struct tls *tls;  /* of its beginning; NULL: plaintext */
	struct tls_peer peer;
	int fd; /* until bev has it */
	struct bufferevent *bev;
	struct event *connecting; /* fd becomes writable */
	struct event *timer;      /* the deadline of the state */
	struct event *stalled;    /* runs while something is queued */
	struct errmsg why;
};

struct peer_net {
	struct event_base *base;
	char node[FORWARDING_NAME_MAX]; /* this one */
	struct arena *arena;            /* of the next two */
	struct conf_cluster cluster;
	const struct conf_cluster_node *self;
	const struct peer_net_events *events;
	void *ctx;
	struct peer_net_times times;
	struct tls *tls; /* NULL: plaintext */
	int listener;
	struct event *accepting, *resume, *look_at_certificate;
	TAILQ_HEAD(session_list, session) sessions; /* the oldest first */
	size_t n_sessions;
	uint64_t last_id;
	struct mono foreign_since; /* a bucket: of callers that are no node */
	unsigned foreign;
	uint64_t n_refused;
	struct errmsg last_refused;
	struct log_bucket refused_bucket, accept_bucket;
};

/* Both take fd. NULL: out of memory. session_dial has no fd: then it fails from
 * the loop, for the cause given. */
struct session *session_accept(
    struct peer_net *, int fd, const struct addr *from);
struct session *session_dial(struct peer_net *,
    const struct conf_cluster_node *to, int fd, const struct errmsg *cause);

/* Only from the loop, and not from a callback of its bufferevent. */
void session_end(struct session *, const char *why);
/* Without telling anybody. */
void session_drop(struct session *);

int session_send(struct session *, const uint8_t *data, size_t len);
void session_trust(struct session *);
void session_close(struct session *);
size_t session_queued(const struct session *);
/* What its certificate names, if it has one, is a node of the cluster; else
 * false, with `why`. */
bool session_is_of_a_node(const struct session *, struct errmsg *why);
/* The nodes have changed: it ends if its node is none any more. */
void session_look_again(struct session *);
/* It has proven nothing yet. */
bool session_is_stranger(const struct session *);

/* Counts it, and logs it now and then. */
void peer_net_refuse(
    struct peer_net *, const struct addr *from, const char *why);

#endif
