/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/cli/cli.h"
#include "agent/cli/columns.h"
#include "agent/cli/status.h"

static void
print_count(uint64_t n, const char *what)
{
	char text[UNIT_TEXT_MAX];

	if (n > 0)
		printf("; %s %s", unit_count(n, text), what);
}

void
status_flows_print(const struct control_node *n)
{
	const struct control_flows *f = &n->flows;
	char sent[UNIT_TEXT_MAX], taken[UNIT_TEXT_MAX];

	if (!n->has_flows)
		return;
	if (!f->connected) {
		style_print(stdout, STYLE_BAD,
		    "flows          the balancer does not tell of any\n");
		return;
	}
	printf("flows          %s told, %s learnt", unit_count(f->sent, sent),
	    unit_count(f->taken, taken));
	/* Connections that a change may have broken. */
	print_count(f->dropped, "not told");
	print_count(f->refused, "refused");
	print_count(f->unlearnt, "not learnt");
	print_count(f->heals, "times settled anew");
	print_count(f->joins_missed, "times announced without them");
	print_count(f->flushes_missed, "times drained before all had them");
	putchar('\n');
}

json_t *
status_flows_json(const struct control_node *n)
{
	const struct control_flows *f = &n->flows;
	json_t *o;

	if (!n->has_flows)
		return cli_json(json_null());
	o = cli_json(json_pack("{s:b}", "connected", f->connected));
	json_object_update_new(o,
	    cli_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"sent", (json_int_t)f->sent, "dropped", (json_int_t)f->dropped,
		"taken", (json_int_t)f->taken, "refused",
		(json_int_t)f->refused, "unlearnt", (json_int_t)f->unlearnt,
		"pulls", (json_int_t)f->pulls, "heals", (json_int_t)f->heals,
		"joins_missed", (json_int_t)f->joins_missed, "flushes_missed",
		(json_int_t)f->flushes_missed)));
	return o;
}
