/* SPDX-License-Identifier: Apache-2.0 */
/* The options of guideway capture, and what it says of packets. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/capture_args.h"
#include "agent/cli/capture_text.h"
#include "tests/unit/unit.h"

static struct capture_args args;
static struct errmsg why;

START_TEST(defaults)
{
	const struct cli cli = {0};

	ck_assert_int_eq(capture_args_read(&cli, &args, &why), 0);
	ck_assert_uint_eq(args.count, 1000);
	ck_assert_uint_eq(args.seconds, 0);
	ck_assert_uint_eq(args.query.rate, 1000);
	ck_assert_uint_eq(args.query.sample, 0);
	ck_assert_uint_eq(args.query.snap, 128);
	ck_assert_str_eq(args.query.service, "");
	ck_assert_uint_eq(args.query.n_reasons, 0);
	ck_assert(args.query.in && args.query.out);
}
END_TEST

START_TEST(all_given)
{
	const struct cli cli = {.count = "0",
	    .seconds = "60",
	    .rate = "20000",
	    .sample = "1/64",
	    .snap = "65535",
	    .service = "web",
	    .reason = "drop_no_service,reply_*,reply_echo",
	    .direction = "out"};

	ck_assert_msg(
	    capture_args_read(&cli, &args, &why) == 0, "%s", why.text);
	ck_assert_uint_eq(args.count, 0);
	ck_assert_uint_eq(args.seconds, 60);
	ck_assert_uint_eq(args.query.rate, 20000);
	ck_assert_uint_eq(args.query.sample, 64);
	ck_assert_uint_eq(args.query.snap, 65535);
	ck_assert_str_eq(args.query.service, "web");
	ck_assert_uint_eq(args.query.n_reasons, 3);
	ck_assert_str_eq(args.query.reasons[0], "drop_no_service");
	ck_assert_str_eq(args.query.reasons[1], "reply_echo");
	ck_assert_str_eq(args.query.reasons[2], "reply_too_big");
	ck_assert(!args.query.in && args.query.out);
}
END_TEST

START_TEST(every_reason)
{
	const struct cli cli = {.reason = "*"};

	ck_assert_int_eq(capture_args_read(&cli, &args, &why), 0);
	ck_assert_uint_gt(args.query.n_reasons, 20);
}
END_TEST

static const struct {
	struct cli cli;
	const char *says;
} bad[] = {
    {{.count = "many"}, "--count must be 0..4294967295, got 'many'"},
    {{.count = "4294967296"}, "--count"},
    {{.seconds = "-1"}, "--seconds"},
    {{.rate = "0"}, "--rate must be 1..20000"},
    {{.rate = "20001"}, "--rate"},
    {{.sample = "1/0"}, "--sample must be 1/N"},
    {{.sample = "2/3"}, "--sample"},
    {{.sample = ""}, "--sample"},
    {{.snap = "13"}, "--snap must be 14..65535"},
    {{.snap = "65536"}, "--snap"},
    {{.service = "a/b"}, "service's name"},
    {{.reason = "drop_nothing"}, "'drop_nothing' is no reason"},
    {{.reason = "drop_no_service,"}, "'' is no reason"},
    {{.reason = "forward "}, "'forward ' is no reason"},
    {{.direction = "up"}, "--direction must be in, out or both, got 'up'"},
};

START_TEST(mistakes)
{
	ck_assert_int_eq(capture_args_read(&bad[_i].cli, &args, &why), -1);
	ck_assert_msg(strstr(why.text, bad[_i].says) != NULL, "%s", why.text);
	ck_assert_ptr_null(strchr(why.text, '\n'));
}
END_TEST

/* Ethernet, with `tag` a VLAN tag; then these bytes. */
static const uint8_t ipv4_tcp[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0,
    0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 198, 51, 100, 9, 203, 0, 113, 10,
    0x12, 0x67, 0x01, 0xbb};
static const uint8_t ipv6_udp[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0,
    0, 7, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 9, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0x10, 0x13, 0x88, 0, 53};
