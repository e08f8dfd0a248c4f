/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path in the kernel against the one in user space (xdp_pair.h):
 * frames of every kind, states of every size. No interface is touched. */
#include "config.h"

#include <dirent.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/io/xdp_grace.h"
#include "balancer/io/xdp_loader.h"
#include "balancer/io/xdp_object.h"
#include "balancer/io/xdp_plane.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"
#include "tests/unit/xdp_pair.h"

/* clang-format off */
#define PACKET(from, to, proto, port, ...) \
	{.source = (from), .destination = (to), .protocol = (proto), \
	 .destination_port = (port), ##__VA_ARGS__}
static const struct packet_spec kinds[] = {
    PACKET("198.51.100.1", "203.0.113.10", 6, 80),
    PACKET("2001:db8::1", "2001:db8:100::10", 6, 80),
    PACKET("198.51.100.1", "203.0.113.10", 6, 443),
    PACKET("2001:db8::1", "2001:db8:100::10", 17, 443),
    PACKET("198.51.100.1", "203.0.113.10", 17, 53),
    PACKET("198.51.100.1", "203.0.113.10", 17, 999),
    PACKET("198.51.100.1", "203.0.113.12", 6, 80),
    PACKET("198.51.100.1", "203.0.113.12", 6, 81),
    PACKET("198.51.100.1", "203.0.113.10", 6, 8080),
    PACKET("198.51.100.1", "203.0.113.99", 6, 80),
    PACKET("2001:db8::1", "2001:db8::2", 6, 80),
    {.source = "198.51.100.1", .destination = "203.0.113.10", .protocol = 1, .icmp_type = 8},
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .vlans = 1),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .vlans = 2),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .option_words = 3),
    PACKET("2001:db8::1", "2001:db8:100::10", 6, 80,
	.extensions = PACKET_HOP_BY_HOP | PACKET_DESTINATION),
    PACKET("198.51.100.1", "203.0.113.10", 17, 53, .more_fragments = true,
	.body_len = 64),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .body_len = 1600),
    PACKET("198.51.100.1", "203.0.113.10", 6, 80, .traffic_class = 0xb9,
	.padding = 6),
};
/* clang-format on */

static struct fib *
reflecting_fib(uint32_t mtu)
{
	struct errmsg why = {""};
	struct fib *fib = fib_new(fixture_state(), NULL, 0, &why);

	ck_assert_ptr_nonnull(fib);
	fib_reflect(fib, mtu);
	return fib;
}

START_TEST(each_kind)
{
	static uint8_t frame[PACKET_MAX];
	struct xdp_pair pair;
	size_t len;

	xdp_pair_init(&pair, reflecting_fib(1500));
	for (int i = 0; i < ROWS(kinds); i++) {
		struct packet_spec spec = kinds[i];

		for (uint16_t port = 1; port < 200; port++) {
			spec.source_port = port;
			len = packet_build(&spec, frame);
			xdp_pair_same(&pair, frame, len, 1500);
		}
	}
	xdp_pair_same_counters(&pair);
	ck_assert_uint_gt(xdp_pair_by_xdp(&pair), 199 * 10);
	xdp_pair_clear(&pair);
}
END_TEST

/* Valid packets of each kind, with some bytes changed or the end cut off. */
#define RANDOM_FRAMES 100000

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static size_t
random_frame(uint64_t *seed, uint8_t *frame)
{
	struct packet_spec spec =
	    kinds[next_random(seed) % (uint64_t)ROWS(kinds)];
	uint64_t changes = next_random(seed) % 4;
	size_t len;

	spec.source_port = (uint16_t)next_random(seed);
	spec.vlans = next_random(seed) % 4 == 0 ? next_random(seed) % 3 : 0;
	spec.traffic_class = (uint8_t)next_random(seed);
	len = packet_build(&spec, frame);
	for (uint64_t i = 0; i < changes; i++)
		frame[next_random(seed) % (len < 80 ? len : 80)] = (uint8_t)
		    next_random(seed);
	/* Else hardly one is past the checksum. */
	if (changes > 0 && next_random(seed) % 2 == 0 &&
	    frame[packet_ip(&spec)] == 0x45)
		packet_fix_ipv4(frame + packet_ip(&spec));
	if (next_random(seed) % 8 == 0)
		len = 14 + next_random(seed) % (len - 13);
	return len;
}

