/* SPDX-License-Identifier: Apache-2.0 */
/* What this node announces: judged from the balancer, the gate and the
 * operator's wish, and put out as the whole set of routes that shall stand.
 *
 * The node is fit while the balancer answers, serves the plan, and holds the
 * route device. A fault is final at once where the routes are gone by
 * themselves (the device) or the balancer is silent; else a second passes,
 * which a repeated install takes less than. After a fault it must have been fit
 * for a second, so that a balancer that dies again and again does not drag the
 * route along.
 *
 * A device that stands without a balancer is held for its successor, by the
 * service manager or by the successor itself, and that is done only where
 * packets are forwarded meanwhile: the routes wait for it, but not for long. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"

/* How long the successor of an agent may take to see what its predecessor
 * knew, before the routes that it found count for nothing. */
#define HOLD_MS 5000

#define PROOF_MS 1000 /* a fit node stays so without proof */
/* So does one without a balancer, whose device stands: what forwards without it
 * does so for 20 s at least, and stops by itself then; this leaves time for a
 * first state that is not answered (START_US), and to withdraw. */
#define SUCCESSOR_MS 12000
#define SETTLE_MS    1000 /* fit for so long after a fault */

void
announce_init(struct core *core, struct mono now)
{
	struct announce *a = &core->announce;

	announce_hold(core, now);
	a->fit_at = a->unfit_at = (struct mono){now.us - 3600 * 1000000LL};
	a->judge_at = (struct mono){INT64_MAX};
	a->bird.differs_since = (struct mono){INT64_MAX};
	a->bird.ask_at = (struct mono){INT64_MAX};
}

void
announce_hold(struct core *core, struct mono now)
{
	core->announce.hold_until = after_ms(now, HOLD_MS);
}

void
announce_clear(struct core *core)
{
	gate_free(core->gate);
	free(core->announce.kernel.entries);
	free(core->announce.wanted);
	bird_report_free(core->announce.bird.report);
}

int
announce_prepare(const struct core *core, const struct conf *conf,
    const struct forwarding *state, struct mono now, struct announce_next *next)
{
	next->wanted = NULL;
	next->gate = gate_new(conf, state, core->gate, now);
	if (next->gate != NULL)
		next->wanted = calloc(
		    next->gate->n_vips + 1, sizeof(*next->wanted));
	if (next->wanted != NULL)
		return 0;
	announce_discard(next);
	return -1;
}

void
announce_discard(struct announce_next *next)
{
	gate_free(next->gate);
	free(next->wanted);
	*next = (struct announce_next){NULL, NULL};
}

static void
adopt(struct core *core)
{
	struct announce *a = &core->announce;

	if (core->gate == NULL)
		return;
	gate_adopt(core->gate, a->kernel.entries, a->kernel.n);
	a->adopted = true;
}

/* The number of routes that are wanted is kept, so that the next tick puts out
 * the whole set, which has lost what the plan no longer has. */
void
announce_switch(struct core *core, struct announce_next *next)
{
	struct announce *a = &core->announce;
	size_t n = a->n_wanted < next->gate->n_vips ? a->n_wanted
						    : next->gate->n_vips;

	if (n > 0)
		memcpy(next->wanted, a->wanted, n * sizeof(*next->wanted));
	gate_free(core->gate);
	free(a->wanted);
	core->gate = next->gate;
	a->wanted = next->wanted;
	a->next_hops_known = false;
	if (!a->adopted && a->kernel.n > 0 &&
	    core->cluster.join != JOIN_WAITING)
		adopt(core);
}

static void
copy_kernel(struct kernel_routes *to, const struct vip_routes *from)
{
	struct vip_route_entry *entries = reallocarray(
	    to->entries, from->n + 1, sizeof(*entries));

	to->device = from->device;
	to->ifindex = from->ifindex;
	to->foreign = from->foreign;
	to->a_foreign = from->a_foreign;
	to->foreign_protocol = from->foreign_protocol;
	errmsg_set(&to->error, "%s", from->error);
	if (entries == NULL) {
		to->n = 0;
		errmsg_set(&to->error, "out of memory for %zu routes", from->n);
		return;
	}
	to->entries = entries;
	to->n = from->n;
	if (from->n > 0)
		memcpy(entries, from->entries, from->n * sizeof(*entries));
}

