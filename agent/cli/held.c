/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/held.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"

void
held_of(struct held *h, const struct control_held *c)
{
	unsigned zeros = h->zeros;

	*h = (struct held){.n_nodes = c->n_nodes};
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct control_held_node *n = &c->nodes[i];

		if (!n->known) {
			if (h->unknown[0] == '\0')
				snprintf(h->unknown, sizeof(h->unknown), "%s",
				    n->name);
			continue;
		}
		h->n_known++;
		if (n->held.entries > h->most.entries)
			h->most.entries = n->held.entries;
		if (n->held.slots > h->most.slots)
			h->most.slots = n->held.slots;
		if (n->held.packets > h->most.packets)
			h->most.packets = n->held.packets;
	}
	if (h->n_nodes > 0 && h->n_known == h->n_nodes &&
	    h->most.entries == 0 && h->most.slots == 0)
		h->zeros = zeros + 1;
}

bool
held_is_over(const struct held *h)
{
	return h->zeros >= 2;
}

int
held_look(const struct cli *cli, const char *service, const struct addr *addr,
    struct held *h)
{
	struct control_request request = {
	    .kind = CONTROL_HELD, .backend = *addr};
	struct control_reply reply;
	struct arena *arena;

	snprintf(request.service, sizeof(request.service), "%s", service);
	if (cli_ask(cli, &request, &arena, &reply) != CLI_OK)
		return CLI_FAILED;
	held_of(h, &reply.held);
	arena_free(arena);
	return CLI_OK;
}

const char *
held_line(const struct held *h, char buf[HELD_LINE_MAX])
{
	const struct flow_held *m = &h->most;

	if (h->n_known == 0)
		snprintf(buf, HELD_LINE_MAX,
		    "no balancer says what still asks for it");
	else if (m->entries > 0 || m->slots > 0)
		snprintf(buf, HELD_LINE_MAX,
		    "%" PRIu64 " connection%s and %" PRIu64
		    " slot%s still ask for it",
		    m->entries, m->entries == 1 ? "" : "s", m->slots,
		    m->slots == 1 ? "" : "s");
	else if (h->n_known < h->n_nodes)
		snprintf(buf, HELD_LINE_MAX,
		    "nothing asks for it, but node %s has not answered",
		    h->unknown);
	else
		snprintf(buf, HELD_LINE_MAX, "nothing asks for it any more");
	return buf;
}

json_t *
held_json(const struct held *h)
{
	return cli_json(json_pack("{s:I, s:I, s:I, s:I}", "connections",
	    (json_int_t)h->most.entries, "slots", (json_int_t)h->most.slots,
	    "nodes", (json_int_t)h->n_nodes, "nodes_known",
	    (json_int_t)h->n_known));
}
