/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's server in one process with its clients: both sides are
 * driven from the same event loop, without waiting. */
#include "config.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balancer/ctl/server.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/unix_socket.h"
#include "tests/unit/unit.h"

/* A status request without an id, framed. */
static const uint8_t ask[] = {0, 0, 0, 2, 0x22, 0};

static struct event_base *base;
static struct server *server;
static char folder[64], path[96];
static int answered, departures;
static size_t reply_len;
static struct evbuffer *stream; /* of who asked last, if it stays */
static bool stays;

static int
answer(void *ctx, struct wire_request *request, struct evbuffer *out)
{
	static char text[1000];

	ck_assert_int_eq(request->kind, WIRE_STATUS);
	memset(text, 'x', sizeof(text) - 1);
	text[reply_len] = '\0';
	answered++;
	request->stays = stays;
	stream = stays ? out : NULL;
	return wire_put_refused(out, request->id, text);
}

static void
left(void *ctx, struct evbuffer *out)
{
	departures++;
	if (out == stream)
		wire_put_refused(out, 1, "the last");
	stream = NULL;
}

static void
setup(void)
{
	const struct server_handler handler = {answer, left, NULL};
	struct errmsg why;
	int fd;

	signal(SIGPIPE, SIG_IGN); /* as the balancer does */
	snprintf(folder, sizeof(folder), "/tmp/gw-server-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sock", folder);
	fd = unix_listen(path, &why);
	ck_assert_int_ne(fd, -1);
	base = event_base_new();
	server = server_new(base, fd, &handler, &why);
	ck_assert_ptr_nonnull(server);
	answered = departures = 0;
	reply_len = 2;
	stays = false;
}

static void
teardown(void)
{
	server_free(server);
	event_base_free(base);
	unlink(path);
	rmdir(folder);
}

static int
client(void)
{
	struct errmsg why;
	int fd = unix_connect(path, &why);

	ck_assert_int_ne(fd, -1);
	return fd;
}

