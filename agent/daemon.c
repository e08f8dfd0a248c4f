/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/daemon.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>
#include <time.h>

#include "agent/balancer_wire.h"
#include "agent/bird/birdctl.h"
#include "agent/bird/routes.h"
#include "agent/cluster_edge.h"
#include "agent/core/core.h"
#include "agent/ctl/ctl.h"
#include "agent/flow_wire.h"
#include "agent/reload.h"
#include "agent/store.h"
#include "agent/unix_link.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/privilege.h"

/* What carrying out an output has led to; the core is told next. */
struct follow_up {
	struct core_event event;
	bool failed;
	struct errmsg why; /* failed: becomes event.text */
};
/* Of the most that a step can have, dials, failed sends (of notices and of all
 * else) and failed probes. */
#define FOLLOW_UPS_MAX (8 * CORE_PEERS_MAX + CORE_PROBES_MAX + 8)

struct daemon {
	const char *config;
	char *state_dir;
	struct event_base *base;
	struct core *core;
	struct core_outputs *outputs;
	struct follow_up follow_ups[FOLLOW_UPS_MAX]; /* the oldest first */
	size_t n_follow_ups;
	struct unix_link *link;
	struct unix_link *flow_link;
	bool flows_broken; /* in this step; what else was to go there is void */
	struct ctl *ctl;
	struct cluster_edge *edge;
	struct routes *routes;   /* these two: NULL when nothing is ... */
	struct birdctl *birdctl; /* ... announced, by configuration */
	struct event *tick, *term, *interrupt, *hangup;
};

static void daemon_step(struct daemon *, struct core_event);

static struct follow_up *
follow_up(struct daemon *d, enum core_event_type type)
{
	struct follow_up *f = &d->follow_ups[d->n_follow_ups];

	GW_ASSERT(d->n_follow_ups < FOLLOW_UPS_MAX);
	d->n_follow_ups++;
	memset(f, 0, sizeof(*f));
	f->event.type = type;
	return f;
}

static void
follow_up_failed(struct daemon *d, enum core_event_type type, const char *why)
{
	struct follow_up *f = follow_up(d, type);

	f->failed = true;
	errmsg_set(&f->why, "%s", why);
}

static int
put_request(struct evbuffer *out, const struct core_output *o)
{
	switch (o->type) {
	case CORE_INSTALL:
		return balancer_wire_install(out, o->id, o->state);
	case CORE_ASK_STATUS:
		return balancer_wire_status(out, o->id, o->read_back);
	case CORE_ASK_TRACE:
		return balancer_wire_trace(out, o->id, &o->trace);
	default:
		return balancer_wire_ping(out, o->id);
	}
}

/* A request that could not be sent would be waited for in vain. */
static bool
ask_balancer(struct daemon *d, const struct core_output *o)
{
	struct evbuffer *out = unix_link_output(d->link);

	if (out != NULL && put_request(out, o) == 0)
		return true;
	unix_link_hangup(d->link);
	follow_up_failed(d, CORE_BALANCER_LOST, "out of memory for a request");
	return false;
}

static void
dial(struct daemon *d)
{
	struct errmsg why;

	if (unix_link_dial(d->link, &why) == 0)
		follow_up(d, CORE_BALANCER_UP);
	else
		follow_up_failed(d, CORE_BALANCER_LOST, why.text);
}

static void
dial_flows(struct daemon *d)
{
	struct errmsg why;

	if (unix_link_dial(d->flow_link, &why) == 0)
		follow_up(d, CORE_FLOWS_UP);
	else
		follow_up_failed(d, CORE_FLOWS_LOST, why.text);
}

static void
ask_flows(struct daemon *d, const struct core_output *o)
{
	struct evbuffer *out = unix_link_output(d->flow_link);

	if (d->flows_broken ||
	    (out != NULL && flow_wire_ask(out, o->id, o->flow_request) == 0))
		return;
	d->flows_broken = true;
	unix_link_hangup(d->flow_link);
	follow_up_failed(d, CORE_FLOWS_LOST, "out of memory for a request");
}

static void
set_routes(struct daemon *d, const struct core_output *o)
{
	if (d->routes == NULL)
		return;
	routes_set(d->routes, o->routes, o->n_routes);
	follow_up(d, CORE_ROUTES)->event.routes = routes_get(d->routes);
}

static void
persist(struct daemon *d, const struct core_output *o)
{
	const struct core_state *from = o->state_file;
	const struct store_state state = {.draining = from->draining,
	    .incarnation = from->incarnation,
	    .synced_ms = from->synced_ms,
	    .replica = from->replica};
	struct errmsg why;

	if (store_save(d->state_dir, &state, &why) == 0)
		follow_up(d, CORE_PERSISTED);
	else
		follow_up_failed(d, CORE_PERSISTED, why.text);
}

