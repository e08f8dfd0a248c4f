/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/l3.h"
#include "tests/unit/l3_build.h"
#include "tests/unit/unit.h"

static uint8_t packet[L3_MAX];

/* clang-format off */
static const uint8_t options4[12] = {1, 1, 1, 1};
static const uint8_t hop[8] = {6, 0};
static const uint8_t hop_and_options[24] = {60, 0, 0, 0, 0, 0, 0, 0, 17, 1};
static const uint8_t authentication[24] = {6, 4};
static const uint8_t routed[24] = {6, 2, 2, 1};
static const uint8_t routing_done[24] = {6, 2, 2, 0};
static const uint8_t atomic[8] = {17, 0, 0, 0, 1, 2, 3, 4};
static const uint8_t first[16] = {60, 0, 0, 1, 1, 2, 3, 4, 17, 0};
static const uint8_t middle[8] = {60, 0, 0x05, 0xa9, 1, 2, 3, 4};
static const uint8_t last[16] = {44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0xff, 0xf8};
static const uint8_t eight[64] = {
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0, 17, 0};

/* What is not said is 0 or false; l4 is the end of all headers. */
static const struct {
	struct l3_spec spec;
	struct l3 want;
} rows[] = {
	{{.version = 4, .protocol = 6}, {.l4 = 20}},
	{{.version = 4, .protocol = 17, .options = options4,
	  .options_len = 12}, {.l4 = 32}},
	{{.version = 4, .protocol = 17, .frag4 = 0x4000}, {.l4 = 20}},
	{{.version = 4, .protocol = 17, .frag4 = 0x2000},
	 {.l4 = 20, .more = true}},
	{{.version = 4, .protocol = 17, .frag4 = 0x1fff},
	 {.l4 = 20, .frag_from = 65528}},
	{{.version = 6, .protocol = 6}, {.l4 = 40}},
	{{.version = 6, .protocol = 6, .first_header = 0, .extensions = hop,
	  .extensions_len = 8}, {.l4 = 48}},
	{{.version = 6, .protocol = 17, .first_header = 0,
	  .extensions = hop_and_options, .extensions_len = 24}, {.l4 = 64}},
	{{.version = 6, .protocol = 6, .first_header = 51,
	  .extensions = authentication, .extensions_len = 24}, {.l4 = 64}},
	{{.version = 6, .protocol = 6, .first_header = 43,
	  .extensions = routed, .extensions_len = 24},
	 {.l4 = 64, .routed = true}},
	{{.version = 6, .protocol = 6, .first_header = 43,
	  .extensions = routing_done, .extensions_len = 24}, {.l4 = 64}},
	{{.version = 6, .protocol = 17, .first_header = 44,
	  .extensions = atomic, .extensions_len = 8},
	 {.l4 = 48, .frag_at = 40}},
	{{.version = 6, .protocol = 17, .first_header = 44,
	  .extensions = first, .extensions_len = 16},
	 {.l4 = 56, .frag_at = 40, .more = true}},
	/* nothing behind its fragment header is taken for a header */
	{{.version = 6, .protocol = 60, .first_header = 44,
	  .extensions = middle, .extensions_len = 8},
	 {.l4 = 48, .frag_at = 40, .frag_from = 0x5a8, .more = true}},
	{{.version = 6, .protocol = 6, .first_header = 60,
	  .extensions = last, .extensions_len = 16},
	 {.l4 = 56, .frag_at = 48, .frag_from = 0xfff8}},
	{{.version = 6, .protocol = 17, .first_header = 60,
	  .extensions = eight, .extensions_len = 64}, {.l4 = 104}},
};
/* clang-format on */

/* The row's packet with 64 bytes of payload, whatever its protocol. */
static size_t
build(int row)
{
	struct l3_spec spec = rows[row].spec;

	spec.payload = 64;
	return l3_build(packet, &spec);
}

START_TEST(reads)
{
	const struct l3 *want = &rows[_i].want;
	size_t len = build(_i);
	struct l3 p;

	memset(packet + len, 0xff, 10);
	ck_assert(l3_read(&p, packet, len + 10));
	ck_assert_uint_eq(p.total, len);
	ck_assert_uint_eq(p.version, rows[_i].spec.version);
	ck_assert_uint_eq(p.protocol, rows[_i].spec.protocol);
	ck_assert_uint_eq(p.l4, want->l4);
	ck_assert_uint_eq(p.frag_at, want->frag_at);
	ck_assert_uint_eq(p.frag_from, want->frag_from);
	ck_assert_int_eq(p.more, want->more);
	ck_assert_int_eq(p.routed, want->routed);
	ck_assert_int_eq(
	    l3_is_fragment(&p), want->more || want->frag_from != 0);
}
END_TEST

/* Cut at every byte, and then with a header that says so. */
START_TEST(cut)
{
	size_t len = build(_i), n, at;
	struct l3 p;

	at = packet[0] >> 4 == 4 ? 2 : 4;
	for (n = 0; n < len; n++) {
		uint8_t *copy = l3_tight(packet, n);

		ck_assert(!l3_read(&p, copy, n));
		if (n >= (at == 2 ? 20 : 40)) {
			l3_put16(copy + at, (uint32_t)(at == 2 ? n : n - 40));
			ck_assert_int_eq(
			    l3_read(&p, copy, n), n >= rows[_i].want.l4);
		}
		free(copy);
	}
}
END_TEST

/* clang-format off */
static const uint8_t twice[16] = {44, 0, 0, 1, 1, 2, 3, 4, 17, 0, 0, 1};
static const uint8_t nine[72] = {
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 17, 0};
static const uint8_t too_long[8] = {17, 255};

static const struct l3_spec bad[] = {
	{.version = 6, .protocol = 17, .payload = 64, .first_header = 44,
	 .extensions = twice, .extensions_len = 16},
	{.version = 6, .protocol = 17, .payload = 64, .first_header = 60,
	 .extensions = nine, .extensions_len = 72},
	{.version = 6, .protocol = 17, .payload = 64, .first_header = 60,
	 .extensions = too_long, .extensions_len = 8},
	{.version = 6, .protocol = 17, .payload = 64, .first_header = 51,
	 .extensions = too_long, .extensions_len = 8},
};
/* clang-format on */

START_TEST(refuses)
{
	static uint8_t image[L3_MAX];
	struct l3_spec spec = bad[_i];
	struct l3 p;
	size_t len;

	/* Built plain, since the builder walks the chain as well */
	spec.extensions_len = 0;
	len = l3_build(image, &spec);
	memcpy(packet, image, 40);
	memcpy(packet + 40, bad[_i].extensions, bad[_i].extensions_len);
	memcpy(packet + 40 + bad[_i].extensions_len, image + 40, len - 40);
	packet[6] = bad[_i].first_header;
	len += bad[_i].extensions_len;
	l3_put16(packet + 4, (uint32_t)len - 40);
	ck_assert(!l3_read(&p, packet, len));
}
END_TEST

START_TEST(versions)
{
	size_t len = build(0);
	struct l3 p;

	packet[0] = (uint8_t)(_i << 4 | 5);
	ck_assert_int_eq(l3_read(&p, packet, len), _i == 4);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("l3");
	TCase *tc = tcase_create("l3");

	tcase_add_loop_test(tc, reads, 0, ROWS(rows));
	tcase_add_loop_test(tc, cut, 0, ROWS(rows));
	tcase_add_loop_test(tc, refuses, 0, ROWS(bad));
	tcase_add_loop_test(tc, versions, 0, 16);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
