/* SPDX-License-Identifier: Apache-2.0 */
/* guideway.yaml(5) against the schema: each key once for each place it has, no
 * other key, every word of an enum, and an example that is valid. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_schema.h"
#include "tests/unit/unit.h"

#define KEYS_MAX  128
#define ITEM      "\n.It Cm "
#define PAGE_PATH SRCDIR "/common/guideway.yaml.5"

static const cyaml_schema_field_t *keys[KEYS_MAX];
static size_t n_keys;
static char *page;

static void
collect(const cyaml_schema_value_t *schema)
{
	if (schema->type == CYAML_SEQUENCE)
		collect(schema->sequence.entry);
	if (schema->type != CYAML_MAPPING)
		return;
	for (const cyaml_schema_field_t *f = schema->mapping.fields;
	     f->key != NULL; f++) {
		ck_assert_uint_lt(n_keys, KEYS_MAX);
		keys[n_keys++] = f;
		collect(&f->value);
	}
}

static void
setup(void)
{
	size_t len;
	FILE *in = fopen(PAGE_PATH, "r");

	ck_assert_ptr_nonnull(in);
	page = calloc(1, 1 << 16);
	len = fread(page, 1, (1 << 16) - 1, in);
	ck_assert_uint_lt(len, (1 << 16) - 1);
	fclose(in);
	n_keys = 0;
	collect(&conf_schema);
}

static void
teardown(void)
{
	free(page);
}

static size_t
count(const char *what)
{
	size_t n = 0;

	for (const char *p = page; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* The sections are the four keys of the top; the others are items. */
static bool
is_top(const cyaml_schema_field_t *f)
{
	const cyaml_schema_field_t *top = conf_schema.mapping.fields;

	while (top->key != NULL && top != f)
		top++;
	return top == f && f->key != NULL;
}

START_TEST(every_key_is_described)
{
	char item[128];

	ck_assert_uint_gt(n_keys, 15);
	for (size_t i = 0; i < n_keys; i++) {
		size_t places = 0;

		for (size_t j = 0; j < n_keys; j++)
			places += !is_top(keys[j]) &&
			    strcmp(keys[j]->key, keys[i]->key) == 0;
		if (is_top(keys[i])) {
			snprintf(
			    item, sizeof(item), "\n.Ss %s\n", keys[i]->key);
			places = 1;
		} else {
			snprintf(
			    item, sizeof(item), ITEM "%s : ", keys[i]->key);
		}
		ck_assert_msg(count(item) == places,
		    "%s is there %zu times, not %zu", keys[i]->key, count(item),
		    places);
	}
}
END_TEST

START_TEST(no_other_key_is_described)
{
	for (const char *p = page; (p = strstr(p, ITEM)) != NULL;) {
		size_t len, i = 0;

		p += strlen(ITEM);
		len = strcspn(p, " \n");
		while (i < n_keys &&
		    (strlen(keys[i]->key) != len ||
			memcmp(keys[i]->key, p, len) != 0))
			i++;
		ck_assert_msg(i < n_keys, "%.*s is not a key", (int)len, p);
	}
}
END_TEST

/* The keys with this one's name and words. */
static size_t
same_words(size_t key)
{
	const cyaml_schema_value_t *v = &keys[key]->value;
	size_t n = 0;

	for (size_t i = 0; i < n_keys; i++)
		n += strcmp(keys[i]->key, keys[key]->key) == 0 &&
		    keys[i]->value.type == CYAML_ENUM &&
		    keys[i]->value.enumeration.strings ==
			v->enumeration.strings;
	return n;
}

START_TEST(every_word_is_listed)
{
	for (size_t i = 0; i < n_keys; i++) {
		const cyaml_schema_value_t *v = &keys[i]->value;
		char item[256];
		size_t used;

		if (v->type != CYAML_ENUM)
			continue;
		snprintf(item, sizeof(item), ITEM "%s : Cm", keys[i]->key);
		for (uint32_t w = 0; w < v->enumeration.count; w++) {
			used = strlen(item);
			snprintf(item + used, sizeof(item) - used, "%s %s",
			    w > 0 ? " |" : "", v->enumeration.strings[w].str);
		}
		used = strlen(item);
		snprintf(item + used, sizeof(item) - used, "\n");
		ck_assert_msg(count(item) == same_words(i),
		    "not a line for each: %s", item);
	}
}
END_TEST

START_TEST(example_is_valid)
{
	static const char begin[] = ".Bd -literal -offset indent\n";
	const char *from = strstr(page, begin);
	struct errmsg why = {""};
	struct conf *c;

	ck_assert_ptr_nonnull(from);
	from += strlen(begin);
	c = conf_parse(
	    "example", from, (size_t)(strstr(from, "\n.Ed") - from), &why);
	ck_assert_msg(c != NULL, "%s", why.text);
	ck_assert_uint_eq(c->services[0].n_backends, 2);
	conf_free(c);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("conf_doc");
	TCase *tc = tcase_create("conf_doc");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_key_is_described);
	tcase_add_test(tc, no_other_key_is_described);
	tcase_add_test(tc, every_word_is_listed);
	tcase_add_test(tc, example_is_valid);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
