/* SPDX-License-Identifier: Apache-2.0 */
/* One session. libevent writes from within evbuffer_add, so any callback of a
 * bufferevent may come while the user is in peer_net_send: an end is only noted
 * there (fail), and done by the timer. Read watermarks, deferred callbacks and
 * filters are not used; libevent 2.1 has open bugs with each of them over
 * TLS. */
#include "config.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/peer/net_impl.h"
#include "agent/peer/sock.h"
#include "common/frame.h"

static void
start_timer(struct event *timer, unsigned ms)
{
	const struct timeval tv = {ms / 1000, (long)(ms % 1000) * 1000};

	event_add(timer, &tv);
}

/* Ends it as soon as the loop goes on; the first cause counts. */
static void
fail(struct session *s, const char *why)
{
	if (!s->failed)
		errmsg_set(&s->why, "%s", why);
	s->failed = true;
	event_active(s->timer, EV_TIMEOUT, 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct session *s = ctx;

	(void)fd, (void)what;
	if (s->failed)
		session_end(s, s->why.text);
	else if (s->state == SESSION_CONNECTING)
		session_end(s, "connect: no answer in time");
	else if (s->state == SESSION_SECURING)
		session_end(s, "TLS was not done in time");
	else
		session_end(s, "no good HELLO in time");
}

static void
on_stalled(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what;
	fail(ctx, "it takes nothing of what is sent");
}

/* A certificate outlives its node's place in the cluster. */
static void
come_up(struct session *s)
{
	struct errmsg why;

	if (!session_is_of_a_node(s, &why)) {
		fail(s, why.text);
		s->state = SESSION_CLOSING;
		return;
	}
	s->state = SESSION_UP;
	s->was_up = true;
	start_timer(s->timer, s->net->times.hello);
	s->net->events->up(s->net->ctx, s->id, s->peer.node, s->dialled);
}

static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct session *s = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	enum frame_result result = FRAME_SHORT;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	while (s->state == SESSION_UP &&
	    (result = frame_next_max(in,
		 s->trusted ? PEER_FRAME_MAX : PEER_FRAME_MAX_UNTRUSTED, &data,
		 &len, &why)) == FRAME_OK) {
		s->net->events->message(s->net->ctx, s->id, data, len);
		frame_done(in, len);
	}
	if (s->state == SESSION_UP && result == FRAME_SHORT)
		return;
	if (s->state == SESSION_UP) {
		fail(s, why.text);
		s->state = SESSION_CLOSING; /* where frames begin is lost */
	}
	/* Nobody wants it any more; unread, it would turn the end of the
	 * connection into a reset, which overtakes our last words. */
	evbuffer_drain(in, evbuffer_get_length(in));
}

/* The other side reads to the end of it, then closes. */
static void
say_no_more(const struct session *s)
{
	shutdown(bufferevent_getfd(s->bev), SHUT_WR);
}

/* Called when PEER_QUEUE_LOW or less is left. */
static void
on_write(struct bufferevent *bev, void *ctx)
{
	struct session *s = ctx;

	if (s->state == SESSION_CLOSING &&
	    evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		say_no_more(s);
	if (s->state != SESSION_UP || !s->full)
		return;
	s->full = false;
	s->net->events->drained(s->net->ctx, s->id);
}

/* Any event but that it is connected is the end. */
static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	int error = EVUTIL_SOCKET_ERROR();
	struct session *s = ctx;
	unsigned long tls_error;
	struct errmsg why;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		if (s->state == SESSION_SECURING)
			come_up(s);
		return;
	}
	tls_error = s->tls != NULL ? bufferevent_get_openssl_error(bev) : 0;
	if (tls_error == 0 && s->peer.why.text[0] == '\0' &&
	    (what & BEV_EVENT_ERROR) != 0 && error != 0)
		fail(s, strerror(error));
	else {
		tls_explain(&s->peer, tls_error, &why);
		fail(s, why.text);
	}
}

/* Something was written, or queued where nothing was. */
static void
on_queue(struct evbuffer *out, const struct evbuffer_cb_info *info, void *ctx)
{
	struct session *s = ctx;

	if (evbuffer_get_length(out) == 0)
		event_del(s->stalled);
	else if (info->n_deleted > 0 || info->orig_size == 0)
		start_timer(s->stalled, s->net->times.stall);
}

static struct bufferevent *
open_bev(struct session *s)
{
	struct event_base *base = s->net->base;
	SSL *ssl;

	if (s->tls == NULL)
		return bufferevent_socket_new(
		    base, s->fd, BEV_OPT_CLOSE_ON_FREE);
	if ((ssl = tls_open(s->tls, &s->peer)) == NULL)
		return NULL;
	return bufferevent_openssl_socket_new(base, s->fd, ssl,
	    s->dialled ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE);
}

/* The socket is connected. */
static void
open_session(struct session *s)
{
	s->state = SESSION_SECURING;
	start_timer(s->timer, s->net->times.secure);
	if ((s->bev = open_bev(s)) == NULL) {
		/* libevent does not say whether it has closed the descriptor,
		 * so it is not closed a second time. */
		s->fd = -1;
		fail(s, "out of memory");
		return;
	}
	s->fd = -1; /* bev's */
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
	bufferevent_setwatermark(s->bev, EV_WRITE, PEER_QUEUE_LOW, 0);
	if (evbuffer_add_cb(bufferevent_get_output(s->bev), on_queue, s) ==
		NULL ||
	    bufferevent_enable(s->bev, EV_READ | EV_WRITE) == -1)
		fail(s, "out of memory");
	else if (s->tls == NULL)
		come_up(s);
}

