/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands take on their command line, read with its checks. What
 * the agent judges anyway, such as a weight, is left to it. */
#ifndef AGENT_CLI_ARGS_H
#define AGENT_CLI_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/control.h"
#include "common/addr.h"
#include "common/errmsg.h"

/* A day: the most that --timeout takes. */
#define ARGS_TIMEOUT_MAX 86400
/* What --timeout is where none is given, and none is by default. */
#define ARGS_FOREVER UINT32_MAX

/* Each: 0, or -1 with `why`. */

/* Digits only, 0..max; `option` without its dashes. With text NULL, *out is
 * `otherwise`. */
int args_seconds(const char *option, const char *text, uint32_t max,
    uint32_t otherwise, uint32_t *out, struct errmsg *why);

int args_service(
    const char *text, char name[FORWARDING_NAME_MAX], struct errmsg *why);
int args_address(const char *text, struct addr *, struct errmsg *why);

/* Appends a line "key=value" to the fields. */
int args_field(char fields[CONTROL_FIELDS_MAX], const char *key,
    const char *value, struct errmsg *why);
/* Appends words of the form KEY=VALUE. */
int args_fields(char fields[CONTROL_FIELDS_MAX], char *const *words, size_t n,
    struct errmsg *why);

#endif
