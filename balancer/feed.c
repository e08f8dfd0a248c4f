/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/feed.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>

#include "balancer/core/exchange.h"
#include "balancer/ctl/wire_flows.h"
#include "balancer/ticks.h"
#include "common/arena.h"
#include "common/log.h"
#include "common/mono.h"

struct feed {
	struct feed_env env;
	struct event *tick;      /* pending while somebody follows */
	struct evbuffer *reader; /* who follows; NULL: nobody */
	uint64_t id;             /* of the request */
	uint32_t cursor;         /* of flows_told */
	struct flow_record records[FLOWS_PAGE_MAX];
};

/* NULL: flows are not remembered, or by what an earlier process served. */
static struct flows *
flows_of(const struct feed *f)
{
	struct serving *s = f->env.serving;

	return s->forwarder.flows == NULL || s->before != NULL ? NULL
							       : &s->flows;
}

/* Entries that cannot be told after all are told by the sweeper, later. */
static bool
tell(struct feed *f, struct flows *flows)
{
	struct arena *arena;
	struct flow_batch batch;
	size_t n;
	int r = -1;

	if (evbuffer_get_length(f->reader) >= FEED_QUEUE_LEN ||
	    (arena = arena_new()) == NULL)
		return false;
	n = flows_told(flows, &f->cursor, f->records, FLOWS_BATCH_MAX);
	if (n > 0 &&
	    exchange_pack(f->env.serving->fib, f->records, n, arena, &batch) ==
		0)
		r = batch.n_services == 0
		    ? 0
		    : wire_put_told(f->reader, f->id, &batch);
	if (n > 0 && r == -1)
		log_warnx("feed", "%zu flows: out of memory to tell them", n);
	arena_free(arena);
	return n > 0 && r == 0;
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct feed *f = ctx;
	struct flows *flows = flows_of(f);

	(void)fd;
	(void)what;
	if (flows == NULL)
		return;
	for (int i = 0; i < FEED_TOLD_MAX && tell(f, flows); i++)
		continue;
}

struct feed *
feed_new(const struct feed_env *env, struct errmsg *why)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		errmsg_sys(why, "flow notices");
		return NULL;
	}
	f->env = *env;
	f->tick = event_new(env->base, -1, EV_PERSIST, on_tick, f);
	if (f->tick == NULL) {
		errmsg_set(why, "event loop: cannot add an event");
		free(f);
		return NULL;
	}
	return f;
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	event_free(f->tick);
	free(f);
}

void
feed_end(struct feed *f, struct evbuffer *out)
{
	if (f->reader != out)
		return;
	f->reader = NULL;
	(void)event_del(f->tick);
}

static int
follow(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	const struct timeval tick = {0, FEED_TICK_MS * 1000};

	if (f->reader != NULL)
		return wire_put_refused(
		    out, request->id, "somebody else follows the flows");
	if (event_add(f->tick, &tick) == -1)
		return -1;
	f->reader = out;
	f->id = request->id;
	request->stays = true;
	return 0;
}

static int
learn(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	struct flows *flows = flows_of(f);
	struct exchange_result result = {0, 0};

	if (flows == NULL)
		result.refused = (uint32_t)flow_batch_count(&request->flows);
	else if (exchange_learn(f->env.serving->fib, flows, &request->flows,
		     ticks_now(), request->arena, &result) == -1)
		return -1;
	return wire_put_learnt(out, request->id, result.taken, result.refused);
}

static int
page(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	struct flows *flows = flows_of(f);
	uint32_t next = request->cursor, end = 0;
	struct flow_batch batch;
	size_t n = 0;

	if (flows != NULL) {
		end = flows_entries(flows);
		n = flows_page(flows, &next, f->records, FLOWS_PAGE_MAX);
	}
	if (exchange_pack(f->env.serving->fib, f->records, n, request->arena,
		&batch) == -1)
		return -1;
	return wire_put_page(out, request->id, &batch, next, next < end);
}

static int
settled(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	struct settled_batch batch;

	if (fib_settled(
		f->env.serving->fib, ticks_now(), request->arena, &batch) == -1)
		return -1;
	if (settled_batch_count(&batch) > SETTLED_SLOTS_MAX)
		return wire_put_refused(
		    out, request->id, "more slots move than fit a reply");
	return wire_put_settled(out, request->id, &batch);
}

static int
settle(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	static struct log_bucket bucket;
	const struct forwarding *state = serving_state(f->env.serving);
	uint32_t swallowed;
	struct errmsg why;

	if (request->settle.seed_print != flows_seed_print(state->seed))
		return wire_put_refused(out, request->id,
		    "settled slots of a cluster with another seed");
	if (f->env.settle(f->env.ctx, &request->settle, &why) == -1) {
		if (log_limited(&bucket, mono_now().us, &swallowed))
			log_warnx("feed",
			    "settled slots refused: %s (%u more not shown)",
			    why.text, swallowed);
		return wire_put_refused(out, request->id, why.text);
	}
	return wire_put_settled_taken(out, request->id);
}

static int
held(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	const struct forwarding *state = serving_state(f->env.serving);
	struct flow_held answer = exchange_held(f->env.serving->fib,
	    flows_of(f), request->service, &request->backend);

	for (size_t i = 0; i < state->n_backends; i++)
		if (addr_cmp(&state->backends[i], &request->backend) == 0)
			answer.packets = f->env.packets(f->env.ctx, i);
	return wire_put_held(out, request->id, &answer);
}

int
feed_answer(struct feed *f, struct wire_request *request, struct evbuffer *out)
{
	switch (request->kind) {
	case WIRE_FOLLOW:
		return follow(f, request, out);
	case WIRE_LEARN:
		return learn(f, request, out);
	case WIRE_FLOWS_PAGE:
		return page(f, request, out);
	case WIRE_SETTLED:
		return settled(f, request, out);
	case WIRE_SETTLE:
		return settle(f, request, out);
	case WIRE_HELD:
		return held(f, request, out);
	default:
		return -1;
	}
}
