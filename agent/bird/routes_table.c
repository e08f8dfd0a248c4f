/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/routes_table.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool
is_ours(const struct netlink_route *r)
{
	return r->protocol == VIP_ROUTE_ACTIVE ||
	    r->protocol == VIP_ROUTE_DRAINING;
}

static bool
is_good(const struct routes_table *t, const struct netlink_route *r)
{
	bool is4 = r->family == AF_INET;

	return t->ifindex != 0 && r->oif == t->ifindex &&
	    r->type == RTN_UNICAST && !r->multipath && r->tos == 0 &&
	    r->dst_len == (is4 ? 32 : 128) && !addr_is_none(&r->dst) &&
	    r->metric == (is4 ? 0 : NETLINK_METRIC6) &&
	    addr_is_none(&r->gateway);
}

/* By the mark, too, since qsort(3) leaves open what comes first otherwise: of
 * two routes to a VIP the active one is the good one. */
static int
cmp_entries(const void *a, const void *b)
{
	const struct vip_route_entry *x = a, *y = b;
	int order = vip_route_cmp(a, b);

	return order != 0 ? order : (int)x->route - (int)y->route;
}

void
routes_table_begin(struct routes_table *t, uint32_t number, uint32_t ifindex)
{
	t->number = number;
	t->ifindex = ifindex;
	t->n = t->n_stale = t->foreign = 0;
	memset(&t->a_foreign, 0, sizeof(t->a_foreign));
}

static int
add_stale(struct routes_table *t, const struct netlink_route *r)
{
	size_t room = t->stale_room * 2 + 16;
	struct netlink_route *grown = t->stale;

	if (t->n_stale == t->stale_room) {
		if ((grown = reallocarray(t->stale, room, sizeof(*grown))) ==
		    NULL)
			return -1;
		t->stale = grown;
		t->stale_room = room;
	}
	t->stale[t->n_stale++] = *r;
	return 0;
}

static int
add_good(struct routes_table *t, const struct netlink_route *r)
{
	size_t room = t->room * 2 + 64;
	struct vip_route_entry *grown = t->entries;

	if (t->n == t->room) {
		if ((grown = reallocarray(t->entries, room, sizeof(*grown))) ==
		    NULL)
			return -1;
		t->entries = grown;
		t->room = room;
	}
	t->entries[t->n++] = (struct vip_route_entry){
	    r->dst, (enum vip_route)r->protocol};
	return 0;
}

int
routes_table_add(struct routes_table *t, const struct netlink_route *r)
{
	if (r->table != t->number || r->deleted)
		return 0;
	if (!is_ours(r)) {
		if (t->foreign++ == 0)
			t->a_foreign = *r;
		return 0;
	}
	return is_good(t, r) ? add_good(t, r) : add_stale(t, r);
}

struct netlink_route
routes_table_route(
    const struct routes_table *t, const struct addr *vip, enum vip_route mark)
{
	bool is4 = addr_is4(vip);

	return (struct netlink_route){.family = is4 ? AF_INET : AF_INET6,
	    .type = RTN_UNICAST,
	    .protocol = (uint8_t)mark,
	    .dst_len = is4 ? 32 : 128,
	    .table = t->number,
	    .metric = is4 ? 0 : NETLINK_METRIC6,
	    .oif = t->ifindex,
	    .dst = *vip};
}

/* Two routes to a VIP, which the kernel has when somebody appended one: the
 * second must go. The same one twice was only told of twice, while the table
 * changed. */
int
routes_table_end(struct routes_table *t)
{
	struct netlink_route second;
	size_t n = 0;

	if (t->n == 0)
		return 0;
	qsort(t->entries, t->n, sizeof(*t->entries), cmp_entries);
	for (size_t i = 1; i < t->n; i++) {
		if (vip_route_cmp(&t->entries[i], &t->entries[n]) != 0) {
			t->entries[++n] = t->entries[i];
			continue;
		}
		if (t->entries[i].route == t->entries[n].route)
			continue;
		second = routes_table_route(
		    t, &t->entries[i].vip, t->entries[i].route);
		if (add_stale(t, &second) == -1)
			return -1;
	}
	t->n = n + 1;
	return 0;
}

bool
routes_table_agrees(const struct routes_table *t, const struct netlink_route *r)
{
	const struct vip_route_entry *found = NULL, key = {.vip = r->dst};

	if (r->table != t->number)
		return true;
	if (!is_ours(r))
		return false;
	if (!is_good(t, r))
		return r->deleted && t->n_stale == 0;
	if (t->n > 0)
		found = bsearch(
		    &key, t->entries, t->n, sizeof(key), vip_route_cmp);
	if (r->deleted)
		return found == NULL;
	return found != NULL && found->route == (enum vip_route)r->protocol;
}

bool
routes_table_same_foreign(
    const struct routes_table *a, const struct routes_table *b)
{
	return a->foreign == b->foreign &&
	    a->a_foreign.protocol == b->a_foreign.protocol &&
	    addr_cmp(&a->a_foreign.dst, &b->a_foreign.dst) == 0;
}

bool
routes_table_same_good(
    const struct routes_table *a, const struct routes_table *b)
{
	if (a->ifindex != b->ifindex || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (cmp_entries(&a->entries[i], &b->entries[i]) != 0)
			return false;
	}
	return true;
}

void
routes_table_clear(struct routes_table *t)
{
	free(t->entries);
	free(t->stale);
	*t = (struct routes_table){0};
}
