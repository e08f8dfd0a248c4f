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
};

bool
announce_may(const struct announce_facts *f, struct errmsg *why)
{
	if (!f->installed)
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
	a->up = false;
	errmsg_set(&a->why_not, "%s", why);
}

static void
come_up(struct announce *a, struct mono now)
{
	struct errmsg why;

	if (a->up && !routedev_is_up(a->device))
		stay_down(
		    a, "somebody else has deleted it, or set it down", true);
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
	struct errmsg ports_error, why;
	struct announce_facts facts = {
	    .installed = a->installed, .agent_grace_s = a->agent_grace_s};

	if (a->ending)
		return;
	count_silence(a, now);
	facts.silent_us = a->silent_us;
	if (ports_fit(a->ports, &ports_error) == -1)
		facts.ports_error = ports_error.text;
	if (announce_may(&facts, &why)) {
		come_up(a, now);
		return;
	}
	routedev_down(a->device);
	stay_down(a, why.text, false);
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

	a->ending = true;
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
