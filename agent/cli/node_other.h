/* SPDX-License-Identifier: Apache-2.0 */
/* Draining a node through another. */
#ifndef AGENT_CLI_NODE_OTHER_H
#define AGENT_CLI_NODE_OTHER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/cli/cli.h"

/* After the wish has been accepted: looks on until that node is seen to be
 * withdrawn or, undraining, not to drain any more, and with --wait to announce.
 * An exit status. */
int node_other_look(
    const struct cli *, const char *node, bool draining, uint32_t patience_s);

#endif
