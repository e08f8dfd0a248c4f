/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the core share. core.c takes events and holds the one way
 * through for changes; core_link.c is the dialogue with the balancer;
 * core_command.c answers operators. */
#ifndef AGENT_CORE_CORE_IMPL_H
#define AGENT_CORE_CORE_IMPL_H

#include "agent/core/core.h"
#include "agent/core/plan.h"
#include "common/view.h"

/* One request per waiting command, and room for our own. */
#define ASKED_MAX (CORE_PENDING_MAX + 8)

enum ask {
	ASK_INSTALL,
	ASK_STATUS,
	ASK_TRACE,
};

/* A request that the balancer has not answered yet. */
struct asked {
	uint64_t id;
	enum ask what;
	bool read_back;
	uint64_t patience_us; /* once it is the oldest */
};

enum link {
	LINK_DOWN, /* until dial_at */
	LINK_DIALLING,
	LINK_UP,
};

/* Does the balancer serve the plan? */
enum sync {
	SYNC_UNKNOWN, /* not told yet */
	SYNC_GOOD,
	SYNC_REFUSED, /* it could not install the plan */
	SYNC_WRONG,   /* it serves something else */
};

/* A command that waits for the balancer's answer `id`. */
struct pending {
	uint64_t client;
	uint64_t id;
	struct control_request request;
	struct mono deadline;
};

struct core {
	struct mono started;
	uint64_t random;
	uint64_t generation;
	struct conf *conf;
	struct view_health health; /* what the checks say */
	struct plan *plan;
	struct errmsg config_error; /* "": the last load was good */

	enum link link;
	struct mono dial_at;
	uint32_t dial_pause_ms;
	struct errmsg lost_why;
	struct asked asked[ASKED_MAX]; /* the oldest first */
	size_t n_asked;
	struct mono oldest_since; /* when asked[0] became the oldest */
	uint64_t last_id;
	struct mono status_at, audit_at;
	struct balancer_reply *heard; /* the last status; NULL: none */

	enum sync sync;
	struct errmsg sync_why;
	uint64_t install_id; /* the newest install */
	bool retry_due;
	struct mono retry_at;
	uint32_t retry_pause_ms;

	struct pending pending[CORE_PENDING_MAX]; /* in order of arrival */
	size_t n_pending;
};

static inline struct mono
after_ms(struct mono t, uint32_t ms)
{
	return (struct mono){t.us + (int64_t)ms * 1000};
}

static inline bool
reached(struct mono now, struct mono t)
{
	return now.us >= t.us;
}

/* Appends an output of this type, zeroed. */
struct core_output *core_put(struct core_outputs *, enum core_output_type);
void core_say(struct core_outputs *, enum core_level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The next of a deterministic sequence (splitmix64). */
uint64_t core_random(struct core *);

void link_init(struct core *, struct mono now);
void link_up(struct core *, struct mono now, struct core_outputs *);
void link_lost(
    struct core *, struct mono now, const char *why, struct core_outputs *);
void link_reply(struct core *, struct mono now, struct balancer_reply *,
    struct core_outputs *);
void link_tick(struct core *, struct mono now, struct core_outputs *);
struct mono link_wakeup(const struct core *);
/* Sends the plan, where there are a plan and a balancer. */
void link_install(struct core *, struct mono now, struct core_outputs *);
/* Asks; the request's id, or 0: the balancer has more than enough to answer. */
uint64_t link_ask_status(
    struct core *, struct mono now, bool read_back, struct core_outputs *);
uint64_t link_ask_trace(struct core *, struct mono now,
    const struct trace_query *, struct core_outputs *);

void command_new(struct core *, struct mono now, uint64_t client,
    const struct control_request *, struct core_outputs *);
void command_gone(struct core *, uint64_t client);
void command_tick(struct core *, struct mono now, struct core_outputs *);
struct mono command_wakeup(const struct core *);
/* The balancer's answer `id` is here. */
void command_answer(struct core *, struct mono now,
    const struct balancer_reply *, struct core_outputs *);
/* There will be no more answers on this connection. */
void command_link_lost(struct core *, struct mono now, struct core_outputs *);

/* report.c: fills a reply from what the core knows. -1: out of memory. */
void report_prepare(struct balancer_status *);     /* sorts it, to find in it */
const char *report_node_name(const struct core *); /* "": not configured */
int report_status(const struct core *, struct mono now, struct arena *,
    struct control_reply *);
int report_service(const struct core *, const char *name, struct arena *,
    struct control_reply *);

#endif
