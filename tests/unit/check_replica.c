/* SPDX-License-Identifier: Apache-2.0 */
/* Deltas, bounds and digests, one by one; check_replica_history has the rest.
 */
#include "config.h"

#include "agent/core/replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mono.h"
#include "tests/unit/history.h"
#include "tests/unit/unit.h"

static void
check_equal(const struct replica *a, const struct replica *b)
{
	ck_assert_str_eq(hex_digest(a).text, hex_digest(b).text);
	ck_assert_uint_eq(a->hlc, b->hlc);
}

static struct object *
object(uint64_t writer, uint32_t seq, const char *text)
{
	struct reg reg = {1, (uint16_t)strlen(text), {seq, writer}, text};

	return object_new(
	    OBJECT_SERVICE, (struct uid){writer, seq}, seq, "web", 3, &reg, 1);
}

static enum delta_result
add(struct replica *r, uint64_t writer, uint32_t seq)
{
	struct change c = {.added = object(writer, seq, "x")};
	enum delta_result result = change_apply(&c, r);

	object_unref(c.added);
	return result;
}

static enum delta_result
drop(struct replica *r, uint64_t writer, uint32_t seq)
{
	struct change c = {.uid = {writer, seq}, .removed = true};

	return change_apply(&c, r);
}

static enum delta_result
set(struct replica *r, uint64_t writer, uint32_t seq, struct reg reg)
{
	struct delta_set one = {{writer, seq}, reg};
	struct delta d = {.sets = &one, .n_sets = 1};

	return replica_apply(r, &d);
}

START_TEST(delta_results)
{
	struct reg later = {1, 1, {9, 9}, "y"}, earlier = {1, 1, {0, 9}, "z"};
	struct replica *r = replica_new();

	ck_assert(replica_is_empty(r));
	ck_assert_uint_eq(replica_next_seq(r, 5), 1);
	ck_assert_int_eq(add(r, 5, 2), DELTA_GAP);
	ck_assert_int_eq(drop(r, 5, 1), DELTA_GAP);
	ck_assert_int_eq(set(r, 5, 1, later), DELTA_GAP);
	ck_assert(replica_is_empty(r));
	ck_assert_int_eq(add(r, 5, 1), DELTA_APPLIED);
	ck_assert_int_eq(add(r, 5, 1), DELTA_NOTHING);
	ck_assert_int_eq(add(r, 5, 3), DELTA_GAP);
	ck_assert_int_eq(add(r, 5, 2), DELTA_APPLIED);
	ck_assert_int_eq(add(r, 4, 1), DELTA_APPLIED);
	ck_assert_uint_eq(replica_next_seq(r, 5), 3);
	ck_assert_int_eq(set(r, 5, 1, later), DELTA_APPLIED);
	ck_assert_int_eq(set(r, 5, 1, later), DELTA_NOTHING);
	ck_assert_int_eq(set(r, 5, 1, earlier), DELTA_NOTHING);
	ck_assert_str_eq(
	    replica_find(r, (struct uid){5, 1})->regs[0].text, "y");
	ck_assert_int_eq(drop(r, 5, 1), DELTA_APPLIED);
	ck_assert_int_eq(drop(r, 5, 1), DELTA_NOTHING);
	ck_assert_int_eq(add(r, 5, 1), DELTA_NOTHING);
	ck_assert_int_eq(set(r, 5, 1, later), DELTA_NOTHING);
	ck_assert_ptr_null(replica_find(r, (struct uid){5, 1}));
	ck_assert_int_eq(drop(r, 5, 2), DELTA_APPLIED);
	ck_assert_int_eq(drop(r, 4, 1), DELTA_APPLIED);
	ck_assert_uint_eq(r->n_live, 0);
	ck_assert(!replica_is_empty(r)); /* it has seen something */
	replica_free(r);
}
END_TEST

