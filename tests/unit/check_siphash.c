/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors that the authors of SipHash publish: bytes 0 .. len - 1 under the
 * key 00 01 .. 0f. */
#include "config.h"

#include "balancer/core/siphash.h"
#include "tests/unit/unit.h"

static const uint64_t vectors[] = {
    0x726fdb47dd0e0e31u,
    0x74f839c593dc67fdu,
    0x0d6c8009d9a94f5au,
    0x85676696d7fb7e2du,
    0xcf2794e0277187b7u,
    0x18765564cd99a68du,
    0xcbc9466e58fee3ceu,
    0xab0200f58b01d137u,
    0x93f5f5799a932462u,
    0x9e0082df0ba9e4b0u,
    0x7a5dbbc594ddb9f3u,
    0xf4b32f46226bada7u,
    0x751e8fbc860ee5fbu,
    0x14ea5627c0843d90u,
    0xf723ca908e7af2eeu,
    0xa129ca6149be45e5u,
    0x3f2acc7f57c29bdbu,
};

START_TEST(published)
{
	uint8_t key[SIPHASH_KEY_LEN], data[ROWS(vectors)];

	for (int i = 0; i < SIPHASH_KEY_LEN; i++)
		key[i] = (uint8_t)i;
	for (int i = 0; i < _i; i++)
		data[i] = (uint8_t)i;
	ck_assert_uint_eq(siphash24(key, data, (size_t)_i), vectors[_i]);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("siphash");
	TCase *tc = tcase_create("siphash");

	tcase_add_loop_test(tc, published, 0, ROWS(vectors));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
