/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of objects: from text to value and back. */
#include "config.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/spec_impl.h"
#include "common/health_check.h"

static void put(struct spec_text *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct spec_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left) {
		t->cut = true;
		return;
	}
	t->at += n;
	t->left -= (size_t)n;
}

/* Decimal digits only. */
static int
number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n;

	if (digits == 0 || digits > 9 || text[digits] != '\0')
		return -1;
	n = strtoul(text, NULL, 10);
	if (n < min || n > max)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

/* The next part of a list between commas, which may have spaces after them;
 * NULL at its end. Cuts the text up. */
static char *
next_part(char **text)
{
	char *part = *text, *comma;

	if (part == NULL)
		return NULL;
	part += strspn(part, " ");
	if ((comma = strchr(part, ',')) != NULL)
		*comma++ = '\0';
	*text = comma;
	return part;
}

static size_t
count_parts(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

/* What has no memory now has some later, so it is no reason to leave an object
 * out: nodes would differ. */
static int
no_memory(struct spec_target *to, struct errmsg *why)
{
	to->no_memory = true;
	return errmsg_set(why, "out of memory");
}

static int
take_vips(struct spec_target *to, const char *text, struct errmsg *why)
{
	struct conf_service *s = to->service;
	size_t n = count_parts(text);
	char *list, *part;

	if (n > FORWARDING_MAX_ENDPOINTS)
		return errmsg_set(why, "must be at most %d, got %zu",
		    FORWARDING_MAX_ENDPOINTS, n);
	list = arena_copy(to->arena, text, strlen(text));
	s->vips = arena_alloc(to->arena, n, sizeof(*s->vips));
	if (list == NULL || s->vips == NULL)
		return no_memory(to, why);
	for (s->n_vips = 0; (part = next_part(&list)) != NULL; s->n_vips++) {
		struct addr *a = &s->vips[s->n_vips];

		if (addr_parse(a, part) == -1 || !addr_is_reachable(a))
			return errmsg_set(why,
			    "must be IPv4 or IPv6 unicast addresses with "
			    "commas between them, got '%.64s'",
			    part);
		for (size_t i = 0; i < s->n_vips; i++)
			if (addr_cmp(&s->vips[i], a) == 0)
				return errmsg_set(
				    why, "must not have %.64s twice", part);
	}
	return 0;
}

static void
put_vips(const struct spec_target *from, struct spec_text *t)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < from->service->n_vips; i++)
		put(t, "%s%s", i > 0 ? "," : "",
		    addr_format(&from->service->vips[i], text));
}

static int
take_protocol(struct spec_target *to, const char *text, struct errmsg *why)
{
	if (strcmp(text, "tcp") == 0)
		to->service->protocol = IPPROTO_TCP;
	else if (strcmp(text, "udp") == 0)
		to->service->protocol = IPPROTO_UDP;
	else
		return errmsg_set(why, "must be tcp or udp, got '%.64s'", text);
	return 0;
}

static void
put_protocol(const struct spec_target *from, struct spec_text *t)
{
	put(t, from->service->protocol == IPPROTO_UDP ? "udp" : "tcp");
}

/* "": every port. */
static int
take_ports(struct spec_target *to, const char *text, struct errmsg *why)
{
	struct conf_service *s = to->service;
	size_t n = count_parts(text);
	char *list, *part;
	uint32_t port;

	if (n > FORWARDING_MAX_ENDPOINTS)
		return errmsg_set(why, "must be at most %d, got %zu",
		    FORWARDING_MAX_ENDPOINTS, n);
	list = arena_copy(to->arena, text, strlen(text));
	s->ports = arena_alloc(to->arena, n, sizeof(*s->ports));
	if (list == NULL || s->ports == NULL)
		return no_memory(to, why);
	s->n_ports = 0;
	if (text[0] == '\0')
		return 0;
	while ((part = next_part(&list)) != NULL) {
		if (number(part, 1, UINT16_MAX, &port) == -1)
			return errmsg_set(why,
			    "must be numbers 1..65535 with commas between "
			    "them, or nothing for every port, got '%.64s'",
			    part);
		for (size_t i = 0; i < s->n_ports; i++)
			if (s->ports[i] == port)
				return errmsg_set(
				    why, "must not have %u twice", port);
		s->ports[s->n_ports++] = (uint16_t)port;
	}
	return 0;
}

static void
put_ports(const struct spec_target *from, struct spec_text *t)
{
	for (size_t i = 0; i < from->service->n_ports; i++)
		put(t, "%s%u", i > 0 ? "," : "", from->service->ports[i]);
}

static int
take_table_size(struct spec_target *to, const char *text, struct errmsg *why)
{
	uint32_t n = 0;

	if (number(text, FORWARDING_TABLE_MIN, FORWARDING_TABLE_MAX, &n) ==
		-1 ||
	    (n & (n - 1)) != 0)
		return errmsg_set(why,
		    "must be a power of two, %u..%u, got '%.64s'",
		    FORWARDING_TABLE_MIN, FORWARDING_TABLE_MAX, text);
	to->service->table_size = n;
	return 0;
}

