/* SPDX-License-Identifier: Apache-2.0 */
/* A balancer is replaced: what it says to its successor, and what becomes of it
 * when one of the two fails on the way. The predecessor is a process of its
 * own, with the real server; the test is the successor. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer/ctl/server.h"
#include "balancer/predecessor.h"
#include "balancer/successor.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/unix_socket.h"
#include "tests/unit/unit.h"

/* What the predecessor is, set before it is started. */
static struct {
	bool has_state, has_device, ending, old, leaves_early, trusts_nobody;
} is;

static char dir[64], path[96];
static struct errmsg why;
static pid_t pid;
static int device[2]; /* a pipe stands for it */

/* The predecessor ------------------------------------------------------ */

static struct event_base *base;
static struct server *server;
static struct successor successor;

static struct forwarding *
state_new(void)
{
	struct forwarding *f = forwarding_new();
	struct forwarding_service *s = calloc(1, sizeof(*s));

	f->generation = 77;
	f->seed[3] = 9;
	f->n_backends = 1;
	f->backends = calloc(1, sizeof(*f->backends));
	addr_parse(&f->backends[0], "10.1.0.1");
	f->n_services = 1;
	f->services = s;
	strcpy(s->name, "web");
	s->table_size = FORWARDING_TABLE_MIN;
	s->n_endpoints = 1;
	s->endpoints = calloc(1, sizeof(*s->endpoints));
	addr_parse(&s->endpoints[0].vip, "203.0.113.10");
	s->endpoints[0].protocol = IPPROTO_TCP;
	s->endpoints[0].port = 80;
	s->n_members = 1;
	s->members = calloc(1, sizeof(*s->members));
	s->members[0].weight = 1;
	s->members[0].phi = FORWARDING_PHI_FULL;
	return f;
}

static void
on_leave(evutil_socket_t fd, short what, void *ctx)
{
	server_free(server);
	_exit(0);
}

static int
answer(void *ctx, struct wire_request *request, struct evbuffer *out)
{
	struct successor_share share = {.server = server,
	    .state = ctx,
	    .device = is.has_device ? device[0] : -1,
	    .ending = is.ending};
	const struct timeval now = {0, 0};
	bool leave;
	int r;

	if (is.old || request->kind == WIRE_PING)
		return wire_put_refused(
		    out, request->id, "a request for nothing that we know");
	if (is.leaves_early && request->kind == WIRE_TAKE)
		_exit(1);
	if (is.trusts_nobody)
		request->uid = geteuid() + 1;
	/* From its first answer on. */
	if (request->kind != WIRE_HANDOVER &&
	    !successor_is_let_in(&successor, server))
		_exit(2);
	r = successor_answer(&successor, &share, request, out, &leave);
	if (leave)
		event_base_once(base, -1, EV_TIMEOUT, on_leave, NULL, &now);
	return r;
}

static void
left(void *ctx, struct evbuffer *out)
{
}

static void
predecessor_main(int listener)
{
	struct forwarding *state = is.has_state ? state_new() : NULL;

	base = event_base_new();
	server = server_new(base, listener,
	    &(const struct server_handler){answer, left, state}, &why);
	if (server != NULL)
		event_base_dispatch(base);
	_exit(2);
}

static void
begin(void)
{
	int listener = unix_listen(path, &why);

	ck_assert_int_ne(listener, -1);
	fflush(NULL);
	if ((pid = fork()) == 0)
		predecessor_main(listener);
	close(listener);
}

static bool
lives(void)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

/* It ends by itself; its exit status. */
static int
ends(void)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	pid = 0;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The successor -------------------------------------------------------- */

static void
setup(void)
{
	memset(&is, 0, sizeof(is));
	is.has_state = is.has_device = true;
	unsetenv("NOTIFY_SOCKET");
	strcpy(dir, "/tmp/check_handover_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	ck_assert_int_eq(pipe(device), 0);
	base = event_base_new();
	pid = 0;
}

static void
teardown(void)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	event_base_free(base);
	close(device[0]);
	close(device[1]);
	(void)unlink(path);
	(void)rmdir(dir);
}

static struct predecessor *
find(void)
{
	struct predecessor *p;

	ck_assert_msg(predecessor_find(path, &p, &why) == 0, "%s", why.text);
	ck_assert_ptr_nonnull(p);
	return p;
}

static void
is_refused(const char *cause)
{
	struct predecessor *p;

	ck_assert_int_eq(predecessor_find(path, &p, &why), -1);
	ck_assert_ptr_null(p);
	ck_assert_msg(strstr(why.text, cause) != NULL, "%s", why.text);
	ck_assert(lives());
}

static bool gone;

static void
on_gone(void *ctx)
{
	gone = true;
	predecessor_free(ctx);
	event_base_loopbreak(base);
}

/* How long it takes until it has let go, in ms. */
static int64_t
dismiss(struct predecessor *p)
{
	struct mono since = mono_now();

	gone = false;
	ck_assert_int_eq(predecessor_dismiss(p, base, on_gone, p, &why), 0);
	event_base_dispatch(base);
	ck_assert(gone);
	return (mono_now().us - since.us) / 1000;
}

