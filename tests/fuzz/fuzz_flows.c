/* SPDX-License-Identifier: Apache-2.0 */
/* Flows (first byte even) and settled slots (odd). What is taken says the same
 * when it is packed and read again. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/budget.h"
#include "common/flows_batch.h"
#include "proto/flows.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
flows(struct arena *arena, const Guideway__Flows__Flows *m)
{
	struct flow_batch batch, again;
	struct errmsg why = {""};

	if (flow_batch_from_message(arena, &batch, m, FLOWS_BATCH_MAX, &why) ==
	    -1) {
		if (why.text[0] == '\0')
			abort();
		return;
	}
	if (flow_batch_from_message(arena, &again,
		flow_batch_to_message(arena, &batch), FLOWS_BATCH_MAX,
		&why) == -1 ||
	    flow_batch_count(&batch) > FLOWS_BATCH_MAX ||
	    flow_batch_count(&again) != flow_batch_count(&batch))
		abort();
}

static void
settled(struct arena *arena, const Guideway__Flows__Settled *m)
{
	struct settled_batch batch, again;
	struct errmsg why = {""};

	if (settled_batch_from_message(
		arena, &batch, m, SETTLED_PART_MAX, &why) == -1) {
		if (why.text[0] == '\0')
			abort();
		return;
	}
	if (settled_batch_from_message(arena, &again,
		settled_batch_to_message(arena, &batch), SETTLED_PART_MAX,
		&why) == -1 ||
	    settled_batch_count(&batch) > SETTLED_PART_MAX)
		abort();
	for (size_t i = 0; i < batch.n_services; i++)
		for (size_t j = 0; j < batch.services[i].n_slots; j++)
			if (batch.services[i].slots[j].slot !=
			    again.services[i].slots[j].slot)
				abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	Guideway__Flows__Flows *f;
	Guideway__Flows__Settled *s;
	struct budget budget;

	if (size == 0 || arena == NULL) {
		arena_free(arena);
		return 0;
	}
	budget_init(&budget, size - 1);
	if (data[0] % 2 == 0) {
		f = guideway__flows__flows__unpack(
		    &budget.allocator, size - 1, data + 1);
		if (f != NULL) {
			flows(arena, f);
			guideway__flows__flows__free_unpacked(
			    f, &budget.allocator);
		}
	} else {
		s = guideway__flows__settled__unpack(
		    &budget.allocator, size - 1, data + 1);
		if (s != NULL) {
			settled(arena, s);
			guideway__flows__settled__free_unpacked(
			    s, &budget.allocator);
		}
	}
	arena_free(arena);
	return 0;
}
