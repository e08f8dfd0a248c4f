/* SPDX-License-Identifier: Apache-2.0 */
/* When the balancer may hold the route device, and leave it behind. */
#include "config.h"

#include "balancer/announce.h"

#include <string.h>

#include "tests/unit/unit.h"

#define S 1000000

static const struct {
	struct announce_facts facts;
	const char *why;  /* NULL: it may */
	bool may_outlive; /* where `why` is NULL */
} rows[] = {
    {{true, 0, 30, NULL, false, false, 0}, NULL, false},
    {{true, 30 * S, 30, NULL, false, false, 0}, NULL, false},
    {{true, 30 * S + 1, 30, NULL, false, false, 0},
	"no agent has been heard of for 30 s (announce.agent_grace)", false},
    {{true, 1 * S + 1, 1, NULL, false, false, 0},
	"no agent has been heard of for 1 s (announce.agent_grace)", false},
    {{true, INT64_C(86400) * S, 86400, NULL, false, false, 0}, NULL, false},
    {{true, INT64_C(86400) * S + 1, 86400, NULL, false, false, 0},
	"no agent has been heard of for 86400 s (announce.agent_grace)", false},
    {{false, 0, 30, NULL, false, false, 0},
	"no agent has installed a state yet", false},
    {{true, 0, 30, "eth0: the interface is down", false, false, 0},
	"eth0: the interface is down", false},
    /* What outlives this process is no reason to announce. */
    {{true, 0, 30, NULL, true, false, 0}, NULL, true},
    {{false, 0, 30, NULL, true, false, 0}, "no agent has installed a state yet",
	false},
    {{true, 30 * S + 1, 30, NULL, true, true, 0},
	"no agent has been heard of for 30 s (announce.agent_grace)", false},
    {{true, 0, 30, "eth0: the interface is down", true, true, 0},
	"eth0: the interface is down", false},
    /* Taken over: what outlived the last one serves, but not for long. */
    {{false, 0, 30, NULL, true, true, 0}, NULL, true},
    {{false, 0, 30, NULL, true, true, 5 * S}, NULL, true},
    {{false, 0, 30, NULL, true, true, 5 * S + 1},
	"no agent has installed a state yet", false},
    {{false, 0, 30, NULL, false, true, 0}, "no agent has installed a state yet",
	false},
    {{false, 0, 30, "eth0: the interface is down", true, true, 0},
	"eth0: the interface is down", false},
    {{true, 0, 30, NULL, true, true, INT64_C(3600) * S}, NULL, true},
    {{true, 0, 30, NULL, false, true, 0}, NULL, false},
};

START_TEST(may)
{
	struct errmsg why = {""};
	bool is = announce_may(&rows[_i].facts, &why);

	ck_assert_int_eq(is, rows[_i].why == NULL);
	if (!is)
		ck_assert_str_eq(why.text, rows[_i].why);
	ck_assert_int_eq(
	    announce_may_outlive(&rows[_i].facts), rows[_i].may_outlive);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("announce");
	TCase *tc = tcase_create("announce");

	tcase_add_loop_test(tc, may, 0, ROWS(rows));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
