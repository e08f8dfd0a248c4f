/* SPDX-License-Identifier: Apache-2.0 */
/* The XDP program that unwraps, packet by packet, in the kernel but on no
 * interface (BPF_PROG_TEST_RUN). Needs root; tests/net/backend.sh runs it. */
#include "config.h"

#include "deploy/backend/decap.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>

#include "tests/unit/unit.h"

#define BALANCER4  "192.0.2.1"
#define BALANCER6  "2001:db8::1"
#define SENDERS4   "198.51.100.0/25" /* a prefix of senders */
#define SENDERS6   "2001:db8:1::/48"
#define STRANGER4  "192.0.2.2"
#define STRANGER6  "2001:db8::2"
#define VIP4       "203.0.113.10"
#define VIP6       "2001:db8:100::10"
#define CLIENT4    "198.51.100.200"
#define CLIENT6    "2001:db8:200::1"
#define FRAME_MAX  512
#define L4_LEN     20
#define ETHER_IP   0x0800
#define ETHER_IPV6 0x86dd
#define ETHER_VLAN 0x8100
#define ETHER_QINQ 0x88a8
#define PROTO_TCP  6
#define PROTO_GRE  47
#define GRE_LEN    4

/* What a frame is made of; the zero value of each field is the usual case. */
struct recipe {
	const char *from;       /* outer source; its family is the outer one */
	const char *vip;        /* inner destination, likewise */
	unsigned vlans;         /* 0..2 */
	unsigned outer_options; /* bytes, a multiple of 4 */
	unsigned inner_options; /* the same */
	uint8_t outer_tos;      /* traffic class, with ECN */
	uint8_t inner_tos;
	uint16_t fragment; /* the outer header's fragment field */
	uint16_t gre_flags;
	uint16_t gre_proto;  /* 0: what fits the packet inside */
	uint8_t outer_proto; /* 0: GRE */
	int outer_longer;    /* added to what the outer header says */
	int inner_longer;    /* added to what the inner header says */
	unsigned padding;    /* bytes behind the packet */
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
	size_t l3, inner; /* offsets of outer and inner IP header */
};

static struct decap *decap;

static void
put16(struct frame *f, unsigned v)
{
	f->bytes[f->len++] = (uint8_t)(v >> 8);
	f->bytes[f->len++] = (uint8_t)v;
}

static void
put_bytes(struct frame *f, uint8_t fill, size_t n)
{
	memset(f->bytes + f->len, fill, n);
	f->len += n;
}

static void
put_addr(struct frame *f, const char *text)
{
	bool six = strchr(text, ':') != NULL;

	ck_assert_int_eq(
	    inet_pton(six ? AF_INET6 : AF_INET, text, f->bytes + f->len), 1);
	f->len += six ? 16 : 4;
}

/* The Internet checksum of n bytes, 0 for a header that is right. */
static uint16_t
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put_ip4(struct frame *f, const char *src, const char *dst, uint8_t tos,
    unsigned options, uint16_t fragment, uint8_t proto, size_t payload)
{
	size_t at = f->len;
	uint16_t sum;

	f->bytes[f->len++] = (uint8_t)(0x45 + options / 4);
	f->bytes[f->len++] = tos;
	put16(f, (unsigned)(20 + options + payload));
	put16(f, 0x1234);
	put16(f, fragment);
	f->bytes[f->len++] = 64;
	f->bytes[f->len++] = proto;
	put16(f, 0);
	put_addr(f, src);
	put_addr(f, dst);
	put_bytes(f, 1, options); /* no operation */
	sum = checksum(f->bytes + at, f->len - at);
	f->bytes[at + 10] = (uint8_t)(sum >> 8);
	f->bytes[at + 11] = (uint8_t)sum;
}

static void
put_ip6(struct frame *f, const char *src, const char *dst, uint8_t tos,
    uint8_t proto, size_t payload)
{
	f->bytes[f->len++] = (uint8_t)(0x60 | tos >> 4);
	f->bytes[f->len++] = (uint8_t)(tos << 4 | 0x5);
	put16(f, 0x4321); /* flow label */
	put16(f, (unsigned)payload);
	f->bytes[f->len++] = proto;
	f->bytes[f->len++] = 64;
	put_addr(f, src);
	put_addr(f, dst);
}

