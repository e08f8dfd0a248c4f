/* SPDX-License-Identifier: Apache-2.0 */
/* That merging is a join, whatever has happened: random histories with fixed
 * seeds. The number of the failed test is the seed. */
#include "config.h"

#include "agent/core/replica.h"

#include "tests/unit/history.h"
#include "tests/unit/unit.h"

#define SEEDS 25
#define STEPS 500

static void
check_equal(const struct replica *a, const struct replica *b)
{
	ck_assert_str_eq(hex_digest(a).text, hex_digest(b).text);
	ck_assert_uint_eq(a->hlc, b->hlc);
}

static void
run(struct history *h, int seed, bool rollback)
{
	history_init(h, (uint64_t)seed, rollback);
	for (int i = 0; i < STEPS; i++)
		history_step(h);
}

static void
check_laws(
    const struct replica *a, const struct replica *b, const struct replica *c)
{
	struct replica *ab = merged(a, b), *ba = merged(b, a);
	struct replica *bc = merged(b, c), *ab_c = merged(ab, c);
	struct replica *a_bc = merged(a, bc), *aa = merged(a, a);
	struct errmsg why;

	check_equal(ab, ba);
	check_equal(ab_c, a_bc);
	check_equal(aa, a);
	ck_assert_int_eq(replica_merge(aa, a, &why), 0);
	ck_assert_int_eq(replica_merge(ab, b, &why), 0);
	ck_assert_int_eq(replica_merge(ab, ba, &why), 0);
	replica_free(ab);
	replica_free(ba);
	replica_free(bc);
	replica_free(ab_c);
	replica_free(a_bc);
	replica_free(aa);
}

START_TEST(merge_is_a_join)
{
	static struct history h;

	history_init(&h, (uint64_t)_i, _i % 2 == 1);
	for (int i = 0; i < STEPS; i++) {
		history_step(&h);
		if (i % 10 == 0)
			check_laws(h.nodes[0].replica, h.nodes[1].replica,
			    h.snapshots[i / 10 % HISTORY_SNAPSHOTS]);
	}
	history_clear(&h);
}
END_TEST

static const struct object *
model_find(const struct history *h, struct uid uid)
{
	for (size_t i = 0; i < h->n_made; i++)
		if (uid_cmp(h->made[i].object->uid, uid) == 0)
			return h->made[i].removed ? NULL : h->made[i].object;
	return NULL;
}

/* After all that, every node has what was made and not removed, each register
 * as it was written last: the model has not lost a thing. */
static void
check_model(const struct history *h, const struct replica *r)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_made; i++)
		n += !h->made[i].removed;
	ck_assert_uint_eq(r->n_live, n);
	for (size_t i = 0; i < r->n_live; i++) {
		const struct object *o = r->live[i];
		const struct object *m = model_find(h, o->uid);

		ck_assert_ptr_nonnull(m);
		ck_assert_str_eq(m->key, o->key);
		ck_assert_uint_eq(m->n_regs, o->n_regs);
		for (size_t j = 0; j < o->n_regs; j++) {
			ck_assert_uint_eq(o->regs[j].field, m->regs[j].field);
			ck_assert_int_eq(
			    reg_cmp_stamp(&o->regs[j], &m->regs[j]), 0);
		}
	}
}

START_TEST(nodes_agree_once_healed)
{
	static struct history h;

	run(&h, _i, false);
	ck_assert_uint_gt(h.n_made, 10);
	history_heal(&h);
	for (size_t i = 0; i < HISTORY_NODES; i++) {
		check_equal(h.nodes[i].replica, h.nodes[0].replica);
		check_model(&h, h.nodes[i].replica);
	}
	history_clear(&h);
}
END_TEST

/* What only the lost state knew may be lost, but no two nodes differ. */
START_TEST(nodes_agree_after_rollbacks)
{
	static struct history h;

	run(&h, _i, true);
	history_heal(&h);
	for (size_t i = 1; i < HISTORY_NODES; i++)
		check_equal(h.nodes[i].replica, h.nodes[0].replica);
	history_clear(&h);
}
END_TEST

/* Nothing but deltas, shuffled and repeated until none has anything to say. */
static size_t
sweep(struct history *h, struct replica *r)
{
	size_t order[HISTORY_CHANGES], n = h->n_changes, news = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = rng_below(&h->rng, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < n; i++) {
		enum delta_result result = change_apply(
		    &h->changes[order[i]], r);

		ck_assert_int_ne(result, DELTA_FAILED);
		news += result != DELTA_NOTHING;
	}
	return news;
}

START_TEST(deltas_in_any_order)
{
	static struct history h;
	struct replica *r = replica_new(), *half = replica_new(), *whole;

	run(&h, _i, false);
	history_heal(&h);
	sweep(&h, half);
	while (sweep(&h, r) > 0)
		;
	check_equal(r, h.nodes[0].replica);
	/* Some of them lost, and a snapshot. */
	whole = merged(half, h.nodes[0].replica);
	check_equal(whole, r);
	ck_assert_uint_eq(sweep(&h, whole), 0);
	check_equal(whole, r);
	replica_free(whole);
	replica_free(half);
	replica_free(r);
	history_clear(&h);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("replica_history");
	TCase *tc = tcase_create("replica_history");

	tcase_add_loop_test(tc, merge_is_a_join, 0, SEEDS);
	tcase_add_loop_test(tc, nodes_agree_once_healed, 0, SEEDS);
	tcase_add_loop_test(tc, nodes_agree_after_rollbacks, 0, SEEDS);
	tcase_add_loop_test(tc, deltas_in_any_order, 0, SEEDS);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
