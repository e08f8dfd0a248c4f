/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/failing_malloc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <openssl/crypto.h>

#include "tests/unit/unit.h"

struct failing_malloc failing_malloc = {.countdown = -1};

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static bool
fails(void)
{
	if (failing_malloc.countdown != 0) {
		failing_malloc.countdown -= failing_malloc.countdown > 0;
		return false;
	}
	failing_malloc.countdown = -1;
	failing_malloc.has_failed = true;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	void *p = fails() ? NULL : __libc_malloc(size);

	failing_malloc.live += p != NULL;
	return p;
}

void *
calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);

	failing_malloc.live += p != NULL;
	return p;
}

void *
realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __libc_realloc(old, size);

	failing_malloc.live += p != NULL && old == NULL;
	return p;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	void *p = fails() ? NULL : __libc_memalign(alignment, size);

	failing_malloc.live += p != NULL;
	return p;
}

void
free(void *p)
{
	failing_malloc.live -= p != NULL;
	__libc_free(p);
}

static void *
spared_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return __libc_malloc(size);
}

static void *
spared_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return __libc_realloc(old, size);
}

static void
spared_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	__libc_free(p);
}

void
failing_malloc_spare_openssl(void)
{
	ck_assert_int_eq(CRYPTO_set_mem_functions(
			     spared_malloc, spared_realloc, spared_free),
	    1);
}

void
failing_malloc_each(failing_malloc_try try, const char *error, bool copes)
{
	for (long n = 0; n < 10000; n++) {
		struct errmsg why = {""};
		long before = failing_malloc.live;
		bool worked;

		failing_malloc.has_failed = false;
		failing_malloc.countdown = n;
		worked = try(&why);
		failing_malloc.countdown = -1;
		ck_assert_msg(failing_malloc.live == before,
		    "%ld blocks leak when allocation "
		    "%ld fails",
		    failing_malloc.live - before, n);
		if (!failing_malloc.has_failed) {
			ck_assert_msg(worked && n > 0, "%s", why.text);
			return;
		}
		ck_assert_msg(
		    !worked || copes, "worked without allocation %ld", n);
		if (worked)
			continue;
		ck_assert_msg(why.text[0] != '\0', "no reason");
		if (error != NULL)
			ck_assert_msg(strstr(why.text, error) != NULL,
			    "allocation %ld: %s", n, why.text);
	}
	ck_abort_msg("no end");
}
