/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP that the balancer says itself, in the name of a VIP: echo replies, and
 * "too big" to senders whose packets do not fit the path to the backend.
 *
 * Packets are whole L3 packets of either version; bytes after the length that
 * the IP header gives are ignored. The output is an L3 packet whose source is
 * the input's destination, with every checksum set. Pure, no state. */
#ifndef BALANCER_CORE_ICMP_H
#define BALANCER_CORE_ICMP_H

#include <stddef.h>
#include <stdint.h>

/* The longest error message, IP header included (RFC 1812, 4.3.2.3; RFC 4443,
 * 2.4 c): room that always suffices for icmp_too_big. */
#define ICMP_ERROR_MAX 1280

enum icmp_result {
	ICMP_OK,
	ICMP_MALFORMED,
	ICMP_BAD_CHECKSUM,
	ICMP_NOT_ECHO,  /* an ICMP packet, but no echo request */
	ICMP_FORBIDDEN, /* one that must not be answered, see below */
};

/* The reply to an echo request (RFC 792, RFC 4443 4.2), as long as the request
 * or shorter (IP options and extension headers are not repeated). `room` is at
 * least the request's length. FORBIDDEN: a fragment, or a source that is not
 * one host. */
enum icmp_result icmp_echo_reply(
    const uint8_t *l3, size_t len, uint8_t *out, size_t room, size_t *out_len);

/* "Fragmentation needed" (RFC 792, RFC 1191) or "packet too big" (RFC 4443,
 * 3.2) about the packet l3; `mtu` is what the sender should keep to: the
 * path's MTU less the outer headers. At least as much as RFC 1812 and RFC 4443
 * ask is quoted. `room` is at least ICMP_ERROR_MAX.
 *
 * FORBIDDEN (RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4 e): about an ICMP
 * error or redirect, an ICMP type that is not known to be a query, a fragment
 * but the first, to a source that is not one host, about a destination that is
 * not one; and where it could not help: the packet is no longer than mtu, or no
 * longer than what every path must carry (RFC 791: 68, RFC 8200: 1280), below
 * which no sender goes. It is the caller who knows the frame, and must not ask
 * for an answer to one that came as a link-layer broadcast or multicast. */
enum icmp_result icmp_too_big(const uint8_t *l3, size_t len, uint32_t mtu,
    uint8_t *out, size_t room, size_t *out_len);

#endif
