/* SPDX-License-Identifier: Apache-2.0 */
/* What the balancer answers on its socket. */
#include "config.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balancer/announce.h"
#include "balancer/capture.h"
#include "balancer/ctl/server.h"
#include "balancer/feed.h"
#include "balancer/io/nexthop.h"
#include "balancer/io/ports.h"
#include "balancer/io/xdp.h"
#include "balancer/live_impl.h"
#include "balancer/report.h"
#include "balancer/ticks.h"
#include "common/arena.h"
#include "common/log.h"

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

/* Another fib is served, with a state of its own: the one before is gone. */
static void
switched(struct live *live)
{
	if (live->ports != NULL)
		ports_set_state(live->ports, serving_state(&live->serving));
	live_keep(live);
	capture_installed(live->capture);
}

/* Takes the state. From the return on it is what packets meet. */
int
live_serve(struct live *live, struct forwarding *state, struct errmsg *why)
{
	live->put_off = false;
	if (serving_install(&live->serving, state, ticks_now(), live_prepare,
		live, why) == -1)
		return -1;
	switched(live);
	live->installed = true;
	live->next_hops_version++;
	if (live->announce != NULL)
		announce_installed(live->announce);
	log_info("serving", "state %llu: %zu services, %zu backends",
	    (unsigned long long)state->generation, state->n_services,
	    state->n_backends);
	return 0;
}

/* Would any state be put off, as the agent is told? A successor goes on from
 * what is in force here. */
static bool
puts_off(const struct live *live)
{
	return (live->env.xdp != NULL && xdp_makes_room(live->env.xdp)) ||
	    successor_is_let_in(&live->successor, live->server);
}

static int
install(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	struct forwarding *state = request->install;
	struct balancer_status status = {0};
	struct arena *arena;
	struct errmsg why;
	int r = -1;

	if (successor_is_let_in(&live->successor, live->server)) {
		log_info("serving", "a state is left to the successor");
		return wire_put_later(out, request->id);
	}
	request->install = NULL;
	if (live_serve(live, state, &why) == -1) {
		if (live->put_off)
			return wire_put_later(out, request->id);
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

static const char *
rule_name(enum flow_rule rule)
{
	switch (rule) {
	case FLOW_RULE_STANDING:
		return "standing";
	case FLOW_RULE_ENTRY:
		return "entry";
	case FLOW_RULE_NEW:
		return "new flow";
	case FLOW_RULE_SETTLED:
		return "settled";
	}
	return "?";
}

static int
trace(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	const struct forwarding *f = serving_state(&live->serving);
	const struct trace_query *q = &request->trace;
	struct trace_answer answer = {
	    .service = "", .interface = "", .rule = ""};
	struct forward_trace t;

	forward_trace(live->serving.fib, live->serving.forwarder.flows,
	    &q->source, &q->destination, q->protocol, q->source_port,
	    q->destination_port, &t);
	answer.reason = reason_name(t.reason);
	answer.forwarded = reason_verdict(t.reason) == VERDICT_FORWARD;
	answer.chosen = answer.forwarded || t.reason == REASON_DROP_NO_NEXT_HOP;
	if (answer.chosen) {
		answer.service = f->services[t.service].name;
		answer.slot = t.slot;
		answer.backend = f->backends[t.backend];
	}
	if (answer.chosen) {
		answer.rule = rule_name(t.rule);
		if (t.moving)
			answer.settled = f->backends[t.settled];
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
	p.puts_off = puts_off(live);
	p.has_settled = true;
	fib_settled_all(live->serving.fib, p.settled);
	if (live->announce != NULL)
		announce_report(live->announce, &p);
	return wire_put_pong(out, request->id, &p);
}

/* The successor forwards and holds the device. What was captured before that
 * is forwarded still, unless this process's drivers leave nothing to do. */
static void
on_leave(evutil_socket_t fd, short what, void *ctx)
{
	const struct timeval linger = {LIVE_LINGER_S, 0};
	struct live *live = ctx;
	bool captures = live->ports != NULL && !ports_outlive(live->ports);

	log_info("main", "ending: a successor has taken over");
	live->ending = true;
	event_del(live->sweep); /* the entries are its now */
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

int
live_settle(void *ctx, const struct settled_batch *batch, struct errmsg *why)
{
	struct live *live = ctx;

	if (successor_is_let_in(&live->successor, live->server))
		return errmsg_set(why, "a successor takes over");
	if (serving_resettle(&live->serving, batch, ticks_now(), live_prepare,
		live, why) == -1)
		return -1;
	switched(live);
	return 0;
}

uint64_t
live_packets(void *ctx, size_t backend)
{
	struct counters *c = counted(ctx);
	uint64_t packets = c != NULL ? c->backends[backend].packets : 0;

	counters_free(c);
	return packets;
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

void
live_left(void *ctx, struct evbuffer *out)
{
	struct live *live = ctx;

	capture_end(live->capture, out);
	feed_end(live->feed, out);
}

/* The agent's second connection, whose first one says it lives. What it learns
 * may make slots ask. */
static int
feed(struct live *live, struct wire_request *request, struct evbuffer *out)
{
	int r = feed_answer(live->feed, request, out);

	if (live->env.xdp != NULL)
		xdp_follow(live->env.xdp, live->serving.fib, ticks_now());
	return r;
}

int
live_answer(void *ctx, struct wire_request *request, struct evbuffer *out)
{
	struct live *live = ctx;

	/* Neither an operator who looks on nor a successor is an agent. */
	if (request->kind == WIRE_CAPTURE)
		return capture(ctx, request, out);
	if (request->kind >= WIRE_HANDOVER)
		return hand_over(live, request, out);
	if (request->kind >= WIRE_FOLLOW)
		return feed(live, request, out);
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

void
live_dump(struct live *live)
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
