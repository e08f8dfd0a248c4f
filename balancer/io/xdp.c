/* SPDX-License-Identifier: Apache-2.0 */
/* The xdp driver. What the program hands up, the pcap driver takes: each
 * interface has a handle of both, and a frame reaches one of them. */
#include "config.h"

#include "balancer/io/xdp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balancer/core/counters.h"
#include "balancer/io/driver.h"
#include "balancer/io/xdp_grace.h"
#include "balancer/io/xdp_link.h"
#include "balancer/io/xdp_object.h"
#include "balancer/io/xdp_pin.h"
#include "balancer/io/xdp_plane.h"
#include "balancer/io/xdp_watch.h"
#include "common/log.h"

/* The least that a program goes on without us: a restart takes less. */
#define LEASE_MIN_S 20
/* A backend that moves to another interface is handed up for so long. */
#define SETTLE_MS 10

struct driver_handle {
	struct xdp *xdp;
	struct driver_handle *next;
	struct xdp_link link;
	struct driver_handle *slow; /* of the pcap driver */
	uint32_t mtu;
	struct errmsg detail;
};

struct xdp {
	const struct conf *conf;
	struct event_base *base;
	int dir_fd;   /* of conf->bpf_dir */
	char dir[32]; /* through it */
	struct xdp_plane *plane;
	struct driver_handle *handles;
	struct event *settle;
	struct xdp_watch *watch; /* NULL: nobody ever looks */
	bool left;               /* what stays is not ours to change any more */
};

/* The program -------------------------------------------------------------- */

/* In place of the program that is on the interfaces: on all of them, or on
 * none. */
static int
replace_all(struct xdp *xdp, int program, int old, struct errmsg *why)
{
	for (struct driver_handle *h = xdp->handles; h != NULL; h = h->next) {
		/* One that somebody has taken off has no program to replace. */
		if (xdp_link_replace(&h->link, program) == 0 ||
		    errno == ENOLINK)
			continue;
		errmsg_sys(why, "XDP: another program on interface %u",
		    h->link.ifindex);
		for (struct driver_handle *u = xdp->handles; u != h;
		     u = u->next)
			(void)xdp_link_replace(&u->link, old);
		return -1;
	}
	return 0;
}

static const struct conf_interface *
configured(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_interfaces; i++) {
		if (strcmp(conf->interfaces[i].name, name) == 0)
			return &conf->interfaces[i];
	}
	return NULL;
}

/* Is the interface this process's, with this driver? */
static bool
is_ours(void *ctx, const char *name)
{
	const struct conf_interface *i = configured(
	    ((struct xdp *)ctx)->conf, name);

	return i != NULL && i->driver != CONF_DRIVER_PCAP;
}

static void
log_taken_off(void *ctx, const char *name)
{
	log_info(
	    "xdp", "%s: the program of the balancer before is taken off", name);
}

static int
on_replaced(void *ctx, struct xdp_object *o, struct errmsg *why)
{
	struct xdp *xdp = ctx;
	const char *dir = xdp->dir;
	struct errmsg cause;

	if (xdp_pin_maps(dir, o, why) == -1 ||
	    replace_all(xdp, o->program, xdp_plane_program(xdp->plane), why) ==
		-1)
		return -1;
	/* The one before may need its twin to the end. */
	if (xdp_grace(&cause) == -1)
		log_warnx("xdp", "%s", cause.text);
	/* Not before: who is to be replaced may have to go on. */
	if (!xdp_plane_serves(xdp->plane) &&
	    xdp_link_take_off(dir, is_ours, log_taken_off, xdp, &cause) == -1)
		log_warnx("xdp", "%s", cause.text);
	xdp_pin_clean(dir, xdp_pin_program_id(o->program));
	return 0;
}

static uint32_t
least_mtu(const struct xdp *xdp)
{
	uint32_t least = UINT32_MAX;

	for (const struct driver_handle *h = xdp->handles; h != NULL;
	     h = h->next)
		least = h->mtu < least ? h->mtu : least;
	return least;
}

/* In native mode a frame can be sent through interfaces with the program alone:
 * most drivers take no others' before. Generic mode sends anywhere. */
static void
name_ports(struct xdp *xdp)
{
	uint32_t ports[CONF_INTERFACES_MAX];
	bool any = true;
	size_t n = 0;

	if (xdp->left)
		return;
	for (const struct driver_handle *h = xdp->handles; h != NULL;
	     h = h->next) {
		if (h->link.native && n < CONF_INTERFACES_MAX) {
			ports[n++] = h->link.ifindex;
			any = false;
		}
	}
	xdp_plane_allow_ports(xdp->plane, any);
	xdp_plane_check_ports(xdp->plane, ports, n);
	xdp_plane_set_mtu(xdp->plane, least_mtu(xdp));
}

/* Settling ----------------------------------------------------------------- */

