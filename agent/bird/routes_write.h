/* SPDX-License-Identifier: Apache-2.0 */
/* Writes routes into the kernel's table, many at a time, and says in the
 * operator's words why it refuses one. */
#ifndef AGENT_BIRD_ROUTES_WRITE_H
#define AGENT_BIRD_ROUTES_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/bird/routes_diff.h"
#include "agent/bird/routes_table.h"
#include "common/errmsg.h"

struct rtnl;

struct routes_outcome {
	bool surprised; /* the kernel has something else than we thought */
	bool refused;   /* something was, and this is why the first was: */
	struct errmsg why;
};

/* Deletes what is stale in the table, then makes the changes, on its device
 * `name`; marks those as `undone` that could not be made. What is to be deleted
 * and is not there is fine. */
struct routes_outcome routes_write(struct rtnl *, const struct routes_table *,
    const char *name, struct routes_change *changes, size_t n);

#endif
