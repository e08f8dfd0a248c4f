/* SPDX-License-Identifier: Apache-2.0 */
/* What the live balancer may do, and how it lets go of the rest.
 *
 * Two capabilities stay for good. CAP_NET_ADMIN: the kernel is asked to resolve
 * neighbours. CAP_NET_RAW: an interface that was deleted and comes back needs a
 * new capture socket, and a balancer that had to be restarted for that would be
 * worse. Neither lets a process read or write anybody's files or processes. */
#ifndef BALANCER_PRIVILEGE_H
#define BALANCER_PRIVILEGE_H

#include "common/errmsg.h"

/* Have we what it takes? 0, or -1 with `why`, which names what is missing. */
int privilege_check(struct errmsg *why);

/* Becomes `user` (NULL, or not root: stays who it is), keeps the two
 * capabilities and no other, and can never gain any again. 0, or -1 with
 * `why`. */
int privilege_drop(const char *user, struct errmsg *why);

#endif