static void
turn(int times)
{
	for (int i = 0; i < times; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* 1: bytes came, 0: cut off, -1: nothing. */
static int
hears(int fd)
{
	uint8_t got[4096];
	ssize_t n = recv(fd, got, sizeof(got), MSG_DONTWAIT);

	if (n == -1)
		return errno == EAGAIN ? -1 : 0;
	return n > 0;
}

START_TEST(one_request)
{
	int fd = client();

	ck_assert_int_eq(send(fd, ask, sizeof(ask), 0), sizeof(ask));
	turn(4);
	ck_assert_int_eq(answered, 1);
	ck_assert_int_eq(hears(fd), 1);
	close(fd);
	turn(2);
}
END_TEST

/* A message in two pieces, then many in one: every one is answered. */
START_TEST(pieces_and_bursts)
{
	uint8_t many[sizeof(ask) * 50];
	int fd = client();

	ck_assert_int_eq(send(fd, ask, 3, 0), 3);
	turn(3);
	ck_assert_int_eq(answered, 0);
	ck_assert_int_eq(send(fd, ask + 3, sizeof(ask) - 3, 0), 3);
	turn(3);
	ck_assert_int_eq(answered, 1);
	for (int i = 0; i < 50; i++)
		memcpy(many + i * (int)sizeof(ask), ask, sizeof(ask));
	ck_assert_int_eq(send(fd, many, sizeof(many), 0), sizeof(many));
	turn(40);
	ck_assert_int_eq(answered, 51);
	close(fd);
}
END_TEST

/* What is no request is refused in words; what breaks the framing ends the
 * connection, and nobody else's. */
START_TEST(garbage)
{
	static const uint8_t no_request[] = {0, 0, 0, 1, 0xff};
	int good = client(), bad = client();

	send(bad, no_request, sizeof(no_request), 0);
	turn(4);
	ck_assert_int_eq(hears(bad), 1);
	send(bad, "GET / HTTP/1.1\r\n\r\n", 18, 0);
	turn(4);
	ck_assert_int_eq(hears(bad), 0);
	send(good, ask, sizeof(ask), 0);
	turn(4);
	ck_assert_int_eq(hears(good), 1);
	close(good);
	close(bad);
}
END_TEST

START_TEST(half_closed)
{
	int fd = client();

	send(fd, ask, sizeof(ask), 0);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	turn(5);
	ck_assert_int_eq(hears(fd), 1);
	ck_assert_int_eq(hears(fd), 0);
	close(fd);
}
END_TEST

/* One who asks and asks and never listens: his replies stop piling up. */
START_TEST(never_listens)
{
	int fd = client(), before;

	reply_len = 900;
	do {
		before = answered;
		while (send(fd, ask, sizeof(ask), MSG_DONTWAIT) != -1)
			;
		turn(50);
	} while (answered != before);
	ck_assert_int_gt(answered, 100);
	ck_assert_int_lt(answered, 10000); /* 1 MiB, and the socket's own */
	/* He listens again: it goes on. */
	while (hears(fd) == 1)
		turn(1);
	turn(10);
	ck_assert_int_gt(answered, before);
	close(fd);
}
END_TEST

START_TEST(the_silent_one_makes_room)
{
	int fds[SERVER_CLIENTS_MAX + 1];

	for (int i = 0; i < SERVER_CLIENTS_MAX; i++) {
		fds[i] = client();
		turn(2);
	}
	send(fds[0], ask, sizeof(ask), 0);
	turn(4);
	fds[SERVER_CLIENTS_MAX] = client();
	turn(4);
	ck_assert_int_eq(hears(fds[0]), 1); /* it was heard of lately */
	ck_assert_int_eq(hears(fds[1]), 0);
	ck_assert_int_eq(hears(fds[2]), -1);
	send(fds[SERVER_CLIENTS_MAX], ask, sizeof(ask), 0);
	turn(4);
	ck_assert_int_eq(hears(fds[SERVER_CLIENTS_MAX]), 1);
	for (int i = 0; i <= SERVER_CLIENTS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* Without a descriptor for it a client waits, and nobody spins. */
START_TEST(no_descriptor_left)
{
	struct rlimit former, none;
	struct mono before;
	int fd = client();

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &former), 0);
	none = former;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(3);
	before = mono_now();
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_gt(mono_now().us - before.us, 100000);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &former), 0);
	send(fd, ask, sizeof(ask), 0);
	turn(6);
	ck_assert_int_eq(answered, 1);
	close(fd);
}
END_TEST

/* It gets what is put there at any time, and a last reply when it has closed
 * its side; that it leaves is said once, however it does. */
START_TEST(stays_for_more)
{
	int fd = client();

	stays = true;
	send(fd, ask, sizeof(ask), 0);
	turn(4);
	ck_assert_int_eq(hears(fd), 1);
	for (int i = 0; i < 3; i++) {
		wire_put_refused(stream, 1, "more");
		turn(2);
		ck_assert_int_eq(hears(fd), 1);
	}
	ck_assert_int_eq(departures, 0);
	if (_i == 0) {
		shutdown(fd, SHUT_WR);
		turn(4);
		ck_assert_int_eq(departures, 1);
		ck_assert_int_eq(hears(fd), 1);
		ck_assert_int_eq(hears(fd), 0);
	} else if (_i == 1) {
		wire_put_refused(stream, 1, "not taken");
		server_free(server);
		server = NULL;
		ck_assert_int_eq(departures, 1);
	}
	close(fd);
	turn(4);
	ck_assert_int_eq(departures, 1);
	ck_assert_ptr_null(stream);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("server");
	TCase *tc = tcase_create("server");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_request);
	tcase_add_test(tc, pieces_and_bursts);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, half_closed);
	tcase_add_test(tc, never_listens);
	tcase_add_test(tc, the_silent_one_makes_room);
	tcase_add_test(tc, no_descriptor_left);
	tcase_add_loop_test(tc, stays_for_more, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