void
announce_routes(struct core *core, struct mono now,
    const struct vip_routes *routes, struct core_outputs *out)
{
	struct announce *a = &core->announce;
	uint32_t before = a->kernel.device ? a->kernel.ifindex : 0;
	bool was_good = a->kernel.error.text[0] == '\0';

	copy_kernel(&a->kernel, routes);
	if (!was_good && a->kernel.error.text[0] == '\0')
		core_say(out, CORE_INFO, "routes: written");
	else if (was_good && a->kernel.error.text[0] != '\0')
		core_say(out, CORE_ALARM, "routes: %s", a->kernel.error.text);
	a->kernel_heard = true;
	if (core->cluster.join == JOIN_WAITING)
		return; /* which VIPs there are is not known */
	if (!a->adopted)
		adopt(core);
	else if (before != 0 &&
	    (!routes->device || routes->ifindex != before)) {
		/* Its routes went with it, even if another is there now. */
		a->unfit_at = now;
		gate_step(core->gate, now, GATE_NO);
	}
}

void
announce_pong(
    struct core *core, struct mono now, const struct balancer_pong *pong)
{
	struct announce *a = &core->announce;

	a->pong_heard = true;
	a->proven = pong->generation == core->generation;
	a->device = pong->device;
	errmsg_set(&a->device_error, "%s", pong->device_error);
	a->generation = pong->generation;
	if (pong->next_hops_version != a->next_hops_version)
		a->next_hops_known = false;
	a->next_hops_version = pong->next_hops_version;
	drain_count(&core->drain, now, pong->vip_packets);
}

void
announce_link_lost(struct core *core)
{
	core->announce.pong_heard = false;
	core->announce.proven = false;
	core->announce.next_hops_known = false;
}

void
announce_install(struct core *core)
{
	core->announce.proven = false;
}

/* How many backends are ready: take traffic, and can be reached. */
void
announce_count(struct core *core, struct mono now)
{
	const struct forwarding *f = core->plan->state;

	if (core->heard->status.generation != core->generation)
		return;
	for (size_t i = 0; i < f->n_services; i++) {
		const struct forwarding_service *s = &f->services[i];
		const struct report_backend *b;
		uint32_t taking = 0, ready = 0;

		for (size_t m = 0; m < s->n_members; m++) {
			if (s->members[m].phi == 0)
				continue;
			taking++;
			b = report_find_backend(
			    core, &f->backends[s->members[m].backend]);
			ready += b != NULL && b->resolved;
		}
		gate_count(core->gate, now, i, taking, ready);
	}
	core->announce.next_hops_known = true;
}

static bool
fit(const struct core *core)
{
	const struct announce *a = &core->announce;

	return serves_plan(core) && a->pong_heard && a->device &&
	    a->generation == core->generation;
}

/* A new plan is on its way: the one before it is served meanwhile. Or it has
 * just been installed, and the next pong tells whether the node is fit. */
static bool
installing(const struct core *core)
{
	if (core->link != LINK_UP)
		return false;
	return core->sync == SYNC_UNKNOWN
	    ? !core->retry_due
	    : core->sync == SYNC_GOOD && !core->announce.proven;
}

/* How long what is announced stays without proof. */
static struct mono
proof_until(const struct core *core)
{
	return after_ms(core->announce.fit_at,
	    core->link == LINK_UP ? PROOF_MS : SUCCESSOR_MS);
}

enum gate_verdict
announce_verdict(const struct core *core, struct mono now)
{
	const struct announce *a = &core->announce;

	if (!a->kernel.device || link_silent(core, now) ||
	    core->cluster.join == JOIN_OUT)
		return GATE_NO;
	/* One that lacks what the others know of flows would break them. */
	if (fit(core))
		return reached(now, after_ms(a->unfit_at, SETTLE_MS)) &&
			!flows_join_pending(core)
		    ? GATE_YES
		    : GATE_KEEP;
	if (installing(core) || !reached(now, a->hold_until) ||
	    !reached(now, proof_until(core)))
		return GATE_KEEP;
	return GATE_NO;
}

