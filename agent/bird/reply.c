/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/reply.h"

#include <string.h>

/* "1007-": four digits, and a space or a dash. */
#define CODE_LEN   4
#define PREFIX_LEN 5

void
reply_init(struct reply *r)
{
	r->open = false;
	r->code = 0;
	r->size = 0;
	r->used = 0;
}

char *
reply_printable(char *out, size_t room, const char *text, size_t len)
{
	size_t n = len < room ? len : room - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[n] = '\0';
	return out;
}

static enum reply_result
garbage(const struct reply *r, struct errmsg *why)
{
	char start[48];

	errmsg_set(why, "not a line of BIRD's: \"%s\"",
	    reply_printable(start, sizeof(start), r->line, r->used));
	return REPLY_BAD;
}

static bool
read_code(const char *text, unsigned *code)
{
	*code = 0;
	for (int i = 0; i < CODE_LEN; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*code = *code * 10 + (unsigned)(text[i] - '0');
	}
	return true;
}

/* A whole line, without its newline and with a NUL in its place. */
static enum reply_result
read_line(struct reply *r, struct reply_line *line, struct errmsg *why)
{
	const char *text = r->line;

	if (strlen(text) != r->used)
		return garbage(r, why);
	line->last = false;
	if (text[0] == ' ' && r->open) {
		line->code = r->code;
		line->text = text + 1;
		return REPLY_LINE;
	}
	if (r->used < PREFIX_LEN || !read_code(text, &line->code) ||
	    (text[CODE_LEN] != ' ' && text[CODE_LEN] != '-'))
		return garbage(r, why);
	line->last = text[CODE_LEN] == ' ';
	line->text = text + PREFIX_LEN;
	r->code = line->code;
	r->open = !line->last;
	if (line->last)
		r->size = 0;
	return REPLY_LINE;
}

/* Moves bytes into r->line, up to the end of the line. */
static enum reply_result
collect(struct reply *r, const char **data, size_t *len, struct errmsg *why)
{
	const char *end = memchr(*data, '\n', *len);
	size_t n = end != NULL ? (size_t)(end - *data) + 1 : *len;

	if (n > sizeof(r->line) - r->used) {
		errmsg_set(why, "a line of more than %d bytes", REPLY_LINE_MAX);
		return REPLY_BAD;
	}
	if (n > REPLY_MAX - r->size) {
		errmsg_set(why, "a reply of more than %u bytes", REPLY_MAX);
		return REPLY_BAD;
	}
	memcpy(r->line + r->used, *data, n);
	r->used += n;
	r->size += n;
	*data += n;
	*len -= n;
	return end != NULL ? REPLY_LINE : REPLY_SHORT;
}

enum reply_result
reply_next(struct reply *r, const char **data, size_t *len,
    struct reply_line *line, struct errmsg *why)
{
	enum reply_result result;

	do {
		if (*len == 0)
			return REPLY_SHORT;
		if ((result = collect(r, data, len, why)) != REPLY_LINE)
			return result;
		r->line[--r->used] = '\0';
		result = r->line[0] == '+' ? REPLY_SHORT
					   : read_line(r, line, why);
		r->used = 0;
	} while (result == REPLY_SHORT);
	return result;
}
