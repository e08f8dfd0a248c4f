/* SPDX-License-Identifier: Apache-2.0 */
/* Connections through changes of state and restarts of the process: packets in,
 * and which backend they come out for. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balancer/core/moves.h"
#include "balancer/core/sweeper.h"
#include "balancer/ctl/wire_kept.h"
#include "balancer/flow_memory.h"
#include "balancer/kept.h"
#include "balancer/serving.h"
#include "tests/unit/fixture.h"
#include "tests/unit/packet.h"
#include "tests/unit/unit.h"

#define CLIENT "198.51.100.9"
#define VIP    "203.0.113.10"
#define FLOWS  60
#define SECOND MOVES_TICKS_PER_S
#define SETTLE 100
#define TCP    6
#define UDP    17

enum {
	FIN = 1,
	SYN = 2,
	RST = 4,
	ACK = 16
};

static char folder[] = "/tmp/gw-serving-XXXXXX";
static struct serving serving;
static struct flow_memory memory;
static struct kept kept;
static uint32_t now;
static struct errmsg why;
static uint8_t built[PACKET_MAX];

/* What the fixture's state is made of it. */
static struct {
	bool draining, down;
} world[FIXTURE_BACKENDS];

static struct forwarding *
make_state(void)
{
	struct forwarding *f = fixture_state();

	for (size_t i = 0; i < f->n_services; i++) {
		struct forwarding_service *s = &f->services[i];

		s->settle_s = SETTLE;
		s->udp_learn_s = 10;
		s->tcp_idle_s = 1000;
		s->udp_idle_s = 500;
		for (size_t j = 0; j < s->n_members; j++) {
			struct forwarding_member *m = &s->members[j];

			m->down |= world[m->backend].down;
			if (m->down || world[m->backend].draining)
				m->phi = 0;
		}
	}
	return f;
}

static int
prepare(void *ctx, struct fib *fib, struct errmsg *cause)
{
	struct fib_next_hop hop = {.resolved = true, .ifindex = 7, .mtu = 1500};

	for (size_t i = 0; i < FIXTURE_BACKENDS; i++) {
		hop.mac[5] = (uint8_t)i;
		fib_set_next_hop(fib, i, &hop);
	}
	return 0;
}

static void
install(void)
{
	ck_assert_msg(serving_install(&serving, make_state(), now, prepare,
			  NULL, &why) == 0,
	    "%s", why.text);
	ck_assert_msg(
	    kept_save(&kept, serving.fib, now, &why) == 0, "%s", why.text);
}

static void
start(void)
{
	const uint8_t key[16] = {0};

	ck_assert_int_eq(serving_init(&serving, key, &why), 0);
	ck_assert_int_eq(flow_memory_map(&memory, folder, &why), 0);
	kept_open(&kept, folder);
	ck_assert_int_eq(serving_remember(&serving, &memory.flows,
			     kept_load(&kept, now), &why),
	    0);
}

static void
stop(void)
{
	serving_clear(&serving);
	flow_memory_unmap(&memory);
	kept_close(&kept);
}

static void
setup(void)
{
	memset(world, 0, sizeof(world));
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	now = 1000;
	start();
	install();
}