/* As it was when the sender told of it, which may be later than here. */
START_TEST(object_known_already)
{
	struct replica *r = replica_new();
	struct change c = {.added = object(1, 1, "x")};
	struct object *o = c.added;

	ck_assert_int_eq(change_apply(&c, r), DELTA_APPLIED);
	c.added = object_set(o, &(struct reg){2, 1, {40, 3}, "y"});
	ck_assert_int_eq(change_apply(&c, r), DELTA_APPLIED);
	ck_assert_uint_eq(r->live[0]->n_regs, 2);
	ck_assert_uint_eq(r->hlc, 40);
	ck_assert_int_eq(change_apply(&c, r), DELTA_NOTHING);
	object_unref(c.added);
	c.added = o;
	ck_assert_int_eq(change_apply(&c, r), DELTA_NOTHING);
	ck_assert_uint_eq(r->live[0]->n_regs, 2);
	object_unref(o);
	replica_free(r);
}
END_TEST

/* The worst of all parts is told, and the others are done. */
START_TEST(one_delta_with_all_parts)
{
	struct replica *r = replica_new();
	struct object *adds[] = {object(1, 2, "x"), object(1, 4, "x")};
	struct uid removes[] = {{1, 1}, {2, 1}};
	struct delta_set sets[] = {{{1, 2}, {1, 1, {20, 1}, "y"}}};
	struct delta d = {adds, 2, removes, 2, sets, 1, 30};

	add(r, 1, 1);
	ck_assert_int_eq(replica_apply(r, &d), DELTA_GAP);
	ck_assert_uint_eq(r->n_live, 1);
	ck_assert_str_eq(r->live[0]->regs[0].text, "y");
	ck_assert_uint_eq(r->hlc, 30);
	d.n_adds = d.n_removes = 1;
	ck_assert_int_eq(replica_apply(r, &d), DELTA_NOTHING);
	object_unref(adds[0]);
	object_unref(adds[1]);
	replica_free(r);
}
END_TEST

/* A peer's delta must not make a replica that nobody would take. */
START_TEST(delta_not_valid)
{
	struct replica *r = replica_new();
	struct reg bad[] = {
	    {0, 1, {9, 9}, "y"},
	    {OBJECT_FIELD_MAX + 1, 1, {9, 9}, "y"},
	    {1, OBJECT_TEXT_MAX + 1, {9, 9}, "y"},
	    {1, 1, {HLC_MAX + 1, 9}, "y"},
	    {1, 1, {9, 9}, "\n"},
	};
	struct change nonsense = {.added = object(1, 2, "\n"), .hlc = 99};
	struct change late = {.added = object(1, 2, "x"), .hlc = HLC_MAX + 1};
	struct hex_digest before;
	struct errmsg why;

	add(r, 1, 1);
	before = hex_digest(r);
	for (int i = 0; i < ROWS(bad); i++)
		ck_assert_int_eq(set(r, 1, 1, bad[i]), DELTA_FAILED);
	ck_assert_int_eq(add(r, 2, 0), DELTA_FAILED);
	ck_assert_int_eq(change_apply(&nonsense, r), DELTA_FAILED);
	ck_assert_int_eq(change_apply(&late, r), DELTA_FAILED);
	ck_assert_str_eq(hex_digest(r).text, before.text);
	ck_assert_msg(replica_check(r, &why) == 0, "%s", why.text);
	object_unref(nonsense.added);
	object_unref(late.added);
	replica_free(r);
}
END_TEST

/* Else what is written next would lose. */
START_TEST(stamps_move_the_clock)
{
	struct replica *r = replica_new(), *other = replica_new();
	struct errmsg why;

	add(r, 1, 1);
	ck_assert_uint_eq(r->hlc, 1);
	set(r, 1, 1, (struct reg){1, 1, {50, 1}, "y"});
	ck_assert_uint_eq(r->hlc, 50);
	ck_assert_uint_eq(replica_tick(r, 0), 51);
	r->hlc = 3; /* as a peer might tell it */
	ck_assert_int_eq(replica_merge(other, r, &why), 1);
	ck_assert_uint_eq(other->hlc, 50);
	replica_free(r);
	replica_free(other);
}
END_TEST