START_TEST(random_frames)
{
	static uint8_t frame[PACKET_MAX];
	const char *given = getenv("GUIDEWAY_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10)
				      : (uint64_t)time(NULL);
	struct xdp_pair pair;

	printf("GUIDEWAY_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	xdp_pair_init(&pair, reflecting_fib(1500));
	for (int i = 0; i < RANDOM_FRAMES; i++) {
		size_t len = random_frame(&seed, frame);

		xdp_pair_same(&pair, frame, len, 1500);
	}
	xdp_pair_same_counters(&pair);
	ck_assert_uint_gt(xdp_pair_by_xdp(&pair), RANDOM_FRAMES / 4);
	xdp_pair_clear(&pair);
}
END_TEST

/* The fixture's state with some of its members' shares taken, as by draining.
 */
static struct fib *
drained_fib(const struct fib *prev, size_t backend, uint32_t now)
{
	struct forwarding *state = fixture_state();
	struct errmsg why = {""};
	struct fib *fib;

	for (size_t i = 0; i < state->n_services; i++) {
		state->services[i].settle_s = 900;
		state->services[i].udp_learn_s = 2;
		state->services[i].tcp_idle_s = 3600;
		state->services[i].udp_idle_s = 180;
		for (size_t j = 0; j < state->services[i].n_members; j++)
			if (state->services[i].members[j].backend == backend)
				state->services[i].members[j].phi = 0;
	}
	fib = fib_new(state, prev, now, &why);
	ck_assert_msg(fib != NULL, "%s", why.text);
	fib_reflect(fib, 1500);
	return fib;
}

/* Flows from a few clients, so that each comes again, with all TCP flags. */
static size_t
random_flow(uint64_t *seed, uint8_t *frame)
{
	static const uint8_t flags[] = {0x02, 0x10, 0x18, 0x11, 0x04, 0x12};
	struct packet_spec spec = kinds[next_random(seed) % 6];

	spec.source_port = (uint16_t)(1 + next_random(seed) % 2000);
	spec.tcp_flags = flags[next_random(seed) % sizeof(flags)];
	return packet_build(&spec, frame);
}

/* While slots move: the same places, and the same entries. */
START_TEST(moving_slots)
{
	static uint8_t frame[PACKET_MAX];
	uint64_t seed = 1;
	struct xdp_pair pair;
	uint32_t now = 1000;

	xdp_pair_init(&pair, reflecting_fib(1500));
	for (size_t round = 0; round < FIXTURE_BACKENDS; round++) {
		xdp_pair_install(&pair, drained_fib(pair.fib, round, now));
		for (int i = 0; i < 5000; i++) {
			size_t len = random_flow(&seed, frame);

			xdp_pair_same(&pair, frame, len, 1500);
			if (i % 100 == 0)
				xdp_pair_set_time(&pair, ++now);
		}
		xdp_pair_same_counters(&pair);
	}
	ck_assert_uint_gt(xdp_pair_same_flows(&pair), 1000);
	/* Hardly anything is for user space. */
	ck_assert_uint_gt(xdp_pair_by_xdp(&pair), 9 * pair.passed);
	xdp_pair_clear(&pair);
}
END_TEST

/* States in a row, in both copies and in growing rooms: what was counted before
 * stays, whatever the positions. */
START_TEST(states_in_a_row)
{
	static uint8_t frame[PACKET_MAX], out[XDP_PAIR_OUT_MAX];
	struct packet_spec spec = kinds[0];
	struct fib *before = NULL, *fib;
	struct errmsg why = {""};
	struct counters *sum;
	struct xdp_plane *plane;
	size_t len, out_len;

	spec.source_port = 1;
	len = packet_build(&spec, frame);
	plane = xdp_plane_new(NULL, &why);
	ck_assert_msg(plane != NULL, "%s", why.text);
	for (int i = 0; i < 1000; i++) {
		struct forwarding *state = fixture_state();

		if (i % 100 == 99)
			state->services[0].table_size = 2048u << i / 100;
		fib = fib_new(state, NULL, 0, &why);
		ck_assert_msg(fib != NULL, "%s", why.text);
		fib_reflect(fib, 1500);
		xdp_pair_put(plane, fib);
		fib_free(before);
		before = fib;
		ck_assert_uint_eq(
		    xdp_pair_run(plane, frame, len, out, &out_len), XDP_TX);
	}
	sum = counters_new(fib_state(before), NULL, NULL);
	xdp_plane_count(plane, sum);
	ck_assert_uint_eq(sum->reasons[REASON_FORWARD], 1000);
	ck_assert_uint_eq(sum->services[FIXTURE_4_IN_4].packets, 1000);
	counters_free(sum);
	xdp_plane_free(plane);
	fib_free(before);
}
END_TEST

static struct fib *
fib_of_size(uint32_t table_size)
{
	struct forwarding *state = fixture_state();
	struct errmsg why = {""};
	struct fib *fib;

	state->services[0].table_size = table_size;
	fib = fib_new(state, NULL, 0, &why);
	ck_assert_msg(fib != NULL, "%s", why.text);
	fib_reflect(fib, 1500);
	return fib;
}

static void
wait_for_room(const struct xdp_plane *plane)
{
	const struct timespec moment = {0, 1000000};

	while (xdp_plane_makes_room(plane))
		nanosleep(&moment, NULL);
}

static int
count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static bool
has_room(struct xdp_plane *plane, const struct fib *fib)
{
	struct errmsg why;
	bool later;

	return xdp_plane_make_room(plane, fib, &later, &why) == 0 && !later;
}

static bool
is_put_off(struct xdp_plane *plane, const struct fib *fib)
{
	struct errmsg why;
	bool later;

	return xdp_plane_make_room(plane, fib, &later, &why) == -1 && later;
}

/* What is in force goes on while the kernel checks a program with more room;
 * what fits meanwhile is served at once. */
START_TEST(room_is_made_aside)
{
	static uint8_t frame[PACKET_MAX], out[XDP_PAIR_OUT_MAX];
	struct fib *small = fib_of_size(1024), *other = fib_of_size(2048),
		   *large = fib_of_size(FORWARDING_TABLE_MAX);
	int descriptors = count_descriptors(), before;
	struct packet_spec spec = kinds[0];
	struct xdp_plane *plane;
	struct errmsg why = {""};
	size_t len, out_len;

	spec.source_port = 1;
	len = packet_build(&spec, frame);
	plane = xdp_plane_new(NULL, &why);
	ck_assert_msg(plane != NULL, "%s", why.text);
	xdp_pair_put(plane, small);
	before = count_descriptors();
	ck_assert(has_room(plane, small));
	for (int i = 0; i < 2; i++) {
		ck_assert(is_put_off(plane, large));
		ck_assert(xdp_plane_makes_room(plane));
		ck_assert_uint_eq(
		    xdp_pair_run(plane, frame, len, out, &out_len), XDP_TX);
	}
	xdp_pair_put(plane, other);
	ck_assert(xdp_plane_makes_room(plane));
	wait_for_room(plane);
	ck_assert(has_room(plane, large));
	/* Another state comes first, and nobody wants the room. */
	xdp_pair_put(plane, small);
	ck_assert_int_eq(count_descriptors(), before);
	ck_assert(is_put_off(plane, large));
	wait_for_room(plane);
	ck_assert(has_room(plane, large));
	xdp_pair_put(plane, large);
	ck_assert_uint_eq(
	    xdp_pair_run(plane, frame, len, out, &out_len), XDP_TX);
	xdp_plane_free(plane);
	/* It ends while one is checked. */
	plane = xdp_plane_new(NULL, &why);
	xdp_pair_put(plane, other);
	ck_assert(is_put_off(plane, large));
	xdp_plane_free(plane);
	ck_assert_int_eq(count_descriptors(), descriptors);
	fib_free(small);
	fib_free(other);
	fib_free(large);
}
END_TEST

/* The kernel says so in the other thread, and the next one may succeed. */
START_TEST(refused_aside)
{
	struct errmsg why = {""};
	struct xdp_loader loader = {0};
	struct xdp_object *o;
	struct xdp_room room;
	static const struct tables nothing;
	int reuse[XDP_MAPS];

	for (int i = 0; i < XDP_MAPS; i++)
		reuse[i] = -1;
	ck_assert_int_eq(xdp_room_for(&room, &nothing, NULL, &why), 0);
	reuse[XDP_MAP_FLOWS] = 1000000; /* no descriptor */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    xdp_loader_begin(&loader, &room, reuse, &why), 0);
		o = xdp_loader_take(&loader, &why);
		ck_assert(!xdp_loader_busy(&loader));
		ck_assert_int_eq(o != NULL, i);
		reuse[XDP_MAP_FLOWS] = -1;
	}
	ck_assert_ptr_nonnull(strstr(why.text, "XDP program: maps"));
	xdp_object_free(o);
}
END_TEST

