/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/echo.h"

#include <string.h>

#include "balancer/core/checksum.h"
#include "balancer/core/l3.h"

#define ECHO_REQUEST  8
#define ECHO_REPLY    0
#define ECHO_REQUEST6 128
#define ECHO_REPLY6   129

/* Offsets in the message. */
#define AT_IDENT 4
#define AT_SEQ   6
#define AT_NONCE 8
#define AT_ID    16

void
echo_format(const struct echo *e, bool is6, uint8_t out[ECHO_LEN])
{
	memset(out, 0, ECHO_LEN);
	out[0] = is6 ? ECHO_REQUEST6 : ECHO_REQUEST;
	l3_put16(out + AT_IDENT, e->ident);
	l3_put16(out + AT_SEQ, e->seq);
	memcpy(out + AT_NONCE, &e->nonce, sizeof(e->nonce));
	memcpy(out + AT_ID, &e->id, sizeof(e->id));
	if (!is6)
		store16(out + L3_ICMP_CHECKSUM, checksum_of(out, ECHO_LEN));
}

static void
put_ip4(uint8_t *out, const struct addr *from, const struct addr *to)
{
	size_t len;

	memset(out, 0, L3_IP4_HEAD);
	out[0] = 0x45;
	l3_put16(out + 2, L3_IP4_HEAD + ECHO_LEN);
	l3_put16(out + 6, L3_IP4_DF);
	out[8] = L3_HOP_LIMIT;
	out[9] = L3_PROTO_ICMP;
	memcpy(out + 12, addr_bytes(from, &len), 4);
	memcpy(out + 16, addr_bytes(to, &len), 4);
	store16(out + 10, checksum_of(out, L3_IP4_HEAD));
}

static void
put_ip6(uint8_t *out, const struct addr *from, const struct addr *to)
{
	size_t len;

	memset(out, 0, L3_IP6_HEAD);
	out[0] = 0x60;
	l3_put16(out + 4, ECHO_LEN);
	out[6] = L3_PROTO_ICMP6;
	out[7] = L3_HOP_LIMIT;
	memcpy(out + 8, addr_bytes(from, &len), 16);
	memcpy(out + 24, addr_bytes(to, &len), 16);
}

size_t
echo_packet_format(const struct echo *e, const struct addr *from,
    const struct addr *to, uint8_t out[ECHO_PACKET_MAX])
{
	uint8_t *message;
	uint64_t sum;

	if (addr_is4(to)) {
		put_ip4(out, from, to);
		echo_format(e, false, out + L3_IP4_HEAD);
		return L3_IP4_HEAD + ECHO_LEN;
	}
	message = out + L3_IP6_HEAD;
	put_ip6(out, from, to);
	echo_format(e, true, message);
	sum = checksum_pseudo6(out + 8, L3_PROTO_ICMP6, ECHO_LEN);
	store16(message + L3_ICMP_CHECKSUM,
	    checksum_end(checksum_add(sum, message, ECHO_LEN)));
	return L3_IP6_HEAD + ECHO_LEN;
}

bool
echo_reply_parse(const uint8_t *message, size_t len, bool is6, struct echo *out)
{
	/* Of ICMPv6 the kernel checks it for raw sockets, not of ICMP. */
	if (len != ECHO_LEN || message[0] != (is6 ? ECHO_REPLY6 : ECHO_REPLY) ||
	    message[1] != 0 || (!is6 && checksum_of(message, len) != 0))
		return false;
	out->ident = l3_get16(message + AT_IDENT);
	out->seq = l3_get16(message + AT_SEQ);
	memcpy(&out->nonce, message + AT_NONCE, sizeof(out->nonce));
	memcpy(&out->id, message + AT_ID, sizeof(out->id));
	return true;
}
