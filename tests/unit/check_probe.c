/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/dns_message.h"
#include "common/mono.h"
#include "tests/unit/probe_rig.h"
#include "tests/unit/unit.h"

#define HERE      "127.0.0.1"
#define OK_200    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define MANY      2000
#define MANY_FDS  (3 * MANY) /* both ends of each, and some */
#define NOT_BEGUN "an answer of %d bytes that does not begin as expected"

static struct rig *rig;
static struct server server;

static void
setup(void)
{
	static struct rig the_rig;

	rig = &the_rig;
	rig_open(rig);
}

static void
teardown(void)
{
	rig_close(rig);
}

/* clang-format off */
static const struct {
	const char *reply;
	size_t piece;
	bool hang_up, endless, first;
	enum probe_result result;
	const char *why;
} http_rows[] = {
	{OK_200, 0, true, false, false, PROBE_OK, ""},
	{OK_200, 0, false, false, false, PROBE_OK, ""},
	{OK_200, 1, false, false, false, PROBE_OK, ""},
	{OK_200, 5, true, false, false, PROBE_OK, ""},
	{"HTTP/1.0 399\r\n", 0, false, false, false, PROBE_OK, ""},
	{"HTTP/1.1 400 Bad\r\n", 0, false, false, false, PROBE_FAILED,
	    "status 400"},
	{"HTTP/1.1 503 No\r\n", 7, true, false, false, PROBE_FAILED,
	    "status 503"},
	{"HTTP/1.1 199 \r\n\r\n" OK_200, 0, true, false, false, PROBE_OK, ""},
	{"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 500 No\r\n", 3, true,
	    false, false, PROBE_FAILED, "status 500"},
	{"HTTP/1.1 101 No\r\n", 0, true, false, false, PROBE_FAILED,
	    "status 101"},
	{"SSH-2.0-x\r\n", 0, false, false, true, PROBE_FAILED,
	    "the answer is not HTTP"},
	{"\x01\xff\x80 and so on", 0, false, true, true, PROBE_FAILED,
	    "the answer is not HTTP"},
	{"", 0, true, false, false, PROBE_FAILED, "connection closed without "
	    "an answer"},
	{"HTTP/1.1 20", 0, true, false, false, PROBE_FAILED, "connection "
	    "closed without an answer"},
	{"HTTP/1.1 100 Continue\r\n\r\n", 0, false, true, false, PROBE_FAILED,
	    "no status in 8192 bytes"},
	{OK_200 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0, false, true,
	    false, PROBE_OK, ""},
};
/* clang-format on */

START_TEST(http)
{
	struct health_check c;

	server_tcp(&server, rig, http_rows[_i].reply);
	server.piece = http_rows[_i].piece;
	server.hang_up = http_rows[_i].hang_up;
	server.endless = http_rows[_i].endless;
	server.first = http_rows[_i].first;
	c = rig_check(CHECK_HTTP, server.port);
	rig_expect(rig, &c, HERE, http_rows[_i].result, http_rows[_i].why);
	server_close(&server);
}
END_TEST

START_TEST(tcp)
{
	struct health_check c;
	size_t before;
	int64_t begun;

	server_tcp(&server, rig, NULL);
	c = rig_check(CHECK_TCP, server.port);
	/* The kernel waits 0.2 s at most for what we have to say first: where
	 * that may have been too short, on a busy machine, it does not count.
	 */
	do {
		begun = mono_now().us;
		before = server.accepted;
		rig_expect(rig, &c, HERE, PROBE_OK, "");
		rig_until(rig, SIZE_MAX, 20);
	} while (mono_now().us - begun > 150000);
	ck_assert_msg(server.accepted == before, "the server was bothered");
	server_close(&server);
	rig_expect(rig, &c, HERE, PROBE_FAILED, "connection refused");
	c.kind = CHECK_HTTP;
	rig_expect(rig, &c, HERE, PROBE_FAILED, "connection refused");
}
END_TEST

/* A listener whose queue is full takes no more connections. */
START_TEST(tcp_full)
{
	struct health_check c;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fds[8];

	server_tcp(&server, rig, NULL);
	event_del(server.event);
	ck_assert_int_eq(listen(server.fd, 1), 0);
	getsockname(server.fd, (struct sockaddr *)&ss, &len);
	for (size_t i = 0; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&ss, len);
	}
	c = rig_check(CHECK_TCP, server.port);
	c.timeout_ms = 200;
	rig_expect(rig, &c, HERE, PROBE_FAILED, "no connection in 200 ms");
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
	server_close(&server);
}
END_TEST

START_TEST(silent)
{
	struct health_check c;

	server_tcp(&server, rig, NULL);
	c = rig_check(CHECK_HTTP, server.port);
	c.timeout_ms = 100;
	rig_expect(rig, &c, HERE, PROBE_FAILED, "no answer in 100 ms");
	c.kind = CHECK_HTTPS;
	rig_expect(rig, &c, HERE, PROBE_FAILED, "no TLS handshake in 100 ms");
	/* Slower than the timeout: the status comes after it. */
	server.reply = OK_200;
	server.len = strlen(OK_200);
	server.piece = 1;
	c.kind = CHECK_HTTP;
	c.timeout_ms = 10;
	rig_expect(rig, &c, HERE, PROBE_FAILED, "no answer in 10 ms");
	server_close(&server);
}
END_TEST