static struct xdp_plane *
plane_with(const struct fib *fib)
{
	struct errmsg why = {""};
	struct xdp_plane *plane = xdp_plane_new(NULL, &why);

	ck_assert_msg(plane != NULL, "%s", why.text);
	xdp_pair_put(plane, fib);
	return plane;
}

/* Of another process, as it were, with the same maps. */
static struct xdp_plane *
successor_of(const struct xdp_plane *before)
{
	struct errmsg why = {""};
	struct xdp_object *o = xdp_object_new(&xdp_plane_object(before)->room,
	    xdp_plane_object(before)->maps, &why);
	struct xdp_plane *plane;

	ck_assert_msg(o != NULL, "%s", why.text);
	plane = xdp_plane_new(o, &why);
	ck_assert_msg(plane != NULL, "%s", why.text);
	return plane;
}

/* What the one before has in force, when a successor's program comes. */
struct found {
	uint32_t copy, owner, mtu;
};

static int
note_found(void *ctx, struct xdp_object *o, struct errmsg *why)
{
	const struct xdp_control *control = o->control;

	*(struct found *)ctx = (struct found){
	    control->copy, control->owner, control->mtu};
	return 0;
}

/* The one before switches once more when its maps have been opened: until the
 * successor's program is where it belongs, all is as that one left it, and the
 * copy that is in force is not written. */
