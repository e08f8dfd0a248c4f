/* SPDX-License-Identifier: Apache-2.0 */
/* Looking on until something has come true: how long still, and what is said
 * meanwhile. */
#ifndef AGENT_CLI_PROGRESS_H
#define AGENT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/cli/cli.h"
#include "common/mono.h"

#define PROGRESS_LINE_MAX 256

struct progress {
	bool silent; /* with --json */
	bool terminal;
	uint32_t patience_s; /* ARGS_FOREVER: no end */
	struct mono begun;
	char said[PROGRESS_LINE_MAX]; /* the last line; "": none */
};

void progress_begin(struct progress *, const struct cli *, uint32_t patience_s);
/* The time is over: the next look is the last. */
bool progress_over(const struct progress *);
/* Until the next look. */
void progress_pause(void);

/* Looks again and again until that gives another status than CLI_PENDING, or
 * the time is over, which it says on stderr. `last`: no look comes after this
 * one, whatever it sees. */
typedef int progress_look(void *ctx, bool last);
int progress_until(struct progress *, progress_look *, void *ctx);

/* What is worth reading also in a file: on a terminal one line that changes,
 * else a line for each change. */
void progress_line(struct progress *, const char *line, bool last);
/* What only somebody who waits wants to know: on a terminal only, until the
 * next, or until it is cleared for what is printed then. */
void progress_hint(struct progress *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void progress_clear(struct progress *);

#endif
