/* SPDX-License-Identifier: Apache-2.0 */
/* What health checks read off the network: a web server's answer, which says
 * the same however it is cut; an answer of a DNS server; an echo reply. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "agent/probe/dns_message.h"
#include "agent/probe/echo.h"
#include "agent/probe/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_http(const uint8_t *data, size_t len)
{
	struct http_reply whole = {0}, cut = {0};
	size_t at = len > 0 ? data[len - 1] % len : 0;
	enum http_reply_result expected = http_reply_take(&whole, data, len);
	enum http_reply_result result = http_reply_take(&cut, data, at);

	if (result == HTTP_REPLY_MORE)
		result = http_reply_take(&cut, data + at, len - at);
	if (result != expected)
		abort();
	if (result == HTTP_REPLY_DONE &&
	    (whole.code != cut.code || whole.code < 100 || whole.code > 999))
		abort();
}

static void
try_dns(const uint8_t *data, size_t len)
{
	uint8_t query[DNS_QUERY_MAX];
	char text[DNS_RCODE_TEXT_MAX];
	size_t query_len = dns_query_format("www.example.com", 0x4141, query);
	int rcode = dns_answer_rcode(data, len, query, query_len);

	if (rcode < -1 || rcode > 15)
		abort();
	dns_rcode_format(rcode, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct echo echo;

	try_http(data, len);
	try_dns(data, len);
	(void)echo_reply_parse(data, len, false, &echo);
	(void)echo_reply_parse(data, len, true, &echo);
	return 0;
}
