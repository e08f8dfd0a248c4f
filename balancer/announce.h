/* SPDX-License-Identifier: Apache-2.0 */
/* The balancer's whole part in announcing: the route device (io/routedev.h) is
 * there exactly while this node forwards. That is: while an agent has installed
 * a state, an agent has been heard of not too long ago, and the interfaces are
 * fit. Which VIPs have a route on the device is the agent's to decide.
 *
 * Without an agent the service goes on (an error that kills all agents must not
 * take it down), but not for ever: what is stale is withdrawn by itself. */
#ifndef BALANCER_ANNOUNCE_H
#define BALANCER_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/balancer_report.h"
#include "common/conf.h"
#include "common/errmsg.h"

struct event_base;
struct ports;
struct announce;

/* What speaks for the device. */
struct announce_facts {
	bool installed;    /* a state, by an agent */
	int64_t silent_us; /* so long we have listened and heard no agent */
	uint32_t agent_grace_s;
	const char *ports_error; /* why the interfaces are not fit; NULL: they
				  * are */
};

/* May it be there? Pure. If not, with `why`. */
bool announce_may(const struct announce_facts *, struct errmsg *why);

/* Before privileges are dropped. Borrows ports. A device that cannot be made is
 * no failure: it is told of, and tried again. NULL with `why`. */
struct announce *announce_new(struct event_base *, const struct conf_announce *,
    const struct ports *, struct errmsg *why);
/* Takes the device away. */
void announce_free(struct announce *);

/* An agent has asked for something; it has installed a state. */
void announce_heard(struct announce *);
void announce_installed(struct announce *);
/* Interfaces may have changed. */
void announce_check(struct announce *);

/* The process is going to end: takes the device away for good. Was it there? */
bool announce_withdraw(struct announce *);

/* What is told to the agent of it; borrowed. */
void announce_report(const struct announce *, struct balancer_pong *);

#endif
