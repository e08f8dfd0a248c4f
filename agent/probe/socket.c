/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of probes. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/probe_impl.h"
#include "agent/probe/tunnel.h"
#include "agent/probe/tunnel_device.h"

socklen_t
probe_sockaddr(
    struct sockaddr_storage *out, const struct addr *a, uint16_t port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	memset(out, 0, sizeof(*out));
	if (len == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, bytes, len);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, bytes, len);
	return sizeof(*in6);
}

static int
read_sockaddr(const struct sockaddr_storage *ss, struct addr *a, uint16_t *port)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

	*port = ntohs(
	    ss->ss_family == AF_INET ? in4->sin_port : in6->sin6_port);
	return ss->ss_family == AF_INET
	    ? addr_from_bytes(a, &in4->sin_addr, sizeof(in4->sin_addr))
	    : addr_from_bytes(a, &in6->sin6_addr, sizeof(in6->sin6_addr));
}

static int
own_name(int fd, struct addr *a, uint16_t *port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	return read_sockaddr(&ss, a, port);
}

static int
open_socket(const struct addr *to, int type)
{
	return socket(addr_is4(to) ? AF_INET : AF_INET6,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Nothing is sent: connecting a datagram socket only asks the routes. */
int
probe_source(const struct addr *to, struct addr *from)
{
	struct sockaddr_storage ss;
	socklen_t len = probe_sockaddr(&ss, to, 9);
	int fd = open_socket(to, SOCK_DGRAM), r, error;
	uint16_t port;

	if (fd == -1)
		return -1;
	r = connect(fd, (struct sockaddr *)&ss, len);
	if (r == 0)
		r = own_name(fd, from, &port);
	error = errno;
	close(fd);
	errno = error;
	return r;
}

/* Where the backend's own address is of the VIP's IP version, the address of
 * ours that is nearest to it; a node need have no route to the VIP. Otherwise
 * it does: that it has none says nothing about the backend. */
int
probe_inner_source(struct probe *p, struct addr *from)
{
	if (addr_is4(&p->dest) == addr_is4(&p->target.backend)) {
		if (probe_source(&p->target.backend, from) == 0)
			return 0;
		probe_settle_errno(p, errno);
		return -1;
	}
	if (probe_source(&p->dest, from) == 0)
		return 0;
	probe_settle(p, PROBE_UNABLE,
	    "on this node: no address to ask the VIP from: %s",
	    strerror(errno));
	return -1;
}

/* A stream is never closed but by a reset, and what we have to say first goes
 * with the ACK of the handshake, or instead of it. Where a kernel will not do
 * that, it costs a packet. */
static void
set_stream(int fd)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	const int off = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

/* The tunnel knows a packet by its source port, which therefore is to be known
 * before the first one goes. */
static int
bind_to_tunnel(struct probe *p, int type)
{
	struct tunnel_flow_key key = {
	    .protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP,
	    .vip = p->dest,
	};
	struct sockaddr_storage ss;
	socklen_t len;
	struct errmsg cause;

	if (tunnel_up(p->prober->tunnel, &cause) == -1) {
		probe_settle(p, PROBE_UNABLE, "on this node: %s", cause.text);
		return -1;
	}
	if (probe_inner_source(p, &key.own) == -1)
		return -1;
	if (tunnel_mark(p->fd) == -1)
		goto fail;
	len = probe_sockaddr(&ss, &key.own, 0);
	if (bind(p->fd, (struct sockaddr *)&ss, len) == -1 ||
	    own_name(p->fd, &key.own, &key.port) == -1)
		goto fail;
	p->flow = tunnel_open(
	    p->prober->tunnel, &key, &p->target.backend, &p->target.source);
	if (p->flow != NULL)
		return 0;
fail:
	probe_settle_errno(p, errno);
	return -1;
}

int
probe_connect(struct probe *p, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = probe_sockaddr(&ss, &p->dest, p->check.port);

	if ((p->fd = open_socket(&p->dest, type)) == -1) {
		probe_settle_errno(p, errno);
		return -1;
	}
	if (type == SOCK_STREAM)
		set_stream(p->fd);
	if (p->check.tunnel && bind_to_tunnel(p, type) == -1)
		return -1;
	if (connect(p->fd, (struct sockaddr *)&ss, len) == 0 ||
	    errno == EINPROGRESS)
		return 0;
	if (!p->check.tunnel) {
		probe_settle_errno(p, errno);
		return -1;
	}
	/* The only route for it is ours. */
	probe_settle(p, PROBE_UNABLE, "on this node: %s: %s", TUNNEL_DEVICE,
	    strerror(errno));
	tunnel_down(p->prober->tunnel);
	return -1;
}

int
probe_connected(struct probe *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error == 0)
		return 0;
	probe_settle_errno(p, error);
	return -1;
}
