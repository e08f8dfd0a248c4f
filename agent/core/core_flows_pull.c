/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls: a whole copy of what a peer has, one at a time, part by part. Of a
 * balancer that has come up, before this node announces (join); of one who
 * told something that did not come here (gap); and of settled alone, where it
 * is another one than that of the node with the smallest name (heal). */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

/* A node that is alone, or whose peers cannot answer, announces then. */
#define JOIN_MS          5000
#define JOIN_RETRY_MS    200
#define PART_MS          2000
#define HEAL_MS          10000
#define GAP_PAUSE_MIN_MS 5000
#define GAP_PAUSE_MAX_MS 20000
/* Between any two, so that a node that has just come up does not ask all others
 * at the same time. */
#define GAP_EVERY_MS 100
#define NEVER        ((struct mono){INT64_MAX})

static bool
wants_join(const struct core *core)
{
	return flows_shared(core) && core->cluster.join == JOIN_IN &&
	    !core->flows.joined;
}

bool
flows_join_pending(const struct core *core)
{
	return wants_join(core);
}

static void
ask_part(struct core *core, struct mono now, struct peer *p, uint32_t cursor,
    struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;
	struct peer_message *m = peer_message_put(out, PEER_FLOW_PULL);

	pull->deadline = after_ms(now, PART_MS);
	if (m == NULL)
		return; /* and the deadline passes */
	m->flow_pull.pull = pull->number;
	m->flow_pull.settled = pull->settled;
	m->flow_pull.cursor = cursor;
	peer_send(p, m, out);
}

/* What it has taken in so far may be on its way to the balancer. */
static void
clear(struct core *core)
{
	struct flows *f = &core->flows;

	if (f->pull.arena != NULL) {
		arena_free(f->retired);
		f->retired = f->pull.arena;
	}
	f->pull = (struct flow_pull){.purpose = PULL_NOTHING};
}

static void
begin(struct core *core, struct mono now, struct peer *p,
    enum flow_pull_for purpose, bool settled, struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;

	clear(core);
	pull->purpose = purpose;
	pull->number = ++core->flows.last_number;
	pull->session = p->session;
	text_copy(pull->node, sizeof(pull->node), p->node->name);
	pull->settled = settled;
	if (purpose != PULL_HEAL) {
		pull->had_gap = p->flows.gap;
		p->flows.gap = false;
	}
	ask_part(core, now, p, 0, out);
}

static void
fail(struct core *core, struct mono now)
{
	const struct flow_pull *pull = &core->flows.pull;
	struct peer *p = peer_find(core, pull->node);

	if (p != NULL)
		p->flows.gap |= pull->had_gap;
	clear(core);
	core->flows.retry_at = after_ms(now, JOIN_RETRY_MS);
	core->flows.retries = true;
}

static void
finish(struct core *core, struct peer *p, struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;

	if (pull->purpose == PULL_JOIN) {
		core->flows.joined = true;
		core_say(out, CORE_INFO,
		    "flows: %llu entries taken over from node %s",
		    (unsigned long long)pull->taken, p->node->name);
	} else if (pull->purpose == PULL_HEAL) {
		core_say(out, CORE_WARNING,
		    "flows: what slots settled on differed for 10 s; taken "
		    "over from node %s",
		    p->node->name);
	}
	clear(core);
}

static void
go_on(struct core *core, struct mono now, struct peer *p,
    struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;

	if (pull->more) {
		ask_part(core, now, p, pull->next, out);
	} else if (pull->settled && pull->purpose == PULL_JOIN) {
		pull->settled = false;
		ask_part(core, now, p, 0, out);
	} else {
		finish(core, p, out);
	}
}

void
pull_goes_on(struct core *core, struct mono now, uint64_t number, bool refused,
    struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;
	struct peer *p = peer_of_session(core, pull->session);

	if (pull->purpose == PULL_NOTHING || pull->number != number)
		return;
	if (p == NULL || refused)
		fail(core, now);
	else
		go_on(core, now, p, out);
}

/* Is it the part that is awaited, and of our seed? */
static bool
fits(struct core *core, struct mono now, const struct peer *p, uint64_t number,
    bool settled, bool unable, uint64_t print)
{
	const struct flow_pull *pull = &core->flows.pull;

	if (pull->purpose == PULL_NOTHING || pull->session != p->session ||
	    pull->number != number || pull->settled != settled)
		return false;
	if (!unable && print == core->flows.print)
		return true;
	fail(core, now);
	return false;
}

void
pull_heard_page(struct core *core, struct mono now, struct peer *p,
    const struct peer_flow_page *page, struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;
	struct flow_request *q;

	if (!fits(core, now, p, page->pull, false, page->unable,
		page->flows.seed_print))
		return;
	pull->next = page->next;
	pull->more = page->more;
	pull->taken += flow_batch_count(&page->flows);
	if (flow_batch_count(&page->flows) == 0) {
		go_on(core, now, p, out);
		return;
	}
	if (!flows_can_ask(core) ||
	    (q = flows_request(out, FLOW_LEARN)) == NULL) {
		fail(core, now);
		return;
	}
	q->flows = &page->flows;
	pull->deadline = after_ms(now, PART_MS);
	flows_ask(
	    core, now, q, (struct flow_asked){.number = pull->number}, out);
}

