/* SPDX-License-Identifier: Apache-2.0 */
/* Unix stream sockets as both daemons and the operator's command use them. */
#ifndef COMMON_UNIX_SOCKET_H
#define COMMON_UNIX_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

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

/* The user that the other end ran as when it connected; (uid_t)-1: it cannot be
 * told. */
uid_t unix_peer_uid(int fd);

/* Descriptors that one message can carry. */
#define UNIX_FDS_MAX 2

/* Sends all of the bytes (at least one) at once, with n descriptors that the
 * other end then holds as well. 0, or -1 with errno; EMSGSIZE: not all of it
 * went. */
int unix_send(
    int fd, const void *data, size_t len, const int *fds, size_t n_fds);

/* As recv(2), with the descriptors that came with the bytes: the caller's,
 * close-on-exec. *n_fds is always set; more than UNIX_FDS_MAX are refused (-1,
 * EMSGSIZE, all closed). */
ssize_t unix_receive(
    int fd, void *data, size_t len, int fds[UNIX_FDS_MAX], size_t *n_fds);

#endif
