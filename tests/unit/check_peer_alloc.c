/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of the peers' codec and of a state file fails once: it is
 * told from bad input, for which a peer would be shut out and a file set aside,
 * and leaves nothing behind. */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "agent/peer/wire.h"
#include "agent/store.h"
#include "tests/unit/peer_samples.h"
#include "tests/unit/unit.h"

static long countdown = -1; /* allocations until the one that fails */
static long live;           /* blocks since then that are not freed yet */
static bool has_failed;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void __real_free(void *);

void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void __wrap_free(void *);

static bool
fails(void)
{
	if (countdown != 0) {
		countdown -= countdown > 0;
		return false;
	}
	countdown = -1;
	has_failed = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	void *p = fails() ? NULL : __real_malloc(size);

	live += p != NULL;
	return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(n, size);

	live += p != NULL;
	return p;
}

void
__wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

static void
arm(long n)
{
	countdown = n;
	has_failed = false;
	live = 0;
}

/* Whether an allocation has failed since. */
static bool
disarm(void)
{
	countdown = -1;
	return has_failed;
}

/* To be asked before any other assertion: check allocates for those. */
static void
left_nothing(void)
{
	long left = live;

	ck_assert_int_eq(left, 0);
}

START_TEST(pack)
{
	bool failed = true, has_none;
	uint8_t *data;
	size_t len;

	for (long n = 0; failed; n++) {
		arm(n);
		data = peer_pack(&peer_samples[_i], &len);
		failed = disarm();
		has_none = data == NULL;
		free(data);
		left_nothing();
		ck_assert_int_eq(has_none, failed);
	}
}
END_TEST

START_TEST(unpack)
{
	size_t len;
	uint8_t *data = peer_pack(&peer_samples[_i], &len);
	enum peer_unpack_result result;
	struct peer_message *m;
	bool failed = true, has_none;

	ck_assert_ptr_nonnull(data);
	for (long n = 0; failed; n++) {
		struct errmsg why = {""};

		arm(n);
		result = peer_unpack(data, len, &m, &why);
		failed = disarm();
		has_none = m == NULL;
		peer_message_free(m);
		left_nothing();
		ck_assert_msg(
		    result == (failed ? PEER_UNPACK_NO_MEMORY : PEER_UNPACK_OK),
		    "allocation %ld: %d: %s", n, (int)result, why.text);
		ck_assert_int_eq(has_none, failed);
		ck_assert_int_eq(why.text[0] != '\0', failed);
	}
	free(data);
}
END_TEST

/* The objects of a sample, as a replica. */
static struct replica *
make_replica(void)
{
	const struct peer_full_chunk *c =
	    &peer_samples[PEER_FULL_CHUNK].full_chunk;
	struct replica *r = replica_new();

	ck_assert_ptr_nonnull(r);
	r->live = calloc(c->n_objects, sizeof(struct object *));
	r->vv = calloc(1, sizeof(*r->vv));
	ck_assert(r->live != NULL && r->vv != NULL);
	for (size_t i = 0; i < c->n_objects; i++)
		r->live[r->n_live++] = object_ref(c->objects[i]);
	r->vv[r->n_vv++] = (struct seen){c->objects[0]->uid.writer, 100};
	return r;
}

START_TEST(encode)
{
	struct store_state state = {.replica = make_replica()};
	bool failed = true, has_none;
	uint8_t *data;
	size_t len;

	for (long n = 0; failed; n++) {
		arm(n);
		data = store_encode(&state, &len);
		failed = disarm();
		has_none = data == NULL;
		free(data);
		left_nothing();
		ck_assert_int_eq(has_none, failed);
	}
	store_state_clear(&state);
}
END_TEST

START_TEST(decode)
{
	struct store_state state = {.replica = make_replica()}, back;
	enum store_file file;
	bool failed = true, has_none, kept;
	size_t len;
	uint8_t *data = store_encode(&state, &len);

	ck_assert_ptr_nonnull(data);
	for (long n = 0; failed; n++) {
		struct errmsg why = {""};

		back = (struct store_state){.incarnation = 5};
		arm(n);
		file = store_decode(data, len, &back, &why);
		failed = disarm();
		kept = back.incarnation == 5;
		has_none = back.replica == NULL;
		store_state_clear(&back);
		left_nothing();
		ck_assert_msg(
		    file == (failed ? STORE_FILE_OPAQUE : STORE_FILE_GOOD),
		    "allocation %ld: %d: %s", n, (int)file, why.text);
		ck_assert(has_none == failed && kept == failed);
	}
	store_state_clear(&state);
	free(data);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("peer_alloc");
	TCase *tc = tcase_create("peer_alloc");

	tcase_add_checked_fixture(
	    tc, peer_samples_setup, peer_samples_teardown);
	tcase_add_loop_test(tc, pack, 0, PEER_MESSAGE_KINDS);
	tcase_add_loop_test(tc, unpack, 0, PEER_MESSAGE_KINDS);
	tcase_add_test(tc, encode);
	tcase_add_test(tc, decode);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