START_TEST(ticks)
{
	struct replica *r = replica_new();

	ck_assert_uint_eq(replica_tick(r, 0), 1);
	ck_assert_uint_eq(replica_tick(r, 1000), 1000 << 16);
	ck_assert_uint_eq(replica_tick(r, 1000), (1000 << 16) + 1);
	ck_assert_uint_eq(replica_tick(r, 5), (1000 << 16) + 2);
	ck_assert_uint_eq(replica_tick(r, UINT64_MAX), HLC_MAX);
	ck_assert_uint_eq(replica_tick(r, UINT64_MAX), HLC_MAX);
	ck_assert_uint_eq(r->hlc, HLC_MAX);
	replica_free(r);
}
END_TEST

/* One with n objects of one writer, and m writers of which nothing is left. */
static struct replica *
large(uint64_t writer, uint32_t n, uint64_t m)
{
	struct replica *r = replica_new();

	r->live = calloc(n + 1, sizeof(*r->live));
	r->vv = calloc(m + 1, sizeof(*r->vv));
	for (uint32_t i = 0; i < n; i++)
		r->live[r->n_live++] = object(writer, i + 1, "x");
	if (n > 0)
		r->vv[r->n_vv++] = (struct seen){writer, n};
	for (uint64_t i = 1; i <= m; i++)
		r->vv[r->n_vv++] = (struct seen){writer + i, 1};
	return r;
}

START_TEST(bounds_of_objects)
{
	struct replica *r = large(1, REPLICA_OBJECTS_MAX, 0);
	struct replica *one = large(2, 1, 0);
	struct hex_digest before = hex_digest(r);
	struct errmsg why = {""};

	ck_assert_int_eq(replica_check(r, &why), 0);
	ck_assert_int_eq(add(r, 1, REPLICA_OBJECTS_MAX + 1), DELTA_FAILED);
	ck_assert_int_eq(add(r, 2, 1), DELTA_FAILED);
	ck_assert_int_eq(replica_merge(r, one, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "20001 objects"));
	ck_assert_str_eq(hex_digest(r).text, before.text);
	ck_assert_int_eq(drop(r, 1, 7), DELTA_APPLIED);
	ck_assert_int_eq(replica_merge(r, one, &why), 1);
	replica_free(r);
	replica_free(one);
}
END_TEST

START_TEST(bounds_of_writers)
{
	struct replica *r = large(1, 1, REPLICA_WRITERS_MAX - 1);
	struct replica *one = large(UINT64_MAX, 1, 0);
	struct hex_digest before = hex_digest(r);
	struct errmsg why = {""};

	ck_assert_int_eq(replica_check(r, &why), 0);
	ck_assert_int_eq(add(r, 0, 1), DELTA_FAILED);
	ck_assert_int_eq(replica_merge(r, one, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "16385 writers"));
	ck_assert_str_eq(hex_digest(r).text, before.text);
	ck_assert_int_eq(add(r, 1, 2), DELTA_APPLIED);
	replica_free(r);
	replica_free(one);
}
END_TEST

static char long_text[OBJECT_TEXT_MAX + 1];

/* As many as there may be of the longest text, and room for some bytes. */
static struct replica *
heavy(uint64_t writer, size_t *n, size_t *room)
{
	struct replica *r = replica_new();
	struct object *o;
	size_t size;

	memset(long_text, 'x', OBJECT_TEXT_MAX);
	o = object(writer, 1, long_text);
	size = object_size(o);
	object_unref(o);
	*n = REPLICA_SIZE_MAX / size;
	*room = REPLICA_SIZE_MAX % size;
	r->live = calloc(*n, sizeof(*r->live));
	r->vv = calloc(1, sizeof(*r->vv));
	while (r->n_live < *n) {
		r->live[r->n_live] = object(
		    writer, (uint32_t)r->n_live + 1, long_text);
		r->n_live++;
	}
	r->vv[r->n_vv++] = (struct seen){writer, (uint32_t)*n};
	return r;
}

