/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/oversize.h"
#include "tests/unit/l3_build.h"
#include "tests/unit/unit.h"

static uint8_t packet[L3_MAX], out[L3_MAX], back[L3_MAX];

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* clang-format off */
static const uint8_t hop_by_hop[8] = {6, 0, 1, 4};
static const uint8_t routing_done[24] = {6, 2, 2, 0};
static const uint8_t router_alert[4] = {0x94, 4, 0, 0};

static const struct l3_spec segment_rows[] = {
	{.version = 4, .protocol = 6, .payload = 1300, .tcp_flags = TCP_ACK},
	{.version = 6, .protocol = 6, .payload = 1301, .tcp_flags = TCP_ACK |
	 TCP_PSH | TCP_FIN | TCP_CWR},
	{.version = 4, .protocol = 6, .payload = 1, .tcp_flags = TCP_ACK},
	{.version = 4, .protocol = 6, .payload = 777, .tcp_options = 40,
	 .options = router_alert, .options_len = 4, .tcp_flags = TCP_PSH |
	 TCP_ACK | TCP_CWR},
	{.version = 6, .protocol = 6, .payload = 601, .tcp_options = 12,
	 .first_header = 0, .extensions = hop_by_hop, .extensions_len = 8},
	{.version = 6, .protocol = 6, .payload = 600, .first_header = 43,
	 .extensions = routing_done, .extensions_len = 24},
	{.version = 4, .protocol = 6, .payload = 800, .partial = true,
	 .tcp_flags = TCP_FIN | TCP_ACK, .frag4 = 0x4000},
	{.version = 6, .protocol = 6, .payload = 800, .partial = true},
	{.version = 4, .protocol = 6, .payload = 900, .tcp_flags = TCP_URG |
	 TCP_ACK, .urgent = 500},
};
/* clang-format on */

/* The flags and the urgent pointer of the piece that begins `before` bytes into
 * the payload. */
static void
ck_segment_flags(
    const uint8_t *tcp, const struct l3_spec *spec, size_t before, size_t chunk)
{
	uint8_t want = spec->tcp_flags;
	uint32_t urgent = spec->urgent;

	if (before > 0)
		want &= (uint8_t)~TCP_CWR;
	if (before + chunk < spec->payload)
		want &= (uint8_t) ~(TCP_PSH | TCP_FIN);
	if (before > 0 && before >= urgent) {
		want &= (uint8_t)~TCP_URG;
		urgent = 0;
	} else if (urgent > 0) {
		urgent -= (uint32_t)before;
	}
	ck_assert_uint_eq(tcp[13], want);
	ck_assert_uint_eq(get16(tcp + 18), urgent);
}

/* Cuts packet, checks each piece alone, and that together they are it. */
static void
segment_and_rejoin(const struct l3_spec *spec, size_t len, size_t max_len)
{
	struct oversize it;
	uint8_t protocol;
	size_t l4 = l3_upper(packet, &protocol), n, before = 0, pieces = 0;
	size_t data = l4 + 20 + spec->tcp_options, room = max_len;

	ck_assert_int_eq(
	    oversize_segment_init(&it, packet, len, max_len), OVERSIZE_OK);
	while ((n = oversize_next(&it, out, room)) > 0) {
		ck_assert_uint_le(n, max_len);
		if (!l3_sound(out, n))
			ck_abort_msg("piece %zu of %zu", pieces, max_len);
		ck_assert_uint_eq(get32(out + l4 + 4),
		    (uint32_t)(get32(packet + l4 + 4) + before));
		ck_segment_flags(out + l4, spec, before, n - data);
		if (spec->version == 4)
			ck_assert_uint_eq(
			    get16(out + 4), 0x4321 + (uint32_t)pieces);
		/* The rest of the headers is the input's */
		ck_assert_mem_eq(out + l4, packet + l4, 4);
		ck_assert_mem_eq(out + l4 + 8, packet + l4 + 8, 5);
		ck_assert_mem_eq(
		    out + l4 + 20, packet + l4 + 20, data - l4 - 20);
		ck_assert_mem_eq(
		    out + 6, packet + 6, spec->version == 4 ? 4 : l4 - 6);
		ck_assert_mem_eq(out + data, packet + data + before, n - data);
		before += n - data;
		pieces++;
		/* All but the last are as full as they can be */
		ck_assert(n == max_len || before == spec->payload);
	}
	ck_assert_uint_eq(before, spec->payload);
	ck_assert_uint_eq(oversize_next(&it, out, room), 0);
}

