/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue with the balancer: dialling, requests in flight, and whether it
 * serves what it should. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "common/log.h"

#define DIAL_PAUSE_MIN_MS 100
#define DIAL_PAUSE_MAX_MS 2000
/* While routes stand and wait for the balancer's successor, not for long. */
#define DIAL_PAUSE_WAITED_MS 400

/* A balancer that owes an answer for longer is as good as gone. */
#define PATIENCE_US 2000000
/* Building tables may take it a while: 1 us a slot is sixty times what a slot
 * takes. Without this a very large plan would be sent again for ever. */
#define PATIENCE_PER_SLOT_US 1
/* A balancer that starts has the kernel check its XDP program before it answers
 * anybody: a second, on a busy machine three. What forwarded before goes on
 * meanwhile. */
#define START_US 5000000

/* Is it alive, and fit to forward? */
#define PING_EVERY_MS 150
/* Does it serve what it said? Reading back costs it a pass over all tables, so
 * that is rare. */
#define AUDIT_EVERY_MS 60000

/* One that forwards answers within milliseconds, or, while it builds tables, a
 * few times later than they take (10 to 20 ns a slot). With the time between
 * two pings, what hangs is withdrawn within a second; START_US later if it has
 * never said anything. */
#define SILENCE_US           750000
#define SILENCE_SLOTS_PER_US 10

/* The kernel checks a program for seconds, not for minutes. */
#define PUT_OFF_MS 30000

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000

void
link_init(struct core *core, struct mono now)
{
	core->dial_at = now;
	core->dial_pause_ms = DIAL_PAUSE_MIN_MS;
	errmsg_set(&core->lost_why, "not dialled yet");
}

/* How much longer anything may take now. */
static int64_t
start_us(const struct core *core)
{
	return core->heard_here ? 0 : START_US;
}

/* When the oldest request is answered too late. */
static struct mono
patience_ends(const struct core *core)
{
	return (struct mono){core->oldest_since.us +
	    (int64_t)core->asked[0].patience_us + start_us(core)};
}

struct mono
link_silent_at(const struct core *core)
{
	int64_t us = SILENCE_US;

	if (core->link != LINK_UP || core->n_asked == 0)
		return (struct mono){INT64_MAX};
	if (core->asked[0].what == ASK_INSTALL && core->plan != NULL)
		us += (int64_t)(plan_slots(core->plan) / SILENCE_SLOTS_PER_US);
	return (struct mono){core->oldest_since.us + us + start_us(core)};
}

bool
link_silent(const struct core *core, struct mono now)
{
	return reached(now, link_silent_at(core));
}

static struct asked *
ask(struct core *core, struct mono now, enum ask what)
{
	struct asked *a;

	if (core->link != LINK_UP || core->n_asked == ASKED_MAX)
		return NULL;
	if (core->n_asked == 0)
		core->oldest_since = now;
	a = &core->asked[core->n_asked++];
	*a = (struct asked){
	    .id = ++core->last_id, .what = what, .patience_us = PATIENCE_US};
	return a;
}

/* What the balancer said on this connection is no longer worth anything. */
static void
forget(struct core *core)
{
	core->n_asked = 0;
	core->sync = SYNC_UNKNOWN;
	core->retry_due = false;
	core->put_off = false;
	core->heard_here = false;
	if (core->plan != NULL)
		plan_forget_served(core->plan);
	announce_link_lost(core);
	core->flows.has_settled = false;
}

static void
hang_up(struct core *core, struct mono now, const char *why,
    struct core_outputs *out)
{
	core_put(out, CORE_HANGUP);
	link_lost(core, now, why, out);
}

void
link_up(struct core *core, struct mono now, struct core_outputs *out)
{
	if (core->link != LINK_DIALLING)
		return;
	core->link = LINK_UP;
	core->ping_at = now;
	core->audit_at = after_ms(now, AUDIT_EVERY_MS);
	core->retry_pause_ms = 0;
	core_say(out, CORE_INFO, "balancer: connected");
	link_install(core, now, out);
}

void
link_lost(struct core *core, struct mono now, const char *why,
    struct core_outputs *out)
{
	uint32_t longest = announce_any(core) ? DIAL_PAUSE_WAITED_MS
					      : DIAL_PAUSE_MAX_MS;
	uint32_t pause = core->dial_pause_ms;
	bool was_up = core->link == LINK_UP;

	if (core->link == LINK_DOWN)
		return;
	if (pause > longest)
		pause = longest;
	/* Half of the pause is jitter, so that nothing falls into step. */
	core->dial_at = after_ms(
	    now, pause / 2 + (uint32_t)(core_random(core) % (pause / 2)));
	core->dial_pause_ms = pause < DIAL_PAUSE_MAX_MS / 2 ? pause * 2
							    : DIAL_PAUSE_MAX_MS;
	/* Said once, not at each attempt. */
	if (was_up || strcmp(core->lost_why.text, why) != 0)
		core_say(out, CORE_WARNING, "balancer: %s: %s",
		    was_up ? "lost" : "cannot connect", why);
	errmsg_set(&core->lost_why, "%s", why);
	core->link = LINK_DOWN;
	forget(core);
	command_link_lost(core, now, out);
}

