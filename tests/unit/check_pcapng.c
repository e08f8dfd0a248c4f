/* SPDX-License-Identifier: Apache-2.0 */
/* The pcapng writer against a reader of its own, written from the draft. What
 * tshark makes of it is tested in tests/net/capture.sh. */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/pcapng.h"
#include "tests/unit/unit.h"

enum {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	STATISTICS = 5,
	PACKET = 6
};

static FILE *file;
static char *bytes;
static size_t len, at;
static struct pcapng *pcapng;
static const uint8_t *body;
static uint32_t body_len;
static uint8_t data[CAPTURE_SNAP_MAX];

static uint32_t
number(const void *from, size_t n)
{
	const uint8_t *p = from;
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static uint64_t
number64(const void *from)
{
	return number(from, 4) |
	    (uint64_t)number((const uint8_t *)from + 4, 4) << 32;
}

/* Its type; body is what is between the lengths. */
static uint32_t
next_block(void)
{
	const uint8_t *p = (const uint8_t *)bytes + at;
	uint32_t total;

	ck_assert_uint_ge(len - at, 12);
	total = number(p + 4, 4);
	ck_assert_uint_eq(total % 4, 0);
	ck_assert_uint_le(total, len - at);
	ck_assert_uint_eq(number(p + total - 4, 4), total);
	at += total;
	body = p + 8;
	body_len = total - 12;
	return number(p, 4);
}

/* The value of an option of those that begin at `offset`; NULL: not there.
 * They must end properly. */
static const uint8_t *
option(uint32_t offset, uint32_t code, uint32_t *option_len)
{
	const uint8_t *found = NULL;
	uint32_t n;

	for (;;) {
		ck_assert_uint_le(offset + 4, body_len);
		n = number(body + offset + 2, 2);
		if (number(body + offset, 2) == 0)
			break;
		if (number(body + offset, 2) == code) {
			found = body + offset + 4;
			*option_len = n;
		}
		offset += 4 + (n + 3) / 4 * 4;
	}
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(offset + 4, body_len);
	return found;
}

static bool
option_is(uint32_t offset, uint32_t code, const void *value, size_t value_len)
{
	uint32_t n;
	const uint8_t *found = option(offset, code, &n);

	return found != NULL && n == value_len &&
	    memcmp(found, value, value_len) == 0;
}

static uint64_t
option64(uint32_t offset, uint32_t code)
{
	uint32_t n;
	const uint8_t *found = option(offset, code, &n);

	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(n, 8);
	return number64(found);
}

static void
setup(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	file = open_memstream(&bytes, &len);
	pcapng = pcapng_new(file, 128);
	ck_assert_ptr_nonnull(pcapng);
	at = 0;
}

static void
teardown(void)
{
	pcapng_free(pcapng);
	fclose(file);
	free(bytes);
}

static struct captured_frame frames[3];
static struct captured_packet packet;

static void
put(uint64_t id, size_t frame_len, size_t n, uint64_t lost)
{
	frames[0] = (struct captured_frame){false, "in0", 200, data, frame_len};
	frames[1] = (struct captured_frame){
	    true, "out0", 224, data + 3, frame_len};
	frames[2] = (struct captured_frame){true, "in0", 50, data + 5, 50};
	packet = (struct captured_packet){.number = id,
	    .time_ns = 0x1122334455667788,
	    .reason = "forward",
	    .service = "web",
	    .frames = frames,
	    .n_frames = n};
	addr_parse(&packet.backend, "192.0.2.11");
	ck_assert_int_eq(pcapng_put(pcapng, &packet, lost), 0);
}

static void
check_interface(const char *name)
{
	ck_assert_uint_eq(next_block(), INTERFACE);
	ck_assert_uint_eq(number(body, 2), 1); /* Ethernet */
	ck_assert_uint_eq(number(body + 4, 4), 128);
	ck_assert(option_is(8, 2, name, strlen(name)));
	ck_assert(option_is(8, 9, "\11", 1));
}

/* Where its options begin. */
static uint32_t
check_packet(uint32_t interface, uint32_t flags, const void *bytes_of,
    size_t captured, uint32_t wire_len, uint64_t id)
{
	static const char comment[] =
	    "forward: by the table; service web; backend 192.0.2.11";
	const uint8_t flag_bytes[4] = {(uint8_t)flags};
	uint32_t options = 20 + (uint32_t)(captured + 3) / 4 * 4;

	ck_assert_uint_eq(next_block(), PACKET);
	ck_assert_uint_eq(number(body, 4), interface);
	ck_assert_uint_eq(number(body + 4, 4), 0x11223344);
	ck_assert_uint_eq(number(body + 8, 4), 0x55667788);
	ck_assert_uint_eq(number(body + 12, 4), captured);
	ck_assert_uint_eq(number(body + 16, 4), wire_len);
	ck_assert_mem_eq(body + 20, bytes_of, captured);
	ck_assert(option_is(options, 1, comment, sizeof(comment) - 1));
	ck_assert(option_is(options, 2, flag_bytes, 4));
	ck_assert_uint_eq(option64(options, 5), id);
	return options;
}

START_TEST(blocks)
{
	uint32_t options, n;

	put(1, 127, 3, 0);
	put(9, 128, 2, 7);
	pcapng_end(pcapng, 10, 5);
	fflush(file);
	ck_assert_uint_eq(next_block(), SECTION);
	ck_assert_uint_eq(number(body, 4), 0x1a2b3c4d);
	ck_assert_uint_eq(number(body + 4, 4), 1);
	ck_assert_uint_eq(number64(body + 8), UINT64_MAX);
	ck_assert_ptr_nonnull(option(16, 4, &n));
	check_interface("in0");
	check_interface("out0");
	options = check_packet(0, 1, data, 127, 200, 1);
	ck_assert_ptr_null(option(options, 4, &n));
	check_packet(1, 2, data + 3, 127, 224, 1);
	check_packet(0, 2, data + 5, 50, 50, 1);
	options = check_packet(0, 1, data, 128, 200, 9);
	ck_assert_uint_eq(option64(options, 4), 7);
	options = check_packet(1, 2, data + 3, 128, 224, 9);
	ck_assert_ptr_null(option(options, 4, &n));
	ck_assert_uint_eq(next_block(), STATISTICS);
	ck_assert_uint_eq(number(body, 4), 0);
	ck_assert_uint_eq(number(body + 8, 4), 5);
	ck_assert_uint_eq(option64(12, 5), 10);
	ck_assert_uint_eq(option64(12, 8), 3);
	ck_assert_uint_eq(next_block(), STATISTICS);
	ck_assert_uint_eq(number(body, 4), 1);
	ck_assert_uint_eq(option64(12, 5), 0);
	ck_assert_uint_eq(option64(12, 8), 2);
	ck_assert_uint_eq(at, len);
}
END_TEST

/* The longest frame, and all lengths that fill up differently. */
START_TEST(lengths)
{
	static const size_t row[] = {14, 15, 16, 17, CAPTURE_SNAP_MAX - 3};

	put(1, row[_i], 1, 0);
	fflush(file);
	next_block();
	check_interface("in0");
	check_packet(0, 1, data, row[_i], 200, 1);
	ck_assert_uint_eq(at, len);
}
END_TEST

START_TEST(nothing)
{
	pcapng_end(pcapng, 5, 0);
	fflush(file);
	ck_assert_uint_eq(next_block(), SECTION);
	ck_assert_uint_eq(at, len);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("pcapng");
	TCase *tc = tcase_create("pcapng");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, blocks);
	tcase_add_loop_test(tc, lengths, 0, 5);
	tcase_add_test(tc, nothing);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
