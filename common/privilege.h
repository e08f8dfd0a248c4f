/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon may do, and how it lets go of the rest.
 *
 * It keeps the few capabilities that it needs for good; each daemon names its
 * own, with the reason. None of them lets a process read or write anybody's
 * files; the last two together let it load programs that read the kernel's
 * memory. */
#ifndef COMMON_PRIVILEGE_H
#define COMMON_PRIVILEGE_H

#include "common/errmsg.h"

/* Capabilities; sets of them are or-ed together. */
enum {
	PRIVILEGE_NET_ADMIN = 1 << 0, /* CAP_NET_ADMIN */
	PRIVILEGE_NET_RAW = 1 << 1,   /* CAP_NET_RAW */
	PRIVILEGE_BPF = 1 << 2,       /* CAP_BPF */
	PRIVILEGE_PERFMON = 1 << 3    /* CAP_PERFMON */
};

/* Have we all of the set? 0, or -1 with `why`, which names what is missing. */
int privilege_check(unsigned set, struct errmsg *why);

/* Becomes `user` (NULL, or not root: stays who it is), keeps those capabilities
 * of the set that it has and no other, and can never gain any again; programs
 * that it starts get none. 0, or -1 with `why`. */
int privilege_drop(const char *user, unsigned set, struct errmsg *why);

#endif
