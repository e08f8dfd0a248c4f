/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/health_check.h"

#include <string.h>

#include "tests/unit/unit.h"

#define TIMES      " interval=2000 timeout=1000 rise=2 fall=3"
#define HTTP       "http port=80 path=/ status=200-399"
#define TEXT_LIMIT (CHECK_TEXT_MAX - 1)

static int
parse(const char *text, struct health_check *c, struct errmsg *why)
{
	return health_check_parse(text, strlen(text), c, why);
}

/* clang-format off */
static const char *const good_rows[] = {
	"none",
	"tcp port=1" TIMES,
	"tcp port=65535 tunnel=yes interval=100 timeout=100 rise=100 fall=100",
	"tcp port=1 interval=3600000 timeout=10 rise=1 fall=1",
	HTTP TIMES,
	"http port=80 host=a.example path=/a?b=%25c&d status=100-599" TIMES,
	"http port=80 host=2001:db8::1 path=/ status=204-204" TIMES,
	"https port=443 path=/ status=200-399 insecure=yes" TIMES,
	"https port=443 tunnel=yes host=x path=/ status=200-200" TIMES,
	"udp port=7 send=a%20b%0A%C3%A9 expect=%01=" TIMES,
	"udp port=7 send=x" TIMES,
	"dns port=53 host=." TIMES,
	"dns port=53 host=_a-b.Example." TIMES,
	"icmp" TIMES,
	"icmp tunnel=yes" TIMES,
};

static const struct {
	const char *text, *error;
} bad_rows[] = {
	{"", "check: type  is unknown"},
	{"TCP port=1" TIMES, "check: type TCP is unknown"},
	{"none port=1", "check: port is nothing that none has"},
	{"tcp\nport=1", "check: byte 4 is not printable ASCII"},
	{"tcp" TIMES, "check: port must be 1..65535"},
	{"tcp port=0" TIMES, "check: port must be 1..65535"},
	{"tcp port=65536" TIMES, "check: port is not readable: 65536"},
	{"tcp port=1x" TIMES, "check: port is not readable: 1x"},
	{"tcp port=" TIMES, "check: port is not readable: "},
	{"tcp port" TIMES, "check: port is nothing that tcp has"},
	{"tcp port=99999999999999999999" TIMES, "check: port is not readable: "
	    "99999999999999999999"},
	{"icmp port=1" TIMES, "check: port is nothing that icmp has"},
	{"tcp port=1 path=/" TIMES, "check: path is nothing that tcp has"},
	{"tcp port=1 zzz=1" TIMES, "check: zzz is nothing that tcp has"},
	{"tcp port=1 tunnel=no" TIMES, "check: tunnel is not readable: no"},
	{"tcp port=1 interval=99 timeout=10 rise=1 fall=1", "check: interval "
	    "must be 0.1..3600 seconds, got 99 ms"},
	{"tcp port=1 interval=3600001 timeout=10 rise=1 fall=1", "check: "
	    "interval is not readable: 3600001"},
	{"tcp port=1 interval=100 timeout=9 rise=1 fall=1", "check: timeout "
	    "must be 10 ms up to the interval, which is 100 ms, got 9 ms"},
	{"tcp port=1 interval=100 timeout=101 rise=1 fall=1", "check: timeout "
	    "must be 10 ms up to the interval, which is 100 ms, got 101 ms"},
	{"tcp port=1 interval=100 timeout=10 rise=0 fall=1", "check: rise must "
	    "be 1..100, got 0"},
	{"tcp port=1 interval=100 timeout=10 rise=256 fall=1", "check: rise is "
	    "not readable: 256"},
	{"tcp port=1 interval=100 timeout=10 rise=1 fall=101", "check: fall "
	    "must be 1..100, got 101"},
	{"http port=80 path=a status=200-399" TIMES, "check: path must begin "
	    "with '/'"},
	{"http port=80 path=/%0D%0AX status=200-399" TIMES, "check: path must "
	    "be of printable ASCII characters without spaces and '#'; "
	    "percent-encode others"},
	{"http port=80 path=/%C3%A9 status=200-399" TIMES, "check: path must "
	    "be of printable ASCII characters without spaces and '#'; "
	    "percent-encode others"},
	{"http port=80 path=/%2 status=200-399" TIMES, "check: path is not "
	    "readable: /%2"},
	{"http port=80 path=/%00 status=200-399" TIMES, "check: path is not "
	    "readable: /%00"},
	{"http port=80 path=/ status=99-399" TIMES, "check: status must be "
	    "100..599, or two of them from low to high such as 200-399"},
	{"http port=80 path=/ status=200-199" TIMES, "check: status must be "
	    "100..599, or two of them from low to high such as 200-399"},
	{"http port=80 path=/ status=200-600" TIMES, "check: status is not "
	    "readable: 200"},
	{"http port=80 path=/ status=2oo" TIMES, "check: status is not "
	    "readable: 2oo"},
	{"http port=80 host=a%20b path=/ status=200-399" TIMES, "check: host "
	    "must be a host name or an address, without a port and without a "
	    "dot at the end"},
	{"http port=80 host=a. path=/ status=200-399" TIMES, "check: host must "
	    "be a host name or an address, without a port and without a dot "
	    "at the end"},
	{"http port=80 path=/ status=200-399 insecure=yes" TIMES, "check: "
	    "insecure is nothing that http has"},
	{"udp port=7" TIMES, "check: send must say what is sent, for type udp"},
	{"dns port=53" TIMES, "check: host must be the domain name to ask for"},
	{"dns port=53 host=a..b" TIMES, "check: host must be the domain name "
	    "to ask for"},
	{"dns port=53 host=.a" TIMES, "check: host must be the domain name to "
	    "ask for"},
	{"udp port=7 send=%c3" TIMES, "check: send is not readable: %c3"},
	{"icmp" TIMES " fall=3", "check: fall is given twice"},
};

