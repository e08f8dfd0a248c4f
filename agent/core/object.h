/* SPDX-License-Identifier: Apache-2.0 */
/* One thing that the nodes replicate: a service, a backend of a service, or
 * what is wished of a node. Immutable and counted: a change makes another one,
 * and what has not changed is shared between versions of the replica.
 *
 * An object is known by its uid, given once and never again. Its key says what
 * it is about (spec.h), and does not change. All else is in registers, each of
 * which is written as a whole: the later stamp wins. Register values are text,
 * as an operator would write it; fields that this version does not know are
 * kept and passed on.
 *
 * Source: dot stores and last-writer-wins registers as in Bieniusa et al., "An
 * optimized conflict-free replicated set", arXiv 1210.3368. */
#ifndef AGENT_CORE_OBJECT_H
#define AGENT_CORE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_KEY_MAX   128   /* bytes */
#define OBJECT_TEXT_MAX  32768 /* bytes of one register */
#define OBJECT_REGS_MAX  32
#define OBJECT_FIELD_MAX 1023
/* Larger stamps are refused as nonsense, the same on every node; in
 * milliseconds << 16 this is the year 4199. */
#define HLC_MAX ((uint64_t)1 << 62)

enum object_kind {
	OBJECT_SERVICE = 1,
	OBJECT_BACKEND = 2,
	OBJECT_NODE = 3,
};

/* writer: random, drawn once in a process lifetime and never stored for reuse;
 * or, for what comes from the configuration file, a hash of its contents. seq:
 * from 1, without gaps. */
struct uid {
	uint64_t writer;
	uint32_t seq;
};

/* When a register was written, by a hybrid logical clock: wall clock in ms <<
 * 16, plus a counter. */
struct stamp {
	uint64_t hlc, writer;
};

struct reg {
	uint16_t field; /* spec.h names them */
	uint16_t len;
	struct stamp stamp;
	const char *text; /* len printable ASCII bytes, and a NUL */
};

struct object {
	unsigned refs;
	enum object_kind kind;
	struct uid uid;
	uint64_t born;   /* hlc */
	size_t key_len;  /* what object_new got; bounded once it is valid */
	const char *key; /* likewise */
	size_t n_regs;
	struct reg regs[]; /* ascending by field */
};

/* Copies all it is given. NULL: out of memory. */
struct object *object_new(enum object_kind, struct uid, uint64_t born,
    const char *key, size_t key_len, const struct reg *regs, size_t n_regs);
struct object *object_ref(struct object *); /* returns it */
void object_unref(struct object *);         /* NULL is fine */

/* Is it within the bounds, with registers ascending by field? It says nothing
 * of what the texts mean. */
bool object_valid(const struct object *);
bool reg_valid(const struct reg *);

/* No more bytes of a message or of the state file are this object's. */
size_t object_size(const struct object *);

/* The register, or NULL. */
const struct reg *object_get(const struct object *, uint16_t field);

/* The object with this register merged in: another one, or the same with
 * another reference, when what is there wins. Should that be more than
 * OBJECT_REGS_MAX, those of the lowest fields stay, here as in object_merge:
 * the same whatever came first. NULL: out of memory. */
struct object *object_set(struct object *, const struct reg *);

/* Both have the same uid. Of each register the later one; the result is
 * (a reference to) a or b when it equals one of them. Where an uid was given
 * twice, to different things, the greater by kind, born and key stays: wrong,
 * but the same on every node. NULL: out of memory. */
struct object *object_merge(struct object *a, struct object *b);

int uid_cmp(struct uid, struct uid);
/* Total: hlc, then writer, then, should a writer have used one twice, the
 * text. */
int reg_cmp_stamp(const struct reg *, const struct reg *);

#endif
