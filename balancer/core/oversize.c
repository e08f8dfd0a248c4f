/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

#include "balancer/core/checksum.h"
#include "balancer/core/l3.h"
#include "balancer/core/oversize.h"

enum {
	TCP_HEAD = 20,
	TCP_SEQUENCE = 4, /* offsets */
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_CHECKSUM = 16,
	TCP_URGENT = 18,

	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_URG = 0x20,
	TCP_CWR = 0x80,

	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_COPIED = 0x80, /* RFC 791, 3.1: into every fragment */

	FRAGMENT_UNIT = 8,
	DATAGRAM_MAX = 65535, /* of IPv4 */
	PACKET_MAX = 65535 + L3_IP6_HEAD,
};

static void
begin(
    struct oversize *it, const uint8_t *l3, const struct l3 *p, size_t max_len)
{
	memset(it, 0, sizeof(*it));
	it->l3 = l3;
	it->max_len = max_len > PACKET_MAX ? PACKET_MAX : (uint32_t)max_len;
	it->l4 = p->l4;
	it->total = p->total;
}

enum oversize_result
oversize_segment_init(
    struct oversize *it, const uint8_t *l3, size_t len, size_t max_len)
{
	struct checksum_found found;
	struct l3 p;
	uint32_t tcp_head;

	if (!l3_read(&p, l3, len))
		return OVERSIZE_MALFORMED;
	if (p.protocol != L3_PROTO_TCP || l3_is_fragment(&p) || p.routed)
		return OVERSIZE_UNFIT;
	if (p.total - p.l4 < TCP_HEAD)
		return OVERSIZE_MALFORMED;
	tcp_head = (l3[p.l4 + TCP_DATA_OFFSET] >> 4) * 4u;
	if (tcp_head < TCP_HEAD || tcp_head > p.total - p.l4)
		return OVERSIZE_MALFORMED;

	begin(it, l3, &p, max_len);
	it->segments = true;
	it->data = it->next = p.l4 + tcp_head;
	if (it->next == it->total || it->max_len <= it->next ||
	    (l3[p.l4 + TCP_FLAGS] & (TCP_SYN | TCP_RST)) != 0)
		return OVERSIZE_UNFIT;
	if (p.version == 4 && checksum_of(l3, p.l4) != 0)
		return OVERSIZE_CHECKSUM;
	checksum_check(l3, len, &found);
	if (found.state != CHECKSUM_GOOD && found.state != CHECKSUM_PARTIAL)
		return OVERSIZE_CHECKSUM;
	return OVERSIZE_OK;
}

/* The options that every fragment has: false if they are malformed. */
static bool
read_options(struct oversize *it)
{
	const uint8_t *l3 = it->l3;
	uint32_t at, len;

	for (at = L3_IP4_HEAD; at < it->l4; at += len) {
		if (l3[at] == OPTION_END)
			break;
		len = 1;
		if (l3[at] == OPTION_NOP)
			continue;
		if (at + 1 == it->l4)
			return false;
		len = l3[at + 1];
		if (len < 2 || len > it->l4 - at)
			return false;
		if ((l3[at] & OPTION_COPIED) == 0)
			continue;
		memcpy(it->options + it->options_len, l3 + at, len);
		it->options_len = (uint8_t)(it->options_len + len);
	}
	/* The rest of the last word is OPTION_END, by begin() */
	it->options_len = (uint8_t)((it->options_len + 3) & ~3);
	return true;
}

enum oversize_result
oversize_fragment_init(struct oversize *it, const uint8_t *l3, size_t len,
    size_t max_len, bool fix_checksum)
{
	struct checksum_found found;
	struct l3 p;

	if (!l3_read(&p, l3, len))
		return OVERSIZE_MALFORMED;
	if (p.version != 4 || (l3_get16(l3 + 6) & L3_IP4_DF) != 0)
		return OVERSIZE_UNFIT;
	if (p.frag_from + p.total > DATAGRAM_MAX ||
	    (p.more && (p.total - p.l4) % FRAGMENT_UNIT != 0))
		return OVERSIZE_MALFORMED;

	begin(it, l3, &p, max_len);
	it->data = it->next = p.l4;
	it->more = p.more;
	it->from = p.frag_from;
	if (!read_options(it))
		return OVERSIZE_MALFORMED;
	if (it->total > it->max_len && it->max_len < p.l4 + FRAGMENT_UNIT)
		return OVERSIZE_UNFIT;
	if (checksum_of(l3, p.l4) != 0)
		return OVERSIZE_CHECKSUM;
	if (fix_checksum) {
		checksum_check(l3, len, &found);
		if (found.state == CHECKSUM_PARTIAL) {
			it->patch = found.at;
			it->patch_value = found.full;
		}
	}
	return OVERSIZE_OK;
}