START_TEST(successor_begins_late)
{
	struct fib *fib = reflecting_fib(1500), *other = reflecting_fib(1500);
	struct xdp_plane *before = plane_with(fib), *after;
	const struct xdp_control *control;
	struct found then, seen;

	xdp_plane_set_mtu(before, 9000);
	after = successor_of(before);
	control = xdp_plane_object(before)->control;
	xdp_pair_put(before, other);
	then = (struct found){control->copy, control->owner, control->mtu};
	xdp_plane_set_mtu(after, 1500);
	ck_assert_uint_eq(control->mtu, 9000);
	xdp_plane_on_replaced(after, note_found, &seen);
	xdp_pair_put(after, fib);
	ck_assert_mem_eq(&seen, &then, sizeof(seen));
	ck_assert_uint_ne(control->copy, then.copy);
	ck_assert_uint_ne(control->owner, then.owner);
	ck_assert_uint_eq(control->mtu, 1500);

	xdp_plane_free(after);
	xdp_plane_free(before);
	fib_free(other);
	fib_free(fib);
}
END_TEST

/* Another process takes the maps over while this one still lives. */
START_TEST(successor_alone_writes)
{
	struct fib *fib = reflecting_fib(1500), *other = reflecting_fib(1500);
	struct counters *c = counters_new(fib_state(fib), NULL, NULL);
	struct xdp_plane *before, *after;
	struct errmsg why = {""};

	before = plane_with(fib);
	after = successor_of(before);
	xdp_pair_put(after, other);
	xdp_plane_settle(after);
	xdp_plane_set_mtu(after, 1500);

	/* The one before counts to the end, and is heard. */
	c->reasons[REASON_REPLY_ECHO] = 3;
	xdp_plane_enter(before, c);
	xdp_plane_enter(after, c);
	counters_clear(c);
	xdp_plane_count(after, c);
	ck_assert_uint_eq(c->reasons[REASON_REPLY_ECHO], 6);

	xdp_plane_set_mtu(before, 9000);
	ck_assert_uint_eq(xdp_plane_object(after)->control->mtu, 1500);
	ck_assert_int_eq(xdp_plane_install(before, fib, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "another process"));
	ck_assert(!xdp_plane_unsettled(before));
	xdp_pair_put(after, fib);

	counters_free(c);
	xdp_plane_free(after);
	xdp_plane_free(before);
	fib_free(other);
	fib_free(fib);
}
END_TEST

