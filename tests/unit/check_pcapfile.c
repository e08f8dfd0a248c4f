/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer/io/pcapfile.h"
#include "tests/unit/unit.h"

#define BATCH 32

/* Files are made here by hand, so that reader and writer do not only agree with
 * each other. */
static uint8_t *image;
static size_t image_len;
static struct errmsg why;
static struct pcapfile_record records[BATCH];

static void
setup(void)
{
	image = malloc(8u << 20);
	ck_assert_ptr_nonnull(image);
	image_len = 0;
	why.text[0] = '\0';
}

static void
teardown(void)
{
	free(image);
}

static void
put(const void *data, size_t len)
{
	memcpy(image + image_len, data, len);
	image_len += len;
}

static void
put32(uint32_t v, bool big)
{
	uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 24)};
	uint8_t be[4] = {le[3], le[2], le[1], le[0]};

	put(big ? be : le, 4);
}

static void
put_file_header(uint32_t magic, bool big, uint32_t link)
{
	static const uint8_t version_le[4] = {2, 0, 4, 0};
	static const uint8_t version_be[4] = {0, 2, 0, 4};

	put32(magic, big);
	put(big ? version_be : version_le, 4);
	put32(0, big);
	put32(0, big);
	put32(65535, big);
	put32(link, big);
}

/* A packet of len bytes, each the low byte of `seed` plus its position. */
static void
put_packet(uint32_t seed, uint32_t len, uint32_t wire_len, bool big)
{
	put32(1000 + seed, big);
	put32(seed, big);
	put32(len, big);
	put32(wire_len, big);
	for (uint32_t i = 0; i < len; i++)
		image[image_len++] = (uint8_t)(seed + i);
}

static void
check_packet(const struct pcapfile_record *r, uint32_t seed, uint32_t len)
{
	ck_assert_uint_eq(r->time.seconds, 1000 + seed);
	ck_assert_uint_eq(r->time.fraction, seed);
	ck_assert_uint_eq(r->len, len);
	for (uint32_t i = 0; i < len; i++) /* an assertion each is slow */
		if (r->data[i] != (uint8_t)(seed + i))
			ck_abort_msg("packet %u differs at %u", seed, i);
}

/* The image as a pipe that gives at most `chunk` bytes a read. */
static int
as_pipe(size_t chunk, pid_t *child)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	*child = fork();
	ck_assert_int_ne(*child, -1);
	if (*child == 0) {
		close(fds[0]);
		for (size_t at = 0; at < image_len; at += chunk) {
			size_t n = image_len - at;
			if (write(fds[1], image + at, n < chunk ? n : chunk) ==
			    -1)
				break;
		}
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static int
as_file(void)
{
	char name[] = "/tmp/gw-pcapfile-XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ne(fd, -1);
	unlink(name);
	ck_assert_int_eq(write(fd, image, image_len), (ssize_t)image_len);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static const struct {
	uint32_t magic;
	bool big, nanoseconds;
} formats[] = {
    {0xa1b2c3d4, false, false},
    {0xa1b2c3d4, true, false},
    {0xa1b23c4d, false, true},
    {0xa1b23c4d, true, true},
};

START_TEST(every_format)
{
	struct pcapfile_reader *r;
	bool big = formats[_i].big;

	put_file_header(formats[_i].magic, big, 1);
	put_packet(1, 60, 60, big);
	put_packet(2, 0, 0, big);
	put_packet(3, 100, 1500, big);
	put_packet(4, 70, 7, big); /* seen in the wild */
	r = pcapfile_reader_new(as_file(), "t", &why);
	ck_assert_msg(r != NULL, "%s", why.text);
	ck_assert_int_eq(pcapfile_nanoseconds(r), formats[_i].nanoseconds);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), 4);
	check_packet(&records[0], 1, 60);
	check_packet(&records[1], 2, 0);
	check_packet(&records[2], 3, 100);
	check_packet(&records[3], 4, 70);
	ck_assert_uint_eq(records[2].wire_len, 1500);
	ck_assert_uint_eq(records[3].wire_len, 70);
	ck_assert_int_eq(pcapfile_time_us(r, &records[2].time),
	    formats[_i].nanoseconds ? 1003000000 : 1003000003);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), 0);
	pcapfile_reader_free(r);
}
END_TEST