static void
on_settle(evutil_socket_t fd, short what, void *ctx)
{
	struct xdp *xdp = ctx;

	xdp_plane_settle(xdp->plane);
}

static void
settle_soon(struct xdp *xdp)
{
	const struct timeval soon = {0, SETTLE_MS * 1000};

	if (xdp_plane_unsettled(xdp->plane) &&
	    !event_pending(xdp->settle, EV_TIMEOUT, NULL))
		(void)event_add(xdp->settle, &soon);
}

/* Captures ----------------------------------------------------------------- */

static void
watch_program(struct xdp *xdp)
{
	struct errmsg why;

	if (xdp->watch != NULL &&
	    xdp_watch_object(xdp->watch, xdp_plane_object(xdp->plane), &why) ==
		-1)
		log_warnx("xdp", "captures see nothing of it: %s", why.text);
}

int
xdp_watch(struct xdp *xdp, const struct xdp_watch_handler *handler,
    struct errmsg *why)
{
	xdp->watch = xdp_watch_new(xdp->base, handler);
	if (xdp->watch == NULL)
		return errmsg_set(why, "XDP: out of memory");
	watch_program(xdp);
	return 0;
}

void
xdp_wish(struct xdp *xdp, const struct tap_wish *wish)
{
	if (xdp->watch != NULL)
		xdp_watch_wish(xdp->watch, wish);
}

/* States ------------------------------------------------------------------- */

static int
renew(struct xdp *xdp, struct errmsg *why)
{
	uint32_t lease = xdp->conf->announce.agent_grace_s;

	return xdp_plane_renew(
	    xdp->plane, lease > LEASE_MIN_S ? lease : LEASE_MIN_S, why);
}

/* The lease comes first: a program that takes the place of another one has to
 * forward at once. */
int
xdp_install(struct xdp *xdp, const struct fib *fib, struct errmsg *why)
{
	/* What was shown up to now is of the state that was. */
	if (xdp->watch != NULL)
		xdp_watch_drain(xdp->watch);
	if (renew(xdp, why) == -1 ||
	    xdp_plane_install(xdp->plane, fib, why) == -1)
		return -1;
	watch_program(xdp);
	settle_soon(xdp);
	return 0;
}

int
xdp_make_room(
    struct xdp *xdp, const struct fib *fib, bool *later, struct errmsg *why)
{
	bool made = xdp_plane_makes_room(xdp->plane);
	int r = xdp_plane_make_room(xdp->plane, fib, later, why);

	if (*later && !made)
		log_info("xdp",
		    "the kernel checks a program with more room, while what "
		    "is served goes on");
	return r;
}

bool
xdp_makes_room(const struct xdp *xdp)
{
	return xdp_plane_makes_room(xdp->plane);
}

void
xdp_flows(const struct xdp *xdp, struct flows *to)
{
	xdp_plane_flows(xdp->plane, to);
}

void
xdp_follow(struct xdp *xdp, struct fib *fib, uint32_t now)
{
	xdp_plane_follow(xdp->plane, fib, now);
}

void
xdp_set_next_hop(struct xdp *xdp, size_t backend)
{
	if (!xdp_plane_serves(xdp->plane))
		return;
	xdp_plane_set_next_hop(xdp->plane, backend);
	settle_soon(xdp);
}

void
xdp_check_links(struct xdp *xdp)
{
	name_ports(xdp);
	settle_soon(xdp);
}

void
xdp_tick(struct xdp *xdp, struct counters *counters)
{
	struct errmsg why;

	/* Nobody keeps the next hops of a state that was taken over. */
	if (!xdp_plane_serves(xdp->plane))
		return;
	if (renew(xdp, &why) == -1)
		log_warnx("xdp", "%s", why.text);
	xdp_plane_enter(xdp->plane, counters);
	counters_clear(counters);
}

void
xdp_leave(struct xdp *xdp, struct counters *counters)
{
	xdp_tick(xdp, counters);
	xdp->left = true;
}

void
xdp_count(struct xdp *xdp, struct counters *to)
{
	xdp_plane_count(xdp->plane, to);
}

/* Life --------------------------------------------------------------------- */

static struct xdp_object *
take_over(const char *dir)
{
	uint32_t id = xdp_link_pinned_program(dir, UINT32_MAX);
	struct xdp_object *taken = NULL;
	struct errmsg why;

	if (id == 0)
		return NULL;
	for (; taken == NULL && id != 0; id = xdp_link_pinned_program(dir, id))
		taken = xdp_pin_take(dir, id, &why);
	if (taken == NULL)
		log_info("xdp",
		    "the program of the balancer before goes on until a new "
		    "state is there, counters begin anew: %s",
		    why.text);
	return taken;
}