START_TEST(plain_server_asked_for_tls)
{
	struct health_check c;
	const struct rig_result *r;

	server_tcp(&server, rig, "HTTP/1.1 400 Bad Request\r\n\r\n");
	c = rig_check(CHECK_HTTPS, server.port);
	r = rig_run(rig, &c, HERE);
	ck_assert_int_eq(r->result, PROBE_FAILED);
	ck_assert_str_eq(r->why, "TLS handshake: wrong version number");
	server.len = 0;
	server.hang_up = true;
	r = rig_run(rig, &c, HERE);
	ck_assert_int_eq(r->result, PROBE_FAILED);
	ck_assert_str_eq(r->why, "TLS handshake: unexpected eof while reading");
	server_close(&server);
}
END_TEST

static size_t
echo(struct server *s, uint8_t *data, size_t len)
{
	(void)s;
	(void)data;
	return len;
}

static size_t
nothing(struct server *s, uint8_t *data, size_t len)
{
	(void)s;
	(void)data;
	(void)len;
	return 0;
}

START_TEST(udp)
{
	struct health_check c;
	char why[64];

	server_udp(&server, rig, echo);
	c = rig_check(CHECK_UDP, server.port);
	rig_expect(rig, &c, HERE, PROBE_OK, "");
	strcpy(c.expect, "pi");
	rig_expect(rig, &c, HERE, PROBE_OK, "");
	strcpy(c.expect, "ping");
	rig_expect(rig, &c, HERE, PROBE_OK, "");
	snprintf(why, sizeof(why), NOT_BEGUN, 4);
	strcpy(c.expect, "pings");
	rig_expect(rig, &c, HERE, PROBE_FAILED, why);
	strcpy(c.expect, "o");
	rig_expect(rig, &c, HERE, PROBE_FAILED, why);
	memset(c.send, 0xff, CHECK_TEXT_MAX - 1);
	snprintf(why, sizeof(why), NOT_BEGUN, CHECK_TEXT_MAX - 1);
	rig_expect(rig, &c, HERE, PROBE_FAILED, why);
	server.answer = nothing;
	c.timeout_ms = 50;
	rig_expect(rig, &c, HERE, PROBE_FAILED, "no answer in 50 ms");
	server_close(&server);
	c.port = 1; /* none that a socket of ours could be given */
	rig_expect(rig, &c, HERE, PROBE_FAILED, "connection refused");
}
END_TEST

/* The RCODE that is `code`; below 0 what is no answer. */
static size_t
answer_dns(struct server *s, uint8_t *data, size_t len)
{
	if (s->code == -4)
		return len; /* a query */
	data[2] |= 0x80;
	data[3] = (uint8_t)(s->code & 0xf);
	if (s->code == -1)
		data[0] ^= 1; /* another's */
	else if (s->code == -2)
		return 11; /* cut */
	else if (s->code == -3)
		data[13] ^= 1; /* to another question */
	else if (s->code == -5)
		data[13] ^= 0x20; /* the name in another case */
	if (s->code < 0)
		data[3] = 0;
	return len;
}

/* clang-format off */
static const struct {
	int code;
	enum probe_result result;
	const char *why;
} dns_rows[] = {
	{0, PROBE_OK, ""},
	{-5, PROBE_OK, ""},
	{1, PROBE_FAILED, "the answer is FORMERR"},
	{2, PROBE_FAILED, "the answer is SERVFAIL"},
	{3, PROBE_FAILED, "the answer is NXDOMAIN"},
	{5, PROBE_FAILED, "the answer is REFUSED"},
	{15, PROBE_FAILED, "the answer is RCODE 15"},
	{-1, PROBE_FAILED, "no answer in 50 ms"},
	{-2, PROBE_FAILED, "no answer in 50 ms"},
	{-3, PROBE_FAILED, "no answer in 50 ms"},
	{-4, PROBE_FAILED, "no answer in 50 ms"},
};
/* clang-format on */

START_TEST(dns)
{
	struct health_check c;

	server_udp(&server, rig, answer_dns);
	server.code = dns_rows[_i].code;
	c = rig_check(CHECK_DNS, server.port);
	if (server.code < 0 && dns_rows[_i].result != PROBE_OK)
		c.timeout_ms = 50;
	rig_expect(rig, &c, HERE, dns_rows[_i].result, dns_rows[_i].why);
	server_close(&server);
}
END_TEST

