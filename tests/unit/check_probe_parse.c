/* SPDX-License-Identifier: Apache-2.0 */
/* What checks read and write, byte by byte: http_reply, dns_message, echo. */
#include "config.h"

#include <string.h>

#include "agent/probe/dns_message.h"
#include "agent/probe/echo.h"
#include "agent/probe/http_reply.h"
#include "balancer/core/checksum.h"
#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
	const char *text;
	enum http_reply_result result;
	unsigned code;
} http_rows[] = {
	{"", HTTP_REPLY_MORE, 0},
	{"HTTP/1.1 200", HTTP_REPLY_MORE, 200},
	{"HTTP/1.1 200 ", HTTP_REPLY_DONE, 200},
	{"HTTP/1.1 200\r", HTTP_REPLY_DONE, 200},
	{"HTTP/9.9 999\n", HTTP_REPLY_DONE, 999},
	{"HTTP/1.1 101 x", HTTP_REPLY_DONE, 101},
	{"HTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 204 \r\n", HTTP_REPLY_DONE, 204},
	{"HTTP/1.1 103\nA: b\n\nHTTP/1.1 204\n", HTTP_REPLY_DONE, 204},
	{"HTTP/1.1 103\n\nHTTP/1.1 204\n", HTTP_REPLY_DONE, 204},
	{"HTTP/1.1 103\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 500\r\n",
	    HTTP_REPLY_DONE, 500},
	{"HTTP/1.1 103\r\n\r\nx", HTTP_REPLY_BAD, 0},
	{"HTTP/1.1 099 ", HTTP_REPLY_BAD, 99},
	{"HTTP/1.1 2000 ", HTTP_REPLY_BAD, 200},
	{"HTTP/1.1 20x ", HTTP_REPLY_BAD, 0},
	{"HTTP/1.1 2 0 ", HTTP_REPLY_BAD, 0},
	{"HTTP/1.1  200 ", HTTP_REPLY_BAD, 0},
	{"HTTP/1,1 200 ", HTTP_REPLY_BAD, 0},
	{"HTTP/11 200 ", HTTP_REPLY_BAD, 0},
	{"http/1.1 200 ", HTTP_REPLY_BAD, 0},
	{" HTTP/1.1 200 ", HTTP_REPLY_BAD, 0},
	{"\nHTTP/1.1 200 ", HTTP_REPLY_BAD, 0},
};
/* clang-format on */

/* Cut in two anywhere, it says the same. */
START_TEST(http_reply)
{
	const char *text = http_rows[_i].text;
	size_t len = strlen(text);

	for (size_t cut = 0; cut <= len; cut++) {
		struct http_reply r = {0};
		enum http_reply_result result;

		result = http_reply_take(&r, text, cut);
		if (result == HTTP_REPLY_MORE)
			result = http_reply_take(&r, text + cut, len - cut);
		ck_assert_int_eq(result, http_rows[_i].result);
		if (result == HTTP_REPLY_DONE)
			ck_assert_uint_eq(r.code, http_rows[_i].code);
	}
}
END_TEST

/* clang-format off */
static const struct {
	const char *name;
	size_t len;
	const char *wire;
} name_rows[] = {
	{".", 1, ""},
	{"a", 3, "\x01" "a"},
	{"a.", 3, "\x01" "a"},
	{"www.example.com", 17, "\x03www\x07" "example\x03" "com"},
};
/* clang-format on */