void
link_install(struct core *core, struct mono now, struct core_outputs *out)
{
	struct core_output *o;
	struct asked *a;

	if (core->plan == NULL || core->link != LINK_UP ||
	    !cluster_may_install(core))
		return;
	if (core->sync == SYNC_GOOD) /* what was wrong stays so until told */
		core->sync = SYNC_UNKNOWN;
	core->retry_due = false;
	core->put_off = false;
	if ((a = ask(core, now, ASK_INSTALL)) == NULL) {
		/* It has more to answer than ever happens; try later. */
		core->retry_due = true;
		core->retry_at = after_ms(now, RETRY_MIN_MS);
		return;
	}
	a->patience_us += plan_slots(core->plan) * PATIENCE_PER_SLOT_US;
	core->install_id = a->id;
	announce_install(core);
	o = core_put(out, CORE_INSTALL);
	o->id = a->id;
	o->state = core->plan->state;
}

uint64_t
link_ask_status(struct core *core, struct mono now, bool read_back,
    struct core_outputs *out)
{
	struct asked *a = ask(core, now, ASK_STATUS);
	struct core_output *o;

	if (a == NULL)
		return 0;
	a->read_back = read_back;
	o = core_put(out, CORE_ASK_STATUS);
	o->id = a->id;
	o->read_back = read_back;
	return a->id;
}

static void
ping(struct core *core, struct mono now, struct core_outputs *out)
{
	struct asked *a = ask(core, now, ASK_PING);

	core->ping_at = after_ms(now, PING_EVERY_MS);
	if (a != NULL)
		core_put(out, CORE_PING)->id = a->id;
}

uint64_t
link_ask_trace(struct core *core, struct mono now,
    const struct trace_query *query, struct core_outputs *out)
{
	struct asked *a = ask(core, now, ASK_TRACE);
	struct core_output *o;

	if (a == NULL)
		return 0;
	o = core_put(out, CORE_ASK_TRACE);
	o->id = a->id;
	o->trace = *query;
	return a->id;
}

/* The plan is not served: an alarm, and the plan again, the first time at once,
 * then with growing pauses. */
static void
out_of_sync(struct core *core, struct mono now, enum sync sync,
    struct core_outputs *out)
{
	core_say(out, CORE_ALARM, "balancer: %s", core->sync_why.text);
	core->sync = sync;
	if (sync == SYNC_WRONG && core->retry_pause_ms == 0) {
		core->retry_pause_ms = RETRY_MIN_MS;
		link_install(core, now, out);
		return;
	}
	if (core->retry_pause_ms == 0)
		core->retry_pause_ms = RETRY_MIN_MS;
	core->retry_due = true;
	core->retry_at = after_ms(now, core->retry_pause_ms);
	core->retry_pause_ms = core->retry_pause_ms < RETRY_MAX_MS / 2
	    ? core->retry_pause_ms * 2
	    : RETRY_MAX_MS;
}

static void
compare(struct core *core, struct mono now, const struct report_digest *served,
    size_t n, struct core_outputs *out)
{
	enum sync before = core->sync;

	if (plan_compare(core->plan, served, n, &core->sync_why) == -1) {
		out_of_sync(core, now, SYNC_WRONG, out);
		return;
	}
	core->sync = SYNC_GOOD;
	core->retry_pause_ms = 0;
	core->ping_at = now; /* what is ready now? */
	if (before != SYNC_GOOD)
		core_say(out, CORE_INFO, "balancer: in sync, generation %llu",
		    (unsigned long long)core->generation);
}

static void
installed(struct core *core, struct mono now, const struct asked *a,
    const struct balancer_reply *r, struct core_outputs *out)
{
	if (a->id != core->install_id)
		return; /* a newer plan is on its way */
	if (r->kind == BALANCER_LATER) {
		core->put_off = true;
		core->put_off_until = after_ms(now, PUT_OFF_MS);
		core_say(out, CORE_INFO,
		    "balancer: puts generation %llu off: it makes room, or is "
		    "replaced",
		    (unsigned long long)core->generation);
		return;
	}
	if (r->kind == BALANCER_REFUSED) {
		errmsg_set(&core->sync_why, "refused: %s", r->refusal);
		out_of_sync(core, now, SYNC_REFUSED, out);
		return;
	}
	compare(core, now, r->tables, r->n_tables, out);
}

/* Judges what the balancer serves only while no install is on its way. Is it
 * the plan, as far as its number tells? */
static bool
serves_generation(struct core *core, struct mono now, uint64_t generation,
    struct core_outputs *out)
{
	if (core->sync != SYNC_GOOD)
		return false;
	if (generation == core->generation)
		return true;
	errmsg_set(&core->sync_why, "serves generation %llu instead of %llu",
	    (unsigned long long)generation,
	    (unsigned long long)core->generation);
	out_of_sync(core, now, SYNC_WRONG, out);
	return false;
}

