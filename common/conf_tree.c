/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/conf_tree.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/arena.h"

struct conf_tree {
	const char *path; /* in the arena */
	struct arena *arena;
	const struct conf_node *root;
};

/* A collection that is still open. */
struct level {
	struct conf_node *node, *last;
	const struct conf_node *key; /* waits for its value */
};

struct builder {
	struct conf_tree *tree;
	struct errmsg *why;
	const char *text;
	size_t len;
	struct level levels[CONF_TREE_DEPTH];
	size_t depth;
};

struct conf_shown
conf_show(const char *text)
{
	struct conf_shown shown;
	size_t i, max = sizeof(shown.text) - 1;

	for (i = 0; i < max && text[i] != '\0'; i++) {
		shown.text[i] = text[i];
		if (text[i] < ' ' || text[i] > '~')
			shown.text[i] = '?';
	}
	shown.text[i] = '\0';
	if (i == max)
		memcpy(shown.text + max - 3, "...", 3);
	return shown;
}

static int __attribute__((format(printf, 5, 0)))
fail_at(const struct conf_tree *tree, size_t line, size_t column,
    struct errmsg *why, const char *fmt, va_list ap)
{
	char text[sizeof(why->text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	return errmsg_set(
	    why, "%s:%zu:%zu: %s", tree->path, line, column, text);
}

int
conf_tree_fail(const struct conf_tree *tree, const struct conf_node *node,
    struct errmsg *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(tree, node->line, node->column, why, fmt, ap);
	va_end(ap);
	return -1;
}

static int __attribute__((format(printf, 3, 4)))
fail_mark(const struct builder *b, yaml_mark_t mark, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(b->tree, mark.line + 1, mark.column + 1, b->why, fmt, ap);
	va_end(ap);
	return -1;
}

/* libyaml gives only the offset of what it could not decode. */
static yaml_mark_t
mark_of_offset(const struct builder *b, size_t offset)
{
	yaml_mark_t mark = {0, 0, 0};

	for (size_t i = 0; i < offset && i < b->len; i++) {
		if (b->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if ((b->text[i] & 0xc0) != 0x80) {
			mark.column++; /* a character, not a byte */
		}
	}
	return mark;
}

/* The line of a mark, as far as it fits. */
static void
copy_line(const struct builder *b, yaml_mark_t mark, char *line, size_t size)
{
	const char *at = b->text, *end = b->text + b->len, *newline;
	size_t n;

	for (size_t i = 0; i < mark.line; i++) {
		if ((newline = memchr(at, '\n', (size_t)(end - at))) == NULL)
			break;
		at = newline + 1;
	}
	newline = memchr(at, '\n', (size_t)(end - at));
	n = (size_t)((newline != NULL ? newline : end) - at);
	if (n >= size)
		n = size - 1;
	memcpy(line, at, n);
	line[n] = '\0';
}

/* Says a fault of libyaml in words that help. The two usual ones are a tab and
 * an IPv6 address without quotes, whose colons mean something in YAML. */
static int
fail_parser(const struct builder *b, const yaml_parser_t *p)
{
	char line[256];

	if (p->error == YAML_MEMORY_ERROR)
		return errmsg_set(b->why, "%s: out of memory", b->tree->path);
	if (p->error == YAML_READER_ERROR)
		return fail_mark(b, mark_of_offset(b, p->problem_offset),
		    "%s; the file must be plain UTF-8 text", p->problem);
	copy_line(b, p->problem_mark, line, sizeof(line));
	if (strchr(line, '\t') != NULL &&
	    strspn(line, " \t") > strspn(line, " "))
		return fail_mark(
		    b, p->problem_mark, "a tab in the indentation; use spaces");
	if (strstr(line, "::") != NULL)
		return fail_mark(b, p->problem_mark,
		    "not valid YAML (%s); put "
		    "an IPv6 address in quotes, such as \"2001:db8::1\"",
		    p->problem);
	return fail_mark(b, p->problem_mark, "not valid YAML: %s%s%s",
	    p->problem, p->context != NULL ? " " : "",
	    p->context != NULL ? p->context : "");
}

/* A new node becomes the root, a key, or an entry of the collection open. */
static int
attach(struct builder *b, struct conf_node *node, yaml_mark_t mark)
{
	struct level *top;

	if (b->depth == 0) {
		b->tree->root = node;
		return 0;
	}
	top = &b->levels[b->depth - 1];
	if (top->node->kind == CONF_KIND_MAP) {
		if (top->key == NULL) {
			if (node->kind != CONF_KIND_SCALAR)
				return fail_mark(b, mark,
				    "a key must be one word, not a list or a "
				    "mapping");
			top->key = node;
			return 0;
		}
		node->key = top->key;
		top->key = NULL;
	}
	if (top->last == NULL)
		top->node->first = node;
	else
		top->last->next = node;
	top->last = node;
	top->node->n++;
	return 0;
}

static struct conf_node *
node_new(struct builder *b, enum conf_kind kind, yaml_mark_t mark)
{
	struct conf_node *node = arena_alloc(b->tree->arena, 1, sizeof(*node));

	if (node == NULL) {
		errmsg_set(b->why, "%s: out of memory", b->tree->path);
		return NULL;
	}
	node->kind = kind;
	node->line = mark.line + 1;
	node->column = mark.column + 1;
	return node;
}

static int
add_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct conf_node *node;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return fail_mark(b, e->start_mark,
			    "control characters and line breaks are not "
			    "allowed in a value");
	if ((node = node_new(b, CONF_KIND_SCALAR, e->start_mark)) == NULL)
		return -1;
	node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if ((node->text = arena_copy(b->tree->arena, value, len)) == NULL)
		return errmsg_set(b->why, "%s: out of memory", b->tree->path);
	return attach(b, node, e->start_mark);
}

static int
open_level(struct builder *b, enum conf_kind kind, yaml_mark_t mark)
{
	struct conf_node *node;

	if (b->depth == CONF_TREE_DEPTH)
		return fail_mark(
		    b, mark, "more than %d levels of nesting", CONF_TREE_DEPTH);
	if ((node = node_new(b, kind, mark)) == NULL ||
	    attach(b, node, mark) == -1)
		return -1;
	b->levels[b->depth++] = (struct level){.node = node};
	return 0;
}

/* Anchors and tags are one field or another of the event. */
static int
check_plain(const struct builder *b, const yaml_event_t *e,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		return fail_mark(b, e->start_mark,
		    "anchors are not supported; "
		    "remove '&%s' and write the value where it is needed",
		    conf_show((const char *)anchor).text);
	if (tag != NULL)
		return fail_mark(b, e->start_mark,
		    "tags are not supported; "
		    "remove '%s'",
		    conf_show((const char *)tag).text);
	return 0;
}

static int
take_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->tree->root == NULL)
			return 0;
		return fail_mark(b, e->start_mark,
		    "a second document begins; "
		    "the file must hold one");
	case YAML_ALIAS_EVENT:
		return fail_mark(b, e->start_mark,
		    "aliases are not supported; "
		    "write the value instead of '*%s'",
		    conf_show((const char *)e->data.alias.anchor).text);
	case YAML_SCALAR_EVENT:
		if (check_plain(
			b, e, e->data.scalar.anchor, e->data.scalar.tag) == -1)
			return -1;
		return add_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		if (check_plain(b, e, e->data.sequence_start.anchor,
			e->data.sequence_start.tag) == -1)
			return -1;
		return open_level(b, CONF_KIND_LIST, e->start_mark);
	case YAML_MAPPING_START_EVENT:
		if (check_plain(b, e, e->data.mapping_start.anchor,
			e->data.mapping_start.tag) == -1)
			return -1;
		return open_level(b, CONF_KIND_MAP, e->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0; /* begin and end of the stream, end of the document */
	}
}