static void
put_head_checksum(uint8_t *out, size_t head)
{
	be16 check;

	memset(out + 10, 0, sizeof(check));
	check = checksum_of(out, head);
	memcpy(out + 10, &check, sizeof(check));
}

/* What of the TCP header differs from segment to segment. */
static void
put_tcp(const struct oversize *it, uint8_t *tcp, bool last)
{
	uint32_t before = it->next - it->data;
	uint16_t urgent = l3_get16(tcp + TCP_URGENT);

	l3_put32(tcp + TCP_SEQUENCE, l3_get32(tcp + TCP_SEQUENCE) + before);
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (it->piece == 0)
		return;
	tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	if ((tcp[TCP_FLAGS] & TCP_URG) == 0)
		return;
	/* It counts from this segment's own sequence number */
	if (urgent > before) {
		l3_put16(tcp + TCP_URGENT, urgent - before);
	} else {
		l3_put16(tcp + TCP_URGENT, 0);
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_URG;
	}
}

static size_t
next_segment(struct oversize *it, uint8_t *out, size_t room)
{
	uint32_t chunk = it->max_len - it->data, len;
	be16 check;

	if (chunk > it->total - it->next)
		chunk = it->total - it->next;
	len = it->data + chunk;
	if (len > room)
		return 0;
	memcpy(out, it->l3, it->data);
	memcpy(out + it->data, it->l3 + it->next, chunk);
	put_tcp(it, out + it->l4, it->next + chunk == it->total);
	if (out[0] >> 4 == 4) {
		l3_put16(out + 2, len);
		l3_put16(out + 4, l3_get16(out + 4) + it->piece);
		put_head_checksum(out, it->l4);
	} else {
		l3_put16(out + 4, len - L3_IP6_HEAD);
	}
	memset(out + it->l4 + TCP_CHECKSUM, 0, sizeof(check));
	check = checksum_end(
	    checksum_upper(out, it->l4, L3_PROTO_TCP, len - it->l4));
	memcpy(out + it->l4 + TCP_CHECKSUM, &check, sizeof(check));
	it->next += chunk;
	return len;
}

static size_t
next_fragment(struct oversize *it, uint8_t *out, size_t room)
{
	uint32_t left = it->total - it->next, head = it->l4, chunk, from;
	bool more = it->more;

	if (it->piece > 0)
		head = L3_IP4_HEAD + it->options_len;
	chunk = left;
	if (chunk > it->max_len - head) {
		chunk = (it->max_len - head) & ~(FRAGMENT_UNIT - 1u);
		more = true;
	}
	if (head + chunk > room)
		return 0;
	memcpy(out, it->l3, it->piece > 0 ? L3_IP4_HEAD : head);
	if (it->piece > 0)
		memcpy(out + L3_IP4_HEAD, it->options, it->options_len);
	memcpy(out + head, it->l3 + it->next, chunk);
	if (it->patch >= it->next && it->patch < it->next + chunk)
		memcpy(out + head + (it->patch - it->next), &it->patch_value,
		    sizeof(it->patch_value));

	from = it->from + it->next - it->data;
	out[0] = (uint8_t)(0x40 | head / 4);
	l3_put16(out + 2, head + chunk);
	/* The bit above DF is reserved and not ours to clear */
	l3_put16(out + 6,
	    (l3_get16(it->l3 + 6) & ~(L3_IP4_MF | L3_IP4_OFFSET)) |
		(more ? L3_IP4_MF : 0) | from / FRAGMENT_UNIT);
	put_head_checksum(out, head);
	it->next += chunk;
	return head + chunk;
}

size_t
oversize_next(struct oversize *it, uint8_t *out, size_t room)
{
	size_t len;

	if (it->done)
		return 0;
	len = it->segments ? next_segment(it, out, room)
			   : next_fragment(it, out, room);
	it->piece++;
	it->done = len == 0 || it->next == it->total;
	return len;
}
