/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_larger.h"

#include <stddef.h>

int
xdp_larger_begin(struct xdp_larger *larger, const struct xdp_object *now,
    const struct tables *t, struct errmsg *why)
{
	struct xdp_room room;
	int reuse[XDP_MAPS];

	for (int i = 0; i < XDP_MAPS; i++)
		reuse[i] = i == XDP_MAP_FLOWS || i == XDP_MAP_MARKS
		    ? now->maps[i]
		    : -1;
	if (xdp_room_for(&room, t, &now->room, why) == -1)
		return -1;
	return xdp_loader_begin(&larger->loader, &room, reuse, why);
}

bool
xdp_larger_busy(const struct xdp_larger *larger)
{
	return xdp_loader_busy(&larger->loader);
}

int
xdp_larger_await(struct xdp_larger *larger, struct errmsg *why)
{
	if (!larger->loader.begun)
		return 0;
	xdp_object_free(larger->object);
	larger->object = xdp_loader_take(&larger->loader, why);
	return larger->object == NULL ? -1 : 0;
}

bool
xdp_larger_holds(const struct xdp_larger *larger, const struct tables *t)
{
	return larger->object != NULL &&
	    xdp_room_holds(&larger->object->room, t);
}

struct xdp_object *
xdp_larger_take(struct xdp_larger *larger)
{
	struct xdp_object *taken = larger->object;

	larger->object = NULL;
	return taken;
}

void
xdp_larger_drop(struct xdp_larger *larger)
{
	if (!xdp_larger_busy(larger))
		xdp_larger_clear(larger);
	else
		xdp_object_free(xdp_larger_take(larger));
}

void
xdp_larger_clear(struct xdp_larger *larger)
{
	struct errmsg ignored;

	(void)xdp_larger_await(larger, &ignored);
	xdp_object_free(xdp_larger_take(larger));
}
