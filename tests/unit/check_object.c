/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/object.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct reg
reg(uint16_t field, uint64_t hlc, uint64_t writer, const char *text)
{
	return (struct reg){field, (uint16_t)strlen(text), {hlc, writer}, text};
}

static struct object *
make(const char *key, const struct reg *regs, size_t n)
{
	struct object *o = object_new(
	    OBJECT_SERVICE, (struct uid){7, 1}, 5, key, strlen(key), regs, n);

	ck_assert_ptr_nonnull(o);
	return o;
}

static struct object *
with(uint16_t field, uint64_t hlc, uint64_t writer, const char *text)
{
	struct reg r = reg(field, hlc, writer, text);

	return make("web", &r, 1);
}

static void
check_same(const struct object *a, const struct object *b)
{
	ck_assert_uint_eq(a->kind, b->kind);
	ck_assert_int_eq(uid_cmp(a->uid, b->uid), 0);
	ck_assert_uint_eq(a->born, b->born);
	ck_assert_str_eq(a->key, b->key);
	ck_assert_uint_eq(a->key_len, b->key_len);
	ck_assert_uint_eq(a->n_regs, b->n_regs);
	for (size_t i = 0; i < a->n_regs; i++) {
		ck_assert_uint_eq(a->regs[i].field, b->regs[i].field);
		ck_assert_int_eq(reg_cmp_stamp(&a->regs[i], &b->regs[i]), 0);
		ck_assert_str_eq(a->regs[i].text, b->regs[i].text);
	}
}

START_TEST(all_is_copied)
{
	char key[] = "web", text[] = "80";
	struct reg r = reg(3, 9, 4, text);
	struct object *o = make(key, &r, 1);

	memset(key, 'x', sizeof(key));
	memset(text, 'x', sizeof(text));
	ck_assert_str_eq(o->key, "web");
	ck_assert_uint_eq(o->key_len, 3);
	ck_assert_str_eq(object_get(o, 3)->text, "80");
	ck_assert_uint_eq(object_get(o, 3)->len, 2);
	ck_assert_ptr_null(object_get(o, 2));
	ck_assert(object_valid(o));
	ck_assert_ptr_eq(object_ref(o), o);
	object_unref(o);
	object_unref(o);
	object_unref(NULL);
}
END_TEST

/* A long key does not become a short one. */
START_TEST(key_of_64_kib)
{
	static char key[65536 + 3];
	struct object *o;

	memset(key, 'k', sizeof(key));
	o = object_new(
	    OBJECT_SERVICE, (struct uid){7, 1}, 5, key, sizeof(key), NULL, 0);
	ck_assert_uint_eq(o->key_len, sizeof(key));
	ck_assert(!object_valid(o));
	object_unref(o);
}
END_TEST

static const struct {
	uint64_t hlc, writer;
	const char *text;
	bool wins; /* over hlc 10, writer 5, "m" */
} sets[] = {
    {11, 1, "a", true},
    {9, 9, "z", false},
    {10, 6, "a", true},
    {10, 4, "z", false},
    {10, 5, "n", true},
    {10, 5, "l", false},
    {10, 5, "mm", true},
    {10, 5, "", false},
    {10, 5, "\xc3\xbc", true}, /* bytes are compared, unsigned */
    {10, 5, "m", false},
};

START_TEST(later_stamp_wins)
{
	struct object *o = with(2, 10, 5, "m");
	struct reg r = reg(2, sets[_i].hlc, sets[_i].writer, sets[_i].text);
	struct object *p = make("web", &r, 1), *set = object_set(o, &r);
	struct object *ab = object_merge(o, p), *ba = object_merge(p, o);

	ck_assert_str_eq(
	    set->regs[0].text, sets[_i].wins ? sets[_i].text : "m");
	ck_assert_int_eq(set == o, !sets[_i].wins);
	check_same(ab, set);
	check_same(ba, set);
	ck_assert_str_eq(o->regs[0].text, "m"); /* it does not change */
	object_unref(set);
	object_unref(ab);
	object_unref(ba);
	object_unref(p);
	object_unref(o);
}
END_TEST

START_TEST(fields_stay_in_order)
{
	static const uint16_t fields[] = {5, 1, 1023, 900, 2};
	struct object *o = make("web", NULL, 0), *next;

	for (int i = 0; i < ROWS(fields); i++) {
		struct reg r = reg(fields[i], 1, 1, "x");

		next = object_set(o, &r);
		ck_assert(object_valid(next));
		ck_assert_uint_eq(next->n_regs, (size_t)i + 1);
		object_unref(o);
		o = next;
	}
	for (int i = 0; i < ROWS(fields); i++)
		ck_assert_ptr_nonnull(object_get(o, fields[i]));
	object_unref(o);
}
END_TEST

/* What nobody here knows (900, 901) is kept and passed on. */
START_TEST(merge_joins_all_fields)
{
	struct reg a[] = {reg(1, 5, 1, "old"), reg(900, 5, 1, "left")};
	struct reg b[] = {reg(1, 6, 1, "new"), reg(901, 5, 1, "right")};
	struct object *o = make("web", a, 2), *p = make("web", b, 2);
	struct object *m = object_merge(o, p), *again = object_merge(m, o);
	struct object *other = object_merge(p, m);

	ck_assert_uint_eq(m->n_regs, 3);
	ck_assert_str_eq(object_get(m, 1)->text, "new");
	ck_assert_str_eq(object_get(m, 900)->text, "left");
	ck_assert_str_eq(object_get(m, 901)->text, "right");
	ck_assert_ptr_eq(again, m);
	ck_assert_ptr_eq(other, m);
	object_unref(other);
	object_unref(again);
	object_unref(m);
	object_unref(o);
	object_unref(p);
}
END_TEST

