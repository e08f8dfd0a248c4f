/* SPDX-License-Identifier: Apache-2.0 */
/* A capture, as it comes from the balancer. It is asked directly: the agent
 * does not look at packets. */
#ifndef AGENT_CLI_CAPTURE_LINK_H
#define AGENT_CLI_CAPTURE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/cli/cli.h"
#include "common/captured.h"

struct capture_link;

/* Begins one. SIGINT and SIGTERM end it from now on, not the process; so do
 * `seconds` (0: not). NULL: said why. */
struct capture_link *capture_link_new(
    const struct cli *, const struct capture_query *, uint32_t seconds);
void capture_link_free(struct capture_link *);

enum capture_next {
	CAPTURE_NEXT_SOME,
	CAPTURE_NEXT_NONE_YET, /* the next call may wait: flush what is shown */
	CAPTURE_NEXT_END,      /* it was told to end, and has */
	CAPTURE_NEXT_FAILED,   /* said why */
};
/* *captured is valid until the next call. */
enum capture_next capture_link_next(
    struct capture_link *, struct captured *captured);

#endif
