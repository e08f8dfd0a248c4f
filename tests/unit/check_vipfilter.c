/* SPDX-License-Identifier: Apache-2.0 */
/* The filter in a real kernel, without privileges: any socket takes one, and a
 * datagram between two Unix sockets looks like a frame for this host. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balancer/io/vipfilter.h"
#include "tests/unit/unit.h"

static int fds[2];
static struct forwarding state;
static struct forwarding_service service;
static struct forwarding_endpoint endpoints[FORWARDING_MAX_ENDPOINTS];

static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	memset(&state, 0, sizeof(state));
	memset(&service, 0, sizeof(service));
	service.endpoints = endpoints;
	state.services = &service;
	state.n_services = 1;
}

static void
teardown(void)
{
	close(fds[0]);
	close(fds[1]);
}

static void
add_vip(const char *text)
{
	ck_assert_int_eq(
	    addr_parse(&endpoints[service.n_endpoints++].vip, text), 0);
}

/* An Ethernet frame with `tags` VLAN tags to `destination`; does it come
 * through, whole? */
static bool
passes(const char *destination, int tags)
{
	uint8_t frame[128] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, got[128];
	size_t at = 12, len;
	struct addr a;
	const uint8_t *bytes;
	ssize_t n;

	ck_assert_int_eq(addr_parse(&a, destination), 0);
	bytes = addr_bytes(&a, &len);
	for (int i = 0; i < tags; i++, at += 4)
		memcpy(frame + at, i == 0 ? "\x88\xa8\0\1" : "\x81\0\0\2", 4);
	memcpy(frame + at, len == 4 ? "\x08\0" : "\x86\xdd", 2);
	memcpy(frame + at + 2 + (len == 4 ? 16 : 24), bytes, len);
	ck_assert_int_eq(send(fds[0], frame, sizeof(frame), 0), sizeof(frame));
	n = recv(fds[1], got, sizeof(got), MSG_DONTWAIT);
	ck_assert(n == -1 || n == (ssize_t)sizeof(frame));
	return n != -1;
}

START_TEST(only_vips)
{
	add_vip("203.0.113.10");
	add_vip("203.0.113.10"); /* another port */
	add_vip("203.0.113.7");
	add_vip("2001:db8::10");
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	for (int tags = 0; tags <= 2; tags++) {
		ck_assert(passes("203.0.113.10", tags));
		ck_assert(passes("203.0.113.7", tags));
		ck_assert(passes("2001:db8::10", tags));
		ck_assert(!passes("203.0.113.11", tags));
		ck_assert(!passes("203.0.113.9", tags));
		ck_assert(!passes("2001:db8::11", tags));
	}
	ck_assert(!passes("203.0.113.10", 3));
}
END_TEST

/* IPv6 words are not taken for IPv4 addresses, nor the other way round. */
START_TEST(versions_apart)
{
	add_vip("0.0.0.16");
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	ck_assert(passes("0.0.0.16", 0));
	ck_assert(!passes("2001:db8::10", 0));
}
END_TEST

START_TEST(nothing_without_state)
{
	ck_assert_int_eq(vipfilter_attach(fds[1], NULL), 0);
	ck_assert(!passes("203.0.113.10", 0));
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	ck_assert(!passes("203.0.113.10", 0));
	add_vip("203.0.113.10");
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	ck_assert(passes("203.0.113.10", 0));
}
END_TEST

/* Neither ARP nor what is cut off before its address. */
START_TEST(other_frames)
{
	uint8_t frame[64] = {[12] = 0x08, [13] = 0x06}, got[64];

	add_vip("203.0.113.10");
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	ck_assert_int_eq(send(fds[0], frame, sizeof(frame), 0), sizeof(frame));
	frame[13] = 0;
	ck_assert_int_eq(send(fds[0], frame, 33, 0), 33);
	ck_assert_int_eq(send(fds[0], frame, 5, 0), 5);
	ck_assert_int_eq(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), -1);
}
END_TEST

/* As many as share one jump, one more, as many as there may be, one more. */
static const int counts[] = {1, 199, 200, 201, 400, 999, 1000};

START_TEST(many)
{
	char text[32];

	for (int i = 0; i < counts[_i]; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.1", i / 256, i % 256);
		add_vip(text);
		snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
		add_vip(text);
	}
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	for (int i = 0; i < counts[_i]; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.1", i / 256, i % 256);
		ck_assert_msg(passes(text, 0), "%s", text);
		snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
		ck_assert_msg(passes(text, 0), "%s", text);
	}
	ck_assert(!passes("10.200.0.1", 0));
	ck_assert(!passes("2001:db8::1:0", 0));
}
END_TEST

/* More than there is room for: everything of that version passes. */
START_TEST(too_many)
{
	char text[32];

	for (int i = 0; i < 1001; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.1", i / 256, i % 256);
		add_vip(text);
	}
	add_vip("2001:db8::1");
	ck_assert_int_eq(vipfilter_attach(fds[1], &state), 0);
	ck_assert(passes("10.0.0.1", 0));
	ck_assert(passes("192.0.2.1", 2));
	ck_assert(passes("2001:db8::1", 0));
	ck_assert(!passes("2001:db8::2", 0));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("vipfilter");
	TCase *tc = tcase_create("vipfilter");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, only_vips);
	tcase_add_test(tc, versions_apart);
	tcase_add_test(tc, nothing_without_state);
	tcase_add_test(tc, other_frames);
	tcase_add_loop_test(tc, many, 0, ROWS(counts));
	tcase_add_test(tc, too_many);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
