/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/hold.h"

/* They are opened so many at a time, every so often: a listener's queue is
 * short. */
#define OPEN_AT_ONCE  40
#define OPEN_EVERY_US 10000

struct connection {
	struct flow flow;
	struct bufferevent *bev; /* NULL: not open, or broken */
	struct event *next;      /* when the next request is due */
	bool fresh;              /* one request, and it ends */
};

static struct hold *hold;
static struct connection *connections;
static struct event *opening, *renewing;
static size_t n_open;
static uint64_t n_fresh;

static void
end_connection(struct connection *c)
{
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	c->bev = NULL;
	if (c->next != NULL)
		event_free(c->next);
	c->next = NULL;
	if (c->fresh)
		free(c);
}

static void
broken(struct connection *c, const char *why)
{
	hold_broken(&c->flow, why);
	end_connection(c);
}

static void
ask(evutil_socket_t fd, short what, void *ctx)
{
	struct connection *c = ctx;
	const struct timeval patience = {ANSWER_S, 0};
	char token[TOKEN_LEN + 1];

	(void)fd;
	(void)what;
	hold_token(&c->flow, token);
	bufferevent_set_timeouts(c->bev, &patience, &patience);
	if (evbuffer_add_printf(bufferevent_get_output(c->bev),
		"GET /echo?%s HTTP/1.1\r\nHost: vip\r\n\r\n", token) == -1)
		hold_die("out of memory");
}

static void
answered(struct connection *c, const char *body, size_t len)
{
	/* Without the line's end. */
	const char *why = hold_answer(&c->flow, body, len == 0 ? 0 : len - 1);

	if (why != NULL) {
		broken(c, why);
		return;
	}
	if (c->fresh) {
		end_connection(c);
		return;
	}
	bufferevent_set_timeouts(c->bev, NULL, NULL);
	evtimer_add(c->next, &hold->interval);
}

/* One answer at a time, as there is one request at a time. */
static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct connection *c = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(in), body_len;
	char text[2048], *body, *length;

	if (len >= sizeof(text)) {
		broken(c, "an answer of another kind");
		return;
	}
	evbuffer_copyout(in, text, len);
	text[len] = '\0';
	if ((body = strstr(text, "\r\n\r\n")) == NULL)
		return;
	body += 4;
	length = strstr(text, "Content-Length: ");
	if (strncmp(text, "HTTP/1.1 200 ", 13) != 0 || length == NULL) {
		broken(c, "an answer of another kind");
		return;
	}
	body_len = strtoul(length + 16, NULL, 10);
	if (len < (size_t)(body - text) + body_len)
		return;
	evbuffer_drain(in, len);
	answered(c, body, body_len);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct connection *c = ctx;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		ask(-1, 0, c);
	else if (what & BEV_EVENT_TIMEOUT)
		broken(c, "no answer in time");
	else if (what & BEV_EVENT_EOF)
		broken(c, "closed by the server");
	else
		broken(c, strerror(EVUTIL_SOCKET_ERROR()));
}

/* Bound without a port: that is chosen when it is known where to. */
static evutil_socket_t
socket_for(const struct target *to, const struct target *from)
{
	int fd = socket(
	    to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd == -1)
		hold_die("no more sockets");
	if (from == NULL)
		return fd;
	(void)setsockopt(
	    fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&from->addr, from->len) == -1)
		hold_die("cannot send from such an address");
	return fd;
}

static void
open_connection(struct connection *c, struct tally *tally, uint64_t number)
{
	const struct target *to = &hold->targets[number % hold->n_targets];
	const struct timeval patience = {ANSWER_S, 0};
	evutil_socket_t fd = socket_for(
	    to, hold_source(hold, to, number / hold->n_targets));

	hold_begin(&c->flow, hold, tally, number);
	c->next = evtimer_new(hold->base, ask, c);
	c->bev = bufferevent_socket_new(hold->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->next == NULL || c->bev == NULL)
		hold_die("out of memory");
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	bufferevent_set_timeouts(c->bev, &patience, &patience);
	if (bufferevent_socket_connect(
		c->bev, (const struct sockaddr *)&to->addr, (int)to->len) == -1)
		hold_die("cannot connect at all");
}

static void
open_some(evutil_socket_t fd, short what, void *ctx)
{
	for (int i = 0; i < OPEN_AT_ONCE && n_open < hold->tcp.n; i++) {
		open_connection(&connections[n_open], &hold->tcp, n_open);
		n_open++;
	}
	if (n_open == hold->tcp.n)
		event_del(opening);
}

static void
open_fresh(evutil_socket_t fd, short what, void *ctx)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		hold_die("out of memory");
	c->fresh = true;
	hold->fresh.n++;
	open_connection(c, &hold->fresh, n_fresh++);
}

static struct event *
repeat(event_callback_fn what, long every_us)
{
	const struct timeval every = {every_us / 1000000, every_us % 1000000};
	struct event *event = event_new(hold->base, -1, EV_PERSIST, what, NULL);

	if (event == NULL || event_add(event, &every) == -1)
		hold_die("out of memory");
	return event;
}

void
hold_tcp(struct hold *h, size_t n)
{
	hold = h;
	h->tcp.n = n;
	if ((connections = calloc(n + 1, sizeof(*connections))) == NULL)
		hold_die("out of memory");
	if (n > 0)
		opening = repeat(open_some, OPEN_EVERY_US);
	if (h->new_per_s > 0)
		renewing = repeat(open_fresh, 1000000 / h->new_per_s);
}

void
hold_tcp_end(void)
{
	for (size_t i = 0; i < hold->tcp.n; i++)
		end_connection(&connections[i]);
	free(connections);
	if (opening != NULL)
		event_free(opening);
	if (renewing != NULL)
		event_free(renewing);
}
