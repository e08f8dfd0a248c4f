/* SPDX-License-Identifier: Apache-2.0 */
/* How many health checks one core sustains: TCP and HTTP by turns over
 * loopback, so many at a time, against a server in a process of its own. What
 * counts is the processor time of the prober, with the kernel's for it. That of
 * loopback, which does the server's part of receiving as well, is in it: a
 * network card would do less here. */
#include "config.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/probe.h"
#include "tests/bench/bench.h"

#define AT_A_TIME 64
#define CHECKS    20000
#define ROUNDS    5

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
			     "Connection: close\r\n\r\n";

struct run {
	struct event_base *base;
	struct prober *prober;
	struct health_check tcp, http;
	struct addr here;
	uint64_t started, ended;
};

static void
on_request(evutil_socket_t fd, short what, void *ctx)
{
	char request[1024];

	(void)what;
	(void)ctx;
	if (recv(fd, request, sizeof(request), 0) > 0)
		(void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	close(fd);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *from, int len, void *ctx)
{
	(void)from;
	(void)len;
	(void)ctx;
	if (event_base_once(evconnlistener_get_base(listener), fd, EV_READ,
		on_request, NULL, NULL) == -1)
		close(fd);
}

static void __attribute__((noreturn)) serve(int fd)
{
	struct event_base *base = event_base_new();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (evconnlistener_new(
		base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 4096, fd) == NULL)
		bench_fail("no server");
	event_base_dispatch(base);
	exit(EXIT_FAILURE);
}

/* Returns the port. */
static uint16_t
start_server(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	pid_t child;

	if (fd == -1 || bind(fd, (struct sockaddr *)&in, len) == -1 ||
	    listen(fd, 4096) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) == -1)
		bench_fail("no socket for the server");
	if ((child = fork()) == -1)
		bench_fail("no process for the server");
	if (child == 0)
		serve(fd);
	close(fd);
	return ntohs(in.sin_port);
}

static void
start_next(struct run *r)
{
	const struct probe_target target = {.backend = r->here,
	    .check = r->started % 2 == 0 ? &r->tcp : &r->http};

	if (r->started == CHECKS)
		return;
	if (prober_start(r->prober, r->started++, &target) == -1)
		bench_fail("out of memory");
}

static void
on_result(void *ctx, uint64_t id, enum probe_result result, const char *why)
{
	struct run *r = ctx;

	(void)id;
	if (result != PROBE_OK)
		bench_fail("a check has failed: %s", why);
	start_next(r);
	if (++r->ended == CHECKS)
		event_base_loopbreak(r->base);
}

static double
measure(struct run *r)
{
	double cpu = bench_cpu_s();

	r->started = r->ended = 0;
	for (int i = 0; i < AT_A_TIME; i++)
		start_next(r);
	event_base_dispatch(r->base);
	return CHECKS / (bench_cpu_s() - cpu);
}

static void
init_check(struct health_check *c, enum check_kind kind, uint16_t port)
{
	health_check_init(c, kind);
	c->port = port;
	c->interval_ms = c->timeout_ms = 20000;
}

int
main(void)
{
	struct run r = {.base = NULL};
	struct errmsg why;
	double per_core[ROUNDS];
	uint16_t port = start_server();

	init_check(&r.tcp, CHECK_TCP, port);
	init_check(&r.http, CHECK_HTTP, port);
	addr_parse(&r.here, "127.0.0.1");
	r.base = event_base_new();
	r.prober = prober_new(r.base, on_result, &r, &why);
	if (r.prober == NULL)
		bench_fail("%s", why.text);
	bench_say("%d checks, TCP and HTTP, %d at a time", CHECKS, AT_A_TIME);
	measure(&r);
	for (size_t i = 0; i < ROUNDS; i++)
		per_core[i] = measure(&r);
	bench_figure("cluster.probes.per_core", bench_median(per_core, ROUNDS),
	    "checks/s");
	prober_free(r.prober);
	event_base_free(r.base);
	return EXIT_SUCCESS;
}
