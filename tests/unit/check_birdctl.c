/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to BIRD against a fake control socket in the same event loop:
 * what it reports of good answers, and of everything that can go wrong. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/bird/birdctl.h"
#include "common/mono.h"
#include "common/unix_socket.h"
#include "tests/unit/fake_bird.h"
#include "tests/unit/unit.h"

#define NOBODY 65534

static struct event_base *base;
static struct birdctl *ctl;
static struct fake_bird *bird;
static struct fake_plan plan;
static struct birdctl_times times;
static char folder[64], path[96];

static struct bird_report *last; /* report */
static unsigned n_reports, ask_in_report;
static bool called; /* one of birdctl's functions is being called */

static void
on_report(void *ctx, struct bird_report *r)
{
	ck_assert_ptr_eq(ctx, &n_reports);
	ck_assert_msg(!called, "a report from within a call");
	bird_report_free(last);
	last = r;
	n_reports++;
	if (ask_in_report > 0) {
		ask_in_report--;
		birdctl_ask(ctl);
	}
}

/* Deadlines so long that they are none, however slow the machine; a test that
 * wants one makes it short. The rest short. */
static void
setup(void)
{
	strcpy(folder, "/tmp/check_birdctl_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/bird.ctl", folder);
	ck_assert_ptr_nonnull(base = event_base_new());
	times = (struct birdctl_times){
	    .retry = 10,
	    .busy_retry = 5,
	    .busy_max = 30000,
	    .silence = 30000,
	    .whole = 30000,
	    .pause = 20,
	    .wake = 60000,
	    .wake_for = 60000,
	    .look = 60000,
	};
	plan = (struct fake_plan){.at = ""};
}

static void
teardown(void)
{
	birdctl_free(ctl);
	fake_bird_free(bird);
	bird_report_free(last);
	event_base_free(base);
	unlink(path);
	rmdir(folder);
}

static void
start_bird(void)
{
	bird = fake_bird_new(base, path, -1, &plan);
}

static void
stop_bird(void)
{
	fake_bird_free(bird);
	bird = NULL;
}

static void
start(void)
{
	called = true;
	ctl = birdctl_new_timed(base, path, &times, on_report, &n_reports);
	called = false;
	ck_assert_ptr_nonnull(ctl);
}

static void
ask(void)
{
	called = true;
	birdctl_ask(ctl);
	called = false;
}

static void
on_end(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	*(bool *)ctx = true;
}

/* Runs the loop for so long, or until there are n reports (0: all the time).
 * Returns how many there are. */
static unsigned
run(unsigned n, unsigned ms)
{
	const struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
	bool end = false;
	struct event *timer = evtimer_new(base, on_end, &end);

	evtimer_add(timer, &tv);
	while (!end && (n == 0 || n_reports < n))
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
	return n_reports;
}

static void
wait_for(unsigned n)
{
	ck_assert_uint_eq(run(n, 20000), n);
}

/* Until BIRD was asked for its status so often, however long that takes. */
static void
wait_for_looks(unsigned n)
{
	while (fake_bird_asked(bird, "show status") < n)
		event_base_loop(base, EVLOOP_ONCE);
}

/* Until all is well: at once, or where a busy machine has missed a short
 * deadline, at the next try. */
static void
wait_for_good(void)
{
	do
		wait_for(n_reports + 1);
	while (last->state == BIRD_SILENT);
	ck_assert_int_eq(last->state, BIRD_OK);
}

static void
check_state(enum bird_state state, const char *why)
{
	ck_assert_msg(last->state == state && strstr(last->why, why) != NULL,
	    "state %d: %s", last->state, last->why);
	if (state == BIRD_OK) {
		ck_assert_str_eq(last->why, "");
		return;
	}
	ck_assert_msg(strstr(last->why, path) != NULL, "%s", last->why);
	ck_assert_ptr_null(strchr(last->why, '\n'));
	ck_assert_uint_eq(last->n_sessions, 0);
	ck_assert_uint_eq(last->n_routes, 0);
}

/* What the samples amount to; check_bird_reading looks at all of it. */
static void
check_whole(void)
{
	check_state(BIRD_OK, "");
	ck_assert_str_eq(last->version, "2.0.12");
	ck_assert_uint_eq(last->n_sessions, 4);
	ck_assert(last->sessions[1].established);
	ck_assert_uint_eq(last->n_routes, 17);
	ck_assert_uint_eq(last->routes[0].exported, 2);
	ck_assert_str_eq(last->routes[0].source, "kvip4");
	ck_assert(last->routes[0].learnt);
}

