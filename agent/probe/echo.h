/* SPDX-License-Identifier: Apache-2.0 */
/* Echo requests and replies (RFC 792; RFC 4443, section 4) that carry whose
 * they are: the nonce of a prober, which nobody else knows, and the number of a
 * probe. Pure. */
#ifndef AGENT_PROBE_ECHO_H
#define AGENT_PROBE_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct echo {
	uint64_t nonce, id;
	uint16_t ident, seq;
};

#define ECHO_LEN        64 /* of the ICMP message */
#define ECHO_PACKET_MAX (40 + ECHO_LEN)

/* The message, without ICMPv6's checksum, which the kernel computes. */
void echo_format(const struct echo *, bool is6, uint8_t out[ECHO_LEN]);

/* A whole IP packet, of the version that both addresses have. Returns its
 * length. */
size_t echo_packet_format(const struct echo *, const struct addr *from,
    const struct addr *to, uint8_t out[ECHO_PACKET_MAX]);

/* From an ICMP message. false: no whole echo reply of ours. */
bool echo_reply_parse(
    const uint8_t *message, size_t len, bool is6, struct echo *out);

#endif
