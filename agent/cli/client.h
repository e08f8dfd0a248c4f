/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the command to the daemons of its node. Each says itself what
 * went wrong. */
#ifndef AGENT_CLI_CLIENT_H
#define AGENT_CLI_CLIENT_H

#include "agent/cli/cli.h"

struct evbuffer;

/* Where the agent's socket is: what the operator says; else where the
 * configuration puts it; else where it is by default. For free(); or NULL. */
char *client_find_socket(const struct cli *);

/* `daemon` is "agent" or "balancer". Returns a descriptor, non-blocking, or
 * -1. */
int client_dial(const char *path, const char *daemon);

/* Sends all of it. 0, or -1. */
int client_send(
    int fd, struct evbuffer *out, const char *path, const char *daemon);

#endif
