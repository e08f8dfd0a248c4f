/* SPDX-License-Identifier: Apache-2.0 */
/* BIRD's replies as lines: bytes in, lines out, no I/O. What the lines mean is
 * show.h's.
 *
 *     1007-Table vip4:        a code, and more follows
 *      203.0.113.1/32 ...     the same code
 *     +...                    asynchronous: belongs to no reply, left out here
 *     0000                    a code and a space: the last line of the reply
 *
 * The first digit of a code says: 0 done, 1 an entry, 2 a heading, 8 it failed,
 * 9 it was not understood. */
#ifndef AGENT_BIRD_REPLY_H
#define AGENT_BIRD_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"

/* BIRD's own lines have up to 512 bytes. */
#define REPLY_LINE_MAX 4096
/* A host route takes some 75 bytes: room for 100,000 of them. */
#define REPLY_MAX (8u << 20)

#define REPLY_CODE_GREETING 1    /* unasked, on a new connection */
#define REPLY_CODE_FAILED   8000 /* and above: an error, in words */

struct reply_line {
	unsigned code;
	bool last;        /* of its reply */
	const char *text; /* after the code; borrowed until the next call */
};

/* Embedded by its owner. */
struct reply {
	bool open;     /* in the middle of a reply ... */
	unsigned code; /* ... whose last line had this one */
	size_t size;   /* of the reply so far */
	size_t used;   /* of the line so far */
	char line[REPLY_LINE_MAX];
};

enum reply_result {
	REPLY_SHORT, /* all bytes are taken, the next line is not complete */
	REPLY_LINE,
	REPLY_BAD, /* not BIRD's, or over a limit: `why` says which */
};

/* To be called for each new connection, and after REPLY_BAD. */
void reply_init(struct reply *);

/* Takes bytes up to the end of the next line, and moves *data and *len past
 * them. To be called again until it says REPLY_SHORT. */
enum reply_result reply_next(struct reply *, const char **data, size_t *len,
    struct reply_line *, struct errmsg *why);

/* Copies up to room - 1 bytes of text and a NUL. What is not printable ASCII
 * becomes '?': some of it is written by neighbours, and may end up on a
 * terminal. Returns out. */
char *reply_printable(char *out, size_t room, const char *text, size_t len);

#endif