static void
on_connected(evutil_socket_t fd, short what, void *ctx)
{
	struct session *s = ctx;
	struct errmsg why;

	(void)what;
	if (s->failed || s->closed)
		return;
	if (sock_dialled(fd, &why) == 0)
		open_session(s);
	else
		fail(s, why.text);
}

/* Takes fd. */
static struct session *
session_new(struct peer_net *net, int fd)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		if (fd != -1)
			close(fd);
		return NULL;
	}
	s->net = net;
	s->tls = tls_ref(net->tls);
	s->fd = fd;
	s->id = ++net->last_id;
	TAILQ_INSERT_TAIL(&net->sessions, s, entry);
	net->n_sessions++;
	s->timer = event_new(net->base, -1, 0, on_timer, s);
	s->stalled = event_new(net->base, -1, 0, on_stalled, s);
	if (s->timer != NULL && s->stalled != NULL)
		return s;
	session_drop(s);
	return NULL;
}

struct session *
session_accept(struct peer_net *net, int fd, const struct addr *from)
{
	struct session *s = session_new(net, fd);

	if (s == NULL)
		return NULL;
	s->from = *from;
	open_session(s);
	return s;
}

struct session *
session_dial(struct peer_net *net, const struct conf_cluster_node *to, int fd,
    const struct errmsg *cause)
{
	struct session *s = session_new(net, fd);

	if (s == NULL)
		return NULL;
	s->dialled = true;
	snprintf(s->peer.dialled, sizeof(s->peer.dialled), "%s", to->name);
	start_timer(s->timer, net->times.secure);
	if (fd == -1) {
		fail(s, cause->text);
		return s;
	}
	s->connecting = event_new(net->base, fd, EV_WRITE, on_connected, s);
	if (s->connecting == NULL || event_add(s->connecting, NULL) == -1)
		fail(s, "out of memory");
	return s;
}

void
session_drop(struct session *s)
{
	TAILQ_REMOVE(&s->net->sessions, s, entry);
	s->net->n_sessions--;
	if (s->bev != NULL) {
		/* It may live on for one turn of the loop, without us. */
		evbuffer_remove_cb(bufferevent_get_output(s->bev), on_queue, s);
		bufferevent_free(s->bev);
	}
	if (s->connecting != NULL)
		event_free(s->connecting);
	if (s->timer != NULL)
		event_free(s->timer);
	if (s->stalled != NULL)
		event_free(s->stalled);
	if (s->fd != -1)
		close(s->fd);
	tls_unref(s->tls);
	free(s);
}

void
session_end(struct session *s, const char *why)
{
	struct peer_net *net = s->net;
	bool silent = s->closed, known = s->was_up || s->dialled;
	struct addr from = s->from;
	struct errmsg copy; /* `why` may be a part of the session */
	uint64_t id = s->id;

	errmsg_set(&copy, "%s", why);
	session_drop(s);
	if (silent)
		return;
	if (known)
		net->events->down(net->ctx, id, copy.text);
	else
		peer_net_refuse(net, &from, copy.text);
}

size_t
session_queued(const struct session *s)
{
	if (s->bev == NULL)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(s->bev));
}

int
session_send(struct session *s, const uint8_t *data, size_t len)
{
	struct evbuffer *frame;
	int rc = -1;

	if (s->state != SESSION_UP || s->failed || s->full)
		return -1;
	if (session_queued(s) > PEER_QUEUE_HIGH) {
		s->full = true;
		return -1;
	}
	/* Put together first: what is added is written at once, and header and
	 * message would be two records. */
	if ((frame = evbuffer_new()) == NULL)
		return -1;
	if (frame_put(frame, data, len) == 0)
		rc = evbuffer_add_buffer(bufferevent_get_output(s->bev), frame);
	evbuffer_free(frame);
	return rc;
}

void
session_trust(struct session *s)
{
	if (s->state != SESSION_UP || s->trusted)
		return;
	s->trusted = true;
	if (!s->failed)
		event_del(s->timer);
}

void
session_close(struct session *s)
{
	s->closed = true;
	if (s->state != SESSION_UP || s->failed) {
		fail(s, "closed");
		return;
	}
	s->state = SESSION_CLOSING;
	start_timer(s->timer, s->net->times.flush);
	if (session_queued(s) == 0)
		say_no_more(s);
}

bool
session_is_stranger(const struct session *s)
{
	if (s->dialled)
		return false;
	return s->tls != NULL ? !s->was_up : !s->trusted;
}

bool
session_is_of_a_node(const struct session *s, struct errmsg *why)
{
	if (s->peer.node[0] == '\0' ||
	    conf_cluster_node(&s->net->cluster, s->peer.node) != NULL)
		return true;
	errmsg_set(why,
	    "its certificate is of node %s, which is not among cluster.nodes",
	    s->peer.node);
	return false;
}

void
session_look_again(struct session *s)
{
	struct errmsg why;

	if (s->state == SESSION_UP && !session_is_of_a_node(s, &why)) {
		fail(s, why.text);
		s->state = SESSION_CLOSING;
	}
}