static void
remove_file(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static void
teardown(void)
{
	stop();
	remove_file("flows");
	remove_file("moves.0");
	remove_file("moves.1");
	ck_assert_int_eq(rmdir(folder), 0);
}

/* For so long, with whole passes of the sweeper. */
static void
pass_time(uint32_t ticks)
{
	for (uint32_t i = 0; i < 4; i++) {
		now += ticks / 4;
		for (uint32_t n = 0; n <= FLOWS_DEFAULT / SWEEPER_BUDGET; n++)
			serving_tick(&serving, now);
	}
}

/* The backend that this packet goes to. */
static size_t
forward(const struct packet_spec *spec)
{
	struct fixture_sink sink;
	size_t len = packet_build(spec, built), to;
	uint8_t *exact = fixture_exact(built, len);
	struct frame frame = {exact, (uint32_t)len, (uint32_t)len, 3, 1500};
	enum reason reason = REASON_COUNT;

	fixture_sink_init(&sink);
	serving_tick(&serving, now);
	forward_batch(&serving.forwarder, &frame, 1, 0, &sink.sink, &reason);
	ck_assert_msg(reason_verdict(reason) == VERDICT_FORWARD, "%s",
	    reason_name(reason));
	ck_assert_uint_eq(sink.n, 1);
	to = sink.sent[0].data[5];
	fixture_sink_clear(&sink);
	free(exact);
	return to;
}

static size_t
tcp(size_t flow, uint8_t flags)
{
	const struct packet_spec spec = {CLIENT, VIP,
	    .source_port = (uint16_t)(1000 + flow), .destination_port = 80,
	    .tcp_flags = flags};

	return forward(&spec);
}

static size_t
udp(size_t flow)
{
	const struct packet_spec spec = {CLIENT, VIP, UDP,
	    .source_port = (uint16_t)(1000 + flow), .destination_port = 700,
	    .body_len = 8};

	return forward(&spec);
}

static size_t homes[FLOWS];

static size_t
open_all(void)
{
	size_t n = 0;

	for (size_t i = 0; i < FLOWS; i++) {
		homes[i] = tcp(i, SYN);
		ck_assert_uint_eq(tcp(i, ACK), homes[i]);
		n += homes[i] == 1;
	}
	ck_assert_uint_gt(n, 0);
	return n;
}

static void
check_all(void)
{
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(tcp(i, ACK), homes[i]);
}

static struct sweeper_count
counted(size_t service)
{
	return serving.sweeper
	    ->counts[fib_service_number(serving.fib, service)];
}

START_TEST(a_drain)
{
	size_t n = open_all();

	world[1].draining = true;
	install();
	check_all();
	for (size_t i = FLOWS; i < 3 * FLOWS; i++)
		ck_assert_uint_ne(tcp(i, SYN), 1);
	ck_assert(serving_moves(&serving));
	/* The move ends; those that have said something stay, pinned. */
	pass_time((SETTLE + 20) * SECOND);
	ck_assert(!serving_moves(&serving));
	check_all();
	ck_assert_uint_eq(counted(FIXTURE_4_IN_4).pinned, n);
	ck_assert_uint_ge(counted(FIXTURE_4_IN_4).entries, n);
	ck_assert_uint_gt(fib_moving(serving.fib, FIXTURE_4_IN_4).asking, 0);
	ck_assert_uint_eq(
	    flows_count(&serving.flows,
		(uint16_t)fib_service_number(serving.fib, FIXTURE_4_IN_4),
		fib_backend_number(serving.fib, 1)),
	    n);
	/* And when they end, nothing is left. */
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(tcp(i, FIN | ACK), homes[i]);
	pass_time(200 * SECOND);
	ck_assert_uint_eq(counted(FIXTURE_4_IN_4).entries, 0);
	ck_assert_uint_eq(fib_moving(serving.fib, FIXTURE_4_IN_4).asking, 0);
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_ne(tcp(i, ACK), 1);
}
END_TEST

/* There and back again, and others meanwhile. */
START_TEST(back_again)
{
	size_t there[FLOWS];

	open_all();
	world[1].draining = true;
	install();
	for (size_t i = 0; i < FLOWS; i++)
		there[i] = tcp(FLOWS + i, SYN);
	now += 5 * SECOND;
	world[1].draining = false;
	install();
	check_all();
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(tcp(FLOWS + i, ACK), there[i]);
	pass_time((SETTLE + 20) * SECOND);
	check_all();
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(tcp(FLOWS + i, ACK), there[i]);
}
END_TEST

/* What is dead goes elsewhere at once, and nothing else does. */
START_TEST(down)
{
	open_all();
	world[2].draining = true;
	install();
	check_all(); /* those of 2 have entries now */
	world[2].down = true;
	install();
	for (size_t i = 0; i < FLOWS; i++) {
		if (homes[i] == 2)
			ck_assert_uint_ne(tcp(i, ACK), 2);
		else
			ck_assert_uint_eq(tcp(i, ACK), homes[i]);
	}
	ck_assert_uint_eq(
	    flows_count(&serving.flows,
		(uint16_t)fib_service_number(serving.fib, FIXTURE_4_IN_4),
		fib_backend_number(serving.fib, 2)),
	    0);
}
END_TEST

START_TEST(down_is_kept)
{
	struct forwarding *f;

	open_all();
	world[2].down = true;
	f = make_state();
	f->services[FIXTURE_4_IN_4].down_keep = true;
	ck_assert_int_eq(
	    serving_install(&serving, f, now, prepare, NULL, &why), 0);
	check_all();
}
END_TEST

START_TEST(udp_learns)
{
	size_t home[FLOWS];

	for (size_t i = 0; i < FLOWS; i++)
		home[i] = udp(i);
	world[1].draining = true;
	install();
	for (size_t i = 0; i < FLOWS; i++)
		ck_assert_uint_eq(udp(i), home[i]);
	now += 11 * SECOND;
	for (size_t i = 0; i < FLOWS; i++) {
		ck_assert_uint_eq(udp(i), home[i]);
		ck_assert_uint_ne(udp(FLOWS + i), 1);
	}
}
END_TEST

/* What is no packet of the flow goes where its packets go. */
START_TEST(fragments_and_errors)
{
	size_t home[FLOWS];

	for (size_t i = 0; i < FLOWS; i++)
		home[i] = udp(i);
	world[1].draining = true;
	install();
	for (size_t i = 0; i < FLOWS; i += 2)
		udp(i);
	now += 11 * SECOND;
	for (size_t i = 0; i < FLOWS; i += 2) {
		struct packet_spec spec = {CLIENT, VIP, UDP,
		    .source_port = (uint16_t)(1000 + i),
		    .destination_port = 700, .body_len = 8,
		    .more_fragments = true};
		/* An answer of the backend, quoted. */
		const struct packet_spec answer = {VIP, CLIENT, UDP,
		    .source_port = 700,
		    .destination_port = (uint16_t)(1000 + i), .body_len = 8};
		static uint8_t quoted[PACKET_MAX];
		size_t len = packet_build(&answer, quoted);
		struct packet_spec error = {CLIENT, VIP, 1, .icmp_type = 3,
		    .icmp_code = 3, .body = quoted + packet_ip(&answer),
		    .body_len = (uint16_t)(len - packet_ip(&answer))};

		spec.id = (uint32_t)(i + 1);
		ck_assert_uint_eq(forward(&spec), home[i]);
		ck_assert_uint_eq(forward(&error), home[i]);
		/* It was only looked at. */
		spec.source_port += 1;
		error.body = NULL;
		ck_assert_uint_ne(forward(&spec), 1);
		ck_assert_uint_eq(
		    flows_count(&serving.flows,
			(uint16_t)fib_service_number(
			    serving.fib, FIXTURE_ANY_PORT),
			fib_backend_number(serving.fib, 1)) <= FLOWS / 2,
		    1);
	}
}
END_TEST

START_TEST(trace)
{
	struct addr source, destination;
	struct forward_trace t;
	size_t seen = 0;

	ck_assert_int_eq(addr_parse(&source, CLIENT), 0);
	ck_assert_int_eq(addr_parse(&destination, VIP), 0);
	open_all();
	forward_trace(serving.fib, &serving.flows, &source, &destination, TCP,
	    1000, 80, &t);
	ck_assert_int_eq(t.rule, FLOW_RULE_STANDING);
	ck_assert(!t.moving);
	world[1].draining = true;
	install();
	for (size_t i = 0; i < FLOWS; i++) {
		forward_trace(serving.fib, &serving.flows, &source,
		    &destination, TCP, (uint16_t)(1000 + i), 80, &t);
		ck_assert_int_eq(t.moving, homes[i] == 1);
		ck_assert_uint_ne(t.backend, 1);
		if (!t.moving)
			continue;
		seen++;
		ck_assert_int_eq(t.rule, FLOW_RULE_NEW);
		ck_assert_uint_eq(t.settled, 1);
		/* Nothing was written. */
		ck_assert_uint_eq(tcp(i, ACK), 1);
		forward_trace(serving.fib, &serving.flows, &source,
		    &destination, TCP, (uint16_t)(1000 + i), 80, &t);
		ck_assert_int_eq(t.rule, FLOW_RULE_ENTRY);
	}
	ck_assert_uint_gt(seen, 0);
}
END_TEST

/* Restarts ------------------------------------------------------------- */

/* In the middle of a move, after it with pinned flows, and with another state
 * than before. */
START_TEST(restart)
{
	open_all();
	world[1].draining = true;
	install();
	if (_i > 0) {
		check_all();
		pass_time((SETTLE + 20) * SECOND);
		check_all();
	}
	stop();
	now += 3 * SECOND;
	start();
	ck_assert_ptr_nonnull(serving.before);
	if (_i > 1)
		world[2].draining = true;
	install();
	ck_assert_ptr_null(serving.before);
	check_all();
	for (size_t i = FLOWS; i < 2 * FLOWS; i++)
		ck_assert_uint_ne(tcp(i, SYN), 1);
	pass_time((SETTLE + 20) * SECOND);
	check_all();
}
END_TEST

/* The move goes on where it was, and does not begin anew. */
START_TEST(restart_keeps_age)
{
	open_all();
	world[1].draining = true;
	install();
	now += (SETTLE - 1) * SECOND;
	stop();
	start();
	install();
	ck_assert(serving_moves(&serving));
	now += 2 * SECOND;
	serving_tick(&serving, now);
	ck_assert(!serving_moves(&serving));
}
END_TEST

static size_t
entries(void)
{
	size_t n = 0;

	for (uint32_t i = 0; i < flows_entries(&serving.flows); i++)
		n += serving.flows.entries[i].state != 0;
	return n;
}

/* --replace: for a moment two processes forward, by the same entries. What one
 * of them has seen begin, the other sends to the same backend. */
START_TEST(side_by_side)
{
	struct serving old;
	struct flow_memory old_memory;
	struct kept old_kept;

	open_all();
	world[1].draining = true;
	install();
	old = serving;
	old.forwarder.flows = &old.flows;
	old_memory = memory;
	old_kept = kept;
	start();
	install();
	check_all();
	for (size_t i = FLOWS; i < 2 * FLOWS; i++) {
		struct serving new = serving;
		size_t home = tcp(i, SYN);

		serving = old;
		serving.forwarder.flows = &serving.flows;
		ck_assert_uint_eq(tcp(i, ACK), home);
		home = tcp(i + FLOWS, SYN);
		old = serving;
		serving = new;
		serving.forwarder.flows = &serving.flows;
		ck_assert_uint_eq(tcp(i + FLOWS, ACK), home);
	}
	serving_clear(&old);
	flow_memory_unmap(&old_memory);
	kept_close(&old_kept);
	check_all();
	pass_time((SETTLE + 20) * SECOND);
	check_all();
}
END_TEST

/* Without it, entries mean nothing. */
START_TEST(restart_without_kept)
{
	open_all();
	world[1].draining = true;
	install();
	check_all();
	ck_assert_uint_gt(entries(), 0);
	stop();
	remove_file("moves.0");
	remove_file("moves.1");
	start();
	ck_assert_ptr_null(serving.before);
	ck_assert_uint_eq(entries(), 0);
	install();
	ck_assert(!serving_moves(&serving));
}
END_TEST

/* The newest file cut or bent anywhere: then the one before it counts, and what
 * is in that is whole. */
START_TEST(damaged)
{
	char path[300];
	struct stat st;
	struct kept again;
	struct fib *fib;
	FILE *f;
	long at;

	world[1].draining = true;
	install(); /* turn 2: moves.0 */
	snprintf(path, sizeof(path), "%s/moves.0", folder);
	ck_assert_int_eq(stat(path, &st), 0);
	at = st.st_size * _i / 20;
	if (_i % 2 == 0) {
		ck_assert_int_eq(truncate(path, at), 0);
	} else {
		f = fopen(path, "r+");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
		fputc(0xa5, f);
		fclose(f);
	}
	kept_open(&again, folder);
	fib = kept_load(&again, now);
	ck_assert_ptr_nonnull(fib);
	ck_assert_uint_eq(again.turn, 1);
	ck_assert_uint_eq(fib_moving(fib, FIXTURE_4_IN_4).moving, 0);
	fib_free(fib);
	/* The next one is written over the damaged one. */
	ck_assert_int_eq(kept_save(&again, serving.fib, now, &why), 0);
	fib = kept_load(&again, now);
	ck_assert_ptr_nonnull(fib);
	ck_assert_uint_eq(again.turn, 2);
	ck_assert_uint_gt(fib_moving(fib, FIXTURE_4_IN_4).moving, 0);
	fib_free(fib);
	kept_close(&again);
}
END_TEST

/* Bytes that are no honest state's are refused, or give a fib that works. */
START_TEST(no_bytes_do_harm)
{
	size_t len;
	uint8_t *data, *bent;
	struct fib *fib;

	world[1].draining = true;
	install();
	data = wire_pack_kept(serving.fib, now, &len);
	ck_assert_ptr_nonnull(data);
	bent = malloc(len);
	ck_assert_ptr_nonnull(bent);
	for (size_t i = 0; i < len; i += 1 + i / 200) {
		uint8_t *cut = fixture_exact(data, i);

		fib_free(wire_unpack_kept(cut, i, now, &why));
		free(cut);
		memcpy(bent, data, len);
		bent[i] ^= (uint8_t)(1u << i % 8);
		if ((fib = wire_unpack_kept(bent, len, now, &why)) == NULL)
			continue;
		fib_tick(fib, now + 1000 * SECOND);
		fib_free(fib);
	}
	fib = wire_unpack_kept(data, len, now, &why);
	ck_assert_msg(fib != NULL, "%s", why.text);
	fib_free(fib);
	free(bent);
	free(data);
}
END_TEST

/* Of another boot: its time is not ours. */
START_TEST(of_another_boot)
{
	struct kept again;

	kept_open(&again, folder);
	ck_assert_ptr_null(kept_load(&again, now - 1));
	kept_close(&again);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("serving");
	TCase *tc = tcase_create("serving");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_drain);
	tcase_add_test(tc, back_again);
	tcase_add_test(tc, down);
	tcase_add_test(tc, down_is_kept);
	tcase_add_test(tc, udp_learns);
	tcase_add_test(tc, fragments_and_errors);
	tcase_add_test(tc, trace);
	tcase_add_loop_test(tc, restart, 0, 3);
	tcase_add_test(tc, restart_keeps_age);
	tcase_add_test(tc, side_by_side);
	tcase_add_test(tc, restart_without_kept);
	tcase_add_loop_test(tc, damaged, 0, 20);
	tcase_add_test(tc, no_bytes_do_harm);
	tcase_add_test(tc, of_another_boot);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
