/* SPDX-License-Identifier: Apache-2.0 */
/* What BIRD's `show` commands tell, out of the lines of their replies. Pure.
 *
 * BIRD's format is for people, and differs between versions: a line that is not
 * known is passed over. What is taken is checked; names are safe to be sent
 * back to BIRD between apostrophes. */
#ifndef AGENT_BIRD_SHOW_H
#define AGENT_BIRD_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "agent/bird/reply.h"
#include "common/addr.h"
#include "common/arena.h"

#define SHOW_VERSION_MAX 32
#define SHOW_INFO_MAX    256
/* BIRD's own limit is 64. */
#define SHOW_NAME_MAX 128
/* Of BGP. A node has a few; this bounds what a reading may cost. */
#define SHOW_SESSIONS_MAX 1000

/* The version in the greeting or the first line of `show status`: "2.0.12" in
 * "BIRD 2.0.12 ready."; "" for any other text. */
void show_version(const char *text, char version[SHOW_VERSION_MAX]);

enum show_state {
	SHOW_DOWN, /* also while it goes down */
	SHOW_START,
	SHOW_UP, /* for BGP: Established */
};

enum show_family {
	SHOW_IPV4,
	SHOW_IPV6,
	SHOW_FAMILIES,
};

/* What a protocol exchanges with one table. */
struct show_channel {
	const char *table; /* NULL: there is no such channel */
	bool up;
};

/* A protocol of type BGP. Channels of other kinds than plain ipv4 and ipv6 are
 * left out. */
struct show_session {
	STAILQ_ENTRY(show_session) entry;
	const char *name;
	enum show_state state;
	const char *bgp_state; /* "Established", "Active", ...; or NULL */
	const char *error;     /* why it ended last; NULL: no reason known */
	const char *message;   /* the words of who ended it; or NULL */
	struct show_channel channels[SHOW_FAMILIES];
};

/* Reads `show protocols all` line by line. */
struct show_protocols {
	STAILQ_HEAD(, show_session) sessions; /* in BIRD's order */
	size_t n_sessions;

	/* What the next line is about. */
	struct arena *arena;
	struct show_session *session; /* NULL: not one of BGP */
	struct show_channel *channel; /* NULL: none, or of another kind */
};

/* Everything it keeps goes into the arena. */
void show_protocols_init(struct show_protocols *, struct arena *);
/* 0, or -1 with `why`: out of memory, too many, or a name that BIRD would not
 * allow. */
int show_protocols_line(
    struct show_protocols *, const struct reply_line *, struct errmsg *why);

/* One line for people: its state, and what hinders it. Returns out. */
char *show_info(const struct show_session *, char out[SHOW_INFO_MAX]);

/* A line of `show route`. */
enum show_route_kind {
	SHOW_NO_ROUTE,    /* a heading, a next hop, or a further (and worse)
			   * route of the same network */
	SHOW_HOST_ROUTE,  /* the best route of a /32 or a /128 */
	SHOW_OTHER_ROUTE, /* the best route of another network */
};

struct show_route {
	struct addr addr;
	const char *source; /* a protocol's name within the line, not ... */
	size_t source_len;  /* ... terminated; 0: there is none */
};

/* Fills *route for a SHOW_HOST_ROUTE. */
enum show_route_kind show_route(
    const struct reply_line *, struct show_route *route);

#endif
