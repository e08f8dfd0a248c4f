/* SPDX-License-Identifier: Apache-2.0 */
/* send_frame INTERFACE HEX COUNT: the bytes as Ethernet frames, as they are. */
#include "config.h"

#include <err.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 1518

int
main(int argc, char *argv[])
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	uint8_t frame[FRAME_MAX];
	size_t len = 0;
	int fd;

	if (argc != 4)
		errx(2, "usage: send_frame INTERFACE HEX COUNT");
	for (const char *at = argv[2]; len < sizeof(frame) && *at != '\0';
	     at += 2) {
		if (sscanf(at, "%2hhx", &frame[len++]) != 1 || at[1] == '\0')
			errx(2, "not in hexadecimal: %s", at);
	}
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if ((fd = socket(AF_PACKET, SOCK_RAW, 0)) == -1)
		err(1, "socket");
	for (int i = atoi(argv[3]); i > 0; i--) {
		if (sendto(fd, frame, len, 0, (struct sockaddr *)&to,
			sizeof(to)) != (ssize_t)len)
			err(1, "%s", argv[1]);
	}
	close(fd);
	return 0;
}
