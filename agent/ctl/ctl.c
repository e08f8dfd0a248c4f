/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/ctl/ctl.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "agent/core/core.h"
#include "agent/ctl/wire.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/unix_socket.h"

#define CLIENTS_MAX CORE_PENDING_MAX
/* To send the request, and to take the reply. */
#define TIMEOUT_S 10

struct client {
	TAILQ_ENTRY(client) entry;
	struct ctl *ctl;
	uint64_t id;
	struct bufferevent *bev;
	bool asked;    /* its request has been passed on ... */
	bool answered; /* ... and answered: closed when that is sent */
};

struct ctl {
	char *path;
	struct event_base *base;
	const struct ctl_events *events;
	void *ctx;
	struct evconnlistener *listener;
	TAILQ_HEAD(, client) clients;
	size_t n_clients;
	uint64_t last_id;
	struct control_change change; /* of the request being passed on */
};

static void
client_free(struct client *c)
{
	TAILQ_REMOVE(&c->ctl->clients, c, entry);
	c->ctl->n_clients--;
	bufferevent_free(c->bev);
	free(c);
}

static void
client_answer(struct client *c, const struct control_reply *reply)
{
	static const struct control_reply too_long = {
	    .kind = CONTROL_ERROR, .error = "the reply is too long to be sent"};
	struct evbuffer *out = bufferevent_get_output(c->bev);

	c->answered = true;
	if (ctl_wire_put_reply(out, reply) == -1 &&
	    ctl_wire_put_reply(out, &too_long) == -1)
		client_free(c);
}

/* One that does not speak our language is told so, and closed. */
static void
client_refuse(struct client *c, const char *why)
{
	struct control_reply reply = {.kind = CONTROL_ERROR, .error = why};

	log_debug("ctl", "client %llu: %s", (unsigned long long)c->id, why);
	client_answer(c, &reply);
}

/* May free the client as its last act. */
static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct client *c = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct control_request request;
	const uint8_t *data;
	struct errmsg why;
	size_t len;
	int rc;

	if (c->asked || c->answered) { /* one request, and no more */
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	switch (frame_next(in, &data, &len, &why)) {
	case FRAME_SHORT:
		len = evbuffer_get_length(in);
		if (len >= FRAME_HEADER_LEN + CTL_REQUEST_MAX)
			client_refuse(c, "the request is too long");
		return;
	case FRAME_BAD:
		client_refuse(c, why.text);
		return;
	case FRAME_OK:
		break;
	}
	if (len > CTL_REQUEST_MAX) {
		client_refuse(c, "the request is too long");
		return;
	}
	rc = ctl_wire_get_request(&request, &c->ctl->change, data, len, &why);
	frame_done(in, len);
	if (rc == -1) {
		client_refuse(c, why.text);
		return;
	}
	c->asked = true;
	c->ctl->events->command(c->ctl->ctx, c->id, &request);
}

static void
on_written(struct bufferevent *bev, void *ctx)
{
	struct client *c = ctx;

	(void)bev;
	if (c->answered)
		client_free(c);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct client *c = ctx;
	struct ctl *ctl = c->ctl;
	uint64_t id = c->id;
	bool waiting = c->asked && !c->answered;

	(void)bev;
	(void)what; /* end, error, timeout: it is gone */
	client_free(c);
	if (waiting)
		ctl->events->gone(ctl->ctx, id);
}

/* Owns the descriptor, also when it fails. */
static struct client *
client_new(struct ctl *ctl, evutil_socket_t fd)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct client *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->bev = bufferevent_socket_new(
		    ctl->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c == NULL || c->bev == NULL) {
		free(c);
		close(fd);
		return NULL;
	}
	c->ctl = ctl;
	c->id = ++ctl->last_id;
	TAILQ_INSERT_TAIL(&ctl->clients, c, entry);
	ctl->n_clients++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_set_timeouts(c->bev, &timeout, &timeout);
	if (bufferevent_enable(c->bev, EV_READ | EV_WRITE) == 0)
		return c;
	client_free(c);
	return NULL;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *sa, int len, void *ctx)
{
	struct ctl *ctl = ctx;

	(void)listener;
	(void)sa;
	(void)len;
	if (ctl->n_clients == CLIENTS_MAX)
		close(fd);
	else if (client_new(ctl, fd) == NULL)
		log_warnx("ctl", "out of memory for a client");
}

static void
on_accept_error(struct evconnlistener *listener, void *ctx)
{
	static struct log_bucket bucket;
	uint32_t swallowed;

	(void)listener;
	(void)ctx;
	if (log_limited(&bucket, mono_now().us, &swallowed))
		log_warn("ctl", "accept (%u more)", swallowed);
}

struct ctl *
ctl_new(struct event_base *base, const char *path,
    const struct ctl_events *events, void *ctx, struct errmsg *why)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int fd;

	if (ctl == NULL || (ctl->path = strdup(path)) == NULL) {
		free(ctl);
		errmsg_set(why, "%s: out of memory", path);
		return NULL;
	}
	TAILQ_INIT(&ctl->clients);
	ctl->base = base;
	ctl->events = events;
	ctl->ctx = ctx;
	if ((fd = unix_listen(path, why)) == -1) {
		free(ctl->path);
		free(ctl);
		return NULL;
	}
	ctl->listener = evconnlistener_new(base, on_accept, ctl,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (ctl->listener == NULL) {
		errmsg_set(why, "%s: out of memory", path);
		close(fd);
		ctl_free(ctl);
		return NULL;
	}
	evconnlistener_set_error_cb(ctl->listener, on_accept_error);
	return ctl;
}

void
ctl_free(struct ctl *ctl)
{
	struct client *c;

	if (ctl == NULL)
		return;
	while ((c = TAILQ_FIRST(&ctl->clients)) != NULL)
		client_free(c);
	if (ctl->listener != NULL)
		evconnlistener_free(ctl->listener);
	/* May be denied to the user we have become: then the next start
	 * replaces it. */
	(void)unlink(ctl->path);
	free(ctl->path);
	free(ctl);
}

void
ctl_reply(struct ctl *ctl, uint64_t client, const struct control_reply *reply)
{
	struct client *c;

	TAILQ_FOREACH (c, &ctl->clients, entry)
		if (c->id == client) {
			client_answer(c, reply);
			return;
		}
}
