/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to BIRD's control socket, for reading only: the first thing
 * sent is `restrict`. Nothing here blocks.
 *
 * It keeps itself connected, and tells without being asked
 *   - when BIRD comes: a whole reading;
 *   - when it goes, or stops answering: once for each state and cause.
 * One command is sent at a time, and the next when its reply is complete. While
 * there is nothing to read, `show status` is asked now and then, which shows
 * whether BIRD still lives. */
#ifndef AGENT_BIRD_BIRDCTL_H
#define AGENT_BIRD_BIRDCTL_H

#include "agent/core/bird_report.h"

struct event_base;
struct birdctl;

/* Called from the event loop, never from within the functions below. Takes the
 * report. May ask again, but not free the birdctl. */
typedef void (*birdctl_report)(void *ctx, struct bird_report *);

/* Connects to nothing yet: the event loop does. Copies path. NULL: no memory.
 */
struct birdctl *birdctl_new(
    struct event_base *, const char *path, birdctl_report report, void *ctx);
void birdctl_free(struct birdctl *);

/* A whole reading, begun after this call, as soon as possible; if BIRD cannot
 * be reached, a report that says why. Asked again before the reading has begun,
 * it is one; asked again while it is under way, there is one more after it. */
void birdctl_ask(struct birdctl *);

/* All in milliseconds. */
struct birdctl_times {
	unsigned retry;      /* to connect again, when nobody listens */
	unsigned busy_retry; /* the same, when others wait to be accepted ... */
	unsigned busy_max;   /* ... and for how long that is no failure */
	unsigned silence;    /* without one byte of a reply: it is silent */
	unsigned whole;      /* for a whole reading: else it is silent */
	unsigned pause;      /* to connect again after silence or nonsense */
	unsigned wake;       /* `show status` on a new connection ... */
	unsigned wake_for;   /* ... for so long */
	unsigned look;       /* `show status` from then on */
};

/* For tests, which have no time. */
struct birdctl *birdctl_new_timed(struct event_base *, const char *path,
    const struct birdctl_times *, birdctl_report report, void *ctx);

#endif
