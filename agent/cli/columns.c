/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/columns.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli.h"

#define GAP "  "

struct cell {
	char *text;
	enum style style;
};

struct columns {
	const char *align;
	size_t n_columns;
	struct cell *cells; /* row after row */
	size_t n_cells, room;
};

/* Does this stream take colour: a terminal, and no $NO_COLOR? */
static bool
style_wanted(FILE *f)
{
	const char *no_color = getenv("NO_COLOR");

	return (no_color == NULL || no_color[0] == '\0') &&
	    isatty(fileno(f)) == 1;
}

static const char *
style_on(enum style style)
{
	switch (style) {
	case STYLE_PLAIN:
		break;
	case STYLE_HEAD:
		return "\033[1m";
	case STYLE_GOOD:
		return "\033[32m";
	case STYLE_BAD:
		return "\033[31m";
	case STYLE_DIM:
		return "\033[2m";
	}
	return NULL;
}

static void
put_styled(FILE *f, enum style style, const char *text)
{
	const char *on = style_wanted(f) ? style_on(style) : NULL;

	fprintf(f, "%s%s%s", on != NULL ? on : "", text,
	    on != NULL ? "\033[0m" : "");
}

void
style_print(FILE *f, enum style style, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (rc == -1)
		cli_no_memory();
	put_styled(f, style, text);
	free(text);
}

struct columns *
columns_new(const char *align)
{
	struct columns *c = calloc(1, sizeof(*c));

	if (c == NULL)
		cli_no_memory();
	c->align = align;
	c->n_columns = strlen(align);
	return c;
}

static void
add(struct columns *c, enum style style, char *text)
{
	if (c->n_cells == c->room) {
		c->room = c->room == 0 ? 64 : c->room * 2;
		c->cells = reallocarray(c->cells, c->room, sizeof(*c->cells));
	}
	if (text == NULL || c->cells == NULL)
		cli_no_memory();
	c->cells[c->n_cells++] = (struct cell){text, style};
}

void
columns_head(struct columns *c, const char *headings)
{
	while (headings != NULL) {
		size_t len = strcspn(headings, "|");

		add(c, STYLE_HEAD, strndup(headings, len));
		headings = headings[len] == '|' ? headings + len + 1 : NULL;
	}
}

void
columns_add(struct columns *c, enum style style, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	add(c, style, rc != -1 ? text : NULL);
}

static int
width_of(const struct columns *c, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < c->n_cells; i += c->n_columns) {
		size_t len = strlen(c->cells[i].text);

		width = len > width ? len : width;
	}
	return (int)width;
}

/* Nothing but the end of the line after the last cell that is not empty. */
static void
print_row(const struct columns *c, const struct cell *row, const int *widths,
    FILE *to)
{
	size_t n = c->n_columns;

	while (n > 0 && row[n - 1].text[0] == '\0')
		n--;
	for (size_t i = 0; i < n; i++) {
		int pad = widths[i] - (int)strlen(row[i].text);

		if (c->align[i] == 'r')
			fprintf(to, "%*s", pad, "");
		put_styled(to, row[i].style, row[i].text);
		if (i + 1 < n)
			fprintf(
			    to, "%*s" GAP, c->align[i] == 'l' ? pad : 0, "");
	}
	fputc('\n', to);
}

void
columns_print(struct columns *c, FILE *to)
{
	int *widths = calloc(c->n_columns, sizeof(*widths));

	if (widths == NULL)
		cli_no_memory();
	for (size_t i = 0; i < c->n_columns; i++)
		widths[i] = width_of(c, i);
	for (size_t i = 0; i < c->n_cells && to != NULL; i += c->n_columns)
		print_row(c, &c->cells[i], widths, to);
	for (size_t i = 0; i < c->n_cells; i++)
		free(c->cells[i].text);
	free(widths);
	free(c->cells);
	free(c);
}

/* Three digits and a prefix of 1000s. */
static const char *
scaled(uint64_t n, const char *unit, char buf[UNIT_TEXT_MAX])
{
	static const char prefixes[] = "kMGTPE";
	double value = (double)n / 1000;
	size_t i = 0;

	while (value >= 999.5 && prefixes[i + 1] != '\0') {
		value /= 1000;
		i++;
	}
	snprintf(buf, UNIT_TEXT_MAX, "%.*f %c%s",
	    value < 9.995       ? 2
		: value < 99.95 ? 1
				: 0,
	    value, prefixes[i], unit);
	return buf;
}

const char *
unit_count(uint64_t n, char buf[UNIT_TEXT_MAX])
{
	if (n >= 10000)
		return scaled(n, "", buf);
	snprintf(buf, UNIT_TEXT_MAX, "%" PRIu64, n);
	return buf;
}

const char *
unit_bytes(uint64_t n, char buf[UNIT_TEXT_MAX])
{
	if (n >= 1000)
		return scaled(n, "B", buf);
	snprintf(buf, UNIT_TEXT_MAX, "%" PRIu64 " B", n);
	return buf;
}

const char *
unit_seconds(uint64_t s, char buf[UNIT_TEXT_MAX])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	while (s < units[i].seconds && units[i].seconds > 1)
		i++;
	if (units[i].seconds == 1)
		snprintf(buf, UNIT_TEXT_MAX, "%" PRIu64 " s", s);
	else
		snprintf(buf, UNIT_TEXT_MAX, "%" PRIu64 " %s %" PRIu64 " %s",
		    s / units[i].seconds, units[i].name,
		    s % units[i].seconds / units[i + 1].seconds,
		    units[i + 1].name);
	return buf;
}
