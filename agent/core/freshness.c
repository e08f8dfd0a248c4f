/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/freshness.h"

#include <stdlib.h>
#include <string.h>

#define REFUTES 3 /* within FRESHNESS_REFUTE_MS: a duplicate */

/* What is known of another node. */
struct record {
	struct beat beat;
	bool advanced; /* at all, in this incarnation */
	struct mono advanced_at;
};

struct freshness {
	struct beat own;
	struct record records[FRESHNESS_MAX - 1]; /* ascending by name */
	size_t n;
	struct mono refutes[REFUTES]; /* the last ones, in a ring */
	size_t n_refutes;             /* ever */
	struct mono duplicate_until;
};

uint64_t
freshness_incarnation(uint64_t wall_ms, uint64_t persisted)
{
	/* A wall clock that is beyond all reason would be refused by all. */
	if (wall_ms > FRESHNESS_INCARNATION_MAX / 2)
		wall_ms = 0;
	return wall_ms > persisted ? wall_ms : persisted + 1;
}

struct freshness *
freshness_new(const char *own, uint64_t incarnation)
{
	struct freshness *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	strncpy(f->own.node, own, sizeof(f->own.node) - 1);
	f->own.incarnation = incarnation;
	f->duplicate_until.us = INT64_MIN;
	return f;
}

void
freshness_free(struct freshness *f)
{
	free(f);
}

void
freshness_beat(struct freshness *f, uint64_t obs_seq)
{
	f->own.hb_seq++;
	f->own.obs_seq = obs_seq;
}

void
freshness_leave(struct freshness *f)
{
	f->own.hb_seq++;
	f->own.left = true;
}

const struct beat *
freshness_own(const struct freshness *f)
{
	return &f->own;
}

static bool
within(const struct record *r, struct mono now, int64_t ms)
{
	return r->advanced && now.us - r->advanced_at.us < ms * 1000;
}

static bool
is_fresh(const struct record *r, struct mono now)
{
	return !r->beat.left && within(r, now, FRESHNESS_FRESH_MS);
}

static void
note_refute(struct freshness *f, struct mono now)
{
	/* Where the next one is written, the oldest stands. */
	struct mono *oldest;

	f->refutes[f->n_refutes++ % REFUTES] = now;
	oldest = &f->refutes[f->n_refutes % REFUTES];
	if (f->n_refutes >= REFUTES &&
	    now.us - oldest->us <= FRESHNESS_REFUTE_MS * INT64_C(1000))
		f->duplicate_until.us = now.us +
		    FRESHNESS_REFUTE_MS * INT64_C(1000);
}

/* Somebody tells this node of itself what it has not said. */
static enum beat_news
hear_of_self(struct freshness *f, struct mono now, const struct beat *b)
{
	if (b->incarnation < f->own.incarnation)
		return BEAT_OLD;
	if (b->incarnation == f->own.incarnation &&
	    b->hb_seq <= f->own.hb_seq && (!b->left || f->own.left))
		return BEAT_OLD;
	f->own.incarnation = b->incarnation + 1;
	note_refute(f, now);
	return BEAT_REFUTE;
}

/* Where the node is, or belongs. */
static size_t
position(const struct freshness *f, const char *node)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(f->records[mid].beat.node, node) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct record *
find(const struct freshness *f, const char *node)
{
	size_t i = position(f, node);

	return i < f->n && strcmp(f->records[i].beat.node, node) == 0
	    ? &f->records[i]
	    : NULL;
}

static void
forget(struct freshness *f, size_t i)
{
	f->n--;
	memmove(&f->records[i], &f->records[i + 1],
	    (f->n - i) * sizeof(f->records[0]));
}

/* Forgets the node that has been silent for longest. */
static bool
make_room(struct freshness *f, struct mono now)
{
	size_t victim = f->n;

	for (size_t i = 0; i < f->n; i++) {
		const struct record *r = &f->records[i], *v;

		if (within(r, now, FRESHNESS_ADVERTISE_MS))
			continue;
		v = victim < f->n ? &f->records[victim] : NULL;
		if (v == NULL || (v->advanced && !r->advanced) ||
		    (v->advanced == r->advanced &&
			r->advanced_at.us < v->advanced_at.us))
			victim = i;
	}
	if (victim == f->n)
		return false;
	forget(f, victim);
	return true;
}

