/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of the configuration, of the view, of the forwarding state,
 * of checks and votes, of a reading of BIRD and for a client fails once: each
 * must say so and leave nothing behind. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/bird/birdctl.h"
#include "agent/bird/reading.h"
#include "agent/core/checks.h"
#include "agent/core/freshness.h"
#include "agent/core/votes.h"
#include "agent/ctl/ctl.h"
#include "common/conf.h"
#include "common/unix_socket.h"
#include "common/view.h"
#include "tests/unit/bird_samples.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/fake_bird.h"
#include "tests/unit/unit.h"

static const char text[] =
    "node: {name: lb, user: nobody}\n"
    "balancer: {interfaces: [{name: eth0}], encap_source: [10.0.0.1]}\n"
    "cluster: {seed: 000102030405060708090a0b0c0d0e0f}\n"
    "services:\n"
    "- {name: a, vips: [192.0.2.1], protocol: tcp, ports: [80, 443],\n"
    "   backends: [{address: 10.1.0.1, weight: 2}, {address: 10.1.0.2}]}\n"
    "- {name: b, vips: [\"2001:db8::1\"], protocol: udp,\n"
    "   backends: [{address: 10.1.0.1, state: draining}]}\n";

static struct conf *conf;
static struct forwarding *state;
static uint8_t *packed;
static size_t packed_len;

static void
setup(void)
{
	conf = conf_parse("f", text, sizeof(text) - 1, NULL);
	ck_assert_ptr_nonnull(conf);
	state = view_forwarding(conf, NULL, 0, 1);
	ck_assert_ptr_nonnull(state);
	packed = forwarding_pack(state, &packed_len);
	ck_assert_ptr_nonnull(packed);
}

static void
teardown(void)
{
	free(packed);
	forwarding_free(state);
	conf_free(conf);
}

/* Each runs its function once, undoes it, and returns whether it worked. */
static bool
try_conf(struct errmsg *why)
{
	struct conf *c = conf_parse("f", text, sizeof(text) - 1, why);

	conf_free(c);
	return c != NULL;
}

static bool
try_print(struct errmsg *why)
{
	char *printed = conf_print(conf);

	errmsg_set(why, "out of memory");
	free(printed);
	return printed != NULL;
}

static bool
try_view(struct errmsg *why)
{
	struct forwarding *f = view_forwarding(conf, NULL, 0, 1);

	errmsg_set(why, "out of memory");
	forwarding_free(f);
	return f != NULL;
}

static bool
try_check(struct errmsg *why)
{
	return forwarding_check(state, why) == 0;
}

static bool
try_pack(struct errmsg *why)
{
	size_t len;
	uint8_t *data = forwarding_pack(state, &len);

	errmsg_set(why, "out of memory");
	free(data);
	return data != NULL;
}

/* protobuf-c does not tell a message it cannot hold from a bad one. */
static bool
try_unpack(struct errmsg *why)
{
	struct forwarding *f = forwarding_unpack(packed, packed_len, why);

	forwarding_free(f);
	return f != NULL;
}

/* 0, or -1 with why. */
static int
read_reply(struct reading *reading, const char *reply, struct errmsg *why)
{
	size_t len = strlen(reply);
	struct reply_line line;
	static struct reply r;

	reply_init(&r);
	while (reply_next(&r, &reply, &len, &line, why) == REPLY_LINE)
		if (reading_line(reading, &line, why) != READING_ON)
			return -1;
	return 0;
}

static bool
try_reading(struct errmsg *why)
{
	static const char *const replies[] = {sample_protocols,
	    sample_exported_up4, sample_exported_both, sample_table_vip4,
	    sample_table_vip6};
	struct reading *reading = reading_new();
	struct bird_report *report = NULL;
	int rc = 0;

	errmsg_set(why, "out of memory");
	if (reading == NULL)
		return false;
	for (int i = 0; rc == 0 && i < ROWS(replies); i++)
		rc = read_reply(reading, replies[i], why);
	if (rc == 0 && (report = reading_report(reading, "2")) == NULL)
		errmsg_set(why, "out of memory");
	reading_free(reading);
	bird_report_free(report);
	return report != NULL;
}

/* A set that cannot be taken leaves the one before. No assertions here: they
 * allocate. */
static bool
set_checks(struct checks *checks, size_t n, struct errmsg *why)
{
	const struct health_check check = {.kind = CHECK_TCP,
	    .interval_ms = 1000,
	    .timeout_ms = 500,
	    .rise = 1,
	    .fall = 1};
	const struct checks_target targets[] = {{"a", {{1}}, NULL, &check},
	    {"b", {{1}}, NULL, &check}, {"b", {{2}}, NULL, &check}};
	size_t before = checks_count(checks);
	bool worked = checks_set(checks, (struct mono){1}, targets, n) == 0;

	errmsg_set(why, "%s",
	    checks_count(checks) == (worked ? n : before)
		? "out of memory"
		: "half of the set was taken");
	return worked;
}

static bool
try_checks(struct errmsg *why)
{
	struct checks *checks = checks_new(1);
	bool worked;

	errmsg_set(why, "out of memory");
	worked = checks != NULL && set_checks(checks, 2, why) &&
	    set_checks(checks, 3, why);
	checks_free(checks);
	return worked;
}