START_TEST(segments_of_every_size)
{
	const struct l3_spec *spec = &segment_rows[_i];
	size_t len = l3_build(packet, spec);
	size_t data = len - spec->payload, max_len;
	struct oversize it;

	for (max_len = 0; max_len <= data; max_len++)
		ck_assert_int_eq(
		    oversize_segment_init(&it, packet, len, max_len),
		    OVERSIZE_UNFIT);
	for (; max_len <= len + 2; max_len++)
		segment_and_rejoin(spec, len, max_len);
}
END_TEST

START_TEST(the_longest_packet)
{
	struct l3_spec spec = {.version = _i == 0 ? 4 : 6,
	    .protocol = 6,
	    .tcp_flags = TCP_ACK | TCP_PSH};
	size_t len;

	spec.payload = _i == 0 ? 65535 - 40 : 65535 - 20;
	len = l3_build(packet, &spec);
	segment_and_rejoin(&spec, len, 1476);
	segment_and_rejoin(&spec, len, 9000);
	segment_and_rejoin(&spec, len, len);
}
END_TEST

/* One piece: the input, checksum completed. */
START_TEST(segment_that_fits)
{
	struct l3_spec spec = {.version = _i == 0 ? 4 : 6,
	    .protocol = 6,
	    .payload = 10,
	    .tcp_flags = TCP_ACK | TCP_PSH | TCP_CWR | TCP_FIN};
	size_t len = l3_build(back, &spec), n;
	struct oversize it;

	spec.partial = true;
	l3_build(packet, &spec);
	memset(packet + len, 0x77, 6); /* Ethernet padding */
	ck_assert_int_eq(
	    oversize_segment_init(&it, packet, len + 6, 1500), OVERSIZE_OK);
	n = oversize_next(&it, out, sizeof(out));
	ck_assert_uint_eq(n, len);
	ck_assert_mem_eq(out, back, len);
	ck_assert_uint_eq(oversize_next(&it, out, sizeof(out)), 0);
}
END_TEST

/* clang-format off */
static const uint8_t routing[24] = {6, 2, 2, 1};
static const uint8_t fragment6[8] = {6, 0, 0, 1};

static const struct {
	struct l3_spec spec;
	size_t at; /* 0: nothing changed; else this byte becomes ... */
	uint8_t byte;
	bool repair;
	enum oversize_result want;
} refused_rows[] = {
	{{.version = 4, .protocol = 17, .payload = 99}, 0, 0, false,
	 OVERSIZE_UNFIT},
	{{.version = 4, .protocol = 6, .payload = 0}, 0, 0, false,
	 OVERSIZE_UNFIT},
	{{.version = 4, .protocol = 6, .payload = 99, .tcp_flags = TCP_SYN},
	 0, 0, false, OVERSIZE_UNFIT},
	{{.version = 4, .protocol = 6, .payload = 99, .tcp_flags = TCP_RST},
	 0, 0, false, OVERSIZE_UNFIT},
	{{.version = 4, .protocol = 6, .payload = 96, .frag4 = 0x2000},
	 0, 0, false, OVERSIZE_UNFIT},
	{{.version = 4, .protocol = 6, .payload = 96, .frag4 = 1},
	 0, 0, false, OVERSIZE_UNFIT},
	{{.version = 6, .protocol = 6, .payload = 96, .first_header = 43,
	  .extensions = routing, .extensions_len = 24},
	 0, 0, false, OVERSIZE_UNFIT},
	{{.version = 6, .protocol = 6, .payload = 96, .first_header = 44,
	  .extensions = fragment6, .extensions_len = 8},
	 0, 0, false, OVERSIZE_UNFIT},
	/* the TCP header's length: 16, 60 of 119 */
	{{.version = 4, .protocol = 6, .payload = 99}, 32, 0x40, true,
	 OVERSIZE_MALFORMED},
	{{.version = 4, .protocol = 6, .payload = 39}, 32, 0xf0, true,
	 OVERSIZE_MALFORMED},
	{{.version = 4, .protocol = 6, .payload = 99}, 0, 0x53, false,
	 OVERSIZE_UNFIT},
	/* checksums wrong */
	{{.version = 4, .protocol = 6, .payload = 99}, 8, 1, false,
	 OVERSIZE_CHECKSUM},
	{{.version = 4, .protocol = 6, .payload = 99}, 100, 1, false,
	 OVERSIZE_CHECKSUM},
	{{.version = 6, .protocol = 6, .payload = 99}, 100, 1, false,
	 OVERSIZE_CHECKSUM},
	/* lengths of the IP header */
	{{.version = 4, .protocol = 6, .payload = 99}, 3, 140, false,
	 OVERSIZE_MALFORMED},
	{{.version = 4, .protocol = 6, .payload = 99}, 3, 39, true,
	 OVERSIZE_MALFORMED},
	{{.version = 4, .protocol = 6, .payload = 99}, 3, 19, false,
	 OVERSIZE_MALFORMED},
	{{.version = 6, .protocol = 6, .payload = 99}, 5, 120, false,
	 OVERSIZE_MALFORMED},
	{{.version = 6, .protocol = 6, .payload = 99}, 5, 19, false,
	 OVERSIZE_MALFORMED},
};
/* clang-format on */