static bool
text_is6(const char *addr)
{
	return strchr(addr, ':') != NULL;
}

static void
put_ethernet(struct frame *f, unsigned vlans, bool six)
{
	put_bytes(f, 0x02, 6);
	put_bytes(f, 0x04, 6);
	if (vlans == 2) {
		put16(f, ETHER_QINQ);
		put16(f, 100);
	}
	if (vlans > 0) {
		put16(f, ETHER_VLAN);
		put16(f, 0x2005);
	}
	put16(f, six ? ETHER_IPV6 : ETHER_IP);
}

static size_t
ip_len(bool six, unsigned options)
{
	return six ? 40 : 20 + options;
}

static struct frame
make(const struct recipe *r)
{
	const char *from = r->from ? r->from : BALANCER4;
	const char *vip = r->vip ? r->vip : VIP4;
	bool outer6 = text_is6(from), inner6 = text_is6(vip);
	size_t inner_len = ip_len(inner6, r->inner_options) + L4_LEN;
	size_t outer_payload = (size_t)((int)(GRE_LEN + inner_len) +
	    r->outer_longer);
	size_t inner_payload = (size_t)(L4_LEN + r->inner_longer);
	uint8_t proto = r->outer_proto ? r->outer_proto : PROTO_GRE;
	struct frame f = {.len = 0};

	put_ethernet(&f, r->vlans, outer6);
	f.l3 = f.len;
	if (outer6)
		put_ip6(&f, from, "2001:db8::99", r->outer_tos, proto,
		    outer_payload);
	else
		put_ip4(&f, from, "192.0.2.99", r->outer_tos, r->outer_options,
		    r->fragment, proto, outer_payload);
	put16(&f, r->gre_flags);
	if (r->gre_proto != 0)
		put16(&f, r->gre_proto);
	else
		put16(&f, inner6 ? ETHER_IPV6 : ETHER_IP);
	f.inner = f.len;
	if (inner6)
		put_ip6(
		    &f, CLIENT6, vip, r->inner_tos, PROTO_TCP, inner_payload);
	else
		put_ip4(&f, CLIENT4, vip, r->inner_tos, r->inner_options,
		    0x4000, PROTO_TCP, inner_payload);
	put_bytes(&f, 0xab, L4_LEN);
	put_bytes(&f, 0, r->padding);
	return f;
}

static uint64_t
counted(enum decap_counter which)
{
	uint64_t counters[DECAP_COUNTER_COUNT];

	ck_assert_int_eq(decap_counters(decap, counters), 0);
	return counters[which];
}

static int
run(const struct frame *in, struct frame *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->bytes,
	    .data_size_in = (uint32_t)in->len, .data_out = out->bytes,
	    .data_size_out = sizeof(out->bytes));

	ck_assert_int_eq(
	    bpf_prog_test_run_opts(decap_program_fd(decap), &opts), 0);
	out->len = opts.data_size_out;
	return (int)opts.retval;
}

static void
assert_same(const struct frame *a, const struct frame *b)
{
	ck_assert_uint_eq(a->len, b->len);
	ck_assert_mem_eq(a->bytes, b->bytes, a->len);
}

/* It must come out as the Ethernet header and what is at `inner`. */
static void
assert_unwrapped(const struct frame *in, const struct frame *out)
{
	bool six = in->bytes[in->inner] >> 4 == 6;
	struct frame want = {.len = 0};

	memcpy(want.bytes, in->bytes, in->l3);
	want.len = in->l3 - 2;
	put16(&want, six ? ETHER_IPV6 : ETHER_IP);
	memcpy(
	    want.bytes + want.len, in->bytes + in->inner, in->len - in->inner);
	want.len += in->len - in->inner;
	assert_same(out, &want);
}

static void
setup(void)
{
	static const char *const senders[] = {
	    BALANCER4, BALANCER6, SENDERS4, SENDERS6};
	static struct prefix from[4];
	static struct addr vips[2];
	struct decap_config config = {from, 4, vips, 2};
	struct errmsg why = {""};
	size_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(prefix_parse(&from[i], senders[i], &why), 0);
	addr_parse(&vips[0], VIP4);
	addr_parse(&vips[1], VIP6);
	decap = decap_load(&config, &why);
	ck_assert_msg(decap != NULL, "%s", why.text);
}

