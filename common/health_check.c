/* SPDX-License-Identifier: Apache-2.0 */
/* What a health check may be, in one table per question: which kinds a field
 * counts for, and how it is written. A field that does not count for its kind
 * keeps its default, so that the canonical form is the whole value. */
#include "config.h"

#include "common/health_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"

#define INTERVAL_MIN     100
#define INTERVAL_MAX     3600000
#define INTERVAL_DEFAULT 2000
#define TIMEOUT_MIN      10
#define TIMES_MAX        100 /* rise and fall */
#define NAME_MAX_DNS     253 /* RFC 1035, 2.3.4, as text */
#define LABEL_MAX        63

static const char *const kinds[] = {
    [CHECK_NONE] = "none",
    [CHECK_TCP] = "tcp",
    [CHECK_HTTP] = "http",
    [CHECK_HTTPS] = "https",
    [CHECK_UDP] = "udp",
    [CHECK_DNS] = "dns",
    [CHECK_ICMP] = "icmp",
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The fields, in the order of the canonical form. */
enum field {
	FIELD_PORT,
	FIELD_TUNNEL,
	FIELD_HOST,
	FIELD_PATH,
	FIELD_STATUS,
	FIELD_INSECURE,
	FIELD_SEND,
	FIELD_EXPECT,
	FIELD_INTERVAL,
	FIELD_TIMEOUT,
	FIELD_RISE,
	FIELD_FALL,
	N_FIELDS
};

#define K(kind)      (1u << CHECK_##kind)
#define K_WEB        (K(HTTP) | K(HTTPS))
#define K_ALL        (K(TCP) | K_WEB | K(UDP) | K(DNS) | K(ICMP))
#define MEMBER(name) offsetof(struct health_check, name)

static const struct {
	const char *key;
	unsigned kinds; /* that it counts for */
	size_t text;    /* where a text is in struct health_check; 0: none */
} fields[N_FIELDS] = {
    [FIELD_PORT] = {"port", K_ALL & ~K(ICMP), 0},
    [FIELD_TUNNEL] = {"tunnel", K_ALL, 0},
    [FIELD_HOST] = {"host", K_WEB | K(DNS), MEMBER(host)},
    [FIELD_PATH] = {"path", K_WEB, MEMBER(path)},
    [FIELD_STATUS] = {"status", K_WEB, 0},
    [FIELD_INSECURE] = {"insecure", K(HTTPS), 0},
    [FIELD_SEND] = {"send", K(UDP), MEMBER(send)},
    [FIELD_EXPECT] = {"expect", K(UDP), MEMBER(expect)},
    [FIELD_INTERVAL] = {"interval", K_ALL, 0},
    [FIELD_TIMEOUT] = {"timeout", K_ALL, 0},
    [FIELD_RISE] = {"rise", K_ALL, 0},
    [FIELD_FALL] = {"fall", K_ALL, 0},
};

static bool
counts(enum check_kind kind, enum field f)
{
	return ((fields[f].kinds >> kind) & 1) != 0;
}

const char *
health_check_kind_name(enum check_kind kind)
{
	return (size_t)kind < N_KINDS ? kinds[kind] : "?";
}

bool
health_check_has(enum check_kind kind, const char *key)
{
	for (size_t f = 0; f < N_FIELDS; f++)
		if (strcmp(fields[f].key, key) == 0)
			return counts(kind, (enum field)f);
	return false;
}

void
health_check_init(struct health_check *c, enum check_kind kind)
{
	*c = (struct health_check){
	    .kind = kind,
	    .interval_ms = INTERVAL_DEFAULT,
	    .timeout_ms = INTERVAL_DEFAULT / 2,
	    .rise = 2,
	    .fall = 3,
	    .path = "/",
	    .status_min = 200,
	    .status_max = 399,
	};
}

/* Labels of letters, digits, '-' and '_' between dots; the root is ".". */
static bool
is_domain_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_";
	size_t len = strlen(name);

	if (strcmp(name, ".") == 0)
		return true;
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_DNS)
		return false;
	for (const char *p = name;;) {
		size_t label = strspn(p, letters);

		if (label == 0 || label > LABEL_MAX)
			return false;
		p += label;
		if (*p == '\0' || strcmp(p, ".") == 0)
			return true;
		if (*p++ != '.')
			return false;
	}
}

/* What is asked of a web server must name one, so it has no dot at the end:
 * no certificate has. */
static int
check_host(const struct health_check *c, struct errmsg *why)
{
	struct addr literal;
	size_t len = strlen(c->host);

	if (c->kind == CHECK_DNS)
		return is_domain_name(c->host)
		    ? 0
		    : errmsg_set(why,
			  "check: host must be the domain name to ask for");
	if (len == 0 || addr_parse(&literal, c->host) == 0 ||
	    (is_domain_name(c->host) && c->host[len - 1] != '.'))
		return 0;
	return errmsg_set(why,
	    "check: host must be a host name or an address, without a port "
	    "and without a dot at the end");
}

