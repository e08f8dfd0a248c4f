/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads on one table of flow entries, as XDP's CPUs and a process are:
 * no flow ever meets a backend that is not its own, and no connection is lost.
 */
#include "config.h"

#include "balancer/core/sweeper.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/flow_rig.h"
#include "tests/unit/unit.h"

#define THREADS 8
#define HOLDERS 4
#define FLOWS   48 /* of one thread, at most */
/* Positions that nothing else uses. */
#define CHURN_ONE   7
#define CHURN_OTHER 3

struct work {
	struct rig *rig;
	pthread_t thread;
	unsigned number;
	bool same_keys;
	uint64_t held; /* how many flows */
	uint64_t wrong, lost;
};

static atomic_bool over;
static pthread_barrier_t begun; /* HOLDERS, and who makes time pass */

/* In a few buckets; the hash decides about the slot. */
static uint64_t
key_of(const struct work *w, uint64_t i)
{
	uint64_t n = w->same_keys ? i : w->number * 1000 + i;

	return rig_hash(n) & ~0x3full;
}

static uint32_t
send(const struct work *w, uint64_t i, enum flow_packet packet)
{
	uint64_t key = key_of(w, i);

	return rig_packet(
	    w->rig, key >> 63 ? RIG_MOVES : RIG_MOVES_EDGE, key, packet);
}

/* Connections that live while others come and go. Time stands still until all
 * have begun, so that a thread that has to wait finds its SYN remembered. Full
 * buckets are a reason to be refused at the beginning, never later. */
static void *
hold(void *arg)
{
	struct work *w = arg;
	uint32_t where[FLOWS];

	for (uint64_t i = 0; i < w->held; i++) {
		where[i] = send(w, i, FLOW_PACKET_SYN);
		if (!w->same_keys)
			w->wrong += send(w, i, FLOW_PACKET_TCP) != where[i];
	}
	pthread_barrier_wait(&begun);
	/* Of several SYNs of one flow, at the same time, one may have found no
	 * room. */
	for (uint64_t i = 0; w->same_keys && i < w->held; i++)
		where[i] = send(w, i, FLOW_PACKET_TCP);
	pthread_barrier_wait(&begun);
	while (!atomic_load(&over))
		for (uint64_t i = 0; i < w->held; i++)
			w->lost += send(w, i, FLOW_PACKET_TCP) != where[i];
	return NULL;
}

static bool
is_churn(uint64_t state)
{
	return FLOW_BACKEND(state) == RIG_NUMBER(CHURN_ONE) ||
	    FLOW_BACKEND(state) == RIG_NUMBER(CHURN_OTHER);
}

/* As the sweeper does, which one thread alone does too seldom. */
static void
free_churn(struct flow_entry *bucket)
{
	for (uint32_t i = 0; i < FLOW_BUCKET; i++) {
		uint64_t state = FLOW_LOAD(&bucket[i].state);

		if (is_churn(state) && (state & FLOW_BUSY) == 0)
			(void)flow_change(bucket, i, state, 0);
	}
}

/* Flows of several threads whose entries are freed at once: entries change
 * hands all the time, and each reader has to notice. Backends are the same with
 * an entry and without. */
static void *
churn(void *arg)
{
	struct work *w = arg;

	for (uint64_t n = w->number; !atomic_load(&over); n += 5) {
		uint64_t key = rig_hash(1000000 + n % 32) & ~0x3full;
		bool one = key >> 63 != 0;
		uint32_t to;

		if (n % 4 == 0)
			free_churn(flows_place(&w->rig->flows, key).bucket);
		to = rig_packet(w->rig, one ? RIG_ENDED : RIG_PINNED, key,
		    n % 3 == 0 ? FLOW_PACKET_SYN : FLOW_PACKET_TCP);

		w->wrong += to != (one ? CHURN_ONE : CHURN_OTHER);
	}
	return NULL;
}