/* When the verdict may change though nothing is told. */
static void
schedule(struct core *core, struct mono now)
{
	struct announce *a = &core->announce;
	const struct mono times[] = {a->hold_until, proof_until(core),
	    after_ms(a->unfit_at, SETTLE_MS), link_silent_at(core)};

	a->judge_at = (struct mono){INT64_MAX};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (!reached(now, times[i]))
			earlier(&a->judge_at, times[i]);
}

enum vip_route
announce_wanted(const struct core *core, const struct gate_vip *v)
{
	if (!v->open)
		return VIP_ROUTE_NONE;
	switch (core->drain.phase) {
	case DRAIN_OFF:
		return VIP_ROUTE_ACTIVE;
	case DRAIN_MARKED:
		return VIP_ROUTE_DRAINING;
	case DRAIN_WITHDRAWN:
	case DRAIN_QUIET:
		break;
	}
	return flows_holds_routes(core);
}

enum vip_route
announce_in_kernel(const struct core *core, const struct addr *vip)
{
	const struct kernel_routes *k = &core->announce.kernel;
	const struct vip_route_entry *found, key = {.vip = *vip};

	if (k->n == 0)
		return VIP_ROUTE_NONE;
	found = bsearch(&key, k->entries, k->n, sizeof(key), vip_route_cmp);
	return found != NULL ? found->route : VIP_ROUTE_NONE;
}

/* Fills `wanted` anew. Is it another set than before? */
static bool
want(struct core *core)
{
	struct announce *a = &core->announce;
	size_t n = 0;
	bool changed = false;

	for (size_t i = 0; i < core->gate->n_vips; i++) {
		const struct gate_vip *v = &core->gate->vips[i];
		struct vip_route_entry e = {v->vip, announce_wanted(core, v)};

		if (e.route == VIP_ROUTE_NONE)
			continue;
		if (n >= a->n_wanted || vip_route_cmp(&e, &a->wanted[n]) != 0 ||
		    e.route != a->wanted[n].route)
			changed = true;
		a->wanted[n++] = e;
	}
	changed = changed || n != a->n_wanted;
	a->n_wanted = n;
	return changed;
}

static const char *
changed_why(const struct core *core, struct mono now, struct errmsg *why)
{
	const struct gate_service *s;

	if (core->drain.phase != DRAIN_OFF) {
		errmsg_set(why, "draining");
		return why->text;
	}
	announce_obstacle(core, now, why);
	for (size_t i = 0; why->text[0] == '\0' && i < core->gate->n_vips; i++)
		if ((s = gate_obstacle(core->gate, &core->gate->vips[i])) !=
		    NULL)
			gate_explain(s, why);
	return why->text;
}

static void
put_routes(struct core *core, struct mono now, struct core_outputs *out)
{
	struct announce *a = &core->announce;
	struct core_output *o = core_put(out, CORE_SET_ROUTES);
	struct errmsg why;
	size_t n = core->gate->n_vips;

	o->routes = a->wanted;
	o->n_routes = a->n_wanted;
	a->put = true;
	a->changed_at = now;
	changed_why(core, now, &why);
	core_say(out, CORE_INFO, "announcing %zu of %zu VIPs%s%s%s",
	    a->n_wanted, n,
	    core->drain.phase == DRAIN_MARKED ? " as draining" : "",
	    why.text[0] != '\0' ? ": " : "", why.text);
	/* BIRD needs a moment, and reading it disturbs it. */
	earlier(&a->bird.ask_at, after_ms(now, 50 + (uint32_t)n / 2));
}

void
announce_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct announce *a = &core->announce;
	enum gate_verdict verdict;

	if (!announce_enabled(core) || core->gate == NULL ||
	    core->cluster.join == JOIN_WAITING)
		return;
	if (!a->adopted && a->kernel_heard)
		adopt(core);
	verdict = announce_verdict(core, now);
	if (verdict == GATE_NO)
		a->unfit_at = now;
	else if (fit(core))
		a->fit_at = a->hold_until = now; /* no past to hold on to */
	gate_step(core->gate, now, verdict);
	drain_step(&core->drain, now, drain_gone(core),
	    core->conf->announce.drain_quiet_s);
	flows_flush(core, now, out);
	/* The first set goes out in any case: what is found may be stale. */
	if (want(core) || (a->adopted && !a->put))
		put_routes(core, now, out);
	schedule(core, now);
	bird_tick(core, now, out);
}