static void
report_again(void)
{
	unsigned n = n_reports;

	ask();
	wait_for(n + 1);
}

/* Good answers ------------------------------------------------------------ */

/* It comes, is read unasked, and then only when asked; however it speaks. */
START_TEST(reads)
{
	static const struct fake_plan plans[] = {
	    {.at = ""},
	    {.at = "", .piece = 1},
	    {.at = "", .piece = 7},
	    {.at = "", .noise = true},
	    {.at = "", .noise = true, .piece = 11},
	};

	plan = plans[_i];
	start_bird();
	start();
	wait_for(1);
	check_whole();
	ck_assert_uint_eq(run(0, 30), 1);
	report_again();
	check_whole();
	ck_assert_uint_eq(fake_bird_asked(bird, "restrict"), 1);
	ck_assert_uint_eq(fake_bird_asked(bird, "show protocols all"), 2);
	ck_assert_uint_eq(fake_bird_asked(bird, "show route exported "), 4);
	ck_assert_uint_eq(fake_bird_asked(bird, "show route table "), 4);
	ck_assert_uint_eq(fake_bird_connected(bird), 1);
}
END_TEST

/* Asked many times before it begins: one reading. During one: one more. */
START_TEST(asks_coalesce)
{
	start_bird();
	start();
	ask();
	ask();
	wait_for(1);
	ck_assert_uint_eq(run(0, 30), 1);
	ask();
	ask();
	while (fake_bird_asked(bird, "show protocols all") < 2)
		event_base_loop(base, EVLOOP_ONCE);
	ask();
	ask();
	ck_assert_uint_eq(n_reports, 1);
	wait_for(3);
	ck_assert_uint_eq(run(0, 30), 3);
	check_whole();
}
END_TEST

START_TEST(asked_from_within_a_report)
{
	ask_in_report = 3;
	start_bird();
	start();
	wait_for(4);
	ck_assert_uint_eq(run(0, 30), 4);
}
END_TEST

/* A session that goes down, a table that goes away. */
START_TEST(answers_that_are_errors)
{
	static const struct {
		const char *at, *text;
		size_t n_routes;
		bool established;
	} rows[] = {
	    {"show route exported 'up.both", "9001 No valid tables\n", 17,
		false},
	    {"show route exported 'up.both", "8002 Whatever\n", 17, false},
	    {"show route table", "9001 syntax error\n", 17, true},
	    {"show protocols all", "8003 No protocols match\n", 0, false},
	    {"show protocols all", "0000 \n", 0, false},
	};

	plan.fault = FAKE_SAYS;
	plan.at = rows[_i].at;
	plan.text = rows[_i].text;
	start_bird();
	start();
	wait_for(1);
	check_state(BIRD_OK, "");
	ck_assert_uint_eq(last->n_routes, rows[_i].n_routes);
	if (last->n_sessions > 0)
		ck_assert_int_eq(
		    last->sessions[1].established, rows[_i].established);
}
END_TEST

START_TEST(status_may_fail)
{
	times.look = times.wake = 5;
	plan.fault = FAKE_SAYS;
	plan.at = "show status";
	plan.text = "8002 Whatever\n";
	start_bird();
	start();
	wait_for(1);
	wait_for_looks(2);
	ck_assert_uint_eq(n_reports, 1);
	ck_assert_uint_eq(fake_bird_connected(bird), 1);
}
END_TEST

START_TEST(reconfigured_once)
{
	plan.fault = FAKE_SAYS_ONE;
	plan.at = "show route table";
	plan.text = "8004 Stopped due to reconfiguration\n";
	start_bird();
	start();
	wait_for(1);
	check_whole();
	ck_assert_uint_eq(fake_bird_asked(bird, "show protocols all"), 2);
}
END_TEST

/* Often at first: the next look without that is a minute away. */
START_TEST(wakes_it_up)
{
	int64_t begun = mono_now().us;

	times.wake = 10;
	start_bird();
	start();
	wait_for_looks(6);
	/* Five waits, of which a coarse clock takes off a tick. */
	ck_assert_int_ge(mono_now().us - begun, 40000);
	ck_assert_uint_eq(n_reports, 1);
}
END_TEST