static void
teardown(void)
{
	decap_free(decap);
}

static const struct recipe good[] = {
    {0},
    {.vip = VIP6},
    {.from = BALANCER6},
    {.from = BALANCER6, .vip = VIP6},
    {.vlans = 1},
    {.vlans = 2},
    {.vlans = 1, .from = BALANCER6},
    {.vlans = 2, .from = BALANCER6, .vip = VIP6},
    {.outer_options = 4},
    {.outer_options = 40, .vlans = 2},
    {.inner_options = 40},
    {.outer_options = 40, .inner_options = 8},
    {.fragment = 0x4000}, /* do not fragment */
    {.fragment = 0x8000}, /* the reserved bit */
    {.padding = 30},
    {.from = BALANCER6, .vip = VIP6, .padding = 7},
    {.inner_longer = -20}, /* nothing behind the header */
    {.from = "198.51.100.0"},
    {.from = "198.51.100.127"},
    {.from = "2001:db8:1:ffff::1"},
    {.gre_flags = 0x03f8}, /* RFC 2784: bits that a receiver ignores */
    {.outer_tos = 0xb8, .inner_tos = 0x28},
};

START_TEST(test_good)
{
	struct frame in = make(&good[_i]), out;

	ck_assert_int_eq(run(&in, &out), XDP_PASS);
	assert_unwrapped(&in, &out);
	ck_assert_uint_eq(counted(DECAP_DECAPSULATED), 1);
}
END_TEST

static const struct {
	struct recipe recipe;
	enum decap_counter counter;
} bad[] = {
    {{.fragment = 0x2000}, DECAP_FRAGMENT},
    {{.fragment = 0x0001}, DECAP_FRAGMENT},
    {{.fragment = 0x1fff}, DECAP_FRAGMENT},
    {{.fragment = 0x2000, .gre_flags = 0xffff}, DECAP_FRAGMENT},
    {{.gre_flags = 0x8000}, DECAP_OPTIONS},
    {{.gre_flags = 0x4000}, DECAP_OPTIONS},
    {{.gre_flags = 0x2000}, DECAP_OPTIONS},
    {{.gre_flags = 0x1000}, DECAP_OPTIONS},
    {{.gre_flags = 0x0800}, DECAP_OPTIONS},
    {{.gre_flags = 0x0400}, DECAP_OPTIONS},
    {{.gre_flags = 0x0001}, DECAP_OPTIONS},
    {{.gre_flags = 0x0002}, DECAP_OPTIONS},
    {{.gre_flags = 0x0004}, DECAP_OPTIONS},
    {{.from = BALANCER6, .gre_flags = 0x2000}, DECAP_OPTIONS},
    {{.gre_proto = 0x6558}, DECAP_PROTOCOL},
    {{.gre_proto = ETHER_VLAN}, DECAP_PROTOCOL},
    {{.gre_proto = ETHER_IPV6}, DECAP_MALFORMED},
    {{.vip = VIP6, .gre_proto = ETHER_IP}, DECAP_MALFORMED},
    {{.outer_longer = -1}, DECAP_MALFORMED},
    {{.outer_longer = 1}, DECAP_MALFORMED}, /* the frame has it not */
    {{.outer_longer = -40}, DECAP_MALFORMED},
    {{.outer_longer = -41}, DECAP_MALFORMED},
    {{.outer_longer = -44}, DECAP_MALFORMED},
    {{.from = BALANCER6, .outer_longer = -1}, DECAP_MALFORMED},
    {{.from = BALANCER6, .outer_longer = 1}, DECAP_MALFORMED},
    {{.from = BALANCER6, .outer_longer = -44}, DECAP_MALFORMED},
    {{.inner_longer = 1}, DECAP_MALFORMED},
    {{.inner_longer = 1, .padding = 30}, DECAP_MALFORMED},
    {{.inner_longer = -21}, DECAP_MALFORMED},
    {{.vip = VIP6, .inner_longer = 1}, DECAP_MALFORMED},
    {{.vip = "203.0.113.11"}, DECAP_NOT_VIP},
    {{.vip = "192.0.2.99"}, DECAP_NOT_VIP},
    {{.vip = "127.0.0.1"}, DECAP_NOT_VIP},
    {{.vip = "2001:db8:100::11"}, DECAP_NOT_VIP},
    {{.vip = "::ffff:" VIP4}, DECAP_NOT_VIP},
    {{.outer_tos = 3}, DECAP_ECN},
    {{.vip = VIP6, .outer_tos = 3}, DECAP_ECN},
};

