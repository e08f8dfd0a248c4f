/* SPDX-License-Identifier: Apache-2.0 */
/* Unix stream sockets as both daemons and the operator's command use them. */
#ifndef COMMON_UNIX_SOCKET_H
#define COMMON_UNIX_SOCKET_H

#include "common/errmsg.h"

/* Who may talk to a daemon, where the system has such a group. */
#define UNIX_SOCKET_GROUP "guideway"

/* Listens on `path` with mode 0660 and, where it exists and we may, the group
 * UNIX_SOCKET_GROUP. Creates the directory when only that is missing. A socket
 * that nobody listens on any more is replaced; one with a living listener is
 * not, but as it may be dying, that takes up to two seconds to say. Returns the
 * descriptor (non-blocking, close-on-exec), or -1 with `why`. Whoever ends
 * should unlink the path. */
int unix_listen(const char *path, struct errmsg *why);

/* Gives the socket at `path` to the user that root is about to become, so that
 * the user's other programs may talk to us, as they may when that user starts
 * us. NULL, or not root: it stays as it is. */
void unix_give(const char *path, const char *user);

/* Connects; a Unix socket does so at once or not at all. Returns the descriptor
 * (non-blocking, close-on-exec), or -1 with errno and `why`. */
int unix_connect(const char *path, struct errmsg *why);

#endif
