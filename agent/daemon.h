/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop around agent/core: it reads the configuration, the clock,
 * sockets and the kernel's notices, tells the core, and carries out what the
 * core says. It decides nothing. */
#ifndef AGENT_DAEMON_H
#define AGENT_DAEMON_H

/* Runs until SIGTERM or SIGINT, which leave what is announced as it is. Returns
 * the exit status. */
int daemon_run(const char *config);

#endif
