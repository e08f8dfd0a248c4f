/* SPDX-License-Identifier: Apache-2.0 */
/* A whole reading of BIRD: what to ask it, one thing after the other, and what
 * its answers amount to. Pure.
 *
 *     show protocols all              which BGP sessions, which tables
 *     show route exported 'SESSION'   for each that is established
 *     show route table 'TABLE'        for each that a session exports from
 *
 * `exported` is what the neighbours were told. `export` would be what the
 * filters say by now, which is something else after `configure soft`.
 * Only host routes are asked for: a table with all routes of the Internet costs
 * BIRD 0.1 s and us nothing. Nothing holds BIRD still between two answers: a
 * session may go down, or a table disappear. */
#ifndef AGENT_BIRD_READING_H
#define AGENT_BIRD_READING_H

#include "agent/bird/reply.h"
#include "agent/core/bird_report.h"

/* BIRD drops who sends 1024 bytes without an end of line. */
#define READING_COMMAND_MAX 512

struct reading;

struct reading *reading_new(void); /* NULL: out of memory */
void reading_free(struct reading *);

/* What to ask next, without an end of line; NULL: nothing, all is read. */
const char *reading_command(const struct reading *);

enum reading_result {
	READING_ON,    /* after a last line: ask the next */
	READING_AGAIN, /* BIRD was reconfigured: to be begun anew */
	READING_BAD,   /* with `why`; nothing can come of it any more */
};

/* Takes a line of the answer to reading_command. */
enum reading_result reading_line(
    struct reading *, const struct reply_line *, struct errmsg *why);

/* When all is read: the report (version is copied). NULL: out of memory. The
 * reading is then only good for reading_free. */
struct bird_report *reading_report(struct reading *, const char *version);

#endif