/* Cut anywhere: what is whole comes out, then the error, again and again. */
START_TEST(cut_at_every_byte)
{
	struct pcapfile_reader *r;
	size_t whole, header = 24, first = 16 + 20, second = 16 + 5;

	put_file_header(0xa1b2c3d4, false, 1);
	put_packet(1, 20, 20, false);
	put_packet(2, 5, 5, false);
	ck_assert_uint_eq(image_len, header + first + second);
	image_len = (size_t)_i;
	r = pcapfile_reader_new(as_file(), "t", &why);
	if (image_len < header) {
		ck_assert_ptr_null(r);
		ck_assert_str_ne(why.text, "");
		return;
	}
	ck_assert_ptr_nonnull(r);
	whole = image_len >= header + first + second ? 2
	    : image_len >= header + first            ? 1
						     : 0;
	if (whole > 0)
		ck_assert_int_eq(
		    pcapfile_read(r, records, BATCH, &why), (int)whole);
	for (int again = 0; again < 2; again++) {
		bool clean = image_len == header ||
		    image_len == header + first ||
		    image_len == header + first + second;
		ck_assert_int_eq(
		    pcapfile_read(r, records, BATCH, &why), clean ? 0 : -1);
		if (!clean)
			ck_assert_str_eq(
			    why.text, "t: cut short inside a packet");
	}
	pcapfile_reader_free(r);
}
END_TEST

static const struct {
	uint32_t magic, link;
	const char *why;
} refused[] = {
    {0xa1b2c3d4, 113, "link type 113; only Ethernet"},
    {0xa1b2c3d4, 0, "link type 0; only Ethernet"},
    {0x12345678, 1, "not a capture file"},
    {0x0a0d0d0a, 1, "not a capture file"},
};

START_TEST(not_for_us)
{
	put_file_header(refused[_i].magic, false, refused[_i].link);
	ck_assert_ptr_null(pcapfile_reader_new(as_file(), "t", &why));
	ck_assert_msg(
	    strstr(why.text, refused[_i].why) != NULL, "%s", why.text);
	ck_assert_ptr_null(strchr(why.text, '\n'));
}
END_TEST

/* The upper bits of the link type tell of an FCS. */
START_TEST(link_type_with_fcs)
{
	struct pcapfile_reader *r;

	put_file_header(0xa1b2c3d4, false, 0x24000001);
	r = pcapfile_reader_new(as_file(), "t", &why);
	ck_assert_ptr_nonnull(r);
	pcapfile_reader_free(r);
}
END_TEST

START_TEST(record_too_long)
{
	struct pcapfile_reader *r;

	put_file_header(0xa1b2c3d4, false, 1);
	put_packet(1, PCAPFILE_RECORD_MAX, PCAPFILE_RECORD_MAX, false);
	put_packet(2, PCAPFILE_RECORD_MAX + 1, PCAPFILE_RECORD_MAX + 1, false);
	r = pcapfile_reader_new(as_file(), "t", &why);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), 1);
	check_packet(&records[0], 1, PCAPFILE_RECORD_MAX);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "damaged"));
	pcapfile_reader_free(r);
}
END_TEST

/* Many records, longer than the buffer many times over: all come out once, in
 * order, and in the same batches whether it is a file or a slow pipe. */
static uint32_t
long_len(uint32_t i)
{
	return i % 97 == 0 ? 70000 + i : i % 1500;
}

static size_t
read_all(int fd, uint8_t *batches, size_t max)
{
	struct pcapfile_reader *r = pcapfile_reader_new(fd, "t", &why);
	uint32_t seed = 0;
	size_t n = 0;
	int got;

	ck_assert_msg(r != NULL, "%s", why.text);
	while ((got = pcapfile_read(r, records, BATCH, &why)) > 0) {
		for (int i = 0; i < got; i++, seed++)
			check_packet(&records[i], seed, long_len(seed));
		ck_assert_uint_lt(n, max);
		batches[n++] = (uint8_t)got;
	}
	ck_assert_int_eq(got, 0);
	ck_assert_uint_eq(seed, 2000);
	pcapfile_reader_free(r);
	return n;
}

START_TEST(batches_depend_on_content_only)
{
	static const size_t chunks[] = {977, 4096, 65536};
	uint8_t file[2000], piped[2000];
	pid_t child;
	size_t n;

	put_file_header(0xa1b2c3d4, false, 1);
	for (uint32_t i = 0; i < 2000; i++)
		put_packet(i, long_len(i), long_len(i), false);
	n = read_all(as_file(), file, sizeof(file));
	ck_assert_uint_ge(n, 2000 / BATCH);
	ck_assert_uint_eq(
	    read_all(as_pipe(chunks[_i], &child), piped, sizeof(piped)), n);
	ck_assert_mem_eq(file, piped, n);
	waitpid(child, NULL, 0);
}
END_TEST

/* pcapng as the specification (draft-ietf-opsawg-pcapng) lays it out: section
 * header, interface (link type), enhanced packets in microseconds. */
static void
put_pcapng(uint32_t link, uint32_t packets)
{
	put32(0x0a0d0d0a, false);
	put32(28, false);
	put32(0x1a2b3c4d, false);
	put32(1, false); /* version 1.0 */
	put32(0xffffffff, false);
	put32(0xffffffff, false);
	put32(28, false);
	put32(1, false);
	put32(20, false);
	put32(link, false);
	put32(0, false); /* no snap length */
	put32(20, false);
	for (uint32_t i = 0; i < packets; i++) {
		uint64_t us = (uint64_t)(1000 + i) * 1000000 + 7;
		put32(6, false);
		put32(32 + 64, false);
		put32(0, false);
		put32((uint32_t)(us >> 32), false);
		put32((uint32_t)us, false);
		put32(64, false);
		put32(64 + i, false);
		for (uint32_t b = 0; b < 64; b++)
			image[image_len++] = (uint8_t)(i + b);
		put32(32 + 64, false);
	}
}

