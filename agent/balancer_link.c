/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/balancer_link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/balancer_wire.h"
#include "common/frame.h"
#include "common/unix_socket.h"

struct balancer_link {
	struct event_base *base;
	char *path;
	const struct balancer_link_events *events;
	void *ctx;
	struct bufferevent *bev; /* NULL: not connected */
};

struct balancer_link *
balancer_link_new(struct event_base *base, const char *path,
    const struct balancer_link_events *events, void *ctx)
{
	struct balancer_link *link = calloc(1, sizeof(*link));

	if (link == NULL || (link->path = strdup(path)) == NULL) {
		free(link);
		return NULL;
	}
	link->base = base;
	link->events = events;
	link->ctx = ctx;
	return link;
}

void
balancer_link_free(struct balancer_link *link)
{
	if (link == NULL)
		return;
	balancer_link_hangup(link);
	free(link->path);
	free(link);
}

void
balancer_link_hangup(struct balancer_link *link)
{
	if (link->bev != NULL)
		bufferevent_free(link->bev);
	link->bev = NULL;
}

static void
lost(struct balancer_link *link, const char *why)
{
	balancer_link_hangup(link);
	link->events->lost(link->ctx, why);
}

/* Takes every whole reply out of the input. The callback may hang up, which
 * frees the input. */
static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct balancer_link *link = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	enum frame_result result;
	struct balancer_reply *reply;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	while ((result = frame_next(in, &data, &len, &why)) == FRAME_OK) {
		reply = balancer_wire_reply(data, len, &why);
		frame_done(in, len);
		if (reply == NULL) {
			lost(link, why.text);
			return;
		}
		link->events->reply(link->ctx, reply);
		if (link->bev != bev)
			return;
	}
	if (result == FRAME_BAD)
		lost(link, why.text);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct balancer_link *link = ctx;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		lost(link, "it closed the connection");
	else
		lost(link, strerror(EVUTIL_SOCKET_ERROR()));
}

int
balancer_link_dial(struct balancer_link *link, struct errmsg *why)
{
	int fd = unix_connect(link->path, why);

	if (fd == -1)
		return -1;
	link->bev = bufferevent_socket_new(
	    link->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (link->bev == NULL) {
		close(fd);
		return errmsg_set(why, "%s: out of memory", link->path);
	}
	bufferevent_setcb(link->bev, on_read, NULL, on_event, link);
	if (bufferevent_enable(link->bev, EV_READ | EV_WRITE) == -1) {
		balancer_link_hangup(link);
		return errmsg_set(why, "%s: out of memory", link->path);
	}
	return 0;
}

static struct evbuffer *
output(struct balancer_link *link)
{
	return link->bev != NULL ? bufferevent_get_output(link->bev) : NULL;
}

int
balancer_link_install(
    struct balancer_link *link, uint64_t id, const struct forwarding *state)
{
	struct evbuffer *out = output(link);

	return out != NULL ? balancer_wire_install(out, id, state) : -1;
}

int
balancer_link_status(struct balancer_link *link, uint64_t id, bool read_back)
{
	struct evbuffer *out = output(link);

	return out != NULL ? balancer_wire_status(out, id, read_back) : -1;
}

int
balancer_link_ping(struct balancer_link *link, uint64_t id)
{
	struct evbuffer *out = output(link);

	return out != NULL ? balancer_wire_ping(out, id) : -1;
}

int
balancer_link_trace(
    struct balancer_link *link, uint64_t id, const struct trace_query *query)
{
	struct evbuffer *out = output(link);

	return out != NULL ? balancer_wire_trace(out, id, query) : -1;
}
