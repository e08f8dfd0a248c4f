/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/bench/xdp_states.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib.h"
#include "common/addr.h"
#include "common/forwarding.h"
#include "tests/bench/bench.h"
#include "tests/bench/packets.h"

#define VIP6      "2001:db8:1::a"
#define CLIENTS   0x0a000000u /* 10.0.0.0/8 */
#define NOT_A_VIP 0xc0000201u /* 192.0.2.1 */
#define TCP_FLAGS 13          /* from the start of its header */
#define TCP_SYN   2
#define IP6_LEN   40

static void *
need(void *p)
{
	if (p == NULL)
		bench_fail("out of memory");
	return p;
}

static struct addr
addr_of(const char *text)
{
	struct addr a;

	if (addr_parse(&a, text) == -1)
		bench_fail("%s: not an address", text);
	return a;
}

static struct addr
addr_of4(uint32_t host)
{
	uint32_t bytes = htonl(host);
	struct addr a;

	if (addr_from_bytes(&a, &bytes, sizeof(bytes)) == -1)
		bench_fail("not an address");
	return a;
}

static uint32_t
first_vip(void)
{
	return ntohl(inet_addr(BENCH_VIP));
}

static void
fill_service(struct forwarding_service *s, uint32_t i, bool alike, bool with6)
{
	const struct forwarding_endpoint endpoints[] = {
	    {addr_of4(first_vip() + i), BENCH_PORT, IPPROTO_TCP},
	    {addr_of4(first_vip() + i), BENCH_PORT, IPPROTO_UDP},
	    {addr_of(VIP6), BENCH_PORT, IPPROTO_TCP}};

	snprintf(s->name, sizeof(s->name), "service-%u", i);
	s->table_size = FORWARDING_TABLE_DEFAULT;
	s->n_endpoints = with6 ? 3 : 2;
	s->endpoints = need(malloc(sizeof(endpoints)));
	memcpy(s->endpoints, endpoints, sizeof(endpoints));
	s->n_members = XDP_STATES_BACKENDS;
	s->members = need(calloc(s->n_members, sizeof(*s->members)));
	for (uint32_t j = 0; j < s->n_members; j++)
		s->members[j] = (struct forwarding_member){
		    (uint16_t)(alike ? j : i + j), 1, FORWARDING_PHI_FULL,
		    false};
}

static struct forwarding *
make_state(uint32_t services, bool alike)
{
	struct forwarding *f = need(forwarding_new());

	f->source4 = (struct forwarding_source){addr_of("192.0.2.1"), 32};
	f->n_backends = XDP_STATES_BACKENDS + (alike ? 0 : services - 1);
	f->backends = need(calloc(f->n_backends, sizeof(*f->backends)));
	for (uint32_t i = 0; i < f->n_backends; i++)
		f->backends[i] = addr_of4(XDP_STATES_FIRST_BACKEND + i);
	f->n_services = services;
	f->services = need(calloc(services, sizeof(*f->services)));
	for (uint32_t i = 0; i < services; i++)
		fill_service(&f->services[i], i, alike, services == 1);
	return f;
}

struct fib *
xdp_states_fib(uint32_t services, bool alike)
{
	const struct fib_next_hop hop = {.resolved = true,
	    .ifindex = if_nametoindex("lo"),
	    .mtu = 1500,
	    .mac = {2, 0, 0, 0, 0, 2},
	    .own_mac = {2, 0, 0, 0, 0, 1}};
	struct errmsg why = {""};
	struct fib *fib = fib_new(make_state(services, alike), NULL, &why);

	if (fib == NULL)
		bench_fail("%s", why.text);
	for (size_t i = 0; i < fib_state(fib)->n_backends; i++)
		fib_set_next_hop(fib, i, &hop);
	return fib;
}

/* Turns the frame of bench_packet into one over IPv6. */
static void
make_ipv6(struct flows *f)
{
	static const uint8_t head[] = {
	    0x60, 0, 0, 0, 0, 0, IPPROTO_TCP, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 2};
	uint8_t *ip = f->frame + FLOWS_LINK_LEN;
	uint32_t payload = f->len - FLOWS_LINK_LEN - 20;
	struct addr vip = addr_of(VIP6);

	memmove(ip + IP6_LEN, ip + 20, payload);
	memset(ip, 0, IP6_LEN);
	memcpy(ip, head, sizeof(head));
	ip[5] = (uint8_t)payload;
	memcpy(ip + 24, &vip, 16);
	f->frame[12] = 0x86;
	f->frame[13] = 0xdd;
	f->len += IP6_LEN - 20;
	f->ip6 = 1;
	f->vip = 0xa;
	f->source = 1;
}

static void
make_ipv4(struct flows *f, enum xdp_packet packet)
{
	uint8_t *ip = f->frame + FLOWS_LINK_LEN, *transport = ip + 20;

	if (packet == XDP_PACKET_UDP) {
		ip[9] = IPPROTO_UDP;
		transport[4] = 0;
		transport[5] = (uint8_t)(f->len - FLOWS_LINK_LEN - 20);
	}
	if (packet == XDP_PACKET_SYN)
		transport[TCP_FLAGS] = TCP_SYN;
	f->vip = packet == XDP_PACKET_NOT_OURS ? NOT_A_VIP : first_vip();
	f->source = CLIENTS;
	memset(ip + 10, 0, 10);
	for (int i = 0; i < 20; i += 2) {
		uint16_t word;

		memcpy(&word, ip + i, 2);
		f->sum += word;
	}
}

void
xdp_states_flows(struct flows *f, enum xdp_packet packet, uint32_t n_flows,
    uint32_t services)
{
	memset(f, 0, sizeof(*f));
	f->len = BENCH_PACKET_LEN;
	f->ports = htonl(BENCH_PORT);
	f->vips = services;
	f->mask = n_flows == FLOWS_NEW_EACH ? FLOWS_NEW_EACH : n_flows - 1;
	bench_packet(f->frame, 0);
	if (packet == XDP_PACKET_IPV6)
		make_ipv6(f);
	else
		make_ipv4(f, packet);
}
