/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' commands: each is answered exactly once, unless its client has
 * gone. What the balancer has to say is waited for a moment; without it, status
 * and service show what is known, and a trace is an error. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"

#define WAIT_MS 2000

static struct control_reply *
reply_new(struct core_outputs *out, uint64_t client, enum control_kind kind)
{
	struct core_output *o = core_put(out, CORE_REPLY);

	o->client = client;
	o->reply.kind = kind;
	return &o->reply;
}

void
command_error(struct core_outputs *out, uint64_t client, const char *fmt, ...)
{
	struct control_reply *reply = reply_new(out, client, CONTROL_ERROR);
	struct errmsg text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text.text, sizeof(text.text), fmt, ap);
	va_end(ap);
	if (out->arena == NULL)
		out->arena = arena_new();
	reply->error = out->arena == NULL
	    ? NULL
	    : arena_copy(out->arena, text.text, strlen(text.text));
	if (reply->error == NULL)
		reply->error = "out of memory";
}

/* From what is known now. */
static void
reply_known(struct core *core, struct mono now, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct control_reply *reply;
	int rc;

	if (out->arena == NULL && (out->arena = arena_new()) == NULL) {
		command_error(out, client, "out of memory");
		return;
	}
	reply = reply_new(out, client, q->kind);
	if (q->kind == CONTROL_STATUS)
		rc = report_status(core, now, out->arena, reply);
	else if (q->kind == CONTROL_CLUSTER)
		rc = report_cluster(core, now, out->arena, reply);
	else
		rc = report_service(core, now, q->service, out->arena, reply);
	if (rc == -1) {
		out->n--;
		command_error(out, client, "out of memory");
	}
}

static bool
knows_service(const struct core *core, const char *name)
{
	for (size_t i = 0;
	     core->plan != NULL && i < core->plan->state->n_services; i++)
		if (strcmp(core->plan->state->services[i].name, name) == 0)
			return true;
	return false;
}

/* Without (more) help from the balancer. */
static void
settle(struct core *core, struct mono now, const struct pending *p,
    const char *why, struct core_outputs *out)
{
	/* The service may be gone since the question was asked. */
	if (p->request.kind == CONTROL_SERVICE &&
	    !knows_service(core, p->request.service))
		command_error(out, p->client,
		    "no service is called '%s'; "
		    "'guideway status' lists them",
		    p->request.service);
	else if (p->request.kind == CONTROL_TRACE)
		command_error(out, p->client, "%s", why);
	else
		reply_known(core, now, p->client, &p->request, out);
}

static void
settle_unconnected(struct core *core, struct mono now, const struct pending *p,
    struct core_outputs *out)
{
	struct errmsg why;

	errmsg_set(&why,
	    "the balancer is not connected (%s); is guideway-balancer running?",
	    core->lost_why.text);
	settle(core, now, p, why.text, out);
}

static void
drop(struct core *core, size_t i)
{
	core->n_pending--;
	memmove(&core->pending[i], &core->pending[i + 1],
	    (core->n_pending - i) * sizeof(*core->pending));
}

/* Drained, and without a vote; until the agent is started again. */
static void
leave(struct core *core, uint64_t client, const struct control_request *q,
    struct core_outputs *out)
{
	if (core->cluster.fresh == NULL) {
		command_error(out, client, "this node is in no cluster");
		return;
	}
	core->drain.temporary = true;
	freshness_leave(core->cluster.fresh);
	core->cluster.recount = core->cluster.beat_now = true;
	core_say(out, CORE_INFO, "cluster: this node leaves");
	drain_accepted(core, client, q, out);
}

void
command_new(struct core *core, struct mono now, uint64_t client,
    const struct control_request *q, struct core_outputs *out)
{
	struct pending p = {.client = client,
	    .request = *q,
	    .deadline = after_ms(now, WAIT_MS)};
	bool room = core->n_pending < CORE_PENDING_MAX;

	switch (q->kind) {
	case CONTROL_DRAIN:
	case CONTROL_UNDRAIN:
		drain_command(core, now, client, q, out);
		return;
	case CONTROL_CHANGE:
		change_command(core, client, q, out);
		return;
	case CONTROL_CLUSTER:
		reply_known(core, now, client, q, out);
		return;
	case CONTROL_LEAVE:
		leave(core, client, q, out);
		return;
	case CONTROL_HELD:
		held_command(core, now, client, q, out);
		return;
	case CONTROL_ERROR:
	case CONTROL_STATUS:
	case CONTROL_SERVICE:
	case CONTROL_TRACE:
		break; /* with the balancer's help */
	}
	if (q->kind == CONTROL_SERVICE && !knows_service(core, q->service))
		room = false; /* settle says so */
	if (room && q->kind == CONTROL_TRACE)
		p.id = link_ask_trace(core, now, &q->trace, out);
	else if (room)
		p.id = link_ask_status(core, now, false, out);
	if (p.id != 0)
		core->pending[core->n_pending++] = p;
	else if (core->link == LINK_UP)
		settle(
		    core, now, &p, "too many commands at once; try again", out);
	else
		settle_unconnected(core, now, &p, out);
}

void
command_gone(struct core *core, uint64_t client)
{
	change_gone(core, client);
	held_gone(core, client);
	for (size_t i = 0; i < core->n_pending; i++)
		if (core->pending[i].client == client) {
			drop(core, i);
			return;
		}
}

void
command_answer(struct core *core, struct mono now,
    const struct balancer_reply *r, struct core_outputs *out)
{
	struct control_reply *reply;

	for (size_t i = 0; i < core->n_pending; i++) {
		struct pending p = core->pending[i];

		if (p.id != r->id)
			continue;
		drop(core, i);
		if (r->kind == BALANCER_REFUSED) {
			settle(core, now, &p, r->refusal, out);
		} else if (r->kind == BALANCER_TRACE) {
			reply = reply_new(out, p.client, CONTROL_TRACE);
			reply->node.name = report_node_name(core);
			reply->trace = r->trace;
		} else {
			settle(core, now, &p, "", out);
		}
		return; /* each asked with a request of its own */
	}
}

void
command_link_lost(struct core *core, struct mono now, struct core_outputs *out)
{
	for (size_t i = 0; i < core->n_pending; i++)
		settle_unconnected(core, now, &core->pending[i], out);
	core->n_pending = 0;
}

void
command_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	while (core->n_pending > 0 && reached(now, core->pending[0].deadline)) {
		struct pending p = core->pending[0];

		drop(core, 0);
		settle(core, now, &p,
		    "the balancer does not answer; see its log", out);
	}
}

struct mono
command_wakeup(const struct core *core)
{
	if (core->n_pending == 0)
		return (struct mono){INT64_MAX};
	return core->pending[0].deadline; /* they are in order of arrival */
}
