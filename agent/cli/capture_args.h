/* SPDX-License-Identifier: Apache-2.0 */
/* What guideway capture is asked for, read from its options with the checks. */
#ifndef AGENT_CLI_CAPTURE_ARGS_H
#define AGENT_CLI_CAPTURE_ARGS_H

#include <stdint.h>

#include "agent/cli/cli.h"
#include "common/captured.h"
#include "common/errmsg.h"

/* Gentle to a busy node, and enough to see what goes on. */
#define CAPTURE_COUNT 1000
#define CAPTURE_RATE  1000
#define CAPTURE_SNAP  128

struct capture_args {
	struct capture_query query; /* borrows from the options, and from ... */
	const char *reasons[CAPTURE_REASONS_MAX];
	uint32_t count;   /* 0: no end */
	uint32_t seconds; /* 0: no end */
};

/* 0, or -1 with `why`. *args must stay where it is. */
int capture_args_read(
    const struct cli *, struct capture_args *args, struct errmsg *why);

#endif
