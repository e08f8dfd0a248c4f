/* SPDX-License-Identifier: Apache-2.0 */
/* What a balancer says to guideway capture, and the packets in it, through all
 * that the command does with them. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/cli/capture_text.h"
#include "agent/cli/pcapng.h"
#include "common/arena.h"
#include "common/budget.h"
#include "proto/balancer.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
show(const struct captured *c)
{
	char text[CAPTURE_TEXT_MAX];
	FILE *file = fopen("/dev/null", "w");
	struct pcapng *pcapng;

	if (file == NULL || (pcapng = pcapng_new(file, 128)) == NULL)
		abort();
	(void)pcapng_put(pcapng, &c->packet, c->totals.lost);
	pcapng_end(pcapng, c->totals.lost, 0);
	pcapng_free(pcapng);
	fclose(file);
	(void)capture_line(&c->packet, text);
	json_decref(capture_json(&c->packet));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Guideway__Balancer__Reply *m;
	struct arena *arena = arena_new();
	struct errmsg why = {""};
	struct captured captured;
	struct budget budget;

	budget_init(&budget, size);
	m = guideway__balancer__reply__unpack(&budget.allocator, size, data);
	if (m != NULL &&
	    m->body_case == GUIDEWAY__BALANCER__REPLY__BODY_CAPTURED) {
		if (captured_from_message(
			arena, &captured, m->captured, &why) == -1) {
			if (why.text[0] == '\0')
				abort();
		} else if (captured.has_packet) {
			show(&captured);
		}
	}
	if (m != NULL)
		guideway__balancer__reply__free_unpacked(m, &budget.allocator);
	arena_free(arena);
	return 0;
}
