/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/checks_judge.h"

void
judge_init(struct judge *j, struct mono now)
{
	*j = (struct judge){
	    .health = HEALTH_UNKNOWN, .since = now, .turned = HEALTH_UNKNOWN};
}

static void
count_row(struct judge *j, bool ok)
{
	uint32_t *row = ok ? &j->ok_in_row : &j->failed_in_row;

	*(ok ? &j->failed_in_row : &j->ok_in_row) = 0;
	if (*row < UINT32_MAX)
		(*row)++;
}

/* To find a backend as it is, up or down, is no turn. */
static bool
turns(struct judge *j, bool ok, uint8_t rise, uint8_t fall)
{
	enum health said = ok ? HEALTH_UP : HEALTH_DOWN, before = j->turned;

	if (said == before)
		return false;
	if (before != HEALTH_UNKNOWN &&
	    (ok ? j->ok_in_row < rise : j->failed_in_row < fall))
		return false;
	j->turned = said;
	return before != HEALTH_UNKNOWN;
}

static void
note_turn(struct judge *j, struct mono now)
{
	j->turns[j->next_turn] = now;
	j->next_turn = (j->next_turn + 1) % JUDGE_TURNS;
	if (j->n_turns < JUDGE_TURNS)
		j->n_turns++;
}

static bool
flaps(const struct judge *j, struct mono now)
{
	/* Where the next one is written, the oldest stands. */
	return j->n_turns == JUDGE_TURNS &&
	    now.us - j->turns[j->next_turn].us <= JUDGE_TURNS_MS * 1000LL;
}

static void
hold(struct judge *j, struct mono now)
{
	if (j->hold_ms == 0 ||
	    now.us - j->held_until.us >= JUDGE_HOLD_CALM_MS * 1000LL)
		j->hold_ms = JUDGE_HOLD_MIN_MS;
	else if (j->hold_ms > JUDGE_HOLD_MAX_MS / 2)
		j->hold_ms = JUDGE_HOLD_MAX_MS;
	else
		j->hold_ms *= 2;
	j->held = true;
	j->held_until.us = now.us + j->hold_ms * 1000LL;
}

bool
judge_result(
    struct judge *j, struct mono now, bool ok, uint8_t rise, uint8_t fall)
{
	enum health before = j->health;
	bool turned;

	count_row(j, ok);
	turned = turns(j, ok, rise, fall);
	if (turned)
		note_turn(j, now);
	if (j->held && now.us >= j->held_until.us) {
		j->held = false;
		turned = true; /* now it may be held again */
	}
	if (!j->held && turned && flaps(j, now))
		hold(j, now);
	j->health = j->held ? HEALTH_DOWN : j->turned;
	if (j->health == before)
		return false;
	j->since = now;
	return true;
}
