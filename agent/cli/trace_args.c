/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/trace_args.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/addr.h"

/* Two endpoints of 47 and 7 characters, an arrow, and generous space. */
#define TEXT_MAX 256

static int
port(const char *text, uint16_t *out)
{
	uint32_t n = 0;

	if (*text == '\0' || strlen(text) > 5)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		n = n * 10 + (uint32_t)(*text - '0');
	}
	if (n > UINT16_MAX)
		return -1;
	*out = (uint16_t)n;
	return 0;
}

/* A.B.C.D:PORT or [V6]:PORT. */
static int
endpoint(char *text, struct addr *addr, uint16_t *number, struct errmsg *why)
{
	bool bracket = text[0] == '[';
	char *colon = bracket ? strstr(text, "]:") : strrchr(text, ':');
	char copy[TEXT_MAX];

	strcpy(copy, text); /* it is part of one of that size */
	if (colon == NULL || (!bracket && strchr(text, ':') != colon))
		return errmsg_set(why,
		    "'%s': ADDRESS:PORT is needed, an IPv6 address in brackets",
		    copy);
	*colon = '\0';
	if (port(colon + (bracket ? 2 : 1), number) == -1)
		return errmsg_set(
		    why, "'%s': a port from 0 to 65535 is needed", copy);
	if (addr_parse(addr, bracket ? text + 1 : text) == -1 ||
	    addr_is4(addr) == bracket || addr_is_none(addr))
		return errmsg_set(why, "'%s': '%s' is no %s address", copy,
		    bracket ? text + 1 : text, bracket ? "IPv6" : "IPv4");
	return 0;
}

/* All words in one text, with spaces for arrows. */
static int
join(const char *const *words, size_t n, char text[TEXT_MAX])
{
	size_t used = 0;
	char *arrow;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		if (used + len + 2 > TEXT_MAX)
			return -1;
		memcpy(text + used, words[i], len);
		used += len;
		text[used++] = ' ';
	}
	text[used] = '\0';
	if ((arrow = strstr(text, "->")) != NULL)
		memcpy(arrow, "  ", 2);
	return 0;
}

int
trace_args_parse(const char *const *words, size_t n, struct trace_query *q,
    struct errmsg *why)
{
	char text[TEXT_MAX] = "", *save = NULL, *source, *destination;

	if (join(words, n, text) == -1)
		return errmsg_set(why, "that is too long for two endpoints");
	source = strtok_r(text, " \t", &save);
	destination = strtok_r(NULL, " \t", &save);
	if (destination != NULL && strcmp(destination, "to") == 0)
		destination = strtok_r(NULL, " \t", &save);
	if (destination == NULL || strtok_r(NULL, " \t", &save) != NULL)
		return errmsg_set(
		    why, "two endpoints are needed: SRC:PORT to DST:PORT");
	if (endpoint(source, &q->source, &q->source_port, why) == -1 ||
	    endpoint(destination, &q->destination, &q->destination_port, why) ==
		-1)
		return -1;
	if (addr_is4(&q->source) != addr_is4(&q->destination))
		return errmsg_set(
		    why, "source and destination must be of one IP version");
	return 0;
}