/* ... and less often later, but it does not cease. */
START_TEST(then_less_often)
{
	unsigned early, late;

	times.wake = 10;
	times.wake_for = 50;
	times.look = 100;
	start_bird();
	start();
	wait_for(1);
	run(0, 200);
	early = fake_bird_asked(bird, "show status");
	run(0, 400);
	late = fake_bird_asked(bird, "show status") - early;
	ck_assert_msg(late <= 5, "%u", late);
	wait_for_looks(early + late + 1);
	ck_assert_uint_eq(n_reports, 1);
}
END_TEST

/* What goes wrong --------------------------------------------------------- */

static char long_line[5000];
static const struct {
	const char *at;
	enum fake_fault fault;
	const char *text;
	enum bird_state state;
	const char *why;
} fault_rows[] = {
    {"", FAKE_SILENCE, NULL, BIRD_SILENT, "does not answer within 0.1 s"},
    {"", FAKE_HALF, NULL, BIRD_SILENT, "does not answer"},
    {"", FAKE_ENDS, NULL, BIRD_GARBLED, "closes the connection half way"},
    {"", FAKE_BREAKS, NULL, BIRD_GARBLED, "closes the connection half way"},
    {"", FAKE_SAYS, "220 mail ESMTP\n", BIRD_GARBLED, "\"220 mail ESMTP\""},
    {"", FAKE_SAYS, "0013 up\n", BIRD_GARBLED, "does not greet"},
    {"", FAKE_SAYS, "0001-BIRD 2\n", BIRD_GARBLED, "does not greet"},
    {"", FAKE_SAYS, long_line, BIRD_GARBLED, "a line of more than 4096"},
    {"", FAKE_ENDLESS, "+so on and so on\n", BIRD_GARBLED,
	"a reply of more than 8388608 bytes"},
    {"restrict", FAKE_SILENCE, NULL, BIRD_SILENT, "does not answer"},
    {"restrict", FAKE_SAYS, "9001 syntax error\n", BIRD_GARBLED, "restrict"},
    {"restrict", FAKE_SAYS, "\n", BIRD_GARBLED, "\"\""},
    {"restrict", FAKE_ENDS, NULL, BIRD_GARBLED, "half way"},
    {"show protocols all", FAKE_SILENCE, NULL, BIRD_SILENT, "not answer"},
    {"show protocols all", FAKE_HALF, NULL, BIRD_SILENT, "not answer"},
    {"show protocols all", FAKE_BREAKS, NULL, BIRD_GARBLED, "half way"},
    {"show protocols all", FAKE_SAYS, "9001 syntax error\n", BIRD_GARBLED,
	"it says 9001 syntax error"},
    {"show protocols all", FAKE_SAYS, "1002-a'b BGP - up\n", BIRD_GARBLED,
	"\"a'b\""},
    {"show protocols all", FAKE_SAYS, " a\n", BIRD_GARBLED, "\" a\""},
    {"show protocols all", FAKE_SAYS, long_line, BIRD_GARBLED, "4096"},
    {"show protocols all", FAKE_ENDLESS, "1006-and so on\n", BIRD_GARBLED,
	"a reply of more than 8388608 bytes"},
    {"show route exported", FAKE_SILENCE, NULL, BIRD_SILENT, "not answer"},
    {"show route exported", FAKE_BREAKS, NULL, BIRD_GARBLED, "half way"},
    {"show route exported", FAKE_ENDLESS, "1007-1.1.1.1/32 x [k]\n",
	BIRD_GARBLED, "more than 100000 host routes"},
    {"show route table", FAKE_HALF, NULL, BIRD_SILENT, "not answer"},
    {"show route table", FAKE_ENDS, NULL, BIRD_GARBLED, "half way"},
    {"show route table", FAKE_SAYS, "8004 Stopped\n", BIRD_GARBLED,
	"reconfigured all the time"},
    {"show status", FAKE_SILENCE, NULL, BIRD_SILENT, "not answer"},
    {"show status", FAKE_SAYS, "what?\n", BIRD_GARBLED, "\"what?\""},
    {"show status", FAKE_BREAKS, NULL, BIRD_GARBLED, "half way"},
};

/* Reported once, however often it happens; when asked, again; and when it has
 * passed, all is well. */
