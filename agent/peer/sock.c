/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG         128
#define USER_TIMEOUT_MS 5000

#define KIND (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static socklen_t
fill(struct sockaddr_storage *ss, const struct addr *addr, uint16_t port)
{
	struct sockaddr_in *sin = (void *)ss;
	struct sockaddr_in6 *sin6 = (void *)ss;
	size_t len;
	const uint8_t *bytes = addr_bytes(addr, &len);

	memset(ss, 0, sizeof(*ss));
	if (len == 4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, bytes, len);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, bytes, len);
	return sizeof(*sin6);
}

static int
turn_on(int fd, int level, int option)
{
	return setsockopt(fd, level, option, &(int){1}, sizeof(int));
}

static int
set_up(int fd)
{
	unsigned ms = USER_TIMEOUT_MS;

	if (turn_on(fd, IPPROTO_TCP, TCP_NODELAY) == -1)
		return -1;
	return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static int
fail_at(const struct conf_cluster_node *node, const char *doing, int fd,
    struct errmsg *why)
{
	char text[ADDR_TEXT_MAX];

	errmsg_sys(why, "%s, port %u: %s", addr_format(&node->addr, text),
	    node->port, doing);
	if (fd != -1)
		close(fd);
	return -1;
}

int
sock_listen(const struct conf_cluster_node *self, struct errmsg *why)
{
	struct sockaddr_storage ss;
	socklen_t len = fill(&ss, &self->addr, self->port);
	int fd = socket(ss.ss_family, KIND, 0);

	if (fd == -1)
		return fail_at(self, "socket", fd, why);
	if (turn_on(fd, SOL_SOCKET, SO_REUSEADDR) == -1 ||
	    (ss.ss_family == AF_INET6 &&
		turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) == -1))
		return fail_at(self, "socket options", fd, why);
	if (bind(fd, (struct sockaddr *)&ss, len) == -1)
		return fail_at(self,
		    errno == EADDRNOTAVAIL
			? "bind; is the address in cluster.nodes this node's"
			: "bind",
		    fd, why);
	if (listen(fd, BACKLOG) == -1)
		return fail_at(self, "listen", fd, why);
	return fd;
}

int
sock_dial(const struct conf_cluster_node *self,
    const struct conf_cluster_node *to, struct errmsg *why)
{
	struct sockaddr_storage from, ss;
	socklen_t len = fill(&ss, &to->addr, to->port);
	int fd = socket(ss.ss_family, KIND, 0);

	if (fd == -1)
		return fail_at(to, "socket", fd, why);
	if (set_up(fd) == -1)
		return fail_at(to, "socket options", fd, why);
	if (addr_is4(&self->addr) == addr_is4(&to->addr)) {
		socklen_t from_len = fill(&from, &self->addr, 0);

		/* The port is chosen when the other end is known. */
		if (turn_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) == -1 ||
		    bind(fd, (struct sockaddr *)&from, from_len) == -1)
			return fail_at(self, "bind", fd, why);
	}
	if (connect(fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS)
		return fail_at(to, "connect", fd, why);
	return fd;
}

int
sock_dialled(int fd, struct errmsg *why)
{
	socklen_t len = sizeof(int);
	int error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return errmsg_sys(why, "connect");
	if (error == 0)
		return 0;
	errno = error;
	return errmsg_sys(why, "connect");
}

static void
take_addr(struct addr *out, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *sin = (const void *)ss;
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	memset(out, 0, sizeof(*out));
	if (ss->ss_family == AF_INET)
		addr_from_bytes(out, &sin->sin_addr, 4);
	else if (ss->ss_family == AF_INET6)
		addr_from_bytes(out, &sin6->sin6_addr, 16);
}

int
sock_accept(int listener, struct addr *from)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	int fd = accept4(listener, (struct sockaddr *)&ss, &len,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return -1;
	if (set_up(fd) == -1) {
		close(fd);
		errno = ECONNABORTED;
		return -1;
	}
	take_addr(from, &ss);
	return fd;
}
