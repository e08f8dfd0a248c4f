/* SPDX-License-Identifier: Apache-2.0 */
/* Group "core": the packet path in user space, from the frame to the
 * encapsulated packet, against a plain copy of the same frames with room for
 * the outer header in front. One service, 100 backends, 64-byte packets; one
 * flow, always the same 1,024 packets, and 1,048,576 flows, 64 MiB of them.
 * The figures are without the look for checksums that offload left partial, as
 * XDP and the file driver run it; what that adds is told on stderr. */
#include "config.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/forward.h"
#include "common/addr.h"
#include "common/forwarding.h"
#include "tests/bench/bench.h"
#include "tests/bench/packets.h"

#define BACKENDS   100
#define OUTER_LEN  24
#define RING_LEN   256 /* bytes for each packet on its way out */
#define RING       1024
#define MANY_FLOWS (1u << 20)
#define HOT        1024
#define RUNS       15

/* Frames out go round a ring that stays in the cache. */
struct ring {
	struct sink sink;
	uint8_t *memory;
	uint32_t at;
};

static uint8_t *
ring_reserve(struct sink *sink, size_t len)
{
	struct ring *r = (struct ring *)sink;

	return r->memory + (size_t)(r->at % RING) * RING_LEN;
}

static void
ring_commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
	((struct ring *)sink)->at++;
}

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

static struct forwarding *
make_state(void)
{
	struct forwarding *f = need(forwarding_new());
	struct forwarding_service *s;
	char text[ADDR_TEXT_MAX];

	f->source4 = (struct forwarding_source){addr_of("192.0.2.1"), 32};
	f->backends = need(calloc(BACKENDS, sizeof(*f->backends)));
	f->n_backends = BACKENDS;
	f->services = s = need(calloc(1, sizeof(*f->services)));
	f->n_services = 1;
	strcpy(s->name, "web");
	s->table_size = FORWARDING_TABLE_DEFAULT;
	s->endpoints = need(calloc(1, sizeof(*s->endpoints)));
	s->endpoints[0] = (struct forwarding_endpoint){
	    addr_of(BENCH_VIP), BENCH_PORT, IPPROTO_TCP};
	s->n_endpoints = 1;
	s->members = need(calloc(BACKENDS, sizeof(*s->members)));
	s->n_members = BACKENDS;
	for (unsigned i = 0; i < BACKENDS; i++) {
		snprintf(text, sizeof(text), "10.1.0.%u", i + 1);
		f->backends[i] = addr_of(text);
		s->members[i] = (struct forwarding_member){
		    (uint16_t)i, 1, FORWARDING_PHI_FULL, false};
	}
	return f;
}

static struct fib *
make_fib(void)
{
	struct fib_next_hop hop = {.resolved = true,
	    .ifindex = 2,
	    .mtu = 1500,
	    .mac = {2, 0, 0, 0, 0, 2},
	    .own_mac = {2, 0, 0, 0, 0, 1}};
	struct errmsg why = {""};
	struct fib *fib = fib_new(make_state(), NULL, 0, &why);

	if (fib == NULL)
		bench_fail("%s", why.text);
	for (size_t i = 0; i < BACKENDS; i++)
		fib_set_next_hop(fib, i, &hop);
	return fib;
}

struct load {
	const char *name;
	uint8_t *packets;
	uint32_t n; /* of them; each run takes MANY_FLOWS through */
};

static void
make_load(struct load *load, const char *name, uint32_t n, uint32_t flows)
{
	load->name = name;
	load->n = n;
	load->packets = need(malloc((size_t)n * BENCH_PACKET_LEN));
	for (uint32_t i = 0; i < n; i++)
		bench_packet(load->packets + (size_t)i * BENCH_PACKET_LEN,
		    i % flows * 2654435761u >> 8);
}

static double
run_forward(struct forwarder *fw, const struct load *load, struct ring *ring,
    bool fix_checksums)
{
	struct frame frames[FORWARD_BATCH];
	enum reason reasons[FORWARD_BATCH];
	double start = bench_cpu_s();

	fw->fix_checksums = fix_checksums;
	for (uint32_t i = 0; i < MANY_FLOWS; i += FORWARD_BATCH) {
		const uint8_t *p = load->packets +
		    (size_t)(i & (load->n - 1)) * BENCH_PACKET_LEN;

		for (uint32_t j = 0; j < FORWARD_BATCH; j++)
			frames[j] = (struct frame){p + j * BENCH_PACKET_LEN,
			    BENCH_PACKET_LEN, BENCH_PACKET_LEN, 1, 1500};
		forward_batch(
		    fw, frames, FORWARD_BATCH, 1, &ring->sink, reasons);
	}
	return (bench_cpu_s() - start) / MANY_FLOWS;
}

static double
run_copy(const struct load *load, struct ring *ring)
{
	static const uint8_t outer[OUTER_LEN] = {0x45};
	double start = bench_cpu_s();

	for (uint32_t i = 0; i < MANY_FLOWS; i++) {
		uint8_t *out = ring->memory +
		    (size_t)(ring->at++ % RING) * RING_LEN;

		memcpy(out, outer, OUTER_LEN);
		memcpy(out + OUTER_LEN,
		    load->packets +
			(size_t)(i & (load->n - 1)) * BENCH_PACKET_LEN,
		    BENCH_PACKET_LEN);
		BENCH_USE(out);
	}
	return (bench_cpu_s() - start) / MANY_FLOWS;
}

/* Returns the ratio to the copy, of the same runs. */
static double
measure(struct forwarder *fw, const struct load *load, struct ring *ring)
{
	double ours[RUNS], fixing[RUNS], copies[RUNS], a, b;
	uint64_t before = fw->counters->reasons[REASON_FORWARD];

	bench_say("packet path, %s", load->name);
	run_forward(fw, load, ring, false);
	run_copy(load, ring);
	for (int i = 0; i < RUNS; i++) {
		ours[i] = run_forward(fw, load, ring, false);
		fixing[i] = run_forward(fw, load, ring, true);
		copies[i] = run_copy(load, ring);
	}
	if (fw->counters->reasons[REASON_FORWARD] - before !=
	    (uint64_t)MANY_FLOWS * (2 * RUNS + 1))
		bench_fail("not all packets were forwarded");
	a = bench_median(ours, RUNS);
	b = bench_median(copies, RUNS);
	bench_figure(load->name, a * 1e9, "ns");
	bench_say("%s: the copy takes %.3g ns, ratio %.3g", load->name, b * 1e9,
	    a / b);
	bench_say("%s: the look for partial checksums adds %.3g ns", load->name,
	    (bench_median(fixing, RUNS) - a) * 1e9);
	return a / b;
}

int
main(void)
{
	struct fib *fib = make_fib();
	struct forwarder fw = {.fib = fib,
	    .counters = need(counters_new(fib_state(fib), NULL, NULL))};
	struct ring ring = {.sink = {ring_reserve, ring_commit}};
	struct load one, many;
	double ratio;

	ring.memory = need(calloc(RING, RING_LEN));
	make_load(&one, "core.ns.flows_1", HOT, 1);
	make_load(&many, "core.ns.flows_1048576", MANY_FLOWS, MANY_FLOWS);
	ratio = measure(&fw, &one, &ring);
	measure(&fw, &many, &ring);
	bench_figure("core.vs_copy", ratio, "ratio");
	free(one.packets);
	free(many.packets);
	free(ring.memory);
	counters_free(fw.counters);
	fib_free(fib);
	return EXIT_SUCCESS;
}
