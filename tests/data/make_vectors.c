/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the input vectors of the packet path: pcap files with every kind of
 * packet that it tells apart, for the state of tests/unit/fixture.h.
 *
 *	make_vectors DIR
 *
 * makes DIR/flows.pcap (the four encapsulations, VLANs, options, extension
 * headers, ports), other.pcap (what passes, what is dropped), fragments.pcap,
 * icmp.pcap and oversize.pcap. Deterministic: the same bytes each time, and
 * times that begin with zero. */
#include "config.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/packet.h"

#define CLIENT4 "198.51.100.9"
#define CLIENT6 "2001:db8:c::9"
#define VIP4    "203.0.113.10"
#define VIP6    "2001:db8:100::10"
#define ROUTER4 "192.0.2.77"
#define ROUTER6 "2001:db8:7::7"
#define TO4     .source = CLIENT4, .destination = VIP4
#define TO6     .source = CLIENT6, .destination = VIP6
#define FROM4   .source = VIP4, .destination = CLIENT4
#define FROM6   .source = VIP6, .destination = CLIENT6
#define UDP     17
#define ICMP    1
#define ICMPV6  58

/* A flow of as many packets, from client ports that count up. */
struct vector {
	struct packet_spec spec;
	unsigned int ports; /* 0: one packet */
	size_t cut;         /* bytes missing from the capture */
};

/* clang-format off */
static const struct vector flows[] = {
	{{TO4, .source_port = 40000, .destination_port = 80, .tcp_flags = 2}, 16, 0},
	{{TO6, .source_port = 40000, .destination_port = 80, .tcp_flags = 2}, 16, 0},
	{{TO4, .source_port = 40000, .destination_port = 443}, 16, 0},
	{{TO6, .protocol = UDP, .source_port = 40000, .destination_port = 443, .body_len = 30}, 16, 0},
	{{TO4, .protocol = UDP, .source_port = 40000, .destination_port = 53, .body_len = 30}, 0, 0},
	{{TO4, .protocol = UDP, .source_port = 40000, .destination_port = 9999, .body_len = 30}, 0, 0},
	{{TO6, .protocol = UDP, .source_port = 40000, .destination_port = 9999, .body_len = 30}, 0, 0},
	{{TO4, .destination_port = 80, .vlans = 1}, 0, 0},
	{{TO4, .destination_port = 443, .vlans = 2}, 0, 0},
	{{TO6, .destination_port = 80, .vlans = 2}, 0, 0},
	{{TO4, .destination_port = 80, .option_words = 1}, 0, 0},
	{{TO4, .destination_port = 80, .option_words = 10, .body_len = 100}, 0, 0},
	{{TO4, .destination_port = 80, .padding = 6}, 0, 0},
	{{TO4, .destination_port = 80, .traffic_class = 0xb9}, 0, 0},
	{{TO4, .destination_port = 443, .traffic_class = 0x03}, 0, 0},
	{{TO6, .destination_port = 80, .traffic_class = 0xb9}, 0, 0},
	{{TO4, .destination_port = 80, .body_len = 1436, .dont_fragment = true}, 0, 0},
	{{TO6, .destination_port = 80, .extensions = PACKET_HOP_BY_HOP}, 0, 0},
	{{TO6, .destination_port = 80, .extensions = PACKET_HOP_BY_HOP |
	    PACKET_DESTINATION | PACKET_ROUTING | PACKET_FRAGMENT | PACKET_OPTIONS}, 0, 0},
};

static const struct vector other[] = {
	{{.source = CLIENT4, .destination = "203.0.113.9", .destination_port = 80}, 0, 0},
	{{.source = CLIENT4, .destination = "203.0.113.9", .fragment = 64, .body_len = 64}, 0, 0},
	{{.source = CLIENT4, .destination = "203.0.113.9", .protocol = 47, .option_words = 2}, 0, 0},
	{{.source = CLIENT6, .destination = "2001:db8:100::11", .destination_port = 80}, 0, 0},
	{{.source = CLIENT6, .destination = "::ffff:203.0.113.10", .destination_port = 80}, 0, 0},
	{{TO4, .destination_port = 80, .vlans = 3}, 0, 0},
	{{TO4, .protocol = 47, .body_len = 40}, 0, 0},
	{{TO6, .protocol = 50, .body_len = 40}, 0, 0},
	{{TO4, .destination_port = 8080}, 0, 0},
	{{TO6, .destination_port = 8080}, 0, 0},
	{{.source = CLIENT4, .destination = "203.0.113.12", .destination_port = 80}, 0, 0},
	{{.source = CLIENT4, .destination = "203.0.113.12", .destination_port = 81}, 0, 0},
	{{.source = "::ffff:198.51.100.9", .destination = VIP6, .destination_port = 80}, 0, 0},
	{{TO6, .destination_port = 80, .extensions = PACKET_ROUTING, .segments_left = 1}, 0, 0},
	{{TO4, .destination_port = 80, .body_len = 200}, 0, 100},
	{{TO6, .destination_port = 80, .body_len = 200}, 0, 100},
	{{TO4, .destination_port = 80}, 0, 30},
};

