/* SPDX-License-Identifier: Apache-2.0 */
/* A query over UDP. A truncated answer is an answer. */
#include "config.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "agent/probe/dns_message.h"
#include "agent/probe/probe_impl.h"

#define ANSWERS_PER_TURN 8

_Static_assert(PROBE_DNS_MAX >= DNS_QUERY_MAX, "a query fits");

/* The id is a second key, beside the port, for whoever would answer in the
 * backend's name. */
static void
start(struct probe *p)
{
	uint16_t id;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
		probe_settle_errno(p, errno);
		return;
	}
	p->dns.len = dns_query_format(p->check.host, id, p->dns.query);
	if (probe_connect(p, SOCK_DGRAM) == -1)
		return;
	if (send(p->fd, p->dns.query, p->dns.len, 0) == -1)
		probe_settle_errno(p, errno);
	probe_wait(p, EV_READ, "answer");
}

static void
judge(struct probe *p, int rcode)
{
	char text[DNS_RCODE_TEXT_MAX];

	if (rcode == 0)
		probe_settle(p, PROBE_OK, "%s", "");
	else
		probe_settle(p, PROBE_FAILED, "the answer is %s",
		    dns_rcode_format(rcode, text));
}

/* What is no answer to our query may be one to an earlier, from the same port:
 * it is passed over. */
static void
ready(struct probe *p)
{
	uint8_t answer[PROBE_DATAGRAM];
	int rcode = -1;
	ssize_t n = 0;

	for (int i = 0; i < ANSWERS_PER_TURN && rcode == -1; i++) {
		if ((n = recv(p->fd, answer, sizeof(answer), 0)) == -1)
			break;
		rcode = dns_answer_rcode(
		    answer, (size_t)n, p->dns.query, p->dns.len);
	}
	if (rcode != -1)
		judge(p, rcode);
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		probe_settle_errno(p, errno);
	probe_wait(p, EV_READ, "answer");
}

const struct probe_ops probe_dns = {start, ready, NULL};
