/* SPDX-License-Identifier: Apache-2.0 */
/* Where the fragments of a datagram go. Only the first fragment has the ports;
 * this table remembers what was chosen for it, for the others, and holds the
 * few that come before it.
 *
 * Fixed memory, allocated once; nothing a sender does makes it grow or slow.
 * Full: the oldest choice of a set (of eight) gives way to a new one, the
 * oldest held packet to a new one. The set is chosen by a keyed hash, so nobody
 * outside can aim at one.
 *
 * Choices name backends and services by position in the forwarding state, and
 * so are valid for one state only: call frag_table_flush when it is switched.
 * Each also carries the generation it was made under, and is not found under
 * another. Held packets stay.
 *
 * The clock is the caller's. A choice lives 30 s for IPv4, where 16 bits of
 * identification come round soon (RFC 4963) and common hosts give up after
 * 30 s, and 60 s for IPv6, where a host may wait as long (RFC 8200, 4.5), from
 * the first fragment on and not longer: an entry that later fragments kept
 * alive would outlive its identification. A packet is held for 1 s: reordering
 * is over by then. */
#ifndef BALANCER_CORE_FRAG_TABLE_H
#define BALANCER_CORE_FRAG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frag_table;

#define FRAG_KEY_LEN 16 /* of the secret key of the hash */

/* How much it holds; 0 stands for the default in brackets. */
struct frag_limits {
	uint32_t choices;      /* [1024] made a power of two, at least 8 */
	uint32_t held;         /* [64] packets */
	uint32_t held_each;    /* [4] of one datagram */
	uint32_t held_max_len; /* [9216] bytes of one; longer: not held */
};

/* Which datagram: all four decide (RFC 791, 3.2); for IPv6 the protocol is 0,
 * since its fragments may disagree about it (RFC 8200, 4.5). */
struct frag_key {
	uint8_t source[16], destination[16]; /* as in common/addr.h */
	uint32_t id;                         /* in any one byte order */
	uint8_t protocol;
};

struct frag_choice {
	uint32_t service, backend; /* positions */
};

/* NULL limits: all defaults. NULL: out of memory, or limits beyond reason
 * (EINVAL: over 2^20 choices, 4096 held, or 65535 bytes of one). */
struct frag_table *frag_table_new(
    const uint8_t key[FRAG_KEY_LEN], const struct frag_limits *limits);
void frag_table_free(struct frag_table *);

/* Forgets all choices. To be called when the forwarding state is switched. */
void frag_table_flush(struct frag_table *);

/* The first fragment went there. Replaces an older choice of the same key. */
void frag_table_learn(struct frag_table *, const struct frag_key *,
    struct frag_choice, uint64_t generation, int64_t now_us);

/* Where it went; false: not known (any more). */
bool frag_table_find(const struct frag_table *, const struct frag_key *,
    uint64_t generation, int64_t now_us, struct frag_choice *);

/* An early fragment, held until its first comes. */
struct frag_held {
	const uint8_t *l3; /* borrowed: until the next frag_table_hold */
	uint32_t len;
	uint32_t ifindex, mtu; /* as in struct frame */
};

/* Copies a fragment whose first has not come. False: not held (too long, or
 * held_each of that datagram are held already). */
bool frag_table_hold(struct frag_table *, const struct frag_key *,
    const struct frag_held *, int64_t now_us);

/* Hands out, one per call and in the order they came, what is held of that
 * datagram: false when no more. To be called after frag_table_learn. */
bool frag_table_take(struct frag_table *, const struct frag_key *,
    int64_t now_us, struct frag_held *);

/* How many held packets were given up since the last call (too old, or pushed
 * out): each is a packet dropped that its caller has to count, once. */
uint64_t frag_table_lost(struct frag_table *, int64_t now_us);

#endif