static void
write_log(const struct core_output *o)
{
	switch (o->level) {
	case CORE_INFO:
		log_info("core", "%s", o->text.text);
		break;
	case CORE_WARNING:
		log_warnx("core", "%s", o->text.text);
		break;
	case CORE_ALARM:
		log_warnx("alarm", "%s", o->text.text);
		break;
	}
}

/* Carries out one output. false: the connection to the balancer is not what the
 * core thinks, and what else was to go there is void. */
static bool
carry_out(struct daemon *d, const struct core_output *o)
{
	struct core_event next;

	switch (o->type) {
	case CORE_DIAL:
		dial(d);
		return false;
	case CORE_HANGUP:
		unix_link_hangup(d->link);
		return true;
	case CORE_INSTALL:
	case CORE_ASK_STATUS:
	case CORE_ASK_TRACE:
	case CORE_PING:
		return ask_balancer(d, o);
	case CORE_PERSIST:
		persist(d, o);
		return true;
	case CORE_SET_ROUTES:
		set_routes(d, o);
		return true;
	case CORE_ASK_BIRD:
		if (d->birdctl != NULL)
			birdctl_ask(d->birdctl);
		return true;
	case CORE_PEER_DIAL:
	case CORE_PEER_SEND:
	case CORE_PEER_TRUST:
	case CORE_PEER_CLOSE:
	case CORE_PROBE_START:
	case CORE_PROBE_CANCEL:
		if (cluster_edge_do(d->edge, o, &next))
			follow_up(d, next.type)->event = next;
		return true;
	case CORE_FLOWS_DIAL:
		dial_flows(d);
		return true;
	case CORE_FLOWS_HANGUP:
		unix_link_hangup(d->flow_link);
		return true;
	case CORE_FLOWS_ASK:
		ask_flows(d, o);
		return true;
	case CORE_REPLY:
		ctl_reply(d->ctl, o->client, &o->reply);
		return true;
	case CORE_LOG:
		write_log(o);
		return true;
	}
	return true;
}

static bool
is_for_balancer(enum core_output_type type)
{
	return type == CORE_INSTALL || type == CORE_ASK_STATUS ||
	    type == CORE_ASK_TRACE || type == CORE_PING;
}

static void
schedule_tick(struct daemon *d, struct mono now)
{
	int64_t wait_us = core_wakeup(d->core).us - now.us;
	struct timeval tv;

	wait_us = MIN(MAX(wait_us, 0), (int64_t)60 * 1000000);
	tv.tv_sec = wait_us / 1000000;
	tv.tv_usec = wait_us % 1000000;
	evtimer_add(d->tick, &tv);
}

static void
carry_out_all(struct daemon *d)
{
	bool broken = false;

	d->flows_broken = false;
	cluster_edge_begin(d->edge);
	for (size_t i = 0; i < d->outputs->n; i++) {
		const struct core_output *o = &d->outputs->items[i];

		if (broken && is_for_balancer(o->type))
			continue;
		if (!carry_out(d, o))
			broken = true;
	}
}

static uint64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The only way into the core. What follows from an event is told before the
 * loop goes on. */
static void
daemon_step(struct daemon *d, struct core_event event)
{
	struct follow_up next = {.event = event};
	struct mono now;

	for (;;) {
		now = mono_now();
		next.event.wall_ms = wall_ms();
		core_step(d->core, now, &next.event, d->outputs);
		carry_out_all(d);
		if (d->n_follow_ups == 0)
			break;
		next = d->follow_ups[0];
		if (next.failed)
			next.event.text = next.why.text;
		memmove(d->follow_ups, d->follow_ups + 1,
		    --d->n_follow_ups * sizeof(*d->follow_ups));
	}
	core_outputs_clear(d->outputs);
	schedule_tick(d, now);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	daemon_step(ctx, (struct core_event){.type = CORE_TICK});
}

static int
on_balancer_frame(
    void *ctx, const uint8_t *data, size_t len, struct errmsg *why)
{
	struct balancer_reply *reply = balancer_wire_reply(data, len, why);

	if (reply == NULL)
		return -1;
	daemon_step(ctx,
	    (struct core_event){.type = CORE_BALANCER_REPLY, .reply = reply});
	return 0;
}

static void
on_balancer_lost(void *ctx, const char *why)
{
	daemon_step(
	    ctx, (struct core_event){.type = CORE_BALANCER_LOST, .text = why});
}

