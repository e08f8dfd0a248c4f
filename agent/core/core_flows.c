/* SPDX-License-Identifier: Apache-2.0 */
/* Flow notices: the dialogue with the balancer about flows, what it tells to
 * the peers, and what they tell to it. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

#define DIAL_PAUSE_MIN_MS 100
#define DIAL_PAUSE_MAX_MS 2000
#define PATIENCE_MS       5000
#define BEAT_EVERY_MS     1000
/* A full batch means that there is more; the next one comes 10 ms later. */
#define BACKLOG_MS 50
/* What may be told at once, and in a second. A change gives all entries anew;
 * bytes are of a network that carries other things as well. */
#define ENTRIES_BURST      200000
#define ENTRIES_PER_SECOND 10000
#define BYTES_BURST        2000000
#define BYTES_PER_SECOND   20000000
/* Of a batch, about: hash, where and age of an entry; a name, and addresses. */
#define ENTRY_BYTES 14
#define BATCH_BYTES 200

void
flows_init(struct core *core, struct mono now)
{
	struct flows *f = &core->flows;

	f->dial_at = f->beat_at = f->filled_at = f->backlog_until = now;
	f->retry_at = f->gap_at = now;
	f->dial_pause_ms = DIAL_PAUSE_MIN_MS;
	f->entries_left = ENTRIES_BURST;
	f->bytes_left = BYTES_BURST;
	f->join_since = f->differs_since = (struct mono){INT64_MAX};
}

void
flows_free_retired(struct core *core)
{
	arena_free(core->flows.retired);
	core->flows.retired = NULL;
}

void
flows_clear(struct core *core)
{
	flows_free_retired(core);
	arena_free(core->flows.pull.arena);
}

/* The dialogue. */

bool
flows_can_ask(const struct core *core)
{
	return core->flows.link == LINK_UP &&
	    core->flows.n_asked < FLOWS_ASKED_MAX;
}

uint64_t
flows_ask(struct core *core, struct mono now, const struct flow_request *q,
    struct flow_asked about, struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct core_output *o = core_put(out, CORE_FLOWS_ASK);

	if (f->n_asked == 0)
		f->oldest_since = now;
	about.id = o->id = ++f->last_id;
	about.what = q->what;
	o->flow_request = q;
	f->asked[f->n_asked++] = about;
	f->n_learns += q->what == FLOW_LEARN;
	return o->id;
}

/* Does it tell peers of flows, and hear of theirs? */
bool
flows_shared(const struct core *core)
{
	return core->cluster.fresh != NULL &&
	    !core->file->cluster.flows_unshared;
}

/* In the outputs' arena. NULL: out of memory. */
struct flow_request *
flows_request(struct core_outputs *out, enum flow_ask what)
{
	struct flow_request *q = NULL;

	if (out->arena == NULL)
		out->arena = arena_new();
	if (out->arena != NULL)
		q = arena_alloc(out->arena, 1, sizeof(*q));
	if (q != NULL)
		q->what = what;
	return q;
}

static void
follow(struct core *core, struct core_outputs *out)
{
	static const struct flow_request request = {.what = FLOW_FOLLOW};
	struct core_output *o = core_put(out, CORE_FLOWS_ASK);

	o->id = core->flows.follow_id = ++core->flows.last_id;
	o->flow_request = &request;
}

void
flows_up(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;

	if (f->link != LINK_DIALLING)
		return;
	f->link = LINK_UP;
	f->lost_told = false;
	f->follow_id = 0;
	f->backlog_until = now;
	if (flows_shared(core))
		follow(core, out);
	pull_begin_anew(core);
}

/* An answer, or that there will be none. */
static void
answered(struct core *core, struct mono now, const struct flow_asked *a,
    const struct flow_reply *r, struct core_outputs *out)
{
	bool refused = r == NULL || r->refusal != NULL;

	if (a->what == FLOW_LEARN && !refused) {
		core->flows.stats.taken += r->taken;
		core->flows.stats.refused += r->refused;
	}
	switch (a->what) {
	case FLOW_LEARN:
	case FLOW_SETTLE:
		if (a->number != 0 && r != NULL)
			pull_goes_on(core, now, a->number, refused, out);
		break;
	case FLOW_PAGE:
	case FLOW_SETTLED:
		serve_answer(core, a, r, out);
		break;
	case FLOW_HELD:
		held_reply(core, a, r, out);
		break;
	case FLOW_FOLLOW:
		break;
	}
}

