/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/bench/flows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/bench/packets.h"

#define CLIENTS   0x0a000000u /* 10.0.0.0/8 */
#define NOT_A_VIP 0xc0000201u /* 192.0.2.1 */
#define TCP_FLAGS 13          /* from the start of its header */
#define TCP_SYN   2
#define IP6_LEN   40

/* Turns the frame of bench_packet into one over IPv6. */
static void
make_ipv6(struct flows *f)
{
	static const uint8_t head[] = {
	    0x60, 0, 0, 0, 0, 0, IPPROTO_TCP, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 2};
	uint8_t *ip = f->frame + FLOWS_LINK_LEN;
	uint32_t payload = f->len - FLOWS_LINK_LEN - 20;

	memmove(ip + IP6_LEN, ip + 20, payload);
	memset(ip, 0, IP6_LEN);
	memcpy(ip, head, sizeof(head));
	ip[5] = (uint8_t)payload;
	inet_pton(AF_INET6, FLOWS_VIP6, ip + 24);
	f->frame[12] = 0x86;
	f->frame[13] = 0xdd;
	f->len += IP6_LEN - 20;
	f->ip6 = 1;
	f->vip = 0xa;
	f->source = 1;
}

static void
make_ipv4(struct flows *f, enum flows_packet packet)
{
	uint8_t *ip = f->frame + FLOWS_LINK_LEN, *transport = ip + 20;

	ip[3] = (uint8_t)(f->len - FLOWS_LINK_LEN);
	if (packet == FLOWS_UDP) {
		ip[9] = IPPROTO_UDP;
		transport[4] = 0;
		transport[5] = (uint8_t)(f->len - FLOWS_LINK_LEN - 20);
	}
	if (packet == FLOWS_SYN)
		transport[TCP_FLAGS] = TCP_SYN;
	f->vip = packet == FLOWS_NOT_OURS ? NOT_A_VIP
					  : ntohl(inet_addr(BENCH_VIP));
	f->source = CLIENTS;
	memset(ip + 10, 0, 10);
	for (int i = 0; i < 20; i += 2) {
		uint16_t word;

		memcpy(&word, ip + i, 2);
		f->sum += word;
	}
}

void
flows_init(
    struct flows *f, enum flows_packet packet, uint32_t n_flows, uint32_t vips)
{
	memset(f, 0, sizeof(*f));
	f->len = FLOWS_LEN;
	f->ports = htonl(BENCH_PORT);
	f->vips = vips;
	f->mask = n_flows == FLOWS_NEW_EACH ? FLOWS_NEW_EACH : n_flows - 1;
	bench_packet(f->frame, 0);
	if (packet == FLOWS_IPV6)
		make_ipv6(f);
	else
		make_ipv4(f, packet);
}
