/* SPDX-License-Identifier: Apache-2.0 */
/* A malloc, on top of glibc's, that fails when a test wants it to and counts
 * what is not freed. Not for programs with sanitizers, which bring their own.
 */
#ifndef TESTS_UNIT_FAILING_MALLOC_H
#define TESTS_UNIT_FAILING_MALLOC_H

#include <stdbool.h>

#include "common/errmsg.h"

struct failing_malloc {
	long countdown; /* allocations until the one that fails; -1: none */
	long live;      /* blocks that are not freed yet */
	bool has_failed;
};
extern struct failing_malloc failing_malloc;

/* From now on OpenSSL's allocations do not fail; to be called before it has
 * made any. For what cannot do without its digests. */
void failing_malloc_spare_openssl(void);

/* Does something once, undoes it, and returns whether it worked. */
typedef bool (*failing_malloc_try)(struct errmsg *why);

/* Lets each allocation of it fail once: it must say so, with `error` in its
 * reason (NULL: any), and leave nothing behind. copes: it may do without one,
 * as qsort does. */
void failing_malloc_each(failing_malloc_try, const char *error, bool copes);

#endif
