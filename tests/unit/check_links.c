/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <unistd.h>

#include "balancer/io/links.h"
#include "common/rtnl.h"
#include "tests/unit/unit.h"

/* What was known stands where the kernel cannot be asked. */
START_TEST(unreadable)
{
	struct links links = {NULL, 0, 0};
	struct errmsg why;
	/* The number of the socket that asks, as it is opened next. */
	int asking = dup(0);
	struct rtnl *rtnl;
	size_t n;

	ck_assert_int_ge(asking, 0);
	close(asking);
	rtnl = rtnl_new(NULL, 0, &why);
	ck_assert_ptr_nonnull(rtnl);
	ck_assert_int_eq(links_read(&links, rtnl), 0);
	ck_assert_ptr_nonnull(links_find_named(&links, "lo"));
	n = links.n;
	ck_assert_int_eq(dup2(0, asking), asking);
	ck_assert_int_eq(links_read(&links, rtnl), -1);
	ck_assert_uint_eq(links.n, n);
	ck_assert_ptr_nonnull(links_find_named(&links, "lo"));
	rtnl_free(rtnl);
	links_clear(&links);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("links");
	TCase *tc = tcase_create("links");

	tcase_add_test(tc, unreadable);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
