/* SPDX-License-Identifier: Apache-2.0 */
/* The interfaces that traffic for VIPs comes in through. Each is opened with
 * the driver that the configuration names, or the best one; one that is not
 * there, or goes away, is opened when it comes (again). */
#ifndef BALANCER_IO_PORTS_H
#define BALANCER_IO_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "balancer/io/driver.h"
#include "balancer/io/nexthop.h"
#include "common/balancer_report.h"
#include "common/conf.h"
#include "common/errmsg.h"

struct arena;
struct ports;

/* env and nexthop are borrowed for as long as the ports live. NULL with `why`;
 * an interface that is not there is no failure. */
struct ports *ports_new(const struct driver_env *, const struct nexthop *,
    const struct conf_interface *, size_t n, struct errmsg *why);
void ports_free(struct ports *);

/* A link came, went or changed. */
void ports_check(struct ports *);

/* Do packets for VIPs that reach this node get forwarded? At least one
 * interface is up and taken from, and none is up that is not: that one would
 * swallow them. An interface that is down swallows nothing. 0, or -1 with
 * `why`. */
int ports_fit(const struct ports *, struct errmsg *why);

/* Do they go on being forwarded without this process? They do when each
 * interface that is taken from, and there is one, has a driver that outlives
 * it. */
bool ports_outlive(const struct ports *);

/* Other VIPs. `state` is borrowed until the next call. */
void ports_set_state(struct ports *, const struct forwarding *);

/* What each port did, and each other interface that frames left through.
 * Borrows from ports and links; the rest is of the arena. 0, or -1: out of
 * memory. */
int ports_report(const struct ports *, struct arena *,
    struct report_interface **interfaces, size_t *n);

#endif
