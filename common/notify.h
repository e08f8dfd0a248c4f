/* SPDX-License-Identifier: Apache-2.0 */
/* Tells systemd about our state, and leaves descriptors with it for the process
 * that follows this one: sd_notify(3) and sd_listen_fds(3) without their
 * library. Does nothing where there is no service manager. */
#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

#include <stdbool.h>

/* Sends e.g. "READY=1" or "STOPPING=1" to $NOTIFY_SOCKET. Was it sent? */
bool notify(const char *state);

/* Leaves fd with the service manager under this name (its unit needs
 * FileDescriptorStoreMax=). It stays there until it is removed, the unit is
 * stopped or has failed, or what it refers to is gone (EPOLLERR, EPOLLHUP); the
 * next process of the unit finds it with notify_take. A name holds as many as
 * are stored under it, so remove one before another is stored. fd remains the
 * caller's. Was it sent? Whether it is kept nobody tells. */
bool notify_store(const char *name, int fd);
void notify_remove(const char *name);

/* The descriptor that the service manager gives to this process under that
 * name, the first if there are several; the caller's, close-on-exec; -1: there
 * is none. All others are closed, and removed from the store, which is logged.
 * Call it once, before anything is opened: it changes the environment. */
int notify_take(const char *name);

#endif
