/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/checksum.h"
#include "balancer/core/l3.h"

enum {
	TCP_HEAD = 20,
	TCP_CHECKSUM = 16,
	UDP_HEAD = 8,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
};

static uint64_t
pseudo(const uint8_t *l3, uint8_t protocol, size_t l4_len)
{
	if (l3[0] >> 4 == 4)
		return checksum_pseudo4(l3 + 12, protocol, (uint16_t)l4_len);
	return checksum_pseudo6(l3 + 8, protocol, (uint32_t)l4_len);
}

uint64_t
checksum_upper(const uint8_t *l3, size_t l4, uint8_t protocol, size_t l4_len)
{
	return checksum_add(pseudo(l3, protocol, l4_len), l3 + l4, l4_len);
}

/* Where the checksum is, and how much it covers: false if nowhere. */
static bool
covered(const struct l3 *p, const uint8_t *l3, uint32_t *at, uint32_t *l4_len)
{
	uint32_t room = p->total - p->l4;

	if (l3_is_fragment(p) || p->routed)
		return false;
	if (p->protocol == L3_PROTO_TCP) {
		*at = p->l4 + TCP_CHECKSUM;
		*l4_len = room;
		return room >= TCP_HEAD;
	}
	if (p->protocol != L3_PROTO_UDP || room < UDP_HEAD)
		return false;
	*at = p->l4 + UDP_CHECKSUM;
	*l4_len = l3_get16(l3 + p->l4 + UDP_LENGTH);
	return *l4_len >= UDP_HEAD && *l4_len <= room;
}

void
checksum_check(const uint8_t *l3, size_t len, struct checksum_found *found)
{
	struct l3 p;
	uint32_t l4_len;
	uint64_t sum;
	be16 field;

	found->state = CHECKSUM_UNKNOWN;
	if (!l3_read(&p, l3, len) || !covered(&p, l3, &found->at, &l4_len))
		return;
	__builtin_memcpy(&field, l3 + found->at, sizeof(field));
	if (field == 0 && p.protocol == L3_PROTO_UDP && p.version == 4) {
		found->state = CHECKSUM_GOOD;
		return;
	}
	sum = checksum_upper(l3, p.l4, p.protocol, l4_len);
	if (checksum_fold(sum) == 0xffff) {
		found->state = CHECKSUM_GOOD;
		return;
	}
	if (checksum_fold(pseudo(l3, p.protocol, l4_len)) != field) {
		found->state = CHECKSUM_BAD;
		return;
	}
	found->state = CHECKSUM_PARTIAL;
	sum += (be16)~field; /* takes the field out: x + ~x is a zero */
	found->full = p.protocol == L3_PROTO_UDP ? checksum_end_udp(sum)
						 : checksum_end(sum);
}

bool
checksum_finish(uint8_t *l3, size_t len)
{
	struct checksum_found found;
	struct l3 p;
	uint32_t at, l4_len;
	be16 field;

	/* The look at the header first: on most packets it ends here */
	if (!l3_read(&p, l3, len) || !covered(&p, l3, &at, &l4_len))
		return false;
	__builtin_memcpy(&field, l3 + at, sizeof(field));
	if (checksum_fold(pseudo(l3, p.protocol, l4_len)) != field)
		return false;
	checksum_check(l3, len, &found);
	if (found.state != CHECKSUM_PARTIAL)
		return false;
	__builtin_memcpy(l3 + found.at, &found.full, sizeof(found.full));
	return true;
}