static int
refuse(void *ctx, struct xdp_object *o, struct errmsg *why)
{
	return errmsg_set(why, "not here");
}

/* Its program does not get to where the one before it is, at first: that one's
 * state stays in force, and can be replaced later. */
START_TEST(successor_is_refused)
{
	static uint8_t frame[PACKET_MAX], out[XDP_PAIR_OUT_MAX];
	struct fib *fib = reflecting_fib(1500), *other = fib_of_size(2048);
	struct counters *c = counters_new(fib_state(fib), NULL, NULL);
	struct xdp_plane *before, *after;
	struct packet_spec spec = kinds[0];
	const struct xdp_control *control;
	struct errmsg why = {""};
	size_t len, out_len;
	uint32_t in_force;

	spec.source_port = 1;
	len = packet_build(&spec, frame);
	before = plane_with(fib);
	after = successor_of(before);
	control = xdp_plane_object(after)->control;
	in_force = control->copy;
	xdp_plane_on_replaced(after, refuse, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(xdp_plane_install(after, other, &why), -1);
		ck_assert_str_eq(why.text, "not here");
		ck_assert_uint_eq(control->copy, in_force);
		ck_assert_uint_eq(
		    xdp_pair_run(before, frame, len, out, &out_len), XDP_TX);
	}
	xdp_plane_count(before, c);
	ck_assert_uint_eq(c->reasons[REASON_FORWARD], 2);
	xdp_plane_on_replaced(after, NULL, NULL);
	ck_assert_int_eq(xdp_plane_install(after, other, &why), 0);
	ck_assert_uint_ne(control->copy, in_force);

	counters_free(c);
	xdp_plane_free(after);
	xdp_plane_free(before);
	fib_free(other);
	fib_free(fib);
}
END_TEST

/* The largest state there may be, but for the slots: those take gigabytes. */
#define LARGE_TABLES 16 /* of the largest size */
/* Of a service. */
#define LARGE_PORTS   (FORWARDING_MAX_ENDPOINTS / FORWARDING_MAX_SERVICES)
#define LARGE_MEMBERS 32
#define LARGE_PORT    100

static struct addr
numbered_addr(const char *prefix, unsigned i)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	snprintf(text, sizeof(text), "%s.%u.%u", prefix, i >> 8, i & 255);
	ck_assert_int_eq(addr_parse(&a, text), 0);
	return a;
}

