/* SPDX-License-Identifier: Apache-2.0 */
/* The first contents of a cluster, from the configuration file.
 *
 * The writer is a hash of all objects. So two nodes with the same file make the
 * same objects, which merge without a trace; and a node that has lost its state
 * and reads its file again brings back nothing that has been removed, since the
 * others have seen these uids. Another file has another writer. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/spec_impl.h"

/* Before any clock: every command is later. */
#define IMPORT_HLC 1

struct import {
	struct replica *replica;
	struct arena *arena;
	struct errmsg *why;
	uint32_t seq;
};

static int
no_memory(const struct import *in)
{
	return errmsg_set(in->why, "out of memory");
}

static int
add_object(struct import *in, enum object_kind kind, const char *key,
    const struct spec_target *from)
{
	struct reg regs[OBJECT_REGS_MAX] = {{0}};
	const struct spec_field_row *row;
	struct object *o;
	size_t n = 0;

	for (; (row = spec_rows(kind, n)) != NULL; n++) {
		regs[n].field = row->field;
		regs[n].stamp.hlc = IMPORT_HLC;
		if ((regs[n].text = spec_put(row, from, in->why)) == NULL)
			return -1;
		regs[n].len = (uint16_t)strlen(regs[n].text);
	}
	o = object_new(kind, (struct uid){0, ++in->seq}, IMPORT_HLC, key,
	    strlen(key), regs, n);
	if (o == NULL)
		return no_memory(in);
	in->replica->live[in->replica->n_live++] = o;
	return 0;
}

static int
cmp_services(const void *a, const void *b)
{
	const struct conf_service *const *s = a, *const *t = b;

	return strcmp((*s)->name, (*t)->name);
}

static int
cmp_backends(const void *a, const void *b)
{
	const struct conf_backend *const *s = a, *const *t = b;

	return addr_cmp(&(*s)->addr, &(*t)->addr);
}

/* The places of an array's items, in order. In the arena; NULL: no memory. */
static const void **
sorted(struct arena *arena, const void *items, size_t n, size_t size,
    int (*cmp)(const void *, const void *))
{
	const void **places = arena_alloc(arena, n + 1, sizeof(*places));

	if (places == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		places[i] = (const char *)items + i * size;
	qsort(places, n, sizeof(*places), cmp);
	return places;
}

static int
add_service(struct import *in, const struct conf_service *s)
{
	struct spec_target from = {.arena = in->arena};
	const void **backends = sorted(in->arena, s->backends, s->n_backends,
	    sizeof(*s->backends), cmp_backends);
	struct conf_service service = *s;

	if (backends == NULL)
		return no_memory(in);
	from.service = &service;
	if (add_object(in, OBJECT_SERVICE, s->name, &from) == -1)
		return -1;
	for (size_t i = 0; i < s->n_backends; i++) {
		struct conf_backend b = *(
		    const struct conf_backend *)backends[i];
		char *key = spec_backend_key(in->arena, s->name, &b.addr);

		from.backend = &b;
		if (key == NULL)
			return no_memory(in);
		if (add_object(in, OBJECT_BACKEND, key, &from) == -1)
			return -1;
	}
	return 0;
}

/* What the uids and stamps are does not count for the hash: they are all alike
 * as yet. */
static int
set_writer(struct import *in)
{
	struct replica *r = in->replica;
	uint8_t digest[REPLICA_DIGEST_LEN];
	uint64_t writer = 0;

	if (replica_digest(r, digest) == -1)
		return no_memory(in);
	for (int i = 0; i < 8; i++)
		writer = writer << 8 | digest[i];
	for (size_t i = 0; i < r->n_live; i++) {
		struct object *o = r->live[i];

		o->uid.writer = writer;
		for (size_t j = 0; j < o->n_regs; j++)
			o->regs[j].stamp.writer = writer;
	}
	r->vv[0] = (struct seen){writer, in->seq};
	r->n_vv = in->seq > 0 ? 1 : 0;
	r->hlc = IMPORT_HLC;
	return 0;
}

static int
add_services(struct import *in, const struct conf *conf)
{
	const void **services = sorted(in->arena, conf->services,
	    conf->n_services, sizeof(*conf->services), cmp_services);
	size_t n = conf->n_services;

	for (size_t i = 0; i < conf->n_services; i++)
		n += conf->services[i].n_backends;
	in->replica->live = calloc(n + 1, sizeof(struct object *));
	in->replica->vv = calloc(1, sizeof(struct seen));
	if (services == NULL || in->replica->live == NULL ||
	    in->replica->vv == NULL)
		return no_memory(in);
	for (size_t i = 0; i < conf->n_services; i++)
		if (add_service(in, services[i]) == -1)
			return -1;
	return 0;
}

struct replica *
spec_import(const struct conf *conf, struct errmsg *why)
{
	struct import in = {.why = why};

	in.replica = replica_new();
	in.arena = arena_new();
	if (in.replica == NULL || in.arena == NULL)
		no_memory(&in);
	else if (add_services(&in, conf) == 0 && set_writer(&in) == 0 &&
	    replica_check(in.replica, why) == 0)
		goto out;
	replica_free(in.replica);
	in.replica = NULL;
out:
	arena_free(in.arena);
	return in.replica;
}

int
spec_check(const struct conf *conf, struct errmsg *why)
{
	struct replica *r;
	struct errmsg cause;

	if (conf->cluster.name == NULL)
		return 0;
	if ((r = spec_import(conf, &cause)) == NULL)
		return errmsg_set(why, "%s: %.400s", conf->path, cause.text);
	replica_free(r);
	return 0;
}
