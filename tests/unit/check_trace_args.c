/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/trace_args.h"
#include "tests/unit/unit.h"

#define A4 "198.51.100.9:4711"
#define B4 "203.0.113.10:443"
#define A6 "[2001:db8::9]:4711"
#define B6 "[2001:db8::10]:443"

static const char *const good[][5] = {
    {A4 " -> " B4},
    {A4 "->" B4},
    {"  " A4 "\t->\t" B4 " "},
    {A4 " to " B4},
    {A4 " " B4},
    {A4, "->", B4},
    {A4, "to", B4},
    {A4, B4},
    {A4 "->", B4},
    {A4, "->" B4},
    {A6 " -> " B6},
    {A6, "to", B6},
    {A6, B6},
};

static size_t
count(const char *const *words)
{
	size_t n = 0;

	while (n < 5 && words[n] != NULL)
		n++;
	return n;
}

START_TEST(parses)
{
	struct trace_query q;
	struct errmsg why = {""};
	bool v6 = good[_i][0][0] == '[';
	char text[ADDR_TEXT_MAX];

	ck_assert_msg(
	    trace_args_parse(good[_i], count(good[_i]), &q, &why) == 0, "%s",
	    why.text);
	ck_assert_str_eq(
	    addr_format(&q.source, text), v6 ? "2001:db8::9" : "198.51.100.9");
	ck_assert_str_eq(addr_format(&q.destination, text),
	    v6 ? "2001:db8::10" : "203.0.113.10");
	ck_assert_uint_eq(q.source_port, 4711);
	ck_assert_uint_eq(q.destination_port, 443);
}
END_TEST

static const struct bad_row {
	const char *words[5];
	const char *says;
} bad_rows[] = {
    {{NULL}, "two endpoints"},
    {{""}, "two endpoints"},
    {{A4}, "two endpoints"},
    {{A4, "to"}, "two endpoints"},
    {{A4, B4, A4}, "two endpoints"},
    {{A4, "->", "->", B4}, "two endpoints"},
    {{"198.51.100.9", "to", B4}, "ADDRESS:PORT"},
    {{A4, "to", "203.0.113.10:"}, "a port"},
    {{A4, "to", "203.0.113.10:65536"}, "a port"},
    {{A4, "to", "203.0.113.10:-1"}, "a port"},
    {{A4, "to", "203.0.113.10:4x"}, "a port"},
    {{A4, "to", "203.0.113.10:000443"}, "a port"},
    {{A4, "to", "203.0.113:443"}, "no IPv4 address"},
    {{A4, "to", "[203.0.113.10]:443"}, "no IPv6 address"},
    {{A4, "to", ":443"}, "no IPv4 address"},
    {{A6, "to", "2001:db8::10:443"}, "in brackets"},
    {{A6, "to", "[2001:db8::10]"}, "in brackets"},
    {{A6, "to", "[2001:db8::10]443"}, "in brackets"},
    {{A6, "to", "[]:443"}, "no IPv6 address"},
    {{A6, "to", "[::ffff:1.2.3.4]:443"}, "no IPv6 address"},
    {{"[::]:443", "to", B6}, "no IPv6 address"},
    {{A6, "to", B4}, "one IP version"},
};

START_TEST(refuses)
{
	const struct bad_row *row = &bad_rows[_i];
	struct trace_query q;
	struct errmsg why = {""};

	ck_assert_int_eq(
	    trace_args_parse(row->words, count(row->words), &q, &why), -1);
	ck_assert_msg(strstr(why.text, row->says) != NULL, "'%s' in '%s'",
	    row->says, why.text);
}
END_TEST

/* Around the longest that is taken. */
START_TEST(long_words)
{
	char text[512];
	const char *const words[1] = {text};
	struct trace_query q;
	struct errmsg why;

	for (size_t len = 200; len < 300; len++) {
		memset(text, ' ', len);
		text[len] = '\0';
		memcpy(text, A4, strlen(A4));
		memcpy(text + len - strlen(B4), B4, strlen(B4));
		ck_assert_int_eq(trace_args_parse(words, 1, &q, &why),
		    len + 2 > 256 ? -1 : 0);
		memset(text, '1', len);
		ck_assert_int_eq(trace_args_parse(words, 1, &q, &why), -1);
	}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("trace_args");
	TCase *tc = tcase_create("trace_args");

	tcase_add_loop_test(tc, parses, 0, ROWS(good));
	tcase_add_loop_test(tc, refuses, 0, ROWS(bad_rows));
	tcase_add_test(tc, long_words);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
