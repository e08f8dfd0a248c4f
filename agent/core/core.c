/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "common/log.h"

struct core *
core_new(struct mono now, uint64_t entropy)
{
	struct core *core = calloc(1, sizeof(*core));

	if (core == NULL)
		return NULL;
	core->started = now;
	core->random = entropy;
	link_init(core, now);
	announce_init(core, now);
	return core;
}

void
core_free(struct core *core)
{
	if (core == NULL)
		return;
	balancer_reply_free(core->heard);
	announce_clear(core);
	plan_free(core->plan);
	conf_free(core->conf);
	free(core);
}

const struct conf *
core_conf(const struct core *core)
{
	return core->conf;
}

struct core_outputs *
core_outputs_new(void)
{
	return calloc(1, sizeof(struct core_outputs));
}

void
core_outputs_clear(struct core_outputs *out)
{
	arena_free(out->arena);
	out->arena = NULL;
	balancer_reply_free(out->kept);
	out->kept = NULL;
	out->n = 0;
}

void
core_outputs_free(struct core_outputs *out)
{
	if (out == NULL)
		return;
	core_outputs_clear(out);
	free(out);
}

struct core_output *
core_put(struct core_outputs *out, enum core_output_type type)
{
	struct core_output *o;

	GW_ASSERT(out->n < CORE_OUTPUTS_MAX);
	o = &out->items[out->n++];
	memset(o, 0, sizeof(*o));
	o->type = type;
	return o;
}

void
core_say(struct core_outputs *out, enum core_level level, const char *fmt, ...)
{
	struct core_output *o = core_put(out, CORE_LOG);
	va_list ap;

	o->level = level;
	va_start(ap, fmt);
	vsnprintf(o->text.text, sizeof(o->text.text), fmt, ap);
	va_end(ap);
}

uint64_t
core_random(struct core *core)
{
	uint64_t z = core->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The one way through: everything that follows from configuration and health is
 * computed aside, then switched in whole. Takes conf (the one in force again,
 * when only health has changed). 0, or -1 with `why` and nothing changed. */
static int
apply(struct core *core, struct conf *conf, struct mono now,
    struct core_outputs *out, struct errmsg *why)
{
	struct forwarding *state = view_forwarding(
	    conf, &core->health, core->generation + 1);
	struct announce_next next = {NULL, NULL};
	struct plan *plan;

	if (state == NULL ||
	    announce_prepare(core, conf, state, now, &next) == -1) {
		errmsg_set(why, "%s: out of memory", conf->path);
		forwarding_free(state);
		goto fail;
	}
	if ((plan = plan_new(state, core->plan, why)) == NULL)
		goto fail;
	announce_switch(core, &next);
	plan_free(core->plan);
	core->plan = plan;
	core->generation++;
	if (conf != core->conf)
		conf_free(core->conf);
	core->conf = conf;
	core->retry_pause_ms = 0;
	link_install(core, now, out);
	return 0;
fail:
	announce_discard(&next);
	if (conf != core->conf)
		conf_free(conf);
	return -1;
}

static void
config_failed(struct core *core, const char *why, struct core_outputs *out)
{
	errmsg_set(&core->config_error, "%s", why);
	core_say(out, CORE_ALARM, "%s; %s", why,
	    core->conf != NULL ? "the configuration before it stays in force"
			       : "nothing is configured");
}

static void
config_loaded(struct core *core, struct mono now, struct conf *conf,
    struct core_outputs *out)
{
	struct errmsg why = {""};

	if (apply(core, conf, now, out, &why) == -1) {
		config_failed(core, why.text, out);
		return;
	}
	core->config_error.text[0] = '\0';
	core_say(out, CORE_INFO,
	    "%s: generation %llu, %zu services, %zu "
	    "backends",
	    core->conf->path, (unsigned long long)core->generation,
	    core->plan->state->n_services, core->plan->state->n_backends);
}

void
core_step(struct core *core, struct mono now, const struct core_event *event,
    struct core_outputs *out)
{
	core_outputs_clear(out);
	switch (event->type) {
	case CORE_CONFIG_LOADED:
		config_loaded(core, now, event->conf, out);
		break;
	case CORE_CONFIG_FAILED:
		config_failed(core, event->text, out);
		break;
	case CORE_BALANCER_UP:
		link_up(core, now, out);
		break;
	case CORE_BALANCER_LOST:
		link_lost(core, now, event->text, out);
		break;
	case CORE_BALANCER_REPLY:
		link_reply(core, now, event->reply, out);
		break;
	case CORE_COMMAND:
		command_new(core, now, event->client, &event->request, out);
		break;
	case CORE_CLIENT_GONE:
		command_gone(core, event->client);
		break;
	case CORE_STATE_LOADED:
		drain_loaded(core, now, event->draining, event->text, out);
		break;
	case CORE_PERSISTED:
		drain_persisted(core, now, event->text, out);
		break;
	case CORE_ROUTES:
		announce_routes(core, now, event->routes, out);
		break;
	case CORE_BIRD:
		bird_heard(core, now, event->bird, out);
		break;
	case CORE_TICK:
		break;
	}
	link_tick(core, now, out);
	command_tick(core, now, out);
	announce_tick(core, now, out);
}

struct mono
core_wakeup(const struct core *core)
{
	struct mono next = link_wakeup(core);

	earlier(&next, command_wakeup(core));
	earlier(&next, announce_wakeup(core));
	return next;
}
