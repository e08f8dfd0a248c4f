/* SPDX-License-Identifier: Apache-2.0 */
/* What still asks for a backend, over all nodes: asked for, and in words. */
#ifndef AGENT_CLI_HELD_H
#define AGENT_CLI_HELD_H

#include "agent/cli/cli.h"

#define HELD_LINE_MAX 200

/* The most that a node has: they know of the same flows, so a sum would count
 * them again and again. */
struct held {
	struct flow_held most;
	size_t n_nodes, n_known; /* that are heard; that have answered */
	char unknown[FORWARDING_NAME_MAX]; /* the first that has not */
	unsigned zeros; /* so many looks in a row that showed nothing */
};

void held_of(struct held *, const struct control_held *);
/* Nothing asks for it any more: seen twice, for the first look may come before
 * the change does. */
bool held_is_over(const struct held *);
/* Asks, and adds to what was seen. CLI_OK, or CLI_FAILED: said why. */
int held_look(const struct cli *, const char *service, const struct addr *,
    struct held *);
/* "12 connections and 340 slots still ask for it", for behind its name. */
const char *held_line(const struct held *, char buf[HELD_LINE_MAX]);
json_t *held_json(const struct held *);

#endif