START_TEST(bounds_of_size)
{
	size_t n, room;
	struct replica *r = heavy(1, &n, &room), *other = heavy(2, &n, &room);
	struct reg reg = {2, 0, {9, 9}, long_text};
	struct hex_digest before = hex_digest(r);
	struct errmsg why = {""};

	ck_assert_int_eq(replica_check(r, &why), 0);
	ck_assert_int_eq(replica_merge(r, other, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "than the 8192 KiB"));
	ck_assert_uint_gt(room, 200);
	ck_assert_uint_lt(room, OBJECT_TEXT_MAX);
	reg.len = OBJECT_TEXT_MAX;
	ck_assert_int_eq(set(r, 1, 1, reg), DELTA_FAILED);
	ck_assert_str_eq(hex_digest(r).text, before.text);
	/* Up to the last byte, of which the register takes some itself. */
	for (reg.len = (uint16_t)room;
	     set(r, 1, 1, reg) == DELTA_FAILED && reg.len > 0; reg.len--)
		;
	ck_assert_uint_gt(reg.len, room - 100);
	ck_assert_int_eq(replica_check(r, &why), 0);
	ck_assert_int_eq(add(r, 1, (uint32_t)n + 1), DELTA_FAILED);
	ck_assert_int_eq(drop(r, 1, 7), DELTA_APPLIED);
	ck_assert_int_eq(add(r, 1, (uint32_t)n + 1), DELTA_APPLIED);
	ck_assert_int_eq(replica_check(r, &why), 0);
	replica_free(r);
	replica_free(other);
}
END_TEST

START_TEST(last_seq)
{
	struct replica *r = large(1, 1, 0);

	r->vv[0].seq = UINT32_MAX - 1;
	ck_assert_uint_eq(replica_next_seq(r, 1), UINT32_MAX);
	ck_assert_int_eq(add(r, 1, UINT32_MAX), DELTA_APPLIED);
	ck_assert_uint_eq(replica_next_seq(r, 1), 0);
	ck_assert_int_eq(add(r, 1, 2), DELTA_NOTHING);
	ck_assert_int_eq(drop(r, 1, UINT32_MAX), DELTA_APPLIED);
	ck_assert_int_eq(drop(r, 1, UINT32_MAX), DELTA_NOTHING);
	replica_free(r);
}
END_TEST

static void
spoil(struct replica *r, int how)
{
	struct object *first = r->live[0];

	switch (how) {
	case 0:
		r->hlc = HLC_MAX + 1;
		break;
	case 1:
		r->vv[0].seq = 0;
		break;
	case 2:
		r->vv[0].seq = 2; /* three are live */
		break;
	case 3:
		r->vv[1].writer = r->vv[0].writer;
		break;
	case 4:
		r->live[0] = r->live[1];
		r->live[1] = first;
		break;
	case 5:
		r->live[2]->uid.writer = 99; /* nobody has seen it */
		break;
	case 6:
		r->live[2]->uid = r->live[1]->uid;
		break;
	default:
		r->live[2]->kind = (enum object_kind)9;
	}
}

START_TEST(what_is_no_replica)
{
	struct replica *r = large(1, 3, 2);
	struct errmsg why = {""};

	ck_assert_int_eq(replica_check(r, &why), 0);
	spoil(r, _i);
	ck_assert_int_eq(replica_check(r, &why), -1);
	ck_assert_str_ne(why.text, "");
	replica_free(r);
}
END_TEST

