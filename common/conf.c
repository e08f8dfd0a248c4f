/* SPDX-License-Identifier: Apache-2.0 */
/* text -> conf_tree.c: a tree with places -> conf_lint.c: fits the schema ->
 * libcyaml: plain structs -> conf_check.c, conf_cross.c: a checked struct conf.
 * Each step refuses what the next could not say with a place. */
#include "config.h"

#include "common/conf.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/conf_schema.h"

/* libcyaml tells the cause only in its log: the first error is it. */
static void __attribute__((format(printf, 3, 0)))
keep_first_error(cyaml_log_t level, void *ctx, const char *fmt, va_list ap)
{
	struct errmsg *cause = ctx;

	if (level != CYAML_LOG_ERROR || cause->text[0] != '\0')
		return;
	vsnprintf(cause->text, sizeof(cause->text), fmt, ap);
	cause->text[strcspn(cause->text, "\n")] = '\0';
}

/* libcyaml asks for room for one more entry each time; a list would be copied
 * as often as it has entries wherever realloc moves. */
struct block {
	size_t room;
	alignas(max_align_t) unsigned char data[];
};

static void *
allocate(void *ctx, void *pointer, size_t size)
{
	unsigned char *data = pointer;
	struct block *b = NULL;
	size_t room = size;

	(void)ctx;
	if (data != NULL)
		b = (void *)(data - offsetof(struct block, data));
	if (size == 0) {
		free(b);
		return NULL;
	}
	if (b != NULL) {
		if (b->room >= size)
			return data;
		room += size / 2;
	}
	if ((b = realloc(b, sizeof(*b) + room)) == NULL)
		return NULL;
	b->room = room;
	return b->data;
}

static struct conf *
read_text(const char *path, const char *text, size_t len,
    const struct conf_tree *tree, struct errmsg *why)
{
	struct errmsg cause = {""};
	const cyaml_config_t config = {
	    .log_fn = keep_first_error,
	    .log_ctx = &cause,
	    .mem_fn = allocate,
	    .log_level = CYAML_LOG_ERROR,
	    .flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_data_t *raw = NULL;
	struct conf *conf = NULL;
	cyaml_err_t err;

	err = cyaml_load_data(
	    (const uint8_t *)text, len, &config, &conf_schema, &raw, NULL);
	switch (err) {
	case CYAML_OK:
		conf = conf_check(path, raw, tree, why);
		break;
	case CYAML_ERR_OOM:
	case CYAML_ERR_LIBYAML_PARSER:
	case CYAML_ERR_LIBYAML_PARSER_INIT:
		/* libyaml has parsed the text once; now it can only lack
		 * memory, which libcyaml does not tell apart. */
		errmsg_set(why, "%s: out of memory", path);
		break;
	default:
		errmsg_set(why, "%s: %s (%s)", path, cyaml_strerror(err),
		    conf_show(cause.text).text);
		break;
	}
	cyaml_free(&config, &conf_schema, raw, 0);
	return conf;
}

struct conf *
conf_parse(const char *path, const char *text, size_t len, struct errmsg *why)
{
	struct conf *conf = NULL;
	struct conf_tree *tree;

	if (len > CONF_SIZE_MAX) {
		errmsg_set(why, "%s: %zu bytes; at most %u are read", path, len,
		    CONF_SIZE_MAX);
		return NULL;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* a byte order mark; it would shift line 1 */
		len -= 3;
	}
	if ((tree = conf_tree_parse(path, text, len, why)) == NULL)
		return NULL;
	if (conf_lint(tree, why) == 0)
		conf = read_text(path, text, len, tree, why);
	conf_tree_free(tree);
	return conf;
}

struct conf *
conf_load(const char *path, struct errmsg *why)
{
	struct conf *conf = NULL;
	char *text = NULL;
	size_t len;
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		errmsg_sys(why, "%s", path);
		return NULL;
	}
	/* One more byte than may be: conf_parse says what is too long. */
	if ((text = malloc(CONF_SIZE_MAX + 1)) == NULL) {
		errmsg_set(why, "%s: out of memory", path);
		goto out;
	}
	len = fread(text, 1, CONF_SIZE_MAX + 1, file);
	if (ferror(file))
		errmsg_sys(why, "%s", path);
	else
		conf = conf_parse(path, text, len, why);
out:
	free(text);
	fclose(file);
	return conf;
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	arena_free(conf->arena);
	free(conf);
}
