/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the XDP program and its loader share: map keys and counters. One file
 * for both, so that they cannot disagree. */
#ifndef DEPLOY_BACKEND_DECAP_SHARED_H
#define DEPLOY_BACKEND_DECAP_SHARED_H

#include <linux/types.h>

/* The kernel keeps 15 characters of a program's name; by it we know our own
 * program on an interface. */
#define DECAP_PROGRAM_NAME "guideway_decap"

/* IPv4 is held as an IPv4-mapped IPv6 address, as in common/addr.h. */
struct decap_addr {
	__u8 bytes[16];
};

/* A key of the trie of senders; prefix_len counts the 96 mapped bits too. */
struct decap_source {
	__u32 prefix_len;
	struct decap_addr addr;
};
_Static_assert(sizeof(struct decap_source) == 20, "a trie key, no padding");

/*        name       what the operator reads */
/* clang-format off */
#define DECAP_COUNTERS(X) \
	X(DECAPSULATED, "decapsulated", "GRE from a balancer for a VIP, unwrapped") \
	X(STRANGER,  "stranger",  "GRE from somebody else, left to the kernel") \
	X(FRAGMENT,  "fragment",  "from a balancer, outer packet fragmented: dropped") \
	X(OPTIONS,   "options",   "GRE with checksum, key, sequence or version: dropped") \
	X(PROTOCOL,  "protocol",  "GRE carries neither IPv4 nor IPv6: dropped") \
	X(MALFORMED, "malformed", "headers cut or lengths that disagree: dropped") \
	X(NOT_VIP,   "not_vip",   "GRE for an address that is no VIP here: dropped") \
	X(ECN,       "ecn",       "congestion mark on a flow without ECN: dropped")
/* clang-format on */

enum decap_counter {
#define X(name, key, text) DECAP_##name,
	DECAP_COUNTERS(X)
#undef X
	DECAP_COUNTER_COUNT
};

#endif
