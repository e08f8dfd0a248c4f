/* SPDX-License-Identifier: Apache-2.0 */
/* What goes through a session that is up, over TLS (row 0) and in plaintext
 * (row 1): frames and their limits, a full queue, deadlines, the end. */
#include "config.h"

#include "agent/peer/net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/peer_rig.h"
#include "tests/unit/unit.h"

#define TRUSTS 2
#define CHUNK  65536

static struct side a, b;

static void
teardown(void)
{
	side_stop(&a);
	side_stop(&b);
	rig_teardown();
}

static void
start(int row)
{
	char trust[160];

	if (row == 1) {
		side_start(&a, rig_conf("a", "s", "ab", "insecure: true"));
		side_start(&b, rig_conf("b", "s", "ab", "insecure: true"));
		return;
	}
	rig_ca("ca", "s");
	rig_identity("ca", "a", time(NULL));
	rig_identity("ca", "b", time(NULL));
	snprintf(trust, sizeof(trust), "identity: %s", rig_path("ca-a.pem"));
	side_start(&a, rig_conf("a", "s", "ab", trust));
	snprintf(trust, sizeof(trust), "identity: %s", rig_path("ca-b.pem"));
	side_start(&b, rig_conf("b", "s", "ab", trust));
}

/* Both are up, a having dialled. */
static void
connect_both(int row)
{
	start(row);
	side_dial(&a, "b", 'b');
	UNTIL(a.ups == 1 && b.ups == 1);
}

/* A client of node a that is up and says nothing, in plaintext. */
static int
connect_raw(void)
{
	int fd;

	start(1);
	fd = rig_raw('a');
	UNTIL(a.ups == 1);
	return fd;
}

START_TEST(largest_before_trust)
{
	connect_both(_i);
	ck_assert_int_eq(side_send(&a, a.session, PEER_FRAME_MAX_UNTRUSTED), 0);
	UNTIL(b.messages == 1);
	ck_assert_int_eq(
	    side_send(&a, a.session, PEER_FRAME_MAX_UNTRUSTED + 1), 0);
	UNTIL(b.downs == 1);
	ck_assert_str_eq(b.why.text, "frame of 4097 bytes; 1..4096 expected");
	ck_assert_uint_eq(b.messages, 1);
	UNTIL(a.downs == 1);
}
END_TEST

START_TEST(largest_after_trust)
{
	a.trust = b.trust = true;
	connect_both(_i);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(side_send(&a, a.session, PEER_FRAME_MAX), 0);
	UNTIL(b.messages == 3);
	ck_assert_uint_eq(b.bytes, 3 * PEER_FRAME_MAX);
	ck_assert(b.in_order);
}
END_TEST

static const struct {
	uint8_t header[4];
	const char *why;
} bad_headers[] = {
    {{0, 0x10, 0, 1}, "frame of 1048577 bytes; 1..1048576 expected"},
    {{0xff, 0xff, 0xff, 0xff},
	"frame of 4294967295 bytes; 1..1048576 expected"},
    {{0, 0, 0, 0}, "frame of 0 bytes; 1..1048576 expected"},
};

START_TEST(bad_header)
{
	int fd;

	a.trust = true;
	fd = connect_raw();
	ck_assert_int_eq(write(fd, bad_headers[_i].header, 4), 4);
	UNTIL(a.downs == 1);
	ck_assert_str_eq(a.why.text, bad_headers[_i].why);
	close(fd);
}
END_TEST

/* However it is cut, only whole frames come out. */
START_TEST(byte_by_byte)
{
	static const uint8_t wire[] = {0, 0, 0, 3, 0, 'n', 'e', 0, 0, 0, 1, 1};
	int fd = connect_raw();

	for (size_t i = 0; i < sizeof(wire); i++) {
		ck_assert_int_eq(write(fd, &wire[i], 1), 1);
		rig_run_ms(6);
		ck_assert_uint_eq(a.messages, (i >= 6) + (i >= 11));
	}
	ck_assert(a.in_order);
	close(fd);
	UNTIL(a.downs == 1);
	ck_assert_str_eq(a.why.text, "it closed the connection");
}
END_TEST

