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

/* The change at this position was refused, with this errno. */
typedef void (*rtnl_refused)(void *ctx, size_t position, int error);

#define RTNL_CHANGES_MAX 128 /* at a time: all may be refused, and told of */

/* Hears of what the n groups (RTNLGRP_*) tell; with none, there are no notices.
 * NULL with `why`. */
struct rtnl *rtnl_new(const int *groups, size_t n, struct errmsg *why);
void rtnl_free(struct rtnl *);

/* Of the notices of routes only those of this table shall come. The kernel
 * sorts them out before they cost us anything, so that a full feed in another
 * table does not wake us. Tables above 255 look all the same to it, so that the
 * table is to be looked at here too. 0, or -1 with `why`. */
int rtnl_only_table(struct rtnl *, uint32_t table, struct errmsg *why);

/* For the next request. */
uint32_t rtnl_seq(struct rtnl *);

/* Sends the request and hands over each message of the answer. The kernel
 * answers while we ask, so this does not wait. 0, or -1 with errno: what the
 * kernel said (ENETUNREACH, ENOENT, EPERM, ...); EINTR: a dump that changed
 * meanwhile, ask again. */
int rtnl_ask(struct rtnl *, const struct nlmsghdr *, rtnl_message, void *ctx);

/* Carries out up to RTNL_CHANGES_MAX changes, which lie one behind the other,
 * `len` bytes in all; the kernel does them in this order, and is asked for an
 * answer to the last only. A refusal does not keep it from doing the next. 0,
 * also when some or all were refused; -1 with errno: nothing is known of those
 * that were not refused. */
int rtnl_change(
    struct rtnl *, void *changes, size_t len, rtnl_refused, void *ctx);

/* Readable when there are notices; -1: it hears none. */
int rtnl_fd(const struct rtnl *);

/* Hands over what has come, a bounded part of it at a time. 0; -1 with errno,
 * ENOBUFS when notices were lost: none is waiting any more, and all must be
 * read again. */
int rtnl_notices(struct rtnl *, rtnl_message, void *ctx);

#endif
