/* SPDX-License-Identifier: Apache-2.0 */
/* What is announced, and why not what is not, as an operator asks for it. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

static char *
copy(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

static int
fill_conditions(const struct core *core, struct mono now, struct arena *arena,
    struct control_announce *to)
{
	struct announce_condition c[ANNOUNCE_CONDITIONS];
	size_t n = announce_conditions(core, now, c);
	to->conditions = arena_alloc(
	    arena, ANNOUNCE_CONDITIONS, sizeof(*to->conditions));
	if (to->conditions == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct control_condition *out =
		    &to->conditions[to->n_conditions++];

		out->name = c[i].name;
		out->ok = c[i].ok;
		out->detail = copy(arena, c[i].detail.text);
		if (out->detail == NULL)
			return -1;
	}
	return 0;
}

static uint32_t
seconds(int64_t us)
{
	return us > 0 ? (uint32_t)(us / 1000000) : 0;
}

static void
fill_drain(const struct core *core, struct mono now, struct control_drain *to)
{
	const struct drain *d = &core->drain;

	to->phase = d->phase == DRAIN_OFF && drain_wanted(d)
	    ? "asking"
	    : drain_phase_name(d->phase);
	to->by_operator = d->by_operator;
	to->temporary = d->temporary;
	if (d->phase == DRAIN_MARKED)
		to->marked_s = seconds(d->marked_until.us - now.us + 999999);
	to->gone = drain_gone(core);
	if (d->phase == DRAIN_WITHDRAWN || d->phase == DRAIN_QUIET)
		to->quiet_s = seconds(now.us - d->quiet_since.us);
	to->quiet_needed_s = core->conf->announce.drain_quiet_s;
	to->vip_packets = d->vip_packets;
}

static int
fill_bird(
    const struct core *core, struct arena *arena, struct control_announce *to)
{
	const struct bird_report *r = core->announce.bird.report;

	to->bird_error = r == NULL ? "not asked yet" : r->why;
	to->bird_version = r == NULL ? "" : r->version;
	if (r == NULL)
		return 0;
	to->sessions = arena_alloc(arena, r->n_sessions, sizeof(*to->sessions));
	if (to->sessions == NULL)
		return -1;
	for (size_t i = 0; i < r->n_sessions; i++)
		to->sessions[to->n_sessions++] = (struct control_session){
		    r->sessions[i].name, r->sessions[i].established,
		    r->sessions[i].info};
	return 0;
}

static const char *
kernel_name(enum vip_route route)
{
	switch (route) {
	case VIP_ROUTE_ACTIVE:
		return "active";
	case VIP_ROUTE_DRAINING:
		return "draining";
	case VIP_ROUTE_NONE:
		break;
	}
	return "";
}

static const char *
state_name(enum vip_route wanted)
{
	switch (wanted) {
	case VIP_ROUTE_ACTIVE:
		return "announced";
	case VIP_ROUTE_DRAINING:
		return "marked";
	case VIP_ROUTE_NONE:
		break;
	}
	return "withdrawn";
}

/* Why it is not announced: its services, the node; or nothing but time. */
static void
why_withdrawn(const struct core *core, const struct gate_vip *v,
    const struct errmsg *node, struct errmsg *why)
{
	const struct gate_service *s = gate_obstacle(core->gate, v);

	if (node->text[0] != '\0')
		*why = *node;
	else if (s != NULL)
		gate_explain(s, why);
	else
		errmsg_set(why,
		    "all is well again; it is announced in a "
		    "moment");
}

static int
fill_vip(const struct core *core, const struct gate_vip *v,
    const struct errmsg *node, struct arena *arena, struct control_vip *to)
{
	enum vip_route wanted = announce_wanted(core, v);
	enum vip_route stands = announce_in_kernel(core, &v->vip);
	const struct bird_route *r = bird_find(core, &v->vip);
	struct errmsg why = {""};

	to->vip = v->vip;
	to->state = state_name(wanted);
	to->kernel = kernel_name(stands);
	to->exported = r != NULL ? r->exported : 0;
	to->sessions = bird_sessions_for(core, &v->vip);
	to->checked = bird_is_fresh(core);
	if (stands != wanted) {
		to->wrong = true;
		errmsg_set(&why, "it stands otherwise in the kernel's table");
	} else if (to->checked) {
		to->wrong = !bird_agrees(core, v, &why);
	}
	if (!to->wrong && wanted == VIP_ROUTE_NONE)
		why_withdrawn(core, v, node, &why);
	to->why = copy(arena, why.text);
	return to->why != NULL ? 0 : -1;
}

static int
fill_vips(const struct core *core, const struct errmsg *node,
    struct arena *arena, struct control_announce *to)
{
	size_t n = core->gate->n_vips;

	if ((to->vips = arena_alloc(arena, n, sizeof(*to->vips))) == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (fill_vip(core, &core->gate->vips[i], node, arena,
			&to->vips[to->n_vips++]) == -1)
			return -1;
	return 0;
}

int
report_announce(const struct core *core, struct mono now, struct arena *arena,
    struct control_announce *to)
{
	struct errmsg why = {""};

	to->enabled = announce_enabled(core) && core->gate != NULL;
	to->why = to->bird_error = to->bird_version = to->drain.phase = "";
	if (!to->enabled)
		return 0;
	announce_obstacle(core, now, &why);
	to->fit = why.text[0] == '\0';
	if ((to->why = copy(arena, why.text)) == NULL)
		return -1;
	fill_drain(core, now, &to->drain);
	if (fill_conditions(core, now, arena, to) == -1 ||
	    fill_bird(core, arena, to) == -1)
		return -1;
	return fill_vips(core, &why, arena, to);
}