static bool
is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	    x.st_dev == y.st_dev;
}

START_TEST(everything_is_handed_over)
{
	struct forwarding *expected = state_new(), *state;
	struct predecessor *p;
	int listener, fd, client, accepted;
	uint8_t *a, *b;
	size_t len_a, len_b;

	begin();
	p = find();
	state = predecessor_state(p);
	ck_assert_ptr_nonnull(state);
	ck_assert_ptr_null(predecessor_state(p));
	a = forwarding_pack(state, &len_a);
	b = forwarding_pack(expected, &len_b);
	ck_assert_uint_eq(len_a, len_b);
	ck_assert_mem_eq(a, b, len_a);
	ck_assert_int_eq(predecessor_take(p, &listener, &fd, &why), 0);
	ck_assert(is_same(fd, device[0]));
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(listener, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert(lives());
	dismiss(p);
	ck_assert_int_eq(ends(), 0);
	/* Who connects now is heard here. */
	client = unix_connect(path, &why);
	ck_assert_int_ne(client, -1);
	accepted = accept(listener, NULL, NULL);
	ck_assert_int_ne(accepted, -1);
	close(accepted);
	close(client);
	close(listener);
	close(fd);
	free(a);
	free(b);
	forwarding_free(state);
	forwarding_free(expected);
}
END_TEST

START_TEST(what_is_not_there_is_not_handed_over)
{
	struct predecessor *p;
	int listener, fd;

	is.has_state = is.has_device = false;
	begin();
	p = find();
	ck_assert_ptr_null(predecessor_state(p));
	ck_assert_int_eq(predecessor_take(p, &listener, &fd, &why), 0);
	ck_assert_int_eq(fd, -1);
	dismiss(p);
	close(listener);
	ck_assert_int_eq(ends(), 0);
}
END_TEST

START_TEST(nobody_is_there)
{
	struct predecessor *p;
	int fd;

	ck_assert_int_eq(predecessor_find(path, &p, &why), 0);
	ck_assert_ptr_null(p);
	fd = unix_listen(path, &why); /* and one that has ended */
	close(fd);
	ck_assert_int_eq(predecessor_find(path, &p, &why), 0);
	ck_assert_ptr_null(p);
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		bool *cause;
		const char *why;
	} causes[] = {
	    {&is.ending, "it is ending"},
	    {&is.old, "a request for nothing that we know"},
	    {&is.trusts_nobody, "only root and the user"},
	};

	*causes[_i].cause = true;
	begin();
	is_refused(causes[_i].why);
}
END_TEST

START_TEST(a_unit_is_to_be_restarted)
{
	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	begin();
	unsetenv("NOTIFY_SOCKET");
	is_refused("restart its unit");
}
END_TEST

/* One at a time; the next one when the first has given up. */
START_TEST(one_successor_at_a_time)
{
	struct predecessor *p;
	int listener, fd;

	begin();
	p = find();
	is_refused("another successor");
	predecessor_free(p);
	p = find();
	ck_assert_int_eq(predecessor_take(p, &listener, &fd, &why), 0);
	predecessor_free(p);
	close(listener);
	close(fd);
	ck_assert(lives());
	p = find(); /* it serves on: the state is there still */
	forwarding_free(predecessor_state(p));
	dismiss(p);
	ck_assert_int_eq(ends(), 0);
}
END_TEST

START_TEST(the_predecessor_dies_half_way)
{
	struct predecessor *p;
	int listener, fd, before;

	is.leaves_early = true;
	begin();
	p = find();
	before = dup(0);
	close(before);
	ck_assert_int_eq(predecessor_take(p, &listener, &fd, &why), -1);
	ck_assert_str_eq(why.text, "it closed the connection");
	predecessor_free(p);
	ck_assert_int_lt(dup(0), before); /* nothing is left open */
	ck_assert_int_eq(ends(), 1);
}
END_TEST

/* What it was told stands: it leaves as soon as it runs. */
START_TEST(a_stopped_predecessor_leaves_later)
{
	struct predecessor *p;
	int listener, fd;
	int64_t ms;

	begin();
	p = find();
	ck_assert_int_eq(predecessor_take(p, &listener, &fd, &why), 0);
	kill(pid, SIGSTOP);
	ms = dismiss(p);
	ck_assert_int_ge(ms, 1900);
	ck_assert(lives());
	kill(pid, SIGCONT);
	ck_assert_int_eq(ends(), 0);
	close(listener);
	close(fd);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("handover");
	TCase *tc = tcase_create("handover");

	log_init("check_handover", false, NULL);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, everything_is_handed_over);
	tcase_add_test(tc, what_is_not_there_is_not_handed_over);
	tcase_add_test(tc, nobody_is_there);
	tcase_add_loop_test(tc, refusals, 0, 3);
	tcase_add_test(tc, a_unit_is_to_be_restarted);
	tcase_add_test(tc, one_successor_at_a_time);
	tcase_add_test(tc, the_predecessor_dies_half_way);
	tcase_add_test(tc, a_stopped_predecessor_leaves_later);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
