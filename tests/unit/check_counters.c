/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/counters.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static const char *const identifiers[] = {
#define X(id, name, verdict, text) #id,
    REASONS(X)
#undef X
};

/* A name is its identifier in lower case, and begins with its verdict. */
START_TEST(names)
{
	static const struct {
		const char *prefix;
		enum verdict verdict;
	} verdicts[] = {{"pass_", VERDICT_PASS}, {"forward", VERDICT_FORWARD},
	    {"reply_", VERDICT_REPLY}, {"drop_", VERDICT_DROP},
	    {"held_", VERDICT_HELD}};
	const char *name = reason_name((enum reason)_i);
	bool known = false;

	for (size_t i = 0; i <= strlen(name); i++)
		ck_assert_int_eq(name[i], tolower(identifiers[_i][i]));
	for (int i = 0; i < ROWS(verdicts); i++)
		if (reason_verdict((enum reason)_i) == verdicts[i].verdict)
			known = strncmp(name, verdicts[i].prefix,
				    strlen(verdicts[i].prefix)) == 0;
	ck_assert_msg(known, "%s: another verdict", name);
	ck_assert_str_ne(reason_text((enum reason)_i), "");
}
END_TEST

static void
fill(struct counters *c)
{
	uint64_t next = 1;

	for (size_t i = 0; i < REASON_COUNT; i++)
		c->reasons[i] = next++;
	for (size_t i = 0; i < c->n_services; i++) {
		c->services[i] = (struct counter){next, next * 100};
		next++;
		for (size_t j = 0; j < REASON_COUNT; j++)
			c->service_reasons[i][j] = next++;
	}
	for (size_t i = 0; i < c->n_backends; i++) {
		c->backends[i] = (struct counter){next, next * 100};
		next++;
	}
}

START_TEST(begin_at_zero)
{
	struct forwarding *state = fixture_state();
	struct counters *c = counters_new(state, NULL, NULL);

	ck_assert_uint_eq(c->n_services, FIXTURE_SERVICES);
	ck_assert_uint_eq(c->n_backends, FIXTURE_BACKENDS);
	for (size_t i = 0; i < c->n_services; i++) {
		ck_assert_uint_eq(c->services[i].packets, 0);
		for (size_t j = 0; j < REASON_COUNT; j++)
			ck_assert_uint_eq(c->service_reasons[i][j], 0);
	}
	counters_free(c);
	forwarding_free(state);
}
END_TEST

/* Services go by name and backends by address, wherever they stand; what is new
 * begins at zero. */
START_TEST(carried_over)
{
	struct forwarding *before = fixture_state(), *after = fixture_state();
	struct counters *old = counters_new(before, NULL, NULL), *c;
	struct addr first = after->backends[0];

	fill(old);
	strcpy(after->services[0].name, before->services[1].name);
	strcpy(after->services[1].name, before->services[0].name);
	strcpy(after->services[2].name, "new");
	after->backends[0] = after->backends[4];
	after->backends[4] = first;
	after->backends[1].bytes[15] ^= 0x80;
	c = counters_new(after, old, before);
	ck_assert_ptr_nonnull(c);
	ck_assert_mem_eq(c->reasons, old->reasons, sizeof(c->reasons));
	ck_assert_mem_eq(
	    &c->services[0], &old->services[1], sizeof(struct counter));
	ck_assert_mem_eq(
	    &c->services[1], &old->services[0], sizeof(struct counter));
	ck_assert_mem_eq(c->service_reasons[0], old->service_reasons[1],
	    sizeof(c->service_reasons[0]));
	ck_assert_uint_eq(c->services[2].packets, 0);
	ck_assert_uint_eq(c->service_reasons[2][REASON_FORWARD], 0);
	ck_assert_mem_eq(
	    &c->services[3], &old->services[3], sizeof(struct counter));
	ck_assert_mem_eq(
	    &c->backends[0], &old->backends[4], sizeof(struct counter));
	ck_assert_mem_eq(
	    &c->backends[4], &old->backends[0], sizeof(struct counter));
	ck_assert_uint_eq(c->backends[1].packets, 0);
	ck_assert_mem_eq(
	    &c->backends[2], &old->backends[2], sizeof(struct counter));
	counters_free(c);
	counters_free(old);
	forwarding_free(before);
	forwarding_free(after);
}
END_TEST

/* From a state that had nothing, and to one. */
START_TEST(empty_states)
{
	struct forwarding *none = forwarding_new(), *some = fixture_state();
	struct counters *a = counters_new(none, NULL, NULL);
	struct counters *b = counters_new(some, a, none);
	struct counters *c = counters_new(none, b, some);

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(c);
	counters_free(a);
	counters_free(b);
	counters_free(c);
	counters_free(NULL);
	forwarding_free(none);
	forwarding_free(some);
}
END_TEST

/* By what their names say: not what passes, and nothing twice. */
START_TEST(packets_for_vips)
{
	struct counters c = {.n_services = 0};
	uint64_t expected = 0;

	ck_assert_uint_eq(counters_vip_packets(&c), 0);
	for (int r = 0; r < REASON_COUNT; r++) {
		const char *name = reason_name((enum reason)r);

		c.reasons[r] = UINT64_C(1) << r;
		if (strncmp(name, "pass_", 5) != 0 &&
		    strncmp(name, "held_", 5) != 0)
			expected += c.reasons[r];
	}
	ck_assert_uint_eq(counters_vip_packets(&c), expected);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("counters");
	TCase *tc = tcase_create("counters");

	tcase_add_loop_test(tc, names, 0, REASON_COUNT);
	tcase_add_test(tc, begin_at_zero);
	tcase_add_test(tc, carried_over);
	tcase_add_test(tc, empty_states);
	tcase_add_test(tc, packets_for_vips);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