/* Behind what has come so far. Positions of backends are the part's own. */
static int
append(struct flow_pull *pull, const struct settled_batch *part)
{
	struct settled_batch *all = &pull->batch;
	size_t n = all->n_services + part->n_services;
	size_t n_backends = all->n_backends + part->n_backends;
	struct settled_service *services;
	struct addr *backends;

	if (pull->arena == NULL && (pull->arena = arena_new()) == NULL)
		return -1;
	if (n_backends > FORWARDING_MAX_BACKENDS ||
	    settled_batch_count(all) + settled_batch_count(part) >
		SETTLED_SLOTS_MAX)
		return -1;
	services = arena_alloc(pull->arena, n, sizeof(*services));
	backends = arena_alloc(pull->arena, n_backends, sizeof(*backends));
	if (services == NULL || backends == NULL)
		return -1;
	if (all->n_services > 0)
		memcpy(services, all->services,
		    all->n_services * sizeof(*services));
	if (all->n_backends > 0)
		memcpy(backends, all->backends,
		    all->n_backends * sizeof(*backends));
	if (part->n_backends > 0)
		memcpy(backends + all->n_backends, part->backends,
		    part->n_backends * sizeof(*backends));
	for (size_t i = 0; i < part->n_services; i++) {
		const struct settled_service *from = &part->services[i];
		struct settled_service *to = &services[all->n_services + i];

		*to = *from;
		to->name = arena_copy(
		    pull->arena, from->name, strlen(from->name));
		to->slots = arena_alloc(
		    pull->arena, from->n_slots, sizeof(*to->slots));
		if (to->name == NULL || to->slots == NULL)
			return -1;
		for (size_t j = 0; j < from->n_slots; j++) {
			to->slots[j] = from->slots[j];
			to->slots[j].backend += (uint16_t)all->n_backends;
		}
	}
	*all = (struct settled_batch){
	    part->seed_print, backends, n_backends, services, n};
	return 0;
}

void
pull_heard_settled(struct core *core, struct mono now, struct peer *p,
    const struct peer_flow_settled *part, struct core_outputs *out)
{
	struct flow_pull *pull = &core->flows.pull;
	struct flow_request *q;

	if (!fits(core, now, p, part->pull, true, part->unable,
		part->settled.seed_print))
		return;
	if (append(pull, &part->settled) == -1) {
		fail(core, now);
		return;
	}
	pull->more = part->more;
	if (part->more) {
		ask_part(core, now, p, part->next, out);
		return;
	}
	if (!flows_can_ask(core) ||
	    (q = flows_request(out, FLOW_SETTLE)) == NULL) {
		fail(core, now);
		return;
	}
	q->settled = &pull->batch;
	pull->deadline = after_ms(now, PART_MS);
	flows_ask(
	    core, now, q, (struct flow_asked){.number = pull->number}, out);
}

void
pull_begin_anew(struct core *core)
{
	struct flows *f = &core->flows;

	clear(core);
	f->joined = false;
	f->join_since = f->differs_since = NEVER;
	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		struct peer_flows *p = &core->cluster.peers[i].flows;

		p->tried_at = (struct mono){0};
		p->gap = p->known; /* all of it */
	}
}

/* Is it better to ask p than q? One that knows what the others know; of these
 * the one that was not asked for the longest time. */
static bool
is_better(const struct peer *p, const struct peer *q)
{
	if (q == NULL || p->flows.joined != q->flows.joined)
		return q == NULL || p->flows.joined;
	return p->flows.tried_at.us < q->flows.tried_at.us;
}

/* Of those that speak of flows. */
static struct peer *
choose(struct core *core)
{
	struct cluster *cl = &core->cluster;
	struct peer *best = NULL;

	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];

		if (flows_speaks(p) && !p->stuck && p->beat_heard &&
		    p->beat.joined && is_better(p, best))
			best = p;
	}
	return best;
}

static bool
talks(const struct core *core)
{
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (core->cluster.peers[i].state == PEER_TALKING)
			return true;
	return false;
}

/* Does a join take its settled, too? Not where it is the same, nor, where all
 * begin at the same time, in place of something that is known. What is told to
 * be nothing may be out of date. */
static bool
wants_settled(const struct flows *f, const struct peer *p)
{
	static const uint8_t nothing[REPLICA_DIGEST_LEN];

	if (!f->has_settled ||
	    memcmp(f->settled, nothing, sizeof(nothing)) == 0)
		return true;
	return p->flows.joined &&
	    (!p->flows.has_settled ||
		memcmp(f->settled, p->flows.settled, sizeof(f->settled)) != 0);
}

