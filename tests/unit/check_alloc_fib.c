/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation on the way of a new state fails once: what is served stays
 * as it was, and nothing is lost. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/fib.h"
#include "balancer/core/numbers.h"
#include "balancer/ctl/wire_kept.h"
#include "balancer/serving.h"
#include "common/arena.h"
#include "common/flows_batch.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static struct serving serving;
static struct fib *moving; /* whose slots move */
static struct settled_batch settled;
static struct arena *arena;
static uint8_t *kept;
static size_t kept_len;
static struct forwarding *state;

static struct forwarding *
make_state(bool draining)
{
	struct forwarding *f = fixture_state();

	for (size_t i = 0; i < f->n_services; i++) {
		struct forwarding_service *s = &f->services[i];

		s->settle_s = 900;
		s->tcp_idle_s = s->udp_idle_s = 60;
		if (s->n_members > 1 && draining)
			s->members[1].phi = 0;
	}
	return f;
}

static void
setup(void)
{
	const uint8_t key[16] = {0};
	struct errmsg why;
	struct fib *before;

	failing_malloc_spare_openssl();
	arena = arena_new();
	before = fib_new(make_state(false), NULL, 0, &why);
	ck_assert(arena != NULL && before != NULL);
	moving = fib_new(make_state(true), before, 10, &why);
	ck_assert_ptr_nonnull(moving);
	fib_free(before);
	ck_assert_int_eq(fib_settled(moving, 10, arena, &settled), 0);
	ck_assert_uint_gt(settled_batch_count(&settled), 0);
	kept = wire_pack_kept(moving, 10, &kept_len);
	ck_assert_ptr_nonnull(kept);
	ck_assert_int_eq(serving_init(&serving, key, &why), 0);
	ck_assert_int_eq(
	    serving_install(&serving, make_state(false), 0, NULL, NULL, &why),
	    0);
	state = make_state(false);
}

static void
teardown(void)
{
	forwarding_free(state);
	free(kept);
	serving_clear(&serving);
	fib_free(moving);
	arena_free(arena);
}

static bool
try_next(struct errmsg *why)
{
	struct forwarding *copy = forwarding_copy(state);
	struct fib *fib;

	if (copy == NULL) {
		errmsg_set(why, "state: out of memory");
		return false;
	}
	if ((fib = fib_new(copy, moving, 20, why)) == NULL)
		forwarding_free(copy);
	fib_free(fib);
	return fib != NULL;
}

static bool
try_resettle(struct errmsg *why)
{
	struct fib *fib = fib_resettle(serving.fib, &settled, 20, why);

	fib_free(fib);
	return fib != NULL;
}

static bool
try_pack(struct errmsg *why)
{
	size_t len;
	uint8_t *data = wire_pack_kept(moving, 10, &len);

	if (data == NULL)
		errmsg_set(why, "pack: out of memory");
	free(data);
	return data != NULL;
}

static bool
try_unpack(struct errmsg *why)
{
	struct fib *fib = wire_unpack_kept(kept, kept_len, 10, why);

	fib_free(fib);
	return fib != NULL;
}

static bool
try_install(struct errmsg *why)
{
	struct forwarding *copy = forwarding_copy(state);
	const struct fib *before = serving.fib;

	if (copy == NULL) {
		errmsg_set(why, "state: out of memory");
		return false;
	}
	if (serving_install(&serving, copy, 20, NULL, NULL, why) == 0)
		return true;
	ck_assert_ptr_eq(serving.fib, before);
	return false;
}

START_TEST(states)
{
	failing_malloc_each(try_next, NULL, true);
	failing_malloc_each(try_resettle, NULL, true);
	failing_malloc_each(try_install, NULL, true);
}
END_TEST

START_TEST(kept_states)
{
	failing_malloc_each(try_pack, "out of memory", true);
	failing_malloc_each(try_unpack, NULL, true);
}
END_TEST

/* Without memory a slot does not ask; it is no reason to end. */
START_TEST(marks)
{
	uint16_t other = fib_backend_number(serving.fib, 1);
	uint32_t number = fib_service_number(serving.fib, FIXTURE_4_IN_4);

	for (uint64_t slot = 0; slot < 1024; slot++) {
		failing_malloc.countdown = slot == 1023 ? -1 : 0;
		(void)fib_need(serving.fib, number, slot << 54, other, 30);
	}
	failing_malloc.countdown = -1;
	ck_assert_uint_le(fib_moving(serving.fib, FIXTURE_4_IN_4).asking, 1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("alloc_fib");
	TCase *tc = tcase_create("alloc_fib");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, states);
	tcase_add_test(tc, kept_states);
	tcase_add_test(tc, marks);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
