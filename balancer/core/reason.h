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

/*       id                   name                   verdict  in words */
/* clang-format off */
#define REASONS(X) \
	X(PASS_NOT_IP,         "pass_not_ip",         PASS,    "neither IPv4 nor IPv6") \
	X(PASS_NOT_VIP,        "pass_not_vip",        PASS,    "not for a VIP") \
	X(PASS_MALFORMED,      "pass_malformed",      PASS,    "too short to hold an address") \
	X(PASS_PROTOCOL,       "pass_protocol",       PASS,    "for a VIP, neither TCP, UDP nor ICMP") \
	X(PASS_ICMP,           "pass_icmp",           PASS,    "ICMP for a VIP that is not ours to handle") \
	X(FORWARD,             "forward",             FORWARD, "by the table") \
	X(FORWARD_ICMP_ERROR,  "forward_icmp_error",  FORWARD, "ICMP error, by the packet quoted in it") \
	X(FORWARD_FRAGMENT,    "forward_fragment",    FORWARD, "later fragment, to where the first went") \
	X(FORWARD_FRAGMENTED,  "forward_fragmented",  FORWARD, "too long with the outer header: fragmented") \
	X(FORWARD_SEGMENTED,   "forward_segmented",   FORWARD, "merged by GRO or GSO: segmented again") \
	X(HELD_FRAGMENT,       "held_fragment",       HELD,    "later fragment, held until the first comes") \
	X(REPLY_ECHO,          "reply_echo",          REPLY,   "echo request for a VIP, answered") \
	X(REPLY_TOO_BIG,       "reply_too_big",       REPLY,   "too long with the outer header: sender told") \
	X(DROP_MALFORMED,      "drop_malformed",      DROP,    "for a VIP, headers broken or cut") \
	X(DROP_NO_SERVICE,     "drop_no_service",     DROP,    "for a VIP, no service on that port") \
	X(DROP_NO_BACKEND,     "drop_no_backend",     DROP,    "the service has no backend") \
	X(DROP_NO_NEXT_HOP,    "drop_no_next_hop",    DROP,    "the backend has no resolved next hop") \
	X(DROP_FRAGMENT,       "drop_fragment",       DROP,    "fragment whose first was not seen") \
	X(DROP_ICMP_QUOTE,     "drop_icmp_quote",     DROP,    "ICMP error that quotes nothing of ours") \
	X(DROP_TOO_BIG,        "drop_too_big",        DROP,    "too long, and the sender may not be told now") \
	X(DROP_CHECKSUM,       "drop_checksum",       DROP,    "IPv4 or ICMP header checksum wrong") \
	X(DROP_CAPTURE_CUT,    "drop_capture_cut",    DROP,    "captured shorter than it was on the wire")
/* clang-format on */

enum reason {
#define X(id, name, verdict, text) REASON_##id,
	REASONS(X)
#undef X
	REASON_COUNT
};

#endif
