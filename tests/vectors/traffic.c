/* SPDX-License-Identifier: Apache-2.0 */
/* Writes captures of traffic for check_dissect.sh to stdout; they fit the
 * configuration dissect.yaml. The same bytes each time. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/packet.h"

#define CLIENT4 "198.51.100.9"
#define CLIENT6 "2001:db8:c::9"
#define VIP4    "203.0.113.10"
#define VIP6    "2001:db8:100::10"
#define OTHER4  "203.0.113.9"
#define OTHER6  "2001:db8:100::9"

enum {
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	GRE = 47,
	ICMP6 = 58,
};

/* clang-format off */
/* Sent on as they are, if for a VIP; no link padding, so that they can be
 * compared to the byte. */
static const struct packet_spec whole[] = {
	{CLIENT4, VIP4, .destination_port = 80, .tcp_flags = 2},
	{CLIENT4, VIP4, .destination_port = 80, .body_len = 1},
	{CLIENT4, VIP4, .destination_port = 80, .body_len = 1400, .dont_fragment = true},
	{CLIENT4, VIP4, .destination_port = 80, .option_words = 10, .body_len = 77},
	{CLIENT4, VIP4, .destination_port = 80, .traffic_class = 0xb8},
	{CLIENT4, VIP4, .destination_port = 80, .traffic_class = 0x03},
	{CLIENT4, VIP4, .destination_port = 80, .vlans = 1, .body_len = 30},
	{CLIENT4, VIP4, .destination_port = 80, .vlans = 2, .body_len = 31},
	{CLIENT4, OTHER4, .destination_port = 80},
	{CLIENT6, VIP6, .destination_port = 80, .body_len = 200},
	{CLIENT6, VIP6, .destination_port = 80, .traffic_class = 0xbb},
	{CLIENT6, VIP6, .destination_port = 80, .vlans = 1},
	{CLIENT6, VIP6, .destination_port = 80, .vlans = 2},
	{CLIENT6, VIP6, .destination_port = 80, .extensions =
	    PACKET_HOP_BY_HOP | PACKET_DESTINATION | PACKET_OPTIONS, .body_len = 5},
	{CLIENT6, OTHER6, .destination_port = 80},
	{CLIENT4, VIP4, .destination_port = 443, .body_len = 99},
	{CLIENT4, VIP4, .destination_port = 443, .vlans = 1},
	{CLIENT6, VIP6, .destination_port = 443, .body_len = 98},
	{CLIENT6, VIP6, .destination_port = 443, .vlans = 2, .traffic_class = 2},
	{CLIENT4, VIP4, UDP, .destination_port = 53, .body_len = 33},
	{CLIENT6, VIP6, UDP, .destination_port = 53, .body_len = 34},
	{CLIENT4, VIP4, .destination_port = 81},
	{CLIENT4, VIP4, UDP, .destination_port = 80},
	{CLIENT4, VIP4, GRE, .body_len = 40},
	{CLIENT4, OTHER4, ICMP, .icmp_type = 8, .body_len = 40},
};

/* With links of 1,500 bytes: merged by GRO, or too long with GRE around. */
static const struct packet_spec oversize[] = {
	{CLIENT4, VIP4, .source_port = 5001, .destination_port = 80,
	    .tcp_flags = 0x18, .body_len = 14480, .dont_fragment = true},
	{CLIENT6, VIP6, .source_port = 5002, .destination_port = 80,
	    .tcp_flags = 0x18, .body_len = 30001},
	{CLIENT4, VIP4, .source_port = 5003, .destination_port = 443,
	    .tcp_flags = 0x18, .body_len = 64000, .dont_fragment = true},
	{CLIENT6, VIP6, .source_port = 5004, .destination_port = 443,
	    .tcp_flags = 0x19, .body_len = 2920},
	{CLIENT4, VIP4, UDP, .source_port = 5005, .destination_port = 53,
	    .body_len = 1472, .id = 5},
	{CLIENT4, VIP4, UDP, .source_port = 5006, .destination_port = 53,
	    .body_len = 1429, .id = 6},
};

