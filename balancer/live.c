/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/live.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "balancer/announce.h"
#include "balancer/capture.h"
#include "balancer/ctl/server.h"
#include "balancer/io/nexthop.h"
#include "balancer/io/ports.h"
#include "balancer/io/tx.h"
#include "balancer/io/xdp.h"
#include "balancer/io/xdp_watch.h"
#include "balancer/predecessor.h"
#include "balancer/report.h"
#include "balancer/serving.h"
#include "balancer/successor.h"
#include "balancer/ticks.h"
#include "common/arena.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/notify.h"
#include "common/privilege.h"
#include "common/unix_socket.h"

#define N_SIGNALS 4

/* After the routes are withdrawn, packets still come for a moment: routers
 * change theirs one by one, and a full table of VIPs takes a few tenths. */
#define LINGER_S 1

/* Two capabilities stay for good. CAP_NET_ADMIN: the kernel is asked to resolve
 * neighbours. CAP_NET_RAW: an interface that was deleted and comes back needs a
 * new capture socket, and a balancer that had to be restarted for that would be
 * worse. */
#define PRIVILEGES (PRIVILEGE_NET_ADMIN | PRIVILEGE_NET_RAW)

/* And two with XDP, since a state may need a program with more room: CAP_BPF
 * loads it, and without CAP_PERFMON the kernel takes none that follows headers
 * of variable length. */
#define PRIVILEGES_XDP (PRIVILEGE_BPF | PRIVILEGE_PERFMON)

#define TICK_S 1

struct live {
	struct event_base *base;
	struct serving serving;
	struct driver_env env;
	struct nexthop *nexthop; /* these two: NULL without interfaces */
	struct ports *ports;
	struct announce *announce;  /* NULL: nothing is announced */
	uint64_t next_hops_version; /* changes when one comes or goes */
	struct capture *capture;
	struct server *server;
	struct event *signals[N_SIGNALS], *tick;
	struct errmsg no_xdp; /* why */
	struct mono started;
	char socket_path[108];
	bool installed; /* a state, by an agent */
	bool listens, ending;
	int kept; /* by the service manager, for us: the route device; or -1 */
	struct predecessor *predecessor; /* NULL: none is being replaced */
	int listener; /* its socket, until it is served here */
	struct successor successor;
};

/* Next hops ------------------------------------------------------------ */

static void
on_next_hop(void *ctx, size_t position, const struct fib_next_hop *hop)
{
	struct live *live = ctx;
	struct fib *fib = live->serving.fib;
	bool had_one = fib_has_next_hop(fib, position);

	fib_set_next_hop(fib, position, hop);
	if (live->env.xdp != NULL)
		xdp_set_next_hop(live->env.xdp, position);
	if (fib_has_next_hop(fib, position) != had_one)
		live->next_hops_version++;
}

static void
on_links(void *ctx)
{
	struct live *live = ctx;

	if (live->ports != NULL)
		ports_check(live->ports);
	if (live->env.xdp != NULL)
		xdp_check_links(live->env.xdp);
	if (live->announce != NULL)
		announce_check(live->announce);
}

/* Before a new state is switched in: all its backends have the next hops that
 * are known. With XDP it is in force then, since that can refuse it. */
static int
prepare(void *ctx, struct fib *fib, struct errmsg *why)
{
	struct live *live = ctx;
	const struct forwarding *f = fib_state(fib);
	const struct forwarding *old = serving_state(&live->serving);
	struct errmsg ignored;

	if (live->nexthop == NULL)
		return 0;
	if (nexthop_set(live->nexthop, f->backends, f->n_backends, why) == -1)
		return -1;
	for (size_t i = 0; i < f->n_backends; i++)
		fib_set_next_hop(fib, i, nexthop_get(live->nexthop, i));
	if (live->env.xdp == NULL || xdp_install(live->env.xdp, fib, why) == 0)
		return 0;
	(void)nexthop_set(
	    live->nexthop, old->backends, old->n_backends, &ignored);
	return -1;
}

