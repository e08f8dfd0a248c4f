/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats: that a node lives, whom it hears, and the digests of what it has.
 * Once a second, and at once when something in them changes. */
#include "config.h"

#include <string.h>

#include "agent/core/core_impl.h"

#define BEAT_EVERY_MS 1000
/* Digests that change in quick succession make one heartbeat. With many nodes
 * it is longer, or a change of each makes one to each of all others. */
#define BEAT_PAUSE_MS      5
#define PEERS_PER_PAUSE_MS 4

static struct mono
next_beat(const struct core *core)
{
	return after_ms(core->cluster.beaten_at,
	    BEAT_PAUSE_MS +
		(uint32_t)core->cluster.n_peers / PEERS_PER_PAUSE_MS);
}

/* Whoever waits for a node to announce, or not, need not wait for the next
 * second. */
static bool
has_news(const struct core *core)
{
	const struct cluster *cl = &core->cluster;

	return cl->beat_now || cl->told.joined != (cl->join == JOIN_IN) ||
	    cl->told.announcing != announce_any(core) ||
	    cl->told.draining != drain_wanted(&core->drain) ||
	    cl->told.installed != serves_plan(core);
}

static void
fill_beat(struct core *core, struct mono now, struct peer_heartbeat *b,
    struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	struct beat *beats = arena_alloc(
	    out->arena, FRESHNESS_MAX, sizeof(*beats));

	if (beats != NULL)
		b->n_beats = freshness_beats(cl->fresh, now, beats);
	b->beats = beats;
	memcpy(b->config, cl->config, sizeof(b->config));
	memcpy(b->persisted, cl->persisted, sizeof(b->persisted));
	memcpy(b->observed, cl->observed, sizeof(b->observed));
	memcpy(b->root, cl->root, sizeof(b->root));
	b->installed = serves_plan(core);
	b->joined = cl->join == JOIN_IN;
	b->announcing = announce_any(core);
	b->draining = drain_wanted(&core->drain);
	b->wall_ms = cl->wall_ms;
}

static struct peer_message *
heartbeat(struct core *core, struct mono now, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_HEARTBEAT);

	if (m == NULL)
		return NULL;
	freshness_beat(core->cluster.fresh, core->cluster.records[0].obs_seq);
	fill_beat(core, now, &m->heartbeat, out);
	return m->heartbeat.beats != NULL ? m : NULL;
}

void
beat_send(struct core *core, struct mono now, struct peer *p,
    struct core_outputs *out)
{
	peer_send(p, heartbeat(core, now, out), out);
}

static void
beat_all(struct core *core, struct mono now, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;
	const struct peer_message *m = heartbeat(core, now, out);

	cl->beat_now = false;
	cl->beaten_at = now;
	cl->beat_at = after_ms(now, BEAT_EVERY_MS);
	if (m != NULL) {
		cl->told = m->heartbeat;
		cl->told.beats = NULL;
		cl->told.n_beats = 0;
	}
	peer_send_all(core, m, out);
}

static void
take_beats(struct core *core, struct mono now, struct peer *p,
    const struct peer_heartbeat *b, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	for (size_t i = 0; i < b->n_beats; i++) {
		bool direct = i == 0;

		/* Nobody speaks for another as for himself. */
		if (direct && strcmp(b->beats[i].node, p->node->name) != 0)
			continue;
		if (freshness_hear(cl->fresh, now, &b->beats[i], direct) !=
		    BEAT_REFUTE)
			continue;
		cluster_dirty(core);
		cl->beat_now = true;
		if (freshness_duplicate(cl->fresh, now))
			core_say(out, CORE_ALARM,
			    "another node calls itself %s",
			    core->file->node_name);
	}
	cl->recount = true;
}

void
beat_hear(struct core *core, struct mono now, struct peer *p,
    const struct peer_heartbeat *b, struct core_outputs *out)
{
	struct cluster *cl = &core->cluster;

	take_beats(core, now, p, b, out);
	p->beat = *b;
	p->beat.beats = NULL;
	p->beat.n_beats = 0;
	p->clock_ms = (int64_t)(b->wall_ms - cl->wall_ms);
	if (memcmp(b->root, cl->root, sizeof(cl->root)) == 0)
		p->root_differs = (struct mono){INT64_MAX};
	else if (p->root_differs.us == INT64_MAX)
		p->root_differs = now;
	sync_compare(core, now, p, b, !p->beat_heard, out);
	p->beat_heard = true;
}

void
beat_tick(struct core *core, struct mono now, struct core_outputs *out)
{
	if (reached(now, core->cluster.beat_at) ||
	    (has_news(core) && reached(now, next_beat(core))))
		beat_all(core, now, out);
}

struct mono
beat_wakeup(const struct core *core)
{
	struct mono next = core->cluster.beat_at;

	if (has_news(core))
		earlier(&next, next_beat(core));
	return next;
}