static int
on_flow_frame(void *ctx, const uint8_t *data, size_t len, struct errmsg *why)
{
	struct flow_reply *reply = flow_wire_reply(data, len, why);

	if (reply == NULL)
		return -1;
	daemon_step(ctx,
	    (struct core_event){.type = CORE_FLOWS_REPLY, .flow_reply = reply});
	return 0;
}

static void
on_flows_lost(void *ctx, const char *why)
{
	daemon_step(
	    ctx, (struct core_event){.type = CORE_FLOWS_LOST, .text = why});
}

static void
on_routes(void *ctx)
{
	struct daemon *d = ctx;

	daemon_step(d,
	    (struct core_event){
		.type = CORE_ROUTES, .routes = routes_get(d->routes)});
}

static void
on_bird(void *ctx, struct bird_report *report)
{
	daemon_step(
	    ctx, (struct core_event){.type = CORE_BIRD, .bird = report});
}

static void
on_command(void *ctx, uint64_t client, const struct control_request *request)
{
	daemon_step(ctx,
	    (struct core_event){
		.type = CORE_COMMAND, .client = client, .request = *request});
}

static void
on_client_gone(void *ctx, uint64_t client)
{
	daemon_step(ctx,
	    (struct core_event){.type = CORE_CLIENT_GONE, .client = client});
}

static void
on_cluster(void *ctx, struct core_event event)
{
	daemon_step(ctx, event);
}

static const struct unix_link_events link_events = {
    .frame = on_balancer_frame,
    .lost = on_balancer_lost,
};

static const struct unix_link_events flow_link_events = {
    .frame = on_flow_frame,
    .lost = on_flows_lost,
};

static const struct ctl_events ctl_events = {
    .command = on_command,
    .gone = on_client_gone,
};

static struct conf *
load_again(struct daemon *d, struct errmsg *why)
{
	const struct conf *before = core_conf(d->core);
	struct conf *conf = conf_load(d->config, why);
	const char *key;

	if (conf == NULL)
		return NULL;
	if ((key = reload_fixed_key(before, conf)) != NULL) {
		errmsg_set(why,
		    "%s: %s has changed; restart guideway-agent and "
		    "guideway-balancer for that",
		    d->config, key);
	} else if (cluster_edge_reconf(d->edge, conf, why) == 0) {
		if ((key = reload_balancer_key(before, conf)) != NULL)
			log_warnx("agent",
			    "%s: %s has changed; restart guideway-balancer for "
			    "that",
			    d->config, key);
		return conf;
	}
	conf_free(conf);
	return NULL;
}

static void
on_hangup(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;
	struct errmsg why;
	struct conf *conf;

	(void)fd;
	(void)what;
	notify("RELOADING=1");
	if ((conf = load_again(d, &why)) != NULL)
		daemon_step(d,
		    (struct core_event){
			.type = CORE_CONFIG_LOADED, .conf = conf});
	else
		daemon_step(d,
		    (struct core_event){
			.type = CORE_CONFIG_FAILED, .text = why.text});
	notify("READY=1");
}

static void
on_end(evutil_socket_t fd, short what, void *ctx)
{
	/* For the others to get our last word. */
	const struct timeval moment = {0, 20000};
	struct daemon *d = ctx;

	(void)what;
	log_info("agent", "signal %d: ending", (int)fd);
	notify("STOPPING=1");
	daemon_step(d, (struct core_event){.type = CORE_STOPPING});
	event_base_loopexit(d->base, &moment);
}

/* One level lower than libevent thinks. */
static void
on_event_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_info("libevent", "%s", text);
	else
		log_debug("libevent", "%s", text);
}

static int
open_events(struct daemon *d, struct errmsg *why)
{
	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_event_log);
	if ((d->base = event_base_new()) == NULL)
		return errmsg_set(why, "cannot make an event loop");
	d->tick = evtimer_new(d->base, on_tick, d);
	d->term = evsignal_new(d->base, SIGTERM, on_end, d);
	d->interrupt = evsignal_new(d->base, SIGINT, on_end, d);
	d->hangup = evsignal_new(d->base, SIGHUP, on_hangup, d);
	if (d->tick == NULL || d->term == NULL || d->interrupt == NULL ||
	    d->hangup == NULL || event_add(d->term, NULL) == -1 ||
	    event_add(d->interrupt, NULL) == -1 ||
	    event_add(d->hangup, NULL) == -1)
		return errmsg_set(why, "cannot take signals");
	return 0;
}

static int
open_sockets(struct daemon *d, const char *run_dir, struct errmsg *why)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/balancer.sock", run_dir);
	d->link = unix_link_new(d->base, path, &link_events, d);
	d->flow_link = unix_link_new(d->base, path, &flow_link_events, d);
	if (d->link == NULL || d->flow_link == NULL)
		return errmsg_set(why, "%s: out of memory", path);
	snprintf(path, sizeof(path), "%s/agent.sock", run_dir);
	d->ctl = ctl_new(d->base, path, &ctl_events, d, why);
	return d->ctl != NULL ? 0 : -1;
}

