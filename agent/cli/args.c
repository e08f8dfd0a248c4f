/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
args_seconds(const char *option, const char *text, uint32_t max,
    uint32_t otherwise, uint32_t *out, struct errmsg *why)
{
	unsigned long v;
	char *end;

	*out = otherwise;
	if (text == NULL)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    v > max)
		return errmsg_set(why, "--%s must be 0..%u seconds, got '%s'",
		    option, max, text);
	*out = (uint32_t)v;
	return 0;
}

int
args_service(
    const char *text, char name[FORWARDING_NAME_MAX], struct errmsg *why)
{
	if (!forwarding_name_valid(text, strlen(text)))
		return errmsg_set(why,
		    "'%s': a service's name has 1..%d of A-Z a-z 0-9 . _ -",
		    text, FORWARDING_NAME_MAX - 1);
	strcpy(name, text); /* valid: it fits */
	return 0;
}

int
args_address(const char *text, struct addr *a, struct errmsg *why)
{
	if (addr_parse(a, text) == -1 || addr_is_none(a))
		return errmsg_set(why,
		    "'%s' is no IPv4 or IPv6 address of a host, such as "
		    "10.1.0.7 or 2001:db8::7",
		    text);
	return 0;
}

/* One with a newline in it would be two fields. */
static int
check_value(const char *key, const char *value, struct errmsg *why)
{
	for (; *value != '\0'; value++)
		if (*value < ' ' || *value > '~')
			return errmsg_set(why,
			    "%s: only printable ASCII without line breaks can "
			    "be set",
			    key);
	return 0;
}

int
args_field(char fields[CONTROL_FIELDS_MAX], const char *key, const char *value,
    struct errmsg *why)
{
	size_t used = strlen(fields), key_len = strlen(key);

	if (check_value("the key", key, why) == -1 ||
	    check_value(key, value, why) == -1)
		return -1;
	/* A newline before, '=' between, and the NUL. */
	if (used + (used > 0) + key_len + 1 + strlen(value) + 1 >
	    CONTROL_FIELDS_MAX)
		return errmsg_set(why,
		    "%s: that is too long; all values together may have some "
		    "%d characters",
		    key, CONTROL_FIELDS_MAX);
	if (used > 0)
		fields[used++] = '\n';
	memcpy(fields + used, key, key_len);
	fields[used + key_len] = '=';
	strcpy(fields + used + key_len + 1, value);
	return 0;
}

int
args_fields(char fields[CONTROL_FIELDS_MAX], char *const *words, size_t n,
    struct errmsg *why)
{
	char key[32];

	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(words[i], "=");

		if (len == 0 || len >= sizeof(key) || words[i][len] == '\0')
			return errmsg_set(why,
			    "'%s': KEY=VALUE is needed, such as ports=80,443",
			    words[i]);
		memcpy(key, words[i], len);
		key[len] = '\0';
		if (args_field(fields, key, words[i] + len + 1, why) == -1)
			return -1;
	}
	return 0;
}