struct mono
announce_wakeup(const struct core *core)
{
	struct mono next = {INT64_MAX};

	if (!announce_enabled(core) || core->gate == NULL ||
	    core->cluster.join == JOIN_WAITING)
		return next;
	next = core->announce.judge_at;
	earlier(&next, gate_wakeup(core->gate));
	earlier(&next, core->announce.bird.ask_at);
	earlier(&next,
	    drain_wakeup(&core->drain, core->conf->announce.drain_quiet_s));
	return next;
}

static void
device_condition(const struct core *core, struct announce_condition *c)
{
	const struct announce *a = &core->announce;
	const char *name = core->conf->announce.device;

	c->ok = a->kernel.device && a->device;
	if (c->ok)
		errmsg_set(&c->detail, "%s is there", name);
	else if (a->pong_heard && a->device)
		errmsg_set(&c->detail,
		    "the balancer holds %s, but it is not up here", name);
	else if (a->pong_heard)
		errmsg_set(&c->detail, "%s", a->device_error.text);
	else
		errmsg_set(&c->detail,
		    "%s is not there: the balancer holds it while it forwards",
		    name);
}

static void
routes_condition(const struct core *core, struct announce_condition *c)
{
	const struct kernel_routes *k = &core->announce.kernel;
	char text[ADDR_TEXT_MAX];

	c->ok = k->error.text[0] == '\0';
	if (!c->ok)
		errmsg_set(&c->detail, "%s", k->error.text);
	else if (k->foreign > 0)
		errmsg_set(&c->detail,
		    "%zu in the kernel's table %u, and %zu that are not "
		    "Guideway's, as the one to %s with protocol %u: BIRD does "
		    "not announce those",
		    k->n, core->conf->announce.table, k->foreign,
		    addr_format(&k->a_foreign, text), k->foreign_protocol);
	else
		errmsg_set(&c->detail, "%zu in the kernel's table %u", k->n,
		    core->conf->announce.table);
}

static void
balancer_condition(
    const struct core *core, struct mono now, struct announce_condition *c)
{
	c->ok = core->link == LINK_UP && !link_silent(core, now);
	if (c->ok)
		errmsg_set(&c->detail, "it answers");
	else if (core->link == LINK_UP)
		errmsg_set(&c->detail, "it has been silent for %.1f s",
		    (double)(now.us - core->oldest_since.us) / 1e6);
	else
		errmsg_set(
		    &c->detail, "not connected: %s", core->lost_why.text);
}

static void
intent_condition(const struct core *core, struct announce_condition *c)
{
	const struct drain *d = &core->drain;
	struct errmsg why = {""};

	if (core->cluster.fresh != NULL)
		grant_obstacle(core, &why);
	c->name = "intent";
	c->ok = !drain_wanted(d);
	errmsg_set(&c->detail, "%s%s%.300s",
	    c->ok                ? "active"
		: d->by_operator ? "draining, as the operator said"
		: d->temporary   ? "draining, to be shut down"
				 : "draining: what the others see up is down "
				   "from here",
	    why.text[0] != '\0' ? ": " : "", why.text);
}

size_t
announce_conditions(const struct core *core, struct mono now,
    struct announce_condition c[ANNOUNCE_CONDITIONS])
{
	const char *sync = report_sync(core);

	c[0].name = "balancer";
	balancer_condition(core, now, &c[0]);
	c[1].name = "tables";
	c[1].ok = serves_plan(core);
	errmsg_set(
	    &c[1].detail, "%s", c[1].ok ? "installed and read back" : sync);
	c[2].name = "device";
	device_condition(core, &c[2]);
	c[3].name = "routes";
	routes_condition(core, &c[3]);
	intent_condition(core, &c[4]);
	if (core->cluster.fresh == NULL)
		return 5;
	c[5].name = "cluster";
	c[5].ok = core->cluster.join == JOIN_IN;
	errmsg_set(&c[5].detail, "%s",
	    c[5].ok ? "in step" : core->cluster.join_why.text);
	return 6;
}

void
announce_obstacle(const struct core *core, struct mono now, struct errmsg *why)
{
	struct announce_condition c[ANNOUNCE_CONDITIONS];

	size_t n = announce_conditions(core, now, c);

	why->text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!c[i].ok) {
			errmsg_set(why, "%s: %s", c[i].name, c[i].detail.text);
			return;
		}
}