START_TEST(not_segmented)
{
	size_t len = l3_build(packet, &refused_rows[_i].spec), max_len = 80;
	struct oversize it;

	if (refused_rows[_i].byte == 0x53)
		max_len = 40;
	else if (refused_rows[_i].at != 0)
		packet[refused_rows[_i].at] = refused_rows[_i].byte;
	if (refused_rows[_i].repair)
		l3_repair(packet, len);
	ck_assert_int_eq(oversize_segment_init(&it, packet, len, max_len),
	    refused_rows[_i].want);
}
END_TEST

START_TEST(cut_at_every_byte)
{
	struct l3_spec spec = segment_rows[_i];
	size_t len, n;
	struct oversize it;

	if (spec.payload > 80)
		spec.payload = 80;
	len = l3_build(packet, &spec);
	for (n = 0; n < len; n++) {
		uint8_t *cut = l3_tight(packet, n);

		ck_assert_int_eq(oversize_segment_init(&it, cut, n, 100),
		    OVERSIZE_MALFORMED);
		ck_assert_int_ne(oversize_fragment_init(&it, cut, n, 100, true),
		    OVERSIZE_OK);
		free(cut);
	}
}
END_TEST

/* What is reassembled, by RFC 815's idea: bytes that came, and the end. */
struct rejoined {
	uint8_t seen[L3_MAX];
	size_t end; /* 0: the last fragment has not come */
	size_t bytes;
};
static struct rejoined joined;

static void
rejoin(const uint8_t *l3, size_t len)
{
	size_t head = (l3[0] & 15) * 4u, from = (get16(l3 + 6) & 0x1fff) * 8;

	ck_assert(l3_sound(l3, len));
	if ((get16(l3 + 6) & 0x2000) == 0) {
		ck_assert_uint_eq(joined.end, 0);
		joined.end = from + len - head;
	} else {
		ck_assert_uint_eq((len - head) % 8, 0);
		ck_assert_uint_gt(len, head);
	}
	ck_assert_ptr_null(memchr(joined.seen + from, 1, len - head));
	memset(joined.seen + from, 1, len - head);
	memcpy(back + from, l3 + head, len - head);
	joined.bytes += len - head;
}

/* clang-format off */
/* security (copied), record route (not), no-op, strict route (copied), end */
static const uint8_t mixed_options[40] = {
	130, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 7, 4, 0, 0, 0, 0, 1,
	137, 7, 4, 10, 0, 0, 1, 0};
static const uint8_t copied_options[20] = {
	130, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 137, 7, 4, 10, 0, 0, 1, 0, 0};
static const uint8_t only_first[8] = {7, 7, 4};

