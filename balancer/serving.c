/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/serving.h"

#include <string.h>

#include "balancer/core/bucket.h"
#include "balancer/core/frag_table.h"
#include "balancer/serving_flows.h"

/* "Too big" messages that we send: enough for every new path of a busy service,
 * too few to be worth provoking (RFC 1812, 4.3.2.8; RFC 4443, 2.4 f). */
#define TOO_BIG_RATE  1000
#define TOO_BIG_BURST 200

int
serving_init(struct serving *s, const uint8_t frag_key[16], struct errmsg *why)
{
	struct forwarding *empty;

	memset(s, 0, sizeof(*s));
	bucket_init(&s->forwarder.too_big, TOO_BIG_RATE, TOO_BIG_BURST);
	s->forwarder.frags = frag_table_new(frag_key, NULL);
	empty = forwarding_new();
	if (s->forwarder.frags == NULL || empty == NULL) {
		errmsg_set(why, "forwarding state: out of memory");
		forwarding_free(empty);
	} else if (serving_install(s, empty, 0, NULL, NULL, why) == 0)
		return 0;
	serving_clear(s);
	return -1;
}

void
serving_clear(struct serving *s)
{
	fib_free(s->fib);
	fib_free(s->before);
	counters_free(s->counters);
	frag_table_free(s->forwarder.frags);
	serving_forget(s);
	memset(s, 0, sizeof(*s));
}

/* Makes the switch to a fib, which is taken over, on failure too. */
static int
serve(struct serving *s, struct fib *fib, const struct fib *prev,
    serving_prepare prepare, void *ctx, struct errmsg *why)
{
	const struct forwarding *state = fib_state(fib);
	struct counters *counters = counters_new(
	    state, s->counters, s->fib == NULL ? NULL : fib_state(s->fib));

	if (counters == NULL) {
		errmsg_set(why, "counters: out of memory");
		goto fail;
	}
	if (prepare != NULL && prepare(ctx, fib, why) == -1)
		goto fail;
	frag_table_flush(s->forwarder.frags);
	s->forwarder.fib = fib;
	s->forwarder.counters = counters;
	serving_drop_lost(s, fib, prev);
	fib_free(s->fib);
	counters_free(s->counters);
	s->fib = fib;
	s->counters = counters;
	return 0;
fail:
	counters_free(counters);
	fib_free(fib); /* and the state */
	return -1;
}

int
serving_install(struct serving *s, struct forwarding *state, uint32_t now,
    serving_prepare prepare, void *ctx, struct errmsg *why)
{
	const struct fib *prev = s->before != NULL ? s->before : s->fib;
	struct fib *fib = fib_new(state, prev, now, why);

	if (fib == NULL) {
		forwarding_free(state);
		return -1;
	}
	s->flows.now = now & FLOW_TIME_MASK;
	if (s->before != NULL)
		serving_recover(s, fib, now);
	if (serve(s, fib, prev, prepare, ctx, why) == -1)
		return -1;
	fib_free(s->before);
	s->before = NULL;
	return 0;
}

int
serving_resettle(struct serving *s, const struct settled_batch *settled,
    uint32_t now, serving_prepare prepare, void *ctx, struct errmsg *why)
{
	struct fib *fib = fib_resettle(s->fib, settled, now, why);

	return fib == NULL ? -1 : serve(s, fib, s->fib, prepare, ctx, why);
}

const struct forwarding *
serving_state(const struct serving *s)
{
	return fib_state(s->fib);
}