static const uint8_t fragment[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0,
    0x45, 0, 0, 40, 0, 1, 0, 9, 64, 17, 0, 0, 198, 51, 100, 9, 203, 0, 113, 10,
    0x12, 0x67, 0x01, 0xbb};

static const struct {
	const uint8_t *data;
	size_t len;
	const char *line;
} lines[] = {
    {ipv4_tcp, sizeof(ipv4_tcp),
	"in0 198.51.100.9:4711 -> 203.0.113.10:443 tcp 1000 B: forward web "
	"10.1.0.7 -> out0"},
    {ipv4_tcp, sizeof(ipv4_tcp) - 1,
	"in0 198.51.100.9 -> 203.0.113.10 tcp 1000 B: forward web 10.1.0.7 -> "
	"out0"},
    {ipv4_tcp, 33, "in0 not IP 1000 B: forward web 10.1.0.7 -> out0"},
    {ipv6_udp, sizeof(ipv6_udp),
	"in0 [2001:db8::9]:5000 -> [2001:db8::10]:53 udp 1000 B: forward web "
	"10.1.0.7 -> out0"},
    {fragment, sizeof(fragment),
	"in0 198.51.100.9 -> 203.0.113.10 udp 1000 B: forward web 10.1.0.7 -> "
	"out0"},
    {fragment, 0, "in0 not IP 1000 B: forward web 10.1.0.7 -> out0"},
};

static struct captured_frame frames[2];
static struct captured_packet packet = {.number = 1,
    .time_ns = 1700000000123456789,
    .reason = "forward",
    .service = "web",
    .frames = frames,
    .n_frames = 2};

static void
make_packet(int row)
{
	frames[0] = (struct captured_frame){false, "in0", 1000,
	    memcpy(malloc(lines[row].len + 1), lines[row].data, lines[row].len),
	    lines[row].len};
	frames[1] = (struct captured_frame){
	    true, "out0", 1024, lines[row].data, lines[row].len};
	addr_parse(&packet.backend, "10.1.0.7");
}

START_TEST(as_a_line)
{
	char text[CAPTURE_TEXT_MAX];

	setenv("TZ", "UTC", 1);
	tzset();
	make_packet(_i);
	ck_assert_str_eq(capture_line(&packet, text) + 16, lines[_i].line);
	ck_assert_int_eq(strncmp(text, "22:13:20.123456 ", 16), 0);
	free((void *)(uintptr_t)frames[0].data);
}
END_TEST

START_TEST(as_json)
{
	json_t *o, *f;

	make_packet(0);
	o = capture_json(&packet);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "number")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "time_ns")),
	    1700000000123456789);
	ck_assert_str_eq(
	    json_string_value(json_object_get(o, "reason")), "forward");
	ck_assert_str_eq(
	    json_string_value(json_object_get(o, "backend")), "10.1.0.7");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(o, "source_port")), 4711);
	f = json_array_get(json_object_get(o, "frames"), 1);
	ck_assert_str_eq(
	    json_string_value(json_object_get(f, "direction")), "out");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(f, "length")), 1024);
	json_decref(o);
	free((void *)(uintptr_t)frames[0].data);
}
END_TEST

/* One that is new to us, with nothing chosen. */
START_TEST(unknown_reason)
{
	struct captured_packet p = packet;
	char text[CAPTURE_TEXT_MAX];

	make_packet(0);
	ck_assert_str_eq(capture_comment(&packet, text),
	    "forward: by the table; service web; backend 10.1.0.7");
	p.reason = "drop_something";
	p.service = "";
	p.backend = (struct addr){{0}};
	ck_assert_str_eq(capture_comment(&p, text), "drop_something: ");
	free((void *)(uintptr_t)frames[0].data);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("capture_args");
	TCase *tc = tcase_create("capture_args");

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, all_given);
	tcase_add_test(tc, every_reason);
	tcase_add_loop_test(tc, mistakes, 0, ROWS(bad));
	tcase_add_loop_test(tc, as_a_line, 0, ROWS(lines));
	tcase_add_test(tc, as_json);
	tcase_add_test(tc, unknown_reason);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