struct xdp *
xdp_new(const struct conf *conf, struct event_base *base, struct errmsg *why)
{
	struct xdp *xdp = calloc(1, sizeof(*xdp));
	struct xdp_object *taken = NULL;

	if (xdp == NULL) {
		errmsg_sys(why, "XDP");
		return NULL;
	}
	xdp->conf = conf;
	xdp->base = base;
	xdp->dir_fd = xdp_pin_open(conf->bpf_dir, conf->user, why);
	if (xdp->dir_fd == -1)
		goto fail;
	snprintf(xdp->dir, sizeof(xdp->dir), XDP_PIN_PATH, xdp->dir_fd);
	taken = take_over(xdp->dir);
	if ((xdp->plane = xdp_plane_new(taken, why)) == NULL) {
		xdp_object_free(taken);
		goto fail;
	}
	xdp_plane_on_replaced(xdp->plane, on_replaced, xdp);
	xdp->settle = evtimer_new(base, on_settle, xdp);
	if (xdp->settle != NULL)
		return xdp;
	errmsg_set(why, "XDP: cannot make an event");
fail:
	xdp_free(xdp);
	return NULL;
}

void
xdp_free(struct xdp *xdp)
{
	if (xdp == NULL)
		return;
	if (xdp->settle != NULL)
		event_free(xdp->settle);
	xdp_watch_free(xdp->watch);
	xdp_plane_free(xdp->plane);
	if (xdp->dir_fd != -1)
		close(xdp->dir_fd);
	free(xdp);
}

static void
say_taken_off(void *ctx, const char *name)
{
	printf("%s: XDP program taken off\n", name);
}

int
xdp_detach(const char *dir, struct errmsg *why)
{
	int n = xdp_link_take_off(dir, NULL, say_taken_off, NULL, why);

	if (n == -1)
		return -1;
	if (n == 0)
		printf("%s: no XDP program is attached\n", dir);
	xdp_pin_clean(dir, 0);
	return 0;
}

/* The driver --------------------------------------------------------------- */

static void
handle_close(struct driver_handle *h)
{
	struct driver_handle **at = &h->xdp->handles;

	while (*at != NULL && *at != h)
		at = &(*at)->next;
	if (*at == h)
		*at = h->next;
	if (h->slow != NULL)
		driver_pcap.close(h->slow);
	xdp_link_close(&h->link);
	name_ports(h->xdp);
	free(h);
}

static int
open_both(struct driver_handle *h, const struct driver_env *env,
    const struct driver_link *link, const struct forwarding *state,
    struct errmsg *why)
{
	struct xdp *xdp = h->xdp;
	int program = xdp_plane_program(xdp->plane);
	const struct conf_interface *conf = configured(xdp->conf, link->name);

	/* First who takes what the program hands up. */
	if ((h->slow = driver_pcap.open(env, link, state, why)) == NULL ||
	    xdp_link_open(&h->link, xdp->dir, link->name, link->ifindex,
		conf->xdp_mode, program, why) == -1)
		return -1;
	/* A link that was pinned has its old program until there is a state. */
	if (xdp_plane_serves(xdp->plane) &&
	    xdp_link_replace(&h->link, program) == -1)
		return errmsg_sys(why, "%s: XDP program", link->name);
	return 0;
}

static struct driver_handle *
handle_open(const struct driver_env *env, const struct driver_link *link,
    const struct forwarding *state, struct errmsg *why)
{
	struct driver_handle *h;

	if (env->xdp == NULL) {
		errmsg_set(why, "%s", env->no_xdp);
		return NULL;
	}
	if ((h = calloc(1, sizeof(*h))) == NULL) {
		errmsg_sys(why, "%s", link->name);
		return NULL;
	}
	h->xdp = env->xdp;
	h->link.fd = -1;
	h->mtu = link->mtu;
	if (open_both(h, env, link, state, why) == -1) {
		handle_close(h);
		return NULL;
	}
	h->next = h->xdp->handles;
	h->xdp->handles = h;
	name_ports(h->xdp);
	errmsg_set(&h->detail, "%s mode%s%s",
	    h->link.native ? "native" : "generic",
	    h->link.why_mode.text[0] != '\0' ? ": " : "",
	    h->link.why_mode.text);
	return h;
}

static int
set_state(
    struct driver_handle *h, const struct forwarding *state, struct errmsg *why)
{
	return driver_pcap.set_state(h->slow, state, why);
}

static void
set_mtu(struct driver_handle *h, uint32_t mtu)
{
	h->mtu = mtu;
	driver_pcap.set_mtu(h->slow, mtu);
	name_ports(h->xdp);
}

static void
count(struct driver_handle *h, struct driver_count *out)
{
	driver_pcap.count(h->slow, out);
}

static const char *
detail(const struct driver_handle *h)
{
	return h->detail.text;
}

const struct driver driver_xdp = {
    .name = "xdp",
    .merit = "forwards in the kernel",
    .outlives = true,
    .open = handle_open,
    .close = handle_close,
    .set_state = set_state,
    .set_mtu = set_mtu,
    .count = count,
    .detail = detail,
};
