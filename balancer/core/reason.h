/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Why a packet went the way it went: one reason and one counter for each, so
 * that nothing is dropped silently. The names are shown to operators and are
 * metric labels; a name, once released, keeps its meaning. */
#ifndef BALANCER_CORE_REASON_H
#define BALANCER_CORE_REASON_H

/* What becomes of the frame. */
enum verdict {
	VERDICT_PASS,    /* not ours: the kernel has it, untouched */
	VERDICT_FORWARD, /* encapsulated, to a backend */
	VERDICT_REPLY,   /* answered by us (echo, packet too big) */
	VERDICT_DROP,
	VERDICT_HELD, /* kept for now; counted again by what becomes of it */
	VERDICT_SLOW, /* BPF only: the user-space path has to do it */
};

/*        name                    verdict  what the operator reads */
/* clang-format off */
#define REASONS(X) \
	X(PASS_NOT_IP,            PASS,    "neither IPv4 nor IPv6") \
	X(PASS_NOT_VIP,           PASS,    "not for a VIP") \
	X(PASS_MALFORMED,         PASS,    "too short to hold an address") \
	X(PASS_PROTOCOL,          PASS,    "for a VIP, neither TCP, UDP nor ICMP") \
	X(PASS_ICMP,              PASS,    "ICMP for a VIP that is not ours to handle") \
	X(FORWARD,                FORWARD, "by the table") \
	X(FORWARD_ICMP_ERROR,     FORWARD, "ICMP error, by the packet quoted in it") \
	X(FORWARD_FRAGMENT,       FORWARD, "later fragment, to where the first went") \
	X(FORWARD_FRAGMENTED,     FORWARD, "too long with the outer header: fragmented") \
	X(FORWARD_SEGMENTED,      FORWARD, "merged by GRO or GSO: segmented again") \
	X(HELD_FRAGMENT,          HELD,    "later fragment, held until the first comes") \
	X(REPLY_ECHO,             REPLY,   "echo request for a VIP, answered") \
	X(REPLY_TOO_BIG,          REPLY,   "too long with the outer header: sender told") \
	X(DROP_MALFORMED,         DROP,    "for a VIP, headers broken or cut") \
	X(DROP_NO_SERVICE,        DROP,    "for a VIP, no service on that port") \
	X(DROP_NO_BACKEND,        DROP,    "the service has no backend") \
	X(DROP_NO_NEXT_HOP,       DROP,    "the backend has no resolved next hop") \
	X(DROP_FRAGMENT,          DROP,    "fragment whose first was not seen") \
	X(DROP_ICMP_QUOTE,        DROP,    "ICMP error that quotes nothing of ours") \
	X(DROP_TOO_BIG,           DROP,    "too long, and the sender may not be told now") \
	X(DROP_CHECKSUM,          DROP,    "IPv4 or ICMP header checksum wrong") \
	X(DROP_CAPTURE_CUT,       DROP,    "captured shorter than it was on the wire")
/* clang-format on */

enum reason {
#define X(name, verdict, text) REASON_##name,
	REASONS(X)
#undef X
	REASON_COUNT
};

#endif
