/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/routes_diff.h"

/* Which of two sorted lists goes on next: below 0 the first, above 0 the
 * second, 0 both, as they are at the same VIP. NULL: that list is through. */
static int
compare(const struct addr *a, const struct addr *b)
{
	if (a == NULL)
		return 1;
	return b == NULL ? -1 : addr_cmp(a, b);
}

size_t
routes_diff(const struct vip_route_entry *present, size_t n_present,
    const struct vip_route_entry *wanted, size_t n_wanted,
    struct routes_change *changes)
{
	size_t n = 0, p = 0, w = 0;
	struct routes_change c;
	int order;

	while (p < n_present || w < n_wanted) {
		order = compare(p < n_present ? &present[p].vip : NULL,
		    w < n_wanted ? &wanted[w].vip : NULL);
		c = (struct routes_change){.from = VIP_ROUTE_NONE};
		if (order >= 0) {
			c.vip = wanted[w].vip;
			c.to = wanted[w++].route;
		}
		if (order <= 0) {
			c.vip = present[p].vip;
			c.from = present[p++].route;
		}
		if (c.from != c.to)
			changes[n++] = c;
	}
	return n;
}

size_t
routes_apply(const struct vip_route_entry *present, size_t n_present,
    const struct routes_change *changes, size_t n_changes,
    struct vip_route_entry *out)
{
	size_t n = 0, p = 0, c = 0;
	struct vip_route_entry e;
	int order;

	while (p < n_present || c < n_changes) {
		order = compare(p < n_present ? &present[p].vip : NULL,
		    c < n_changes ? &changes[c].vip : NULL);
		if (order <= 0)
			e = present[p++];
		if (order >= 0) {
			e.vip = changes[c].vip;
			e.route = changes[c].undone ? changes[c].from
						    : changes[c].to;
			c++;
		}
		if (e.route != VIP_ROUTE_NONE)
			out[n++] = e;
	}
	return n;
}
