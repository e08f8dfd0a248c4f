/* SPDX-License-Identifier: Apache-2.0 */
/* Echo requests, all over one raw socket for each IP version: what comes back
 * says which probe it is for. */
#include "config.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/echo.h"
#include "agent/probe/probe_impl.h"
#include "agent/probe/tunnel.h"
#include "common/log.h"

#define REPLIES_PER_TURN 64
#define RECEIVE_BUFFER   (1 << 20) /* some thousand replies in a burst */
#define PACKET_MAX       1500

struct icmp {
	struct prober *prober;
	uint64_t nonce;
	struct icmp_socket {
		struct icmp *icmp;
		bool is6;
		int fd; /* -1: none, for this reason: */
		int error;
		struct event *readable;
	} sockets[2]; /* IPv4, IPv6 */
};

/* Every raw socket gets every ICMP packet that comes in, but for this. */
static int
only_replies(int fd, bool is6)
{
	struct icmp_filter filter = {.data = ~(1u << ICMP_ECHOREPLY)};
	struct icmp6_filter filter6;

	if (!is6)
		return setsockopt(
		    fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	return setsockopt(
	    fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6));
}

static bool
from_addr(const struct sockaddr_storage *ss, struct addr *out)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

	if (ss->ss_family == AF_INET)
		return addr_from_bytes(out, &in4->sin_addr, 4) == 0;
	return addr_from_bytes(out, &in6->sin6_addr, 16) == 0;
}

/* A raw IPv4 socket gives the IP header as well. */
static void
take_reply(struct icmp_socket *s, const uint8_t *packet, size_t len,
    const struct addr *from)
{
	size_t head = 0;
	struct probe *p;
	struct echo e;

	if (!s->is6) {
		head = len > 0 ? (size_t)(packet[0] & 0xf) * 4 : 0;
		if (head > len)
			return;
	}
	if (!echo_reply_parse(packet + head, len - head, s->is6, &e) ||
	    e.nonce != s->icmp->nonce)
		return;
	p = probe_find(s->icmp->prober, e.id);
	if (p != NULL && p->check.kind == CHECK_ICMP &&
	    addr_cmp(&p->dest, from) == 0)
		probe_settle(p, PROBE_OK, "%s", "");
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	uint8_t packet[PACKET_MAX];
	struct sockaddr_storage ss;
	struct addr from;

	(void)what;
	for (int i = 0; i < REPLIES_PER_TURN; i++) {
		socklen_t len = sizeof(ss);
		ssize_t n = recvfrom(fd, packet, sizeof(packet), 0,
		    (struct sockaddr *)&ss, &len);

		if (n == -1)
			return;
		if (from_addr(&ss, &from))
			take_reply(ctx, packet, (size_t)n, &from);
	}
}

/* Without a socket the checks say so, each; nothing else needs it. */
static void
open_family(struct icmp *icmp, bool is6)
{
	struct icmp_socket *s = &icmp->sockets[is6];
	const int buffer = RECEIVE_BUFFER;

	s->icmp = icmp;
	s->is6 = is6;
	s->fd = socket(is6 ? AF_INET6 : AF_INET,
	    SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    is6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (s->fd == -1) {
		s->error = errno;
		return;
	}
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (only_replies(s->fd, is6) == -1)
		log_warn("probe", "ICMP filter");
	s->readable = event_new(
	    icmp->prober->base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	if (s->readable != NULL && event_add(s->readable, NULL) == 0)
		return;
	s->error = ENOMEM;
	close(s->fd);
	s->fd = -1;
}

struct icmp *
icmp_new(struct prober *pr)
{
	struct icmp *icmp = calloc(1, sizeof(*icmp));

	if (icmp == NULL)
		return NULL;
	icmp->prober = pr;
	if (getrandom(&icmp->nonce, sizeof(icmp->nonce), 0) !=
	    (ssize_t)sizeof(icmp->nonce)) {
		free(icmp);
		return NULL;
	}
	open_family(icmp, false);
	open_family(icmp, true);
	return icmp;
}

void
icmp_free(struct icmp *icmp)
{
	if (icmp == NULL)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (icmp->sockets[i].readable != NULL)
			event_free(icmp->sockets[i].readable);
		if (icmp->sockets[i].fd != -1)
			close(icmp->sockets[i].fd);
	}
	free(icmp);
}

static void
send_plain(struct probe *p, const struct icmp_socket *s, const struct echo *e)
{
	struct sockaddr_storage ss;
	socklen_t len = probe_sockaddr(&ss, &p->dest, 0);
	uint8_t message[ECHO_LEN];

	echo_format(e, s->is6, message);
	if (sendto(s->fd, message, sizeof(message), 0, (struct sockaddr *)&ss,
		len) == -1)
		probe_settle_errno(p, errno);
}

/* No socket of the kernel's is behind it, so that it need not go through the
 * device. */
static void
send_tunnelled(struct probe *p, const struct echo *e)
{
	uint8_t packet[ECHO_PACKET_MAX];
	struct addr own;
	size_t len;

	if (probe_inner_source(p, &own) == -1)
		return;
	len = echo_packet_format(e, &own, &p->dest, packet);
	if (tunnel_send(p->prober->tunnel, &p->target.backend,
		&p->target.source, packet, len) == -1)
		probe_settle_errno(p, errno);
}

static void
start(struct probe *p)
{
	struct icmp *icmp = p->prober->icmp;
	const struct icmp_socket *s = &icmp->sockets[!addr_is4(&p->dest)];
	const struct echo e = {
	    .nonce = icmp->nonce,
	    .id = p->id,
	    .ident = (uint16_t)icmp->nonce,
	    .seq = (uint16_t)p->id,
	};

	if (s->fd == -1)
		probe_settle(p, PROBE_UNABLE,
		    "on this node: ICMP needs CAP_NET_RAW at the start: %s",
		    strerror(s->error));
	else if (p->check.tunnel)
		send_tunnelled(p, &e);
	else
		send_plain(p, s, &e);
}

const struct probe_ops probe_icmp = {start, NULL, NULL};
