/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of results says of a backend. Pure.
 *
 * The first result decides at once. Then `fall` failures in a row turn UP into
 * DOWN, and `rise` successes in a row DOWN into UP.
 *
 * A backend that turns six times within a minute flaps: it is held DOWN for a
 * minute, though its turns are counted on, and if it still flaps after that,
 * for twice as long, up to ten minutes. After ten minutes without being held it
 * has a clean record. A hold ends with the first result after its time. */
#ifndef AGENT_CORE_CHECKS_JUDGE_H
#define AGENT_CORE_CHECKS_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/health.h"
#include "common/mono.h"

#define JUDGE_TURNS        6 /* within .. */
#define JUDGE_TURNS_MS     60000
#define JUDGE_HOLD_MIN_MS  60000
#define JUDGE_HOLD_MAX_MS  600000
#define JUDGE_HOLD_CALM_MS 600000

struct judge {
	enum health health; /* the verdict */
	struct mono since;
	enum health turned; /* the same without regard to holding */
	uint32_t ok_in_row, failed_in_row;
	struct mono turns[JUDGE_TURNS]; /* the last ones, in a ring */
	uint32_t n_turns, next_turn;
	bool held;
	struct mono held_until; /* also of the last hold */
	uint32_t hold_ms;       /* of the last hold; 0: there was none */
};

/* UNKNOWN since now. */
void judge_init(struct judge *, struct mono now);

/* One result. Has the verdict changed? */
bool judge_result(
    struct judge *, struct mono now, bool ok, uint8_t rise, uint8_t fall);

#endif
