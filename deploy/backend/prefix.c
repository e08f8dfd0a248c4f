/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "deploy/backend/prefix.h"

#include <stdio.h>
#include <string.h>

/* 1 to 3 digits, at most max; -1: something else. */
static int
parse_len(const char *text, unsigned max)
{
	unsigned len = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && i < 3; i++)
		len = len * 10 + (unsigned)(text[i] - '0');
	return i == 0 || text[i] != '\0' || len > max ? -1 : (int)len;
}

static bool
host_bits_set(const uint8_t *bytes, size_t n_bytes, unsigned len)
{
	size_t i = len / 8;

	if (len % 8 != 0 && (bytes[i++] & (0xff >> (len % 8))) != 0)
		return true;
	for (; i < n_bytes; i++)
		if (bytes[i] != 0)
			return true;
	return false;
}

int
prefix_parse(struct prefix *out, const char *text, struct errmsg *why)
{
	char addr[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text), n;
	const uint8_t *bytes;
	struct prefix prefix;
	int len;

	if (addr_len >= sizeof(addr))
		return errmsg_set(why, "%.60s: not an address", text);
	memcpy(addr, text, addr_len);
	addr[addr_len] = '\0';
	if (addr_parse(&prefix.addr, addr) == -1)
		return errmsg_set(why, "%s: not an IPv4 or IPv6 address", text);
	bytes = addr_bytes(&prefix.addr, &n);
	len = slash ? parse_len(slash + 1, (unsigned)n * 8) : (int)n * 8;
	if (len == -1)
		return errmsg_set(
		    why, "%.60s: the length after / is 0..%zu", text, n * 8);
	prefix.len = (unsigned)len;
	if (host_bits_set(bytes, n, prefix.len))
		return errmsg_set(why,
		    "%s: has bits set behind the length; write the network's "
		    "own address",
		    text);
	*out = prefix;
	return 0;
}

const char *
prefix_format(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX])
{
	size_t n;

	addr_format(&prefix->addr, buf);
	addr_bytes(&prefix->addr, &n);
	if (prefix->len != n * 8)
		snprintf(buf + strlen(buf), PREFIX_TEXT_MAX - strlen(buf),
		    "/%u", prefix->len);
	return buf;
}
