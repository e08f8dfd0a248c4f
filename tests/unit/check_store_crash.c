/* SPDX-License-Identifier: Apache-2.0 */
/* Saves that are cut off or fail. Each system call of a save that changes
 * something is caught here: the process ends before it, or the call fails. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store_dir.h"
#include "tests/unit/unit.h"

enum fault {
	NO_FAULT,
	CRASH, /* a write gets half of its bytes out */
	FAIL,
};

static enum fault fault;
static int countdown;         /* calls until the one that is at fault */
static int failed_fsync = -1; /* the descriptor */
static char trace[256];

int __real_mkdir(const char *, mode_t);
int __real_fsync(int);
int __real_linkat(int, const char *, int, const char *, int);
int __real_renameat(int, const char *, int, const char *);
int __real_unlinkat(int, const char *, int);
ssize_t __real_write(int, const void *, size_t);

int __wrap_mkdir(const char *, mode_t);
int __wrap_fsync(int);
int __wrap_linkat(int, const char *, int, const char *, int);
int __wrap_renameat(int, const char *, int, const char *);
int __wrap_unlinkat(int, const char *, int);
ssize_t __wrap_write(int, const void *, size_t);

/* Is this call the one? Notes it, in any case. */
static bool
strikes(const char *call)
{
	if (strlen(trace) + strlen(call) + 2 < sizeof(trace))
		strcat(strcat(trace, " "), call);
	if (fault == NO_FAULT || countdown-- > 0)
		return false;
	if (fault == CRASH)
		_exit(0);
	fault = NO_FAULT; /* what cleans up works again */
	errno = EIO;
	return true;
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	return strikes("mkdir") ? -1 : __real_mkdir(path, mode);
}

int
__wrap_fsync(int fd)
{
	ck_assert_int_ne(fd, failed_fsync);
	if (!strikes("fsync"))
		return __real_fsync(fd);
	failed_fsync = fd;
	return -1;
}

int
__wrap_linkat(int d1, const char *from, int d2, const char *to, int flags)
{
	return strikes("link") ? -1 : __real_linkat(d1, from, d2, to, flags);
}

int
__wrap_renameat(int d1, const char *from, int d2, const char *to)
{
	return strikes("rename") ? -1 : __real_renameat(d1, from, d2, to);
}

int
__wrap_unlinkat(int fd, const char *name, int flags)
{
	return strikes("unlink") ? -1 : __real_unlinkat(fd, name, flags);
}

ssize_t
__wrap_write(int fd, const void *data, size_t len)
{
	if (fault == CRASH && countdown == 0)
		(void)!__real_write(fd, data, len / 2);
	return strikes("write") ? -1 : __real_write(fd, data, len);
}

/* What a directory may be like before a save, and what a load makes of it. A
 * save then says the opposite of A. */
enum {
	A = true,
	P = false,
	B = false
};

static void
no_directory(void)
{
}

static void
empty(void)
{
	store_dir_empty();
}

static void
one(void)
{
	saved(A);
}

static void
two(void)
{
	saved(P);
	saved(A);
}

/* A save was cut off when both names were of one file. */
static void
linked(void)
{
	const struct image torn = image_text("GWSTATE1");

	saved(A);
	put_link(FORMER, CURRENT);
	put_link(FORMER_NEW, CURRENT);
	put(CURRENT_NEW, &torn);
}

static void
only_former(void)
{
	const struct image a = image_of(A);

	store_dir_empty();
	put(FORMER, &a);
}

static void
damaged(void)
{
	const struct image a = image_of(A), torn = image_text("GWSTATE1");

	store_dir_empty();
	put(FORMER, &a);
	put(CURRENT, &torn);
}

static const struct start {
	void (*make)(void);
	enum store_result result;
	bool draining;
	const char *calls; /* of the save */
} starts[] = {
    {no_directory, STORE_NONE, false,
	" mkdir fsync unlink write fsync rename fsync"},
    {empty, STORE_NONE, false, " mkdir fsync unlink write fsync rename fsync"},
    {one, STORE_LOADED, A,
	" mkdir unlink write fsync unlink link rename unlink rename fsync"},
    {two, STORE_LOADED, A,
	" mkdir unlink write fsync unlink link rename unlink rename fsync"},
    {linked, STORE_LOADED, A,
	" mkdir unlink write fsync unlink link rename unlink rename fsync"},
    {only_former, STORE_FORMER, A,
	" mkdir fsync unlink write fsync rename fsync"},
    {damaged, STORE_FORMER, A, " mkdir rename unlink write fsync rename fsync"},
};

static void
start_again(const struct start *s)
{
	fault = NO_FAULT;
	store_dir_teardown();
	store_dir_setup();
	s->make();
	trace[0] = '\0';
	failed_fsync = -1;
}

/* What was there works, and goes on to work. */
static void
works(void)
{
	saved(A);
	loads(STORE_LOADED, A);
	saved(B);
	loads(STORE_LOADED, B);
	ck_assert(!present(CURRENT_NEW) && !present(FORMER_NEW));
}

