/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP sockets of sessions: never blocking, closed on exec, without Nagle's
 * delay, dead when what was sent is not acknowledged for 5 s. */
#ifndef AGENT_PEER_SOCK_H
#define AGENT_PEER_SOCK_H

#include "common/conf.h"

/* Listens at the node's own address and nowhere else. The descriptor, or -1
 * with `why`. */
int sock_listen(const struct conf_cluster_node *self, struct errmsg *why);

/* Begins to connect, from our own address where both are of one IP version:
 * that is what a firewall of the other one lets in. The descriptor, which is
 * writable when it is decided, or -1 with `why`. */
int sock_dial(const struct conf_cluster_node *self,
    const struct conf_cluster_node *to, struct errmsg *why);

/* What became of it: 0, or -1 with `why`. */
int sock_dialled(int fd, struct errmsg *why);

/* The next that waits, and where it comes from. -1 with errno. */
int sock_accept(int listener, struct addr *from);

#endif