static enum sweeper_need
need(void *ctx, uint16_t service, uint64_t hash, uint16_t backend)
{
	struct work *w = ctx;

	(void)hash;
	w->wrong += service != RIG_SERVICE_NUMBER;
	return is_churn(backend) ? SWEEPER_DEAD : SWEEPER_PINNED;
}

static struct sweeper_idle
idle(void *ctx, uint16_t service)
{
	(void)ctx;
	(void)service;
	return (struct sweeper_idle){3600, 180};
}

static bool
fresh(void *ctx, uint16_t service, uint64_t hash)
{
	return false;
}

static void
pass_done(void *ctx)
{
	(void)ctx;
}

/* What the process does. */
static void *
keep_house(void *arg)
{
	static struct sweeper sweeper;
	const struct sweeper_calls calls = {need, idle, fresh, pass_done};
	struct flow_record records[64];
	struct work *w = arg;
	struct flows *f = &w->rig->flows;
	uint32_t told = 0, page = 0;
	size_t n;

	sweeper_init(&sweeper);
	while (!atomic_load(&over)) {
		sweeper_step(&sweeper, f, &calls, w, 64);
		n = flows_told(f, &told, records, 32);
		page = page == flows_entries(f) ? 0 : page;
		n += flows_page(f, &page, &records[n], 32);
		for (size_t i = 0; i < n; i++) {
			w->wrong += records[i].service != RIG_SERVICE_NUMBER;
			flows_import(f, &records[i]);
		}
	}
	return NULL;
}

static void
run(uint32_t entries, bool same_keys, uint64_t held)
{
	struct work work[THREADS];
	struct rig r;
	uint64_t wrong = 0, lost = 0;

	rig_init(&r, entries);
	r.slots[RIG_MOVES_EDGE] = 5 | SLOT_ASK;
	r.settled[RIG_MOVES_EDGE] = 6 | SETTLED_EDGE;
	r.slots[RIG_ENDED] = CHURN_ONE | SLOT_ASK;
	r.settled[RIG_ENDED] = CHURN_ONE | SETTLED_EDGE;
	r.slots[RIG_PINNED] = CHURN_OTHER | SLOT_ASK;
	r.settled[RIG_PINNED] = CHURN_OTHER | SETTLED_EDGE;
	atomic_store(&over, false);
	ck_assert_int_eq(pthread_barrier_init(&begun, NULL, HOLDERS + 1), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *(*does)(void *) = i < HOLDERS ? hold
		    : i < THREADS - 1               ? churn
						    : keep_house;

		work[i] = (struct work){.rig = &r,
		    .number = i,
		    .same_keys = same_keys,
		    .held = held};
		ck_assert_int_eq(
		    pthread_create(&work[i].thread, NULL, does, &work[i]), 0);
	}
	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&begun);
	for (int64_t ms = 0; ms < 1500; ms += 5) {
		const struct timespec pause = {.tv_nsec = 5000000};

		nanosleep(&pause, NULL);
		/* Quickly, so that there is something that gives way. */
		__atomic_store_n(&r.flows.now,
		    (r.flows.now + 1) & FLOW_TIME_MASK, __ATOMIC_RELAXED);
	}
	atomic_store(&over, true);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(work[i].thread, NULL);
		wrong += work[i].wrong;
		lost += work[i].lost;
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(lost, 0);
	pthread_barrier_destroy(&begun);
	ck_assert_uint_eq(flows_recover(&r.flows), 0);
	rig_clear(&r);
}

/* Of eight buckets or, up to 512 entries, one (key_of). */
static const struct {
	uint32_t entries;
	bool same_keys;
	uint64_t held;
} runs[] = {
    {4096, false, 4}, /* with room for all */
    {4096, true, 16},
    {64, true, 5},
    {64, false, 1},
    {512, false, FLOWS}, /* with no room for anything else */
    {64, true, FLOWS},
};

START_TEST(threads)
{
	run(runs[_i].entries, runs[_i].same_keys, runs[_i].held);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("flows_threads");
	TCase *tc = tcase_create("threads");

	tcase_add_loop_test(tc, threads, 0, ROWS(runs));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
