/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/probe/probe_impl.h"

static void
start(struct probe *p)
{
	const char *text = p->check.send;

	if (probe_connect(p, SOCK_DGRAM) == -1)
		return;
	if (send(p->fd, text, strlen(text), 0) == -1)
		probe_settle_errno(p, errno);
	probe_wait(p, EV_READ, "answer");
}

/* The socket is connected: nobody else's datagram comes here. */
static void
ready(struct probe *p)
{
	char answer[PROBE_DATAGRAM];
	size_t wanted = strlen(p->check.expect);
	ssize_t n = recv(p->fd, answer, sizeof(answer), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		probe_wait(p, EV_READ, "answer");
	else if (n == -1)
		probe_settle_errno(p, errno);
	else if ((size_t)n >= wanted &&
	    memcmp(answer, p->check.expect, wanted) == 0)
		probe_settle(p, PROBE_OK, "%s", "");
	else
		probe_settle(p, PROBE_FAILED,
		    "an answer of %zd bytes that does not begin as expected",
		    n);
}

const struct probe_ops probe_udp = {start, ready, NULL};
