/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the status code in what a web server answers (RFC 9112, section 4), as
 * it comes, in whatever pieces. Interim responses (1xx) are passed over, but
 * for 101, which is final. Nothing is kept of the answer but where in it we
 * are. Pure. */
#ifndef AGENT_PROBE_HTTP_REPLY_H
#define AGENT_PROBE_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct http_reply {
	size_t line;    /* bytes of the status line that were good */
	unsigned code;  /* so far */
	bool skip;      /* within an interim response, after its code */
	bool line_left; /* skip: something stands in this line */
};

enum http_reply_result {
	HTTP_REPLY_MORE, /* wanted */
	HTTP_REPLY_DONE, /* reply.code */
	HTTP_REPLY_BAD,  /* this is not HTTP */
};

/* Begins with all zero. */
enum http_reply_result http_reply_take(
    struct http_reply *, const void *data, size_t len);

#endif