static int
open_cluster(struct daemon *d, const struct conf *conf, struct errmsg *why)
{
	d->edge = cluster_edge_new(d->base, conf, on_cluster, d, why);
	return d->edge != NULL ? 0 : -1;
}

/* BIRD need not run, or be readable: the routes are there for it anyway. */
static int
open_announce(struct daemon *d, const struct conf *conf, struct errmsg *why)
{
	const struct conf_announce *ann = &conf->announce;

	if ((d->state_dir = strdup(conf->state_dir)) == NULL)
		return errmsg_set(why, "out of memory");
	if (!ann->enabled)
		return 0;
	d->routes = routes_new(
	    d->base, ann->device, ann->table, on_routes, d, why);
	if (d->routes == NULL)
		return -1;
	d->birdctl = birdctl_new(d->base, ann->bird_socket, on_bird, d);
	if (d->birdctl == NULL)
		return errmsg_set(why, "%s: out of memory", ann->bird_socket);
	return 0;
}

/* Routes are changed with CAP_NET_ADMIN; nothing else needs a privilege.
 * Without it all else goes on, and why nothing is announced is said there. */
static int
let_go(const struct conf *conf, struct errmsg *why)
{
	return privilege_drop(conf->user, PRIVILEGE_NET_ADMIN, why);
}

/* What an earlier life has left: the operator's wish, and the routes. */
static void
tell_the_past(struct daemon *d)
{
	struct store_state state = {false};
	struct errmsg why = {""};
	enum store_result result = store_load(d->state_dir, &state, &why);
	bool whole = result == STORE_LOADED || result == STORE_NONE;
	const struct core_state known = {.draining = state.draining,
	    .lost = result == STORE_LOST,
	    .incarnation = state.incarnation,
	    .synced_ms = state.synced_ms,
	    .replica = state.replica};

	daemon_step(d,
	    (struct core_event){.type = CORE_STATE_LOADED,
		.state = &known,
		.text = whole ? NULL : why.text});
	if (d->routes != NULL)
		on_routes(d);
}

static int
open_core(struct daemon *d, struct errmsg *why)
{
	uint64_t entropy;

	if (getrandom(&entropy, sizeof(entropy), 0) != (ssize_t)sizeof(entropy))
		return errmsg_sys(why, "getrandom");
	d->core = core_new(mono_now(), entropy);
	d->outputs = core_outputs_new();
	if (d->core == NULL || d->outputs == NULL)
		return errmsg_set(why, "out of memory");
	return 0;
}

static void
daemon_close(struct daemon *d)
{
	ctl_free(d->ctl);
	cluster_edge_free(d->edge);
	birdctl_free(d->birdctl);
	routes_free(d->routes); /* and leaves the routes as they are */
	unix_link_free(d->link);
	unix_link_free(d->flow_link);
	core_outputs_free(d->outputs);
	core_free(d->core);
	if (d->tick != NULL)
		event_free(d->tick);
	if (d->term != NULL)
		event_free(d->term);
	if (d->interrupt != NULL)
		event_free(d->interrupt);
	if (d->hangup != NULL)
		event_free(d->hangup);
	if (d->base != NULL)
		event_base_free(d->base);
	libevent_global_shutdown();
	free(d->state_dir);
}

int
daemon_run(const char *config)
{
	struct daemon d = {.config = config};
	struct errmsg why = {""};
	struct conf *conf = conf_load(config, &why);
	int status = EXIT_FAILURE;

	if (conf == NULL || open_events(&d, &why) == -1 ||
	    open_core(&d, &why) == -1 ||
	    open_sockets(&d, conf->run_dir, &why) == -1 ||
	    open_announce(&d, conf, &why) == -1 ||
	    open_cluster(&d, conf, &why) == -1 || let_go(conf, &why) == -1) {
		log_warnx("agent", "%s", why.text);
		conf_free(conf);
		goto out;
	}
	log_info("agent", "guideway-agent %s", PACKAGE_VERSION);
	daemon_step(
	    &d, (struct core_event){.type = CORE_CONFIG_LOADED, .conf = conf});
	if (core_conf(d.core) == NULL)
		goto out; /* the core has said why */
	tell_the_past(&d);
	if (!core_begun(d.core))
		goto out; /* likewise */
	notify("READY=1");
	if (event_base_dispatch(d.base) == -1)
		log_warnx("agent", "the event loop failed");
	else
		status = EXIT_SUCCESS;
out:
	daemon_close(&d);
	return status;
}
