/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of spec share: the table of fields, each with the way from its
 * text to a value and back. */
#ifndef AGENT_CORE_SPEC_IMPL_H
#define AGENT_CORE_SPEC_IMPL_H

#include "agent/core/spec.h"
#include "common/arena.h"

/* Where values go to and come from: the part of the object's kind. */
struct spec_target {
	struct arena *arena; /* for what the values point at */
	struct conf_service *service;
	struct conf_backend *backend;
	enum spec_node node;
	bool no_memory; /* why a field could not be taken: not its text */
};

struct spec_text {
	char *at;
	size_t left;
	bool cut; /* it was too long */
};

struct spec_field_row {
	enum object_kind kind;
	enum spec_field field;
	const char *name;
	/* 0, or -1 with `why`, which begins with what the text must be. */
	int (*take)(struct spec_target *, const char *text, struct errmsg *);
	void (*put)(const struct spec_target *, struct spec_text *);
};

const char *spec_kind_name(enum object_kind);

/* NULL: there is none. */
const struct spec_field_row *spec_row(enum object_kind, uint16_t field);
/* The rows of a kind, one after the other, from i = 0; NULL: no more. */
const struct spec_field_row *spec_rows(enum object_kind, size_t i);

/* A service or backend with every default, the name or address apart. */
void spec_defaults(struct spec_target *);

/* The canonical text of a value, in the arena. NULL with `why`: out of memory,
 * or longer than a register may be. */
char *spec_put(
    const struct spec_field_row *, const struct spec_target *, struct errmsg *);

/* Takes the fields of an object that this version knows. 0, or -1 with `why`,
 * which names the field. */
int spec_take(struct spec_target *, const struct object *, struct errmsg *);

/* The other way from spec_backend_key. 0, or -1: it is not such a key. */
int spec_backend_parse(const char *key, size_t len,
    char service[FORWARDING_NAME_MAX], struct addr *);

#endif
