/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on the command line of a change, as the change itself. */
#ifndef AGENT_CLI_CHANGE_ARGS_H
#define AGENT_CLI_CHANGE_ARGS_H

#include "agent/cli/cli.h"
#include "agent/core/control.h"
#include "common/errmsg.h"

/* Each fills the change afresh. 0, or -1 with `why`. */

/* SERVICE ADDRESS, --weight, --state */
int change_args_backend_add(
    const struct cli *, struct control_change *, struct errmsg *why);
/* SERVICE ADDRESS */
int change_args_backend_remove(
    const struct cli *, struct control_change *, struct errmsg *why);
int change_args_backend_state(const struct cli *, const char *state,
    struct control_change *, struct errmsg *why);
/* SERVICE ADDRESS N */
int change_args_backend_weight(
    const struct cli *, struct control_change *, struct errmsg *why);
/* NAME KEY=VALUE...; to add, to set */
int change_args_service(const struct cli *, enum control_op,
    struct control_change *, struct errmsg *why);
/* NAME */
int change_args_service_remove(
    const struct cli *, struct control_change *, struct errmsg *why);

#endif
