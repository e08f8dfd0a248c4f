/* SPDX-License-Identifier: Apache-2.0 */
/* From the routes that are there to those that are wanted: what is to be done,
 * and what is there when it has been done. Pure; every list is sorted by
 * addr_cmp and has a VIP once. */
#ifndef AGENT_BIRD_ROUTES_DIFF_H
#define AGENT_BIRD_ROUTES_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/vip_routes.h"

/* From NONE: add it. To NONE: delete it. Else: it stays, with another mark, and
 * is replaced in one step, so that it is missing at no moment. */
struct routes_change {
	struct addr vip;
	enum vip_route from, to; /* never the same */
	bool undone; /* it could not be made; routes_diff sets false */
};

/* What is to be done, in the order of the VIPs. `changes` has room for
 * n_present + n_wanted. Returns how many there are. */
size_t routes_diff(const struct vip_route_entry *present, size_t n_present,
    const struct vip_route_entry *wanted, size_t n_wanted,
    struct routes_change *changes);

/* What is there after the changes but those undone. `out` has room for
 * n_present + n_changes and is another list. Returns how many there are. */
size_t routes_apply(const struct vip_route_entry *present, size_t n_present,
    const struct routes_change *changes, size_t n_changes,
    struct vip_route_entry *out);

#endif
