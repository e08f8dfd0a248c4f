/* SPDX-License-Identifier: Apache-2.0 */
/* The balancer's whole part in announcing: the route device (io/routedev.h) is
 * there exactly while this node forwards. That is: while an agent has installed
 * a state, an agent has been heard of not too long ago, and the interfaces are
 * fit. Which VIPs have a route on the device is the agent's to decide.
 *
 * Without an agent the service goes on (an error that kills all agents must not
 * take it down), but not for ever: what is stale is withdrawn by itself.
 *
 * Where packets are forwarded on without this process (ports_outlive), the
 * service manager holds the device as well, and gives it to the next process:
 * the routes stand over a restart, and over a crash. Where they are not, nobody
 * else holds it. */
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
	bool outlives;    /* packets are forwarded without this process */
	bool taken_over;  /* the device is there since before this process */
	int64_t taken_us; /* that long ago */
};

/* What outlived the process before this one forwards by the state that one had,
 * for ten seconds at least: for half of that a device that was taken over may
 * wait for a state of this process's own. */
#define ANNOUNCE_STATE_US 5000000

/* May it be there? Pure. If not, with `why`. */
bool announce_may(const struct announce_facts *, struct errmsg *why);
/* May it be there without this process? Pure. */
bool announce_may_outlive(const struct announce_facts *);

/* Before privileges are dropped. Borrows ports. A device that cannot be made is
 * no failure: it is told of, and tried again. NULL with `why`. */
struct announce *announce_new(struct event_base *, const struct conf_announce *,
    const struct ports *, struct errmsg *why);
/* Lets go of the device: it is gone, unless somebody else holds it, too. */
void announce_free(struct announce *);

/* Under which name the service manager keeps the device's descriptor. */
#define ANNOUNCE_STORED "route-device"
/* fd, taken over, is said to be of a device that was there before this process:
 * kept by the service manager, or held by a predecessor that lives. What is no
 * such device is closed, which is logged. */
void announce_take_over(struct announce *, int fd, bool stored);
/* The device's descriptor, for a successor to hold; borrowed. -1: it is not
 * there. */
int announce_device(const struct announce *);

/* An agent has asked for something; it has installed a state. */
void announce_heard(struct announce *);
void announce_installed(struct announce *);
/* Interfaces may have changed. */
void announce_check(struct announce *);

/* The process is going to end. Takes the device away for good; or leaves it
 * with the service manager, who knows whether another process follows, and who
 * lets go of it if none does. Was it taken away? */
bool announce_withdraw(struct announce *);

/* What is told to the agent of it; borrowed. */
void announce_report(const struct announce *, struct balancer_pong *);

#endif
