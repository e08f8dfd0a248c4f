/* SPDX-License-Identifier: Apache-2.0 */
/* The part of guideway status that says what is announced. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/columns.h"
#include "agent/cli/show.h"
#include "agent/cli/status.h"

static size_t
count_announced(const struct control_announce *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_vips; i++)
		n += strcmp(a->vips[i].state, "announced") == 0;
	return n;
}

static void
print_drain(const struct control_drain *d)
{
	/* Of one that asks, the condition says all. */
	if (strcmp(d->phase, "off") == 0 || strcmp(d->phase, "asking") == 0)
		return;
	if (strcmp(d->phase, "marked") == 0)
		printf(
		    "drain          marked, withdrawn in %u s\n", d->marked_s);
	else
		printf("drain          %s%s, no packet for a VIP for %u s "
		       "(%u are needed)\n",
		    d->phase, d->gone ? "" : ", routes still seen", d->quiet_s,
		    d->quiet_needed_s);
}

static void
print_bird(const struct control_announce *a)
{
	size_t established = 0;

	if (a->bird_error[0] != '\0') {
		style_print(
		    stdout, STYLE_BAD, "BIRD           %s\n", a->bird_error);
		return;
	}
	for (size_t i = 0; i < a->n_sessions; i++)
		established += a->sessions[i].established;
	style_print(stdout,
	    established > 0 && established == a->n_sessions ? STYLE_GOOD
							    : STYLE_BAD,
	    "BIRD           %s, %zu of %zu BGP sessions established\n",
	    a->bird_version, established, a->n_sessions);
	for (size_t i = 0; i < a->n_sessions; i++)
		if (!a->sessions[i].established)
			style_print(stdout, STYLE_BAD,
			    "               %s: %s\n", a->sessions[i].name,
			    a->sessions[i].info);
}

static void
print_vips(const struct control_announce *a)
{
	struct columns *c;
	char text[ADDR_TEXT_MAX];

	if (a->n_vips == 0)
		return;
	c = columns_new("lllrl");
	columns_head(c, "VIP|ANNOUNCED|KERNEL|BGP|WHY");
	for (size_t i = 0; i < a->n_vips; i++) {
		const struct control_vip *v = &a->vips[i];
		bool good = strcmp(v->state, "announced") == 0 && !v->wrong;

		columns_add(c, STYLE_PLAIN, "%s", addr_format(&v->vip, text));
		columns_add(c, good ? STYLE_GOOD : STYLE_BAD, "%s", v->state);
		columns_add(c, STYLE_PLAIN, "%s",
		    v->kernel[0] != '\0' ? v->kernel : "-");
		if (a->bird_error[0] != '\0' || !v->checked)
			columns_add(c, STYLE_DIM, "?");
		else
			columns_add(c, v->wrong ? STYLE_BAD : STYLE_PLAIN,
			    "%u/%u", v->exported, v->sessions);
		columns_add(c, v->wrong ? STYLE_BAD : STYLE_DIM, "%s", v->why);
	}
	putchar('\n');
	columns_print(c, stdout);
}

void
status_announce_print(const struct control_announce *a)
{
	size_t n;

	if (!a->enabled) {
		printf("announcing     no: announce.enabled is false\n");
		return;
	}
	n = count_announced(a);
	style_print(stdout, a->fit && n == a->n_vips ? STYLE_GOOD : STYLE_BAD,
	    "announcing     %zu of %zu VIPs\n", n, a->n_vips);
	for (size_t i = 0; i < a->n_conditions; i++) {
		const struct control_condition *c = &a->conditions[i];

		if (!c->ok)
			style_print(stdout, STYLE_BAD,
			    "not because    %s: %s\n", c->name, c->detail);
		else if (strcmp(c->name, "routes") == 0)
			printf("routes         %s\n", c->detail);
	}
	print_drain(&a->drain);
	print_bird(a);
}

void
status_announce_print_vips(const struct control_announce *a)
{
	if (a->enabled)
		print_vips(a);
}

static json_t *
conditions_json(const struct control_announce *a)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < a->n_conditions; i++)
		json_array_append_new(list,
		    cli_json(json_pack("{s:s, s:b, s:s}", "name",
			a->conditions[i].name, "ok", a->conditions[i].ok,
			"detail", a->conditions[i].detail)));
	return list;
}

static json_t *
drain_json(const struct control_drain *d)
{
	return cli_json(json_pack("{s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:I}",
	    "phase", d->phase, "operator", d->by_operator, "temporary",
	    d->temporary, "gone", d->gone, "marked_s", (json_int_t)d->marked_s,
	    "quiet_s", (json_int_t)d->quiet_s, "quiet_needed_s",
	    (json_int_t)d->quiet_needed_s, "vip_packets",
	    (json_int_t)d->vip_packets));
}

static json_t *
bird_json(const struct control_announce *a)
{
	json_t *list = cli_json(json_array());

	for (size_t i = 0; i < a->n_sessions; i++)
		json_array_append_new(list,
		    cli_json(json_pack("{s:s, s:b, s:s}", "name",
			a->sessions[i].name, "established",
			a->sessions[i].established, "info",
			a->sessions[i].info)));
	return cli_json(json_pack("{s:s, s:s, s:o}", "error", a->bird_error,
	    "version", a->bird_version, "sessions", list));
}

static json_t *
vips_json(const struct control_announce *a)
{
	json_t *list = cli_json(json_array());
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < a->n_vips; i++) {
		const struct control_vip *v = &a->vips[i];

		json_array_append_new(list,
		    cli_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, "
				       "s:s}",
			"vip", addr_format(&v->vip, text), "state", v->state,
			"kernel", v->kernel, "exported",
			(json_int_t)v->exported, "sessions",
			(json_int_t)v->sessions, "checked", v->checked, "wrong",
			v->wrong, "why", v->why)));
	}
	return list;
}

json_t *
status_announce_json(const struct control_announce *a)
{
	if (!a->enabled)
		return cli_json(json_pack("{s:b}", "enabled", 0));
	return cli_json(json_pack("{s:b, s:b, s:s, s:o, s:o, s:o, s:o}",
	    "enabled", 1, "fit", a->fit, "why", a->why, "conditions",
	    conditions_json(a), "drain", drain_json(&a->drain), "bird",
	    bird_json(a), "vips", vips_json(a)));
}