/* Takes the reply. */
static void
status_heard(struct core *core, struct mono now, const struct asked *a,
    struct balancer_reply *r, struct core_outputs *out)
{
	const struct balancer_status *s = &r->status;

	report_prepare(&r->status);
	balancer_reply_free(core->heard);
	core->heard = r;
	if (serves_generation(core, now, s->generation, out) && a->read_back)
		compare(core, now, s->tables, s->n_tables, out);
	announce_count(core, now);
}

static bool
is_asked(const struct core *core, enum ask what)
{
	for (size_t i = 0; i < core->n_asked; i++)
		if (core->asked[i].what == what)
			return true;
	return false;
}

/* The plan is sent again when there is room for it. */
static void
put_off(struct core *core, struct mono now, const struct balancer_pong *pong,
    struct core_outputs *out)
{
	if (!pong->puts_off) {
		link_install(core, now, out);
	} else if (reached(now, core->put_off_until)) {
		core->put_off = false;
		errmsg_set(&core->sync_why, "it has put the plan off for %d s",
		    PUT_OFF_MS / 1000);
		out_of_sync(core, now, SYNC_REFUSED, out);
	}
}

/* Which backends can be reached is in the status only, which is long: it is
 * asked for when that has changed. */
static void
pong_heard(struct core *core, struct mono now, const struct balancer_pong *pong,
    struct core_outputs *out)
{
	announce_pong(core, now, pong);
	flows_pong(core, pong);
	if (core->put_off)
		put_off(core, now, pong, out);
	if (serves_generation(core, now, pong->generation, out) &&
	    !core->announce.next_hops_known && !is_asked(core, ASK_STATUS))
		link_ask_status(core, now, false, out);
}

static bool
fits(const struct asked *a, const struct balancer_reply *r)
{
	if (a->id != r->id)
		return false;
	switch (r->kind) {
	case BALANCER_INSTALLED:
	case BALANCER_LATER:
		return a->what == ASK_INSTALL;
	case BALANCER_TRACE:
		return a->what == ASK_TRACE;
	case BALANCER_STATUS:
		return a->what == ASK_STATUS;
	case BALANCER_PONG:
		return a->what == ASK_PING;
	case BALANCER_REFUSED:
		return true;
	}
	return false;
}

void
link_reply(struct core *core, struct mono now, struct balancer_reply *r,
    struct core_outputs *out)
{
	struct asked a;

	if (core->link != LINK_UP) {
		balancer_reply_free(r);
		return;
	}
	if (core->n_asked == 0 || !fits(&core->asked[0], r)) {
		balancer_reply_free(r);
		hang_up(core, now, "it answered what was not asked", out);
		return;
	}
	a = core->asked[0];
	memmove(core->asked, core->asked + 1,
	    --core->n_asked * sizeof(*core->asked));
	core->oldest_since = now;
	core->heard_here = true;
	core->dial_pause_ms = DIAL_PAUSE_MIN_MS;
	if (a.what == ASK_INSTALL) {
		installed(core, now, &a, r, out);
	} else if (r->kind == BALANCER_STATUS) {
		status_heard(core, now, &a, r, out);
		command_answer(core, now, r, out);
		return; /* it is kept */
	} else if (r->kind == BALANCER_PONG) {
		pong_heard(core, now, &r->pong, out);
	} else {
		command_answer(core, now, r, out);
	}
	out->kept = r; /* a reply to an operator may borrow from it */
}

static void
tick_up(struct core *core, struct mono now, struct core_outputs *out)
{
	char why[64];

	if (core->n_asked > 0 && now.us > patience_ends(core).us) {
		snprintf(why, sizeof(why), "it has been silent for %.1f s",
		    (double)(now.us - core->oldest_since.us) / 1e6);
		hang_up(core, now, why, out);
		return;
	}
	if (core->retry_due && reached(now, core->retry_at))
		link_install(core, now, out);
	if (reached(now, core->audit_at)) {
		core->audit_at = after_ms(now, AUDIT_EVERY_MS);
		link_ask_status(core, now, true, out);
	}
	if (reached(now, core->ping_at)) {
		core->ping_at = after_ms(now, PING_EVERY_MS);
		if (!is_asked(core, ASK_PING))
			ping(core, now, out);
	}
}

void
link_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	if (core->link == LINK_UP)
		tick_up(core, now, out);
	if (core->link == LINK_DOWN && reached(now, core->dial_at)) {
		core->link = LINK_DIALLING;
		core_put(out, CORE_DIAL);
	}
}

struct mono
link_wakeup(const struct core *core)
{
	struct mono next = {INT64_MAX};

	if (core->link == LINK_DOWN)
		return core->dial_at;
	if (core->link == LINK_DIALLING)
		return next; /* UP or LOST comes */
	earlier(&next, core->ping_at);
	earlier(&next, core->audit_at);
	if (core->retry_due)
		earlier(&next, core->retry_at);
	if (core->n_asked > 0)
		earlier(&next, (struct mono){patience_ends(core).us + 1});
	return next;
}
