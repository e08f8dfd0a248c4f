/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored, through the packet path in the kernel: the captures of
 * tests/vectors, whose golden outputs the file driver made, and what the
 * fuzzer has found. The latter to backends behind two interfaces as well, in a
 * network namespace of the test's own.
 *
 * The folders are under $srcdir, as `make check` sets it, or this one. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "balancer/core/fib.h"
#include "balancer/io/pcapfile.h"
#include "balancer/io/xdp_plane.h"
#include "balancer/serving.h"
#include "common/conf.h"
#include "common/view.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"
#include "tests/unit/xdp_pair.h"

static void
path_of(char path[512], const char *folder, const char *name)
{
	const char *top = getenv("srcdir");

	snprintf(path, 512, "%s/%s/%s", top != NULL ? top : ".", folder, name);
}

/* Vectors -------------------------------------------------------------- */

/* Within this time the file driver makes one batch of records. */
#define MOMENT_US 1000

static const struct {
	const char *name;
	uint32_t mtu;
} vectors[] = {
    {"flows", 65535},
    {"other", 65535},
    {"fragments", 65535},
    {"icmp", 65535},
    {"oversize", 1500},
};

struct vector {
	struct serving serving;
	struct xdp_plane *plane;
	uint32_t mtu;
	struct pcapfile_reader *in, *golden;
	int64_t moment_us;
	uint64_t by_xdp, by_user;
};

static struct pcapfile_reader *
open_vector(const char *name, const char *suffix)
{
	struct pcapfile_reader *reader;
	char file[64], path[512];
	struct errmsg why = {""};
	int fd;

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	path_of(path, "tests/vectors", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(fd != -1, "%s", path);
	reader = pcapfile_reader_new(fd, path, &why);
	ck_assert_msg(reader != NULL, "%s", why.text);
	return reader;
}

static int
reflect(void *ctx, struct fib *fib, struct errmsg *why)
{
	struct vector *v = ctx;

	fib_reflect(fib, v->mtu);
	return xdp_plane_install(v->plane, fib, why);
}

static void
vector_init(struct vector *v, int row)
{
	struct errmsg why = {""};
	struct conf *conf;
	char path[512];

	memset(v, 0, sizeof(*v));
	v->mtu = vectors[row].mtu;
	v->moment_us = INT64_MIN / 2;
	v->in = open_vector(vectors[row].name, ".pcap");
	v->golden = open_vector(vectors[row].name, ".out.pcap");
	path_of(path, "tests/vectors", "guideway.yaml");
	conf = conf_load(path, &why);
	ck_assert_msg(conf != NULL, "%s", why.text);
	v->plane = xdp_plane_new(NULL, &why);
	ck_assert_msg(v->plane != NULL, "%s", why.text);
	ck_assert_int_eq(serving_init(&v->serving, conf->seed, &why), 0);
	ck_assert_msg(
	    serving_install(&v->serving, view_forwarding(conf, NULL, 0, 1), 0,
		reflect, v, &why) == 0 &&
		xdp_plane_renew(v->plane, 60, &why) == 0,
	    "%s", why.text);
	conf_free(conf);
}

static void
vector_clear(struct vector *v)
{
	pcapfile_reader_free(v->in);
	pcapfile_reader_free(v->golden);
	xdp_plane_free(v->plane);
	serving_clear(&v->serving);
}

/* The next golden record is this, but for padding behind it. */
static void
is_golden(struct vector *v, const uint8_t *data, size_t len)
{
	struct pcapfile_record record;
	struct errmsg why = {""};

	ck_assert_msg(pcapfile_read(v->golden, &record, 1, &why) == 1,
	    "more comes out than is in the golden capture");
	ck_assert_uint_ge(len, record.len);
	ck_assert_mem_eq(data, record.data, record.len);
}

static void
forward_in_user_space(struct vector *v, const struct pcapfile_record *r)
{
	struct frame frame = {r->data, r->len, r->wire_len, 0, v->mtu};
	struct fixture_sink sink;
	enum reason reason;

	v->by_user++;
	fixture_sink_init(&sink);
	forward_batch(&v->serving.forwarder, &frame, 1, v->moment_us,
	    &sink.sink, &reason);
	for (size_t i = 0; i < sink.n; i++)
		is_golden(v, sink.sent[i].data, sink.sent[i].len);
	fixture_sink_clear(&sink);
}

/* A frame that was cut short by the capture never was on a wire; one longer
 * than a page is none that the program can be tried on. */
static void
forward_record(struct vector *v, const struct pcapfile_record *r)
{
	static uint8_t out[XDP_PAIR_OUT_MAX];
	int64_t now = pcapfile_time_us(v->in, &r->time);
	uint32_t action = XDP_PASS;
	size_t len;

	if (now - v->moment_us > MOMENT_US || now < v->moment_us)
		v->moment_us = now;
	if (r->len == r->wire_len && r->len <= XDP_PAIR_FRAME_MAX &&
	    r->len >= 14)
		action = xdp_pair_run(v->plane, r->data, r->len, out, &len);
	if (action == XDP_PASS) {
		forward_in_user_space(v, r);
		return;
	}
	v->by_xdp++;
	if (action != XDP_DROP) {
		ck_assert_uint_eq(action, XDP_TX);
		is_golden(v, out, len);
	}
}

START_TEST(vector)
{
	struct pcapfile_record record;
	struct errmsg why = {""};
	struct vector v;
	int n;

	vector_init(&v, _i);
	while ((n = pcapfile_read(v.in, &record, 1, &why)) == 1)
		forward_record(&v, &record);
	ck_assert_msg(n == 0, "%s", why.text);
	ck_assert_msg(pcapfile_read(v.golden, &record, 1, &why) == 0,
	    "less comes out than is in the golden capture");
	printf("%s: %llu by XDP, %llu by user space\n", vectors[_i].name,
	    (unsigned long long)v.by_xdp, (unsigned long long)v.by_user);
	ck_assert_uint_gt(v.by_xdp + v.by_user, 0);
	if (strcmp(vectors[_i].name, "flows") == 0)
		ck_assert_uint_eq(v.by_user, 0);
	vector_clear(&v);
}
END_TEST

/* What the fuzzer has found --------------------------------------------- */

/* As in fuzz_packet.c, whose inputs these are. What else is in the first byte
 * is for user space alone. */
#define OPTION_REFLECT    1u
#define OPTION_SMALL_PATH 2u
#define OPTION_MERGED     16u

static size_t
read_input(const char *path, uint8_t *data, size_t room)
{
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_msg(f != NULL, "%s", path);
	n = fread(data, 1, room, f);
	ck_assert(feof(f));
	fclose(f);
	return n;
}

/* The other interface: it goes with the descriptor, and the namespace. */
static uint32_t
make_tap(void)
{
	struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI)};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd != -1 && ioctl(fd, TUNSETIFF, &ifr) == 0,
	    "a tap device cannot be made");
	return if_nametoindex(ifr.ifr_name);
}

