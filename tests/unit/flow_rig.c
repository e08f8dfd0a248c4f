/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/flow_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Ticks of 24 bits come round while it runs. */
#define BEGINNING_MS (((int64_t)FLOW_TIME_MASK + 1 - 20) * FLOWS_TICK_MS)

void
rig_init(struct rig *r, uint32_t entries)
{
	const uint16_t slots[RIG_SLOTS] = {RIG_CURRENT | SLOT_ASK,
	    RIG_CURRENT | SLOT_ASK, RIG_CURRENT | SLOT_ASK,
	    RIG_CURRENT | SLOT_ASK};
	const uint16_t settled[RIG_SLOTS] = {RIG_SETTLED,
	    RIG_SETTLED | SETTLED_EDGE, RIG_CURRENT | SETTLED_EDGE,
	    RIG_CURRENT};

	memset(r, 0, sizeof(*r));
	entries = flows_round(entries);
	r->memory = aligned_alloc(64, (flows_size(entries) + 63) / 64 * 64);
	ck_assert_ptr_nonnull(r->memory);
	memset(r->memory, 0, flows_size(entries));
	flows_lay(&r->flows, r->memory, entries);
	memcpy(r->slots, slots, sizeof(slots));
	memcpy(r->settled, settled, sizeof(settled));
	memset(r->positions, 0xff, sizeof(r->positions));
	for (uint16_t b = 0; b < RIG_BACKENDS; b++) {
		r->numbers[b] = RIG_NUMBER(b);
		r->positions[RIG_NUMBER(b)] = b;
	}
	r->services[RIG_SERVICE].number = RIG_SERVICE_NUMBER;
	r->tables = (struct tables){
	    .services = r->services,
	    .slots = r->slots,
	    .settled = r->settled,
	    .positions = r->positions,
	    .numbers = r->numbers,
	    .service_mask = 3,
	    .slot_mask = RIG_SLOTS - 1,
	    .backend_mask = RIG_BACKENDS - 1,
	    .number_mask = 63,
	};
	rig_set_time(r, 0);
}

void
rig_clear(struct rig *r)
{
	free(r->memory);
}

void
rig_set_time(struct rig *r, int64_t ms)
{
	flows_set_time(&r->flows, BEGINNING_MS + ms);
}

uint32_t
rig_packet(
    struct rig *r, enum rig_slot slot, uint64_t hash, enum flow_packet packet)
{
	const struct route route = {
	    .hash = hash, .service = RIG_SERVICE, .slot = slot};

	return flow_choose(&r->tables, &r->flows, &route, packet);
}

uint64_t
rig_state(struct rig *r, uint64_t hash)
{
	uint32_t at;

	return flow_find(flows_place(&r->flows, hash).bucket, hash, &at);
}

uint64_t
rig_hash(uint64_t i)
{
	return hash_finish(i * 0x9e3779b97f4a7c15u + 1);
}
