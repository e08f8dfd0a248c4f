/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/ports.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/io/tx.h"
#include "common/arena.h"
#include "common/log.h"

/* What could not be opened is tried again, what the kernel forwards by itself
 * is looked at again, and 32-bit counters are read. */
#define CHECK_S 1

struct port {
	char name[NETLINK_NAME_MAX];
	struct ports *ports;
	const struct driver *driver;
	bool chosen;                  /* by us: the configuration says auto */
	struct errmsg not_better;     /* why not a driver before it; empty */
	struct driver_handle *handle; /* NULL: waiting */
	struct driver_link link;
	struct driver_count before; /* of former handles */
	bool kernel_forwards;
	struct errmsg waiting; /* why; empty while it is open */
};

struct ports {
	const struct driver_env *env;
	const struct nexthop *nexthop;
	const struct forwarding *state;
	struct event *check;
	size_t n;
	struct port port[];
};

/* In the order in which `auto` takes them. */
static const struct driver *const drivers[] = {&driver_xdp, &driver_pcap};
#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static const struct driver *
choose(enum conf_driver wanted)
{
	for (size_t i = 0; i < N_DRIVERS; i++) {
		if (wanted == CONF_DRIVER_AUTO ||
		    strcmp(conf_driver_name(wanted), drivers[i]->name) == 0)
			return drivers[i];
	}
	return NULL;
}

static void
add_counts(struct driver_count *to, const struct driver_count *more)
{
	to->received += more->received;
	to->dropped += more->dropped;
}

static void
close_port(struct port *p)
{
	struct driver_count last;

	if (p->handle == NULL)
		return;
	p->driver->count(p->handle, &last);
	add_counts(&p->before, &last);
	p->driver->close(p->handle);
	p->handle = NULL;
}

/* Said once for each new cause. */
static void
wait_for(struct port *p, const char *why)
{
	if (strcmp(p->waiting.text, why) == 0)
		return;
	errmsg_set(&p->waiting, "%s", why);
	log_warnx("port", "%s: waiting for it: %s", p->name, why);
}

static void
on_failed(void *ctx, const char *why)
{
	struct port *p = ctx;

	close_port(p);
	wait_for(p, why);
}

/* With the driver that is configured; or the first that works, and why not the
 * one before it. */
static int
open_driver(struct port *p, struct errmsg *why)
{
	const struct ports *ports = p->ports;

	p->not_better.text[0] = '\0';
	for (size_t i = 0; i < N_DRIVERS; i++) {
		if (!p->chosen && drivers[i] != p->driver)
			continue;
		p->driver = drivers[i];
		p->handle = p->driver->open(
		    ports->env, &p->link, ports->state, why);
		if (p->handle != NULL)
			return 0;
		p->not_better = *why;
	}
	return -1;
}

/* "auto: forwards in the kernel; generic mode" */
static void
describe(const struct port *p, char *text, size_t len)
{
	const char *detail = p->handle != NULL && p->driver->detail != NULL
	    ? p->driver->detail(p->handle)
	    : NULL;

	snprintf(text, len, "%s%s%s%s%s%s", p->chosen ? "auto: " : "configured",
	    p->chosen ? p->driver->merit : "",
	    p->handle != NULL && p->not_better.text[0] != '\0'
		? "; not better: "
		: "",
	    p->handle != NULL ? p->not_better.text : "",
	    detail != NULL ? "; " : "", detail != NULL ? detail : "");
}

static void
open_port(struct port *p, const struct netlink_link *link)
{
	char text[sizeof(p->waiting.text) + 256];
	struct errmsg why;

	p->link = (struct driver_link){
	    p->name, link->ifindex, link->mtu, on_failed, p};
	if (open_driver(p, &why) == -1) {
		wait_for(p, why.text);
		return;
	}
	p->waiting.text[0] = '\0';
	describe(p, text, sizeof(text));
	log_info("port", "%s: driver %s (%s), MTU %u", p->name, p->driver->name,
	    text, link->mtu);
}

