/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a text against the schema before libcyaml reads it. libcyaml would find
 * most of this as well, but says it in its log, for programmers; and it reads
 * "010" as eight. The recursion is as deep as the schema, whatever the text. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_schema.h"

/* 18 digits: what always fits a uint64_t and needs no further thought. */
#define DIGITS_MAX 18

struct lint {
	const struct conf_tree *tree;
	struct errmsg *why;
};

static int lint_value(const struct lint *, const struct conf_node *,
    const cyaml_schema_value_t *, const char *what);

/* Levenshtein; words longer than any key are far from all of them. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[32], la = strlen(a), lb = strlen(b);

	if (la >= 32 || lb >= 32)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

/* " or "-separated names, for a message. */
static void
add_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", name);
}

static int
fail_unknown(const struct lint *l, const struct conf_node *key,
    const cyaml_schema_field_t *fields, const char *what)
{
	const char *near = NULL;
	char known[256] = "";
	size_t d, best = strlen(key->text) / 3 + 2;

	for (const cyaml_schema_field_t *f = fields; f->key != NULL; f++) {
		add_name(known, sizeof(known), f->key);
		if ((d = distance(key->text, f->key)) < best) {
			best = d;
			near = f->key;
		}
	}
	if (near != NULL)
		return conf_tree_fail(l->tree, key, l->why,
		    "%s has no key '%s'; did you mean '%s'?", what,
		    conf_show(key->text).text, near);
	return conf_tree_fail(l->tree, key, l->why,
	    "%s has no key '%s'; it knows: %s", what, conf_show(key->text).text,
	    known);
}

static const cyaml_schema_field_t *
find_field(const cyaml_schema_field_t *fields, const char *key)
{
	for (; fields->key != NULL; fields++)
		if (strcmp(fields->key, key) == 0)
			return fields;
	return NULL;
}

/* Before the value itself, so that a forgotten space or quote is said. */
static int
lint_kind(const struct lint *l, const struct conf_node *node,
    enum conf_kind wanted, const char *what)
{
	static const char *const kinds[] = {"one value",
	    "a list: '[a, b]', or lines that begin with '- '",
	    "a mapping: lines of 'key: value'"};

	if (node->kind == CONF_KIND_SCALAR && node->text[0] == '\0' &&
	    !node->quoted)
		return conf_tree_fail(l->tree, node, l->why,
		    "%s has no value; give one or leave the key out", what);
	if (node->kind == wanted)
		return 0;
	if (wanted == CONF_KIND_SCALAR && node->kind == CONF_KIND_MAP &&
	    node->first != NULL && strchr(node->first->key->text, ':') != NULL)
		return conf_tree_fail(l->tree, node, l->why,
		    "%s must be one value; put an IPv6 address in quotes, such "
		    "as \"2001:db8::1\"",
		    what);
	return conf_tree_fail(
	    l->tree, node, l->why, "%s must be %s", what, kinds[wanted]);
}

/* A key that is there twice can only be one of the few that are known, since
 * the first unknown one ends the check. */
static int
lint_map(const struct lint *l, const struct conf_node *map,
    const cyaml_schema_field_t *fields, const char *what)
{
	const struct conf_node *entry, *first;
	const cyaml_schema_field_t *f;

	for (entry = map->first; entry != NULL; entry = entry->next) {
		if ((f = find_field(fields, entry->key->text)) == NULL)
			return fail_unknown(l, entry->key, fields, what);
		first = conf_node_get(map, f->key);
		if (first != entry)
			return conf_tree_fail(l->tree, entry->key, l->why,
			    "'%s' is given twice; the first is in line %zu",
			    f->key, first->key->line);
		if (lint_value(l, entry, &f->value, f->key) == -1)
			return -1;
	}
	for (f = fields; f->key != NULL; f++)
		if ((f->value.flags & CYAML_FLAG_OPTIONAL) == 0 &&
		    conf_node_get(map, f->key) == NULL)
			return conf_tree_fail(l->tree, map, l->why,
			    "%s needs the key '%s'", what, f->key);
	return 0;
}

static int
lint_list(const struct lint *l, const struct conf_node *list,
    const cyaml_schema_value_t *schema, const char *what)
{
	char entry_what[64];

	if (list->n < schema->sequence.min)
		return conf_tree_fail(l->tree, list, l->why,
		    "%s needs at least one entry; or leave the key out", what);
	if (list->n > schema->sequence.max)
		return conf_tree_fail(l->tree, list, l->why,
		    "%s has %zu entries; at most %u are possible", what,
		    list->n, schema->sequence.max);
	snprintf(entry_what, sizeof(entry_what), "an entry of %s", what);
	for (const struct conf_node *n = list->first; n != NULL; n = n->next)
		if (lint_value(l, n, schema->sequence.entry, entry_what) == -1)
			return -1;
	return 0;
}

static int
lint_number(
    const struct lint *l, const struct conf_node *node, const char *what)
{
	size_t digits = strspn(node->text, "0123456789");

	if (digits == 0 || node->text[digits] != '\0')
		return conf_tree_fail(l->tree, node, l->why,
		    "%s must be a whole number, got '%s'", what,
		    conf_show(node->text).text);
	if (digits > 1 && node->text[0] == '0')
		return conf_tree_fail(l->tree, node, l->why,
		    "%s must be without leading zeros, got '%s'", what,
		    conf_show(node->text).text);
	if (digits > DIGITS_MAX)
		return conf_tree_fail(l->tree, node, l->why,
		    "%s is far too large: '%s'", what,
		    conf_show(node->text).text);
	return 0;
}

static int
lint_word(const struct lint *l, const struct conf_node *node,
    const cyaml_schema_value_t *schema, const char *what)
{
	char known[128] = "";

	for (uint32_t i = 0; i < schema->enumeration.count; i++) {
		if (strcmp(node->text, schema->enumeration.strings[i].str) == 0)
			return 0;
		add_name(
		    known, sizeof(known), schema->enumeration.strings[i].str);
	}
	return conf_tree_fail(l->tree, node, l->why,
	    "%s must be one of: %s; got '%s'", what, known,
	    conf_show(node->text).text);
}

static int
lint_value(const struct lint *l, const struct conf_node *node,
    const cyaml_schema_value_t *schema, const char *what)
{
	enum conf_kind kind = CONF_KIND_SCALAR;

	if (schema->type == CYAML_MAPPING)
		kind = CONF_KIND_MAP;
	else if (schema->type == CYAML_SEQUENCE)
		kind = CONF_KIND_LIST;
	if (lint_kind(l, node, kind, what) == -1)
		return -1;
	switch (schema->type) {
	case CYAML_MAPPING:
		return lint_map(l, node, schema->mapping.fields, what);
	case CYAML_SEQUENCE:
		return lint_list(l, node, schema, what);
	case CYAML_UINT:
		return lint_number(l, node, what);
	case CYAML_ENUM:
		return lint_word(l, node, schema, what);
	default: /* CYAML_STRING */
		if (node->text[0] == '\0')
			return conf_tree_fail(l->tree, node, l->why,
			    "%s must not be empty", what);
		return 0;
	}
}

int
conf_lint(const struct conf_tree *tree, struct errmsg *why)
{
	struct lint l = {tree, why};

	return lint_value(&l, conf_tree_root(tree), &conf_schema, "the file");
}
