/* SPDX-License-Identifier: Apache-2.0 */
/* The route device: a TUN device that the announced routes stand on. It lives
 * as long as somebody holds its descriptor, and that is this process alone,
 * unless the descriptor was handed on: when the process dies, however it dies,
 * the kernel deletes the device and every route on it, and BIRD withdraws them.
 * Nothing of ours has to be alive for that.
 *
 * No packet is meant to leave through it, and none that does is read. */
#ifndef BALANCER_IO_ROUTEDEV_H
#define BALANCER_IO_ROUTEDEV_H

#include <stdbool.h>

#include "common/errmsg.h"

struct routedev;

/* Makes no device yet. NULL with `why`. */
struct routedev *routedev_new(const char *name, struct errmsg *why);
/* And the device is gone, unless somebody else holds it, too. */
void routedev_free(struct routedev *);

/* Opens what making a device takes: /dev/net/tun, which may be root's alone, so
 * call this before privileges are dropped. Once open it is for good. 0, or -1
 * with `why`; routedev_up tries it again. */
int routedev_open(struct routedev *, struct errmsg *why);

/* Makes the device, or takes it away; nothing to do is no failure. Both need
 * CAP_NET_ADMIN. A device of that name that is there already is left alone. 0,
 * or -1 with `why`: there is none of ours. */
int routedev_up(struct routedev *, struct errmsg *why);
void routedev_down(struct routedev *);

/* The descriptor of the device, for another process to hold; borrowed. -1:
 * there is no device. */
int routedev_fd(const struct routedev *);
/* The other end of that: fd, taken over on failure too, becomes ours, if it is
 * of a TUN device of our name that is up and does not stay by itself. 0, or -1
 * with `why`: it is closed, and whatever stood on it gone with it. */
int routedev_adopt(struct routedev *, int fd, struct errmsg *why);

/* Asks the kernel: somebody else may have deleted what we made, or set it down,
 * and both take the routes on it along. */
bool routedev_is_up(struct routedev *);

#endif