/* The last words of one who closes at once are heard. */
START_TEST(flush_at_close)
{
	unsigned sent = 0;

	a.trust = b.trust = true;
	connect_both(_i);
	for (; sent < 3; sent++)
		ck_assert_int_eq(side_send(&a, a.session, PEER_FRAME_MAX), 0);
	/* What the other one says meanwhile turns nothing into a reset. */
	ck_assert_int_eq(side_send(&b, b.session, PEER_FRAME_MAX), 0);
	peer_net_close(a.net, a.session, "test");
	ck_assert_int_eq(side_send(&a, a.session, 1), -1);
	UNTIL(b.downs == 1);
	ck_assert_uint_eq(b.messages, sent);
	ck_assert_uint_eq(b.bytes, sent * PEER_FRAME_MAX);
	rig_run_ms(20);
	ck_assert_uint_eq(a.downs, 0);
	ck_assert_uint_eq(a.messages, 0);
}
END_TEST

START_TEST(close_does_not_wait_forever)
{
	int fd;

	rig_times.flush = 50;
	a.trust = true;
	fd = connect_raw();
	while (side_send(&a, a.session, CHUNK) == 0)
		;
	peer_net_close(a.net, a.session, "test");
	ck_assert_uint_gt(peer_net_queued(a.net, a.session), 0);
	UNTIL(peer_net_queued(a.net, a.session) == 0);
	ck_assert_uint_eq(a.downs, 0);
	close(fd);
}
END_TEST

START_TEST(close_from_a_message)
{
	b.close_on_message = true;
	connect_both(_i);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(side_send(&a, a.session, 10), 0);
	UNTIL(a.downs == 1);
	ck_assert_uint_eq(b.messages, 1);
	ck_assert_uint_eq(b.downs, 0);
}
END_TEST

static size_t
read_all(int fd)
{
	static uint8_t data[CHUNK];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		len += (size_t)n;
	return len;
}

/* Over the high mark nothing is queued; below the low one it is told, once. */
START_TEST(queue_marks)
{
	size_t sent = 0, got = 0, frame = CHUNK + 4;
	int fd;

	a.trust = true;
	fd = connect_raw();
	while (side_send(&a, a.session, CHUNK) == 0)
		sent += frame;
	ck_assert_uint_gt(peer_net_queued(a.net, a.session), PEER_QUEUE_HIGH);
	ck_assert_uint_le(
	    peer_net_queued(a.net, a.session), PEER_QUEUE_HIGH + frame);
	/* libevent hands on what the kernel takes only from the loop. */
	while (a.drains == 0) {
		ck_assert_int_eq(side_send(&a, a.session, 1), -1);
		rig_turn();
		got += read_all(fd);
		ck_assert_uint_eq(a.downs, 0);
	}
	ck_assert_int_eq(side_send(&a, a.session, CHUNK), 0);
	sent += frame;
	while (got < sent) {
		rig_turn();
		got += read_all(fd);
	}
	rig_run_ms(20);
	ck_assert_uint_eq(got, sent);
	ck_assert_uint_eq(a.drains, 1);
	ck_assert_uint_eq(peer_net_queued(a.net, a.session), 0);
	close(fd);
}
END_TEST

/* The same between two of ours. */
START_TEST(more_than_the_queue)
{
	unsigned sent = 0, drains;

	a.trust = b.trust = true;
	connect_both(_i);
	while (sent < 200) {
		drains = a.drains;
		if (side_send(&a, a.session, PEER_FRAME_MAX / 4) == 0)
			sent++;
		else
			UNTIL(a.drains == drains + 1);
	}
	UNTIL(b.messages == sent);
	ck_assert(b.in_order);
	ck_assert_uint_gt(a.drains, 0);
	ck_assert_uint_eq(a.downs + b.downs, 0);
}
END_TEST

