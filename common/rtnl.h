/* SPDX-License-Identifier: Apache-2.0 */
/* Two rtnetlink sockets: one to ask, and one that hears what changes, for those
 * who want to know. */
#ifndef COMMON_RTNL_H
#define COMMON_RTNL_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct nlmsghdr;
struct rtnl;

typedef void (*rtnl_message)(void *ctx, const struct nlmsghdr *);

/* Hears of what the n groups (RTNLGRP_*) tell; with none, there are no notices.
 * NULL with `why`. */
struct rtnl *rtnl_new(const int *groups, size_t n, struct errmsg *why);
void rtnl_free(struct rtnl *);

/* For the next request. */
uint32_t rtnl_seq(struct rtnl *);

/* Sends the request and hands over each message of the answer. The kernel
 * answers while we ask, so this does not wait. 0, or -1 with errno: what the
 * kernel said (ENETUNREACH, ENOENT, EPERM, ...); EINTR: a dump that changed
 * meanwhile, ask again. */
int rtnl_ask(struct rtnl *, const struct nlmsghdr *, rtnl_message, void *ctx);

/* Readable when there are notices; -1: it hears none. */
int rtnl_fd(const struct rtnl *);

/* Hands over what has come, a bounded part of it at a time. 0; -1 with errno,
 * ENOBUFS when notices were lost: none is waiting any more, and all must be
 * read again. */
int rtnl_notices(struct rtnl *, rtnl_message, void *ctx);

#endif
