/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML text as a tree that knows where each value stands, so that what is
 * wrong can be said with line and column.
 *
 * Only what a configuration needs: one document of mappings, lists and scalars,
 * nested no deeper than CONF_TREE_DEPTH. Anchors, aliases, tags, control
 * characters and keys that are not scalars are refused here, before libcyaml
 * sees the text. */
#ifndef COMMON_CONF_TREE_H
#define COMMON_CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"

/* libyaml takes time in the square of the depth. */
#define CONF_TREE_DEPTH 16

enum conf_kind {
	CONF_KIND_SCALAR,
	CONF_KIND_LIST,
	CONF_KIND_MAP
};

struct conf_node {
	enum conf_kind kind;
	bool quoted;                 /* a scalar in quotes, or a block scalar */
	size_t line, column;         /* from 1 */
	const char *text;            /* of a scalar; no NUL inside */
	size_t n;                    /* entries of a list or a map */
	const struct conf_node *key; /* of an entry of a map */
	const struct conf_node *first, *next;
};

struct conf_tree;

/* path names the text in messages. NULL with `why`. */
struct conf_tree *conf_tree_parse(
    const char *path, const char *text, size_t len, struct errmsg *why);
void conf_tree_free(struct conf_tree *);
const struct conf_node *conf_tree_root(const struct conf_tree *);

/* The entry of a map with that key, or NULL. */
const struct conf_node *conf_node_get(
    const struct conf_node *map, const char *key);

/* The same, or the map itself where the key is absent. */
const struct conf_node *conf_node_place(
    const struct conf_node *map, const char *key);

/* The value at a path such as "services[%zu].backends[%zu].address"; where the
 * path ends early, since a key is absent, the last value that is there. */
const struct conf_node *conf_tree_at(const struct conf_tree *, const char *fmt,
    ...) __attribute__((format(printf, 2, 3)));

/* Fills why with "PATH:LINE:COLUMN: ..." and returns -1. */
int conf_tree_fail(const struct conf_tree *, const struct conf_node *,
    struct errmsg *why, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A piece of the file for a message: short, printable. */
struct conf_shown {
	char text[48];
};
struct conf_shown conf_show(const char *text);

#endif
