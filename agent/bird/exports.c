/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/exports.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 256

void
exports_init(struct exports *r, struct arena *arena)
{
	*r = (struct exports){.arena = arena};
}

void
exports_clear(struct exports *r)
{
	free(r->all);
	free(r->listed);
	exports_init(r, NULL);
}

static int
no_memory(struct errmsg *why)
{
	return errmsg_set(why, "out of memory for its routes");
}

static int
too_many(struct errmsg *why)
{
	return errmsg_set(why, "more than %d host routes", EXPORTS_MAX);
}

static int
make_room(struct exports *r, struct errmsg *why)
{
	size_t room = r->room < ROOM_MIN ? ROOM_MIN : 2 * r->room;
	struct exports_entry *more;

	if (r->n_listed == EXPORTS_MAX)
		return too_many(why);
	if (r->n_listed < r->room)
		return 0;
	if ((more = realloc(r->listed, room * sizeof(*more))) == NULL)
		return no_memory(why);
	r->listed = more;
	r->room = room;
	return 0;
}

/* Nearly always the route before has the same: kept once. */
static const char *
keep_source(struct exports *r, const struct show_route *route)
{
	const char *last = r->n_listed > 0 ? r->listed[r->n_listed - 1].source
					   : NULL;

	if (last != NULL && strlen(last) == route->source_len &&
	    memcmp(last, route->source, route->source_len) == 0)
		return last;
	return arena_copy(r->arena, route->source, route->source_len);
}

int
exports_line(
    struct exports *r, const struct reply_line *line, struct errmsg *why)
{
	struct show_route route;
	struct exports_entry entry;

	switch (show_route(line, &route)) {
	case SHOW_NO_ROUTE:
		return 0;
	case SHOW_OTHER_ROUTE:
		r->n_others++;
		return 0;
	case SHOW_HOST_ROUTE:
		break;
	}
	if (make_room(r, why) == -1)
		return -1;
	entry.addr = route.addr;
	entry.place = (uint32_t)r->n_listed;
	if ((entry.source = keep_source(r, &route)) == NULL)
		return no_memory(why);
	r->listed[r->n_listed++] = entry;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct exports_entry *x = a, *y = b;
	int first = addr_cmp(&x->addr, &y->addr);

	if (first != 0)
		return first;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* A session with two channels of one table lists an address twice. */
static void
sort_listed(struct exports *r)
{
	size_t n = 0;

	if (r->n_listed == 0)
		return;
	qsort(r->listed, r->n_listed, sizeof(*r->listed), compare);
	for (size_t i = 1; i < r->n_listed; i++)
		if (addr_cmp(&r->listed[n].addr, &r->listed[i].addr) != 0)
			r->listed[++n] = r->listed[i];
	r->n_listed = n + 1;
}

static void
note(struct bird_route *route, const struct exports_entry *entry,
    enum exports_of what)
{
	if (what == EXPORTS_SENT)
		route->exported++;
	else
		route->learnt = true;
	/* A table's word counts more: it lists the best route first, while a
	 * session may still export another. */
	if (route->source == NULL || what == EXPORTS_OF_A_TABLE)
		route->source = entry->source;
}

/* Which of the two comes first; one that has ended comes last. */
static int
order(const struct exports *r, size_t a, size_t l)
{
	if (a == r->n_all)
		return 1;
	if (l == r->n_listed)
		return -1;
	return addr_cmp(&r->all[a].addr, &r->listed[l].addr);
}

/* Merges what was listed into all; both are sorted. */
static size_t
merge(const struct exports *r, enum exports_of what, struct bird_route *out)
{
	size_t a = 0, l = 0, n = 0;
	int first;

	for (; a < r->n_all || l < r->n_listed; n++) {
		first = order(r, a, l);
		if (first <= 0)
			out[n] = r->all[a++];
		else
			out[n] = (struct bird_route){.addr = r->listed[l].addr};
		if (first >= 0)
			note(&out[n], &r->listed[l++], what);
	}
	return n;
}

int
exports_end(struct exports *r, enum exports_of what, struct errmsg *why)
{
	struct bird_route *all;

	if (what == EXPORTS_OF_NOTHING || r->n_listed == 0) {
		r->n_listed = 0;
		return 0;
	}
	sort_listed(r);
	all = malloc((r->n_all + r->n_listed) * sizeof(*all));
	if (all == NULL)
		return no_memory(why);
	r->n_all = merge(r, what, all);
	r->n_listed = 0;
	free(r->all);
	r->all = all;
	return r->n_all <= EXPORTS_MAX ? 0 : too_many(why);
}