START_TEST(dns_query)
{
	uint8_t out[DNS_QUERY_MAX];
	static const uint8_t head[] = {
	    0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	static const uint8_t tail[] = {0, 1, 0, 1};
	size_t len = name_rows[_i].len;

	ck_assert_uint_eq(
	    dns_query_format(name_rows[_i].name, 0x1234, out), 16 + len);
	ck_assert_mem_eq(out, head, 12);
	ck_assert_mem_eq(out + 12, name_rows[_i].wire, len);
	ck_assert_mem_eq(out + 12 + len, tail, 4);
}
END_TEST

START_TEST(dns_longest)
{
	uint8_t out[DNS_QUERY_MAX];
	char name[256] = "";

	for (size_t i = 0; i < 253; i++)
		name[i] = i % 2 == 0 ? 'a' : '.';
	ck_assert_uint_eq(dns_query_format(name, 0, out), DNS_QUERY_MAX);
}
END_TEST

START_TEST(dns_answer)
{
	uint8_t query[DNS_QUERY_MAX], answer[512] = {0};
	size_t len = dns_query_format("www.example.com", 7, query);

	memcpy(answer, query, len);
	ck_assert_int_eq(dns_answer_rcode(answer, len, query, len), -1);
	answer[2] |= 0x80;
	for (int rcode = 0; rcode < 16; rcode++) {
		answer[3] = (uint8_t)(0xf0 | rcode);
		ck_assert_int_eq(
		    dns_answer_rcode(answer, len, query, len), rcode);
		ck_assert_int_eq(
		    dns_answer_rcode(answer, sizeof(answer), query, len),
		    rcode);
	}
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(dns_answer_rcode(answer, cut, query, len), -1);
	answer[2] |= 0x20; /* another opcode */
	ck_assert_int_eq(dns_answer_rcode(answer, len, query, len), -1);
	answer[2] = 0x80;
	answer[5] = 2;
	ck_assert_int_eq(dns_answer_rcode(answer, len, query, len), -1);
	/* Without the question: a refusal, but no good answer. */
	answer[5] = 0;
	answer[3] = 1;
	ck_assert_int_eq(dns_answer_rcode(answer, 12, query, len), 1);
	answer[3] = 0;
	ck_assert_int_eq(dns_answer_rcode(answer, 12, query, len), -1);
}
END_TEST

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	return a;
}

static const struct echo echo = {
    0x1122334455667788, 0x99aabbccddeeff00, 0x1234, 0xff00};

START_TEST(echo_reply)
{
	bool is6 = _i == 1;
	uint8_t message[ECHO_LEN];
	struct echo e;

	echo_format(&echo, is6, message);
	ck_assert(!echo_reply_parse(message, ECHO_LEN, is6, &e)); /* request */
	message[0] = is6 ? 129 : 0;
	message[2] = message[3] = 0;
	if (!is6)
		store16(message + 2, checksum_of(message, ECHO_LEN));
	ck_assert(echo_reply_parse(message, ECHO_LEN, is6, &e));
	ck_assert(e.nonce == echo.nonce && e.id == echo.id &&
	    e.ident == echo.ident && e.seq == echo.seq);
	ck_assert(!echo_reply_parse(message, ECHO_LEN, !is6, &e));
	for (size_t cut = 0; cut < ECHO_LEN; cut++)
		ck_assert(!echo_reply_parse(message, cut, is6, &e));
	message[1] = 1;
	ck_assert(!echo_reply_parse(message, ECHO_LEN, is6, &e));
	message[1] = 0;
	message[ECHO_LEN - 1] ^= 1; /* the kernel looks for IPv6 */
	ck_assert(echo_reply_parse(message, ECHO_LEN, is6, &e) == is6);
}
END_TEST

START_TEST(echo_packet)
{
	struct addr from4 = addr("192.0.2.1"), to4 = addr("192.0.2.2");
	struct addr from6 = addr("2001:db8::1"), to6 = addr("2001:db8::2");
	uint8_t p[ECHO_PACKET_MAX];

	ck_assert_uint_eq(
	    echo_packet_format(&echo, &from4, &to4, p), 20 + ECHO_LEN);
	ck_assert_uint_eq(checksum_of(p, 20), 0);
	ck_assert_uint_eq(checksum_of(p + 20, ECHO_LEN), 0);
	ck_assert_mem_eq(p + 12, "\xc0\0\2\1\xc0\0\2\2", 8);
	ck_assert_uint_eq(
	    echo_packet_format(&echo, &from6, &to6, p), 40 + ECHO_LEN);
	ck_assert_uint_eq(
	    checksum_end(checksum_add(
		checksum_pseudo6(p + 8, 58, ECHO_LEN), p + 40, ECHO_LEN)),
	    0);
	ck_assert_mem_eq(p + 8, from6.bytes, 16);
	ck_assert_mem_eq(p + 24, to6.bytes, 16);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("probe_parse");
	TCase *tc = tcase_create("probe_parse");

	tcase_add_loop_test(tc, http_reply, 0, ROWS(http_rows));
	tcase_add_loop_test(tc, dns_query, 0, ROWS(name_rows));
	tcase_add_test(tc, dns_longest);
	tcase_add_test(tc, dns_answer);
	tcase_add_loop_test(tc, echo_reply, 0, 2);
	tcase_add_test(tc, echo_packet);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
