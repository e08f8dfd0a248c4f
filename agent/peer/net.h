/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions between the agents of a cluster: TCP with TLS 1.3, and frames of
 * bytes over it. What is in the frames, who calls whom and when, heartbeats and
 * backing off are others' business.
 *
 * Anybody who reaches the port can talk to it, so for those who have not proven
 * anything (with certificates or a key: until TLS is up; with plaintext: until
 * peer_net_trust):
 *   - there are at most PEER_STRANGERS_MAX of them. One more takes the place of
 *     the oldest of those that come from the address with the most of them:
 *     whoever floods from one address hurts those at that address only. The
 *     newest is not refused, as silent sockets could lock all others out then;
 *   - from addresses that are no node's, there are some 100 a second;
 *   - TLS is up within 5 s, and peer_net_trust is called 5 s after that, or the
 *     session ends; a frame has at most 4 KiB before that call.
 * A frame is read only when its length is allowed, and what has been read is
 * handed on at once: a session holds one frame and one TLS record at most.
 *
 * All callbacks come from the event loop, never from within a function here. */
#ifndef AGENT_PEER_NET_H
#define AGENT_PEER_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"

#define PEER_FRAME_MAX           (1u << 20)
#define PEER_FRAME_MAX_UNTRUSTED (4u << 10)
#define PEER_QUEUE_HIGH          (4u << 20)
#define PEER_QUEUE_LOW           (1u << 20)
#define PEER_STRANGERS_MAX       64

struct event_base;
struct peer_net;

/* What they are given is borrowed for the call. They may call everything here
 * that does not say otherwise. */
struct peer_net_events {
	/* A session is up. node: what its certificate proves; "" with a
	 * pre-shared key or plaintext, where its HELLO will say. To who has
	 * dialled it does not say yet that the other side takes our
	 * certificate: in TLS 1.3 only its first frame does. */
	void (*up)(void *ctx, uint64_t session, const char *node, bool dialled);
	/* One whole frame. */
	void (*message)(
	    void *ctx, uint64_t session, const uint8_t *data, size_t len);
	/* After peer_net_send refused a frame: the queue is under
	 * PEER_QUEUE_LOW. */
	void (*drained)(void *ctx, uint64_t session);
	/* The end of a session that was up, or that was dialled. Not after
	 * peer_net_close. */
	void (*down)(void *ctx, uint64_t session, const char *why);
	/* Somebody called from the address of that node, and was turned away
	 * before a session was up. May be NULL. */
	void (*refused)(void *ctx, const char *node, const char *why);
};

/* Reads the keys and listens at this node's address; conf has a cluster. Needs
 * the privileges to do so, so is to be called before they are let go. Borrows
 * events, and keeps nothing of conf. Warns in the log, once a day, when the own
 * certificate is about to end. NULL with `why`. */
struct peer_net *peer_net_new(struct event_base *, const struct conf *,
    const struct peer_net_events *, void *ctx, struct errmsg *why);

/* A new configuration: other nodes (the session of one that is none any more
 * ends, as far as certificates name it), and the keys are read again, for
 * sessions to come; where that fails, the log says so and the keys in use stay.
 * -1 with `why`, and all stays as it was: something has changed that needs a
 * new peer_net. Not from within a callback. */
int peer_net_reconf(struct peer_net *, const struct conf *, struct errmsg *why);

/* Ends all sessions without another word. Not from within a callback. */
void peer_net_free(struct peer_net *);

/* A number that no other session ever has; `up` or `down` follows. 0: out of
 * memory, and nothing follows. */
uint64_t peer_net_dial(struct peer_net *, const struct conf_cluster_node *);

/* Queues a frame of 1..PEER_FRAME_MAX bytes. 0; or -1 and nothing is queued:
 * the session is not up, or more than PEER_QUEUE_HIGH is queued, and then until
 * `drained`. */
int peer_net_send(
    struct peer_net *, uint64_t session, const uint8_t *data, size_t len);

/* HELLO was good: from the next frame on, PEER_FRAME_MAX holds, and the session
 * has no deadline any more. */
void peer_net_trust(struct peer_net *, uint64_t session);

/* Ends it once what is queued is sent, at most 1 s from now; `why` goes to the
 * log at debug level. */
void peer_net_close(struct peer_net *, uint64_t session, const char *why);

/* Bytes that wait to be sent. */
size_t peer_net_queued(const struct peer_net *, uint64_t session);

/* How many have called and were turned away before they were up; of the last
 * one, why. */
uint64_t peer_net_refused(const struct peer_net *, struct errmsg *last);

/* All in milliseconds. */
struct peer_net_times {
	unsigned secure; /* to connect, and then for TLS: 5 s */
	unsigned hello;  /* from `up` to peer_net_trust: 5 s */
	unsigned stall;  /* nothing of what is queued can be written: 10 s */
	unsigned flush;  /* after peer_net_close: 1 s */
};

/* For tests, which have no time. */
struct peer_net *peer_net_new_timed(struct event_base *, const struct conf *,
    const struct peer_net_times *, const struct peer_net_events *, void *ctx,
    struct errmsg *why);

#endif
