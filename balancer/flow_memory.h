/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for flow entries that outlives the process: the file RUN_DIR/flows,
 * mapped. A balancer that replaces another one shares it with that. */
#ifndef BALANCER_FLOW_MEMORY_H
#define BALANCER_FLOW_MEMORY_H

#include <stddef.h>

#include "balancer/core/flows.h"
#include "common/errmsg.h"

struct flow_memory {
	void *memory; /* NULL: none */
	size_t len;
	struct flows flows;
};

/* Maps it, made anew if it is not there or has another length. Where no file
 * can be had, the memory is the process's alone, which is warned of. 0, or -1
 * with `why`: there is no memory. */
int flow_memory_map(
    struct flow_memory *, const char *run_dir, struct errmsg *why);
void flow_memory_unmap(struct flow_memory *);

#endif