static const struct vector fragments[] = {
	/* In order; the last one first; one whose first never comes. */
	{{TO4, .protocol = UDP, .source_port = 5000, .destination_port = 9999, .id = 1, .more_fragments = true, .body_len = 1472}, 0, 0},
	{{TO4, .protocol = UDP, .id = 1, .more_fragments = true, .fragment = 1480, .body_len = 1480}, 0, 0},
	{{TO4, .protocol = UDP, .id = 1, .fragment = 2960, .body_len = 100}, 0, 0},
	{{TO4, .protocol = UDP, .id = 2, .fragment = 1480, .body_len = 100}, 0, 0},
	{{TO4, .protocol = UDP, .source_port = 5001, .destination_port = 9999, .id = 2, .more_fragments = true, .body_len = 1472}, 0, 0},
	{{TO4, .protocol = UDP, .id = 3, .fragment = 1480, .body_len = 100}, 0, 0},
	{{TO6, .protocol = UDP, .source_port = 5002, .destination_port = 9999, .id = 4, .more_fragments = true, .body_len = 1200}, 0, 0},
	{{TO6, .protocol = UDP, .id = 4, .fragment = 1208, .body_len = 100}, 0, 0},
	{{TO6, .protocol = UDP, .id = 5, .fragment = 1208, .body_len = 100, .extensions = PACKET_OPTIONS}, 0, 0},
	{{TO6, .protocol = UDP, .source_port = 5003, .destination_port = 9999, .id = 5, .more_fragments = true,
	    .body_len = 1200, .extensions = PACKET_OPTIONS}, 0, 0},
	{{TO4, .destination_port = 80, .id = 6, .more_fragments = true, .body_len = 4}, 0, 0},
};

static const struct vector oversize[] = {
	{{TO4, .destination_port = 80, .body_len = 1460, .dont_fragment = true}, 0, 0},
	{{TO4, .destination_port = 80, .body_len = 1460}, 0, 0},
	{{TO6, .destination_port = 80, .body_len = 1440}, 0, 0},
	{{TO4, .destination_port = 443, .body_len = 1430, .dont_fragment = true}, 0, 0},
	{{TO4, .protocol = UDP, .destination_port = 9999, .body_len = 1472}, 0, 0},
	{{.source = CLIENT4, .destination = "203.0.113.13", .protocol = UDP, .destination_port = 9, .body_len = 1472}, 0, 0},
};

/* ICMP that is no error. */
static const struct vector icmp[] = {
	{{TO4, .protocol = ICMP, .icmp_type = 8, .icmp_rest = 0x12340001, .body_len = 56}, 0, 0},
	{{TO6, .protocol = ICMPV6, .icmp_type = 128, .icmp_rest = 0x12340001, .body_len = 56}, 0, 0},
	{{TO4, .protocol = ICMP, .icmp_type = 8, .vlans = 1, .option_words = 1, .body_len = 1}, 0, 0},
	{{TO4, .protocol = ICMP, .icmp_type = 13, .body_len = 12}, 0, 0},
	{{TO6, .protocol = ICMPV6, .icmp_type = 135, .body_len = 16}, 0, 0},
	{{.source = CLIENT4, .destination = "203.0.113.9", .protocol = ICMP, .icmp_type = 8}, 0, 0},
};