static void
put_table_size(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%u", from->service->table_size);
}

static int
take_oversize(struct spec_target *to, const char *text, struct errmsg *why)
{
	bool refuse = strcmp(text, "refuse") == 0;

	if (!refuse && strcmp(text, "fragment") != 0)
		return errmsg_set(
		    why, "must be fragment or refuse, got '%.64s'", text);
	to->service->refuse_oversize = refuse;
	return 0;
}

static void
put_oversize(const struct spec_target *from, struct spec_text *t)
{
	put(t, from->service->refuse_oversize ? "refuse" : "fragment");
}

static int
take_count(uint16_t *out, const char *text, struct errmsg *why)
{
	uint32_t n;

	if (number(text, 0, UINT16_MAX, &n) == -1)
		return errmsg_set(
		    why, "must be 0..65535 backends, got '%.64s'", text);
	*out = (uint16_t)n;
	return 0;
}

static int
take_announce_min(struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_count(&to->service->announce_min, text, why);
}

static void
put_announce_min(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%u", from->service->announce_min);
}

static int
take_announce_again(
    struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_count(&to->service->announce_again, text, why);
}

static void
put_announce_again(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%u", from->service->announce_again);
}

static int
take_check(struct spec_target *to, const char *text, struct errmsg *why)
{
	struct errmsg cause;

	if (health_check_parse(
		text, strlen(text), &to->service->check, &cause) == 0)
		return 0;
	return errmsg_set(
	    why, "cannot be that: %.380s", cause.text + strlen("check: "));
}

static void
put_check(const struct spec_target *from, struct spec_text *t)
{
	char text[HEALTH_CHECK_FORMAT_MAX];

	health_check_format(&from->service->check, text);
	put(t, "%s", text);
}

static int
take_panic(struct spec_target *to, const char *text, struct errmsg *why)
{
	uint32_t n;

	if (number(text, 0, 100, &n) == -1)
		return errmsg_set(
		    why, "must be 0..100 per cent, got '%.64s'", text);
	to->service->panic_percent = (uint8_t)n;
	return 0;
}

static void
put_panic(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%u", from->service->panic_percent);
}

static int
take_time(struct spec_target *to, enum conf_time which, const char *text,
    struct errmsg *why)
{
	const struct conf_time_rule *rule = conf_time_rule(which);
	uint32_t n;

	if (number(text, rule->least, rule->most, &n) == -1)
		return errmsg_set(why, "must be %u..%u seconds, got '%.64s'",
		    rule->least, rule->most, text);
	*conf_time(to->service, which) = n;
	return 0;
}

static void
put_time(
    const struct spec_target *from, enum conf_time which, struct spec_text *t)
{
	put(t, "%u", *conf_time(from->service, which));
}

static int
take_settle_time(struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_time(to, CONF_SETTLE_TIME, text, why);
}

static void
put_settle_time(const struct spec_target *from, struct spec_text *t)
{
	put_time(from, CONF_SETTLE_TIME, t);
}

static int
take_udp_learn(struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_time(to, CONF_UDP_LEARN, text, why);
}

static void
put_udp_learn(const struct spec_target *from, struct spec_text *t)
{
	put_time(from, CONF_UDP_LEARN, t);
}

static int
take_tcp_idle(struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_time(to, CONF_TCP_IDLE, text, why);
}

static void
put_tcp_idle(const struct spec_target *from, struct spec_text *t)
{
	put_time(from, CONF_TCP_IDLE, t);
}

static int
take_udp_idle(struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_time(to, CONF_UDP_IDLE, text, why);
}

static void
put_udp_idle(const struct spec_target *from, struct spec_text *t)
{
	put_time(from, CONF_UDP_IDLE, t);
}

static int
take_slow_start(struct spec_target *to, const char *text, struct errmsg *why)
{
	return take_time(to, CONF_SLOW_START, text, why);
}

static void
put_slow_start(const struct spec_target *from, struct spec_text *t)
{
	put_time(from, CONF_SLOW_START, t);
}

static int
take_on_down(struct spec_target *to, const char *text, struct errmsg *why)
{
	bool keep = strcmp(text, conf_on_down_word(true)) == 0;

	if (!keep && strcmp(text, conf_on_down_word(false)) != 0)
		return errmsg_set(
		    why, "must be reset or keep, got '%.64s'", text);
	to->service->down_keep = keep;
	return 0;
}

static void
put_on_down(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%s", conf_on_down_word(from->service->down_keep));
}

