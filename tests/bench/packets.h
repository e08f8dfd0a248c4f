/* SPDX-License-Identifier: Apache-2.0 */
/* The packets that benchmarks send. */
#ifndef TESTS_BENCH_PACKETS_H
#define TESTS_BENCH_PACKETS_H

#include <stdint.h>

#define BENCH_VIP        "203.0.113.10"
#define BENCH_PORT       80
#define BENCH_PACKET_LEN 64

/* A frame with a TCP acknowledgement to the VIP, of flow `flow` of 2^24, with
 * right IPv4 header checksum; MACs 02:00:00:00:00:01 (to) and :03 (from). */
void bench_packet(uint8_t packet[BENCH_PACKET_LEN], uint32_t flow);

#endif