void
flows_lost(struct core *core, struct mono now, const char *why,
    struct core_outputs *out)
{
	struct flows *f = &core->flows;
	uint32_t pause = f->dial_pause_ms;
	size_t n = f->n_asked;
	bool was_up = f->link == LINK_UP;

	if (f->link == LINK_DOWN)
		return;
	if (!f->lost_told)
		core_say(out, CORE_WARNING,
		    "balancer: not connected for flows: %s", why);
	f->lost_told = true;
	f->link = LINK_DOWN;
	f->dial_at = after_ms(
	    now, pause / 2 + (uint32_t)(core_random(core) % (pause / 2)));
	f->dial_pause_ms = pause < DIAL_PAUSE_MAX_MS / 2 ? pause * 2
							 : DIAL_PAUSE_MAX_MS;
	f->n_asked = f->n_learns = 0;
	for (size_t i = 0; i < n; i++)
		answered(core, now, &f->asked[i], NULL, out);
	if (!was_up)
		return;
	f->seq++; /* something may have been on its way here */
	pull_begin_anew(core);
}

static void
hang_up(struct core *core, struct mono now, const char *why,
    struct core_outputs *out)
{
	core_put(out, CORE_FLOWS_HANGUP);
	flows_lost(core, now, why, out);
}

/* What the balancer tells. */

static size_t
count_talking(const struct core *core)
{
	size_t n = 0;

	for (size_t i = 0; i < core->cluster.n_peers; i++)
		n += core->cluster.peers[i].state == PEER_TALKING;
	return n;
}

static void
refill(struct flows *f, struct mono now)
{
	int64_t us = now.us - f->filled_at.us;

	if (us > 60 * 1000000)
		us = 60 * 1000000;
	/* What is less than an entry is not lost. */
	if (us < 1000)
		return;
	f->filled_at = now;
	f->entries_left += us * ENTRIES_PER_SECOND / 1000000;
	f->bytes_left += us * BYTES_PER_SECOND / 1000000;
	if (f->entries_left > ENTRIES_BURST)
		f->entries_left = ENTRIES_BURST;
	if (f->bytes_left > BYTES_BURST)
		f->bytes_left = BYTES_BURST;
}

static bool
afford(struct flows *f, size_t n)
{
	int64_t bytes = BATCH_BYTES + (int64_t)n * ENTRY_BYTES;

	if (f->entries_left < (int64_t)n || f->bytes_left < bytes)
		return false;
	f->entries_left -= (int64_t)n;
	f->bytes_left -= bytes;
	return true;
}

/* When half of what may be told is used up, what may be of a flood is left out:
 * flows of which nothing but SYNs was seen, or one packet. Those that are
 * connections are told again when they have shown it. Returns how many. */
static size_t
shed(const struct flows *f, const struct flow_batch *b)
{
	const uint8_t doubtful = FLOW_TOLD_SYN_ONLY | FLOW_TOLD_ONCE;
	size_t n_shed = 0;

	if (f->entries_left > ENTRIES_BURST / 2)
		return 0;
	for (size_t i = 0; i < b->n_services; i++) {
		struct flow_service *s = &b->services[i];
		size_t kept = 0;

		for (size_t j = 0; j < s->n_flows; j++)
			if ((s->flows[j].flags & doubtful) == 0)
				s->flows[kept++] = s->flows[j];
		n_shed += s->n_flows - kept;
		s->n_flows = kept;
	}
	return n_shed;
}

/* One number for all peers: who has not been sent a batch, since it takes
 * nothing, sees that by the next one. What is not told to anybody, to stay
 * within bounds, has none, so that nobody asks for it. */
static void
told(struct core *core, struct mono now, const struct flow_reply *r,
    struct core_outputs *out)
{
	struct flows *f = &core->flows;
	size_t n = flow_batch_count(&r->flows);
	struct peer_message *m;