/* Does the kernel route packets that come in through it? Then those for a VIP
 * go out twice. */
static bool
kernel_forwards(const char *name)
{
	static const char *const families[] = {"ipv4", "ipv6"};
	char path[128];
	int on = 0;
	FILE *f;

	for (int i = 0; i < 2 && on != '1'; i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s",
		    families[i], name, "forwarding");
		if ((f = fopen(path, "re")) == NULL)
			continue;
		on = fgetc(f);
		fclose(f);
	}
	return on == '1';
}

static void
check_forwarding(struct port *p)
{
	bool now = p->handle != NULL && kernel_forwards(p->name);

	if (now && !p->kernel_forwards)
		log_warnx("port",
		    "%s: the kernel forwards as well what comes in here, so "
		    "packets for a VIP go out twice or in circles: set "
		    "net/ipv4/conf/%s/forwarding and "
		    "net/ipv6/conf/%s/forwarding to 0 with sysctl",
		    p->name, p->name, p->name);
	p->kernel_forwards = now;
}

static void
check_port(struct port *p)
{
	const struct netlink_link *link = nexthop_link_named(
	    p->ports->nexthop, p->name);
	bool usable = link != NULL && link->enabled;

	if (p->handle != NULL && (!usable || link->ifindex != p->link.ifindex))
		close_port(p);
	if (!usable)
		wait_for(p,
		    link == NULL ? "there is no such interface"
				 : "the interface is down");
	else if (p->handle == NULL)
		open_port(p, link);
	else if (link->mtu != p->link.mtu) {
		p->link.mtu = link->mtu;
		p->driver->set_mtu(p->handle, link->mtu);
	}
}

void
ports_check(struct ports *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		check_port(&ports->port[i]);
}

static void
on_check(evutil_socket_t fd, short what, void *ctx)
{
	struct ports *ports = ctx;
	struct driver_count ignored;

	ports_check(ports);
	for (size_t i = 0; i < ports->n; i++) {
		struct port *p = &ports->port[i];
		check_forwarding(p);
		if (p->handle != NULL)
			p->driver->count(p->handle, &ignored);
	}
}

int
ports_fit(const struct ports *ports, struct errmsg *why)
{
	const struct netlink_link *link;
	size_t forwarding = 0;

	for (size_t i = 0; i < ports->n; i++) {
		const struct port *p = &ports->port[i];
		bool up;

		link = nexthop_link_named(ports->nexthop, p->name);
		up = link != NULL && link->up;
		if (up && p->handle == NULL)
			return errmsg_set(
			    why, "%s: %s", p->name, p->waiting.text);
		forwarding += up;
	}
	if (forwarding > 0)
		return 0;
	return errmsg_set(why, "no interface is up (%s%s)",
	    ports->n > 0 ? ports->port[0].name : "none is configured",
	    ports->n > 1 ? ", ..." : "");
}

bool
ports_outlive(const struct ports *ports)
{
	size_t outlive = 0;

	for (size_t i = 0; i < ports->n; i++) {
		const struct port *p = &ports->port[i];

		if (p->handle == NULL)
			continue;
		if (!p->driver->outlives)
			return false;
		outlive++;
	}
	return outlive > 0;
}

void
ports_set_state(struct ports *ports, const struct forwarding *state)
{
	struct errmsg why;

	ports->state = state;
	for (size_t i = 0; i < ports->n; i++) {
		struct port *p = &ports->port[i];
		if (p->handle == NULL ||
		    p->driver->set_state(p->handle, state, &why) == 0)
			continue;
		/* With the old filter it would miss VIPs: better anew. */
		close_port(p);
		wait_for(p, why.text);
	}
}

