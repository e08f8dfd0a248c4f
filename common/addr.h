/* SPDX-License-Identifier: Apache-2.0 */
/* An IP address of either version, as a value.
 *
 * IPv4 is held as an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), so that one
 * 16-byte key serves both; such an address never means IPv6 here, and the
 * packet path does not accept one from the wire. All bytes are in network
 * order. A zeroed struct is "none" (addr_is_none). */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr {
	uint8_t bytes[16];
};
_Static_assert(sizeof(struct addr) == 16, "a key without padding");

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

/* Text as inet_pton(3) reads it; no zone, no prefix length, not the mapped
 * form. 0, or -1 and *out untouched. */
int addr_parse(struct addr *out, const char *text);

/* The canonical text (RFC 5952, section 4), which also names a member in the
 * table function. Returns buf. */
const char *addr_format(const struct addr *, char buf[ADDR_TEXT_MAX]);

/* From 4 or 16 bytes in network order: 0, or -1 for any other length, or for
 * 16 bytes that are a mapped IPv4 address. */
int addr_from_bytes(struct addr *out, const void *bytes, size_t len);

/* The 4 or 16 bytes that go on the wire; *len says which. Borrowed. */
const uint8_t *addr_bytes(const struct addr *, size_t *len);

bool addr_is4(const struct addr *);
bool addr_is_none(const struct addr *);

/* Could a packet be sent to it as unicast? Not for none/unspecified,
 * multicast, broadcast. */
bool addr_is_unicast(const struct addr *);

/* A backend or a VIP can have it: unicast, and neither of loopback nor of link
 * scope. */
bool addr_is_reachable(const struct addr *);

/* memcmp order: IPv4 before most of IPv6; the same on every machine. */
int addr_cmp(const struct addr *, const struct addr *);

#endif
