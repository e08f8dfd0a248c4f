/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet costs whose slot asks for its flow's entry, which is there, by
 * how many flows there are; fetched ahead, and not. */
#include "config.h"

#include "balancer/core/flows.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"

#define ROUNDS  7
#define PACKETS (1u << 20)
#define BATCH   32

static struct flows flows;
static struct service_fwd service = {.number = 1};
static const uint16_t slots[2] = {1 | SLOT_ASK, 1 | SLOT_ASK};
static const uint16_t settled[2] = {0, 0}, numbers[2] = {0, 1};
static const uint16_t positions[2] = {0, 1};
static const struct tables tables = {.services = &service,
    .slots = slots,
    .settled = settled,
    .numbers = numbers,
    .positions = positions,
    .slot_mask = 1,
    .backend_mask = 1,
    .number_mask = 1};

static uint64_t
hash_of(uint32_t flow)
{
	return hash_finish(flow + 1);
}

static uint32_t
send(uint32_t flow, enum flow_packet packet)
{
	const struct route route = {.hash = hash_of(flow)};

	return flow_choose(&tables, &flows, &route, packet);
}

/* Packets of n flows in an order that no cache foresees. */
static double
measure(uint32_t n, bool ahead)
{
	double ns[ROUNDS], began;
	uint32_t sum = 0;

	for (int round = 0; round < ROUNDS; round++) {
		began = bench_cpu_s();
		for (uint32_t i = 0; i < PACKETS; i += BATCH) {
			for (uint32_t j = i; ahead && j < i + BATCH; j++)
				flows_prefetch(&flows, hash_of(j * 40503u % n));
			for (uint32_t j = i; j < i + BATCH; j++)
				sum += send(j * 40503u % n, FLOW_PACKET_TCP);
		}
		ns[round] = (bench_cpu_s() - began) / PACKETS * 1e9;
		if (sum == 0)
			bench_fail("no flow has an entry");
	}
	return bench_median(ns, ROUNDS);
}

static void
begin(uint32_t n)
{
	void *memory = aligned_alloc(
	    64, (flows_size(flows_round(4 * n)) + 63) / 64 * 64);

	if (memory == NULL)
		bench_fail("out of memory");
	for (size_t i = 0; i < flows_size(flows_round(4 * n)); i++)
		((uint8_t *)memory)[i] = 0;
	flows_lay(&flows, memory, flows_round(4 * n));
	for (uint32_t i = 0; i < n; i++) {
		send(i, FLOW_PACKET_SYN);
		send(i, FLOW_PACKET_TCP);
	}
}

int
main(void)
{
	const uint32_t counts[] = {1, 1000, 65536, 262144};
	char name[64];

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		begin(counts[i]);
		snprintf(name, sizeof(name), "flows.found_%u", counts[i]);
		bench_figure(name, measure(counts[i], false), "ns");
		snprintf(name, sizeof(name), "flows.found_%u_ahead", counts[i]);
		bench_figure(name, measure(counts[i], true), "ns");
		free(flows.entries);
	}
	return EXIT_SUCCESS;
}
