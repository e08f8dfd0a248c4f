/* SPDX-License-Identifier: Apache-2.0 */
/* Holds many TCP connections open with traffic on all of them, and counts those
 * that break: HTTP requests one after another on each, whose answers must be
 * whole, in time, and from the backend that answered first.
 *
 *	hold [-i MS] [-s SECONDS] CONNECTIONS ADDRESS PORT [ADDRESS PORT]...
 *
 * The connections are spread over the addresses. "open N" is printed when all
 * have had an answer; at the end (-s, SIGTERM or SIGINT) one line of JSON. Exit
 * status 0: none broke. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TARGETS_MAX  8
#define NAME_MAX_LEN 64
#define REQUEST      "GET / HTTP/1.1\r\nHost: vip\r\n\r\n"
/* TCP repeats what is lost; this is more than a few repetitions take. */
#define ANSWER_S 15

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
};

struct connection {
	struct hold *hold;
	struct bufferevent *bev; /* NULL: broken */
	struct event *next;      /* when the next request is due */
	char backend[NAME_MAX_LEN];
};

struct hold {
	struct event_base *base;
	struct target targets[TARGETS_MAX];
	size_t n_targets;
	struct connection *connections;
	size_t n, answered, broken;
	unsigned long requests;
	struct timeval interval;
	char first_fault[128];
};

static void
die(const char *what)
{
	fprintf(stderr, "hold: %s\n", what);
	exit(2);
}

static void
broken(struct connection *c, const char *why)
{
	struct hold *h = c->hold;

	bufferevent_free(c->bev);
	c->bev = NULL;
	evtimer_del(c->next);
	if (h->broken++ == 0)
		snprintf(h->first_fault, sizeof(h->first_fault), "%s", why);
}

static void
ask(evutil_socket_t fd, short what, void *ctx)
{
	struct connection *c = ctx;
	const struct timeval patience = {ANSWER_S, 0};

	(void)fd;
	(void)what;
	bufferevent_set_timeouts(c->bev, &patience, &patience);
	if (bufferevent_write(c->bev, REQUEST, strlen(REQUEST)) == -1)
		die("out of memory");
}

static void
answered(struct connection *c, const char *body, size_t len)
{
	struct hold *h = c->hold;

	h->requests++;
	if (len == 0 || len >= sizeof(c->backend)) {
		broken(c, "an answer of another kind");
		return;
	}
	if (c->backend[0] == '\0') {
		memcpy(c->backend, body, len);
		if (++h->answered == h->n) {
			printf("open %zu\n", h->n);
			fflush(stdout);
		}
	} else if (strlen(c->backend) != len ||
	    memcmp(c->backend, body, len) != 0) {
		broken(c, "another backend answered");
		return;
	}
	bufferevent_set_timeouts(c->bev, NULL, NULL);
	evtimer_add(c->next, &h->interval);
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
	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		ask(-1, 0, ctx);
	else if (what & BEV_EVENT_TIMEOUT)
		broken(ctx, "no answer in time");
	else if (what & BEV_EVENT_EOF)
		broken(ctx, "closed by the server");
	else
		broken(ctx, strerror(EVUTIL_SOCKET_ERROR()));
}

static void
open_one(struct hold *h, size_t i)
{
	struct connection *c = &h->connections[i];
	struct target *t = &h->targets[i % h->n_targets];

	c->hold = h;
	c->next = evtimer_new(h->base, ask, c);
	c->bev = bufferevent_socket_new(h->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (c->next == NULL || c->bev == NULL)
		die("out of memory");
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(
		c->bev, (struct sockaddr *)&t->addr, (int)t->len) == -1)
		die("cannot connect at all");
}

static void
on_end(evutil_socket_t fd, short what, void *ctx)
{
	struct hold *h = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(h->base);
}

static void
add_target(struct hold *h, const char *address, const char *port)
{
	struct target *t = &h->targets[h->n_targets++];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t->addr;
	uint16_t port_be = htons((uint16_t)atoi(port));

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port_be;
		t->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port_be;
		t->len = sizeof(*v6);
	} else {
		die("an address must be IPv4 or IPv6");
	}
}

static void
parse(struct hold *h, int argc, char **argv, struct timeval *end)
{
	int option;

	while ((option = getopt(argc, argv, "i:s:")) != -1) {
		if (option == 'i')
			h->interval = (struct timeval){
			    atoi(optarg) / 1000, atoi(optarg) % 1000 * 1000};
		else if (option == 's')
			end->tv_sec = atoi(optarg);
		else
			exit(2);
	}
	argc -= optind;
	argv += optind;
	if (argc < 3 || argc % 2 == 0 || argc > 1 + 2 * TARGETS_MAX ||
	    atoi(argv[0]) < 1)
		die("usage: hold [-i MS] [-s SECONDS] CONNECTIONS ADDRESS PORT "
		    "[ADDRESS PORT]...");
	h->n = (size_t)atoi(argv[0]);
	for (int i = 1; i < argc; i += 2)
		add_target(h, argv[i], argv[i + 1]);
}

static void
run(struct hold *h, const struct timeval *end)
{
	struct event *events[3] = {
	    evsignal_new(h->base, SIGTERM, on_end, h),
	    evsignal_new(h->base, SIGINT, on_end, h),
	    evtimer_new(h->base, on_end, h),
	};

	for (int i = 0; i < 3; i++) {
		if (events[i] == NULL)
			die("out of memory");
		if (i < 2 || end->tv_sec > 0)
			event_add(events[i], i < 2 ? NULL : end);
	}
	for (size_t i = 0; i < h->n; i++)
		open_one(h, i);
	event_base_dispatch(h->base);
	for (int i = 0; i < 3; i++)
		event_free(events[i]);
}

int
main(int argc, char **argv)
{
	struct hold h = {.interval = {0, 100000}};
	struct timeval end = {0, 0};

	signal(SIGPIPE, SIG_IGN);
	parse(&h, argc, argv, &end);
	h.base = event_base_new();
	h.connections = calloc(h.n, sizeof(*h.connections));
	if (h.base == NULL || h.connections == NULL)
		die("out of memory");
	run(&h, &end);
	printf("{\"connections\": %zu, \"answered\": %zu, \"requests\": %lu, "
	       "\"broken\": %zu, \"first_fault\": \"%s\"}\n",
	    h.n, h.answered, h.requests, h.broken, h.first_fault);
	for (size_t i = 0; i < h.n; i++) {
		if (h.connections[i].bev != NULL)
			bufferevent_free(h.connections[i].bev);
		event_free(h.connections[i].next);
	}
	free(h.connections);
	event_base_free(h.base);
	return h.broken == 0 && h.answered == h.n ? 0 : 1;
}