static const struct {
	struct l3_spec spec;
	const uint8_t *later;
	size_t later_len;
} fragment_rows[] = {
	{{.version = 4, .protocol = 17, .payload = 1472}, NULL, 0},
	{{.version = 4, .protocol = 17, .payload = 1473, .partial = true},
	 NULL, 0},
	{{.version = 4, .protocol = 6, .payload = 1001, .partial = true},
	 NULL, 0},
	{{.version = 4, .protocol = 1, .icmp_type = 8, .payload = 64}, NULL, 0},
	{{.version = 4, .protocol = 17, .payload = 500,
	  .options = mixed_options, .options_len = 40}, copied_options, 20},
	{{.version = 4, .protocol = 17, .payload = 300, .partial = true,
	  .options = only_first, .options_len = 8}, NULL, 0},
};
/* clang-format on */

static void
fragment_and_rejoin(size_t row, size_t len, size_t max_len)
{
	size_t head = (packet[0] & 15) * 4u, n, pieces = 0;
	struct oversize it;

	memset(&joined, 0, sizeof(joined));
	ck_assert_int_eq(
	    oversize_fragment_init(&it, packet, len, max_len, true),
	    OVERSIZE_OK);
	while ((n = oversize_next(&it, out, max_len)) > 0) {
		ck_assert_uint_le(n, max_len);
		rejoin(out, n);
		ck_assert_mem_eq(out + 4, packet + 4, 2);
		ck_assert_mem_eq(out + 8, packet + 8, 2);
		ck_assert_mem_eq(out + 12, packet + 12, 8);
		if (pieces++ == 0)
			ck_assert_mem_eq(out + 20, packet + 20, head - 20);
		else
			ck_assert_uint_eq((out[0] & 15) * 4u,
			    20 + fragment_rows[row].later_len);
		if (pieces > 1 && fragment_rows[row].later_len > 0)
			ck_assert_mem_eq(out + 20, fragment_rows[row].later,
			    fragment_rows[row].later_len);
	}
	ck_assert_uint_eq(joined.end, len - head);
	ck_assert_uint_eq(joined.bytes, len - head);
}

START_TEST(fragments_of_every_size)
{
	struct l3_spec spec = fragment_rows[_i].spec;
	static uint8_t whole[L3_MAX];
	size_t len, head, max_len;
	struct oversize it;

	spec.partial = false;
	len = l3_build(whole, &spec);
	head = (whole[0] & 15) * 4u;
	l3_build(packet, &fragment_rows[_i].spec);
	for (max_len = 0; max_len < head + 8; max_len++)
		ck_assert_int_eq(
		    oversize_fragment_init(&it, packet, len, max_len, true),
		    OVERSIZE_UNFIT);
	for (; max_len <= len + 9; max_len++) {
		fragment_and_rejoin((size_t)_i, len, max_len);
		ck_assert_mem_eq(back, whole + head, len - head);
	}
}
END_TEST

/* Fragments of fragments, in fragments again. */
START_TEST(fragments_cut_again)
{
	static uint8_t first[3000], second[3000];
	struct l3_spec spec = {.version = 4,
	    .protocol = 17,
	    .payload = 2900,
	    .options = mixed_options,
	    .options_len = 40};
	size_t len = l3_build(packet, &spec), n, m, k;
	struct oversize a, b, c;

	memset(&joined, 0, sizeof(joined));
	ck_assert_int_eq(
	    oversize_fragment_init(&a, packet, len, 1500, false), OVERSIZE_OK);
	while ((n = oversize_next(&a, first, sizeof(first))) > 0) {
		ck_assert_int_eq(
		    oversize_fragment_init(&b, first, n, 576, false),
		    OVERSIZE_OK);
		while ((m = oversize_next(&b, second, sizeof(second))) > 0) {
			ck_assert_int_eq(
			    oversize_fragment_init(&c, second, m, 76, false),
			    OVERSIZE_OK);
			while ((k = oversize_next(&c, out, 76)) > 0)
				rejoin(out, k);
		}
	}
	ck_assert_uint_eq(joined.end, len - 60);
	ck_assert_uint_eq(joined.bytes, len - 60);
	ck_assert_mem_eq(back, packet + 60, len - 60);
}
END_TEST

