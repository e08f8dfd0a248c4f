/* SPDX-License-Identifier: Apache-2.0 */
/* A whole reading of BIRD: what it asks, and what report comes of the answers.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/bird/reading.h"
#include "agent/bird/exports.h"
#include "agent/bird/show.h"
#include "tests/unit/bird_samples.h"
#include "tests/unit/unit.h"

#define HOSTS \
	"where (net.type = NET_IP4 && net.len = 32) || " \
	"(net.type = NET_IP6 && net.len = 128)"
#define EMPTY "1007-Table x:\n0000 \n"

/* What is asked, in order, and what the answer is. */
struct exchange {
	const char *command, *reply;
};

static struct reading *reading;
static struct errmsg why;

static void
setup(void)
{
	ck_assert_ptr_nonnull(reading = reading_new());
}

static void
teardown(void)
{
	reading_free(reading);
}

/* Until the reply ends, or the reading goes no further. */
static enum reading_result
give(const char *text)
{
	enum reading_result result = READING_ON;
	size_t len = strlen(text);
	struct reply_line line;
	struct reply reply;

	reply_init(&reply);
	while (result == READING_ON && len > 0) {
		ck_assert_int_eq(
		    reply_next(&reply, &text, &len, &line, &why), REPLY_LINE);
		result = reading_line(reading, &line, &why);
	}
	return result;
}

static void
converse(const struct exchange *exchanges)
{
	for (; exchanges->command != NULL; exchanges++) {
		ck_assert_ptr_nonnull(reading_command(reading));
		ck_assert_str_eq(reading_command(reading), exchanges->command);
		ck_assert_int_eq(give(exchanges->reply), READING_ON);
	}
	ck_assert_ptr_null(reading_command(reading));
}

static void
write_route(FILE *out, const struct bird_route *r)
{
	char text[ADDR_TEXT_MAX];

	fprintf(out, "%s %s%s %u\n", addr_format(&r->addr, text), r->source,
	    r->learnt ? " learnt" : "", r->exported);
}

/* The report, as text. */
static char *
report(void)
{
	struct bird_report *r = reading_report(reading, "2.0.12");
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(r->state, BIRD_OK);
	ck_assert_str_eq(r->why, "");
	ck_assert_str_eq(r->version, "2.0.12");
	for (size_t i = 0; i < r->n_sessions; i++)
		fprintf(out, "%s%s%s%s: %s\n", r->sessions[i].name,
		    r->sessions[i].established ? " established" : "",
		    r->sessions[i].has4 ? " 4" : "",
		    r->sessions[i].has6 ? " 6" : "", r->sessions[i].info);
	for (size_t i = 0; i < r->n_routes; i++)
		write_route(out, &r->routes[i]);
	fclose(out);
	bird_report_free(r);
	return text;
}

static void
check_report(const char *expected)
{
	char *got = report();

	ck_assert_str_eq(got, expected);
	free(got);
}

START_TEST(recorded)
{
	static const struct exchange exchanges[] = {
	    {"show protocols all", sample_protocols},
	    {"show route exported 'up4' " HOSTS, sample_exported_up4},
	    {"show route exported 'up.both-1' " HOSTS, sample_exported_both},
	    {"show route table 'vip4' " HOSTS, sample_table_vip4},
	    {"show route table 'vip6' " HOSTS, sample_table_vip6},
	    {NULL, NULL},
	};

	converse(exchanges);
	check_report("up4 established 4: Established\n"
		     "up.both-1 established 4 6: Established\n"
		     "refused_with_a_long_name 4: "
		     "Active (Socket: Connection refused)\n"
		     "byhand 4: Down (for work)\n"
		     "203.0.113.1 kvip4 learnt 2\n"
		     "203.0.113.2 kvip4 learnt 2\n"
		     "203.0.113.5 st4 learnt 2\n"
		     "203.0.113.6 st4b learnt 2\n"
		     "203.0.113.8 kvip4 learnt 2\n"
		     "203.0.113.9 kvip4 learnt 2\n"
		     "203.0.113.200 st4 learnt 2\n"
		     "203.0.113.203 st4 learnt 2\n"
		     "203.0.113.204 st4 learnt 2\n"
		     "203.0.113.206 st4b learnt 2\n"
		     "203.0.113.222 st4b learnt 2\n"
		     "2001:db8:100::1 kvip6 learnt 1\n"
		     "2001:db8:100::2 kvip6 learnt 1\n"
		     "2001:db8:100::5 st6 learnt 1\n"
		     "2001:db8:100::c8 st6 learnt 1\n"
		     "2001:db8:100:0:ffff:ffff:ffff:ffff kvip6 learnt 1\n"
		     "2001:db8:100:aaaa:bbbb:cccc:dddd:1234 st6 learnt 1\n");
}
END_TEST