/* It becomes part of a request line: nothing in it may end that. */
static int
check_path(const struct health_check *c, struct errmsg *why)
{
	if (c->path[0] != '/')
		return errmsg_set(why, "check: path must begin with '/'");
	for (const char *p = c->path; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')
			return errmsg_set(why,
			    "check: path must be of printable ASCII characters "
			    "without spaces and '#'; percent-encode others");
	return 0;
}

static int
check_status(const struct health_check *c, struct errmsg *why)
{
	if (c->status_min >= 100 && c->status_max <= 599 &&
	    c->status_min <= c->status_max)
		return 0;
	return errmsg_set(why,
	    "check: status must be 100..599, or two of them from low to high "
	    "such as 200-399");
}

static int
check_times(const struct health_check *c, struct errmsg *why)
{
	if (c->interval_ms < INTERVAL_MIN || c->interval_ms > INTERVAL_MAX)
		return errmsg_set(why,
		    "check: interval must be 0.1..3600 seconds, got %u ms",
		    c->interval_ms);
	if (c->timeout_ms < TIMEOUT_MIN || c->timeout_ms > c->interval_ms)
		return errmsg_set(why,
		    "check: timeout must be 10 ms up to the interval, which is "
		    "%u ms, got %u ms",
		    c->interval_ms, c->timeout_ms);
	if (c->rise == 0 || c->rise > TIMES_MAX)
		return errmsg_set(why, "check: rise must be 1..%d, got %u",
		    TIMES_MAX, c->rise);
	if (c->fall == 0 || c->fall > TIMES_MAX)
		return errmsg_set(why, "check: fall must be 1..%d, got %u",
		    TIMES_MAX, c->fall);
	return 0;
}

int
health_check_validate(const struct health_check *c, struct errmsg *why)
{
	if ((size_t)c->kind >= N_KINDS)
		return errmsg_set(why, "check: type %d is unknown", c->kind);
	if (c->kind == CHECK_NONE)
		return 0;
	for (size_t f = 0; f < N_FIELDS; f++)
		if (fields[f].text != 0 &&
		    memchr((const char *)c + fields[f].text, '\0',
			CHECK_TEXT_MAX) == NULL)
			return errmsg_set(why,
			    "check: %s must have at most %d bytes",
			    fields[f].key, CHECK_TEXT_MAX - 1);
	if (counts(c->kind, FIELD_PORT) != (c->port != 0))
		return errmsg_set(why,
		    c->port == 0 ? "check: port must be 1..65535"
				 : "check: port is nothing that %s has",
		    health_check_kind_name(c->kind));
	if (counts(c->kind, FIELD_HOST) && check_host(c, why) == -1)
		return -1;
	if (counts(c->kind, FIELD_PATH) &&
	    (check_path(c, why) == -1 || check_status(c, why) == -1))
		return -1;
	if (c->kind == CHECK_UDP && c->send[0] == '\0')
		return errmsg_set(
		    why, "check: send must say what is sent, for type udp");
	return check_times(c, why);
}

/* Text in progress; what does not fit is lost, which HEALTH_CHECK_FORMAT_MAX
 * excludes. */
struct line {
	char *at;
	size_t left;
};

static void put(struct line *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->at, l->left, fmt, ap);
	va_end(ap);
	GW_ASSERT(n >= 0 && (size_t)n < l->left);
	l->at += n;
	l->left -= (size_t)n;
}

static void
put_text(struct line *l, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text > ' ' && *text <= '~' && *text != '%')
			put(l, "%c", *text);
		else
			put(l, "%%%02X", (unsigned char)*text);
}

static void
put_field(struct line *l, const struct health_check *c, enum field f)
{
	const char *key = fields[f].key;

	if (fields[f].text != 0) {
		const char *text = (const char *)c + fields[f].text;

		if (text[0] != '\0') {
			put(l, " %s=", key);
			put_text(l, text);
		}
	} else if (f == FIELD_PORT) {
		put(l, " %s=%u", key, c->port);
	} else if (f == FIELD_TUNNEL || f == FIELD_INSECURE) {
		if (f == FIELD_TUNNEL ? c->tunnel : c->insecure)
			put(l, " %s=yes", key);
	} else if (f == FIELD_STATUS) {
		put(l, " %s=%u-%u", key, c->status_min, c->status_max);
	} else if (f == FIELD_INTERVAL) {
		put(l, " %s=%u", key, c->interval_ms);
	} else if (f == FIELD_TIMEOUT) {
		put(l, " %s=%u", key, c->timeout_ms);
	} else {
		put(l, " %s=%u", key, f == FIELD_RISE ? c->rise : c->fall);
	}
}

