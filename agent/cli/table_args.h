/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on the command line of `guideway table`, read with its checks. */
#ifndef AGENT_CLI_TABLE_ARGS_H
#define AGENT_CLI_TABLE_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/core/table.h"
#include "common/errmsg.h"

/* Each: 0, or -1 with `why`. */

/* A power of two, TABLE_SIZE_MIN..TABLE_SIZE_MAX. */
int table_args_size(const char *text, uint32_t *size, struct errmsg *why);

/* 32 hex digits. */
int table_args_seed(
    const char *text, uint8_t seed[TABLE_SEED_LEN], struct errmsg *why);

/* NAME[*WEIGHT][@PHI]: a name is any text without '*' and '@'. Without a weight
 * it is 1, without a phi TABLE_PHI_FULL. Cuts `text` after the name, which
 * becomes the member's. */
int table_args_member(
    char *text, struct table_member *member, struct errmsg *why);

/* Is every name there once, and is there a slot for each? */
int table_args_check(const struct table_member *members, size_t n,
    uint32_t size, struct errmsg *why);

#endif