/* Two sessions and three tables; what the tables and sessions have differs. */
#define TWO_SESSIONS \
	"1002-a BGP --- up\n1006-Channel ipv4\n State: UP\n Table: t\n" \
	"1002-b BGP --- up\n1006-Channel ipv4\n State: UP\n Table: u\n" \
	" Channel ipv6\n State: UP\n Table: v\n0000 \n"

START_TEST(put_together)
{
	static const struct exchange exchanges[] = {
	    {"show protocols all", TWO_SESSIONS},
	    /* Not sorted, and one twice, as from two channels of a table. */
	    {"show route exported 'a' " HOSTS,
		"1007-Table t:\n 10.0.0.3/32 x [k]\n 10.0.0.1/32 x [k]\n"
		" Table t:\n 10.0.0.1/32 x [l]\n 10.0.0.0/8 x [l]\n0000 \n"},
	    {"show route exported 'b' " HOSTS,
		"1007-10.0.0.2/32 x [k]\n 10.0.0.1/32 x [m]\n0000 \n"},
	    {"show route table 't' " HOSTS,
		"1007-10.0.0.4/32 x [k]\n 10.0.0.1/32 x [n]\n"
		"   x [o]\n0000 \n"},
	    {"show route table 'u' " HOSTS, EMPTY},
	    {"show route table 'v' " HOSTS, "1007-::2/128 x [p]\n0000 \n"},
	    {NULL, NULL},
	};

	converse(exchanges);
	check_report("a established 4: \nb established 4 6: \n"
		     "::2 p learnt 0\n"
		     "10.0.0.1 n learnt 2\n"
		     "10.0.0.2 k 1\n"
		     "10.0.0.3 k 1\n"
		     "10.0.0.4 k learnt 0\n");
}
END_TEST

/* A session goes down and a table away between two answers. */
START_TEST(gone_in_between)
{
	static const struct exchange exchanges[] = {
	    {"show protocols all", TWO_SESSIONS},
	    {"show route exported 'a' " HOSTS, sample_not_established},
	    {"show route exported 'b' " HOSTS, sample_unknown},
	    {"show route table 't' " HOSTS, sample_unknown},
	    /* Not worth much, what comes before an error. */
	    {"show route table 'u' " HOSTS,
		"1007-10.0.0.1/32 x [k]\n8002 Whatever\n"},
	    {"show route table 'v' " HOSTS, "1007-::2/128 x [p]\n0000 \n"},
	    {NULL, NULL},
	};

	converse(exchanges);
	check_report("a 4: Down\nb 4 6: Down\n::2 p learnt 0\n");
}
END_TEST

/* Up, but without a channel: it is not asked, and is established. */
START_TEST(up_without_channels)
{
	static const struct exchange exchanges[] = {
	    {"show protocols all",
		"1002-a BGP --- up\n1006-BGP state: Established\n"
		" Channel ipv4\n State: DOWN\n Table: t\n0000 \n"},
	    {"show route table 't' " HOSTS, EMPTY},
	    {NULL, NULL},
	};

	converse(exchanges);
	check_report("a established 4: Established\n");
}
END_TEST

/* Nothing that speaks BGP, or nothing at all. */
START_TEST(no_sessions)
{
	static const char *const replies[] = {"0000 \n",
	    "8003 No protocols match\n",
	    "2002-Name\n1002-device1 Device --- up\n0000 \n"};

	ck_assert_int_eq(give(replies[_i]), READING_ON);
	ck_assert_ptr_null(reading_command(reading));
	check_report("");
}
END_TEST

START_TEST(reconfigured)
{
	static const char again[] = "8004 Stopped due to reconfiguration\n";

	for (int i = 0; i < _i; i++)
		ck_assert_int_eq(
		    give(i == 0 ? TWO_SESSIONS : EMPTY), READING_ON);
	ck_assert_int_eq(give(again), READING_AGAIN);
}
END_TEST