START_TEST(faults)
{
	unsigned before, connected;

	memset(long_line, 'x', sizeof(long_line) - 1);
	/* The status is asked last: by then all is well for once. */
	before = strcmp(fault_rows[_i].at, "show status") == 0;
	times.wake = before ? 30 : times.wake;
	if (fault_rows[_i].state == BIRD_SILENT)
		times.silence = 100;
	plan.at = fault_rows[_i].at;
	plan.fault = fault_rows[_i].fault;
	plan.text = fault_rows[_i].text;
	start_bird();
	start();
	if (before == 1)
		wait_for_good();
	wait_for(n_reports + 1);
	check_state(fault_rows[_i].state, fault_rows[_i].why);
	if (before == 0) {
		connected = fake_bird_connected(bird);
		while (fake_bird_connected(bird) < connected + 2)
			run(0, 10);
		ck_assert_uint_eq(n_reports, 1);
		report_again();
		check_state(fault_rows[_i].state, fault_rows[_i].why);
	}
	plan.fault = FAKE_NONE;
	before = n_reports;
	wait_for(before + 1);
	check_whole();
}
END_TEST

/* It does speak, and never comes to an end. */
START_TEST(drips)
{
	static const char *const commands[] = {
	    "", "restrict", "show protocols all", "show route table"};

	times.silence = 5000;
	times.whole = 300;
	plan.at = commands[_i];
	plan.fault = FAKE_DRIPS;
	plan.text = "1006-x";
	start_bird();
	start();
	wait_for(1);
	check_state(BIRD_SILENT, "within 0.3 s");
}
END_TEST

/* The second reply is to nothing. */
START_TEST(answers_twice)
{
	plan.at = "show protocols all";
	plan.fault = FAKE_SAYS;
	plan.text = "0000 \n0000 \n";
	start_bird();
	start();
	wait_for(2);
	check_state(BIRD_GARBLED, "speaks without being asked");
}
END_TEST

START_TEST(speaks_unasked)
{
	static const char *const texts[] = {"0013 up\n", "9001 syntax error\n"};

	start_bird();
	start();
	wait_for(1);
	fake_bird_say(bird, "+<INFO> noise\n");
	ck_assert_uint_eq(run(0, 30), 1);
	fake_bird_say(bird, texts[_i]);
	wait_for(2);
	check_state(BIRD_GARBLED, "speaks without being asked");
	wait_for(3);
	check_whole();
}
END_TEST

/* Who comes and goes ------------------------------------------------------ */

START_TEST(no_socket)
{
	start();
	wait_for(1);
	check_state(BIRD_ABSENT, "No such file");
	ck_assert_str_eq(last->version, "");
	ck_assert_uint_eq(run(0, 100), 1);
	report_again();
	check_state(BIRD_ABSENT, "No such file");
	start_bird();
	wait_for(3);
	check_whole();
	ck_assert_uint_eq(run(0, 30), 3);
	stop_bird();
	wait_for(4);
	check_state(BIRD_ABSENT, "No such file");
}
END_TEST

static int
listen_only(int backlog)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

/* As SIGKILL leaves it; and another cause is another report. */
START_TEST(socket_without_listener)
{
	close(listen_only(1));
	start();
	wait_for(1);
	check_state(BIRD_ABSENT, "Connection refused");
	unlink(path);
	wait_for(2);
	check_state(BIRD_ABSENT, "No such file");
}
END_TEST

START_TEST(no_permission)
{
	start_bird();
	ck_assert_int_eq(chmod(path, 0), 0);
	if (geteuid() == 0) /* whom no mode stops */
		ck_assert_int_eq(seteuid(NOBODY), 0);
	start();
	wait_for(1);
	check_state(BIRD_DENIED, "add the agent's user to the group");
	ck_assert_uint_eq(run(0, 50), 1);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(path, 0660), 0);
	wait_for(2);
	check_whole();
}
END_TEST

/* BIRD may close what is idle. It is no failure unless it stays away. */
START_TEST(hung_up_on_while_idle)
{
	start_bird();
	start();
	wait_for(1);
	fake_bird_hang_up(bird);
	wait_for(2);
	check_whole();
	ck_assert_uint_eq(fake_bird_connected(bird), 2);
	stop_bird();
	start_bird();
	wait_for(3);
	check_whole();
}
END_TEST

/* It goes while it answers: that it has gone counts. */
START_TEST(gone_half_way)
{
	plan.fault = FAKE_HALF;
	plan.at = "show route table";
	start_bird();
	start();
	while (fake_bird_asked(bird, "show route table") == 0)
		event_base_loop(base, EVLOOP_ONCE);
	run(0, 20);
	stop_bird();
	wait_for(1);
	check_state(BIRD_ABSENT, "No such file");
}
END_TEST

