/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from BIRD's control socket, or from whoever sits there. The first
 * byte says how long the pieces are in which the rest arrives. A whole reading
 * is made of it; the same in one piece must come to the same. */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/bird/reading.h"
#include "agent/bird/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct reply reply; /* large */

/* One byte after the other of anything that was read. */
struct digest {
	uint64_t h;
};

static void
add(struct digest *d, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		d->h = (d->h ^ bytes[i]) * 0x100000001b3;
}

/* Text for a terminal. */
static void
add_text(struct digest *d, const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			abort();
	add(d, text, strlen(text) + 1);
}

static void
check_command(const char *command)
{
	struct digest d = {0};

	if (command == NULL)
		return;
	add_text(&d, command);
	if (strlen(command) >= READING_COMMAND_MAX ||
	    strncmp(command, "show ", 5) != 0)
		abort();
}

static void
check_report(struct digest *d, struct reading *reading)
{
	struct bird_report *r = reading_report(reading, "");
	const struct bird_route *route;

	if (r == NULL || r->state != BIRD_OK)
		abort();
	for (size_t i = 0; i < r->n_sessions; i++) {
		add_text(d, r->sessions[i].name);
		add_text(d, r->sessions[i].info);
		add(d, &r->sessions[i].established, sizeof(bool));
	}
	for (size_t i = 0; i < r->n_routes; i++) {
		route = &r->routes[i];
		if (i > 0 && addr_cmp(&route[-1].addr, &route->addr) >= 0)
			abort();
		if (route->exported > r->n_sessions ||
		    (route->exported == 0 && !route->learnt))
			abort();
		add(d, &route->addr, sizeof(route->addr));
		add(d, &route->exported, sizeof(route->exported));
		add(d, &route->learnt, sizeof(route->learnt));
		add_text(d, route->source);
	}
	bird_report_free(r);
}

/* One line as birdctl takes it: the greeting, then the replies of the reading.
 * false: no more. */
static bool
take(struct digest *d, struct reading *reading, const struct reply_line *line,
    bool *greeted)
{
	char version[SHOW_VERSION_MAX];
	struct errmsg why;

	if (!*greeted) {
		show_version(line->text, version);
		add_text(d, version);
		*greeted = true;
		return line->last;
	}
	check_command(reading_command(reading));
	switch (reading_line(reading, line, &why)) {
	case READING_BAD:
		add_text(d, why.text);
		return false;
	case READING_AGAIN:
		return false;
	case READING_ON:
		break;
	}
	return reading_command(reading) != NULL;
}

static struct digest
read_pieces(const char *data, size_t len, size_t piece)
{
	struct reading *reading = reading_new();
	enum reply_result result = REPLY_SHORT;
	struct digest d = {0xcbf29ce484222325};
	struct reply_line line;
	struct errmsg why;
	bool greeted = false;

	if (reading == NULL)
		abort();
	reply_init(&reply);
	while (result == REPLY_SHORT && len > 0) {
		size_t n = piece < len ? piece : len, left = n;
		const char *at = data;

		do
			result = reply_next(&reply, &at, &left, &line, &why);
		while (
		    result == REPLY_LINE && take(&d, reading, &line, &greeted));
		data += n;
		len -= n;
	}
	if (result == REPLY_BAD)
		add_text(&d, why.text);
	if (greeted && reading_command(reading) == NULL)
		check_report(&d, reading);
	reading_free(reading);
	return d;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *rest = (const char *)data + 1;
	size_t piece;

	if (len < 2)
		return 0;
	piece = data[0] > 0 ? data[0] : 1;
	if (read_pieces(rest, len - 1, piece).h !=
	    read_pieces(rest, len - 1, len - 1).h)
		abort();
	return 0;
}