START_TEST(refused)
{
	ck_assert_int_eq(give("9001 syntax error\x1b\n"), READING_BAD);
	ck_assert_str_eq(
	    why.text, "to \"show protocols all\" it says 9001 syntax error?");
}
END_TEST

START_TEST(bad_name)
{
	ck_assert_int_eq(give("1002-a'b BGP --- up\n0000 \n"), READING_BAD);
	ck_assert_ptr_nonnull(strstr(why.text, "\"a'b\""));
}
END_TEST

/* The longest names fit in a command, and it stays under what BIRD takes. */
START_TEST(longest_command)
{
	char text[2 * SHOW_NAME_MAX + 200], name[SHOW_NAME_MAX + 1];

	memset(name, 'x', SHOW_NAME_MAX);
	name[SHOW_NAME_MAX] = '\0';
	snprintf(text, sizeof(text),
	    "1002-%s BGP --- up\n1006-Channel ipv4\n State: UP\n Table: %s\n"
	    "0000 \n",
	    name, name);
	ck_assert_int_eq(give(text), READING_ON);
	ck_assert_ptr_nonnull(strstr(reading_command(reading), name));
	ck_assert_ptr_nonnull(strstr(reading_command(reading), HOSTS));
	ck_assert_uint_lt(
	    strlen(reading_command(reading)), READING_COMMAND_MAX - 1);
	ck_assert_int_eq(give(EMPTY), READING_ON);
	ck_assert_ptr_nonnull(strstr(reading_command(reading), name));
	ck_assert_ptr_nonnull(strstr(reading_command(reading), HOSTS));
}
END_TEST

/* n different addresses, from `first` on. */
static int
give_routes(struct exports *r, unsigned first, unsigned n)
{
	struct reply_line line = {.code = 1007};
	char text[64];

	line.text = text;
	for (unsigned i = first; i < first + n; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.%u/32 x [k]", i >> 16,
		    i >> 8 & 255, i & 255);
		if (exports_line(r, &line, &why) == -1)
			return -1;
	}
	return 0;
}

START_TEST(route_limit)
{
	struct arena *arena = arena_new();
	struct exports r;

	exports_init(&r, arena);
	ck_assert_int_eq(give_routes(&r, 0, EXPORTS_MAX), 0);
	ck_assert_int_eq(exports_end(&r, EXPORTS_SENT, &why), 0);
	/* The same again are no more of them. */
	ck_assert_int_eq(give_routes(&r, 0, EXPORTS_MAX), 0);
	ck_assert_int_eq(give_routes(&r, EXPORTS_MAX, 1), -1);
	ck_assert_str_eq(why.text, "more than 100000 host routes");
	ck_assert_int_eq(exports_end(&r, EXPORTS_OF_A_TABLE, &why), 0);
	ck_assert_uint_eq(r.n_all, EXPORTS_MAX);
	/* One more is. */
	ck_assert_int_eq(give_routes(&r, EXPORTS_MAX, 1), 0);
	why.text[0] = '\0';
	ck_assert_int_eq(exports_end(&r, EXPORTS_OF_A_TABLE, &why), -1);
	ck_assert_str_eq(why.text, "more than 100000 host routes");
	exports_clear(&r);
	arena_free(arena);
}
END_TEST

START_TEST(others_are_counted)
{
	struct reply_line line = {.code = 1007, .text = "10.0.0.0/8 x [k]"};
	struct arena *arena = arena_new();
	struct exports r;

	exports_init(&r, arena);
	ck_assert_int_eq(exports_line(&r, &line, &why), 0);
	ck_assert_int_eq(exports_line(&r, &line, &why), 0);
	ck_assert_uint_eq(r.n_others, 2);
	ck_assert_uint_eq(r.n_listed, 0);
	exports_clear(&r);
	arena_free(arena);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("bird_reading");
	TCase *tc = tcase_create("bird_reading");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, recorded);
	tcase_add_test(tc, put_together);
	tcase_add_test(tc, gone_in_between);
	tcase_add_test(tc, up_without_channels);
	tcase_add_loop_test(tc, no_sessions, 0, 3);
	tcase_add_loop_test(tc, reconfigured, 0, 5);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, bad_name);
	tcase_add_test(tc, longest_command);
	tcase_add_test(tc, route_limit);
	tcase_add_test(tc, others_are_counted);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
