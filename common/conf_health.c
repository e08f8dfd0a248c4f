/* SPDX-License-Identifier: Apache-2.0 */
/* How a service's backends are checked, from what libcyaml read. What a check
 * may be is health_check.c's to say; here its words become the place in the
 * file. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_schema.h"

#define PANIC_DEFAULT 25 /* per cent */

struct reader {
	const struct conf_tree *tree;
	const struct conf_node *place; /* the `check` */
	struct errmsg *why;
};

/* Whole seconds or with up to three decimals: one second is long where a check
 * runs ten times in it. At most six digits before the point fit in 32 bits. */
static int
parse_seconds(const char *text, uint32_t *ms)
{
	size_t whole = strspn(text, "0123456789"), decimals = 0;
	uint32_t scale = 1000;

	if (text[whole] == '.') {
		decimals = strspn(text + whole + 1, "0123456789");
		if (decimals == 0 || text[whole + 1 + decimals] != '\0')
			return -1;
	} else if (text[whole] != '\0') {
		return -1;
	}
	if (whole == 0 || whole > 6 || (whole > 1 && text[0] == '0') ||
	    decimals > 3)
		return -1;
	*ms = (uint32_t)strtoul(text, NULL, 10) * scale;
	for (size_t i = 0; i < decimals; i++) {
		scale /= 10;
		*ms += (uint32_t)(text[whole + 1 + i] - '0') * scale;
	}
	return 0;
}

static int
set_time(
    const struct reader *r, uint32_t *out, const char *given, const char *key)
{
	if (given == NULL || parse_seconds(given, out) == 0)
		return 0;
	return conf_tree_fail(r->tree, conf_node_place(r->place, key), r->why,
	    "%s must be seconds such as 2 or 0.25, got '%s'", key,
	    conf_show(given).text);
}

static int
set_number(const struct reader *r, uint8_t *out, const uint64_t *given,
    const char *key)
{
	if (given == NULL)
		return 0;
	if (*given > UINT8_MAX)
		return conf_tree_fail(r->tree, conf_node_place(r->place, key),
		    r->why, "%s must be 1..100, got %ju", key,
		    (uintmax_t)*given);
	*out = (uint8_t)*given;
	return 0;
}

static int
set_text(const struct reader *r, char out[CHECK_TEXT_MAX], const char *given,
    const char *key)
{
	size_t len;

	if (given == NULL)
		return 0;
	if ((len = strlen(given)) >= CHECK_TEXT_MAX)
		return conf_tree_fail(r->tree, conf_node_place(r->place, key),
		    r->why, "%s must have at most %d bytes; it has %zu", key,
		    CHECK_TEXT_MAX - 1, len);
	memcpy(out, given, len + 1);
	return 0;
}

/* "200" or "200-399"; validated as numbers afterwards. */
static int
set_status(const struct reader *r, struct health_check *out, const char *given)
{
	static const char digits[] = "0123456789";
	size_t len = given != NULL ? strlen(given) : 0;

	if (given == NULL)
		return 0;
	if (strspn(given, digits) != 3 ||
	    (len != 3 &&
		(len != 7 || given[3] != '-' ||
		    strspn(given + 4, digits) != 3)))
		return conf_tree_fail(r->tree,
		    conf_node_place(r->place, "status"), r->why,
		    "status must be 100..599, or two of them such as 200-399, "
		    "got '%s'",
		    conf_show(given).text);
	out->status_min = (uint16_t)strtoul(given, NULL, 10);
	out->status_max = (uint16_t)strtoul(given + len - 3, NULL, 10);
	return 0;
}

static int
set_port(const struct reader *r, struct health_check *out,
    const struct raw_check *raw, const struct conf_service *s)
{
	if (!health_check_has(out->kind, "port"))
		return 0;
	if (raw->port == NULL && s->n_ports == 0)
		return conf_tree_fail(r->tree, r->place, r->why,
		    "check needs the key 'port', since the service has no "
		    "'ports' to take the first of");
	if (raw->port != NULL && (*raw->port == 0 || *raw->port > UINT16_MAX))
		return conf_tree_fail(r->tree,
		    conf_node_place(r->place, "port"), r->why,
		    "port must be 1..65535, got %ju", (uintmax_t)*raw->port);
	out->port = raw->port != NULL ? (uint16_t)*raw->port : s->ports[0];
	return 0;
}

/* A key that does nothing would be taken for one that does. */
static int
check_keys(const struct reader *r, enum check_kind kind)
{
	for (const struct conf_node *n = r->place->first; n != NULL;
	     n = n->next)
		if (strcmp(n->key->text, "type") != 0 &&
		    !health_check_has(kind, n->key->text))
			return conf_tree_fail(r->tree, n->key, r->why,
			    "a check of type %s has no '%s'",
			    health_check_kind_name(kind),
			    conf_show(n->key->text).text);
	return 0;
}

/* Its message begins with "check: KEY ". */
static int
validate(const struct reader *r, const struct health_check *c)
{
	struct errmsg cause;
	const char *text = cause.text + strlen("check: ");
	char key[16];

	if (health_check_validate(c, &cause) == 0)
		return 0;
	snprintf(key, sizeof(key), "%.*s", (int)strcspn(text, " "), text);
	return conf_tree_fail(
	    r->tree, conf_node_place(r->place, key), r->why, "%s", text);
}

static int
set_check(
    const struct reader *r, struct conf_service *s, const struct raw_check *raw)
{
	struct health_check *out = &s->check;

	if (check_keys(r, raw->type) == -1)
		return -1;
	health_check_init(out, raw->type);
	if (set_port(r, out, raw, s) == -1 ||
	    set_time(r, &out->interval_ms, raw->interval, "interval") == -1)
		return -1;
	out->timeout_ms = out->interval_ms / 2;
	out->tunnel = raw->tunnel != NULL && *raw->tunnel == RAW_TRUE;
	out->insecure = raw->insecure != NULL && *raw->insecure == RAW_TRUE;
	if (set_time(r, &out->timeout_ms, raw->timeout, "timeout") == -1 ||
	    set_number(r, &out->rise, raw->rise, "rise") == -1 ||
	    set_number(r, &out->fall, raw->fall, "fall") == -1 ||
	    set_text(r, out->host, raw->host, "host") == -1 ||
	    set_text(r, out->path, raw->path, "path") == -1 ||
	    set_status(r, out, raw->status) == -1 ||
	    set_text(r, out->send, raw->send, "send") == -1 ||
	    set_text(r, out->expect, raw->expect, "expect") == -1)
		return -1;
	return validate(r, out);
}

int
conf_health(struct conf_service *s, const struct raw_service *raw,
    const struct conf_tree *tree, const struct conf_node *place,
    struct errmsg *why)
{
	struct reader r = {tree, conf_node_place(place, "check"), why};
	uint64_t panic = raw->panic != NULL ? *raw->panic : PANIC_DEFAULT;

	if (panic > 100)
		return conf_tree_fail(tree, conf_node_place(place, "panic"),
		    why, "panic must be 0..100 per cent, got %ju",
		    (uintmax_t)panic);
	s->panic_percent = (uint8_t)panic;
	if (raw->check != NULL)
		return set_check(&r, s, raw->check);
	health_check_init(&s->check, CHECK_NONE);
	return 0;
}
