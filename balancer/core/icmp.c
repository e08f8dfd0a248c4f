/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

#include "balancer/core/checksum.h"
#include "balancer/core/icmp.h"
#include "balancer/core/l3.h"

enum {
	IP4_QUOTE_MAX = 576, /* of the whole message: RFC 1812, 4.3.2.3 */
	IP4_MTU_MIN = 68,    /* RFC 791, 3.2 */
	IP6_MTU_MIN = 1280,  /* RFC 8200, 5 */

	IP4_DSCP_MASK = 0xfc,
	IP6_DSCP_MASK = 0x0fc0, /* of the first two bytes */
	IP4_TOS_ERROR = 0xc0,   /* RFC 1812, 4.3.2.5: internetwork control */

	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_FRAG_NEEDED = 4, /* code */
	ICMP4_ECHO = 8,
	ICMP6_TOO_BIG = 2,
	ICMP6_FIRST_QUERY = 128, /* RFC 4443, 2.1: errors are below */
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_REDIRECT = 137,
};

/* Can it be written to: one host, and not this one? */
static bool
one_host4(const uint8_t *a)
{
	return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool
one_host6(const uint8_t *a)
{
	static const uint8_t zeros[15];

	/* Neither "::" nor "::1", nor multicast */
	if (memcmp(a, zeros, 15) == 0 && a[15] <= 1)
		return false;
	return a[0] != 0xff;
}

/* May anything be said to the source in the destination's name? */
static bool
may_answer(const struct l3 *p, const uint8_t *l3)
{
	if (p->frag_from != 0 || p->routed)
		return false;
	if (p->version == 4)
		return one_host4(l3 + 12) && one_host4(l3 + 16) &&
		    memcmp(l3 + 12, l3 + 16, 4) != 0;
	return one_host6(l3 + 8) && one_host6(l3 + 24) &&
	    memcmp(l3 + 8, l3 + 24, 16) != 0;
}

/* The IP header of an answer of `len` bytes to l3.
 *
 * An echo reply has the request's DSCP (RFC 1349, 5.1) and, in IPv4, its DF:
 * what its sender lets be fragmented on the way here may be on the way back;
 * the identification is unique for these two hosts then. */
static size_t
put_head(
    uint8_t *out, const struct l3 *p, const uint8_t *l3, size_t len, bool echo)
{
	be16 check;

	if (p->version == 6) {
		memset(out, 0, L3_IP6_HEAD);
		l3_put16(
		    out, 0x6000 | (echo ? l3_get16(l3) & IP6_DSCP_MASK : 0));
		l3_put16(out + 4, (uint32_t)(len - L3_IP6_HEAD));
		out[6] = L3_PROTO_ICMP6;
		out[7] = L3_HOP_LIMIT;
		memcpy(out + 8, l3 + 24, 16);
		memcpy(out + 24, l3 + 8, 16);
		return L3_IP6_HEAD;
	}
	memset(out, 0, L3_IP4_HEAD);
	out[0] = 0x45;
	out[1] = echo ? l3[1] & IP4_DSCP_MASK : IP4_TOS_ERROR;
	l3_put16(out + 2, (uint32_t)len);
	if (echo && (l3[6] & (L3_IP4_DF >> 8)) == 0)
		memcpy(out + 4, l3 + 4, 2);
	else
		l3_put16(out + 6, L3_IP4_DF);
	out[8] = L3_HOP_LIMIT;
	out[9] = L3_PROTO_ICMP;
	memcpy(out + 12, l3 + 16, 4);
	memcpy(out + 16, l3 + 12, 4);
	check = checksum_of(out, L3_IP4_HEAD);
	memcpy(out + 10, &check, sizeof(check));
	return L3_IP4_HEAD;
}

/* Sets the checksum of the ICMP message at head, to the end of the packet. */
static void
put_checksum(uint8_t *out, size_t head, size_t len)
{
	be16 check;

	memset(out + head + L3_ICMP_CHECKSUM, 0, sizeof(check));
	if (head == L3_IP6_HEAD)
		check = checksum_end(
		    checksum_upper(out, head, L3_PROTO_ICMP6, len - head));
	else
		check = checksum_of(out + head, len - head);
	memcpy(out + head + L3_ICMP_CHECKSUM, &check, sizeof(check));
}

static bool
checksums_good(const struct l3 *p, const uint8_t *l3)
{
	size_t l4_len = p->total - p->l4;

	if (p->version == 6)
		return checksum_fold(checksum_upper(
			   l3, p->l4, L3_PROTO_ICMP6, l4_len)) == 0xffff;
	return checksum_of(l3, p->l4) == 0 &&
	    checksum_of(l3 + p->l4, l4_len) == 0;
}

enum icmp_result
icmp_echo_reply(
    const uint8_t *l3, size_t len, uint8_t *out, size_t room, size_t *out_len)
{
	struct l3 p;
	size_t head, l4_len;
	bool six;

	if (!l3_read(&p, l3, len))
		return ICMP_MALFORMED;
	six = p.version == 6;
	if (p.protocol != (six ? L3_PROTO_ICMP6 : L3_PROTO_ICMP))
		return ICMP_NOT_ECHO;
	if (l3_is_fragment(&p))
		return ICMP_FORBIDDEN;
	l4_len = p.total - p.l4;
	if (l4_len < L3_ICMP_HEAD)
		return ICMP_MALFORMED;
	if (l3[p.l4] != (six ? ICMP6_ECHO : ICMP4_ECHO) || l3[p.l4 + 1] != 0)
		return ICMP_NOT_ECHO;
	if (!checksums_good(&p, l3))
		return ICMP_BAD_CHECKSUM;
	head = six ? L3_IP6_HEAD : L3_IP4_HEAD;
	if (!may_answer(&p, l3) || head + l4_len > room)
		return ICMP_FORBIDDEN;

	*out_len = head + l4_len;
	put_head(out, &p, l3, *out_len, true);
	memcpy(out + head, l3 + p.l4, l4_len);
	out[head] = six ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	put_checksum(out, head, *out_len);
	return ICMP_OK;
}

/* Is it an ICMP message of a kind that errors may be sent about? */
static bool
is_query(const struct l3 *p, const uint8_t *l3)
{
	uint8_t type;

	if (p->total - p->l4 < L3_ICMP_HEAD)
		return false;
	type = l3[p->l4];
	if (p->version == 6)
		return type >= ICMP6_FIRST_QUERY && type != ICMP6_REDIRECT;
	/* RFC 792, 950, 1256: all that ask or answer. Others are errors, or
	 * unknown, and might be. */
	return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY || type == 9 ||
	    type == 10 || (type >= 13 && type <= 18);
}

enum icmp_result
icmp_too_big(const uint8_t *l3, size_t len, uint32_t mtu, uint8_t *out,
    size_t room, size_t *out_len)
{
	struct l3 p;
	size_t head, quote, limit;
	uint32_t least;
	bool six;

	if (!l3_read(&p, l3, len))
		return ICMP_MALFORMED;
	six = p.version == 6;
	least = six ? IP6_MTU_MIN : IP4_MTU_MIN;
	if (mtu < least)
		mtu = least;
	if (p.total <= mtu || !may_answer(&p, l3))
		return ICMP_FORBIDDEN;
	if (p.protocol == (six ? L3_PROTO_ICMP6 : L3_PROTO_ICMP) &&
	    !is_query(&p, l3))
		return ICMP_FORBIDDEN;

	head = six ? L3_IP6_HEAD : L3_IP4_HEAD;
	limit = six ? ICMP_ERROR_MAX : IP4_QUOTE_MAX;
	if (limit > room)
		limit = room;
	if (limit < head + L3_ICMP_HEAD + p.l4 + 8)
		return ICMP_FORBIDDEN; /* no port would get into the quote */
	quote = limit - head - L3_ICMP_HEAD;
	if (quote > p.total)
		quote = p.total;
	*out_len = head + L3_ICMP_HEAD + quote;
	put_head(out, &p, l3, *out_len, false);
	memset(out + head, 0, L3_ICMP_HEAD);
	out[head] = six ? ICMP6_TOO_BIG : ICMP4_UNREACHABLE;
	out[head + 1] = six ? 0 : ICMP4_FRAG_NEEDED;
	if (six)
		l3_put32(out + head + 4, mtu);
	else
		l3_put16(out + head + 6, mtu);
	memcpy(out + head + L3_ICMP_HEAD, l3, quote);
	put_checksum(out, head, *out_len);
	return ICMP_OK;
}