/* With the same links: what their senders have to be told. */
static const struct packet_spec refused[] = {
	{CLIENT4, VIP4, .destination_port = 80, .body_len = 1460, .dont_fragment = true},
	{CLIENT4, VIP4, .destination_port = 443, .body_len = 1460, .dont_fragment = true},
	{CLIENT6, VIP6, .destination_port = 80, .body_len = 1440},
	{CLIENT6, VIP6, .destination_port = 443, .body_len = 1440},
	{CLIENT4, VIP4, .destination_port = 80, .body_len = 1460, .dont_fragment = true, .vlans = 1},
	{CLIENT6, VIP6, .destination_port = 443, .body_len = 1440, .vlans = 2},
};

static const struct packet_spec echo[] = {
	{CLIENT4, VIP4, ICMP, .icmp_type = 8, .icmp_rest = 0x12340001, .body_len = 56},
	{CLIENT4, VIP4, ICMP, .icmp_type = 8, .icmp_rest = 0xffff0002, .body_len = 1400, .vlans = 1},
	{CLIENT4, VIP4, ICMP, .icmp_type = 8, .icmp_rest = 3, .padding = 18},
	{CLIENT6, VIP6, ICMP6, .icmp_type = 128, .icmp_rest = 0x12340004, .body_len = 57},
	{CLIENT6, VIP6, ICMP6, .icmp_type = 128, .icmp_rest = 5, .vlans = 2},
};

/* Of one datagram, whose checksum is made to be right for the whole. */
static const uint16_t cuts[][4] = { /* offsets, in the order in which they come */
	{0, 1000, 2000, 3000}, {3000, 2000, 1000, 0}, {1000, 0, 3000, 2000},
};
/* clang-format on */

static uint8_t frame[PACKET_MAX];
static uint32_t n_written;

static void
put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len) {
		perror("traffic");
		exit(1);
	}
}

/* pcap, in the byte order of this machine; one frame each millisecond. */
static void
put_frame(size_t len)
{
	uint32_t head[4] = {1700000000 + n_written / 1000,
	    n_written % 1000 * 1000, (uint32_t)len, (uint32_t)len};

	put(head, sizeof(head));
	put(frame, len);
	n_written++;
}

static void
put_all(const struct packet_spec *specs, size_t n, unsigned ports)
{
	for (size_t i = 0; i < n; i++) {
		struct packet_spec spec = specs[i];

		for (unsigned port = 0; port < ports; port++) {
			if (spec.source_port < 5000)
				spec.source_port = (uint16_t)(1024 + port);
			put_frame(packet_build(&spec, frame));
		}
	}
}

/* A UDP datagram of 4,000 bytes of payload in four fragments. */
static void
put_fragments(const char *source, const char *vip, const uint16_t offsets[4],
    uint16_t port)
{
	struct packet_spec spec = {source, vip, UDP, .body_len = 3992};
	static uint8_t datagram[PACKET_MAX];
	size_t l4;

	spec.source_port = port;
	spec.destination_port = 53;
	l4 = packet_build(&spec, datagram) - 4000;
	spec.id = port;
	for (int i = 0; i < 4; i++) {
		struct packet_spec part = spec;
		size_t len;

		part.fragment = offsets[i];
		part.more_fragments = offsets[i] != 3000;
		part.body_len = offsets[i] == 0 ? 992 : 1000;
		len = packet_build(&part, frame);
		/* The UDP header of the first is that of the whole */
		memcpy(frame + len - 1000, datagram + l4 + offsets[i], 1000);
		put_frame(len);
	}
}

int
main(int argc, char **argv)
{
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, figures, longest, link;
	} head = {0xa1b2c3d4, 2, 4, 0, 0, 262144, 1};
	const char *what = argc == 2 ? argv[1] : "";

	put(&head, sizeof(head));
	if (strcmp(what, "whole") == 0) {
		put_all(whole, sizeof(whole) / sizeof(*whole), 20);
	} else if (strcmp(what, "oversize") == 0) {
		put_all(oversize, sizeof(oversize) / sizeof(*oversize), 1);
	} else if (strcmp(what, "refused") == 0) {
		put_all(refused, sizeof(refused) / sizeof(*refused), 3);
	} else if (strcmp(what, "echo") == 0) {
		put_all(echo, sizeof(echo) / sizeof(*echo), 1);
	} else if (strcmp(what, "fragments") == 0) {
		for (uint16_t i = 0; i < 60; i++) {
			put_fragments(CLIENT4, VIP4, cuts[i % 3], 7000 + i);
			put_fragments(CLIENT6, VIP6, cuts[i % 3], 7000 + i);
		}
	} else {
		fprintf(stderr,
		    "usage: traffic whole|oversize|refused|echo|fragments\n");
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