START_TEST(pcapng)
{
	struct pcapfile_reader *r;
	uint32_t seed = 0;
	int got;

	put_pcapng(1, 20000);
	r = pcapfile_reader_new(as_file(), "t", &why);
	ck_assert_msg(r != NULL, "%s", why.text);
	ck_assert(pcapfile_nanoseconds(r));
	while ((got = pcapfile_read(r, records, BATCH, &why)) > 0) {
		ck_assert_int_eq(
		    got, 20000 - seed < BATCH ? 20000 - seed : BATCH);
		for (int i = 0; i < got; i++, seed++) {
			ck_assert_uint_eq(records[i].time.seconds, 1000 + seed);
			ck_assert_uint_eq(records[i].time.fraction, 7000);
			ck_assert_uint_eq(records[i].len, 64);
			ck_assert_uint_eq(records[i].wire_len, 64 + seed);
			ck_assert_uint_eq(
			    records[i].data[63], (uint8_t)(seed + 63));
		}
	}
	ck_assert_int_eq(got, 0);
	ck_assert_uint_eq(seed, 20000);
	pcapfile_reader_free(r);
}
END_TEST

START_TEST(pcapng_other_link)
{
	put_pcapng(101, 1);
	ck_assert_ptr_null(pcapfile_reader_new(as_file(), "t", &why));
	ck_assert_ptr_nonnull(strstr(why.text, "only Ethernet"));
}
END_TEST

START_TEST(pcapng_cut)
{
	struct pcapfile_reader *r;

	put_pcapng(1, 2);
	image_len -= 3;
	r = pcapfile_reader_new(as_file(), "t", &why);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), 1);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), -1);
	ck_assert_int_eq(pcapfile_read(r, records, BATCH, &why), -1);
	pcapfile_reader_free(r);
}
END_TEST

/* What is written is the image made by hand, byte for byte. */
START_TEST(writes)
{
	struct pcapfile_writer *w;
	uint8_t *got;
	int fd;

	put_file_header(_i == 0 ? 0xa1b2c3d4 : 0xa1b23c4d, false, 1);
	memcpy(image + 16, "\0\0\4\0", 4); /* our snap length */
	fd = as_file();
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	w = pcapfile_writer_new(dup(fd), "t", _i == 1);
	ck_assert_ptr_nonnull(w);
	for (uint32_t i = 0; i < 2000; i++) {
		struct pcapfile_time time = {1000 + i, i};
		uint8_t *room = pcapfile_reserve(w, long_len(i) + 9);
		for (uint32_t b = 0; b < long_len(i); b++)
			room[b] = (uint8_t)(i + b);
		pcapfile_commit(w, long_len(i), &time);
		put_packet(i, long_len(i), long_len(i), false);
	}
	ck_assert(!pcapfile_failed(w));
	ck_assert_int_eq(pcapfile_writer_close(w, &why), 0);
	got = malloc(image_len + 1);
	ck_assert_int_eq(pread(fd, got, image_len + 1, 0), (ssize_t)image_len);
	ck_assert_mem_eq(got, image, image_len);
	free(got);
	close(fd);
}
END_TEST

START_TEST(write_fails)
{
	struct pcapfile_writer *w = pcapfile_writer_new(
	    open("/dev/full", O_WRONLY), "t", false);
	struct pcapfile_time time = {0, 0};

	for (uint32_t i = 0; i < 1000; i++) {
		memset(pcapfile_reserve(w, 1000), 0, 1000);
		pcapfile_commit(w, 1000, &time);
	}
	ck_assert(pcapfile_failed(w));
	ck_assert_int_eq(pcapfile_writer_close(w, &why), -1);
	ck_assert_str_eq(why.text, "t: No space left on device");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("pcapfile");
	TCase *tc = tcase_create("pcapfile");

	signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_format, 0, ROWS(formats));
	tcase_add_loop_test(tc, cut_at_every_byte, 0, 24 + 36 + 21 + 1);
	tcase_add_loop_test(tc, not_for_us, 0, ROWS(refused));
	tcase_add_test(tc, link_type_with_fcs);
	tcase_add_test(tc, record_too_long);
	tcase_add_loop_test(tc, batches_depend_on_content_only, 0, 3);
	tcase_add_test(tc, pcapng);
	tcase_add_test(tc, pcapng_other_link);
	tcase_add_test(tc, pcapng_cut);
	tcase_add_loop_test(tc, writes, 0, 2);
	tcase_add_test(tc, write_fails);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
