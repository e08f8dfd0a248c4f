/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "balancer/core/sweeper.h"
#include "balancer/serving.h"
#include "common/arena.h"

static int
fill_tables(struct arena *arena, struct balancer_status *st,
    const struct serving *serving)
{
	const struct forwarding *f = serving_state(serving);

	st->tables = arena_alloc(arena, f->n_services, sizeof(*st->tables));
	if (st->tables == NULL)
		return -1;
	st->n_tables = f->n_services;
	for (size_t i = 0; i < f->n_services; i++) {
		st->tables[i].service = f->services[i].name;
		fib_digest(serving->fib, i, st->tables[i].digest);
	}
	return 0;
}

static int
fill_reasons(
    struct arena *arena, struct balancer_status *st, const struct counters *c)
{
	st->reasons = arena_alloc(arena, REASON_COUNT, sizeof(*st->reasons));
	if (st->reasons == NULL)
		return -1;
	st->n_reasons = REASON_COUNT;
	for (int r = 0; r < REASON_COUNT; r++) {
		st->reasons[r].name = reason_name((enum reason)r);
		st->reasons[r].packets = c->reasons[r];
	}
	return 0;
}

static int
fill_drops(struct arena *arena, struct report_service *to,
    const uint64_t counts[REASON_COUNT])
{
	to->drops = arena_alloc(arena, REASON_COUNT, sizeof(*to->drops));
	if (to->drops == NULL)
		return -1;
	for (int r = 0; r < REASON_COUNT; r++) {
		if (counts[r] == 0 ||
		    reason_verdict((enum reason)r) != VERDICT_DROP)
			continue;
		to->drops[to->n_drops].name = reason_name((enum reason)r);
		to->drops[to->n_drops++].packets = counts[r];
	}
	return 0;
}

/* The sweeper's counts are of its last pass. */
static void
fill_moves(struct report_service *to, const struct serving *serving, size_t i)
{
	struct fib_moving moving = fib_moving(serving->fib, i);
	uint32_t number = fib_service_number(serving->fib, i);

	to->moving = moving.moving;
	to->marked = moving.asking;
	if (serving->sweeper == NULL)
		return;
	to->entries = serving->sweeper->counts[number].entries;
	to->pinned = serving->sweeper->counts[number].pinned;
	to->overflow = __atomic_load_n(
	    &serving->flows.overflow[number], __ATOMIC_RELAXED);
}

static int
fill_services(struct arena *arena, struct balancer_status *st,
    const struct serving *serving, const struct counters *c)
{
	const struct forwarding *f = serving_state(serving);

	st->services = arena_alloc(arena, f->n_services, sizeof(*st->services));
	if (st->services == NULL)
		return -1;
	st->n_services = f->n_services;
	for (size_t i = 0; i < f->n_services; i++) {
		st->services[i].name = f->services[i].name;
		st->services[i].packets = c->services[i].packets;
		st->services[i].bytes = c->services[i].bytes;
		fill_moves(&st->services[i], serving, i);
		if (fill_drops(
			arena, &st->services[i], c->service_reasons[i]) == -1)
			return -1;
	}
	return 0;
}

static int
fill_backends(struct arena *arena, struct balancer_status *st,
    const struct forwarding *f, const struct counters *c)
{
	st->backends = arena_alloc(arena, f->n_backends, sizeof(*st->backends));
	if (st->backends == NULL)
		return -1;
	st->n_backends = f->n_backends;
	for (size_t i = 0; i < f->n_backends; i++) {
		st->backends[i].addr = f->backends[i];
		st->backends[i].packets = c->backends[i].packets;
		st->backends[i].bytes = c->backends[i].bytes;
		st->backends[i].interface = "";
	}
	return 0;
}

int
report_fill(struct arena *arena, struct balancer_status *st,
    const struct serving *serving, const struct counters *c, bool read_back)
{
	const struct forwarding *f = serving_state(serving);

	st->version = PACKAGE_VERSION;
	st->generation = f->generation;
	if (read_back && fill_tables(arena, st, serving) == -1)
		return -1;
	if (fill_reasons(arena, st, c) == -1 ||
	    fill_services(arena, st, serving, c) == -1 ||
	    fill_backends(arena, st, f, c) == -1)
		return -1;
	return 0;
}

void
report_print(FILE *out, const struct balancer_status *st)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < st->n_reasons; i++) {
		if (st->reasons[i].packets > 0)
			fprintf(out, "%-24s %" PRIu64 " packets\n",
			    st->reasons[i].name, st->reasons[i].packets);
	}
	for (size_t i = 0; i < st->n_services; i++) {
		const struct report_service *s = &st->services[i];
		if (s->packets > 0)
			fprintf(out,
			    "service %-16s %" PRIu64 " packets, %" PRIu64
			    " bytes\n",
			    s->name, s->packets, s->bytes);
		if (s->marked > 0 || s->entries > 0 || s->overflow > 0)
			fprintf(out,
			    "service %-16s %" PRIu64 " slots move, %" PRIu64
			    " ask, %" PRIu64 " entries, %" PRIu64
			    " of them pinned, %" PRIu64 " without room\n",
			    s->name, s->moving, s->marked, s->entries,
			    s->pinned, s->overflow);
		for (size_t d = 0; d < s->n_drops; d++)
			fprintf(out, "service %-16s %s %" PRIu64 " packets\n",
			    s->name, s->drops[d].name, s->drops[d].packets);
	}
	for (size_t i = 0; i < st->n_backends; i++) {
		const struct report_backend *b = &st->backends[i];
		if (b->packets > 0)
			fprintf(out,
			    "backend %-16s %" PRIu64 " packets, %" PRIu64
			    " bytes\n",
			    addr_format(&b->addr, text), b->packets, b->bytes);
	}
}

static json_t *
json_counters(const struct report_counter *counters, size_t n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, counters[i].name,
		    json_integer((json_int_t)counters[i].packets));
	return o;
}

static json_t *
json_services(const struct balancer_status *st)
{
	json_t *a = json_array();

	for (size_t i = 0; i < st->n_services; i++) {
		const struct report_service *s = &st->services[i];
		json_array_append_new(a,
		    json_pack("{s:s, s:I, s:I, s:o}", "name", s->name,
			"packets", (json_int_t)s->packets, "bytes",
			(json_int_t)s->bytes, "drops",
			json_counters(s->drops, s->n_drops)));
	}
	return a;
}

static json_t *
json_backends(const struct balancer_status *st)
{
	char text[ADDR_TEXT_MAX];
	json_t *a = json_array();

	for (size_t i = 0; i < st->n_backends; i++) {
		const struct report_backend *b = &st->backends[i];
		json_array_append_new(a,
		    json_pack("{s:s, s:I, s:I}", "address",
			addr_format(&b->addr, text), "packets",
			(json_int_t)b->packets, "bytes", (json_int_t)b->bytes));
	}
	return a;
}

int
report_print_json(FILE *out, const struct balancer_status *st)
{
	json_t *o = json_pack("{s:o, s:o, s:o}", "reasons",
	    json_counters(st->reasons, st->n_reasons), "services",
	    json_services(st), "backends", json_backends(st));
	char *text = o == NULL ? NULL : json_dumps(o, JSON_INDENT(2));
	int r = -1;

	if (text != NULL) {
		fprintf(out, "%s\n", text);
		r = 0;
	}
	free(text);
	json_decref(o);
	return r;
}
