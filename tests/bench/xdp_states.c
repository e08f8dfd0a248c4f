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
#include "tests/bench/flows.h"
#include "tests/bench/packets.h"

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
	    {addr_of(FLOWS_VIP6), BENCH_PORT, IPPROTO_TCP}};

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

static struct fib *
make_fib(struct forwarding *state, const struct fib *prev)
{
	const struct fib_next_hop hop = {.resolved = true,
	    .ifindex = if_nametoindex("lo"),
	    .mtu = 1500,
	    .mac = {2, 0, 0, 0, 0, 2},
	    .own_mac = {2, 0, 0, 0, 0, 1}};
	struct errmsg why = {""};
	struct fib *fib = fib_new(state, prev, 0, &why);

	if (fib == NULL)
		bench_fail("%s", why.text);
	for (size_t i = 0; i < fib_state(fib)->n_backends; i++)
		fib_set_next_hop(fib, i, &hop);
	return fib;
}

struct fib *
xdp_states_fib(uint32_t services, bool alike)
{
	return make_fib(make_state(services, alike), NULL);
}

/* Of two lots of backends, `taking` takes connections. */
static struct forwarding *
make_half(uint32_t taking)
{
	struct forwarding *f = make_state(XDP_STATES_BACKENDS + 1, false);
	struct forwarding_service *s = &f->services[0];

	while (f->n_services > 1) {
		f->n_services--;
		free(f->services[f->n_services].endpoints);
		free(f->services[f->n_services].members);
	}
	free(s->members);
	s->settle_s = FORWARDING_SETTLE_S;
	s->tcp_idle_s = FORWARDING_TCP_IDLE_S;
	s->udp_idle_s = FORWARDING_UDP_IDLE_S;
	s->n_members = f->n_backends = 2 * XDP_STATES_BACKENDS;
	s->members = need(calloc(s->n_members, sizeof(*s->members)));
	for (uint32_t j = 0; j < s->n_members; j++)
		s->members[j] = (struct forwarding_member){(uint16_t)j, 1,
		    j / XDP_STATES_BACKENDS == taking ? FORWARDING_PHI_FULL : 0,
		    false};
	return f;
}

struct fib *
xdp_states_moving_fib(void)
{
	struct fib *before = make_fib(make_half(0), NULL);
	struct fib *fib = make_fib(make_half(1), before);

	fib_free(before);
	return fib;
}