/* What an operator may write, and the canonical form of it. */
static const struct {
	const char *text, *canonical;
} loose_rows[] = {
	{"icmp", "icmp interval=2000 timeout=1000 rise=2 fall=3"},
	{"icmp  interval=500 ", "icmp interval=500 timeout=250 rise=2 fall=3"},
	{"icmp timeout=1000 interval=2000 rise=2 fall=3", "icmp" TIMES},
	{"http path=/a status=200 port=80", "http port=80 path=/a "
	    "status=200-200" TIMES},
	{"tcp port=01" TIMES, "tcp port=1" TIMES},
	{"udp port=7 send=%41 expect=" TIMES, "udp port=7 send=A" TIMES},
};
/* clang-format on */

START_TEST(good)
{
	char out[HEALTH_CHECK_FORMAT_MAX];
	struct health_check c;
	struct errmsg why = {""};

	ck_assert_msg(parse(good_rows[_i], &c, &why) == 0, "%s", why.text);
	ck_assert_int_eq(health_check_validate(&c, &why), 0);
	health_check_format(&c, out);
	ck_assert_str_eq(out, good_rows[_i]);
}
END_TEST

START_TEST(bad)
{
	struct health_check c;
	struct errmsg why = {""};

	ck_assert_int_eq(parse(bad_rows[_i].text, &c, &why), -1);
	ck_assert_str_eq(why.text, bad_rows[_i].error);
	ck_assert_int_eq(parse(bad_rows[_i].text, &c, NULL), -1);
}
END_TEST

START_TEST(loose)
{
	char out[HEALTH_CHECK_FORMAT_MAX];
	struct health_check c;
	struct errmsg why = {""};

	ck_assert_msg(
	    parse(loose_rows[_i].text, &c, &why) == 0, "%s", why.text);
	health_check_format(&c, out);
	ck_assert_str_eq(out, loose_rows[_i].canonical);
}
END_TEST

/* Cut anywhere it is refused, or has a canonical form that stands. */
START_TEST(cut_at_every_byte)
{
	const char *text = good_rows[_i];

	for (size_t len = 0; len < strlen(text); len++) {
		char out[HEALTH_CHECK_FORMAT_MAX];
		char again[HEALTH_CHECK_FORMAT_MAX];
		struct health_check c;

		if (health_check_parse(text, len, &c, NULL) == -1)
			continue;
		ck_assert_int_eq(health_check_validate(&c, NULL), 0);
		health_check_format(&c, out);
		ck_assert_int_eq(parse(out, &c, NULL), 0);
		health_check_format(&c, again);
		ck_assert_str_eq(again, out);
	}
}
END_TEST