/* The order of a save: nothing has a name before it is on the disk. */
START_TEST(calls)
{
	start_again(&starts[_i]);
	saved(B);
	ck_assert_str_eq(trace, starts[_i].calls);
	loads(STORE_LOADED, B);
	works();
}
END_TEST

/* A save in a process of its own; whether it came to its end. */
static bool
save_until(int calls_before)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		const struct store_state state = state_of(B);

		fault = CRASH;
		countdown = calls_before;
		_exit(store_save(store_dir, &state, NULL) == 0 ? 1 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 2);
	return WEXITSTATUS(status) == 1;
}

START_TEST(crash_before_each_call)
{
	const struct start *s = &starts[_i];
	enum store_result result;
	bool ended = false;

	for (int n = 0; !ended; n++) {
		start_again(s);
		ended = save_until(n);
		result = load();
		ck_assert_msg((result == s->result &&
				  loaded.draining == s->draining && !ended) ||
			(result == STORE_LOADED && loaded.draining == B),
		    "call %d: %d: %s", n, (int)result, why.text);
		works();
		ck_assert_int_lt(n, 20);
	}
}
END_TEST

START_TEST(each_call_fails)
{
	const struct start *s = &starts[_i];
	bool struck = true;
	int rc;

	for (int n = 0; struck; n++) {
		start_again(s);
		fault = FAIL;
		countdown = n;
		rc = save(B);
		struck = fault == NO_FAULT;
		fault = NO_FAULT;
		failed_fsync = -1;
		if (rc == -1) {
			ck_assert_ptr_nonnull(strstr(why.text, strerror(EIO)));
			loads(s->result, s->draining);
		} else {
			/* That a damaged file is kept, is not essential. */
			ck_assert(!struck || s->make == damaged);
			loads(STORE_LOADED, B);
		}
		works();
	}
}
END_TEST

/* A power cut: each change that no fsync has confirmed may be lost, whatever
 * came after it. All that such a save can leave: */
START_TEST(power_cut)
{
	const struct image a = image_of(A), b = image_of(B), p = image_of(P);
	const struct image torn = {.len = 40};
	const struct image *current[] = {&a, &b};
	const struct image *former[] = {NULL, &p, &a};
	const struct image *current_new[] = {NULL, &b, &torn};
	const struct image *former_new[] = {NULL, &a};
	const struct {
		const char *name;
		const struct image *image;
	} files[] = {
	    {CURRENT, current[_i % 2]},
	    {FORMER, former[_i / 2 % 3]},
	    {CURRENT_NEW, current_new[_i / 6 % 3]},
	    {FORMER_NEW, former_new[_i / 18]},
	};

	store_dir_empty();
	for (int i = 0; i < ROWS(files); i++)
		if (files[i].image != NULL)
			put(files[i].name, files[i].image);
	loads(STORE_LOADED, _i % 2 == 0 ? A : B);
	works();
}
END_TEST

/* As a full disk, which takes some of the bytes. */
START_TEST(no_room)
{
	const struct rlimit limit = {20, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	saved(A);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(save(B), -1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_ptr_nonnull(strstr(why.text, "File too large"));
	ck_assert_ptr_nonnull(strstr(why.text, CURRENT_NEW ": write"));
	ck_assert(!present(CURRENT_NEW));
	loads(STORE_LOADED, A);
	works();
}
END_TEST

/* Of a directory that is in the way of a file, say. */
START_TEST(names_taken)
{
	const char *names[] = {CURRENT_NEW, FORMER_NEW, FORMER};

	saved(A);
	ck_assert_int_eq(mkdir(path_of(names[_i]), 0700), 0);
	ck_assert_int_eq(save(B), -1);
	ck_assert_ptr_nonnull(strstr(why.text, names[_i]));
	loads(STORE_LOADED, A);
	ck_assert_int_eq(rmdir(path_of(names[_i])), 0);
	works();
}
END_TEST

START_TEST(no_parent)
{
	strcat(store_dir, "/deeper");
	ck_assert_int_eq(save(A), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "create it for the user"));
	loads(STORE_NONE, false);
}
END_TEST

static TCase *
make_case(const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, store_dir_teardown);
	tcase_add_loop_test(tc, calls, 0, ROWS(starts));
	tcase_add_loop_test(tc, crash_before_each_call, 0, ROWS(starts));
	tcase_add_loop_test(tc, each_call_fails, 0, ROWS(starts));
	tcase_add_loop_test(tc, power_cut, 0, 2 * 3 * 3 * 2);
	tcase_add_test(tc, no_room);
	tcase_add_loop_test(tc, names_taken, 0, 3);
	tcase_add_test(tc, no_parent);
	return tc;
}

static Suite *
make_suite(void)
{
	Suite *s = suite_create("store_crash");

	suite_add_tcase(s, make_case("plain", store_dir_setup));
	suite_add_tcase(s, make_case("replica", store_dir_setup_replica));
	return s;
}

UNIT_MAIN(make_suite)
