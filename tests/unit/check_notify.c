/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager hears of us, and the descriptors that it gives back:
 * the test is the service manager. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/notify.h"
#include "tests/unit/unit.h"

static char dir[64], path[96];
static int manager;
static char heard[256];
static int passed; /* with it; -1: none */

static void
listen_at(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memcpy(sun.sun_path, name, strlen(name));
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(manager, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		    strlen(name))),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/check_notify_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	listen_at(path);
	passed = -1;
}

static void
teardown(void)
{
	close(manager);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* The next message; false: there is none. */
static bool
hear(void)
{
	char control[256];
	struct iovec text = {heard, sizeof(heard) - 1};
	struct msghdr m = {.msg_iov = &text,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(manager, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c;

	if (n == -1)
		return false;
	heard[n] = '\0';
	passed = -1;
	if ((c = CMSG_FIRSTHDR(&m)) != NULL) {
		ck_assert_int_eq(c->cmsg_type, SCM_RIGHTS);
		ck_assert_uint_eq(c->cmsg_len, CMSG_LEN(sizeof(int)));
		memcpy(&passed, CMSG_DATA(c), sizeof(passed));
	}
	return true;
}

START_TEST(says_it)
{
	ck_assert(notify("READY=1"));
	ck_assert(hear());
	ck_assert_str_eq(heard, "READY=1");
	ck_assert_int_eq(passed, -1);
	ck_assert(!hear());
}
END_TEST

START_TEST(abstract_names)
{
	char name[64];

	close(manager);
	snprintf(name, sizeof(name), "@guideway-check-notify-%d", getpid());
	listen_at(name);
	ck_assert(notify("READY=1"));
	ck_assert(hear());
}
END_TEST

static const char *const nobodies[] = {NULL, "", "relative", "/nowhere/at/all"};

START_TEST(nobody_listens)
{
	if (nobodies[_i] == NULL)
		unsetenv("NOTIFY_SOCKET");
	else
		setenv("NOTIFY_SOCKET", nobodies[_i], 1);
	ck_assert(!notify("READY=1"));
	ck_assert(!notify_store("thing", STDIN_FILENO));
	notify_remove("thing");
}
END_TEST

START_TEST(stores_and_removes)
{
	struct stat ours, theirs;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert(notify_store("thing", fd));
	ck_assert(hear());
	ck_assert_str_eq(heard, "FDSTORE=1\nFDNAME=thing");
	ck_assert_int_ne(passed, -1);
	ck_assert_int_eq(fstat(fd, &ours), 0); /* still ours */
	ck_assert_int_eq(fstat(passed, &theirs), 0);
	ck_assert(ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev);
	notify_remove("thing");
	ck_assert(hear());
	ck_assert_str_eq(heard, "FDSTOREREMOVE=1\nFDNAME=thing");
	ck_assert_int_eq(passed, -1);
	close(passed);
	close(fd);
}
END_TEST

/* What is given, and what is taken of it: descriptors 3, 4, ... */
static const struct {
	const char *fds, *names;
	bool ours; /* LISTEN_PID */
	int taken;
	const char *open;    /* of 3, 4, 5: 1 for those that are open after */
	const char *removed; /* the names, each with a space after */
} given[] = {
    {NULL, NULL, true, -1, "111", ""},
    {"0", "", true, -1, "111", ""},
    {"1", "thing", true, 3, "111", ""},
    {"1", "thing", false, -1, "111", ""}, /* of our parent */
    {"1", "other", true, -1, "011", "other "},
    {"1", NULL, true, -1, "011", " "},
    {"2", "other:thing", true, 4, "011", "other "},
    {"2", "thing", true, 3, "101", " "}, /* a name is missing */
    {"3", "thing:thing:stored", true, 3, "100", "stored "},
    {"3", ":thing:", true, 4, "010", "  "},
    {"2", "thing1:thin", true, -1, "001", "thing1 thin "},
    {"many", "thing", true, -1, "111", ""},
    {"-1", "thing", true, -1, "111", ""},
    {"1x", "thing", true, -1, "111", ""},
    {"99999999999999999999", "thing", true, -1, "111", ""},
};

static void
give(int row)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid() + !given[row].ours);
	setenv("LISTEN_PID", pid, 1);
	if (given[row].fds != NULL)
		setenv("LISTEN_FDS", given[row].fds, 1);
	if (given[row].names != NULL)
		setenv("LISTEN_FDNAMES", given[row].names, 1);
	for (int fd = 3; fd <= 5; fd++)
		if (dup2(STDERR_FILENO, fd) == -1)
			_exit(99);
}

static bool
is_open(int fd, bool on_exec)
{
	int flags = fcntl(fd, F_GETFD);

	return flags != -1 && (!on_exec || (flags & FD_CLOEXEC) != 0);
}

/* In a process of its own: 3, 4 and 5 may be of use in this one. */
static void
take_and_exit(int row)
{
	int taken;

	give(row);
	taken = notify_take("thing");
	for (int fd = 3; fd <= 5; fd++)
		if (is_open(fd, fd == taken) !=
		    (given[row].open[fd - 3] == '1'))
			_exit(10 + fd);
	if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL ||
	    getenv("LISTEN_FDNAMES") != NULL)
		_exit(20);
	if (notify_take("thing") != -1)
		_exit(21);
	_exit(taken == given[row].taken ? 0 : 22);
}

START_TEST(takes_what_is_given)
{
	char removed[256] = "";
	size_t at = strlen("FDSTOREREMOVE=1\nFDNAME=");
	int status;
	pid_t pid;

	if ((pid = fork()) == 0)
		take_and_exit(_i);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	while (hear()) {
		ck_assert_int_eq(
		    strncmp(heard, "FDSTOREREMOVE=1\nFDNAME=", at), 0);
		strcat(strcat(removed, heard + at), " ");
	}
	ck_assert_str_eq(removed, given[_i].removed);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("notify");
	TCase *tc = tcase_create("notify");

	log_init("check_notify", false, NULL);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, says_it);
	tcase_add_test(tc, abstract_names);
	tcase_add_loop_test(tc, nobody_listens, 0, ROWS(nobodies));
	tcase_add_test(tc, stores_and_removes);
	tcase_add_loop_test(tc, takes_what_is_given, 0, ROWS(given));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
