/* SPDX-License-Identifier: Apache-2.0 */
/* gre_tun TUN LOCAL REMOTE: the sending half of a GRE tunnel, for tests on
 * kernels without one. Makes the device TUN and sends every packet that is
 * routed into it from LOCAL to REMOTE (both IPv4 or both IPv6) in GRE. Prints
 * "ready" when it is; runs until it is killed, and TUN goes with it. */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define GRE_LEN    4
#define PACKET_MAX 65536

static int
open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		err(1, "/dev/net/tun");
	if (strlen(name) >= sizeof(ifr.ifr_name))
		errx(1, "%s: the name is too long", name);
	strcpy(ifr.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &ifr) == -1)
		err(1, "%s", name);
	return fd;
}

static struct addrinfo *
resolve(const char *text)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found;
	int error;

	hints.ai_socktype = SOCK_RAW;
	hints.ai_protocol = IPPROTO_GRE;
	if ((error = getaddrinfo(text, NULL, &hints, &found)) != 0)
		errx(1, "%s: %s", text, gai_strerror(error));
	return found;
}

static int
open_raw(const char *local, const char *remote)
{
	struct addrinfo *from = resolve(local), *to = resolve(remote);
	int fd = socket(from->ai_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_GRE);

	if (fd == -1)
		err(1, "raw socket");
	if (bind(fd, from->ai_addr, from->ai_addrlen) == -1)
		err(1, "%s", local);
	if (connect(fd, to->ai_addr, to->ai_addrlen) == -1)
		err(1, "%s", remote);
	freeaddrinfo(from);
	freeaddrinfo(to);
	return fd;
}

int
main(int argc, char **argv)
{
	static uint8_t packet[GRE_LEN + PACKET_MAX];
	int tun, raw;
	ssize_t n;

	if (argc != 4)
		errx(2, "usage: gre_tun TUN LOCAL REMOTE");
	tun = open_tun(argv[1]);
	raw = open_raw(argv[2], argv[3]);
	puts("ready");
	fflush(stdout);
	while ((n = read(tun, packet + GRE_LEN, PACKET_MAX)) > 0) {
		uint16_t proto = packet[GRE_LEN] >> 4 == 6 ? 0x86dd : 0x0800;

		packet[2] = proto >> 8;
		packet[3] = proto & 0xff;
		if (send(raw, packet, (size_t)n + GRE_LEN, 0) == -1)
			continue; /* lost, as on any link */
	}
	err(1, "%s", argv[1]);
}