static void
join(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct peer *p;

	if (f->join_since.us == INT64_MAX)
		f->join_since = now;
	if (!talks(core)) {
		f->joined = true;
	} else if (reached(now, after_ms(f->join_since, JOIN_MS))) {
		f->joined = true;
		f->stats.joins_missed++;
		core_say(out, CORE_WARNING,
		    "flows: no other node has told what it knows of "
		    "connections in 5 s; going on without");
	} else if (f->link == LINK_UP && f->pull.purpose == PULL_NOTHING &&
	    (p = choose(core)) != NULL) {
		p->flows.tried_at = now;
		begin(core, now, p, PULL_JOIN, wants_settled(f, p), out);
	}
}

/* The one with the smallest name, of those whose tables are ours. NULL: that
 * is this node. */
static struct peer *
leader(struct core *core)
{
	struct cluster *cl = &core->cluster;
	struct peer *first = NULL;

	for (size_t i = 0; i < cl->n_peers; i++) {
		struct peer *p = &cl->peers[i];

		if (flows_speaks(p) && p->flows.has_settled && p->beat_heard &&
		    p->beat.installed && p->root_differs.us == INT64_MAX &&
		    strcmp(p->node->name, core->file->node_name) < 0 &&
		    (first == NULL ||
			strcmp(p->node->name, first->node->name) < 0))
			first = p;
	}
	return first;
}

static void
heal(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct peer *p = leader(core);

	if (p == NULL || !f->has_settled || !serves_plan(core) ||
	    memcmp(f->settled, p->flows.settled, sizeof(f->settled)) == 0) {
		f->differs_since = NEVER;
		return;
	}
	if (f->differs_since.us == INT64_MAX)
		f->differs_since = now;
	if (!lasts(f->differs_since, now, HEAL_MS) ||
	    f->pull.purpose != PULL_NOTHING || f->link != LINK_UP)
		return;
	f->differs_since = now;
	f->stats.heals++;
	begin(core, now, p, PULL_HEAL, true, out);
}

static bool
has_gap(const struct peer *p)
{
	return p->flows.gap && flows_speaks(p) && !p->stuck;
}

static void
fill_gaps(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;

	if (!f->joined || f->link != LINK_UP || !reached(now, f->gap_at))
		return;
	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		struct peer *p = &core->cluster.peers[i];
		uint32_t pause = p->flows.pull_pause_ms * 2;

		if (f->pull.purpose != PULL_NOTHING)
			return;
		if (!has_gap(p) || !reached(now, p->flows.pull_at))
			continue;
		/* One that loses again and again is asked less often. */
		if (pause == 0 ||
		    reached(now, after_ms(p->flows.pull_at, GAP_PAUSE_MAX_MS)))
			pause = GAP_PAUSE_MIN_MS;
		if (pause > GAP_PAUSE_MAX_MS)
			pause = GAP_PAUSE_MAX_MS;
		p->flows.pull_pause_ms = pause;
		p->flows.pull_at = after_ms(now, pause);
		f->gap_at = after_ms(now, GAP_EVERY_MS);
		f->stats.pulls++;
		begin(core, now, p, PULL_GAP, false, out);
	}
}

void
pull_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct peer *p;

	if (!flows_shared(core))
		return;
	if (f->pull.purpose != PULL_NOTHING) {
		p = peer_of_session(core, f->pull.session);
		if (p == NULL || reached(now, f->pull.deadline))
			fail(core, now);
	}
	if (wants_join(core) && serves_plan(core) &&
	    reached(now, f->retry_at)) {
		f->retries = false;
		join(core, now, out);
	}
	heal(core, now, out);
	fill_gaps(core, now, out);
}

static struct mono
later(struct mono a, struct mono b)
{
	return a.us > b.us ? a : b;
}

/* What else there is to do follows on what peers say. */
static struct mono
join_wakeup(const struct core *core)
{
	const struct flows *f = &core->flows;
	struct mono next = NEVER;

	if (!wants_join(core) || !serves_plan(core))
		return next;
	if (f->join_since.us != INT64_MAX)
		next = later(after_ms(f->join_since, JOIN_MS), f->retry_at);
	if (f->retries)
		earlier(&next, f->retry_at);
	return next;
}

static struct mono
gap_wakeup(const struct core *core)
{
	const struct flows *f = &core->flows;
	struct mono next = NEVER;

	if (!f->joined || f->link != LINK_UP)
		return next;
	for (size_t i = 0; i < core->cluster.n_peers; i++)
		if (has_gap(&core->cluster.peers[i]))
			earlier(&next,
			    later(core->cluster.peers[i].flows.pull_at,
				f->gap_at));
	return next;
}

struct mono
pull_wakeup(const struct core *core)
{
	struct mono next = join_wakeup(core);

	if (!flows_shared(core))
		return NEVER;
	if (core->flows.pull.purpose != PULL_NOTHING)
		return core->flows.pull.deadline;
	earlier(&next, gap_wakeup(core));
	return next;
}