	if (n == 0 || !flows_shared(core))
		return;
	if (n >= FLOWS_BATCH_MAX)
		f->backlog_until = after_ms(now, BACKLOG_MS);
	refill(f, now);
	f->stats.dropped += shed(f, &r->flows);
	if ((n = flow_batch_count(&r->flows)) == 0)
		return;
	if (r->flows.seed_print != f->print) {
		f->stats.refused += n;
		return;
	}
	if (count_talking(core) == 0) {
		f->seq++;
		return;
	}
	if (!afford(f, n)) {
		f->stats.dropped += n;
		return;
	}
	f->seq++;
	if ((m = peer_message_put(out, PEER_FLOW_BATCH)) == NULL) {
		f->stats.dropped += n;
		return; /* it is asked for */
	}
	m->flow_batch.seq = f->seq;
	m->flow_batch.flows = r->flows;
	f->stats.sent += n;
	for (size_t i = 0; i < core->cluster.n_peers; i++) {
		struct peer *p = &core->cluster.peers[i];

		if (p->state == PEER_TALKING && p->stuck)
			flows_dropped(core, p->session, n);
		peer_send(p, m, out);
	}
}

void
flows_dropped(struct core *core, uint64_t session, size_t n)
{
	struct peer *p = peer_of_session(core, session);

	core->flows.stats.dropped += n;
	if (p != NULL)
		p->flows.dropped += n;
}

void
flows_reply(struct core *core, struct mono now, const struct flow_reply *r,
    struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct flow_asked a;

	if (f->link != LINK_UP)
		return;
	f->dial_pause_ms = DIAL_PAUSE_MIN_MS;
	if (r->id == f->follow_id && r->id != 0) {
		if (r->refusal != NULL)
			core_say(out, CORE_WARNING,
			    "balancer: it tells of no flows: %s", r->refusal);
		else if (r->what == FLOW_FOLLOW)
			told(core, now, r, out);
		return;
	}
	if (f->n_asked == 0 || f->asked[0].id != r->id ||
	    (r->refusal == NULL && f->asked[0].what != r->what)) {
		hang_up(core, now, "it answered what was not asked", out);
		return;
	}
	a = f->asked[0];
	memmove(f->asked, f->asked + 1, --f->n_asked * sizeof(*f->asked));
	f->n_learns -= a.what == FLOW_LEARN;
	f->oldest_since = now;
	answered(core, now, &a, r, out);
}

void
flows_pong(struct core *core, const struct balancer_pong *pong)
{
	struct flows *f = &core->flows;

	f->has_settled = pong->has_settled &&
	    pong->generation == core->generation;
	memcpy(f->settled, pong->settled, sizeof(f->settled));
}

/* What peers tell. */

static void
beat(struct core *core, struct peer *to, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_FLOW_BEAT);

	if (m == NULL)
		return;
	m->flow_beat.seq = core->flows.seq;
	m->flow_beat.joined = core->flows.joined;
	m->flow_beat.has_settled = core->flows.has_settled;
	memcpy(m->flow_beat.settled, core->flows.settled,
	    sizeof(m->flow_beat.settled));
	if (to != NULL)
		peer_send(to, m, out);
	else
		peer_send_all(core, m, out);
}

void
flows_peer_up(struct core *core, struct peer *p, struct core_outputs *out)
{
	struct peer_flows *f = &p->flows;

	f->known = f->known && f->process == p->hello.process;
	f->process = p->hello.process;
	f->beat_heard = f->has_settled = f->owes_ack = false;
	f->acked = 0;
	beat(core, p, out);
	flush_peer_up(core, p, out);
}

/* `seq` is the last number that it has used. What it told before this process
 * met that one is missed as well: who has told of it at a join may have missed
 * the same; and so is what was on its way through an agent that has ended. */
static void
note_seq(struct peer *p, uint64_t seq, uint64_t expected)
{
	if (!p->flows.known || seq != expected)
		p->flows.gap = true;
	p->flows.known = true;
	p->flows.heard_seq = seq;
}