static bool
try_votes(struct errmsg *why)
{
	const struct votes_entry entry = {
	    "a", conf->services[0].backends[0].addr, HEALTH_UP};
	const struct votes_record record = {&entry, 1};
	struct votes *votes = votes_count(conf, &record, 1);

	errmsg_set(why, "out of memory");
	votes_free(votes);
	return votes != NULL;
}

static bool
try_freshness(struct errmsg *why)
{
	struct freshness *f = freshness_new("a", 1);

	errmsg_set(why, "out of memory");
	freshness_free(f);
	return f != NULL;
}

static const struct {
	failing_malloc_try try;
	const char *error;
} rows[] = {
    {try_conf, "out of memory"},
    {try_print, "out of memory"},
    {try_view, "out of memory"},
    {try_check, "out of memory"},
    {try_pack, "out of memory"},
    {try_unpack, NULL},
    {try_reading, "out of memory"},
    {try_checks, "out of memory"},
    {try_votes, "out of memory"},
    {try_freshness, "out of memory"},
};

START_TEST(each_allocation_fails)
{
	failing_malloc_each(rows[_i].try, rows[_i].error, false);
}
END_TEST

static size_t
open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
ignore_log(int severity, const char *said)
{
}

static void
ignore_command(void *ctx, uint64_t client, const struct control_request *q)
{
}

/* A client comes while memory is short: nothing of it may stay. */
START_TEST(client_without_memory)
{
	static const struct ctl_events events = {.command = ignore_command};
	struct event_base *base = event_base_new();
	char dir[] = "/tmp/gw-alloc.XXXXXX", path[64];
	struct errmsg why = {""};
	struct ctl *ctl;
	size_t before;
	int fd;

	event_set_log_callback(ignore_log);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/agent.sock", dir);
	ctl = ctl_new(base, path, &events, NULL, &why);
	ck_assert_msg(ctl != NULL, "%s", why.text);
	event_base_loop(base, EVLOOP_NONBLOCK); /* makes what it keeps */
	before = open_descriptors();
	failing_malloc.has_failed = true;
	for (long n = 0; failing_malloc.has_failed; n++) {
		ck_assert_int_ne(fd = unix_connect(path, &why), -1);
		failing_malloc.has_failed = false;
		failing_malloc.countdown = n;
		event_base_loop(base, EVLOOP_NONBLOCK);
		failing_malloc.countdown = -1;
		close(fd);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_msg(open_descriptors() == before,
		    "a descriptor leaks when allocation %ld fails", n);
	}
	ctl_free(ctl);
	event_base_free(base);
	rmdir(dir);
}
END_TEST

/* In a process of its own, which has all the memory it wants. */
static pid_t
start_fake_bird(const char *path)
{
	static const struct fake_plan plan = {.at = ""};
	int fd = unix_listen(path, NULL);
	pid_t child;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(child = fork(), -1);
	if (child == 0) {
		struct event_base *base = event_base_new();

		fake_bird_new(base, path, fd, &plan);
		event_base_dispatch(base);
		_exit(1);
	}
	close(fd);
	return child;
}

static void
count_reports(void *ctx, struct bird_report *r)
{
	int *by_state = ctx;

	by_state[r->state]++;
	bird_report_free(r);
}

/* One reading, during which an allocation fails: it is told, and read again.
 * Some failures libevent keeps to itself (a bufferevent then sends nothing);
 * they are found as silence. */
static void
read_bird(const char *path, long n)
{
	static const struct birdctl_times times = {.retry = 1,
	    .busy_retry = 1,
	    .busy_max = 10000,
	    .silence = 300,
	    .whole = 10000,
	    .pause = 1,
	    .wake = 1000,
	    .wake_for = 1000,
	    .look = 1000};
	struct event_base *base = event_base_new();
	int by_state[BIRD_GARBLED + 1] = {0};
	struct birdctl *ctl;

	ctl = birdctl_new_timed(base, path, &times, count_reports, by_state);
	ck_assert_ptr_nonnull(ctl);
	failing_malloc.has_failed = false;
	failing_malloc.countdown = n;
	while (by_state[BIRD_OK] == 0)
		event_base_loop(base, EVLOOP_ONCE);
	failing_malloc.countdown = -1;
	ck_assert_msg(by_state[BIRD_ABSENT] + by_state[BIRD_DENIED] == 0,
	    "allocation %ld", n);
	birdctl_free(ctl);
	event_base_free(base);
}

START_TEST(bird_without_memory)
{
	char dir[] = "/tmp/gw-alloc.XXXXXX", path[64];
	size_t descriptors;
	long blocks;
	pid_t child;

	event_set_log_callback(ignore_log);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/bird.ctl", dir);
	child = start_fake_bird(path);
	read_bird(path, -1); /* makes what libevent keeps */
	blocks = failing_malloc.live;
	descriptors = open_descriptors();
	failing_malloc.has_failed = true;
	for (long n = 0; failing_malloc.has_failed; n++) {
		read_bird(path, n);
		ck_assert_msg(failing_malloc.live == blocks,
		    "%ld blocks leak when allocation %ld fails",
		    failing_malloc.live - blocks, n);
		ck_assert_msg(open_descriptors() == descriptors,
		    "a descriptor leaks when allocation %ld fails", n);
	}
	kill(child, SIGKILL); /* check has its own idea of SIGTERM */
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	unlink(path);
	rmdir(dir);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("alloc");
	TCase *tc = tcase_create("alloc");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_allocation_fails, 0, ROWS(rows));
	tcase_add_test(tc, client_without_memory);
	tcase_add_test(tc, bird_without_memory);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
