/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/unix_socket.h"
#include "tests/unit/unit.h"

static char dir[64], path[96];
static struct errmsg why;

static void
setup(void)
{
	strcpy(dir, "/tmp/check_unix_socket_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sub/socket", dir);
	why.text[0] = '\0';
}

static void
teardown(void)
{
	char sub[80];

	(void)unlink(path);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	(void)rmdir(sub);
	(void)rmdir(dir);
}

START_TEST(listens_and_connects)
{
	int fd = unix_listen(path, &why), client;
	struct stat st;

	ck_assert_msg(fd != -1, "%s", why.text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0660);
	client = unix_connect(path, &why);
	ck_assert_msg(client != -1, "%s", why.text);
	close(client);
	close(fd);
}
END_TEST

START_TEST(replaces_what_nobody_listens_on)
{
	int fd = unix_listen(path, &why);

	ck_assert_int_ne(fd, -1);
	close(fd);
	fd = unix_listen(path, &why);
	ck_assert_msg(fd != -1, "%s", why.text);
	close(fd);
}
END_TEST

START_TEST(leaves_a_living_listener_alone)
{
	int fd = unix_listen(path, &why), client;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(unix_listen(path, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "another process listens"));
	client = unix_connect(path, NULL);
	ck_assert_int_ne(client, -1);
	close(client);
	close(fd);
}
END_TEST

/* A killed process's sockets live on for a moment. */
START_TEST(waits_for_one_that_is_dying)
{
	const struct timespec moment = {0, 300000000};
	int fd = unix_listen(path, &why);
	pid_t child;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(child = fork(), -1);
	if (child == 0) {
		nanosleep(&moment, NULL);
		_exit(0);
	}
	close(fd);
	fd = unix_listen(path, &why);
	ck_assert_msg(fd != -1, "%s", why.text);
	close(fd);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

START_TEST(says_what_is_in_the_way)
{
	char long_path[200];
	FILE *f;

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(unix_listen(long_path, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "shorter run_dir"));
	snprintf(path, sizeof(path), "%s/file", dir);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fclose(f);
	ck_assert_int_eq(unix_listen(path, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "not a socket"));
}
END_TEST

/* Descriptors that go with bytes are the receiver's own, and close-on-exec. */
START_TEST(passes_descriptors)
{
	int pair[2], sent[2], got[UNIX_FDS_MAX];
	struct stat ours, theirs;
	char text[8] = "";
	size_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_uint_eq(unix_peer_uid(pair[1]), geteuid());
	ck_assert_int_eq(pipe(sent), 0);
	for (size_t count = 1; count <= 2; count++) {
		ck_assert_int_eq(unix_send(pair[0], "ab", 2, sent, count), 0);
		ck_assert_int_eq(
		    unix_receive(pair[1], text, sizeof(text), got, &n), 2);
		ck_assert_uint_eq(n, count);
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_ne(
			    fcntl(got[i], F_GETFD) & FD_CLOEXEC, 0);
			ck_assert_int_eq(fstat(sent[i], &ours), 0);
			ck_assert_int_eq(fstat(got[i], &theirs), 0);
			ck_assert(ours.st_ino == theirs.st_ino);
			close(got[i]);
		}
	}
	ck_assert_int_eq(send(pair[0], "c", 1, 0), 1);
	ck_assert_int_eq(unix_receive(pair[1], text, sizeof(text), got, &n), 1);
	ck_assert_uint_eq(n, 0);
	close(pair[0]);
	ck_assert_int_eq(unix_receive(pair[1], text, sizeof(text), got, &n), 0);
	close(pair[1]);
	close(sent[0]);
	close(sent[1]);
}
END_TEST

/* How many descriptors this process has. */
static int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* More than we would know what to do with: none is kept open. */
START_TEST(takes_no_heap_of_descriptors)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control = {.room = ""};
	char two[] = "ab";
	struct iovec bytes = {two, 2};
	struct msghdr m = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	int pair[2], before, got[UNIX_FDS_MAX], fds[4] = {0, 1, 2, 2};
	char text[8];
	size_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	ck_assert_int_eq(sendmsg(pair[0], &m, 0), 2);
	before = count_open();
	ck_assert_int_eq(
	    unix_receive(pair[1], text, sizeof(text), got, &n), -1);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(count_open(), before);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("unix_socket");
	TCase *tc = tcase_create("unix_socket");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, listens_and_connects);
	tcase_add_test(tc, replaces_what_nobody_listens_on);
	tcase_add_test(tc, leaves_a_living_listener_alone);
	tcase_add_test(tc, waits_for_one_that_is_dying);
	tcase_add_test(tc, says_what_is_in_the_way);
	tcase_add_test(tc, passes_descriptors);
	tcase_add_test(tc, takes_no_heap_of_descriptors);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
