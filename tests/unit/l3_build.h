/* SPDX-License-Identifier: Apache-2.0 */
/* L3 packets for tests: built to a description, and verified by plain code of
 * its own, a byte at a time, so that a test does not check a checksum with the
 * code under test. */
#ifndef TESTS_UNIT_L3_BUILD_H
#define TESTS_UNIT_L3_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define L3_MAX 65600

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16,
	TCP_URG = 32,
	TCP_CWR = 128,
};

struct l3_spec {
	int version;
	uint8_t protocol; /* 6, 17, 1 or 58 */
	size_t payload;   /* bytes after the TCP, UDP or ICMP header */
	uint8_t tcp_flags;
	size_t tcp_options; /* bytes, a multiple of 4 */
	uint16_t urgent;
	uint8_t icmp_type, icmp_code;
	const uint8_t *options; /* IPv4, a multiple of 4 */
	size_t options_len;
	uint8_t first_header; /* IPv6 extension headers, if any */
	const uint8_t *extensions;
	size_t extensions_len;
	uint16_t frag4; /* flags and offset */
	bool partial;   /* leave the checksum of TCP and UDP to offload */
};

/* From 198.51.100.9 / 2001:db8:99::9 port 4711 to 203.0.113.10 /
 * 2001:db8:113::10 port 443. Returns the length. */
size_t l3_build(uint8_t out[L3_MAX], const struct l3_spec *);

/* Byte i of every payload. */
uint8_t l3_pattern(size_t i);

/* The one's complement sum of the bytes as big endian words, and its use. */
uint32_t l3_plain_sum(uint32_t sum, const uint8_t *p, size_t len);
uint16_t l3_plain_checksum(uint32_t sum);
uint32_t l3_plain_pseudo(const uint8_t *l3, uint8_t protocol, size_t l4_len);

/* Puts right what a test changed: the IPv4 header's and the upper layer's
 * checksum. */
void l3_repair(uint8_t *l3, size_t len);

/* Does the packet fill len exactly, with every checksum right? (Of a fragment
 * only the IP header is looked at.) */
bool l3_sound(const uint8_t *l3, size_t len);

/* Offset and protocol of the upper layer of a well-formed packet; 44 for a
 * fragment of IPv6. */
size_t l3_upper(const uint8_t *l3, uint8_t *protocol);

/* A copy of len bytes with nothing behind it, so that ASan sees a read beyond
 * the end; freed by the caller. */
uint8_t *l3_tight(const uint8_t *data, size_t len);

#endif