/* What both paths have counted; NULL: out of memory. */
static struct counters *
counted(const struct live *live)
{
	const struct forwarding *f = serving_state(&live->serving);
	struct counters *c = counters_new(f, live->serving.counters, f);

	if (c != NULL && live->env.xdp != NULL)
		xdp_count(live->env.xdp, c);
	return c;
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct live *live = ctx;

	xdp_tick(live->env.xdp, live->serving.counters);
}

/* The kernel answers for such a VIP itself, with a reset. */
static void
warn_of_local_vips(struct live *live, const struct forwarding *f)
{
	const struct forwarding_service *s;
	char text[ADDR_TEXT_MAX];

	if (live->nexthop == NULL)
		return;
	for (size_t i = 0; i < f->n_services; i++) {
		s = &f->services[i];
		for (size_t e = 0; e < s->n_endpoints; e++) {
			if (nexthop_is_local(
				live->nexthop, &s->endpoints[e].vip))
				log_warnx("serving",
				    "service %s: VIP %s is an address of this "
				    "node, whose kernel answers it as well: "
				    "remove it from the interface",
				    s->name,
				    addr_format(&s->endpoints[e].vip, text));
		}
	}
}

/* Requests ------------------------------------------------------------- */

/* Takes the state. From the return on it is what packets meet. */
static int
serve(struct live *live, struct forwarding *state, struct errmsg *why)
{
	if (serving_install(
		&live->serving, state, ticks_now(), prepare, live, why) == -1)
		return -1;
	if (live->ports != NULL)
		ports_set_state(live->ports, state);
	live->installed = true;
	live->next_hops_version++;
	capture_installed(live->capture);
	if (live->announce != NULL)
		announce_installed(live->announce);
	log_info("serving", "state %llu: %zu services, %zu backends",
	    (unsigned long long)state->generation, state->n_services,
	    state->n_backends);
	return 0;
}

static int
install(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	struct forwarding *state = request->install;
	struct balancer_status status = {0};
	struct arena *arena;
	struct errmsg why;
	int r = -1;

	request->install = NULL;
	if (serve(live, state, &why) == -1) {
		log_warnx("serving", "state refused: %s", why.text);
		return wire_put_refused(out, request->id, why.text);
	}
	warn_of_local_vips(live, state);
	if ((arena = arena_new()) != NULL &&
	    report_fill(arena, &status, &live->serving, live->serving.counters,
		true) == 0)
		r = wire_put_installed(out, request->id, status.generation,
		    status.tables, status.n_tables);
	arena_free(arena);
	return r;
}

static void
fill_hop(const struct live *live, size_t position, bool *has_mac,
    uint8_t mac[REPORT_MAC_LEN], const char **interface)
{
	const struct fib_next_hop *hop;
	const struct netlink_link *link;

	*has_mac = false;
	*interface = "";
	if (live->nexthop == NULL)
		return;
	hop = nexthop_get(live->nexthop, position);
	*has_mac = hop->resolved;
	if (!hop->resolved)
		return;
	memcpy(mac, hop->mac, REPORT_MAC_LEN);
	if ((link = nexthop_link(live->nexthop, hop->ifindex)) != NULL)
		*interface = link->name;
}

static int
trace(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	const struct forwarding *f = serving_state(&live->serving);
	const struct trace_query *q = &request->trace;
	struct trace_answer answer = {.service = "", .interface = ""};
	struct forward_trace t;

	forward_trace(live->serving.fib, &q->source, &q->destination,
	    q->protocol, q->source_port, q->destination_port, &t);
	answer.reason = reason_name(t.reason);
	answer.forwarded = reason_verdict(t.reason) == VERDICT_FORWARD;
	answer.chosen = answer.forwarded || t.reason == REASON_DROP_NO_NEXT_HOP;
	if (answer.chosen) {
		answer.service = f->services[t.service].name;
		answer.slot = t.slot;
		answer.backend = f->backends[t.backend];
	}
	if (answer.forwarded) {
		answer.encap_source = t.source;
		fill_hop(live, t.backend, &answer.has_mac, answer.mac,
		    &answer.interface);
	}
	return wire_put_trace(out, request->id, &answer);
}

