/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarding state for tests of the packet path, and a sink that keeps what
 * was sent. */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/core/forward.h"
#include "common/forwarding.h"

struct fib;

/* Backends 0..2 are 10.0.0.1 .. 10.0.0.3, 3 and 4 are 2001:db8:b::3 and ::4;
 * outer sources 192.0.2.1/32 and 2001:db8:ee::1/128. */
enum fixture_service {
	FIXTURE_4_IN_4,     /* 203.0.113.10 tcp 80 */
	FIXTURE_6_IN_4,     /* 2001:db8:100::10 tcp 80 */
	FIXTURE_4_IN_6,     /* 203.0.113.10 tcp 443 */
	FIXTURE_6_IN_6,     /* 2001:db8:100::10 udp 443 */
	FIXTURE_ANY_PORT,   /* 203.0.113.10 and 2001:db8:100::10, udp any */
	FIXTURE_ONE_PORT,   /* 203.0.113.10 udp 53: backend 3 alone */
	FIXTURE_NO_MEMBERS, /* 203.0.113.12 tcp 80 */
	FIXTURE_ALL_DOWN,   /* 203.0.113.12 tcp 81 */
	FIXTURE_REFUSE,     /* 203.0.113.13 udp any; refuses oversize */
	FIXTURE_SERVICES
};
#define FIXTURE_BACKENDS 5

struct forwarding *fixture_state(void);

/* Of that state, every backend reached through ifindex 7 with path MTU `mtu`,
 * MAC 02:00:00:00:01:0N for backend N, from 02:00:00:00:01:ff. */
struct fib *fixture_fib(uint32_t mtu);

#define FIXTURE_SENT_MAX 128
struct fixture_sent {
	uint8_t *data;
	size_t len;
	uint32_t ifindex;
	size_t input;
};

/* Gives out buffers of exactly the size asked for, so that a byte too far is
 * found by AddressSanitizer. */
struct fixture_sink {
	struct sink sink;
	uint8_t *reserved;
	size_t reserved_len;
	struct fixture_sent sent[FIXTURE_SENT_MAX];
	size_t n;
};
void fixture_sink_init(struct fixture_sink *);
void fixture_sink_clear(struct fixture_sink *);

/* A copy in a heap buffer of exactly its size. */
uint8_t *fixture_exact(const uint8_t *, size_t len);

#endif
