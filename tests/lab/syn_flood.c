/* SPDX-License-Identifier: Apache-2.0 */
/* syn_flood ADDRESS PORT RATE SECONDS: sends RATE SYNs a second, each from
 * another address of 198.18.0.0/15 and another port, and writes how many. IPv4;
 * root. */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SOURCES 0xc6120000u /* 198.18.0.0 */
/* It sleeps once in so many, since it cannot sleep for less than some 50 us. */
#define BURST 20

struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
};

static uint32_t
add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return sum;
}

/* The kernel fills in that of the IP header. */
static uint16_t
tcp_checksum(const struct syn *s)
{
	uint32_t sum = IPPROTO_TCP + sizeof(s->tcp);

	sum = add(sum, &s->ip.saddr, sizeof(s->ip.saddr));
	sum = add(sum, &s->ip.daddr, sizeof(s->ip.daddr));
	sum = add(sum, &s->tcp, sizeof(s->tcp));
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void
make(struct syn *s, const struct sockaddr_in *to, uint32_t number)
{
	*s = (struct syn){
	    .ip = {.version = 4,
		.ihl = 5,
		.tot_len = htons(sizeof(*s)),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = htonl(SOURCES + number % (1u << 17)),
		.daddr = to->sin_addr.s_addr},
	    .tcp = {.source = htons((uint16_t)(1024 + number / 3 % 60000)),
		.dest = to->sin_port,
		.seq = htonl(number),
		.doff = 5,
		.syn = 1,
		.window = htons(65535)},
	};
	s->tcp.check = tcp_checksum(s);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct timespec next;
	uint32_t rate, count, sent = 0;
	struct syn s;
	int fd;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    (rate = (uint32_t)atoi(argv[3])) < 1)
		errx(2, "usage: syn_flood ADDRESS PORT RATE SECONDS");
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	count = rate * (uint32_t)atoi(argv[4]);
	if ((fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW)) == -1)
		err(1, "socket");
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint32_t i = 0; i < count; i++) {
		make(&s, &to, i);
		sent += sendto(fd, &s, sizeof(s), 0,
			    (const struct sockaddr *)&to,
			    sizeof(to)) == sizeof(s);
		if (i % BURST != 0)
			continue;
		next.tv_nsec += (long)(BURST * 1000000000.0 / rate);
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	printf("%u\n", sent);
	return 0;
}
