/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the frames that tests of the packet path begin with, from a few
 * words about each. Written apart from the code under test: byte by byte, big
 * endian, with a plain checksum. */
#ifndef TESTS_UNIT_PACKET_H
#define TESTS_UNIT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 70000

/* IPv6 extension headers, in the order in which they are put in. */
#define PACKET_HOP_BY_HOP  (1u << 0)
#define PACKET_DESTINATION (1u << 1)
#define PACKET_ROUTING     (1u << 2)
#define PACKET_FRAGMENT    (1u << 3) /* also put in where a field needs it */
#define PACKET_OPTIONS     (1u << 4) /* destination options, after all these */

/* What is not said is zero, the protocol TCP, the id 1. */
struct packet_spec {
	const char *source, *destination; /* both of one version */
	uint8_t protocol;
	uint16_t source_port, destination_port;
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_rest;  /* the second word: id and sequence, MTU */
	const uint8_t *body; /* NULL: bytes 0, 1, 2 ... */
	uint16_t body_len;
	uint8_t vlans; /* tags: outermost 0x88a8 if two or more */
	uint8_t traffic_class;
	uint8_t option_words; /* IPv4 options, NOPs */
	uint8_t extensions;   /* IPv6 */
	uint8_t segments_left;
	bool dont_fragment, more_fragments;
	uint16_t fragment; /* offset in bytes; then body alone, no L4 header */
	uint32_t id;
	uint16_t padding; /* bytes after the IP packet */
};

/* The frame into out, which has room for PACKET_MAX; its length. */
size_t packet_build(const struct packet_spec *, uint8_t *out);

/* Where the IP packet begins in it. */
size_t packet_ip(const struct packet_spec *);

/* The Internet checksum, as a number. `sum` is what is added to it. */
uint16_t packet_checksum(const uint8_t *, size_t len, uint32_t sum);

/* Numbers into a packet. */
void packet_put16(uint8_t *, uint16_t);
void packet_put32(uint8_t *, uint32_t);
uint16_t packet_get16(const uint8_t *);

/* Sets the IPv4 header's checksum anew. */
void packet_fix_ipv4(uint8_t *ip);

#endif