static void
learn(struct core *core, struct mono now, struct peer *p,
    const struct flow_batch *flows, struct core_outputs *out)
{
	struct flows *f = &core->flows;
	struct flow_request *q;
	size_t n = flow_batch_count(flows);

	if (!flows_shared(core))
		return;
	if (flows->seed_print != f->print) {
		f->stats.refused += n;
		return;
	}
	if (f->link != LINK_UP)
		return; /* all is asked for when it is */
	if (!flows_can_ask(core) || f->n_learns >= FLOWS_LEARN_MAX ||
	    (q = flows_request(out, FLOW_LEARN)) == NULL) {
		f->stats.unlearnt += n;
		p->flows.gap = true;
		return;
	}
	q->flows = flows;
	flows_ask(core, now, q, (struct flow_asked){0}, out);
}

static void
hear_beat(struct peer *p, const struct peer_flow_beat *b)
{
	note_seq(p, b->seq, p->flows.heard_seq);
	p->flows.beat_heard = true;
	p->flows.joined = b->joined;
	p->flows.has_settled = b->has_settled;
	memcpy(p->flows.settled, b->settled, sizeof(p->flows.settled));
}

void
flows_heard(struct core *core, struct mono now, struct peer *p,
    const struct peer_message *m, struct core_outputs *out)
{
	switch (m->kind) {
	case PEER_FLOW_BATCH:
		note_seq(p, m->flow_batch.seq, p->flows.heard_seq + 1);
		learn(core, now, p, &m->flow_batch.flows, out);
		break;
	case PEER_FLOW_BEAT:
		hear_beat(p, &m->flow_beat);
		break;
	case PEER_FLOW_MARK:
		flush_heard(core, p, &m->flow_mark);
		break;
	case PEER_FLOW_PULL:
		serve_pull(core, now, p, &m->flow_pull, out);
		break;
	case PEER_FLOW_PAGE:
		pull_heard_page(core, now, p, &m->flow_page, out);
		break;
	case PEER_FLOW_SETTLED:
		pull_heard_settled(core, now, p, &m->flow_settled, out);
		break;
	case PEER_HELD_ASK:
		held_asked(core, now, p, &m->held_ask, out);
		break;
	case PEER_HELD_ANSWER:
		held_answered(core, p->session, &m->held_answer);
		break;
	default:
		break;
	}
}

/* Time. */

static void
note_plan(struct core *core)
{
	struct flows *f = &core->flows;

	if (core->plan == NULL || f->generation == core->generation)
		return;
	f->generation = core->generation;
	f->print = flows_seed_print(core->plan->state->seed);
	f->entries_left = ENTRIES_BURST;
}

static void
link_tick_flows(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;

	if (f->n_asked > 0 &&
	    reached(now, after_ms(f->oldest_since, PATIENCE_MS)))
		hang_up(core, now, "it owes an answer for 5 s", out);
	if (f->link != LINK_DOWN || !serves_plan(core) ||
	    !reached(now, f->dial_at))
		return;
	f->link = LINK_DIALLING;
	core_put(out, CORE_FLOWS_DIAL);
}

void
flows_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	struct flows *f = &core->flows;

	note_plan(core);
	link_tick_flows(core, now, out);
	f->stats.connected = f->link == LINK_UP;
	held_tick(core, now, out);
	if (core->cluster.fresh == NULL || core->conf == NULL)
		return;
	if (f->link == LINK_UP && f->follow_id == 0 && flows_shared(core))
		follow(core, out); /* it is in a cluster only now */
	if (reached(now, f->beat_at)) {
		f->beat_at = after_ms(now, BEAT_EVERY_MS);
		beat(core, NULL, out);
	}
	flush_tick(core, now, out);
	pull_tick(core, now, out);
}

struct mono
flows_wakeup(const struct core *core)
{
	const struct flows *f = &core->flows;
	struct mono next = held_wakeup(core);

	if (f->link == LINK_DOWN && serves_plan(core))
		earlier(&next, f->dial_at);
	if (f->n_asked > 0)
		earlier(&next, after_ms(f->oldest_since, PATIENCE_MS));
	if (core->cluster.fresh == NULL || core->conf == NULL)
		return next;
	earlier(&next, f->beat_at);
	earlier(&next, flush_wakeup(core));
	earlier(&next, pull_wakeup(core));
	return next;
}
