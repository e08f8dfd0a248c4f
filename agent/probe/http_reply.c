/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/http_reply.h"

#include <string.h>

/* '0': a digit of the version, '9': one of the code, ' ' at the end: a space,
 * or the end of a line without a reason. */
static const char pattern[] = "HTTP/0.0 999 ";
#define PATTERN_LEN (sizeof(pattern) - 1)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
take_status(struct http_reply *r, char c)
{
	char want = pattern[r->line++];

	if (want == '9')
		r->code = r->code * 10 + (unsigned)(c - '0');
	if (want == '9' || want == '0')
		return is_digit(c);
	if (r->line == PATTERN_LEN)
		return c == ' ' || c == '\r' || c == '\n';
	return c == want;
}

/* An empty line ends it. A bare LF ends a line, too (RFC 9112, 2.2). */
static void
skip(struct http_reply *r, char c)
{
	if (c == '\n' && !r->line_left)
		memset(r, 0, sizeof(*r));
	else if (c == '\n')
		r->line_left = false;
	else if (c != '\r')
		r->line_left = true;
}

enum http_reply_result
http_reply_take(struct http_reply *r, const void *data, size_t len)
{
	const char *p = data;

	for (size_t i = 0; i < len; i++) {
		if (r->skip) {
			skip(r, p[i]);
			continue;
		}
		if (!take_status(r, p[i]))
			return HTTP_REPLY_BAD;
		if (r->line < PATTERN_LEN)
			continue;
		if (r->code < 100)
			return HTTP_REPLY_BAD;
		if (r->code >= 200 || r->code == 101)
			return HTTP_REPLY_DONE;
		r->skip = true;
		r->line_left = p[i] != '\n';
	}
	return HTTP_REPLY_MORE;
}