static void
fill_large_service(struct forwarding_service *s, unsigned i)
{
	snprintf(s->name, sizeof(s->name), "service-%u", i);
	s->table_size = i < LARGE_TABLES ? FORWARDING_TABLE_MAX : 1024;
	s->n_endpoints = LARGE_PORTS;
	s->endpoints = calloc(LARGE_PORTS, sizeof(*s->endpoints));
	s->n_members = LARGE_MEMBERS;
	s->members = calloc(LARGE_MEMBERS, sizeof(*s->members));
	for (unsigned j = 0; j < LARGE_PORTS; j++)
		s->endpoints[j] = (struct forwarding_endpoint){
		    numbered_addr("203.0", i), (uint16_t)(LARGE_PORT + j), 6};
	/* The last backend there may be is one. */
	for (unsigned j = 0; j < LARGE_MEMBERS; j++)
		s->members[j] = (struct forwarding_member){
		    (uint16_t)(FORWARDING_MAX_BACKENDS - 1 -
			(i * LARGE_MEMBERS + j) % FORWARDING_MAX_BACKENDS),
		    1, FORWARDING_PHI_FULL, false};
}

static struct forwarding *
large_state(void)
{
	struct forwarding *f = forwarding_new();

	ck_assert_ptr_nonnull(f);
	f->source4 = (struct forwarding_source){numbered_addr("192.0", 1), 32};
	f->n_backends = FORWARDING_MAX_BACKENDS;
	f->backends = calloc(f->n_backends, sizeof(*f->backends));
	for (unsigned i = 0; i < f->n_backends; i++)
		f->backends[i] = numbered_addr("10.1", i);
	f->n_services = FORWARDING_MAX_SERVICES;
	f->services = calloc(f->n_services, sizeof(*f->services));
	for (unsigned i = 0; i < f->n_services; i++)
		fill_large_service(&f->services[i], i);
	return f;
}

START_TEST(largest_room)
{
	static uint8_t frame[PACKET_MAX];
	struct packet_spec spec = kinds[0];
	struct errmsg why = {""};
	struct fib *fib = fib_new(large_state(), NULL, 0, &why);
	struct xdp_pair pair;
	char vip[32];

	ck_assert_msg(fib != NULL, "%s", why.text);
	fib_reflect(fib, 1500);
	xdp_pair_init(&pair, fib);
	spec.destination = vip;
	for (unsigned i = 0; i < FORWARDING_MAX_SERVICES; i++) {
		snprintf(vip, sizeof(vip), "203.0.%u.%u", i >> 8, i & 255);
		for (unsigned j = 0; j < 32; j++) {
			size_t len;

			/* One port more than there are. */
			spec.destination_port = (uint16_t)(LARGE_PORT +
			    j % (LARGE_PORTS + 1));
			spec.source_port = (uint16_t)(j * 997 + i);
			len = packet_build(&spec, frame);
			xdp_pair_same(&pair, frame, len, 1500);
		}
	}
	xdp_pair_same_counters(&pair);
	ck_assert_uint_eq(pair.passed, 0);
	ck_assert_uint_gt(pair.dropped, FORWARDING_MAX_SERVICES);
	xdp_pair_clear(&pair);
}
END_TEST

/* What is done where the kernel has no other way to wait. */
START_TEST(grace_by_map)
{
	struct errmsg why = {""};
	int before = count_descriptors();

	for (int i = 0; i < 10; i++)
		ck_assert_msg(xdp_grace_by_map(&why) == 0, "%s", why.text);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("xdp");
	TCase *tc = tcase_create("paths");

	tcase_add_test(tc, each_kind);
	tcase_add_test(tc, random_frames);
	tcase_add_test(tc, moving_slots);
	tcase_add_test(tc, states_in_a_row);
	tcase_add_test(tc, room_is_made_aside);
	tcase_add_test(tc, refused_aside);
	tcase_add_test(tc, successor_alone_writes);
	tcase_add_test(tc, successor_begins_late);
	tcase_add_test(tc, successor_is_refused);
	tcase_add_test(tc, largest_room);
	tcase_add_test(tc, grace_by_map);
	suite_add_tcase(suite, tc);
	return suite;
}

UNIT_MAIN(make_suite)
