/* SPDX-License-Identifier: Apache-2.0 */
/* The balancer that this one replaces (--replace), while both live. The
 * successor asks for the state that is served and gets everything ready by it,
 * then asks for the descriptors: the listening socket and the route device.
 * Until it says that it forwards (predecessor_dismiss), the predecessor goes on
 * as if nothing were, and it does so for good when the successor ends before;
 * but it puts off new states meanwhile, since the successor goes on from what
 * is in force. So somebody holds the device at any time; and each client that
 * connects is served, by the one or the other, since it is the same socket.
 *
 * All but the last step wait, since a successor has nothing else to do. */
#ifndef BALANCER_PREDECESSOR_H
#define BALANCER_PREDECESSOR_H

#include "common/errmsg.h"
#include "common/forwarding.h"

struct event_base;
struct predecessor;

/* Asks the balancer that listens at `path` to hand over. 0 and NULL: nobody
 * listens there. -1 with `why`: it does not answer, or refuses. */
int predecessor_find(
    const char *path, struct predecessor **, struct errmsg *why);
/* It goes on, unless it was dismissed. NULL is fine. */
void predecessor_free(struct predecessor *);

/* What it serves; the caller's. NULL: nothing, no agent has installed a state.
 * Once. */
struct forwarding *predecessor_state(struct predecessor *);

/* The descriptors; the caller's, close-on-exec. device -1: there is none. 0, or
 * -1 with `why`. */
int predecessor_take(
    struct predecessor *, int *listener, int *device, struct errmsg *why);

/* Tells it to let go, and calls `gone` from the event loop when it has: nobody
 * accepts from the listening socket any more, nobody is served by it. When it
 * is stopped, or does not get to run, that is after two seconds at the latest:
 * it lets go as soon as it runs. 0, or -1 with `why`: no event can be added,
 * and it was not told. */
int predecessor_dismiss(struct predecessor *, struct event_base *,
    void (*gone)(void *ctx), void *ctx, struct errmsg *why);

#endif
