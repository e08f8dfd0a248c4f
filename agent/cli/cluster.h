/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands say of the cluster. */
#ifndef AGENT_CLI_CLUSTER_H
#define AGENT_CLI_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "agent/cli/cli.h"
#include "agent/core/control.h"

#define CLUSTER_WORDS_MAX 512

/* Do its tables count: is it heard, and has it not left? */
bool cluster_counts(const struct control_cluster_node *);
/* How many count. */
size_t cluster_heard(const struct control_cluster *);
/* How many there are that have not left. */
size_t cluster_present(const struct control_cluster *);
/* In plain words, what a node that counts lacks to serve the tables that this
 * node has; NULL: nothing. */
const char *cluster_lacks(const struct control_cluster *,
    const struct control_cluster_node *, char buf[CLUSTER_WORDS_MAX]);
/* All nodes that count are known to serve the same tables. */
bool cluster_same(const struct control_cluster *);
/* One line: "3 nodes, tables identical", or who differs, since when, and
 * whose fault that is. */
const char *cluster_line(
    const struct control_cluster *, char buf[CLUSTER_WORDS_MAX]);
/* NULL: no node is called so. */
const struct control_cluster_node *cluster_find(
    const struct control_cluster *, const char *name);

json_t *cluster_json(const struct control_cluster *);

/* As cli_ask; a failure, too, when this node is in no cluster. */
int cluster_ask(const struct cli *, struct arena **, struct control_reply *);
/* Asks until all nodes that count serve the same tables: CLI_OK; or until
 * patience_s seconds have passed: CLI_PENDING. Both leave the last reply;
 * CLI_FAILED does not, and has said why. */
int cluster_wait(const struct cli *, uint32_t patience_s, struct arena **,
    struct control_reply *);
/* A line on stderr for each node that lacks something. */
void cluster_complain(const struct control_cluster *);

#endif
