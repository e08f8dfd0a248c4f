/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/bird/exports.h"
#include "agent/bird/show.h"

/* BIRD's codes for errors that are none to us. */
#define CODE_NO_PROTOCOLS 8003
#define CODE_RECONFIGURED 8004

/* For a session with channels of either family. */
#define HOST_ROUTES \
	"where (net.type = NET_IP4 && net.len = 32) || " \
	"(net.type = NET_IP6 && net.len = 128)"

_Static_assert(SHOW_NAME_MAX + sizeof(HOST_ROUTES) + 32 < READING_COMMAND_MAX,
    "the longest command");

struct reading {
	struct arena *arena;
	struct show_protocols protocols;
	bool has_protocols;
	struct show_session *session; /* whose exports are read; or NULL */
	const char **tables; /* that remain, each once; the first is read */
	size_t n_tables;
	struct exports routes;
	char command[READING_COMMAND_MAX];
};

struct reading *
reading_new(void)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->arena = arena_new()) == NULL) {
		free(r);
		return NULL;
	}
	show_protocols_init(&r->protocols, r->arena);
	exports_init(&r->routes, r->arena);
	snprintf(r->command, sizeof(r->command), "show protocols all");
	return r;
}

void
reading_free(struct reading *r)
{
	if (r == NULL)
		return;
	exports_clear(&r->routes);
	arena_free(r->arena);
	free(r);
}

const char *
reading_command(const struct reading *r)
{
	return r->command[0] != '\0' ? r->command : NULL;
}

static void
add_table(struct reading *r, const char *table)
{
	for (size_t i = 0; i < r->n_tables; i++)
		if (strcmp(r->tables[i], table) == 0)
			return;
	r->tables[r->n_tables++] = table;
}

static int
collect_tables(struct reading *r, struct errmsg *why)
{
	size_t most = r->protocols.n_sessions * SHOW_FAMILIES;
	const struct show_session *s;

	r->tables = arena_alloc(r->arena, most, sizeof(*r->tables));
	if (r->tables == NULL)
		return errmsg_set(why, "out of memory for its tables");
	STAILQ_FOREACH (s, &r->protocols.sessions, entry)
		for (int f = 0; f < SHOW_FAMILIES; f++)
			if (s->channels[f].table != NULL)
				add_table(r, s->channels[f].table);
	return 0;
}

/* A session may be up without its channels: then it exports nothing, and BIRD
 * would answer as if it were down. */
static bool
exports(const struct show_session *s)
{
	return s->state == SHOW_UP &&
	    (s->channels[SHOW_IPV4].up || s->channels[SHOW_IPV6].up);
}

/* Decides on the next command. */
static void
go_on(struct reading *r)
{
	while (r->session != NULL && !exports(r->session))
		r->session = STAILQ_NEXT(r->session, entry);
	if (r->session != NULL)
		snprintf(r->command, sizeof(r->command),
		    "show route exported '%s' " HOST_ROUTES, r->session->name);
	else if (r->n_tables > 0)
		snprintf(r->command, sizeof(r->command),
		    "show route table '%s' " HOST_ROUTES, r->tables[0]);
	else
		r->command[0] = '\0';
}

static int
read_protocols(
    struct reading *r, const struct reply_line *line, struct errmsg *why)
{
	char text[200];

	if (line->code >= REPLY_CODE_FAILED && line->last &&
	    line->code != CODE_NO_PROTOCOLS) {
		reply_printable(
		    text, sizeof(text), line->text, strlen(line->text));
		return errmsg_set(why, "to \"%s\" it says %u %s", r->command,
		    line->code, text);
	}
	if (show_protocols_line(&r->protocols, line, why) == -1)
		return -1;
	if (!line->last)
		return 0;
	r->has_protocols = true;
	r->session = STAILQ_FIRST(&r->protocols.sessions);
	return collect_tables(r, why);
}

/* An error instead of a listing: the session is no longer established, or
 * either is no longer there. */
static int
read_routes(
    struct reading *r, const struct reply_line *line, struct errmsg *why)
{
	enum exports_of what = r->session != NULL ? EXPORTS_SENT
						  : EXPORTS_OF_A_TABLE;

	if (exports_line(&r->routes, line, why) == -1)
		return -1;
	if (!line->last)
		return 0;
	if (line->code >= REPLY_CODE_FAILED)
		what = EXPORTS_OF_NOTHING;
	if (r->session == NULL) {
		r->tables++;
		r->n_tables--;
	} else {
		if (what == EXPORTS_OF_NOTHING) {
			r->session->state = SHOW_DOWN;
			r->session->bgp_state = "Down";
		}
		r->session = STAILQ_NEXT(r->session, entry);
	}
	return exports_end(&r->routes, what, why);
}

enum reading_result
reading_line(
    struct reading *r, const struct reply_line *line, struct errmsg *why)
{
	int rc;

	if (line->last && line->code == CODE_RECONFIGURED)
		return READING_AGAIN;
	rc = r->has_protocols ? read_routes(r, line, why)
			      : read_protocols(r, line, why);
	if (rc == -1)
		return READING_BAD;
	if (line->last)
		go_on(r);
	return READING_ON;
}

static const struct bird_session *
make_sessions(const struct reading *r)
{
	size_t n = r->protocols.n_sessions;
	struct bird_session *sessions, *to;
	const struct show_session *s;
	char info[SHOW_INFO_MAX];

	to = sessions = arena_alloc(r->arena, n, sizeof(*sessions));
	if (sessions == NULL)
		return NULL;
	STAILQ_FOREACH (s, &r->protocols.sessions, entry) {
		to->name = s->name;
		to->established = s->state == SHOW_UP;
		show_info(s, info);
		if ((to->info = arena_copy(r->arena, info, strlen(info))) ==
		    NULL)
			return NULL;
		to->has4 = s->channels[SHOW_IPV4].table != NULL;
		to->has6 = s->channels[SHOW_IPV6].table != NULL;
		to++;
	}
	return sessions;
}

static const struct bird_route *
make_routes(const struct reading *r)
{
	size_t n = r->routes.n_all;
	struct bird_route *routes = arena_alloc(r->arena, n, sizeof(*routes));

	if (routes != NULL && n > 0)
		memcpy(routes, r->routes.all, n * sizeof(*routes));
	return routes;
}

struct bird_report *
reading_report(struct reading *r, const char *version)
{
	struct bird_report *report = arena_alloc(r->arena, 1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->state = BIRD_OK;
	report->why = "";
	report->version = arena_copy(r->arena, version, strlen(version));
	report->sessions = make_sessions(r);
	report->n_sessions = r->protocols.n_sessions;
	report->routes = make_routes(r);
	report->n_routes = r->routes.n_all;
	if (report->version == NULL || report->sessions == NULL ||
	    report->routes == NULL)
		return NULL;
	report->arena = r->arena;
	r->arena = NULL;
	return report;
}