START_TEST(test_bad)
{
	struct frame in = make(&bad[_i].recipe), out;

	ck_assert_int_eq(run(&in, &out), XDP_DROP);
	ck_assert_uint_eq(counted(bad[_i].counter), 1);
	ck_assert_uint_eq(counted(DECAP_DECAPSULATED), 0);
}
END_TEST

/* Whatever it is, whoever else sends GRE, the kernel has it as it came. */
static const struct recipe foreign[] = {
    {.from = STRANGER4},
    {.from = STRANGER6},
    {.from = STRANGER6, .vip = VIP6},
    {.from = "198.51.100.128"},
    {.from = "2001:db8:2::1"},
    {.from = "::ffff:" BALANCER4},
    {.from = STRANGER4, .vip = "10.0.0.1", .vlans = 2},
    {.from = STRANGER4, .gre_flags = 0xb001},
    {.from = STRANGER4, .fragment = 0x2000},
    {.from = STRANGER4, .outer_longer = -30},
    {.from = STRANGER4, .outer_tos = 3},
};

START_TEST(test_foreign)
{
	struct frame in = make(&foreign[_i]), out;

	ck_assert_int_eq(run(&in, &out), XDP_PASS);
	assert_same(&in, &out);
	ck_assert_uint_eq(counted(DECAP_STRANGER), 1);
}
END_TEST

/* What is not GRE is not looked at, from a balancer either. */
static const uint8_t other_protocols[] = {0, 1, 4, 6, 17, 41, 44, 50, 58, 255};

START_TEST(test_not_gre)
{
	const uint8_t proto = other_protocols[_i];
	struct recipe recipes[] = {
	    {.outer_proto = proto ? proto : 60},
	    {.outer_proto = proto ? proto : 60, .from = BALANCER6},
	    {.outer_proto = proto ? proto : 60, .fragment = 0x2000},
	    {.outer_proto = proto ? proto : 60, .vlans = 2},
	};
	uint64_t counters[DECAP_COUNTER_COUNT];
	struct frame in, out;
	int i;

	for (i = 0; i < ROWS(recipes); i++) {
		in = make(&recipes[i]);
		ck_assert_int_eq(run(&in, &out), XDP_PASS);
		assert_same(&in, &out);
	}
	ck_assert_int_eq(decap_counters(decap, counters), 0);
	for (i = 0; i < DECAP_COUNTER_COUNT; i++)
		ck_assert_uint_eq(counters[i], 0);
}
END_TEST

/* ARP, IPv6 behind a third tag, wrong versions, header lengths below 20. */
START_TEST(test_odd_headers)
{
	struct frame in, out;

	in = make(&(struct recipe){0});
	in.bytes[13] = 0x06; /* ARP */
	ck_assert_int_eq(run(&in, &out), XDP_PASS);
	assert_same(&in, &out);

	in = make(&(struct recipe){.vlans = 2});
	in.bytes[in.l3 - 2] = ETHER_VLAN >> 8;
	in.bytes[in.l3 - 1] = 0;
	ck_assert_int_eq(run(&in, &out), XDP_PASS);
	assert_same(&in, &out);

	in = make(&(struct recipe){0});
	in.bytes[in.l3] = 0x65;
	ck_assert_int_eq(run(&in, &out), XDP_PASS);
	assert_same(&in, &out);

	in = make(&(struct recipe){0});
	in.bytes[in.l3] = 0x44;
	ck_assert_int_eq(run(&in, &out), XDP_PASS);
	assert_same(&in, &out);

	in = make(&(struct recipe){0});
	in.bytes[in.inner] = 0x44;
	ck_assert_int_eq(run(&in, &out), XDP_DROP);
	ck_assert_uint_eq(counted(DECAP_MALFORMED), 1);
}
END_TEST

