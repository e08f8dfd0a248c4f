/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding states for group "xdp", and the packets that go with them. All end
 * the program with a message when they cannot. */
#ifndef TESTS_BENCH_XDP_STATES_H
#define TESTS_BENCH_XDP_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/flows.h"

#define XDP_STATES_BACKENDS      100         /* of a service */
#define XDP_STATES_FIRST_BACKEND 0xc6130001u /* 198.19.0.1 (RFC 2544) */

struct fib;

/* `services` of them, the first VIP of which is BENCH_VIP, with port BENCH_PORT
 * for TCP and UDP, and so on; one alone has an IPv6 VIP as well. Alike: all
 * have the same backends, else no two have the same, out of services + 99. The
 * way to all is the interface that test runs come from. */
struct fib *xdp_states_fib(uint32_t services, bool alike);

enum xdp_packet {
	XDP_PACKET_TCP, /* an acknowledgement */
	XDP_PACKET_SYN,
	XDP_PACKET_UDP,
	XDP_PACKET_IPV6, /* with TCP */
	XDP_PACKET_NOT_OURS
};

/* `n_flows`: a power of two, or FLOWS_NEW_EACH. */
void xdp_states_flows(
    struct flows *, enum xdp_packet, uint32_t n_flows, uint32_t services);

#endif