static enum beat_news
replace(struct record *r, struct mono now, const struct beat *b, bool direct)
{
	*r = (struct record){
	    .beat = *b, .advanced = direct, .advanced_at = now};
	return BEAT_NEWS;
}

static enum beat_news
hear_of_new(
    struct freshness *f, struct mono now, const struct beat *b, bool direct)
{
	size_t i;

	if (f->n == FRESHNESS_MAX - 1 && !make_room(f, now))
		return BEAT_OLD;
	i = position(f, b->node);
	memmove(&f->records[i + 1], &f->records[i],
	    (f->n - i) * sizeof(f->records[0]));
	f->n++;
	return replace(&f->records[i], now, b, direct);
}

/* More of the incarnation that is known. */
static enum beat_news
hear_more(struct record *r, struct mono now, const struct beat *b, bool direct)
{
	struct beat *known = &r->beat;
	bool leaves = b->left && !known->left;
	bool observed = b->obs_seq > known->obs_seq;
	/* A node that speaks for itself is alive, though its number was known
	 * by relay already. */
	bool advances = b->hb_seq > known->hb_seq ||
	    (direct && !r->advanced && b->hb_seq == known->hb_seq);

	if (!leaves && !observed && !advances)
		return BEAT_OLD;
	if (advances)
		known->hb_seq = b->hb_seq;
	if (observed)
		known->obs_seq = b->obs_seq;
	known->left |= leaves;
	/* That it left is passed on as well. */
	if (advances || leaves) {
		r->advanced = true;
		r->advanced_at = now;
	}
	return BEAT_NEWS;
}

enum beat_news
freshness_hear(
    struct freshness *f, struct mono now, const struct beat *b, bool direct)
{
	struct record *r;
	size_t i;

	if (b->incarnation >= FRESHNESS_INCARNATION_MAX)
		return BEAT_OLD;
	if (strcmp(b->node, f->own.node) == 0)
		return hear_of_self(f, now, b);
	i = position(f, b->node);
	r = &f->records[i];
	if (i == f->n || strcmp(r->beat.node, b->node) != 0)
		return hear_of_new(f, now, b, direct);
	if (b->incarnation == r->beat.incarnation)
		return hear_more(r, now, b, direct);
	if (b->incarnation > r->beat.incarnation || !is_fresh(r, now))
		return replace(r, now, b, direct);
	return BEAT_OLD;
}

bool
freshness_duplicate(const struct freshness *f, struct mono now)
{
	return now.us < f->duplicate_until.us;
}

size_t
freshness_beats(
    const struct freshness *f, struct mono now, struct beat out[FRESHNESS_MAX])
{
	size_t n = 0;

	out[n++] = f->own;
	for (size_t i = 0; i < f->n; i++)
		if (within(&f->records[i], now, FRESHNESS_ADVERTISE_MS))
			out[n++] = f->records[i].beat;
	return n;
}

const struct beat *
freshness_find(const struct freshness *f, const char *node)
{
	const struct record *r;

	if (strcmp(node, f->own.node) == 0)
		return &f->own;
	r = find(f, node);
	return r != NULL ? &r->beat : NULL;
}

bool
freshness_is_fresh(const struct freshness *f, struct mono now, const char *node)
{
	const struct record *r;

	if (strcmp(node, f->own.node) == 0)
		return !f->own.left;
	r = find(f, node);
	return r != NULL && is_fresh(r, now);
}

struct mono
freshness_wakeup(const struct freshness *f, struct mono now)
{
	struct mono next = {INT64_MAX};

	for (size_t i = 0; i < f->n; i++) {
		const struct record *r = &f->records[i];
		int64_t end = r->advanced_at.us + FRESHNESS_FRESH_MS * 1000;

		if (is_fresh(r, now) && end < next.us)
			next.us = end;
	}
	return next;
}
