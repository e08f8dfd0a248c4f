/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic for group "io": into a capture file, or out through an interface as
 * fast as sendmmsg goes. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/bench.h"
#include "tests/bench/packets.h"

#define BATCH 64
#define FLOWS 65536
#define USAGE \
	"usage: bench_traffic file PATH PACKETS\n" \
	"       bench_traffic send INTERFACE DESTINATION-MAC SECONDS"

static int
write_file(const char *path, long packets)
{
	struct pcap_pkthdr header = {
	    .caplen = BENCH_PACKET_LEN, .len = BENCH_PACKET_LEN};
	uint8_t packet[BENCH_PACKET_LEN];
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *out = pcap != NULL ? pcap_dump_open(pcap, path) : NULL;
	int rc;

	if (out == NULL)
		bench_fail("%s: %s", path,
		    pcap != NULL ? pcap_geterr(pcap) : strerror(errno));
	for (long i = 0; i < packets; i++) {
		bench_packet(packet, (uint32_t)i);
		header.ts.tv_sec = i / 1000000;
		header.ts.tv_usec = i % 1000000;
		pcap_dump((u_char *)out, &header, packet);
	}
	if ((rc = pcap_dump_flush(out)) == -1)
		bench_say("%s: %s", path, strerror(errno));
	pcap_dump_close(out);
	pcap_close(pcap);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
open_raw(const char *interface)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_IP),
	    .sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	if (to.sll_ifindex == 0 || fd == -1 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		bench_fail("%s: %s", interface, strerror(errno));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	return fd;
}

static int
send_for(const char *interface, const char *mac, double seconds)
{
	static uint8_t packets[FLOWS][BENCH_PACKET_LEN];
	static struct iovec iov[FLOWS];
	static struct mmsghdr messages[FLOWS];
	double until = bench_now_s() + seconds;
	int fd = open_raw(interface);
	uint8_t to[6];

	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2],
		&to[3], &to[4], &to[5]) != 6)
		bench_fail("%s: not a MAC address", mac);
	for (uint32_t i = 0; i < FLOWS; i++) {
		bench_packet(packets[i], i);
		memcpy(packets[i], to, sizeof(to));
		iov[i] = (struct iovec){packets[i], BENCH_PACKET_LEN};
		messages[i].msg_hdr = (struct msghdr){
		    .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	for (uint32_t i = 0; bench_now_s() < until; i = (i + BATCH) % FLOWS) {
		if (sendmmsg(fd, messages + i, BATCH, 0) == -1 &&
		    errno != ENOBUFS && errno != EAGAIN)
			bench_fail("%s: %s", interface, strerror(errno));
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "file") == 0)
		return write_file(argv[2], atol(argv[3]));
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return send_for(argv[2], argv[3], atof(argv[4]));
	fprintf(stderr, "%s\n", USAGE);
	return 2;
}