/* Errors, and the packets of a backend that they quote. */
static const struct {
	struct packet_spec error, quoted;
	uint16_t quoted_len;
} errors[] = {
	{{.source = ROUTER4, .destination = VIP4, .protocol = ICMP, .icmp_type = 3, .icmp_code = 4, .icmp_rest = 1400},
	    {FROM4, .source_port = 80, .destination_port = 40000, .body_len = 1400}, 28},
	{{.source = ROUTER4, .destination = VIP4, .protocol = ICMP, .icmp_type = 11},
	    {FROM4, .source_port = 443, .destination_port = 40001, .body_len = 500}, 540},
	{{.source = ROUTER4, .destination = VIP4, .protocol = ICMP, .icmp_type = 3, .icmp_code = 3},
	    {FROM4, .protocol = UDP, .source_port = 53, .destination_port = 40000, .body_len = 100}, 28},
	{{.source = ROUTER6, .destination = VIP6, .protocol = ICMPV6, .icmp_type = 2, .icmp_rest = 1280},
	    {FROM6, .source_port = 80, .destination_port = 40000, .body_len = 1400}, 1232},
	{{.source = ROUTER6, .destination = VIP6, .protocol = ICMPV6, .icmp_type = 1},
	    {FROM6, .source_port = 80, .destination_port = 40001, .extensions = PACKET_DESTINATION}, 76},
	/* Quotes that are not the VIP's, or too short. */
	{{.source = ROUTER4, .destination = VIP4, .protocol = ICMP, .icmp_type = 3},
	    {TO4, .source_port = 40000, .destination_port = 80}, 28},
	{{.source = ROUTER4, .destination = VIP4, .protocol = ICMP, .icmp_type = 3},
	    {FROM4, .source_port = 80, .destination_port = 40000}, 24},
};
/* clang-format on */

static uint8_t frame[PACKET_MAX];

struct output {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	long n;
};

static void
put(struct output *out, const struct packet_spec *spec, size_t cut)
{
	size_t len = packet_build(spec, frame);
	struct pcap_pkthdr header = {
	    .ts = {out->n / 1000, out->n % 1000 * 1000},
	    .caplen = (bpf_u_int32)(len - cut),
	    .len = (bpf_u_int32)len};

	pcap_dump((u_char *)out->dumper, &header, frame);
	out->n++;
}

static struct output
open_output(const char *dir, const char *name)
{
	struct output out = {.pcap = pcap_open_dead(DLT_EN10MB, PACKET_MAX)};
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.pcap", dir, name);
	if (out.pcap == NULL ||
	    (out.dumper = pcap_dump_open(out.pcap, path)) == NULL) {
		fprintf(stderr, "make_vectors: %s: %s\n", path,
		    out.pcap != NULL ? pcap_geterr(out.pcap) : "no memory");
		exit(EXIT_FAILURE);
	}
	return out;
}

static void
close_output(struct output *out)
{
	pcap_dump_close(out->dumper);
	pcap_close(out->pcap);
}

static void
put_all(struct output *out, const struct vector *vectors, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct packet_spec spec = vectors[i].spec;

		put(out, &spec, vectors[i].cut);
		for (unsigned int j = 1; j < vectors[i].ports; j++) {
			spec.source_port++;
			put(out, &spec, vectors[i].cut);
		}
	}
}

static void
put_errors(struct output *out)
{
	static uint8_t quoted[PACKET_MAX];

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct packet_spec spec = errors[i].error;

		packet_build(&errors[i].quoted, quoted);
		spec.body = quoted + packet_ip(&errors[i].quoted);
		spec.body_len = errors[i].quoted_len;
		put(out, &spec, 0);
	}
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		const struct vector *vectors;
		size_t n;
	} files[] = {
	    {"flows", flows, sizeof(flows) / sizeof(flows[0])},
	    {"other", other, sizeof(other) / sizeof(other[0])},
	    {"fragments", fragments, sizeof(fragments) / sizeof(fragments[0])},
	    {"oversize", oversize, sizeof(oversize) / sizeof(oversize[0])},
	    {"icmp", icmp, sizeof(icmp) / sizeof(icmp[0])},
	};

	if (argc != 2) {
		fprintf(stderr, "usage: make_vectors DIR\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct output out = open_output(argv[1], files[i].name);

		put_all(&out, files[i].vectors, files[i].n);
		if (strcmp(files[i].name, "icmp") == 0)
			put_errors(&out);
		close_output(&out);
	}
	return 0;
}