/* Everything that is in the digest makes a difference; the clock is not. */
START_TEST(digest_tells_all_apart)
{
	struct replica *r = large(1, 2, 1), *s = large(1, 2, 1);
	struct hex_digest before = hex_digest(r);

	ck_assert_str_eq(hex_digest(s).text, before.text);
	s->hlc = 77;
	ck_assert_str_eq(hex_digest(s).text, before.text);
	s->vv[1].seq++;
	ck_assert_str_ne(hex_digest(s).text, before.text);
	s->vv[1].seq--;
	s->live[0]->born++;
	ck_assert_str_ne(hex_digest(s).text, before.text);
	s->live[0]->born--;
	s->live[0]->kind = OBJECT_NODE;
	ck_assert_str_ne(hex_digest(s).text, before.text);
	s->live[0]->kind = OBJECT_SERVICE;
	s->live[0]->key_len--;
	ck_assert_str_ne(hex_digest(s).text, before.text);
	s->live[0]->key_len++;
	s->live[0]->regs[0].stamp.writer++;
	ck_assert_str_ne(hex_digest(s).text, before.text);
	s->live[0]->regs[0].stamp.writer--;
	s->live[0]->regs[0].text = "y";
	ck_assert_str_ne(hex_digest(s).text, before.text);
	s->live[0]->regs[0].text = "x";
	ck_assert_str_eq(hex_digest(s).text, before.text);
	replica_free(r);
	replica_free(s);
}
END_TEST

/* A copy shares its objects, and neither sees what becomes of the other. */
START_TEST(copies_are_apart)
{
	struct replica *r = large(1, 3, 1), *copy = replica_copy(r);
	struct hex_digest before = hex_digest(r);

	check_equal(copy, r);
	ck_assert_ptr_eq(copy->live[0], r->live[0]);
	drop(copy, 1, 1);
	set(copy, 1, 2, (struct reg){1, 1, {90, 9}, "y"});
	ck_assert_str_eq(hex_digest(r).text, before.text);
	replica_free(r);
	ck_assert_uint_eq(copy->n_live, 2);
	ck_assert_str_eq(copy->live[0]->regs[0].text, "y");
	ck_assert_str_eq(copy->live[1]->regs[0].text, "x");
	replica_free(copy);
	replica_free(NULL);
}
END_TEST

static double
ms_since(struct mono t)
{
	return (double)(mono_now().us - t.us) / 1000;
}

/* No bound is asserted: machines differ. */
START_TEST(time_of_10000_objects)
{
	struct replica *r = large(1, 10000, 0), *other = replica_copy(r);
	struct errmsg why;
	struct mono t;

	for (uint32_t i = 1; i <= 100; i++)
		set(other, 1, i * 100, (struct reg){1, 1, {90000, 9}, "y"});
	t = mono_now();
	ck_assert_int_eq(replica_merge(r, other, &why), 1);
	printf("# merge of 10000 objects, 100 differ: %.1f ms\n", ms_since(t));
	t = mono_now();
	hex_digest(r);
	printf("# digest of 10000 objects: %.1f ms\n", ms_since(t));
	t = mono_now();
	for (uint32_t i = 1; i <= 1000; i++)
		add(r, i % 2 == 0 ? 0 : UINT64_MAX, (i + 1) / 2);
	printf("# 1000 deltas beside them: %.1f ms\n", ms_since(t));
	replica_free(r);
	replica_free(other);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("replica");
	TCase *tc = tcase_create("replica");

	tcase_add_test(tc, delta_results);
	tcase_add_test(tc, object_known_already);
	tcase_add_test(tc, one_delta_with_all_parts);
	tcase_add_test(tc, delta_not_valid);
	tcase_add_test(tc, stamps_move_the_clock);
	tcase_add_test(tc, ticks);
	tcase_add_test(tc, bounds_of_objects);
	tcase_add_test(tc, bounds_of_writers);
	tcase_add_test(tc, bounds_of_size);
	tcase_add_test(tc, last_seq);
	tcase_add_loop_test(tc, what_is_no_replica, 0, 8);
	tcase_add_test(tc, digest_tells_all_apart);
	tcase_add_test(tc, copies_are_apart);
	tcase_add_test(tc, time_of_10000_objects);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
