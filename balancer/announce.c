/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/announce.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/io/ports.h"
#include "balancer/io/routedev.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/notify.h"

/* What is not told of is seen this late: an agent's silence, for one. */
#define CHECK_US 250000
/* A device that could not be made is tried again this often. */
#define RETRY_US 1000000

struct announce {
	const struct ports *ports;
	struct routedev *device;
	const char *name; /* of the configuration's */
	uint32_t agent_grace_s;
	struct event *check;
	bool installed, ending;
	struct mono looked; /* at the clock */
	int64_t silent_us;
	bool up;
	struct mono tried;     /* in vain, to make it */
	struct errmsg why_not; /* empty while it is up */
	bool taken_over;       /* and not made anew since */
	struct mono taken_at;
	bool handed; /* to the service manager, ... */
	bool kept;   /* ... and there is one */
};

/* What outlived the process before this one serves, until this one has a state
 * to serve. */
static bool
served_by_what_outlived(const struct announce_facts *f)
{
	return f->taken_over && f->outlives && f->taken_us <= ANNOUNCE_STATE_US;
}

bool
announce_may(const struct announce_facts *f, struct errmsg *why)
{
	if (!f->installed && !served_by_what_outlived(f))
		errmsg_set(why, "no agent has installed a state yet");
	else if (f->silent_us > (int64_t)f->agent_grace_s * 1000000)
		errmsg_set(why,
		    "no agent has been heard of for %u s "
		    "(announce.agent_grace)",
		    f->agent_grace_s);
	else if (f->ports_error != NULL)
		errmsg_set(why, "%s", f->ports_error);
	else
		return true;
	return false;
}

bool
announce_may_outlive(const struct announce_facts *f)
{
	struct errmsg why;

	return f->outlives && announce_may(f, &why);
}

/* Said once for each new cause; a fault is one for the operator to mend. */
static void
stay_down(struct announce *a, const char *why, bool fault)
{
	bool is_new = strcmp(a->why_not.text, why) != 0;

	if (a->up)
		log_warnx("announce", "%s: taken away: %s", a->name, why);
	else if (is_new && fault)
		log_warnx("announce", "%s: not there: %s", a->name, why);
	else if (is_new)
		log_info("announce", "%s: not there: %s", a->name, why);
	a->up = a->taken_over = false;
	errmsg_set(&a->why_not, "%s", why);
}

/* The service manager holds the device from the moment on when it may outlive
 * this process, and not longer: it may be killed at any time. */
static void
hand(struct announce *a, bool may_outlive)
{
	bool wanted = a->up && may_outlive;

	if (wanted == a->handed)
		return;
	a->handed = wanted;
	if (wanted)
		a->kept = notify_store(ANNOUNCE_STORED, routedev_fd(a->device));
	else if (a->kept)
		notify_remove(ANNOUNCE_STORED);
	if (!wanted)
		a->kept = false;
}

/* What is made after that is another device. */
static void
notice_loss(struct announce *a)
{
	if (!a->up || routedev_is_up(a->device))
		return;
	stay_down(a, "somebody else has deleted it, or set it down", true);
	hand(a, false);
}

static void
come_up(struct announce *a, struct mono now)
{
	struct errmsg why;

	if (!a->up && now.us - a->tried.us < RETRY_US)
		return;
	if (routedev_up(a->device, &why) == -1) {
		a->tried = now;
		stay_down(a, why.text, true);
		return;
	}
	if (!a->up)
		log_info("announce", "%s: there", a->name);
	a->up = true;
	a->why_not.text[0] = '\0';
}

/* A process that was stopped, or did not get to run, has not listened: that
 * time is no silence of the agent's, whose requests may be waiting. */
static void
count_silence(struct announce *a, struct mono now)
{
	int64_t since_us = now.us - a->looked.us;

	a->looked = now;
	a->silent_us += since_us < 2 * CHECK_US ? since_us : 2 * CHECK_US;
}

void
announce_check(struct announce *a)
{
	struct mono now = mono_now();
	struct announce_facts facts;
	struct errmsg ports_error, why;

	if (a->ending)
		return;
	count_silence(a, now);
	notice_loss(a);
	facts = (struct announce_facts){.installed = a->installed,
	    .silent_us = a->silent_us,
	    .agent_grace_s = a->agent_grace_s,
	    .outlives = ports_outlive(a->ports),
	    .taken_over = a->taken_over,
	    .taken_us = now.us - a->taken_at.us};
	if (ports_fit(a->ports, &ports_error) == -1)
		facts.ports_error = ports_error.text;
	if (announce_may(&facts, &why)) {
		come_up(a, now);
	} else {
		routedev_down(a->device);
		stay_down(a, why.text, false);
	}
	hand(a, announce_may_outlive(&facts));
}

static void
on_check(evutil_socket_t fd, short what, void *ctx)
{
	announce_check(ctx);
}

struct announce *
announce_new(struct event_base *base, const struct conf_announce *conf,
    const struct ports *ports, struct errmsg *why)
{
	const struct timeval every = {0, CHECK_US};
	struct announce *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		errmsg_sys(why, "announce");
		return NULL;
	}
	a->ports = ports;
	a->name = conf->device;
	a->agent_grace_s = conf->agent_grace_s;
	a->tried.us = -RETRY_US; /* never */
	if ((a->device = routedev_new(conf->device, why)) == NULL)
		goto fail;
	if (routedev_open(a->device, &a->why_not) == -1)
		log_warnx("announce", "nothing can be announced: %s",
		    a->why_not.text);
	a->check = event_new(base, -1, EV_PERSIST, on_check, a);
	if (a->check != NULL && event_add(a->check, &every) == 0)
		return a;
	errmsg_set(why, "announce: cannot add an event");
fail:
	announce_free(a);
	return NULL;
}

void
announce_free(struct announce *a)
{
	if (a == NULL)
		return;
	if (a->check != NULL)
		event_free(a->check);
	routedev_free(a->device);
	free(a);
}

void
announce_take_over(struct announce *a, int fd, bool stored)
{
	struct errmsg why;

	/* What is kept is removed, or stored again, by the first check. */
	a->handed = a->kept = stored;
	if (routedev_adopt(a->device, fd, &why) == -1) {
		log_warnx("announce", "not taken over: %s", why.text);
		hand(a, false);
		return;
	}
	log_info("announce", "%s: taken over", a->name);
	a->up = a->taken_over = true;
	a->taken_at = mono_now();
	a->why_not.text[0] = '\0';
}

int
announce_device(const struct announce *a)
{
	return a->up ? routedev_fd(a->device) : -1;
}

void
announce_heard(struct announce *a)
{
	a->looked = mono_now();
	a->silent_us = 0;
}

void
announce_installed(struct announce *a)
{
	a->installed = true;
	announce_check(a);
}

bool
announce_withdraw(struct announce *a)
{
	bool was_up = a->up;

	if (was_up)
		announce_check(a); /* is that still so? */
	a->ending = true;
	if (a->kept) {
		log_info(
		    "announce", "%s: left with the service manager", a->name);
		return false;
	}
	routedev_down(a->device);
	if (was_up)
		stay_down(a, "the balancer is ending", false);
	return was_up;
}

void
announce_report(const struct announce *a, struct balancer_pong *pong)
{
	pong->device = a->up;
	pong->device_name = a->name;
	pong->device_error = a->why_not.text;
}
