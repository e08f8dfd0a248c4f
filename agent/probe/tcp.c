/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <sys/socket.h>

#include "agent/probe/probe_impl.h"

static void
start(struct probe *p)
{
	if (probe_connect(p, SOCK_STREAM) == 0)
		probe_wait(p, EV_WRITE, "connection");
}

static void
ready(struct probe *p)
{
	if (probe_connected(p) == 0)
		probe_settle(p, PROBE_OK, "%s", "");
}

const struct probe_ops probe_tcp = {start, ready, NULL};
