/* SPDX-License-Identifier: Apache-2.0 */
/* When the balancer may hold the route device. */
#include "config.h"

#include "balancer/announce.h"

#include <string.h>

#include "tests/unit/unit.h"

#define S 1000000

static const struct {
	struct announce_facts facts;
	const char *why; /* NULL: it may */
} rows[] = {
    {{true, 0, 30, NULL}, NULL},
    {{true, 30 * S, 30, NULL}, NULL},
    {{true, 30 * S + 1, 30, NULL},
	"no agent has been heard of for 30 s (announce.agent_grace)"},
    {{true, 1 * S + 1, 1, NULL},
	"no agent has been heard of for 1 s (announce.agent_grace)"},
    {{true, INT64_C(86400) * S, 86400, NULL}, NULL},
    {{true, INT64_C(86400) * S + 1, 86400, NULL},
	"no agent has been heard of for 86400 s (announce.agent_grace)"},
    {{false, 0, 30, NULL}, "no agent has installed a state yet"},
    {{true, 0, 30, "eth0: the interface is down"},
	"eth0: the interface is down"},
};

START_TEST(may)
{
	struct errmsg why = {""};
	bool is = announce_may(&rows[_i].facts, &why);

	ck_assert_int_eq(is, rows[_i].why == NULL);
	if (!is)
		ck_assert_str_eq(why.text, rows[_i].why);
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
