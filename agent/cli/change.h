/* SPDX-License-Identifier: Apache-2.0 */
/* Changing what the cluster replicates: asked of the agent, and what has become
 * of it everywhere. */
#ifndef AGENT_CLI_CHANGE_H
#define AGENT_CLI_CHANGE_H

#include "agent/cli/cli.h"
#include "agent/core/control.h"

/* Done everywhere it can be known to be: CLI_OK; else CLI_PENDING. */
int change_status(const struct control_outcome *);
#define CHANGE_LINE_MAX 128
/* "done on all 3 nodes". */
const char *change_line(
    const struct control_outcome *, char buf[CHANGE_LINE_MAX]);

/* Asks for the change, as --local and --force say; waits, with --wait, until
 * the tables are the same everywhere; says what has become of it. An exit
 * status. */
int change_run(const struct cli *, struct control_change *);

#endif
