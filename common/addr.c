/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/addr.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int
addr_from_bytes(struct addr *out, const void *bytes, size_t len)
{
	if (len == 4) {
		memcpy(out->bytes, mapped_prefix, 12);
		memcpy(out->bytes + 12, bytes, 4);
		return 0;
	}
	if (len != 16 || memcmp(bytes, mapped_prefix, 12) == 0)
		return -1;
	memcpy(out->bytes, bytes, 16);
	return 0;
}

const uint8_t *
addr_bytes(const struct addr *a, size_t *len)
{
	if (addr_is4(a)) {
		*len = 4;
		return a->bytes + 12;
	}
	*len = 16;
	return a->bytes;
}

int
addr_parse(struct addr *out, const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return addr_from_bytes(out, bytes, 4);
	if (inet_pton(AF_INET6, text, bytes) == 1)
		return addr_from_bytes(out, bytes, 16);
	return -1;
}

const char *
addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, buf, ADDR_TEXT_MAX);
	return buf;
}

bool
addr_is4(const struct addr *a)
{
	return memcmp(a->bytes, mapped_prefix, 12) == 0;
}

bool
addr_is_none(const struct addr *a)
{
	static const struct addr none;

	return memcmp(a, &none, sizeof(none)) == 0;
}

bool
addr_is_unicast(const struct addr *a)
{
	uint8_t first = a->bytes[addr_is4(a) ? 12 : 0];

	if (addr_is_none(a))
		return false;
	if (addr_is4(a))
		return first != 0 && first < 224;
	return first != 0xff;
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool
addr_is_reachable(const struct addr *a)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	if (!addr_is_unicast(a))
		return false;
	if (len == 4)
		return bytes[0] != 127 && (bytes[0] != 169 || bytes[1] != 254);
	return memcmp(bytes, loopback6, sizeof(loopback6)) != 0 &&
	    (bytes[0] != 0xfe || (bytes[1] & 0xc0) != 0x80);
}
