/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/serving.h"

#include <string.h>

#include "balancer/core/bucket.h"
#include "balancer/core/frag_table.h"

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
	counters_free(s->counters);
	frag_table_free(s->forwarder.frags);
	memset(s, 0, sizeof(*s));
}

int
serving_install(struct serving *s, struct forwarding *state, uint32_t now,
    serving_prepare prepare, void *ctx, struct errmsg *why)
{
	struct counters *counters = NULL;
	struct fib *fib;

	if ((fib = fib_new(state, s->fib, now, why)) == NULL) {
		forwarding_free(state);
		return -1;
	}
	counters = counters_new(
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

const struct forwarding *
serving_state(const struct serving *s)
{
	return fib_state(s->fib);
}
