/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <event2/buffer.h>
#include <string.h>

#include "common/frame.h"
#include "tests/unit/unit.h"

static struct evbuffer *in;

static void
setup(void)
{
	in = evbuffer_new();
	ck_assert_ptr_nonnull(in);
}

static void
teardown(void)
{
	evbuffer_free(in);
}

/* Two messages, cut after _i bytes: what is whole comes out, the rest waits. */
START_TEST(cut_at_every_byte)
{
	static const uint8_t wire[] = {
	    0, 0, 0, 3, 'o', 'n', 'e', 0, 0, 0, 1, '2'};
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	evbuffer_add(in, wire, (size_t)_i);
	if (_i >= 7) {
		ck_assert_int_eq(frame_next(in, &data, &len, &why), FRAME_OK);
		ck_assert_uint_eq(len, 3);
		ck_assert_mem_eq(data, "one", 3);
		frame_done(in, len);
	}
	if (_i == 12) {
		ck_assert_int_eq(frame_next(in, &data, &len, &why), FRAME_OK);
		ck_assert_uint_eq(len, 1);
		ck_assert_mem_eq(data, "2", 1);
		frame_done(in, len);
	}
	ck_assert_int_eq(frame_next(in, &data, &len, &why), FRAME_SHORT);
}
END_TEST

START_TEST(length_out_of_bounds)
{
	static const uint8_t bad[][4] = {
	    {0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {4, 0, 0, 1}};
	const uint8_t *data;
	struct errmsg why = {""};
	size_t len;

	evbuffer_add(in, bad[_i], 4);
	ck_assert_int_eq(frame_next(in, &data, &len, &why), FRAME_BAD);
	ck_assert_ptr_nonnull(strstr(why.text, "frame of"));
}
END_TEST

/* Refused by its header, before the message is there. */
START_TEST(over_a_lower_limit)
{
	static const uint8_t most[] = {0, 0, 0, 2, 'a', 'b', 0, 0, 0, 3};
	const uint8_t *data;
	struct errmsg why = {""};
	size_t len;

	evbuffer_add(in, most, sizeof(most));
	ck_assert_int_eq(frame_next_max(in, 2, &data, &len, &why), FRAME_OK);
	ck_assert_uint_eq(len, 2);
	frame_done(in, len);
	ck_assert_int_eq(frame_next_max(in, 2, &data, &len, &why), FRAME_BAD);
	ck_assert_str_eq(why.text, "frame of 3 bytes; 1..2 expected");
	ck_assert_int_eq(frame_next_max(in, 3, &data, &len, &why), FRAME_SHORT);
}
END_TEST

START_TEST(put_then_next)
{
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	ck_assert_int_eq(frame_put(in, "", 0), -1);
	ck_assert_int_eq(frame_put(in, "", (size_t)FRAME_MAX + 1), -1);
	ck_assert_uint_eq(evbuffer_get_length(in), 0);
	ck_assert_int_eq(frame_put(in, "hello", 5), 0);
	ck_assert_int_eq(frame_next(in, &data, &len, &why), FRAME_OK);
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(data, "hello", 5);
	frame_done(in, len);
	ck_assert_uint_eq(evbuffer_get_length(in), 0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("frame");
	TCase *tc = tcase_create("frame");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, cut_at_every_byte, 0, 13);
	tcase_add_loop_test(tc, length_out_of_bounds, 0, 3);
	tcase_add_test(tc, over_a_lower_limit);
	tcase_add_test(tc, put_then_next);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
