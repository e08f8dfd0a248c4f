/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the core share. core.c takes events and holds the one way
 * through for changes; core_link.c is the dialogue with the balancer;
 * core_command.c answers operators; core_announce.c judges what is announced,
 * core_bird.c what has become of it, and core_drain.c takes the commands for
 * that. core_cluster.h lists those for the cluster, core_flows.h those for flow
 * notices. */
#ifndef AGENT_CORE_CORE_IMPL_H
#define AGENT_CORE_CORE_IMPL_H

#include <string.h>

#include "agent/core/core.h"
#include "agent/core/core_cluster.h"
#include "agent/core/core_flows.h"
#include "agent/core/drain.h"
#include "agent/core/gate.h"
#include "agent/core/plan.h"
#include "common/view.h"

/* One request per waiting command, and room for our own. */
#define ASKED_MAX (CORE_PENDING_MAX + 8)

enum ask {
	ASK_INSTALL,
	ASK_STATUS,
	ASK_TRACE,
	ASK_PING,
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

/* What the kernel's table holds of ours, as last told. */
struct kernel_routes {
	bool device;
	uint32_t ifindex;
	struct vip_route_entry *entries; /* ascending */
	size_t n;
	size_t foreign;
	struct addr a_foreign;
	uint8_t foreign_protocol;
	struct errmsg error;
};

/* What BIRD makes of it, as last read. */
struct bird_view {
	struct bird_report *report; /* NULL: never heard */
	struct mono ask_at;
	struct mono differs_since; /* INT64_MAX: it does not */
	bool told;                 /* the operator, of the difference */
};

struct announce {
	struct mono hold_until; /* a new agent does not judge what it finds */
	struct mono fit_at;     /* when the node was last seen fit */
	struct mono unfit_at;   /* when it was last judged not to be */
	struct mono judge_at;   /* when it is to be judged anew */
	bool kernel_heard;      /* once */
	bool adopted;           /* what was found at the start is taken over */
	bool pong_heard;        /* on this connection */
	bool proven; /* one that tells of the plan, since it was sent */
	bool device; /* the balancer holds the route device ... */
	struct errmsg device_error; /* ... or why not */
	uint64_t generation;        /* that it serves */
	uint64_t next_hops_version;
	bool next_hops_known; /* of that version, and of our plan */
	struct kernel_routes kernel;
	struct vip_route_entry *wanted; /* ascending; room for each VIP */
	size_t n_wanted;
	bool put;               /* it has been put out */
	struct mono changed_at; /* when that was last done */
	struct bird_view bird;
};

/* Replaced in this step: what has been put out may still point at it. */
#define RETIRED_MAX 8 /* changes in one step: of the event, of health, ... */
struct retired {
	struct plan *plan;
	struct spec_view *view; /* NULL: it is in force again */
};

struct core {
	struct mono started;
	uint64_t random;
	uint64_t generation;
	struct conf *file;       /* the configuration file */
	struct spec_view *view;  /* what the cluster makes of it; NULL: none */
	const struct conf *conf; /* in force: of either */
	struct plan *plan;
	struct retired retired[RETIRED_MAX];
	size_t n_retired;
	struct cluster cluster;
	struct errmsg config_error; /* "": the last load was good */

	enum link link;
	struct mono dial_at;
	uint32_t dial_pause_ms;
	struct errmsg lost_why;
	struct asked asked[ASKED_MAX]; /* the oldest first */
	size_t n_asked;
	struct mono oldest_since; /* when asked[0] became the oldest */
	uint64_t last_id;
	struct mono audit_at;
	struct balancer_reply *heard; /* the last status; NULL: none */

	enum sync sync;
	struct errmsg sync_why;
	uint64_t install_id;       /* the newest install */
	bool heard_here;           /* anything, on this connection */
	bool put_off;              /* the plan, by the balancer */
	struct mono put_off_until; /* and for no longer */
	bool retry_due;
	struct mono retry_at;
	uint32_t retry_pause_ms;

	struct mono ping_at;

	struct pending pending[CORE_PENDING_MAX]; /* in order of arrival */
	size_t n_pending;

