/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/spec.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/spec_impl.h"

#define PANIC_DEFAULT 25

const char *
spec_kind_name(enum object_kind kind)
{
	static const char *const kinds[] = {
	    [OBJECT_SERVICE] = "service",
	    [OBJECT_BACKEND] = "backend",
	    [OBJECT_NODE] = "node",
	};

	return kinds[kind];
}

const char *
spec_field_name(enum object_kind kind, uint16_t field)
{
	const struct spec_field_row *row = spec_row(kind, field);

	return row != NULL ? row->name : NULL;
}

enum spec_field
spec_field_find(enum object_kind kind, const char *name, size_t len)
{
	const struct spec_field_row *row;

	for (size_t i = 0; (row = spec_rows(kind, i)) != NULL; i++)
		if (strlen(row->name) == len &&
		    memcmp(row->name, name, len) == 0)
			return row->field;
	return SPEC_NONE;
}

void
spec_defaults(struct spec_target *t)
{
	if (t->service != NULL) {
		t->service->protocol = IPPROTO_TCP;
		t->service->table_size = FORWARDING_TABLE_DEFAULT;
		t->service->announce_min = 1;
		t->service->panic_percent = PANIC_DEFAULT;
		health_check_init(&t->service->check, CHECK_NONE);
		for (int i = 0; i < CONF_TIMES; i++)
			*conf_time(t->service, (enum conf_time)i) =
			    conf_time_rule((enum conf_time)i)->otherwise;
	}
	if (t->backend != NULL) {
		t->backend->weight = 1;
		t->backend->intent = INTENT_ENABLED;
	}
	t->node = SPEC_NODE_ACTIVE;
}

int
spec_take(struct spec_target *to, const struct object *o, struct errmsg *why)
{
	struct errmsg cause;

	for (size_t i = 0; i < o->n_regs; i++) {
		const struct spec_field_row *row = spec_row(
		    o->kind, o->regs[i].field);

		if (row != NULL && row->take(to, o->regs[i].text, &cause) == -1)
			return errmsg_set(
			    why, "%s %.400s", row->name, cause.text);
	}
	return 0;
}

char *
spec_backend_key(
    struct arena *arena, const char *service, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];
	size_t size = strlen(service) + sizeof(text) + 1;
	char *key = arena_alloc(arena, size, 1);

	if (key != NULL)
		snprintf(key, size, "%s %s", service, addr_format(addr, text));
	return key;
}

int
spec_backend_parse(const char *key, size_t len,
    char service[FORWARDING_NAME_MAX], struct addr *addr)
{
	const char *space = memchr(key, ' ', len);
	char text[ADDR_TEXT_MAX];
	size_t name_len;

	if (space == NULL)
		return -1;
	name_len = (size_t)(space - key);
	if (!forwarding_name_valid(key, name_len) ||
	    addr_parse(addr, space + 1) == -1 || !addr_is_reachable(addr))
		return -1;
	/* One backend, one key: in another spelling it would be there twice. */
	if (strcmp(addr_format(addr, text), space + 1) != 0)
		return -1;
	memcpy(service, key, name_len);
	service[name_len] = '\0';
	return 0;
}

/* The object of a key that counts: the one born last. */
static const struct object *
find_key(const struct replica *r, enum object_kind kind, const char *key)
{
	const struct object *found = NULL;

	for (size_t i = 0; i < r->n_live; i++) {
		const struct object *o = r->live[i];

		if (o->kind == kind && strcmp(o->key, key) == 0 &&
		    (found == NULL || o->born >= found->born))
			found = o; /* of equal ones the later uid */
	}
	return found;
}

enum spec_node
spec_node(const struct replica *r, const char *name)
{
	const struct object *o = find_key(r, OBJECT_NODE, name);
	struct spec_target to = {.node = SPEC_NODE_ACTIVE};
	struct errmsg why;

	if (o == NULL || spec_take(&to, o, &why) == -1)
		return SPEC_NODE_ACTIVE;
	return to.node;
}

/* One "name=text" of spec_read; cuts it up. */
static int
read_line(enum object_kind kind, char *line, struct spec_target *to,
    struct reg *reg, struct errmsg *why)
{
	char *text = strchr(line, '=');
	const struct spec_field_row *row;
	struct errmsg cause;

	if (text == NULL)
		return errmsg_set(why, "'%.64s': give each as KEY=VALUE", line);
	*text++ = '\0';
	row = spec_row(kind, spec_field_find(kind, line, strlen(line)));
	if (row == NULL)
		return errmsg_set(
		    why, "a %s has no '%.64s'", spec_kind_name(kind), line);
	if (row->take(to, text, &cause) == -1)
		return errmsg_set(why, "%s %.400s", row->name, cause.text);
	reg->field = row->field;
	if ((reg->text = spec_put(row, to, why)) == NULL)
		return -1;
	reg->len = (uint16_t)strlen(reg->text);
	return 0;
}

static int
cmp_regs(const void *a, const void *b)
{
	const struct reg *r = a, *s = b;

	return r->field - s->field;
}

int
spec_read(enum object_kind kind, const char *lines, struct reg *regs,
    struct arena *arena, struct errmsg *why)
{
	struct conf_service service = {0};
	struct conf_backend backend = {0};
	struct spec_target to = {.arena = arena,
	    .service = kind == OBJECT_SERVICE ? &service : NULL,
	    .backend = kind == OBJECT_BACKEND ? &backend : NULL};
	char *copy = arena_copy(arena, lines, strlen(lines)), *line, *save;
	int n = 0;

	if (copy == NULL)
		return errmsg_set(why, "out of memory");
	spec_defaults(&to);
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (n == OBJECT_REGS_MAX)
			return errmsg_set(why, "too many values at once");
		regs[n] = (struct reg){0};
		if (read_line(kind, line, &to, &regs[n], why) == -1)
			return -1;
		for (int i = 0; i < n; i++)
			if (regs[i].field == regs[n].field)
				return errmsg_set(why, "%s is given twice",
				    spec_field_name(kind, regs[n].field));
		n++;
	}
	qsort(regs, (size_t)n, sizeof(*regs), cmp_regs);
	return n;
}
