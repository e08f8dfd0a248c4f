/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/unix_link.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/unix_socket.h"

/* In one turn of the loop; everything else waits meanwhile. */
#define FRAMES_PER_TURN 8

struct unix_link {
	struct event_base *base;
	char *path;
	const struct unix_link_events *events;
	void *ctx;
	struct bufferevent *bev; /* NULL: not connected */
};

struct unix_link *
unix_link_new(struct event_base *base, const char *path,
    const struct unix_link_events *events, void *ctx)
{
	struct unix_link *link = calloc(1, sizeof(*link));

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
unix_link_free(struct unix_link *link)
{
	if (link == NULL)
		return;
	unix_link_hangup(link);
	free(link->path);
	free(link);
}

void
unix_link_hangup(struct unix_link *link)
{
	if (link->bev != NULL)
		bufferevent_free(link->bev);
	link->bev = NULL;
}

static void
lost(struct unix_link *link, const char *why)
{
	unix_link_hangup(link);
	link->events->lost(link->ctx, why);
}

/* Takes whole frames out of the input. The callback may hang up, which frees
 * it. */
static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct unix_link *link = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	enum frame_result result = FRAME_SHORT;
	const uint8_t *data;
	struct errmsg why;
	size_t len;
	int r;

	for (int i = 0; i < FRAMES_PER_TURN; i++) {
		result = frame_next(in, &data, &len, &why);
		if (result != FRAME_OK)
			break;
		r = link->events->frame(link->ctx, data, len, &why);
		if (link->bev != bev)
			return;
		frame_done(in, len);
		if (r == -1) {
			lost(link, why.text);
			return;
		}
	}
	if (result == FRAME_BAD)
		lost(link, why.text);
	else if (result == FRAME_OK)
		bufferevent_trigger(bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct unix_link *link = ctx;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		lost(link, "it closed the connection");
	else
		lost(
		    link, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

int
unix_link_dial(struct unix_link *link, struct errmsg *why)
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
		unix_link_hangup(link);
		return errmsg_set(why, "%s: out of memory", link->path);
	}
	return 0;
}

struct evbuffer *
unix_link_output(struct unix_link *link)
{
	return link->bev != NULL ? bufferevent_get_output(link->bev) : NULL;
}
