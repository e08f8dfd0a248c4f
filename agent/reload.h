/* SPDX-License-Identifier: Apache-2.0 */
/* What a running node cannot take out of a changed configuration file. */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include "common/conf.h"

/* The first key that has changed of what was opened at the start, and stays as
 * it is; NULL: none. */
const char *reload_fixed_key(const struct conf *before, const struct conf *now);

/* Likewise of what the balancer has read for itself: that can change, but the
 * agent cannot make it so. */
const char *reload_balancer_key(
    const struct conf *before, const struct conf *now);

#endif
