/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/ctl/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/unix_socket.h"

/* Requests of one client in one turn of the loop; packets wait meanwhile. */
#define REQUESTS_PER_TURN 4
/* With this much not yet taken by the client nothing more is answered. */
#define OUTPUT_LIMIT (1u << 20)
#define READ_LEN     (256u << 10)
#define CHECK_S      1

struct client {
	struct server *server;
	uint64_t number; /* never used twice */
	uid_t uid;
	struct bufferevent *bev;
	struct mono active; /* last heard of, or last took some of a reply */
	bool leaving;       /* sent all it wanted; has replies to take */
	bool stays;         /* gets replies for as long as it likes */
	TAILQ_ENTRY(client) next;
};

struct server {
	struct event_base *base;
	int fd;
	struct event *acceptable, *check;
	struct server_handler handler;
	/* By `active`, the longest silent first. */
	TAILQ_HEAD(clients, client) clients;
	size_t n_clients;
	uint64_t last_number;
	struct log_bucket log;
};

static void
client_leaves(struct client *c)
{
	const struct server_handler *h = &c->server->handler;

	if (!c->leaving)
		h->left(h->ctx, bufferevent_get_output(c->bev));
	c->leaving = true;
}

static void
client_free(struct client *c)
{
	client_leaves(c);
	TAILQ_REMOVE(&c->server->clients, c, next);
	c->server->n_clients--;
	bufferevent_free(c->bev); /* closes the descriptor */
	free(c);
}

static void
client_active(struct client *c)
{
	c->active = mono_now();
	TAILQ_REMOVE(&c->server->clients, c, next);
	TAILQ_INSERT_TAIL(&c->server->clients, c, next);
}

static void
cut_off(struct client *c, const char *why)
{
	uint32_t swallowed;

	if (log_limited(&c->server->log, mono_now().us, &swallowed))
		log_info("control", "client cut off: %s (%u more not shown)",
		    why, swallowed);
	client_free(c);
}

/* Descriptors go with bytes, and a buffer takes none: what is in it is sent
 * past it. */
static int
send_with(struct client *c, const int *fds, size_t n)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t len = evbuffer_get_length(out);
	int r;

	(void)evbuffer_unfreeze(out, 1); /* its front is the bufferevent's */
	r = unix_send(
	    bufferevent_getfd(c->bev), evbuffer_pullup(out, -1), len, fds, n);
	(void)evbuffer_drain(out, len);
	(void)evbuffer_freeze(out, 1);
	return r;
}

/* One message: 0, or -1 when the client has to go. */
static int
handle(struct client *c, const uint8_t *data, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	bool is_empty = evbuffer_get_length(out) == 0;
	struct wire_request request;
	struct errmsg why;
	int r;

	if (wire_unpack_request(data, len, &request, &why) == 0) {
		request.client = c->number;
		request.uid = c->uid;
		r = c->server->handler.answer(
		    c->server->handler.ctx, &request, out);
	} else {
		r = wire_put_refused(out, request.id, why.text);
	}
	if (r == 0 && request.n_pass > 0)
		r = is_empty ? send_with(c, request.pass, request.n_pass) : -1;
	c->stays |= request.stays;
	wire_request_clear(&request);
	return r;
}

