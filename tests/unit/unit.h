/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test program shares: its main(). A test program names its
 * one suite with UNIT_MAIN(make_suite). A test ends after a minute, not check's
 * four seconds: with sanitizers, on a busy machine, an honest one takes more.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <stdlib.h>

#define UNIT_MAIN(make_suite) \
	int main(void) \
	{ \
		SRunner *runner; \
		int failed; \
		setenv("CK_DEFAULT_TIMEOUT", "60", 0); \
		runner = srunner_create(make_suite()); \
		srunner_run_all(runner, CK_ENV); \
		failed = srunner_ntests_failed(runner); \
		srunner_free(runner); \
		return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
	}

/* How many rows a table of test cases has, for tcase_add_loop_test. */
#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

#endif
