/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent and the operator's command read off their sockets. The first
 * byte chooses the message: an answer of the balancer, which then also goes
 * through the core; an operator's request; a reply, which must survive being
 * sent on; an answer that is about flows. */
#include "config.h"

#include <event2/buffer.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/balancer_wire.h"
#include "agent/core/core.h"
#include "agent/ctl/wire.h"
#include "agent/flow_wire.h"
#include "common/frame.h"

#define FLOW_REPLY 3

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
step(struct core *core, struct core_outputs *out, struct core_event event)
{
	core_step(core, (struct mono){1000000}, &event, out);
}

/* The core has asked for a trace, whose id is 1. */
static void
through_core(struct balancer_reply *r)
{
	struct core *core = core_new((struct mono){0}, 1);
	struct core_outputs *out = core_outputs_new();
	struct core_event trace = {.type = CORE_COMMAND, .client = 1};

	if (core == NULL || out == NULL)
		abort();
	trace.request.kind = CONTROL_TRACE;
	step(core, out, (struct core_event){.type = CORE_TICK});
	step(core, out, (struct core_event){.type = CORE_BALANCER_UP});
	step(core, out, trace);
	r->id = 1;
	step(core, out,
	    (struct core_event){.type = CORE_BALANCER_REPLY, .reply = r});
	core_outputs_free(out);
	core_free(core);
}

static void
balancer_reply(const uint8_t *data, size_t len)
{
	struct balancer_reply *r;
	struct errmsg why;

	if ((r = balancer_wire_reply(data, len, &why)) != NULL)
		through_core(r);
}

/* Whatever it is, the core did not ask for it. */
static void
flow_reply(const uint8_t *data, size_t len)
{
	struct core *core = core_new((struct mono){0}, 1);
	struct core_outputs *out = core_outputs_new();
	struct errmsg why = {""};
	struct flow_reply *r = flow_wire_reply(data, len, &why);

	if (core == NULL || out == NULL || (r == NULL && why.text[0] == '\0'))
		abort();
	if (r != NULL)
		step(core, out,
		    (struct core_event){
			.type = CORE_FLOWS_REPLY, .flow_reply = r});
	core_outputs_free(out);
	core_free(core);
}

/* What was taken is good: it can be sent, and is taken again. */
static void
control_reply(const uint8_t *data, size_t len)
{
	struct arena *arena = arena_new();
	struct evbuffer *buffer = evbuffer_new();
	struct control_reply reply;
	struct errmsg why;

	if (arena == NULL || buffer == NULL)
		abort();
	if (ctl_wire_get_reply(arena, &reply, data, len, &why) == 0 &&
	    (ctl_wire_put_reply(buffer, &reply) == -1 ||
		frame_next(buffer, &data, &len, &why) != FRAME_OK ||
		ctl_wire_get_reply(arena, &reply, data, len, &why) == -1))
		abort();
	evbuffer_free(buffer);
	arena_free(arena);
}

/* Likewise. */
static void
control_request(const uint8_t *data, size_t len)
{
	static struct control_change change, again;
	struct evbuffer *buffer = evbuffer_new();
	struct control_request request, back;
	struct errmsg why;

	if (buffer == NULL)
		abort();
	if (ctl_wire_get_request(&request, &change, data, len, &why) == 0 &&
	    (ctl_wire_put_request(buffer, &request) == -1 ||
		frame_next(buffer, &data, &len, &why) != FRAME_OK ||
		ctl_wire_get_request(&back, &again, data, len, &why) == -1))
		abort();
	evbuffer_free(buffer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] == FLOW_REPLY) {
		flow_reply(data + 1, len - 1);
		return 0;
	}
	switch (data[0] % 3) {
	case 0:
		balancer_reply(data + 1, len - 1);
		break;
	case 1:
		control_reply(data + 1, len - 1);
		break;
	default:
		control_request(data + 1, len - 1);
		break;
	}
	return 0;
}