/* RFC 6040, figure 4: [inner][outer]; -1: dropped. In the order of the bits:
 * not ECN-capable, ECT(1), ECT(0), CE. */
static const int ecn_table[4][4] = {
    {0, 0, 0, -1},
    {1, 1, 1, 3},
    {2, 1, 2, 3},
    {3, 3, 3, 3},
};

static uint8_t
traffic_class(const uint8_t *ip)
{
	if (ip[0] >> 4 == 6)
		return (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	return ip[1];
}

START_TEST(test_ecn)
{
	unsigned inner_ecn = _i & 3, outer_ecn = _i >> 2 & 3;
	int want = ecn_table[inner_ecn][outer_ecn];
	struct recipe recipe = {
	    .from = _i & 16 ? BALANCER6 : BALANCER4,
	    .vip = _i & 32 ? VIP6 : VIP4,
	    .outer_tos = (uint8_t)(0xb8 | outer_ecn),
	    .inner_tos = (uint8_t)(0x28 | inner_ecn),
	};
	struct frame in = make(&recipe), out;
	int verdict = run(&in, &out);
	const uint8_t *ip = out.bytes + out.len - (in.len - in.inner);

	ck_assert_int_eq(verdict, want == -1 ? XDP_DROP : XDP_PASS);
	if (want == -1)
		return;
	ck_assert_uint_eq(traffic_class(ip), 0x28u | (unsigned)want);
	if (!(_i & 32))
		ck_assert_uint_eq(checksum(ip, 20), 0);
	/* Nothing else of the packet is another. */
	ck_assert_mem_eq(
	    ip + 12, in.bytes + in.inner + 12, in.len - in.inner - 12);
}
END_TEST

/* Cut anywhere, it is never unwrapped: before the sender is known it passes,
 * from there on it is dropped. */
START_TEST(test_truncated)
{
	struct frame whole = make(&good[_i]), in, out;
	bool six = whole.bytes[whole.l3] >> 4 == 6;
	size_t outer_end = whole.l3 + (six ? 40 : 20);
	int verdict;

	if (good[_i].padding > 0 || good[_i].inner_longer < 0)
		return; /* there the last bytes are not the packet's */
	for (in = whole, in.len = 14; in.len < whole.len; in.len++) {
		verdict = run(&in, &out);
		ck_assert_int_eq(
		    verdict, in.len < outer_end ? XDP_PASS : XDP_DROP);
		if (verdict == XDP_PASS)
			assert_same(&in, &out);
	}
	ck_assert_uint_eq(counted(DECAP_DECAPSULATED), 0);
}
END_TEST

/* Every value of every byte: what passes unwrapped is for a VIP, and what
 * passes otherwise is as it came. */
START_TEST(test_mutated)
{
	static const struct recipe seeds[] = {
	    {0}, {.from = BALANCER6, .vip = VIP6, .vlans = 1}};
	struct frame whole = make(&seeds[_i]), in, out;
	uint64_t before;
	unsigned value;
	size_t i;

	for (i = 0; i < whole.inner + 40; i++)
		for (value = 0; value < 256; value++) {
			in = whole;
			in.bytes[i] = (uint8_t)value;
			before = counted(DECAP_DECAPSULATED);
			if (run(&in, &out) != XDP_PASS)
				continue;
			if (counted(DECAP_DECAPSULATED) == before) {
				assert_same(&in, &out);
				continue;
			}
			ck_assert_mem_eq(out.bytes + whole.l3 + (_i ? 24 : 16),
			    whole.bytes + whole.inner + (_i ? 24 : 16),
			    _i ? 16 : 4);
		}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("decap");
	TCase *tcase = tcase_create("packets");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_good, 0, ROWS(good));
	tcase_add_loop_test(tcase, test_bad, 0, ROWS(bad));
	tcase_add_loop_test(tcase, test_foreign, 0, ROWS(foreign));
	tcase_add_loop_test(tcase, test_not_gre, 0, ROWS(other_protocols));
	tcase_add_test(tcase, test_odd_headers);
	tcase_add_loop_test(tcase, test_ecn, 0, 64);
	tcase_add_loop_test(tcase, test_truncated, 0, ROWS(good));
	tcase_add_loop_test(tcase, test_mutated, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

UNIT_MAIN(make_suite)
