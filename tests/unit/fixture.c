/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib.h"
#include "common/log.h"

static const char *const backends[FIXTURE_BACKENDS] = {
    "10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8:b::3", "2001:db8:b::4"};

/* clang-format off */
static const struct {
	const char *name;
	const char *vips[2];
	uint8_t protocol;
	uint16_t port;
	uint8_t first, n; /* backends */
	bool down, refuse;
} services[FIXTURE_SERVICES] = {
	[FIXTURE_4_IN_4] = {"4in4", {"203.0.113.10"}, 6, 80, 0, 3, false, false},
	[FIXTURE_6_IN_4] = {"6in4", {"2001:db8:100::10"}, 6, 80, 0, 3, false, false},
	[FIXTURE_4_IN_6] = {"4in6", {"203.0.113.10"}, 6, 443, 3, 2, false, false},
	[FIXTURE_6_IN_6] = {"6in6", {"2001:db8:100::10"}, 17, 443, 3, 2, false, false},
	[FIXTURE_ANY_PORT] = {"any", {"203.0.113.10", "2001:db8:100::10"}, 17, 0, 0, 3, false, false},
	[FIXTURE_ONE_PORT] = {"dns", {"203.0.113.10"}, 17, 53, 3, 1, false, false},
	[FIXTURE_NO_MEMBERS] = {"none", {"203.0.113.12"}, 6, 80, 0, 0, false, false},
	[FIXTURE_ALL_DOWN] = {"down", {"203.0.113.12"}, 6, 81, 0, 2, true, false},
	[FIXTURE_REFUSE] = {"refuse", {"203.0.113.13"}, 17, 0, 0, 1, false, true},
};
/* clang-format on */

static void *
array(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	GW_ASSERT(p != NULL);
	return p;
}

static struct addr
addr_of(const char *text)
{
	struct addr addr;

	GW_ASSERT(addr_parse(&addr, text) == 0);
	return addr;
}

static void
fill_service(struct forwarding_service *s, size_t i)
{
	size_t n_vips = services[i].vips[1] != NULL ? 2 : 1;

	strcpy(s->name, services[i].name);
	s->table_size = 1024;
	s->refuse_oversize = services[i].refuse;
	s->endpoints = array(n_vips, sizeof(*s->endpoints));
	s->n_endpoints = n_vips;
	for (size_t j = 0; j < n_vips; j++)
		s->endpoints[j] = (struct forwarding_endpoint){
		    addr_of(services[i].vips[j]), services[i].port,
		    services[i].protocol};
	s->members = array(services[i].n, sizeof(*s->members));
	s->n_members = services[i].n;
	for (size_t j = 0; j < services[i].n; j++)
		s->members[j] = (struct forwarding_member){
		    (uint16_t)(services[i].first + j), 1,
		    services[i].down ? 0 : FORWARDING_PHI_FULL,
		    services[i].down};
}

struct forwarding *
fixture_state(void)
{
	struct forwarding *state = forwarding_new();

	GW_ASSERT(state != NULL);
	state->generation = 1;
	for (size_t i = 0; i < sizeof(state->seed); i++)
		state->seed[i] = (uint8_t)i;
	state->source4 = (struct forwarding_source){addr_of("192.0.2.1"), 32};
	state->source6 = (struct forwarding_source){
	    addr_of("2001:db8:ee::1"), 128};
	state->backends = array(FIXTURE_BACKENDS, sizeof(*state->backends));
	state->n_backends = FIXTURE_BACKENDS;
	for (size_t i = 0; i < FIXTURE_BACKENDS; i++)
		state->backends[i] = addr_of(backends[i]);
	state->services = array(FIXTURE_SERVICES, sizeof(*state->services));
	state->n_services = FIXTURE_SERVICES;
	for (size_t i = 0; i < FIXTURE_SERVICES; i++)
		fill_service(&state->services[i], i);
	return state;
}

struct fib *
fixture_fib(uint32_t mtu)
{
	struct fib_next_hop hop = {.resolved = true,
	    .ifindex = 7,
	    .mtu = mtu,
	    .mac = {2, 0, 0, 0, 1, 0},
	    .own_mac = {2, 0, 0, 0, 1, 0xff}};
	struct errmsg why = {""};
	struct fib *fib = fib_new(fixture_state(), NULL, 0, &why);

	if (fib == NULL)
		fatalx("fixture", "%s", why.text);
	for (size_t i = 0; i < FIXTURE_BACKENDS; i++) {
		hop.mac[5] = (uint8_t)i;
		fib_set_next_hop(fib, i, &hop);
	}
	return fib;
}

static uint8_t *
sink_reserve(struct sink *sink, size_t len)
{
	struct fixture_sink *s = (struct fixture_sink *)sink;

	free(s->reserved);
	s->reserved = malloc(len);
	s->reserved_len = len;
	GW_ASSERT(s->reserved != NULL);
	return s->reserved;
}

static void
sink_commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
	struct fixture_sink *s = (struct fixture_sink *)sink;

	GW_ASSERT(s->reserved != NULL && len <= s->reserved_len);
	GW_ASSERT(s->n < FIXTURE_SENT_MAX);
	s->sent[s->n++] = (struct fixture_sent){
	    s->reserved, len, ifindex, input};
	s->reserved = NULL;
}

void
fixture_sink_init(struct fixture_sink *s)
{
	memset(s, 0, sizeof(*s));
	s->sink.reserve = sink_reserve;
	s->sink.commit = sink_commit;
}

void
fixture_sink_clear(struct fixture_sink *s)
{
	free(s->reserved);
	s->reserved = NULL;
	for (size_t i = 0; i < s->n; i++)
		free(s->sent[i].data);
	s->n = 0;
}

uint8_t *
fixture_exact(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	GW_ASSERT(copy != NULL);
	memcpy(copy, data, len);
	return copy;
}