/* Every second backend is behind `other`, the rest behind interface 1, which
 * all frames come in through. */
static struct fib *
two_sided_fib(uint32_t other, uint32_t mtu)
{
	struct fib_next_hop hop = {
	    .resolved = true, .mtu = mtu, .own_mac = {2, 0, 0, 0, 1, 0xff}};
	struct errmsg why = {""};
	struct fib *fib = fib_new(fixture_state(), NULL, 0, &why);

	ck_assert_msg(fib != NULL, "%s", why.text);
	for (size_t i = 0; i < FIXTURE_BACKENDS; i++) {
		hop.mac[5] = (uint8_t)i;
		hop.ifindex = i % 2 == 0 ? other : 1;
		fib_set_next_hop(fib, i, &hop);
	}
	return fib;
}

static void
run_input(struct xdp_pair *pair, const uint8_t *data, size_t len)
{
	uint32_t mtu = data[0] & OPTION_MERGED ? 256 : 0;

	xdp_plane_set_mtu(pair->plane, mtu != 0 ? mtu : UINT32_MAX);
	for (data++, len--; len >= 2;) {
		size_t want = (size_t)(data[0] << 8 | data[1]);

		data += 2;
		len -= 2;
		want = want < len ? want : len;
		xdp_pair_same(pair, data, want, mtu);
		data += want;
		len -= want;
	}
}

static void
run_corpus(struct xdp_pair *pair)
{
	static uint8_t data[1u << 20];
	char folder[512], path[1024];
	struct dirent *e;
	unsigned n = 0;
	size_t len;
	DIR *d;

	path_of(folder, "tests/fuzz/corpus", "packet");
	d = opendir(folder);
	ck_assert_msg(d != NULL, "%s", folder);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if ((len = read_input(path, data, sizeof(data))) > 0)
			run_input(pair, data, len);
		n++;
	}
	closedir(d);
	ck_assert_uint_gt(n, 0);
	xdp_pair_same_counters(pair);
}

/* All inputs in every way, whichever they were found in. */
START_TEST(fuzz_inputs)
{
	bool reflects = (_i & OPTION_REFLECT) != 0;
	uint32_t mtu = _i & OPTION_SMALL_PATH ? 576 : 1500;
	struct xdp_pair pair;
	struct fib *fib;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	fib = two_sided_fib(make_tap(), mtu);
	if (reflects)
		fib_reflect(fib, mtu);
	xdp_pair_init(&pair, fib);
	run_corpus(&pair);
	printf("%llu passed, %llu dropped, %llu sent back, %llu redirected\n",
	    (unsigned long long)pair.passed, (unsigned long long)pair.dropped,
	    (unsigned long long)pair.sent, (unsigned long long)pair.redirected);
	ck_assert_uint_gt(pair.passed, 0);
	if (reflects)
		ck_assert_uint_gt(pair.sent, 0);
	else
		ck_assert_uint_gt(pair.redirected, 0);
	xdp_pair_clear(&pair);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("xdp_inputs");
	TCase *tc = tcase_create("stored");

	tcase_add_loop_test(tc, vector, 0, ROWS(vectors));
	tcase_add_loop_test(tc, fuzz_inputs, 0, 4);
	suite_add_tcase(suite, tc);
	return suite;
}

UNIT_MAIN(make_suite)