START_TEST(reader_that_stops)
{
	int fd;

	rig_times.stall = 100;
	a.trust = true;
	fd = connect_raw();
	while (side_send(&a, a.session, CHUNK) == 0)
		;
	UNTIL(a.downs == 1);
	ck_assert_str_eq(a.why.text, "it takes nothing of what is sent");
	close(fd);
}
END_TEST

/* It reads a little all the time: that is progress. */
START_TEST(reader_that_is_slow)
{
	static uint8_t data[200000];
	int fd;

	rig_times.stall = 1000;
	a.trust = true;
	fd = connect_raw();
	while (side_send(&a, a.session, CHUNK) == 0)
		;
	for (int i = 0; i < 15; i++) {
		rig_run_ms(100);
		ck_assert_int_gt(read(fd, data, sizeof(data)), 0);
	}
	ck_assert_uint_eq(a.downs, 0);
	close(fd);
}
END_TEST

START_TEST(no_hello)
{
	rig_times.hello = 500;
	connect_both(_i);
	peer_net_trust(a.net, a.session);
	UNTIL(b.downs == 1);
	ck_assert_str_eq(b.why.text, "no good HELLO in time");
	UNTIL(a.downs == 1);
	ck_assert_str_eq(a.why.text, "it closed the connection");
}
END_TEST

START_TEST(trusted_has_no_deadline)
{
	rig_times.hello = 60;
	a.trust = b.trust = true;
	connect_both(_i);
	rig_run_ms(150);
	ck_assert_uint_eq(a.downs + b.downs, 0);
	side_stop(&b);
	UNTIL(a.downs == 1);
}
END_TEST

/* In plaintext a caller is a stranger until it is trusted. */
START_TEST(plaintext_strangers)
{
	int fds[PEER_STRANGERS_MAX + 1];

	start(1);
	for (size_t i = 0; i < PEER_STRANGERS_MAX + 1; i++)
		fds[i] = rig_raw('a');
	UNTIL(a.downs == 1);
	ck_assert_uint_eq(a.ups, PEER_STRANGERS_MAX + 1);
	for (size_t i = 0; i < PEER_STRANGERS_MAX + 1; i++)
		close(fds[i]);
}
END_TEST

START_TEST(no_such_session)
{
	start(1);
	ck_assert_int_eq(side_send(&a, 77, 1), -1);
	ck_assert_uint_eq(peer_net_queued(a.net, 77), 0);
	peer_net_trust(a.net, 77);
	peer_net_close(a.net, 77, "");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("peer_session");
	TCase *tc = tcase_create("peer_session");

	tcase_add_checked_fixture(tc, rig_setup, teardown);
	tcase_add_loop_test(tc, largest_before_trust, 0, TRUSTS);
	tcase_add_loop_test(tc, largest_after_trust, 0, TRUSTS);
	tcase_add_loop_test(tc, bad_header, 0, ROWS(bad_headers));
	tcase_add_test(tc, byte_by_byte);
	tcase_add_loop_test(tc, flush_at_close, 0, TRUSTS);
	tcase_add_test(tc, close_does_not_wait_forever);
	tcase_add_loop_test(tc, close_from_a_message, 0, TRUSTS);
	tcase_add_test(tc, queue_marks);
	tcase_add_loop_test(tc, more_than_the_queue, 0, TRUSTS);
	tcase_add_test(tc, reader_that_stops);
	tcase_add_test(tc, reader_that_is_slow);
	tcase_add_loop_test(tc, no_hello, 0, TRUSTS);
	tcase_add_loop_test(tc, trusted_has_no_deadline, 0, TRUSTS);
	tcase_add_test(tc, plaintext_strangers);
	tcase_add_test(tc, no_such_session);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