static int
fill_status(struct live *live, struct arena *arena, struct balancer_status *st,
    bool read_back)
{
	struct counters *c = counted(live);
	int r = -1;

	if (c != NULL)
		r = report_fill(arena, st, &live->serving, c, read_back);
	counters_free(c);
	if (r == -1 ||
	    (live->ports != NULL &&
		ports_report(live->ports, arena, &st->interfaces,
		    &st->n_interfaces) == -1))
		return -1;
	st->pid = (uint64_t)getpid();
	st->uptime_s = (uint64_t)((mono_now().us - live->started.us) / 1000000);
	for (size_t i = 0; i < st->n_backends; i++) {
		struct report_backend *b = &st->backends[i];
		fill_hop(live, i, &b->has_mac, b->mac, &b->interface);
		b->resolved = fib_has_next_hop(live->serving.fib, i);
	}
	return 0;
}

static int
status(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	struct balancer_status st = {0};
	struct arena *arena = arena_new();
	int r = -1;

	if (arena != NULL &&
	    fill_status(live, arena, &st, request->read_back) == 0)
		r = wire_put_status(out, request->id, &st);
	arena_free(arena);
	return r;
}

static int
pong(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	struct counters *c = counted(live);
	struct balancer_pong p = {
	    .generation = serving_state(&live->serving)->generation,
	    .vip_packets = c != NULL ? counters_vip_packets(c) : 0,
	    .next_hops_version = live->next_hops_version,
	    .device_name = "",
	    .device_error = "announce.enabled is false for the balancer, or it "
			    "has no interfaces",
	};

	counters_free(c);
	if (live->announce != NULL)
		announce_report(live->announce, &p);
	return wire_put_pong(out, request->id, &p);
}

/* The successor forwards and holds the device. What was captured before that
 * is forwarded still, unless this process's drivers leave nothing to do. */
static void
on_leave(evutil_socket_t fd, short what, void *ctx)
{
	const struct timeval linger = {LINGER_S, 0};
	struct live *live = ctx;
	bool captures = live->ports != NULL && !ports_outlive(live->ports);

	log_info("main", "ending: a successor has taken over");
	live->ending = true;
	announce_free(live->announce);
	live->announce = NULL;
	server_free(live->server);
	live->server = NULL;
	live->listens = false; /* the socket is its now */
	event_base_loopexit(live->base, captures ? &linger : NULL);
}

/* For a moment packets are forwarded here and there; the sooner nothing more is
 * captured here, the fewer. */
static int
hand_over(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	static const struct forwarding nothing;
	const struct timeval now = {0, 0};
	struct successor_share share = {.server = live->server,
	    .state = live->installed ? serving_state(&live->serving) : NULL,
	    .device = live->announce != NULL ? announce_device(live->announce)
					     : -1,
	    .ending = live->ending};
	bool leave;
	int r = successor_answer(
	    &live->successor, &share, request, out, &leave);

	if (!leave)
		return r;
	if (live->ports != NULL && !ports_outlive(live->ports))
		ports_set_state(live->ports, &nothing);
	if (event_base_once(live->base, -1, EV_TIMEOUT, on_leave, live, &now) ==
	    -1)
		event_base_loopbreak(live->base);
	return r;
}

static int
capture(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	struct errmsg why;

	if (capture_begin(
		live->capture, &request->capture, request->id, out, &why) == -1)
		return wire_put_refused(out, request->id, why.text);
	request->stays = true;
	return 0;
}

static const char *
interface_name(void *ctx, uint32_t ifindex)
{
	const struct live *live = ctx;
	const struct netlink_link *link = NULL;

	if (live->nexthop != NULL)
		link = nexthop_link(live->nexthop, ifindex);
	return link == NULL ? NULL : link->name;
}

static void
wish(void *ctx, const struct tap_wish *w)
{
	struct live *live = ctx;

	if (live->env.xdp != NULL)
		xdp_wish(live->env.xdp, w);
}

