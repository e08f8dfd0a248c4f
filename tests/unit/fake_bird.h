/* SPDX-License-Identifier: Apache-2.0 */
/* A control socket that answers as BIRD 2.0.12 did (bird_samples.h), or worse.
 * It lives in the event loop of who asks it, and fails the test when it is
 * asked what BIRD must not be asked: another thing than `restrict` first, or
 * anything before its reply is complete. */
#ifndef TESTS_UNIT_FAKE_BIRD_H
#define TESTS_UNIT_FAKE_BIRD_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct fake_bird;

/* What it does instead of answering. */
enum fake_fault {
	FAKE_NONE,
	FAKE_SAYS,     /* something else, given as `text` */
	FAKE_SAYS_ONE, /* the same, but only the first time */
	FAKE_SILENCE,
	FAKE_HALF,    /* the first half of the reply, then silence */
	FAKE_ENDS,    /* closes the connection */
	FAKE_BREAKS,  /* the first half of the reply, then it closes */
	FAKE_ENDLESS, /* `text` for ever */
	FAKE_DRIPS,   /* `text` at once, then its last byte every 5 ms */
};

struct fake_plan {
	size_t piece;   /* replies go out in pieces; 0: whole */
	bool noise;     /* asynchronous lines among all others */
	const char *at; /* the commands that the fault is for begin so; */
	enum fake_fault fault; /* "" is the greeting */
	const char *text;
};

/* Listens on path, or takes fd (unless -1), which does already. The plan may be
 * changed at any time. */
struct fake_bird *fake_bird_new(struct event_base *, const char *path, int fd,
    const struct fake_plan *plan);
/* Closes all, and removes the socket: BIRD after SIGTERM. */
void fake_bird_free(struct fake_bird *);

/* Closes the connections, and goes on listening. */
void fake_bird_hang_up(struct fake_bird *);
/* Says something unasked on all connections. */
void fake_bird_say(struct fake_bird *, const char *text);

/* How many commands that begin so there were. */
unsigned fake_bird_asked(const struct fake_bird *, const char *command);
unsigned fake_bird_connected(const struct fake_bird *);

#endif
