/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to say when BIRD cannot be read: one line, and the report with
 * it. Pure. */
#ifndef AGENT_BIRD_FAILURE_H
#define AGENT_BIRD_FAILURE_H

#include "agent/core/bird_report.h"
#include "common/errmsg.h"

struct failure {
	enum bird_state state;
	struct errmsg why;
};

/* Nobody could be reached; `cause` says so with the path, `error` is its
 * errno. */
struct failure failure_connect(int error, const struct errmsg *cause);
struct failure failure_silent(const char *path, unsigned ms);
/* It answers, but that cannot be BIRD. */
struct failure failure_stranger(const char *path, const char *what);
/* It is BIRD, but cannot be read to the end. */
struct failure failure_reading(const char *path, const char *what);

bool failure_equal(const struct failure *, const struct failure *);

/* NULL: out of memory. */
struct bird_report *failure_report(const struct failure *);

#endif
