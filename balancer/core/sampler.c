/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/sampler.h"

#include <string.h>

#define FOLLOW_US 100000
/* What a short burst may take at once: a connection or two in full, and not
 * most of a second's share. */
#define BURST(rate) ((rate) / 10 + 1)

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled", 2016). */
static uint64_t
draw(struct sampler *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dull;
}

/* 1 .. 2 * every - 1, all alike: `every` on average. */
static int64_t
draw_gap(struct sampler *s)
{
	uint64_t range = 2 * (uint64_t)s->every - 1;

	return 1 + (int64_t)((draw(s) >> 32) * range >> 32);
}

void
sampler_init(struct sampler *s, uint32_t every, uint32_t rate, uint64_t seed,
    int64_t now_us)
{
	memset(s, 0, sizeof(*s));
	s->follows = every == 0;
	s->every = every == 0 ? 1 : every;
	bucket_init(&s->limit, rate, BURST(rate));
	s->random = seed != 0 ? seed : 1;
	s->since_us = now_us;
	s->gap = draw_gap(s);
}

/* As many as came in the last while, on. */
static void
follow(struct sampler *s, int64_t now_us)
{
	uint64_t elapsed = (uint64_t)(now_us - s->since_us);
	uint64_t share = elapsed * s->limit.rate;
	uint64_t every;

	/* passed per second over the rate, rounded up; passed stays far below
	 * 2^44, a day at a packet each nanosecond being that. */
	every = (s->passed * 1000000 + share - 1) / share;
	if (every < 1)
		every = 1;
	if (every > SAMPLER_EVERY_MAX)
		every = SAMPLER_EVERY_MAX;
	if (every != s->every) {
		s->every = (uint32_t)every;
		s->gap = draw_gap(s);
	}
	s->passed = 0;
	s->since_us = now_us;
}

void
sampler_tick(struct sampler *s, int64_t now_us)
{
	if (now_us < s->since_us) {
		s->since_us = now_us;
		s->passed = 0;
	}
	if (s->follows && now_us - s->since_us >= FOLLOW_US)
		follow(s, now_us);
}

void
sampler_pass(struct sampler *s, uint64_t packets)
{
	s->passed += packets;
}

bool
sampler_take(struct sampler *s, uint32_t weight, int64_t now_us)
{
	sampler_tick(s, now_us);
	s->passed += weight;
	s->gap -= weight;
	if (s->gap > 0)
		return false;
	/* What it stands for beyond the gap counts against the next. */
	s->gap += draw_gap(s);
	if (s->gap < 1)
		s->gap = 1;
	return bucket_take(&s->limit, now_us);
}