static int
take_weight(struct spec_target *to, const char *text, struct errmsg *why)
{
	uint32_t n;

	if (number(text, 1, UINT16_MAX, &n) == -1)
		return errmsg_set(why,
		    "must be 1..65535, got '%.64s'; to take nothing new: "
		    "draining",
		    text);
	to->backend->weight = (uint16_t)n;
	return 0;
}

static void
put_weight(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%u", from->backend->weight);
}

static int
take_state(struct spec_target *to, const char *text, struct errmsg *why)
{
	for (int i = INTENT_ENABLED; i <= INTENT_DISABLED; i++)
		if (strcmp(text, intent_name((enum intent)i)) == 0) {
			to->backend->intent = (enum intent)i;
			return 0;
		}
	return errmsg_set(
	    why, "must be enabled, draining or disabled, got '%.64s'", text);
}

static void
put_state(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%s", intent_name(from->backend->intent));
}

const char *
spec_node_name(enum spec_node node)
{
	switch (node) {
	case SPEC_NODE_ACTIVE:
		return "active";
	case SPEC_NODE_DRAINING:
		return "draining";
	case SPEC_NODE_FORCED:
		return "forced";
	}
	return "?";
}

static int
take_node_state(struct spec_target *to, const char *text, struct errmsg *why)
{
	for (int i = SPEC_NODE_ACTIVE; i <= SPEC_NODE_FORCED; i++)
		if (strcmp(text, spec_node_name((enum spec_node)i)) == 0) {
			to->node = (enum spec_node)i;
			return 0;
		}
	return errmsg_set(
	    why, "must be active, draining or forced, got '%.64s'", text);
}

static void
put_node_state(const struct spec_target *from, struct spec_text *t)
{
	put(t, "%s", spec_node_name(from->node));
}

/* In the order of kinds and fields. */
static const struct spec_field_row rows[] = {
    {OBJECT_SERVICE, SPEC_VIPS, "vips", take_vips, put_vips},
    {OBJECT_SERVICE, SPEC_PROTOCOL, "protocol", take_protocol, put_protocol},
    {OBJECT_SERVICE, SPEC_PORTS, "ports", take_ports, put_ports},
    {OBJECT_SERVICE, SPEC_TABLE_SIZE, "table_size", take_table_size,
	put_table_size},
    {OBJECT_SERVICE, SPEC_OVERSIZE, "oversize", take_oversize, put_oversize},
    {OBJECT_SERVICE, SPEC_ANNOUNCE_MIN, "announce_min", take_announce_min,
	put_announce_min},
    {OBJECT_SERVICE, SPEC_ANNOUNCE_AGAIN, "announce_again", take_announce_again,
	put_announce_again},
    {OBJECT_SERVICE, SPEC_CHECK, "check", take_check, put_check},
    {OBJECT_SERVICE, SPEC_PANIC, "panic", take_panic, put_panic},
    {OBJECT_SERVICE, SPEC_SETTLE_TIME, "settle_time", take_settle_time,
	put_settle_time},
    {OBJECT_SERVICE, SPEC_UDP_LEARN, "udp_learn", take_udp_learn,
	put_udp_learn},
    {OBJECT_SERVICE, SPEC_TCP_IDLE, "tcp_idle", take_tcp_idle, put_tcp_idle},
    {OBJECT_SERVICE, SPEC_UDP_IDLE, "udp_idle", take_udp_idle, put_udp_idle},
    {OBJECT_SERVICE, SPEC_ON_DOWN, "on_down", take_on_down, put_on_down},
    {OBJECT_SERVICE, SPEC_SLOW_START, "slow_start", take_slow_start,
	put_slow_start},
    {OBJECT_BACKEND, SPEC_WEIGHT, "weight", take_weight, put_weight},
    {OBJECT_BACKEND, SPEC_STATE, "state", take_state, put_state},
    {OBJECT_NODE, SPEC_STATE, "state", take_node_state, put_node_state},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

const struct spec_field_row *
spec_row(enum object_kind kind, uint16_t field)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].kind == kind && rows[i].field == field)
			return &rows[i];
	return NULL;
}

const struct spec_field_row *
spec_rows(enum object_kind kind, size_t i)
{
	for (size_t row = 0; row < N_ROWS; row++)
		if (rows[row].kind == kind && i-- == 0)
			return &rows[row];
	return NULL;
}

char *
spec_put(const struct spec_field_row *row, const struct spec_target *from,
    struct errmsg *why)
{
	char text[OBJECT_TEXT_MAX + 1] = "", *copy;
	struct spec_text t = {text, sizeof(text), false};

	row->put(from, &t);
	if (t.cut) {
		errmsg_set(why, "%s is too long: at most %d bytes of text",
		    row->name, OBJECT_TEXT_MAX);
		return NULL;
	}
	copy = arena_copy(from->arena, text, (size_t)(t.at - text));
	if (copy == NULL)
		errmsg_set(why, "out of memory");
	return copy;
}
