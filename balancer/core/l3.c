/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/core/l3.h"

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_AUTHENTICATION = 51,
	NEXT_DESTINATION = 60,
};

static bool
read4(struct l3 *p, const uint8_t *l3, size_t len)
{
	uint16_t frag;

	if (len < L3_IP4_HEAD)
		return false;
	p->l4 = (l3[0] & 0x0f) * 4u;
	p->total = l3_get16(l3 + 2);
	if (p->l4 < L3_IP4_HEAD || p->total < p->l4 || p->total > len)
		return false;
	p->protocol = l3[9];
	frag = l3_get16(l3 + 6);
	p->more = (frag & L3_IP4_MF) != 0;
	p->frag_from = (frag & L3_IP4_OFFSET) * 8u;
	return true;
}

/* The length of the extension header at p (at least 8 bytes are there); 0: the
 * upper layer has begun. */
static uint32_t
extension_len(uint8_t next, const uint8_t *p)
{
	switch (next) {
	case NEXT_HOP_BY_HOP:
	case NEXT_ROUTING:
	case NEXT_DESTINATION:
		return (p[1] + 1u) * 8;
	case NEXT_AUTHENTICATION:
		return (p[1] + 2u) * 4;
	case L3_IP6_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static bool
is_extension(uint8_t next)
{
	static const uint8_t none[8];

	return extension_len(next, none) != 0;
}

static bool
read6(struct l3 *p, const uint8_t *l3, size_t len)
{
	uint32_t ext;
	int n;

	if (len < L3_IP6_HEAD)
		return false;
	p->total = L3_IP6_HEAD + l3_get16(l3 + 4);
	if (p->total > len)
		return false;
	p->l4 = L3_IP6_HEAD;
	p->protocol = l3[6];
	for (n = 0; is_extension(p->protocol); n++) {
		const uint8_t *at = l3 + p->l4;

		if (n == L3_IP6_EXT_MAX || p->total - p->l4 < 8)
			return false;
		ext = extension_len(p->protocol, at);
		if (ext > p->total - p->l4)
			return false;
		if (p->protocol == NEXT_ROUTING && at[3] != 0)
			p->routed = true;
		if (p->protocol == L3_IP6_FRAGMENT) {
			if (p->frag_at != 0)
				return false;
			p->frag_at = p->l4;
			p->frag_from = l3_get16(at + 2) & 0xfff8u;
			p->more = (at[3] & 1) != 0;
		}
		p->protocol = at[0];
		p->l4 += ext;
		/* What follows in a later fragment is the middle of anything */
		if (p->frag_from != 0)
			break;
	}
	return true;
}

bool
l3_read(struct l3 *p, const uint8_t *l3, size_t len)
{
	*p = (struct l3){0};
	if (len == 0)
		return false;
	p->version = l3[0] >> 4;
	if (p->version == 4)
		return read4(p, l3, len);
	return p->version == 6 && read6(p, l3, len);
}