/* It ought not to be, but must not set nodes at odds for ever. */
START_TEST(uid_given_twice)
{
	struct object *o = with(1, 1, 1, "x"), *p, *ab, *ba, *again;
	struct reg r = reg(1, 2, 1, "y");

	p = make("dns", &r, 1);
	ab = object_merge(o, p);
	ba = object_merge(p, o);
	check_same(ab, ba);
	ck_assert_str_eq(ab->key, "web");
	ck_assert_str_eq(ab->regs[0].text, "y");
	again = object_merge(p, ab);
	ck_assert_ptr_eq(again, ab);
	object_unref(again);
	object_unref(ab);
	object_unref(ba);
	object_unref(o);
	object_unref(p);
}
END_TEST

static struct object *
full(uint16_t from)
{
	struct reg regs[OBJECT_REGS_MAX];

	for (uint16_t i = 0; i < OBJECT_REGS_MAX; i++)
		regs[i] = reg((uint16_t)(from + 2 * i), 1, 1, "x");
	return make("web", regs, OBJECT_REGS_MAX);
}

/* The lowest fields stay, whichever came first. */
START_TEST(too_many_fields)
{
	struct object *o = full(10), *p = full(11), *m, *n, *set;
	struct reg high = reg(1000, 9, 9, "y"), low = reg(1, 9, 9, "y");

	set = object_set(o, &high);
	ck_assert_ptr_eq(set, o);
	object_unref(set);
	set = object_set(o, &low);
	ck_assert(object_valid(set));
	ck_assert_uint_eq(set->n_regs, OBJECT_REGS_MAX);
	ck_assert_ptr_nonnull(object_get(set, 1));
	object_unref(set);
	m = object_merge(o, p);
	n = object_merge(p, o);
	check_same(m, n);
	ck_assert(object_valid(m));
	ck_assert_uint_eq(m->regs[31].field, 41);
	object_unref(m);
	object_unref(n);
	object_unref(o);
	object_unref(p);
}
END_TEST

/* One with each thing at its limit. */
struct sample {
	enum object_kind kind;
	uint32_t seq;
	uint64_t born, hlc;
	size_t key_len, text_len, n_regs;
	unsigned field; /* of the last register */
	char in_key, in_text;
};
#define AT_LIMIT \
	{ \
		OBJECT_NODE, UINT32_MAX, HLC_MAX, HLC_MAX, OBJECT_KEY_MAX, \
		    OBJECT_TEXT_MAX, OBJECT_REGS_MAX, OBJECT_FIELD_MAX, '~', \
		    '~' \
	}

static bool
sample_valid(const struct sample *s)
{
	static char text[OBJECT_TEXT_MAX + 1];
	struct reg regs[OBJECT_REGS_MAX + 1];
	char key[OBJECT_KEY_MAX + 1];
	struct object *o;
	bool valid;

	memset(text, 'x', sizeof(text));
	memset(key, 'k', sizeof(key));
	text[sizeof(text) / 2] = s->in_text;
	key[0] = s->in_key;
	for (size_t i = 0; i < s->n_regs; i++)
		regs[i] = (struct reg){(uint16_t)(i + 1), 0, {1, 1}, ""};
	if (s->n_regs > 0)
		regs[s->n_regs - 1] = (struct reg){(uint16_t)s->field,
		    (uint16_t)s->text_len, {s->hlc, UINT64_MAX}, text};
	o = object_new(s->kind, (struct uid){1, s->seq}, s->born, key,
	    s->key_len, regs, s->n_regs);
	valid = object_valid(o);
	object_unref(o);
	return valid;
}

#define TRY(member, value, valid) \
	do { \
		struct sample s = AT_LIMIT; \
		s.member = (value); \
		ck_assert_msg(sample_valid(&s) == (valid), "%s", #member); \
	} while (0)

START_TEST(limits)
{
	TRY(kind, OBJECT_NODE, true);
	TRY(kind, (enum object_kind)(OBJECT_NODE + 1), false);
	TRY(kind, (enum object_kind)0, false);
	TRY(seq, 1, true);
	TRY(seq, 0, false);
	TRY(born, HLC_MAX + 1, false);
	TRY(hlc, HLC_MAX + 1, false);
	TRY(key_len, 1, true);
	TRY(key_len, 0, false);
	TRY(key_len, OBJECT_KEY_MAX + 1, false);
	TRY(text_len, 0, true);
	TRY(text_len, OBJECT_TEXT_MAX + 1, false);
	TRY(n_regs, OBJECT_REGS_MAX + 1, false);
	TRY(n_regs, 0, true);
	TRY(field, OBJECT_FIELD_MAX + 1, false);
	TRY(field, OBJECT_REGS_MAX - 1, false); /* twice */
	TRY(field, 1, false);                   /* out of order */
	TRY(field, 0, false);
	TRY(in_key, '\0', false);
	TRY(in_key, '\n', false);
	TRY(in_key, '\x7f', false);
	TRY(in_text, '\0', false);
	TRY(in_text, '\x1f', false);
	TRY(in_text, '\xff', false);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("object");
	TCase *tc = tcase_create("object");

	tcase_add_test(tc, all_is_copied);
	tcase_add_test(tc, key_of_64_kib);
	tcase_add_loop_test(tc, later_stamp_wins, 0, ROWS(sets));
	tcase_add_test(tc, fields_stay_in_order);
	tcase_add_test(tc, merge_joins_all_fields);
	tcase_add_test(tc, uid_given_twice);
	tcase_add_test(tc, too_many_fields);
	tcase_add_test(tc, limits);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
