/* SPDX-License-Identifier: Apache-2.0 */
/* The file driver's own: what time it is for the packets of a capture. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "balancer/io/file.h"
#include "common/conf.h"
#include "common/view.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

static const char text[] = "cluster: {seed: 000102030405060708090a0b0c0d0e0f}\n"
			   "balancer: {encap_source: [192.0.2.1]}\n"
			   "services:\n"
			   "  - name: dns\n"
			   "    vips: [203.0.113.10]\n"
			   "    protocol: udp\n"
			   "    ports: [53]\n"
			   "    backends: [{address: 192.0.2.11}]\n";

static int
reflect(void *ctx, struct fib *fib, struct errmsg *why)
{
	fib_reflect(fib, FILE_MTU_UNLIMITED);
	return 0;
}

static void
put32(FILE *f, uint32_t v)
{
	uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 24)};

	ck_assert_uint_eq(fwrite(le, sizeof(le), 1, f), 1);
}

/* The later fragment of a datagram at 0 us, its first after `gap_us`. */
static void
write_fragments(const char *path, uint32_t gap_us)
{
	static uint8_t frame[PACKET_MAX];
	struct packet_spec spec = {.source = "198.51.100.1",
	    .destination = "203.0.113.10",
	    .protocol = IPPROTO_UDP,
	    .source_port = 5353,
	    .destination_port = 53,
	    .body_len = 64,
	    .fragment = 72};
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	put32(f, 0xa1b2c3d4);
	put32(f, 0x00040002);
	put32(f, 0);
	put32(f, 0);
	put32(f, 65535);
	put32(f, 1);
	for (uint32_t i = 0; i < 2; i++) {
		size_t len = packet_build(&spec, frame);

		put32(f, 1000 + i * gap_us / 1000000);
		put32(f, i * gap_us % 1000000);
		put32(f, (uint32_t)len);
		put32(f, (uint32_t)len);
		ck_assert_uint_eq(fwrite(frame, len, 1, f), 1);
		spec.fragment = 0;
		spec.more_fragments = true;
	}
	ck_assert_int_eq(fclose(f), 0);
}

/* A fragment that comes early waits for the first of its datagram, but not for
 * ever: in a capture, by the capture's time, though both are in one batch. */
static const struct {
	uint32_t gap_us;
	uint64_t forwarded, lost;
} rows[] = {
    {1, 2, 0},
    {900000, 2, 0},
    {10000000, 1, 1},
};

START_TEST(early_fragment_waits_by_the_captures_time)
{
	static const uint8_t key[16] = {1};
	char in[] = "/tmp/check_file_in_XXXXXX";
	struct file_job job = {in, "/dev/null", FILE_MTU_UNLIMITED};
	struct errmsg why = {""};
	struct serving serving;
	struct conf *conf = conf_parse("text", text, sizeof(text) - 1, &why);
	int fd = mkstemp(in);

	ck_assert_msg(conf != NULL, "%s", why.text);
	ck_assert_int_ne(fd, -1);
	close(fd);
	write_fragments(in, rows[_i].gap_us);
	ck_assert_int_eq(serving_init(&serving, key, &why), 0);
	ck_assert_int_eq(
	    serving_install(&serving, view_forwarding(conf, NULL, 0, 1), 0,
		reflect, NULL, &why),
	    0);
	ck_assert_msg(file_run(&serving, &job, &why) == 0, "%s", why.text);
	ck_assert_uint_eq(
	    serving.counters->services[0].packets, rows[_i].forwarded);
	ck_assert_uint_eq(
	    serving.counters->reasons[REASON_DROP_FRAGMENT], rows[_i].lost);
	serving_clear(&serving);
	conf_free(conf);
	unlink(in);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("file");
	TCase *tc = tcase_create("file");

	tcase_add_loop_test(
	    tc, early_fragment_waits_by_the_captures_time, 0, ROWS(rows));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
