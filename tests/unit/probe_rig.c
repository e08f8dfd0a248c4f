/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/probe_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void
on_result(void *ctx, uint64_t id, enum probe_result result, const char *why)
{
	struct rig *rig = ctx;
	struct rig_result *r = &rig->results[id];

	ck_assert_uint_lt(id, RIG_IDS);
	r->n++;
	r->result = result;
	snprintf(r->why, sizeof(r->why), "%s", why);
	ck_assert_ptr_null(strchr(why, '\n'));
	ck_assert((result == PROBE_OK) == (why[0] == '\0'));
	rig->n_results++;
	if (rig->cancel != 0) {
		prober_cancel(rig->prober, rig->cancel);
		rig->cancel = 0;
	}
}

void
rig_open(struct rig *rig)
{
	struct errmsg why = {""};

	memset(rig, 0, sizeof(*rig));
	rig->base = event_base_new();
	rig->prober = prober_new(rig->base, on_result, rig, &why);
	ck_assert_msg(rig->prober != NULL, "%s", why.text);
}

void
rig_close(struct rig *rig)
{
	prober_free(rig->prober);
	event_base_free(rig->base);
	libevent_global_shutdown();
}

struct health_check
rig_check(enum check_kind kind, uint16_t port)
{
	struct health_check c;

	health_check_init(&c, kind);
	c.port = port;
	c.interval_ms = c.timeout_ms = 20000;
	if (kind == CHECK_UDP)
		snprintf(c.send, sizeof(c.send), "ping");
	if (kind == CHECK_DNS)
		snprintf(c.host, sizeof(c.host), "www.Example.com");
	ck_assert_int_eq(health_check_validate(&c, NULL), 0);
	return c;
}

void
rig_start(struct rig *rig, uint64_t id, const struct health_check *check,
    const char *to)
{
	struct probe_target target = {.check = check};
	size_t before = rig->n_results;

	ck_assert_int_eq(addr_parse(&target.backend, to), 0);
	ck_assert_int_eq(prober_start(rig->prober, id, &target), 0);
	ck_assert_uint_eq(rig->n_results, before);
}

static void
on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	*(bool *)ctx = true;
}

void
rig_until(struct rig *rig, size_t n_results, unsigned ms)
{
	const struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
	bool late = false;
	struct event *deadline = evtimer_new(rig->base, on_deadline, &late);

	evtimer_add(deadline, &tv);
	while (rig->n_results < n_results && !late)
		event_base_loop(rig->base, EVLOOP_ONCE);
	event_free(deadline);
}

const struct rig_result *
rig_run(struct rig *rig, const struct health_check *check, const char *to)
{
	static uint64_t id = 1;

	rig_start(rig, ++id, check, to);
	rig_until(rig, rig->n_results + 1, 30000);
	rig_until(rig, SIZE_MAX, 10); /* nothing more comes */
	ck_assert_uint_eq(rig->results[id].n, 1);
	return &rig->results[id];
}

void
rig_expect(struct rig *rig, const struct health_check *check, const char *to,
    enum probe_result result, const char *why)
{
	const struct rig_result *r = rig_run(rig, check, to);

	ck_assert_str_eq(r->why, why);
	ck_assert_int_eq(r->result, result);
}

/* One connection of a server. */
struct conn {
	struct server *server;
	struct event *event;
	size_t said;
};

static void
conn_free(struct conn *c)
{
	evutil_socket_t fd = event_get_fd(c->event);

	event_free(c->event);
	close(fd);
	free(c);
}

static void on_conn(evutil_socket_t fd, short what, void *ctx);

static void
conn_wait(struct conn *c, evutil_socket_t fd, short what, unsigned ms)
{
	const struct timeval tv = {0, (suseconds_t)ms * 1000};

	if (c->event != NULL)
		event_del(c->event);
	else
		c->event = event_new(
		    c->server->rig->base, fd, what, on_conn, c);
	event_assign(c->event, c->server->rig->base, fd, what, on_conn, c);
	event_add(c->event, ms > 0 ? &tv : NULL);
}

/* false: it is over. */
static bool
conn_say(struct conn *c, evutil_socket_t fd)
{
	const struct server *s = c->server;
	size_t n = s->len - c->said;

	if (s->piece > 0 && n > s->piece)
		n = s->piece;
	if (n > 0 && send(fd, s->reply + c->said, n, MSG_NOSIGNAL) == -1)
		return errno == EAGAIN;
	c->said += n;
	if (c->said == s->len && s->endless)
		c->said = 0;
	return c->said < s->len || !s->hang_up;
}

static void
on_conn(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;
	struct server *s = c->server;
	char data[4096];

	if ((what & EV_READ) != 0) {
		if (recv(fd, data, sizeof(data), 0) <= 0) {
			conn_free(c);
			return;
		}
		s->asked++;
	}
	if (!conn_say(c, fd)) {
		conn_free(c);
		return;
	}
	if (c->said < s->len && s->reply != NULL)
		conn_wait(c, fd, s->piece > 0 ? EV_READ : EV_WRITE | EV_READ,
		    s->piece > 0 ? 1 : 0);
	else
		conn_wait(c, fd, EV_READ, 0);
}

static void
on_accept(evutil_socket_t fd, short what, void *ctx)
{
	struct server *s = ctx;
	int new = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c;

	(void)what;
	if (new == -1)
		return;
	s->accepted++;
	c = calloc(1, sizeof(*c));
	c->server = s;
	conn_wait(c, new, s->first ? EV_WRITE : EV_READ, 0);
}

static void
on_datagram(evutil_socket_t fd, short what, void *ctx)
{
	struct server *s = ctx;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t data[1024];
	ssize_t n = recvfrom(
	    fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len);

	(void)what;
	ck_assert_int_gt(n, 0);
	s->asked++;
	if ((n = (ssize_t)s->answer(s, data, (size_t)n)) > 0)
		(void)sendto(
		    fd, data, (size_t)n, 0, (struct sockaddr *)&from, from_len);
}

static void
server_open(struct server *s, struct rig *rig, int type)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	memset(s, 0, sizeof(*s));
	s->rig = rig;
	s->fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(s->fd, -1);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&in, &len), 0);
	s->port = ntohs(in.sin_port);
	s->event = event_new(rig->base, s->fd, EV_READ | EV_PERSIST,
	    type == SOCK_STREAM ? on_accept : on_datagram, s);
	event_add(s->event, NULL);
}

void
server_tcp(struct server *s, struct rig *rig, const char *reply)
{
	server_open(s, rig, SOCK_STREAM);
	ck_assert_int_eq(listen(s->fd, 4096), 0);
	s->reply = reply;
	s->len = reply != NULL ? strlen(reply) : 0;
}

void
server_udp(struct server *s, struct rig *rig,
    size_t (*answer)(struct server *, uint8_t *, size_t))
{
	server_open(s, rig, SOCK_DGRAM);
	s->answer = answer;
}

/* Connections end when their other end is gone, in the loop's next turns. */
void
server_close(struct server *s)
{
	rig_until(s->rig, SIZE_MAX, 20);
	event_free(s->event);
	close(s->fd);
}