/* May free the client; nothing may use it after. */
static void
serve(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer *out = bufferevent_get_output(c->bev);
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	for (int i = 0; evbuffer_get_length(out) < OUTPUT_LIMIT; i++) {
		if (i == REQUESTS_PER_TURN) {
			bufferevent_trigger(
			    c->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
			return;
		}
		switch (frame_next(in, &data, &len, &why)) {
		case FRAME_SHORT:
			return;
		case FRAME_BAD:
			cut_off(c, why.text);
			return;
		case FRAME_OK:
			break;
		}
		if (handle(c, data, len) == -1) {
			cut_off(c, "a reply cannot be made, or sent");
			return;
		}
		frame_done(in, len);
	}
}

static void
on_read(struct bufferevent *bev, void *ctx)
{
	client_active(ctx);
	serve(ctx);
}

/* All replies are taken: what came meanwhile is next. */
static void
on_write(struct bufferevent *bev, void *ctx)
{
	struct client *c = ctx;

	if (c->leaving) {
		client_free(c);
		return;
	}
	client_active(c);
	serve(c);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct client *c = ctx;

	if ((what & BEV_EVENT_EOF) != 0)
		client_leaves(c);
	/* Half a connection is enough to take a reply; where both ends are
	 * noticed in one turn, not even that is there. */
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == BEV_EVENT_EOF &&
	    evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		client_free(c);
}

static void
client_new(struct server *s, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->server = s;
	c->number = ++s->last_number;
	c->uid = unix_peer_uid(fd);
	c->bev = bufferevent_socket_new(
	    s->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL) {
		free(c);
		close(fd);
		return;
	}
	if (s->n_clients == SERVER_CLIENTS_MAX)
		cut_off(TAILQ_FIRST(&s->clients), "silent the longest of all");
	TAILQ_INSERT_TAIL(&s->clients, c, next);
	s->n_clients++;
	c->active = mono_now();
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	/* The longest message and the beginning of the next. */
	bufferevent_setwatermark(
	    c->bev, EV_READ, 0, FRAME_HEADER_LEN + FRAME_MAX + READ_LEN);
	(void)bufferevent_set_max_single_read(c->bev, READ_LEN);
	if (bufferevent_enable(c->bev, EV_READ | EV_WRITE) == -1)
		client_free(c);
}

static void
on_accept(evutil_socket_t fd, short what, void *ctx)
{
	struct server *s = ctx;
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (client != -1)
		client_new(s, client);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* No descriptors or no memory: on_check tries again. */
		log_warn("control", "accept");
		event_del(s->acceptable);
	}
}

/* Half a message or a reply not taken: how long has nothing moved? */
static void
on_check(evutil_socket_t fd, short what, void *ctx)
{
	struct server *s = ctx;
	struct client *c, *next;
	struct mono now = mono_now();

	event_add(s->acceptable, NULL); /* where it is not waited for */
	for (c = TAILQ_FIRST(&s->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, next);
		if (now.us - c->active.us < SERVER_STALL_S * 1000000)
			return; /* and so are those after it */
		if (c->stays && !c->leaving)
			continue;
		if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0 ||
		    evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
			cut_off(c, "left a message half way");
	}
}

struct server *
server_new(struct event_base *base, int fd,
    const struct server_handler *handler, struct errmsg *why)
{
	struct timeval check = {CHECK_S, 0};
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		errmsg_sys(why, "control socket");
		close(fd);
		return NULL;
	}
	TAILQ_INIT(&s->clients);
	s->base = base;
	s->fd = fd;
	s->handler = *handler;
	s->acceptable = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, s);
	s->check = event_new(base, -1, EV_PERSIST, on_check, s);
	if (s->acceptable != NULL && s->check != NULL &&
	    event_add(s->acceptable, NULL) == 0 &&
	    event_add(s->check, &check) == 0)
		return s;
	errmsg_set(why, "control socket: cannot add events");
	server_free(s);
	return NULL;
}

void
server_free(struct server *s)
{
	struct client *c;

	if (s == NULL)
		return;
	while ((c = TAILQ_FIRST(&s->clients)) != NULL)
		client_free(c);
	if (s->acceptable != NULL)
		event_free(s->acceptable);
	if (s->check != NULL)
		event_free(s->check);
	close(s->fd);
	free(s);
}

bool
server_serves(const struct server *s, uint64_t client)
{
	const struct client *c;

	TAILQ_FOREACH (c, &s->clients, next) {
		if (c->number == client)
			return true;
	}
	return false;
}

int
server_listener(const struct server *s)
{
	return s->fd;
}
