/* SPDX-License-Identifier: Apache-2.0 */
/* The same as check_alloc, for what the nodes replicate: when memory is short,
 * a replica is as it was or a part further, never broken, and a view is whole
 * or none. */
#include "config.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/history.h"
#include "tests/unit/spec_rig.h"
#include "tests/unit/unit.h"

static const char text[] = HEAD
    "- {name: a, vips: [192.0.2.1], protocol: tcp, ports: [80, 443],\n"
    "   backends: [{address: 10.1.0.1, weight: 2}, {address: 10.1.0.2}]}\n"
    "- {name: b, vips: [192.0.2.2], protocol: udp,\n"
    "   backends: [{address: 10.1.0.1}]}\n";

static struct conf *conf;
static struct replica *ours, *theirs;
static struct hex_digest before, imported;
static uint8_t digested[REPLICA_DIGEST_LEN];
static char *viewed;

/* To read it needs more memory than an arena has left. */
static struct reg
long_list(void)
{
	static char list[8192];
	size_t n = 0;

	for (int i = 1; i <= 1000; i++)
		n += (size_t)sprintf(&list[n], "%s%d", i > 1 ? "," : "", i);
	return (struct reg){SPEC_PORTS, (uint16_t)n, {9, 8}, list};
}

/* Both have changed a thing that the other has not, and something cannot take
 * part. */
static void
setup(void)
{
	struct change c = {.hlc = 9};
	struct spec_view *v;
	struct errmsg why;

	conf = parse(text);
	ours = import(conf);
	theirs = import(conf);
	imported = hex_digest(theirs);
	c.uid = theirs->live[0]->uid;
	c.set = (struct reg){SPEC_PORTS, 4, {9, 9}, "80,9"};
	ck_assert_int_eq(change_apply(&c, theirs), DELTA_APPLIED);
	c.set = (struct reg){SPEC_PANIC, 1, {9, 9}, "1"};
	ck_assert_int_eq(change_apply(&c, ours), DELTA_APPLIED);
	c.set = long_list();
	ck_assert_int_eq(change_apply(&c, ours), DELTA_APPLIED);
	c.uid = ours->live[ours->n_live - 1]->uid;
	c.set = (struct reg){SPEC_WEIGHT, 1, {9, 9}, "0"};
	ck_assert_int_eq(change_apply(&c, ours), DELTA_APPLIED);
	ck_assert_int_eq(replica_check(ours, &why), 0);
	before = hex_digest(ours);
	ck_assert_int_eq(replica_digest(ours, digested), 0);
	v = view(conf, ours);
	viewed = print_view(v);
	spec_view_free(v);
}

static void
teardown(void)
{
	ck_assert_str_eq(hex_digest(ours).text, before.text);
	free(viewed);
	replica_free(ours);
	replica_free(theirs);
	conf_free(conf);
}

/* Each runs its function once, undoes it, and returns whether it worked. What
 * is checked itself has all the memory it wants. */
static void
no_more_failures(void)
{
	failing_malloc.countdown = -1;
}

static bool
try_copy_local(struct errmsg *why)
{
	struct conf *c = conf_copy_local(conf);

	errmsg_set(why, "out of memory");
	conf_free(c);
	return c != NULL;
}

static bool
try_import(struct errmsg *why)
{
	struct replica *r = spec_import(conf, why);

	no_more_failures();
	if (r != NULL)
		ck_assert_str_eq(hex_digest(r).text, imported.text);
	replica_free(r);
	ERR_clear_error(); /* OpenSSL keeps why there was no digest */
	return r != NULL;
}

static bool
try_view(struct errmsg *why)
{
	struct spec_view *v = spec_view(conf, ours);

	no_more_failures();
	errmsg_set(why, "out of memory");
	if (v != NULL) {
		char *seen = print_view(v);

		ck_assert_uint_eq(v->n_ignored, 1);
		ck_assert_str_eq(seen, viewed);
		free(seen);
	}
	spec_view_free(v);
	return v != NULL;
}

static bool
try_read(struct errmsg *why)
{
	struct reg regs[OBJECT_REGS_MAX];
	struct arena *arena = arena_new();
	int n = -1;

	errmsg_set(why, "out of memory");
	if (arena != NULL)
		n = spec_read(OBJECT_SERVICE,
		    "vips=192.0.2.1\nports=80,443\ncheck=none", regs, arena,
		    why);
	arena_free(arena);
	return n == 3;
}

static bool
try_copy(struct errmsg *why)
{
	struct replica *r = replica_copy(ours);

	errmsg_set(why, "out of memory");
	replica_free(r);
	return r != NULL;
}

static bool
try_digest(struct errmsg *why)
{
	uint8_t digest[REPLICA_DIGEST_LEN];
	int rc = replica_digest(ours, digest);

	no_more_failures();
	if (rc == 0)
		ck_assert_mem_eq(digest, digested, sizeof(digest));
	errmsg_set(why, "out of memory");
	ERR_clear_error();
	return rc == 0;
}

/* Does not count what it does itself. */
static struct replica *
spare(void)
{
	long countdown = failing_malloc.countdown;
	struct replica *r;

	failing_malloc.countdown = -1;
	r = replica_copy(ours);
	failing_malloc.countdown = countdown;
	return r;
}

static bool
try_merge(struct errmsg *why)
{
	struct replica *r = spare();
	int rc = replica_merge(r, theirs, why);

	no_more_failures();
	if (rc == -1) /* as it was */
		for (size_t i = 0; i < ours->n_live; i++)
			ck_assert_ptr_eq(r->live[i], ours->live[i]);
	replica_free(r);
	return rc == 1;
}

static bool
try_apply(struct errmsg *why)
{
	struct delta_set set = {ours->live[0]->uid, {1, 1, {20, 1}, "x"}};
	struct uid remove = ours->live[1]->uid;
	struct object *added = object_new(
	    OBJECT_NODE, (struct uid){1, 1}, 20, "lb", 2, NULL, 0);
	struct delta d = {&added, 1, &remove, 1, &set, 1, 20};
	struct replica *r = spare();
	enum delta_result result = DELTA_FAILED;

	errmsg_set(why, "out of memory");
	if (added != NULL)
		result = replica_apply(r, &d);
	no_more_failures();
	ck_assert_int_eq(replica_check(r, NULL), 0);
	object_unref(added);
	replica_free(r);
	return result == DELTA_APPLIED;
}

static const struct {
	failing_malloc_try try;
	bool copes; /* qsort does, and some of OpenSSL */
} rows[] = {
    {try_copy_local, false},
    {try_import, true},
    {try_view, true},
    {try_read, false},
    {try_copy, false},
    {try_digest, true},
    {try_merge, false},
    {try_apply, false},
};

START_TEST(each_allocation_fails)
{
	failing_malloc_each(rows[_i].try, "out of memory", rows[_i].copes);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("alloc_replica");
	TCase *tc = tcase_create("alloc_replica");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_allocation_fails, 0, ROWS(rows));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