START_TEST(icmp)
{
	struct health_check c = rig_check(CHECK_ICMP, 0);
	const struct rig_result *r;

	if (geteuid() != 0) {
		r = rig_run(rig, &c, HERE);
		ck_assert_int_eq(r->result, PROBE_UNABLE);
		ck_assert_ptr_nonnull(strstr(r->why, "CAP_NET_RAW"));
		return;
	}
	rig_expect(rig, &c, HERE, PROBE_OK, "");
	rig_expect(rig, &c, "127.0.0.99", PROBE_OK, "");
	for (uint64_t id = 100; id < 100 + 500; id++)
		rig_start(rig, id, &c, HERE);
	rig_until(rig, 502, 20000);
	for (uint64_t id = 100; id < 100 + 500; id++)
		ck_assert_int_eq(rig->results[id].result, PROBE_OK);
}
END_TEST

START_TEST(icmp6)
{
	struct health_check c = rig_check(CHECK_ICMP, 0);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (geteuid() == 0 && fd != -1 &&
	    access("/proc/sys/net/ipv6/conf/lo", F_OK) == 0)
		rig_expect(rig, &c, "::1", PROBE_OK, "");
	close(fd);
}
END_TEST

static void
expect_nothing_more(uint64_t id)
{
	size_t before = rig->n_results;

	prober_cancel(rig->prober, id);
	rig_until(rig, SIZE_MAX, 30);
	ck_assert_uint_eq(rig->n_results, before);
	ck_assert_uint_eq(rig->results[id].n, 0);
	prober_cancel(rig->prober, id); /* no such one: ignored */
}

/* At once, when the server has the connection, the request, half an answer. */
START_TEST(cancel)
{
	struct health_check c;

	server_tcp(&server, rig, NULL);
	c = rig_check(CHECK_HTTP, server.port);
	rig_start(rig, 1, &c, HERE);
	expect_nothing_more(1);
	rig_start(rig, 2, &c, HERE);
	while (server.accepted < 1)
		event_base_loop(rig->base, EVLOOP_ONCE);
	expect_nothing_more(2);
	rig_start(rig, 3, &c, HERE);
	while (server.asked < 1)
		event_base_loop(rig->base, EVLOOP_ONCE);
	expect_nothing_more(3);
	server.reply = "HTTP/1.1";
	server.len = 8;
	rig_start(rig, 4, &c, HERE);
	while (server.asked < 2)
		event_base_loop(rig->base, EVLOOP_ONCE);
	rig_until(rig, SIZE_MAX, 10);
	expect_nothing_more(4);
	c.kind = CHECK_HTTPS;
	rig_start(rig, 5, &c, HERE);
	while (server.asked < 3)
		event_base_loop(rig->base, EVLOOP_ONCE);
	expect_nothing_more(5);
	server_close(&server);
	/* Its result is settled already. */
	c.kind = CHECK_TCP;
	rig_start(rig, 6, &c, HERE);
	expect_nothing_more(6);
}
END_TEST

/* From inside the result of another, that one's result waiting as well. */
START_TEST(cancel_inside)
{
	struct health_check c = rig_check(CHECK_TCP, 1);

	rig_start(rig, 1, &c, HERE);
	rig_start(rig, 2, &c, HERE);
	rig->cancel = 2;
	rig_until(rig, 1, 1000);
	expect_nothing_more(2);
	ck_assert_uint_eq(rig->results[1].n, 1);
	rig_start(rig, 3, &c, HERE);
	rig_start(rig, 4, &c, HERE);
	/* The fixture's end frees these. */
}
END_TEST

START_TEST(out_of_files)
{
	struct health_check c = rig_check(CHECK_TCP, 1);
	struct rlimit limit;
	int next = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_msg(limit.rlim_cur == limit.rlim_max, "was not raised");
	close(next);
	limit.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	rig_expect(
	    rig, &c, HERE, PROBE_UNABLE, "on this node: Too many open files");
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	rig_expect(rig, &c, HERE, PROBE_FAILED, "connection refused");
}
END_TEST

START_TEST(many_at_once)
{
	struct health_check c;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < MANY_FDS) {
		printf("many_at_once: %d files are too few\n",
		    (int)limit.rlim_cur);
		return;
	}
	server_tcp(&server, rig, OK_200);
	c = rig_check(CHECK_HTTP, server.port);
	for (uint64_t id = 0; id < MANY; id++)
		rig_start(rig, id, &c, HERE);
	rig_until(rig, MANY, 20000);
	for (uint64_t id = 0; id < MANY; id++) {
		ck_assert_uint_eq(rig->results[id].n, 1);
		ck_assert_str_eq(rig->results[id].why, "");
	}
	server_close(&server);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("probe");
	TCase *tc = tcase_create("probe");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, http, 0, ROWS(http_rows));
	tcase_add_test(tc, tcp);
	tcase_add_test(tc, tcp_full);
	tcase_add_test(tc, silent);
	tcase_add_test(tc, plain_server_asked_for_tls);
	tcase_add_test(tc, udp);
	tcase_add_loop_test(tc, dns, 0, ROWS(dns_rows));
	tcase_add_test(tc, icmp);
	tcase_add_test(tc, icmp6);
	tcase_add_test(tc, cancel);
	tcase_add_test(tc, cancel_inside);
	tcase_add_test(tc, out_of_files);
	tcase_add_test(tc, many_at_once);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