static void
on_offer(void *ctx, const struct tap_offer *offer)
{
	struct live *live = ctx;

	capture_offer(live->capture, offer);
}

static void
on_missed(void *ctx, uint64_t over, uint64_t lost)
{
	struct live *live = ctx;

	capture_missed(live->capture, over, lost);
}

static void
left(void *ctx, struct evbuffer *out)
{
	struct live *live = ctx;

	capture_end(live->capture, out);
}

static int
answer(void *ctx, struct wire_request *request, struct evbuffer *out)
{
	struct live *live = ctx;

	/* Neither an operator who looks on nor a successor is an agent. */
	if (request->kind == WIRE_CAPTURE)
		return capture(ctx, request, out);
	if (request->kind >= WIRE_HANDOVER)
		return hand_over(live, request, out);
	if (live->announce != NULL)
		announce_heard(live->announce);
	switch (request->kind) {
	case WIRE_INSTALL:
		return install(ctx, request, out);
	case WIRE_TRACE:
		return trace(ctx, request, out);
	case WIRE_STATUS:
		return status(ctx, request, out);
	case WIRE_PING:
		return pong(ctx, request, out);
	default:
		return -1;
	}
}

/* Signals -------------------------------------------------------------- */

static void
dump(struct live *live)
{
	struct balancer_status st = {0};
	struct balancer_pong device = {0};
	struct arena *arena = arena_new();
	char *text = NULL, *line, *rest;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (arena != NULL && f != NULL &&
	    fill_status(live, arena, &st, false) == 0)
		report_print(f, &st);
	if (f != NULL)
		fclose(f);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] != '\0')
			log_info("counters", "%s", line);
	}
	free(text);
	arena_free(arena);
	if (live->announce == NULL)
		return;
	announce_report(live->announce, &device);
	log_info("announce", "%s: %s%s", device.device_name,
	    device.device ? "is there" : "is not there: ", device.device_error);
}

/* Withdraws first, and forwards what still comes; told twice, ends at once. */
static void
end(struct live *live, const char *cause)
{
	const struct timeval linger = {LINGER_S, 0};
	bool announced = !live->ending && live->announce != NULL &&
	    announce_withdraw(live->announce);

	log_info("main", "ending: %s", cause);
	notify("STOPPING=1");
	live->ending = true;
	event_base_loopexit(live->base, announced ? &linger : NULL);
}

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct live *live = ctx;

	switch (number) {
	case SIGHUP:
		log_info("main",
		    "SIGHUP: services come from the agent, which reads them "
		    "again on its own SIGHUP; interfaces, user and run_dir "
		    "take a restart");
		break;
	case SIGUSR1:
		dump(live);
		break;
	default:
		end(live, strsignal((int)number));
	}
}

static int
add_signals(struct live *live)
{
	static const int numbers[N_SIGNALS] = {
	    SIGTERM, SIGINT, SIGHUP, SIGUSR1};

	for (int i = 0; i < N_SIGNALS; i++) {
		live->signals[i] = evsignal_new(
		    live->base, numbers[i], on_signal, live);
		if (live->signals[i] == NULL ||
		    event_add(live->signals[i], NULL) == -1)
			return -1;
	}
	return 0;
}

/* Life ----------------------------------------------------------------- */

static int
name_socket(struct live *live, const char *run_dir, struct errmsg *why)
{
	int n = snprintf(live->socket_path, sizeof(live->socket_path),
	    "%s/balancer.sock", run_dir);

	if (n >= 0 && (size_t)n < sizeof(live->socket_path))
		return 0;
	return errmsg_set(why,
	    "%s/balancer.sock: too long for a socket; set a shorter run_dir",
	    run_dir);
}

static int
serve_socket(struct live *live, int fd, struct errmsg *why)
{
	const struct server_handler handler = {answer, left, live};

	live->listens = true;
	live->server = server_new(live->base, fd, &handler, why);
	return live->server == NULL ? -1 : 0;
}

