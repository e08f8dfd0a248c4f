/* SPDX-License-Identifier: Apache-2.0 */
/* A balancer that was built without XDP. */
#include "config.h"

#include "balancer/io/driver.h"
#include "balancer/io/xdp.h"

struct xdp *
xdp_new(const struct conf *conf, struct event_base *base, struct errmsg *why)
{
	errmsg_set(why, "this balancer was built without XDP");
	return NULL;
}

void
xdp_free(struct xdp *xdp)
{
}

int
xdp_install(struct xdp *xdp, const struct fib *fib, struct errmsg *why)
{
	return 0;
}

int
xdp_make_room(
    struct xdp *xdp, const struct fib *fib, bool *later, struct errmsg *why)
{
	return 0;
}

bool
xdp_makes_room(const struct xdp *xdp)
{
	return false;
}

void
xdp_flows(const struct xdp *xdp, struct flows *to)
{
}

void
xdp_follow(struct xdp *xdp, struct fib *fib, uint32_t now)
{
}

void
xdp_set_next_hop(struct xdp *xdp, size_t backend)
{
}

void
xdp_check_links(struct xdp *xdp)
{
}

void
xdp_tick(struct xdp *xdp, struct counters *counters)
{
}

void
xdp_leave(struct xdp *xdp, struct counters *counters)
{
}

void
xdp_count(struct xdp *xdp, struct counters *to)
{
}

int
xdp_watch(struct xdp *xdp, const struct xdp_watch_handler *handler,
    struct errmsg *why)
{
	return errmsg_set(why, "this balancer was built without XDP");
}

void
xdp_wish(struct xdp *xdp, const struct tap_wish *wish)
{
}

int
xdp_detach(const char *dir, struct errmsg *why)
{
	return errmsg_set(why, "this balancer was built without XDP");
}

static struct driver_handle *
handle_open(const struct driver_env *env, const struct driver_link *link,
    const struct forwarding *state, struct errmsg *why)
{
	errmsg_set(why, "this balancer was built without XDP");
	return NULL;
}

const struct driver driver_xdp = {
    .name = "xdp",
    .merit = "",
    .open = handle_open,
};
