/* SPDX-License-Identifier: Apache-2.0 */
/* Tells systemd about our state: sd_notify(3) without its library. */
#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

/* Sends e.g. "READY=1" or "STOPPING=1" to $NOTIFY_SOCKET; does nothing where
 * there is none. */
void notify(const char *state);

#endif
