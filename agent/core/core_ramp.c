/* SPDX-License-Identifier: Apache-2.0 */
/* Backends that are new take their share in steps, by the wall clock (ramp.h),
 * so that every node takes them at the same time. */
#include "config.h"

#include <string.h>
#include <sys/param.h>

#include "agent/core/core_impl.h"

/* What failed for lack of memory is tried again. */
#define RETRY_MS 1000
/* A clock that is set meanwhile is seen then. */
#define LOOK_MS 60000
#define NEVER   ((struct mono){INT64_MAX})

void
ramp_applied(struct core *core)
{
	struct cluster *cl = &core->cluster;

	cl->ramp_seen_ms = cl->wall_ms;
	cl->ramp_until_ms = view_stands_until(core->conf, cl->wall_ms);
	cl->ramp_at = NEVER; /* the tick of this step says */
}

/* Both are of one configuration and the same verdicts. */
static bool
same_shares(const struct forwarding *f, const struct forwarding *g)
{
	for (size_t i = 0; i < f->n_services; i++)
		for (size_t j = 0; j < f->services[i].n_members; j++)
			if (f->services[i].members[j].phi !=
			    g->services[i].members[j].phi)
				return false;
	return true;
}

/* 0, or -1: out of memory, with the plan as it was. */
static int
follow(struct core *core, struct mono now, struct core_outputs *out)
{
	const struct cluster *cl = &core->cluster;
	const struct view_health health = votes_health(cl->votes);
	struct forwarding *state = view_forwarding(
	    core->conf, &health, cl->wall_ms, core->generation);
	struct errmsg why;
	bool same;

	if (state == NULL)
		return -1;
	same = same_shares(state, core->plan->state);
	forwarding_free(state);
	if (same) {
		ramp_applied(core);
		return 0;
	}
	if (core_apply(core, core->file, core->view, now, out, &why) == 0)
		return 0;
	core_say(out, CORE_ALARM, "slow_start: %s", why.text);
	return -1;
}

void
ramp_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	bool set_back = cl->wall_ms < cl->ramp_seen_ms;
	uint64_t left_ms;

	if ((set_back || cl->wall_ms >= cl->ramp_until_ms) &&
	    follow(core, now, out) == -1)
		cl->ramp_until_ms = cl->wall_ms + RETRY_MS;
	cl->ramp_seen_ms = cl->wall_ms;
	cl->ramp_at = NEVER;
	if (cl->ramp_until_ms == RAMP_NEVER)
		return;
	left_ms = MIN(cl->ramp_until_ms - cl->wall_ms, LOOK_MS);
	cl->ramp_at = after_ms(now, (uint32_t)left_ms);
}

struct mono
ramp_wakeup(const struct core *core)
{
	return core->conf != NULL ? core->cluster.ramp_at : NEVER;
}
