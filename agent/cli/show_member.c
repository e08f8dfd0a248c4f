/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/cli.h"
#include "agent/cli/show.h"

double
show_total_weight(const struct control_service *s)
{
	double all = 0;

	for (size_t i = 0; i < s->n_members; i++)
		all += (double)s->members[i].weight * s->members[i].phi;
	return all;
}

double
show_target(const struct control_member *m, double all)
{
	return all > 0 ? 100.0 * m->weight * m->phi / all : 0;
}

double
show_share(const struct control_service *s, const struct control_member *m)
{
	/* With nobody to take them, slots keep their owner's name only. */
	return s->taking > 0 ? 100.0 * m->slots / s->table_size : 0;
}

json_t *
show_member_json(
    const struct control_service *s, const struct control_member *m, double all)
{
	json_t *o = cli_json(json_pack(
	    "{s:o, s:i, s:i, s:s, s:s, s:i, s:f, s:f, s:I, s:I, s:o, s:o, s:o}",
	    "address", show_addr_json(&m->addr), "weight", (int)m->weight,
	    "phi", (int)m->phi, "intent", m->intent, "health", m->health,
	    "slots", (int)m->slots, "share_percent", show_share(s, m),
	    "target_percent", show_target(m, all), "packets",
	    (json_int_t)m->packets, "bytes", (json_int_t)m->bytes, "resolved",
	    cli_json(
		s->has_installed ? json_boolean(m->resolved) : json_null()),
	    "interface", show_interface_json(m->interface), "next_hop_mac",
	    show_mac_json(m->has_mac, m->mac)));

	json_object_update_new(o,
	    cli_json(json_pack("{s:I, s:I, s:s, s:s, s:I}", "votes_up",
		(json_int_t)m->votes_up, "votes_down",
		(json_int_t)m->votes_down, "own", m->own, "own_why", m->own_why,
		"own_since_s", (json_int_t)m->own_since_s)));
	return o;
}
