/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/bench/packets.h"

#include <string.h>

static uint16_t
ip_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

void
bench_packet(uint8_t p[BENCH_PACKET_LEN], uint32_t flow)
{
	static const uint8_t start[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 8,
	    0, 0x45, 0, 0, BENCH_PACKET_LEN - 14, 0, 0, 0x40, 0, 64, 6, 0, 0,
	    198, 18, 0, 0, 203, 0, 113, 10, 0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1,
	    0x50, 0x10, 0xff, 0xff, 0x12, 0x34};
	uint16_t sum;

	memset(p, 0, BENCH_PACKET_LEN);
	memcpy(p, start, sizeof(start));
	p[28] = (uint8_t)(flow >> 16);
	p[29] = (uint8_t)(flow >> 8);
	p[34] = (uint8_t)(flow | 0x80);
	p[35] = (uint8_t)(flow * 37);
	p[27] = (uint8_t)(18 + (flow >> 7 & 1));
	sum = ip_checksum(p + 14);
	p[24] = (uint8_t)(sum >> 8);
	p[25] = (uint8_t)sum;
}
