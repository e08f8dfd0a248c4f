/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "common/log.h"

static void
free_retired(struct core *core)
{
	for (size_t i = 0; i < core->n_retired; i++) {
		plan_free(core->retired[i].plan);
		spec_view_free(core->retired[i].view);
	}
	core->n_retired = 0;
	flows_free_retired(core);
}

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
	flows_init(core, now);
	if (cluster_init(core, now) == 0)
		return core;
	core_free(core);
	return NULL;
}

void
core_free(struct core *core)
{
	if (core == NULL)
		return;
	balancer_reply_free(core->heard);
	announce_clear(core);
	flows_clear(core);
	cluster_clear(core);
	free_retired(core);
	plan_free(core->plan);
	spec_view_free(core->view);
	conf_free(core->file);
	free(core);
}

const struct conf *
core_conf(const struct core *core)
{
	return core->file;
}

bool
core_begun(const struct core *core)
{
	return core->file != NULL && !core->cluster.stillborn;
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
	flow_reply_free(out->kept_flows);
	out->kept_flows = NULL;
	peer_message_free(out->kept_message);
	out->kept_message = NULL;
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

static void
retire(struct core *core, struct spec_view *next)
{
	GW_ASSERT(core->n_retired < RETIRED_MAX);
	core->retired[core->n_retired++] = (struct retired){
	    core->plan, core->view != next ? core->view : NULL};
}

int
core_apply(struct core *core, struct conf *file, struct spec_view *view,
    struct mono now, struct core_outputs *out, struct errmsg *why)
{
	const struct conf *conf = view != NULL ? view->conf : file;
	struct announce_next next = {NULL, NULL};
	struct forwarding *state = NULL;
	struct counted counted;
	struct view_health health;
	struct conf *before;
	struct plan *plan;
	EVP_MD_CTX *root = digest_begin();

	if (observe_count(core, now, conf, &counted) == 0) {
		health = votes_health(counted.votes);
		state = view_forwarding(
		    conf, &health, core->cluster.wall_ms, core->generation + 1);
	}
	if (state == NULL || root == NULL ||
	    observe_set(core, now, conf) == -1 ||
	    announce_prepare(core, conf, state, now, &next) == -1) {
		errmsg_set(why, "%s: out of memory", file->path);
		forwarding_free(state);
		goto fail;
	}
	if ((plan = plan_new(state, core->plan, why)) == NULL)
		goto fail;
	announce_switch(core, &next);
	retire(core, view);
	core->plan = plan;
	core->generation++;
	observe_switch(core, &counted);
	core->cluster.checks_stale = false;
	core->conf = conf;
	core->view = view;
	if (file != core->file) {
		before = core->file;
		core->file = file;
		cluster_configured(core, now, before, out);
		conf_free(before);
	}
	core->retry_pause_ms = 0;
	ramp_applied(core);
	cluster_applied(core, now, root);
	link_install(core, now, out);
	return 0;
fail:
	announce_discard(&next);
	votes_free(counted.votes);
	digest_drop(root);
	/* What is in force is looked at anew. */
	core->cluster.recount = core->cluster.checks_stale = core->conf != NULL;
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
config_loaded(struct core *core, struct mono now, struct conf *file,
    struct core_outputs *out)
{
	struct spec_view *view = NULL;
	struct errmsg why = {"out of memory"};

	if (spec_check(file, &why) == -1 ||
	    (file->cluster.name != NULL &&
		(view = spec_view(file, core->cluster.replica)) == NULL) ||
	    core_apply(core, file, view, now, out, &why) == -1) {
		spec_view_free(view);
		conf_free(file);
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

static void
state_loaded(struct core *core, struct mono now, const struct core_event *e,
    struct core_outputs *out)
{
	/* In a cluster the replica has the operator's word. */
	bool alone = core->file == NULL || core->file->cluster.name == NULL;

	drain_loaded(core, now, alone && (e->state->draining || e->state->lost),
	    e->text, out);
	cluster_loaded(core, now, e, out);
}

static void
persisted(struct core *core, struct mono now, const char *failure,
    struct core_outputs *out)
{
	if (!core->cluster.writing.busy)
		return;
	if (core->cluster.fresh == NULL)
		drain_persisted(core, now, failure, out);
	else
		cluster_persisted(core, now, failure, out);
}

void
core_step(struct core *core, struct mono now, const struct core_event *event,
    struct core_outputs *out)
{
	core_outputs_clear(out);
	free_retired(core);
	core->cluster.wall_ms = event->wall_ms;
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
		state_loaded(core, now, event, out);
		break;
	case CORE_PERSISTED:
		persisted(core, now, event->text, out);
		break;
	case CORE_ROUTES:
		announce_routes(core, now, event->routes, out);
		break;
	case CORE_BIRD:
		bird_heard(core, now, event->bird, out);
		break;
	case CORE_PEER_DIALLED:
		peer_dialled(core, now, event->session, event->node, out);
		break;
	case CORE_PEER_UP:
		peer_up(core, now, event->session, event->node, event->dialled,
		    out);
		break;
	case CORE_PEER_MESSAGE:
		peer_heard(core, now, event->session, event->message, out);
		out->kept_message = event->message; /* may be borrowed from */
		break;
	case CORE_PEER_MALFORMED:
		peer_malformed(core, now, event->session, event->text, out);
		break;
	case CORE_PEER_FULL:
		peer_full(core, event->session);
		break;
	case CORE_PEER_DRAINED:
		peer_drained(core, now, event->session, out);
		break;
	case CORE_PEER_DOWN:
		peer_down(core, now, event->session, event->text, out);
		break;
	case CORE_PEER_REFUSED:
		peer_refused(core, event->node, event->text);
		break;
	case CORE_PROBE_RESULT:
		checks_result(core->cluster.checks, now, event->id,
		    event->result, event->text);
		break;
	case CORE_FLOWS_UP:
		flows_up(core, now, out);
		break;
	case CORE_FLOWS_LOST:
		flows_lost(core, now, event->text, out);
		break;
	case CORE_FLOWS_REPLY:
		flows_reply(core, now, event->flow_reply, out);
		out->kept_flows = event->flow_reply; /* likewise */
		break;
	case CORE_PEER_FLOWS_DROPPED:
		flows_dropped(core, event->session, event->n);
		break;
	case CORE_STOPPING:
		peers_goodbye(core, out);
		return;
	case CORE_TICK:
		break;
	}
	cluster_tick(core, now, out);
	link_tick(core, now, out);
	flows_tick(core, now, out);
	command_tick(core, now, out);
	announce_tick(core, now, out);
}

struct mono
core_wakeup(const struct core *core)
{
	struct mono next = link_wakeup(core);

	earlier(&next, cluster_wakeup(core));
	earlier(&next, flows_wakeup(core));
	earlier(&next, command_wakeup(core));
	earlier(&next, announce_wakeup(core));
	return next;
}