/* Without leave, a partial checksum is not touched: no offload, no repair. */
START_TEST(checksum_left_alone)
{
	struct l3_spec spec = {
	    .version = 4, .protocol = 17, .payload = 99, .partial = true};
	size_t len = l3_build(packet, &spec);
	struct oversize it;

	ck_assert_int_eq(
	    oversize_fragment_init(&it, packet, len, 60, false), OVERSIZE_OK);
	ck_assert_uint_gt(oversize_next(&it, out, 60), 0);
	ck_assert_mem_eq(out + 26, packet + 26, 2);
}
END_TEST

/* clang-format off */
static const struct {
	uint16_t frag4;
	size_t payload, max_len;
	const uint8_t options[4];
	bool six;
	enum oversize_result want;
} unfit_rows[] = {
	{0x0000, 100, 100, {0}, false, OVERSIZE_OK},
	{0x0000, 100, 100, {0}, true, OVERSIZE_UNFIT},
	{0x4000, 100, 100, {0}, false, OVERSIZE_UNFIT},
	{0x0000, 100, 31, {0}, false, OVERSIZE_UNFIT},
	{0x0000, 100, 32, {0}, false, OVERSIZE_OK},
	{0x2000, 104, 100, {0}, false, OVERSIZE_OK},
	{0x2000, 105, 100, {0}, false, OVERSIZE_MALFORMED},
	/* beyond the 65,535 bytes of a datagram, and just within them */
	{0x1ffd, 1, 100, {0}, false, OVERSIZE_MALFORMED},
	{0x1ff8, 31, 40, {0}, false, OVERSIZE_OK},
	{0x1ff8, 32, 40, {0}, false, OVERSIZE_MALFORMED},
	{0x0000, 100, 100, {7}, false, OVERSIZE_MALFORMED},    /* length 0 */
	{0x0000, 100, 100, {7, 1}, false, OVERSIZE_MALFORMED},
	{0x0000, 100, 100, {7, 5}, false, OVERSIZE_MALFORMED},
	{0x0000, 100, 100, {130, 4, 1, 1}, false, OVERSIZE_OK},
	{0x0000, 100, 100, {1, 1, 1, 7}, false, OVERSIZE_MALFORMED},
	{0x0000, 100, 100, {1, 1, 1, 0}, false, OVERSIZE_OK},
	{0x0000, 100, 100, {0, 7, 9, 9}, false, OVERSIZE_OK},
};
/* clang-format on */

START_TEST(not_fragmented)
{
	struct l3_spec spec = {.version = unfit_rows[_i].six ? 6 : 4,
	    .protocol = 17,
	    .payload = unfit_rows[_i].payload,
	    .frag4 = unfit_rows[_i].frag4,
	    .options = unfit_rows[_i].options,
	    .options_len = 4};
	size_t len, n;
	struct oversize it;

	len = l3_build(packet, &spec);
	if (unfit_rows[_i].want == OVERSIZE_OK) {
		packet[8] ^= 1;
		ck_assert_int_eq(oversize_fragment_init(&it, packet, len,
				     unfit_rows[_i].max_len, true),
		    OVERSIZE_CHECKSUM);
		packet[8] ^= 1;
	}
	ck_assert_int_eq(oversize_fragment_init(
			     &it, packet, len, unfit_rows[_i].max_len, true),
	    unfit_rows[_i].want);
	if (unfit_rows[_i].want == OVERSIZE_OK)
		while ((n = oversize_next(&it, out, sizeof(out))) > 0)
			ck_assert(l3_sound(out, n));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("oversize");
	TCase *tc = tcase_create("segments");

	tcase_add_loop_test(tc, segments_of_every_size, 0, ROWS(segment_rows));
	tcase_add_loop_test(tc, the_longest_packet, 0, 2);
	tcase_add_loop_test(tc, segment_that_fits, 0, 2);
	tcase_add_loop_test(tc, not_segmented, 0, ROWS(refused_rows));
	tcase_add_loop_test(tc, cut_at_every_byte, 0, ROWS(segment_rows));
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	tc = tcase_create("fragments");
	tcase_add_loop_test(
	    tc, fragments_of_every_size, 0, ROWS(fragment_rows));
	tcase_add_test(tc, fragments_cut_again);
	tcase_add_test(tc, checksum_left_alone);
	tcase_add_loop_test(tc, not_fragmented, 0, ROWS(unfit_rows));
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