struct ports *
ports_new(const struct driver_env *env, const struct nexthop *nexthop,
    const struct conf_interface *interfaces, size_t n, struct errmsg *why)
{
	struct timeval check = {CHECK_S, 0};
	struct ports *ports;

	ports = calloc(1, sizeof(*ports) + n * sizeof(ports->port[0]));
	if (ports == NULL) {
		errmsg_sys(why, "interfaces");
		return NULL;
	}
	ports->env = env;
	ports->nexthop = nexthop;
	ports->n = n;
	for (size_t i = 0; i < n; i++) {
		struct port *p = &ports->port[i];
		snprintf(p->name, sizeof(p->name), "%s", interfaces[i].name);
		p->ports = ports;
		p->chosen = interfaces[i].driver == CONF_DRIVER_AUTO;
		if ((p->driver = choose(interfaces[i].driver)) == NULL) {
			errmsg_set(why, "%s: driver %s is not built in",
			    p->name, conf_driver_name(interfaces[i].driver));
			goto fail;
		}
	}
	ports->check = event_new(env->base, -1, EV_PERSIST, on_check, ports);
	if (ports->check == NULL || event_add(ports->check, &check) == -1) {
		errmsg_set(why, "interfaces: cannot add an event");
		goto fail;
	}
	return ports;
fail:
	ports_free(ports);
	return NULL;
}

void
ports_free(struct ports *ports)
{
	if (ports == NULL)
		return;
	for (size_t i = 0; i < ports->n; i++)
		close_port(&ports->port[i]);
	if (ports->check != NULL)
		event_free(ports->check);
	free(ports);
}

static const char *
detail(const struct port *p, struct arena *arena)
{
	char text[2 * sizeof(p->waiting.text) + 256], how[sizeof(text) / 2];

	describe(p, how, sizeof(how));
	snprintf(text, sizeof(text), "%s%s%s%s", how,
	    p->waiting.text[0] != '\0' ? "; waiting for it: " : "",
	    p->waiting.text,
	    p->kernel_forwards ? "; the kernel forwards as well" : "");
	return arena_copy(arena, text, strlen(text));
}

static int
report_port(
    const struct port *p, struct arena *arena, struct report_interface *out)
{
	struct driver_count now = p->before, more;

	if (p->handle != NULL) {
		p->driver->count(p->handle, &more);
		add_counts(&now, &more);
	}
	out->name = p->name;
	out->driver = p->driver->name;
	out->detail = detail(p, arena);
	out->received = now.received;
	out->dropped = now.dropped;
	return out->detail == NULL ? -1 : 0;
}

/* Adds what was sent to the port's entry, or makes one for the interface. */
static void
report_sent(const struct ports *ports, const struct tx_count *c,
    struct report_interface *interfaces, size_t *n)
{
	const struct netlink_link *link = nexthop_link(
	    ports->nexthop, c->ifindex);
	size_t i = 0;

	while (i < ports->n && ports->port[i].link.ifindex != c->ifindex)
		i++;
	if (i == ports->n) {
		if (link == NULL)
			return; /* gone, and its name with it */
		i = (*n)++;
		interfaces[i].name = link->name;
		interfaces[i].driver = "raw";
		interfaces[i].detail = "leads to backends";
	}
	interfaces[i].sent += c->sent;
	interfaces[i].send_errors += c->errors;
}

int
ports_report(const struct ports *ports, struct arena *arena,
    struct report_interface **interfaces, size_t *n)
{
	size_t n_sent;
	const struct tx_count *sent = tx_counts(ports->env->tx, &n_sent);

	*interfaces = arena_alloc(
	    arena, ports->n + n_sent, sizeof(**interfaces));
	if (*interfaces == NULL)
		return -1;
	*n = ports->n;
	for (size_t i = 0; i < ports->n; i++) {
		if (report_port(&ports->port[i], arena, *interfaces + i) == -1)
			return -1;
	}
	for (size_t i = 0; i < n_sent; i++)
		report_sent(ports, &sent[i], *interfaces, n);
	return 0;
}
