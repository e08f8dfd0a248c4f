/* SPDX-License-Identifier: Apache-2.0 */
/* udp_blast ADDRESS PORT COUNT RATE: sends COUNT small datagrams, RATE a
 * second, from 16 ports in turn, or as many as it has come to when SIGTERM ends
 * it; writes how many. For tests that count packets. */
#include "config.h"

#include <err.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS 16

#define LATE_MAX_NS 5000000

static volatile sig_atomic_t ended;

static void
on_term(int number)
{
	ended = 1;
}

/* Waits until then. Somebody kept off the processor does not catch up with all
 * it has missed: a burst overflows the kernel's queue between two ends of a
 * veth, and what nobody has got would pass for lost. */
static void
keep_pace(struct timespec *next)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - next->tv_sec) * 1000000000L + now.tv_nsec -
		next->tv_nsec >
	    LATE_MAX_NS)
		*next = now;
	else
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int
main(int argc, char *argv[])
{
	struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *to;
	struct timespec next;
	int fds[SOCKETS], error;
	long count, gap_ns, i;

	if (argc != 5)
		errx(2, "usage: udp_blast ADDRESS PORT COUNT RATE");
	if ((error = getaddrinfo(argv[1], argv[2], &hints, &to)) != 0)
		errx(1, "%s: %s", argv[1], gai_strerror(error));
	count = atol(argv[3]);
	gap_ns = 1000000000L / atol(argv[4]);
	for (i = 0; i < SOCKETS; i++) {
		fds[i] = socket(to->ai_family, SOCK_DGRAM, 0);
		if (fds[i] == -1 ||
		    connect(fds[i], to->ai_addr, to->ai_addrlen) == -1)
			err(1, "%s", argv[1]);
	}
	signal(SIGTERM, on_term);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (i = 0; i < count && !ended; i++) {
		if (send(fds[i % SOCKETS], "guideway", 8, 0) != 8)
			err(1, "%s: datagram %ld", argv[1], i);
		next.tv_nsec += gap_ns;
		if (next.tv_nsec >= 1000000000L) {
			next.tv_nsec -= 1000000000L;
			next.tv_sec++;
		}
		keep_pace(&next);
	}
	freeaddrinfo(to);
	printf("%ld\n", i);
	return 0;
}
