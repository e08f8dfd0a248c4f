/* SPDX-License-Identifier: Apache-2.0 */
/* A packet as people write it: "198.51.100.9:4711 -> 203.0.113.10:443",
 * "[2001:db8::9]:4711 to [2001:db8::10]:443". */
#ifndef AGENT_CLI_TRACE_ARGS_H
#define AGENT_CLI_TRACE_ARGS_H

#include <stddef.h>

#include "common/balancer_report.h"
#include "common/errmsg.h"

/* Source and destination, in as many or few words as the shell left them, with
 * "->", "to" or only space between. Leaves the protocol alone. 0, or -1 with
 * `why`. */
int trace_args_parse(const char *const *words, size_t n, struct trace_query *,
    struct errmsg *why);

#endif
