/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/l3_build.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t addresses4[8] = {198, 51, 100, 9, 203, 0, 113, 10};
static const uint8_t addresses6[32] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x99, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 9, 0x20, 0x01, 0x0d, 0xb8, 1, 0x13, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10};

static void
put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static size_t
get16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

uint8_t
l3_pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 31 + 1);
}

uint32_t
l3_plain_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	/* 32 bits hold what 65,600 bytes can come to */
	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (i < len)
		sum += (uint32_t)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint16_t
l3_plain_checksum(uint32_t sum)
{
	return (uint16_t)(0xffff - sum);
}

uint32_t
l3_plain_pseudo(const uint8_t *l3, uint8_t protocol, size_t l4_len)
{
	uint8_t tail[8] = {0};
	uint32_t sum;

	if (l3[0] >> 4 == 4)
		sum = l3_plain_sum(0, l3 + 12, 8);
	else
		sum = l3_plain_sum(0, l3 + 8, 32);
	put16(tail, l4_len >> 16);
	put16(tail + 2, l4_len);
	tail[7] = protocol;
	return l3_plain_sum(sum, tail, sizeof(tail));
}

size_t
l3_upper(const uint8_t *l3, uint8_t *protocol)
{
	size_t at = 40;

	if (l3[0] >> 4 == 4) {
		*protocol = l3[9];
		return (l3[0] & 15) * 4u;
	}
	*protocol = l3[6];
	while (*protocol == 0 || *protocol == 43 || *protocol == 44 ||
	    *protocol == 60) {
		uint8_t next = l3[at];

		/* What a fragment has is not an upper layer, or not whole */
		if (*protocol == 44 && (get16(l3 + at + 2) & ~6u) != 0)
			return at + 8;
		at += *protocol == 44 ? 8 : (l3[at + 1] + 1u) * 8;
		*protocol = next;
	}
	return at;
}

/* Where the upper layer's checksum is; 0: it has none. */
static size_t
checksum_offset(uint8_t protocol)
{
	switch (protocol) {
	case 6:
		return 16;
	case 17:
		return 6;
	case 1:
	case 58:
		return 2;
	default:
		return 0;
	}
}

static uint32_t
upper_sum(const uint8_t *l3, size_t len)
{
	uint8_t protocol;
	size_t at = l3_upper(l3, &protocol);
	uint32_t sum = 0;

	if (protocol != 1)
		sum = l3_plain_pseudo(l3, protocol, len - at);
	return l3_plain_sum(sum, l3 + at, len - at);
}

void
l3_repair(uint8_t *l3, size_t len)
{
	uint8_t protocol, *field;
	size_t at = l3_upper(l3, &protocol);
	uint16_t check;

	if (l3[0] >> 4 == 4) {
		put16(l3 + 10, 0);
		put16(l3 + 10,
		    l3_plain_checksum(l3_plain_sum(0, l3, (l3[0] & 15) * 4u)));
	}
	if (checksum_offset(protocol) == 0)
		return;
	field = l3 + at + checksum_offset(protocol);
	put16(field, 0);
	check = l3_plain_checksum(upper_sum(l3, len));
	put16(field, protocol == 17 && check == 0 ? 0xffff : check);
}

static size_t
put_upper(uint8_t *p, const struct l3_spec *spec)
{
	size_t head = 8, i;

	if (spec->protocol == 6) {
		head = 20 + spec->tcp_options;
		memset(p, 0, head);
		memset(p + 20, 1, spec->tcp_options);
		put16(p, 4711);
		put16(p + 2, 443);
		memcpy(p + 4, "\xff\xff\xf0\x00\x01\x02\x03\x04", 8);
		p[12] = (uint8_t)(head / 4 << 4);
		p[13] = spec->tcp_flags;
		put16(p + 14, 512);
		put16(p + 18, spec->urgent);
	} else if (spec->protocol == 17) {
		put16(p, 4711);
		put16(p + 2, 443);
		put16(p + 4, 8 + spec->payload);
	} else {
		memset(p, 0, 8);
		p[0] = spec->icmp_type;
		p[1] = spec->icmp_code;
		put16(p + 4, 0x1234);
		put16(p + 6, 1);
	}
	for (i = 0; i < spec->payload; i++)
		p[head + i] = l3_pattern(i);
	return head + spec->payload;
}

size_t
l3_build(uint8_t out[L3_MAX], const struct l3_spec *spec)
{
	size_t head, len;

	memset(out, 0, 100);
	if (spec->version == 4) {
		head = 20 + spec->options_len;
		out[0] = (uint8_t)(0x40 | head / 4);
		put16(out + 4, 0x4321);
		put16(out + 6, spec->frag4);
		out[8] = 61;
		out[9] = spec->protocol;
		memcpy(out + 12, addresses4, 8);
		if (spec->options_len > 0)
			memcpy(out + 20, spec->options, spec->options_len);
	} else {
		head = 40 + spec->extensions_len;
		out[0] = 0x60;
		out[6] = spec->extensions_len > 0 ? spec->first_header
						  : spec->protocol;
		out[7] = 61;
		memcpy(out + 8, addresses6, 32);
		if (spec->extensions_len > 0)
			memcpy(
			    out + 40, spec->extensions, spec->extensions_len);
	}
	len = head + put_upper(out + head, spec);
	ck_assert_uint_le(len, spec->version == 4 ? 65535 : 65575);
	put16(out + (spec->version == 4 ? 2 : 4),
	    spec->version == 4 ? len : len - 40);
	l3_repair(out, len);
	if (spec->partial)
		put16(out + head + checksum_offset(spec->protocol),
		    l3_plain_pseudo(out, spec->protocol, len - head));
	return len;
}

bool
l3_sound(const uint8_t *l3, size_t len)
{
	uint8_t protocol;

	if (l3[0] >> 4 == 4) {
		if (get16(l3 + 2) != len ||
		    l3_plain_sum(0, l3, (l3[0] & 15) * 4u) != 0xffff)
			return false;
		if ((get16(l3 + 6) & 0x3fff) != 0)
			return true;
	} else if (l3[0] >> 4 != 6 || get16(l3 + 4) != len - 40) {
		return false;
	}
	l3_upper(l3, &protocol);
	return checksum_offset(protocol) == 0 || upper_sum(l3, len) == 0xffff;
}

uint8_t *
l3_tight(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}