static int
listen_on(struct live *live, const char *user, struct errmsg *why)
{
	int fd = unix_listen(live->socket_path, why);

	if (fd == -1 || serve_socket(live, fd, why) == -1)
		return -1;
	unix_give(live->socket_path, user);
	return 0;
}

static void
ready(const struct live *live)
{
	log_info("main", "%s serves %s", PACKAGE_STRING, live->socket_path);
	notify("READY=1");
}

static int
start_core(struct live *live, struct errmsg *why)
{
	uint8_t key[16];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return errmsg_sys(why, "random numbers");
	if (serving_init(&live->serving, key, why) == -1)
		return -1;
	live->serving.forwarder.fix_checksums = true;
	return 0;
}

static bool
wants_xdp(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_interfaces; i++) {
		if (conf->interfaces[i].driver != CONF_DRIVER_PCAP)
			return true;
	}
	return false;
}

/* Without it, interfaces that leave the choice to us have another driver. */
static int
start_xdp(struct live *live, const struct conf *conf, struct errmsg *why)
{
	const struct timeval tick = {TICK_S, 0};

	live->env.no_xdp = live->no_xdp.text;
	if (!wants_xdp(conf))
		return 0;
	live->env.xdp = xdp_new(conf, live->base, &live->no_xdp);
	if (live->env.xdp == NULL)
		return 0;
	if (xdp_watch(live->env.xdp,
		&(const struct xdp_watch_handler){on_offer, on_missed, live},
		why) == -1)
		return -1;
	live->tick = event_new(live->base, -1, EV_PERSIST, on_tick, live);
	if (live->tick == NULL || event_add(live->tick, &tick) == -1)
		return errmsg_set(why, "event loop: cannot add an event");
	return 0;
}

static int
start_interfaces(struct live *live, const struct conf *conf, struct errmsg *why)
{
	const struct nexthop_handler handler = {on_next_hop, on_links, live};
	unsigned privileges = PRIVILEGES;

	live->env.base = live->base;
	live->env.forwarder = &live->serving.forwarder;
	if ((live->env.tx = tx_new(why)) == NULL ||
	    (live->nexthop = nexthop_new(live->base, &handler, why)) == NULL)
		return -1;
	if (start_xdp(live, conf, why) == -1)
		return -1;
	live->ports = ports_new(&live->env, live->nexthop, conf->interfaces,
	    conf->n_interfaces, why);
	if (live->ports == NULL)
		return -1;
	ports_check(live->ports);
	if (conf->announce.enabled &&
	    (live->announce = announce_new(
		 live->base, &conf->announce, live->ports, why)) == NULL)
		return -1;
	if (live->announce != NULL && live->kept != -1) {
		announce_take_over(live->announce, live->kept, true);
		live->kept = -1;
	}
	if (live->env.xdp != NULL)
		privileges |= PRIVILEGES_XDP;
	return privilege_drop(conf->user, privileges, why);
}

/* The device must not go because we are less fit than who held it until now. */
static int
take_device(struct live *live, int device, struct errmsg *why)
{
	struct errmsg cause;

	if (device == -1)
		return 0;
	if (live->announce == NULL) {
		close(device); /* nothing is to be announced any more */
		return 0;
	}
	if (ports_fit(live->ports, &cause) == -1) {
		close(device);
		return errmsg_set(why,
		    "it forwards, and this one would not: %.400s", cause.text);
	}
	announce_take_over(live->announce, device, false);
	return 0;
}

static void
on_predecessor_gone(void *ctx)
{
	struct live *live = ctx;
	struct errmsg why;
	int fd = live->listener;

	predecessor_free(live->predecessor);
	live->predecessor = NULL;
	live->listener = -1;
	if (serve_socket(live, fd, &why) == 0)
		ready(live);
	else
		end(live, why.text);
}

/* Everything is ready: from serve() on both forward, until the predecessor has
 * heard that it is dismissed. */