	struct gate *gate; /* of the plan; NULL without one */
	struct announce announce;
	struct drain drain;
	struct flows flows;
};

static inline struct mono
after_ms(struct mono t, uint32_t ms)
{
	return (struct mono){t.us + (int64_t)ms * 1000};
}

/* Has it been so for so long? since INT64_MAX: it is not so. */
static inline bool
lasts(struct mono since, struct mono now, uint32_t ms)
{
	return since.us != INT64_MAX && now.us >= since.us + (int64_t)ms * 1000;
}

/* What is longer is cut. */
static inline void
text_copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

static inline void
earlier(struct mono *a, struct mono b)
{
	if (b.us < a->us)
		*a = b;
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

/* The one way through: everything that follows from configuration and health is
 * computed aside, then switched in whole; from the generation that is in force
 * until then to the balancer. Takes file and view, either of which may be the
 * one in force again. 0, or -1 with `why`: nothing has changed or is taken. */
int core_apply(struct core *, struct conf *file, struct spec_view *,
    struct mono now, struct core_outputs *, struct errmsg *why);

void link_init(struct core *, struct mono now);
void link_up(struct core *, struct mono now, struct core_outputs *);
void link_lost(
    struct core *, struct mono now, const char *why, struct core_outputs *);
void link_reply(struct core *, struct mono now, struct balancer_reply *,
    struct core_outputs *);
void link_tick(struct core *, struct mono now, struct core_outputs *);
struct mono link_wakeup(const struct core *);
/* Does it owe an answer for longer than one that forwards ever does? */
bool link_silent(const struct core *, struct mono now);
struct mono link_silent_at(const struct core *); /* INT64_MAX: owes none */
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
void command_error(struct core_outputs *, uint64_t client, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Does the balancer serve the plan, as far as is known? */
static inline bool
serves_plan(const struct core *core)
{
	return core->link == LINK_UP && core->sync == SYNC_GOOD;
}

/* Is anything announced at all, by configuration? */
static inline bool
announce_enabled(const struct core *core)
{
	return core->conf != NULL && core->conf->announce.enabled;
}

void announce_init(struct core *, struct mono now);
/* What the node is to serve has only now become known: the routes that are
 * found stay until it can. */
void announce_hold(struct core *, struct mono now);
void announce_clear(struct core *);
/* The gate and the room for another forwarding state, whose names it borrows:
 * made aside (0, or -1: out of memory), then switched in, which cannot fail, or
 * discarded. */
struct announce_next {
	struct gate *gate;
	struct vip_route_entry *wanted;
};
int announce_prepare(const struct core *, const struct conf *,
    const struct forwarding *, struct mono now, struct announce_next *);
void announce_discard(struct announce_next *);
void announce_switch(struct core *, struct announce_next *);
void announce_routes(struct core *, struct mono now, const struct vip_routes *,
    struct core_outputs *);
void announce_pong(
    struct core *, struct mono now, const struct balancer_pong *);
void announce_link_lost(struct core *);
/* The plan is sent. */
void announce_install(struct core *);
/* core->heard is new. */
void announce_count(struct core *, struct mono now);
/* Judges, opens, closes, and puts out what changes. */
void announce_tick(struct core *, struct mono now, struct core_outputs *);
struct mono announce_wakeup(const struct core *);
/* The route that shall stand for a VIP of the gate. */
enum vip_route announce_wanted(const struct core *, const struct gate_vip *);
enum vip_route announce_in_kernel(const struct core *, const struct addr *);
/* Is the node fit to announce? KEEP: cannot tell yet. */
enum gate_verdict announce_verdict(const struct core *, struct mono now);

#define ANNOUNCE_CONDITIONS 6
struct announce_condition {
	const char *name;
	bool ok;
	struct errmsg detail;
};
/* How many there are: one more in a cluster. */
size_t announce_conditions(const struct core *, struct mono now,
    struct announce_condition conditions[ANNOUNCE_CONDITIONS]);
/* Is anything, as far as this node goes? */
static inline bool
announce_any(const struct core *core)
{
	return announce_enabled(core) && core->announce.n_wanted > 0;
}
/* The first that fails; "" for none. */
void announce_obstacle(const struct core *, struct mono now, struct errmsg *);

void bird_heard(struct core *, struct mono now, struct bird_report *,
    struct core_outputs *);
void bird_tick(struct core *, struct mono now, struct core_outputs *);
/* Has it been read since the last change of routes? */
bool bird_is_fresh(const struct core *);
/* What it says of a VIP; NULL: nothing. */
const struct bird_route *bird_find(const struct core *, const struct addr *);
/* The established sessions of the VIP's IP version. */
uint32_t bird_sessions_for(const struct core *, const struct addr *vip);
/* Does it export what it should? false, with the likely cause. */
bool bird_agrees(
    const struct core *, const struct gate_vip *, struct errmsg *cause);

void drain_loaded(struct core *, struct mono now, bool draining,
    const char *trouble, struct core_outputs *);
void drain_accepted(struct core *, uint64_t client,
    const struct control_request *, struct core_outputs *);
void drain_command(struct core *, struct mono now, uint64_t client,
    const struct control_request *, struct core_outputs *);
/* In a cluster: the wish is on the disk. */
void drain_remembered(struct core *, const struct control_request *);
void drain_persisted(
    struct core *, struct mono now, const char *failure, struct core_outputs *);
/* Is nothing of ours announced any more, as far as can be seen? */
bool drain_gone(const struct core *);

/* report.c: fills a reply from what the core knows. -1: out of memory. */
void report_prepare(struct balancer_status *);     /* sorts it, to find in it */
const char *report_node_name(const struct core *); /* "": not configured */
/* Why the balancer does not serve the plan; "": it does. */
const char *report_sync(const struct core *);
/* What the balancer last said of a backend, or NULL. */
const struct report_backend *report_find_backend(
    const struct core *, const struct addr *);
int report_status(const struct core *, struct mono now, struct arena *,
    struct control_reply *);
int report_service(const struct core *, struct mono now, const char *name,
    struct arena *, struct control_reply *);
/* report_cluster.c. */
int report_cluster(const struct core *, struct mono now, struct arena *,
    struct control_reply *);
/* report_announce.c. */
int report_announce(const struct core *, struct mono now, struct arena *,
    struct control_announce *);

#include "agent/core/core_cluster_impl.h"
#include "agent/core/core_flows_impl.h"

#endif