START_TEST(values)
{
	struct health_check c;

	ck_assert_int_eq(parse("https port=443 tunnel=yes host=a.example "
			       "path=/%25 status=201-299 insecure=yes "
			       "interval=500 timeout=100 rise=4 fall=5",
			     &c, NULL),
	    0);
	ck_assert_int_eq(c.kind, CHECK_HTTPS);
	ck_assert_uint_eq(c.port, 443);
	ck_assert(c.tunnel && c.insecure);
	ck_assert_str_eq(c.host, "a.example");
	ck_assert_str_eq(c.path, "/%");
	ck_assert_uint_eq(c.status_min, 201);
	ck_assert_uint_eq(c.status_max, 299);
	ck_assert_uint_eq(c.interval_ms, 500);
	ck_assert_uint_eq(c.timeout_ms, 100);
	ck_assert_uint_eq(c.rise, 4);
	ck_assert_uint_eq(c.fall, 5);
}
END_TEST

/* Each text full, of bytes that take three characters each. */
START_TEST(the_longest)
{
	char out[HEALTH_CHECK_FORMAT_MAX], again[HEALTH_CHECK_FORMAT_MAX];
	struct health_check c, d;
	struct errmsg why = {""};

	health_check_init(&c, CHECK_UDP);
	c.port = 65535;
	memset(c.send, 0xff, TEXT_LIMIT);
	memset(c.expect, '\n', TEXT_LIMIT);
	ck_assert_int_eq(health_check_validate(&c, NULL), 0);
	health_check_format(&c, out);
	ck_assert_uint_gt(strlen(out), 2 * 3 * TEXT_LIMIT);
	ck_assert_msg(parse(out, &d, &why) == 0, "%s", why.text);
	health_check_format(&d, again);
	ck_assert_str_eq(out, again);

	c.send[TEXT_LIMIT] = 'x';
	ck_assert_int_eq(health_check_validate(&c, &why), -1);
	ck_assert_str_eq(why.text, "check: send must have at most 255 bytes");
	memset(out, 'x', sizeof(out));
	ck_assert_int_eq(health_check_parse(out, sizeof(out), &d, &why), -1);
}
END_TEST

START_TEST(a_domain_name)
{
	struct health_check c;

	health_check_init(&c, CHECK_DNS);
	c.port = 53;
	memset(c.host, 'a', 63);
	ck_assert_int_eq(health_check_validate(&c, NULL), 0);
	c.host[63] = 'a';
	ck_assert_int_eq(health_check_validate(&c, NULL), -1);
	for (size_t i = 0; i < 253; i++)
		c.host[i] = i % 2 == 0 ? 'a' : '.';
	ck_assert_int_eq(health_check_validate(&c, NULL), 0);
	c.host[253] = '.';
	ck_assert_int_eq(health_check_validate(&c, NULL), 0);
	c.host[254] = 'a';
	ck_assert_int_eq(health_check_validate(&c, NULL), -1);
}
END_TEST

START_TEST(kinds)
{
	ck_assert_str_eq(health_check_kind_name(CHECK_NONE), "none");
	ck_assert_str_eq(health_check_kind_name(CHECK_ICMP), "icmp");
	ck_assert_str_eq(health_check_kind_name((enum check_kind)77), "?");
	ck_assert(health_check_has(CHECK_HTTPS, "insecure"));
	ck_assert(!health_check_has(CHECK_HTTP, "insecure"));
	ck_assert(!health_check_has(CHECK_NONE, "port"));
	ck_assert(!health_check_has(CHECK_TCP, "nothing"));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("health_check");
	TCase *tc = tcase_create("health_check");

	tcase_add_loop_test(tc, good, 0, ROWS(good_rows));
	tcase_add_loop_test(tc, bad, 0, ROWS(bad_rows));
	tcase_add_loop_test(tc, loose, 0, ROWS(loose_rows));
	tcase_add_loop_test(tc, cut_at_every_byte, 0, ROWS(good_rows));
	tcase_add_test(tc, values);
	tcase_add_test(tc, the_longest);
	tcase_add_test(tc, a_domain_name);
	tcase_add_test(tc, kinds);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