static int
replace(struct live *live, struct errmsg *why)
{
	struct forwarding *state = predecessor_state(live->predecessor);
	int device;

	if (predecessor_take(
		live->predecessor, &live->listener, &device, why) == -1 ||
	    take_device(live, device, why) == -1) {
		forwarding_free(state);
		return -1;
	}
	if (state != NULL && serve(live, state, why) == -1)
		return -1;
	return predecessor_dismiss(
	    live->predecessor, live->base, on_predecessor_gone, live, why);
}

static int
not_replaced(const struct live *live, struct errmsg *why)
{
	struct errmsg cause = *why;

	return errmsg_set(why,
	    "%s: the balancer there is not replaced, and goes on: %.400s",
	    live->socket_path, cause.text);
}

/* Finds the predecessor that is to be replaced, or listens. Before anything
 * that a living balancer would notice. */
static int
claim_socket(struct live *live, const struct conf *conf, bool replaces,
    struct errmsg *why)
{
	if (name_socket(live, conf->run_dir, why) == -1)
		return -1;
	if (replaces &&
	    predecessor_find(live->socket_path, &live->predecessor, why) == -1)
		return not_replaced(live, why);
	return live->predecessor != NULL ? 0 : listen_on(live, conf->user, why);
}

/* Without interfaces it only answers the agent, and needs no privileges: for
 * trying a configuration out. */
static int
start(struct live *live, const struct conf *conf, bool replaces,
    struct errmsg *why)
{
	bool forwards = conf->n_interfaces > 0;

	if ((forwards && privilege_check(PRIVILEGES, why) == -1) ||
	    start_core(live, why) == -1)
		return -1;
	if ((live->base = event_base_new()) == NULL || add_signals(live) == -1)
		return errmsg_set(why, "event loop: cannot be made");
	live->capture = capture_new(
	    &(const struct capture_env){
		live->base, &live->serving, interface_name, wish, live},
	    why);
	if (live->capture == NULL)
		return -1;
	if (claim_socket(live, conf, replaces, why) == -1 ||
	    (forwards && start_interfaces(live, conf, why) == -1))
		return -1;
	if (!forwards)
		log_warnx("main",
		    "%s: no interfaces, so nothing is forwarded: name those "
		    "that packets for VIPs come in through under "
		    "balancer.interfaces",
		    conf->path);
	if (live->predecessor == NULL)
		ready(live);
	else if (replace(live, why) == -1)
		return not_replaced(live, why);
	return 0;
}

static void
stop(struct live *live)
{
	server_free(live->server);
	predecessor_free(live->predecessor);
	if (live->listener != -1)
		close(live->listener);
	capture_free(live->capture);
	/* May be denied to the user we have become: then the next start
	 * replaces it. */
	if (live->listens)
		(void)unlink(live->socket_path);
	announce_free(live->announce);
	if (live->env.xdp != NULL)
		xdp_leave(live->env.xdp, live->serving.counters);
	ports_free(live->ports);
	xdp_free(live->env.xdp);
	nexthop_free(live->nexthop);
	tx_free(live->env.tx);
	for (int i = 0; i < N_SIGNALS; i++) {
		if (live->signals[i] != NULL)
			event_free(live->signals[i]);
	}
	if (live->tick != NULL)
		event_free(live->tick);
	if (live->base != NULL)
		event_base_free(live->base);
	serving_clear(&live->serving);
}

/* Nothing is announced by this process. */
static void
drop_kept(struct live *live)
{
	if (live->kept == -1)
		return;
	close(live->kept);
	notify_remove(ANNOUNCE_STORED);
}

int
live_run(const struct conf *conf, bool replaces, struct errmsg *why)
{
	struct live *live = calloc(1, sizeof(*live));
	int r;

	if (live == NULL)
		return errmsg_sys(why, "balancer");
	signal(SIGPIPE, SIG_IGN);
	live->started = mono_now();
	live->listener = -1;
	live->kept = notify_take(ANNOUNCE_STORED);
	r = start(live, conf, replaces, why);
	drop_kept(live);
	if (r == 0)
		event_base_dispatch(live->base);
	stop(live);
	free(live);
	return r;
}
