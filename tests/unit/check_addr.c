/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

#include "common/addr.h"
#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
	const char *text, *canonical; /* NULL: refused */
	bool is4, unicast;
} parse_rows[] = {
	{"0.0.0.0",            "0.0.0.0",            true,  false},
	{"10.1.2.3",           "10.1.2.3",           true,  true},
	{"224.0.0.1",          "224.0.0.1",          true,  false},
	{"255.255.255.255",    "255.255.255.255",    true,  false},
	{"::",                 "::",                 false, false},
	{"2001:DB8:0:0::0:1",  "2001:db8::1",        false, true},
	{"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1",  false, true},
	{"ff02::1",            "ff02::1",            false, false},
	{"::ffff:10.1.2.3",    NULL, false, false},
	{"10.1.2",             NULL, false, false},
	{"10.1.2.256",         NULL, false, false},
	{"10.1.2.3/32",        NULL, false, false},
	{"fe80::1%eth0",       NULL, false, false},
	{"",                   NULL, false, false},
	{"web",                NULL, false, false},
};
/* clang-format on */

START_TEST(parse)
{
	struct addr a, untouched;
	char text[ADDR_TEXT_MAX];

	memset(&a, 0x5a, sizeof(a));
	untouched = a;
	if (parse_rows[_i].canonical == NULL) {
		ck_assert_int_eq(addr_parse(&a, parse_rows[_i].text), -1);
		ck_assert_mem_eq(&a, &untouched, sizeof(a));
		return;
	}
	ck_assert_int_eq(addr_parse(&a, parse_rows[_i].text), 0);
	ck_assert_str_eq(addr_format(&a, text), parse_rows[_i].canonical);
	ck_assert_int_eq(addr_is4(&a), parse_rows[_i].is4);
	ck_assert_int_eq(addr_is_unicast(&a), parse_rows[_i].unicast);
}
END_TEST

START_TEST(bytes_of_any_length)
{
	static const uint8_t bytes[17] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct addr a;
	const uint8_t *back;
	size_t len;

	if (_i != 4 && _i != 16) {
		ck_assert_int_eq(addr_from_bytes(&a, bytes, (size_t)_i), -1);
		return;
	}
	ck_assert_int_eq(addr_from_bytes(&a, bytes, (size_t)_i), 0);
	back = addr_bytes(&a, &len);
	ck_assert_uint_eq(len, (size_t)_i);
	ck_assert_mem_eq(back, bytes, len);
}
END_TEST

START_TEST(zeroed_is_none)
{
	struct addr a = {{0}};

	ck_assert(addr_is_none(&a));
	ck_assert(!addr_is_unicast(&a));
	ck_assert_int_eq(addr_parse(&a, "0.0.0.0"), 0);
	ck_assert_msg(!addr_is_none(&a), "0.0.0.0 is an address, not none");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_loop_test(tc, parse, 0, ROWS(parse_rows));
	tcase_add_loop_test(tc, bytes_of_any_length, 0, 18);
	tcase_add_test(tc, zeroed_is_none);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
