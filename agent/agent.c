/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/agent.h"

#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>

#include "agent/balancer_link.h"
#include "agent/core/core.h"
#include "agent/ctl/ctl.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/privilege.h"

#define EXIT_USAGE 2

struct options {
	const char *config;
	bool check, verbose, debug;
	const char *debug_only;
};

struct agent {
	const char *config;
	struct event_base *base;
	struct core *core;
	struct core_outputs *outputs;
	struct balancer_link *link;
	struct ctl *ctl;
	struct event *tick, *term, *interrupt, *hangup;
};

static void agent_step(struct agent *, struct core_event);

/* A request that could not be sent would be waited for in vain. */
static bool
sent(struct agent *a, int rc, struct core_event *then)
{
	if (rc == 0)
		return true;
	balancer_link_hangup(a->link);
	*then = (struct core_event){
	    .type = CORE_BALANCER_LOST, .text = "out of memory for a request"};
	return false;
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

/* Carries out one output. false: `then` is to be told to the core, and what
 * else was to go to the balancer is void. */
static bool
carry_out(struct agent *a, const struct core_output *o, struct errmsg *why,
    struct core_event *then)
{
	switch (o->type) {
	case CORE_DIAL:
		if (balancer_link_dial(a->link, why) == 0)
			*then = (struct core_event){.type = CORE_BALANCER_UP};
		else
			*then = (struct core_event){
			    .type = CORE_BALANCER_LOST, .text = why->text};
		return false;
	case CORE_HANGUP:
		balancer_link_hangup(a->link);
		return true;
	case CORE_INSTALL:
		return sent(
		    a, balancer_link_install(a->link, o->id, o->state), then);
	case CORE_ASK_STATUS:
		return sent(a,
		    balancer_link_status(a->link, o->id, o->read_back), then);
	case CORE_ASK_TRACE:
		return sent(
		    a, balancer_link_trace(a->link, o->id, &o->trace), then);
	case CORE_REPLY:
		ctl_reply(a->ctl, o->client, &o->reply);
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
	    type == CORE_ASK_TRACE;
}

static void
schedule_tick(struct agent *a, struct mono now)
{
	int64_t wait_us = core_wakeup(a->core).us - now.us;
	struct timeval tv;

	wait_us = MIN(MAX(wait_us, 0), (int64_t)60 * 1000000);
	tv.tv_sec = wait_us / 1000000;
	tv.tv_usec = wait_us % 1000000;
	evtimer_add(a->tick, &tv);
}

/* The only way into the core. */
static void
agent_step(struct agent *a, struct core_event event)
{
	struct core_event next = event;
	struct errmsg why;
	struct mono now;
	bool again, broken;

	do {
		now = mono_now();
		core_step(a->core, now, &event, a->outputs);
		again = broken = false;
		for (size_t i = 0; i < a->outputs->n; i++) {
			const struct core_output *o = &a->outputs->items[i];

			if (broken && is_for_balancer(o->type))
				continue;
			if (!carry_out(a, o, &why, &next))
				again = broken = true;
		}
		event = next;
	} while (again);
	core_outputs_clear(a->outputs);
	schedule_tick(a, now);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	agent_step(ctx, (struct core_event){.type = CORE_TICK});
}

static void
on_balancer_reply(void *ctx, struct balancer_reply *reply)
{
	agent_step(ctx,
	    (struct core_event){.type = CORE_BALANCER_REPLY, .reply = reply});
}

static void
on_balancer_lost(void *ctx, const char *why)
{
	agent_step(
	    ctx, (struct core_event){.type = CORE_BALANCER_LOST, .text = why});
}

static void
on_command(void *ctx, uint64_t client, const struct control_request *request)
{
	agent_step(ctx,
	    (struct core_event){
		.type = CORE_COMMAND, .client = client, .request = *request});
}

static void
on_client_gone(void *ctx, uint64_t client)
{
	agent_step(ctx,
	    (struct core_event){.type = CORE_CLIENT_GONE, .client = client});
}

static const struct balancer_link_events link_events = {
    .reply = on_balancer_reply,
    .lost = on_balancer_lost,
};

static const struct ctl_events ctl_events = {
    .command = on_command,
    .gone = on_client_gone,
};

static bool
same_interfaces(const struct conf *a, const struct conf *b)
{
	if (a->n_interfaces != b->n_interfaces)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (strcmp(a->interfaces[i].name, b->interfaces[i].name) != 0 ||
		    a->interfaces[i].driver != b->interfaces[i].driver)
			return false;
	return true;
}

/* The sockets stay where they are, so the folder cannot change. What the
 * balancer reads for itself can, but we cannot make it so. */
static struct conf *
load_again(struct agent *a, struct errmsg *why)
{
	const struct conf *before = core_conf(a->core);
	struct conf *conf = conf_load(a->config, why);

	if (conf == NULL)
		return NULL;
	if (strcmp(conf->run_dir, before->run_dir) == 0) {
		if (!same_interfaces(conf, before))
			log_warnx("agent",
			    "%s: balancer.interfaces has changed; restart "
			    "guideway-balancer for that",
			    a->config);
		return conf;
	}
	errmsg_set(why,
	    "%s: run_dir changed from %s to %s; restart guideway-agent and "
	    "guideway-balancer for that",
	    a->config, before->run_dir, conf->run_dir);
	conf_free(conf);
	return NULL;
}

static void
on_hangup(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *a = ctx;
	struct errmsg why;
	struct conf *conf;

	(void)fd;
	(void)what;
	notify("RELOADING=1");
	if ((conf = load_again(a, &why)) != NULL)
		agent_step(a,
		    (struct core_event){
			.type = CORE_CONFIG_LOADED, .conf = conf});
	else
		agent_step(a,
		    (struct core_event){
			.type = CORE_CONFIG_FAILED, .text = why.text});
	notify("READY=1");
}

static void
on_end(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *a = ctx;

	(void)what;
	log_info("agent", "signal %d: ending", (int)fd);
	notify("STOPPING=1");
	event_base_loopbreak(a->base);
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
open_events(struct agent *a, struct errmsg *why)
{
	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_event_log);
	if ((a->base = event_base_new()) == NULL)
		return errmsg_set(why, "cannot make an event loop");
	a->tick = evtimer_new(a->base, on_tick, a);
	a->term = evsignal_new(a->base, SIGTERM, on_end, a);
	a->interrupt = evsignal_new(a->base, SIGINT, on_end, a);
	a->hangup = evsignal_new(a->base, SIGHUP, on_hangup, a);
	if (a->tick == NULL || a->term == NULL || a->interrupt == NULL ||
	    a->hangup == NULL || event_add(a->term, NULL) == -1 ||
	    event_add(a->interrupt, NULL) == -1 ||
	    event_add(a->hangup, NULL) == -1)
		return errmsg_set(why, "cannot take signals");
	return 0;
}

static int
open_sockets(struct agent *a, const char *run_dir, struct errmsg *why)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/balancer.sock", run_dir);
	a->link = balancer_link_new(a->base, path, &link_events, a);
	if (a->link == NULL)
		return errmsg_set(why, "%s: out of memory", path);
	snprintf(path, sizeof(path), "%s/agent.sock", run_dir);
	a->ctl = ctl_new(a->base, path, &ctl_events, a, why);
	return a->ctl != NULL ? 0 : -1;
}

/* Routes are changed with CAP_NET_ADMIN; nothing else needs a privilege.
 * Without it all else goes on, and why nothing is announced is said there. */
static int
let_go(const struct conf *conf, struct errmsg *why)
{
	return privilege_drop(conf->user, PRIVILEGE_NET_ADMIN, why);
}

static int
open_core(struct agent *a, struct errmsg *why)
{
	uint64_t entropy;

	if (getrandom(&entropy, sizeof(entropy), 0) != (ssize_t)sizeof(entropy))
		return errmsg_sys(why, "getrandom");
	a->core = core_new(mono_now(), entropy);
	a->outputs = core_outputs_new();
	if (a->core == NULL || a->outputs == NULL)
		return errmsg_set(why, "out of memory");
	return 0;
}

static void
agent_close(struct agent *a)
{
	ctl_free(a->ctl);
	balancer_link_free(a->link);
	core_outputs_free(a->outputs);
	core_free(a->core);
	if (a->tick != NULL)
		event_free(a->tick);
	if (a->term != NULL)
		event_free(a->term);
	if (a->interrupt != NULL)
		event_free(a->interrupt);
	if (a->hangup != NULL)
		event_free(a->hangup);
	if (a->base != NULL)
		event_base_free(a->base);
	libevent_global_shutdown();
}

static int
agent_run(const struct options *opt)
{
	struct agent a = {.config = opt->config};
	struct errmsg why = {""};
	struct conf *conf = conf_load(opt->config, &why);
	int status = EXIT_FAILURE;

	if (conf == NULL || open_events(&a, &why) == -1 ||
	    open_core(&a, &why) == -1 ||
	    open_sockets(&a, conf->run_dir, &why) == -1 ||
	    let_go(conf, &why) == -1) {
		log_warnx("agent", "%s", why.text);
		conf_free(conf);
		goto out;
	}
	log_info("agent", "guideway-agent %s", PACKAGE_VERSION);
	agent_step(
	    &a, (struct core_event){.type = CORE_CONFIG_LOADED, .conf = conf});
	if (core_conf(a.core) == NULL)
		goto out; /* the core has said why */
	notify("READY=1");
	if (event_base_dispatch(a.base) == -1)
		log_warnx("agent", "the event loop failed");
	else
		status = EXIT_SUCCESS;
out:
	agent_close(&a);
	return status;
}

static int
agent_check(const struct options *opt)
{
	struct errmsg why;
	struct conf *conf = conf_load(opt->config, &why);
	char *text = NULL;
	int status = EXIT_SUCCESS;

	if (conf == NULL) {
		fprintf(stderr, "%s\n", why.text);
		return EXIT_FAILURE;
	}
	if (!opt->verbose)
		printf("%s: good, %zu service%s\n", conf->path,
		    conf->n_services, conf->n_services == 1 ? "" : "s");
	else if ((text = conf_print(conf)) != NULL)
		fputs(text, stdout);
	if ((opt->verbose && text == NULL) || fflush(stdout) == EOF) {
		fprintf(stderr, "%s: cannot print it\n", opt->config);
		status = EXIT_FAILURE;
	}
	free(text);
	conf_free(conf);
	return status;
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: guideway-agent [--config FILE] [-d] [-D TOKEN]\n"
	    "       guideway-agent [--config FILE] --check [-v]\n"
	    "\n"
	    "  --config FILE  instead of %s\n"
	    "  --check        only say whether the configuration is good\n"
	    "  -v             with --check: print it in canonical form\n"
	    "  -d             log debugging messages\n"
	    "  -D TOKEN       only those of the module TOKEN\n"
	    "  --help, --version\n",
	    CONF_PATH);
}

enum {
	OPT_CHECK = 256,
	OPT_HELP,
	OPT_VERSION
};

int
agent_main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, OPT_CHECK},
	    {"help", no_argument, NULL, OPT_HELP},
	    {"version", no_argument, NULL, OPT_VERSION}, {0}};
	struct options opt = {.config = CONF_PATH};
	int c;

	while ((c = getopt_long(argc, argv, "c:vdD:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			opt.config = optarg;
			break;
		case OPT_CHECK:
			opt.check = true;
			break;
		case 'v':
			opt.verbose = true;
			break;
		case 'D':
			opt.debug_only = optarg;
			opt.debug = true;
			break;
		case 'd':
			opt.debug = true;
			break;
		case OPT_HELP:
			usage(stdout);
			return EXIT_SUCCESS;
		case OPT_VERSION:
			printf("guideway-agent %s\n", PACKAGE_VERSION);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc || (opt.verbose && !opt.check)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	log_init("guideway-agent", opt.debug, opt.debug_only);
	return opt.check ? agent_check(&opt) : agent_run(&opt);
}