void
health_check_format(
    const struct health_check *c, char out[HEALTH_CHECK_FORMAT_MAX])
{
	struct line l = {out, HEALTH_CHECK_FORMAT_MAX};

	put(&l, "%s", health_check_kind_name(c->kind));
	for (size_t f = 0; f < N_FIELDS; f++)
		if (counts(c->kind, (enum field)f))
			put_field(&l, c, (enum field)f);
}

/* Digits only, up to max. */
static int
read_number(const char *text, uint32_t max, uint32_t *out)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n;

	if (digits == 0 || digits > 9 || text[digits] != '\0' ||
	    (n = strtoul(text, NULL, 10)) > max)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
read_text(const char *text, char out[CHECK_TEXT_MAX])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		int high, low;

		if (n == CHECK_TEXT_MAX - 1)
			return -1;
		if (*text != '%') {
			out[n++] = *text;
			continue;
		}
		if ((high = hex_digit(text[1])) == -1 ||
		    (low = hex_digit(text[2])) == -1 || (high | low) == 0)
			return -1;
		out[n++] = (char)(high << 4 | low);
		text += 2;
	}
	out[n] = '\0';
	return 0;
}

static int
read_status(char *text, struct health_check *c)
{
	char *dash = strchr(text, '-');
	uint32_t low, high;

	if (dash != NULL)
		*dash = '\0';
	if (read_number(text, 599, &low) == -1 ||
	    read_number(dash != NULL ? dash + 1 : text, 599, &high) == -1)
		return -1;
	c->status_min = (uint16_t)low;
	c->status_max = (uint16_t)high;
	return 0;
}

static int
read_field(struct health_check *c, enum field f, char *value)
{
	uint32_t n = 0;

	if (fields[f].text != 0)
		return read_text(value, (char *)c + fields[f].text);
	if (f == FIELD_STATUS)
		return read_status(value, c);
	if (f == FIELD_TUNNEL || f == FIELD_INSECURE) {
		*(f == FIELD_TUNNEL ? &c->tunnel : &c->insecure) = true;
		return strcmp(value, "yes") == 0 ? 0 : -1;
	}
	if (read_number(value,
		f == FIELD_PORT                          ? UINT16_MAX
		    : f == FIELD_RISE || f == FIELD_FALL ? UINT8_MAX
							 : INTERVAL_MAX,
		&n) == -1)
		return -1;
	if (f == FIELD_PORT)
		c->port = (uint16_t)n;
	else if (f == FIELD_INTERVAL)
		c->interval_ms = n;
	else if (f == FIELD_TIMEOUT)
		c->timeout_ms = n;
	else
		*(f == FIELD_RISE ? &c->rise : &c->fall) = (uint8_t)n;
	return 0;
}

static int
read_pair(
    struct health_check *c, char *pair, unsigned *given, struct errmsg *why)
{
	char *value = strchr(pair, '=');

	if (value != NULL)
		*value++ = '\0';
	for (size_t f = 0; f < N_FIELDS && value != NULL; f++)
		if (strcmp(pair, fields[f].key) == 0 &&
		    counts(c->kind, (enum field)f)) {
			if ((*given >> f & 1) != 0)
				return errmsg_set(why,
				    "check: %s is given twice", fields[f].key);
			*given |= 1u << f;
			if (read_field(c, (enum field)f, value) == 0)
				return 0;
			return errmsg_set(why,
			    "check: %s is not readable: %.64s", fields[f].key,
			    value);
		}
	return errmsg_set(why, "check: %.64s is nothing that %s has", pair,
	    health_check_kind_name(c->kind));
}

static int
read_kind(const char *name, struct health_check *c, struct errmsg *why)
{
	for (size_t k = 0; k < N_KINDS; k++)
		if (strcmp(name, kinds[k]) == 0) {
			health_check_init(c, (enum check_kind)k);
			return 0;
		}
	return errmsg_set(why, "check: type %.64s is unknown", name);
}

int
health_check_parse(
    const char *text, size_t len, struct health_check *c, struct errmsg *why)
{
	char copy[HEALTH_CHECK_FORMAT_MAX], *at = copy, *word;
	unsigned given = 0;

	if (len >= sizeof(copy))
		return errmsg_set(why, "check: %zu bytes are too many", len);
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return errmsg_set(why,
			    "check: byte %zu is not printable ASCII", i + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (read_kind(strsep(&at, " "), c, why) == -1)
		return -1;
	while ((word = strsep(&at, " ")) != NULL)
		if (word[0] != '\0' && read_pair(c, word, &given, why) == -1)
			return -1;
	if ((given >> FIELD_TIMEOUT & 1) == 0)
		c->timeout_ms = c->interval_ms / 2;
	return health_check_validate(c, why);
}
