/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding states for group "xdp". What cannot be made ends the program with
 * a message. */
#ifndef TESTS_BENCH_XDP_STATES_H
#define TESTS_BENCH_XDP_STATES_H

#include <stdbool.h>
#include <stdint.h>

#define XDP_STATES_BACKENDS      100         /* of a service */
#define XDP_STATES_FIRST_BACKEND 0xc6130001u /* 198.19.0.1 (RFC 2544) */

struct fib;

/* `services` of them, the first VIP of which is BENCH_VIP, with port BENCH_PORT
 * for TCP and UDP, and so on; one alone has FLOWS_VIP6 as well. Alike: all
 * have the same backends, else no two have the same, out of services + 99. The
 * way to all is the interface that test runs come from. */
struct fib *xdp_states_fib(uint32_t services, bool alike);

/* One service, all of whose slots move: as many backends again as it had have
 * just taken over from them. */
struct fib *xdp_states_moving_fib(void);

#endif
