/* SPDX-License-Identifier: Apache-2.0 */
/* udp_echo NAME ADDRESS PORT [ADDRESS PORT]...: answers each datagram with
 * "NAME ", and what it held. */
#include "config.h"

#include <err.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SOCKETS_MAX 8
#define ROOM        (4 << 20)

static int
listen_on(const char *address, const char *port)
{
	struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *at;
	int fd, error, room = ROOM;

	if ((error = getaddrinfo(address, port, &hints, &at)) != 0)
		errx(2, "%s: %s", address, gai_strerror(error));
	if ((fd = socket(at->ai_family, SOCK_DGRAM, 0)) == -1 ||
	    bind(fd, at->ai_addr, at->ai_addrlen) == -1)
		err(1, "%s", address);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	freeaddrinfo(at);
	return fd;
}

static void
answer(int fd, const char *name)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	size_t at = strlen(name);
	char text[2048];
	ssize_t n;

	memcpy(text, name, at);
	text[at++] = ' ';
	n = recvfrom(fd, text + at, sizeof(text) - at, MSG_DONTWAIT,
	    (struct sockaddr *)&from, &from_len);
	if (n >= 0)
		(void)sendto(fd, text, at + (size_t)n, 0,
		    (struct sockaddr *)&from, from_len);
}

int
main(int argc, char *argv[])
{
	struct pollfd fds[SOCKETS_MAX];
	nfds_t n = 0;

	if (argc < 4 || argc % 2 != 0 || argc > 2 + 2 * SOCKETS_MAX ||
	    strlen(argv[1]) > 64)
		errx(2,
		    "usage: udp_echo NAME ADDRESS PORT "
		    "[ADDRESS PORT]...");
	for (int i = 2; i < argc; i += 2)
		fds[n++] = (struct pollfd){
		    .fd = listen_on(argv[i], argv[i + 1]), .events = POLLIN};
	while (poll(fds, n, -1) > 0) {
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents != 0)
				answer(fds[i].fd, argv[1]);
	}
	return 1;
}
