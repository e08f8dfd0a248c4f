/* SPDX-License-Identifier: Apache-2.0 */
/* What BIRD makes of the routes: read back now and then, and soon after each
 * change; where it differs from what should be, with the likely cause. Nothing
 * follows from it but words: the routes are right or wrong without BIRD. */
#include "config.h"

#include <stdlib.h>

#include "agent/core/core_impl.h"

#define READ_EVERY_MS 10000
#define READ_AGAIN_MS 300  /* while something differs */
#define PATIENCE_MS   3000 /* and for so long; what is wrong then stays so */

bool
bird_is_fresh(const struct core *core)
{
	const struct bird_view *b = &core->announce.bird;

	return b->report != NULL && b->report->state == BIRD_OK &&
	    b->report->begun.us > core->announce.changed_at.us;
}

static int
cmp_routes(const void *a, const void *b)
{
	const struct bird_route *r = a, *s = b;

	return addr_cmp(&r->addr, &s->addr);
}

const struct bird_route *
bird_find(const struct core *core, const struct addr *addr)
{
	const struct bird_report *r = core->announce.bird.report;
	const struct bird_route key = {.addr = *addr};

	if (r == NULL || r->n_routes == 0)
		return NULL;
	return bsearch(
	    &key, r->routes, r->n_routes, sizeof(*r->routes), cmp_routes);
}

uint32_t
bird_sessions_for(const struct core *core, const struct addr *vip)
{
	const struct bird_report *r = core->announce.bird.report;
	bool is4 = addr_is4(vip);
	uint32_t n = 0;

	for (size_t i = 0; r != NULL && i < r->n_sessions; i++)
		n += r->sessions[i].established &&
		    (is4 ? r->sessions[i].has4 : r->sessions[i].has6);
	return n;
}

/* That it goes to some sessions only is shown, but no fault: a node may have
 * sessions for other purposes. */
static bool
exports_to_nobody(const struct core *core, const struct addr *vip,
    const struct bird_route *r, struct errmsg *cause)
{
	uint32_t sessions = bird_sessions_for(core, vip);
	uint32_t exported = r != NULL ? r->exported : 0;

	if (sessions == 0)
		errmsg_set(cause,
		    "BIRD has no established BGP session for IPv%d",
		    addr_is4(vip) ? 4 : 6);
	else if (exported == 0 && (r == NULL || !r->learnt))
		errmsg_set(cause,
		    "BIRD has not learnt it from the kernel's table %u: is it "
		    "among the prefixes that BIRD's protocol kernel imports?",
		    core->conf->announce.table);
	else if (exported == 0)
		errmsg_set(cause,
		    "BIRD has learnt it, but exports it to none of %u "
		    "sessions: see their export filters",
		    sessions);
	else
		return false;
	return true;
}

bool
bird_agrees(
    const struct core *core, const struct gate_vip *v, struct errmsg *cause)
{
	const struct bird_route *r = bird_find(core, &v->vip);

	cause->text[0] = '\0';
	if (announce_wanted(core, v) != VIP_ROUTE_NONE)
		return !exports_to_nobody(core, &v->vip, r, cause);
	if (r == NULL || r->exported == 0)
		return true;
	errmsg_set(cause,
	    "BIRD announces it all the same, from its protocol %s: take it out "
	    "there",
	    r->source);
	return false;
}

/* The first that differs, and how many more do; NULL: none. */
static const struct gate_vip *
first_difference(const struct core *core, struct errmsg *cause, size_t *more)
{
	const struct gate_vip *first = NULL;
	struct errmsg ignored;

	*more = 0;
	for (size_t i = 0; i < core->gate->n_vips; i++) {
		const struct gate_vip *v = &core->gate->vips[i];

		if (bird_agrees(core, v, first == NULL ? cause : &ignored))
			continue;
		if (first == NULL)
			first = v;
		else
			(*more)++;
	}
	return first;
}

/* Said once, when it has lasted; and once more when it is over. */
static void
compare(struct core *core, struct mono now, struct core_outputs *out)
{
	struct bird_view *b = &core->announce.bird;
	char text[ADDR_TEXT_MAX];
	const struct gate_vip *v;
	struct errmsg cause;
	size_t more;

	v = first_difference(core, &cause, &more);
	if (v == NULL) {
		if (b->told)
			core_say(
			    out, CORE_INFO, "BIRD: exports what it should");
		b->differs_since = (struct mono){INT64_MAX};
		b->told = false;
		return;
	}
	earlier(&b->differs_since, now);
	if (!reached(now, after_ms(b->differs_since, PATIENCE_MS))) {
		b->ask_at = after_ms(now, READ_AGAIN_MS);
		return;
	}
	if (!b->told)
		core_say(out, CORE_ALARM, "VIP %s: %s (%zu more VIPs differ)",
		    addr_format(&v->vip, text), cause.text, more);
	b->told = true;
}

void
bird_heard(struct core *core, struct mono now, struct bird_report *report,
    struct core_outputs *out)
{
	struct bird_view *b = &core->announce.bird;

	bird_report_free(b->report);
	b->report = report;
	/* What is to be asked sooner, after a change, stays so. */
	earlier(&b->ask_at, after_ms(now, READ_EVERY_MS));
	if (core->gate != NULL && bird_is_fresh(core))
		compare(core, now, out);
}

void
bird_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct bird_view *b = &core->announce.bird;

	if (!reached(now, b->ask_at))
		return;
	core_put(out, CORE_ASK_BIRD);
	b->ask_at = after_ms(now, READ_EVERY_MS);
}
