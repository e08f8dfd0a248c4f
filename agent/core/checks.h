/* SPDX-License-Identifier: Apache-2.0 */
/* The observer's memory: which checks run when, and what they say. Pure; the
 * caller opens the sockets, keeps the timeouts and tells what came of it.
 *
 * There is one probe per distinct (backend, check, VIP where the check goes
 * through the tunnel), however many services share it, and never two of it
 * under way. A probe starts again an interval (+-10 %) after it started, and
 * not before it has ended. The first start is within the interval and within a
 * second, so that the first round is soon done.
 *
 * The first result decides at once; after that `fall` failures or `rise`
 * successes in a row change the verdict (checks_judge.h, also for flapping).
 *
 *   checks_set      -> ids to cancel (checks_cancelled)
 *   checks_due      -> probes to start, ids to cancel
 *   checks_result   what came of one
 *   checks_wakeup   when to ask checks_due again */
#ifndef AGENT_CORE_CHECKS_H
#define AGENT_CORE_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/health.h"
#include "common/health_check.h"
#include "common/mono.h"

#define CHECKS_FIRST_MAX_MS 1000 /* the first start is not later than this */
#define CHECKS_GRACE_MS     1000 /* after the timeout: the result is lost */
#define CHECKS_WHY_MAX      96   /* with the NUL; what is longer is cut */

/* One backend of one service that has a check. Borrowed during the call only.
 * vip counts only when check->tunnel. */
struct checks_target {
	const char *service; /* shorter than FORWARDING_NAME_MAX */
	struct addr backend;
	const struct addr *vip;
	const struct health_check *check;
};

enum check_result {
	CHECK_OK,
	CHECK_FAILED,
	CHECK_UNABLE, /* our own fault (out of sockets): says nothing of the
			 backend, so it is shown and changes nothing */
};

/* A probe to be started. */
struct checks_start {
	uint64_t id; /* not 0, not used again for 4 billion starts */
	struct addr backend;
	const struct addr *vip; /* NULL: not through the tunnel */
	const struct health_check *check;
};

struct checks;

/* entropy seeds the jitter. NULL: out of memory. */
struct checks *checks_new(uint64_t entropy);
void checks_free(struct checks *);

/* The whole set, in any order; a (service, backend) stands once, of more the
 * first is taken, and CHECK_NONE is none. A probe that stays keeps its memory
 * and goes on, also when only interval, timeout, rise or fall have changed; one
 * that asks what another asks already begins with what that one knows. 0, or
 * -1: out of memory, nothing has changed. */
int checks_set(
    struct checks *, struct mono now, const struct checks_target *, size_t n);

/* The next probe that is due, which the caller starts; false: none. To be asked
 * until it says false. What `out` points at is borrowed until checks_set. */
bool checks_due(struct checks *, struct mono now, struct checks_start *out);

/* A probe under way that is not wanted any more, or was given up because its
 * result did not come in time; false: none. To be asked after checks_set and
 * after checks_due until it says false. Their results would be ignored. */
bool checks_cancelled(struct checks *, uint64_t *id);

/* What came of a probe. why (may be NULL) is copied. An id that is not under
 * way is ignored. */
void checks_result(struct checks *, struct mono now, uint64_t id,
    enum check_result, const char *why);

/* When checks_due has something to do; INT64_MAX: never. */
struct mono checks_wakeup(const struct checks *);

/* Has every probe had its first result? CHECK_UNABLE is none. */
bool checks_round_done(const struct checks *);

/* Changes when any verdict does, or the set of those there are. */
uint64_t checks_version(const struct checks *);

/* HEALTH_UNKNOWN: no result yet, or no such check. */
enum health checks_health(
    const struct checks *, const char *service, const struct addr *backend);

/* What this node observes of one backend of one service. Texts and pointers are
 * borrowed until the next checks_set, `why` until the next checks_result. */
struct checks_state {
	const char *service;
	struct addr backend;
	const struct addr *vip; /* NULL: not through the tunnel */
	const struct health_check *check;
	enum health health;
	struct mono since; /* health; of UNKNOWN: that it is checked */
	const char *why;   /* the last failure, while it matters; or "" */
	bool unable;       /* the last probe was CHECK_UNABLE */
	bool flapping;     /* held down, until the first result after */
	struct mono flapping_until;
	uint32_t ok_in_row, failed_in_row;
	bool under_way;
	int64_t took_us; /* the last probe with a result; -1: none yet */
};

/* All of them, 0 .. count - 1, ascending by service, then backend. */
size_t checks_count(const struct checks *);
void checks_get(const struct checks *, size_t i, struct checks_state *out);

#endif