/* A stopped BIRD: the kernel accepts for it. Nobody asks, and it is found. */
START_TEST(found_silent_unasked)
{
	times.wake = times.look = 30;
	times.silence = 100;
	start_bird();
	start();
	wait_for_good();
	plan.fault = FAKE_SILENCE;
	plan.at = "show status";
	wait_for(n_reports + 1);
	check_state(BIRD_SILENT, "it is stopped, or hangs");
}
END_TEST

/* Fills the queue of who does not accept. Returns how many it took. */
static int
fill(int fds[64])
{
	int n = 0;

	while ((fds[n] = unix_connect(path, NULL)) != -1)
		ck_assert_int_lt(++n, 64);
	ck_assert_int_eq(errno, EAGAIN);
	return n;
}

START_TEST(full_queue_is_no_failure)
{
	int fds[64], fd = listen_only(2), n = fill(fds);

	start();
	ask();
	ck_assert_uint_eq(run(1, 100), 0);
	bird = fake_bird_new(base, path, fd, &plan);
	wait_for(1);
	check_whole();
	for (int i = 0; i < n; i++)
		close(fds[i]);
}
END_TEST

START_TEST(full_queue_for_too_long)
{
	int fds[64], fd = listen_only(2), n = fill(fds);
	int64_t begun = mono_now().us;

	times.busy_max = 100;
	start();
	wait_for(1);
	check_state(BIRD_SILENT, "does not answer within 0.1 s");
	ck_assert_int_ge(mono_now().us - begun, 100000);
	ck_assert_uint_eq(run(0, 300), 1);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	close(fd);
	wait_for(2);
	check_state(BIRD_ABSENT, "Connection refused");
}
END_TEST

/* Whoever asks at every failure makes no busy loop of it. */
START_TEST(asked_at_every_failure)
{
	int64_t begun = mono_now().us;

	ask_in_report = 1000000;
	start();
	wait_for(20);
	ck_assert_int_ge(mono_now().us - begun, 75000);
}
END_TEST

START_TEST(path_too_long)
{
	char long_path[300];

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ctl = birdctl_new_timed(base, long_path, &times, on_report, &n_reports);
	wait_for(1);
	ck_assert_int_eq(last->state, BIRD_ABSENT);
	ck_assert_ptr_nonnull(strstr(last->why, "1..107 bytes"));
}
END_TEST

/* Freed at any moment: nothing may be left, and nothing called. */
START_TEST(freed_at_any_moment)
{
	birdctl_free(NULL);
	plan.piece = 100;
	start_bird();
	for (int turns = 0; turns < 200; turns++) {
		unsigned n = n_reports;

		start();
		for (int i = 0; i < turns; i++)
			event_base_loop(base, EVLOOP_NONBLOCK);
		n = n_reports;
		birdctl_free(ctl);
		ctl = NULL;
		for (int i = 0; i < 3; i++)
			event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_eq(n_reports, n);
	}
	ck_assert_uint_gt(n_reports, 0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("birdctl");
	TCase *tc = tcase_create("birdctl");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, reads, 0, 5);
	tcase_add_test(tc, asks_coalesce);
	tcase_add_test(tc, asked_from_within_a_report);
	tcase_add_loop_test(tc, answers_that_are_errors, 0, 5);
	tcase_add_test(tc, status_may_fail);
	tcase_add_test(tc, reconfigured_once);
	tcase_add_test(tc, wakes_it_up);
	tcase_add_test(tc, then_less_often);
	tcase_add_loop_test(tc, faults, 0, ROWS(fault_rows));
	tcase_add_loop_test(tc, drips, 0, 4);
	tcase_add_test(tc, answers_twice);
	tcase_add_loop_test(tc, speaks_unasked, 0, 2);
	tcase_add_test(tc, no_socket);
	tcase_add_test(tc, socket_without_listener);
	tcase_add_test(tc, no_permission);
	tcase_add_test(tc, hung_up_on_while_idle);
	tcase_add_test(tc, gone_half_way);
	tcase_add_test(tc, found_silent_unasked);
	tcase_add_test(tc, full_queue_is_no_failure);
	tcase_add_test(tc, full_queue_for_too_long);
	tcase_add_test(tc, asked_at_every_failure);
	tcase_add_test(tc, path_too_long);
	tcase_add_test(tc, freed_at_any_moment);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