static int
build(struct builder *b)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool done = false;
	int rc = 0;

	if (yaml_parser_initialize(&parser) == 0)
		return errmsg_set(b->why, "%s: out of memory", b->tree->path);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)b->text, b->len);
	while (rc == 0 && !done) {
		if (yaml_parser_parse(&parser, &event) == 0) {
			rc = fail_parser(b, &parser);
			break;
		}
		rc = take_event(b, &event);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

struct conf_tree *
conf_tree_parse(
    const char *path, const char *text, size_t len, struct errmsg *why)
{
	struct arena *arena = arena_new();
	struct conf_tree *tree;
	struct builder b = {.why = why, .text = text, .len = len};

	if (arena == NULL ||
	    (tree = arena_alloc(arena, 1, sizeof(*tree))) == NULL ||
	    (tree->path = arena_copy(arena, path, strlen(path))) == NULL) {
		errmsg_set(why, "%s: out of memory", path);
		arena_free(arena);
		return NULL;
	}
	tree->arena = arena;
	b.tree = tree;
	if (build(&b) == 0) {
		if (tree->root != NULL)
			return tree;
		errmsg_set(why, "%s:1:1: nothing is configured", path);
	}
	conf_tree_free(tree);
	return NULL;
}

void
conf_tree_free(struct conf_tree *tree)
{
	if (tree != NULL)
		arena_free(tree->arena);
}

const struct conf_node *
conf_tree_root(const struct conf_tree *tree)
{
	return tree->root;
}

const struct conf_node *
conf_node_get(const struct conf_node *map, const char *key)
{
	if (map->kind != CONF_KIND_MAP)
		return NULL;
	for (const struct conf_node *n = map->first; n != NULL; n = n->next)
		if (strcmp(n->key->text, key) == 0)
			return n;
	return NULL;
}

const struct conf_node *
conf_node_place(const struct conf_node *map, const char *key)
{
	const struct conf_node *n = conf_node_get(map, key);

	return n != NULL ? n : map;
}

static const struct conf_node *
nth(const struct conf_node *list, size_t i)
{
	const struct conf_node *n = list->kind == CONF_KIND_LIST ? list->first
								 : NULL;

	while (n != NULL && i-- > 0)
		n = n->next;
	return n;
}

const struct conf_node *
conf_tree_at(const struct conf_tree *tree, const char *fmt, ...)
{
	const struct conf_node *node = tree->root, *below;
	char path[128], *at = path, *step;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	while ((step = strsep(&at, ".[")) != NULL) {
		if (step[0] >= '0' && step[0] <= '9')
			below = nth(node, strtoul(step, NULL, 10)); /* "1]" */
		else
			below = conf_node_get(node, step);
		if (below == NULL)
			break;
		node = below;
	}
	return node;
}
